//! Bodies about grants, runs and break-glass.

use serde::{Deserialize, Serialize};

use super::Text;
use super::request::{Assertion, Mechanism, Party};
use crate::action::Resource;
use crate::digest::Digest;
use crate::id::{ActionId, ExecutionId, GrantId, PrincipalId, RequestId};
use crate::time::Timestamp;

/// `grant.issued`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrantIssued {
    /// The grant.
    pub grant_id: GrantId,
    /// The one action that may run.
    pub action_digest: Digest,
    /// Its verb.
    pub action: ActionId,
    /// Its resource.
    pub resource: Resource,
    /// Environment as derived when it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The only principal that may redeem it.
    pub subject: PrincipalId,
    /// Grammar of the scope; `exact/1` means this digest and nothing else.
    pub scope: String,
    /// First moment at which it may be redeemed: the moment of approval.
    pub not_before: Timestamp,
    /// First moment at which it may not.
    pub expires_at: Timestamp,
    /// How often it may be redeemed.
    pub max_uses: u64,
    /// Random, 16 bytes base64url; unique over the log.
    pub nonce: String,
    /// How it came about.
    pub mechanism: Mechanism,
    /// The only system that may redeem it, by the name that it gives itself; absent for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Seconds a run may take before its outcome counts as unknown; absent on grants before this limit was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_seconds: Option<i64>,
}

/// `grant.redeemed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRedeemed {
    /// The grant.
    pub grant_id: GrantId,
    /// The run it allowed.
    pub execution_id: ExecutionId,
    /// Which use this is, from 1.
    pub use_number: u64,
    /// The nonce of the grant.
    pub nonce: String,
    /// Digest of what is about to run: the third of the three.
    pub run_digest: Digest,
}

/// `grant.refused`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRefused {
    /// The grant.
    pub grant_id: GrantId,
    /// Who tried.
    pub executor: Party,
    /// What they would have run.
    pub run_digest: Digest,
    /// Stable code: `grant_used`, `grant_expired`, `grant_revoked`, `action_changed`, `wrong_executor`.
    pub code: String,
    /// One sentence.
    pub reason: String,
}

/// `grant.expired`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantExpired {
    /// The grant.
    pub grant_id: GrantId,
    /// When its time ended.
    pub expires_at: Timestamp,
}

/// `grant.revoked`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRevoked {
    /// The grant.
    pub grant_id: GrantId,
    /// Why.
    pub reason: String,
    /// From when it holds; the engine acts on it in the same commit.
    pub effective_at: Timestamp,
}

/// Something that will be used in a run and has a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// Its name.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

/// `execution.started`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// The run.
    pub execution_id: ExecutionId,
    /// The grant behind it.
    pub grant_id: GrantId,
    /// The verb.
    pub action: ActionId,
    /// The resource.
    pub resource: Resource,
    /// Environment of the grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Digest of what runs: the third of the three.
    pub run_digest: Digest,
    /// Who runs it.
    pub executor: Party,
    /// Name and version of the executing program, for example `privyseal-exec/0.1.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Host it runs on, as the executor says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Programs and files used, by digest.
    #[serde(default)]
    pub artefacts: Vec<Artefact>,
    /// Policy in force when it was asked.
    pub policy_digest: Digest,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the meaning")]
pub enum RunOutcome {
    Succeeded,
    Failed,
}

/// `execution.finished`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// The run.
    pub execution_id: ExecutionId,
    /// The grant behind it.
    pub grant_id: GrantId,
    /// How it ended.
    pub outcome: RunOutcome,
    /// The process's exit code, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// SHA-256 over the SHA-256 of standard output followed by the SHA-256 of standard error: two streams, no order between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_sha256: Option<Digest>,
    /// Length of that output in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// When the executor says it ended (its clock).
    pub occurred_at: Timestamp,
    /// Milliseconds from start to end, as the engine recorded both.
    pub duration_ms: u64,
    /// Incident reference for a failed change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// The run that this one rolls back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_of: Option<ExecutionId>,
}

/// `execution.unknown`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// The run.
    pub execution_id: ExecutionId,
    /// The grant behind it.
    pub grant_id: GrantId,
    /// Why nobody can know.
    pub reason: String,
}

/// `killswitch.engaged`, `killswitch.released`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Killswitch {
    /// Which agents: `all`, those of one `owner`, or one `agent`.
    pub scope: HaltScope,
    /// The owner's or agent's account; absent for `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalId>,
    /// Why.
    pub reason: String,
}

/// Whom a kill switch stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HaltScope {
    /// Every agent.
    All,
    /// Every agent that one person answers for, directly or through the agents that spawned it.
    Owner,
    /// One agent, and those that it spawned.
    Agent,
}

/// `breakglass.invoked`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakglassInvoked {
    /// The emergency grant.
    pub grant_id: GrantId,
    /// Who took it.
    pub invoker: Party,
    /// Why.
    pub reason: Text,
    /// Length of the reason in characters, without white space at both ends; still known when the text is hidden.
    pub reason_chars: u64,
    /// When the grant ends.
    pub expires_at: Timestamp,
    /// By when someone outside must have judged it.
    pub review_due_at: Timestamp,
}

/// The statement that a reviewer's passkey signs when judging an emergency; the WebAuthn challenge is
/// SHA-256(`"privyseal/breakglass-review/v1\n"` ‖ its canonical JSON).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgementStatement {
    /// Origin of the log.
    pub log: String,
    /// The request.
    pub request_id: RequestId,
    /// The emergency grant.
    pub grant_id: GrantId,
    /// The judgement.
    pub outcome: BreakglassOutcome,
    /// SHA-256 of the comment's UTF-8 bytes.
    pub comment_digest: Digest,
    /// Who judges.
    pub reviewer: PrincipalId,
}

/// `breakglass.reviewed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakglassReviewed {
    /// The emergency grant.
    pub grant_id: GrantId,
    /// Who judged it.
    pub reviewer: Party,
    /// `justified` or `unjustified`.
    pub outcome: BreakglassOutcome,
    /// What was found.
    pub comment: Text,
    /// What the passkey signed, when one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<JudgementStatement>,
    /// The passkey's signature over `statement`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion: Option<Assertion>,
}

/// The judgement after an emergency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the meaning")]
pub enum BreakglassOutcome {
    Justified,
    Unjustified,
}
