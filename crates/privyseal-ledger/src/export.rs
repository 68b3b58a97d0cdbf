//! The public side of a log as static files (C2SP tlog-tiles): hash tiles, the newest published head, and, where wanted, entry bundles.
//!
//! Bundles are made when they are asked for: keeping them would store every entry once more.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use privyseal_core::cosignature::CosignedHead;
use privyseal_core::tree::{Edge, TILE_WIDTH, Tile, bundle, leaf_hash};

use crate::durable;
use crate::keys;
use crate::layout::Layout;
use crate::log::{LogError, LogReader};
use crate::tiles::TileWriter;

/// Leaves between two writings of tiles, so that a long log needs little memory.
const STEP: u64 = 65_536;

/// Why the export was not made. What was written until then stays; the head is written last, so it never promises more than is there.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is no published head, or it cannot be read as one.
    #[error("there is no usable published head in {path}: let the server run for a second, then try again")]
    NoHead {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// No key of the log that may sign it has signed the published head.
    #[error("the published head in {path} is not signed by a key of this log; run `privyseal verify`")]
    Unsigned {
        /// Where it is.
        path: PathBuf,
    },
    /// The entries do not give the root that was signed.
    #[error("the first {size} entries do not give the root that was signed; run `privyseal verify`")]
    OtherRoot {
        /// Size of the published head.
        size: u64,
    },
    /// The disk refuses.
    #[error("cannot write {path}")]
    Io {
        /// What was being written.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What was exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Entries under the exported head.
    pub size: u64,
    /// Entry bundles written.
    pub bundles: u64,
}

/// The entry bundle that goes with a tile of level 0; `None` when the log has not all of its entries below `size`.
///
/// # Errors
/// When the log cannot be read.
pub fn entry_bundle(log: &dyn LogReader, tile: &Tile, size: u64) -> Result<Option<Vec<u8>>, LogError> {
    let first = tile.index.saturating_mul(TILE_WIDTH);
    if tile.level != 0 || first.checked_add(tile.width).is_none_or(|end| end > size) {
        return Ok(None);
    }
    let entries = log.entries(first, usize::try_from(tile.width).unwrap_or(usize::MAX))?;
    let whole = u64::try_from(entries.len()) == Ok(tile.width) && entries.first().is_some_and(|entry| entry.seq == first);
    Ok(if whole { bundle(entries.iter().map(|entry| entry.entry.as_slice())) } else { None })
}

/// Writes everything public of the log into `out`: `checkpoint`, `tile/<L>/<N>[.p/<W>]` and, when asked for, `tile/entries/<N>[.p/<W>]`.
/// Everything is computed again from the entries and compared with the signed root before the head is written.
///
/// # Errors
/// See [`ExportError`].
pub fn export(layout: &Layout, log: &dyn LogReader, out: &Path, with_entries: bool) -> Result<Exported, ExportError> {
    let no_head = || ExportError::NoHead { path: layout.checkpoint() };
    let note = fs::read_to_string(layout.checkpoint()).map_err(|_| no_head())?;
    let head = CosignedHead::parse(&note).map_err(|_| no_head())?.checkpoint;
    if !keys::of_log(log)?.signed(&note, &head) {
        return Err(ExportError::Unsigned { path: layout.checkpoint() });
    }
    let tiles = out.join("tile");
    let (mut edge, mut writer, mut bundles) = (Edge::new(), TileWriter::new(), 0);
    let bundle_tiles = (0..head.size.div_ceil(TILE_WIDTH)).map(|index| {
        let width = TILE_WIDTH.min(head.size - index * TILE_WIDTH);
        Tile { level: 0, index, width }
    });
    for tile in bundle_tiles {
        let count = usize::try_from(tile.width).unwrap_or(usize::MAX);
        let entries = log.entries(tile.index * TILE_WIDTH, count)?;
        if entries.len() != count {
            return Err(ExportError::OtherRoot { size: head.size });
        }
        for stored in &entries {
            let leaf = leaf_hash(&stored.entry);
            edge.push(leaf);
            writer.push(leaf);
        }
        if with_entries {
            let bytes = bundle(entries.iter().map(|entry| entry.entry.as_slice())).ok_or(ExportError::OtherRoot { size: head.size })?;
            put(&tiles.join(tile.bundle_path()), &bytes)?;
            bundles += 1;
        }
        if edge.size() % STEP == 0 {
            writer.publish(&tiles).map_err(|source| ExportError::Io { path: tiles.clone(), source })?;
        }
    }
    if edge.root() != head.root {
        return Err(ExportError::OtherRoot { size: head.size });
    }
    writer.publish(&tiles).map_err(|source| ExportError::Io { path: tiles.clone(), source })?;
    put(&out.join("checkpoint"), note.as_bytes())?;
    Ok(Exported { size: head.size, bundles })
}

/// Writes a file unless the very same is there.
fn put(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    durable::write(path, bytes).map_err(|source| ExportError::Io { path: path.to_owned(), source })
}
