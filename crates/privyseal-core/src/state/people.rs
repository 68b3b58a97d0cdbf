//! Accounts, the persons behind them, their roles and their past: what separation of duties is computed from.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::State;
use crate::digest::Digest;
use crate::event::directory::Principal;
use crate::event::request::{Party, Submitted};
use crate::event::{ActorKind, AuthMethod};
use crate::id::{ActionId, CredentialId, PersonId, PrincipalId, Role};
use crate::requirement::Candidate;
use crate::time::Timestamp;

/// An account as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrincipalState {
    /// Its record.
    pub record: Principal,
    /// Whether it has any rights.
    pub enabled: bool,
    /// Since when it exists.
    pub registered_at: Timestamp,
    /// Roles and groups, the ones out of their time included.
    pub roles: BTreeMap<Role, RoleHeld>,
    /// When somebody last signed in to it.
    pub signed_in_at: Option<Timestamp>,
}

/// A role with the time it is held for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleHeld {
    /// From when.
    pub valid_from: Timestamp,
    /// Until when; `Timestamp::FAR` for a standing role.
    pub valid_to: Timestamp,
    /// Frameworks an auditor may see; empty for no limit.
    pub scope: Vec<String>,
}

/// A sign-in that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose.
    pub principal: PrincipalId,
    /// How they signed in.
    pub method: AuthMethod,
    /// Authentication method references.
    pub amr: Vec<String>,
    /// With which credential.
    pub credential: Option<CredentialId>,
    /// When.
    pub started_at: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// Digest of its token.
    pub token_sha256: Digest,
}

/// Most times of one day that are kept for one principal; counts of a day end there.
const MAX_TIMES: usize = 4_096;
/// Most resources, and most justifications, that are remembered of one principal.
const MAX_REMEMBERED: usize = 256;
/// How long times are kept.
const DAY_SECONDS: i64 = 86_400;

/// What a principal asked before, in bounded space: times of the last day, and the resources and justifications used last.
///
/// What is forgotten counts as never seen, which can only raise a risk: the first use of a resource is a fact against a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// How many requests there ever were.
    pub total: u64,
    /// When the last one came.
    pub last: Timestamp,
    /// Requests of the last day, the newest 4,096.
    pub asked: VecDeque<Timestamp>,
    /// Denials of the last day, the newest 4,096.
    pub denied: VecDeque<Timestamp>,
    /// Verbs ever asked: as many as the action catalogues had.
    pub actions: BTreeSet<ActionId>,
    /// The 256 resources named last, as text, with the position of the entry that named them last.
    pub resources: BTreeMap<String, u64>,
    /// The 256 justifications used last, by digest: how often, and the position of the entry that used it last.
    pub justifications: BTreeMap<Digest, (u64, u64)>,
}

impl History {
    /// How often a justification was used before.
    #[must_use]
    pub fn repeats(&self, justification: &str) -> u64 {
        self.justifications.get(&Digest::of(justification.as_bytes())).map_or(0, |(times, _)| *times)
    }

    pub(super) fn count_asked(&mut self, submitted: &Submitted, seq: u64, at: Timestamp) {
        self.total += 1;
        self.last = at;
        keep_time(&mut self.asked, at);
        self.actions.insert(submitted.action.verb.clone());
        self.resources.insert(submitted.action.resource.name.to_string(), seq);
        forget_oldest(&mut self.resources, |last| *last);
        if let Some(text) = submitted.justification.clear() {
            let (times, last) = self.justifications.entry(Digest::of(text.as_bytes())).or_default();
            (*times, *last) = (*times + 1, seq);
            forget_oldest(&mut self.justifications, |(_, last)| *last);
        }
    }

    pub(super) fn count_denied(&mut self, at: Timestamp) {
        keep_time(&mut self.denied, at);
    }

    /// How many requests came within `seconds` before `now`.
    #[must_use]
    pub fn asked_within(&self, now: Timestamp, seconds: i64) -> u64 {
        count_within(&self.asked, now, seconds)
    }

    /// How many denials came within `seconds` before `now`.
    #[must_use]
    pub fn denied_within(&self, now: Timestamp, seconds: i64) -> u64 {
        count_within(&self.denied, now, seconds)
    }
}

fn keep_time(times: &mut VecDeque<Timestamp>, at: Timestamp) {
    times.push_back(at);
    while times.len() > MAX_TIMES || times.front().is_some_and(|oldest| *oldest <= at.plus_seconds(-DAY_SECONDS)) {
        times.pop_front();
    }
}

/// Keeps the [`MAX_REMEMBERED`] that were used last. A scan of that many, and only once there are more.
fn forget_oldest<K: Clone + Ord, V>(remembered: &mut BTreeMap<K, V>, last: impl Fn(&V) -> u64) {
    if remembered.len() > MAX_REMEMBERED {
        let oldest = remembered.iter().min_by_key(|(_, value)| last(value)).map(|(key, _)| key.clone());
        oldest.and_then(|oldest| remembered.remove(&oldest));
    }
}

fn count_within(times: &VecDeque<Timestamp>, now: Timestamp, seconds: i64) -> u64 {
    let from = now.plus_seconds(-seconds);
    u64::try_from(times.iter().rev().take_while(|at| **at > from).count()).unwrap_or(u64::MAX)
}

impl State {
    /// Whether the account exists and is enabled.
    #[must_use]
    pub fn is_enabled(&self, principal: &PrincipalId) -> bool {
        self.principals.get(principal).is_some_and(|state| state.enabled)
    }

    /// Roles and groups that count at `now`; none for a disabled account.
    #[must_use]
    pub fn roles_of(&self, principal: &PrincipalId, now: Timestamp) -> BTreeSet<Role> {
        let Some(state) = self.principals.get(principal).filter(|state| state.enabled) else { return BTreeSet::new() };
        state.roles.iter().filter(|(_, held)| held.valid_from <= now && now < held.valid_to).map(|(role, _)| role.clone()).collect()
    }

    /// Whether the principal holds a role at `now`.
    #[must_use]
    pub fn has_role(&self, principal: &PrincipalId, role: &str, now: Timestamp) -> bool {
        self.roles_of(principal, now).iter().any(|held| held.as_str() == role)
    }

    /// Whether an account may see what the tests say about a framework: administrators all, auditors those of their scope.
    #[must_use]
    pub fn sees_framework(&self, principal: &PrincipalId, framework: &str, now: Timestamp) -> bool {
        if self.has_role(principal, Role::ADMIN, now) {
            return true;
        }
        let roles = self.principals.get(principal).map(|state| &state.roles).into_iter().flatten();
        self.has_role(principal, Role::AUDITOR, now)
            && roles
                .filter(|(role, _)| role.as_str() == Role::AUDITOR)
                .any(|(_, held)| held.scope.is_empty() || held.scope.iter().any(|scope| scope == framework))
    }

    /// The natural person behind an account: its own, or its owner's.
    #[must_use]
    pub fn person_of(&self, principal: &PrincipalId) -> Option<PersonId> {
        let record = &self.principals.get(principal)?.record;
        match record.kind {
            ActorKind::Human => record.person.clone(),
            ActorKind::Agent | ActorKind::System => self.principals.get(record.owner.as_ref()?)?.record.person.clone(),
        }
    }

    /// A principal as it is recorded on events.
    #[must_use]
    pub fn party(&self, principal: &PrincipalId) -> Option<Party> {
        let record = &self.principals.get(principal)?.record;
        Some(Party { principal: principal.clone(), kind: record.kind, person: self.person_of(principal), owner: record.owner.clone() })
    }

    /// The principals above an agent: who spawned it, who spawned that, and so on; nearest first.
    #[must_use]
    pub fn chain(&self, principal: &PrincipalId) -> Vec<PrincipalId> {
        let (mut chain, mut seen, mut at) = (Vec::new(), BTreeSet::from([principal]), principal);
        while let Some(parent) = self.principals.get(at).and_then(|state| state.record.parent.as_ref()) {
            if !seen.insert(parent) {
                break;
            }
            chain.push(parent.clone());
            at = parent;
        }
        chain
    }

    /// Every natural person who is a subject of a request and can therefore never review it.
    ///
    /// INVARIANT: separation-of-duties. This is the only place where subjects are computed: requester, on-behalf-of, every link of
    /// their spawn chains, the owner of each, authors of the inputs, and whoever any of these people delegated to.
    #[must_use]
    pub fn subjects(
        &self,
        requester: &PrincipalId,
        on_behalf_of: Option<&PrincipalId>,
        authors: &[PersonId],
        now: Timestamp,
    ) -> BTreeSet<PersonId> {
        let mut persons: BTreeSet<PersonId> = authors.iter().cloned().collect();
        let mut open: Vec<PrincipalId> = [requester].into_iter().chain(on_behalf_of).cloned().collect();
        let mut seen = BTreeSet::new();
        while let Some(principal) = open.pop() {
            let Some(state) = self.principals.get(&principal) else { continue };
            if !seen.insert(principal) {
                continue;
            }
            persons.extend(state.record.person.clone());
            open.extend(state.record.owner.iter().chain(&state.record.parent).cloned());
        }
        let delegates: Vec<PersonId> = self
            .delegations
            .values()
            .filter(|delegation| delegation.valid_from <= now && now < delegation.valid_to)
            .filter(|delegation| self.person_of(&delegation.delegator).is_some_and(|person| persons.contains(&person)))
            .filter_map(|delegation| self.person_of(&delegation.delegate))
            .collect();
        persons.extend(delegates);
        persons
    }

    /// The account as a possible reviewer at `now`: an enabled human with a person behind it.
    #[must_use]
    pub fn candidate(&self, principal: &PrincipalId, now: Timestamp) -> Option<Candidate> {
        let state = self.principals.get(principal).filter(|state| state.enabled && state.record.kind == ActorKind::Human)?;
        Some(Candidate { person: state.record.person.clone()?, principal: principal.clone(), roles: self.roles_of(principal, now) })
    }
}
