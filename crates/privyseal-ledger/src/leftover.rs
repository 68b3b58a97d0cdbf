//! What a crash or a failed write leaves below `ledger/`, and taking it away.
//!
//! Two sorts, and nothing else is touched: temporary files (`*.tmp`, see `durable.rs`), and segments that no event records although the
//! log holds their entries (see the steps of `seal.rs`). Left where they are, `verify` could never again say `verified`, because it
//! cannot know whether somebody put them there.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::layout::{self, Layout};
use crate::log::{LogError, LogReader};
use crate::reader::{self, SegmentsError};

/// Why leftovers could not be looked for. Nothing is lost by that: the next start tries again.
#[derive(Debug, thiserror::Error)]
pub enum LeftoverError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log's records of segments do not line up, so nobody can say what is left over.
    #[error(transparent)]
    Segments(#[from] SegmentsError),
    /// The disk refuses.
    #[error("cannot take away what a crash left below {path}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Takes all leftovers away and returns their paths. Only for the one process that may write the folder, and before it writes anything:
/// its own temporary files would go too. A crash in the midst leaves fewer of them.
///
/// # Errors
/// See [`LeftoverError`].
pub fn clear(layout: &Layout, log: &dyn LogReader) -> Result<Vec<PathBuf>, LeftoverError> {
    clear_where(layout, log, |file| file.extension().is_some_and(|extension| extension == "tmp"))
}

/// Takes only segments that nobody recorded away: for the one who seals, beside a writer that publishes.
///
/// # Errors
/// See [`LeftoverError`].
pub fn clear_segments(layout: &Layout, log: &dyn LogReader) -> Result<Vec<PathBuf>, LeftoverError> {
    clear_where(layout, log, |_| false)
}

fn clear_where(layout: &Layout, log: &dyn LogReader, also: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, LeftoverError> {
    let recorded: BTreeSet<PathBuf> = reader::segments(log)?.iter().map(|segment| layout.below_ledger(&segment.path)).collect();
    let size = log.head()?.map_or(0, |head| head.edge.size());
    let failed = |source| LeftoverError::Io { path: layout.ledger(), source };
    let mut files = Vec::new();
    list(&layout.ledger(), &mut files).map_err(failed)?;
    let mut cleared = Vec::new();
    for file in files {
        if also(&file) || (!recorded.contains(&file) && is_segment_of(layout, &file, size)) {
            fs::remove_file(&file).map_err(failed)?;
            cleared.push(file);
        }
    }
    Ok(cleared)
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
