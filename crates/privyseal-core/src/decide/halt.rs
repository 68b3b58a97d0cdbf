//! The kill switch: agents stop asking and running in the same commit, and their open grants are gone.

use super::submit::invalid;
use super::{Ctx, Decision};
use crate::command::{Halt, Reply};
use crate::event::execution::{GrantRevoked, HaltScope, Killswitch};
use crate::event::{ActorKind, Body};
use crate::id::{PrincipalId, Role};
use crate::refusal::{Refusal, RefusalCode};
use crate::request::{Grant, Request};
use crate::state::State;
use crate::time::Timestamp;

const MAX_REASON_CHARS: usize = 500;

/// Why a principal is stopped; none when it is not.
pub(super) fn halted(state: &State, principal: &PrincipalId) -> Option<Refusal> {
    let halt = state.halted(principal)?;
    let reason = format!("a kill switch stops `{principal}` since {}: {}", halt.since, halt.reason);
    Some(Refusal::new(RefusalCode::Halted, reason))
}

/// Why nothing may be granted for a request: who asks, or who would run it, is stopped.
pub(super) fn stopped(state: &State, request: &Request) -> Option<Refusal> {
    [&request.submitted.requester.principal, request.runner()].into_iter().find_map(|who| halted(state, who))
}

/// Whether an account may stop these agents: administrators all of them, owners their own. Letting them go on is for administrators.
///
/// # Errors
/// With the reason why not.
pub fn may_halt(state: &State, halt: &Halt, principal: &PrincipalId, now: Timestamp) -> Result<(), Refusal> {
    if state.has_role(principal, Role::ADMIN, now) {
        return Ok(());
    }
    let person = state.candidate(principal, now).map(|candidate| candidate.person);
    let answers_for = |target: &PrincipalId| person.is_some() && state.person_of(target) == person;
    match (halt.scope, &halt.principal) {
        (HaltScope::Owner | HaltScope::Agent, Some(target)) if answers_for(target) => Ok(()),
        _ => Err(Refusal::new(
            RefusalCode::RoleMissing,
            format!("`{principal}` does not hold the role `admin` and does not answer for these agents"),
        )),
    }
}

pub(super) fn engage(ctx: &Ctx<'_>, command: &Halt) -> Result<Decision, Refusal> {
    let body = check(ctx, command)?;
    if !ctx.is_operator() {
        may_halt(ctx.state, command, &ctx.actor.id, ctx.now)?;
    }
    let mut drafts = vec![ctx.draft(None, Body::KillswitchEngaged(body))];
    let open = ctx.state.grants.keys().filter_map(|id| ctx.state.grant(id)).filter(|(grant, _)| can_still_be_used(grant));
    let stops = |principal| ctx.state.is_stopped_by(command.scope, command.principal.as_ref(), principal);
    for (grant, request) in open.filter(|(grant, request)| stops(&grant.issued.subject) || stops(&request.submitted.requester.principal)) {
        let reason = format!("kill switch: {}", command.reason.trim());
        let revoked = GrantRevoked { grant_id: grant.issued.grant_id, reason, effective_at: ctx.now };
        drafts.push(ctx.draft(Some(request.id), Body::GrantRevoked(revoked)));
    }
    let grants = u64::try_from(drafts.len() - 1).unwrap_or(u64::MAX);
    Ok(Decision::done(drafts, Reply::Halted { grants }))
}

fn can_still_be_used(grant: &Grant) -> bool {
    grant.ended.is_none() && !grant.is_used_up()
}

pub(super) fn release(ctx: &Ctx<'_>, command: &Halt) -> Result<Decision, Refusal> {
    let body = check(ctx, command)?;
    // Stopping may be done by whoever holds a key; letting go on wants the person.
    if !ctx.is_operator() && !ctx.is_present() {
        return Err(Refusal::new(RefusalCode::NotAPerson, "only a person in a signed-in session lets agents go on"));
    }
    ctx.needs_role(Role::ADMIN)?;
    if !ctx.state.halts.iter().any(|halt| halt.scope == command.scope && halt.principal == command.principal) {
        return Err(invalid("no such kill switch is engaged"));
    }
    Ok(Decision::done(vec![ctx.draft(None, Body::KillswitchReleased(body))], Reply::Halted { grants: 0 }))
}

/// Agents do not stop each other, and do not start each other again.
fn check(ctx: &Ctx<'_>, command: &Halt) -> Result<Killswitch, Refusal> {
    if ctx.actor.kind == ActorKind::Agent {
        return Err(Refusal::new(RefusalCode::NotAPerson, "only people use the kill switch"));
    }
    let kind = |principal: &PrincipalId| ctx.state.principals.get(principal).map(|state| state.record.kind);
    match (command.scope, &command.principal) {
        (HaltScope::All, None) => {}
        (HaltScope::All, Some(_)) => return Err(invalid("the scope `all` names nobody")),
        (_, None) => return Err(invalid("name the agent, or the owner of the agents")),
        (HaltScope::Owner, Some(owner)) if kind(owner) != Some(ActorKind::Human) => {
            return Err(Refusal::new(RefusalCode::UnknownPrincipal, format!("there is no person's account `{owner}`")));
        }
        (HaltScope::Agent, Some(agent)) if kind(agent) != Some(ActorKind::Agent) => {
            return Err(Refusal::new(RefusalCode::UnknownPrincipal, format!("there is no agent `{agent}`")));
        }
        _ => {}
    }
    let chars = command.reason.trim().chars().count();
    if !(1..=MAX_REASON_CHARS).contains(&chars) || command.reason.chars().any(|c| c.is_control() || crate::text::is_deceptive(c)) {
        return Err(invalid(format!("say why in 1 to {MAX_REASON_CHARS} characters")));
    }
    Ok(Killswitch { scope: command.scope, principal: command.principal.clone(), reason: command.reason.trim().to_owned() })
}
