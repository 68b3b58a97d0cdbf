//! Texts that rules compare facts with. Cedar checks names and types, not values: `resource.environment == "prodcution"` is
//! well typed, never true, and would leave production unprotected without a word. Facts with a fixed set of values are checked here.

use std::collections::BTreeMap;

use cedar_policy::Policy;
use serde_json::{Map, Value};

/// A comparison of a fact with a text that it never has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Odd {
    pub(super) path: String,
    pub(super) value: String,
}

/// Finds comparisons with values outside the known sets; `known` is keyed by paths such as `context.weekday`.
pub(super) fn odd(policy: &Policy, known: &BTreeMap<String, Vec<&str>>) -> Vec<Odd> {
    let mut found = Vec::new();
    if let Ok(json) = policy.to_json() {
        walk(&json, known, &mut found);
    }
    found
}

fn walk(node: &Value, known: &BTreeMap<String, Vec<&str>>, found: &mut Vec<Odd>) {
    match node {
        Value::Object(members) => {
            for (operator, operands) in members {
                let compares = matches!(operator.as_str(), "==" | "!=" | "contains" | "containsAny" | "containsAll");
                if let Some(operands) = operands.as_object().filter(|_| compares) {
                    compare(operands, known, found);
                }
                walk(operands, known, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, known, found)),
        _ => {}
    }
}

fn compare(operands: &Map<String, Value>, known: &BTreeMap<String, Vec<&str>>, found: &mut Vec<Odd>) {
    let (left, right) = (operands.get("left"), operands.get("right"));
    for (fact, other) in [(left, right), (right, left)] {
        let Some(path) = fact.and_then(path) else { continue };
        let Some(values) = known.get(&path) else { continue };
        for value in other.map(texts).unwrap_or_default() {
            if !values.contains(&value) {
                found.push(Odd { path: path.clone(), value: value.to_owned() });
            }
        }
    }
}

/// `context.weekday` out of an attribute access on a variable; `None` for anything else.
fn path(node: &Value) -> Option<String> {
    let access = node.get(".")?;
    let variable = access.get("left")?.get("Var")?.as_str()?;
    Some(format!("{variable}.{}", access.get("attr")?.as_str()?))
}

/// The text, or the texts of a set, that stand there literally.
fn texts(node: &Value) -> Vec<&str> {
    let items = node.get("Set").and_then(Value::as_array).map_or_else(|| std::slice::from_ref(node), Vec::as_slice);
    items.iter().filter_map(|item| item.get("Value").and_then(Value::as_str)).collect()
}
