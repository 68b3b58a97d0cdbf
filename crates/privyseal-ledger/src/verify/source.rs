//! Entries in order from where they stand: sealed segments, compared with the log as far as it still holds them, then the log alone.
//!
//! One thread reads and decodes, another checks; a short queue between them bounds what is in memory.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::SyncSender;

use arrow::array::RecordBatch;
use privyseal_core::event::ledger::SegmentSealed;

use super::report::Finding;
use crate::layout::Layout;
use crate::log::{FoundBy, LogError, LogReader, StoredEntry};
use crate::place::{self, Kept};
use crate::reader;
use crate::segment::{self, BATCH_ROWS};
use crate::store::Store;

/// Heads that are read at a time.
const HEADS: usize = 4_096;

/// What the log holds at places that follow one another; `None` where nothing is.
type Places = Vec<Option<(StoredEntry, FoundBy)>>;

/// Entries that follow one another, with everything that is to be compared at their places.
pub(super) struct Chunk {
    /// Position of the first.
    pub(super) first: u64,
    /// What the log holds at each place.
    pub(super) log: Places,
    /// Whether the log should hold something here.
    pub(super) in_log: bool,
    /// The rows of the segment here.
    pub(super) batch: Option<RecordBatch>,
    /// Whether the segment's bytes are the recorded ones.
    pub(super) intact: bool,
    /// Kept heads over sizes within this chunk.
    pub(super) heads: Vec<(u64, String)>,
    /// Set with the last chunk of a segment.
    pub(super) ends: Option<SegmentEnd>,
}

/// How reading a segment ended.
pub(super) struct SegmentEnd {
    /// Path below `ledger/`.
    pub(super) path: String,
    /// What is wrong with it as a file.
    pub(super) problem: Option<(Finding, String)>,
    /// What could not be read, which proves nothing.
    pub(super) unread: Option<String>,
}

/// The log and the segments of a folder.
pub(super) struct Source<'a> {
    pub(super) layout: &'a Layout,
    pub(super) log: &'a dyn LogReader,
    /// Heads read ahead, newest last.
    heads: VecDeque<(u64, String)>,
    /// Size from which heads are not read yet.
    heads_from: u64,
    heads_done: bool,
    /// Position of the first entry that the log still holds; entries before it stand in segments only.
    first_kept: u64,
}

/// The receiving end is gone, or the log cannot be read.
pub(super) enum Stopped {
    Gone,
    Log(LogError),
}

impl From<LogError> for Stopped {
    fn from(error: LogError) -> Self {
        Stopped::Log(error)
    }
}

impl<'a> Source<'a> {
    /// Everything after the first `from` entries.
    pub(super) fn new(layout: &'a Layout, log: &'a dyn LogReader, from: u64) -> Self {
        // A log that cannot say is asked for everything, and says then why it cannot.
        let first_kept = log.first().unwrap_or(0);
        Self { layout, log, heads: VecDeque::new(), heads_from: from + 1, heads_done: false, first_kept }
    }

    /// Sends everything from position `at` on; `told` hears how far it is.
    pub(super) fn send(
        &mut self,
        mut at: u64,
        segments: &[SegmentSealed],
        to: &SyncSender<Chunk>,
        told: &mut dyn FnMut(u64),
    ) -> Result<(), Stopped> {
        for segment in segments {
            if segment.last >= at {
                self.send_segment(&mut at, segment, to, told)?;
            }
        }
        loop {
            let rows = u64::try_from(BATCH_ROWS).unwrap_or(u64::MAX);
            let Some(found) = self.log_rows(at, rows)? else { return Ok(()) };
            let chunk = self.chunk(at, found, None, false, None)?;
            at += u64::try_from(chunk.log.len()).unwrap_or(0);
            to.send(chunk).map_err(|_| Stopped::Gone)?;
            told(at);
        }
    }

    fn send_segment(
        &mut self,
        at: &mut u64,
        segment: &SegmentSealed,
        to: &SyncSender<Chunk>,
        told: &mut dyn FnMut(u64),
    ) -> Result<(), Stopped> {
        let mut end = SegmentEnd { path: segment.path.clone(), problem: None, unread: None };
        let opened = self.open(segment);
        // Another segment in the place of this one goes on after its last entry, perhaps.
        let (first, stands_in) = opened.as_ref().map_or((segment.first, false), |opened| (opened.first, opened.stands_in));
        let mut intact = opened.as_ref().is_ok_and(|opened| opened.whole && !stands_in);
        let mut batches: Option<Box<dyn Iterator<Item = _>>> = None;
        match opened {
            Ok(Opened { file, whole, .. }) => {
                if !whole {
                    let what = "it holds the recorded entries, but its SHA-256 is not the one recorded when it was sealed: its footer was \
                                edited, or it was written again";
                    end.problem = Some((Finding::SegmentRewritten, what.to_owned()));
                }
                match segment::batches(file, usize::try_from(*at - first).unwrap_or(usize::MAX)) {
                    Ok(found) => batches = Some(Box::new(found)),
                    Err(error) => end.problem = Some((Finding::SegmentDamaged, format!("its footer cannot be read: {}", chain(&error)))),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                end.problem = Some((Finding::SegmentMissing, "the segment is missing".to_owned()));
            }
            Err(error) => end.unread = Some(error.to_string()),
        }
        while *at <= segment.last {
            let left = segment.last - *at + 1;
            let batch: Option<RecordBatch> = match batches.as_mut().and_then(Iterator::next) {
                Some(Ok(batch)) if batch.num_rows() > 0 => {
                    let rows = usize::try_from(left).unwrap_or(usize::MAX);
                    Some(if batch.num_rows() > rows { batch.slice(0, rows) } else { batch })
                }
                Some(Err(error)) => {
                    (intact, batches) = (false, None);
                    end.problem = Some((Finding::SegmentDamaged, format!("its pages cannot be read: {}", chain(&error))));
                    None
                }
                _ => {
                    if batches.take().is_some() {
                        let what = format!("it ends before entry {}, entries to {} were recorded", *at, segment.last);
                        end.problem = Some((Finding::SegmentReplaced, what));
                    }
                    None
                }
            };
            let rows = batch
                .as_ref()
                .map_or(left.min(u64::try_from(BATCH_ROWS).unwrap_or(u64::MAX)), |batch| u64::try_from(batch.num_rows()).unwrap_or(0));
            let found = self.log_rows(*at, rows)?.unwrap_or_default();
            let last = *at + rows > segment.last;
            if last && !stands_in && batches.as_mut().and_then(Iterator::next).is_some() {
                let what = format!("it goes on after entry {}, which is the last recorded", segment.last);
                end.problem = Some((Finding::SegmentReplaced, what));
            }
            let ends = last.then(|| std::mem::replace(&mut end, SegmentEnd { path: String::new(), problem: None, unread: None }));
            let mut chunk = self.chunk(*at, found, batch, intact, ends)?;
            chunk.log.resize_with(usize::try_from(rows).unwrap_or(0), || None);
            // The heads were chosen by the log's own rows; here the segment says how far it goes.
            chunk.heads.extend(self.heads_to(*at + rows)?);
            *at += rows;
            to.send(chunk).map_err(|_| Stopped::Gone)?;
            told(*at);
        }
        Ok(())
    }

    /// Opens a segment, from the bucket when there is no copy here. A verification holds the log as it was when it began, and may last
    /// longer than the files of replaced segments are kept: then the segment that took the place is read. That its record came later
    /// proves nothing yet, so only its entries count, which are compared with the tree like all others.
    fn open(&self, segment: &SegmentSealed) -> io::Result<Opened> {
        let missing = match open(self.layout, segment) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => error,
            opened => return opened,
        };
        let now = Store::of(self.layout).reader_alone().ok().and_then(|log| reader::segments(log.as_ref()).ok()).unwrap_or_default();
        let holds = |found: &&SegmentSealed| found.replaces.is_some() && found.first <= segment.first && segment.last <= found.last;
        match now.iter().find(holds) {
            Some(found) if found != segment => Ok(Opened { stands_in: true, ..open(self.layout, found)? }),
            _ => Err(missing),
        }
    }

    fn chunk(
        &mut self,
        first: u64,
        log: Places,
        batch: Option<RecordBatch>,
        intact: bool,
        ends: Option<SegmentEnd>,
    ) -> Result<Chunk, Stopped> {
        let heads = self.heads_to(first + u64::try_from(log.len()).unwrap_or(0))?;
        Ok(Chunk { first, in_log: first >= self.first_kept, log, batch, intact, heads, ends })
    }

    /// Kept heads over at most `size` entries that were not handed out yet.
    fn heads_to(&mut self, size: u64) -> Result<Vec<(u64, String)>, LogError> {
        let mut found = Vec::new();
        loop {
            while let Some(head) = self.heads.pop_front_if(|(covered, _)| *covered <= size) {
                found.push(head);
            }
            if !self.heads.is_empty() || self.heads_done {
                return Ok(found);
            }
            let more = self.log.checkpoints(self.heads_from, HEADS)?;
            self.heads_from = more.last().map_or(self.heads_from, |(covered, _)| covered + 1);
            self.heads_done = more.len() < HEADS;
            self.heads.extend(more);
        }
    }

    /// What the log holds at `rows` places from `at` on; `None` at its end.
    fn log_rows(&self, at: u64, rows: u64) -> Result<Option<Places>, LogError> {
        let end = at.saturating_add(rows);
        if end <= self.first_kept {
            return Ok(None);
        }
        let limit = usize::try_from(rows).unwrap_or(usize::MAX);
        let entries = self.log.entries_found_by(at, limit)?;
        let mut found: Places = Vec::with_capacity(entries.len());
        for pair in entries.into_iter().filter(|(stored, _)| stored.seq < end) {
            let place = usize::try_from(pair.0.seq - at).unwrap_or(usize::MAX);
            found.resize_with(place, || None);
            found.push(Some(pair));
        }
        Ok((!found.is_empty()).then_some(found))
    }

    /// The entry that stands at a position now, wherever it is.
    pub(super) fn entry_at(&self, position: u64) -> Option<StoredEntry> {
        self.log.entries(position, 1).ok()?.into_iter().next().filter(|stored| stored.seq == position)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| error.source()).fold(error.to_string(), |text, error| format!("{text}: {error}"))
}

/// A segment that is about to be read.
struct Opened {
    file: Kept,
    /// Position of its first entry.
    first: u64,
    /// Whether length and SHA-256 are the recorded ones.
    whole: bool,
    /// It stands in the place of the one that was asked for, by a record that the walked log does not have yet.
    stands_in: bool,
}

/// Opens a segment, from the bucket when there is no copy here, and compares length and SHA-256 with its record. A file is read in pieces.
fn open(layout: &Layout, segment: &SegmentSealed) -> io::Result<Opened> {
    let mut file = place::open(layout, segment)?;
    let whole = file.is(segment)?;
    Ok(Opened { file, first: segment.first, whole, stands_in: false })
}
