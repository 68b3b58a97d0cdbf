//! Deciding: who may seal, what they must have seen, and when a request ends.

use std::collections::BTreeSet;

use super::halt::stopped;
use super::submit::approve;
use super::{Ctx, Decision};
use crate::assessment::Assurance;
use crate::command::{Reply, Review, Withdraw};
use crate::digest::Digest;
use crate::event::directory::CredentialKey;
use crate::event::request::{Assertion, Denied, Mechanism, Party, ReviewRecorded, ReviewRefused, ReviewStatement, Verdict, Withdrawn};
use crate::event::{Body, Text};
use crate::id::{PersonId, PrincipalId, Role};
use crate::refusal::{Refusal, RefusalCode};
use crate::request::{Request, RequestState};
use crate::requirement::{Candidate, Filled, Requirement};
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
pub(super) fn pending<'a>(ctx: &Ctx<'a>, id: crate::id::RequestId) -> Result<&'a Request, Refusal> {
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
    /// Roles held by themselves: what was lent is named by the delegation.
    roles: Vec<Role>,
    eligible: Eligible,
    assurance: Assurance,
}

/// Somebody who could fill a slot of a request, with their own authority or with somebody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eligible {
    /// The person, with every role that counts for this request.
    pub candidate: Candidate,
    /// The delegation that they need for it; none when their own roles are enough.
    pub delegation: Option<String>,
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
        roles: reviewer.roles,
        reviewer: reviewer.party,
        comment: (!command.comment.is_empty()).then(|| Text::from(command.comment.as_str())),
        comment_digest: Digest::of(command.comment.as_bytes()),
        shown_digest: command.shown_digest,
        shown_at: command.shown_at,
        display_ms: u64::try_from((ctx.now.micros() - command.shown_at.micros()) / 1_000).unwrap_or(0),
        policy_digest: command.policy_digest,
        assurance: reviewer.assurance,
        in_place_of: delegator(ctx.state, reviewer.eligible.delegation.as_deref()),
        delegation: reviewer.eligible.delegation,
        statement: command.signed.as_ref().map(|(statement, _)| statement.clone()),
        assertion: command.signed.as_ref().map(|(_, assertion)| assertion.clone()),
    };
    let mut drafts = vec![ctx.draft(Some(request.id), Body::ReviewRecorded(recorded))];
    match command.verdict {
        Verdict::Approve => {
            let mut sealed: Vec<Candidate> = standing_approvals(ctx.state, request, ctx.now);
            sealed.push(reviewer.eligible.candidate);
            if let Some(slots) = request.requirement().fill(&sealed) {
                drafts.extend(approve(ctx, request.id, submitted, Mechanism::Quorum, slots));
            }
        }
        Verdict::Deny => {
            let mut persons: Vec<PersonId> = denials(request);
            persons.push(reviewer.eligible.candidate.person);
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
pub fn may_review(state: &State, request: &Request, principal: &PrincipalId, now: Timestamp) -> Result<Eligible, Refusal> {
    let candidate = state.candidate(principal, now).ok_or_else(not_a_person)?;
    if subjects(state, request, now).contains(&candidate.person) {
        let reason = format!(
            "{} is a subject of this request (requester, owner, executor, spawn chain, author or delegate) and can never seal it",
            candidate.person
        );
        return Err(Refusal::new(RefusalCode::SubjectOfRequest, reason));
    }
    if has_reviewed(state, request, &candidate.person) {
        return Err(Refusal::new(
            RefusalCode::AlreadyReviewed,
            format!("{} has given a verdict on this request already, or a delegate gave it in their place", candidate.person),
        ));
    }
    let requirement = request.requirement();
    eligible(state, request, requirement, principal, now)
        .ok_or_else(|| Refusal::new(RefusalCode::NotEligible, format!("this request is for {requirement}; `{principal}` is none of them")))
}

/// An account that could fill a slot of a requirement: with its own roles, otherwise with those that one delegation lends it.
///
/// One authority, one verdict: what a delegator has decided, or another delegate in their place, cannot be decided again with it.
pub(super) fn eligible(
    state: &State,
    request: &Request,
    requirement: &Requirement,
    principal: &PrincipalId,
    now: Timestamp,
) -> Option<Eligible> {
    let candidate = state.candidate(principal, now)?;
    if requirement.mentions(&candidate) {
        return Some(Eligible { candidate, delegation: None });
    }
    state.delegations.values().filter(|delegation| delegation.delegate == *principal).find_map(|delegation| {
        let delegator = state.person_of(&delegation.delegator).filter(|delegator| !has_reviewed(state, request, delegator))?;
        let lent = state.with_lent(&candidate, &delegation.delegation, now)?;
        let usable = delegator != candidate.person && requirement.mentions(&lent);
        usable.then(|| Eligible { candidate: lent, delegation: Some(delegation.delegation.clone()) })
    })
}

/// Whether this person has given a verdict on a request, or somebody gave it in their place: by who was who then, or who is who now.
///
/// Two accounts may turn out to be one person's after one of them has decided.
#[must_use]
pub fn has_reviewed(state: &State, request: &Request, person: &PersonId) -> bool {
    let parties = request.reviews.iter().flat_map(|review| [Some(&review.body.reviewer), review.body.in_place_of.as_ref()]);
    request.reviewed_by(person) || parties.flatten().any(|party| state.person_of(&party.principal).as_ref() == Some(person))
}

/// In whose place somebody decides.
fn delegator(state: &State, delegation: Option<&str>) -> Option<Party> {
    state.party(&state.delegations.get(delegation?)?.delegator)
}

/// Every person who is or was a subject of a request: those recorded when it was asked, and those whom the state makes one now.
#[must_use]
pub fn subjects(state: &State, request: &Request, now: Timestamp) -> BTreeSet<PersonId> {
    let submitted = &request.submitted;
    let involved = [Some(&submitted.requester), submitted.on_behalf_of.as_ref(), submitted.executor.as_ref()].into_iter().flatten();
    let mut subjects = state.subjects(involved.map(|party| &party.principal), &submitted.authors, now);
    subjects.extend(submitted.subjects.iter().cloned());
    subjects
}

pub(super) fn not_a_person() -> Refusal {
    Refusal::new(
        RefusalCode::NotAPerson,
        "only people review, in a signed-in session of their own: agents, API keys and command lines may ask, never seal",
    )
}

/// Every rule about who may review, in one place, for every channel.
fn admit(ctx: &Ctx<'_>, request: &Request, command: &Review) -> Result<Reviewer, Refusal> {
    let party = ctx.acting_party()?;
    let submitted = &request.submitted;
    if !ctx.is_present() {
        return Err(not_a_person());
    }
    let eligible = may_review(ctx.state, request, &ctx.actor.id, ctx.now)?;
    if command.shown_digest != submitted.action_digest {
        return Err(Refusal::new(RefusalCode::DigestMoved, "what was shown is not what is asked: reload the request"));
    }
    if command.policy_digest != submitted.assessment.policy.digest {
        return Err(Refusal::new(RefusalCode::PolicyMoved, "the page was made under another policy than the request's: reload it"));
    }
    if command.shown_at > ctx.now || command.shown_at < request.submitted_at {
        return Err(Refusal::new(RefusalCode::Invalid, "the time of showing lies outside the life of the request: reload it"));
    }
    if command.verdict == Verdict::Approve
        && let Some(halted) = stopped(ctx.state, request)
    {
        return Err(halted);
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
    let roles = ctx.state.roles_of(&ctx.actor.id, ctx.now).into_iter().collect();
    Ok(Reviewer { party, roles, eligible, assurance })
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
    let challenge = webauthn::review_challenge(statement).map_err(|error| refused(error.to_string()))?;
    check_passkey(ctx, assertion, &challenge)
}

/// A live passkey of the actor must have signed the challenge.
pub(super) fn check_passkey(ctx: &Ctx<'_>, assertion: &Assertion, challenge: &Digest) -> Result<(), Refusal> {
    let refused = |reason: String| Refusal::new(RefusalCode::PasskeyRefused, reason);
    let enrolled = assertion.credential.parse().ok().and_then(|id: crate::id::CredentialId| ctx.state.credentials.get(&id));
    let enrolled = enrolled.filter(|credential| credential.principal == ctx.actor.id && credential.is_live(ctx.now));
    let key: &CredentialKey = &enrolled.ok_or_else(|| refused("the passkey is not one of yours, or was revoked".to_owned()))?.key;
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
    request.requirement().fill(&standing_approvals(state, request, now))
}

/// Earlier approvals that still count: their people are eligible now, no subjects now, and no authority stands in two of them.
#[must_use]
pub fn standing_approvals(state: &State, request: &Request, now: Timestamp) -> Vec<Candidate> {
    let subjects = subjects(state, request, now);
    let mut counted: BTreeSet<PersonId> = BTreeSet::new();
    let mut standing = Vec::new();
    for review in request.reviews.iter().filter(|review| review.body.verdict == Verdict::Approve) {
        let own = state.candidate(&review.body.reviewer.principal, now);
        let candidate = own.and_then(|own| match &review.body.delegation {
            Some(delegation) => state.with_lent(&own, delegation, now),
            None => Some(own),
        });
        let Some(candidate) = candidate.filter(|candidate| !subjects.contains(&candidate.person)) else { continue };
        // Who is behind an account may have changed since: what one person lent and what they hold themselves is one authority.
        let lender = review.body.in_place_of.as_ref().and_then(|lender| state.person_of(&lender.principal));
        let authorities: BTreeSet<PersonId> = lender.iter().chain([&candidate.person]).cloned().collect();
        if lender.as_ref() != Some(&candidate.person) && counted.is_disjoint(&authorities) {
            counted.extend(authorities);
            standing.push(candidate);
        }
    }
    standing
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
