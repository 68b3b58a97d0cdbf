//! Verifying a data folder: the log, every signed head, every segment cell by cell, every tile, every blob, and that nothing else is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use bytes::Bytes;
use privyseal_core::digest::Digest;
use privyseal_core::event::ledger::SegmentSealed;
use privyseal_core::note::VerifierKey;
use privyseal_core::tree::{self, NodeSource as _, TILE_WIDTH, Tile};

use super::check::Checker;
use super::report::{Place, Report};
use crate::layout::{self, Layout};
use crate::log::{Log as _, LogError, StoredEntry};
use crate::segment::{self, Typed};
use crate::sqlite::SqliteLog;

const STEP: usize = 8_192;

/// Told how far verification is: entries done, entries in all.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// Verifies a data folder, beside a process that writes it or without one. Never writes.
///
/// Failing to read is not tampering: it is reported as something that could not be checked.
pub fn verify_folder(layout: &Layout, trusted: Option<VerifierKey>, progress: Progress<'_>) -> Report {
    let mut checker = Checker::new(trusted);
    let log_name = layout.log().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let walked = SqliteLog::open_read_only(&layout.log()).and_then(|log| log.snapshot(|log| walk_log(log, layout, &mut checker, progress)));
    match walked {
        Ok(hashes) => {
            published_head(layout, &mut checker, &hashes);
            check_segments(layout, &mut checker);
            check_other_files(layout, &mut checker, &hashes);
        }
        Err(LogError::Damaged { detail, .. }) => checker.report.wrong(Place::file(log_name), detail),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            checker.report.unknown(Place::file(log_name), format!("the log cannot be read{cause}"));
        }
    }
    let (size, root) = (checker.size(), checker.root());
    checker.report.head = Some((size, root.hex()));
    checker.report
}

/// Leaf hashes by position and the roots of full tiles are all that later checks need.
struct Hashes {
    leaves: Vec<Digest>,
}

/// Walks the log once, checking each kept head right after the entry that it covers last.
fn walk_log(log: &SqliteLog, layout: &Layout, checker: &mut Checker, progress: Progress<'_>) -> Result<Hashes, LogError> {
    let head = log.head()?;
    let total = head.as_ref().map_or(0, |head| head.edge.size());
    let heads: BTreeMap<u64, String> = log.checkpoints()?.into_iter().collect();
    let mut leaves = Vec::new();
    loop {
        let entries = log.entries(checker.size(), STEP)?;
        if entries.is_empty() {
            break;
        }
        let columns = log.found_by(checker.size(), STEP)?;
        for (stored, column) in entries.iter().zip(&columns) {
            let before = checker.size();
            checker.entry_of_log(stored, column);
            leaves.push(stored.leaf);
            if let Some(note) = heads.get(&(before + 1)) {
                checker.head(note, &Place::Entry(before));
            }
        }
        progress(checker.size(), total);
    }
    let end = checker.size();
    for size in heads.keys().filter(|size| **size > end || **size == 0) {
        checker
            .report
            .wrong(Place::Head, format!("a signed head over {size} entries was kept, there are {end}: the log's end was cut off"));
    }
    match head {
        None => checker.report.wrong(Place::file(layout.log().file_name().unwrap_or_default().to_string_lossy()), "the log is empty"),
        Some(head) => {
            if head.edge.size() != checker.size() || head.edge.root() != checker.root() {
                checker
                    .report
                    .wrong(Place::Head, format!("the stored tree is over {} entries, there are {}", head.edge.size(), checker.size()));
            }
            checker.head(&head.checkpoint, &Place::Head);
        }
    }
    Ok(Hashes { leaves })
}

fn published_head(layout: &Layout, checker: &mut Checker, hashes: &Hashes) {
    let place = Place::file("ledger/checkpoint");
    match fs::read_to_string(layout.checkpoint()) {
        Ok(note) => {
            checker.report.files += 1;
            checker.report.heads += 1;
            let checked = checker.open_head(&note).and_then(|checkpoint| match tree::root(hashes.leaves.as_slice(), checkpoint.size) {
                Err(_) => Err(format!(
                    "a head over {} entries was published, there are {}: the log was rolled back or cut",
                    checkpoint.size,
                    checker.size()
                )),
                Ok(root) if root != checkpoint.root => Err("the published head is of another history".to_owned()),
                Ok(_) => Ok(()),
            });
            if let Err(what) = checked {
                checker.report.wrong(place, what);
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => checker.report.unknown(place, "no head was ever published here"),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => checker.report.wrong(place, "it is not text"),
        Err(error) => checker.report.unknown(place, error.to_string()),
    }
}

fn check_segments(layout: &Layout, checker: &mut Checker) {
    let segments = std::mem::take(&mut checker.summary.segments);
    let mut next = 0;
    for segment in &segments {
        let place = Place::file(format!("ledger/{}", segment.path));
        if segment.first != next || !layout::is_segment_path(&segment.path, segment.first, segment.last) {
            checker.report.wrong(place, "its record does not follow the segment before it");
            break;
        }
        next = segment.last + 1;
        checker.report.files += 1;
        if let Err((what, proof)) = check_segment(layout, segment, checker.size()) {
            if proof { checker.report.wrong(place, what) } else { checker.report.unknown(place, what) }
        }
    }
    checker.summary.segments = segments;
}

/// Compares a segment with its record, and every row of it with the log. The error says whether it proves something.
fn check_segment(layout: &Layout, segment: &SegmentSealed, size: u64) -> Result<(), (String, bool)> {
    let wrong = |what: String| (what, true);
    let bytes = match fs::read(layout.below_ledger(&segment.path)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(wrong("the segment is missing".to_owned())),
        Err(error) => return Err((error.to_string(), false)),
    };
    if u64::try_from(bytes.len()).ok() != Some(segment.bytes) {
        return Err(wrong(format!("the file has {} bytes, {} were recorded", bytes.len(), segment.bytes)));
    }
    if Digest::of(&bytes) != segment.sha256 {
        return Err(wrong("the file's SHA-256 is not the one recorded when it was sealed".to_owned()));
    }
    if segment.last >= size {
        return Err(wrong("it holds entries beyond the end of the log".to_owned()));
    }
    let log = SqliteLog::open_read_only(&layout.log()).map_err(|error| (error.to_string(), false))?;
    let mut seq = segment.first;
    for rows in segment::read(Bytes::from(bytes)).map_err(|error| wrong(error.to_string()))? {
        let rows = rows.map_err(|error| wrong(error.to_string()))?;
        let entries = log.entries(seq, rows.len()).map_err(|error| (error.to_string(), false))?;
        for row in &rows {
            let stored: Option<&StoredEntry> = entries.get(usize::try_from(row.stored.seq.wrapping_sub(seq)).unwrap_or(usize::MAX));
            if stored != Some(&row.stored) {
                return Err(wrong(format!("its row of entry {} differs from the log", row.stored.seq)));
            }
            if Typed::of(&row.stored.entry).ok().as_ref() != Some(&row.typed) {
                return Err(wrong(format!("a typed column of entry {} differs from the signed bytes", row.stored.seq)));
            }
        }
        seq += u64::try_from(rows.len()).unwrap_or(0);
    }
    if seq == segment.last + 1 { Ok(()) } else { Err(wrong(format!("it ends before entry {seq}, {} was recorded", segment.last))) }
}

/// Every other file below `ledger/`: tiles are computed again, blobs are hashed, anything else does not belong there.
fn check_other_files(layout: &Layout, checker: &mut Checker, hashes: &Hashes) {
    let mut files = BTreeSet::new();
    list(&layout.ledger(), "", &mut files, checker);
    let segments: BTreeSet<String> = checker.summary.segments.iter().map(|segment| segment.path.clone()).collect();
    let published = published_size(layout);
    if let Some(size) = published {
        for tile in Tile::all(size) {
            let path = format!("tile/{}", tile.path());
            if files.remove(&path) {
                check_tile(layout, &path, &tile, checker, hashes);
            } else if tile.width == TILE_WIDTH || !wider_exists(&files, &tile) {
                checker.report.wrong(Place::file(format!("ledger/{path}")), "the tile is missing");
            }
        }
    }
    for path in files {
        if path == "checkpoint" || path.starts_with("timestamps/") || segments.contains(&path) {
            continue;
        }
        if let Some(hex) = path.strip_prefix("blobs/sha256/") {
            check_blob(layout, &path, &hex.replace('/', ""), checker);
        } else if let Some(tile) = path.strip_prefix("tile/").and_then(parse_tile) {
            // Tiles run ahead of the head that is published after them.
            check_tile(layout, &path, &tile, checker, hashes);
        } else {
            checker.report.unknown(Place::file(format!("ledger/{path}")), "no record names this file: it is a leftover, or was put here");
        }
    }
    let blobs = std::mem::take(&mut checker.summary.blobs);
    for (seq, digest) in blobs {
        if !layout.blob(&digest).is_file() {
            checker.report.wrong(Place::Entry(seq), format!("the blob {} that it names is missing", digest.hex()));
        }
    }
}

fn published_size(layout: &Layout) -> Option<u64> {
    let note = privyseal_core::note::Note::parse(&fs::read_to_string(layout.checkpoint()).ok()?).ok()?;
    Some(privyseal_core::note::Checkpoint::from_text(&note.text).ok()?.size)
}

fn wider_exists(files: &BTreeSet<String>, tile: &Tile) -> bool {
    let full = Tile { width: TILE_WIDTH, ..*tile }.path();
    let partials = format!("tile/{full}.p/");
    files.contains(&format!("tile/{full}"))
        || files.iter().filter_map(|path| path.strip_prefix(&partials)?.parse::<u64>().ok()).any(|width| width > tile.width)
}

fn check_tile(layout: &Layout, path: &str, tile: &Tile, checker: &mut Checker, hashes: &Hashes) {
    checker.report.files += 1;
    let place = Place::file(format!("ledger/{path}"));
    let wanted: Option<Vec<u8>> = (0..tile.width)
        .map(|offset| hashes.leaves.as_slice().node(tile.level.checked_mul(8)?, tile.index.checked_mul(TILE_WIDTH)?.checked_add(offset)?))
        .collect::<Option<Vec<Digest>>>()
        .map(|digests| digests.iter().flat_map(|digest| *digest.as_bytes()).collect());
    match (fs::read(layout.below_ledger(path)), wanted) {
        (Ok(bytes), Some(wanted)) if bytes == wanted => {}
        (Ok(bytes), Some(wanted)) => {
            let byte = bytes.iter().zip(&wanted).position(|(a, b)| a != b).unwrap_or(bytes.len().min(wanted.len()));
            let place = Place::File { path: format!("ledger/{path}"), byte: u64::try_from(byte).ok() };
            checker.report.wrong(place, "the tile is not the one that the entries give");
        }
        (Ok(_), None) => checker.report.wrong(place, "the tile covers entries beyond the end of the log"),
        (Err(error), _) => checker.report.unknown(place, error.to_string()),
    }
}

fn parse_tile(path: &str) -> Option<Tile> {
    let (level, rest) = path.split_once('/')?;
    let (groups, width) = match rest.split_once(".p/") {
        Some((groups, width)) => (groups, width.parse().ok()?),
        None => (rest, TILE_WIDTH),
    };
    let index = groups
        .split('/')
        .try_fold(0_u64, |index, group| index.checked_mul(1_000)?.checked_add(group.trim_start_matches('x').parse().ok()?))?;
    let tile = Tile { level: level.parse().ok()?, index, width };
    (tile.path() == path).then_some(tile)
}

fn check_blob(layout: &Layout, path: &str, hex: &str, checker: &mut Checker) {
    checker.report.files += 1;
    let place = Place::file(format!("ledger/{path}"));
    match fs::read(layout.below_ledger(path)) {
        Ok(bytes) if Digest::of(&bytes).hex() == hex => {}
        Ok(_) => checker.report.wrong(place, "the blob's bytes do not have the digest that is its name"),
        Err(error) => checker.report.unknown(place, error.to_string()),
    }
}

fn list(folder: &Path, prefix: &str, files: &mut BTreeSet<String>, checker: &mut Checker) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            checker.report.unknown(Place::file(format!("ledger/{prefix}")), error.to_string());
            return;
        }
    };
    for entry in entries.flatten() {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(&entry.path(), &format!("{path}/"), files, checker),
            _ => {
                files.insert(path);
            }
        }
    }
}
