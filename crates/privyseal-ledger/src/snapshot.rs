//! State snapshots: a cache below `cache/` that makes start-up short. Nothing is proven by one, and without one nothing is lost.
//!
//! `state-<size>.json` is a line with a format, the SHA-256 of the rest, and a signature of this node over it; then the state after the
//! first `size` entries as one JSON document. Whoever changes the file without the node's key makes it useless, not wrong.
//! Whether a snapshot belongs to a log is for the one who opens the log to find out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use privyseal_core::digest::{Digest, base64url, from_base64url};
use privyseal_core::note::{NodeKey, VerifierKey};
use privyseal_core::state::{FOLD_VERSION, Frozen, State};
use privyseal_core::tree::Edge;
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::layout::Layout;
use crate::tiles::TileWriter;

/// First word of the file; raised with every change of the form around the state.
const FORMAT: &str = "privyseal-state/v1";
/// What the node's key signs before the digest, so that no signature of another purpose fits.
const CONTEXT: &[u8] = b"privyseal/state-snapshot/v1\n";
/// Snapshots that are kept: the newest, and the one before in case the newest turns out to be damaged.
const KEPT: usize = 2;

/// Everything that a fold has at some size of the log.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The state.
    pub state: State,
    /// The tree's edge.
    pub edge: Edge,
    /// Leaf of the last entry.
    pub prev: Digest,
    /// The UTC day of the last entry, and how many entries that day has so far.
    pub day: (String, u64),
    /// The open tiles of the tree; see [`TileWriter::resume`].
    pub tiles: Vec<Vec<Digest>>,
}

/// Why a snapshot is not used. None of it is an error of the ledger.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// It is damaged, of another version, or not signed by this node's key.
    #[error("{0}")]
    Unusable(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    fold: u64,
    size: u64,
    root: Digest,
    peaks: Vec<Digest>,
    prev: Digest,
    day: String,
    day_entries: u64,
    tiles: Vec<Vec<Digest>>,
    state: Frozen,
}

/// Only the member that tells whether the others can be understood.
#[derive(Deserialize)]
struct Version {
    fold: u64,
}

/// The snapshots that there are, newest first, with their sizes.
///
/// # Errors
/// When the folder cannot be read.
pub fn list(layout: &Layout) -> io::Result<Vec<(u64, PathBuf)>> {
    let names = match fs::read_dir(layout.cache()) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for name in names {
        let path = name?.path();
        let size = path.file_name().and_then(|name| name.to_str()?.strip_prefix("state-")?.strip_suffix(".json")?.parse().ok());
        found.extend(size.map(|size: u64| (size, path)));
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    Ok(found)
}

/// Writes a snapshot and removes older ones; durable on return. A crash leaves the older ones, and at most a stray `.tmp`.
///
/// # Errors
/// When the disk refuses.
pub fn write(layout: &Layout, snapshot: Snapshot, key: &NodeKey) -> io::Result<PathBuf> {
    let size = snapshot.edge.size();
    let written = Written {
        fold: FOLD_VERSION,
        size,
        root: snapshot.edge.root(),
        peaks: snapshot.edge.peaks().to_vec(),
        prev: snapshot.prev,
        day: snapshot.day.0,
        day_entries: snapshot.day.1,
        tiles: snapshot.tiles,
        state: Frozen::from(snapshot.state),
    };
    let body = serde_json::to_vec(&written)?;
    let digest = Digest::of(&body);
    let mut bytes = format!("{FORMAT} {} {}\n", digest.hex(), base64url(&key.sign(&signed(&digest)))).into_bytes();
    bytes.extend_from_slice(&body);
    let path = layout.cache().join(format!("state-{size:012}.json"));
    durable::write(&path, &bytes)?;
    for (_, old) in list(layout)?.into_iter().skip(KEPT) {
        fs::remove_file(old)?;
    }
    Ok(path)
}

/// Reads a snapshot: whole, of this version, signed by this key, and consistent in itself.
///
/// # Errors
/// When it is not.
pub fn read(path: &Path, key: &VerifierKey) -> Result<Snapshot, SnapshotError> {
    let unusable = |why: &str| SnapshotError::Unusable(why.to_owned());
    let bytes = fs::read(path)?;
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| unusable("it has no first line"))?;
    let (first, body) = bytes.split_at_checked(end).ok_or_else(|| unusable("it has no first line"))?;
    let body = body.get(1..).unwrap_or_default();
    let first = std::str::from_utf8(first).map_err(|_| unusable("its first line is not text"))?;
    let digest = Digest::of(body);
    let mut words = first.split(' ');
    if words.next() != Some(FORMAT) {
        return Err(unusable("it is of another format"));
    }
    if words.next() != Some(digest.hex().as_str()) {
        return Err(unusable("its content does not have the digest that it says"));
    }
    let signature = words.next().and_then(from_base64url).unwrap_or_default();
    if !key.verify(&signed(&digest), &signature) {
        return Err(unusable("it is not signed by this node's key"));
    }
    let version: Version = serde_json::from_slice(body).map_err(|error| SnapshotError::Unusable(error.to_string()))?;
    if version.fold != FOLD_VERSION {
        return Err(SnapshotError::Unusable(format!("it is of fold version {}, this build folds {FOLD_VERSION}", version.fold)));
    }
    let written: Written = serde_json::from_slice(body).map_err(|error| SnapshotError::Unusable(error.to_string()))?;
    let edge = Edge::from_parts(written.size, written.peaks).filter(|edge| edge.root() == written.root);
    let edge = edge.ok_or_else(|| unusable("its tree does not have the root that it says"))?;
    let state = State::from(written.state);
    if TileWriter::resume(&edge, written.tiles.clone()).is_none() || state.next_seq != written.size {
        return Err(unusable("its parts are not of one size"));
    }
    Ok(Snapshot { state, edge, prev: written.prev, day: (written.day, written.day_entries), tiles: written.tiles })
}

fn signed(digest: &Digest) -> Vec<u8> {
    [CONTEXT, digest.as_bytes()].concat()
}
