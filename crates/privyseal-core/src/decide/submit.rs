//! Asking: who may ask, who is thereby a subject, and what follows at once when nobody has to seal it.

use super::{Ctx, Decision};
use crate::assessment::Outcome;
use crate::command::{Reply, Submit};
use crate::digest::Digest;
use crate::event::execution::{BreakglassInvoked, GrantIssued};
use crate::event::request::{Approved, Denied, Mechanism, Party, Submitted};
use crate::event::watch::AlertRaised;
use crate::event::{Body, Draft, Text};
use crate::id::{RequestId, Role};
use crate::refusal::{Refusal, RefusalCode};
use crate::requirement::Filled;
use crate::state::KeyUsed;

/// Longest justification, in characters.
pub(super) const MAX_JUSTIFICATION_CHARS: usize = 4_000;

pub(super) fn submit(ctx: &mut Ctx<'_>, submit: &Submit) -> Result<Decision, Refusal> {
    let requester = ctx.acting_party()?;
    ctx.needs_role(Role::REQUESTER)?;
    let invalid = |reason: String| Refusal::new(RefusalCode::Invalid, reason);
    let justification_chars = submit.justification.chars().count();
    if submit.justification.trim().is_empty() || justification_chars > MAX_JUSTIFICATION_CHARS {
        return Err(invalid(format!("the justification has {justification_chars} characters: say why in 1 to {MAX_JUSTIFICATION_CHARS}")));
    }
    if submit.ticket.as_ref().is_some_and(|ticket| ticket.len() > 128 || ticket.chars().any(char::is_control)) {
        return Err(invalid("the ticket reference is longer than 128 bytes or holds control characters".to_owned()));
    }
    let action_digest = submit.action.digest().map_err(|error| invalid(error.to_string()))?;
    let idempotency_sha256 = submit.idempotency_key.as_ref().map(|key| Digest::of(key.as_bytes()));
    if let Some(found) = idempotency_sha256.and_then(|key| ctx.state.idempotency.get(&(requester.principal.clone(), key))) {
        return repeated(*found, &action_digest);
    }
    let on_behalf_of = match &submit.on_behalf_of {
        None => None,
        Some(other) => Some(ctx.state.party(other).filter(|_| ctx.state.is_enabled(other)).ok_or_else(|| {
            Refusal::new(RefusalCode::UnknownPrincipal, format!("there is no enabled principal `{other}` to act on behalf of"))
        })?),
    };
    if submit.breakglass {
        ctx.needs_role(Role::BREAK_GLASS)?;
    }

    let id = ctx.fresh.request();
    let submitted = describe(ctx, submit, requester, on_behalf_of, action_digest, idempotency_sha256);
    let mut drafts = vec![ctx.draft(Some(id), Body::RequestSubmitted(submitted.clone()))];
    let result = match submitted.assessment.outcome {
        Outcome::Refuse => {
            let (denied, refusal) = refused(id, &submitted);
            drafts.push(ctx.draft(Some(id), Body::RequestDenied(denied)));
            Err(refusal)
        }
        Outcome::Route => {
            if submit.breakglass {
                drafts.extend(emergency(ctx, id, submit, &submitted));
            } else if submitted.assessment.requirement.is_none() {
                drafts.extend(approve(ctx, id, &submitted, Mechanism::Automatic, Vec::new(), submitted.assessment.grant_seconds));
            }
            Ok(Reply::Request { request: id, existing: false })
        }
    };
    Ok(Decision { drafts, result })
}

fn repeated(used: KeyUsed, action_digest: &Digest) -> Result<Decision, Refusal> {
    let id = used.request;
    if used.action_digest == *action_digest {
        Ok(Decision::done(Vec::new(), Reply::Request { request: id, existing: true }))
    } else {
        Err(Refusal::new(RefusalCode::IdempotencyConflict, format!("the idempotency key was used for another action, request {id}")))
    }
}

fn describe(
    ctx: &Ctx<'_>,
    submit: &Submit,
    requester: Party,
    on_behalf_of: Option<Party>,
    action_digest: Digest,
    idempotency_sha256: Option<Digest>,
) -> Submitted {
    let principal = requester.principal.clone();
    let chain = ctx.state.chain(&principal).iter().filter_map(|link| ctx.state.party(link)).collect();
    let subjects = ctx.state.subjects(&principal, submit.on_behalf_of.as_ref(), &submit.authors, ctx.now);
    let repeats = ctx.state.history.get(&principal).map(|history| history.repeats(&submit.justification));
    let assessed = &submit.assessed;
    Submitted {
        requester,
        on_behalf_of,
        executor: None,
        chain,
        subjects: subjects.into_iter().collect(),
        claimed_model: None,
        deceptive: submit.deceptive.clone(),
        action: submit.action.clone(),
        action_digest,
        justification: Text::from(submit.justification.as_str()),
        justification_chars: u64::try_from(submit.justification.trim().chars().count()).unwrap_or(u64::MAX),
        justification_repeats: repeats.unwrap_or(0).saturating_add(submit.hidden_repeats),
        ticket: submit.ticket.clone(),
        idempotency_sha256,
        previous_request: submit.previous_request,
        narrowed_by: None,
        audience: None,
        batch: None,
        environment: assessed.environment.clone(),
        data_class: assessed.data_class.clone(),
        change_class: assessed.change_class.clone(),
        reversibility: assessed.reversibility.clone(),
        in_place: assessed.in_place,
        significant_change: submit.significant_change,
        catalogue_digest: assessed.catalogue_digest,
        authors: submit.authors.clone(),
        assessment: assessed.assessment.clone(),
        expires_at: ctx.now.plus_seconds(assessed.assessment.expires_seconds),
    }
}

fn refused(id: RequestId, submitted: &Submitted) -> (Denied, Refusal) {
    let assessment = &submitted.assessment;
    let reasons: Vec<&str> = assessment
        .determining
        .iter()
        .map(|rule| if rule.because.is_empty() { rule.rule.as_str() } else { rule.because.as_str() })
        .collect();
    let why = if reasons.is_empty() { "no rule permits it".to_owned() } else { reasons.join("; ") };
    let denied = Denied {
        mechanism: Mechanism::Policy,
        persons: Vec::new(),
        rules: assessment.determining.clone(),
        policy_digest: assessment.policy.digest,
    };
    (
        denied,
        Refusal::new(RefusalCode::RefusedByPolicy, format!("policy version {} refuses request {id}: {why}", assessment.policy.version)),
    )
}

/// The events of an approval, however it came about: the end of the request and the grant.
pub(super) fn approve(
    ctx: &mut Ctx<'_>,
    id: RequestId,
    submitted: &Submitted,
    mechanism: Mechanism,
    slots: Vec<Filled>,
    seconds: i64,
) -> Vec<Draft> {
    let approved = Approved {
        mechanism,
        persons: u64::try_from(slots.len()).unwrap_or(u64::MAX),
        slots,
        action_digest: submitted.action_digest,
        policy_digest: submitted.assessment.policy.digest,
    };
    let grant = GrantIssued {
        grant_id: ctx.fresh.grant(),
        action_digest: submitted.action_digest,
        action: submitted.action.verb.clone(),
        resource: submitted.action.resource.clone(),
        environment: submitted.environment.clone(),
        subject: submitted.requester.principal.clone(),
        scope: "exact/1".to_owned(),
        not_before: ctx.now,
        expires_at: ctx.now.plus_seconds(seconds),
        max_uses: 1,
        nonce: ctx.fresh.nonce(),
        mechanism,
        audience: None,
        run_seconds: submitted.assessment.run_seconds,
    };
    vec![ctx.draft(Some(id), Body::RequestApproved(approved)), ctx.draft(Some(id), Body::GrantIssued(grant))]
}

/// Break-glass: granted at once, and loud.
fn emergency(ctx: &mut Ctx<'_>, id: RequestId, submit: &Submit, submitted: &Submitted) -> Vec<Draft> {
    let seconds = submit.assessed.breakglass_seconds.min(submitted.assessment.grant_seconds.max(1)).max(1);
    let mut drafts = approve(ctx, id, submitted, Mechanism::Breakglass, Vec::new(), seconds);
    let issued = drafts.iter().find_map(|draft| match &draft.body {
        Body::GrantIssued(grant) => Some((grant.grant_id, grant.expires_at)),
        _ => None,
    });
    if let Some((grant_id, expires_at)) = issued {
        let invoked = BreakglassInvoked {
            grant_id,
            invoker: submitted.requester.clone(),
            reason: submitted.justification.clone(),
            reason_chars: submitted.justification_chars,
            expires_at,
            review_due_at: ctx.now.plus_seconds(submit.assessed.breakglass_review_seconds),
        };
        let alert = AlertRaised {
            alert: format!("breakglass-{grant_id}"),
            kind: "breakglass".to_owned(),
            severity: "high".to_owned(),
            principal: Some(submitted.requester.principal.clone()),
            about: None,
            reason: format!(
                "{} used break-glass for {} on {}",
                submitted.requester.principal, submitted.action.verb, submitted.action.resource.name
            ),
        };
        drafts.push(ctx.draft(Some(id), Body::BreakglassInvoked(invoked)));
        drafts.push(ctx.draft(Some(id), Body::AlertRaised(alert)));
    }
    drafts
}
