//! Writing a log that others write too: taking a turn, folding what they wrote, and finding out what became of a commit in doubt.

use std::sync::Arc;
use std::time::Duration;

use privyseal_core::cause::chain;
use privyseal_core::event::ledger::SegmentSealed;
use privyseal_core::event::source::Feed;
use privyseal_core::event::{Body, Event};
use privyseal_core::state::State;
use privyseal_core::time::Timestamp;
use privyseal_ledger::log::{Batch, Head, LogError};
use privyseal_ledger::reader;

use crate::error::EngineError;
use crate::handle::load_policy;
use crate::writer::Writer;

/// Entries folded at a time.
const STEP: usize = 4_096;
/// How often, and after which pause each, the log is asked what became of a commit before its callers are told that nobody knows.
const ASK_AGAIN: usize = 100;
const PAUSE: Duration = Duration::from_millis(100);

impl Writer {
    /// Takes the right to append and folds everything that is in the log: what is decided next is decided on the newest state.
    pub(crate) fn turn(&mut self) -> Result<(), EngineError> {
        if let Some(reason) = &self.stopped {
            return Err(EngineError::Stopped(reason.clone()));
        }
        let caught_up = self.log.take_turn().map(|head| head.as_ref().map_or(Ok(()), |head| self.catch_up(head)));
        self.told(&caught_up);
        match caught_up {
            Ok(Ok(())) if !self.working.keys.get(&self.key.id()).is_some_and(|key| key.signs_heads() && key.signs_events()) => {
                let reason = format!("the key {} of this node has been ended by another", self.key.id());
                self.stopped = Some(reason.clone());
                self.log.end_turn();
                Err(EngineError::Stopped(reason))
            }
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                self.log.end_turn();
                Err(error)
            }
            Err(error) => Err(EngineError::NotRecorded(chain(&error))),
        }
    }

    /// Folds what others have written, so that readers of this node see it. Nothing to do for a log of one writer.
    pub(crate) fn follow(&mut self) {
        if !self.log.is_shared() || self.stopped.is_some() {
            return;
        }
        let caught_up = self.log.head().map(|head| head.as_ref().map_or(Ok(()), |head| self.catch_up(head)));
        self.told(&caught_up);
    }

    fn told<T>(&mut self, reached: &Result<T, LogError>) {
        let out_of_reach = reached.is_err();
        if let Err(error) = reached
            && !self.out_of_reach
        {
            tracing::error!(ledger.error = %chain(error), "the log is out of reach; it will be tried again");
        } else if self.out_of_reach && !out_of_reach {
            tracing::info!("the log is within reach again");
        }
        self.out_of_reach = out_of_reach;
    }

    /// Folds entries from the tip up to a head that the store told, checking each as at start. What cannot be is not followed: this
    /// writer stops, and says why.
    fn catch_up(&mut self, head: &Head) -> Result<(), EngineError> {
        let (here, there) = (self.tip.edge.size(), head.edge.size());
        let wrong = if there == here && head.edge == self.tip.edge {
            return Ok(());
        } else if there <= here {
            Some(format!("the log has {there} entries of another history, {here} were read from it before"))
        } else {
            match self.fold_up_to(head) {
                Ok(()) => None,
                Err(Unfolded::Unreadable(error)) => {
                    self.go_back();
                    return Err(EngineError::NotRecorded(chain(&error)));
                }
                Err(Unfolded::Wrong(wrong)) => Some(wrong),
            }
        };
        if let Some(wrong) = wrong {
            tracing::error!(ledger.error = %wrong, "the log cannot be followed");
            self.stopped = Some(wrong.clone());
            return Err(EngineError::Stopped(wrong));
        }
        Ok(())
    }

    fn fold_up_to(&mut self, head: &Head) -> Result<(), Unfolded> {
        let (mut events, mut leaves) = (Vec::new(), Vec::new());
        while self.tip.edge.size() < head.edge.size() {
            let at = self.tip.edge.size();
            let limit = usize::try_from(head.edge.size() - at).unwrap_or(STEP).min(STEP);
            let entries = self.log.entries(at, limit).map_err(Unfolded::Unreadable)?;
            if entries.is_empty() {
                return Err(Unfolded::Wrong(format!("entry {at} is missing")));
            }
            for stored in entries {
                let seq = self.tip.edge.size();
                let event = Event::from_entry(&stored.entry).map_err(|error| Unfolded::Wrong(format!("entry {seq}: {error}")))?;
                let leaf = privyseal_core::event::leaf(&stored.entry);
                let follows = event.seq == seq && stored.seq == seq && event.prev == self.tip.prev && leaf == stored.leaf;
                if !follows || event.log != self.tip.origin || event.time < self.tip.time {
                    return Err(Unfolded::Wrong(format!("the position, time, chain link or leaf of entry {seq} is wrong")));
                }
                self.tip.edge.push(leaf);
                self.tip.prev = Some(leaf);
                self.tip.time = event.time;
                events.push(event);
                leaves.push(leaf);
            }
        }
        let size = self.tip.edge.size();
        let mut known = State::default();
        known.keys = self.working.keys.clone();
        events.iter().filter(|event| event.kind().name().starts_with("key.")).for_each(|event| known.apply(event));
        if head.edge != self.tip.edge || !known.keys.signed(&head.checkpoint, &self.tip.checkpoint()) {
            return Err(Unfolded::Wrong(format!(
                "the head over {size} entries does not match them, or is not signed by a key of this log"
            )));
        }
        // From here on nothing fails: state, tree and tiles move on together.
        self.committed_tip = self.tip.clone();
        for event in &events {
            self.notice(event);
            self.count_day(event.time);
            self.working.apply(event);
        }
        self.committed_day_count.clone_from(&self.day_count);
        if let Ok(mut committed) = self.committed.write() {
            events.iter().for_each(|event| committed.apply(event));
        }
        self.head.send_replace(size);
        let wants_state = self.publisher.wants_state(size);
        self.pass_on(leaves, head.checkpoint.clone(), wants_state);
        Ok(())
    }

    /// What others do that concerns more than the state: a policy that has to be compiled here too, a day that is counted.
    fn notice(&mut self, event: &Event) {
        match &event.body {
            Body::PolicyPublished(published) => match load_policy(&self.options.layout, &published.files) {
                Ok(policy) => {
                    self.policies.insert(published.policy.digest, Arc::new(policy));
                }
                // Requests are refused until it is there: no policy, no permission.
                Err(error) => tracing::error!(policy.error = %chain(&error), "a policy that another node published cannot be loaded"),
            },
            Body::SourceCounted(counted)
                if counted.feed == Feed::Node
                    && counted.source != self.options.node
                    && counted.day == self.day_count.0
                    && self.day_count.1 > 0 =>
            {
                self.counted_by_another = Some(counted.day.clone());
            }
            _ => {}
        }
    }

    /// After a commit whose end nobody saw: takes turns until the log answers, and looks whether the batch is there. Waiting here stops
    /// this node's other commands too, which is right: they could not be decided before the log is known again.
    pub(crate) fn resolve(&mut self, batch: &Batch, in_doubt: LogError) -> Result<(), LogError> {
        let Some((last, _)) = batch.entries.last() else { return Ok(()) };
        for _ in 0..ASK_AGAIN {
            // A turn, not a look: PostgreSQL may still be working on the commit, and then holds the turn itself.
            let found = self.log.take_turn().and_then(|_| self.log.entries(last.seq, 1));
            self.log.end_turn();
            match found {
                // One leaf covers all entries before it, by the chain.
                Ok(entries) if entries.first().is_some_and(|found| found == last) => return Ok(()),
                Ok(_) => {
                    return Err(LogError::Unavailable {
                        path: self.options.layout.root().to_owned(),
                        doing: "written",
                        source: Box::new(in_doubt),
                    });
                }
                Err(LogError::Unavailable { .. }) => std::thread::park_timeout(PAUSE),
                Err(_) => break,
            }
        }
        Err(in_doubt)
    }

    /// Forgets what was decided and not recorded.
    pub(crate) fn go_back(&mut self) {
        let Ok(committed) = self.committed.read() else {
            self.stopped = Some("a reader failed while it held the state".to_owned());
            return;
        };
        self.working = committed.clone();
        self.tip = self.committed_tip.clone();
        self.day_count.clone_from(&self.committed_day_count);
    }

    /// Two processes may seal or merge at once. They make the same file, and one of them records it.
    pub(crate) fn check_seal(&self, segment: &SegmentSealed) -> Result<(), EngineError> {
        let recorded = reader::recorded(self.log.as_ref()).map_err(|error| EngineError::NotRecorded(chain(&error)))?;
        let added = recorded.clone().add(segment.clone(), u64::MAX, Timestamp::default());
        let what = if segment.replaces.is_some() { "merged" } else { "sealed" };
        added.map_err(|_| {
            EngineError::BadInput(format!(
                "entries {} to {} cannot be {what} now, entries up to {} are sealed: another process did it",
                segment.first,
                segment.last,
                recorded.next()
            ))
        })
    }
}

enum Unfolded {
    /// The store did not answer.
    Unreadable(LogError),
    /// It answered with something that cannot be.
    Wrong(String),
}
