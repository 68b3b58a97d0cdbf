//! `/controls`, `/controls/{framework}`, `/controls/{framework}/{control}`: what the tests say.
//!
//! No page here says "compliant" and none gives a score: five states, and what was not tested is listed as such.

mod sample;

use askama::Template;
use privyseal_core::finding::{ItemStatus, Strength};

use super::code::Code;
use super::mark;
use super::moment::Moment;
use super::number::{Count, Hash};
use super::shell::Shell;
use super::state::{State, States};
use super::text::Untrusted;

/// The list of frameworks.
#[derive(Clone, Debug, Template)]
#[template(path = "controls.html")]
pub struct ControlsPage {
    /// The frame.
    pub shell: Shell,
    /// What was tested, when, on which data.
    pub test: TestRun,
    /// Every framework of the catalogue.
    pub frameworks: Vec<FrameworkRow>,
}

/// One framework with all its controls.
#[derive(Clone, Debug, Template)]
#[template(path = "framework.html")]
pub struct FrameworkPage {
    /// The frame.
    pub shell: Shell,
    /// The framework.
    pub framework: FrameworkRow,
    /// Version of our catalogue of it.
    pub catalog_version: String,
    /// Digest of that catalogue.
    pub catalog_digest: Hash,
    /// What was tested, when, on which data.
    pub test: TestRun,
    /// Which controls are listed: a state's wire word, `untested`, or empty for all.
    pub show: &'static str,
    /// The controls in the catalogue's order, by group.
    pub groups: Vec<ControlGroup>,
}

/// One control with its tests.
#[derive(Clone, Debug, Template)]
#[template(path = "control.html")]
pub struct ControlPage {
    /// The frame.
    pub shell: Shell,
    /// Framework id.
    pub framework: String,
    /// The framework's name.
    pub framework_name: String,
    /// The control.
    pub control: ControlRow,
    /// What it is for, in our words.
    pub objective: String,
    /// What was tested, when, on which data.
    pub test: TestRun,
    /// Its tests that ran.
    pub assertions: Vec<AssertionView>,
    /// Its tests that are not written yet; they never count as passing.
    pub not_implemented: Vec<String>,
    /// What has to be evidenced elsewhere; empty when nothing is known to be.
    pub elsewhere: Vec<String>,
}

/// What was tested, when, on which data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRun {
    /// First day of the period, `YYYY-MM-DD`.
    pub from: Untrusted,
    /// First day after the period, `YYYY-MM-DD`.
    pub to: Untrusted,
    /// They run over this period right now; the page has to be looked at again.
    pub running: bool,
    /// When the tests ran; `None` when they have not, or not over this period.
    pub ran: Option<Moment>,
    /// Entries of the log that they saw.
    pub snapshot: Count,
    /// Periods that people often ask for, such as the last quarters.
    pub presets: Vec<Preset>,
    /// What is wrong with the period that was asked for, or why nothing could be tested.
    pub problem: Option<String>,
}

/// A period that people often ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name: `Q3 2026`.
    pub label: String,
    /// The same page over this period.
    pub href: String,
    /// It is the one that is shown.
    pub current: bool,
}

/// One framework.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameworkRow {
    /// Its id.
    pub id: String,
    /// Its full name.
    pub name: String,
    /// Its controls by state.
    pub states: States,
}

/// Controls of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlGroup {
    /// The group's title.
    pub title: String,
    /// Its controls.
    pub controls: Vec<ControlRow>,
}

/// One control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlRow {
    /// Its official id.
    pub id: String,
    /// Its short title.
    pub title: String,
    /// Where it is shown.
    pub href: String,
    /// How much the tests say about it; `None` when these events cannot evidence it.
    pub strength: Option<Strength>,
    /// Its state, or the mark of what was not tested.
    pub state: State,
    /// Ids of its tests that ran.
    pub tested: Vec<String>,
    /// How many of its tests are not written yet.
    pub not_implemented: usize,
}

/// One control test, run.
#[derive(Clone, Debug)]
pub struct AssertionView {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its state.
    pub state: State,
    /// What the state means here: one sentence.
    pub reason: String,
    /// What it asks of every item: what is judged, what violates, what cannot be judged.
    pub design: Vec<(&'static str, String)>,
    /// Items in all.
    pub population: Count,
    /// Items in violation.
    pub violations: Count,
    /// Items that cannot be judged.
    pub indeterminate: Count,
    /// Violations that policy tolerates.
    pub tolerance: Count,
    /// Parameters it ran with, name and value.
    pub parameters: Vec<(String, String)>,
    /// The SQL that ran.
    pub query: Code,
    /// Digest of the SQL.
    pub query_digest: Hash,
    /// Digest of the result.
    pub result_digest: Hash,
    /// The same statement in the SQL console; `None` for those who may not use it.
    pub sql: Option<String>,
    /// The first items, violations first.
    pub items: Vec<ItemRow>,
}

/// One item of a population.
#[derive(Clone, Debug)]
pub struct ItemRow {
    /// Its id.
    pub id: Untrusted,
    /// Where it is shown, when the portal shows it.
    pub href: Option<String>,
    /// The moment as of which it was judged.
    pub as_of: Moment,
    /// The verdict.
    pub status: ItemStatus,
    /// Why.
    pub reason: Untrusted,
}

impl ControlPage {
    /// Whether it is settled that nothing speaks to the control. Before the tests have run nobody knows about one that has tests.
    fn is_silent(&self) -> bool {
        self.assertions.is_empty() && (self.control.strength.is_none() || self.test.ran.is_some())
    }
}

impl ControlRow {
    /// What its strength means, in a few words.
    fn evidence(&self) -> &'static str {
        match self.strength {
            Some(Strength::Direct) => "the tests test its core",
            Some(Strength::Partial) => "the tests test a part of it, or only for actions that are held here",
            Some(Strength::Supporting) => "the tests support it",
            None => "",
        }
    }
}

impl ItemRow {
    fn word(&self) -> &'static str {
        match self.status {
            ItemStatus::Ok => "ok",
            ItemStatus::Violation => "violation",
            ItemStatus::Indeterminate => "cannot be judged",
        }
    }

    fn tone(&self) -> &'static str {
        match self.status {
            ItemStatus::Ok => "good",
            ItemStatus::Violation => "bad",
            ItemStatus::Indeterminate => "warn",
        }
    }

    fn mark(&self) -> mark::Svg {
        match self.status {
            ItemStatus::Ok => mark::CHECK,
            ItemStatus::Violation => mark::WARNING,
            ItemStatus::Indeterminate => mark::QUESTION,
        }
    }
}

impl AssertionView {
    fn cut(&self) -> Option<Count> {
        let shown = u64::try_from(self.items.len()).unwrap_or(u64::MAX);
        (shown < self.population.0).then_some(Count(shown))
    }
}
