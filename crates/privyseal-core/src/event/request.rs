//! Bodies about asking and deciding.

use serde::{Deserialize, Serialize};

use super::{ActorKind, Text};
use crate::action::Action;
use crate::assessment::{Assessment, Assurance, Determining};
use crate::digest::Digest;
use crate::id::{PersonId, PrincipalId, RequestId, Role};
use crate::requirement::{Filled, Requirement};
use crate::time::Timestamp;

/// A principal as it was at the moment: recorded so that nobody has to reconstruct it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The account.
    pub principal: PrincipalId,
    /// What sort of thing it is.
    pub kind: ActorKind,
    /// The natural person behind it: its own for humans, the owner's for agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// The owner's account, for agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PrincipalId>,
}

/// The model an agent says it runs, at the moment it asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedModel {
    /// Model or program name, as in the agent's registry record.
    pub model: String,
    /// Its version.
    pub version: String,
}

/// `request.submitted`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submitted {
    /// Who asks.
    pub requester: Party,
    /// For whom, when not for themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Party>,
    /// Who will run it, when not the requester.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<Party>,
    /// The spawn chain above the requester, nearest first.
    #[serde(default)]
    pub chain: Vec<Party>,
    /// Every natural person who is a subject of the request and can therefore never review it:
    /// requester, on-behalf-of, executor, owners, each link of the chain, authors of the inputs, and their delegates.
    pub subjects: Vec<PersonId>,
    /// The model that the requesting agent says it runs; absent when it does not say, and for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_model: Option<ClaimedModel>,
    /// What is asked.
    #[serde(flatten)]
    pub action: Action,
    /// Its digest: the first of the three (asked, shown, run).
    pub action_digest: Digest,
    /// Why, in the requester's words.
    pub justification: Text,
    /// Length of the justification in characters, without white space at both ends; still known when the text is hidden.
    pub justification_chars: u64,
    /// How many earlier requests of the same requester carry the identical justification.
    pub justification_repeats: u64,
    /// Ticket reference, when given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// SHA-256 of the client's idempotency key, when given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_sha256: Option<Digest>,
    /// The request that this one repeats after a change, when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_request: Option<RequestId>,
    /// The reviewer who made this request out of the previous one by narrowing it; absent for one that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrowed_by: Option<Party>,
    /// The system that the grant is for, as the requester names it; the grant is refused everywhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Names the batch that it came in, when it came in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// Environment as the server derived it, for example `production`; absent when nothing says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Data classification as the server derived it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_class: Option<String>,
    /// Class of change from the action catalogue, for example `schema`, `access`, `data`, `infrastructure`.
    pub change_class: String,
    /// `reversible`, `costly` or `irreversible`, from the action catalogue.
    pub reversibility: String,
    /// Whether the action changes a running system in place instead of redeploying it, from the action catalogue; absent when it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place: Option<bool>,
    /// The requester's answer to "is this a significant change?"; absent when not answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub significant_change: Option<bool>,
    /// Digest of the action catalogue in force.
    pub catalogue_digest: Digest,
    /// Persons who wrote the inputs, when the inputs name them.
    #[serde(default)]
    pub authors: Vec<PersonId>,
    /// Characters in what is shown that deceive the eye, as code points.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deceptive: Vec<String>,
    /// What policy said.
    pub assessment: Assessment,
    /// When it expires undecided.
    pub expires_at: Timestamp,
}

/// `request.withdrawn`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// Why, when given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Text>,
    /// The reviewer who put a narrower request in its place; absent when the requester took it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrowed_by: Option<Party>,
    /// The request that takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<RequestId>,
}

/// `request.expired`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expired {
    /// When its time ended; `time` on the envelope is when that was recorded.
    pub expires_at: Timestamp,
}

/// `request.escalated`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalated {
    /// Who is asked in addition.
    pub to: Vec<PrincipalId>,
    /// Why, for example `no review within 30m`.
    pub reason: String,
    /// Who must seal it from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirement: Option<Requirement>,
}

/// `request.reminded`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminded {
    /// Who is reminded: everyone who could fill an open slot and has given no verdict.
    pub to: Vec<PrincipalId>,
    /// Which reminder this is, from 1.
    pub number: u64,
}

/// How a request came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// Policy let it straight through; no person decided.
    Automatic,
    /// Distinct persons filled every slot.
    Quorum,
    /// Policy refused it.
    Policy,
    /// Persons denied it.
    Review,
    /// Someone used break-glass; nobody approved.
    Breakglass,
}

/// `request.approved`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// `automatic`, `quorum` or `breakglass`.
    pub mechanism: Mechanism,
    /// Which person filled which slot; empty when automatic.
    pub slots: Vec<Filled>,
    /// Number of distinct persons in `slots`.
    pub persons: u64,
    /// What was approved.
    pub action_digest: Digest,
    /// Under which policy.
    pub policy_digest: Digest,
}

/// `request.denied`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// `policy` or `review`.
    pub mechanism: Mechanism,
    /// The persons who denied; empty when policy did.
    pub persons: Vec<PersonId>,
    /// The rules that refused, when policy did.
    #[serde(default)]
    pub rules: Vec<Determining>,
    /// Under which policy.
    pub policy_digest: Digest,
}

/// A person's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the meaning")]
pub enum Verdict {
    Approve,
    Deny,
}

impl Verdict {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Approve => "approve",
            Verdict::Deny => "deny",
        }
    }
}

/// The statement that a reviewer's passkey signs; the WebAuthn challenge is
/// SHA-256(`"privyseal/review/v1\n"` ‖ its canonical JSON).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewStatement {
    /// Origin of the log.
    pub log: String,
    /// The request.
    pub request_id: RequestId,
    /// What was shown.
    pub action_digest: Digest,
    /// The verdict.
    pub verdict: Verdict,
    /// The policy under which it was shown.
    pub policy_digest: Digest,
    /// SHA-256 of the comment's UTF-8 bytes.
    pub comment_digest: Digest,
    /// When it was shown.
    pub shown_at: Timestamp,
    /// Who reviews.
    pub reviewer: PrincipalId,
}

/// A WebAuthn assertion with all that is needed to verify it again offline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    /// WebAuthn credential id, base64url.
    pub credential: String,
    /// base64url.
    pub authenticator_data: String,
    /// base64url.
    pub client_data_json: String,
    /// base64url; DER for ES256, 64 bytes for EdDSA.
    pub signature: String,
}

/// `review.recorded`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReviewRecorded {
    /// The verdict.
    pub verdict: Verdict,
    /// Who, with the person behind the account as of now.
    pub reviewer: Party,
    /// Roles and groups held now.
    pub roles: Vec<Role>,
    /// The comment, when given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Text>,
    /// SHA-256 of the comment's UTF-8 bytes (of the empty text when there is none).
    pub comment_digest: Digest,
    /// The digest that was shown: the second of the three.
    pub shown_digest: Digest,
    /// When it was shown.
    pub shown_at: Timestamp,
    /// Milliseconds from shown to decided.
    pub display_ms: u64,
    /// The policy under which it was shown.
    pub policy_digest: Digest,
    /// How strongly the reviewer proved who they are, for this very decision.
    pub assurance: Assurance,
    /// The delegation used, when the reviewer decides for someone else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<String>,
    /// The delegator in whose place the reviewer decides; their own verdict is thereby given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place_of: Option<Party>,
    /// What the passkey signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<ReviewStatement>,
    /// The passkey's signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion: Option<Assertion>,
}

/// `review.refused`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewRefused {
    /// The verdict that was attempted.
    pub verdict: Verdict,
    /// Who attempted it.
    pub reviewer: Party,
    /// Stable code, for example `subject_of_request`.
    pub code: String,
    /// One sentence.
    pub reason: String,
}
