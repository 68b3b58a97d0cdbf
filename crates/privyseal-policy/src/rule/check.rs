//! Checks rules against the generated schema, so that a misspelt action, attribute or value is found when the policy is loaded
//! and not when it fails to protect.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::ffi::DetailedError;
use cedar_policy::{PolicyId, PolicySet, ValidationError, ValidationMode, ValidationWarning, Validator};

use super::{Loaded, RuleKind, from_cedar, source_of, values};
use crate::catalogue::{Catalogue, ChangeClass, Reversibility};
use crate::facts::{FACTS, WEEKDAYS, statement::StatementClass};
use crate::problem::{Problems, Source, suggest};
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
            let fix = if candidates.is_empty() {
                "no pattern of catalogue.toml gives one".to_owned()
            } else {
                suggest(&odd.value, candidates.iter().copied())
            };
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
    let loaded_of = |id: &PolicyId| {
        let loaded = rules.get(id.to_string().parse::<usize>().ok()?)?;
        Some((loaded, source_of(&loaded.rule, sources)?))
    };
    let mut wrong: BTreeSet<String> = BTreeSet::new();
    for error in result.validation_errors() {
        if !view.trusting && matches!(error, ValidationError::UnsafeOptionalAttributeAccess(_)) {
            continue;
        }
        wrong.insert(error.policy_id().to_string());
        let Some((loaded, source)) = loaded_of(error.policy_id()) else { continue };
        let detailed = DetailedError { help: help(error, view).or(DetailedError::from(error).help), ..DetailedError::from(error) };
        problems.add(from_cedar(source, loaded.piece.start, &detailed, "correct the condition"));
    }
    for warning in result.validation_warnings() {
        // What does not type-check is reported once; whether a rule can match at all is judged where `has` can be false.
        let Some((loaded, source)) = loaded_of(warning.policy_id()).filter(|_| !wrong.contains(&warning.policy_id().to_string())) else {
            continue;
        };
        match warning {
            ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_) => {
                if !view.trusting {
                    problems.add(source.problem(
                        loaded.piece.start,
                        "the rule can never match",
                        "correct or remove it: it looks like protection and is none",
                    ));
                }
            }
            _ => problems.add(from_cedar(source, loaded.piece.start, &DetailedError::from(warning), "write it in plain letters")),
        }
    }
}

/// What to do about an error, where we know better than Cedar.
fn help(error: &ValidationError, view: View) -> Option<String> {
    let text = match error {
        ValidationError::UnsafeAttributeAccess(access) => {
            let access = access.to_string();
            let name = access.split('`').nth(3).unwrap_or_default();
            if name == "risk" && !view.routing {
                "rules with @risk are evaluated before the risk is known; move the condition into a routing rule".to_owned()
            } else if name == "outside_hours" {
                "add [hours] to catalogue.toml".to_owned()
            } else if name == "owner" {
                "only agents have one: write `principal is Agent && …`".to_owned()
            } else if name.starts_with("claimed.") {
                "declare the claim under [claims] in catalogue.toml".to_owned()
            } else if access.contains(" in context for ") {
                suggest(name, FACTS.iter().map(|fact| fact.name))
            } else if access.contains("`Resource`") {
                suggest(name, ["type", "id", "environment", "data_class", "claimed"])
            } else {
                suggest(name, ["roles", "owner"])
            }
        }
        ValidationError::UnrecognizedActionId(_) => return None,
        ValidationError::UnrecognizedEntityType(_) => "write User, Agent, Role, Resource or Action".to_owned(),
        _ => return None,
    };
    Some(text)
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
