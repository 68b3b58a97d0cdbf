//! Hash tiles (C2SP tlog-tiles) as static files: written when a head is published, read to make proofs.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use privyseal_core::digest::Digest;
use privyseal_core::tree::{self, Edge, NodeSource, TILE_WIDTH, Tile};

use crate::durable;

/// The tiles of a tree as it grows leaf by leaf: only the open tile of each level is in memory.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    open: Vec<Vec<Digest>>,
    size: u64,
}

impl Growing {
    /// Goes on with a tree of `size` leaves whose open tiles are these, lowest level first.
    pub(crate) fn resume(open: Vec<Vec<Digest>>, size: u64) -> Self {
        Self { open, size }
    }

    /// The open tile of each level, lowest first; an empty one where a level has none.
    pub(crate) fn open(&self) -> &[Vec<Digest>] {
        &self.open
    }

    /// Takes the next leaf and hands out every tile that it fills, lowest level first.
    pub(crate) fn push(&mut self, leaf: Digest, full: &mut dyn FnMut(Tile, Vec<Digest>)) {
        self.size += 1;
        let (mut level, mut hash) = (0_usize, leaf);
        loop {
            if self.open.len() == level {
                self.open.push(Vec::new());
            }
            let Some(open) = self.open.get_mut(level) else { return };
            open.push(hash);
            if u64::try_from(open.len()).unwrap_or(0) < TILE_WIDTH {
                return;
            }
            let hashes = std::mem::take(open);
            let Some(root) = hashes.node(8, 0) else { return };
            full(self.rightmost(level, TILE_WIDTH), hashes);
            hash = root;
            level += 1;
        }
    }

    /// The partial tiles at the right edge.
    pub(crate) fn partial(&self) -> impl Iterator<Item = (Tile, &[Digest])> {
        let open = self.open.iter().enumerate().filter(|(_, hashes)| !hashes.is_empty());
        open.map(|(level, hashes)| (self.rightmost(level, u64::try_from(hashes.len()).unwrap_or(0)), hashes.as_slice()))
    }

    /// The tile that the last leaf is under at a level.
    fn rightmost(&self, level: usize, width: u64) -> Tile {
        let level = u8::try_from(level).unwrap_or(u8::MAX);
        let leaves_each = TILE_WIDTH.checked_pow(u32::from(level) + 1).unwrap_or(u64::MAX);
        Tile { level, index: self.size.saturating_sub(1) / leaves_each, width }
    }
}

/// Grows the tiles of a tree and writes them.
#[derive(Debug, Default)]
pub struct TileWriter {
    growing: Growing,
    full: Vec<(Tile, Vec<Digest>)>,
}

impl TileWriter {
    /// A writer for an empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer that goes on where another stood whose tiles are published: from its open tiles, which must be those of this edge.
    #[must_use]
    pub fn resume(edge: &Edge, open: Vec<Vec<Digest>>) -> Option<Self> {
        let levels = edge.size().checked_ilog2().map_or(0, |bit| bit / 8 + 1);
        let mut peaks = Vec::new();
        for (level, hashes) in (0..levels).zip(&open).rev() {
            let wanted = edge.size().checked_shr(level * 8)? % TILE_WIDTH;
            if u64::try_from(hashes.len()).ok()? != wanted {
                return None;
            }
            let mut rest = hashes.as_slice();
            for bit in (0..8_u8).rev().filter(|bit| wanted >> bit & 1 == 1) {
                let (subtree, others) = rest.split_at_checked(1 << bit)?;
                peaks.push(subtree.node(bit, 0)?);
                rest = others;
            }
        }
        let fits = open.len() == usize::try_from(levels).ok()? && peaks == edge.peaks();
        fits.then(|| Self { growing: Growing::resume(open, edge.size()), full: Vec::new() })
    }

    /// The open tile of each level, lowest first; with the edge all that [`TileWriter::resume`] needs. `None` while a full tile has not
    /// been published.
    #[must_use]
    pub fn open_tiles(&self) -> Option<&[Vec<Digest>]> {
        self.full.is_empty().then(|| self.growing.open())
    }

    /// Leaves taken so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.growing.size
    }

    /// Takes the next leaf.
    pub fn push(&mut self, leaf: Digest) {
        self.growing.push(leaf, &mut |tile, hashes| self.full.push((tile, hashes)));
    }

    /// Writes every tile that is full since the last time, and the partial ones at the right edge. Durable on return.
    /// A partial tile that has grown is removed: the spec lets readers fall back to the wider one.
    ///
    /// # Errors
    /// When the disk refuses; the same call can be made again.
    pub fn publish(&mut self, folder: &Path) -> io::Result<()> {
        for (tile, hashes) in &self.full {
            durable::write(&folder.join(tile.path()), &bytes(hashes))?;
            remove_partials(folder, tile, 0)?;
        }
        self.full.clear();
        for (tile, hashes) in self.growing.partial() {
            let path = folder.join(tile.path());
            if !path.is_file() {
                durable::write(&path, &bytes(hashes))?;
            }
            remove_partials(folder, &tile, tile.width)?;
        }
        Ok(())
    }
}

fn bytes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// Removes the partial forms of a tile except the one of `keep` hashes.
fn remove_partials(folder: &Path, tile: &Tile, keep: u64) -> io::Result<()> {
    let partials = partial_folder(folder, tile);
    let names = match fs::read_dir(&partials) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for name in names {
        let name = name?;
        if name.file_name().to_str() != Some(keep.to_string().as_str()) {
            fs::remove_file(name.path())?;
        }
    }
    if keep == 0 { fs::remove_dir(&partials) } else { Ok(()) }
}

fn partial_folder(folder: &Path, tile: &Tile) -> PathBuf {
    let full = Tile { width: TILE_WIDTH, ..*tile }.path();
    folder.join(format!("{full}.p"))
}

/// Reads the hashes of one tile.
///
/// # Errors
/// When the file is missing or has another length than the tile's width asks for.
pub fn read_tile(folder: &Path, tile: &Tile) -> io::Result<Vec<Digest>> {
    let bytes = fs::read(folder.join(tile.path()))?;
    let hashes: Option<Vec<Digest>> = bytes.chunks(32).map(Digest::from_slice).collect();
    let wanted = usize::try_from(tile.width).unwrap_or(usize::MAX);
    hashes
        .filter(|hashes| hashes.len() == wanted)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("tile {} has a wrong length", tile.path())))
}

/// Reads the hashes of a tile, from a wider form of it when the narrow one was replaced as the tree grew: the hashes are the same.
///
/// # Errors
/// When no form of the tile is there, or it has another length than its name says.
fn read_grown_tile(folder: &Path, tile: &Tile) -> io::Result<Vec<Digest>> {
    // The tree may grow between a look at the folder and the reading; it does so about once a second.
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for _ in 0..3 {
        let wider = Tile { width: wider_form(folder, tile), ..*tile };
        match read_tile(folder, &wider) {
            Ok(mut hashes) => {
                hashes.truncate(usize::try_from(tile.width).unwrap_or(usize::MAX));
                return Ok(hashes);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Width of the narrowest form of a tile that is there and wide enough; the full width when there is no partial one.
fn wider_form(folder: &Path, tile: &Tile) -> u64 {
    let names = fs::read_dir(partial_folder(folder, tile)).into_iter().flatten().flatten();
    let widths = names.filter_map(|name| name.file_name().to_str()?.parse::<u64>().ok());
    widths.filter(|width| *width >= tile.width).min().unwrap_or(TILE_WIDTH)
}

/// The nodes of a tree of a given size, read from tiles as they are needed. The tree on disk may have grown since.
pub struct TileNodes {
    folder: PathBuf,
    size: u64,
    cache: Mutex<BTreeMap<Tile, Vec<Digest>>>,
}

impl TileNodes {
    /// The tree of `size` leaves whose tiles are in `folder`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, size: u64) -> Self {
        Self { folder: folder.into(), size, cache: Mutex::default() }
    }
}

impl NodeSource for TileNodes {
    fn node(&self, level: u8, index: u64) -> Option<Digest> {
        let tile_level = level / 8;
        let within = u32::from(level % 8);
        let first = index.checked_shl(within)?;
        let count = 1_u64 << within;
        let hashes_at_level = self.size.checked_shr(u32::from(tile_level) * 8).unwrap_or(0);
        let tile_index = first / TILE_WIDTH;
        let width = TILE_WIDTH.min(hashes_at_level.checked_sub(tile_index.checked_mul(TILE_WIDTH)?)?);
        let tile = Tile { level: tile_level, index: tile_index, width };
        let mut cache = self.cache.lock().ok()?;
        let hashes = match cache.entry(tile) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(read_grown_tile(&self.folder, &tile).ok()?),
        };
        let start = usize::try_from(first % TILE_WIDTH).ok()?;
        let end = start.checked_add(usize::try_from(count).ok()?)?;
        hashes.get(start..end)?.node(u8::try_from(within).ok()?, 0)
    }
}

/// An inclusion proof from tiles, checked before it is handed out.
///
/// # Errors
/// When the tiles do not prove the leaf.
pub fn prove(folder: &Path, leaf: &Digest, index: u64, size: u64, root: &Digest) -> Result<Vec<Digest>, tree::ProofError> {
    let nodes = TileNodes::new(folder, size);
    let proof = tree::inclusion_proof(&nodes, index, size)?;
    if tree::verify_inclusion(leaf, index, size, &proof, root) { Ok(proof) } else { Err(tree::ProofError::new(index, size)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use privyseal_core::tree::leaf_hash;

    #[test]
    fn tiles_prove_every_leaf_at_every_published_size() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, mut edge, mut leaves, mut heads) = (TileWriter::new(), Edge::new(), Vec::new(), Vec::new());
        for size in 1..=66_000_u64 {
            let leaf = leaf_hash(&size.to_be_bytes());
            leaves.push(leaf);
            edge.push(leaf);
            writer.push(leaf);
            if [1, 255, 256, 257, 511, 700, 65_535, 65_536, 65_537, 66_000].contains(&size) {
                writer.publish(folder.path()).unwrap();
                let present: Vec<Tile> = Tile::all(size).into_iter().filter(|tile| folder.path().join(tile.path()).is_file()).collect();
                assert_eq!(present, Tile::all(size), "size {size}");
                let open = writer.open_tiles().unwrap().to_vec();
                assert!(TileWriter::resume(&Edge::new(), open.clone()).is_none(), "of another tree");
                let mut forged = open.clone();
                forged.iter_mut().flatten().for_each(|hash| *hash = leaf_hash(b"another"));
                assert!(TileWriter::resume(&edge, forged).is_none(), "of another tree of this size");
                writer = TileWriter::resume(&edge, open).unwrap();
                for index in [0, size / 3, size / 2, size - 1] {
                    let leaf = &leaves[usize::try_from(index).unwrap()];
                    prove(folder.path(), leaf, index, size, &edge.root()).unwrap();
                    for (older, root) in &heads {
                        let nodes = TileNodes::new(folder.path(), *older);
                        assert_eq!(tree::root(&nodes, *older).unwrap(), *root, "of {older}, with the tiles of {size}");
                    }
                }
                heads.push((size, edge.root()));
            }
        }
        fn files(folder: &Path) -> usize {
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).map(|p| if p.is_dir() { files(&p) } else { 1 }).sum()
        }
        assert_eq!(files(folder.path()), Tile::all(66_000).len(), "no stale tile is left");
    }
}
