//! How a request came to its end, and what became of the right to run it.

use privyseal_core::decide::may_revoke;
use privyseal_core::event::execution::{BreakglassOutcome, Finished};
use privyseal_core::event::request::{Mechanism, Submitted, Verdict};
use privyseal_core::event::{Body, Event};
use privyseal_core::id::{ExecutionId, PrincipalId};
use privyseal_core::request::{self as core, Execution, ExecutionPhase, GrantEnd, Phase, Request};
use privyseal_core::time::Timestamp;
use privyseal_engine::View;

use super::terms::times;
use crate::page::name;
use crate::view::moment::{Moment, span};
use crate::view::number::{Count, Hash};
use crate::view::party::Party;
use crate::view::request::{Digests, Grant, Outcome, Run};
use crate::view::text::Untrusted;

pub(super) fn outcome(state: &View<'_>, request: &Request, me: &PrincipalId, events: &[Event], now: Timestamp) -> Option<Outcome> {
    let submitted = &request.submitted;
    let at = match name::ended_at(request) {
        Some(at) => at,
        // Its time is over though the engine has not written it yet.
        None if now >= submitted.expires_at => submitted.expires_at,
        None => return None,
    };
    let grant = request.granted();
    Some(Outcome {
        at: Moment::minute(at),
        sentence: sentence(state, request, grant, events, now),
        denied_by: denied_by(state, request),
        grant: grant.map(|grant| shown_grant(state, request, grant, me, events, now)),
    })
}

fn sentence(state: &View<'_>, request: &Request, grant: Option<&core::Grant>, events: &[Event], now: Timestamp) -> Untrusted {
    let submitted = &request.submitted;
    match &request.phase {
        Phase::Approved { mechanism: Mechanism::Breakglass, .. } => emergency(state, grant, now),
        Phase::Approved { mechanism: Mechanism::Quorum, slots, .. } => match slots.len() {
            1 => "One person filled the only slot, and is no subject of the request.".into(),
            people => format!("{people} distinct people filled every slot; none of them is a subject of the request.").into(),
        },
        Phase::Approved { .. } => "Policy asks for nobody’s seal. This is recorded as automatic and never counts as a person.".into(),
        Phase::Denied { mechanism: Mechanism::Policy, .. } => refused(submitted).into(),
        Phase::Denied { .. } => match submitted.assessment.deny_threshold {
            0 | 1 => "One denial ends a request under this rule.".into(),
            many => format!("{many} denials end a request under this rule.").into(),
        },
        Phase::Pending | Phase::Expired { .. } => expired(request).into(),
        Phase::Cancelled { .. } => withdrawn(state, request, events),
    }
}

fn emergency(state: &View<'_>, grant: Option<&core::Grant>, now: Timestamp) -> Untrusted {
    let Some(emergency) = grant.and_then(|grant| grant.emergency.as_ref()) else { return "Nobody approved it.".into() };
    match &emergency.judged {
        Some((at, outcome, by)) => {
            let found = match outcome {
                BreakglassOutcome::Justified => "justified",
                BreakglassOutcome::Unjustified => "not justified",
            };
            let by = name::party(state, by).name;
            format!("{} judged it {found}, {} UTC.", by.plain(), at.minute()).into()
        }
        None => {
            let due = format!("{} UTC", emergency.review_due_at.minute());
            let late = if now >= emergency.review_due_at { "That time is over." } else { "" };
            format!("An open exception until somebody outside the request has judged it, due {due}. {late}").trim_end().to_owned().into()
        }
    }
}

fn refused(submitted: &Submitted) -> String {
    let reasons: Vec<&str> =
        submitted.assessment.determining.iter().map(|rule| rule.because.as_str()).filter(|text| !text.is_empty()).collect();
    match reasons.is_empty() {
        true => "A rule forbids it, so nobody was asked.".to_owned(),
        false => format!("A rule forbids it, so nobody was asked: {}.", reasons.join("; ")),
    }
}

fn expired(request: &Request) -> String {
    let open = span(request.submitted.expires_at.seconds_since(request.submitted_at));
    let approvals = request.reviews.iter().filter(|review| review.body.verdict == Verdict::Approve).count();
    let set = match approvals {
        0 => "no seal was set".to_owned(),
        some => format!("only {} set", Count(u64::try_from(some).unwrap_or(u64::MAX)).of("seal was", "seals were")),
    };
    format!("It was open for {open} and {set}. A timeout is not a denial.")
}

fn withdrawn(state: &View<'_>, request: &Request, events: &[Event]) -> Untrusted {
    let narrowed_by = events.iter().find_map(|event| match &event.body {
        Body::RequestWithdrawn(withdrawn) => withdrawn.narrowed_by.as_ref().map(|party| &party.principal),
        _ => None,
    });
    let requester = &request.submitted.requester.principal;
    let comment = events.iter().find_map(|event| match &event.body {
        Body::RequestWithdrawn(withdrawn) => withdrawn.comment.as_ref().map(|comment| state.words(comment).or_why_not()),
        _ => None,
    });
    let what = match narrowed_by {
        Some(reviewer) => format!("{reviewer} put a narrower request in its place"),
        None => format!("{requester} withdrew it"),
    };
    match comment {
        Some(comment) => format!("{what}: {comment}").into(),
        None => format!("{what}.").into(),
    }
}

/// Those who denied a request that people denied.
fn denied_by(state: &View<'_>, request: &Request) -> Vec<(Party, Untrusted)> {
    if !matches!(request.phase, Phase::Denied { mechanism: Mechanism::Review, .. }) {
        return Vec::new();
    }
    let denials = request.reviews.iter().filter(|review| review.body.verdict == Verdict::Deny);
    denials
        .map(|review| {
            let comment = review.body.comment.as_ref().map(|comment| Untrusted::from(state.words(comment))).unwrap_or_default();
            (name::party(state, &review.body.reviewer.principal), comment)
        })
        .collect()
}

fn shown_grant(state: &View<'_>, request: &Request, grant: &core::Grant, me: &PrincipalId, events: &[Event], now: Timestamp) -> Grant {
    let id = grant.issued.grant_id;
    let standing = match grant.ended {
        Some(GrantEnd::Revoked(_)) => "revoked",
        _ if grant.is_used_up() => "used",
        _ if now >= grant.issued.expires_at && !grant.executions.is_empty() => "used",
        Some(GrantEnd::Expired(_)) => "expired",
        None if now >= grant.issued.expires_at => "expired",
        None => "unused",
    };
    let left = grant.issued.max_uses.saturating_sub(u64::try_from(grant.executions.len()).unwrap_or(u64::MAX));
    let standing = match standing {
        "unused" if !grant.executions.is_empty() => format!("{left} of {} left", grant.issued.max_uses),
        word => word.to_owned(),
    };
    let revocable = grant.is_open(now) && may_revoke(state, request, grant, me, now).is_ok();
    let run = grant.last_run().and_then(|(id, execution)| run(request, *id, execution, events, now));
    Grant {
        short: id.short(),
        subject: name::party(state, &grant.issued.subject),
        times: times(grant.issued.max_uses),
        only_on: grant.issued.audience.clone().unwrap_or_default().into(),
        until: name::when(grant.issued.expires_at, now),
        standing,
        revoke: revocable.then(|| format!("/grants/{id}/revoke")),
        run,
        digests: digests(request, events),
    }
}

fn run(request: &Request, id: ExecutionId, execution: &Execution, events: &[Event], now: Timestamp) -> Option<Run> {
    let finished: Option<&Finished> = events.iter().find_map(|event| match &event.body {
        Body::ExecutionFinished(finished) if finished.execution_id == id => Some(finished),
        _ => None,
    });
    let (took, exit_code) = match &execution.phase {
        ExecutionPhase::Finished { at, exit_code, .. } => (span(at.seconds_since(execution.started_at)), *exit_code),
        ExecutionPhase::Running | ExecutionPhase::Unknown { .. } => (String::new(), None),
    };
    Some(Run {
        state: name::run_state(request)?,
        started: name::when(execution.started_at, now),
        took,
        exit_code,
        output: finished.and_then(|finished| finished.output_sha256.as_ref()).map(Hash::new),
    })
}

/// Asked, shown, run. Where one differs from what was asked it is the one that is shown: a mismatch must not hide behind a match.
fn digests(request: &Request, events: &[Event]) -> Digests {
    let asked = request.submitted.action_digest;
    let approvals =
        || request.reviews.iter().filter(|review| review.body.verdict == Verdict::Approve).map(|review| review.body.shown_digest);
    let shown = approvals().find(|digest| *digest != asked).or_else(|| approvals().next());
    let started = events.iter().rev().find_map(|event| match &event.body {
        Body::ExecutionStarted(started) => Some(started.run_digest),
        _ => None,
    });
    let tried = events.iter().rev().find_map(|event| match &event.body {
        Body::GrantRefused(refused) if refused.run_digest != asked => Some(refused.run_digest),
        _ => None,
    });
    Digests { asked: Hash::new(&asked), shown: shown.as_ref().map(Hash::new), run: started.or(tried).as_ref().map(Hash::new) }
}
