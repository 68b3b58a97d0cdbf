//! A pruned log as if it were whole: what has left the store is read from its sealed segments. Slower, and the same.
//!
//! Nothing here costs anything while a log was never pruned.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::SystemTime;

use arrow::array::{Array as _, BinaryArray, FixedSizeBinaryArray, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::errors::ParquetError;
use privyseal_core::digest::Digest;
use privyseal_core::event::ledger::SegmentSealed;
use privyseal_core::event::{self, Kind};
use privyseal_core::id::RequestId;
use sha2::{Digest as _, Sha256};

use crate::layout::Layout;
use crate::log::{Batch, FoundBy, Head, KEPT, Log, LogError, LogReader, StoredEntry, Walk};
use crate::place;
use crate::reader::{self, SegmentsError};
use crate::wal::WalKeeper;

/// The segments of a layout, and which of their files were found to be the recorded ones, with length and time of change then.
struct Sealed {
    layout: Layout,
    intact: Mutex<BTreeMap<String, (u64, SystemTime)>>,
}

/// What to look for in a segment.
enum Wanted<'a> {
    /// Rows whose column has this text.
    Text(&'static str, &'a str),
    /// Rows of these positions.
    Between(Range<u64>),
}

/// A reader of a log that may have been pruned.
pub(crate) struct WholeReader {
    log: Box<dyn LogReader>,
    sealed: Sealed,
}

/// A writer of a log that may have been pruned.
pub(crate) struct WholeLog {
    log: Box<dyn Log>,
    sealed: Sealed,
}

impl WholeReader {
    pub(crate) fn new(log: Box<dyn LogReader>, layout: &Layout) -> Self {
        Self { log, sealed: Sealed::new(layout) }
    }
}

impl WholeLog {
    pub(crate) fn new(log: Box<dyn Log>, layout: &Layout) -> Self {
        Self { log, sealed: Sealed::new(layout) }
    }
}

/// What both have in common.
struct View<'a> {
    log: &'a dyn LogReader,
    sealed: &'a Sealed,
}

impl View<'_> {
    /// The sealed entries before `first` that are wanted, at most `limit`, in order.
    fn before(&self, first: u64, wanted: &Wanted<'_>, limit: usize) -> Result<Vec<StoredEntry>, LogError> {
        let segments = reader::segments(self.log).map_err(|error| match error {
            SegmentsError::Log(error) => error,
            SegmentsError::Misplaced(detail) => self.sealed.damaged(detail),
        })?;
        let mut found = Vec::new();
        for segment in segments.iter().take_while(|segment| segment.first < first) {
            let room = limit.saturating_sub(found.len());
            if room == 0 {
                break;
            }
            if let Wanted::Between(range) = wanted
                && (segment.last < range.start || segment.first >= range.end)
            {
                continue;
            }
            let mut entries = self.sealed.read(segment, wanted, room)?;
            entries.retain(|stored| stored.seq < first);
            found.append(&mut entries);
        }
        Ok(found)
    }
}

impl View<'_> {
    /// Reads both parts of a log whose boundary may move between two looks, when somebody prunes beside us: again, until it stood still.
    /// Pruning only ever moves it forward, and ends.
    fn steady<T>(&self, mut read: impl FnMut(u64) -> Result<T, LogError>) -> Result<T, LogError> {
        let mut first = self.log.first()?;
        loop {
            let value = read(first);
            let now = self.log.first()?;
            if now == first {
                return value;
            }
            first = now;
        }
    }

    fn entries(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, LogError> {
        // Whoever follows the end of the log reads nothing that could be pruned, and does without a second look.
        let near = self.log.first().and_then(|first| if from >= first { self.log.entries(from, limit).map(Some) } else { Ok(None) })?;
        match near {
            Some(entries) if entries.first().is_none_or(|stored| stored.seq == from) => Ok(entries),
            _ => self.steady(|first| self.entries_across(first, from, limit)),
        }
    }

    fn entries_across(&self, first: u64, from: u64, limit: usize) -> Result<Vec<StoredEntry>, LogError> {
        if from >= first {
            return self.log.entries(from, limit);
        }
        let end = first.min(from.saturating_add(u64::try_from(limit).unwrap_or(u64::MAX)));
        let mut entries = self.before(first, &Wanted::Between(from..end), limit)?;
        if u64::try_from(entries.len()).ok() != Some(end - from) {
            return Err(self.sealed.damaged(format!("its segments do not hold all of the entries {from} to {}", end - 1)));
        }
        entries.append(&mut self.log.entries(first, limit - entries.len())?);
        Ok(entries)
    }

    fn entries_of(&self, kind: Kind) -> Result<Vec<StoredEntry>, LogError> {
        if KEPT.contains(&kind) {
            return self.log.entries_of(kind);
        }
        self.steady(|first| {
            let mut entries = match first {
                0 => Vec::new(),
                first => self.before(first, &Wanted::Text("kind", kind.name()), usize::MAX)?,
            };
            entries.append(&mut self.log.entries_of(kind)?);
            Ok(entries)
        })
    }

    fn walk(&self, kind: Kind, walk: Walk, limit: usize) -> Result<Vec<StoredEntry>, LogError> {
        if KEPT.contains(&kind) {
            return self.log.walk(kind, walk, limit);
        }
        self.steady(|first| {
            let near = self.log.walk(kind, walk, limit)?;
            let enough = match walk {
                Walk::NewestBefore(_) => near.len() >= limit,
                Walk::OldestAfter(start) => start >= first,
            };
            if first == 0 || enough {
                return Ok(near);
            }
            let entries = self.entries_of(kind)?.into_iter();
            Ok(match walk {
                Walk::NewestBefore(end) => entries.rev().filter(|entry| entry.seq < end).take(limit).collect(),
                Walk::OldestAfter(start) => entries.filter(|entry| entry.seq > start).take(limit).collect(),
            })
        })
    }

    fn entries_of_request(&self, request: &RequestId) -> Result<Vec<StoredEntry>, LogError> {
        self.steady(|first| {
            let mut entries = match first {
                0 => Vec::new(),
                first => self.before(first, &Wanted::Text("request_id", &request.to_string()), usize::MAX)?,
            };
            // Kept kinds may concern a request too: they are in both places.
            entries.extend(self.log.entries_of_request(request)?.into_iter().filter(|stored| stored.seq >= first));
            Ok(entries)
        })
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Digest>, LogError> {
        self.steady(|first| {
            if range.start >= first {
                return self.log.leaves(range.clone());
            }
            let end = first.min(range.end);
            let sealed = self.before(first, &Wanted::Between(range.start..end), usize::MAX)?;
            let mut leaves: Vec<Digest> = sealed.iter().map(|stored| stored.leaf).collect();
            if u64::try_from(leaves.len()).ok() != end.checked_sub(range.start) {
                return Err(self.sealed.damaged(format!("its segments do not hold all of the entries {} to {end}", range.start)));
            }
            if range.end > first {
                leaves.append(&mut self.log.leaves(first..range.end)?);
            }
            Ok(leaves)
        })
    }
}

macro_rules! reads_through_view {
    ($name:ident) => {
        impl $name {
            fn view(&self) -> View<'_> {
                View { log: self.log.as_ref(), sealed: &self.sealed }
            }
        }

        impl LogReader for $name {
            fn head(&self) -> Result<Option<Head>, LogError> {
                self.log.head()
            }
            fn first(&self) -> Result<u64, LogError> {
                self.log.first()
            }
            fn entries(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, LogError> {
                self.view().entries(from, limit)
            }
            fn entries_of(&self, kind: Kind) -> Result<Vec<StoredEntry>, LogError> {
                self.view().entries_of(kind)
            }
            fn walk(&self, kind: Kind, walk: Walk, limit: usize) -> Result<Vec<StoredEntry>, LogError> {
                self.view().walk(kind, walk, limit)
            }
            fn entries_of_request(&self, request: &RequestId) -> Result<Vec<StoredEntry>, LogError> {
                self.view().entries_of_request(request)
            }
            fn leaves(&self, range: Range<u64>) -> Result<Vec<Digest>, LogError> {
                self.view().leaves(range)
            }
            fn counts(&self) -> Result<Vec<(String, u64)>, LogError> {
                self.log.counts()
            }
            fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<(u64, String)>, LogError> {
                self.log.checkpoints(from, limit)
            }
            fn entries_found_by(&self, from: u64, limit: usize) -> Result<Vec<(StoredEntry, FoundBy)>, LogError> {
                self.log.entries_found_by(from, limit)
            }
            fn snapshot(&self, read: &mut dyn FnMut(&dyn LogReader) -> Result<(), LogError>) -> Result<(), LogError> {
                // A snapshot holds the connection still, and that is the one that this reads through.
                self.log.snapshot(&mut |_| read(self))
            }
        }
    };
}

reads_through_view!(WholeReader);
reads_through_view!(WholeLog);

impl Log for WholeLog {
    fn is_shared(&self) -> bool {
        self.log.is_shared()
    }
    fn take_turn(&mut self) -> Result<Option<Head>, LogError> {
        self.log.take_turn()
    }
    fn wal_keeper(&self) -> Result<Option<WalKeeper>, LogError> {
        self.log.wal_keeper()
    }
    fn end_turn(&mut self) {
        self.log.end_turn();
    }
    fn append(&mut self, batch: &Batch) -> Result<(), LogError> {
        self.log.append(batch)
    }
    fn prune(&mut self, before: u64) -> Result<(), LogError> {
        self.log.prune(before)
    }
    fn keep_cosigned(&mut self, size: u64, note: &str) -> Result<(), LogError> {
        self.log.keep_cosigned(size, note)
    }
}

impl Sealed {
    fn new(layout: &Layout) -> Self {
        Self { layout: layout.clone(), intact: Mutex::default() }
    }

    fn damaged(&self, detail: String) -> LogError {
        LogError::Damaged { path: self.layout.ledger(), detail }
    }

    fn unreadable(&self, segment: &SegmentSealed, source: io::Error) -> LogError {
        LogError::Unavailable { path: self.layout.below_ledger(&segment.path), doing: "read", source: Box::new(source) }
    }

    fn read(&self, segment: &SegmentSealed, wanted: &Wanted<'_>, limit: usize) -> Result<Vec<StoredEntry>, LogError> {
        let path = self.intact(segment)?;
        let open = || File::open(&path).map_err(|source| self.unreadable(segment, source));
        let broken = |error: ParquetError| self.damaged(format!("{} cannot be decoded: {error}", segment.path));
        let builder = |names: &[&str]| -> Result<_, LogError> {
            let builder = ParquetRecordBatchReaderBuilder::try_new(open()?).map_err(broken)?;
            let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
            Ok(builder.with_projection(mask))
        };
        let rows = usize::try_from(segment.rows).unwrap_or(usize::MAX);
        let at = |seq: u64| usize::try_from(seq.saturating_sub(segment.first)).unwrap_or(usize::MAX).min(rows);
        let positions: Vec<Range<usize>> = match wanted {
            Wanted::Between(range) => std::iter::once(at(range.start)..at(range.end)).collect(),
            Wanted::Text(column, text) => {
                let mut positions = Vec::new();
                let mut row = 0;
                for batch in builder(&[column])?.build().map_err(broken)? {
                    let batch = batch.map_err(|error| broken(error.into()))?;
                    let texts: &StringArray = self.column(segment, &batch, column)?;
                    let found = (0..texts.len()).filter(|at| !texts.is_null(*at) && texts.value(*at) == *text);
                    positions.extend(found.map(|at| row + at..row + at + 1));
                    row += texts.len();
                }
                positions
            }
        };
        if positions.is_empty() {
            return Ok(Vec::new());
        }
        let selection = RowSelection::from_consecutive_ranges(positions.into_iter(), rows);
        let reader = builder(&["seq", "entry", "signature", "key_id"])?.with_row_selection(selection).with_limit(limit);
        let mut entries = Vec::new();
        for batch in reader.build().map_err(broken)? {
            let batch = batch.map_err(|error| broken(error.into()))?;
            self.add(segment, &batch, &mut entries)?;
        }
        Ok(entries)
    }

    fn column<'a, T: 'static>(&self, segment: &SegmentSealed, batch: &'a RecordBatch, name: &str) -> Result<&'a T, LogError> {
        let column = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref::<T>());
        column.ok_or_else(|| self.damaged(format!("{} has no column `{name}` of its type", segment.path)))
    }

    fn add(&self, segment: &SegmentSealed, batch: &RecordBatch, entries: &mut Vec<StoredEntry>) -> Result<(), LogError> {
        let seq: &Int64Array = self.column(segment, batch, "seq")?;
        let entry: &BinaryArray = self.column(segment, batch, "entry")?;
        let signature: &FixedSizeBinaryArray = self.column(segment, batch, "signature")?;
        let key_id: &StringArray = self.column(segment, batch, "key_id")?;
        for row in 0..batch.num_rows() {
            let bad = |what: &str| self.damaged(format!("{} has a malformed {what} in the row of entry {}", segment.path, seq.value(row)));
            let signature = match (signature.is_null(row), key_id.is_null(row)) {
                (true, true) => None,
                (false, false) => {
                    let bytes = signature.value(row).try_into().map_err(|_| bad("signature"))?;
                    Some((bytes, key_id.value(row).parse().map_err(|_| bad("key id"))?))
                }
                _ => return Err(bad("signature or key id")),
            };
            let bytes = entry.value(row).to_vec();
            let seq = u64::try_from(seq.value(row)).map_err(|_| bad("position"))?;
            entries.push(StoredEntry { seq, leaf: event::leaf(&bytes), entry: bytes, signature });
        }
        Ok(())
    }

    /// The local file of a segment, compared with its record since it last changed.
    fn intact(&self, segment: &SegmentSealed) -> Result<PathBuf, LogError> {
        let unreadable = |source| self.unreadable(segment, source);
        place::fetch(&self.layout, segment).map_err(unreadable)?;
        let path = self.layout.below_ledger(&segment.path);
        let seen = std::fs::metadata(&path).and_then(|metadata| Ok((metadata.len(), metadata.modified()?))).map_err(unreadable)?;
        let mut intact = self.intact.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if intact.get(&segment.path) != Some(&seen) {
            let mut hasher = Sha256::new();
            io::copy(&mut File::open(&path).map_err(unreadable)?, &mut Hashing(&mut hasher)).map_err(unreadable)?;
            if Digest::from_bytes(hasher.finalize().into()) != segment.sha256 {
                return Err(self.damaged(format!("{} is not the segment that was recorded", segment.path)));
            }
            intact.insert(segment.path.clone(), seen);
        }
        Ok(path)
    }
}

struct Hashing<'a>(&'a mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
