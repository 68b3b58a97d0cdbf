//! What time itself brings: the end of requests, grants and runs, reminders, and asking more people.

use super::halt::stopped;
use super::review::{has_reviewed, standing_approvals, subjects};
use super::submit::approve;
use super::{Ctx, Decision};
use crate::command::Reply;
use crate::duration;
use crate::event::execution::{GrantExpired, Unknown};
use crate::event::request::{Escalated, Expired, Mechanism, Reminded};
use crate::event::{Body, Draft};
use crate::id::PrincipalId;
use crate::request::Request;
use crate::requirement::Requirement;

/// Whatever is due at `now`, oldest first within its kind. The events carry the system as actor.
///
/// A request whose time is over expires, whatever else was due meanwhile: after a time without a running process nobody is asked about
/// what has ended.
pub(super) fn expire(ctx: &mut Ctx<'_>) -> Decision {
    let (state, now) = (ctx.state, ctx.now);
    let mut drafts = Vec::new();
    for (expires_at, id) in state.request_deadlines.iter().take_while(|(at, _)| *at <= now) {
        drafts.push(ctx.draft(Some(*id), Body::RequestExpired(Expired { expires_at: *expires_at })));
    }
    let waiting = |id| state.request(id).filter(|request| now < request.submitted.expires_at);
    for request in state.escalations.iter().take_while(|(at, _)| *at <= now).filter_map(|(_, id)| waiting(id)) {
        drafts.extend(escalate(ctx, request));
    }
    for request in state.reminders.iter().take_while(|(at, _)| *at <= now).filter_map(|(_, id)| waiting(id)) {
        // Whoever is asked for the first time now needs no reminder.
        if request.escalates_at().is_none_or(|at| now < at) {
            drafts.push(remind(ctx, request));
        }
    }
    for (expires_at, id) in state.grant_deadlines.iter().take_while(|(at, _)| *at <= now) {
        if let Some(request) = state.grants.get(id) {
            drafts.push(ctx.draft(Some(*request), Body::GrantExpired(GrantExpired { grant_id: *id, expires_at: *expires_at })));
        }
    }
    for (_, id) in state.run_deadlines.iter().take_while(|(at, _)| *at <= now) {
        if let Some((execution, request)) = state.execution(id) {
            let seconds = request.granted().and_then(|grant| grant.issued.run_seconds).unwrap_or_default();
            let reason = format!("its executor reported no outcome within {}", duration::text(seconds));
            let body = Unknown { execution_id: *id, grant_id: execution.grant, reason };
            drafts.push(ctx.draft(Some(request.id), Body::ExecutionUnknown(body)));
        }
    }
    Decision::done(drafts, Reply::Done)
}

/// More people are asked. When those who have approved already are enough now, that ends it; not while a kill switch stops who asks or
/// who would run it: then it takes one more verdict, after the switch is off.
fn escalate(ctx: &mut Ctx<'_>, request: &Request) -> Vec<Draft> {
    let Some(escalation) = &request.submitted.assessment.escalation else { return Vec::new() };
    let before = request.requirement();
    let already = asked(ctx, request, before);
    let body = Escalated {
        to: asked(ctx, request, &escalation.requirement).into_iter().filter(|principal| !already.contains(principal)).collect(),
        reason: format!("undecided for {}", duration::text(escalation.after_seconds)),
        requirement: Some(escalation.requirement.clone()),
    };
    let mut drafts = vec![ctx.draft(Some(request.id), Body::RequestEscalated(body))];
    if stopped(ctx.state, request).is_some() {
        return drafts;
    }
    if let Some(slots) = escalation.requirement.fill(&standing_approvals(ctx.state, request, ctx.now)) {
        drafts.extend(approve(ctx, request.id, &request.submitted, Mechanism::Quorum, slots));
    }
    drafts
}

fn remind(ctx: &Ctx<'_>, request: &Request) -> Draft {
    let number = request.reminded.map_or(0, |(number, _)| number) + 1;
    ctx.draft(Some(request.id), Body::RequestReminded(Reminded { to: asked(ctx, request, request.requirement()), number }))
}

/// The accounts of people who could fill a slot of a requirement now and have given no verdict, delegates included.
fn asked(ctx: &Ctx<'_>, request: &Request, requirement: &Requirement) -> Vec<PrincipalId> {
    let subjects = subjects(ctx.state, request, ctx.now);
    let accounts =
        ctx.state.principals.keys().filter_map(|principal| super::review::eligible(ctx.state, request, requirement, principal, ctx.now));
    accounts
        .filter(|eligible| !subjects.contains(&eligible.candidate.person) && !has_reviewed(ctx.state, request, &eligible.candidate.person))
        .map(|eligible| eligible.candidate.principal)
        .collect()
}
