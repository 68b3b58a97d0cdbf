//! The ledger as columns: recorded segments by name, and the live tail in memory, always as of one moment.
//!
//! A snapshot is taken before each statement and holds everything that was committed by then. Entries of the tail are read and
//! typed once; the next snapshot adds only what is new and drops what has been sealed since.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::SystemTime;

use arrow::array::RecordBatch;
use arrow::compute::{cast, concat_batches};
use privyseal_core::cause::chain;
use privyseal_core::digest::Digest;
use privyseal_core::event::Kind;
use privyseal_core::time::Timestamp;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::{LogError, StoredEntry};
use privyseal_ledger::reader::{Reader, SegmentRecord};
use privyseal_ledger::segment::{self, SegmentError};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::scan::{Kept, schema};

/// Rows in a batch of the tail, and in every batch that a scan gives. Small, so that work can be cancelled between batches.
pub(crate) const BATCH_ROWS: usize = 1_024;

/// Why the ledger cannot be read. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The log itself.
    #[error("{}", chain(.0))]
    Log(#[from] LogError),
    /// An entry of the tail has no typed columns.
    #[error("{}", chain(.0))]
    Segment(#[from] SegmentError),
    /// A segment is not there.
    #[error("the segment {path} cannot be read ({reason}): run `privyseal verify`")]
    Missing { path: String, reason: String },
    /// A segment has another length than recorded.
    #[error("the segment {path} is damaged: it has {found} bytes, recorded are {recorded}; run `privyseal verify`")]
    Length { path: String, found: u64, recorded: u64 },
    /// A segment has another content than recorded.
    #[error("the segment {path} is damaged: its SHA-256 is not the recorded one; run `privyseal verify`")]
    Content { path: String },
    /// A thread died while it held the lock.
    #[error("an earlier read of the ledger failed half-way: restart the program")]
    Poisoned,
}

/// The ledger at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Number of entries.
    pub(crate) size: u64,
    /// Root over them, once known.
    root: OnceLock<Digest>,
    /// The newest signed checkpoint over them, or over fewer when they end between two checkpoints.
    pub(crate) checkpoint: String,
    /// Name of the log.
    pub(crate) origin: String,
    /// Time of the first entry.
    pub(crate) opened_at: Timestamp,
    /// Time of the last entry.
    pub(crate) last_at: Timestamp,
    /// Recorded segments, in order.
    pub(crate) segments: Vec<SegmentRecord>,
    /// Everything after the last segment, in the segment's schema.
    pub(crate) tail: Vec<RecordBatch>,
    /// Where more can be read from.
    pub(crate) store: Arc<Store>,
}

/// What is read of a single entry.
#[derive(Deserialize)]
struct EventHead {
    log: String,
    time: Timestamp,
}

/// Where segments were found good: length and time of change at that moment.
type Checked = BTreeMap<String, (u64, SystemTime)>;

/// Reads one data folder.
pub(crate) struct Store {
    layout: Layout,
    /// Threads that one scan may keep busy.
    threads: usize,
    state: Mutex<State>,
    checked: Mutex<Checked>,
    kept: Kept,
}

struct State {
    reader: Reader,
    /// Origin and time of the first entry, once read.
    opened: Option<(String, Timestamp)>,
    /// Rows from `from` up to `to`, without gaps.
    tail: Vec<RecordBatch>,
    from: u64,
    to: u64,
}

impl StoreError {
    /// The error for whoever sent a statement: without the folder that the data live in.
    pub(crate) fn outward(&self) -> String {
        match self {
            StoreError::Log(LogError::Unavailable { doing, source, .. }) => format!("the log cannot be {doing}: {source}"),
            StoreError::Log(LogError::InDoubt { .. }) => "it is not known whether the log was written".to_owned(),
            StoreError::Log(LogError::Moved { size, .. }) => format!("the log has moved on to {size} entries"),
            StoreError::Log(LogError::Damaged { detail, .. }) => {
                format!("the log is damaged: {detail}; run `privyseal verify` and restore a backup")
            }
            other => other.to_string(),
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl Store {
    /// `kept_bytes` is the room for what statements took out of entries.
    pub(crate) fn open(layout: Layout, threads: usize, kept_bytes: usize) -> Result<Self, StoreError> {
        let reader = Reader::open(layout.clone())?;
        let state = State { reader, opened: None, tail: Vec::new(), from: 0, to: 0 };
        Ok(Self { layout, threads, state: Mutex::new(state), checked: Mutex::default(), kept: Kept::new(kept_bytes) })
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    pub(crate) fn kept(&self) -> &Kept {
        &self.kept
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The ledger as it is now. Blocks on the disk.
    ///
    /// Every segment has been compared with its recorded SHA-256 before a statement reads it: Parquet pages carry no checksum of their
    /// own, and a flipped bit must become an error, never a wrong number.
    pub(crate) fn snapshot(self: &Arc<Self>) -> Result<Snapshot, StoreError> {
        let snapshot = self.read()?;
        self.check_content(&snapshot.segments)?;
        Ok(snapshot)
    }

    fn read(self: &Arc<Self>) -> Result<Snapshot, StoreError> {
        let mut state = self.state.lock().map_err(|_| StoreError::Poisoned)?;
        let mut now = state.reader.snapshot(state.to)?;
        if now.size < state.to {
            // The log is shorter than what is held: another one was put in its place. Forget it and read again.
            state.tail.clear();
            (state.from, state.to, state.opened) = (0, 0, None);
            now = state.reader.snapshot(0)?;
        }
        let sealed = now.segments.last().map_or(0, |segment| segment.last + 1);
        state.drop_before(sealed);
        state.add(&now.tail)?;
        let (origin, opened_at) = state.opened()?;
        let last_at = state.event_at(now.size.saturating_sub(1))?.map_or(opened_at, |event| event.time);
        Ok(Snapshot {
            size: now.size,
            root: OnceLock::from(now.root),
            checkpoint: now.checkpoint,
            origin,
            opened_at,
            last_at,
            segments: now.segments,
            tail: state.tail.clone(),
            store: Arc::clone(self),
        })
    }

    /// What of a snapshot is from before a moment. Everything that is computed from it stays the same however the log grows, once it has
    /// grown past that moment. Blocks on the disk.
    pub(crate) fn before(&self, whole: &Arc<Snapshot>, end: Timestamp) -> Result<Arc<Snapshot>, StoreError> {
        if whole.last_at < end {
            return Ok(Arc::clone(whole));
        }
        let state = self.state.lock().map_err(|_| StoreError::Poisoned)?;
        let size = state.reader.size_before(end, whole.size)?;
        state.cut(whole, size)
    }

    /// The first `size` entries of a snapshot, as it was when it had no more. Blocks on the disk.
    pub(crate) fn prefix(&self, whole: &Arc<Snapshot>, size: u64) -> Result<Arc<Snapshot>, StoreError> {
        if size >= whole.size {
            return Ok(Arc::clone(whole));
        }
        let state = self.state.lock().map_err(|_| StoreError::Poisoned)?;
        state.cut(whole, size)
    }

    /// Checkpoints kept up to `size` entries. Blocks on the disk.
    pub(crate) fn checkpoints(&self, size: u64) -> Result<Vec<(u64, String)>, StoreError> {
        let state = self.state.lock().map_err(|_| StoreError::Poisoned)?;
        let mut checkpoints = state.reader.log().checkpoints(0, usize::MAX)?;
        checkpoints.retain(|(covered, _)| *covered <= size);
        Ok(checkpoints)
    }

    /// Compares every segment with its recorded length and SHA-256. What was found good is not read again while its length and time of
    /// change stay.
    fn check_content(&self, segments: &[SegmentRecord]) -> Result<(), StoreError> {
        for segment in segments {
            let path = self.layout.below_ledger(&segment.path);
            let metadata = fs::metadata(&path).map_err(|error| missing(segment, &error))?;
            let seen = (metadata.len(), metadata.modified().map_err(|error| missing(segment, &error))?);
            if seen.0 != segment.bytes {
                return Err(StoreError::Length { path: outward_path(segment), found: seen.0, recorded: segment.bytes });
            }
            if self.checked.lock().map_err(|_| StoreError::Poisoned)?.get(&segment.path) == Some(&seen) {
                continue;
            }
            if hash_file(&path).map_err(|error| missing(segment, &error))? != segment.sha256 {
                return Err(StoreError::Content { path: outward_path(segment) });
            }
            self.checked.lock().map_err(|_| StoreError::Poisoned)?.insert(segment.path.clone(), seen);
        }
        Ok(())
    }

    /// After a segment could not be decoded: which one, by reading them all again.
    pub(crate) fn find_damage(&self, segments: &[SegmentRecord]) -> Option<StoreError> {
        if let Ok(mut checked) = self.checked.lock() {
            checked.clear();
        }
        segments.iter().find_map(|segment| self.check_content(std::slice::from_ref(segment)).err())
    }
}

/// A batch with the columns as they are read.
fn as_read(stored: &RecordBatch) -> Result<RecordBatch, SegmentError> {
    let schema = schema();
    let columns = stored.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    Ok(RecordBatch::try_new(Arc::clone(&schema), columns.collect::<Result<Vec<_>, _>>()?)?)
}

/// The path of a segment below the data folder: what people need to find it, and no more.
fn outward_path(segment: &SegmentRecord) -> String {
    format!("ledger/{}", segment.path)
}

fn missing(segment: &SegmentRecord, error: &std::io::Error) -> StoreError {
    StoreError::Missing { path: outward_path(segment), reason: error.to_string() }
}

fn hash_file(path: &std::path::Path) -> std::io::Result<Digest> {
    let (mut file, mut hasher, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 1 << 20]);
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(Digest::from_bytes(hasher.finalize().into()));
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
}

impl Snapshot {
    /// Root over its entries. Blocks on the disk.
    pub(crate) fn root(&self) -> Result<Digest, StoreError> {
        if let Some(root) = self.root.get() {
            return Ok(*root);
        }
        let root = self.store.state.lock().map_err(|_| StoreError::Poisoned)?.reader.root(self.size)?;
        Ok(*self.root.get_or_init(|| root))
    }
}

impl State {
    /// The first entries of a snapshot. Their root is computed when somebody asks for it.
    fn cut(&self, whole: &Arc<Snapshot>, size: u64) -> Result<Arc<Snapshot>, StoreError> {
        let (root, checkpoint) = (OnceLock::new(), self.reader.checkpoint(size)?);
        let last_at = self.event_at(size.saturating_sub(1))?.map_or(whole.opened_at, |event| event.time);
        let segments: Vec<SegmentRecord> = whole.segments.iter().filter(|segment| segment.first < size).cloned().collect();
        let mut room = size.saturating_sub(whole.segments.last().map_or(0, |segment| segment.last + 1));
        let tail = whole.tail.iter().map_while(|batch| {
            let rows = room.min(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
            room -= rows;
            (rows > 0).then(|| batch.slice(0, usize::try_from(rows).unwrap_or(0)))
        });
        let (origin, opened_at, store) = (whole.origin.clone(), whole.opened_at, Arc::clone(&whole.store));
        Ok(Arc::new(Snapshot { size, root, checkpoint, origin, opened_at, last_at, segments, tail: tail.collect(), store }))
    }

    fn opened(&mut self) -> Result<(String, Timestamp), StoreError> {
        if self.opened.is_none() {
            // Looked up by kind: pruning keeps it, whatever else it takes away.
            let first = self.reader.log().entries_of(Kind::LedgerOpened)?.into_iter().next();
            self.opened = first.and_then(|entry| serde_json::from_slice(&entry.entry).ok()).map(|event: EventHead| (event.log, event.time));
        }
        Ok(self.opened.clone().unwrap_or_default())
    }

    fn event_at(&self, seq: u64) -> Result<Option<EventHead>, StoreError> {
        let entries = self.reader.log().entries(seq, 1)?;
        Ok(entries.first().filter(|entry| entry.seq == seq).and_then(|entry| serde_json::from_slice(&entry.entry).ok()))
    }

    fn drop_before(&mut self, sealed: u64) {
        while self.from < sealed {
            let Some(first) = self.tail.first() else {
                self.from = sealed;
                self.to = self.to.max(sealed);
                return;
            };
            let rows = u64::try_from(first.num_rows()).unwrap_or(u64::MAX);
            let gone = rows.min(sealed - self.from);
            if gone == rows {
                self.tail.remove(0);
            } else {
                let keep = first.slice(usize::try_from(gone).unwrap_or(usize::MAX), usize::try_from(rows - gone).unwrap_or(0));
                if let Some(first) = self.tail.first_mut() {
                    *first = keep;
                }
            }
            self.from += gone;
        }
    }

    fn add(&mut self, entries: &[StoredEntry]) -> Result<(), StoreError> {
        let mut new = entries;
        while !new.is_empty() {
            let open = self.tail.last().map_or(0, RecordBatch::num_rows);
            let room = if open < BATCH_ROWS { BATCH_ROWS - open } else { BATCH_ROWS };
            let (now, later) = new.split_at(room.min(new.len()));
            let batch = as_read(&segment::to_batch(now)?)?;
            match self.tail.last_mut().filter(|last| last.num_rows() < BATCH_ROWS) {
                Some(last) => *last = concat_batches(&schema(), [&*last, &batch]).map_err(SegmentError::from)?,
                None => self.tail.push(batch),
            }
            self.to += u64::try_from(now.len()).unwrap_or(0);
            new = later;
        }
        Ok(())
    }
}
