//! Narrowing: an approver would agree to less. Less is a new request, with a new digest and a new assessment; the old one ends.

use serde_json::Value;

use super::review::{may_review, not_a_person, pending};
use super::submit::{Asker, approve, check_halted, describe, invalid};
use super::{Ctx, Decision};
use crate::action::{Action, Limits};
use crate::assessment::{Assessment, Outcome};
use crate::command::{Narrow, Reply};
use crate::event::request::{Mechanism, Withdrawn};
use crate::event::{Body, Text};
use crate::refusal::{Refusal, RefusalCode};

/// What a person changes when they narrow a request; what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Narrower {
    /// Tighter limits on the grant.
    pub limits: Limits,
    /// Smaller or fewer parameters, by name.
    pub parameters: serde_json::Map<String, Value>,
}

/// The narrower action.
///
/// # Errors
/// When a parameter is not there, not one that the catalogue lets be narrowed, or not narrower; when nothing is.
pub fn narrower(action: &Action, assessment: &Assessment, narrowable: &[String], change: &Narrower) -> Result<Action, Refusal> {
    let mut less = action.clone();
    for (name, value) in &change.parameters {
        let Some(now) = less.parameters.get_mut(name) else { return Err(wider(format!("there is no parameter `{name}`"))) };
        now.clone_from(value);
    }
    let (had, wanted) = (action.limits.unwrap_or_default(), change.limits);
    let limits = Limits { seconds: wanted.seconds.or(had.seconds), uses: wanted.uses.or(had.uses) };
    less.limits = (limits != Limits::default()).then_some(limits);
    check_narrower(action, &less, assessment, narrowable)?;
    Ok(less)
}

pub(super) fn narrow(ctx: &mut Ctx<'_>, command: &Narrow) -> Result<Decision, Refusal> {
    let request = pending(ctx, command.request)?;
    if !ctx.is_present() {
        return Err(not_a_person());
    }
    let reviewer = ctx.acting_party()?;
    may_review(ctx.state, request, &ctx.actor.id, ctx.now)?;
    if !(1..=4_000).contains(&command.comment.trim().chars().count()) {
        return Err(invalid("say in 1 to 4,000 characters why less is enough"));
    }
    let (old, new) = (&request.submitted, &command.submit);
    check_narrower(&old.action, &new.action, &old.assessment, &command.narrowable)?;
    let action_digest = new.action.digest().map_err(|error| invalid(error.to_string()))?;
    let party = |named: &crate::event::request::Party| {
        let gone = || Refusal::new(RefusalCode::PrincipalDisabled, format!("the account `{}` is disabled", named.principal));
        ctx.state.party(&named.principal).filter(|_| ctx.state.is_enabled(&named.principal)).ok_or_else(gone)
    };
    let asker = Asker {
        requester: party(&old.requester)?,
        on_behalf_of: old.on_behalf_of.as_ref().map(party).transpose()?,
        executor: old.executor.as_ref().map(party).transpose()?,
    };
    check_halted(ctx, &asker)?;
    if new.assessed.assessment.outcome == Outcome::Refuse {
        return Err(Refusal::new(RefusalCode::RefusedByPolicy, "policy refuses the narrower request; the one that waits stays as it is"));
    }
    let successor = ctx.fresh.request();
    let mut submitted = describe(ctx, new, asker, action_digest, None);
    submitted.previous_request = Some(request.id);
    submitted.narrowed_by = Some(reviewer.clone());
    submitted.batch.clone_from(&old.batch);
    submitted.audience.clone_from(&old.audience);
    let comment = Some(Text::from(command.comment.as_str()));
    let withdrawn = Withdrawn { comment, narrowed_by: Some(reviewer), successor: Some(successor) };
    let mut drafts = vec![
        ctx.draft(Some(request.id), Body::RequestWithdrawn(withdrawn)),
        ctx.draft(Some(successor), Body::RequestSubmitted(submitted.clone())),
    ];
    if submitted.assessment.requirement.is_none() {
        drafts.extend(approve(ctx, successor, &submitted, Mechanism::Automatic, Vec::new()));
    }
    Ok(Decision::done(drafts, Reply::Request { request: successor, existing: false }))
}

fn wider(reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::NotNarrower, reason)
}

/// Narrower means: nothing else, nothing more, and something less.
fn check_narrower(old: &Action, new: &Action, assessment: &Assessment, narrowable: &[String]) -> Result<(), Refusal> {
    if (&old.verb, &old.resource, &old.inputs) != (&new.verb, &new.resource, &new.inputs) {
        return Err(wider("a narrower request keeps the action, the resource and the inputs: for another action it has to be asked anew"));
    }
    if old.parameters.len() != new.parameters.len() {
        return Err(wider("a narrower request has the same parameters"));
    }
    let mut less = false;
    for (name, was) in &old.parameters {
        let Some(is) = new.parameters.get(name) else { return Err(wider(format!("the parameter `{name}` is missing"))) };
        if is == was {
            continue;
        }
        if !narrowable.iter().any(|allowed| allowed == name) {
            return Err(wider(format!("the action catalogue does not say that less of `{name}` is narrower")));
        }
        if !is_less(is, was) {
            return Err(wider(format!(
                "the new `{name}` is not less than the old: a smaller number that is not negative, or part of a list"
            )));
        }
        less = true;
    }
    let had = old.limits.unwrap_or_default();
    let limits = new.limits.unwrap_or_default();
    less |= tighter("seconds", limits.seconds, had.seconds, assessment.grant_seconds)?;
    let uses = |limit: Option<u64>| limit.and_then(|uses| i64::try_from(uses).ok());
    less |= tighter("uses", uses(limits.uses), uses(had.uses), i64::try_from(assessment.uses).unwrap_or(i64::MAX))?;
    if less { Ok(()) } else { Err(wider("nothing is narrower than before")) }
}

/// Whether a limit is tighter than the one before, or than policy's own where there was none.
fn tighter(name: &str, now: Option<i64>, before: Option<i64>, policy: i64) -> Result<bool, Refusal> {
    let bound = before.map_or(policy, |before| before.min(policy));
    match now {
        _ if now == before => Ok(false),
        Some(now) if (1..bound).contains(&now) => Ok(true),
        _ => Err(wider(format!("`limits.{name}` is from 1 to less than {bound}"))),
    }
}

fn is_less(is: &Value, was: &Value) -> bool {
    match (is, was) {
        (Value::Number(is), Value::Number(was)) => {
            matches!((is.as_i64(), was.as_i64()), (Some(is), Some(was)) if (0..was).contains(&is))
        }
        // A part of the list, in its order: nothing added, nothing twice that was there once.
        (Value::Array(is), Value::Array(was)) => {
            let mut rest = was.iter();
            is.len() < was.len() && !is.is_empty() && is.iter().all(|item| rest.any(|other| other == item))
        }
        _ => false,
    }
}
