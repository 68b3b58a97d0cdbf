//! Delegation: one person lets another decide with some of their roles, for a time, one step deep, never for a request of their own.

use super::directory::known;
use super::submit::invalid;
use super::{Ctx, Decision};
use crate::command::Reply;
use crate::event::directory::{DelegationEnded, DelegationMade};
use crate::event::{ActorKind, Body};
use crate::id::{PersonId, PrincipalId, Role};
use crate::refusal::{Refusal, RefusalCode};
use crate::time::Timestamp;

/// Longest delegation, in days.
pub const MAX_DELEGATION_DAYS: i64 = 90;
const DAY_SECONDS: i64 = 86_400;

/// What is asked for; see [`crate::command::Directory::Delegate`].
pub(super) struct Ask<'a> {
    pub(super) delegator: &'a PrincipalId,
    pub(super) delegate: &'a PrincipalId,
    pub(super) roles: &'a [Role],
    pub(super) valid_from: Timestamp,
    pub(super) valid_to: Timestamp,
    pub(super) reason: &'a str,
}

pub(super) fn delegate(ctx: &mut Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, Refusal> {
    known(ctx, ask.delegator)?;
    known(ctx, ask.delegate)?;
    let (from, to) = (person(ctx, ask.delegator)?, person(ctx, ask.delegate)?);
    if from == to {
        return Err(Refusal::new(RefusalCode::OwnAccess, "nobody delegates to themselves, whatever the account"));
    }
    may_arrange(ctx, ask.delegator, &from)?;
    if ctx.state.person_of(&ctx.actor.id).is_some_and(|actor| actor == to) {
        return Err(Refusal::new(RefusalCode::OwnAccess, "nobody gives themselves somebody else's authority: the delegator does"));
    }
    if ask.roles.is_empty() {
        return Err(invalid("name at least one role or group to delegate"));
    }
    // What was lent cannot be lent on: only roles that the delegator holds themselves.
    let held = ctx.state.roles_of(ask.delegator, ctx.now);
    if let Some(role) = ask.roles.iter().find(|role| !role.is_group() || !held.contains(role)) {
        let why = if role.is_group() { "does not hold it" } else { "only groups decide, and only groups are delegated" };
        return Err(invalid(format!("`{}` cannot delegate `{role}`: {why}", ask.delegator)));
    }
    let valid_from = ask.valid_from.max(ctx.now);
    if ask.valid_to <= valid_from || ask.valid_to > valid_from.plus_seconds(MAX_DELEGATION_DAYS * DAY_SECONDS) {
        return Err(invalid(format!("a delegation ends after it begins, and within {MAX_DELEGATION_DAYS} days")));
    }
    let mut roles = ask.roles.to_vec();
    roles.sort();
    roles.dedup();
    let made = DelegationMade {
        delegation: ctx.fresh.delegation(),
        delegator: ask.delegator.clone(),
        delegate: ask.delegate.clone(),
        roles,
        valid_from,
        valid_to: ask.valid_to,
        depth: 1,
        reason: ask.reason.to_owned(),
        change_request: None,
    };
    let name = made.delegation.clone();
    Ok(Decision::done(vec![ctx.draft(None, Body::DelegationMade(made))], Reply::Delegation(name)))
}

/// The delegator and an administrator may end one, and so may the delegate, who thereby only gives something back.
pub(super) fn end(ctx: &Ctx<'_>, delegation: &str, reason: &str) -> Result<Decision, Refusal> {
    let found = ctx.state.delegations.get(delegation);
    let unknown = || Refusal::new(RefusalCode::UnknownDelegation, format!("there is no delegation `{delegation}` that has not ended"));
    let made = found.ok_or_else(unknown)?;
    let actor = ctx.state.person_of(&ctx.actor.id);
    let theirs = actor.is_some() && [&made.delegator, &made.delegate].into_iter().any(|party| ctx.state.person_of(party) == actor);
    if !(theirs && ctx.actor.kind == ActorKind::Human) {
        ctx.needs_role(Role::ADMIN)?;
    }
    let body = DelegationEnded { delegation: delegation.to_owned(), reason: reason.to_owned() };
    Ok(Decision::done(vec![ctx.draft(None, Body::DelegationEnded(body))], Reply::Done))
}

/// The delegator or an administrator, in a session of their own: an API key lends nobody's authority.
fn may_arrange(ctx: &Ctx<'_>, delegator: &PrincipalId, from: &PersonId) -> Result<(), Refusal> {
    if !ctx.is_operator() && !ctx.is_present() {
        return Err(Refusal::new(RefusalCode::NotAPerson, "only a person in a signed-in session delegates"));
    }
    let theirs = ctx.actor.id == *delegator && ctx.state.person_of(&ctx.actor.id).as_ref() == Some(from);
    if theirs { Ok(()) } else { ctx.needs_role(Role::ADMIN) }
}

fn person(ctx: &Ctx<'_>, principal: &PrincipalId) -> Result<PersonId, Refusal> {
    let candidate = ctx.state.candidate(principal, ctx.now);
    let not_a_person =
        || Refusal::new(RefusalCode::NotAPerson, format!("`{principal}` is no enabled account of a person: only people decide"));
    candidate.map(|candidate| candidate.person).ok_or_else(not_a_person)
}
