//! Merging: several small segments become one that takes their place. Proofs, heads and packs are over entries, never over Parquet, so
//! they do not change by it.
//!
//! The steps, and what a crash after each leaves behind:
//! 1. Read the segments back from where they are kept, compare each with its record, and its rows with the log as far as that still
//!    holds them; encode their entries in memory as one. Nothing is left.
//! 2. to 4. As in sealing (`seal.rs`): put if absent, read back, compare every row, keep a local copy. An unrecorded segment may be left,
//!    which the next run adopts or which goes as a leftover.
//! 5. The caller appends `segment.sealed` with `replaces` through the engine. From here on readers use the merged segment.
//! 6. Later, and apart (`leftover.rs`): the files of the replaced segments go, one by one, once nobody can be reading them any more. A
//!    crash leaves some of them; the same call goes on from there.

use std::ops::Range;
use std::path::PathBuf;

use privyseal_core::event::ledger::SegmentSealed;
use privyseal_core::event::{self, Entry};

use crate::layout::{self, Layout};
use crate::log::{LogReader, StoredEntry};
use crate::place::{self, Place};
use crate::reader;
use crate::seal::{self, MAX_ROWS, SealError};
use crate::segment::{self, Columns, SegmentError, SegmentWriter};

/// A segment of this many entries or more is large enough and stays as it is.
pub const LARGE_ROWS: u64 = 250_000;
/// So many small segments of one month are merged while the month still goes on; two are enough once it is over.
const MANY: usize = 8;

/// Makes one segment of the next small ones that should be merged: of one month, consecutive, each under [`LARGE_ROWS`], together at
/// most [`MAX_ROWS`]. Returns what is to be recorded as `segment.sealed`; `None` when there is nothing to merge.
///
/// `log` must be a reader that sees pruned entries too.
///
/// # Errors
/// See [`SealError`]; nothing is recorded then, and every segment is as it was.
pub fn merge_segments(layout: &Layout, log: &dyn LogReader) -> Result<Option<SegmentSealed>, SealError> {
    merge_segments_in(place::of(layout).as_ref(), layout, log)
}

/// [`merge_segments`], with the place in hand.
///
/// # Errors
/// As [`merge_segments`].
pub fn merge_segments_in(place: &dyn Place, layout: &Layout, log: &dyn LogReader) -> Result<Option<SegmentSealed>, SealError> {
    let segments = reader::segments(log)?;
    let Some(newest) = log.head()?.and_then(|head| head.edge.size().checked_sub(1)) else { return Ok(None) };
    let month_of = |seq: u64| seal::time_of(layout, log, seq).map(layout::month);
    // A segment that was sealed before months were borders may reach into a later one.
    let run = choose(&segments, &month_of(newest)?, |segment| Ok(month_of(segment.last)? == layout::month_of_path(&segment.path)))?;
    let Some(run) = run.and_then(|run| segments.get(run)) else { return Ok(None) };
    let (Some(first), Some(last)) = (run.first().map(|segment| segment.first), run.last().map(|segment| segment.last)) else {
        return Ok(None);
    };
    let failed = |source: SegmentError| SealError::Segment { first, last, source: Box::new(source) };
    let mut writer = SegmentWriter::new().map_err(failed)?;
    for segment in run {
        copy(place, log, segment, &mut |entries| writer.write(entries).map_err(failed))?;
    }
    let bytes = writer.finish().map_err(failed)?.into();
    let path = layout::segment_path(first, last, seal::time_of(layout, log, first)?);
    let merged = seal::put(place, layout, log, &path, &bytes, first..last.saturating_add(1))?;
    Ok(Some(SegmentSealed { replaces: u64::try_from(run.len()).ok(), ..merged }))
}

/// Hands out the entries of a segment: the file is the recorded one, every row follows from its entry, and the log says the same.
fn copy(
    place: &dyn Place,
    log: &dyn LogReader,
    segment: &SegmentSealed,
    write: &mut dyn FnMut(&[StoredEntry]) -> Result<(), SealError>,
) -> Result<(), SealError> {
    let path = || PathBuf::from(place.name()).join(&segment.path);
    let damaged = |source: SegmentError| SealError::Damaged { path: path(), source: Box::new(source) };
    let bytes = place::get_recorded(place, segment).map_err(|source| SealError::Io { path: path(), source })?;
    let kept = log.first()?;
    let mut seq = segment.first;
    for batch in segment::batches(bytes, 0).map_err(damaged)? {
        let batch = batch.map_err(damaged)?;
        let columns = Columns::of(&batch).map_err(damaged)?;
        let mut entries = Vec::with_capacity(columns.rows());
        for row in 0..columns.rows() {
            let stored = columns.stored(row).map_err(damaged)?;
            let follows = Entry::read(&stored.entry).is_ok_and(|entry| entry.seq == seq && columns.differs(row, &entry).is_none());
            if !follows || event::leaf(&stored.entry) != stored.leaf {
                return Err(SealError::ReadBack { path: path(), seq });
            }
            entries.push(stored);
            seq += 1;
        }
        if seq > kept
            && let Some(row) = columns.equal(&log.entries(seq - u64::try_from(entries.len()).unwrap_or(0), entries.len())?)
        {
            return Err(SealError::ReadBack { path: path(), seq: seq - u64::try_from(entries.len() - row).unwrap_or(0) });
        }
        write(&entries)?;
    }
    if seq == segment.last.saturating_add(1) { Ok(()) } else { Err(SealError::ReadBack { path: path(), seq }) }
}

/// Where the next run to merge stands in the list of segments, if one does. `newest` is the month of the log's last entry: every earlier
/// one is over. `ends_in_month` says whether the last entry of a segment is of the month that it is filed under.
fn choose(
    segments: &[SegmentSealed],
    newest: &str,
    mut ends_in_month: impl FnMut(&SegmentSealed) -> Result<bool, SealError>,
) -> Result<Option<Range<usize>>, SealError> {
    let small = |segment: &SegmentSealed| segment.rows < LARGE_ROWS;
    let mut start = 0;
    while let Some(segment) = segments.get(start) {
        let month = layout::month_of_path(&segment.path);
        let rest = segments.get(start..).unwrap_or_default();
        let alike = rest.iter().take_while(|segment| small(segment) && layout::month_of_path(&segment.path) == month).count();
        // Those before the last one end before it begins, in the same month.
        let reaches_over = match rest.get(..alike).and_then(<[SegmentSealed]>::last) {
            Some(last) if alike >= 2 => !ends_in_month(last)?,
            _ => false,
        };
        let run = alike - usize::from(reaches_over);
        if run >= MANY || (run >= 2 && month < newest) {
            let mut rows = 0;
            let fits = rest.iter().take(run).take_while(|segment| {
                rows += segment.rows;
                rows <= MAX_ROWS
            });
            return Ok(Some(start..start + fits.count()));
        }
        start += alike.max(1);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use privyseal_core::digest::Digest;
    use privyseal_core::event::ledger::SegmentSealed;

    use super::choose;

    /// Segments of so many rows, each under the month in front of it.
    fn list(months: &[(&str, &[u64])]) -> Vec<SegmentSealed> {
        let (mut segments, mut first) = (Vec::new(), 0);
        for (month, sizes) in months {
            for rows in *sizes {
                let last = first + rows - 1;
                let path = format!("events/{month}/{first:012}-{last:012}.parquet");
                segments.push(SegmentSealed { first, last, rows: *rows, bytes: 1, sha256: Digest::of(b""), path, replaces: None });
                first = last + 1;
            }
        }
        segments
    }

    #[test]
    fn small_neighbours_of_one_month_are_merged_when_they_are_many_or_the_month_is_over() {
        const SMALL: u64 = 20_000;
        const LARGE: u64 = 250_000;
        let seven = [SMALL; 7];
        let eight = [SMALL; 8];
        for (what, months, newest, expected) in [
            ("nothing sealed", &[][..], "2026/07", None),
            ("seven, and the month goes on", &[("2026/07", &seven[..])], "2026/07", None),
            ("eight", &[("2026/07", &eight[..])], "2026/07", Some(0..8)),
            ("seven, and the month is over", &[("2026/07", &seven[..])], "2026/08", Some(0..7)),
            ("one, and the month is over", &[("2026/07", &[SMALL][..])], "2026/08", None),
            ("four on each side of a border", &[("2026/07", &[LARGE; 4][..]), ("2026/08", &[SMALL; 4][..])], "2026/08", None),
            ("two of the earlier month", &[("2026/07", &[SMALL; 2][..]), ("2026/08", &[SMALL; 7][..])], "2026/08", Some(0..2)),
            ("a large one between", &[("2026/07", &[SMALL, SMALL, LARGE, SMALL, SMALL][..])], "2026/07", None),
            ("a large one between, month over", &[("2026/07", &[SMALL, LARGE, SMALL, SMALL][..])], "2026/08", Some(2..4)),
            ("as many as fit", &[("2026/07", &[240_000; 9][..])], "2026/07", Some(0..4)),
            ("just large", &[("2026/07", &[LARGE; 9][..])], "2026/08", None),
            ("just small", &[("2026/07", &[LARGE - 1; 2][..])], "2026/08", Some(0..2)),
            ("of a year before", &[("2025/12", &[SMALL; 2][..])], "2026/01", Some(0..2)),
        ] {
            assert_eq!(choose(&list(months), newest, |_| Ok(true)).unwrap(), expected, "{what}");
        }
        // A segment of an older version that reaches into the next month is left out, and so is a run of two with it.
        let segments = list(&[("2026/07", &[SMALL; 3]), ("2026/08", &[SMALL])]);
        let over = |segment: &SegmentSealed| Ok(segment.first != 2 * SMALL);
        assert_eq!(choose(&segments, "2026/08", over).unwrap(), Some(0..2));
        assert_eq!(choose(&segments[1..], "2026/08", over).unwrap(), None);
    }
}
