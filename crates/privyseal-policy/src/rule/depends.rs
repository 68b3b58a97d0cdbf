//! Which facts a rule can depend on, so that a rule is asked again only when a fact that it looks at changes.

use cedar_policy::Policy;
use serde_json::Value;

/// Whether the rule could decide otherwise for another value of `context.<fact>`. When that cannot be told, it could.
pub(crate) fn depends_on(policy: &Policy, fact: &str) -> bool {
    policy.to_json().map_or(true, |json| looks_at(&json, fact))
}

fn looks_at(node: &Value, fact: &str) -> bool {
    match node {
        Value::Object(members) => members.iter().any(|(operator, operands)| {
            let of_context = matches!(operator.as_str(), "." | "has") && operands.get("left").is_some_and(is_context);
            if of_context {
                return operands.get("attr").and_then(Value::as_str) == Some(fact);
            }
            // The context as a whole holds every fact.
            (operator == "Var" && operands.as_str() == Some("context")) || looks_at(operands, fact)
        }),
        Value::Array(items) => items.iter().any(|item| looks_at(item, fact)),
        _ => false,
    }
}

fn is_context(node: &Value) -> bool {
    node.get("Var").and_then(Value::as_str) == Some("context")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_that_rules_look_at() {
        for (condition, expected) in [
            ("context.statement_class == \"read\"", true),
            ("context[\"statement_class\"] == \"read\"", true),
            ("context[\"\\u{73}tatement_class\"] == \"read\"", true),
            ("context has statement_class", true),
            ("context.hour > 3 && [\"read\"].contains(context.statement_class)", true),
            ("if context.rows > 5 then true else !(context.statement_class like \"r*\")", true),
            ("context == {hour: 3}", true),
            ("{a: context}.a.statement_class == \"read\"", true),
            ("context.rows > 5", false),
            ("context has rows && resource.statement_class == \"read\"", false),
            ("resource.id == \"statement_class\"", false),
        ] {
            let text = format!("permit (principal, action, resource) when {{ {condition} }};");
            assert_eq!(depends_on(&text.parse().unwrap(), "statement_class"), expected, "{condition}");
        }
    }
}
