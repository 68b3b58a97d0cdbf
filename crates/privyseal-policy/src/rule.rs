//! Rules: Cedar policies with their meaning in annotations. A rule either adds risk, routes a request to people, or forbids it.
//!
//! Loading parses every statement of every file by itself, so that one broken rule does not hide the problems of the next.
//! Type checking against the generated schema stands in `rule/check.rs`.

mod annotation;
mod check;
mod depends;
mod scan;
mod values;

use std::collections::BTreeMap;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{Effect, Policy, PolicyId};
use privyseal_core::assessment::Assurance;
use privyseal_core::requirement::Requirement;

use crate::problem::{Problem, Problems, Source};
use annotation::Annotations;
use scan::{MAX_WEIGHT, Piece};

pub(crate) use check::check;
pub(crate) use depends::depends_on;

/// Life of an undecided request, for a rule without `@expires`.
pub(crate) const DEFAULT_EXPIRES_SECONDS: i64 = 30 * 60;
/// Life of a grant, for a rule without `@grant`.
pub(crate) const DEFAULT_GRANT_SECONDS: i64 = 10 * 60;
/// How long a run may take, for a rule without `@run`.
pub(crate) const DEFAULT_RUN_SECONDS: i64 = 24 * 60 * 60;

/// A rule of the policy, as it stands in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its `@id`.
    pub id: String,
    /// Its `@because`; empty when it has none.
    pub because: String,
    /// What it does when it matches.
    pub kind: RuleKind,
    /// The file it stands in.
    pub file: String,
    /// The line on which it starts, from 1.
    pub line: usize,
    /// Its text.
    pub text: String,
}

/// What a rule does when it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// Adds points to the risk.
    Risk {
        /// From 1 to 100.
        points: u8,
    },
    /// Permits the request, under a condition.
    Route(Route),
    /// Refuses the request.
    Forbid,
}

/// The condition under which a routing rule permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Who must seal it.
    pub requirement: Requirement,
    /// The same, as it is written.
    pub approvals: String,
    /// Seconds until an undecided request expires.
    pub expires_seconds: i64,
    /// Seconds the grant lives, from the approval.
    pub grant_seconds: i64,
    /// How strongly reviewers must authenticate.
    pub assurance: Assurance,
    /// How many denials end it.
    pub deny_threshold: u64,
    /// How often the grant may be used, 1 to 1,000.
    pub uses: u64,
    /// Seconds a run may take before its outcome counts as unknown.
    pub run_seconds: i64,
    /// Seconds after which, again and again, those who have not reviewed are reminded; `None` for never.
    pub remind_seconds: Option<i64>,
    /// Who else is asked after a time; `None` for nobody.
    pub fallback: Option<Fallback>,
}

/// Who may seal instead, once a request has waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Seconds after the submission; less than the rule's `expires_seconds`.
    pub after_seconds: i64,
    /// Who may seal it then instead of those of the rule; never nobody.
    pub requirement: Requirement,
}

/// A rule with its parsed form; the number of the rule in the bundle is its Cedar policy id.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) rule: Rule,
    pub(crate) policy: Policy,
    pub(crate) piece: Piece,
}

/// Reads the rules of one file and adds them to `rules`.
pub(crate) fn read(source: Source<'_>, rules: &mut Vec<Loaded>, problems: &mut Problems) {
    for piece in scan::pieces(source.text) {
        let text = source.slice(piece.start..piece.end);
        if piece.weight() > MAX_WEIGHT {
            let fix = "split it into several rules, or end the rule before it with `;`: nobody can read this in ten seconds";
            problems.add(source.problem(piece.start, "the rule is too long or too deeply nested", fix));
            continue;
        }
        let id = PolicyId::new(rules.len().to_string());
        let policy = match Policy::parse(Some(id), text) {
            Ok(policy) => policy,
            Err(errors) => {
                for error in errors.iter() {
                    problems.add(from_cedar(source, piece.start, &DetailedError::from(error), "correct the syntax of this rule"));
                }
                continue;
            }
        };
        let (line, _) = source.place(piece.start);
        let mut annotations = Annotations { source, piece: &piece, policy: &policy, problems };
        let rule = Rule {
            id: annotations.id(),
            because: annotations.because(),
            kind: annotations.kind(),
            file: source.name.to_owned(),
            line,
            text: text.to_owned(),
        };
        rules.push(Loaded { rule, policy, piece });
    }
}

/// Reports ids that several rules share.
pub(crate) fn check_ids(rules: &[Loaded], sources: &[Source<'_>], problems: &mut Problems) {
    let mut first: BTreeMap<&str, &Rule> = BTreeMap::new();
    for loaded in rules.iter().filter(|loaded| !loaded.rule.id.is_empty()) {
        let Some(earlier) = first.get(loaded.rule.id.as_str()) else {
            first.insert(&loaded.rule.id, &loaded.rule);
            continue;
        };
        let Some(source) = source_of(&loaded.rule, sources) else { continue };
        problems.add(source.problem(
            loaded.piece.value_at("id"),
            format!("`{}` is the @id of two rules", loaded.rule.id),
            format!("the other stands in {}:{}; rename one", earlier.file, earlier.line),
        ));
    }
}

pub(crate) fn source_of<'a>(rule: &Rule, sources: &[Source<'a>]) -> Option<Source<'a>> {
    sources.iter().find(|source| source.name == rule.file).copied()
}

pub(crate) fn is_permit(policy: &Policy) -> bool {
    policy.effect() == Effect::Permit
}

/// A problem out of what Cedar reports about the text that starts at `start`.
pub(crate) fn from_cedar(source: Source<'_>, start: usize, error: &DetailedError, otherwise: &str) -> Problem {
    let label = error.source_locations.first();
    let at = start + label.map_or(0, |label| label.loc.start);
    let mut what = plain(&error.message);
    if let Some(label) = label.and_then(|label| label.label.as_deref()).filter(|label| !what.contains(*label)) {
        what = format!("{what} ({label})");
    }
    let fix = error.help.as_deref().map_or_else(|| otherwise.to_owned(), plain);
    source.problem(at, what, fix)
}

/// Cedar's words on one line, without what means nothing to the reader: the id of a policy, which here is a number of ours, and
/// for which of the actions a context was looked at.
fn plain(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = match line.split_once("`, ") {
        Some((head, rest)) if head.starts_with("for policy `") => rest.to_owned(),
        _ => line,
    };
    match line.split_once(" in context for Action::\"") {
        Some((head, rest)) => format!("{head} of context{}", rest.split_once('"').map_or("", |(_, rest)| rest)),
        None => line,
    }
}
