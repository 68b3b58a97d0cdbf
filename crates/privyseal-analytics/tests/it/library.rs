//! `queries/library/`: the questions that people start from. Each is documented, and answers exactly with what happened.

use std::collections::BTreeMap;

use privyseal_core::port::Answer;
use serde_json::Value;

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
    let count = |name: &str, values: &[(&str, &str)]| {
        let query = engine.library().iter().find(|query| query.name == name).unwrap_or_else(|| panic!("{name}"));
        let mut sql = query.sql.clone();
        for parameter in &query.parameters {
            let value = values.iter().find(|(name, _)| *name == parameter.name).map(|(_, value)| (*value).to_owned());
            let default = match &parameter.default {
                Value::String(text) => format!("'{text}'"),
                other => other.to_string(),
            };
            sql = sql.replace(&format!("${}", parameter.name), &value.unwrap_or(default));
        }
        run(&engine, &sql).unwrap_or_else(|error| panic!("{name}: {error}\n{sql}")).rows.len()
    };
    for (name, at_defaults, values, rows) in [
        ("quick-approvals", 3, ("seconds", "3"), 1),
        ("quick-approvals", 3, ("at_least", "3"), 1),
        ("repeated-requests", 1, ("at_least", "4"), 0),
        ("split-requests", 1, ("gap_minutes", "5"), 0),
        ("split-requests", 1, ("end", "'2026-09-09T08:30:00Z'"), 0),
        ("asked-again", 1, ("days", "0"), 0),
        ("approver-pairs", 1, ("at_least", "2"), 0),
        ("new-approvers", 1, ("days", "0"), 0),
        ("fresh-passkeys", 1, ("hours", "1"), 0),
        ("out-of-hours-approvals", 1, ("weekends", "false"), 1),
        ("out-of-hours-approvals", 1, ("from_hour", "10"), 4),
        ("out-of-hours-approvals", 1, ("start", "utc('2026-09-20')"), 0),
        ("agents-at-night", 1, ("environment", "'staging'"), 0),
        ("agents-at-night", 1, ("offset_minutes", "240"), 0),
        ("breakglass-and-review", 2, ("open_only", "true"), 1),
        ("lonely-groups", 1, ("at_most", "0"), 0),
        ("open-exceptions", 1, ("days", "30"), 0),
        ("high-risk-approvals", 1, ("tier", "'medium'"), 8),
        ("failed-sign-ins", 2, ("at_least", "2"), 1),
    ] {
        assert_eq!(count(name, &[]), at_defaults, "{name} at its defaults");
        assert_eq!(count(name, &[values]), rows, "{name} with {values:?}");
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
