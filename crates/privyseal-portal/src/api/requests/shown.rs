//! A request as the API shows it: what was asked, what the server found out beside what the requester claims, and what came of it.

use privyseal_core::event::request::{Party, Submitted};
use privyseal_core::hidden;
use privyseal_core::request::{Execution, ExecutionPhase, Grant, Phase, Request, Review};
use privyseal_core::requirement::Requirement;
use privyseal_core::time::Timestamp;
use privyseal_engine::View;
use privyseal_ledger::private::Found;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::auth::Caller;

/// The request as this caller may see it.
pub(super) fn render(app: &App, state: &View<'_>, request: &Request, caller: &Caller, now: Timestamp) -> Value {
    let submitted = &request.submitted;
    let assessment = &submitted.assessment;
    let (action, hidden) = opened(state, request, caller);
    let facts = facts(submitted, &action);
    let (decided_at, mechanism) = match &request.phase {
        Phase::Approved { at, mechanism, .. } | Phase::Denied { at, mechanism } => (Some(*at), Some(*mechanism)),
        Phase::Pending | Phase::Expired { .. } | Phase::Cancelled { .. } => (None, None),
    };
    let successor = match &request.phase {
        Phase::Cancelled { successor, .. } => *successor,
        _ => None,
    };
    let mut shown = json!({
        "id": request.id, "state": request.state().as_str(), "action": action, "hidden": hidden, "action_digest": submitted.action_digest,
        "requester": submitted.requester.principal, "executor": submitted.executor.as_ref().map(principal),
        "on_behalf_of": submitted.on_behalf_of.as_ref().map(principal), "audience": submitted.audience, "limits": submitted.action.limits,
        "batch": submitted.batch, "previous_request": submitted.previous_request,
        "narrowed_by": submitted.narrowed_by.as_ref().map(principal), "successor": successor,
        "justification": state.words(&submitted.justification).or_why_not(), "submitted_at": request.submitted_at,
        "expires_at": submitted.expires_at, "risk": {"score": assessment.risk, "tier": assessment.tier, "factors": assessment.factors},
        "advice": assessment.advice, "facts": facts, "missing": assessment.missing, "requirement": slots(request.requirement()),
        "requirement_text": request.requirement().to_string(), "escalation": escalation(request),
        "reminded": request.reminded.map(|(number, at)| json!({"number": number, "at": at})), "policy": assessment.policy,
        "reviews": request.reviews.iter().map(|given| review(state, given)).collect::<Vec<_>>(),
        "url": app.url(&format!("/requests/{}", request.id)),
    });
    let Some(members) = shown.as_object_mut() else { return shown };
    if let (Some(at), Some(mechanism)) = (decided_at, mechanism) {
        members.insert("decided_at".to_owned(), json!(at));
        members.insert("mechanism".to_owned(), json!(mechanism));
    }
    if let Some(granted) = request.granted() {
        members.insert("grant".to_owned(), grant(granted, caller, now));
        members.insert("execution".to_owned(), execution(granted));
    }
    shown
}

fn principal(party: &Party) -> Value {
    json!(party.principal)
}

/// The ways to satisfy a requirement, each a list of places.
fn slots(requirement: &Requirement) -> Vec<Value> {
    let slots = |slots: &[privyseal_core::requirement::Slot]| -> Value {
        let of = |slot: &privyseal_core::requirement::Slot| slot.of.iter().map(ToString::to_string).collect::<Vec<_>>();
        slots.iter().map(|slot| json!({"count": slot.count, "of": of(slot)})).collect()
    };
    requirement.alternatives().iter().map(|alternative| slots(alternative)).collect()
}

fn escalation(request: &Request) -> Option<Value> {
    let escalation = request.submitted.assessment.escalation.as_ref()?;
    let due = request.submitted_at.plus_seconds(escalation.after_seconds);
    Some(json!({
        "after_seconds": escalation.after_seconds, "requirement_text": escalation.requirement.to_string(),
        "at": request.escalated_at.unwrap_or(due), "happened": request.escalated_at.is_some(),
    }))
}

fn review(state: &View<'_>, review: &Review) -> Value {
    let body = &review.body;
    json!({
        "reviewer": body.reviewer.principal, "in_place_of": body.in_place_of.as_ref().map(principal), "delegation": body.delegation,
        "verdict": body.verdict, "comment": body.comment.as_ref().map(|comment| state.words(comment).or_why_not()), "at": review.at,
    })
}

/// The grant is its executor's to use; others see that there is one.
fn grant(grant: &Grant, caller: &Caller, now: Timestamp) -> Value {
    let issued = &grant.issued;
    let theirs = issued.subject == caller.identity.principal;
    let used = u64::try_from(grant.executions.len()).unwrap_or(u64::MAX);
    json!({
        "id": theirs.then_some(issued.grant_id), "subject": issued.subject, "audience": issued.audience, "expires_at": issued.expires_at,
        "max_uses": issued.max_uses, "uses_left": issued.max_uses.saturating_sub(used), "open": grant.is_open(now), "token": null,
    })
}

/// Puts the signed token into the answer about one request, for whoever may redeem it. A token of a grant that nobody can use any more
/// would only look like a right.
///
/// Not for a caller that holds the state: the engine reads it again.
pub(super) fn add_token(app: &App, shown: &mut Value, request: &Request, caller: &Caller, now: Timestamp) {
    let may_redeem = |grant: &&Grant| grant.issued.subject == caller.identity.principal && grant.is_open(now);
    if request.granted().filter(may_redeem).is_some()
        && let Some(place) = shown.pointer_mut("/grant/token")
    {
        *place = json!(app.engine().grant_token(request));
    }
}

/// The last run; `run_until` is the moment at which a run of which nobody hears counts as unknown.
fn execution(grant: &Grant) -> Value {
    let Some((id, execution)) = grant.last_run() else { return json!({"state": "unused"}) };
    let run_until = |execution: &Execution| {
        let seconds = grant.issued.run_seconds.filter(|_| execution.phase == ExecutionPhase::Running)?;
        Some(execution.started_at.plus_seconds(seconds))
    };
    json!({"id": id, "state": execution.phase.as_str(), "started_at": execution.started_at, "run_until": run_until(execution)})
}

/// What the decision rests on. `derived`: the server found it out. `claimed`: the requester says so, and nobody has checked it.
fn facts(submitted: &Submitted, action: &Value) -> Value {
    let mut derived: Map<String, Value> = submitted.assessment.facts.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let catalogued = [
        ("environment", submitted.environment.as_deref()),
        ("data_class", submitted.data_class.as_deref()),
        ("change_class", Some(submitted.change_class.as_str())),
        ("reversibility", Some(submitted.reversibility.as_str())),
    ];
    derived.extend(catalogued.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?)))));
    let mut claimed = Map::new();
    for (name, pointer) in [("resource.attributes", "/resource/attributes"), ("parameters", "/parameters")] {
        for (member, value) in action.pointer(pointer).and_then(Value::as_object).into_iter().flatten() {
            claimed.insert(format!("{name}.{member}"), value.clone());
        }
    }
    let said = [
        ("ticket", submitted.ticket.as_ref().map(|ticket| json!(ticket))),
        ("significant_change", submitted.significant_change.map(Value::Bool)),
        ("authors", (!submitted.authors.is_empty()).then(|| json!(submitted.authors))),
        ("audience", submitted.audience.as_ref().map(|audience| json!(audience))),
        ("model", submitted.claimed_model.as_ref().map(|claimed| json!(claimed))),
    ];
    claimed.extend(said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let listed = |facts: Map<String, Value>, source: &str| {
        facts.into_iter().map(|(name, value)| json!({"name": name, "value": value, "source": source})).collect::<Vec<_>>()
    };
    let mut facts = listed(derived, "derived");
    facts.extend(listed(claimed, "claimed"));
    Value::Array(facts)
}

/// The action with its hidden values opened, and which those are. With the salts, which only the requester and whoever runs it are given,
/// they compute the same digest from what is about to run: a changed secret changes it.
fn opened(state: &View<'_>, request: &Request, caller: &Caller) -> (Value, Vec<Value>) {
    let recorded = serde_json::to_value(&request.submitted.action).unwrap_or_default();
    let (action, _) = state.open(&recorded);
    let me = &caller.identity.principal;
    let runs_it = request.submitted.requester.principal == *me || request.runner() == me;
    let hidden = hidden::members(&recorded).into_iter().map(|(pointer, commitment)| {
        let (salt, erased_at) = match state.find(&commitment) {
            Found::Clear(salt, _) => (Some(salt).filter(|_| runs_it), None),
            Found::Erased(at) => (None, Some(at)),
            Found::Unknown => (None, None),
        };
        json!({"pointer": format!("/body{pointer}"), "commitment": commitment, "salt": salt, "erased_at": erased_at})
    });
    (action, hidden.collect())
}
