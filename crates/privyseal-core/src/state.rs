//! The state: a fold over events, and nothing else.
//!
//! Folding the same events always gives the same state; `privyseal replay` checks that. Nothing here decides anything.

mod apply;
mod keys;
mod people;

pub use keys::{KeyState, Keys};
pub use people::{History, PrincipalState, RoleHeld, Session};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::digest::Digest;
use crate::event::directory::{CredentialKey, DelegationMade};
use crate::event::policy::PolicyPublished;
use crate::id::{CredentialId, ExecutionId, GrantId, PrincipalId, RequestId, SessionId};
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
    /// Requests.
    pub requests: BTreeMap<RequestId, Request>,
    /// Pending requests by the moment they expire.
    pub request_deadlines: BTreeSet<(Timestamp, RequestId)>,
    /// Grants.
    pub grants: BTreeMap<GrantId, Grant>,
    /// Unused grants by the moment they expire.
    pub grant_deadlines: BTreeSet<(Timestamp, GrantId)>,
    /// Runs.
    pub executions: BTreeMap<ExecutionId, Execution>,
    /// What each principal asked before.
    pub history: BTreeMap<PrincipalId, History>,
    /// Requests by requester and idempotency key.
    pub idempotency: BTreeMap<(PrincipalId, Digest), RequestId>,
    /// Change requests that a published policy has used up.
    pub spent_changes: BTreeSet<RequestId>,
    /// Secrets of API keys and links, by digest.
    secrets: BTreeMap<Digest, CredentialId>,
    /// Session tokens, by digest.
    tokens: BTreeMap<Digest, SessionId>,
}

/// A way to sign in.
#[derive(Clone, Debug, PartialEq)]
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

    /// The earliest moment at which something expires.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let request = self.request_deadlines.first().map(|(at, _)| *at);
        let grant = self.grant_deadlines.first().map(|(at, _)| *at);
        request.into_iter().chain(grant).min()
    }
}
