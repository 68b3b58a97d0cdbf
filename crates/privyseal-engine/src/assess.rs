//! From an ask to policy's answer: the facts that only the log knows are read from the state here, so that replay gives the same answer.

use privyseal_core::action::Action;
use privyseal_core::assessment::Advice;
use privyseal_core::command::Assessed;
use privyseal_core::event::{Actor, ActorKind};
use privyseal_core::id::PrincipalId;
use privyseal_core::refusal::{Refusal, RefusalCode};
use privyseal_core::state::{self, State};
use privyseal_core::time::Timestamp;
use privyseal_policy::{Ask as PolicyAsk, History, Policy, Requester};

use crate::error::EngineError;
use crate::handle::Ask;

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// What is asked, live or as the log holds it. Both sides ask policy from this, so that they cannot drift apart.
pub(crate) struct Asked<'a> {
    /// Whose request it is.
    pub(crate) requester: &'a PrincipalId,
    /// What they are, when the directory does not know them.
    pub(crate) kind: ActorKind,
    /// What, with its secret values in it.
    pub(crate) action: &'a Action,
    /// Names and contents of text inputs.
    pub(crate) input_texts: &'a [(String, String)],
    pub(crate) on_behalf_of: bool,
    /// Length of the justification in characters, without white space at both ends: as it is recorded.
    pub(crate) justification_chars: u64,
    pub(crate) has_ticket: bool,
    /// Characters in action and justification that deceive the eye: as they are recorded.
    pub(crate) deceptive: &'a [String],
    /// What an outside advisor said: a fact of its time, which is not asked for again.
    pub(crate) advice: Option<&'a Advice>,
}

/// Asks policy about a live ask.
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
    let input_texts: Vec<(String, String)> =
        ask.attachments.iter().filter_map(|file| Some((file.name.clone(), std::str::from_utf8(&file.bytes).ok()?.to_owned()))).collect();
    let asked = Asked {
        requester: &actor.id,
        kind: actor.kind,
        action: &ask.action,
        input_texts: &input_texts,
        on_behalf_of: ask.on_behalf_of.is_some(),
        justification_chars: u64::try_from(ask.justification.trim().chars().count()).unwrap_or(u64::MAX),
        has_ticket: ask.ticket.is_some(),
        deceptive: &ask.action.deceptive(&ask.justification),
        advice,
    };
    Ok(consult(policy, version, state, &asked, now))
}

/// Asks a policy, published as `version`, on the state before the request. The one place that makes policy's ask.
pub(crate) fn consult(policy: &Policy, version: u64, state: &State, asked: &Asked<'_>, now: Timestamp) -> Assessed {
    let party = state.party(asked.requester);
    let requester = Requester {
        principal: asked.requester.clone(),
        kind: party.as_ref().map_or(asked.kind, |party| party.kind),
        roles: state.roles_of(asked.requester, now),
        owner: party.and_then(|party| party.owner),
    };
    // The contents of inputs are shown too, but are not part of what is recorded as deceptive: they are found by their digests.
    let deceptive =
        !asked.deceptive.is_empty() || asked.input_texts.iter().any(|(_, text)| !privyseal_core::text::deceptive(text, 1).is_empty());
    let assessed = policy.assess(
        &PolicyAsk {
            requester: &requester,
            action: asked.action,
            input_texts: asked.input_texts,
            history: history(state, asked, now),
            on_behalf_of: asked.on_behalf_of,
            justification_chars: asked.justification_chars,
            has_ticket: asked.has_ticket,
            deceptive,
            advice: asked.advice,
            now,
        },
        version,
    );
    let breakglass = policy.catalogue().breakglass();
    Assessed {
        assessment: assessed.assessment,
        environment: assessed.environment,
        data_class: assessed.data_class,
        change_class: assessed.change_class,
        reversibility: assessed.reversibility,
        in_place: assessed.in_place,
        catalogue_digest: policy.catalogue_digest(),
        breakglass_seconds: breakglass.max_minutes.saturating_mul(60),
        breakglass_review_seconds: breakglass.review_hours.saturating_mul(3_600),
        limits: policy.catalogue().limits(),
    }
}

fn history(state: &State, asked: &Asked<'_>, now: Timestamp) -> History {
    let unknown = state::History::default();
    // Somebody who only ran what others asked for has a past of failures and none of requests.
    let history = state.history.get(asked.requester).unwrap_or(&unknown);
    let (active_days_last_month, requests_last_month) = history.last_month(now);
    History {
        first_time_requester: history.total == 0,
        first_time_action: !history.actions.contains(&asked.action.verb),
        first_time_resource: !history.resources.contains_key(&asked.action.resource.name.to_string()),
        requests_last_hour: history.asked_within(now, HOUR),
        requests_last_day: history.asked_within(now, DAY),
        denied_last_day: history.denied_within(now, DAY),
        failed_last_day: history.failed_within(now, DAY),
        hours: Some(history.hours),
        requests_last_month,
        active_days_last_month,
    }
}
