//! How many things an action touches, as far as its parameters say.

use privyseal_core::action::Action;
use privyseal_core::canonical::MAX_INTEGER;
use serde_json::Value;

use crate::catalogue::CatalogueAction;

/// Rows: the larger of what the parameters say, so that a small `rows` cannot hide a large `limit`.
pub(super) fn rows(action: &Action) -> Option<i64> {
    let parameter = |name| action.parameters.get(name).and_then(Value::as_i64);
    ["rows", "limit"].into_iter().filter_map(parameter).filter(|rows| (0..=MAX_INTEGER).contains(rows)).max()
}

/// Things: the largest of the parameters that the catalogue names in `counts`. `None` when none of them is there, and when one of them
/// is something that cannot be counted: beside it a small number would hide what it says.
pub(super) fn things(action: &Action, catalogued: &CatalogueAction) -> Option<i64> {
    let given = catalogued.counts.iter().filter_map(|name| action.parameters.get(name)).filter(|value| !value.is_null());
    given.map(count).try_fold(None, |largest: Option<i64>, count| Some(largest.max(Some(count?))))?
}

fn count(value: &Value) -> Option<i64> {
    let count = match value {
        Value::Array(items) => i64::try_from(items.len()).ok(),
        other => other.as_i64(),
    };
    count.filter(|count| (0..=MAX_INTEGER).contains(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{ChangeClass, Reversibility};
    use serde_json::json;

    #[test]
    fn the_largest_of_what_is_named() {
        let catalogued = CatalogueAction {
            id: "infra.scale".parse().unwrap(),
            title: "x".into(),
            class: ChangeClass::Infrastructure,
            reversibility: Reversibility::Reversible,
            in_place: None,
            sensitive: Vec::new(),
            counts: vec!["rows".into(), "tables".into(), "instances".into()],
            narrow: Vec::new(),
        };
        for (parameters, expected) in [
            (json!({"rows": 7}), Some(7)),
            (json!({"rows": 7, "instances": 12}), Some(12)),
            (json!({"tables": ["a", "b", "c"], "rows": 2}), Some(3)),
            (json!({"tables": []}), Some(0)),
            (json!({"tables": ["a"], "rows": null}), Some(1)),
            (json!({"replicas": 500}), None),
            (json!({}), None),
            (json!({"rows": null}), None),
            // What cannot be counted is not known, whatever stands beside it.
            (json!({"rows": 1, "tables": "all"}), None),
            (json!({"rows": 1, "instances": -1}), None),
            (json!({"rows": 1, "instances": 1.5}), None),
            (json!({"rows": 1, "instances": {"web": 500}}), None),
            (json!({"rows": MAX_INTEGER}), Some(MAX_INTEGER)),
            (json!({"rows": MAX_INTEGER + 1, "instances": 1}), None),
        ] {
            let action = json!({"action": "infra.scale", "resource": {"type": "k8s", "id": "shop/prod"}, "parameters": parameters});
            let action: Action = serde_json::from_value(action).unwrap();
            assert_eq!(things(&action, &catalogued), expected, "{parameters}");
        }
    }
}
