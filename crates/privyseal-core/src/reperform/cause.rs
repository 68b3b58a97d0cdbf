//! The table: which command an entry answers. A kind that `decide` answers with has its line here.

use super::Outside;
use crate::command::{
    Assessed, Command, Directory, Finish, GiveUp, Halt, JudgeBreakglass, Narrow, PublishPolicy, RateLimits, Redeem, Review, ReviewAccess,
    RevokeGrant, Submit, Withdraw,
};
use crate::decide::may_review;
use crate::event::execution::{GrantRedeemed, Killswitch};
use crate::event::policy::PolicyPublished;
use crate::event::request::{Mechanism, Party, ReviewRecorded, ReviewRefused, ReviewStatement, Submitted, Withdrawn};
use crate::event::{Body, Event, Text};
use crate::id::{ExecutionId, GrantId};
use crate::refusal::RefusalCode;
use crate::state::State;
use crate::time::Timestamp;
use crate::webauthn;

/// Longest text that stands in for one that is gone; only its length can matter.
const MAX_STAND_IN: u64 = 4_000;
const GONE: &str = "the comment was erased, or is kept on another node";

/// What an entry comes from.
pub(super) enum Cause {
    /// A command that can be put again.
    Command(Box<Command>),
    /// A command that can be put again, except for something that is gone.
    Partly(Box<Command>, String),
    /// A command of which too much is gone; with what could be checked nevertheless and is wrong: recorded, and what follows.
    Unknown(String, Option<(String, String)>),
    /// A command whose first entry stands before it.
    Consequence,
    /// No command about requests, people or policy.
    NoDecision,
}

fn put(command: Command) -> Cause {
    Cause::Command(Box::new(command))
}

/// The text, or as many characters in its place.
fn or_stand_in(text: Option<String>, chars: u64) -> String {
    text.unwrap_or_else(|| "x".repeat(usize::try_from(chars.clamp(1, MAX_STAND_IN)).unwrap_or(1)))
}

pub(super) fn of(state: &State, event: &Event, following: &[&Event], outside: &Outside<'_>) -> Cause {
    let comment = |text: &Text| or_stand_in(outside.text(text), 1);
    match &event.body {
        Body::RequestSubmitted(submitted) => submit(state, submitted, event, following, outside),
        Body::RequestWithdrawn(withdrawn) if withdrawn.narrowed_by.is_some() => narrow(state, withdrawn, event, following, outside),
        Body::RequestWithdrawn(withdrawn) => {
            let Some(request) = event.request_id else { return Cause::Consequence };
            put(Command::Withdraw(Withdraw { request, comment: withdrawn.comment.as_ref().map(comment) }))
        }
        Body::ReviewRecorded(review) => recorded(state, review, event, outside),
        Body::ReviewRefused(refused) => attempt(state, refused, event),
        Body::RequestExpired(_) | Body::GrantExpired(_) | Body::RequestEscalated(_) | Body::RequestReminded(_) => put(Command::Expire),
        Body::GrantRedeemed(redeemed) => redeem(state, redeemed, event, following),
        // The audience that was named is not recorded: it was the right one unless that is why it was refused.
        Body::GrantRefused(refused) => put(Command::Redeem(Redeem {
            grant: refused.grant_id,
            run_digest: refused.run_digest,
            tool: None,
            host: None,
            artefacts: Vec::new(),
            audience: audience(state, refused.grant_id).filter(|_| refused.code != RefusalCode::WrongAudience.as_str()),
        })),
        Body::GrantRevoked(revoked) => put(Command::RevokeGrant(RevokeGrant { grant: revoked.grant_id, reason: revoked.reason.clone() })),
        Body::ExecutionFinished(finished) => put(Command::Finish(Finish {
            execution: finished.execution_id,
            outcome: finished.outcome,
            exit_code: finished.exit_code,
            output_sha256: finished.output_sha256,
            output_bytes: finished.output_bytes,
            occurred_at: Some(finished.occurred_at),
            incident: finished.incident.clone(),
            rollback_of: finished.rollback_of,
        })),
        Body::ExecutionUnknown(unknown) if is_overdue(state, unknown.execution_id, event.time) => put(Command::Expire),
        Body::ExecutionUnknown(unknown) => put(Command::GiveUp(GiveUp { execution: unknown.execution_id, reason: unknown.reason.clone() })),
        Body::BreakglassReviewed(reviewed) => {
            let signed = reviewed.statement.clone().zip(reviewed.assertion.clone());
            let text = outside.text(&reviewed.comment);
            if signed.is_some() && text.is_none() {
                return Cause::Unknown(GONE.to_owned(), None);
            }
            let (grant, outcome) = (reviewed.grant_id, reviewed.outcome);
            put(Command::JudgeBreakglass(JudgeBreakglass { grant, outcome, comment: or_stand_in(text, 1), signed }))
        }
        Body::PolicyPublished(published) if state.policy.is_none() => put(Command::PublishPolicy(publication(published))),
        Body::KillswitchEngaged(halt) => put(Command::Halt(of_halt(halt))),
        Body::KillswitchReleased(halt) => put(Command::Resume(of_halt(halt))),
        Body::AccessReviewRecorded(review) => put(Command::ReviewAccess(ReviewAccess {
            principal: review.principal.clone(),
            role: review.role.clone(),
            keep: review.outcome == "keep",
            comment: review.comment.as_ref().map(comment),
        })),
        Body::PolicyPublished(_)
        | Body::RequestApproved(_)
        | Body::RequestDenied(_)
        | Body::GrantIssued(_)
        | Body::ExecutionStarted(_)
        | Body::BreakglassInvoked(_) => Cause::Consequence,
        _ => directory(&event.body).map_or(Cause::NoDecision, |command| put(Command::Directory(command))),
    }
}

/// Changes of who exists and what they may do: who may review tomorrow hangs on who could change this today.
fn directory(body: &Body) -> Option<Directory> {
    Some(match body {
        Body::PrincipalRegistered(record) => Directory::Register(record.clone()),
        Body::PrincipalChanged(change) => Directory::Change { record: change.record.clone(), reason: change.reason.clone() },
        Body::PrincipalEnabled(switch) => {
            Directory::Switch { principal: switch.principal.clone(), enabled: true, reason: switch.reason.clone() }
        }
        Body::PrincipalDisabled(switch) => {
            Directory::Switch { principal: switch.principal.clone(), enabled: false, reason: switch.reason.clone() }
        }
        Body::RoleAssigned(role) => Directory::Assign {
            principal: role.principal.clone(),
            role: role.role.clone(),
            valid_to: role.valid_to,
            scope: role.scope.clone(),
            reason: role.reason.clone(),
        },
        Body::RoleRemoved(role) => {
            Directory::Remove { principal: role.principal.clone(), role: role.role.clone(), reason: role.reason.clone() }
        }
        Body::DelegationMade(made) => Directory::Delegate {
            delegator: made.delegator.clone(),
            delegate: made.delegate.clone(),
            roles: made.roles.clone(),
            valid_from: made.valid_from,
            valid_to: made.valid_to,
            reason: made.reason.clone(),
        },
        Body::DelegationEnded(ended) => Directory::EndDelegation { delegation: ended.delegation.clone(), reason: ended.reason.clone() },
        Body::CredentialEnrolled(enrolled) => Directory::Enroll {
            credential: enrolled.credential.clone(),
            principal: enrolled.principal.clone(),
            label: enrolled.label.clone(),
            key: enrolled.key.clone(),
            expires_at: enrolled.expires_at,
        },
        _ => return None,
    })
}

/// A use of a grant; the use of that of an approved change is the publication of a policy.
fn redeem(state: &State, redeemed: &GrantRedeemed, event: &Event, following: &[&Event]) -> Cause {
    let same = |next: &&&Event| next.request_id == event.request_id;
    if let Some(Body::PolicyPublished(published)) = following.get(1).filter(same).map(|next| &next.body) {
        return put(Command::PublishPolicy(publication(published)));
    }
    let started = following.first().and_then(|next| match &next.body {
        Body::ExecutionStarted(started) if started.execution_id == redeemed.execution_id => Some(started),
        _ => None,
    });
    put(Command::Redeem(Redeem {
        grant: redeemed.grant_id,
        run_digest: redeemed.run_digest,
        tool: started.and_then(|started| started.tool.clone()),
        host: started.and_then(|started| started.host.clone()),
        artefacts: started.map(|started| started.artefacts.clone()).unwrap_or_default(),
        audience: audience(state, redeemed.grant_id),
    }))
}

fn audience(state: &State, grant: GrantId) -> Option<String> {
    state.grant(&grant).and_then(|(grant, _)| grant.issued.audience.clone())
}

fn is_overdue(state: &State, execution: ExecutionId, now: Timestamp) -> bool {
    state.run_deadlines.iter().take_while(|(at, _)| *at <= now).any(|(_, id)| *id == execution)
}

fn publication(published: &PolicyPublished) -> PublishPolicy {
    PublishPolicy {
        policy: published.policy.clone(),
        files: published.files.clone(),
        parameters: published.parameters.clone(),
        change_request: published.change_request,
        note: published.note.clone(),
        unsatisfiable: published.unsatisfiable.clone(),
    }
}

fn of_halt(halt: &Killswitch) -> Halt {
    Halt { scope: halt.scope, principal: halt.principal.clone(), reason: halt.reason.clone() }
}

fn submit(state: &State, submitted: &Submitted, event: &Event, following: &[&Event], outside: &Outside<'_>) -> Cause {
    if submitted.narrowed_by.is_some() {
        // It comes with the withdrawal of the wider one, or from nowhere.
        return Cause::Consequence;
    }
    let approved = following.first().filter(|next| next.request_id == event.request_id).map(|next| &next.body);
    let breakglass = matches!(approved, Some(Body::RequestApproved(approved)) if approved.mechanism == Mechanism::Breakglass);
    if let (Some(Err(why)), true) = (&outside.again, breakglass) {
        // How long an emergency lasts is in the catalogue alone: without it nothing can be said about the grant.
        return Cause::Unknown(why.clone(), None);
    }
    let (command, why, _) = asked(state, submitted, breakglass, outside);
    partly(Command::Submit(Box::new(command)), why)
}

/// A narrower request in the place of a wider one; the withdrawal of that comes first.
fn narrow(state: &State, withdrawn: &Withdrawn, event: &Event, following: &[&Event], outside: &Outside<'_>) -> Cause {
    let successor = following.first().filter(|next| withdrawn.successor.is_some() && next.request_id == withdrawn.successor);
    let (Some(request), Some(Body::RequestSubmitted(submitted))) = (event.request_id, successor.map(|next| &next.body)) else {
        return Cause::Consequence;
    };
    let (submit, why, narrowable) = asked(state, submitted, false, outside);
    // Without the catalogue nobody can say which parameters may be less; those that are were let through then.
    let narrowable = narrowable.unwrap_or_else(|| submitted.action.parameters.keys().cloned().collect());
    let comment = withdrawn.comment.as_ref().and_then(|comment| outside.text(comment));
    partly(Command::Narrow(Box::new(Narrow { request, submit, narrowable, comment: or_stand_in(comment, 1) })), why)
}

fn partly(command: Command, why: Option<String>) -> Cause {
    match why {
        None => put(command),
        Some(why) => Cause::Partly(Box::new(command), why),
    }
}

/// What was asked, with what policy says now, or what it said and why it cannot be asked; and what may be narrowed, when that is known.
fn asked(state: &State, submitted: &Submitted, breakglass: bool, outside: &Outside<'_>) -> (Submit, Option<String>, Option<Vec<String>>) {
    let (again, why) = match &outside.again {
        Some(Ok(again)) => (Some(again), None),
        Some(Err(why)) => (None, Some(why.clone())),
        None => (None, Some("policy was not asked again".to_owned())),
    };
    let justification = or_stand_in(outside.text(&submitted.justification), submitted.justification_chars);
    let known = state.history.get(&submitted.requester.principal).map_or(0, |history| history.repeats(&justification));
    let principal = |party: &Option<Party>| party.as_ref().map(|party| party.principal.clone());
    let submit = Submit {
        action: submitted.action.clone(),
        deceptive: again.and_then(|again| again.deceptive.clone()).unwrap_or_else(|| submitted.deceptive.clone()),
        // How often a hidden text stood there before is in no entry.
        hidden_repeats: match submitted.justification {
            Text::Clear(_) => 0,
            Text::Hidden { .. } => submitted.justification_repeats.saturating_sub(known),
        },
        justification,
        ticket: submitted.ticket.clone(),
        on_behalf_of: principal(&submitted.on_behalf_of),
        executor: principal(&submitted.executor),
        audience: submitted.audience.clone(),
        batch: submitted.batch.clone(),
        // Only its digest is on the entry; whether it was used before is compared apart.
        idempotency_key: None,
        previous_request: submitted.previous_request,
        significant_change: submitted.significant_change,
        authors: submitted.authors.clone(),
        breakglass,
        assessed: again.map_or_else(|| as_recorded(submitted), |again| again.assessed.clone()),
    };
    (submit, why, again.map(|again| again.narrowable.clone()))
}

/// The recorded assessment in the place of one that cannot be made again: everything else is still decided again.
fn as_recorded(submitted: &Submitted) -> Assessed {
    Assessed {
        assessment: submitted.assessment.clone(),
        environment: submitted.environment.clone(),
        data_class: submitted.data_class.clone(),
        change_class: submitted.change_class.clone(),
        reversibility: submitted.reversibility.clone(),
        in_place: submitted.in_place,
        catalogue_digest: submitted.catalogue_digest,
        breakglass_seconds: 0,
        breakglass_review_seconds: 0,
        limits: RateLimits::default(),
    }
}

fn recorded(state: &State, review: &ReviewRecorded, event: &Event, outside: &Outside<'_>) -> Cause {
    let Some(request) = event.request_id else { return Cause::Consequence };
    let signed = review.statement.clone().zip(review.assertion.clone());
    let comment = match &review.comment {
        None => String::new(),
        Some(text) => match outside.text(text) {
            Some(comment) => comment,
            None => return Cause::Unknown(GONE.to_owned(), unopened(state, review, event)),
        },
    };
    put(Command::Review(Box::new(Review {
        request,
        verdict: review.verdict,
        comment,
        shown_digest: review.shown_digest,
        shown_at: review.shown_at,
        policy_digest: review.policy_digest,
        signed,
    })))
}

/// What can be said of a review whose comment is gone: that the reviewer was allowed, and that their passkey signed the statement on
/// the entry, which is about this decision.
fn unopened(state: &State, review: &ReviewRecorded, event: &Event) -> Option<(String, String)> {
    let wrong = |follows: String| Some(("recorded".to_owned(), follows));
    let Some(request) = event.request_id.and_then(|id| state.request(&id)) else { return wrong("there is no such request".to_owned()) };
    if let Err(refusal) = may_review(state, request, &event.actor.id, event.time) {
        return wrong(format!("refused as {}: {}", refusal.code, refusal.reason));
    }
    let (statement, assertion) = review.statement.as_ref().zip(review.assertion.as_ref())?;
    let expected = ReviewStatement {
        log: state.log.clone(),
        request_id: request.id,
        action_digest: request.submitted.action_digest,
        verdict: review.verdict,
        policy_digest: request.submitted.assessment.policy.digest,
        comment_digest: review.comment_digest,
        shown_at: review.shown_at,
        reviewer: event.actor.id.clone(),
    };
    if *statement != expected {
        return wrong("the signed statement is about another decision".to_owned());
    }
    let credential = assertion.credential.parse().ok().and_then(|id: crate::id::CredentialId| state.credentials.get(&id));
    let Some(credential) = credential.filter(|credential| credential.principal == event.actor.id && credential.is_live(event.time)) else {
        return wrong("the passkey was not one of the reviewer's".to_owned());
    };
    let challenge = webauthn::review_challenge(statement).map_err(|error| error.to_string());
    let checked = challenge
        .and_then(|challenge| webauthn::verify(&credential.key, assertion, challenge.as_bytes()).map_err(|error| error.to_string()));
    checked.err().and_then(wrong)
}

/// What a refused attempt must have been, as far as it matters: refusals for what the reviewer is come before all that is not recorded.
fn attempt(state: &State, refused: &ReviewRefused, event: &Event) -> Cause {
    let Some(request) = event.request_id.and_then(|id| state.request(&id)) else { return Cause::Consequence };
    if refused.code == RefusalCode::PasskeyRefused.as_str() {
        return Cause::Unknown("the signature that was refused is not recorded".to_owned(), None);
    }
    put(Command::Review(Box::new(Review {
        request: request.id,
        verdict: refused.verdict,
        comment: String::new(),
        shown_digest: request.submitted.action_digest,
        shown_at: request.submitted_at,
        policy_digest: request.submitted.assessment.policy.digest,
        signed: None,
    })))
}
