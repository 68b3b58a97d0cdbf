//! The RFC 6962 Merkle tree: leaves, roots, inclusion and consistency proofs, and tiles.
//!
//! The tree is the authoritative proof of the ledger (docs/LEDGER.md); nothing here does I/O.

use sha2::{Digest as _, Sha256};

use crate::digest::Digest;

/// Hashes in one full tile (C2SP tlog-tiles, tile height 8).
pub const TILE_WIDTH: u64 = 256;

/// The leaf hash of an entry: SHA-256(0x00 ‖ entry), RFC 6962 section 2.1.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest::of_parts(&[&[0], entry])
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right), RFC 6962 section 2.1.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left.as_bytes());
    hasher.update(right.as_bytes());
    Digest::from_bytes(hasher.finalize().into())
}

/// The root of the empty tree: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Digest {
    Digest::of(b"")
}

/// The growing edge of a tree: the roots of its perfect subtrees, largest first. Appending costs O(1) amortised and needs no leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    peaks: Vec<Digest>,
}

impl Edge {
    /// The edge of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Rebuilds an edge from what was stored; `None` when the number of peaks does not fit the size.
    #[must_use]
    pub fn from_parts(size: u64, peaks: Vec<Digest>) -> Option<Self> {
        (usize::try_from(size.count_ones()).ok()? == peaks.len()).then_some(Self { size, peaks })
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the perfect subtrees, largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Appends one leaf.
    pub fn push(&mut self, leaf: Digest) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            // INVARIANT: there is one peak per set bit of `size`, so as many pops as trailing ones succeed.
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The root over all leaves.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return empty_root() };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// Where the hashes of complete subtrees come from: a list of leaves, tiles on disk, a table.
pub trait NodeSource {
    /// The hash of the perfect subtree of height `level` whose leaves start at `index << level`; `None` when it is not there.
    fn node(&self, level: u8, index: u64) -> Option<Digest>;
}

impl NodeSource for [Digest] {
    fn node(&self, level: u8, index: u64) -> Option<Digest> {
        if level == 0 {
            return self.get(usize::try_from(index).ok()?).copied();
        }
        let left = self.node(level - 1, index.checked_mul(2)?)?;
        let right = self.node(level - 1, index.checked_mul(2)?.checked_add(1)?)?;
        Some(node_hash(&left, &right))
    }
}

/// A proof could not be made: a node is missing from the source, or the sizes make no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no proof for entry {index} in a tree of {size}: the tree does not hold it, or part of its hashes is missing")]
pub struct ProofError {
    index: u64,
    size: u64,
}

impl ProofError {
    /// The error for this entry and tree.
    #[must_use]
    pub fn new(index: u64, size: u64) -> Self {
        Self { index, size }
    }
}

/// Largest power of two strictly below `n`; `n` must be at least 2.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

fn subtree<S: NodeSource + ?Sized>(source: &S, start: u64, end: u64) -> Option<Digest> {
    let n = end - start;
    if n.is_power_of_two() {
        let level = u8::try_from(n.trailing_zeros()).ok()?;
        return source.node(level, start >> level);
    }
    let middle = start + split(n);
    Some(node_hash(&subtree(source, start, middle)?, &subtree(source, middle, end)?))
}

/// The root over the first `size` leaves.
///
/// # Errors
/// When the source lacks a node.
pub fn root<S: NodeSource + ?Sized>(source: &S, size: u64) -> Result<Digest, ProofError> {
    if size == 0 {
        return Ok(empty_root());
    }
    subtree(source, 0, size).ok_or(ProofError { index: 0, size })
}

/// The audit path of leaf `index` in the tree of `size` leaves, leaf side first (RFC 6962 section 2.1.1).
///
/// # Errors
/// When `index` is not below `size`, or the source lacks a node.
pub fn inclusion_proof<S: NodeSource + ?Sized>(source: &S, index: u64, size: u64) -> Result<Vec<Digest>, ProofError> {
    let error = || ProofError { index, size };
    if index >= size {
        return Err(error());
    }
    let (mut start, mut end, mut path) = (0, size, Vec::new());
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(subtree(source, middle, end).ok_or_else(error)?);
            end = middle;
        } else {
            path.push(subtree(source, start, middle).ok_or_else(error)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `old` leaves is a prefix of the tree of `new` leaves (RFC 6962 section 2.1.2).
///
/// # Errors
/// When `old` is zero or above `new`, or the source lacks a node.
pub fn consistency_proof<S: NodeSource + ?Sized>(source: &S, old: u64, new: u64) -> Result<Vec<Digest>, ProofError> {
    let error = || ProofError { index: old, size: new };
    if old == 0 || old > new {
        return Err(error());
    }
    let (mut start, mut end, mut known, mut path) = (0, new, true, Vec::new());
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(subtree(source, middle, end).ok_or_else(error)?);
            end = middle;
        } else {
            path.push(subtree(source, start, middle).ok_or_else(error)?);
            start = middle;
            known = false;
        }
    }
    if !known {
        path.push(subtree(source, start, end).ok_or_else(error)?);
    }
    path.reverse();
    Ok(path)
}

/// Checks an inclusion proof (RFC 9162 section 2.1.3.2): whether `leaf` at `index` is under `root` of `size` leaves.
#[must_use]
pub fn verify_inclusion(leaf: &Digest, index: u64, size: u64, proof: &[Digest], root: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut fnode, mut snode, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if snode == 0 {
            return false;
        }
        if fnode & 1 == 1 || fnode == snode {
            hash = node_hash(sibling, &hash);
            if fnode & 1 == 0 {
                let zeros = fnode.trailing_zeros().min(63);
                fnode >>= zeros;
                snode >>= zeros;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    snode == 0 && hash == *root
}

/// Checks a consistency proof (RFC 9162 section 2.1.4.2): whether the tree of `old` leaves is a prefix of the tree of `new`.
#[must_use]
pub fn verify_consistency(old: u64, old_root: &Digest, new: u64, new_root: &Digest, proof: &[Digest]) -> bool {
    if old == 0 || old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    let mut rest = proof.iter();
    let seed = if old.is_power_of_two() { Some(*old_root) } else { rest.next().copied() };
    let Some(seed) = seed else { return false };
    let (mut fnode, mut snode) = (old - 1, new - 1);
    let ones = fnode.trailing_ones();
    fnode = fnode.checked_shr(ones).unwrap_or(0);
    snode = snode.checked_shr(ones).unwrap_or(0);
    let (mut first, mut second) = (seed, seed);
    for sibling in rest {
        if snode == 0 {
            return false;
        }
        if fnode & 1 == 1 || fnode == snode {
            first = node_hash(sibling, &first);
            second = node_hash(sibling, &second);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            second = node_hash(&second, sibling);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    snode == 0 && first == *old_root && second == *new_root
}

/// One tile of the tree: `width` consecutive hashes of tree level `8 * level` (C2SP tlog-tiles).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Tile level; its hashes are roots of subtrees of `256^level` leaves.
    pub level: u8,
    /// Index among the tiles of the level.
    pub index: u64,
    /// Hashes present, 1 to 256; fewer than 256 makes it a partial tile.
    pub width: u64,
}

impl Tile {
    /// Every tile of a tree of `size` leaves, partial ones at the right edge included, level by level.
    #[must_use]
    pub fn all(size: u64) -> Vec<Tile> {
        let mut tiles = Vec::new();
        let (mut level, mut count) = (0, size);
        while count > 0 {
            for index in 0..count.div_ceil(TILE_WIDTH) {
                tiles.push(Tile { level, index, width: TILE_WIDTH.min(count - index * TILE_WIDTH) });
            }
            count /= TILE_WIDTH;
            level += 1;
        }
        tiles
    }

    /// The tile of a path as [`Tile::path`] writes it; `None` for anything else. `0/000.p/256` would be another name of `0/000`, and no
    /// tile holds nothing or more than 256 hashes.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Self> {
        let (level, rest) = path.split_once('/')?;
        let (groups, width) = match rest.split_once(".p/") {
            Some((groups, width)) => (groups, width.parse().ok()?),
            None => (rest, TILE_WIDTH),
        };
        let next = |index: u64, group: &str| index.checked_mul(1_000)?.checked_add(group.trim_start_matches('x').parse().ok()?);
        let tile = Self { level: level.parse().ok()?, index: groups.split('/').try_fold(0, next)?, width };
        (tile.path() == path && (1..=TILE_WIDTH).contains(&width)).then_some(tile)
    }

    /// The path of the tile below `tile/`, for example `0/x001/067` or `1/000.p/3`.
    #[must_use]
    pub fn path(&self) -> String {
        let mut groups = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        groups.reverse();
        let path = format!("{}/{}", self.level, groups.join("/"));
        if self.width < TILE_WIDTH { format!("{path}.p/{}", self.width) } else { path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaves(n: u64) -> Vec<Digest> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    #[test]
    fn edge_and_recursive_root_agree_for_every_size() {
        let all = leaves(300);
        let mut edge = Edge::new();
        for size in 0..=300_u64 {
            assert_eq!(edge.root(), root(all.as_slice(), size).unwrap());
            assert_eq!(Edge::from_parts(size, edge.peaks().to_vec()).unwrap(), edge);
            if let Some(leaf) = all.get(usize::try_from(size).unwrap()) {
                edge.push(*leaf);
            }
        }
    }

    #[test]
    fn tile_paths() {
        for (tile, path) in [
            (Tile { level: 0, index: 0, width: 256 }, "0/000"),
            (Tile { level: 0, index: 1_234_067, width: 256 }, "0/x001/x234/067"),
            (Tile { level: 1, index: 0, width: 3 }, "1/000.p/3"),
        ] {
            assert_eq!(tile.path(), path);
        }
        let tiles = Tile::all(70_000);
        assert_eq!(tiles.iter().filter(|t| t.level == 0).count(), 274);
        assert_eq!(tiles.last(), Some(&Tile { level: 2, index: 0, width: 1 }));
    }

    proptest! {
        #[test]
        fn proofs_hold_and_break(size in 1_u64..200, index in 0_u64..200, old in 1_u64..200, flip in 0_usize..12) {
            let all = leaves(size);
            let top = root(all.as_slice(), size).unwrap();
            let index = index % size;
            let leaf = all[usize::try_from(index).unwrap()];
            let mut proof = inclusion_proof(all.as_slice(), index, size).unwrap();
            prop_assert!(verify_inclusion(&leaf, index, size, &proof, &top));
            prop_assert!(size == 1 || !verify_inclusion(&leaf, (index + 1) % size, size, &proof, &top));
            if let Some(hash) = proof.get_mut(flip) {
                *hash = empty_root();
                prop_assert!(!verify_inclusion(&leaf, index, size, &proof, &top));
            }
            let old = 1 + old % size;
            let old_root = root(all.as_slice(), old).unwrap();
            let mut proof = consistency_proof(all.as_slice(), old, size).unwrap();
            prop_assert!(verify_consistency(old, &old_root, size, &top, &proof));
            prop_assert!(!verify_consistency(old, &empty_root(), size, &top, &proof));
            if let Some(hash) = proof.get_mut(flip) {
                *hash = empty_root();
                prop_assert!(!verify_consistency(old, &old_root, size, &top, &proof));
            }
        }
    }
}
