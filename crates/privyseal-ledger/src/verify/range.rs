//! Verifying a range of entries against the tree, without reading what lies outside it.
//!
//! The root is computed again from the entries of the range and, for everything beside them, from the hash tiles on disk. A tile that
//! lies cannot help: only the right hashes give the root that is under the signed head.

use std::collections::BTreeMap;

use privyseal_core::digest::Digest;
use privyseal_core::event::{Entry, Kind};
use privyseal_core::note::{Checkpoint, Note};
use privyseal_core::tree::{self, NodeSource, node_hash};

use super::check::Checker;
use super::folder::{Options, Progress};
use super::report::{Finding, Place, Report};
use crate::layout::Layout;
use crate::log::{LogError, LogReader, StoredEntry, at_one_moment};
use crate::place;
use crate::reader;
use crate::segment;
use crate::store::Store;
use crate::tiles::TileNodes;

/// Entries that are proven together.
const STEP: u64 = 8_192;

/// Which entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// From a position to a position, both inside.
    Entries {
        /// First entry.
        first: u64,
        /// Last entry.
        last: u64,
    },
    /// The entry of the event with this id.
    Event(String),
}

/// Verifies a range of a data folder: form, hash, signature, chain within the range, place in the tree under the newest head, and of reviews
/// the passkey signature. Keys and passkeys are those that the log finds; that it finds all of them only a whole verification proves.
pub fn verify_range(layout: &Layout, range: &Range, options: &Options, progress: Progress<'_>) -> Report {
    let mut checker = Checker::new(options.trusted.clone());
    let log_name = layout.log().file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Tiles before the log: a writer beside us publishes after it has committed.
    let published = std::fs::read_to_string(layout.checkpoint())
        .ok()
        .and_then(|note| Some(Checkpoint::from_text(&Note::parse(&note).ok()?.text).ok()?.size))
        .unwrap_or(0);
    let walked = Store::of(layout)
        .reader()
        .and_then(|log| at_one_moment(log.as_ref(), |log| walk(log, layout, range, published, options, &mut checker, progress)));
    match walked {
        Ok(()) => {}
        Err(LogError::Damaged { detail, .. }) => checker.report.found(Place::file(log_name), Finding::Altered, detail),
        Err(error) => checker.report.unknown(Place::file(log_name), format!("the log cannot be read: {error}")),
    }
    checker.report
}

/// The hashes that give the root: proven entries, tiles, and the leaves that stand after the published tiles.
struct Overlay<'a> {
    proven: &'a BTreeMap<u64, Digest>,
    tiles: &'a TileNodes,
    published: u64,
    tail: &'a [Digest],
}

impl NodeSource for Overlay<'_> {
    fn node(&self, level: u8, index: u64) -> Option<Digest> {
        let first = index.checked_shl(u32::from(level))?;
        let end = first.checked_add(1_u64.checked_shl(u32::from(level))?)?;
        let inside = self.proven.range(first..end).next().is_some();
        if level == 0 {
            let tail = || self.tail.get(usize::try_from(first.checked_sub(self.published)?).ok()?).copied();
            return self.proven.get(&first).copied().or_else(|| if first < self.published { self.tiles.node(0, first) } else { tail() });
        }
        if !inside && end <= self.published {
            return self.tiles.node(level, index);
        }
        let left = self.node(level - 1, index.checked_mul(2)?)?;
        Some(node_hash(&left, &self.node(level - 1, index.checked_mul(2)?.checked_add(1)?)?))
    }
}

fn walk(
    log: &dyn LogReader,
    layout: &Layout,
    range: &Range,
    published: u64,
    options: &Options,
    checker: &mut Checker,
    told: Progress<'_>,
) -> Result<(), LogError> {
    let Some(head) = log.head()? else {
        checker.report.found(Place::Head, Finding::RolledBack, "the log is empty");
        return Ok(());
    };
    let size = head.edge.size();
    let (first, last) = match range {
        Range::Entries { first, last } => (*first, *last),
        Range::Event(id) => match find(log, id, size)? {
            Some(seq) => (seq, seq),
            None => {
                checker.report.unknown(Place::Head, format!("no event has the id `{}` where its time says", id.escape_debug()));
                return Ok(());
            }
        },
    };
    if first > last || last >= size {
        let what = format!("entries {first} to {last} are not in this log of {size}: the last is entry {}", size.saturating_sub(1));
        checker.report.unknown(Place::Head, what);
        return Ok(());
    }
    let of_kinds = |kinds: &[Kind]| -> Result<BTreeMap<u64, StoredEntry>, LogError> {
        let mut found = BTreeMap::new();
        for kind in kinds {
            found.extend(log.entries_of(*kind)?.into_iter().filter(|stored| stored.seq < size).map(|stored| (stored.seq, stored)));
        }
        Ok(found)
    };
    // Keys of the whole log: those of the head may be younger than the range.
    let keys = of_kinds(&[Kind::LedgerOpened, Kind::KeyEnrolled, Kind::KeyRetired, Kind::KeyRevoked])?;
    let mut context = of_kinds(&[Kind::CredentialEnrolled, Kind::CredentialRevoked])?;
    checker.rely_on(keys.values());
    checker.report.heads += 1;
    match checker.read_head(&head.checkpoint) {
        Ok((checkpoint, _)) if checkpoint.size == size && checkpoint.root == head.edge.root() => {}
        Ok(_) => checker.report.found(Place::Head, Finding::Forked, "the signed head is not over the tree that the log keeps"),
        Err((finding, what)) => checker.report.found(Place::Head, finding, what),
    }
    checker.report.head = Some((size, head.edge.root().hex()));
    let published = published.min(size);
    let mut tail: Vec<Digest> = Vec::new();
    while published + u64::try_from(tail.len()).unwrap_or(0) < size {
        let from = published + u64::try_from(tail.len()).unwrap_or(0);
        let entries = log.entries(from, usize::try_from((size - from).min(STEP)).unwrap_or(usize::MAX))?;
        if entries.is_empty() {
            break;
        }
        tail.extend(entries.iter().map(|stored| stored.leaf));
    }
    let tiles = TileNodes::new(layout.tiles(), published);
    let segments = reader::segments(log).unwrap_or_default();
    let mut at = first;
    while at <= last {
        let end = (last + 1).min(at.saturating_add(STEP));
        let entries = read(log, layout, &segments, at, end)?;
        for review in entries.iter().filter_map(|stored| {
            let entry = Entry::read(&stored.entry).ok().filter(|entry| entry.kind == Kind::ReviewRecorded)?;
            entry.request_id?.parse().ok()
        }) {
            let asked = log.entries_of_request(&review)?.into_iter();
            let asked = asked.filter(|stored| Entry::read(&stored.entry).is_ok_and(|entry| entry.kind == Kind::RequestSubmitted));
            context.extend(asked.filter(|stored| stored.seq < first).map(|stored| (stored.seq, stored)));
        }
        let later = context.split_off(&at);
        let relied = std::mem::replace(&mut context, later);
        let mut proven: BTreeMap<u64, Digest> = BTreeMap::new();
        for stored in keys.values().chain(relied.values()).chain(&entries) {
            proven.insert(stored.seq, tree::leaf_hash(&stored.entry));
        }
        checker.rely_on(relied.values());
        checker.jump(at);
        checker.entries(&entries);
        // Those in the range were just followed.
        context = context.split_off(&end);
        let missing = u64::try_from(entries.len()) != Ok(end - at);
        if missing {
            checker.report.found(Place::Entries { first: at, last: end - 1 }, Finding::Removed, "not all of these entries are there");
        }
        let overlay = Overlay { proven: &proven, tiles: &tiles, published, tail: &tail };
        match tree::root(&overlay, size) {
            Ok(root) if root == head.edge.root() => {}
            Ok(_) => {
                let what = "with these entries the tree has another root than the one that is under the signed head";
                checker.report.found(Place::Entries { first: at, last: end - 1 }, Finding::Forked, what);
            }
            Err(error) => checker.report.unknown(Place::Entries { first: at, last: end - 1 }, format!("the tiles do not reach: {error}")),
        }
        at = end;
        told(at - first, last - first + 1);
    }
    if !options.remembered.is_empty() {
        checker.report.unknown(Place::Head, "a remembered head is compared by a verification of the whole folder");
    }
    checker.judge_doubts();
    Ok(())
}

/// The entries from `at` up to `end`, from the log as far as it holds them, else from their segment.
fn read(
    log: &dyn LogReader,
    layout: &Layout,
    segments: &[privyseal_core::event::ledger::SegmentSealed],
    at: u64,
    end: u64,
) -> Result<Vec<StoredEntry>, LogError> {
    let limit = usize::try_from(end - at).unwrap_or(usize::MAX);
    let found: Vec<StoredEntry> = log.entries(at, limit)?.into_iter().filter(|stored| stored.seq < end).collect();
    if found.len() == limit {
        return Ok(found);
    }
    let mut from_segments = Vec::new();
    for segment in segments.iter().filter(|segment| segment.first < end && segment.last >= at) {
        let skip = usize::try_from(at.saturating_sub(segment.first)).unwrap_or(usize::MAX);
        let Ok(kept) = place::open(layout, segment) else { continue };
        let Ok(batches) = segment::batches(kept, skip) else { continue };
        for batch in batches.map_while(Result::ok) {
            let Ok(columns) = segment::Columns::of(&batch) else { break };
            from_segments.extend((0..columns.rows()).filter_map(|row| columns.stored(row).ok()).filter(|stored| stored.seq < end));
            if from_segments.last().is_some_and(|stored: &StoredEntry| stored.seq + 1 == end) {
                break;
            }
        }
    }
    Ok(if from_segments.len() > found.len() { from_segments } else { found })
}

/// Where the event with this id stands. Ids begin with the millisecond they were made in, and entries are in the order of their times.
fn find(log: &dyn LogReader, id: &str, size: u64) -> Result<Option<u64>, LogError> {
    const AROUND_MICROS: i64 = 60_000_000;
    let Some(millis) = id.get(..8).zip(id.get(9..13)).and_then(|(high, low)| i64::from_str_radix(&format!("{high}{low}"), 16).ok()) else {
        return Ok(None);
    };
    let from = millis.saturating_mul(1_000).saturating_sub(AROUND_MICROS);
    let time = |stored: &StoredEntry| Entry::read(&stored.entry).map(|entry| entry.time.micros()).unwrap_or(i64::MAX);
    let (mut earlier, mut later) = (0, size);
    while earlier < later {
        let middle = earlier.midpoint(later);
        let stored = log.entries(middle, 1)?.into_iter().next();
        if stored.is_some_and(|stored| time(&stored) < from) { earlier = middle + 1 } else { later = middle }
    }
    loop {
        let entries = log.entries(earlier, usize::try_from(STEP).unwrap_or(usize::MAX))?;
        for stored in &entries {
            if Entry::read(&stored.entry).is_ok_and(|entry| entry.id == id) {
                return Ok(Some(stored.seq));
            }
        }
        match entries.last() {
            Some(last) if time(last) <= from.saturating_add(2 * AROUND_MICROS) => earlier = last.seq + 1,
            _ => return Ok(None),
        }
    }
}
