//! Facts: what the server derives from an ask by itself, and that it derives all that it declares.

use std::collections::BTreeSet;

use privyseal_core::action::{Input, InputKind};
use privyseal_core::digest::Digest;
use privyseal_policy::History;
use serde_json::{Value, json};

use crate::world::{ADD, Sample, default_policy, prod};

#[test]
fn facts() {
    let policy = default_policy();
    let check = |sample: &Sample, expected: Value| {
        let assessed = sample.assess(&policy);
        for (name, value) in expected.as_object().unwrap() {
            let got = assessed.assessment.facts.get(name).cloned().unwrap_or(Value::Null);
            assert_eq!(&got, value, "{name} of {}", sample.action.parameters.get("sql").unwrap_or(&Value::Null));
        }
    };
    check(
        &prod(),
        json!({"hour": 10, "weekday": "mon", "outside_hours": false, "change_freeze": false, "statement_class": "schema", "destructive": false,
               "unread_sql": false, "rows": null, "inputs": 0, "environment": "production", "data_class": "confidential", "has_ticket": true,
               "change_class": "schema", "reversibility": "costly", "privilege_growth": false, "wildcard_scope": false, "justification_chars": 80}),
    );
    let rows = |parameters| Sample::new("data.export", "s3:reports/prod", parameters);
    check(&rows(json!({"rows": 5})), json!({"rows": 5}));
    check(&rows(json!({"rows": 5, "limit": 900})), json!({"rows": 900}));
    for odd in [json!({"rows": -1}), json!({"rows": "5"}), json!({"limit": null}), json!({})] {
        check(&rows(odd), json!({"rows": null}));
    }
    check(&prod().at("2026-11-22T22:00:00Z"), json!({"hour": 22, "weekday": "sun", "outside_hours": true}));
    // A query of something that speaks no SQL is no SQL, unless it reads like it.
    let search = |query| Sample::new("data.export", "github:issues/prod", json!({"query": query}));
    check(&search("is:open label:\"bug"), json!({"statement_class": "none"}));
    check(&search("DELETE FROM issues"), json!({"statement_class": "write_all", "destructive": true}));
    // A change of a database that shows no statement, by whatever program.
    let silent = Sample::new("db.schema.apply", "postgres:orders/prod", json!({"argv": ["./migrate.sh"]}));
    check(&silent, json!({"statement_class": "unknown", "unread_sql": true, "destructive": null, "privilege_growth": null}));
    check(&Sample::new("db.schema.apply", "postgres:orders/prod", json!({})), json!({"statement_class": "unknown"}));
    check(&Sample::new("infra.restart", "postgres:orders/prod", json!({})), json!({"statement_class": "none"}));
    // A second statement under another name; and prose that only begins like one.
    let decoy = |name: &str, text: &str| Sample::new("db.schema.apply", "postgres:orders/prod", json!({"sql": "SELECT 1", name: text}));
    check(&decoy("ddl", "DROP TABLE orders"), json!({"statement_class": "schema_destructive"}));
    check(&decoy("note", "Drop the old table, then tell Ana"), json!({"statement_class": "read", "unread_sql": false}));
    // Arguments inside arguments.
    check(
        &Sample::new("db.data.change", "postgres:orders/prod", json!({"arguments": {"SQL": "DROP TABLE t"}})),
        json!({"statement_class": "schema_destructive"}),
    );
}

#[test]
fn scripts_count_by_name() {
    let policy = default_policy();
    let script = |parameters: Value, texts: &[(&str, &str)], inputs: &[&str]| {
        let mut sample = Sample::new("db.schema.apply", "sqlite:orders/prod", parameters);
        sample.input_texts = texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        sample.action.inputs = inputs
            .iter()
            .map(|name| Input { kind: InputKind::File, name: (*name).to_owned(), sha256: Digest::of(b"x"), bytes: 1 })
            .collect();
        let assessed = sample.assess(&policy);
        assessed.assessment.facts["statement_class"].as_str().unwrap().to_owned()
    };
    let argv = || json!({"argv": ["sqlite3", "orders.db", ".read migration.sql"]});
    assert_eq!(script(argv(), &[("migration.sql", ADD)], &["migration.sql"]), "schema");
    assert_eq!(script(argv(), &[("./migration.sql", ADD)], &["./migration.sql"]), "schema");
    assert_eq!(script(argv(), &[("migration.sql", "DROP TABLE orders")], &["migration.sql"]), "schema_destructive");
    assert_eq!(script(argv(), &[], &["migration.sql"]), "unknown", "only its digest is known");
    assert_eq!(script(argv(), &[("other.sql", ADD)], &["other.sql"]), "unknown", "another script is not this one");
    assert_eq!(
        script(json!({"argv": ["sqlite3", "orders.db", ".read notes.txt"]}), &[("notes.txt", "DROP TABLE t")], &["notes.txt"]),
        "schema_destructive"
    );
    assert_eq!(script(json!({"sql": "SELECT 1"}), &[], &["later.sql"]), "unknown", "an input that is SQL and unseen");
}

/// All texts of an ask share one budget: many expensive scripts take no longer than one.
#[test]
fn many_hostile_scripts_cost_no_more_than_one() {
    let mut sample = Sample::new("db.schema.apply", "db:orders/prod", json!({"sql": "SELECT 1"}));
    let script = format!("SELECT {};", "CAST(".repeat(7)).repeat(4_000);
    sample.input_texts = (0..64).map(|n| (format!("{n}.sql"), script.clone())).collect();
    let start = std::time::Instant::now();
    let assessed = sample.assess(&default_policy());
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    assert_eq!(assessed.assessment.facts["statement_class"], "unknown");
}

/// The facts that are recorded are the facts that are declared, no more and no fewer.
#[test]
fn every_declared_fact_is_derived() {
    let mut sample = Sample::new("iam.role.grant", "aws:shop/prod", json!({"role": "viewer", "rows": 1}));
    sample.requester.roles = BTreeSet::new();
    // Enough of a past to say what is usual, and something to count.
    sample.action.parameters.insert("users".to_owned(), json!(["ben", "eve"]));
    sample.history = History { hours: Some([5; 24]), requests_last_month: 50, active_days_last_month: 10, ..History::default() };
    let assessed = sample.assess(&default_policy());
    let derived: BTreeSet<&str> =
        assessed.assessment.facts.keys().map(String::as_str).filter(|name| !["environment", "data_class"].contains(name)).collect();
    let declared: BTreeSet<&str> = privyseal_policy::facts::FACTS.iter().map(|fact| fact.name).collect();
    assert_eq!(derived, declared);
}
