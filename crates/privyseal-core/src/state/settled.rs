//! What leaves the state: requests to which nothing can happen any more, and idempotency keys that are old enough.
//!
//! The rule looks at nothing but events and their times, so that every fold of the same log forgets the same, from its beginning or
//! from a snapshot. A settled request never changes again; whoever names one gets it folded from its own entries ([`State::recall`]).

use std::sync::Arc;

use super::State;
use crate::event::Event;
use crate::id::RequestId;
use crate::request::Request;
use crate::time::Timestamp;

/// How long a settled request stays in the state at least, so that those who wait for it do not have to read the log.
pub const SETTLED_SECONDS: i64 = 3_600;
/// Most settled requests in the state, whatever their age. 4 KiB each is typical.
pub const MAX_SETTLED: usize = 4_096;
/// How long after its request has settled an idempotency key is known; after that the same key asks for a new request.
pub const KEY_SECONDS: i64 = 86_400;

/// Most idempotency keys of settled requests, whatever their age.
pub const MAX_KEYS: usize = 262_144;

impl State {
    pub(super) fn is_settled(&self, id: &RequestId) -> bool {
        self.requests.get(id).is_some_and(|request| request.is_settled())
    }

    pub(super) fn settle(&mut self, id: RequestId, at: Timestamp) {
        self.settled.push_back((at, id));
        let submitted = self.requests.get(&id).map(|request| &request.submitted);
        if let Some((key, submitted)) = submitted.and_then(|submitted| Some((submitted.idempotency_sha256?, submitted))) {
            self.settled_keys.push_back((at, submitted.requester.principal.clone(), key));
        }
    }

    /// Lets go of what is old enough at `now`, the time of an event.
    pub(super) fn forget(&mut self, now: Timestamp) {
        let kept_since = now.plus_seconds(-SETTLED_SECONDS);
        while self.settled.len() > MAX_SETTLED || self.settled.front().is_some_and(|(at, _)| *at <= kept_since) {
            if let Some(request) = self.settled.pop_front().and_then(|(_, id)| self.requests.remove(&id)) {
                self.drop_indexes(&request);
            }
        }
        let known_since = now.plus_seconds(-KEY_SECONDS);
        while self.settled_keys.len() > MAX_KEYS || self.settled_keys.front().is_some_and(|(at, ..)| *at <= known_since) {
            if let Some((_, principal, key)) = self.settled_keys.pop_front() {
                self.idempotency.remove(&(principal, key));
            }
        }
    }

    fn drop_indexes(&mut self, request: &Request) {
        if let Some(grant) = request.granted() {
            self.grants.remove(&grant.issued.grant_id);
            for run in grant.runs.keys() {
                self.executions.remove(run);
            }
        }
    }

    pub(super) fn add_indexes(&mut self, request: &Request) {
        if let Some(grant) = request.granted() {
            self.grants.insert(grant.issued.grant_id, request.id);
            self.executions.extend(grant.runs.keys().map(|run| (*run, request.id)));
        }
    }

    /// A request from its own events, in their order: what the state held of it when the last of them was applied. `None` when they do
    /// not begin with its submission.
    #[must_use]
    pub fn recall(events: &[Event]) -> Option<Request> {
        let id = events.first()?.request_id?;
        let mut state = State::default();
        for event in events.iter().filter(|event| event.request_id == Some(id)) {
            state.apply_to_request(id, event);
        }
        state.requests.remove(&id).map(Arc::unwrap_or_clone)
    }

    /// Looks at the state as if a settled request had never left it. A request that is in the state, or that is not settled, is not
    /// taken from outside: then the state knows better.
    pub fn with_recalled<T>(&mut self, recalled: Option<Arc<Request>>, look: impl FnOnce(&State) -> T) -> T {
        let Some(request) = recalled.filter(|request| request.is_settled() && !self.requests.contains_key(&request.id)) else {
            return look(self);
        };
        self.add_indexes(&request);
        self.requests.insert(request.id, Arc::clone(&request));
        let seen = look(self);
        self.requests.remove(&request.id);
        self.drop_indexes(&request);
        seen
    }
}
