//! What is left over below `ledger/`, and taking it away.
//!
//! Three sorts, and nothing else is touched: temporary files (`*.tmp`, see `durable.rs`), segments that no event records although the
//! log holds their entries (see the steps of `seal.rs`), and segments that were replaced by a merged one (`merge.rs`). Left where they
//! are, `verify` could never again say `verified` of the first two, because it cannot know whether somebody put them there.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use privyseal_core::time::Timestamp;

use crate::layout::{self, Layout};
use crate::log::{LogError, LogReader};
use crate::place::{self, Place};
use crate::reader::{self, SegmentsError};
use crate::recorded::{Recorded, Replaced};

/// How long the file of a replaced segment stays at least: whoever took a list of segments before it was replaced can read on.
pub const KEPT_SECONDS: i64 = 600;

/// Why leftovers could not be looked for. Nothing is lost by that: the next start tries again.
#[derive(Debug, thiserror::Error)]
pub enum LeftoverError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log's records of segments do not line up, so nobody can say what is left over.
    #[error(transparent)]
    Segments(#[from] SegmentsError),
    /// The disk or the store refuses, or the segment that took another's place is not what was recorded.
    #[error("cannot take away what is left over below {path}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Takes all leftovers away and returns their paths. Only for the one process that may write the folder, and before it writes anything:
/// its own temporary files would go too. A crash in the midst leaves fewer of them. `now` says which replaced segments have been kept for
/// long enough.
///
/// # Errors
/// See [`LeftoverError`].
pub fn clear(layout: &Layout, log: &dyn LogReader, now: Timestamp) -> Result<Vec<PathBuf>, LeftoverError> {
    let temporary = |file: &Path| file.extension().is_some_and(|extension| extension == "tmp");
    clear_where(place::of(layout).as_ref(), layout, log, now, temporary)
}

/// Takes only segments away, those that nobody recorded and those that were replaced: for the one who seals, beside a writer that
/// publishes.
///
/// # Errors
/// See [`LeftoverError`].
pub fn clear_segments(layout: &Layout, log: &dyn LogReader, now: Timestamp) -> Result<Vec<PathBuf>, LeftoverError> {
    clear_segments_in(place::of(layout).as_ref(), layout, log, now)
}

/// [`clear_segments`], with the place in hand.
///
/// # Errors
/// As [`clear_segments`].
pub fn clear_segments_in(place: &dyn Place, layout: &Layout, log: &dyn LogReader, now: Timestamp) -> Result<Vec<PathBuf>, LeftoverError> {
    clear_where(place, layout, log, now, |_| false)
}

fn clear_where(
    place: &dyn Place,
    layout: &Layout,
    log: &dyn LogReader,
    now: Timestamp,
    also: impl Fn(&Path) -> bool,
) -> Result<Vec<PathBuf>, LeftoverError> {
    let recorded = reader::recorded(log)?;
    let named = recorded.standing().iter().chain(recorded.replaced().iter().map(|replaced| &replaced.segment));
    let named: BTreeSet<PathBuf> = named.map(|segment| layout.below_ledger(&segment.path)).collect();
    let size = log.head()?.map_or(0, |head| head.edge.size());
    let failed = |source| LeftoverError::Io { path: layout.ledger(), source };
    let mut files = Vec::new();
    list(&layout.ledger(), &mut files).map_err(failed)?;
    let mut cleared = Vec::new();
    for file in files {
        if also(&file) || (!named.contains(&file) && is_segment_of(layout, &file, size)) {
            fs::remove_file(&file).map_err(failed)?;
            cleared.push(file);
        }
    }
    clear_replaced(place, layout, &recorded, now, &mut cleared).map_err(failed)?;
    Ok(cleared)
}

/// Takes replaced segments away that nobody needs: after [`KEPT_SECONDS`], when the record that replaced them is sealed too, so that the
/// public part alone says where their entries are, and when the segment that holds these is whole where it is kept.
fn clear_replaced(place: &dyn Place, layout: &Layout, recorded: &Recorded, now: Timestamp, cleared: &mut Vec<PathBuf>) -> io::Result<()> {
    let due = |replaced: &&Replaced| replaced.since.plus_seconds(KEPT_SECONDS) <= now && replaced.by < recorded.next();
    // The file here goes last, also where a bucket keeps the segment, so that as long as it is there, there may be something to do.
    let mut due: Vec<&Replaced> =
        recorded.replaced().iter().filter(due).filter(|replaced| layout.below_ledger(&replaced.segment.path).exists()).collect();
    for standing in recorded.standing() {
        let (held, others) = due
            .into_iter()
            .partition(|replaced: &&Replaced| standing.first <= replaced.segment.first && replaced.segment.last <= standing.last);
        due = others;
        if held.is_empty() {
            continue;
        }
        place::get_recorded(place, standing)?;
        for Replaced { segment, .. } in held {
            place.remove(&segment.path)?;
            let file = layout.below_ledger(&segment.path);
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => cleared.push(file),
            }
        }
    }
    Ok(())
}

/// Whether a file is a segment of entries that the log has. One of entries beyond its end is not ours to take away: it may be the only
/// copy that somebody who put an older log back still has.
fn is_segment_of(layout: &Layout, file: &Path, size: u64) -> bool {
    let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let Some((first, last)) = name.split_once('-') else { return false };
    let (Ok(first), Ok(last)) = (first.parse::<u64>(), last.parse::<u64>()) else { return false };
    let path = file.strip_prefix(layout.ledger()).ok().and_then(Path::to_str).unwrap_or_default();
    layout::is_segment_path(path, first, last) && last < size
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { list(&entry.path(), files)? } else { files.push(entry.path()) }
    }
    Ok(())
}
