//! Erasing hidden values, on the writer's thread, between two batches.
//!
//! The order, and what a crash after each step leaves:
//!
//! 1. Values and keys are destroyed, and what the log owes for it is noted, in one commit of the private store. Before it nothing has
//!    happened. After it the values are gone and the debt is on disk.
//! 2. The private store's journal is emptied, so that no older image of a page is left. After a crash it is emptied at the next start.
//! 3. `redaction.made` is appended, one for each value. After a crash before it, it is appended at the next start.
//! 4. The debt is forgotten. After a crash before it, the next start finds the record in the log and appends no second one.
//!
//! So the log never claims an erasure that did not happen, and no erasure that happened stays without its record. A start runs the same
//! steps from 2 on; so does a running engine every half minute while something is owed.

use std::collections::BTreeSet;

use privyseal_core::cause::chain;
use privyseal_core::command::{Command, Named, Redact, Reply};
use privyseal_core::decide::{Fresh, decide, may_redact};
use privyseal_core::event::request::Party;
use privyseal_core::event::{Actor, ActorKind, AuthMethod, Body, Channel, Event, Kind};
use privyseal_core::hidden::Subject;
use privyseal_core::id::{EventId, RequestId};
use privyseal_core::refusal::{Refusal, RefusalCode};
use privyseal_core::state::State;
use privyseal_core::time::Timestamp;
use privyseal_ledger::private::{Order, Owed, Target};
use tokio::sync::oneshot;

use crate::error::EngineError;
use crate::handle::Engine;
use crate::open::system;
use crate::writer::{Intent, Pending, Writer};

/// Seconds until an erasure that could not be finished is tried again.
const AGAIN_SECONDS: i64 = 30;
/// Most records appended in one commit.
const MAX_RECORDS: usize = 1_024;

/// An erasure that somebody asked for.
pub(crate) struct Erasure {
    pub(crate) target: Target,
    pub(crate) reason: String,
    pub(crate) change_request: Option<RequestId>,
    pub(crate) actor: Actor,
    pub(crate) reply: oneshot::Sender<Result<Reply, EngineError>>,
}

/// Whom an actor's words are about: the person behind a human account, otherwise the account. Privyseal itself is nobody.
pub(crate) fn subject_of(state: &State, actor: &Actor) -> Option<Subject> {
    match actor.kind {
        ActorKind::System => None,
        ActorKind::Human => state.person_of(&actor.id).map(Subject::Person).or_else(|| Some(Subject::Principal(actor.id.clone()))),
        ActorKind::Agent => Some(Subject::Principal(actor.id.clone())),
    }
}

/// The same of a party on record.
pub(crate) fn subject_of_party(party: &Party) -> Option<Subject> {
    match (party.kind, &party.person) {
        (ActorKind::System, _) => None,
        (ActorKind::Human, Some(person)) => Some(Subject::Person(person.clone())),
        (ActorKind::Human | ActorKind::Agent, _) => Some(Subject::Principal(party.principal.clone())),
    }
}

impl Engine {
    /// Erases hidden values for good and records that. Answers how many values were erased.
    ///
    /// # Errors
    /// When it is refused, nothing is hidden there, or the store cannot be written; `Unfinished` when the values are gone and only the
    /// record is missing.
    pub async fn erase(&self, target: Target, reason: &str, change_request: Option<RequestId>, actor: Actor) -> Result<u64, EngineError> {
        match self.send(Intent::Erase(target, reason.to_owned(), change_request), actor)?.await? {
            Reply::Erased { values } => Ok(values),
            _ => Err(EngineError::Stopped("the writer answered something else".to_owned())),
        }
    }

    /// Erases as whoever has the data folder in hand.
    ///
    /// # Errors
    /// As [`Engine::erase`].
    pub async fn erase_as_operator(&self, target: Target, reason: &str, change_request: Option<RequestId>) -> Result<u64, EngineError> {
        self.erase(target, reason, change_request, self.system_actor(Channel::Cli, AuthMethod::Local)?).await
    }
}

impl Writer {
    /// Erases what was asked for, then finishes whatever is owed and due.
    pub(crate) fn erase_all(&mut self, erasures: Vec<Erasure>, now: Timestamp) {
        for erasure in erasures {
            let answer = self.erase(&erasure, now);
            // A caller that has gone away needs no answer.
            let _ = erasure.reply.send(answer);
        }
        if self.erasure_due.is_some_and(|due| due <= now)
            && let Err(error) = self.finish_erasures(now)
        {
            tracing::error!(erasure.error = %error, "an erasure is not finished yet; it will be tried again");
        }
    }

    fn erase(&mut self, erasure: &Erasure, now: Timestamp) -> Result<Reply, EngineError> {
        // A turn, so that the right to erase is looked for in the newest state; the record takes another one. None is held in between,
        // because emptying the journal can take a while and others wait.
        self.turn()?;
        let now = now.max(self.working.last_time);
        let allowed = self.may_erase(erasure, now);
        self.log.end_turn();
        allowed?;
        let order = Order { actor: erasure.actor.clone(), reason: erasure.reason.clone(), change_request: erasure.change_request, at: now };
        let erased = self.private.erase(&erasure.target, &order);
        let values = erased.map_err(|error| EngineError::NotRecorded(chain(&error)))?;
        if values == 0 {
            let reason = match &erasure.target {
                Target::Subject(subject) => format!("nothing is kept about `{subject}`: agents are named principal:<id>"),
                Target::Value { event_id, pointer } => {
                    format!("nothing is hidden at `{pointer}` of event {event_id}, or it was erased before")
                }
            };
            return Err(Refusal::new(RefusalCode::NothingHidden, reason).into());
        }
        self.disclosures.forget();
        self.finish_erasures(now).map_err(EngineError::Unfinished)?;
        Ok(Reply::Erased { values })
    }

    fn may_erase(&mut self, erasure: &Erasure, now: Timestamp) -> Result<(), EngineError> {
        let recalled = self.recall(erasure.change_request.map(Named::Request))?;
        let allowed = |state: &State| may_redact(state, &erasure.actor, &erasure.reason, erasure.change_request, now);
        Ok(self.working.with_recalled(recalled, allowed)?)
    }

    /// Steps 2 to 4.
    fn finish_erasures(&mut self, now: Timestamp) -> Result<(), String> {
        if self.stopped.is_some() {
            return Ok(());
        }
        self.erasure_due = Some(now.plus_seconds(AGAIN_SECONDS));
        self.private.settle().map_err(|error| chain(&error))?;
        let owed = self.private.owed().map_err(|error| chain(&error))?;
        if !owed.is_empty() {
            let recorded = self.recorded_erasures()?;
            let (paid, due): (Vec<&Owed>, Vec<&Owed>) =
                owed.iter().partition(|owed| recorded.contains(&(owed.event_id, owed.pointer.clone())));
            self.pay(&paid)?;
            for part in due.chunk_by(|one, next| one.order == next.order).flat_map(|same| same.chunks(MAX_RECORDS)) {
                self.record_erasures(part, now)?;
                self.pay(part)?;
            }
        }
        self.erasure_due = None;
        Ok(())
    }

    fn pay(&mut self, owed: &[&Owed]) -> Result<(), String> {
        let ids: Vec<i64> = owed.iter().map(|owed| owed.id).collect();
        if ids.is_empty() { Ok(()) } else { self.private.pay(&ids).map_err(|error| chain(&error)) }
    }

    /// Places whose erasure the log has recorded. A value is erased once, so its place names the erasure.
    fn recorded_erasures(&self) -> Result<BTreeSet<(EventId, String)>, String> {
        let entries = self.log.entries_of(Kind::RedactionMade).map_err(|error| chain(&error))?;
        let made = entries.iter().filter_map(|stored| match Event::from_entry(&stored.entry).ok()?.body {
            Body::RedactionMade(made) => Some((made.event_id, made.pointer)),
            _ => None,
        });
        Ok(made.collect())
    }

    /// One commit of records, by whoever ordered the erasure.
    fn record_erasures(&mut self, owed: &[&Owed], now: Timestamp) -> Result<(), String> {
        self.turn().map_err(|error| error.to_string())?;
        match self.place_erasures(owed, now) {
            Ok(pending) => self.commit(pending),
            Err(error) => {
                self.log.end_turn();
                Err(error)
            }
        }
    }

    fn place_erasures(&mut self, owed: &[&Owed], now: Timestamp) -> Result<Pending, String> {
        let mut pending = Pending::default();
        let now = now.max(self.working.last_time);
        let Some(order) = owed.first().map(|owed| &owed.order) else { return Ok(pending) };
        let values = owed.iter().map(|owed| (owed.event_id, owed.pointer.clone())).collect();
        let command = Command::Redact(Redact { values, reason: order.reason.clone(), change_request: order.change_request });
        let recalled = self.recall(command.names()).map_err(|error| error.to_string())?;
        let mut fresh = Fresh::new(now, self.options.entropy.seed()?);
        // Who ordered it may have lost the right since, across a restart. What happened has happened: the system then records it.
        let itself = system(Channel::Engine, AuthMethod::Engine).ok_or("no system principal")?;
        let decision = self.working.with_recalled(recalled, |state| {
            let decision = decide(state, &command, &order.actor, now, &mut fresh);
            if decision.result.is_ok() { decision } else { decide(state, &command, &itself, now, &mut fresh) }
        });
        self.record(decision, Vec::new(), now, &mut fresh, &mut pending).map_err(|error| error.to_string())?;
        Ok(pending)
    }
}
