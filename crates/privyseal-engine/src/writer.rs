//! The one writer: a thread that takes commands in batches, decides them, records everything in one commit, and answers after it.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use privyseal_core::assessment::Advice;
use privyseal_core::cause::chain;
use privyseal_core::command::{Command, KeyCommand, Named, Reply, Submit};
use privyseal_core::decide::{Decision, Fresh, decide};
use privyseal_core::digest::Digest;
use privyseal_core::event::source::{Feed, SourceCounted};
use privyseal_core::event::watch::{AlertRaised, Heartbeat};
use privyseal_core::event::{Actor, AuthMethod, Body, Channel, Event, Kind};
use privyseal_core::hidden::{self, Opening, Salt, Subject, hide_action, hide_body};
use privyseal_core::id::RequestId;
use privyseal_core::note::NodeKey;
use privyseal_core::port::ClockJump;
use privyseal_core::refusal::{Refusal, RefusalCode};
use privyseal_core::request::Request;
use privyseal_core::state::State;
use privyseal_core::time::Timestamp;
use privyseal_ledger::chain::Tip;
use privyseal_ledger::keys;
use privyseal_ledger::log::{Batch, Log, LogError, StoredEntry};
use privyseal_ledger::private::{Found, Kept, PrivateStore, Target};
use privyseal_policy::Policy;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use crate::assess::assess;
use crate::erase::{Erasure, subject_of, subject_of_party};
use crate::error::EngineError;
use crate::handle::{Ask, Turn};
use crate::narrow::Less;
use crate::open::{Folded, Options, system};
use crate::publish::{self, Asking, Begun, Publisher, Seed};
use crate::recall::Recalled;
use crate::view::Disclosures;

/// Most commands decided in one commit: enough that the disk's sync is shared by many, few enough that nobody waits long for others.
const MAX_BATCH: usize = 1_024;
/// How often an idle writer looks whether time brings something.
const KEEP_TIME_EVERY: Duration = Duration::from_millis(250);
/// How often an idle writer of a shared log looks whether others have written, so that readers here see it soon.
const FOLLOW_EVERY: Duration = Duration::from_millis(50);

/// What the writer is asked to do.
pub(crate) enum Intent {
    /// Ask for an action; policy is consulted on the writer's own state.
    Ask(Box<Ask>, Option<Advice>),
    /// Put a narrower request in the place of a pending one.
    Narrow(Box<Less>),
    /// Anything else.
    Command(Command),
    /// Put a compiled policy in force.
    Publish(Command, Arc<Policy>),
    /// Erase hidden values, for this reason and under this approved request, if any.
    Erase(Target, String, Option<RequestId>),
    /// Put another key, staged on disk, in the place of the node's.
    Rotate(Command, Arc<NodeKey>),
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
    /// Its place in the queue, which is free again when this is gone.
    pub(crate) _turn: Option<Turn>,
}

/// What a checked folder hands to the writer.
pub(crate) struct Start {
    pub(crate) lock: File,
    pub(crate) key: Arc<NodeKey>,
    pub(crate) log: Box<dyn Log>,
    pub(crate) private: Box<dyn PrivateStore>,
    pub(crate) folded: Folded,
}

/// What readers share with the writer: the state as of the last commit.
pub(crate) type Committed = Arc<RwLock<State>>;

/// The key that signs now, for whoever makes tokens beside the writer.
pub(crate) type Signer = Arc<RwLock<Arc<NodeKey>>>;

/// What readers see of the writer's work.
pub(crate) struct Seen {
    pub(crate) committed: Committed,
    pub(crate) head: watch::Sender<u64>,
    pub(crate) disclosures: Arc<Disclosures>,
    pub(crate) signer: Signer,
}

pub(crate) struct Writer {
    pub(crate) options: Options,
    pub(crate) key: Arc<NodeKey>,
    signer: Signer,
    /// The key that is being replaced, until the batch that says so is on disk.
    outgoing: Option<Arc<NodeKey>>,
    pub(crate) log: Box<dyn Log>,
    /// Openings of hidden values.
    pub(crate) private: Box<dyn PrivateStore>,
    /// The same, as readers see them.
    pub(crate) disclosures: Arc<Disclosures>,
    /// When to try again to finish an erasure; none while nothing is owed.
    pub(crate) erasure_due: Option<Timestamp>,
    pub(crate) tip: Tip,
    /// The tip as of the last commit, which `tip` goes back to when a batch was not recorded.
    pub(crate) committed_tip: Tip,
    /// The state including what is decided but not yet committed. Equal to `committed` between batches.
    pub(crate) working: State,
    pub(crate) committed: Committed,
    pub(crate) policies: BTreeMap<Digest, Arc<Policy>>,
    pub(crate) publisher: Publisher,
    recalled: Recalled,
    /// The UTC day of the last entry and how many entries it has.
    pub(crate) day_count: (String, u64),
    /// The same as of the last commit.
    pub(crate) committed_day_count: (String, u64),
    /// A day that another node has counted to its end. What this node adds to that count is nothing, and it says so.
    pub(crate) counted_by_another: Option<String>,
    heartbeat_due: Timestamp,
    pub(crate) head: watch::Sender<u64>,
    pub(crate) stopped: Option<String>,
    /// Whether the store was out of reach when it was last asked, so that this is told once.
    pub(crate) out_of_reach: bool,
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
    /// How many of the entries, from the first on, the outgoing key signs.
    signed_by_outgoing: usize,
    answers: Vec<Waiting>,
    last: Option<oneshot::Sender<Result<Reply, EngineError>>>,
}

impl Writer {
    /// A writer for a checked folder, with its publisher running.
    ///
    /// # Errors
    /// When there is no thread for the publisher.
    pub(crate) fn new(
        options: Options,
        start: Start,
        Seen { committed, head, disclosures, signer }: Seen,
        policy: Option<Arc<Policy>>,
        asking: Option<Asking>,
    ) -> std::io::Result<Self> {
        let policies = policy.into_iter().map(|policy| (policy.digest(), policy)).collect();
        let Folded { state, tip, tiles, day_count, checkpoint, snapshot_size } = start.folded;
        let (layout, clock) = (options.layout.clone(), Arc::clone(&options.clock));
        // Without a keeper the log's own connection checkpoints, as SQLite does by itself: slower now and then, never wrong.
        let wal = start.log.wal_keeper();
        let wal = wal.inspect_err(|error| tracing::warn!(ledger.error = %error, "the log checkpoints itself")).unwrap_or_default();
        let publisher = Publisher::start(layout, clock, Begun { tiles, checkpoint, snapshot_size }, wal, asking)?;
        Ok(Self {
            key: start.key,
            signer,
            outgoing: None,
            log: start.log,
            private: start.private,
            disclosures,
            erasure_due: Some(Timestamp::default()),
            committed_tip: tip.clone(),
            tip,
            working: state,
            committed,
            policies,
            publisher,
            committed_day_count: day_count.clone(),
            recalled: Recalled::default(),
            day_count,
            counted_by_another: None,
            heartbeat_due: Timestamp::default(),
            head,
            stopped: None,
            out_of_reach: false,
            options,
            _lock: start.lock,
        })
    }

    /// Runs until every sender is gone; then publishes the head a last time.
    pub(crate) fn run(mut self, queue: &Receiver<Message>) {
        loop {
            let patience = if self.log.is_shared() { FOLLOW_EVERY } else { KEEP_TIME_EVERY };
            let first = match queue.recv_timeout(patience) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut pending = Pending::default();
            match first {
                Some(first) => {
                    let turn = self.turn();
                    // Only now, so that whatever arrived while others had their turn shares this one.
                    for message in std::iter::once(first).chain(queue.try_iter().take(MAX_BATCH - 1)) {
                        match &turn {
                            Ok(()) => self.take(message, &mut pending),
                            Err(reason) => refuse(message, reason, &mut pending),
                        }
                    }
                }
                None => {
                    self.follow();
                    let now = self.options.clock.now();
                    if self.is_due(now) && self.turn().is_ok() {
                        self.keep_time(now, &mut pending);
                    }
                }
            }
            let last = pending.last.take();
            let erasures = std::mem::take(&mut pending.erasures);
            // Whoever waits was told; the log line is written there.
            let _ = self.commit(pending);
            let now = self.options.clock.now();
            self.erase_all(erasures, now);
            self.keep_cosigned();
            if let Some(last) = last {
                self.close();
                let _ = last.send(Ok(Reply::Done));
                return;
            }
        }
        self.close();
    }

    /// A last snapshot, so that the next start has nothing to fold, and the last publication. Then the folder is let go of.
    fn close(mut self) {
        self.follow();
        if self.stopped.is_none() && self.publisher.snapshot_size() < self.tip.edge.size() {
            match self.log.head() {
                Ok(Some(head)) if head.edge == self.tip.edge => self.pass_on(Vec::new(), head.checkpoint, true),
                // Another process of a shared log has gone on since; its publisher does the rest.
                Ok(_) => {}
                Err(error) => tracing::warn!(ledger.error = %chain(&error), "no snapshot of the state: the log's head cannot be read"),
            }
        }
        self.publisher.close();
        self.keep_cosigned();
    }

    /// At most one small commit a second, outside of any turn, and none without new cosignatures. What fails to be kept is still in the
    /// published file.
    fn keep_cosigned(&mut self) {
        let cosigned = self.publisher.cosigned();
        if self.stopped.is_some() {
            return;
        }
        for (size, note) in cosigned {
            if let Err(error) = self.log.keep_cosigned(size, &note) {
                tracing::error!(ledger.error = %chain(&error), "a cosigned head was published but not kept in the log");
            }
        }
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
            Intent::Ask(ask, advice) => {
                let earlier = self.asked_before(ask, &message.actor)?;
                (assessed, secrets) = self.assess(ask, earlier.as_ref(), &message.actor, now, fresh, pending, advice.as_ref())?;
                &assessed
            }
            Intent::Narrow(less) => {
                assessed = self.narrow(less, now, fresh, pending)?;
                &assessed
            }
            Intent::Command(command) => command,
            Intent::Close | Intent::Erase(..) => return Ok(Reply::Done),
            Intent::Publish(command, policy) => {
                self.policies.insert(policy.digest(), Arc::clone(policy));
                command
            }
            Intent::Rotate(command, next) => return self.rotate(command, next, &message.actor, now, fresh, pending),
        };
        if let Command::Keys(KeyCommand::Retire { key, .. } | KeyCommand::Revoke { key, .. }) = command
            && *key == self.key.id()
        {
            // What follows in this commit, and the head over it, would be signed by a key that has ended: no node could follow the log.
            return Err(EngineError::BadInput(format!(
                "key {key} is the one that this node signs with: `privyseal keys rotate` puts a new one in its place, or another node ends it"
            )));
        }
        if let Command::Record(body) = command
            && let Body::SegmentSealed(segment) = body.as_ref()
        {
            self.check_seal(segment)?;
        }
        let recalled = self.recall(command.names())?;
        let decision = self.working.with_recalled(recalled, |state| decide(state, command, &message.actor, now, fresh));
        self.record(decision, secrets, now, fresh, pending)
    }

    /// The old key signs the enrolment of the new one, the new one signs the end of the old one and whatever follows, and both sign the
    /// head of the commit.
    fn rotate(
        &mut self,
        command: &Command,
        next: &Arc<NodeKey>,
        actor: &Actor,
        now: Timestamp,
        fresh: &mut Fresh,
        pending: &mut Pending,
    ) -> Result<Reply, EngineError> {
        if self.outgoing.is_some() {
            return Err(EngineError::BadInput("the key is being rotated already".to_owned()));
        }
        let decision = decide(&self.working, command, actor, now, fresh);
        let reply = self.record(decision, Vec::new(), now, fresh, pending)?;
        pending.signed_by_outgoing = pending.entries.len().saturating_sub(1);
        self.outgoing = Some(std::mem::replace(&mut self.key, Arc::clone(next)));
        Ok(reply)
    }

    /// The request that is named, from the log when it has left the state, so that the answer is the one that it always was.
    pub(crate) fn recall(&mut self, named: Option<Named>) -> Result<Option<Arc<Request>>, EngineError> {
        match named.filter(|named| self.working.named(*named).is_none()) {
            Some(named) => self.recalled.recall(self.log.as_ref(), named).map_err(EngineError::unreadable),
            None => Ok(None),
        }
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
            let author = match &draft.body {
                // A reviewer put it there, and what it says is still about whoever asks.
                Body::RequestSubmitted(submitted) if submitted.narrowed_by.is_some() => subject_of_party(&submitted.requester),
                _ => subject_of(&self.working, &draft.actor),
            };
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
            placed.push(tip.place_unsigned(draft, event_id, now).map_err(|error| refuse(error.to_string()))?);
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

    pub(crate) fn count_day(&mut self, time: Timestamp) {
        let day = time.date();
        if self.day_count.0 != day {
            self.day_count = (day, 0);
        }
        self.day_count.1 += 1;
    }

    /// Whether time itself brings something at `now`, so that a turn is worth taking.
    fn is_due(&self, now: Timestamp) -> bool {
        let now = now.max(self.working.last_time);
        self.counted_by_another.is_some()
            || (self.day_count.0 != now.date() && self.day_count.1 > 0)
            || self.working.next_deadline().is_some_and(|deadline| deadline <= now)
            || now >= self.heartbeat_due
    }

    /// What time itself brings before anything else happens at `now`: the count of a day that is over, expiries, heartbeats.
    fn keep_time(&mut self, now: Timestamp, pending: &mut Pending) {
        let now = now.max(self.working.last_time);
        if self.stopped.is_some() {
            return;
        }
        if let Some(day) = self.counted_by_another.take() {
            let counted = SourceCounted { source: self.options.node.clone(), feed: Feed::Node, day, events: 0, covers: Vec::new() };
            self.note(Body::SourceCounted(counted), now, pending);
        }
        let today = now.date();
        if self.day_count.0 != today && self.day_count.1 > 0 {
            let (day, events) = self.day_count.clone();
            let counted = SourceCounted { source: self.options.node.clone(), feed: Feed::Node, day, events, covers: Vec::new() };
            self.note(Body::SourceCounted(counted), now, pending);
        }
        if let Some(jump) = self.options.clock.take_jump() {
            self.note(Body::AlertRaised(jumped(&self.options.node, jump)), now, pending);
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

    /// The policy in force, compiled, and its version.
    pub(crate) fn in_force(&self) -> Result<(u64, &Arc<Policy>), EngineError> {
        let no_policy = || Refusal::new(RefusalCode::NoPolicy, "no policy is in force: an administrator has to publish one first");
        let published = self.working.policy.as_ref().ok_or_else(no_policy)?;
        let policy = self.policies.get(&published.policy.digest).ok_or_else(no_policy)?;
        Ok((published.policy.version, policy))
    }

    /// Policy sees the action as it was asked; what is recorded, digested and decided over has its secrets hidden.
    #[expect(clippy::too_many_arguments, reason = "everything that an assessment depends on, each of another kind")]
    pub(crate) fn assess(
        &self,
        ask: &Ask,
        earlier: Option<&Value>,
        actor: &Actor,
        now: Timestamp,
        fresh: &Fresh,
        pending: &Pending,
        advice: Option<&Advice>,
    ) -> Result<(Command, Vec<Opening>), EngineError> {
        let (version, policy) = self.in_force()?;
        let assessed = assess(policy, version, &self.working, ask, actor, now, advice)?;
        let invalid = |error: String| Refusal::new(RefusalCode::Invalid, error);
        // The limits hold for what was asked, not for what is left of it.
        ask.action.digest().map_err(|error| invalid(error.to_string()))?;
        let subject = subject_of(&self.working, actor).unwrap_or_else(|| Subject::Principal(actor.id.clone()));
        let sensitive = policy.action(&ask.action.verb).map(|action| action.sensitive.as_slice()).unwrap_or_default();
        let mut hiding = fresh.for_hiding(u64::MAX);
        let mut salt = |pointer: &str| self.salt_of(earlier, pointer, pending).unwrap_or_else(|| hiding.salt());
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
            executor: ask.executor.clone(),
            audience: ask.audience.clone(),
            batch: ask.batch.clone(),
            idempotency_key: ask.idempotency_key.clone(),
            previous_request: ask.previous_request,
            significant_change: ask.significant_change,
            authors: ask.authors.clone(),
            breakglass: ask.breakglass,
            assessed,
        };
        Ok((Command::Submit(Box::new(submit)), secrets))
    }

    /// The action of the request that an idempotency key names already, laid out as in its entry. The key outlives its request in the
    /// state, so the log is asked when it has left.
    fn asked_before(&mut self, ask: &Ask, actor: &Actor) -> Result<Option<Value>, EngineError> {
        let Some(key) = &ask.idempotency_key else { return Ok(None) };
        let used = self.working.idempotency.get(&(actor.id.clone(), Digest::of(key.as_bytes())));
        let Some(id) = used.map(|used| used.request) else { return Ok(None) };
        let recalled = self.recall(Some(Named::Request(id)))?;
        let request = recalled.as_deref().or_else(|| self.working.request(&id));
        Ok(request.and_then(|request| serde_json::to_value(&request.submitted.action).ok()).map(|action| json!({"body": action})))
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
    pub(crate) fn commit(&mut self, mut pending: Pending) -> Result<(), String> {
        let mut passed_on = None;
        if !pending.entries.is_empty() {
            let (earlier, later) = pending.entries.split_at_mut(pending.signed_by_outgoing);
            privyseal_ledger::chain::sign(earlier, self.outgoing.as_ref().unwrap_or(&self.key));
            privyseal_ledger::chain::sign(later, &self.key);
            let mut batch = self.tip.batch(pending.entries, &self.key);
            if let Some(outgoing) = &self.outgoing {
                // Whoever trusts the old key follows to the new one by the head that carries both.
                batch.checkpoint.push_str(&outgoing.note_line(&self.tip.checkpoint().text()));
            }
            if let Err(answer) = self.keep_and_append(&pending.kept, &batch) {
                let reason = match &answer {
                    EngineError::InDoubt(reason) | EngineError::NotRecorded(reason) => reason.clone(),
                    other => other.to_string(),
                };
                tracing::error!(ledger.error = %reason, "a batch was not recorded");
                self.roll_back(&answer, &batch.edge);
                for (reply, _) in pending.answers {
                    // A caller that has gone away needs no answer.
                    let _ = reply.send(Err(answer.clone()));
                }
                return Err(reason);
            }
            self.committed_tip = self.tip.clone();
            self.committed_day_count.clone_from(&self.day_count);
            if let Ok(mut committed) = self.committed.write() {
                for event in &pending.events {
                    committed.apply(event);
                }
            }
            self.head.send_replace(self.tip.edge.size());
            *self.signer.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::clone(&self.key);
            if self.outgoing.take().is_some()
                && let Err(error) = keys::promote(&self.options.layout)
            {
                // The log has the new key, and the next start puts it in place; until then this process goes on with it.
                tracing::error!(key.error = %chain(&error), "the new signing key could not be put in the place of the old one");
            }
            let leaves = batch.entries.iter().map(|(stored, _)| stored.leaf).collect();
            passed_on = Some((leaves, batch.checkpoint));
        } else {
            self.log.end_turn();
        }
        for (reply, answer) in pending.answers {
            let _ = reply.send(answer);
        }
        // After the answers, because a snapshot's copy of the state takes a moment.
        if let Some((leaves, checkpoint)) = passed_on {
            let wants_state = self.publisher.wants_state(self.tip.edge.size());
            self.pass_on(leaves, checkpoint, wants_state);
        }
        Ok(())
    }

    /// Steps 1 and 2 of a commit.
    fn keep_and_append(&mut self, kept: &[Kept], batch: &Batch) -> Result<(), EngineError> {
        if let Err(error) = self.private.keep(kept) {
            self.log.end_turn();
            return Err(EngineError::NotRecorded(chain(&error)));
        }
        let mut appended = self.log.append(batch);
        if let Err(error @ LogError::InDoubt { .. }) = appended {
            appended = self.resolve(batch, error);
        }
        appended.map_err(|error| match error {
            LogError::InDoubt { .. } => EngineError::InDoubt(chain(&error)),
            _ => EngineError::NotRecorded(chain(&error)),
        })
    }

    /// Tells the publisher what was committed.
    pub(crate) fn pass_on(&mut self, leaves: Vec<Digest>, checkpoint: String, with_state: bool) {
        let state = self.tip.prev.filter(|_| with_state).map(|prev| {
            let (state, edge, day) = (self.working.clone(), self.tip.edge.clone(), self.day_count.clone());
            Box::new(Seed { state, edge, prev, day, key: Arc::clone(&self.key) })
        });
        self.publisher.committed(publish::Committed { leaves, checkpoint, state });
    }

    /// After a rotation that was not recorded.
    fn forget_staged_key(&self) {
        if let Err(error) = keys::discard(&self.options.layout) {
            tracing::error!(key.error = %chain(&error), "a signing key that was never used could not be removed");
        }
    }

    /// After a failed append: back to the last commit if the log stands there, otherwise stop, because nobody knows what the disk holds.
    fn roll_back(&mut self, error: &EngineError, attempted: &privyseal_core::tree::Edge) {
        let rotating = self.outgoing.take().map(|old| self.key = old).is_some();
        if self.log.is_shared() {
            // The next turn reads the head before anything is decided, and folds what is there, be it ours.
            self.go_back();
            match error {
                EngineError::InDoubt(_) if rotating => {
                    self.stopped = Some("nobody knows yet which signing key the log has: a restart settles it".to_owned());
                }
                _ if rotating => self.forget_staged_key(),
                _ => {}
            }
            return;
        }
        let stands = self.log.head();
        let Ok(committed) = self.committed.read() else {
            self.stopped = Some("a reader failed while it held the state".to_owned());
            return;
        };
        match stands {
            Ok(Some(head)) if head.edge.size() == committed.next_seq => {
                drop(committed);
                self.go_back();
                if rotating {
                    self.forget_staged_key();
                }
            }
            Ok(Some(head)) if head.edge == *attempted => {
                self.stopped = Some(format!("the disk reported a failure for a commit that it kept ({error})"));
            }
            _ => self.stopped = Some(format!("after a failed write the log cannot be read ({error})")),
        }
    }
}

/// The alert about a clock that was set.
fn jumped(node: &str, jump: ClockJump) -> AlertRaised {
    let seconds = jump.by_us.unsigned_abs() / 1_000_000;
    let reason = if jump.by_us < 0 {
        format!("the clock of {node} was set back by {seconds} s: time went on from where it was")
    } else {
        format!("the clock of {node} was set forward by {seconds} s: what was due by then has ended")
    };
    AlertRaised {
        alert: format!("clock_jump-{node}-{}", jump.at.micros()),
        kind: "clock_jump".to_owned(),
        severity: "high".to_owned(),
        principal: None,
        about: None,
        reason,
    }
}

/// Answers a command that could not even be decided, because the log is out of reach.
fn refuse(message: Message, reason: &EngineError, pending: &mut Pending) {
    if matches!(message.intent, Intent::Close) {
        pending.last = Some(message.reply);
    } else {
        pending.answers.push((message.reply, Err(reason.clone())));
    }
}
