//! One event of a request as a line of its timeline: who, when, and one sentence about what.

use privyseal_core::assessment::Assurance;
use privyseal_core::event::execution::{BreakglassOutcome, RunOutcome};
use privyseal_core::event::request::{Mechanism, ReviewRecorded, Verdict};
use privyseal_core::event::{Body, Event, Text};
use privyseal_core::time::Timestamp;
use privyseal_engine::View;

use super::terms::times;
use crate::page::name;
use crate::view::moment::{Moment, span};
use crate::view::number::Count;
use crate::view::request::Entry;
use crate::view::text::Untrusted;

pub(super) fn entry(state: &View<'_>, event: &Event) -> Entry {
    let (text, tone) = told(event);
    Entry {
        seq: Count(event.seq),
        kind: event.kind().name().to_owned(),
        at: Moment::exact(event.time),
        actor: name::party(state, &event.actor.id),
        text: text.into(),
        comment: comment(&event.body).map(|text| Untrusted::from(state.words(text))),
        href: format!("/v1/ledger/entries/{}", event.seq),
        tone,
    }
}

/// Somebody's own words in an event.
fn comment(body: &Body) -> Option<&Text> {
    match body {
        Body::ReviewRecorded(review) => review.comment.as_ref(),
        Body::RequestWithdrawn(withdrawn) => withdrawn.comment.as_ref(),
        Body::BreakglassInvoked(invoked) => Some(&invoked.reason),
        Body::BreakglassReviewed(reviewed) => Some(&reviewed.comment),
        _ => None,
    }
}

/// One sentence without its full stop, and how it is marked.
fn told(event: &Event) -> (String, &'static str) {
    let plain = |text: &str, tone| (text.to_owned(), tone);
    match &event.body {
        Body::RequestSubmitted(submitted) => {
            let ticket = submitted.ticket.as_ref().map(|ticket| format!(", with a claim on ticket {ticket}")).unwrap_or_default();
            (format!("Asked through the {}{ticket}", name::channel(event.actor.channel)), "open")
        }
        Body::ReviewRecorded(review) => reviewed(review),
        Body::ReviewRefused(refused) => {
            let verb = match refused.verdict {
                Verdict::Approve => "approve",
                Verdict::Deny => "deny",
            };
            (format!("Tried to {verb} and was refused: {}", refused.reason), "bad")
        }
        Body::RequestWithdrawn(withdrawn) => match withdrawn.successor {
            Some(successor) => (format!("Put the narrower request {} in its place", successor.short()), "quiet"),
            None => plain("Withdrew the request", "quiet"),
        },
        Body::RequestReminded(reminded) => {
            let to: Vec<String> = reminded.to.iter().map(ToString::to_string).collect();
            (
                format!("Reminded {}", if to.is_empty() { "nobody: no one is left who could decide".to_owned() } else { to.join(", ") }),
                "warn",
            )
        }
        Body::RequestExpired(_) => plain("Its time was over and nobody had decided", "quiet"),
        Body::RequestEscalated(escalated) => {
            let to: Vec<String> = escalated.to.iter().map(ToString::to_string).collect();
            (format!("Asked {} too: {}", to.join(", "), escalated.reason), "warn")
        }
        Body::RequestApproved(approved) => match approved.mechanism {
            Mechanism::Automatic => plain("Policy asks for nobody’s seal; no person decided", "good"),
            Mechanism::Breakglass => plain("Let through as an emergency; nobody approved it", "warn"),
            _ if approved.persons == 1 => plain("The only slot is filled", "good"),
            _ => (format!("Every slot is filled, by {} distinct people", approved.persons), "good"),
        },
        Body::RequestDenied(denied) => match denied.mechanism {
            Mechanism::Policy => plain("A rule forbids it, so nobody was asked", "bad"),
            _ => {
                let persons: Vec<String> = denied.persons.iter().map(ToString::to_string).collect();
                (format!("Denied by {}", persons.join(", ")), "bad")
            }
        },
        Body::GrantIssued(issued) => {
            let life = issued.expires_at.seconds_since(issued.not_before);
            let times = times(issued.max_uses);
            let place = issued.audience.as_ref().map(|audience| format!(" on {audience}")).unwrap_or_default();
            (format!("{} may use it {times} within {}{place}, for this digest only", issued.subject, span(life)), "quiet")
        }
        Body::GrantRedeemed(_) => plain("The digest of what runs equals the digest that was approved", "quiet"),
        Body::GrantRefused(refused) => (format!("Refused: {}", refused.reason), "bad"),
        Body::GrantExpired(expired) => (format!("The grant ended unused at {}", minute(expired.expires_at)), "quiet"),
        Body::GrantRevoked(revoked) => (format!("Took the grant back: {}", revoked.reason), "warn"),
        Body::ExecutionStarted(started) => {
            let tool = started.tool.as_ref().map(|tool| format!(" with {tool}")).unwrap_or_default();
            let host = started.host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
            (format!("Began to run{tool}{host}"), "quiet")
        }
        Body::ExecutionFinished(finished) => {
            let code = finished.exit_code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
            match finished.outcome {
                RunOutcome::Succeeded => (format!("Ended{code}"), "good"),
                RunOutcome::Failed => (format!("Failed{code}"), "bad"),
            }
        }
        Body::ExecutionUnknown(unknown) => (format!("Nobody can say how it ended: {}", unknown.reason), "warn"),
        Body::BreakglassInvoked(invoked) => {
            (format!("Took it as an emergency; it must be judged until {}", minute(invoked.review_due_at)), "bad")
        }
        Body::BreakglassReviewed(reviewed) => match reviewed.outcome {
            BreakglassOutcome::Justified => plain("Judged the emergency justified", "good"),
            BreakglassOutcome::Unjustified => plain("Judged the emergency not justified", "bad"),
        },
        Body::AlertRaised(alert) => (format!("Alert: {}", alert.reason), "warn"),
        Body::NotificationDelivered(delivered) => {
            let told = Count(u64::try_from(delivered.recipients.len()).unwrap_or(u64::MAX)).of("person was", "people were");
            (format!("{told} told by {}", delivered.via), "quiet")
        }
        other => (other.kind().meaning().trim_end_matches('.').to_owned(), "quiet"),
    }
}

fn reviewed(review: &ReviewRecorded) -> (String, &'static str) {
    let (verb, tone) = match review.verdict {
        Verdict::Approve => ("Approved", "good"),
        Verdict::Deny => ("Denied", "bad"),
    };
    let how = match review.assurance {
        Assurance::Passkey => "with a passkey",
        Assurance::Session => "in a signed-in session",
    };
    let for_whom = review.in_place_of.as_ref().map(|delegator| format!(" in place of {}", delegator.principal)).unwrap_or_default();
    let looked = span(i64::try_from(review.display_ms / 1_000).unwrap_or(i64::MAX));
    (format!("{verb}{for_whom} {how}, after {looked} on the page"), tone)
}

fn minute(moment: Timestamp) -> String {
    format!("{} UTC", moment.minute())
}
