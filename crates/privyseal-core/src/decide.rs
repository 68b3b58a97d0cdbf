//! `decide`: the one function on the one write path. State and command in, event drafts and an answer out; nothing is performed.
//!
//! A refusal can still leave drafts: an attempt to approve one's own request, or to replay a grant, is itself evidence.

mod delegation;
mod directory;
mod execution;
mod halt;
mod keys;
mod narrow;
mod policy;
mod review;
mod submit;
mod time;

pub use delegation::MAX_DELEGATION_DAYS;
pub use execution::{may_judge, may_revoke};
pub use halt::may_halt;
pub use narrow::{Narrower, narrower};
pub use review::{Eligible, denials, filled_slots, has_reviewed, may_review, standing_approvals, subjects};
pub(crate) use submit::RATE_LIMIT;

#[cfg(test)]
mod tests;

use crate::command::{Command, Redact, Reply};
use crate::digest::Digest;
use crate::event::ledger::RedactionMade;
use crate::event::request::Party;
use crate::event::{Actor, ActorKind, AuthMethod, Body, Channel, Draft};
use crate::hidden::Salt;
use crate::id::{EventId, ExecutionId, GrantId, RequestId, Role, SessionId};
use crate::refusal::{Refusal, RefusalCode};
use crate::request::RequestState;
use crate::state::State;
use crate::time::Timestamp;

/// Where ids and nonces of one command come from: 32 random bytes, expanded by hashing, so that a command needs no source of randomness.
#[derive(Clone, Debug)]
pub struct Fresh {
    now: Timestamp,
    seed: [u8; 32],
    used: u64,
}

impl Fresh {
    /// A source for one command. Never use the same seed twice.
    #[must_use]
    pub fn new(now: Timestamp, seed: [u8; 32]) -> Self {
        Self { now, seed, used: 0 }
    }

    /// Another source, for what hides the values of an entry at position `seq`: ids drawn from this one stay what they are, hidden or not.
    #[must_use]
    pub fn for_hiding(&self, seq: u64) -> Self {
        let seed = Digest::of_parts(&[b"privyseal/fresh-hidden/v1\n", &self.seed, &seq.to_be_bytes()]);
        Self::new(self.now, *seed.as_bytes())
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        self.used += 1;
        let digest = Digest::of_parts(&[b"privyseal/fresh/v1\n", &self.seed, &self.used.to_be_bytes()]);
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(digest.as_bytes()) {
            *to = *from;
        }
        bytes
    }

    /// A new salt for a hidden value.
    pub fn salt(&mut self) -> Salt {
        Salt::from_bytes(self.bytes())
    }

    /// 24 random bytes, for a cipher that must not see the same ones twice.
    pub fn cipher_nonce(&mut self) -> [u8; 24] {
        self.bytes()
    }

    /// 32 random bytes that may become the key of a subject.
    pub fn key(&mut self) -> [u8; 32] {
        self.bytes()
    }

    /// A new event id.
    pub fn event_id(&mut self) -> EventId {
        EventId::new(self.now, self.bytes())
    }

    /// The id that a submitted request receives: the first id drawn by `decide` for [`Command::Submit`].
    #[must_use]
    pub fn request_id(now: Timestamp, seed: [u8; 32]) -> RequestId {
        RequestId::new(now, Fresh::new(now, seed).bytes())
    }

    fn request(&mut self) -> RequestId {
        RequestId::new(self.now, self.bytes())
    }

    fn grant(&mut self) -> GrantId {
        GrantId::new(self.now, self.bytes())
    }

    fn execution(&mut self) -> ExecutionId {
        ExecutionId::new(self.now, self.bytes())
    }

    fn session(&mut self) -> SessionId {
        SessionId::new(self.now, self.bytes())
    }

    fn delegation(&mut self) -> String {
        format!("d-{}", crate::digest::base64url(&self.bytes::<9>()))
    }

    fn nonce(&mut self) -> String {
        crate::digest::base64url(&self.bytes::<16>())
    }
}

/// What a command comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What is to be recorded, in order, all in one commit.
    pub drafts: Vec<Draft>,
    /// The answer.
    pub result: Result<Reply, Refusal>,
}

impl Decision {
    fn done(drafts: Vec<Draft>, reply: Reply) -> Self {
        Self { drafts, result: Ok(reply) }
    }
}

impl From<Refusal> for Decision {
    fn from(refusal: Refusal) -> Self {
        Self { drafts: Vec::new(), result: Err(refusal) }
    }
}

/// The surroundings of a command.
pub(crate) struct Ctx<'a> {
    state: &'a State,
    actor: &'a Actor,
    now: Timestamp,
    fresh: &'a mut Fresh,
}

impl Ctx<'_> {
    fn draft(&self, request_id: Option<RequestId>, body: Body) -> Draft {
        Draft { actor: self.actor.clone(), request_id, body }
    }

    /// The actor's own account, when it exists and is enabled.
    fn acting_party(&self) -> Result<Party, Refusal> {
        let id = &self.actor.id;
        let party =
            self.state.party(id).ok_or_else(|| Refusal::new(RefusalCode::UnknownPrincipal, format!("there is no principal `{id}`")))?;
        if self.state.is_enabled(id) {
            Ok(party)
        } else {
            Err(Refusal::new(RefusalCode::PrincipalDisabled, format!("the account `{id}` is disabled")))
        }
    }

    /// Whether the actor is Privyseal itself or someone with the data folder in hand.
    fn is_operator(&self) -> bool {
        self.actor.kind == ActorKind::System
    }

    /// A person in a session of their own, in a channel that shows everything: what every verdict of a person needs.
    fn is_present(&self) -> bool {
        let auth = &self.actor.auth;
        self.actor.kind == ActorKind::Human
            && matches!(auth.method, AuthMethod::Passkey | AuthMethod::Oidc | AuthMethod::Link)
            && auth.session.is_some()
            && matches!(self.actor.channel, Channel::Portal | Channel::Slack | Channel::Teams)
    }

    fn needs_role(&self, role: &'static str) -> Result<(), Refusal> {
        if self.is_operator() || self.state.has_role(&self.actor.id, role, self.now) {
            Ok(())
        } else {
            Err(Refusal::new(RefusalCode::RoleMissing, format!("`{}` does not hold the role `{role}`", self.actor.id)))
        }
    }
}

/// Decides one command against the state.
///
/// `now` must not be before the state's last entry; the engine sees to that.
#[must_use]
pub fn decide(state: &State, command: &Command, actor: &Actor, now: Timestamp, fresh: &mut Fresh) -> Decision {
    let mut ctx = Ctx { state, actor, now, fresh };
    let decided = match command {
        Command::Submit(submit) => submit::submit(&mut ctx, submit),
        Command::Withdraw(withdraw) => review::withdraw(&ctx, withdraw),
        Command::Review(command) => review::review(&mut ctx, command),
        Command::Narrow(command) => narrow::narrow(&mut ctx, command),
        Command::Expire => Ok(time::expire(&mut ctx)),
        Command::Redeem(redeem) => execution::redeem(&mut ctx, redeem),
        Command::Finish(finish) => execution::finish(&ctx, finish),
        Command::GiveUp(give_up) => execution::give_up(&ctx, give_up),
        Command::RevokeGrant(revoke) => execution::revoke(&ctx, revoke),
        Command::JudgeBreakglass(judge) => execution::judge(&ctx, judge),
        Command::Halt(command) => halt::engage(&ctx, command),
        Command::Resume(command) => halt::release(&ctx, command),
        Command::ReviewAccess(command) => directory::review_access(&ctx, command),
        Command::Directory(change) => directory::change(&mut ctx, change),
        Command::Session(session) => directory::session(&mut ctx, session),
        Command::Keys(command) => keys::change(&ctx, command),
        Command::PublishPolicy(publish) => policy::publish(&mut ctx, publish),
        Command::PublishCatalog(catalog) => ctx
            .needs_role(Role::ADMIN)
            .map(|()| Decision::done(vec![ctx.draft(None, Body::CatalogPublished(catalog.clone()))], Reply::Done)),
        Command::Redact(redact) => redaction(&ctx, redact),
        Command::Record(body) => record(&ctx, body),
    };
    decided.unwrap_or_else(Decision::from)
}

/// Longest reason of an erasure, in characters.
const MAX_REDACTION_REASON_CHARS: usize = 500;

/// Whether an actor may erase hidden values for this reason: administrators, and whoever has the data folder in hand.
///
/// Asked before anything is erased, and again when the erasure is recorded.
///
/// # Errors
/// With the reason why not.
pub fn may_redact(state: &State, actor: &Actor, reason: &str, change_request: Option<RequestId>, now: Timestamp) -> Result<(), Refusal> {
    let chars = reason.trim().chars().count();
    if !(1..=MAX_REDACTION_REASON_CHARS).contains(&chars) || reason.chars().any(|c| c.is_control() || crate::text::is_deceptive(c)) {
        let why = format!("say why in 1 to {MAX_REDACTION_REASON_CHARS} characters, without personal data: the reason stays in the log");
        return Err(Refusal::new(RefusalCode::Invalid, why));
    }
    let approved = |id: &RequestId| state.request(id).is_some_and(|request| request.state() == RequestState::Approved);
    if let Some(id) = change_request.filter(|id| !approved(id)) {
        return Err(Refusal::new(
            RefusalCode::Invalid,
            format!("the change request {id} is not approved: leave it out, or ask for it first"),
        ));
    }
    if actor.kind == ActorKind::System || state.has_role(&actor.id, Role::ADMIN, now) {
        return Ok(());
    }
    Err(Refusal::new(RefusalCode::RoleMissing, format!("`{}` does not hold the role `{}`", actor.id, Role::ADMIN)))
}

/// The record of an erasure that has happened.
fn redaction(ctx: &Ctx<'_>, redact: &Redact) -> Result<Decision, Refusal> {
    may_redact(ctx.state, ctx.actor, &redact.reason, redact.change_request, ctx.now)?;
    let made = |(event_id, pointer): &(EventId, String)| RedactionMade {
        event_id: *event_id,
        pointer: pointer.clone(),
        reason: redact.reason.trim().to_owned(),
        change_request: redact.change_request,
    };
    Ok(Decision::done(redact.values.iter().map(|value| ctx.draft(None, Body::RedactionMade(made(value)))).collect(), Reply::Done))
}

/// Facts beside requests. Only kinds that decide nothing may be recorded this way; everything else has a command of its own.
fn record(ctx: &Ctx<'_>, body: &Body) -> Result<Decision, Refusal> {
    let role = match body {
        Body::Heartbeat(_)
        | Body::ClockSampled(_)
        | Body::SourceCounted(_)
        | Body::SegmentSealed(_)
        | Body::AlertRaised(_)
        | Body::NotificationDelivered(_)
        | Body::AssertionEvaluated(_)
        | Body::ExceptionRaised(_)
        | Body::SessionRefused(_) => None,
        Body::QueryRun(_) | Body::EvidenceDownloaded(_) | Body::ReportGenerated(_) => Some([Role::AUDITOR, Role::ADMIN]),
        Body::LogReviewRecorded(_) | Body::AlertTriaged(_) | Body::PolicyReviewed(_) => Some([Role::ADMIN, Role::APPROVER]),
        _ => return Err(Refusal::new(RefusalCode::Invalid, format!("`{}` is not recorded by itself", body.kind().name()))),
    };
    let held = role.is_some_and(|roles| roles.iter().any(|role| ctx.state.has_role(&ctx.actor.id, role, ctx.now)));
    if !held && !ctx.is_operator() {
        let wanted = role.map_or("system".to_owned(), |roles| roles.join("` or `"));
        return Err(Refusal::new(RefusalCode::RoleMissing, format!("`{}` does not hold the role `{wanted}`", ctx.actor.id)));
    }
    Ok(Decision::done(vec![ctx.draft(None, body.clone())], Reply::Done))
}
