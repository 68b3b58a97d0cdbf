//! What the log holds of one request: its events, and the place of its first one.

use privyseal_core::digest::Digest;
use privyseal_core::event::Event;
use privyseal_core::id::RequestId;
use privyseal_core::note::{Checkpoint, Note};
use privyseal_core::time::Timestamp;

use crate::app::App;
use crate::beginning::beginning;
use crate::log;
use crate::problem::Problem;

/// The record.
pub(super) struct Record {
    /// Everything that concerns the request, oldest first.
    pub(super) events: Vec<Event>,
    /// Position of the first entry, its leaf, and a signed head over it.
    pub(super) seq: u64,
    pub(super) leaf: Digest,
    pub(super) head: Head,
    /// The log's first key.
    pub(super) key: String,
}

/// A signed head.
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) root: Digest,
    pub(super) signed_at: Timestamp,
    /// Names and ids of the keys that signed it.
    pub(super) keys: Vec<String>,
}

pub(super) async fn load(app: &App, id: RequestId) -> Result<Record, Problem> {
    let checkpoint = app.engine().layout().checkpoint();
    let found = log::read(app, move |log| {
        let stored = log.entries_of_request(&id)?;
        let Some(first) = stored.first().map(|first| (first.seq, first.leaf)) else { return Ok(None) };
        // The published head is the one that others can see; until it covers the entry, the one that was committed with it serves.
        let published = std::fs::read_to_string(checkpoint).ok().filter(|note| size_of(note).is_some_and(|size| first.0 < size));
        let note = match published {
            Some(note) => note,
            None => log.head()?.map(|head| head.checkpoint).unwrap_or_default(),
        };
        let last = match size_of(&note).and_then(|size| size.checked_sub(1)) {
            Some(last) => log.entries(last, 1)?.into_iter().next(),
            None => None,
        };
        let signed_at = last.and_then(|last| Event::from_entry(&last.entry).ok()).map(|event| event.time);
        Ok(Some((log::events(stored), first, note, signed_at)))
    })
    .await?;
    let head_of = |note: &str, signed_at| {
        let parsed = Note::parse(note).ok()?;
        let checkpoint = Checkpoint::from_text(&parsed.text).ok()?;
        Some(Head { size: checkpoint.size, root: checkpoint.root, signed_at, keys: signers(note) })
    };
    let unreadable = || log::unavailable(&"its signed head cannot be read");
    let (events, (seq, leaf), note, signed_at) = found.ok_or_else(|| Problem::not_found("request"))?;
    let head = head_of(&note, signed_at.ok_or_else(unreadable)?).ok_or_else(unreadable)?;
    Ok(Record { events, seq, leaf, head, key: beginning(app).await?.key })
}

fn size_of(note: &str) -> Option<u64> {
    Note::parse(note).and_then(|parsed| Checkpoint::from_text(&parsed.text)).ok().map(|checkpoint| checkpoint.size)
}

/// The names on a note's signature lines.
fn signers(note: &str) -> Vec<String> {
    note.lines().filter_map(|line| line.strip_prefix("\u{2014} ")).filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}
