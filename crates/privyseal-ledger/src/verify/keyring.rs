//! Which keys may sign what, entry by entry, and what a key's compromise leaves in doubt.

use privyseal_core::event::ledger::KeyPurpose;
use privyseal_core::note::{KeyId, Note, NoteError, VerifierKey};
use serde::{Deserialize, Serialize};

/// A key with the entries for which it counts. Kept in progress files, hence its serialised form.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Held {
    /// Verifier-key text.
    key: String,
    log: bool,
    node: bool,
    from: u64,
    until: Option<u64>,
    /// The last entry that it signed, or head that only it signed: all that is needed to say later what its compromise touches.
    last_used: Option<u64>,
    /// The entry that says it was stolen.
    stolen_at: Option<u64>,
}

/// A range that a compromised key signed and nobody else vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Doubt {
    pub(super) key_id: String,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) revoked_at: u64,
}

/// The keys that the log has named so far.
#[derive(Default)]
pub(super) struct Keyring {
    held: Vec<(VerifierKey, Held)>,
    doubts: Vec<Doubt>,
}

/// The serialised form of a [`Keyring`].
#[derive(Serialize, Deserialize)]
pub(super) struct Saved {
    held: Vec<Held>,
    doubts: Vec<Doubt>,
}

impl Keyring {
    pub(super) fn save(&self) -> Saved {
        Saved { held: self.held.iter().map(|(_, held)| held.clone()).collect(), doubts: self.doubts.clone() }
    }

    pub(super) fn load(saved: Saved) -> Option<Self> {
        let held: Option<Vec<_>> = saved.held.into_iter().map(|held| Some((held.key.parse().ok()?, held))).collect();
        Some(Self { held: held?, doubts: saved.doubts })
    }

    /// The first key: signs both heads and events.
    pub(super) fn open(&mut self, key: VerifierKey) {
        self.add(key, true, true, 0);
    }

    pub(super) fn enroll(&mut self, key: VerifierKey, purpose: KeyPurpose, seq: u64) {
        let log = purpose == KeyPurpose::Log;
        self.add(key, log, !log, seq + 1);
    }

    fn add(&mut self, key: VerifierKey, log: bool, node: bool, from: u64) {
        let held = Held { key: key.to_string(), log, node, from, until: None, last_used: None, stolen_at: None };
        self.held.push((key, held));
    }

    /// Ends a key in good order, with the entry that says so.
    pub(super) fn retire(&mut self, key_id: &str, seq: u64) {
        self.end(key_id, seq + 1);
    }

    /// Ends a key; `since` is the first entry from which others may have had it.
    pub(super) fn revoke(&mut self, key_id: &str, since: Option<u64>, seq: u64) {
        if let (Some(since), Ok(id)) = (since, key_id.parse::<KeyId>()) {
            let used = self.held.iter().filter(|(key, _)| key.id() == id).filter_map(|(_, held)| held.last_used).max();
            if let Some(last) = used.filter(|last| *last >= since) {
                self.doubts.push(Doubt { key_id: key_id.to_owned(), first: since, last, revoked_at: seq });
            }
            self.held.iter_mut().filter(|(key, _)| key.id() == id).for_each(|(_, held)| held.stolen_at = Some(seq));
        }
        self.end(key_id, since.unwrap_or(seq + 1));
    }

    fn end(&mut self, key_id: &str, until: u64) {
        let Ok(id) = key_id.parse::<KeyId>() else { return };
        for (_, held) in self.held.iter_mut().filter(|(key, _)| key.id() == id) {
            held.until = Some(held.until.map_or(until, |earlier| earlier.min(until)));
        }
    }

    /// What compromises left in doubt so far.
    pub(super) fn doubts(&self) -> &[Doubt] {
        &self.doubts
    }

    /// All keys, whether or not they count now.
    pub(super) fn all(&self) -> Vec<VerifierKey> {
        self.held.iter().map(|(key, _)| key.clone()).collect()
    }

    pub(super) fn knows(&self, id: KeyId) -> bool {
        self.held.iter().any(|(key, _)| key.id() == id)
    }

    /// Whether a key is known to have been stolen before entry `seq`, and was revoked only after it: what it signed there proves nothing.
    pub(super) fn stolen(&self, id: KeyId, seq: u64) -> bool {
        let between = |held: &Held| held.until.is_some_and(|until| until <= seq) && held.stolen_at.is_some_and(|at| seq < at);
        self.held.iter().any(|(key, held)| key.id() == id && held.node && between(held))
    }

    /// The key with this id, if it may sign entry `seq`.
    pub(super) fn signer(&mut self, id: KeyId, seq: u64) -> Option<&VerifierKey> {
        let counts = |held: &Held| held.node && held.from <= seq && held.until.is_none_or(|until| seq < until);
        let (key, held) = self.held.iter_mut().find(|(key, held)| key.id() == id && counts(held))?;
        held.last_used = Some(seq);
        Some(key)
    }

    /// Whether a head or other note over the entries up to `seq` is signed: at least one log key that counts there has signed it, and no
    /// line of any known key is bad. Remembers a head that rests on one key alone.
    ///
    /// # Errors
    /// In words, when it is not; with whether any line is of a key that this log knows.
    pub(super) fn signed(&self, note: &Note, seq: u64) -> Result<Vec<KeyId>, (String, bool)> {
        let (mut good, mut known) = (Vec::new(), false);
        for (key, held) in &self.held {
            match note.verify(key) {
                Ok(()) => {
                    known = true;
                    if held.log && held.from <= seq && held.until.is_none_or(|until| seq < until) {
                        good.push(key.id());
                    }
                }
                Err(NoteError::BadSignature(id)) => return Err((format!("the signature of key {id} on it does not verify"), true)),
                Err(_) => {}
            }
        }
        match (good.is_empty(), known) {
            (false, _) => Ok(good),
            (true, true) => Err(("it is signed by a key that may not sign heads here".to_owned(), true)),
            (true, false) => Err(("no key of this log has signed it".to_owned(), false)),
        }
    }

    /// Whether a key that may sign heads at `seq` has signed these bytes.
    pub(super) fn signed_with(&self, id: KeyId, message: &[u8], signature: &[u8], seq: u64) -> Result<(), String> {
        let may = |held: &Held| held.log && held.from <= seq && held.until.is_none_or(|until| seq < until);
        match self.held.iter().find(|(key, held)| key.id() == id && may(held)) {
            Some((key, _)) if key.verify(message, signature) => Ok(()),
            Some(_) => Err(format!("the signature of key {id} on it does not verify")),
            None => Err(format!("key {id} may not sign heads here")),
        }
    }

    /// Remembers that a head over the entries up to `seq` rests on one key alone.
    pub(super) fn rests_on(&mut self, keys: &[KeyId], seq: u64) {
        let [only] = keys else { return };
        for (_, held) in self.held.iter_mut().filter(|(key, held)| key.id() == *only && held.log) {
            held.last_used = held.last_used.max(Some(seq));
        }
    }
}
