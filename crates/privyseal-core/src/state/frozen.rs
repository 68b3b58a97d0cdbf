//! The state as data, for snapshots: what was folded, without the indexes that follow from it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Credential, Halted, History, KeyUsed, Keys, PrincipalState, Session, State};
use crate::digest::Digest;
use crate::event::directory::{CredentialKey, DelegationMade};
use crate::event::policy::PolicyPublished;
use crate::id::{CredentialId, PersonId, PrincipalId, RequestId, SessionId};
use crate::request::{Grant, Phase, Request};
use crate::time::Timestamp;

/// Version of the fold: what events do to the state, and what of it is kept. Raised with every change of either, because a snapshot that
/// an older fold made says what events did then.
pub const FOLD_VERSION: u64 = 2;

/// The state as it is written to a snapshot. Reading it back gives an equal state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frozen {
    log: String,
    next_seq: u64,
    last_time: Timestamp,
    keys: Keys,
    principals: BTreeMap<PrincipalId, PrincipalState>,
    credentials: BTreeMap<CredentialId, Credential>,
    sessions: BTreeMap<SessionId, Session>,
    delegations: BTreeMap<String, DelegationMade>,
    policy: Option<PolicyPublished>,
    requests: Vec<Request>,
    history: BTreeMap<PrincipalId, History>,
    idempotency: Vec<(PrincipalId, Digest, KeyUsed)>,
    halts: Vec<Halted>,
    recent: BTreeMap<PersonId, VecDeque<Timestamp>>,
    settled: VecDeque<(Timestamp, RequestId)>,
    settled_keys: VecDeque<(Timestamp, PrincipalId, Digest)>,
}

impl From<State> for Frozen {
    fn from(state: State) -> Self {
        Self {
            log: state.log,
            next_seq: state.next_seq,
            last_time: state.last_time,
            keys: state.keys,
            principals: state.principals,
            credentials: state.credentials,
            sessions: state.sessions,
            delegations: state.delegations,
            policy: state.policy.map(Arc::unwrap_or_clone),
            requests: state.requests.into_values().map(Arc::unwrap_or_clone).collect(),
            history: state.history,
            idempotency: state.idempotency.into_iter().map(|((principal, key), used)| (principal, key, used)).collect(),
            halts: state.halts,
            recent: state.recent,
            settled: state.settled,
            settled_keys: state.settled_keys,
        }
    }
}

impl From<Frozen> for State {
    fn from(frozen: Frozen) -> Self {
        let mut state = State {
            log: frozen.log,
            next_seq: frozen.next_seq,
            last_time: frozen.last_time,
            keys: frozen.keys,
            principals: frozen.principals,
            credentials: frozen.credentials,
            sessions: frozen.sessions,
            delegations: frozen.delegations,
            policy: frozen.policy.map(Arc::new),
            history: frozen.history,
            idempotency: frozen.idempotency.into_iter().map(|(principal, key, used)| ((principal, key), used)).collect(),
            halts: frozen.halts,
            recent: frozen.recent,
            settled: frozen.settled,
            settled_keys: frozen.settled_keys,
            ..State::default()
        };
        for (id, credential) in &state.credentials {
            if let CredentialKey::ApiKey { secret_sha256 } | CredentialKey::Link { secret_sha256 } = &credential.key {
                state.secrets.insert(*secret_sha256, id.clone());
            }
        }
        state.tokens = state.sessions.iter().map(|(id, session)| (session.token_sha256, *id)).collect();
        for request in frozen.requests {
            state.add_indexes(&request);
            match &request.phase {
                Phase::Pending => {
                    state.arm(&request);
                    *state.pending.entry(request.submitted.requester.principal.clone()).or_default() += 1;
                }
                _ => {
                    let open = request.granted().filter(|grant| grant.ended.is_none() && !grant.is_used_up());
                    state.grant_deadlines.extend(open.map(|grant| (grant.issued.expires_at, grant.issued.grant_id)));
                    state.run_deadlines.extend(request.granted().into_iter().flat_map(Grant::run_deadlines));
                }
            }
            state.requests.insert(request.id, Arc::new(request));
        }
        state
    }
}

impl State {
    /// The names of the parts in which two states differ, with the first key that does; empty when they are equal.
    #[must_use]
    pub fn differences(&self, other: &State) -> Vec<String> {
        let mut found = Vec::new();
        let mut part = |name: &str, difference: Option<String>| found.extend(difference.map(|what| format!("{name}{what}")));
        part("log", plain(&self.log, &other.log));
        part("next_seq", plain(&self.next_seq, &other.next_seq));
        part("last_time", plain(&self.last_time, &other.last_time));
        part("keys", plain(&self.keys, &other.keys));
        part("principals", keyed(&self.principals, &other.principals));
        part("credentials", keyed(&self.credentials, &other.credentials));
        part("sessions", keyed(&self.sessions, &other.sessions));
        part("delegations", keyed(&self.delegations, &other.delegations));
        part("policy", plain(&self.policy, &other.policy));
        part("requests", keyed(&self.requests, &other.requests));
        part("request_deadlines", plain(&self.request_deadlines, &other.request_deadlines));
        part("escalations", plain(&self.escalations, &other.escalations));
        part("reminders", plain(&self.reminders, &other.reminders));
        part("run_deadlines", plain(&self.run_deadlines, &other.run_deadlines));
        part("halts", plain(&self.halts, &other.halts));
        part("recent", keyed(&self.recent, &other.recent));
        part("pending", keyed(&self.pending, &other.pending));
        part("grants", keyed(&self.grants, &other.grants));
        part("grant_deadlines", plain(&self.grant_deadlines, &other.grant_deadlines));
        part("executions", keyed(&self.executions, &other.executions));
        part("history", keyed(&self.history, &other.history));
        part("idempotency", keyed(&self.idempotency, &other.idempotency));
        part("settled", plain(&self.settled, &other.settled));
        part("settled_keys", plain(&self.settled_keys, &other.settled_keys));
        part("secrets", keyed(&self.secrets, &other.secrets));
        part("tokens", keyed(&self.tokens, &other.tokens));
        found
    }
}

fn plain<T: PartialEq>(one: &T, other: &T) -> Option<String> {
    (one != other).then(String::new)
}

fn keyed<K: Ord + Debug, V: PartialEq>(one: &BTreeMap<K, V>, other: &BTreeMap<K, V>) -> Option<String> {
    if one == other {
        return None;
    }
    let differs = |key: &&K| one.get(key) != other.get(key);
    one.keys().chain(other.keys()).find(differs).map(|key| format!(" at {key:?}"))
}
