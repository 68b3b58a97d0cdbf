//! The tree as it was published: roots of its prefixes and proofs of inclusion in them, taken from the hash tiles and never believed
//! before they have been proven against the published head.

use privyseal_core::cosignature::CosignedHead;
use privyseal_core::digest::Digest;
use privyseal_core::tree::{self, ProofError};

use crate::layout::Layout;
use crate::tiles::TileNodes;

/// A published tree.
pub struct Published {
    nodes: TileNodes,
    size: u64,
    root: Digest,
}

impl Published {
    /// The newest one; none when no head is published, or it cannot be read.
    #[must_use]
    pub fn newest(layout: &Layout) -> Option<Self> {
        let note = std::fs::read_to_string(layout.checkpoint()).ok()?;
        let head = CosignedHead::parse(&note).ok()?.checkpoint;
        Some(Self { nodes: TileNodes::new(layout.tiles(), head.size), size: head.size, root: head.root })
    }

    /// Number of entries under the head.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root over the first `size` entries.
    ///
    /// # Errors
    /// When there are not so many, or the tiles do not show that this tree grew into the published one.
    pub fn root(&self, size: u64) -> Result<Digest, ProofError> {
        if size == self.size {
            return Ok(self.root);
        }
        if size > self.size {
            return Err(ProofError::new(size, self.size));
        }
        let root = tree::root(&self.nodes, size)?;
        let proof = tree::consistency_proof(&self.nodes, size, self.size)?;
        match tree::verify_consistency(size, &root, self.size, &self.root, &proof) {
            true => Ok(root),
            false => Err(ProofError::new(size, self.size)),
        }
    }

    /// The path from the leaf at `index` to the root over the first `size` entries.
    ///
    /// # Errors
    /// When there are not so many entries, or the tiles do not prove it.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Digest>, ProofError> {
        use privyseal_core::tree::NodeSource as _;
        let root = self.root(size)?;
        let leaf = self.nodes.node(0, index).filter(|_| index < size).ok_or_else(|| ProofError::new(index, size))?;
        let proof = tree::inclusion_proof(&self.nodes, index, size)?;
        match tree::verify_inclusion(&leaf, index, size, &proof, &root) {
            true => Ok(proof),
            false => Err(ProofError::new(index, size)),
        }
    }
}

#[cfg(test)]
mod tests {
    use privyseal_core::tree::{Edge, leaf_hash};

    use super::*;
    use crate::tiles::TileWriter;

    #[test]
    fn roots_and_proofs_of_every_prefix_hold_and_damaged_tiles_give_none() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, mut edge, mut roots) = (TileWriter::new(), Edge::new(), vec![tree::empty_root()]);
        let leaves: Vec<Digest> = (0..700_u64).map(|number| leaf_hash(&number.to_be_bytes())).collect();
        for leaf in &leaves {
            writer.push(*leaf);
            edge.push(*leaf);
            roots.push(edge.root());
        }
        writer.publish(folder.path()).unwrap();
        let published = || Published { nodes: TileNodes::new(folder.path(), 700), size: 700, root: edge.root() };
        for size in [1, 2, 255, 256, 257, 512, 699, 700_u64] {
            let expected = roots[usize::try_from(size).unwrap()];
            assert_eq!(published().root(size).unwrap(), expected, "{size}");
            for index in [0, size / 2, size - 1] {
                let proof = published().inclusion_proof(index, size).unwrap();
                assert!(tree::verify_inclusion(&leaves[usize::try_from(index).unwrap()], index, size, &proof, &expected));
            }
            assert!(published().inclusion_proof(size, size).is_err());
        }
        assert!(published().root(701).is_err());
        let tile = folder.path().join("tile/0/000");
        let tile = if tile.is_file() { tile } else { folder.path().join("0/000") };
        let mut bytes = std::fs::read(&tile).unwrap();
        bytes[40] ^= 1;
        std::fs::write(&tile, bytes).unwrap();
        assert!(published().root(3).is_err(), "a tile that was changed proves nothing");
        assert!(published().inclusion_proof(1, 700).is_err());
    }
}
