//! From an ask to policy's answer: the facts that only the log knows are read from the state here, so that replay gives the same answer.

use std::collections::BTreeSet;

use privyseal_core::assessment::Advice;
use privyseal_core::command::{Assessed, RateLimits};
use privyseal_core::event::Actor;
use privyseal_core::refusal::{Refusal, RefusalCode};
use privyseal_core::state::{self, State};
use privyseal_core::time::Timestamp;
use privyseal_policy::{Ask as PolicyAsk, History, Policy, Requester};

use crate::error::EngineError;
use crate::handle::Ask;

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// Asks policy about an ask.
///
/// # Errors
/// When the verb is not in the action catalogue: that is bad input and leaves no event.
pub(crate) fn assess(
    policy: &Policy,
    version: u64,
    state: &State,
    ask: &Ask,
    actor: &Actor,
    now: Timestamp,
    advice: Option<&Advice>,
) -> Result<Assessed, EngineError> {
    let verb = &ask.action.verb;
    if policy.action(verb).is_none() {
        let hint = policy.nearest(verb.as_str()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let reason = format!("the action `{verb}` is not in the action catalogue{hint}");
        return Err(Refusal::new(RefusalCode::UnknownAction, reason).into());
    }
    let party = state.party(&actor.id);
    let requester = Requester {
        principal: actor.id.clone(),
        kind: party.as_ref().map_or(actor.kind, |party| party.kind),
        roles: state.roles_of(&actor.id, now),
        owner: party.and_then(|party| party.owner),
    };
    let input_texts: Vec<(String, String)> =
        ask.attachments.iter().filter_map(|file| Some((file.name.clone(), std::str::from_utf8(&file.bytes).ok()?.to_owned()))).collect();
    let assessed = policy.assess(
        &PolicyAsk {
            requester: &requester,
            action: &ask.action,
            input_texts: &input_texts,
            history: history(state, ask, actor, now),
            on_behalf_of: ask.on_behalf_of.is_some(),
            justification_chars: u64::try_from(ask.justification.chars().count()).unwrap_or(u64::MAX),
            has_ticket: ask.ticket.is_some(),
            deceptive: deceptive(ask, &input_texts),
            advice,
            now,
        },
        version,
    );
    let (breakglass, limits) = (policy.catalogue().breakglass(), policy.catalogue().limits());
    Ok(Assessed {
        assessment: assessed.assessment,
        environment: assessed.environment,
        data_class: assessed.data_class,
        change_class: assessed.change_class,
        reversibility: assessed.reversibility,
        in_place: assessed.in_place,
        catalogue_digest: policy.catalogue_digest(),
        breakglass_seconds: breakglass.max_minutes.saturating_mul(60),
        breakglass_review_seconds: breakglass.review_hours.saturating_mul(3_600),
        limits: RateLimits {
            per_minute_agent: limits.per_minute_agent,
            per_minute_owner: limits.per_minute_owner,
            pending_agent: limits.pending_agent,
        },
    })
}

fn history(state: &State, ask: &Ask, actor: &Actor, now: Timestamp) -> History {
    let unknown = state::History::default();
    // Somebody who only ran what others asked for has a past of failures and none of requests.
    let history = state.history.get(&actor.id).unwrap_or(&unknown);
    let (active_days_last_month, requests_last_month) = history.last_month(now);
    History {
        first_time_requester: history.total == 0,
        first_time_action: !history.actions.contains(&ask.action.verb),
        first_time_resource: !history.resources.contains_key(&ask.action.resource.name.to_string()),
        requests_last_hour: history.asked_within(now, HOUR),
        requests_last_day: history.asked_within(now, DAY),
        denied_last_day: history.denied_within(now, DAY),
        failed_last_day: history.failed_within(now, DAY),
        hours: Some(history.hours),
        requests_last_month,
        active_days_last_month,
    }
}

/// Whether anything an approver is shown deceives the eye, the contents of inputs included.
fn deceptive(ask: &Ask, input_texts: &[(String, String)]) -> bool {
    let mut found: BTreeSet<String> = ask.action.deceptive(&ask.justification).into_iter().collect();
    found.extend(input_texts.iter().flat_map(|(_, text)| privyseal_core::text::deceptive(text, 1)));
    !found.is_empty()
}
