//! Running: a grant is redeemed at most as often as it says, by whom it says, for exactly what it says.

use super::{Ctx, Decision};
use crate::command::{Finish, GiveUp, JudgeBreakglass, Redeem, Reply, RevokeGrant};
use crate::digest::Digest;
use crate::event::execution::{
    BreakglassReviewed, Finished, GrantRedeemed, GrantRefused, GrantRevoked, JudgementStatement, Started, Unknown,
};
use crate::event::request::Assertion;
use crate::event::{ActorKind, Body, Text};
use crate::id::{ExecutionId, GrantId, PrincipalId, Role};
use crate::refusal::{Refusal, RefusalCode};
use crate::request::{Execution, ExecutionPhase, Grant, GrantEnd, Request};
use crate::state::State;
use crate::time::Timestamp;
use crate::webauthn;

fn find<'a>(ctx: &Ctx<'a>, id: GrantId) -> Result<(&'a Grant, &'a Request), Refusal> {
    ctx.state.grant(&id).ok_or_else(|| Refusal::new(RefusalCode::UnknownGrant, format!("there is no grant {id}")))
}

pub(super) fn redeem(ctx: &mut Ctx<'_>, command: &Redeem) -> Result<Decision, Refusal> {
    let (grant, request) = find(ctx, command.grant)?;
    let executor = ctx.acting_party()?;
    if let Err(refusal) = may_redeem(ctx, grant, command) {
        let body = GrantRefused {
            grant_id: command.grant,
            executor,
            run_digest: command.run_digest,
            code: refusal.code.to_string(),
            reason: refusal.reason.clone(),
        };
        return Ok(Decision { drafts: vec![ctx.draft(Some(request.id), Body::GrantRefused(body))], result: Err(refusal) });
    }
    let execution_id = ctx.fresh.execution();
    let redeemed = GrantRedeemed {
        grant_id: command.grant,
        execution_id,
        use_number: u64::try_from(grant.executions.len()).unwrap_or(u64::MAX).saturating_add(1),
        nonce: grant.issued.nonce.clone(),
        run_digest: command.run_digest,
    };
    let started = Started {
        execution_id,
        grant_id: command.grant,
        action: grant.issued.action.clone(),
        resource: grant.issued.resource.clone(),
        environment: grant.issued.environment.clone(),
        run_digest: command.run_digest,
        executor,
        tool: command.tool.clone(),
        host: command.host.clone(),
        artefacts: command.artefacts.clone(),
        policy_digest: request.submitted.assessment.policy.digest,
    };
    let drafts =
        vec![ctx.draft(Some(request.id), Body::GrantRedeemed(redeemed)), ctx.draft(Some(request.id), Body::ExecutionStarted(started))];
    Ok(Decision::done(drafts, Reply::Execution(execution_id)))
}

fn may_redeem(ctx: &Ctx<'_>, grant: &Grant, command: &Redeem) -> Result<(), Refusal> {
    let issued = &grant.issued;
    if issued.subject != ctx.actor.id {
        return Err(Refusal::new(RefusalCode::WrongExecutor, "the grant belongs to another principal"));
    }
    if let Some(halted) = super::halt::halted(ctx.state, &ctx.actor.id) {
        return Err(halted);
    }
    if let Some(audience) = issued.audience.as_ref().filter(|audience| command.audience.as_ref() != Some(audience)) {
        return Err(Refusal::new(RefusalCode::WrongAudience, format!("the grant is for `{audience}` and can be used there only")));
    }
    if let Some(GrantEnd::Revoked(at)) = grant.ended {
        return Err(Refusal::new(RefusalCode::GrantRevoked, format!("the grant was taken back at {at}")));
    }
    if grant.is_used_up() {
        return Err(Refusal::new(
            RefusalCode::GrantUsed,
            "the grant has been used: what was approved may run once, ask again to run it again",
        ));
    }
    if ctx.now < issued.not_before || ctx.now >= issued.expires_at || grant.ended.is_some() {
        return Err(Refusal::new(RefusalCode::GrantExpired, format!("the grant was good until {}: ask again", issued.expires_at)));
    }
    if command.run_digest != issued.action_digest {
        let reason = "what would run is not what was approved: a parameter, file, program or working folder has changed since; ask again";
        return Err(Refusal::new(RefusalCode::ActionChanged, reason));
    }
    Ok(())
}

fn running<'a>(ctx: &Ctx<'a>, id: ExecutionId) -> Result<&'a Execution, Refusal> {
    let found = ctx.state.execution(&id);
    let (execution, _) = found.ok_or_else(|| Refusal::new(RefusalCode::UnknownExecution, format!("there is no run {id}")))?;
    if execution.executor != ctx.actor.id && !ctx.is_operator() {
        return Err(Refusal::new(RefusalCode::UnknownExecution, format!("there is no run {id} of yours")));
    }
    match execution.phase {
        ExecutionPhase::Running => Ok(execution),
        _ => Err(Refusal::new(
            RefusalCode::ExecutionEnded,
            format!("the run is {} already, and that never changes", execution.phase.as_str()),
        )),
    }
}

pub(super) fn finish(ctx: &Ctx<'_>, command: &Finish) -> Result<Decision, Refusal> {
    let execution = running(ctx, command.execution)?;
    let body = Finished {
        execution_id: command.execution,
        grant_id: execution.grant,
        outcome: command.outcome,
        exit_code: command.exit_code,
        output_sha256: command.output_sha256,
        output_bytes: command.output_bytes,
        occurred_at: command.occurred_at.unwrap_or(ctx.now),
        duration_ms: u64::try_from((ctx.now.micros() - execution.started_at.micros()) / 1_000).unwrap_or(0),
        incident: command.incident.clone(),
        rollback_of: command.rollback_of,
    };
    Ok(Decision::done(vec![ctx.draft(Some(execution.request), Body::ExecutionFinished(body))], Reply::Done))
}

pub(super) fn give_up(ctx: &Ctx<'_>, command: &GiveUp) -> Result<Decision, Refusal> {
    let execution = running(ctx, command.execution)?;
    let body = Unknown { execution_id: command.execution, grant_id: execution.grant, reason: command.reason.clone() };
    Ok(Decision::done(vec![ctx.draft(Some(execution.request), Body::ExecutionUnknown(body))], Reply::Done))
}

/// Whether an account may take a grant back: whoever sealed it may unseal it, and so may an administrator.
///
/// # Errors
/// With the reason why not.
pub fn may_revoke(state: &State, request: &Request, grant: &Grant, principal: &PrincipalId, now: Timestamp) -> Result<(), Refusal> {
    let sealed_it = request.reviews.iter().any(|review| review.body.reviewer.principal == *principal);
    if !sealed_it && !state.has_role(principal, Role::ADMIN, now) {
        return Err(Refusal::new(RefusalCode::RoleMissing, format!("`{principal}` did not seal it and does not hold the role `admin`")));
    }
    not_ended(grant)
}

fn not_ended(grant: &Grant) -> Result<(), Refusal> {
    if grant.ended.is_some() || grant.is_used_up() {
        return Err(Refusal::new(RefusalCode::GrantUsed, "the grant has ended already"));
    }
    Ok(())
}

pub(super) fn revoke(ctx: &Ctx<'_>, command: &RevokeGrant) -> Result<Decision, Refusal> {
    let (grant, request) = find(ctx, command.grant)?;
    if ctx.is_operator() {
        not_ended(grant)?;
    } else {
        may_revoke(ctx.state, request, grant, &ctx.actor.id, ctx.now)?;
    }
    let body = GrantRevoked { grant_id: command.grant, reason: command.reason.clone(), effective_at: ctx.now };
    Ok(Decision::done(vec![ctx.draft(Some(request.id), Body::GrantRevoked(body))], Reply::Done))
}

/// Whether an account may judge an emergency: a person outside it, no subject of the request, not whoever ran it, who approves here.
///
/// # Errors
/// With the reason why not.
pub fn may_judge(state: &State, request: &Request, grant: &Grant, principal: &PrincipalId, now: Timestamp) -> Result<(), Refusal> {
    let open = grant.emergency.as_ref().is_some_and(|emergency| emergency.judged.is_none());
    if !open {
        return Err(Refusal::new(RefusalCode::NotBreakglass, "the grant is no emergency grant, or was judged already"));
    }
    let not_a_person = || Refusal::new(RefusalCode::NotAPerson, "only people judge emergencies, in a signed-in session of their own");
    let candidate = state.candidate(principal, now).ok_or_else(not_a_person)?;
    if !state.has_role(principal, Role::APPROVER, now) {
        return Err(Refusal::new(RefusalCode::RoleMissing, format!("`{principal}` does not hold the role `approver`")));
    }
    if super::review::subjects(state, request, now).contains(&candidate.person) {
        return Err(Refusal::new(RefusalCode::SubjectOfRequest, "whoever was part of an emergency cannot judge it"));
    }
    Ok(())
}

pub(super) fn judge(ctx: &Ctx<'_>, command: &JudgeBreakglass) -> Result<Decision, Refusal> {
    let (grant, request) = find(ctx, command.grant)?;
    let reviewer = ctx.acting_party()?;
    may_judge(ctx.state, request, grant, &ctx.actor.id, ctx.now)?;
    if ctx.actor.kind != ActorKind::Human || ctx.actor.auth.session.is_none() {
        return Err(Refusal::new(RefusalCode::NotAPerson, "only people judge emergencies, in a signed-in session of their own"));
    }
    if command.comment.trim().is_empty() {
        return Err(Refusal::new(RefusalCode::Invalid, "say what you found"));
    }
    if let Some((statement, assertion)) = &command.signed {
        check_judgement(ctx, request, command, statement, assertion)?;
    }
    let body = BreakglassReviewed {
        grant_id: command.grant,
        reviewer,
        outcome: command.outcome,
        comment: Text::from(command.comment.as_str()),
        statement: command.signed.as_ref().map(|(statement, _)| statement.clone()),
        assertion: command.signed.as_ref().map(|(_, assertion)| assertion.clone()),
    };
    Ok(Decision::done(vec![ctx.draft(Some(request.id), Body::BreakglassReviewed(body))], Reply::Done))
}

/// The passkey must have signed exactly this judgement.
fn check_judgement(
    ctx: &Ctx<'_>,
    request: &Request,
    command: &JudgeBreakglass,
    statement: &JudgementStatement,
    assertion: &Assertion,
) -> Result<(), Refusal> {
    let expected = JudgementStatement {
        log: ctx.state.log.clone(),
        request_id: request.id,
        grant_id: command.grant,
        outcome: command.outcome,
        comment_digest: Digest::of(command.comment.as_bytes()),
        reviewer: ctx.actor.id.clone(),
    };
    if *statement != expected {
        let reason = "the signed statement is not about this judgement: reload the request and sign again";
        return Err(Refusal::new(RefusalCode::PasskeyRefused, reason));
    }
    let challenge =
        webauthn::judgement_challenge(statement).map_err(|error| Refusal::new(RefusalCode::PasskeyRefused, error.to_string()))?;
    super::review::check_passkey(ctx, assertion, &challenge)
}
