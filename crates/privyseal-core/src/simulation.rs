//! What another policy would have done with requests that were really asked: which would have been routed differently, by which rules,
//! how often. Asking the other policy is done elsewhere; here two assessments are compared, and those that differ alike are one group.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::assessment::{Assessment, Assurance, Outcome};
use crate::event::request::Submitted;
use crate::id::RequestId;

/// Requests that a group names as examples.
pub const MAX_EXAMPLES: usize = 3;

/// How a request is routed: what becomes of it, who must seal it, how strongly, and within which limits. Names with values, in the order
/// in which people read them; nothing but the outcome for a request that is refused, because nothing else means anything then.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Route(BTreeMap<Term, String>);

/// One property of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the meaning")]
pub enum Term {
    Outcome,
    Requirement,
    Assurance,
    Tier,
    DenyThreshold,
    ExpiresSeconds,
    GrantSeconds,
    Uses,
    RunSeconds,
    RemindSeconds,
    Escalation,
}

impl Term {
    /// As people read it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Term::Outcome => "outcome",
            Term::Requirement => "sealed by",
            Term::Assurance => "assurance",
            Term::Tier => "tier",
            Term::DenyThreshold => "denials that end it",
            Term::ExpiresSeconds => "expires after seconds",
            Term::GrantSeconds => "grant lives seconds",
            Term::Uses => "uses",
            Term::RunSeconds => "run takes at most seconds",
            Term::RemindSeconds => "reminded every seconds",
            Term::Escalation => "escalation",
        }
    }
}

impl Route {
    /// The route of an assessment.
    #[must_use]
    pub fn of(assessment: &Assessment) -> Self {
        if assessment.outcome == Outcome::Refuse {
            return Self(BTreeMap::from([(Term::Outcome, "refused".to_owned())]));
        }
        let assurance = match assessment.assurance {
            Assurance::Session => "session",
            Assurance::Passkey => "passkey",
        };
        let mut terms = BTreeMap::from([
            (Term::Outcome, if assessment.requirement.is_none() { "straight through" } else { "held" }.to_owned()),
            (Term::Requirement, assessment.requirement.to_string()),
            (Term::Assurance, assurance.to_owned()),
            (Term::Tier, assessment.tier.as_str().to_owned()),
            (Term::DenyThreshold, assessment.deny_threshold.to_string()),
            (Term::ExpiresSeconds, assessment.expires_seconds.to_string()),
            (Term::GrantSeconds, assessment.grant_seconds.to_string()),
            (Term::Uses, assessment.uses.to_string()),
        ]);
        terms.extend(assessment.run_seconds.map(|seconds| (Term::RunSeconds, seconds.to_string())));
        terms.extend(assessment.remind_seconds.map(|seconds| (Term::RemindSeconds, seconds.to_string())));
        terms.extend(
            assessment
                .escalation
                .as_ref()
                .map(|escalation| (Term::Escalation, format!("{} after {} seconds", escalation.requirement, escalation.after_seconds))),
        );
        Self(terms)
    }

    /// A term's value.
    #[must_use]
    pub fn get(&self, term: Term) -> Option<&str> {
        self.0.get(&term).map(String::as_str)
    }

    /// The outcome and these terms, as far as it has them.
    fn only(self, terms: &BTreeSet<Term>) -> Self {
        Self(self.0.into_iter().filter(|(term, _)| *term == Term::Outcome || terms.contains(term)).collect())
    }

    /// What is different under another route: the term, its value here and there. The outcome comes first when it differs.
    #[must_use]
    pub fn changes<'a>(&'a self, other: &'a Route) -> Vec<(Term, Option<&'a str>, Option<&'a str>)> {
        let terms: BTreeSet<Term> = self.0.keys().chain(other.0.keys()).copied().collect();
        let both = terms.into_iter().map(|term| (term, self.get(term), other.get(term)));
        // What only one of them can have, because the other refuses, tells nothing that the outcome does not.
        let refused = self.0.len() == 1 || other.0.len() == 1;
        both.filter(|(term, one, two)| one != two && (!refused || matches!(term, Term::Outcome | Term::Requirement))).collect()
    }
}

/// A rule that says something else about a request than before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RuleChange {
    /// Its `@id`; begins with `policy:` where no rule of the policy spoke.
    pub rule: String,
    /// What it said before; none when it did not match, or is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What it says now; none when it does not match any more, or is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The rules that made the difference: those that added points or decided, on one side only or differently. When all say the same by
/// these words, the limits of the rules that decide were changed, and these are named.
#[must_use]
pub fn rule_changes(before: &Assessment, after: &Assessment) -> Vec<RuleChange> {
    let (one, two) = (said(before), said(after));
    let rules: BTreeSet<&String> = one.keys().chain(two.keys()).collect();
    let change = |rule: &String| RuleChange { rule: rule.clone(), before: one.get(rule).cloned(), after: two.get(rule).cloned() };
    let changed: Vec<RuleChange> = rules.into_iter().map(change).filter(|change| change.before != change.after).collect();
    if !changed.is_empty() || Route::of(before) == Route::of(after) {
        return changed;
    }
    let limits = |rule: &String| RuleChange {
        rule: rule.clone(),
        before: one.get(rule).cloned(),
        after: two.get(rule).map(|said| format!("{said}, with other limits")),
    };
    after.determining.iter().map(|rule| limits(&rule.rule)).collect()
}

fn said(assessment: &Assessment) -> BTreeMap<String, String> {
    let points = assessment.factors.iter().map(|factor| {
        let unsure = if factor.errored { " (a fact is missing)" } else { "" };
        (factor.rule.clone(), format!("{} points{unsure}", factor.points))
    });
    let routes = assessment.determining.iter().map(|rule| {
        let says = if rule.approvals.is_empty() { "refuses".to_owned() } else { format!("asks for {}", rule.approvals) };
        (rule.rule.clone(), says)
    });
    points.chain(routes).collect()
}

/// A request as an example of its group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Its id.
    pub request: RequestId,
    /// Its verb.
    pub action: String,
    /// Its resource, as `type:id`.
    pub resource: String,
}

/// Requests that change in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// How they were routed: the outcome, and what would be different.
    pub before: Route,
    /// How they would be: the same of it.
    pub after: Route,
    /// The rules that make the difference.
    pub rules: Vec<RuleChange>,
    /// How many.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// Requests that the other policy could not be asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotJudged {
    /// Why.
    pub why: String,
    /// How many.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// What requests of one group have in common: their routes before and after, and the rules that make the difference.
type Change = (Route, Route, Vec<RuleChange>);

/// How many, and the first of them.
type Counted = (u64, Vec<Example>);

/// What came of a simulation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulation {
    total: u64,
    same: u64,
    other_points: u64,
    groups: BTreeMap<Change, Counted>,
    not_judged: BTreeMap<String, Counted>,
}

impl Simulation {
    /// Counts a request, with what the other policy says about it or why it cannot be asked.
    pub fn add(&mut self, request: RequestId, submitted: &Submitted, after: Result<&Assessment, String>) {
        self.total += 1;
        let before = &submitted.assessment;
        let counted = match after {
            Err(why) => self.not_judged.entry(why).or_default(),
            Ok(after) => {
                let routes = (Route::of(before), Route::of(after));
                if routes.0 == routes.1 {
                    self.same += 1;
                    self.other_points += u64::from(before.risk != after.risk);
                    return;
                }
                // What stays as it is tells no two groups apart: people would see the same group twice.
                let terms: BTreeSet<Term> = routes.0.changes(&routes.1).into_iter().map(|(term, ..)| term).collect();
                let (was, is) = (routes.0.only(&terms), routes.1.only(&terms));
                self.groups.entry((was, is, rule_changes(before, after))).or_default()
            }
        };
        counted.0 += 1;
        if counted.1.len() < MAX_EXAMPLES {
            let action = &submitted.action;
            counted.1.push(Example { request, action: action.verb.to_string(), resource: action.resource.name.to_string() });
        }
    }

    /// Requests of the period.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Those that would have been routed as they were.
    #[must_use]
    pub fn same(&self) -> u64 {
        self.same
    }

    /// Those of them whose risk would have been another number.
    #[must_use]
    pub fn other_points(&self) -> u64 {
        self.other_points
    }

    /// Those that would have been routed differently.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.groups.values().map(|(count, _)| count).sum()
    }

    /// Those that the other policy could not be asked about.
    #[must_use]
    pub fn unjudged(&self) -> u64 {
        self.not_judged.values().map(|(count, _)| count).sum()
    }

    /// The groups, largest first.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        let group = |((before, after, rules), (count, examples)): (&Change, &Counted)| Group {
            before: before.clone(),
            after: after.clone(),
            rules: rules.clone(),
            count: *count,
            examples: examples.clone(),
        };
        let mut groups: Vec<Group> = self.groups.iter().map(group).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }

    /// Those that could not be judged, by why, largest first.
    #[must_use]
    pub fn not_judged(&self) -> Vec<NotJudged> {
        let of = |(why, (count, examples)): (&String, &Counted)| NotJudged { why: why.clone(), count: *count, examples: examples.clone() };
        let mut all: Vec<NotJudged> = self.not_judged.iter().map(of).collect();
        all.sort_by_key(|not| std::cmp::Reverse(not.count));
        all
    }

    /// A part of all requests in thousandths, rounded to the nearest; 0 of none.
    #[must_use]
    pub fn permille(&self, count: u64) -> u64 {
        count.saturating_mul(1_000).saturating_add(self.total / 2).checked_div(self.total).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
