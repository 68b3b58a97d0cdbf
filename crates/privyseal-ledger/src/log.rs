//! The contract of a log store: append a batch durably, read it back in order. SQLite is the first store that fulfils it.

use std::path::PathBuf;

use privyseal_core::digest::Digest;
use privyseal_core::event::Kind;
use privyseal_core::id::RequestId;
use privyseal_core::note::KeyId;
use privyseal_core::time::Timestamp;
use privyseal_core::tree::Edge;

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
    /// The content is not what it must be: stop, and verify.
    #[error("the log {path} is damaged: {detail}; run `privyseal verify` and restore a backup")]
    Damaged {
        /// Which log.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

/// A log store.
///
/// Durability: when `append` returns `Ok`, the batch survives a crash and power loss. Atomicity: a batch is there whole or not at all,
/// also when `append` returned an error. Ordering: a batch is accepted only when it continues the stored head exactly.
pub trait Log: Send {
    /// Appends a batch.
    ///
    /// # Errors
    /// `Unavailable` when nothing was written; `Damaged` when the batch does not continue the head.
    fn append(&mut self, batch: &Batch) -> Result<(), LogError>;

    /// The head; `None` for an empty log.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn head(&self) -> Result<Option<Head>, LogError>;

    /// Entries from `from` on, at most `limit`, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn entries(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, LogError>;

    /// Entries of one kind, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn entries_of(&self, kind: Kind) -> Result<Vec<StoredEntry>, LogError>;

    /// Leaf hashes of the first `size` entries, in order.
    ///
    /// # Errors
    /// When the store cannot be read, or has fewer entries.
    fn leaves(&self, size: u64) -> Result<Vec<Digest>, LogError>;

    /// Entries that concern one request, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn entries_of_request(&self, request: &RequestId) -> Result<Vec<StoredEntry>, LogError>;

    /// How many entries of which kind there are, most first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn counts(&self) -> Result<Vec<(String, u64)>, LogError>;

    /// Keeps the cosigned form of a signed head that was committed before, in place of the one without cosignatures. Durable on return;
    /// the same call can be made again.
    ///
    /// # Errors
    /// When the store cannot be written; the head stays without its cosignatures.
    fn keep_cosigned(&mut self, size: u64, note: &str) -> Result<(), LogError>;

    /// Checkpoints kept, by size, with their cosignatures: at least the newest of every second in which something was written.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn checkpoints(&self) -> Result<Vec<(u64, String)>, LogError>;
}
