//! The state as people who may see hidden values see it.
//!
//! The state itself holds commitments only, so that nothing made of it (a clone, a snapshot on disk) keeps a value alive that was erased.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use privyseal_core::cause::chain;
use privyseal_core::digest::Digest;
use privyseal_core::event::Text;
use privyseal_core::hidden::{self, Salt};
use privyseal_core::state::State;
use privyseal_core::time::Timestamp;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::private::{Found, PrivateError, PrivateStore as _, SqlitePrivate};
use serde_json::Value;

/// Values kept in memory between pages.
const MAX_CACHED: usize = 8_192;
/// Longer values are read anew each time.
const MAX_CACHED_BYTES: usize = 4_096;

/// Openings as readers see them, beside the writer.
pub(crate) struct Disclosures(Mutex<Inner>);

struct Inner {
    store: SqlitePrivate,
    /// INVARIANT: filled and emptied under the same lock as the store is read, so that nothing erased is put back by a reader that was late.
    cache: BTreeMap<Digest, (Salt, Value)>,
}

impl Disclosures {
    pub(crate) fn open(layout: &Layout) -> Result<Self, PrivateError> {
        Ok(Self(Mutex::new(Inner { store: SqlitePrivate::open_read_only(&layout.private())?, cache: BTreeMap::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whoever panicked while holding it left a cache that is at worst incomplete.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, commitment: &Digest) -> Found {
        let mut inner = self.lock();
        if let Some((salt, value)) = inner.cache.get(commitment) {
            return Found::Clear(*salt, value.clone());
        }
        match inner.store.find(commitment) {
            Ok(Found::Clear(salt, value)) => {
                if value.as_str().is_some_and(|text| text.len() <= MAX_CACHED_BYTES) {
                    if inner.cache.len() >= MAX_CACHED {
                        inner.cache.clear();
                    }
                    inner.cache.insert(*commitment, (salt, value.clone()));
                }
                Found::Clear(salt, value)
            }
            Ok(other) => other,
            Err(error) => {
                // Shown as hidden; nobody can approve what nobody can see.
                tracing::error!(hidden.error = %chain(&error), "a hidden value cannot be read");
                Found::Unknown
            }
        }
    }

    /// Forgets what is in memory, after an erasure.
    pub(crate) fn forget(&self) {
        self.lock().cache.clear();
    }
}

/// A text as it can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// It can be read.
    Clear(String),
    /// It was erased then.
    Erased(Timestamp),
    /// It is hidden, and what opens it is not here.
    Hidden(Digest),
}

impl Words {
    /// The text, when it can be read.
    #[must_use]
    pub fn clear(&self) -> Option<&str> {
        match self {
            Words::Clear(text) => Some(text),
            Words::Erased(_) | Words::Hidden(_) => None,
        }
    }

    /// The text, or one sentence in brackets that says why there is none: never nothing.
    #[must_use]
    pub fn or_why_not(&self) -> String {
        match self {
            Words::Clear(text) => text.clone(),
            Words::Erased(at) => format!("(erased on {})", at.date()),
            Words::Hidden(commitment) => format!("(hidden, commitment {})", commitment.short()),
        }
    }
}

/// The state, and what opens its hidden values.
pub struct View<'a> {
    state: &'a State,
    disclosures: &'a Disclosures,
}

impl Deref for View<'_> {
    type Target = State;
    fn deref(&self) -> &State {
        self.state
    }
}

impl<'a> View<'a> {
    pub(crate) fn new(state: &'a State, disclosures: &'a Disclosures) -> Self {
        Self { state, disclosures }
    }

    /// What opens a commitment.
    #[must_use]
    pub fn find(&self, commitment: &Digest) -> Found {
        self.disclosures.find(commitment)
    }

    /// A text as it can be shown.
    #[must_use]
    pub fn words(&self, text: &Text) -> Words {
        let commitment = match text {
            Text::Clear(text) => return Words::Clear(text.clone()),
            Text::Hidden { commitment } => *commitment,
        };
        match self.find(&commitment) {
            Found::Clear(_, Value::String(text)) => Words::Clear(text),
            Found::Erased(at) => Words::Erased(at),
            Found::Clear(..) | Found::Unknown => Words::Hidden(commitment),
        }
    }

    /// A JSON value with its hidden members opened, and what could not be opened: pointer and why, in brackets.
    #[must_use]
    pub fn open(&self, value: &Value) -> (Value, Vec<(String, String)>) {
        let (mut open, mut closed) = (value.clone(), Vec::new());
        for (pointer, commitment) in hidden::members(value) {
            let Some(place) = open.pointer_mut(&pointer) else { continue };
            match self.find(&commitment) {
                Found::Clear(_, value) => *place = value,
                Found::Erased(at) => closed.push((pointer, Words::Erased(at).or_why_not())),
                Found::Unknown => closed.push((pointer, Words::Hidden(commitment).or_why_not())),
            }
        }
        (open, closed)
    }
}
