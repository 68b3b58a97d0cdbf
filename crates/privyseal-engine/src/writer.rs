//! The one writer: a thread that takes commands in batches, decides them, records everything in one commit, and answers after it.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use privyseal_core::cause::chain;
use privyseal_core::command::{Command, Reply, Submit};
use privyseal_core::decide::{Decision, Fresh, decide};
use privyseal_core::digest::Digest;
use privyseal_core::event::source::{Feed, SourceCounted};
use privyseal_core::event::watch::Heartbeat;
use privyseal_core::event::{Actor, AuthMethod, Body, Channel, Event, Kind};
use privyseal_core::note::NodeKey;
use privyseal_core::refusal::{Refusal, RefusalCode};
use privyseal_core::state::State;
use privyseal_core::time::Timestamp;
use privyseal_ledger::chain::Tip;
use privyseal_ledger::log::{Log, StoredEntry};
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_ledger::tiles::TileWriter;
use privyseal_policy::Policy;
use tokio::sync::{oneshot, watch};

use crate::assess::assess;
use crate::error::EngineError;
use crate::handle::Ask;
use crate::open::{Options, system};
use crate::publish::Publisher;

/// Most commands decided in one commit: enough that the disk's sync is shared by many, few enough that nobody waits long for others.
const MAX_BATCH: usize = 1_024;
/// Shortest time between two published heads, in microseconds.
const PUBLISH_EVERY_US: i64 = 1_000_000;

/// What the writer is asked to do.
pub(crate) enum Intent {
    /// Ask for an action; policy is consulted on the writer's own state.
    Ask(Box<Ask>),
    /// Anything else.
    Command(Command),
    /// Put a compiled policy in force.
    Publish(Command, Arc<Policy>),
    /// Finish what is decided, publish the head, let go of the folder.
    Close,
}

/// One command on its way.
pub(crate) struct Message {
    pub(crate) intent: Intent,
    pub(crate) actor: Actor,
    /// When it reached us. A person's click counts from here, however long the queue is.
    pub(crate) received_at: Timestamp,
    pub(crate) seed: [u8; 32],
    pub(crate) reply: oneshot::Sender<Result<Reply, EngineError>>,
}

/// What a checked folder hands to the writer.
pub(crate) struct Start {
    pub(crate) lock: File,
    pub(crate) key: NodeKey,
    pub(crate) log: SqliteLog,
    pub(crate) tip: Tip,
    pub(crate) state: State,
    pub(crate) tiles: TileWriter,
    pub(crate) day_count: (String, u64),
}

/// What readers share with the writer: the state as of the last commit.
pub(crate) type Committed = Arc<RwLock<State>>;

pub(crate) struct Writer {
    options: Options,
    key: NodeKey,
    log: SqliteLog,
    tip: Tip,
    /// The state including what is decided but not yet committed. Equal to `committed` between batches.
    working: State,
    committed: Committed,
    policies: BTreeMap<Digest, Arc<Policy>>,
    tiles: TileWriter,
    published_at: Timestamp,
    published_size: u64,
    /// The UTC day of the last entry and how many entries it has.
    day_count: (String, u64),
    heartbeat_due: Timestamp,
    head: watch::Sender<u64>,
    /// Publishes heads when witnesses have to be asked first; without it the writer does so itself.
    publisher: Option<Publisher>,
    stopped: Option<String>,
    _lock: File,
}

type Waiting = (oneshot::Sender<Result<Reply, EngineError>>, Result<Reply, EngineError>);

#[derive(Default)]
struct Pending {
    entries: Vec<(StoredEntry, Kind)>,
    events: Vec<Event>,
    answers: Vec<Waiting>,
    last: Option<oneshot::Sender<Result<Reply, EngineError>>>,
}

impl Writer {
    pub(crate) fn new(
        options: Options,
        start: Start,
        committed: Committed,
        policy: Option<Arc<Policy>>,
        head: watch::Sender<u64>,
        publisher: Option<Publisher>,
    ) -> Self {
        let policies = policy.into_iter().map(|policy| (policy.digest(), policy)).collect();
        Self {
            key: start.key,
            log: start.log,
            tip: start.tip,
            working: start.state,
            committed,
            policies,
            tiles: start.tiles,
            published_at: Timestamp::default(),
            published_size: 0,
            day_count: start.day_count,
            heartbeat_due: Timestamp::default(),
            head,
            publisher,
            stopped: None,
            options,
            _lock: start.lock,
        }
    }

    /// Runs until every sender is gone; then publishes the head a last time.
    pub(crate) fn run(mut self, queue: &Receiver<Message>) {
        loop {
            let first = match queue.recv_timeout(Duration::from_millis(250)) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut pending = Pending::default();
            match first {
                Some(first) => {
                    self.take(first, &mut pending);
                    for message in queue.try_iter().take(MAX_BATCH - 1) {
                        self.take(message, &mut pending);
                    }
                }
                None => {
                    let now = self.options.clock.now();
                    self.keep_time(now, &mut pending);
                }
            }
            let last = pending.last.take();
            self.commit(pending);
            let now = self.options.clock.now();
            if let Some(last) = last {
                self.publish_last(now);
                drop(self);
                let _ = last.send(Ok(Reply::Done));
                return;
            }
            if now.micros() - self.published_at.micros() >= PUBLISH_EVERY_US {
                self.publish(now);
            }
        }
        let now = self.options.clock.now();
        self.publish_last(now);
    }

    fn take(&mut self, message: Message, pending: &mut Pending) {
        let answer = match &self.stopped {
            Some(reason) => Err(EngineError::Stopped(reason.clone())),
            None if matches!(message.intent, Intent::Close) => {
                pending.last = Some(message.reply);
                return;
            }
            None => {
                let now = message.received_at.max(self.working.last_time);
                self.keep_time(now, pending);
                let mut fresh = Fresh::new(now, message.seed);
                self.decide(&message, now, &mut fresh, pending)
            }
        };
        pending.answers.push((message.reply, answer));
    }

    fn decide(&mut self, message: &Message, now: Timestamp, fresh: &mut Fresh, pending: &mut Pending) -> Result<Reply, EngineError> {
        let assessed;
        let command = match &message.intent {
            Intent::Ask(ask) => {
                assessed = self.assess(ask, &message.actor, now)?;
                &assessed
            }
            Intent::Command(command) => command,
            Intent::Close => return Ok(Reply::Done),
            Intent::Publish(command, policy) => {
                self.policies.insert(policy.digest(), Arc::clone(policy));
                command
            }
        };
        let decision = decide(&self.working, command, &message.actor, now, fresh);
        self.record(decision, now, fresh, pending)
    }

    /// Gives every draft of a decision its place, or none of them.
    fn record(&mut self, decision: Decision, now: Timestamp, fresh: &mut Fresh, pending: &mut Pending) -> Result<Reply, EngineError> {
        let mut tip = self.tip.clone();
        let mut placed = Vec::with_capacity(decision.drafts.len());
        for draft in decision.drafts {
            let kind = draft.body.kind().name();
            let place = tip.place(draft, fresh.event_id(), now, &self.key);
            placed.push(place.map_err(|error| EngineError::BadInput(format!("`{kind}` cannot be recorded: {error}")))?);
        }
        self.tip = tip;
        for (event, stored) in placed {
            self.working.apply(&event);
            self.count_day(event.time);
            pending.entries.push((stored, event.kind()));
            pending.events.push(event);
        }
        Ok(decision.result?)
    }

    fn count_day(&mut self, time: Timestamp) {
        let day = time.date();
        if self.day_count.0 != day {
            self.day_count = (day, 0);
        }
        self.day_count.1 += 1;
    }

    /// What time itself brings before anything else happens at `now`: the count of a day that is over, expiries, heartbeats.
    fn keep_time(&mut self, now: Timestamp, pending: &mut Pending) {
        let now = now.max(self.working.last_time);
        if self.stopped.is_some() {
            return;
        }
        let today = now.date();
        if self.day_count.0 != today && self.day_count.1 > 0 {
            let (day, events) = self.day_count.clone();
            let counted = SourceCounted { source: self.options.node.clone(), feed: Feed::Node, day, events, covers: Vec::new() };
            self.note(Body::SourceCounted(counted), now, pending);
        }
        if self.working.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.by_system(&Command::Expire, now, pending);
        }
        if now >= self.heartbeat_due {
            let interval_seconds = self.options.heartbeat_seconds;
            let heartbeat = Heartbeat { node: self.options.node.clone(), interval_seconds, canaries: Vec::new() };
            self.note(Body::Heartbeat(heartbeat), now, pending);
            self.heartbeat_due = now.plus_seconds(i64::try_from(interval_seconds).unwrap_or(60));
        }
    }

    fn note(&mut self, body: Body, now: Timestamp, pending: &mut Pending) {
        self.by_system(&Command::Record(Box::new(body)), now, pending);
    }

    fn by_system(&mut self, command: &Command, now: Timestamp, pending: &mut Pending) {
        let (Some(actor), Ok(seed)) = (system(Channel::Engine, AuthMethod::Engine), self.options.entropy.seed()) else { return };
        let mut fresh = Fresh::new(now, seed);
        let decision = decide(&self.working, command, &actor, now, &mut fresh);
        if let Err(error) = self.record(decision, now, &mut fresh, pending) {
            tracing::error!(engine.error = %error, "the engine could not record an act of its own");
        }
    }

    fn assess(&self, ask: &Ask, actor: &Actor, now: Timestamp) -> Result<Command, EngineError> {
        let no_policy = || Refusal::new(RefusalCode::NoPolicy, "no policy is in force: an administrator has to publish one first");
        let published = self.working.policy.as_ref().ok_or_else(no_policy)?;
        let policy = self.policies.get(&published.policy.digest).ok_or_else(no_policy)?;
        let assessed = assess(policy, published.policy.version, &self.working, ask, actor, now)?;
        Ok(Command::Submit(Box::new(Submit {
            action: ask.action.clone(),
            justification: ask.justification.clone(),
            ticket: ask.ticket.clone(),
            on_behalf_of: ask.on_behalf_of.clone(),
            idempotency_key: ask.idempotency_key.clone(),
            previous_request: ask.previous_request,
            significant_change: ask.significant_change,
            authors: ask.authors.clone(),
            breakglass: ask.breakglass,
            assessed,
        })))
    }

    /// One transaction for the whole batch. Answers leave only after it.
    ///
    /// 1. Append. A crash before or during it leaves nothing of the batch, and nobody was answered.
    /// 2. Publish to readers and answer. A crash after the append leaves the batch in the log; callers without an answer ask again,
    ///    and idempotency keys and states tell them what happened.
    fn commit(&mut self, pending: Pending) {
        if !pending.entries.is_empty() {
            let batch = self.tip.batch(pending.entries, &self.key);
            if let Err(error) = self.log.append(&batch) {
                self.roll_back(&error, &batch.edge);
                let reason = chain(&error);
                tracing::error!(ledger.error = %reason, "a batch was not recorded");
                for (reply, _) in pending.answers {
                    // A caller that has gone away needs no answer.
                    let _ = reply.send(Err(EngineError::NotRecorded(reason.clone())));
                }
                return;
            }
            if let Ok(mut committed) = self.committed.write() {
                for event in &pending.events {
                    committed.apply(event);
                }
            }
            for (stored, _) in &batch.entries {
                self.tiles.push(stored.leaf);
            }
            self.head.send_replace(self.tip.edge.size());
        }
        for (reply, answer) in pending.answers {
            let _ = reply.send(answer);
        }
    }

    /// After a failed append: back to the last commit if the log stands there, otherwise stop, because nobody knows what the disk holds.
    fn roll_back(&mut self, error: &dyn std::error::Error, attempted: &privyseal_core::tree::Edge) {
        let stands = self.log.head();
        let Ok(committed) = self.committed.read() else {
            self.stopped = Some("a reader failed while it held the state".to_owned());
            return;
        };
        match stands {
            Ok(Some(head)) if head.edge.size() == committed.next_seq => {
                self.working = committed.clone();
                self.tip.edge = head.edge;
                self.tip.time = committed.last_time;
                let last = committed.next_seq.checked_sub(1).and_then(|last| self.log.entries(last, 1).ok());
                self.tip.prev = last.and_then(|entries| entries.first().map(|entry| entry.leaf));
                self.day_count = (committed.last_time.date(), self.day_count.1);
            }
            Ok(Some(head)) if head.edge == *attempted => {
                self.stopped = Some(format!("the disk reported a failure for a commit that it kept ({error})"));
            }
            _ => self.stopped = Some(format!("after a failed write the log cannot be read ({error})")),
        }
    }

    /// Publishes tiles, then the head that they prove. A crash between the two leaves more tiles than the head needs.
    ///
    /// Where witnesses are asked, the head is left to a thread of its own; what it brings back is kept in the log here.
    fn publish(&mut self, now: Timestamp) {
        self.keep_cosigned();
        self.published_at = now;
        if self.published_size == self.tiles.size() || self.stopped.is_some() {
            return;
        }
        let published = self.tiles.publish(&self.options.layout.tiles()).and_then(|()| match self.log.head() {
            Ok(Some(head)) => match &self.publisher {
                Some(publisher) => publisher.offer(&head.checkpoint),
                None => privyseal_ledger::publish_checkpoint(&self.options.layout, &head.checkpoint),
            },
            _ => Err(std::io::Error::other("the log's head cannot be read")),
        });
        match published {
            Ok(()) => self.published_size = self.tiles.size(),
            Err(error) => tracing::error!(ledger.error = %error, "the head could not be published; it will be tried again"),
        }
    }

    /// The last head of this writer: with witnesses, it waits for their answers, but not for long.
    fn publish_last(&mut self, now: Timestamp) {
        self.publish(now);
        if let Some(publisher) = &mut self.publisher {
            publisher.finish();
        }
        self.keep_cosigned();
    }

    /// At most one small commit a second, and none without new cosignatures. What fails to be kept is still in the published file.
    fn keep_cosigned(&mut self) {
        let cosigned = self.publisher.as_ref().map(Publisher::cosigned).unwrap_or_default();
        if self.stopped.is_some() {
            return;
        }
        for (size, note) in cosigned {
            if let Err(error) = self.log.keep_cosigned(size, &note) {
                tracing::error!(ledger.error = %chain(&error), "a cosigned head was published but not kept in the log");
            }
        }
    }
}
