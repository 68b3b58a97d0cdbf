//! Accounts, the persons behind them, their roles and their past: what separation of duties is computed from.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Halted, State};
use crate::digest::Digest;
use crate::event::directory::Principal;
use crate::event::execution::HaltScope;
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
const DAY_MICROS: i64 = DAY_SECONDS * 1_000_000;
const HOUR_MICROS: i64 = 3_600_000_000;
/// How many days are counted one by one.
const MONTH_DAYS: i64 = 30;
/// How long requests of somebody's agents are counted together.
const RECENT_SECONDS: i64 = 60;

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
    /// Runs of the last day that failed or ended unknown, and refused attempts to use a grant; the newest 4,096.
    pub failed: VecDeque<Timestamp>,
    /// How many requests ever came in each hour of the day, in UTC.
    pub hours: [u64; 24],
    /// How many came on each of the last 30 days on which any did: the day, counted from 1970, and the number.
    pub days: VecDeque<(i64, u64)>,
    /// When it was last told that it asks too much.
    pub throttled: Option<Timestamp>,
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
        let (day, hour) = (at.micros().div_euclid(DAY_MICROS), at.micros().rem_euclid(DAY_MICROS) / HOUR_MICROS);
        if let Some(count) = usize::try_from(hour).ok().and_then(|hour| self.hours.get_mut(hour)) {
            *count += 1;
        }
        match self.days.back_mut() {
            Some((last, count)) if *last == day => *count += 1,
            _ => self.days.push_back((day, 1)),
        }
        while self.days.front().is_some_and(|(first, _)| *first <= day - MONTH_DAYS) {
            self.days.pop_front();
        }
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

    pub(super) fn count_failed(&mut self, at: Timestamp) {
        keep_time(&mut self.failed, at);
    }

    /// On how many of the 30 days up to `now` requests came, and how many.
    #[must_use]
    pub fn last_month(&self, now: Timestamp) -> (u64, u64) {
        let since = now.micros().div_euclid(DAY_MICROS) - MONTH_DAYS;
        let active = self.days.iter().filter(|(day, _)| *day > since);
        active.fold((0, 0), |(days, requests), (_, count)| (days + 1, requests + count))
    }

    /// How many runs failed, and uses were refused, within `seconds` before `now`.
    #[must_use]
    pub fn failed_within(&self, now: Timestamp, seconds: i64) -> u64 {
        count_within(&self.failed, now, seconds)
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
    /// INVARIANT: separation-of-duties. This is the only place where subjects are computed: requester, on-behalf-of, executor, every link of
    /// their spawn chains, the owner of each, authors of the inputs, and whoever any of these people delegated to. `involved` are the
    /// requester, whom it is for, and who runs it.
    #[must_use]
    pub fn subjects<'a>(
        &self,
        involved: impl IntoIterator<Item = &'a PrincipalId>,
        authors: &[PersonId],
        now: Timestamp,
    ) -> BTreeSet<PersonId> {
        let mut persons: BTreeSet<PersonId> = authors.iter().cloned().collect();
        for principal in self.behind(involved) {
            persons.extend(self.principals.get(&principal).and_then(|state| state.record.person.clone()));
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

    /// These principals and everyone above them: parents and owners, to the end.
    fn behind<'a>(&self, principals: impl IntoIterator<Item = &'a PrincipalId>) -> BTreeSet<PrincipalId> {
        let mut open: Vec<PrincipalId> = principals.into_iter().cloned().collect();
        let mut seen = BTreeSet::new();
        while let Some(principal) = open.pop() {
            if let Some(state) = self.principals.get(&principal).filter(|_| !seen.contains(&principal)) {
                open.extend(state.record.owner.iter().chain(&state.record.parent).cloned());
                seen.insert(principal);
            }
        }
        seen
    }

    /// Whether a kill switch of this scope stops a principal. People are never stopped.
    pub(crate) fn is_stopped_by(&self, scope: HaltScope, target: Option<&PrincipalId>, principal: &PrincipalId) -> bool {
        if self.principals.get(principal).is_none_or(|state| state.record.kind == ActorKind::Human) {
            return false;
        }
        match (scope, target) {
            (HaltScope::All, _) => true,
            (HaltScope::Agent, Some(agent)) => self.behind([principal]).contains(agent),
            (HaltScope::Owner, Some(owner)) => {
                let person = self.person_of(owner);
                person.is_some() && self.behind([principal]).iter().any(|above| self.person_of(above) == person)
            }
            (HaltScope::Agent | HaltScope::Owner, None) => false,
        }
    }

    /// The kill switch that stops a principal, the earliest when there are several.
    #[must_use]
    pub fn halted(&self, principal: &PrincipalId) -> Option<&Halted> {
        self.halts.iter().find(|halt| self.is_stopped_by(halt.scope, halt.principal.as_ref(), principal))
    }

    /// How many requests of a principal are pending.
    #[must_use]
    pub fn pending_of(&self, principal: &PrincipalId) -> u64 {
        self.pending.get(principal).copied().unwrap_or(0)
    }

    pub(super) fn count_ended(&mut self, requester: &PrincipalId) {
        if let Some(pending) = self.pending.get_mut(requester) {
            *pending -= 1;
            if *pending == 0 {
                self.pending.remove(requester);
            }
        }
    }

    pub(super) fn count_recent(&mut self, owner: &PersonId, at: Timestamp) {
        let times = self.recent.entry(owner.clone()).or_default();
        times.push_back(at);
        while times.len() > MAX_TIMES || times.front().is_some_and(|oldest| *oldest <= at.plus_seconds(-RECENT_SECONDS)) {
            times.pop_front();
        }
    }

    /// How many requests came within `seconds` before `now`, at most 60, from all agents that a person answers for.
    #[must_use]
    pub fn asked_for(&self, owner: &PersonId, now: Timestamp, seconds: i64) -> u64 {
        self.recent.get(owner).map_or(0, |times| count_within(times, now, seconds))
    }

    /// A delegate with what a delegation lends them at `now`: those of its roles that the delegator, still enabled, holds themselves.
    #[must_use]
    pub fn with_lent(&self, delegate: &Candidate, delegation: &str, now: Timestamp) -> Option<Candidate> {
        let made = self.delegations.get(delegation).filter(|made| made.valid_from <= now && now < made.valid_to)?;
        if made.delegate != delegate.principal {
            return None;
        }
        let held = self.roles_of(&made.delegator, now);
        let lent = made.roles.iter().filter(|role| held.contains(role)).cloned();
        Some(Candidate { roles: delegate.roles.iter().cloned().chain(lent).collect(), ..delegate.clone() })
    }

    /// The account as a possible reviewer at `now`: an enabled human with a person behind it.
    #[must_use]
    pub fn candidate(&self, principal: &PrincipalId, now: Timestamp) -> Option<Candidate> {
        let state = self.principals.get(principal).filter(|state| state.enabled && state.record.kind == ActorKind::Human)?;
        Some(Candidate { person: state.record.person.clone()?, principal: principal.clone(), roles: self.roles_of(principal, now) })
    }
}
