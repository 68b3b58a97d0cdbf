//! `/requests/{id}`: one request, whole. The page on which people decide.
//!
//! INVARIANT: nothing of the action is cut, folded away by default, or scrolled out of sight. What cannot be shown whole cannot be approved here
//! ([`Decision::CannotShow`]).

mod decision;
mod record;
mod sample;

use askama::Template;

use super::code::Code;
use super::environment::Environment;
use super::link::WebLink;
use super::mark;
use super::moment::{Left, Moment};
use super::number::{Bytes, Count, Hash};
use super::party::Party;
use super::risk::{Factor, Risk};
use super::seal::{Seal, Seals};
use super::shell::Shell;
use super::state::{RunState, Standing};
use super::text::Untrusted;

pub use decision::{AfterForm, Decision, DecisionForm, Grant, Less, NarrowForm, NarrowParameter, Outcome, Run};
pub use record::{Digests, Entry, Proof};

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "request.html")]
pub struct RequestPage {
    /// The frame.
    pub shell: Shell,
    /// The request.
    pub request: Request,
}

/// What is fetched when the request has changed: its standing, its decision, its timeline.
#[derive(Clone, Debug, Template)]
#[template(path = "request_partial.html")]
pub struct RequestPartial {
    /// The frame, for the form's token.
    pub shell: Shell,
    /// The request.
    pub request: Request,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its id.
    pub id: String,
    /// The last characters of its id, for people.
    pub short: String,
    /// Where it stands.
    pub standing: Standing,
    /// Who asks, and who answers for them.
    pub asker: Asker,
    /// When it was asked.
    pub asked: Moment,
    /// What is asked.
    pub action: Action,
    /// Why it is asked.
    pub why: Why,
    /// How risky it is.
    pub risk: Risk,
    /// The reasons for the risk, most points first.
    pub factors: Vec<Factor>,
    /// Facts that rules wanted and nobody could supply; each raised the risk.
    pub missing: Vec<String>,
    /// What the request rests on, derived facts first.
    pub facts: Vec<Fact>,
    /// The rules that decided its route.
    pub rules: Vec<Rule>,
    /// The policy it was judged by.
    pub policy: PolicyLink,
    /// What else is said of it: who runs it where and how often, whom it asks later, what came before and after.
    pub terms: Vec<Term>,
    /// The form with which this person puts a narrower request in its place, when they may.
    pub narrow: Option<NarrowForm>,
    /// Who has sealed it and who must.
    pub seals: Seals,
    /// The requirement, as policy writes it: `2 of group:sre, 1 of group:dba`.
    pub requirement: String,
    /// How long it is open; `None` once it is decided.
    pub left: Option<Left>,
    /// What this person can do.
    pub decision: Decision,
    /// Where this person can withdraw the request: they asked it, and it is still pending.
    pub withdraw: Option<String>,
    /// How it came to its end, once it has.
    pub outcome: Option<Outcome>,
    /// What happened, oldest first.
    pub timeline: Vec<Entry>,
    /// Where it stands in the log.
    pub proof: Proof,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The account.
    pub party: Party,
    /// Model or program and version, for agents.
    pub program: Option<Untrusted>,
    /// Who answers for it, for agents.
    pub owner: Option<Party>,
    /// For whom it asks, when not for itself.
    pub on_behalf_of: Option<Party>,
    /// What spawned it, nearest first.
    pub chain: Vec<Party>,
    /// Through which door: `API`, `command line`, `MCP`.
    pub channel: &'static str,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Action {
    /// The verb.
    pub verb: String,
    /// What the verb means, from the action catalogue.
    pub meaning: String,
    /// The resource's type.
    pub resource_kind: String,
    /// The resource's id.
    pub resource_id: Untrusted,
    /// The environment as derived.
    pub environment: Environment,
    /// Whether it can be undone.
    pub reversibility: Reversibility,
    /// The command line that will run, when there is one.
    pub command: Option<Code>,
    /// Parameters and claimed attributes, in canonical order.
    pub parameters: Vec<Parameter>,
    /// The canonical JSON over which the digest is taken.
    pub canonical: Code,
    /// Resolved inputs.
    pub inputs: Vec<Input>,
    /// How many deceptive characters the shown text holds.
    pub deceptive: Count,
    /// The digest over all of it.
    pub digest: Hash,
}

/// Whether an action can be undone, in the words of the action catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum Reversibility {
    Reversible,
    Costly,
    Irreversible,
}

impl Reversibility {
    /// The word of the catalogue; whatever is not known counts as irreversible.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "reversible" => Self::Reversible,
            "costly" => Self::Costly,
            _ => Self::Irreversible,
        }
    }

    fn phrase(self) -> &'static str {
        match self {
            Self::Reversible => "can be undone",
            Self::Costly => "costly to undo",
            Self::Irreversible => "cannot be undone",
        }
    }
}

/// One parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its path: `parameters.lock_timeout`, `resource.attributes.tier`.
    pub path: Untrusted,
    /// Its value, JSON laid out for reading.
    pub value: Code,
}

/// One resolved input.
#[derive(Clone, Debug)]
pub struct Input {
    /// What it is: `file`, `tool`, `environment`, `definition`, `test`.
    pub kind: &'static str,
    /// Its name.
    pub name: Untrusted,
    /// Its SHA-256.
    pub digest: Hash,
    /// Its length.
    pub size: Bytes,
    /// Its content.
    pub content: InputContent,
}

/// The content of an input, as far as a page can show it.
#[derive(Clone, Debug)]
pub enum InputContent {
    /// Text, whole.
    Text(Code),
    /// Not text: only its digest says what it is.
    Binary,
    /// The bytes were never handed over; only the digest is known.
    Withheld,
    /// The bytes are there and cannot be shown: one sentence.
    Unshown(Untrusted),
}

/// Why it is asked.
#[derive(Clone, Debug)]
pub struct Why {
    /// The requester's words.
    pub justification: Untrusted,
    /// How many earlier requests of the same requester say exactly the same.
    pub repeats: Count,
    /// The ticket and, when the portal knows one, its link.
    pub ticket: Option<(Untrusted, Option<WebLink>)>,
}

/// One fact.
#[derive(Clone, Debug)]
pub struct Fact {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Untrusted,
    /// Privyseal found it out; otherwise the requester says so.
    pub derived: bool,
}

/// One more thing that is said of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// What.
    pub name: &'static str,
    /// What of it.
    pub value: Untrusted,
    /// Where that leads; a path of this portal.
    pub href: Option<String>,
}

/// A rule that decided the route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its `@id`.
    pub id: String,
    /// What it requires, as written; empty for a forbid.
    pub approvals: String,
    /// Its `@because`.
    pub because: Untrusted,
}

/// A policy version and where it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLink {
    /// The version.
    pub version: u64,
    /// Its digest.
    pub digest: Hash,
    /// Where it can be read.
    pub href: String,
}

impl Request {
    /// The heaviest reasons for the risk in one phrase.
    fn because(&self) -> Option<Untrusted> {
        let reasons: Vec<&str> = self.factors.iter().take(2).map(|factor| factor.because.verbatim()).collect();
        let more = self.factors.len().saturating_sub(reasons.len());
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        (!reasons.is_empty()).then(|| format!("{}{rest}", reasons.join("; ")).into())
    }

    fn facts_of(&self, derived: bool) -> Vec<&Fact> {
        self.facts.iter().filter(|fact| fact.derived == derived).collect()
    }

    /// Changes whenever the decision box must be drawn anew; typing is kept as long as it stays the same.
    fn decision_version(&self) -> String {
        format!("{}-{}", self.standing.state.as_str(), self.decision.word())
    }
}
