//! Requests that have left the state, folded again from their own entries. They are settled: what is read once is true for ever.

use std::collections::VecDeque;
use std::sync::Arc;

use privyseal_core::command::Named;
use privyseal_core::event::{Body, Event, Kind};
use privyseal_core::id::RequestId;
use privyseal_core::request::Request;
use privyseal_core::state::State;
use privyseal_core::time::Timestamp;
use privyseal_ledger::log::{LogError, LogReader, Walk};
use privyseal_ledger::store::Store;

use crate::error::EngineError;
use crate::handle::Engine;

const STEP: usize = 64;
/// Requests that [`Recalled`] keeps.
const KEPT: usize = 64;

/// A named request as the log tells it; `None` when no entry is about it.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn recall(log: &dyn LogReader, named: Named) -> Result<Option<Arc<Request>>, LogError> {
    let request = match named {
        Named::Request(id) => Some(id),
        Named::Grant(id) => {
            let issues = |body: &Body| matches!(body, Body::GrantIssued(issued) if issued.grant_id == id);
            made_at(log, id.millis(), issues)?
        }
        Named::Execution(id) => {
            let starts = |body: &Body| matches!(body, Body::ExecutionStarted(started) if started.execution_id == id);
            made_at(log, id.millis(), starts)?
        }
    };
    let Some(request) = request else { return Ok(None) };
    let events: Vec<Event> = log.entries_of_request(&request)?.iter().filter_map(|stored| Event::from_entry(&stored.entry).ok()).collect();
    Ok(State::recall(&events).map(Arc::new))
}

/// The settled requests that the writer recalled last, so that a grant which somebody tries again and again is read once.
#[derive(Default)]
pub(crate) struct Recalled(VecDeque<Arc<Request>>);

impl Recalled {
    /// As [`recall`], from memory when it is there. What is not settled is not kept: it can still change.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) fn recall(&mut self, log: &dyn LogReader, named: Named) -> Result<Option<Arc<Request>>, LogError> {
        let is_named = |request: &&Arc<Request>| match named {
            Named::Request(id) => request.id == id,
            Named::Grant(id) => request.grant() == Some(id),
            Named::Execution(id) => request.granted().is_some_and(|grant| grant.runs.contains_key(&id)),
        };
        if let Some(request) = self.0.iter().find(is_named) {
            return Ok(Some(Arc::clone(request)));
        }
        let found = recall(log, named)?.filter(|request| request.is_settled());
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.extend(found.clone());
        Ok(found)
    }
}

/// The request of the entry that made an id. An id begins with the millisecond of its entry, and times in the log never go back, so a
/// binary search finds the few entries that can have made it; no store needs an index for that.
fn made_at(log: &dyn LogReader, millis: u64, makes: impl Fn(&Body) -> bool) -> Result<Option<RequestId>, LogError> {
    let mut low = first_since(log, millis)?;
    loop {
        let entries = log.entries(low, STEP)?;
        for stored in &entries {
            let Ok(event) = Event::from_entry(&stored.entry) else { continue };
            if millis_of(&event) > millis {
                return Ok(None);
            }
            if makes(&event.body) {
                return Ok(event.request_id);
            }
        }
        match entries.last() {
            Some(last) => low = last.seq + 1,
            None => return Ok(None),
        }
    }
}

fn millis_of(event: &Event) -> u64 {
    u64::try_from(event.time.micros().div_euclid(1_000)).unwrap_or(0)
}

/// Position of the first entry that is not before a moment; the size of the log when all are.
fn first_since(log: &dyn LogReader, millis: u64) -> Result<u64, LogError> {
    let (mut low, mut high) = (0, log.head()?.map_or(0, |head| head.edge.size()));
    while low < high {
        let middle = low + (high - low) / 2;
        let event = log.entries(middle, 1)?.first().and_then(|stored| Event::from_entry(&stored.entry).ok());
        if event.is_some_and(|event| millis_of(&event) < millis) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// Where a list of requests begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// At the newest, towards older ones.
    Newest,
    /// At this moment (that is not part of it), towards older ones.
    Until(Timestamp),
    /// Beside this one, towards older ones.
    Before(RequestId),
    /// Beside this one, towards newer ones.
    After(RequestId),
}

impl Engine {
    /// A request of any age. What has left the state is read from the log: not for the runtime's own threads, unless
    /// [`Engine::known`] has just found it.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn request(&self, named: Named) -> Result<Option<Arc<Request>>, EngineError> {
        match self.known(named) {
            Some(request) => Ok(Some(request)),
            None => self.reader().and_then(|log| recall(log.as_ref(), named)).map_err(EngineError::unreadable),
        }
    }

    /// A request that is in the state: one to which something can still happen, or that settled lately.
    #[must_use]
    pub fn known(&self, named: Named) -> Option<Arc<Request>> {
        self.read(|state| state.named(named).cloned())
    }

    /// At most `most` requests of any age in the order of their submission, beginning at the cursor and in its direction; fewer only when
    /// there are no more. Reads the log: not for the runtime's own threads.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn requests(&self, cursor: Cursor, most: usize) -> Result<Vec<Arc<Request>>, EngineError> {
        let read = || {
            let log = self.reader()?;
            // An id that names no request has no place in the order: the list is then empty, not another one.
            let place = |id| recall(log.as_ref(), Named::Request(id)).map(|request| request.map(|request| request.seq));
            let walk = match cursor {
                Cursor::Newest => Walk::NewestBefore(u64::MAX),
                Cursor::Until(end) => {
                    let millis = u64::try_from(end.micros().div_euclid(1_000)).unwrap_or(0);
                    Walk::NewestBefore(first_since(log.as_ref(), millis)?)
                }
                Cursor::Before(id) => Walk::NewestBefore(place(id)?.unwrap_or(0)),
                Cursor::After(id) => Walk::OldestAfter(place(id)?.unwrap_or(u64::MAX)),
            };
            let mut requests = Vec::new();
            for stored in log.walk(Kind::RequestSubmitted, walk, most)? {
                let Some(id) = Event::from_entry(&stored.entry).ok().and_then(|event| event.request_id) else { continue };
                let named = Named::Request(id);
                let found = self.known(named).map_or_else(|| recall(log.as_ref(), named), |request| Ok(Some(request)))?;
                requests.extend(found);
            }
            Ok(requests)
        };
        read().map_err(EngineError::unreadable)
    }

    fn reader(&self) -> Result<Box<dyn LogReader>, LogError> {
        Store::of(self.layout()).reader()
    }
}
