//! The contract of a log store: append a batch durably, read it back in order.

use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;

use privyseal_core::digest::Digest;
use privyseal_core::event::Kind;
use privyseal_core::id::RequestId;
use privyseal_core::note::KeyId;
use privyseal_core::time::Timestamp;
use privyseal_core::tree::Edge;
use serde::Deserialize;

use crate::wal::WalKeeper;

/// One entry as it is stored: the signed bytes verbatim and what stands beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// Position in the log.
    pub seq: u64,
    /// The canonical bytes.
    pub entry: Vec<u8>,
    /// RFC 6962 leaf hash of `entry`.
    pub leaf: Digest,
    /// Signature over the leaf, on decision-class kinds, with the key that made it.
    pub signature: Option<([u8; 64], KeyId)>,
}

impl StoredEntry {
    /// The entry that a store's row holds.
    ///
    /// # Errors
    /// Which column is malformed.
    pub(crate) fn from_row(
        seq: i64,
        entry: Vec<u8>,
        leaf: &[u8],
        signature: Option<&[u8]>,
        key_id: Option<&str>,
    ) -> Result<Self, &'static str> {
        let signature = match (signature, key_id) {
            (None, None) => None,
            (Some(signature), Some(key_id)) => {
                let key: KeyId = key_id.parse().map_err(|_| "key id")?;
                Some((signature.try_into().map_err(|_| "signature")?, key))
            }
            _ => return Err("signature: it stands without its key id, or the reverse"),
        };
        let seq = u64::try_from(seq).map_err(|_| "position")?;
        Ok(Self { seq, entry, leaf: Digest::from_slice(leaf).ok_or("leaf")?, signature })
    }

    /// The request that the entry concerns, read from the very bytes that are stored, so that the column of that name is never told
    /// anything else. Everything else in them is skipped unread.
    ///
    /// # Errors
    /// In words, when the bytes are not JSON.
    pub(crate) fn request_id(&self) -> Result<Option<&str>, String> {
        #[derive(Deserialize)]
        struct Concerns<'a> {
            #[serde(borrow, default)]
            request_id: Option<&'a str>,
        }
        let concerns: Result<Concerns<'_>, _> = serde_json::from_slice(&self.entry);
        concerns.map(|concerns| concerns.request_id).map_err(|error| format!("entry {} was offered and is not JSON: {error}", self.seq))
    }
}

/// What one commit writes: entries and the signed head over everything up to them.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The new entries with their kinds, in order.
    pub entries: Vec<(StoredEntry, Kind)>,
    /// The tree's edge after them.
    pub edge: Edge,
    /// The signed checkpoint over that edge.
    pub checkpoint: String,
    /// Time of the last entry.
    pub time: Timestamp,
}

/// The head of a log as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The tree's edge.
    pub edge: Edge,
    /// The signed checkpoint over it.
    pub checkpoint: String,
    /// Time of the last entry.
    pub time: Timestamp,
}

/// A way through the log, from a position that is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// Towards the beginning.
    NewestBefore(u64),
    /// Towards the end.
    OldestAfter(u64),
}

/// A failing store. What the caller should do is in the variant.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Nothing of the batch was written; the store may work again later.
    #[error("the log {path} cannot be {doing}")]
    Unavailable {
        /// Which log.
        path: PathBuf,
        /// What was being done, for example `written`.
        doing: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Whether the batch was written is not known: the connection ended while it was being committed. Take a turn, look at the head.
    #[error("it is not known whether the log {path} has the last batch: the connection ended while it was committed")]
    InDoubt {
        /// Which log.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another process has written since the batch was decided: nothing was written. Fold what it wrote, and decide again.
    #[error("the log {path} has moved on to {size} entries")]
    Moved {
        /// Which log.
        path: PathBuf,
        /// How many entries it has now.
        size: u64,
    },
    /// The content is not what it must be: stop, and verify.
    #[error("the log {path} is damaged: {detail}; run `privyseal verify` and restore a backup")]
    Damaged {
        /// Which log.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

/// What stands beside an entry so that it can be found. `verify` compares it with the entry, which alone is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundBy {
    /// Its kind, as a text; that of a kind which is known is not copied.
    pub kind: Cow<'static, str>,
    /// The request that it concerns, as a text.
    pub request_id: Option<String>,
}

impl FoundBy {
    pub(crate) fn new(kind: &str, request_id: Option<String>) -> Self {
        let kind = Kind::from_name(kind).map_or_else(|| Cow::Owned(kind.to_owned()), |kind| Cow::Borrowed(kind.name()));
        Self { kind, request_id }
    }
}

/// Kinds of which the log keeps every entry when it is pruned, because they are looked up for as long as there is a log: how it began,
/// its keys, its segments, its policies, the packs made from it.
pub const KEPT: [Kind; 8] = [
    Kind::LedgerOpened,
    Kind::KeyEnrolled,
    Kind::KeyRetired,
    Kind::KeyRevoked,
    Kind::SegmentSealed,
    Kind::PolicyPublished,
    Kind::ReportGenerated,
    Kind::EvidenceDownloaded,
];

/// Reading a log store, beside whoever writes it.
///
/// Everything read is committed. Two calls may see two moments; [`LogReader::snapshot`] holds one still.
pub trait LogReader: Send {
    /// The head; `None` for an empty log.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn head(&self) -> Result<Option<Head>, LogError>;

    /// Position of the first entry that is still here, 0 unless the log was pruned. What is before it is in recorded segments.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn first(&self) -> Result<u64, LogError>;

    /// Entries from `from` on, at most `limit`, in order. Those before [`LogReader::first`] are not here: asked for them, the answer begins
    /// at the first entry, so look at `seq`.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn entries(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, LogError>;

    /// Entries of one kind, in order: all there ever were of the [`KEPT`] kinds, of others those that were not pruned.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn entries_of(&self, kind: Kind) -> Result<Vec<StoredEntry>, LogError>;

    /// At most `limit` entries of one kind in the order of the walk: the ones nearest to where it begins.
    ///
    /// The default reads every entry of the kind; a store with an index by kind and position does better.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn walk(&self, kind: Kind, walk: Walk, limit: usize) -> Result<Vec<StoredEntry>, LogError> {
        let entries = self.entries_of(kind)?.into_iter();
        Ok(match walk {
            Walk::NewestBefore(end) => entries.rev().filter(|entry| entry.seq < end).take(limit).collect(),
            Walk::OldestAfter(start) => entries.filter(|entry| entry.seq > start).take(limit).collect(),
        })
    }

    /// Entries that concern one request, in order, as far as they were not pruned.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn entries_of_request(&self, request: &RequestId) -> Result<Vec<StoredEntry>, LogError>;

    /// Leaf hashes of the entries in `range`, in order.
    ///
    /// # Errors
    /// When the store cannot be read, or does not have all of them.
    fn leaves(&self, range: Range<u64>) -> Result<Vec<Digest>, LogError>;

    /// How many entries of which kind there are, pruned ones included, most first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn counts(&self) -> Result<Vec<(String, u64)>, LogError>;

    /// Checkpoints kept over `from` entries or more, by size, at most `limit` of them: at least the newest of every second in which
    /// something was written.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<(u64, String)>, LogError>;

    /// As [`LogReader::entries`], each with what stands beside it to be found by.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn entries_found_by(&self, from: u64, limit: usize) -> Result<Vec<(StoredEntry, FoundBy)>, LogError>;

    /// Runs `read` in one read transaction: everything that it reads through the reader it is given is of one moment. Not to be nested.
    ///
    /// # Errors
    /// Whatever `read` returns, or when the transaction cannot begin.
    fn snapshot(&self, read: &mut dyn FnMut(&dyn LogReader) -> Result<(), LogError>) -> Result<(), LogError>;
}

/// Reads a value in one read transaction; see [`LogReader::snapshot`].
///
/// # Errors
/// Whatever `read` returns, or when the transaction cannot begin.
pub fn at_one_moment<T>(log: &dyn LogReader, read: impl FnOnce(&dyn LogReader) -> Result<T, LogError>) -> Result<T, LogError> {
    let (mut read, mut value) = (Some(read), None);
    log.snapshot(&mut |log| {
        if let Some(read) = read.take() {
            value = Some(read(log)?);
        }
        Ok(())
    })?;
    value.ok_or_else(|| LogError::Damaged { path: PathBuf::new(), detail: "a read transaction did not run".to_owned() })
}

/// Writing a log store.
///
/// Durability: when `append` returns `Ok`, the batch survives a crash and power loss. Atomicity: a batch is there whole or not at all,
/// also when `append` returned an error. Ordering: a batch is accepted only when it continues the stored head exactly.
/// Concurrency: several processes may write a shared store. Each takes a turn before it decides, and holds it until it has appended.
pub trait Log: LogReader {
    /// Whether other processes may write this log too.
    fn is_shared(&self) -> bool;

    /// Takes the right to append, waiting for whoever has it now, and tells the head as of then. Nobody else appends until
    /// [`Log::append`] or [`Log::end_turn`]; if this process dies, the store takes the right back. A turn that is held already is ended
    /// first.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached or others take too long; no turn is held then.
    fn take_turn(&mut self) -> Result<Option<Head>, LogError>;

    /// Whoever shortens the store's write-ahead log from beside the writer from now on; `None` when the store does that by itself.
    ///
    /// # Errors
    /// When the store refuses.
    fn wal_keeper(&self) -> Result<Option<WalKeeper>, LogError> {
        Ok(None)
    }

    /// Gives the right back without having written. Nothing happens when it is not held.
    fn end_turn(&mut self);

    /// Appends a batch and ends the turn; takes one first when none is held.
    ///
    /// # Errors
    /// `Unavailable` when nothing was written; `InDoubt` when that is not known; `Moved` when others have written since; `Damaged` when
    /// the batch is not what it says. In every case the turn has ended.
    fn append(&mut self, batch: &Batch) -> Result<(), LogError>;

    /// Removes the entries before `before` from the log, except those of the [`KEPT`] kinds. The caller has made sure that recorded
    /// segments hold them: nobody can bring them back. One transaction; calling it again does nothing.
    ///
    /// # Errors
    /// `Unavailable` when nothing was removed; `Damaged` when nothing would be left.
    fn prune(&mut self, before: u64) -> Result<(), LogError>;

    /// Keeps a checkpoint with the cosignatures of witnesses on it, for as long as there is a log. The same size again replaces it.
    ///
    /// # Errors
    /// `Unavailable` when nothing was written.
    fn keep_cosigned(&mut self, size: u64, note: &str) -> Result<(), LogError>;
}

/// Why a batch does not belong on a head.
pub(crate) enum Misfit {
    /// The head is elsewhere.
    Moved(u64),
    /// The batch is broken in itself.
    Broken(String),
}

/// Whether a batch continues a head exactly: the next position, every one after it, and a tree that is the old one grown by these leaves.
pub(crate) fn continues(head: Option<&Head>, batch: &Batch) -> Result<(), Misfit> {
    let mut edge = head.map_or_else(Edge::new, |head| head.edge.clone());
    let count = u64::try_from(batch.entries.len()).unwrap_or(u64::MAX);
    if batch.edge.size().checked_sub(count) != Some(edge.size()) {
        return Err(Misfit::Moved(edge.size()));
    }
    for (entry, _) in &batch.entries {
        if entry.seq != edge.size() {
            return Err(Misfit::Broken(format!("entry {} was offered at position {}", entry.seq, edge.size())));
        }
        edge.push(entry.leaf);
    }
    if edge != batch.edge {
        return Err(Misfit::Broken(format!("the tree offered over {} entries is not the stored one grown by the batch", edge.size())));
    }
    if head.is_some_and(|head| batch.time < head.time) {
        return Err(Misfit::Broken("the batch is older than the head".to_owned()));
    }
    Ok(())
}
