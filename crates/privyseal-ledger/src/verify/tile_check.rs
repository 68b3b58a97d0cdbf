//! Tiles on disk against the tree as it grows: only the open tile of each level is in memory.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use privyseal_core::digest::Digest;
use privyseal_core::tree::{TILE_WIDTH, Tile};

use super::report::{Finding, Place, Report};
use crate::layout::Layout;
use crate::tiles::Growing;

/// Grows the tiles of a tree and compares each with its file when it is full.
pub(super) struct TileCheck {
    layout: Layout,
    growing: Growing,
    /// Files below `ledger/tile/` that were there at the start and are not checked yet, by path below it.
    listed: BTreeSet<String>,
    /// Size of the published head: its tiles must be there.
    published: u64,
}

impl TileCheck {
    pub(super) fn new(layout: &Layout, listed: BTreeSet<String>, published: u64) -> Self {
        Self { layout: layout.clone(), growing: Growing::default(), listed, published }
    }

    /// The hashes of the open tiles, for a progress file.
    pub(super) fn open(&self) -> &[Vec<Digest>] {
        self.growing.open()
    }

    /// Goes on with a tree of `size` leaves whose open tiles are these; tiles that are full by then were checked before.
    pub(super) fn resume(&mut self, open: Vec<Vec<Digest>>, size: u64) {
        self.growing = Growing::resume(open, size);
        self.listed.retain(|path| match Tile::from_path(path) {
            Some(tile) => size.checked_shr(u32::from(tile.level) * 8).unwrap_or(0) / TILE_WIDTH <= tile.index,
            None => true,
        });
    }

    /// Takes the next leaf.
    pub(super) fn push(&mut self, leaf: Digest, report: &mut Report) {
        let mut full = Vec::new();
        self.growing.push(leaf, &mut |tile, hashes| full.push((tile, hashes)));
        for (tile, hashes) in full {
            self.check(&tile, &hashes, report);
        }
    }

    /// The end of the log: the partial tiles at the right edge, and whatever tile is left over.
    pub(super) fn finish(mut self, report: &mut Report) {
        let growing = std::mem::take(&mut self.growing);
        for (tile, hashes) in growing.partial() {
            self.check(&tile, hashes, report);
        }
        for path in std::mem::take(&mut self.listed) {
            let place = Place::file(format!("ledger/tile/{path}"));
            match Tile::from_path(&path) {
                Some(_) => report.found(place, Finding::TileAltered, "the tile covers entries beyond the end of the log"),
                None => report.unknown(place, "no record names this file: it is a leftover, or was put here"),
            }
        }
    }

    /// Compares every file of one tile, whole or partial, with the hashes that the entries give.
    fn check(&mut self, tile: &Tile, hashes: &[Digest], report: &mut Report) {
        let whole = Tile { width: TILE_WIDTH, ..*tile }.path();
        let partials = format!("{whole}.p/");
        let of_level = self.published.checked_shr(u32::from(tile.level) * 8).unwrap_or(0);
        let wanted = of_level.saturating_sub(tile.index.saturating_mul(TILE_WIDTH)).min(TILE_WIDTH);
        let mut widest = 0;
        let mut found: Vec<String> =
            self.listed.range(partials.clone()..).take_while(|path| path.starts_with(&partials)).cloned().collect();
        found.extend(self.listed.contains(&whole).then(|| whole.clone()));
        for path in found {
            let Some(present) = Tile::from_path(&path) else { continue };
            self.listed.remove(&path);
            match hashes.get(..usize::try_from(present.width).unwrap_or(usize::MAX)) {
                Some(hashes) => {
                    if self.compare(&path, hashes, report) {
                        widest = widest.max(present.width);
                    }
                }
                None => {
                    let place = Place::file(format!("ledger/tile/{path}"));
                    report.found(place, Finding::TileAltered, "the tile covers entries beyond the end of the log");
                }
            }
        }
        if widest < wanted {
            let path = Tile { width: wanted, ..*tile }.path();
            // A writer beside us may have published, and replaced partial tiles, since the files were listed.
            let replaced = (wanted..=TILE_WIDTH).any(|width| self.layout.tiles().join(Tile { width, ..*tile }.path()).is_file());
            if !replaced {
                report.found(Place::file(format!("ledger/tile/{path}")), Finding::TileMissing, "the tile is missing");
            }
        }
    }

    /// Whether the file was there; what is wrong with it is reported.
    fn compare(&self, path: &str, hashes: &[Digest], report: &mut Report) -> bool {
        let name = format!("ledger/tile/{path}");
        let bytes = match fs::read(self.layout.tiles().join(path)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return false,
            Err(error) => {
                report.unknown(Place::file(name), error.to_string());
                return true;
            }
        };
        report.files += 1;
        let mut wanted = hashes.iter().flat_map(|hash| hash.as_bytes());
        let differs = bytes.iter().position(|byte| wanted.next() != Some(byte));
        if differs.is_some() || wanted.next().is_some() {
            let byte = u64::try_from(differs.unwrap_or(bytes.len())).ok();
            report.found(Place::File { path: name, byte }, Finding::TileAltered, "the tile is not the one that the entries give");
        }
        true
    }
}
