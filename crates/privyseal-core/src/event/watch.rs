//! Bodies about watching: reviews of access and logs, alerts, exceptions, heartbeats, clocks. What comes from outside is in `source`.

use serde::{Deserialize, Serialize};

use super::Text;
use crate::id::{EventId, PersonId, PrincipalId, Role};
use crate::time::Timestamp;

/// `access_review.recorded`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessReviewRecorded {
    /// Whose role.
    pub principal: PrincipalId,
    /// Which role or group.
    pub role: Role,
    /// Who reviewed.
    pub reviewer: PrincipalId,
    /// `keep` or `remove`.
    pub outcome: String,
    /// What was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Text>,
}

/// `log_review.recorded`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogReviewRecorded {
    /// Start of the interval reviewed.
    pub start: Timestamp,
    /// End of it, exclusive.
    pub end: Timestamp,
    /// Who reviewed.
    pub reviewer: PrincipalId,
    /// What was found.
    pub comment: Text,
}

/// `alert.raised`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRaised {
    /// Names the alert.
    pub alert: String,
    /// `deny_burst`, `integrity`, `outlier`, `breakglass`, `logging_outage`, `rate_limit`, `clock_jump`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `high`, `medium` or `low`.
    pub severity: String,
    /// Whom it is about, when anyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalId>,
    /// The event that gave rise to it, when one did; for an `outlier` the review that stood out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<EventId>,
    /// What happened.
    pub reason: String,
}

/// `alert.triaged`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertTriaged {
    /// Names the alert.
    pub alert: String,
    /// Who judged it.
    pub reviewer: PrincipalId,
    /// `benign`, `malicious` or `mistake`.
    pub disposition: String,
    /// What was found.
    pub comment: Text,
}

/// `notification.delivered`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationDelivered {
    /// The event it tells of.
    pub about: EventId,
    /// How, for example `portal`, `smtp`, `slack`.
    pub via: String,
    /// Who was told.
    pub recipients: Vec<PrincipalId>,
}

/// `exception.raised`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionRaised {
    /// Names the exception.
    pub exception: String,
    /// The control test that found it.
    pub assertion: String,
    /// Items in violation.
    pub items: Vec<String>,
    /// Persons whose acts those items are: none of them may answer for the exception.
    #[serde(default)]
    pub persons: Vec<PersonId>,
    /// Run of the test, as event id of its `assertion.evaluated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<EventId>,
}

/// `exception.answered`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionAnswered {
    /// Names the exception.
    pub exception: String,
    /// Who answers for it.
    pub owner: PrincipalId,
    /// Cause.
    pub cause: Text,
    /// What management does about it.
    pub response: Text,
    /// By when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// `open` or `closed`.
    pub status: String,
    /// The passing run that closes it, as event id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retest: Option<EventId>,
}

/// `heartbeat`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Which node.
    pub node: String,
    /// Seconds until the next one is due.
    pub interval_seconds: u64,
    /// Kinds of which the node wrote a specimen entry and read it back, without appending it, since the last heartbeat that named any.
    /// It shows that a kind that never happened could have been recorded. Empty on most heartbeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canaries: Vec<String>,
}

/// `clock.sampled`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockSampled {
    /// Which node.
    pub node: String,
    /// What it was compared with: `kernel` (the operating system's own synchronisation state), `simulated` in demonstrations, or a server's name.
    pub reference: String,
    /// Offset in microseconds; absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_us: Option<i64>,
    /// Whether the reference says that the clock is synchronised.
    pub synchronised: bool,
}
