//! What can be said of an entry without its neighbours: hashing, form, schema, columns, signature. Runs on all cores.

use privyseal_core::digest::Digest;
use privyseal_core::event::{self, Body, Entry, Event, Kind};
use privyseal_core::id::RequestId;
use privyseal_core::note::{KeyId, VerifierKey};
use privyseal_core::time::Timestamp;
use rayon::prelude::*;

use super::report::Finding;
use crate::log::FoundBy;
use crate::log::StoredEntry;
use crate::segment::Columns;

/// Rows that one task takes; small enough to spread over many cores, large enough for what it remembers to pay.
const TASK_ROWS: usize = 256;

/// What is known of the log before these entries are looked at.
pub(super) struct Known {
    /// Member `log` as every entry must write it.
    pub(super) log: String,
    /// Keys named so far.
    pub(super) keys: Vec<VerifierKey>,
    /// Whether event signatures are checked; only a measurement leaves them out.
    pub(super) signatures: bool,
}

/// Where one entry stands: in the log, in a segment, or in both.
#[derive(Clone, Copy)]
pub(super) struct Copies<'a> {
    pub(super) log: Option<&'a StoredEntry>,
    pub(super) column: Option<&'a FoundBy>,
    /// The columns of the segment and the row.
    pub(super) sealed: Option<(&'a Columns<'a>, usize)>,
    /// Whether the segment's bytes are the recorded ones: then it, and not the log, has the entries that count.
    pub(super) intact: bool,
}

/// What the rest of the verification follows.
pub(super) enum Followed {
    Event(Box<Event>),
    /// `honest` says whether the action digest is the digest of the action.
    Asked {
        request: RequestId,
        honest: bool,
        action_digest: Digest,
        policy_digest: Digest,
    },
    Ended(RequestId),
    Nothing,
}

/// The envelope's part that is compared with its neighbours.
pub(super) struct Envelope {
    pub(super) seq: u64,
    pub(super) time: Timestamp,
    pub(super) prev: Option<Digest>,
    pub(super) kind: Kind,
    pub(super) same_log: bool,
}

/// An entry looked at.
pub(super) struct Seen {
    /// Whether there was anything to look at.
    pub(super) present: bool,
    /// The leaf as it is stored beside the entry.
    pub(super) stored_leaf: Digest,
    /// The leaf, computed.
    pub(super) leaf: Digest,
    pub(super) envelope: Option<Envelope>,
    pub(super) followed: Followed,
    pub(super) signature: Option<([u8; 64], KeyId)>,
    /// Whether the signature holds; `None` when there is none, or its key was not known yet.
    pub(super) holds: Option<bool>,
    /// When the log has another entry here than an intact segment: which position it claims, and its leaf.
    pub(super) log_claims: Option<(u64, Digest)>,
    pub(super) problems: Vec<(Finding, String)>,
    /// What is wrong with the segment's row; segments are reported once, with the first row that is wrong.
    pub(super) segment: Option<(Finding, String)>,
}

/// Looks at entries, on all cores, and returns them in order.
pub(super) fn look(known: &Known, copies: &[Copies<'_>]) -> Vec<Seen> {
    copies
        .par_chunks(TASK_ROWS)
        .flat_map_iter(|task| {
            let mut proven = Proven::default();
            task.iter().map(move |copies| look_at(known, copies, &mut proven)).collect::<Vec<_>>()
        })
        .collect()
}

/// Texts last proven to be of the schema. Few actors write many entries, and a heartbeat says the same every time: equal text is asked
/// of once.
#[derive(Default)]
struct Proven<'a> {
    actors: Vec<&'a str>,
    bodies: Vec<(Kind, &'a str)>,
}

/// Texts remembered of each sort, and the longest body that is.
const REMEMBERED: usize = 4;
const REMEMBERED_BYTES: usize = 256;

impl<'a> Proven<'a> {
    fn actor(&mut self, entry: &Entry<'a>) -> Result<(), event::EventError> {
        if !self.actors.contains(&entry.actor) {
            entry.check_actor()?;
            remember(&mut self.actors, entry.actor);
        }
        Ok(())
    }

    fn body(&mut self, entry: &Entry<'a>) -> Result<(), event::EventError> {
        let body = (entry.kind, entry.body);
        if !self.bodies.contains(&body) {
            entry.check_body()?;
            if entry.body.len() <= REMEMBERED_BYTES {
                remember(&mut self.bodies, body);
            }
        }
        Ok(())
    }
}

fn remember<T>(texts: &mut Vec<T>, text: T) {
    if texts.len() >= REMEMBERED {
        texts.remove(0);
    }
    texts.push(text);
}

/// The copy that counts.
struct Copy<'a> {
    entry: &'a [u8],
    leaf: Digest,
    signature: Option<([u8; 64], KeyId)>,
}

fn look_at<'a>(known: &Known, copies: &Copies<'a>, proven: &mut Proven<'a>) -> Seen {
    let zero = Digest::from_bytes([0; 32]);
    let mut seen = Seen {
        present: false,
        stored_leaf: zero,
        leaf: zero,
        envelope: None,
        followed: Followed::Nothing,
        signature: None,
        holds: None,
        log_claims: None,
        problems: Vec::new(),
        segment: None,
    };
    let agree = match (copies.log, copies.sealed) {
        (Some(log), Some((columns, row))) => columns.holds(row, log),
        _ => true,
    };
    // An intact segment is what the tree was signed over, so that it counts. Otherwise the log is the better guess, and the tree will tell.
    let counts = match (copies.log, copies.sealed) {
        (Some(log), sealed) if agree || !copies.intact => {
            if !agree && sealed.is_some() {
                seen.segment = Some((Finding::SegmentReplaced, format!("its row of entry {} differs from the log", log.seq)));
            }
            Some(Copy { entry: &log.entry, leaf: log.leaf, signature: log.signature })
        }
        (log, Some((columns, row))) => {
            if let Some(log) = log {
                differs(&mut seen, log, columns, row);
            }
            match (columns.leaf(row), columns.signature(row)) {
                (Some(leaf), Ok(signature)) => Some(Copy { entry: columns.entry(row), leaf, signature }),
                (_, signature) => {
                    let what = signature.err().map_or_else(|| "a leaf is not 32 bytes".to_owned(), |error| error.to_string());
                    seen.segment = Some((Finding::SegmentDamaged, what));
                    None
                }
            }
        }
        _ => None,
    };
    let Some(counts) = counts else { return seen };
    seen.present = true;
    seen.stored_leaf = counts.leaf;
    seen.signature = counts.signature;
    seen.leaf = event::leaf(counts.entry);
    if seen.leaf != counts.leaf {
        let what = "the stored leaf hash is not the hash of the entry: its bytes were altered";
        seen.problems.push((Finding::Altered, what.to_owned()));
    }
    match Entry::read(counts.entry) {
        Ok(entry) => look_into(known, copies, agree, &entry, proven, &mut seen),
        Err(error) => seen.problems.push((Finding::Malformed, error.to_string())),
    }
    seen
}

fn look_into<'a>(known: &Known, copies: &Copies<'a>, agree: bool, entry: &Entry<'a>, proven: &mut Proven<'a>, seen: &mut Seen) {
    if agree
        && seen.segment.is_none()
        && let Some((columns, row)) = copies.sealed
        && let Some(column) = columns.differs(row, entry)
    {
        let what = format!("its typed column `{column}` of entry {} differs from the signed bytes", entry.seq);
        seen.segment = Some((Finding::TypedColumn, what));
    }
    if let Some(column) = copies.column {
        let kind = entry.kind.name();
        if column.kind != kind {
            let what = format!("the log finds it as `{}`, it is `{kind}`", column.kind.escape_debug());
            seen.problems.push((Finding::TypedColumn, what));
        }
        if column.request_id.as_deref() != entry.request_id {
            let what = "the log finds it under another request than the one that it concerns";
            seen.problems.push((Finding::TypedColumn, what.to_owned()));
        }
    }
    seen.envelope =
        Some(Envelope { seq: entry.seq, time: entry.time, prev: entry.prev, kind: entry.kind, same_log: entry.log == known.log });
    match proven.actor(entry).and_then(|()| follow(entry, proven)) {
        Ok(followed) => seen.followed = followed,
        Err(error) => seen.problems.push((Finding::Malformed, error.to_string())),
    }
    if let Followed::Asked { honest: false, .. } = &seen.followed {
        seen.problems.push((Finding::Altered, "the action digest is not the digest of the action".to_owned()));
    }
    if let Some((signature, id)) = &seen.signature
        && known.signatures
        && let Some(key) = known.keys.iter().find(|key| key.id() == *id)
    {
        seen.holds = Some(key.verify(&event::signed_message(&seen.leaf), signature));
    }
}

/// The log's copy is not the sealed one: says in which way.
fn differs(seen: &mut Seen, log: &StoredEntry, columns: &Columns<'_>, row: usize) {
    if log.entry == columns.entry(row) {
        let what = if columns.leaf(row) == Some(log.leaf) {
            (Finding::Signature, "the log has another signature, or none, or another key id beside it than the sealed segment")
        } else {
            (Finding::Altered, "the stored leaf hash in the log is not the hash of the entry")
        };
        seen.problems.push((what.0, what.1.to_owned()));
        return;
    }
    match Entry::read(&log.entry) {
        Ok(entry) if entry.seq != log.seq => seen.log_claims = Some((entry.seq, event::leaf(&log.entry))),
        Ok(_) => {
            seen.problems
                .push((Finding::Altered, "the log has another entry here than the sealed segment: its bytes were altered".to_owned()));
        }
        Err(error) => seen.problems.push((Finding::Altered, format!("its bytes in the log were altered: {error}"))),
    }
}

/// Proves that the body is one of its kind, and keeps what later entries are checked against.
fn follow<'a>(entry: &Entry<'a>, proven: &mut Proven<'a>) -> Result<Followed, event::EventError> {
    let request = || entry.request_id.and_then(|text| text.parse::<RequestId>().ok());
    match entry.kind {
        Kind::LedgerOpened
        | Kind::KeyEnrolled
        | Kind::KeyRetired
        | Kind::KeyRevoked
        | Kind::CredentialEnrolled
        | Kind::CredentialRevoked
        | Kind::ReviewRecorded
        | Kind::BreakglassReviewed
        | Kind::PolicyPublished
        | Kind::CatalogPublished
        | Kind::SegmentSealed => Ok(Followed::Event(Box::new(entry.event()?))),
        Kind::RequestSubmitted => match (entry.read_body()?, request()) {
            (Body::RequestSubmitted(submitted), Some(request)) => Ok(Followed::Asked {
                request,
                honest: submitted.action.digest().ok() == Some(submitted.action_digest),
                action_digest: submitted.action_digest,
                policy_digest: submitted.assessment.policy.digest,
            }),
            _ => Ok(Followed::Nothing),
        },
        Kind::RequestApproved | Kind::RequestDenied | Kind::RequestExpired | Kind::RequestWithdrawn => {
            entry.check_body()?;
            Ok(request().map_or(Followed::Nothing, Followed::Ended))
        }
        _ => {
            proven.body(entry)?;
            Ok(Followed::Nothing)
        }
    }
}
