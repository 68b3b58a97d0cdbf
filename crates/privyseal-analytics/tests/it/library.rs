//! `queries/library/`: the questions that people start from. Each is documented, and answers exactly with what happened.

use std::collections::BTreeMap;

use privyseal_core::port::{Analytics as _, Answer, QueryLimits, Question};
use serde_json::{Value, json};

use crate::eventful::eventful;
use crate::fixture::{Ledger, content, open_with, run};
use crate::golden;

/// Rows as lines, cells between bars.
fn lines(answer: &Answer) -> String {
    let cell = |value: &Value| match value {
        Value::Null => "·".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let line = |cells: Vec<String>| format!("{}\n", cells.join(" | "));
    let names = line(answer.columns.iter().map(|column| column.name.clone()).collect());
    names + &answer.rows.iter().map(|row| line(row.iter().map(cell).collect())).collect::<String>()
}

#[test]
fn every_question_finds_what_happened() {
    let mut ledger = eventful();
    let engine = ledger.engine();
    let files: Vec<String> = content().into_keys().filter(|path| path.starts_with("queries/library/")).collect();
    let known: Vec<String> = engine.library().iter().map(|query| format!("queries/library/{}.sql", query.name)).collect();
    assert_eq!(known, files, "every file is a question");
    assert!(known.len() >= 30, "{}", known.len());
    let mut text = String::new();
    for query in engine.library() {
        let answer = run(&engine, &query.ready).unwrap_or_else(|error| panic!("{}: {error}", query.name));
        let found: Vec<(&str, &str)> = answer.columns.iter().map(|column| (column.name.as_str(), column.kind.as_str())).collect();
        let declared: Vec<(&str, &str)> = query.columns.iter().map(|column| (column.name.as_str(), column.kind.as_str())).collect();
        assert_eq!(found, declared, "{}", query.name);
        assert!(!answer.rows.is_empty(), "{} finds nothing, so nothing shows that it finds the right thing", query.name);
        text.push_str(&format!("== {}\n{}\n", query.name, lines(&answer)));
    }
    golden::compare("queries/tests/library.txt", &text);
}

#[test]
fn a_new_log_answers_every_question() {
    let mut new = Ledger::new();
    let engine = new.engine();
    for query in engine.library() {
        run(&engine, &query.ready).unwrap_or_else(|error| panic!("{}: {error}", query.name));
    }
}

/// Parameters change the answer: with each of these values a question finds another number of rows than at its defaults.
#[test]
fn parameters_do_what_they_say() {
    let mut ledger = eventful();
    let engine = ledger.engine();
    let count = |name: &str, values: &[(&str, Value)]| {
        let query = engine.library().iter().find(|query| query.name == name).unwrap_or_else(|| panic!("{name}"));
        let defaults = query.parameters.iter().map(|parameter| (parameter.name.clone(), parameter.default.clone()));
        let given = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let question = Question { parameters: defaults.chain(given).collect(), ..Question::new(&query.sql) };
        let answer = futures::executor::block_on(engine.query(&question, QueryLimits { timeout_ms: 120_000, ..QueryLimits::default() }));
        answer.unwrap_or_else(|error| panic!("{name}: {error}")).rows.len()
    };
    for (name, at_defaults, values, rows) in [
        ("quick-approvals", 3, ("seconds", json!(3)), 1),
        ("quick-approvals", 3, ("at_least", json!(3)), 1),
        ("repeated-requests", 1, ("at_least", json!(4)), 0),
        ("split-requests", 1, ("gap_minutes", json!(5)), 0),
        ("split-requests", 1, ("end", json!("2026-09-09T08:30:00Z")), 0),
        ("asked-again", 1, ("days", json!(0)), 0),
        ("approver-pairs", 1, ("at_least", json!(2)), 0),
        ("new-approvers", 1, ("days", json!(0)), 0),
        ("fresh-passkeys", 1, ("hours", json!(1)), 0),
        ("out-of-hours-approvals", 1, ("weekends", json!(false)), 1),
        ("out-of-hours-approvals", 1, ("from_hour", json!(10)), 4),
        ("out-of-hours-approvals", 1, ("start", json!("2026-09-20")), 0),
        ("agents-at-night", 1, ("environment", json!("staging")), 0),
        ("agents-at-night", 1, ("offset_minutes", json!(240)), 0),
        ("breakglass-and-review", 2, ("open_only", json!(true)), 1),
        ("lonely-groups", 1, ("at_most", json!(0)), 0),
        ("open-exceptions", 1, ("days", json!(30)), 0),
        ("high-risk-approvals", 1, ("tier", json!("medium")), 8),
        ("failed-sign-ins", 2, ("at_least", json!(2)), 1),
    ] {
        assert_eq!(count(name, &[]), at_defaults, "{name} at its defaults");
        assert_eq!(count(name, std::slice::from_ref(&values)), rows, "{name} with {values:?}");
    }
}

#[test]
fn a_question_that_does_not_fit_its_header_stops_the_start() {
    let ledger = Ledger::new();
    let good = "-- Who?\n-- One row.\n--\n-- Parameter n integer = 2: How many.\n-- Column seq bigint: Where.\nSELECT seq FROM events WHERE seq < $n";
    let open = |text: &str| {
        let mut files: BTreeMap<String, String> = content().into_iter().filter(|(path, _)| !path.starts_with("queries/library/")).collect();
        files.insert("queries/library/who.sql".to_owned(), text.to_owned());
        open_with(&ledger.layout, files, 64 << 20)
    };
    let engine = open(good).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(engine.library()[0].ready, "-- Who?\nSELECT seq FROM events WHERE seq < 2");
    for (bad, words) in [
        (good.replace("-- One row.\n", ""), "lacks a remark"),
        (good.replace("seq bigint", "seq text"), "it declares the columns (seq text), its SQL gives (seq bigint)"),
        (good.replace("< $n", "< 2"), "either not declared or not used: [\"n\"]"),
        (good.replace("= 2:", "= \"2\":"), "does not read `Parameter name type = default: meaning`"),
        (good.replace("FROM events", "FROM entries"), "no table `entries`"),
        (good.replace("SELECT seq", "SELECT now() AS seq"), "no function `now`"),
        (format!("{good}; SELECT 1"), "one statement at a time"),
    ] {
        let error = open(&bad).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("queries/library/who.sql") && error.contains(words), "{bad}\n{error}");
    }
}
