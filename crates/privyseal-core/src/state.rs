//! The state: a fold over events, and nothing else.
//!
//! Folding the same events always gives the same state; `privyseal replay` checks that. Nothing here decides anything.
//! The state holds what can still happen. What cannot leaves it (`settled`) and is folded again from its entries when it is named.

mod apply;
mod frozen;
mod keys;
mod people;
mod settled;

pub use frozen::{FOLD_VERSION, Frozen};
pub use keys::{KeyState, Keys};
pub use people::{History, PrincipalState, RoleHeld, Session};
pub use settled::{KEY_SECONDS, MAX_KEYS, MAX_SETTLED, SETTLED_SECONDS};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::command::Named;
use crate::digest::Digest;
use crate::event::directory::{CredentialKey, DelegationMade};
use crate::event::execution::HaltScope;
use crate::event::policy::PolicyPublished;
use crate::id::{CredentialId, ExecutionId, GrantId, PersonId, PrincipalId, RequestId, SessionId};
use crate::request::{Execution, Grant, Request};
use crate::time::Timestamp;

/// Everything that decisions depend on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Origin of the log; empty before `ledger.opened`.
    pub log: String,
    /// Position of the next entry.
    pub next_seq: u64,
    /// Time of the last entry; the next one is never before it.
    pub last_time: Timestamp,
    /// Keys that sign or signed the log.
    pub keys: Keys,
    /// Accounts.
    pub principals: BTreeMap<PrincipalId, PrincipalState>,
    /// Ways to sign in.
    pub credentials: BTreeMap<CredentialId, Credential>,
    /// Sessions that have not ended.
    pub sessions: BTreeMap<SessionId, Session>,
    /// Delegations that have not ended.
    pub delegations: BTreeMap<String, DelegationMade>,
    /// The policy in force.
    pub policy: Option<Arc<PolicyPublished>>,
    /// Requests that something can still happen to, and those that settled lately, with their grants and runs.
    pub requests: BTreeMap<RequestId, Arc<Request>>,
    /// Pending requests by the moment they expire.
    pub request_deadlines: BTreeSet<(Timestamp, RequestId)>,
    /// Which of these requests a grant belongs to.
    pub grants: BTreeMap<GrantId, RequestId>,
    /// Unused grants by the moment they expire.
    pub grant_deadlines: BTreeSet<(Timestamp, GrantId)>,
    /// Pending requests by the moment at which more people are asked.
    pub escalations: BTreeSet<(Timestamp, RequestId)>,
    /// Pending requests by the moment at which people are reminded next.
    pub reminders: BTreeSet<(Timestamp, RequestId)>,
    /// Runs that have not ended, by the moment at which their outcome counts as unknown.
    pub run_deadlines: BTreeSet<(Timestamp, ExecutionId)>,
    /// Kill switches that are engaged.
    pub halts: Vec<Halted>,
    /// Which of these requests a run belongs to.
    pub executions: BTreeMap<ExecutionId, RequestId>,
    /// What each principal asked before.
    pub history: BTreeMap<PrincipalId, History>,
    /// Requests by requester and idempotency key, until [`KEY_SECONDS`] after they settled.
    pub idempotency: BTreeMap<(PrincipalId, Digest), KeyUsed>,
    /// Requests of the last minute of all agents that a person answers for.
    recent: BTreeMap<PersonId, VecDeque<Timestamp>>,
    /// How many requests of each principal are pending.
    pending: BTreeMap<PrincipalId, u64>,
    /// Settled requests that are still here, in the order in which they settled.
    settled: VecDeque<(Timestamp, RequestId)>,
    /// Idempotency keys of settled requests, in the order in which these settled.
    settled_keys: VecDeque<(Timestamp, PrincipalId, Digest)>,
    /// Secrets of API keys and links, by digest.
    secrets: BTreeMap<Digest, CredentialId>,
    /// Session tokens, by digest.
    tokens: BTreeMap<Digest, SessionId>,
}

/// The request that an idempotency key was used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUsed {
    /// Its id.
    pub request: RequestId,
    /// What it asks; the same key for another action is a conflict.
    pub action_digest: Digest,
}

/// A kill switch that is engaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halted {
    /// Which agents.
    pub scope: HaltScope,
    /// The owner or agent; none for all.
    pub principal: Option<PrincipalId>,
    /// Since when.
    pub since: Timestamp,
    /// Who engaged it.
    pub by: PrincipalId,
    /// Why.
    pub reason: String,
}

/// A way to sign in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Credential {
    /// Whose.
    pub principal: PrincipalId,
    /// Name for people.
    pub label: String,
    /// The public part.
    pub key: CredentialKey,
    /// When it was enrolled.
    pub enrolled_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked or used up.
    pub revoked_at: Option<Timestamp>,
    /// When somebody last signed in, or signed a decision, with it.
    pub used_at: Option<Timestamp>,
}

impl Credential {
    /// Whether it counts at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

impl State {
    /// The live credential whose secret has this digest.
    #[must_use]
    pub fn credential_by_secret(&self, secret: &Digest, now: Timestamp) -> Option<(&CredentialId, &Credential)> {
        let (id, credential) = self.credentials.get_key_value(self.secrets.get(secret)?)?;
        credential.is_live(now).then_some((id, credential))
    }

    /// The live session whose token has this digest; none when its account is disabled.
    #[must_use]
    pub fn session_by_token(&self, token: &Digest, now: Timestamp) -> Option<(&SessionId, &Session)> {
        let (id, session) = self.sessions.get_key_value(self.tokens.get(token)?)?;
        (now < session.expires_at && self.is_enabled(&session.principal)).then_some((id, session))
    }

    /// Live passkeys of a principal.
    pub fn passkeys<'a>(&'a self, principal: &'a PrincipalId, now: Timestamp) -> impl Iterator<Item = (&'a CredentialId, &'a Credential)> {
        self.credentials.iter().filter(move |(_, credential)| {
            credential.principal == *principal && credential.is_live(now) && matches!(credential.key, CredentialKey::Passkey { .. })
        })
    }

    /// A request that is in the state.
    #[must_use]
    pub fn request(&self, id: &RequestId) -> Option<&Request> {
        self.requests.get(id).map(Arc::as_ref)
    }

    /// A grant that is in the state, and its request.
    #[must_use]
    pub fn grant(&self, id: &GrantId) -> Option<(&Grant, &Request)> {
        let request = self.request(self.grants.get(id)?)?;
        Some((request.granted()?, request))
    }

    /// The request that is named, when it is in the state.
    #[must_use]
    pub fn named(&self, named: Named) -> Option<&Arc<Request>> {
        let id = match named {
            Named::Request(id) => id,
            Named::Grant(id) => *self.grants.get(&id)?,
            Named::Execution(id) => *self.executions.get(&id)?,
        };
        self.requests.get(&id)
    }

    /// A run that is in the state, and its request.
    #[must_use]
    pub fn execution(&self, id: &ExecutionId) -> Option<(&Execution, &Request)> {
        let request = self.request(self.executions.get(id)?)?;
        Some((request.granted()?.runs.get(id)?, request))
    }

    /// The earliest moment at which time brings something: an end, a reminder, an escalation.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let requests = [&self.request_deadlines, &self.escalations, &self.reminders].into_iter().filter_map(|due| Some(due.first()?.0));
        let grant = self.grant_deadlines.first().map(|(at, _)| *at);
        let run = self.run_deadlines.first().map(|(at, _)| *at);
        requests.chain(grant).chain(run).min()
    }
}
