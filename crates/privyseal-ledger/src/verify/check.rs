//! The checker: entries in order in, problems out.

use std::collections::BTreeMap;

use privyseal_core::digest::Digest;
use privyseal_core::event::directory::CredentialKey;
use privyseal_core::event::ledger::{KeyPurpose, SegmentSealed};
use privyseal_core::event::request::{ReviewRecorded, ReviewStatement};
use privyseal_core::event::{self, Body, Event};
use privyseal_core::id::{CredentialId, PrincipalId, RequestId};
use privyseal_core::note::{Checkpoint, KeyId, Note, VerifierKey};
use privyseal_core::time::Timestamp;
use privyseal_core::tree::Edge;
use privyseal_core::webauthn;

use super::report::{Place, Report};
use crate::log::{FoundBy, StoredEntry};

/// A key that may sign, with the entries for which it counts.
struct TrustedKey {
    key: VerifierKey,
    log: bool,
    node: bool,
    from: u64,
    until: Option<u64>,
}

impl TrustedKey {
    fn counts(&self, seq: u64) -> bool {
        self.from <= seq && self.until.is_none_or(|until| seq < until)
    }
}

struct Passkey {
    principal: PrincipalId,
    key: CredentialKey,
    live: bool,
}

/// What the entries said that files and heads are checked against.
#[derive(Debug, Default)]
pub struct Summary {
    /// Segments recorded, in order.
    pub segments: Vec<SegmentSealed>,
    /// Blobs that entries name and that must be kept: policy and catalog files.
    pub blobs: Vec<(u64, Digest)>,
}

/// Checks entries one after the other.
pub struct Checker {
    /// What was found so far.
    pub report: Report,
    /// What the entries said.
    pub summary: Summary,
    edge: Edge,
    prev: Option<Digest>,
    time: Timestamp,
    keys: Vec<TrustedKey>,
    trusted: Option<VerifierKey>,
    passkeys: BTreeMap<CredentialId, Passkey>,
    asked: BTreeMap<RequestId, (Digest, Digest)>,
}

impl Checker {
    /// A checker that starts before entry 0, with the key the caller trusts, if any.
    #[must_use]
    pub fn new(trusted: Option<VerifierKey>) -> Self {
        Self {
            report: Report::new(),
            summary: Summary::default(),
            edge: Edge::new(),
            prev: None,
            time: Timestamp::default(),
            keys: Vec::new(),
            trusted,
            passkeys: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    /// Entries taken so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// Root over them.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.edge.root()
    }

    /// Takes the next entry. Problems are recorded, and checking goes on with what the tree now holds.
    pub fn entry(&mut self, stored: &StoredEntry) {
        self.take(stored, None);
    }

    /// Takes the next entry of a log, and compares what the log finds it by with what it says.
    pub fn entry_of_log(&mut self, stored: &StoredEntry, column: &FoundBy) {
        self.take(stored, Some(column));
    }

    fn take(&mut self, stored: &StoredEntry, column: Option<&FoundBy>) {
        let seq = self.edge.size();
        let at = || Place::Entry(seq);
        self.report.entries += 1;
        let leaf = event::leaf(&stored.entry);
        if leaf != stored.leaf {
            self.report.wrong(at(), "the stored leaf hash is not the hash of the entry");
        }
        if stored.seq != seq {
            self.report.wrong(at(), format!("entry {} stands here: entries were removed, inserted or moved", stored.seq));
        }
        match Event::from_entry(&stored.entry) {
            Ok(event) => {
                self.event(seq, &event, stored, &leaf);
                if let Some(column) = column {
                    self.found_by(&event, stored, column);
                }
            }
            Err(error) => self.report.wrong(at(), error.to_string()),
        }
        self.edge.push(leaf);
        self.prev = Some(leaf);
    }

    fn found_by(&mut self, event: &Event, stored: &StoredEntry, column: &FoundBy) {
        let at = || Place::Entry(stored.seq);
        let kind = event.kind().name();
        if column.seq != stored.seq || column.kind != kind {
            self.report.wrong(at(), format!("the log finds it as `{}`, it is `{kind}`", column.kind.escape_debug()));
        }
        if column.request_id != event.request_id.map(|id| id.to_string()) {
            self.report.wrong(at(), "the log finds it under another request than the one that it concerns");
        }
    }

    fn event(&mut self, seq: u64, event: &Event, stored: &StoredEntry, leaf: &Digest) {
        let at = || Place::Entry(seq);
        if event.seq != seq {
            self.report.wrong(at(), format!("the entry says it is {}: entries were removed, inserted or moved", event.seq));
        }
        if event.prev != self.prev {
            self.report.wrong(at(), "the chain link is not the leaf of the entry before");
        }
        if event.time < self.time {
            self.report.wrong(at(), format!("its time {} is before the entry before it", event.time));
        }
        self.time = self.time.max(event.time);
        if seq == 0 {
            self.open(event);
        } else if event.log != self.report.log {
            self.report.wrong(at(), format!("it belongs to another log, `{}`", event.log));
        }
        self.signature(seq, event, stored, leaf);
        self.follow(seq, event);
    }

    fn open(&mut self, event: &Event) {
        self.report.log.clone_from(&event.log);
        let Body::LedgerOpened(opened) = &event.body else {
            self.report.wrong(Place::Entry(0), "a log begins with `ledger.opened`");
            return;
        };
        let Ok(key) = opened.key.parse::<VerifierKey>() else {
            self.report.wrong(Place::Entry(0), "its key is not a verifier key");
            return;
        };
        if key.name() != event.log {
            self.report.wrong(Place::Entry(0), "its key names another log");
        }
        if let Some(trusted) = &self.trusted {
            self.report.key_trusted = true;
            if *trusted != key {
                self.report.wrong(Place::Entry(0), "its key is not the one you trust: this is another log, or a replaced one");
            }
        }
        let key = self.trusted.clone().unwrap_or(key);
        self.report.key = key.to_string();
        self.keys.push(TrustedKey { key, log: true, node: true, from: 0, until: None });
    }

    fn signature(&mut self, seq: u64, event: &Event, stored: &StoredEntry, leaf: &Digest) {
        let at = || Place::Entry(seq);
        match (&stored.signature, event.kind().is_signed()) {
            (None, false) => {}
            (None, true) => self.report.wrong(at(), format!("`{}` must be signed and is not", event.kind().name())),
            (Some(_), false) => self.report.wrong(at(), format!("`{}` carries a signature where none belongs", event.kind().name())),
            (Some((signature, key_id)), true) => {
                self.report.signatures += 1;
                match self.keys.iter().find(|trusted| trusted.key.id() == *key_id && trusted.node && trusted.counts(seq)) {
                    None => {
                        self.report.wrong(at(), format!("key {key_id} may not sign this entry: it was never enrolled, or no longer counts"))
                    }
                    Some(trusted) if trusted.key.verify(&event::signed_message(leaf), signature) => {}
                    Some(_) => self.report.wrong(at(), format!("the signature of key {key_id} does not verify")),
                }
            }
        }
    }

    /// Follows keys, credentials and requests, as far as later checks need them.
    fn follow(&mut self, seq: u64, event: &Event) {
        match &event.body {
            Body::KeyEnrolled(enrolled) => match enrolled.key.parse::<VerifierKey>() {
                Ok(key) => {
                    let log = enrolled.purpose == KeyPurpose::Log;
                    self.keys.push(TrustedKey { key, log, node: !log, from: seq + 1, until: None });
                }
                Err(error) => self.report.wrong(Place::Entry(seq), error.to_string()),
            },
            Body::KeyRetired(retired) => self.end_key(&retired.key_id, seq + 1),
            Body::KeyRevoked(revoked) => self.end_key(&revoked.key_id, revoked.since_seq.unwrap_or(seq + 1)),
            Body::CredentialEnrolled(enrolled) => {
                let passkey = Passkey { principal: enrolled.principal.clone(), key: enrolled.key.clone(), live: true };
                self.passkeys.insert(enrolled.credential.clone(), passkey);
            }
            Body::CredentialRevoked(revoked) => {
                if let Some(passkey) = self.passkeys.get_mut(&revoked.credential) {
                    passkey.live = false;
                }
            }
            Body::RequestSubmitted(submitted) => {
                match submitted.action.digest() {
                    Ok(digest) if digest == submitted.action_digest => {}
                    _ => self.report.wrong(Place::Entry(seq), "the action digest is not the digest of the action"),
                }
                if let Some(id) = event.request_id {
                    self.asked.insert(id, (submitted.action_digest, submitted.assessment.policy.digest));
                }
            }
            Body::ReviewRecorded(review) => {
                if let Err(what) = self.review(event, review) {
                    self.report.wrong(Place::Entry(seq), what);
                }
            }
            Body::PolicyPublished(policy) => self.summary.blobs.extend(policy.files.iter().map(|file| (seq, file.sha256))),
            Body::CatalogPublished(catalog) => self.summary.blobs.extend(catalog.files.iter().map(|file| (seq, file.sha256))),
            Body::SegmentSealed(segment) => self.summary.segments.push(segment.clone()),
            _ => {}
        }
    }

    fn end_key(&mut self, key_id: &str, until: u64) {
        let Ok(id) = key_id.parse::<KeyId>() else { return };
        for trusted in self.keys.iter_mut().filter(|trusted| trusted.key.id() == id) {
            trusted.until = Some(trusted.until.map_or(until, |earlier| earlier.min(until)));
        }
    }

    /// A passkey review: the statement says what the entry says, and the enrolled passkey signed it.
    fn review(&mut self, event: &Event, review: &ReviewRecorded) -> Result<(), String> {
        let request_id = event.request_id.ok_or("a review names its request")?;
        let (action_digest, policy_digest) =
            self.asked.get(&request_id).copied().ok_or("the review is of a request that was never submitted")?;
        if review.shown_digest != action_digest || review.policy_digest != policy_digest {
            return Err("what was shown to the reviewer is not what was asked".to_owned());
        }
        let (Some(statement), Some(assertion)) = (&review.statement, &review.assertion) else {
            let unsigned = review.statement.is_none()
                && review.assertion.is_none()
                && review.assurance == privyseal_core::assessment::Assurance::Session;
            return if unsigned { Ok(()) } else { Err("a review that claims a passkey carries statement and signature".to_owned()) };
        };
        self.report.passkeys += 1;
        let expected = ReviewStatement {
            log: event.log.clone(),
            request_id,
            action_digest,
            verdict: review.verdict,
            policy_digest,
            comment_digest: review.comment_digest,
            shown_at: review.shown_at,
            reviewer: event.actor.id.clone(),
        };
        if *statement != expected || review.reviewer.principal != event.actor.id {
            return Err("the statement that the passkey signed is not about this review".to_owned());
        }
        let comment = review.comment.as_ref().map_or(Some(""), event::Text::clear);
        if comment.is_some_and(|comment| Digest::of(comment.as_bytes()) != review.comment_digest) {
            return Err("the comment is not the one that was signed".to_owned());
        }
        let enrolled = assertion.credential.parse().ok().and_then(|id: CredentialId| self.passkeys.get(&id));
        let enrolled = enrolled.filter(|passkey| passkey.live && passkey.principal == event.actor.id);
        let enrolled = enrolled.ok_or("the passkey was not enrolled for the reviewer at that time")?;
        let challenge = webauthn::review_challenge(statement).map_err(|error| error.to_string())?;
        webauthn::verify(&enrolled.key, assertion, challenge.as_bytes()).map_err(|error| error.to_string())
    }

    /// Checks a signed head against the tree as it stands now: call it right after the entry that it covers last.
    pub fn head(&mut self, note: &str, place: &Place) {
        self.report.heads += 1;
        if let Err(what) = self.check_head(note) {
            self.report.wrong(place.clone(), what);
        }
    }

    fn check_head(&self, note: &str) -> Result<(), String> {
        let checkpoint = self.open_head(note)?;
        if checkpoint.size != self.edge.size() {
            return Err(format!("the head is over {} entries, there are {}", checkpoint.size, self.edge.size()));
        }
        if checkpoint.root != self.edge.root() {
            return Err(format!("the root over the first {} entries is not the one that was signed", checkpoint.size));
        }
        Ok(())
    }

    /// Reads a signed head and checks its signature, by a key that may sign heads of its size.
    ///
    /// # Errors
    /// In words, when it is malformed or not signed.
    pub fn open_head(&self, note: &str) -> Result<Checkpoint, String> {
        let parsed = Note::parse(note).map_err(|error| error.to_string())?;
        let checkpoint = Checkpoint::from_text(&parsed.text).map_err(|error| error.to_string())?;
        if checkpoint.origin != self.report.log {
            return Err("the head is of another log".to_owned());
        }
        let last = checkpoint.size.saturating_sub(1);
        self.signed_at(&parsed, last)?;
        Ok(checkpoint)
    }

    /// Whether a key that may sign heads now has signed a note.
    ///
    /// # Errors
    /// In words, when none has.
    pub fn signed_by_log(&self, note: &Note) -> Result<(), String> {
        self.signed_at(note, self.edge.size().saturating_sub(1))
    }

    fn signed_at(&self, note: &Note, seq: u64) -> Result<(), String> {
        let mut reason = "no enrolled key has signed it".to_owned();
        for trusted in self.keys.iter().filter(|trusted| trusted.log && trusted.counts(seq)) {
            match note.verify(&trusted.key) {
                Ok(()) => return Ok(()),
                Err(error) => reason = error.to_string(),
            }
        }
        Err(reason)
    }
}
