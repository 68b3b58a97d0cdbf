//! The Cedar schema that rules are checked against, generated from the catalogue and the list of facts.

use cedar_policy::Schema;
use serde_json::{Map, Value, json};

use crate::catalogue::{Catalogue, ClaimType, groups};
use crate::facts::{FACTS, FactType};

/// Which view of the world the schema gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    /// For routing rules: there is `context.risk`.
    pub(crate) routing: bool,
    /// What may be missing is declared as always there, so that rules need no `has`.
    pub(crate) trusting: bool,
}

/// Names of entity types.
pub(crate) const USER: &str = "User";
pub(crate) const AGENT: &str = "Agent";
pub(crate) const ROLE: &str = "Role";
pub(crate) const RESOURCE: &str = "Resource";
pub(crate) const ACTION: &str = "Action";

/// The schema of a view.
///
/// # Errors
/// With Cedar's words, when Cedar does not accept the schema; the catalogue's own checks leave no known way to that.
pub(crate) fn schema(catalogue: &Catalogue, view: View) -> Result<Schema, String> {
    let text = || json!({"type": "String"});
    let sometimes = |mut kind: Value| {
        if let (false, Some(members)) = (view.trusting, kind.as_object_mut()) {
            members.insert("required".to_owned(), Value::Bool(false));
        }
        kind
    };
    let record = |attributes: Value| json!({"type": "Record", "attributes": attributes});
    let roles = json!({"type": "Set", "element": {"type": "String"}});
    let claims: Map<String, Value> = catalogue.claims.iter().map(|(name, kind)| (name.clone(), sometimes(claim_type(*kind)))).collect();
    let mut context: Map<String, Value> = FACTS
        .iter()
        .filter(|fact| fact.name != "outside_hours" || catalogue.hours.is_some())
        .map(|fact| {
            let kind =
                json!({"type": match fact.kind { FactType::Bool => "Boolean", FactType::Long => "Long", FactType::Text => "String" }});
            (fact.name.to_owned(), if fact.may_miss { sometimes(kind) } else { kind })
        })
        .collect();
    if view.routing {
        context.insert("risk".to_owned(), json!({"type": "Long"}));
    }
    let applies = json!({"principalTypes": [USER, AGENT], "resourceTypes": [RESOURCE], "context": record(Value::Object(context))});
    let mut actions = Map::new();
    for id in catalogue.actions.keys() {
        for group in groups(id.as_str()) {
            actions.entry(group).or_insert_with(|| json!({"memberOf": member_of(group)}));
        }
    }
    for id in catalogue.actions.keys() {
        actions.insert(id.to_string(), json!({"memberOf": member_of(id.as_str()), "appliesTo": applies}));
    }
    let world = json!({"": {
        "entityTypes": {
            ROLE: {},
            USER: {"memberOfTypes": [ROLE], "shape": record(json!({"roles": roles}))},
            AGENT: {"memberOfTypes": [ROLE], "shape": record(json!({"roles": roles, "owner": sometimes(text())}))},
            RESOURCE: {"shape": record(json!({
                "type": text(),
                "id": text(),
                "environment": sometimes(text()),
                "data_class": sometimes(text()),
                "claimed": record(Value::Object(claims)),
            }))},
        },
        "actions": actions,
    }});
    Schema::from_json_value(world).map_err(|error| error.to_string())
}

fn member_of(id: &str) -> Value {
    groups(id).take(1).map(|group| json!({"id": group})).collect()
}

fn claim_type(kind: ClaimType) -> Value {
    match kind {
        ClaimType::Text => json!({"type": "String"}),
        ClaimType::Integer => json!({"type": "Long"}),
        ClaimType::Boolean => json!({"type": "Boolean"}),
        ClaimType::TextSet => json!({"type": "Set", "element": {"type": "String"}}),
    }
}
