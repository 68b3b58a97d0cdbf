//! Sealing: a prefix of the log becomes an immutable Parquet segment.
//!
//! The steps, and what a crash after each leaves behind:
//! 1. Encode the next entries in memory. Nothing is left.
//! 2. Write and sync a temporary file. A stray `.tmp`, taken away by the next start or seal.
//! 3. Rename it into place, sync the folder. An unrecorded segment: nothing refers to it, the next start or seal takes it away
//!    (`leftover.rs`), because that seal may end elsewhere and never write this path again.
//! 4. Read it back from the disk and compare every row with the log. A bad file is an error, and unrecorded.
//! 5. The caller appends `segment.sealed` through the engine. From here on readers use the file.
//!
//! Entries are not removed from the log database: pruning comes with its own verification.

use std::fs;
use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use privyseal_core::digest::Digest;
use privyseal_core::event::Event;
use privyseal_core::event::ledger::SegmentSealed;

use crate::durable;
use crate::layout::{self, Layout};
use crate::log::{Log as _, LogError};
use crate::reader::{self, SegmentsError};
use crate::segment::{self, SegmentError, SegmentWriter};
use crate::sqlite::SqliteLog;

/// Most entries in one segment.
pub const MAX_ROWS: u64 = 1_000_000;
const STEP: usize = 8_192;

/// Why a segment was not made. In every case the log is as it was, and sealing can be tried again.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log's records of earlier segments do not line up.
    #[error(transparent)]
    Segments(#[from] SegmentsError),
    /// An entry cannot be encoded, or the file cannot be decoded.
    #[error("cannot encode entries {first} to {last}")]
    Segment {
        /// First entry.
        first: u64,
        /// Last entry.
        last: u64,
        /// Why.
        #[source]
        source: Box<SegmentError>,
    },
    /// The disk refuses.
    #[error("cannot write the segment {path}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What was read back is not what was written.
    #[error("the segment {path} reads back differently from the log at entry {seq}: the disk may be failing")]
    ReadBack {
        /// Which file.
        path: PathBuf,
        /// Where.
        seq: u64,
    },
}

/// Makes the next segment from entries that are not sealed yet, up to but not including `end`, at most [`MAX_ROWS`] of them.
/// Returns what is to be recorded as `segment.sealed`; `None` when there is nothing to seal.
///
/// # Errors
/// See [`SealError`]; nothing is recorded then.
pub fn make_segment(layout: &Layout, log: &SqliteLog, end: u64) -> Result<Option<SegmentSealed>, SealError> {
    let first = reader::segments(log)?.last().map_or(0, |segment| segment.last + 1);
    let end = end.min(first.saturating_add(MAX_ROWS));
    let Some(last) = end.checked_sub(1).filter(|last| *last >= first) else { return Ok(None) };
    let failed = |source: SegmentError| SealError::Segment { first, last, source: Box::new(source) };

    let mut writer = SegmentWriter::new().map_err(failed)?;
    let (mut at, mut first_time) = (first, None);
    while at < end {
        let limit = usize::try_from(end - at).unwrap_or(usize::MAX).min(STEP);
        let entries = log.entries(at, limit)?;
        let Some(start) = entries.first() else {
            return Err(LogError::Damaged { path: layout.log(), detail: format!("entry {at} is missing") }.into());
        };
        if first_time.is_none() {
            let event = Event::from_entry(&start.entry).map_err(|source| failed(SegmentError::Entry { seq: start.seq, source }))?;
            first_time = Some(event.time);
        }
        writer.write(&entries).map_err(failed)?;
        at += u64::try_from(entries.len()).unwrap_or(0);
    }
    let bytes = writer.finish().map_err(failed)?;
    let path = layout::segment_path(first, last, first_time.unwrap_or_default());
    let file = layout.below_ledger(&path);
    place(&file, &bytes).map_err(|source| SealError::Io { path: file.clone(), source })?;

    let on_disk = fs::read(&file).map_err(|source| SealError::Io { path: file.clone(), source })?;
    let (sha256, length) = (Digest::of(&on_disk), u64::try_from(on_disk.len()).unwrap_or(u64::MAX));
    let mut seq = first;
    for rows in segment::read(Bytes::from(on_disk)).map_err(failed)? {
        let rows = rows.map_err(failed)?;
        let entries = log.entries(seq, rows.len())?;
        let differs = rows
            .iter()
            .zip(&entries)
            .position(|(row, entry)| row.stored != *entry || segment::Typed::of(&entry.entry).ok().as_ref() != Some(&row.typed));
        if rows.len() != entries.len() || differs.is_some() {
            let offset = u64::try_from(differs.unwrap_or(0)).unwrap_or(0);
            return Err(SealError::ReadBack { path: file, seq: seq + offset });
        }
        seq += u64::try_from(rows.len()).unwrap_or(0);
    }
    if seq != end {
        return Err(SealError::ReadBack { path: file, seq });
    }
    Ok(Some(SegmentSealed { first, last, rows: end - first, bytes: length, sha256, path }))
}

/// Steps 2 and 3. Put-if-absent: a file that is there already is kept when it is equal, and replaced only because it is unrecorded.
fn place(file: &std::path::Path, bytes: &[u8]) -> io::Result<()> {
    match fs::read(file) {
        Ok(present) if present == bytes => Ok(()),
        _ => durable::write(file, bytes),
    }
}
