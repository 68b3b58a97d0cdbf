//! What policy said about a request, as it is shown, recorded and replayed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::requirement::Requirement;

/// A version of the policy: the digest over its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRef {
    /// Counts published versions from 1.
    pub version: u64,
    /// Digest over names and contents of all policy files.
    pub digest: Digest,
}

/// How strongly a reviewer must have proven who they are. Ordered from weak to strong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// Any signed-in session of a person.
    #[default]
    Session,
    /// A passkey signature over this very decision.
    Passkey,
}

/// Coarse risk, for queues and for rules that speak of "high risk".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// 0 to 29 points.
    Low,
    /// 30 to 59 points.
    Medium,
    /// 60 to 100 points.
    High,
}

impl Tier {
    /// The tier of a score from 0 to 100.
    #[must_use]
    pub fn of(score: u8) -> Self {
        match score {
            0..=29 => Tier::Low,
            30..=59 => Tier::Medium,
            _ => Tier::High,
        }
    }

    /// The word, as in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::Low => "low",
            Tier::Medium => "medium",
            Tier::High => "high",
        }
    }
}

/// One reason why a request is risky: a rule that matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    /// The rule's `@id`.
    pub rule: String,
    /// Points it adds.
    pub points: u8,
    /// The rule's `@because`.
    pub because: String,
    /// The rule could not be evaluated (a fact was missing) and therefore counts as matched.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub errored: bool,
}

/// A rule that decided the route or the refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Determining {
    /// The rule's `@id`.
    pub rule: String,
    /// The rule's `@because`; empty when it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// What it requires, as written; empty for a forbid.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub approvals: String,
}

/// What policy answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It may be asked; the requirement says who must seal it, possibly nobody.
    Route,
    /// It may not be asked.
    Refuse,
}

/// What an outside advisor said about a request. It can only raise the risk, and its silence changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// Which advisor, as configured.
    pub advisor: String,
    /// Points that it added, 0 to 100; 0 when it did not answer.
    pub points: u8,
    /// Its reason; empty when it did not answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// Why there is no advice, for example `no answer within 500 ms`; absent when it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Milliseconds until it answered, or until it was given up.
    pub waited_ms: u64,
}

/// What happens when a request waits too long: more people are asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Seconds after the submission.
    pub after_seconds: i64,
    /// Who must seal it from then on: for each determining rule those of the rule, or its fallback.
    pub requirement: Requirement,
    /// The fewest distinct persons that satisfy `requirement`.
    pub persons_required: u64,
}

fn once() -> u64 {
    1
}

fn is_once(uses: &u64) -> bool {
    *uses == 1
}

/// Everything policy said about one request, computed once when it is submitted and recorded on `request.submitted`.
///
/// Later steps read the rule only from here, never from the policy of their own time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// Route or refuse.
    pub outcome: Outcome,
    /// Risk points, 0 to 100.
    pub risk: u8,
    /// The tier of `risk`.
    pub tier: Tier,
    /// The rules that added points, most points first.
    pub factors: Vec<Factor>,
    /// Facts the server derived and policy saw, by name. Claims of the requester are not among them.
    pub facts: BTreeMap<String, Value>,
    /// Names of facts that rules wanted and nobody could supply; each raised the risk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The policy that answered.
    pub policy: PolicyRef,
    /// The routing or forbidding rules that decided.
    pub determining: Vec<Determining>,
    /// Who must seal it.
    pub requirement: Requirement,
    /// The fewest distinct persons that satisfy `requirement`.
    pub persons_required: u64,
    /// Whether a person has to decide (the requirement is not empty).
    pub human_required: bool,
    /// How strongly reviewers must authenticate.
    pub assurance: Assurance,
    /// How many denials end it.
    pub deny_threshold: u64,
    /// Seconds until an undecided request expires.
    pub expires_seconds: i64,
    /// Seconds the grant lives, counted from the approval.
    pub grant_seconds: i64,
    /// How often the grant may be used; once, unless a rule says otherwise.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub uses: u64,
    /// Seconds a run may take before its outcome counts as unknown; absent on requests before this limit was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_seconds: Option<i64>,
    /// Seconds after which, again and again, those who have not reviewed are reminded; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_seconds: Option<i64>,
    /// Who else is asked, and when; absent for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Escalation>,
    /// What an outside advisor said; absent when none is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
    /// How the roster is fixed: `at-last-review` means eligibility is checked again at the last vote.
    pub roster_rule: String,
    /// The evaluating engine and its version, for re-performance.
    pub evaluator: String,
}
