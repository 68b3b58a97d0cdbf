//! Reading a data folder, beside a process that writes it or without one: one consistent view of sealed segments and live tail.

use privyseal_core::digest::Digest;
use privyseal_core::event::ledger::SegmentSealed;
use privyseal_core::event::{Body, Event, Kind};
use privyseal_core::time::Timestamp;
use privyseal_core::tree::Edge;

use crate::layout::{self, Layout};
use crate::log::{LogError, LogReader, StoredEntry, at_one_moment};
use crate::place;
use crate::store::Store;

/// A sealed segment as the log records it.
pub type SegmentRecord = SegmentSealed;

/// The log at one moment: which segments hold its sealed prefix, and everything after them.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Number of entries.
    pub size: u64,
    /// Root over them.
    pub root: Digest,
    /// The signed checkpoint over them.
    pub checkpoint: String,
    /// Segments in order, without gaps, from entry 0.
    pub segments: Vec<SegmentRecord>,
    /// Entries after the last segment that the caller does not have yet.
    pub tail: Vec<StoredEntry>,
}

/// A reader of one data folder.
pub struct Reader {
    layout: Layout,
    log: Box<dyn LogReader>,
}

impl Reader {
    /// Opens a data folder for reading.
    ///
    /// # Errors
    /// When there is no readable log.
    pub fn open(layout: Layout) -> Result<Self, LogError> {
        let log = Store::of(&layout).reader()?;
        Ok(Self { layout, log })
    }

    /// Where things stand.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The log as it is now. `have` says up to which position the caller holds the tail already; earlier entries are left out,
    /// unless they belong to the tail and the caller's `have` lies before it.
    ///
    /// # Errors
    /// When the log cannot be read, or its segments do not line up.
    pub fn snapshot(&self, have: u64) -> Result<Snapshot, LogError> {
        at_one_moment(self.log(), |log| {
            let Some(head) = log.head()? else {
                return Err(self.damaged("it is empty: it was never opened".to_owned()));
            };
            let segments = self.segments_of(log)?;
            for segment in &segments {
                place::fetch(&self.layout, segment).map_err(|source| self.unreadable(segment, source))?;
            }
            let sealed = segments.last().map_or(0, |segment| segment.last + 1);
            let tail = log.entries(sealed.max(have), usize::MAX)?;
            Ok(Snapshot { size: head.edge.size(), root: head.edge.root(), checkpoint: head.checkpoint, segments, tail })
        })
    }

    /// How many entries are from before a moment, among the first `size`; at least the one that opened the log. Times never decrease
    /// along a log (`docs/LEDGER.md`), so they are a prefix.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn size_before(&self, end: Timestamp, size: u64) -> Result<u64, LogError> {
        at_one_moment(self.log(), |log| {
            let (mut earlier, mut later) = (1, size.max(1));
            while earlier < later {
                let middle = earlier.midpoint(later);
                let stored = log.entries(middle, 1)?.into_iter().next();
                let event = stored.and_then(|stored| Event::from_entry(&stored.entry).ok());
                let event = event.ok_or_else(|| self.damaged(format!("entry {middle} is missing or not an event")))?;
                if event.time < end { earlier = middle + 1 } else { later = middle }
            }
            Ok(earlier)
        })
    }

    /// Root over the first `size` entries, which must be there, computed from their leaves.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn root(&self, size: u64) -> Result<Digest, LogError> {
        let mut edge = Edge::new();
        self.log().leaves(0..size)?.into_iter().for_each(|leaf| edge.push(leaf));
        Ok(edge.root())
    }

    /// The newest checkpoint that was kept over the first `size` entries or over fewer; empty when there is none.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn checkpoint(&self, size: u64) -> Result<String, LogError> {
        let kept = self.log().checkpoints(0, usize::MAX)?.into_iter().rev();
        Ok(kept.into_iter().find(|(covered, _)| *covered <= size).map(|(_, note)| note).unwrap_or_default())
    }

    /// Segments in order.
    ///
    /// # Errors
    /// When the log cannot be read, or its segments do not line up.
    pub fn segments(&self) -> Result<Vec<SegmentRecord>, LogError> {
        self.segments_of(self.log())
    }

    /// The log itself, for streaming.
    #[must_use]
    pub fn log(&self) -> &dyn LogReader {
        self.log.as_ref()
    }

    fn segments_of(&self, log: &dyn LogReader) -> Result<Vec<SegmentRecord>, LogError> {
        segments(log).map_err(|error| match error {
            SegmentsError::Log(error) => error,
            SegmentsError::Misplaced(detail) => self.damaged(detail),
        })
    }

    fn unreadable(&self, segment: &SegmentRecord, source: std::io::Error) -> LogError {
        LogError::Unavailable { path: self.layout.below_ledger(&segment.path), doing: "read", source: Box::new(source) }
    }

    fn damaged(&self, detail: String) -> LogError {
        LogError::Damaged { path: self.layout.log(), detail }
    }
}

/// Why the list of segments cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SegmentsError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The records do not line up.
    #[error("{0}")]
    Misplaced(String),
}

/// The recorded segments, checked to follow one another from entry 0 without gap or overlap.
///
/// # Errors
/// When the log cannot be read, or they do not.
pub fn segments(log: &dyn LogReader) -> Result<Vec<SegmentRecord>, SegmentsError> {
    let mut segments: Vec<SegmentRecord> = Vec::new();
    for stored in log.entries_of(Kind::SegmentSealed)? {
        let bad = |detail: String| SegmentsError::Misplaced(format!("entry {} does not record a segment: {detail}", stored.seq));
        let event = Event::from_entry(&stored.entry).map_err(|error| bad(error.to_string()))?;
        let Body::SegmentSealed(segment) = event.body else { return Err(bad("it is of another kind".to_owned())) };
        let next = segments.last().map_or(0, |last| last.last + 1);
        let lines_up = segment.first == next && segment.last >= segment.first && segment.rows == segment.last - segment.first + 1;
        if !lines_up || !layout::is_segment_path(&segment.path, segment.first, segment.last) {
            return Err(bad(format!(
                "it claims entries {} to {} in `{}`, expected from {next}",
                segment.first, segment.last, segment.path
            )));
        }
        segments.push(segment);
    }
    Ok(segments)
}
