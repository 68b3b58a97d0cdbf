//! Requests, grants and runs as states: every variant carries what is true only in that state.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::execution::{BreakglassOutcome, GrantIssued, RunOutcome};
use crate::event::request::{Mechanism, ReviewRecorded, Submitted};
use crate::id::{ExecutionId, GrantId, PersonId, PrincipalId, RequestId};
use crate::requirement::{Filled, Requirement};
use crate::time::Timestamp;

/// One request for a privileged action, with everything that came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// Position of its first event.
    pub seq: u64,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// What was asked and what policy said. Shared: the portal reads it while the engine goes on.
    #[serde(with = "shared")]
    pub submitted: Arc<Submitted>,
    /// Verdicts in the order they came.
    pub reviews: Vec<Review>,
    /// When more people were asked because it waited too long.
    pub escalated_at: Option<Timestamp>,
    /// The last reminder: its number, from 1, and when.
    pub reminded: Option<(u64, Timestamp)>,
    /// Where it stands.
    pub phase: Phase,
}

/// A verdict that was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// Position of its event.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The recorded body.
    #[serde(with = "shared")]
    pub body: Arc<ReviewRecorded>,
}

/// Where a request stands. Only `Pending` has a way out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waiting for people.
    Pending,
    /// Approved; the grant may be used.
    Approved {
        /// When.
        at: Timestamp,
        /// How.
        mechanism: Mechanism,
        /// Which person filled which slot.
        slots: Vec<Filled>,
        /// The grant that came of it; none only between the two events of one commit.
        grant: Option<Box<Grant>>,
    },
    /// Denied.
    Denied {
        /// When.
        at: Timestamp,
        /// By policy or by people.
        mechanism: Mechanism,
    },
    /// Nobody decided in time.
    Expired {
        /// When.
        at: Timestamp,
    },
    /// The requester took it back, or a reviewer put a narrower one in its place.
    Cancelled {
        /// When.
        at: Timestamp,
        /// The request that took its place.
        successor: Option<RequestId>,
    },
}

/// The state of a request on the wire (names of the OpenID AuthZEN Access Request draft).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the meaning")]
pub enum RequestState {
    Pending,
    Approved,
    Denied,
    Expired,
    Cancelled,
}

impl RequestState {
    /// Every state.
    pub const ALL: [RequestState; 5] =
        [RequestState::Pending, RequestState::Approved, RequestState::Denied, RequestState::Expired, RequestState::Cancelled];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RequestState::Pending => "pending",
            RequestState::Approved => "approved",
            RequestState::Denied => "denied",
            RequestState::Expired => "expired",
            RequestState::Cancelled => "cancelled",
        }
    }

    /// Whether it never moves again.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        self != RequestState::Pending
    }
}

impl Request {
    /// The state on the wire.
    #[must_use]
    pub fn state(&self) -> RequestState {
        match self.phase {
            Phase::Pending => RequestState::Pending,
            Phase::Approved { .. } => RequestState::Approved,
            Phase::Denied { .. } => RequestState::Denied,
            Phase::Expired { .. } => RequestState::Expired,
            Phase::Cancelled { .. } => RequestState::Cancelled,
        }
    }

    /// Who must seal it as things stand: policy's requirement, or the one after escalation.
    #[must_use]
    pub fn requirement(&self) -> &Requirement {
        let assessment = &self.submitted.assessment;
        match &assessment.escalation {
            Some(escalation) if self.escalated_at.is_some() => &escalation.requirement,
            _ => &assessment.requirement,
        }
    }

    /// When more people are to be asked; none when nobody is, or they were.
    #[must_use]
    pub fn escalates_at(&self) -> Option<Timestamp> {
        let escalation = self.submitted.assessment.escalation.as_ref().filter(|_| self.escalated_at.is_none())?;
        Some(self.submitted_at.plus_seconds(escalation.after_seconds))
    }

    /// When people are to be reminded next; none when policy reminds nobody.
    #[must_use]
    pub fn reminds_at(&self) -> Option<Timestamp> {
        let seconds = self.submitted.assessment.remind_seconds?;
        Some(self.reminded.map_or(self.submitted_at, |(_, at)| at).plus_seconds(seconds))
    }

    /// Who runs it: the executor it names, or its requester.
    #[must_use]
    pub fn runner(&self) -> &PrincipalId {
        self.submitted.executor.as_ref().map_or(&self.submitted.requester.principal, |executor| &executor.principal)
    }

    /// Whether this person has given a verdict, or somebody else gave it in their place.
    #[must_use]
    pub fn reviewed_by(&self, person: &PersonId) -> bool {
        self.reviews.iter().any(|review| {
            let body = &review.body;
            body.reviewer.person.as_ref() == Some(person)
                || body.in_place_of.as_ref().is_some_and(|delegator| delegator.person.as_ref() == Some(person))
        })
    }

    /// The grant, when there is one.
    #[must_use]
    pub fn granted(&self) -> Option<&Grant> {
        match &self.phase {
            Phase::Approved { grant, .. } => grant.as_deref(),
            _ => None,
        }
    }

    /// The id of the grant, when there is one.
    #[must_use]
    pub fn grant(&self) -> Option<GrantId> {
        self.granted().map(|grant| grant.issued.grant_id)
    }

    /// Whether nothing can happen to it any more: it has ended, its grant has ended, its runs have, and nobody has an emergency to
    /// judge. A settled request never changes again, so it can leave the state and be read from the log when somebody names it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match &self.phase {
            Phase::Pending => false,
            Phase::Approved { grant, .. } => grant.as_ref().is_some_and(|grant| grant.is_settled()),
            Phase::Denied { .. } | Phase::Expired { .. } | Phase::Cancelled { .. } => true,
        }
    }
}

/// The right to run one approved action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// What was issued.
    #[serde(with = "shared")]
    pub issued: Arc<GrantIssued>,
    /// The request behind it.
    pub request: RequestId,
    /// Runs it allowed, in order.
    pub executions: Vec<ExecutionId>,
    /// Those of them that have started.
    pub runs: BTreeMap<ExecutionId, Execution>,
    /// How it ended other than by use.
    pub ended: Option<GrantEnd>,
    /// The emergency behind it, when there is one.
    pub emergency: Option<Emergency>,
}

/// How a grant ended other than by use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantEnd {
    /// Its time ended.
    Expired(Timestamp),
    /// It was taken back.
    Revoked(Timestamp),
}

/// A break-glass grant's duty to be judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emergency {
    /// By when.
    pub review_due_at: Timestamp,
    /// The judgement, once made.
    pub judged: Option<(Timestamp, BreakglassOutcome, PrincipalId)>,
}

impl Grant {
    /// Whether every use is spent.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        u64::try_from(self.executions.len()).unwrap_or(u64::MAX) >= self.issued.max_uses
    }

    /// When the outcome of each run that has not ended counts as unknown.
    pub(crate) fn run_deadlines(&self) -> impl Iterator<Item = (Timestamp, ExecutionId)> {
        let running = self.runs.iter().filter(|(_, run)| run.phase == ExecutionPhase::Running);
        let seconds = self.issued.run_seconds;
        running.filter_map(move |(id, run)| Some((run.started_at.plus_seconds(seconds?), *id)))
    }

    /// The last run that it allowed, once started.
    #[must_use]
    pub fn last_run(&self) -> Option<(&ExecutionId, &Execution)> {
        self.runs.get_key_value(self.executions.last()?)
    }

    /// Whether nothing can happen to it any more; see [`Request::is_settled`].
    #[must_use]
    pub fn is_settled(&self) -> bool {
        // A use that has not started yet is one between the two events of one commit.
        let ran = |id| self.runs.get(id).is_some_and(|run| run.phase != ExecutionPhase::Running);
        (self.ended.is_some() || self.is_used_up())
            && self.executions.iter().all(ran)
            && self.emergency.as_ref().is_none_or(|emergency| emergency.judged.is_some())
    }

    /// Whether it can be redeemed at `now`, by anyone.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.ended.is_none() && !self.is_used_up() && self.issued.not_before <= now && now < self.issued.expires_at
    }
}

/// One run of an approved action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// The grant behind it.
    pub grant: GrantId,
    /// The request behind that.
    pub request: RequestId,
    /// Who runs it.
    pub executor: PrincipalId,
    /// When it started.
    pub started_at: Timestamp,
    /// Where it stands.
    pub phase: ExecutionPhase,
}

/// Where a run stands. Only `Running` has a way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionPhase {
    /// Started, not yet reported.
    Running,
    /// Ended with a known outcome.
    Finished {
        /// When.
        at: Timestamp,
        /// How.
        outcome: RunOutcome,
        /// Exit code, when there is one.
        exit_code: Option<i64>,
    },
    /// Nobody can know.
    Unknown {
        /// Since when.
        at: Timestamp,
    },
}

impl ExecutionPhase {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            ExecutionPhase::Running => "running",
            ExecutionPhase::Finished { outcome: RunOutcome::Succeeded, .. } => "done",
            ExecutionPhase::Finished { outcome: RunOutcome::Failed, .. } => "failed",
            ExecutionPhase::Unknown { .. } => "unknown",
        }
    }
}

/// Shared bodies are written whole, as what they are; sharing is not part of the state.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(value: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
        value.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}
