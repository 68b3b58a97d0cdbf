//! Bodies about watching: reviews of access and logs, alerts, exceptions, heartbeats, counters, outside sources.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Text;
use crate::digest::Digest;
use crate::id::{EventId, PrincipalId, Role};
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
    /// `deny_burst`, `integrity`, `outlier`, `breakglass`, `logging_outage`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `high`, `medium` or `low`.
    pub severity: String,
    /// Whom it is about, when anyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalId>,
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

/// `source.counted`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCounted {
    /// The source: a node's name or an outside feed.
    pub source: String,
    /// The UTC day, `YYYY-MM-DD`.
    pub day: String,
    /// Events that the source produced in that day.
    pub events: u64,
}

/// `source.observed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceObserved {
    /// The source, for example `hr`, `ci`, `postgres-audit`.
    pub source: String,
    /// What sort of fact: `target_log`, `identity_status`, `test_result`, `inventory`.
    pub feed: String,
    /// When it happened there.
    pub occurred_at: Timestamp,
    /// The fact, in the feed's own documented members.
    pub record: Map<String, Value>,
    /// SHA-256 of the raw record as it was delivered.
    pub raw_sha256: Digest,
}
