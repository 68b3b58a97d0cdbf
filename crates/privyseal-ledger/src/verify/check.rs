//! The checker: entries in order in, problems out. Everything that needs its neighbours is here; what does not is in `look`.

use std::collections::BTreeMap;

use privyseal_core::cosignature::CosignedHead;
use privyseal_core::digest::Digest;
use privyseal_core::event::directory::CredentialKey;
use privyseal_core::event::execution::{BreakglassReviewed, JudgementStatement};
use privyseal_core::event::ledger::SegmentSealed;
use privyseal_core::event::request::{Assertion, ReviewRecorded, ReviewStatement};
use privyseal_core::event::{self, Body, Entry, Event, Kind};
use privyseal_core::id::{CredentialId, PrincipalId, RequestId};
use privyseal_core::note::{Checkpoint, KeyId, Note, NoteError, VerifierKey};
use privyseal_core::time::Timestamp;
use privyseal_core::tlog_policy::Policy;
use privyseal_core::tree::Edge;
use privyseal_core::webauthn;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::keyring::{self, Keyring};
use super::look::{Copies, Envelope, Followed, Known, Seen, look};
use super::report::{Finding, Place, Problem, Report};
use super::tile_check::TileCheck;
use crate::log::StoredEntry;

#[derive(Clone, Serialize, Deserialize)]
struct Passkey {
    principal: PrincipalId,
    key: CredentialKey,
}

/// What the entries said that files and heads are checked against.
#[derive(Debug, Default)]
pub struct Summary {
    /// Every record of a segment, in the order of the log; later ones may replace earlier ones.
    pub segments: Vec<SegmentSealed>,
    /// Blobs that entries name and that must be kept: policy and catalog files.
    pub blobs: Vec<(u64, Digest)>,
}

/// An entry that stands where another belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Displaced {
    /// Where it stands.
    pub(super) at: u64,
    /// Which it says it is.
    pub(super) claims: u64,
    /// Its leaf.
    pub(super) leaf: Digest,
    /// Whether the entries after it are displaced by as much.
    pub(super) persists: bool,
    /// Whether the displacement before it was smaller.
    pub(super) forward: bool,
}

/// Most displaced entries that are looked into.
const MAX_DISPLACED: usize = 100;

/// A passkey signature to be checked: slow, and independent of everything else.
struct ReviewJob {
    seq: u64,
    key: CredentialKey,
    assertion: Assertion,
    challenge: Digest,
}

/// Checks entries one after the other.
pub struct Checker {
    /// What was found so far.
    pub report: Report,
    /// What the entries said.
    pub summary: Summary,
    pub(super) edge: Edge,
    pub(super) prev: Option<Digest>,
    /// The entry before was not read, so that the link to it cannot be compared.
    prev_unknown: bool,
    time: Timestamp,
    keys: Keyring,
    trusted: Option<VerifierKey>,
    signatures: bool,
    /// Member `log` as it is written.
    log_written: String,
    passkeys: BTreeMap<CredentialId, Passkey>,
    /// Requests that are not ended: what was asked, and under which policy. Dropped with their end, so that memory follows what is open.
    asked: BTreeMap<RequestId, (Digest, Digest)>,
    /// By how much the entries here claim to stand further on, or back.
    shift: i128,
    pub(super) displaced: Vec<Displaced>,
    /// The tree is known to be wrong from here on, so that roots prove nothing new.
    tree_broken: bool,
    /// Size up to which a head was cosigned by witnesses that the caller trusts.
    witnessed: Option<u64>,
    /// Whose cosignatures count.
    pub(super) policy: Option<Policy>,
    /// Sizes at which the root is wanted later, and the roots once they are known.
    roots: BTreeMap<u64, Option<Digest>>,
}

/// The state of a [`Checker`] between two entries, as a progress file keeps it.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) log: String,
    pub(super) size: u64,
    peaks: Vec<Digest>,
    prev: Option<Digest>,
    time: Timestamp,
    keys: keyring::Saved,
    key: String,
    passkeys: Vec<(CredentialId, Passkey)>,
    asked: Vec<(RequestId, Digest, Digest)>,
    segments: Vec<SegmentSealed>,
    blobs: Vec<(u64, Digest)>,
    counts: [u64; 5],
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
            prev_unknown: false,
            time: Timestamp::default(),
            keys: Keyring::default(),
            trusted,
            signatures: true,
            log_written: String::new(),
            passkeys: BTreeMap::new(),
            asked: BTreeMap::new(),
            shift: 0,
            displaced: Vec::new(),
            tree_broken: false,
            witnessed: None,
            policy: None,
            roots: BTreeMap::new(),
        }
    }

    /// Asks for the root over the first `size` entries to be remembered when the tree gets there.
    pub(super) fn want_root(&mut self, size: u64) {
        self.roots.insert(size, None);
    }

    /// The root over the first `size` entries, if it was asked for and the tree got there.
    pub(super) fn root_at(&self, size: u64) -> Option<Digest> {
        if size == self.size() { Some(self.root()) } else { self.roots.get(&size).copied().flatten() }
    }

    /// Leaves signatures of events and passkeys out, to measure everything else. What such a run says about signed kinds is worth nothing.
    pub(super) fn without_signatures(&mut self) {
        self.signatures = false;
    }

    /// Tells that a head over `size` entries carries enough cosignatures of witnesses that the caller trusts, and is over this history:
    /// entries below it are proven even when the key that signed them was stolen later.
    pub fn witnessed(&mut self, size: u64) {
        self.witnessed = self.witnessed.max(Some(size));
    }

    /// How many witnesses of the policy cosigned a head, when they are a quorum of it.
    ///
    /// # Errors
    /// What is wrong, or what is not there and so proves nothing.
    pub(super) fn quorum(&self, note: &str, place: &Place) -> Result<u64, Problem> {
        let Some(policy) = &self.policy else { return Ok(0) };
        match CosignedHead::parse(note).and_then(|head| head.check(policy)) {
            Ok(check) => check.vouched().map_err(|what| Problem::unwitnessed(place.clone(), what)),
            Err(NoteError::Unsigned(what)) => Err(Problem {
                finding: Finding::Unread,
                ..Problem::unwitnessed(place.clone(), format!("the head carries no signature {what}"))
            }),
            Err(error) => Err(Problem { proof: true, ..Problem::unwitnessed(place.clone(), error.to_string()) }),
        }
    }

    /// Notes what a head that is over this history proves by its cosignatures.
    pub(super) fn vouch(&mut self, note: &str) {
        // A policy with `quorum none` is content without witnesses, so that its contentment proves nothing about when a head was there.
        if self.policy.as_ref().is_some_and(Policy::asks_for_witnesses)
            && self.quorum(note, &Place::Head).is_ok()
            && let Ok(head) = CosignedHead::parse(note)
        {
            self.witnessed(head.checkpoint.size);
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
        self.entries(std::slice::from_ref(stored));
    }

    /// Takes the next entries; many at a time are checked on all cores.
    pub fn entries(&mut self, stored: &[StoredEntry]) {
        let copies: Vec<Copies<'_>> =
            stored.iter().map(|stored| Copies { log: Some(stored), column: None, sealed: None, intact: false }).collect();
        self.take(&copies, None, &mut Vec::new().into_iter().peekable());
    }

    /// Takes the next entries from where they stand, each head right after the entry that it covers last, and returns the first thing
    /// that is wrong with the segment that they are in.
    pub(super) fn take(
        &mut self,
        copies: &[Copies<'_>],
        mut tiles: Option<&mut TileCheck>,
        heads: &mut std::iter::Peekable<std::vec::IntoIter<(u64, String)>>,
    ) -> Option<(Finding, String)> {
        // The first entry names the log and its key, which all others are looked at with.
        let mut copies = copies;
        let mut segment = None;
        let mut jobs = Vec::new();
        if self.edge.size() == 0
            && let Some((first, rest)) = copies.split_first()
        {
            self.begin(first);
            let seen = look(&self.known(), std::slice::from_ref(first));
            for seen in seen {
                self.step(first, seen, &mut tiles, heads, &mut segment, &mut jobs);
            }
            copies = rest;
        }
        let seen = look(&self.known(), copies);
        for (copies, seen) in copies.iter().zip(seen) {
            self.step(copies, seen, &mut tiles, heads, &mut segment, &mut jobs);
        }
        let failed: Vec<(u64, String)> = jobs
            .into_par_iter()
            .filter_map(|job| {
                let verified = webauthn::verify(&job.key, &job.assertion, job.challenge.as_bytes());
                verified.err().map(|error| (job.seq, error.to_string()))
            })
            .collect();
        for (seq, what) in failed {
            self.report.found(Place::Entry(seq), Finding::Review, what);
        }
        segment
    }

    /// Follows entries that others rely on, without regard to what stands beside them. The caller proves their place in the tree.
    pub(super) fn rely_on<'a>(&mut self, entries: impl Iterator<Item = &'a StoredEntry>) {
        let mut jobs = Vec::new();
        for stored in entries {
            let copies = Copies { log: Some(stored), column: None, sealed: None, intact: false };
            if stored.seq == 0 {
                self.begin(&copies);
            }
            for mut seen in look(&self.known(), std::slice::from_ref(&copies)) {
                for (finding, what) in std::mem::take(&mut seen.problems) {
                    self.report.found(Place::Entry(stored.seq), finding, what);
                }
                if let Some(envelope) = &seen.envelope {
                    self.signature(stored.seq, envelope.kind, &seen);
                }
                self.follow(stored.seq, seen.followed, &mut jobs);
            }
        }
    }

    /// Goes on at entry `seq` without having read those before it: chain and order are checked from there on, the tree by the caller.
    pub(super) fn jump(&mut self, seq: u64) {
        if seq != self.edge.size() {
            let peaks = vec![Digest::from_bytes([0; 32]); usize::try_from(seq.count_ones()).unwrap_or(0)];
            self.edge = Edge::from_parts(seq, peaks).unwrap_or_default();
            self.prev_unknown = true;
        }
    }

    fn known(&self) -> Known {
        Known { log: self.log_written.clone(), keys: self.keys.all(), signatures: self.signatures }
    }

    /// Reads the log's name, as it is written, from the first entry.
    fn begin(&mut self, first: &Copies<'_>) {
        let from_log = first.log.map(|stored| stored.entry.as_slice());
        let bytes = match first.sealed {
            Some((columns, row)) if first.intact => Some(columns.entry(row)),
            _ => from_log.or_else(|| first.sealed.map(|(columns, row)| columns.entry(row))),
        };
        if let Some(Ok(entry)) = bytes.map(Entry::read) {
            entry.log.clone_into(&mut self.log_written);
        }
    }

    fn step(
        &mut self,
        copies: &Copies<'_>,
        mut seen: Seen,
        tiles: &mut Option<&mut TileCheck>,
        heads: &mut std::iter::Peekable<std::vec::IntoIter<(u64, String)>>,
        segment: &mut Option<(Finding, String)>,
        jobs: &mut Vec<ReviewJob>,
    ) {
        let seq = self.edge.size();
        if segment.is_none() {
            *segment = seen.segment.take();
        }
        for (finding, what) in std::mem::take(&mut seen.problems) {
            self.report.found(Place::Entry(seq), finding, what);
        }
        if seen.present {
            self.report.entries += 1;
        }
        if !seen.present || seen.leaf != seen.stored_leaf {
            self.tree_broken = true;
        }
        let mut claims = seen.log_claims;
        if let Some(envelope) = &seen.envelope {
            if envelope.seq != seq {
                claims = Some((envelope.seq, seen.leaf));
            }
            self.envelope(seq, envelope);
            self.signature(seq, envelope.kind, &seen);
        }
        if let Some(log) = copies.log.filter(|log| log.seq != seq) {
            claims.get_or_insert((log.seq, seen.leaf));
        }
        self.stands(seq, claims);
        self.follow(seq, std::mem::replace(&mut seen.followed, Followed::Nothing), jobs);
        // Where the bytes were altered, the stored leaf is what the tree was signed over, if anything still is.
        let leaf = seen.stored_leaf;
        self.edge.push(leaf);
        self.prev = Some(leaf);
        let size = self.edge.size();
        if let Some(wanted) = self.roots.get_mut(&size) {
            *wanted = Some(self.edge.root());
        }
        if let Some(tiles) = tiles {
            tiles.push(leaf, &mut self.report);
        }
        while let Some((_, note)) = heads.next_if(|(covered, _)| *covered == size) {
            self.head(&note, &Place::Entry(seq));
        }
    }

    /// Notes by how much the entry here is displaced. A run of equally displaced entries is one change, not many.
    fn stands(&mut self, seq: u64, claims: Option<(u64, Digest)>) {
        let shift = claims.map_or(0, |(claims, _)| i128::from(claims) - i128::from(seq));
        if let Some(last) = self.displaced.last_mut().filter(|last| last.at + 1 == seq) {
            last.persists = shift == self.shift;
        }
        if shift == self.shift {
            return;
        }
        let forward = shift > self.shift;
        self.shift = shift;
        let Some((claims, leaf)) = claims else { return };
        self.report.more();
        if self.displaced.len() < MAX_DISPLACED {
            self.displaced.push(Displaced { at: seq, claims, leaf, persists: false, forward });
        }
    }

    fn envelope(&mut self, seq: u64, envelope: &Envelope) {
        let at = || Place::Entry(seq);
        if envelope.prev != self.prev && !std::mem::take(&mut self.prev_unknown) {
            self.report.found(at(), Finding::Unchained, "the chain link is not the leaf of the entry before");
        }
        if envelope.time < self.time {
            let what = format!("its time {} is before the time of the entry before it: it was dated back", envelope.time);
            self.report.found(at(), Finding::Backdated, what);
        }
        self.time = self.time.max(envelope.time);
        if !envelope.same_log {
            self.report.found(at(), Finding::Other, "it belongs to another log");
        }
        if seq == 0 && envelope.kind != Kind::LedgerOpened {
            self.report.found(at(), Finding::Other, "a log begins with `ledger.opened`");
        }
    }

    fn signature(&mut self, seq: u64, kind: Kind, seen: &Seen) {
        let at = || Place::Entry(seq);
        let (signature, id) = match (&seen.signature, kind.is_signed()) {
            (None, false) => return,
            (None, true) => {
                let what = format!("`{}` must be signed and is not", kind.name());
                return self.report.found(at(), Finding::Signature, what);
            }
            (Some(_), false) => {
                let what = format!("`{}` carries a signature where none belongs", kind.name());
                return self.report.found(at(), Finding::Signature, what);
            }
            (Some((signature, id)), true) => (signature, *id),
        };
        self.report.signatures += 1;
        let known = self.keys.knows(id);
        if self.keys.stolen(id, seq) && self.witnessed.is_none_or(|size| size <= seq) {
            return self.report.unprovable(at(), format!("key {id}, which signed it, was revoked later as compromised from before it on"));
        }
        let Some(key) = self.keys.signer(id, seq) else {
            let what = if known { "it does not count here: retired, revoked, or not for events" } else { "it was never enrolled" };
            return self.report.found(at(), Finding::SwappedKey, format!("key {id} may not sign this entry: {what}"));
        };
        let holds = match seen.holds {
            Some(holds) => holds,
            None if !self.signatures => true,
            None => key.verify(&event::signed_message(&seen.leaf), signature),
        };
        if !holds {
            self.report.found(at(), Finding::Signature, format!("the signature of key {id} does not verify"));
        }
    }

    /// Follows keys, credentials and requests, as far as later checks need them.
    fn follow(&mut self, seq: u64, followed: Followed, jobs: &mut Vec<ReviewJob>) {
        match followed {
            Followed::Nothing => {}
            Followed::Asked { request, action_digest, policy_digest, .. } => {
                self.asked.insert(request, (action_digest, policy_digest));
            }
            Followed::Ended(request) => {
                self.asked.remove(&request);
            }
            Followed::Event(event) => self.event(seq, &event, jobs),
        }
    }

    fn event(&mut self, seq: u64, event: &Event, jobs: &mut Vec<ReviewJob>) {
        match &event.body {
            Body::LedgerOpened(opened) if seq == 0 => self.open(event, &opened.key),
            Body::LedgerOpened(_) => self.report.found(Place::Entry(seq), Finding::Inserted, "a log is opened once, by its first entry"),
            Body::KeyEnrolled(enrolled) => match enrolled.key.parse::<VerifierKey>() {
                Ok(key) => self.keys.enroll(key, enrolled.purpose, seq),
                Err(error) => self.report.found(Place::Entry(seq), Finding::Malformed, error.to_string()),
            },
            Body::KeyRetired(retired) => self.keys.retire(&retired.key_id, seq),
            Body::KeyRevoked(revoked) => self.keys.revoke(&revoked.key_id, revoked.since_seq, seq),
            Body::CredentialEnrolled(enrolled) => {
                let passkey = Passkey { principal: enrolled.principal.clone(), key: enrolled.key.clone() };
                self.passkeys.insert(enrolled.credential.clone(), passkey);
            }
            Body::CredentialRevoked(revoked) => {
                self.passkeys.remove(&revoked.credential);
            }
            Body::ReviewRecorded(review) => match self.review(seq, event, review) {
                Ok(job) => jobs.extend(job),
                Err(what) => self.report.found(Place::Entry(seq), Finding::Review, what),
            },
            Body::BreakglassReviewed(reviewed) => match self.judgement(seq, event, reviewed) {
                Ok(job) => jobs.extend(job),
                Err(what) => self.report.found(Place::Entry(seq), Finding::Review, what),
            },
            Body::PolicyPublished(policy) => self.summary.blobs.extend(policy.files.iter().map(|file| (seq, file.sha256))),
            Body::CatalogPublished(catalog) => self.summary.blobs.extend(catalog.files.iter().map(|file| (seq, file.sha256))),
            Body::SegmentSealed(segment) => self.summary.segments.push(segment.clone()),
            _ => {}
        }
    }

    fn open(&mut self, event: &Event, key: &str) {
        self.report.log.clone_from(&event.log);
        let Ok(key) = key.parse::<VerifierKey>() else {
            return self.report.found(Place::Entry(0), Finding::Malformed, "its key is not a verifier key");
        };
        if key.name() != event.log {
            self.report.found(Place::Entry(0), Finding::SwappedKey, "its key names another log");
        }
        if let Some(trusted) = &self.trusted {
            self.report.key_trusted = true;
            if *trusted != key {
                let what = "its key is not the one you trust: this is another log, or a replaced one signed by a key of its own";
                self.report.found(Place::Entry(0), Finding::ReplacedLog, what);
            }
        }
        let key = self.trusted.clone().unwrap_or(key);
        self.report.key = key.to_string();
        self.keys.open(key);
    }

    /// A passkey review: the statement says what the entry says. The signature itself is checked later, with others, on all cores.
    fn review(&mut self, seq: u64, event: &Event, review: &ReviewRecorded) -> Result<Option<ReviewJob>, String> {
        let request_id = event.request_id.ok_or("a review names its request")?;
        let (action_digest, policy_digest) =
            self.asked.get(&request_id).copied().ok_or("the review is of a request that was never submitted, or had ended")?;
        if review.shown_digest != action_digest || review.policy_digest != policy_digest {
            return Err("what was shown to the reviewer is not what was asked".to_owned());
        }
        let comment = review.comment.as_ref().map_or(Some(""), event::Text::clear);
        if comment.is_some_and(|comment| Digest::of(comment.as_bytes()) != review.comment_digest) {
            return Err("the comment is not the one whose digest stands beside it".to_owned());
        }
        let (Some(statement), Some(assertion)) = (&review.statement, &review.assertion) else {
            let unsigned = review.statement.is_none()
                && review.assertion.is_none()
                && review.assurance == privyseal_core::assessment::Assurance::Session;
            return if unsigned { Ok(None) } else { Err("a review that claims a passkey carries statement and signature".to_owned()) };
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
        let challenge = || webauthn::review_challenge(statement).map_err(|error| error.to_string());
        self.passkey_job(seq, event, assertion, challenge)
    }

    /// The judgement of an emergency, likewise.
    fn judgement(&mut self, seq: u64, event: &Event, reviewed: &BreakglassReviewed) -> Result<Option<ReviewJob>, String> {
        let (statement, assertion) = match (&reviewed.statement, &reviewed.assertion) {
            (Some(statement), Some(assertion)) => (statement, assertion),
            (None, None) => return Ok(None),
            _ => return Err("a judgement that claims a passkey carries statement and signature".to_owned()),
        };
        self.report.passkeys += 1;
        let expected = JudgementStatement {
            log: event.log.clone(),
            request_id: event.request_id.ok_or("a judgement names its request")?,
            grant_id: reviewed.grant_id,
            outcome: reviewed.outcome,
            comment_digest: statement.comment_digest,
            reviewer: event.actor.id.clone(),
        };
        if *statement != expected || reviewed.reviewer.principal != event.actor.id {
            return Err("the statement that the passkey signed is not about this judgement".to_owned());
        }
        if reviewed.comment.clear().is_some_and(|comment| Digest::of(comment.as_bytes()) != statement.comment_digest) {
            return Err("the comment is not the one that was signed".to_owned());
        }
        let challenge = || webauthn::judgement_challenge(statement).map_err(|error| error.to_string());
        self.passkey_job(seq, event, assertion, challenge)
    }

    /// The check of a passkey's signature, which must be enrolled for whoever acts in the entry.
    fn passkey_job(
        &self,
        seq: u64,
        event: &Event,
        assertion: &Assertion,
        challenge: impl FnOnce() -> Result<Digest, String>,
    ) -> Result<Option<ReviewJob>, String> {
        let enrolled = assertion.credential.parse().ok().and_then(|id: CredentialId| self.passkeys.get(&id));
        let enrolled = enrolled.filter(|passkey| passkey.principal == event.actor.id);
        let enrolled = enrolled.ok_or("the passkey was not enrolled for the reviewer at that time")?;
        if !self.signatures {
            return Ok(None);
        }
        Ok(Some(ReviewJob { seq, key: enrolled.key.clone(), assertion: assertion.clone(), challenge: challenge()? }))
    }

    /// Checks a signed head against the tree as it stands now: call it right after the entry that it covers last.
    pub fn head(&mut self, note: &str, place: &Place) {
        self.report.heads += 1;
        let (checkpoint, keys) = match self.read_head(note) {
            Ok(read) => read,
            Err((finding, what)) => return self.report.found(place.clone(), finding, what),
        };
        if checkpoint.size != self.edge.size() {
            let what = format!("the head is over {} entries, there are {}", checkpoint.size, self.edge.size());
            self.report.found(place.clone(), Finding::TailCut, what);
        } else if checkpoint.root == self.edge.root() {
            self.keys.rests_on(&keys, checkpoint.size.saturating_sub(1));
            self.vouch(note);
        } else if self.tree_broken {
            self.report.more();
        } else {
            // Every later root differs as well, which says nothing new.
            self.tree_broken = true;
            let what = format!("the root over the first {} entries is not the one that was signed", checkpoint.size);
            self.report.found(place.clone(), Finding::Forked, what);
        }
    }

    /// Reads a signed head and checks its signatures, by keys that may sign heads of its size.
    ///
    /// # Errors
    /// In words, when it is malformed or not signed.
    pub fn open_head(&self, note: &str) -> Result<Checkpoint, String> {
        self.read_head(note).map(|(checkpoint, _)| checkpoint).map_err(|(_, what)| what)
    }

    pub(super) fn read_head(&self, note: &str) -> Result<(Checkpoint, Vec<KeyId>), (Finding, String)> {
        let malformed = |error: privyseal_core::note::NoteError| (Finding::Malformed, error.to_string());
        let parsed = Note::parse(note).map_err(malformed)?;
        let checkpoint = Checkpoint::from_text(&parsed.text).map_err(malformed)?;
        if checkpoint.origin != self.report.log {
            return Err((Finding::ReplacedLog, format!("the head is of another log, `{}`", checkpoint.origin.escape_debug())));
        }
        let signed = self.keys.signed(&parsed, checkpoint.size.saturating_sub(1));
        match signed {
            Ok(keys) => Ok((checkpoint, keys)),
            Err((what, true)) => Err((Finding::SwappedKey, what)),
            Err((what, false)) => Err((Finding::ReplacedLog, what)),
        }
    }

    /// Whether a key that may sign heads now has signed a note.
    ///
    /// # Errors
    /// In words, when none has.
    pub fn signed_by_log(&self, note: &Note) -> Result<(), String> {
        self.keys.signed(note, self.edge.size().saturating_sub(1)).map(drop).map_err(|(what, _)| what)
    }

    /// Whether a key that may sign heads now has signed these bytes, which are no note.
    ///
    /// # Errors
    /// In words, when it has not, or there is no such key.
    pub fn signed_with(&self, key: KeyId, message: &[u8], signature: &[u8]) -> Result<(), String> {
        self.keys.signed_with(key, message, signature, self.edge.size().saturating_sub(1))
    }

    /// Says which ranges rest on stolen keys alone. Call it once, after the last entry and head.
    pub fn judge_doubts(&mut self) {
        for doubt in self.keys.doubts().to_vec() {
            if self.witnessed.is_some_and(|size| doubt.last < size) {
                continue;
            }
            let place = Place::Entries { first: doubt.first, last: doubt.last };
            let what = format!(
                "key {} was revoked by entry {} as compromised from entry {} on: what it alone signed here cannot be proven without a head \
                 that witnesses cosigned",
                doubt.key_id, doubt.revoked_at, doubt.first
            );
            self.report.unprovable(place, what);
        }
    }

    /// Whether the loaded state is of a tree whose last leaf is this one.
    pub(super) fn edge_ends_in(&self, leaf: Digest) -> Option<()> {
        // With an odd number of leaves the last peak is the last leaf; with an even number the chain link says so.
        let peak = self.edge.peaks().last().filter(|_| self.edge.size() % 2 == 1);
        (self.prev == Some(leaf) && peak.is_none_or(|peak| *peak == leaf)).then_some(())
    }

    pub(super) fn save(&self) -> Saved {
        let report = &self.report;
        Saved {
            log: report.log.clone(),
            size: self.edge.size(),
            peaks: self.edge.peaks().to_vec(),
            prev: self.prev,
            time: self.time,
            keys: self.keys.save(),
            key: report.key.clone(),
            passkeys: self.passkeys.iter().map(|(id, passkey)| (id.clone(), passkey.clone())).collect(),
            asked: self.asked.iter().map(|(id, (action, policy))| (*id, *action, *policy)).collect(),
            segments: self.summary.segments.clone(),
            blobs: self.summary.blobs.clone(),
            counts: [report.entries, report.signatures, report.passkeys, report.heads, report.files],
        }
    }

    /// Goes on from a saved state; `None` when it makes no sense in itself or is of another key than the trusted one.
    pub(super) fn load(&mut self, saved: Saved) -> Option<()> {
        if self.trusted.as_ref().is_some_and(|trusted| trusted.to_string() != saved.key) {
            return None;
        }
        self.edge = Edge::from_parts(saved.size, saved.peaks)?;
        self.keys = Keyring::load(saved.keys)?;
        self.log_written = serde_json::to_string(&saved.log).ok()?.trim_matches('"').to_owned();
        self.report.log = saved.log;
        self.report.key = saved.key;
        self.report.key_trusted = self.trusted.is_some();
        [self.report.entries, self.report.signatures, self.report.passkeys, self.report.heads, self.report.files] = saved.counts;
        (self.prev, self.time) = (saved.prev, saved.time);
        self.passkeys = saved.passkeys.into_iter().collect();
        self.asked = saved.asked.into_iter().map(|(id, action, policy)| (id, (action, policy))).collect();
        self.summary = Summary { segments: saved.segments, blobs: saved.blobs };
        Some(())
    }
}
