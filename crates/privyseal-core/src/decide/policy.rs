//! Changing policy is itself a request under the policy in force, approved by somebody else; publishing it is the one use of its grant.

use super::{Ctx, Decision, execution};
use crate::command::{PublishPolicy, Redeem, Reply};
use crate::event::Body;
use crate::event::execution::{Finished, RunOutcome};
use crate::event::policy::PolicyPublished;
use crate::event::request::Mechanism;
use crate::id::{GrantId, PrincipalId, RequestId, Role};
use crate::refusal::{Refusal, RefusalCode};
use crate::request::{Phase, Request};

/// The verb that asks for it.
const VERB: &str = "policy.publish";
/// What runs, on the record of the run.
const TOOL: &str = "privyseal";

/// The digest, under this name among the request's parameters, is what is approved.
const PARAMETER: &str = "policy_digest";

pub(super) fn publish(ctx: &mut Ctx<'_>, publish: &PublishPolicy) -> Result<Decision, Refusal> {
    let in_force = ctx.state.policy.as_ref().map_or(0, |policy| policy.policy.version);
    if publish.policy.version != in_force + 1 {
        let reason = format!("version {in_force} of the policy is in force, so the next is {}: look again", in_force + 1);
        return Err(Refusal::new(RefusalCode::PolicyMoved, reason));
    }
    if in_force == 0 {
        ctx.needs_role(Role::ADMIN)?;
        return Ok(Decision::done(vec![ctx.draft(publish.change_request, published(ctx, publish, Vec::new()))], Reply::Done));
    }
    let (request, grant, approved_by) = change(ctx, publish)?;
    let (id, run_digest) = (request.id, request.submitted.action_digest);
    let redeem = Redeem { grant, run_digest, tool: Some(TOOL.to_owned()), host: None, artefacts: Vec::new(), audience: None };
    let Decision { mut drafts, result } = execution::redeem(ctx, &redeem)?;
    let execution_id = match result? {
        Reply::Execution(execution) => execution,
        _ => return Err(needs("the grant of the change request cannot be used")),
    };
    drafts.push(ctx.draft(Some(id), published(ctx, publish, approved_by)));
    let finished = Finished {
        execution_id,
        grant_id: grant,
        outcome: RunOutcome::Succeeded,
        exit_code: None,
        output_sha256: Some(publish.policy.digest),
        output_bytes: None,
        occurred_at: ctx.now,
        duration_ms: 0,
        incident: None,
        rollback_of: None,
    };
    drafts.push(ctx.draft(Some(id), Body::ExecutionFinished(finished)));
    Ok(Decision::done(drafts, Reply::Done))
}

fn needs(reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::PolicyNeedsApproval, reason)
}

/// The change request behind a policy: for exactly this one, and approved by people, whatever the policy in force would let through.
fn change<'a>(ctx: &Ctx<'a>, publish: &PublishPolicy) -> Result<(&'a Request, GrantId, Vec<PrincipalId>), Refusal> {
    let id: RequestId =
        publish.change_request.ok_or_else(|| needs(format!("a policy is in force: ask for `{VERB}` and name the approved request")))?;
    let request = ctx.state.request(&id).ok_or_else(|| needs(format!("there is no change request {id}")))?;
    let action = &request.submitted.action;
    let wanted = publish.policy.digest.to_string();
    if action.verb.as_str() != VERB || crate::command::parameter(action, PARAMETER) != Some(wanted.as_str()) {
        return Err(needs(format!("the change request {id} is for something else")));
    }
    let Phase::Approved { mechanism, slots, grant: Some(grant), .. } = &request.phase else {
        return Err(needs(format!("the change request {id} is not approved")));
    };
    if *mechanism != Mechanism::Quorum || slots.is_empty() {
        return Err(needs(format!("nobody but its author has approved the change request {id}: a policy needs a second person")));
    }
    Ok((request, grant.issued.grant_id, slots.iter().map(|slot| slot.principal.clone()).collect()))
}

fn published(ctx: &Ctx<'_>, publish: &PublishPolicy, approved_by: Vec<PrincipalId>) -> Body {
    Body::PolicyPublished(PolicyPublished {
        policy: publish.policy.clone(),
        files: publish.files.clone(),
        parameters: publish.parameters.clone(),
        author: ctx.actor.id.clone(),
        approved_by,
        change_request: publish.change_request,
        note: publish.note.clone(),
        unsatisfiable: publish.unsatisfiable.clone(),
    })
}
