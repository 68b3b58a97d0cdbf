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
use privyseal_core::hidden::{self, Opening, Salt, Subject, hide_action, hide_body};
use privyseal_core::id::RequestId;
use privyseal_core::note::NodeKey;
use privyseal_core::refusal::{Refusal, RefusalCode};
use privyseal_core::state::State;
use privyseal_core::time::Timestamp;
use privyseal_ledger::chain::Tip;
use privyseal_ledger::log::{Log, StoredEntry};
use privyseal_ledger::private::{Found, Kept, PrivateStore, Target};
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_ledger::tiles::TileWriter;
use privyseal_policy::Policy;
use serde_json::Value;
use tokio::sync::{oneshot, watch};

use crate::assess::assess;
use crate::erase::{Erasure, subject_of};
use crate::error::EngineError;
use crate::handle::Ask;
use crate::open::{Options, system};
use crate::view::Disclosures;

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
    /// Erase hidden values, for this reason and under this approved request, if any.
    Erase(Target, String, Option<RequestId>),
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
    pub(crate) private: Box<dyn PrivateStore>,
    pub(crate) tip: Tip,
    pub(crate) state: State,
    pub(crate) tiles: TileWriter,
    pub(crate) day_count: (String, u64),
}

/// What readers share with the writer: the state as of the last commit.
pub(crate) type Committed = Arc<RwLock<State>>;

pub(crate) struct Writer {
    pub(crate) options: Options,
    key: NodeKey,
    pub(crate) log: SqliteLog,
    /// Openings of hidden values.
    pub(crate) private: Box<dyn PrivateStore>,
    /// The same, as readers see them.
    pub(crate) disclosures: Arc<Disclosures>,
    /// When to try again to finish an erasure; none while nothing is owed.
    pub(crate) erasure_due: Option<Timestamp>,
    tip: Tip,
    /// The state including what is decided but not yet committed. Equal to `committed` between batches.
    pub(crate) working: State,
    committed: Committed,
    policies: BTreeMap<Digest, Arc<Policy>>,
    tiles: TileWriter,
    published_at: Timestamp,
    published_size: u64,
    /// The UTC day of the last entry and how many entries it has.
    day_count: (String, u64),
    heartbeat_due: Timestamp,
    head: watch::Sender<u64>,
    pub(crate) stopped: Option<String>,
    _lock: File,
}

type Waiting = (oneshot::Sender<Result<Reply, EngineError>>, Result<Reply, EngineError>);

#[derive(Default)]
pub(crate) struct Pending {
    /// Openings of what the entries hide.
    pub(crate) kept: Vec<Kept>,
    pub(crate) erasures: Vec<Erasure>,
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
        disclosures: Arc<Disclosures>,
    ) -> Self {
        let policies = policy.into_iter().map(|policy| (policy.digest(), policy)).collect();
        Self {
            key: start.key,
            log: start.log,
            private: start.private,
            disclosures,
            erasure_due: Some(Timestamp::default()),
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
            let erasures = std::mem::take(&mut pending.erasures);
            // Whoever waits was told; the log line is written there.
            let _ = self.commit(pending);
            let now = self.options.clock.now();
            self.erase_all(erasures, now);
            if let Some(last) = last {
                self.publish(now);
                drop(self);
                let _ = last.send(Ok(Reply::Done));
                return;
            }
            if now.micros() - self.published_at.micros() >= PUBLISH_EVERY_US {
                self.publish(now);
            }
        }
        let now = self.options.clock.now();
        self.publish(now);
    }

    fn take(&mut self, message: Message, pending: &mut Pending) {
        // After the batch: what it hides must be in the store before anything of it can be erased.
        let message = match message {
            Message { intent: Intent::Erase(target, reason, change_request), actor, reply, .. } if self.stopped.is_none() => {
                pending.erasures.push(Erasure { target, reason, change_request, actor, reply });
                return;
            }
            message => message,
        };
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
        let mut secrets = Vec::new();
        let command = match &message.intent {
            Intent::Ask(ask) => {
                (assessed, secrets) = self.assess(ask, &message.actor, now, fresh, pending)?;
                &assessed
            }
            Intent::Command(command) => command,
            Intent::Close | Intent::Erase(..) => return Ok(Reply::Done),
            Intent::Publish(command, policy) => {
                self.policies.insert(policy.digest(), Arc::clone(policy));
                command
            }
        };
        let decision = decide(&self.working, command, &message.actor, now, fresh);
        self.record(decision, secrets, now, fresh, pending)
    }

    /// Gives every draft of a decision its place, or none of them. What is personal is hidden on the way; `secrets` are the openings of
    /// what the action of a new request hides already.
    pub(crate) fn record(
        &mut self,
        decision: Decision,
        mut secrets: Vec<Opening>,
        now: Timestamp,
        fresh: &mut Fresh,
        pending: &mut Pending,
    ) -> Result<Reply, EngineError> {
        let mut tip = self.tip.clone();
        let mut placed = Vec::with_capacity(decision.drafts.len());
        let mut kept = Vec::new();
        for mut draft in decision.drafts {
            let kind = draft.body.kind();
            let refuse = |error: String| EngineError::BadInput(format!("`{}` cannot be recorded: {error}", kind.name()));
            let event_id = fresh.event_id();
            let mut hiding = fresh.for_hiding(tip.edge.size());
            let author = subject_of(&self.working, &draft.actor);
            let mut openings = hide_body(&mut draft.body, &self.options.hide, author.as_ref(), &mut || hiding.salt())
                .map_err(|error| refuse(error.to_string()))?;
            if kind == Kind::RequestSubmitted {
                openings.append(&mut secrets);
            }
            kept.extend(openings.into_iter().map(|opening| Kept {
                event_id,
                opening,
                nonce: hiding.cipher_nonce(),
                new_key: hiding.key(),
            }));
            placed.push(tip.place(draft, event_id, now, &self.key).map_err(|error| refuse(error.to_string()))?);
        }
        self.tip = tip;
        pending.kept.append(&mut kept);
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
        if let Err(error) = self.record(decision, Vec::new(), now, &mut fresh, pending) {
            tracing::error!(engine.error = %error, "the engine could not record an act of its own");
        }
    }

    /// Policy sees the action as it was asked; what is recorded, digested and decided over has its secrets hidden.
    fn assess(
        &self,
        ask: &Ask,
        actor: &Actor,
        now: Timestamp,
        fresh: &Fresh,
        pending: &Pending,
    ) -> Result<(Command, Vec<Opening>), EngineError> {
        let no_policy = || Refusal::new(RefusalCode::NoPolicy, "no policy is in force: an administrator has to publish one first");
        let published = self.working.policy.as_ref().ok_or_else(no_policy)?;
        let policy = self.policies.get(&published.policy.digest).ok_or_else(no_policy)?;
        let assessed = assess(policy, published.policy.version, &self.working, ask, actor, now)?;
        let invalid = |error: String| Refusal::new(RefusalCode::Invalid, error);
        // The limits hold for what was asked, not for what is left of it.
        ask.action.digest().map_err(|error| invalid(error.to_string()))?;
        let subject = subject_of(&self.working, actor).unwrap_or_else(|| Subject::Principal(actor.id.clone()));
        let sensitive = policy.action(&ask.action.verb).map(|action| action.sensitive.as_slice()).unwrap_or_default();
        let mut hiding = fresh.for_hiding(u64::MAX);
        let earlier = self.asked_before(ask, actor);
        let mut salt = |pointer: &str| self.salt_of(earlier.as_ref(), pointer, pending).unwrap_or_else(|| hiding.salt());
        let mut action = ask.action.clone();
        let secrets =
            hide_action(&mut action, &self.options.hide, sensitive, &subject, &mut salt).map_err(|error| invalid(error.to_string()))?;
        let submit = Submit {
            action,
            deceptive: ask.action.deceptive(&ask.justification),
            hidden_repeats: self.hidden_repeats(&subject, &ask.justification, pending)?,
            justification: ask.justification.clone(),
            ticket: ask.ticket.clone(),
            on_behalf_of: ask.on_behalf_of.clone(),
            idempotency_key: ask.idempotency_key.clone(),
            previous_request: ask.previous_request,
            significant_change: ask.significant_change,
            authors: ask.authors.clone(),
            breakglass: ask.breakglass,
            assessed,
        };
        Ok((Command::Submit(Box::new(submit)), secrets))
    }

    /// The action of the request that an idempotency key names already, laid out as in its entry.
    fn asked_before(&self, ask: &Ask, actor: &Actor) -> Option<Value> {
        let key = Digest::of(ask.idempotency_key.as_ref()?.as_bytes());
        let request = self.working.requests.get(self.working.idempotency.get(&(actor.id.clone(), key))?)?;
        serde_json::to_value(&request.submitted.action).ok().map(|action| serde_json::json!({"body": action}))
    }

    /// The salt that hid a value of that action: with it the same value gives the same commitment, and the same action its digest.
    fn salt_of(&self, earlier: Option<&Value>, pointer: &str, pending: &Pending) -> Option<Salt> {
        let commitment = hidden::commitment(earlier?.pointer(pointer)?)?;
        if let Some(kept) = pending.kept.iter().find(|kept| kept.opening.commitment == commitment) {
            return Some(kept.opening.salt);
        }
        match self.private.find(&commitment) {
            Ok(Found::Clear(salt, _)) => Some(salt),
            // An erased value equals none: the key is then refused as used for another action.
            Ok(Found::Erased(_) | Found::Unknown) | Err(_) => None,
        }
    }

    /// How often this justification stands hidden in earlier requests of its author, those of this batch included.
    fn hidden_repeats(&self, subject: &Subject, justification: &str, pending: &Pending) -> Result<u64, EngineError> {
        const POINTER: &str = "/body/justification";
        if !self.options.hide.texts {
            return Ok(0);
        }
        let value = Value::String(justification.to_owned());
        let is_same = |kept: &&Kept| kept.opening.pointer == POINTER && kept.opening.subject == *subject && kept.opening.value == value;
        let waiting = u64::try_from(pending.kept.iter().filter(is_same).count()).unwrap_or(u64::MAX);
        let stored = self.private.count_same(subject, POINTER, &value).map_err(|error| EngineError::NotRecorded(chain(&error)))?;
        Ok(stored.saturating_add(waiting))
    }

    /// One transaction for the whole batch. Answers leave only after it.
    ///
    /// 1. Keep the openings of what the entries hide. A crash after it leaves openings to which no entry leads: encrypted, and erased
    ///    with their subject. The other order could leave an entry whose value is lost.
    /// 2. Append. A crash before or during it leaves nothing of the batch, and nobody was answered.
    /// 3. Publish to readers and answer. A crash after the append leaves the batch in the log; callers without an answer ask again,
    ///    and idempotency keys and states tell them what happened.
    pub(crate) fn commit(&mut self, pending: Pending) -> Result<(), String> {
        if !pending.entries.is_empty() {
            let batch = self.tip.batch(pending.entries, &self.key);
            let kept = self.private.keep(&pending.kept).map_err(|error| Box::new(error) as Box<dyn std::error::Error>);
            if let Err(error) = kept.and_then(|()| Ok(self.log.append(&batch)?)) {
                self.roll_back(error.as_ref(), &batch.edge);
                let reason = chain(error.as_ref());
                tracing::error!(ledger.error = %reason, "a batch was not recorded");
                for (reply, _) in pending.answers {
                    // A caller that has gone away needs no answer.
                    let _ = reply.send(Err(EngineError::NotRecorded(reason.clone())));
                }
                return Err(reason);
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
        Ok(())
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
    fn publish(&mut self, now: Timestamp) {
        self.published_at = now;
        if self.published_size == self.tiles.size() || self.stopped.is_some() {
            return;
        }
        let published = self.tiles.publish(&self.options.layout.tiles()).and_then(|()| match self.log.head() {
            Ok(Some(head)) => privyseal_ledger::publish_checkpoint(&self.options.layout, &head.checkpoint),
            _ => Err(std::io::Error::other("the log's head cannot be read")),
        });
        match published {
            Ok(()) => self.published_size = self.tiles.size(),
            Err(error) => tracing::error!(ledger.error = %error, "the head could not be published; it will be tried again"),
        }
    }
}
