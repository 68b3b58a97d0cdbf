//! Asking: who may ask, who is thereby a subject, and what follows at once when nobody has to seal it.

mod limits;

pub(crate) use limits::RATE_LIMIT;

use super::{Ctx, Decision};
use crate::action::Limits;
use crate::assessment::Outcome;
use crate::command::{Reply, Submit};
use crate::digest::Digest;
use crate::event::execution::{BreakglassInvoked, GrantIssued};
use crate::event::request::{Approved, Denied, Mechanism, Party, Submitted};
use crate::event::watch::AlertRaised;
use crate::event::{Body, Draft, Text};
use crate::id::{PrincipalId, RequestId, Role};
use crate::refusal::{Refusal, RefusalCode};
use crate::requirement::Filled;
use crate::state::KeyUsed;

/// Longest justification, in characters.
pub(super) const MAX_JUSTIFICATION_CHARS: usize = 4_000;
/// Longest name of an audience, in bytes.
const MAX_AUDIENCE_BYTES: usize = 128;
/// Longest name of a batch, in bytes.
const MAX_BATCH_BYTES: usize = 64;
/// Longest life that an ask may limit a grant to: a year. Policy's own limit holds as well.
const MAX_LIMIT_SECONDS: i64 = 31_622_400;
/// Most uses that an ask may limit a grant to.
const MAX_LIMIT_USES: u64 = 1_000;

/// Who a request is from, for and run by.
pub(super) struct Asker {
    pub(super) requester: Party,
    pub(super) on_behalf_of: Option<Party>,
    pub(super) executor: Option<Party>,
}

pub(super) fn submit(ctx: &mut Ctx<'_>, submit: &Submit) -> Result<Decision, Refusal> {
    let requester = ctx.acting_party()?;
    ctx.needs_role(Role::REQUESTER)?;
    check_form(submit)?;
    let action_digest = submit.action.digest().map_err(|error| invalid(error.to_string()))?;
    let idempotency_sha256 = submit.idempotency_key.as_ref().map(|key| Digest::of(key.as_bytes()));
    if let Some(found) = idempotency_sha256.and_then(|key| ctx.state.idempotency.get(&(requester.principal.clone(), key))) {
        return repeated(*found, &action_digest);
    }
    let asker = Asker {
        on_behalf_of: other(ctx, submit.on_behalf_of.as_ref(), "act on behalf of")?,
        executor: other(ctx, submit.executor.as_ref().filter(|executor| **executor != requester.principal), "run it")?,
        requester,
    };
    if submit.breakglass {
        ctx.needs_role(Role::BREAK_GLASS)?;
    }
    check_previous(ctx, submit, &asker.requester)?;
    check_halted(ctx, &asker)?;
    if let Some((refusal, alert)) = limits::exceeded(ctx, submit, &asker.requester) {
        return Ok(Decision { drafts: alert.into_iter().collect(), result: Err(refusal) });
    }

    let id = ctx.fresh.request();
    let submitted = describe(ctx, submit, asker, action_digest, idempotency_sha256);
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
                drafts.extend(approve(ctx, id, &submitted, Mechanism::Automatic, Vec::new()));
            }
            Ok(Reply::Request { request: id, existing: false })
        }
    };
    Ok(Decision { drafts, result })
}

pub(super) fn invalid(reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::Invalid, reason)
}

/// What can be said of an ask without the state.
fn check_form(submit: &Submit) -> Result<(), Refusal> {
    let justification_chars = submit.justification.chars().count();
    if submit.justification.trim().is_empty() || justification_chars > MAX_JUSTIFICATION_CHARS {
        return Err(invalid(format!("the justification has {justification_chars} characters: say why in 1 to {MAX_JUSTIFICATION_CHARS}")));
    }
    if submit.ticket.as_ref().is_some_and(|ticket| ticket.len() > 128 || ticket.chars().any(char::is_control)) {
        return Err(invalid("the ticket reference is longer than 128 bytes or holds control characters"));
    }
    for (what, text, longest) in [("audience", &submit.audience, MAX_AUDIENCE_BYTES), ("batch", &submit.batch, MAX_BATCH_BYTES)] {
        let Some(text) = text else { continue };
        let unusable = |c: char| c.is_control() || crate::text::is_deceptive(c);
        if !(1..=longest).contains(&text.len()) || text.chars().any(unusable) {
            return Err(invalid(format!("the {what} has 1 to {longest} bytes without control or invisible characters")));
        }
    }
    if let Some(Limits { seconds, uses }) = submit.action.limits {
        if seconds.is_none() && uses.is_none() {
            return Err(invalid("`limits` limits nothing: name `seconds` or `uses`, or leave it out"));
        }
        if seconds.is_some_and(|seconds| !(1..=MAX_LIMIT_SECONDS).contains(&seconds)) {
            return Err(invalid(format!("`limits.seconds` is from 1 to {MAX_LIMIT_SECONDS}")));
        }
        if uses.is_some_and(|uses| !(1..=MAX_LIMIT_USES).contains(&uses)) {
            return Err(invalid(format!("`limits.uses` is from 1 to {MAX_LIMIT_USES}")));
        }
    }
    Ok(())
}

/// Another principal that an ask names: it must exist and be enabled.
fn other(ctx: &Ctx<'_>, named: Option<&PrincipalId>, to: &str) -> Result<Option<Party>, Refusal> {
    let Some(id) = named else { return Ok(None) };
    let party = ctx.state.party(id).filter(|_| ctx.state.is_enabled(id));
    let unknown = || Refusal::new(RefusalCode::UnknownPrincipal, format!("there is no enabled principal `{id}` to {to}"));
    party.map(Some).ok_or_else(unknown)
}

/// A request may say which one it repeats: one of the same requester.
fn check_previous(ctx: &Ctx<'_>, submit: &Submit, requester: &Party) -> Result<(), Refusal> {
    let Some(id) = submit.previous_request else { return Ok(()) };
    let own = |request: &crate::request::Request| request.submitted.requester.principal == requester.principal;
    if ctx.state.request(&id).is_some_and(own) {
        return Ok(());
    }
    Err(invalid(format!("there is no request {id} of yours that this one could repeat")))
}

pub(super) fn check_halted(ctx: &Ctx<'_>, asker: &Asker) -> Result<(), Refusal> {
    let involved = [Some(&asker.requester), asker.executor.as_ref()];
    match involved.into_iter().flatten().find_map(|party| super::halt::halted(ctx.state, &party.principal)) {
        Some(refusal) => Err(refusal),
        None => Ok(()),
    }
}

fn repeated(used: KeyUsed, action_digest: &Digest) -> Result<Decision, Refusal> {
    let id = used.request;
    if used.action_digest == *action_digest {
        Ok(Decision::done(Vec::new(), Reply::Request { request: id, existing: true }))
    } else {
        Err(Refusal::new(RefusalCode::IdempotencyConflict, format!("the idempotency key was used for another action, request {id}")))
    }
}

/// The event of an ask. The assessment is policy's, everything else is what the state says now.
pub(super) fn describe(
    ctx: &Ctx<'_>,
    submit: &Submit,
    asker: Asker,
    action_digest: Digest,
    idempotency_sha256: Option<Digest>,
) -> Submitted {
    let Asker { requester, on_behalf_of, executor } = asker;
    let principal = requester.principal.clone();
    let chain = ctx.state.chain(&principal).iter().filter_map(|link| ctx.state.party(link)).collect();
    let involved = [Some(&requester), on_behalf_of.as_ref(), executor.as_ref()].into_iter().flatten();
    let subjects = ctx.state.subjects(involved.map(|party| &party.principal), &submit.authors, ctx.now);
    let repeats = ctx.state.history.get(&principal).map(|history| history.repeats(&submit.justification));
    let assessed = &submit.assessed;
    Submitted {
        requester,
        on_behalf_of,
        executor,
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
        audience: submit.audience.clone(),
        batch: submit.batch.clone(),
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

/// The events of an approval, however it came about: the end of the request and the grant. The clock of the grant starts now.
pub(super) fn approve(ctx: &mut Ctx<'_>, id: RequestId, submitted: &Submitted, mechanism: Mechanism, slots: Vec<Filled>) -> Vec<Draft> {
    let assessment = &submitted.assessment;
    grant(ctx, id, submitted, mechanism, slots, (assessment.grant_seconds, assessment.uses))
}

fn grant(
    ctx: &mut Ctx<'_>,
    id: RequestId,
    submitted: &Submitted,
    mechanism: Mechanism,
    slots: Vec<Filled>,
    (seconds, uses): (i64, u64),
) -> Vec<Draft> {
    let limits = submitted.action.limits.unwrap_or_default();
    let approved = Approved {
        mechanism,
        persons: u64::try_from(slots.len()).unwrap_or(u64::MAX),
        slots,
        action_digest: submitted.action_digest,
        policy_digest: submitted.assessment.policy.digest,
    };
    let runner = submitted.executor.as_ref().unwrap_or(&submitted.requester);
    let grant = GrantIssued {
        grant_id: ctx.fresh.grant(),
        action_digest: submitted.action_digest,
        action: submitted.action.verb.clone(),
        resource: submitted.action.resource.clone(),
        environment: submitted.environment.clone(),
        subject: runner.principal.clone(),
        scope: "exact/1".to_owned(),
        not_before: ctx.now,
        expires_at: ctx.now.plus_seconds(limits.seconds.map_or(seconds, |limit| limit.min(seconds))),
        max_uses: limits.uses.map_or(uses, |limit| limit.min(uses)),
        nonce: ctx.fresh.nonce(),
        mechanism,
        audience: submitted.audience.clone(),
        run_seconds: submitted.assessment.run_seconds,
    };
    vec![ctx.draft(Some(id), Body::RequestApproved(approved)), ctx.draft(Some(id), Body::GrantIssued(grant))]
}

/// Break-glass: granted at once, and loud.
fn emergency(ctx: &mut Ctx<'_>, id: RequestId, submit: &Submit, submitted: &Submitted) -> Vec<Draft> {
    let seconds = submit.assessed.breakglass_seconds.min(submitted.assessment.grant_seconds.max(1)).max(1);
    let mut drafts = grant(ctx, id, submitted, Mechanism::Breakglass, Vec::new(), (seconds, 1));
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
