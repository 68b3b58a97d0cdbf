//! Keys of the log, as the log itself tells them: which may sign heads, which may sign events, and from where to where.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::ledger::{KeyEnrolled, KeyPurpose};
use crate::note::{Checkpoint, KeyId, VerifierKey};

/// A key of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyState {
    /// The public half.
    pub key: VerifierKey,
    /// First entry under the heads that it may sign; none when it was never enrolled for that.
    pub heads_from: Option<u64>,
    /// Entry from which it may sign events; none when it was never enrolled for that.
    pub events_from: Option<u64>,
    /// First entry that it may no longer sign; none while it counts.
    pub ended: Option<u64>,
}

impl KeyState {
    /// Whether it may sign the next events and heads.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.ended.is_none()
    }

    /// Whether its signature counts on a head over `size` entries, which stands at the last of them.
    #[must_use]
    pub fn may_sign_head(&self, size: u64) -> bool {
        self.heads_from.is_some_and(|from| from < size) && self.ended.is_none_or(|ended| size <= ended)
    }

    /// Whether it may sign the next heads.
    #[must_use]
    pub fn signs_heads(&self) -> bool {
        self.is_live() && self.heads_from.is_some()
    }

    /// Whether it may sign the next events.
    #[must_use]
    pub fn signs_events(&self) -> bool {
        self.is_live() && self.events_from.is_some()
    }
}

/// Every key that the log ever had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<KeyState>", into = "Vec<KeyState>")]
pub struct Keys(BTreeMap<KeyId, KeyState>);

impl From<Vec<KeyState>> for Keys {
    fn from(keys: Vec<KeyState>) -> Self {
        Self(keys.into_iter().map(|key| (key.key.id(), key)).collect())
    }
}

impl From<Keys> for Vec<KeyState> {
    fn from(keys: Keys) -> Self {
        keys.0.into_values().collect()
    }
}

impl Keys {
    /// A key by its id.
    #[must_use]
    pub fn get(&self, id: &KeyId) -> Option<&KeyState> {
        self.0.get(id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&KeyId, &KeyState)> {
        self.0.iter()
    }

    /// Whether a signed head is this one, by the signature of a key that may sign it.
    #[must_use]
    pub fn signed(&self, note: &str, head: &Checkpoint) -> bool {
        let may = self.0.values().filter(|key| key.may_sign_head(head.size));
        may.into_iter().any(|key| Checkpoint::open(note, &head.origin, &key.key).is_ok_and(|found| found == *head))
    }

    /// The key that opens the log: it signs both, from the first entry on. Text that is no key adds none; `verify` says so.
    pub(super) fn open(&mut self, text: &str) {
        if let Ok(key) = text.parse::<VerifierKey>() {
            self.0.insert(key.id(), KeyState { key, heads_from: Some(0), events_from: Some(0), ended: None });
        }
    }

    /// A key counts from the entry after its enrolment on.
    pub(super) fn enroll(&mut self, enrolled: &KeyEnrolled, seq: u64) {
        let Ok(key) = enrolled.key.parse::<VerifierKey>() else { return };
        let state = self.0.entry(key.id()).or_insert(KeyState { key, heads_from: None, events_from: None, ended: None });
        match enrolled.purpose {
            KeyPurpose::Log => state.heads_from = state.heads_from.or(Some(seq + 1)),
            KeyPurpose::Node => state.events_from = state.events_from.or(Some(seq + 1)),
        }
    }

    /// A key counts no more from `from` on. What ended earlier stays ended earlier.
    pub(super) fn end(&mut self, id: &str, from: u64) {
        if let Some(state) = id.parse().ok().and_then(|id: KeyId| self.0.get_mut(&id)) {
            state.ended = Some(state.ended.map_or(from, |ended| ended.min(from)));
        }
    }
}
