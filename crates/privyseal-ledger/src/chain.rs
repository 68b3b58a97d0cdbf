//! From drafts to a batch: positions, times, chain links, leaves, signatures, and the signed head over all of it.

use privyseal_core::digest::Digest;
use privyseal_core::event::{self, Draft, Event, EventError, Kind};
use privyseal_core::id::EventId;
use privyseal_core::note::{Checkpoint, NodeKey};
use privyseal_core::time::Timestamp;
use privyseal_core::tree::Edge;

use crate::log::{Batch, StoredEntry};

/// The end of the log, ready to be continued. Cheap to clone: a batch is built on a copy and kept only when it was written.
#[derive(Clone, Debug)]
pub struct Tip {
    /// Origin of the log.
    pub origin: String,
    /// The tree's edge.
    pub edge: Edge,
    /// Leaf of the last entry.
    pub prev: Option<Digest>,
    /// Time of the last entry.
    pub time: Timestamp,
}

impl Tip {
    /// The tip of a log that has no entry yet.
    #[must_use]
    pub fn empty(origin: &str) -> Self {
        Self { origin: origin.to_owned(), edge: Edge::new(), prev: None, time: Timestamp::default() }
    }

    /// Gives a draft its place: position, time (never before the last entry's), chain link.
    ///
    /// # Errors
    /// When the event would be larger than an entry may be. The tip is unchanged then.
    pub fn place(&mut self, draft: Draft, id: EventId, now: Timestamp, key: &NodeKey) -> Result<(Event, StoredEntry), EventError> {
        let (event, mut stored) = self.place_unsigned(draft, id, now)?;
        sign_one(&mut stored, event.kind(), key);
        Ok((event, stored))
    }

    /// As [`Tip::place`], but the signature is left to [`sign`], which makes those of a whole batch together.
    ///
    /// # Errors
    /// As [`Tip::place`].
    pub fn place_unsigned(&mut self, draft: Draft, id: EventId, now: Timestamp) -> Result<(Event, StoredEntry), EventError> {
        let event = Event {
            seq: self.edge.size(),
            id,
            time: now.max(self.time),
            log: self.origin.clone(),
            prev: self.prev,
            actor: draft.actor,
            request_id: draft.request_id,
            body: draft.body,
        };
        let entry = event.to_entry()?;
        let leaf = event::leaf(&entry);
        self.edge.push(leaf);
        self.prev = Some(leaf);
        self.time = event.time;
        let seq = event.seq;
        Ok((event, StoredEntry { seq, entry, leaf, signature: None }))
    }

    /// The head of the log at this tip.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: self.origin.clone(), size: self.edge.size(), root: self.edge.root() }
    }

    /// Closes a batch: signs the head over everything up to this tip.
    #[must_use]
    pub fn batch(&self, entries: Vec<(StoredEntry, Kind)>, key: &NodeKey) -> Batch {
        let checkpoint = key.sign_note(&self.checkpoint().text());
        Batch { entries, edge: self.edge.clone(), checkpoint, time: self.time }
    }
}

/// Entries per thread below which another thread costs more than it saves: one signature takes about 15 microseconds, starting a thread
/// about twice that.
const ENTRIES_PER_THREAD: usize = 16;

/// Signs those of the entries whose kind is signed, on as many threads as there is work for. Signing waits for nothing and depends on no
/// order, so this is the one part of a batch that several cores can share.
pub fn sign(entries: &mut [(StoredEntry, Kind)], key: &NodeKey) {
    let sign_all = |part: &mut [(StoredEntry, Kind)]| part.iter_mut().for_each(|(stored, kind)| sign_one(stored, *kind, key));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = cores.min(entries.len() / ENTRIES_PER_THREAD).max(1);
    let share = entries.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let mut parts = entries.chunks_mut(share);
        let own = parts.next();
        for part in parts {
            scope.spawn(move || sign_all(part));
        }
        own.into_iter().for_each(sign_all);
    });
}

fn sign_one(stored: &mut StoredEntry, kind: Kind, key: &NodeKey) {
    stored.signature = kind.is_signed().then(|| (key.sign(&event::signed_message(&stored.leaf)), key.id()));
}
