//! Comparing what follows with what is recorded, member by member; what is random or hidden is put in its place first.

use serde_json::{Value, json};

use super::Difference;
use crate::event::{Body, Draft, Event, Text};
use crate::id::{ExecutionId, GrantId, RequestId};
use crate::state::State;

/// Longest value that a difference shows, in characters.
const MAX_SHOWN: usize = 240;

/// Ids drawn again, and those of the entries in their place.
#[derive(Default)]
pub(super) struct Names {
    request: Option<(RequestId, RequestId)>,
    grant: Option<(GrantId, GrantId)>,
    execution: Option<(ExecutionId, ExecutionId)>,
}

impl Names {
    /// Puts the recorded ids into a draft, and learns those that the entry draws.
    pub(super) fn put(&mut self, draft: &mut Draft, event: &Event) {
        if let (Body::RequestSubmitted(_), Some(drawn), Some(recorded)) = (&draft.body, draft.request_id, event.request_id) {
            // The successor of a request that was narrowed is named before it comes.
            self.request.get_or_insert((drawn, recorded));
        }
        if let Some((drawn, recorded)) = self.request
            && draft.request_id == Some(drawn)
        {
            draft.request_id = Some(recorded);
        }
        match (&mut draft.body, &event.body) {
            (Body::GrantIssued(drawn), Body::GrantIssued(recorded)) => {
                self.grant = Some((drawn.grant_id, recorded.grant_id));
                (drawn.grant_id, drawn.nonce) = (recorded.grant_id, recorded.nonce.clone());
            }
            (Body::RequestWithdrawn(drawn), Body::RequestWithdrawn(recorded)) => {
                self.request = drawn.successor.zip(recorded.successor);
                drawn.successor = drawn.successor.map(|id| put(self.request, id));
            }
            (Body::DelegationMade(drawn), Body::DelegationMade(recorded)) => drawn.delegation.clone_from(&recorded.delegation),
            (Body::BreakglassInvoked(drawn), _) => drawn.grant_id = put(self.grant, drawn.grant_id),
            (Body::AlertRaised(drawn), _) => {
                if let Some((from, to)) = self.grant {
                    drawn.alert = drawn.alert.replace(&from.to_string(), &to.to_string());
                }
            }
            (Body::GrantRedeemed(drawn), Body::GrantRedeemed(recorded)) => {
                self.execution = Some((drawn.execution_id, recorded.execution_id));
                drawn.execution_id = recorded.execution_id;
            }
            (Body::ExecutionStarted(drawn), _) => drawn.execution_id = put(self.execution, drawn.execution_id),
            (Body::ExecutionFinished(drawn), _) => drawn.execution_id = put(self.execution, drawn.execution_id),
            _ => {}
        }
    }
}

fn put<Id: PartialEq>(name: Option<(Id, Id)>, id: Id) -> Id {
    match name {
        Some((drawn, recorded)) if drawn == id => recorded,
        _ => id,
    }
}

/// A text that is recorded hidden was opened, and checked against its commitment then, or it is gone: nothing is left to compare.
fn hide(drawn: &mut Text, recorded: &Text) {
    if matches!(recorded, Text::Hidden { .. }) {
        drawn.clone_from(recorded);
    }
}

fn hide_if_any(drawn: &mut Option<Text>, recorded: Option<&Text>) {
    if let (Some(drawn), Some(recorded)) = (drawn.as_mut(), recorded) {
        hide(drawn, recorded);
    }
}

/// What is recorded beside the decision and cannot be told from the log.
fn put_beside(drawn: &mut Body, recorded: &Body) {
    match (drawn, recorded) {
        (Body::RequestSubmitted(drawn), Body::RequestSubmitted(recorded)) => {
            hide(&mut drawn.justification, &recorded.justification);
            drawn.idempotency_sha256 = recorded.idempotency_sha256;
            // Told apart: another evaluator is no wrong decision.
            drawn.assessment.evaluator.clone_from(&recorded.assessment.evaluator);
        }
        (Body::RequestWithdrawn(drawn), Body::RequestWithdrawn(recorded)) => hide_if_any(&mut drawn.comment, recorded.comment.as_ref()),
        (Body::ReviewRecorded(drawn), Body::ReviewRecorded(recorded)) => hide_if_any(&mut drawn.comment, recorded.comment.as_ref()),
        (Body::BreakglassInvoked(drawn), Body::BreakglassInvoked(recorded)) => hide(&mut drawn.reason, &recorded.reason),
        (Body::BreakglassReviewed(drawn), Body::BreakglassReviewed(recorded)) => hide(&mut drawn.comment, &recorded.comment),
        (Body::AccessReviewRecorded(drawn), Body::AccessReviewRecorded(recorded)) => {
            hide_if_any(&mut drawn.comment, recorded.comment.as_ref());
        }
        _ => {}
    }
}

/// What differs between a draft, with its ids in place, and the entry of the same kind.
pub(super) fn compare(state: &State, mut draft: Draft, event: &Event) -> Vec<Difference> {
    put_beside(&mut draft.body, &event.body);
    let mut found = Vec::new();
    used_twice(state, event, &mut found);
    if draft.actor != event.actor || draft.request_id != event.request_id || draft.body != event.body {
        let recorded = json!({"actor": event.actor, "request_id": event.request_id, "body": members(&event.body)});
        let follows = json!({"actor": draft.actor, "request_id": draft.request_id, "body": members(&draft.body)});
        walk("", Some(&recorded), Some(&follows), &mut found);
    }
    let difference = |(what, recorded, follows)| {
        let what = format!("{}: {what}", event.kind().name());
        Difference { seq: event.seq, request: event.request_id, what, recorded, follows }
    };
    found.into_iter().map(difference).collect()
}

type Found = (String, String, String);

/// Ids and keys that stand for one thing only.
fn used_twice(state: &State, event: &Event, found: &mut Vec<Found>) {
    let mut twice = |what: &str, recorded: String, taken: Option<RequestId>| {
        if let Some(request) = taken {
            found.push((what.to_owned(), recorded, format!("another one: it stands for request {request} already")));
        }
    };
    match &event.body {
        Body::RequestSubmitted(submitted) => {
            let key = submitted.idempotency_sha256.map(|key| (submitted.requester.principal.clone(), key));
            let used = key.as_ref().and_then(|key| state.idempotency.get(key)).map(|used| used.request);
            twice("body.idempotency_sha256", key.map(|(_, key)| key.to_string()).unwrap_or_default(), used);
            let id = event.request_id.filter(|id| state.requests.contains_key(id));
            twice("request_id", id.map(|id| id.to_string()).unwrap_or_default(), id);
        }
        Body::GrantIssued(issued) => twice("body.grant_id", issued.grant_id.to_string(), state.grants.get(&issued.grant_id).copied()),
        Body::GrantRedeemed(redeemed) => {
            twice("body.execution_id", redeemed.execution_id.to_string(), state.executions.get(&redeemed.execution_id).copied());
        }
        _ => {}
    }
}

fn members(body: &Body) -> Value {
    body.to_members().map(Value::Object).unwrap_or_default()
}

fn walk(at: &str, recorded: Option<&Value>, follows: Option<&Value>, found: &mut Vec<Found>) {
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    match (recorded, follows) {
        (Some(one), Some(other)) if one == other => {}
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let names: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            names.into_iter().for_each(|name| walk(&below(name), one.get(name), other.get(name), found));
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) if one.len() == other.len() => {
            one.iter().zip(other).enumerate().for_each(|(index, (one, other))| {
                walk(&below(&index.to_string()), Some(one), Some(other), found);
            });
        }
        (None, None) => {}
        _ => found.push((at.to_owned(), shown(recorded), shown(follows))),
    }
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None => return "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let (most, whole) = (text.chars().take(MAX_SHOWN).collect::<String>(), text.chars().nth(MAX_SHOWN).is_none());
    if whole { most } else { format!("{most} …") }
}
