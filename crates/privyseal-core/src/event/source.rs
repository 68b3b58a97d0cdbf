//! Bodies about what comes from outside the engine: how much a source produced, and the facts it supplied.
//!
//! Here are only the members that control tests read; how a system's own log becomes these is the importer's business.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::PersonId;
use crate::time::Timestamp;

/// What sort of facts a source supplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    /// A node of Privyseal: the entries it appended.
    Node,
    /// The own log of a system that privileged actions act on.
    TargetLog,
    /// Who works here, from a personnel system or identity provider.
    IdentityStatus,
    /// Results of tests over artefacts.
    TestResult,
    /// Programs and artefacts approved for use.
    Inventory,
    /// Access to the audit store that does not come through Privyseal.
    StoreAccess,
}

/// `source.counted`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCounted {
    /// The source: a node's name or an outside feed.
    pub source: String,
    /// What sort of facts it supplies.
    pub feed: Feed,
    /// The UTC day, `YYYY-MM-DD`.
    pub day: String,
    /// Events that the source produced in that day; zero is an answer, silence is not.
    pub events: u64,
    /// For a target log: the resources, as `type:id`, whose whole activity of that day it holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<String>,
}

/// `source.observed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceObserved {
    /// The source, for example `hr`, `ci`, `postgres-audit`.
    pub source: String,
    /// When it happened there.
    pub occurred_at: Timestamp,
    /// Members `feed` and `record`: what was observed.
    #[serde(flatten)]
    pub observation: Observation,
    /// SHA-256 of the raw record as it was delivered.
    pub raw_sha256: Digest,
}

/// A fact from outside, in the members that control tests read. The importer translates; the raw record stays named by its digest.
///
/// Names that the importer cannot resolve are kept as the source wrote them: an unknown account must not keep a fact out of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "feed", content = "record", rename_all = "snake_case")]
pub enum Observation {
    /// A privileged act in a system's own log.
    TargetLog {
        /// The verb, as in the action catalogue where it is known.
        action: String,
        /// The resource, `type:id` where it is known.
        resource: String,
        /// The principal where it is known, otherwise the account as the system names it.
        actor: String,
    },
    /// A change in a person's employment or status.
    IdentityStatus {
        /// The person.
        person: PersonId,
        /// The new status.
        status: IdentityState,
        /// From when it holds.
        effective_at: Timestamp,
    },
    /// A test of an artefact.
    TestResult {
        /// SHA-256 of the artefact's bytes.
        artefact_sha256: Digest,
        /// How it ended.
        outcome: TestOutcome,
    },
    /// An entry of an inventory.
    Inventory {
        /// The artefact's name.
        name: String,
        /// SHA-256 of its bytes.
        sha256: Digest,
        /// Whether it may be used from `occurred_at` on.
        status: InventoryState,
        /// What the inventory's own check of the artefact's signature said; absent when it made none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature_valid: Option<bool>,
        /// The only environment it is meant for; absent when it is not bound to one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        environment: Option<String>,
    },
    /// Access to the audit store around Privyseal: the database, the folder, a backup.
    StoreAccess {
        /// The principal where it is known, otherwise the account as the store names it.
        actor: String,
        /// What was done.
        operation: StoreOperation,
        /// What it was done to.
        object: String,
    },
}

impl Observation {
    /// The feed it belongs to, as `source.counted` names it.
    #[must_use]
    pub fn feed(&self) -> Feed {
        match self {
            Observation::TargetLog { .. } => Feed::TargetLog,
            Observation::IdentityStatus { .. } => Feed::IdentityStatus,
            Observation::TestResult { .. } => Feed::TestResult,
            Observation::Inventory { .. } => Feed::Inventory,
            Observation::StoreAccess { .. } => Feed::StoreAccess,
        }
    }
}

/// Where a person stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityState {
    /// Works here.
    Active,
    /// Changed duties.
    Moved,
    /// Left.
    Ended,
}

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the meaning")]
pub enum TestOutcome {
    Pass,
    Fail,
}

/// Whether an artefact may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the meaning")]
pub enum InventoryState {
    Approved,
    Withdrawn,
}

/// What was done to the audit store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the meaning")]
pub enum StoreOperation {
    Read,
    Write,
    Delete,
    Alter,
}
