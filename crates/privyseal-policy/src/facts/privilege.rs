//! Whether an action on access rights gives somebody administrative rights, and whether its scope is open-ended.

use privyseal_core::action::Action;
use serde_json::{Map, Value};

use super::statement::Effect;
use crate::catalogue::{CatalogueAction, ChangeClass};

/// Parameters that say which rights, in lower case.
const RIGHTS: [&str; 14] = [
    "role",
    "roles",
    "policy",
    "policies",
    "permission",
    "permissions",
    "privilege",
    "privileges",
    "action",
    "actions",
    "statement",
    "statements",
    "group",
    "groups",
];
/// Parameters that say on what.
const SCOPES: [&str; 6] = ["scope", "scopes", "resource", "resources", "target", "targets"];

/// Last words of verbs that only take rights away.
const TAKING: [&str; 8] = ["revoke", "remove", "delete", "disable", "deny", "detach", "expire", "suspend"];

/// Parts of names of roles and policies that stand for everything.
const MIGHTY_PARTS: [&str; 4] = ["admin", "superuser", "fullaccess", "poweruser"];
/// Whole words of such names.
const MIGHTY_WORDS: [&str; 6] = ["owner", "root", "sudo", "wheel", "sysdba", "dba"];

/// What is known about the rights an action changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Privilege {
    /// Somebody gains administrative rights; `None` when rights are given and nothing says which, or SQL cannot be read.
    pub(crate) growth: Option<bool>,
    /// Rights or scope are not limited to named things.
    pub(crate) wildcard: bool,
}

/// Reads it from the parameters, and from SQL that grants.
pub(crate) fn privilege(action: &Action, catalogued: &CatalogueAction, sql: Effect) -> Privilege {
    let open_resource = action.resource.name.id().contains('*');
    // SQL that grants is growth whatever the action is called; SQL that cannot be read may grant.
    let by_sql = if sql.unread && !sql.grants { None } else { Some(sql.grants) };
    if catalogued.class != ChangeClass::Access {
        return Privilege { growth: by_sql, wildcard: open_resource };
    }
    let mut rights = Vec::new();
    let mut scopes = Vec::new();
    collect(&action.parameters, &mut rights, &mut scopes);
    let wildcard = open_resource || rights.iter().chain(&scopes).any(|text| text.contains('*'));
    let verb = action.verb.as_str().rsplit('.').next().unwrap_or_default();
    let growth = if TAKING.contains(&verb) {
        by_sql
    } else if sql.grants || rights.iter().any(|name| is_mighty(name)) {
        Some(true)
    } else if rights.is_empty() || by_sql.is_none() {
        None
    } else {
        Some(false)
    };
    Privilege { growth, wildcard }
}

fn is_mighty(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let squeezed: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    name.contains('*')
        || MIGHTY_PARTS.iter().any(|part| squeezed.contains(part))
        || lower.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| MIGHTY_WORDS.contains(&word))
}

fn collect<'a>(parameters: &'a Map<String, Value>, rights: &mut Vec<&'a str>, scopes: &mut Vec<&'a str>) {
    for (key, value) in parameters {
        let key = key.to_ascii_lowercase();
        if RIGHTS.contains(&key.as_str()) {
            texts(value, rights, scopes, true);
        } else if SCOPES.contains(&key.as_str()) {
            texts(value, rights, scopes, false);
        } else {
            match value {
                Value::Object(members) => collect(members, rights, scopes),
                Value::Array(items) => items.iter().filter_map(Value::as_object).for_each(|members| collect(members, rights, scopes)),
                _ => {}
            }
        }
    }
}

fn texts<'a>(value: &'a Value, rights: &mut Vec<&'a str>, scopes: &mut Vec<&'a str>, are_rights: bool) {
    match value {
        Value::String(text) if are_rights => rights.push(text),
        Value::String(text) => scopes.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, rights, scopes, are_rights)),
        // A policy document: its members say which part is which.
        Value::Object(members) => collect(members, rights, scopes),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Reversibility;
    use serde_json::json;

    fn check(verb: &str, class: ChangeClass, resource: &str, parameters: Value, growth: Option<bool>, wildcard: bool) {
        let (kind, id) = resource.split_once(':').unwrap();
        let action: Action =
            serde_json::from_value(json!({"action": verb, "resource": {"type": kind, "id": id}, "parameters": parameters})).unwrap();
        let catalogued = CatalogueAction {
            id: verb.parse().unwrap(),
            title: "x".into(),
            class,
            reversibility: Reversibility::Reversible,
            in_place: None,
            sensitive: Vec::new(),
            counts: Vec::new(),
            narrow: Vec::new(),
        };
        let found = privilege(&action, &catalogued, Effect::default());
        assert_eq!(found, Privilege { growth, wildcard }, "{verb} {resource} {parameters}");
    }

    #[test]
    fn rights() {
        let access = ChangeClass::Access;
        for (parameters, growth, wildcard) in [
            (json!({"role": "viewer"}), Some(false), false),
            (json!({"role": "roles/owner"}), Some(true), false),
            (json!({"role": "AdministratorAccess"}), Some(true), false),
            (json!({"roles": ["reader", "Cluster-Admin"]}), Some(true), false),
            (json!({"role": "landowner"}), Some(false), false),
            (json!({"actions": ["s3:*"]}), Some(true), true),
            (json!({"role": "viewer", "scope": "projects/*"}), Some(false), true),
            (json!({"policy": {"Statement": [{"Action": "s3:GetObject", "Resource": "arn:x/*"}]}}), Some(false), true),
            (json!({"policy": {"Statement": [{"Action": ["*"], "Resource": "arn:x"}]}}), Some(true), true),
            (json!({"arguments": {"role": "owner"}}), Some(true), false),
            (json!({"user": "ana"}), None, false),
            (json!({}), None, false),
        ] {
            check("iam.role.grant", access, "aws:acct/1", parameters, growth, wildcard);
        }
        check("iam.role.revoke", access, "aws:acct/1", json!({"role": "owner"}), Some(false), false);
        check("iam.role.grant", access, "aws:acct/*", json!({"role": "viewer"}), Some(false), true);
        check("infra.restart", ChangeClass::Infrastructure, "k8s:shop/prod", json!({"role": "owner"}), Some(false), false);
    }
}
