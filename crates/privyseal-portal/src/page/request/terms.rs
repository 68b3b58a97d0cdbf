//! What is said of a request beside its action: who runs it, where, how often; whom it asks later; what came before and after it.

use privyseal_core::assessment::Advice;
use privyseal_core::id::{PrincipalId, RequestId};
use privyseal_core::request::{Phase, Request};
use privyseal_core::time::Timestamp;
use privyseal_engine::View;

use super::less::bounds;
use crate::page::name;
use crate::view::moment::span;
use crate::view::number::Count;
use crate::view::request::Term;

/// How often something may run.
pub(super) fn times(uses: u64) -> String {
    if uses == 1 { "once".to_owned() } else { format!("{} times", Count(uses)) }
}

pub(super) fn terms(state: &View<'_>, request: &Request, now: Timestamp) -> Vec<Term> {
    let submitted = &request.submitted;
    let mut terms: Vec<Term> = Vec::new();
    let mut say = |name: &'static str, value: String, href: Option<RequestId>| {
        terms.push(Term { name, value: value.into(), href: href.map(|id| format!("/requests/{id}")) });
    };
    let named = |principal: &PrincipalId| format!("{} ({principal})", name::party(state, principal).name.verbatim());
    if let Some(executor) = &submitted.executor {
        say("Runs it", named(&executor.principal), None);
    }
    if let Some(audience) = &submitted.audience {
        say("Only on", audience.clone(), None);
    }
    let (seconds, uses) = bounds(submitted);
    if uses > 1 || submitted.action.limits.is_some() {
        say("Grant", format!("{}, within {}", times(uses), span(seconds)), None);
    }
    if let Some(escalation) = &submitted.assessment.escalation {
        let due = request.submitted_at.plus_seconds(escalation.after_seconds);
        match request.escalated_at {
            Some(at) => say("More people asked", format!("{}, since {}", escalation.requirement, minute(at)), None),
            None if matches!(request.phase, Phase::Pending) && now < submitted.expires_at => {
                say("Asks more people", format!("{}, from {}", escalation.requirement, minute(due)), None);
            }
            None => {}
        }
    }
    if let Some((number, at)) = request.reminded {
        say("Reminded", format!("{}, last {}", times(number), minute(at)), None);
    }
    if let Some(advice) = &submitted.assessment.advice {
        say("Outside advisor", advised(advice), None);
    }
    if let Some(batch) = &submitted.batch {
        say("Came in the batch", batch.clone(), None);
    }
    if let Some(previous) = submitted.previous_request {
        let name = if submitted.narrowed_by.is_some() { "Narrower than" } else { "Repeats, it says" };
        say(name, previous.short(), Some(previous));
    }
    if let Some(reviewer) = &submitted.narrowed_by {
        say("Narrowed by", named(&reviewer.principal), None);
    }
    if let Phase::Cancelled { successor: Some(successor), .. } = &request.phase {
        say("In its place", successor.short(), Some(*successor));
    }
    for review in &request.reviews {
        if let Some(delegator) = &review.body.in_place_of {
            let decided = format!("{} decides in place of {}", named(&review.body.reviewer.principal), named(&delegator.principal));
            say("Delegation", decided, None);
        }
    }
    terms
}

fn advised(advice: &Advice) -> String {
    match &advice.failure {
        Some(failure) => format!("{} advised nothing: {failure}", advice.advisor),
        None => format!("{} adds {}: {}", advice.advisor, advice.points, advice.because),
    }
}

fn minute(moment: Timestamp) -> String {
    format!("{} UTC", moment.minute())
}
