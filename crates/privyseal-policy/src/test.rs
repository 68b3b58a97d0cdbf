//! Table tests of a policy: a TOML file of asks with what policy is expected to say, for `privyseal policy test`.
//!
//! ```toml
//! [[case]]
//! name = "a column on production needs two people"
//! agent = "agent:deploy-bot"
//! action = "db.schema.apply"
//! resource = "postgres:orders/prod"
//! parameters.sql = "ALTER TABLE orders ADD COLUMN note text"
//! expect.outcome = "route"
//! expect.risk = 55
//! expect.requirement = "1 of group:dba, 1 of group:sre"
//! ```
//!
//! What a case does not say has a harmless value: working hours on a Monday, a justification, a ticket, no first times.

use std::collections::{BTreeMap, BTreeSet};

use privyseal_core::action::{Action, Input, InputKind, Resource, ResourceRef};
use privyseal_core::assessment::{Advice, Assurance, Escalation, Outcome, Tier};
use privyseal_core::digest::Digest;
use privyseal_core::duration;
use privyseal_core::event::ActorKind;
use privyseal_core::id::{ActionId, PrincipalId, Role};
use privyseal_core::requirement::Requirement;
use privyseal_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;

use crate::Policy;
use crate::ask::{Ask, Assessed, History, Requester};
use crate::problem::{Problems, Source};

/// The version that cases are assessed under; it appears in no expectation.
const VERSION: u64 = 1;
/// What an empty list, and what is not there, is called in tables and mismatches.
const NONE: &str = "none";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: Spanned<String>,
    user: Option<PrincipalId>,
    agent: Option<PrincipalId>,
    owner: Option<PrincipalId>,
    #[serde(default)]
    roles: BTreeSet<Role>,
    action: ActionId,
    resource: String,
    #[serde(default)]
    claimed: Map<String, Value>,
    #[serde(default)]
    parameters: Map<String, Value>,
    /// Inputs whose text is known, by name.
    #[serde(default)]
    inputs: BTreeMap<String, String>,
    /// Inputs of which only the digest is known.
    #[serde(default)]
    unseen_inputs: Vec<String>,
    at: Option<Timestamp>,
    #[serde(default)]
    history: Past,
    #[serde(default)]
    on_behalf_of: bool,
    #[serde(default = "some_justification")]
    justification_chars: u64,
    #[serde(default = "yes")]
    has_ticket: bool,
    #[serde(default)]
    deceptive: bool,
    /// Points that an outside advisor adds, 0 to 100.
    advice: Option<u8>,
    expect: Expect,
}

fn yes() -> bool {
    true
}

fn some_justification() -> u64 {
    80
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Past {
    first_time_requester: bool,
    first_time_action: bool,
    first_time_resource: bool,
    requests_last_hour: u64,
    requests_last_day: u64,
    denied_last_day: u64,
    failed_last_day: u64,
    /// Earlier requests by UTC hour, for example `{ 9 = 30, 14 = 12 }`.
    hours: Option<BTreeMap<String, u64>>,
    requests_last_month: u64,
    active_days_last_month: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    outcome: Outcome,
    risk: Option<u8>,
    tier: Option<Tier>,
    requirement: Option<Requirement>,
    /// Ids of the determining rules, all of them.
    rules: Option<BTreeSet<String>>,
    /// Ids of the risk rules that matched, all of them.
    factors: Option<BTreeSet<String>>,
    /// Names of missing facts, all of them.
    missing: Option<BTreeSet<String>>,
    /// Some facts with their values.
    #[serde(default)]
    facts: BTreeMap<String, Value>,
    assurance: Option<Assurance>,
    deny: Option<u64>,
    expires: Option<String>,
    grant: Option<String>,
    uses: Option<u64>,
    run: Option<String>,
    /// A time, or `none`.
    remind: Option<String>,
    /// A time and who may seal it from then on, all rules together, written as in `@escalate`; or `none`.
    escalate: Option<String>,
}

/// Something policy said otherwise than expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// About what, for example `requirement`.
    pub what: String,
    /// What the case expects.
    pub expected: String,
    /// What policy said.
    pub got: String,
}

/// A case that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// The line of its name, from 1.
    pub line: usize,
    /// What differs; empty when the case passes.
    pub mismatches: Vec<Mismatch>,
    /// What policy said.
    pub assessed: Assessed,
}

impl CaseResult {
    /// Whether policy said what the case expects.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.mismatches.is_empty()
    }
}

/// Runs every case of a table against a policy.
///
/// # Errors
/// When the table cannot be read, has no case, or a case makes no sense.
pub fn run(policy: &Policy, text: &str) -> Result<Vec<CaseResult>, Problems> {
    let source = Source { name: "tests.toml", text };
    let mut problems = Problems::default();
    let table: Table = match toml::from_str(text) {
        Ok(table) => table,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            problems.add(source.problem(at, error.message().trim().replace('\n', " "), "correct the table"));
            Table { case: Vec::new() }
        }
    };
    if table.case.is_empty() && problems.all().is_empty() {
        problems.add_whole(source.name, "no [[case]]: a table that tests nothing passes nothing", "add a case");
    }
    let mut results = Vec::new();
    for case in &table.case {
        let at = case.name.span().start;
        match run_case(policy, case, source.place(at).0) {
            Ok(result) => results.push(result),
            Err((what, fix)) => problems.add(source.problem(at, what, fix)),
        }
    }
    problems.into_result()?;
    Ok(results)
}

/// Ids of rules that no case made match: what the table does not test.
#[must_use]
pub fn untested<'p>(policy: &'p Policy, results: &[CaseResult]) -> Vec<&'p str> {
    let assessments = || results.iter().map(|result| &result.assessed.assessment);
    let determining = assessments().flat_map(|assessment| assessment.determining.iter().map(|rule| rule.rule.as_str()));
    let factors = assessments().flat_map(|assessment| assessment.factors.iter().map(|factor| factor.rule.as_str()));
    let seen: BTreeSet<&str> = determining.chain(factors).collect();
    policy.rules().iter().map(|rule| rule.id.as_str()).filter(|id| !seen.contains(id)).collect()
}

fn run_case(policy: &Policy, case: &Case, line: usize) -> Result<CaseResult, (String, String)> {
    let (principal, kind) = match (&case.user, &case.agent) {
        (Some(user), None) => (user, ActorKind::Human),
        (None, Some(agent)) => (agent, ActorKind::Agent),
        _ => return Err(("the case has not exactly one requester".to_owned(), "write user = \"…\" or agent = \"…\"".to_owned())),
    };
    let resource: ResourceRef = case.resource.parse().map_err(|error| (format!("{error}"), String::new()))?;
    let requester = Requester { principal: principal.clone(), kind, roles: case.roles.clone(), owner: case.owner.clone() };
    let known = case.inputs.iter().map(|(name, text)| (name, text.as_bytes()));
    let unseen = case.unseen_inputs.iter().map(|name| (name, [].as_slice()));
    let input = |(name, bytes): (&String, &[u8])| Input {
        kind: InputKind::File,
        name: name.clone(),
        sha256: Digest::of(bytes),
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
    };
    let action = Action {
        verb: case.action.clone(),
        resource: Resource { name: resource, attributes: case.claimed.clone() },
        parameters: case.parameters.clone(),
        inputs: known.chain(unseen).map(input).collect(),
        limits: None,
    };
    action.digest().map_err(|error| (error.to_string(), "such a request would be refused before policy sees it".to_owned()))?;
    if case.advice.is_some_and(|points| points > 100) {
        return Err(("an advisor adds at most 100 points".to_owned(), "write advice = 0 to 100".to_owned()));
    }
    let because = "the table of tests says so".to_owned();
    let advise = |points| Advice { advisor: "tests".to_owned(), points, because, failure: None, waited_ms: 0 };
    let advice = case.advice.map(advise);
    let input_texts: Vec<(String, String)> = case.inputs.clone().into_iter().collect();
    let past = &case.history;
    let ask = Ask {
        requester: &requester,
        action: &action,
        input_texts: &input_texts,
        history: History {
            first_time_requester: past.first_time_requester,
            first_time_action: past.first_time_action,
            first_time_resource: past.first_time_resource,
            requests_last_hour: past.requests_last_hour,
            requests_last_day: past.requests_last_day,
            denied_last_day: past.denied_last_day,
            failed_last_day: past.failed_last_day,
            hours: past.hours.as_ref().map(hours).transpose()?,
            requests_last_month: past.requests_last_month,
            active_days_last_month: past.active_days_last_month,
        },
        on_behalf_of: case.on_behalf_of,
        justification_chars: case.justification_chars,
        has_ticket: case.has_ticket,
        deceptive: case.deceptive,
        advice: advice.as_ref(),
        now: case.at.unwrap_or_else(|| default_moment(policy)),
    };
    let assessed = policy.assess(&ask, VERSION);
    let mismatches = case.expect.compare(&assessed)?;
    Ok(CaseResult { name: case.name.get_ref().clone(), line, mismatches, assessed })
}

fn hours(counts: &BTreeMap<String, u64>) -> Result<[u64; 24], (String, String)> {
    let mut hours = [0; 24];
    for (hour, count) in counts {
        let place = hour.parse::<usize>().ok().and_then(|hour| hours.get_mut(hour));
        let wrong = || (format!("`{hour}` is not an hour of history.hours"), "write hours from 0 to 23, for example 9 = 30".to_owned());
        *place.ok_or_else(wrong)? = *count;
    }
    Ok(hours)
}

/// The first full hour inside working hours and outside every freeze, from Monday 2026-11-02 on.
fn default_moment(policy: &Policy) -> Timestamp {
    let start = Timestamp::from_micros(1_793_577_600_000_000);
    let catalogue = policy.catalogue();
    let calm = |moment: &Timestamp| {
        catalogue.freeze(*moment).is_none() && catalogue.hours.is_none_or(|hours| !crate::facts::calendar::outside(&hours, *moment))
    };
    (0..24 * 366).map(|hour| start.plus_seconds(hour * 3_600)).find(calm).unwrap_or(start)
}

fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn list<'a>(items: impl IntoIterator<Item = &'a String>) -> String {
    let items: Vec<&str> = items.into_iter().map(String::as_str).collect();
    if items.is_empty() { NONE.to_owned() } else { items.join(", ") }
}

/// A time of an expectation as it is compared: `60m` and `1h` are the same.
fn time(what: &str, text: &str) -> Result<String, (String, String)> {
    let seconds = duration::seconds(text.trim());
    let wrong = || (format!("`{text}` is not a time for expect.{what}"), "write for example 30m".to_owned());
    seconds.map(duration::text).ok_or_else(wrong)
}

/// An expected escalation as it is compared.
fn escalation(text: &str) -> Result<String, (String, String)> {
    if text == NONE {
        return Ok(NONE.to_owned());
    }
    let wrong = |what: String| (what, "write for example expect.escalate = \"30m: 1 of group:sre or 1 of group:duty\"".to_owned());
    let (after, requirement) = text.split_once(':').ok_or_else(|| wrong(format!("`{text}` is not an escalation")))?;
    let requirement: Requirement = requirement.parse().map_err(|error| wrong(format!("{error}")))?;
    Ok(format!("{}: {requirement}", time("escalate", after)?))
}

impl Expect {
    fn compare(&self, assessed: &Assessed) -> Result<Vec<Mismatch>, (String, String)> {
        let got = &assessed.assessment;
        let mut pairs: Vec<(String, String, String)> = vec![("outcome".to_owned(), word(&self.outcome), word(&got.outcome))];
        let mut check = |what: &str, expected: Option<String>, got: String| {
            pairs.extend(expected.map(|expected| (what.to_owned(), expected, got)));
        };
        check("risk", self.risk.map(|risk| risk.to_string()), got.risk.to_string());
        check("tier", self.tier.map(|tier| tier.as_str().to_owned()), got.tier.as_str().to_owned());
        check("requirement", self.requirement.as_ref().map(ToString::to_string), got.requirement.to_string());
        let determining: BTreeSet<String> = got.determining.iter().map(|rule| rule.rule.clone()).collect();
        check("rules", self.rules.as_ref().map(list), list(&determining));
        let factors: BTreeSet<String> = got.factors.iter().map(|factor| factor.rule.clone()).collect();
        check("factors", self.factors.as_ref().map(list), list(&factors));
        check("missing", self.missing.as_ref().map(list), list(&got.missing));
        for (name, expected) in &self.facts {
            let got = got.facts.get(name).map_or_else(|| "not known".to_owned(), ToString::to_string);
            check(&format!("fact {name}"), Some(expected.to_string()), got);
        }
        check("assurance", self.assurance.as_ref().map(word), word(&got.assurance));
        check("deny", self.deny.map(|deny| deny.to_string()), got.deny_threshold.to_string());
        let run = got.run_seconds.unwrap_or_default();
        for (what, expected, got) in
            [("expires", &self.expires, got.expires_seconds), ("grant", &self.grant, got.grant_seconds), ("run", &self.run, run)]
        {
            let Some(text) = expected else { continue };
            check(what, Some(time(what, text)?), duration::text(got));
        }
        check("uses", self.uses.map(|uses| uses.to_string()), got.uses.to_string());
        if let Some(text) = &self.remind {
            let expected = if text == NONE { NONE.to_owned() } else { time("remind", text)? };
            check("remind", Some(expected), got.remind_seconds.map_or_else(|| NONE.to_owned(), duration::text));
        }
        if let Some(text) = &self.escalate {
            let shown = |escalation: &Escalation| format!("{}: {}", duration::text(escalation.after_seconds), escalation.requirement);
            check("escalate", Some(escalation(text)?), got.escalation.as_ref().map_or_else(|| NONE.to_owned(), shown));
        }
        let differs = pairs.into_iter().filter(|(_, expected, got)| expected != got);
        Ok(differs.map(|(what, expected, got)| Mismatch { what, expected, got }).collect())
    }
}
