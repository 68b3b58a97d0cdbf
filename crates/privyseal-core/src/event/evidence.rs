//! Bodies about what auditors see and do: tests run, reports, downloads, SQL.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::id::{QueryId, ReportId};
use crate::time::{Period, Timestamp};

/// The prefix of the log that a result was computed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Number of entries.
    pub size: u64,
    /// Root over them.
    pub root: Digest,
}

/// `assertion.evaluated`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssertionEvaluated {
    /// The control test, for example `D01`.
    pub assertion: String,
    /// SHA-256 of its SQL text.
    pub query_digest: Digest,
    /// Parameters used.
    pub parameters: Map<String, Value>,
    /// Period tested.
    #[serde(flatten)]
    pub period: Period,
    /// The scheduled slot it fills, when a schedule ran it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Timestamp>,
    /// Data it ran on.
    pub snapshot: Snapshot,
    /// `error`, `exception`, `no_evidence`, `no_population` or `pass`.
    pub state: String,
    /// Population items.
    pub rows: u64,
    /// Items in violation.
    pub violations: u64,
    /// Items about which nothing can be said.
    pub indeterminate: u64,
    /// SHA-256 of the result in canonical form.
    pub result_digest: Digest,
    /// Engine and version.
    pub engine: String,
}

/// `schedule.changed`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleChanged {
    /// Names the schedule.
    pub schedule: String,
    /// The whole new definition; empty when removed.
    pub definition: Map<String, Value>,
}

/// `report.generated`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportGenerated {
    /// The run.
    pub report: ReportId,
    /// Framework ids.
    pub frameworks: Vec<String>,
    /// Period covered.
    #[serde(flatten)]
    pub period: Period,
    /// Data it was built from.
    pub snapshot: Snapshot,
    /// SHA-256 of the pack's content outside `seal/`: the same for every build of the same thing.
    pub pack_digest: Digest,
    /// SHA-256 of the file.
    pub file_sha256: Digest,
    /// How many controls are in which state, by framework.
    pub states: BTreeMap<String, BTreeMap<String, u64>>,
    /// `portal`, `api` or `schedule`.
    pub trigger: String,
    /// The schedule, when one ran it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
}

/// `report.delivered`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportDelivered {
    /// The run.
    pub report: ReportId,
    /// How, for example `smtp`.
    pub via: String,
    /// To whom or where.
    pub to: String,
    /// SHA-256 of what was delivered.
    pub sha256: Digest,
}

/// `report.failed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportFailed {
    /// The run.
    pub report: ReportId,
    /// `build` or `deliver`.
    pub step: String,
    /// What went wrong.
    pub reason: String,
    /// Whether nobody will try again.
    pub final_attempt: bool,
}

/// `evidence.downloaded`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceDownloaded {
    /// The run that built it.
    pub report: ReportId,
    /// SHA-256 of the file that was handed out.
    pub file_sha256: Digest,
    /// Framework ids inside.
    pub frameworks: Vec<String>,
}

/// `query.run`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryRun {
    /// The statement's run.
    pub query: QueryId,
    /// The text.
    pub text: String,
    /// Its parameters.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// Number of entries it saw.
    pub snapshot_size: u64,
    /// `ok`, `refused` or `failed`.
    pub outcome: String,
    /// Why not, otherwise absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Rows handed out.
    pub rows: u64,
    /// SHA-256 of the result in canonical form, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_sha256: Option<Digest>,
    /// Milliseconds it took.
    pub duration_ms: u64,
}
