//! Checks rules against the generated schema, so that a misspelt action, attribute or value is found when the policy is loaded
//! and not when it fails to protect.

use std::collections::BTreeMap;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{PolicySet, ValidationError, ValidationMode, ValidationWarning, Validator};

use super::{Loaded, RuleKind, from_cedar, source_of, suggestion, values};
use crate::catalogue::{Catalogue, ChangeClass, Reversibility};
use crate::facts::{FACTS, WEEKDAYS, statement::StatementClass};
use crate::problem::{Problems, Source};
use crate::schema::{View, schema};

/// Checks all rules against the catalogue.
pub(crate) fn check(rules: &[Loaded], catalogue: &Catalogue, sources: &[Source<'_>], problems: &mut Problems) {
    for routing in [false, true] {
        // Trusting, so that rules may use what can be missing without asking for it first: an error at evaluation raises the risk
        // or refuses. Then without trust, because behind a `has` that is always true Cedar would not look at the other branch.
        for trusting in [true, false] {
            let view = View { routing, trusting };
            match schema(catalogue, view) {
                Ok(schema) => check_types(rules, view, &Validator::new(schema), sources, problems),
                Err(error) => problems.add_whole("catalogue.toml", format!("no schema can be made from the catalogue: {error}"), ""),
            }
        }
    }
    let known = known_values(catalogue);
    for loaded in rules {
        let Some(source) = source_of(&loaded.rule, sources) else { continue };
        for odd in values::odd(&loaded.policy, &known) {
            let quoted = format!("\"{}\"", odd.value);
            let at = loaded.rule.text.find(&quoted).unwrap_or(0) + loaded.piece.start;
            let candidates = known.get(&odd.path).map(Vec::as_slice).unwrap_or_default();
            let fix = if candidates.is_empty() { "no pattern of catalogue.toml gives one".to_owned() } else { suggestion(&odd.value, candidates) };
            problems.add(source.problem(at, format!("`{}` is never {quoted}", odd.path), fix));
        }
    }
}

fn check_types(rules: &[Loaded], view: View, validator: &Validator, sources: &[Source<'_>], problems: &mut Problems) {
    let mut set = PolicySet::new();
    for loaded in rules.iter().filter(|loaded| matches!(loaded.rule.kind, RuleKind::Risk { .. }) != view.routing) {
        // Ids are the numbers of the rules, so they do not collide.
        if let Err(error) = set.add(loaded.policy.clone()) {
            problems.add_whole(&loaded.rule.file, error.to_string(), "");
        }
    }
    let result = validator.validate(&set, ValidationMode::Strict);
    let mut report = |id: &cedar_policy::PolicyId, error: &DetailedError, otherwise: &str| {
        let loaded = id.to_string().parse::<usize>().ok().and_then(|number| rules.get(number));
        if let Some((loaded, source)) = loaded.and_then(|loaded| Some((loaded, source_of(&loaded.rule, sources)?))) {
            problems.add(from_cedar(source, loaded.piece.start, error, otherwise));
        }
    };
    for error in result.validation_errors() {
        if !view.trusting && matches!(error, ValidationError::UnsafeOptionalAttributeAccess(_)) {
            continue;
        }
        report(error.policy_id(), &DetailedError::from(error), &help(error, view));
    }
    for warning in result.validation_warnings() {
        match warning {
            // Whether it can match is judged where `has` can be false.
            ValidationWarning::ImpossiblePolicy(_) if view.trusting => {}
            _ => report(warning.policy_id(), &DetailedError::from(warning), "correct or remove the rule"),
        }
    }
}

fn help(error: &ValidationError, view: View) -> String {
    let text = match error {
        ValidationError::UnsafeAttributeAccess(access) => {
            let access = access.to_string();
            if !view.routing && access.contains("`risk`") {
                "rules with @risk are evaluated before the risk is known; move the condition into a routing rule"
            } else if access.contains("`outside_hours`") {
                "add [hours] to catalogue.toml"
            } else if access.contains("`owner`") {
                "only agents have one: write `principal is Agent && …`"
            } else if access.contains("`claimed.") {
                "declare the claim under [claims] in catalogue.toml"
            } else {
                let facts: Vec<&str> = FACTS.iter().map(|fact| fact.name).collect();
                return format!("context has {}; resource has type, id, environment, data_class, claimed", facts.join(", "));
            }
        }
        ValidationError::UnrecognizedActionId(_) => "add the action to catalogue.toml or correct the name",
        ValidationError::UnrecognizedEntityType(_) => "use User, Agent, Role, Resource or Action",
        _ => "correct the condition",
    };
    text.to_owned()
}

/// Facts whose values come from a fixed set.
fn known_values(catalogue: &Catalogue) -> BTreeMap<String, Vec<&str>> {
    BTreeMap::from([
        ("context.statement_class".to_owned(), StatementClass::ALL.map(StatementClass::as_str).to_vec()),
        ("context.change_class".to_owned(), ChangeClass::ALL.map(ChangeClass::as_str).to_vec()),
        ("context.reversibility".to_owned(), Reversibility::ALL.map(Reversibility::as_str).to_vec()),
        ("context.weekday".to_owned(), WEEKDAYS.to_vec()),
        ("resource.environment".to_owned(), catalogue.environments().into_iter().collect()),
        ("resource.data_class".to_owned(), catalogue.data_classes().into_iter().collect()),
    ])
}
