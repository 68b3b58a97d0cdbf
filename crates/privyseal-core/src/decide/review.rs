//! Deciding: who may seal, what they must have seen, and when a request ends.

use std::collections::BTreeSet;

use super::submit::approve;
use super::{Ctx, Decision};
use crate::assessment::Assurance;
use crate::command::{Reply, Review, Withdraw};
use crate::digest::Digest;
use crate::event::directory::CredentialKey;
use crate::event::request::{Assertion, Denied, Mechanism, Party, ReviewRecorded, ReviewRefused, ReviewStatement, Verdict, Withdrawn};
use crate::event::{ActorKind, AuthMethod, Body, Channel, Text};
use crate::id::{PersonId, PrincipalId};
use crate::refusal::{Refusal, RefusalCode};
use crate::request::{Request, RequestState};
use crate::requirement::{Candidate, Filled};
use crate::state::State;
use crate::time::Timestamp;
use crate::webauthn;

const MAX_COMMENT_CHARS: usize = 4_000;

pub(super) fn withdraw(ctx: &Ctx<'_>, command: &Withdraw) -> Result<Decision, Refusal> {
    let request = pending(ctx, command.request)?;
    if request.submitted.requester.principal != ctx.actor.id {
        return Err(Refusal::new(RefusalCode::NotYours, "only the requester may take a request back"));
    }
    let body = Withdrawn { comment: command.comment.as_deref().map(Text::from), narrowed_by: None, successor: None };
    Ok(Decision::done(vec![ctx.draft(Some(request.id), Body::RequestWithdrawn(body))], Reply::Done))
}

/// The request, while it can still move.
fn pending<'a>(ctx: &Ctx<'a>, id: crate::id::RequestId) -> Result<&'a Request, Refusal> {
    let request = ctx.state.request(&id).ok_or_else(|| Refusal::new(RefusalCode::UnknownRequest, format!("there is no request {id}")))?;
    if request.state() != RequestState::Pending {
        let state = request.state().as_str();
        return Err(Refusal::new(RefusalCode::RequestDecided, format!("the request is {state} already, and that never changes")));
    }
    if ctx.now >= request.submitted.expires_at {
        return Err(Refusal::new(RefusalCode::RequestExpired, format!("the request expired at {}", request.submitted.expires_at)));
    }
    Ok(request)
}

/// A reviewer who has passed every check that does not depend on the verdict.
struct Reviewer {
    party: Party,
    candidate: Candidate,
    assurance: Assurance,
}

pub(super) fn review(ctx: &mut Ctx<'_>, command: &Review) -> Result<Decision, Refusal> {
    let request = pending(ctx, command.request)?;
    let reviewer = match admit(ctx, request, command) {
        Ok(reviewer) => reviewer,
        Err(refusal) => return Ok(refused(ctx, request, command, refusal)),
    };
    let submitted = &request.submitted;
    let recorded = ReviewRecorded {
        verdict: command.verdict,
        roles: reviewer.candidate.roles.iter().cloned().collect(),
        reviewer: reviewer.party,
        comment: (!command.comment.is_empty()).then(|| Text::from(command.comment.as_str())),
        comment_digest: Digest::of(command.comment.as_bytes()),
        shown_digest: command.shown_digest,
        shown_at: command.shown_at,
        display_ms: u64::try_from((ctx.now.micros() - command.shown_at.micros()) / 1_000).unwrap_or(0),
        policy_digest: command.policy_digest,
        assurance: reviewer.assurance,
        delegation: None,
        statement: command.signed.as_ref().map(|(statement, _)| statement.clone()),
        assertion: command.signed.as_ref().map(|(_, assertion)| assertion.clone()),
    };
    let mut drafts = vec![ctx.draft(Some(request.id), Body::ReviewRecorded(recorded))];
    match command.verdict {
        Verdict::Approve => {
            let mut sealed: Vec<Candidate> = standing_approvals(ctx.state, request, ctx.now);
            sealed.push(reviewer.candidate);
            if let Some(slots) = submitted.assessment.requirement.fill(&sealed) {
                drafts.extend(approve(ctx, request.id, submitted, Mechanism::Quorum, slots, submitted.assessment.grant_seconds));
            }
        }
        Verdict::Deny => {
            let mut persons: Vec<PersonId> = denials(request);
            persons.push(reviewer.candidate.person);
            if u64::try_from(persons.len()).unwrap_or(u64::MAX) >= submitted.assessment.deny_threshold {
                let denied =
                    Denied { mechanism: Mechanism::Review, persons, rules: Vec::new(), policy_digest: submitted.assessment.policy.digest };
                drafts.push(ctx.draft(Some(request.id), Body::RequestDenied(denied)));
            }
        }
    }
    Ok(Decision::done(drafts, Reply::Done))
}

/// Whether an account may give a verdict on a request: a person, no subject of it, who has given none and could fill a slot.
///
/// Surfaces ask this to show what a person can do; [`crate::decide::decide`] asks it again when they do it.
///
/// # Errors
/// With the reason why not.
pub fn may_review(state: &State, request: &Request, principal: &PrincipalId, now: Timestamp) -> Result<Candidate, Refusal> {
    let submitted = &request.submitted;
    let candidate = state.candidate(principal, now).ok_or_else(not_a_person)?;
    if subjects(state, request, now).contains(&candidate.person) {
        let reason = format!(
            "{} is a subject of this request (requester, owner, spawn chain, author or delegate) and can never seal it",
            candidate.person
        );
        return Err(Refusal::new(RefusalCode::SubjectOfRequest, reason));
    }
    if request.reviewed_by(&candidate.person) {
        return Err(Refusal::new(
            RefusalCode::AlreadyReviewed,
            format!("{} has given a verdict on this request already", candidate.person),
        ));
    }
    if !submitted.assessment.requirement.mentions(&candidate) {
        let reason = format!("this request is for {}; `{principal}` is none of them", submitted.assessment.requirement);
        return Err(Refusal::new(RefusalCode::NotEligible, reason));
    }
    Ok(candidate)
}

/// Every person who is or was a subject of a request: those recorded when it was asked, and those whom the state makes one now.
#[must_use]
pub fn subjects(state: &State, request: &Request, now: Timestamp) -> BTreeSet<PersonId> {
    let submitted = &request.submitted;
    let on_behalf_of = submitted.on_behalf_of.as_ref().map(|party| &party.principal);
    let mut subjects = state.subjects(&submitted.requester.principal, on_behalf_of, &submitted.authors, now);
    subjects.extend(submitted.subjects.iter().cloned());
    subjects
}

fn not_a_person() -> Refusal {
    Refusal::new(
        RefusalCode::NotAPerson,
        "only people review, in a signed-in session of their own: agents, API keys and command lines may ask, never seal",
    )
}

/// Every rule about who may review, in one place, for every channel.
fn admit(ctx: &Ctx<'_>, request: &Request, command: &Review) -> Result<Reviewer, Refusal> {
    let party = ctx.acting_party()?;
    let submitted = &request.submitted;
    let present =
        matches!(ctx.actor.auth.method, AuthMethod::Passkey | AuthMethod::Oidc | AuthMethod::Link) && ctx.actor.auth.session.is_some();
    let channel = matches!(ctx.actor.channel, Channel::Portal | Channel::Slack | Channel::Teams);
    if ctx.actor.kind != ActorKind::Human || !present || !channel {
        return Err(not_a_person());
    }
    let candidate = may_review(ctx.state, request, &ctx.actor.id, ctx.now)?;
    if command.shown_digest != submitted.action_digest {
        return Err(Refusal::new(RefusalCode::DigestMoved, "what was shown is not what is asked: reload the request"));
    }
    if command.policy_digest != submitted.assessment.policy.digest {
        return Err(Refusal::new(RefusalCode::PolicyMoved, "the page was made under another policy than the request's: reload it"));
    }
    if command.shown_at > ctx.now || command.shown_at < request.submitted_at {
        return Err(Refusal::new(RefusalCode::Invalid, "the time of showing lies outside the life of the request: reload it"));
    }
    if command.comment.chars().count() > MAX_COMMENT_CHARS {
        return Err(Refusal::new(RefusalCode::Invalid, format!("the comment is longer than {MAX_COMMENT_CHARS} characters")));
    }
    let assurance = match &command.signed {
        Some((statement, assertion)) => {
            check_signature(ctx, request, command, statement, assertion)?;
            Assurance::Passkey
        }
        None => Assurance::Session,
    };
    if assurance < submitted.assessment.assurance {
        return Err(Refusal::new(RefusalCode::PasskeyRequired, "policy wants this decision signed with a passkey"));
    }
    Ok(Reviewer { party, candidate, assurance })
}

/// The passkey must have signed exactly this decision: every member of the statement is compared, then the signature is checked.
fn check_signature(
    ctx: &Ctx<'_>,
    request: &Request,
    command: &Review,
    statement: &ReviewStatement,
    assertion: &Assertion,
) -> Result<(), Refusal> {
    let expected = ReviewStatement {
        log: ctx.state.log.clone(),
        request_id: request.id,
        action_digest: request.submitted.action_digest,
        verdict: command.verdict,
        policy_digest: request.submitted.assessment.policy.digest,
        comment_digest: Digest::of(command.comment.as_bytes()),
        shown_at: command.shown_at,
        reviewer: ctx.actor.id.clone(),
    };
    let refused = |reason: String| Refusal::new(RefusalCode::PasskeyRefused, reason);
    if *statement != expected {
        return Err(refused("the signed statement is not about this decision: reload the request and sign again".to_owned()));
    }
    let enrolled = assertion.credential.parse().ok().and_then(|id: crate::id::CredentialId| ctx.state.credentials.get(&id));
    let enrolled = enrolled.filter(|credential| credential.principal == ctx.actor.id && credential.is_live(ctx.now));
    let key: &CredentialKey = &enrolled.ok_or_else(|| refused("the passkey is not one of yours, or was revoked".to_owned()))?.key;
    let challenge = webauthn::review_challenge(statement).map_err(|error| refused(error.to_string()))?;
    webauthn::verify(key, assertion, challenge.as_bytes()).map_err(|error| refused(error.to_string()))
}

/// An attempt that is refused for what it is, and not for being stale or incomplete, is recorded: it is evidence of the control at work.
fn refused(ctx: &Ctx<'_>, request: &Request, command: &Review, refusal: Refusal) -> Decision {
    let recorded = matches!(
        refusal.code,
        RefusalCode::SubjectOfRequest
            | RefusalCode::NotAPerson
            | RefusalCode::NotEligible
            | RefusalCode::PasskeyRefused
            | RefusalCode::AlreadyReviewed
    );
    let drafts = match ctx.state.party(&ctx.actor.id).filter(|_| recorded) {
        Some(reviewer) => {
            let body = ReviewRefused { verdict: command.verdict, reviewer, code: refusal.code.to_string(), reason: refusal.reason.clone() };
            vec![ctx.draft(Some(request.id), Body::ReviewRefused(body))]
        }
        None => Vec::new(),
    };
    Decision { drafts, result: Err(refusal) }
}

/// The slots that the reviews on record fill at `now`; what an approval by quorum must equal when the log is replayed.
#[must_use]
pub fn filled_slots(state: &State, request: &Request, now: Timestamp) -> Option<Vec<Filled>> {
    request.submitted.assessment.requirement.fill(&standing_approvals(state, request, now))
}

/// Earlier approvals that still count: their people are eligible now, and no subjects now.
#[must_use]
pub fn standing_approvals(state: &State, request: &Request, now: Timestamp) -> Vec<Candidate> {
    let subjects = subjects(state, request, now);
    request
        .reviews
        .iter()
        .filter(|review| review.body.verdict == Verdict::Approve)
        .filter_map(|review| state.candidate(&review.body.reviewer.principal, now))
        .filter(|candidate| !subjects.contains(&candidate.person))
        .collect()
}

/// The persons whose denials are on record.
#[must_use]
pub fn denials(request: &Request) -> Vec<PersonId> {
    request
        .reviews
        .iter()
        .filter(|review| review.body.verdict == Verdict::Deny)
        .filter_map(|review| review.body.reviewer.person.clone())
        .collect()
}
