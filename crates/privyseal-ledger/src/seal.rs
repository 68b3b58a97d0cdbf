//! Sealing: a prefix of the log becomes an immutable Parquet segment.
//!
//! The steps, and what a crash after each leaves behind:
//! 1. Encode the next entries in memory. Nothing is left.
//! 2. Put it where segments are kept, if nothing is there: in the folder by a synced temporary file that is linked into place (a crash
//!    leaves a stray `.tmp`, replaced by the next run), in a bucket by a conditional put. An unrecorded segment may be left.
//! 3. Read back whatever is there now, be it ours, of an earlier run, or of another process that seals at the same time, and compare
//!    every row with the log. What holds is adopted as it is; what does not hold is removed and put anew once, since nothing refers to it.
//! 4. With a bucket, keep a local copy. Losing it costs a download.
//! 5. The caller appends `segment.sealed` through the engine. From here on readers use the segment.
//! 6. Pruning, whenever it is asked for: each recorded segment is read back again from where it is kept, compared with its record and
//!    row by row with the log, and only then its entries leave the log, step by step. A crash leaves a log that begins between two
//!    steps; the same call goes on from there.

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;
use privyseal_core::digest::Digest;
use privyseal_core::event::Entry;
use privyseal_core::event::ledger::SegmentSealed;
use privyseal_core::time::Timestamp;

use crate::durable;
use crate::layout::{self, Layout};
use crate::log::{Log, LogError, LogReader};
use crate::place::{self, Place};
use crate::reader::{self, SegmentsError};
use crate::segment::{self, Columns, SegmentError, SegmentWriter};

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
    /// An entry cannot be encoded.
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
    /// The disk or the store refuses.
    #[error("the segment {path} cannot be written or read back")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What was read back is no segment.
    #[error("the segment {path} reads back damaged: try again; if it stays so, the disk or the store is failing")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<SegmentError>,
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

/// Makes the next segment from entries that are not sealed yet, up to but not including `end`, at most [`MAX_ROWS`] of them and none of a
/// later month (UTC) than the first: then more may be left, for the next call. Returns what is to be recorded as `segment.sealed`; `None`
/// when there is nothing to seal.
///
/// # Errors
/// See [`SealError`]; nothing is recorded then.
pub fn make_segment(layout: &Layout, log: &dyn LogReader, end: u64) -> Result<Option<SegmentSealed>, SealError> {
    make_segment_in(place::of(layout).as_ref(), layout, log, end)
}

/// [`make_segment`], with the place in hand.
///
/// # Errors
/// As [`make_segment`].
pub fn make_segment_in(place: &dyn Place, layout: &Layout, log: &dyn LogReader, end: u64) -> Result<Option<SegmentSealed>, SealError> {
    let first = reader::segments(log)?.last().map_or(0, |segment| segment.last + 1);
    let end = end.min(first.saturating_add(MAX_ROWS));
    if end <= first {
        return Ok(None);
    }
    let (time, end) = of_one_month(layout, log, first..end)?;
    let last = end - 1;
    let failed = |source: SegmentError| SealError::Segment { first, last, source: Box::new(source) };

    let mut writer = SegmentWriter::new().map_err(failed)?;
    let mut at = first;
    while at < end {
        let limit = usize::try_from(end - at).unwrap_or(usize::MAX).min(STEP);
        let entries = log.entries(at, limit)?;
        if entries.is_empty() {
            return Err(missing(layout, at).into());
        }
        writer.write(&entries).map_err(failed)?;
        at += u64::try_from(entries.len()).unwrap_or(0);
    }
    let bytes = Bytes::from(writer.finish().map_err(failed)?);
    put(place, layout, log, &layout::segment_path(first, last, time), &bytes, first..end).map(Some)
}

/// The time of the first of these entries, of which there is one at least, and the end of those that are of its month. Times never
/// decrease along a log.
fn of_one_month(layout: &Layout, log: &dyn LogReader, entries: Range<u64>) -> Result<(Timestamp, u64), SealError> {
    let first = time_of(layout, log, entries.start)?;
    let month = layout::month(first);
    let last = entries.end.saturating_sub(1);
    if layout::month(time_of(layout, log, last)?) == month {
        return Ok((first, entries.end));
    }
    let (mut earlier, mut later) = (entries.start + 1, last);
    while earlier < later {
        let middle = earlier.midpoint(later);
        if layout::month(time_of(layout, log, middle)?) == month { earlier = middle + 1 } else { later = middle }
    }
    Ok((first, earlier))
}

/// When an entry was recorded.
pub(crate) fn time_of(layout: &Layout, log: &dyn LogReader, seq: u64) -> Result<Timestamp, SealError> {
    let stored = log.entries(seq, 1)?.into_iter().next().ok_or_else(|| missing(layout, seq))?;
    let failed = |source| SealError::Segment { first: seq, last: seq, source: Box::new(SegmentError::Entry { seq: stored.seq, source }) };
    Ok(Entry::read(&stored.entry).map_err(failed)?.time)
}

fn missing(layout: &Layout, seq: u64) -> LogError {
    LogError::Damaged { path: layout.log(), detail: format!("entry {seq} is missing") }
}

/// Steps 2 to 4, and what is to be recorded then.
pub(crate) fn put(
    place: &dyn Place,
    layout: &Layout,
    log: &dyn LogReader,
    path: &str,
    bytes: &Bytes,
    entries: Range<u64>,
) -> Result<SegmentSealed, SealError> {
    let bytes = keep(place, log, path, bytes, entries.clone())?;
    if layout.bucket().is_some() {
        let file = layout.below_ledger(path);
        durable::write(&file, &bytes).map_err(|source| SealError::Io { path: file.clone(), source })?;
    }
    Ok(SegmentSealed {
        first: entries.start,
        last: entries.end.saturating_sub(1),
        rows: entries.end.saturating_sub(entries.start),
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        sha256: Digest::of(&bytes),
        path: path.to_owned(),
        replaces: None,
    })
}

/// Steps 2 and 3: what is under `path` in the end, and holds exactly these entries.
fn keep(place: &dyn Place, log: &dyn LogReader, path: &str, bytes: &Bytes, entries: Range<u64>) -> Result<Bytes, SealError> {
    let failed = |source: io::Error| SealError::Io { path: PathBuf::from(place.name()).join(path), source };
    let mut again = true;
    loop {
        let free = place.put_if_absent(path, bytes).map_err(failed)?;
        // A store that does not show what it has just taken may show it later: nothing is recorded until it does.
        let stale = || failed(io::Error::other("it was put there and is not there: the store shows an older state; try again"));
        let found = place.get(path).map_err(failed)?.ok_or_else(stale)?;
        let Err(error) = compare(place, log, path, &found, entries.clone()) else { return Ok(found) };
        if free || !again {
            return Err(error);
        }
        // A second look before anything is removed: the first one may have failed on the way.
        let found = place.get(path).map_err(failed)?;
        if let Some(found) = found
            && compare(place, log, path, &found, entries.clone()).is_ok()
        {
            return Ok(found);
        }
        place.remove(path).map_err(failed)?;
        again = false;
    }
}

/// Whether a segment holds exactly these entries of the log, and typed columns that follow from them.
fn compare(place: &dyn Place, log: &dyn LogReader, path: &str, bytes: &Bytes, entries: Range<u64>) -> Result<(), SealError> {
    let failed = |source: SegmentError| SealError::Damaged { path: PathBuf::from(place.name()).join(path), source: Box::new(source) };
    let differs = |seq: u64| SealError::ReadBack { path: PathBuf::from(place.name()).join(path), seq };
    let mut seq = entries.start;
    for batch in segment::batches(bytes.clone(), 0).map_err(failed)? {
        let batch = batch.map_err(failed)?;
        let columns = Columns::of(&batch).map_err(failed)?;
        let stored = log.entries(seq, columns.rows())?;
        if let Some(row) = columns.equal(&stored) {
            return Err(differs(seq + u64::try_from(row).unwrap_or(0)));
        }
        seq += u64::try_from(stored.len()).unwrap_or(0);
    }
    if seq == entries.end { Ok(()) } else { Err(differs(seq)) }
}

/// Step 6: removes from the log the entries of recorded segments whose entries lie before `end`, each after it was read back from where
/// it is kept and found equal to its record and to the log. Returns how many entries left.
///
/// # Errors
/// See [`SealError`]; what left before stays away, everything else stays.
pub fn prune(layout: &Layout, log: &mut dyn Log, end: u64) -> Result<u64, SealError> {
    prune_from(place::of(layout).as_ref(), log, end)
}

/// [`prune`], with the place in hand.
///
/// # Errors
/// As [`prune`].
pub fn prune_from(place: &dyn Place, log: &mut dyn Log, end: u64) -> Result<u64, SealError> {
    let began = log.first()?;
    for segment in reader::segments(log)? {
        // The last entry of a log stays in it: the next one is linked to it.
        let size = log.head()?.map_or(0, |head| head.edge.size());
        let next = segment.last + 1;
        if next > end || next >= size {
            break;
        }
        let first = log.first()?;
        if next <= first {
            continue;
        }
        let bytes = place::get_recorded(place, &segment)
            .map_err(|source| SealError::Io { path: PathBuf::from(place.name()).join(&segment.path), source })?;
        // After a crash between two steps the log holds only the later part of it.
        compare_rest(place, log, &segment.path, &bytes, first.max(segment.first)..next)?;
        let mut at = first;
        while at < next {
            // Small steps: whoever appends waits for one of them at most.
            at = next.min(at.saturating_add(u64::try_from(STEP).unwrap_or(u64::MAX)));
            log.prune(at)?;
        }
    }
    Ok(log.first()?.saturating_sub(began))
}

/// [`compare`], for the entries of a segment that the log still has.
fn compare_rest(place: &dyn Place, log: &dyn LogReader, path: &str, bytes: &Bytes, entries: Range<u64>) -> Result<(), SealError> {
    let failed = |source: SegmentError| SealError::Damaged { path: PathBuf::from(place.name()).join(path), source: Box::new(source) };
    let differs = |seq: u64| SealError::ReadBack { path: PathBuf::from(place.name()).join(path), seq };
    let mut seq = entries.start;
    for rows in segment::read(bytes.clone()).map_err(failed)? {
        let mut rows = rows.map_err(failed)?;
        rows.retain(|row| row.stored.seq >= entries.start);
        let stored = log.entries(seq, rows.len())?;
        if let Some(row) = rows.iter().enumerate().find(|(at, row)| stored.get(*at) != Some(&row.stored)) {
            return Err(differs(row.1.stored.seq));
        }
        seq += u64::try_from(rows.len()).unwrap_or(0);
    }
    if seq == entries.end { Ok(()) } else { Err(differs(seq)) }
}
