//! Every view gives the same rows in DuckDB as here: over the eventful ledger, where no view is empty, and over the same after everything
//! was written a second time, where it shows which of two events counts.

use privyseal_core::digest::Digest;
use serde_json::{Value, json};

use crate::eventful::eventful;
use crate::fixture::{Ledger, actor, rows, run};
use crate::golden;
use crate::python::{FOLDER, script};

/// Views that follow from the bytes of segments, which a later version may write otherwise.
const OF_BYTES: &[&str] = &["checkpoints", "events", "ledger", "segments"];

/// Compares with DuckDB, and with what was found before: both engines run the same SQL, so a wrong view would be wrong in both.
fn compare(ledger: &mut Ledger, known: &str) {
    let engine = ledger.engine();
    let mut summary = String::new();
    let answers = tempfile::tempdir().unwrap();
    for doc in engine.table_docs() {
        let sql = format!("SELECT * FROM {}", doc.name);
        let answer = run(&engine, &sql).unwrap_or_else(|error| panic!("{}: {error}", doc.name));
        assert!(!answer.truncated);
        let columns: Vec<&str> = answer.columns.iter().map(|column| column.name.as_str()).collect();
        let mut sorted: Vec<String> = answer.rows.iter().map(|row| Value::from(row.clone()).to_string()).collect();
        sorted.sort_unstable();
        let digest = Digest::of(sorted.join("\n").as_bytes()).to_string();
        let digest = if OF_BYTES.contains(&doc.name.as_str()) { "-" } else { &digest };
        summary.push_str(&format!("{} {} {digest}\n", doc.name, answer.rows.len()));
        let text = json!({"columns": columns, "rows": answer.rows}).to_string();
        std::fs::write(answers.path().join(format!("{}.json", doc.name)), text).unwrap();
    }
    let (data, queries) = (ledger.folder.path().join("data"), format!("{FOLDER}/../queries"));
    let arguments = [data.to_str().unwrap(), &queries, "--answers", answers.path().to_str().unwrap()];
    let (code, text) = script("duckdb", "compare.py", &arguments);
    assert_eq!(code, 0, "{text}");
    let views = engine.table_docs().len();
    assert!(text.starts_with(&format!("compared: {views} of {views} views, ")), "a view was left out: {text}");
    assert_eq!(text.lines().last(), Some("empty: none"), "{text}");
    golden::compare(known, &summary);
}

#[test]
fn views_are_the_same_in_another_engine() {
    compare(&mut eventful(), "queries/tests/views.txt");
}

/// Writes again what the ledger holds, but for what may begin only once.
pub(crate) fn everything_twice() -> Ledger {
    let mut ledger = eventful();
    let once = "'ledger.opened', 'segment.sealed', 'session.started', 'delegation.made'";
    let sql = format!("SELECT kind, actor_id, request_id, body FROM events WHERE kind NOT IN ({once}) ORDER BY seq");
    let written = rows(&ledger.engine(), &sql);
    ledger.lax(|ledger| {
        for row in written {
            let [Value::String(kind), Value::String(who), request, Value::String(body)] = row.as_slice() else { panic!("{row:?}") };
            let (who, body) = (actor(who, ledger.now()), serde_json::from_str(body).unwrap());
            ledger.place(kind, who, request.as_str(), body);
        }
    });
    ledger
}

#[test]
fn and_when_everything_stands_there_twice() {
    compare(&mut everything_twice(), "queries/tests/views-twice.txt");
}
