//! What a control test found: one row per population item, five states, and what that means for a control.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::event::evidence::Snapshot;
use crate::time::{Period, Timestamp};

/// How long after a period entries still count as evidence about it, in seconds: nodes count a day after it is over, and an emergency is
/// reviewed after it happened.
const SETTLING_SECONDS: i64 = 7 * 86_400;

/// When the findings of a period are settled: seven days after its end. What the log says from then on changes none of them.
#[must_use]
pub fn settled_at(period: Period) -> Timestamp {
    period.end.plus_seconds(SETTLING_SECONDS)
}

/// Items that a finding carries itself, worst first. The whole population goes to a [`crate::port::Populations`]: it may have as many items
/// as the log has entries.
pub const ITEMS_KEPT: usize = 1_000;

/// What a test says about one item of its population. SQL's NULL is `Indeterminate`, never `Ok`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the meaning")]
pub enum ItemStatus {
    Violation,
    Indeterminate,
    Ok,
}

impl ItemStatus {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ItemStatus::Violation => "violation",
            ItemStatus::Indeterminate => "indeterminate",
            ItemStatus::Ok => "ok",
        }
    }
}

/// One item of a population with its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Names the item within the population.
    pub item_id: String,
    /// The event it rests on.
    pub event_id: String,
    /// The moment as of which it was judged.
    pub as_of: Timestamp,
    /// The verdict.
    pub status: ItemStatus,
    /// Why; empty for `ok`.
    pub reason: String,
}

/// The state of a control test over a period. First match wins, in this order; a control's state is the worst of its tests'.
///
/// The order is the severity: `Error` is worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestState {
    /// The query failed or its result could not be kept.
    Error,
    /// Violations above the tolerance.
    Exception,
    /// Items that cannot be judged, a silent source, or an integrity gate that fails: inconclusive.
    NoEvidence,
    /// No item, with sources alive: the control did not operate in the period.
    NoPopulation,
    /// At least one item, all of them ok, gates passing.
    Pass,
}

impl TestState {
    /// All states, worst first.
    pub const ALL: [TestState; 5] =
        [TestState::Error, TestState::Exception, TestState::NoEvidence, TestState::NoPopulation, TestState::Pass];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TestState::Error => "error",
            TestState::Exception => "exception",
            TestState::NoEvidence => "no_evidence",
            TestState::NoPopulation => "no_population",
            TestState::Pass => "pass",
        }
    }

    /// The words for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            TestState::Error => "Error",
            TestState::Exception => "Exception",
            TestState::NoEvidence => "No evidence",
            TestState::NoPopulation => "Did not operate",
            TestState::Pass => "Pass",
        }
    }

    /// What it means, in one sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            TestState::Error => "The test could not be run to its end.",
            TestState::Exception => "At least one item of the population violates the assertion.",
            TestState::NoEvidence => "Inconclusive: items cannot be judged, or the evidence is missing or not intact.",
            TestState::NoPopulation => "The control did not operate in the period: there was nothing to test.",
            TestState::Pass => "Every item of the population was tested and none violates the assertion.",
        }
    }
}

/// What decides a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Items in all.
    pub rows: u64,
    /// Items in violation.
    pub violations: u64,
    /// Items that cannot be judged.
    pub indeterminate: u64,
    /// Violations that the policy tolerates.
    pub tolerance: u64,
    /// Whether the sources of the population were alive for the whole period.
    pub sources_alive: bool,
    /// Whether the integrity gates (I01, I02, I04) pass; true for the gates themselves.
    pub gates_pass: bool,
}

impl Counts {
    /// The state: first match wins.
    #[must_use]
    pub fn state(&self) -> TestState {
        if self.violations > self.tolerance {
            TestState::Exception
        } else if self.indeterminate > 0 || !self.gates_pass || (self.rows == 0 && !self.sources_alive) {
            TestState::NoEvidence
        } else if self.rows == 0 {
            TestState::NoPopulation
        } else if self.sources_alive {
            TestState::Pass
        } else {
            TestState::NoEvidence
        }
    }
}

/// One control test, run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssertionFinding {
    /// Id, for example `D01`.
    pub assertion: String,
    /// Its title.
    pub title: String,
    /// The SQL that ran, verbatim.
    pub query: String,
    /// SHA-256 of that text.
    pub query_digest: Digest,
    /// Parameters it ran with.
    pub parameters: Map<String, Value>,
    /// The state.
    pub state: TestState,
    /// Why that state, when it is not plain from the counts.
    pub reason: String,
    /// Items in all.
    pub rows: u64,
    /// Items in violation.
    pub violations: u64,
    /// Items that cannot be judged.
    pub indeterminate: u64,
    /// SHA-256 over the canonical JSON of the list of all items, in the order of their ids (as UTF-8 bytes).
    pub result_digest: Digest,
    /// The first [`ITEMS_KEPT`] items: violations first, then indeterminate, then ok, each by id.
    pub items: Vec<Item>,
}

/// How much an assertion says about a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// It tests the control's core.
    Direct,
    /// It tests part of the control, or only for gated actions.
    Partial,
    /// It supports the control.
    Supporting,
}

impl Strength {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Strength::Direct => "direct",
            Strength::Partial => "partial",
            Strength::Supporting => "supporting",
        }
    }
}

/// What the tests say about one control.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlFinding {
    /// Id within its framework, for example `CC6.3`.
    pub control: String,
    /// Short title.
    pub title: String,
    /// Group within the framework.
    pub group: String,
    /// How much the mapped assertions say about it; absent when these events cannot evidence it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<Strength>,
    /// Mapped assertions that ran.
    pub tested: Vec<String>,
    /// Mapped assertions that are not implemented yet; they never count as passing.
    pub not_implemented: Vec<String>,
    /// The worst state of `tested`; absent when nothing ran for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TestState>,
}

/// What the tests say about a framework.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrameworkFinding {
    /// Framework id, for example `soc2`.
    pub framework: String,
    /// Its full name.
    pub name: String,
    /// Version of our catalog.
    pub catalog_version: String,
    /// Digest of our catalog's files.
    pub catalog_digest: Digest,
    /// Every control of the catalog, in its order, the ones without evidence included.
    pub controls: Vec<ControlFinding>,
}

/// The result of one evaluation: frameworks, tests, and the data they ran on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// Period tested.
    pub period: Period,
    /// Data it ran on.
    pub snapshot: Snapshot,
    /// Engine and version.
    pub engine: String,
    /// Frameworks asked for.
    pub frameworks: Vec<FrameworkFinding>,
    /// Every test that ran, by id.
    pub assertions: Vec<AssertionFinding>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_match_wins_and_nothing_unknown_passes() {
        let alive = Counts { sources_alive: true, gates_pass: true, ..Counts::default() };
        for (counts, expected) in [
            (Counts { rows: 5, ..alive }, TestState::Pass),
            (alive, TestState::NoPopulation),
            (Counts { rows: 5, violations: 1, indeterminate: 1, ..alive }, TestState::Exception),
            (Counts { rows: 5, violations: 1, gates_pass: false, ..alive }, TestState::Exception),
            (Counts { rows: 5, violations: 1, tolerance: 1, ..alive }, TestState::Pass),
            (Counts { rows: 5, indeterminate: 1, ..alive }, TestState::NoEvidence),
            (Counts { rows: 5, gates_pass: false, ..alive }, TestState::NoEvidence),
            (Counts { rows: 5, sources_alive: false, ..alive }, TestState::NoEvidence),
            (Counts { sources_alive: false, ..alive }, TestState::NoEvidence),
        ] {
            assert_eq!(counts.state(), expected, "{counts:?}");
        }
    }
}
