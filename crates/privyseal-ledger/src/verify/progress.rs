//! The file in which a long verification keeps how far it is.
//!
//! It is the verifier's own and no evidence: it says "up to here I have checked", so that whoever can write it can have entries passed
//! over. What it cannot do is make a changed ledger look whole: the edge of the tree in it is what every later head is compared with,
//! and the last entry before it must still be there with the same leaf, which links to all entries before.

use std::io;
use std::path::Path;

use privyseal_core::digest::Digest;
use serde::{Deserialize, Serialize};

use super::check::{Checker, Saved};
use super::report::{Finding, Place, Problem};
use super::tile_check::TileCheck;
use crate::durable;
use crate::log::LogReader;

const FORMAT: u64 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u64,
    checker: Saved,
    tiles: Vec<Vec<Digest>>,
    leaf: Digest,
}

/// What a progress file is worth.
pub(super) enum Kept {
    /// There is none: begin at the beginning.
    Nothing,
    /// Go on from it.
    Continues,
    /// It is not of this log, or the log is not the one that was checked before.
    Refused(Problem),
}

/// Writes the progress, whole or not at all.
pub(super) fn save(path: &Path, checker: &Checker, tiles: &TileCheck) -> io::Result<()> {
    let Some(leaf) = checker.prev else { return Ok(()) };
    let file = File { format: FORMAT, checker: checker.save(), tiles: tiles.open().to_vec(), leaf };
    durable::write(path, &serde_json::to_vec(&file).map_err(io::Error::other)?)
}

/// Brings the checker to where the file says it was.
pub(super) fn load(path: &Path, log: &dyn LogReader, checker: &mut Checker, tiles: &mut TileCheck, total: u64) -> Kept {
    let place = || Place::file(path.display().to_string());
    let refused = |what: &str| {
        let what = format!("{what}: the progress is not of this verification; remove the file to begin again");
        Kept::Refused(Problem { place: place(), finding: Finding::Unread, what, proof: false })
    };
    let proof = |finding, what: String| Kept::Refused(Problem { place: place(), finding, what, proof: true });
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Kept::Nothing,
        Err(error) => return refused(&error.to_string()),
    };
    let file: File = match serde_json::from_slice(&bytes) {
        Ok(file) => file,
        Err(error) => return refused(&error.to_string()),
    };
    if file.format != FORMAT {
        return refused("it is of another version");
    }
    let first = log.entries(0, 1).ok().and_then(|entries| entries.into_iter().next());
    let first = first.and_then(|stored| Some(privyseal_core::event::Entry::read(&stored.entry).ok()?.event().ok()?.log));
    if first.as_deref() != Some(file.checker.log.as_str()) {
        return refused("it is of another log");
    }
    let (size, leaf) = (file.checker.size, file.leaf);
    if size > total {
        let what = format!("{size} entries were verified before, there are {total}: the log was rolled back or cut");
        return proof(Finding::RolledBack, what);
    }
    let last = size.checked_sub(1).and_then(|last| log.entries(last, 1).ok()?.into_iter().find(|stored| stored.seq == last));
    match last {
        Some(stored) if privyseal_core::event::leaf(&stored.entry) == leaf => {}
        Some(_) => return proof(Finding::Forked, format!("entry {} is not the one that was verified before", size.saturating_sub(1))),
        None => return refused("the last entry that was verified cannot be read"),
    }
    let tiles_fit = file.tiles.iter().enumerate().all(|(level, open)| {
        let of_level = u32::try_from(level * 8).ok().and_then(|bits| size.checked_shr(bits)).unwrap_or(0);
        u64::try_from(open.len()) == Ok(of_level % privyseal_core::tree::TILE_WIDTH)
    });
    if !tiles_fit || checker.load(file.checker).is_none() {
        return refused("it makes no sense, or names another key than the one you trust");
    }
    tiles.resume(file.tiles, size);
    checker.edge_ends_in(leaf).map_or_else(|| refused("its tree does not end in its last entry"), |()| Kept::Continues)
}
