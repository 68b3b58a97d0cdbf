//! Hashes of a tree for proofs, of which only the upper levels are held: the lower ones are computed again from entries when they are asked
//! for.

use std::sync::Mutex;

use privyseal_core::digest::Digest;
use privyseal_core::tree::{NodeSource, node_hash};

use super::LogSource;

/// Levels below this one are not held.
const HELD_FROM: u8 = 8;
const BLOCK: u64 = 1 << HELD_FROM;

/// The nodes of a tree over a log's entries.
pub struct Nodes<'a> {
    source: &'a dyn LogSource,
    /// Perfect subtrees from level 8 on, level by level.
    levels: Vec<Vec<Digest>>,
    /// Leaves of the block that is not full yet.
    open: Vec<Digest>,
    size: u64,
    /// The block that was read last.
    block: Mutex<Option<(u64, Vec<Digest>)>>,
}

impl<'a> Nodes<'a> {
    /// A tree without leaves.
    #[must_use]
    pub fn new(source: &'a dyn LogSource) -> Self {
        Self { source, levels: Vec::new(), open: Vec::new(), size: 0, block: Mutex::new(None) }
    }

    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Digest) {
        self.open.push(leaf);
        self.size += 1;
        if self.size.is_multiple_of(BLOCK) {
            let leaves = std::mem::take(&mut self.open);
            if let Some(top) = leaves.as_slice().node(HELD_FROM, 0) {
                self.rise(0, top);
            }
        }
    }

    fn rise(&mut self, level: usize, node: Digest) {
        if self.levels.len() <= level {
            self.levels.push(Vec::new());
        }
        let Some(nodes) = self.levels.get_mut(level) else { return };
        nodes.push(node);
        if let (true, Some([left, right])) = (nodes.len().is_multiple_of(2), nodes.last_chunk()) {
            let parent = node_hash(left, right);
            self.rise(level + 1, parent);
        }
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    fn leaves(&self, block: u64) -> Option<Vec<Digest>> {
        if block == self.size / BLOCK {
            return Some(self.open.clone());
        }
        let mut held = self.block.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, leaves)) = held.as_ref().filter(|(held, _)| *held == block) {
            return Some(leaves.clone());
        }
        let entries = self.source.entries(block * BLOCK, usize::try_from(BLOCK).ok()?).ok()?;
        let leaves: Vec<Digest> = entries.into_iter().map(|entry| entry.leaf).collect();
        *held = Some((block, leaves.clone()));
        Some(leaves)
    }
}

impl NodeSource for Nodes<'_> {
    fn node(&self, level: u8, index: u64) -> Option<Digest> {
        match level.checked_sub(HELD_FROM) {
            Some(above) => self.levels.get(usize::from(above))?.get(usize::try_from(index).ok()?).copied(),
            None => {
                let per_block = BLOCK >> level;
                self.leaves(index / per_block)?.as_slice().node(level, index % per_block)
            }
        }
    }
}
