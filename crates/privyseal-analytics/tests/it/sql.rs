//! Reading: freshness, segments and tail, functions, documentation.

use privyseal_core::port::Analytics as _;
use serde_json::{Value, json};

use crate::fixture::{Ledger, rows, run, value};

#[test]
fn every_view_can_be_read() {
    let mut ledger = Ledger::new();
    let engine = ledger.engine();
    for table in engine.tables() {
        let answer = run(&engine, &format!("SELECT * FROM {}", table.name)).unwrap_or_else(|error| panic!("{}: {error}", table.name));
        let found: Vec<(String, String)> = answer.columns.into_iter().map(|column| (column.name, column.kind)).collect();
        let declared: Vec<(String, String)> = table.columns.iter().map(|column| (column.name.clone(), column.kind.clone())).collect();
        assert_eq!(found, declared, "{}", table.name);
    }
    assert!(engine.tables().len() > 30);
}

#[test]
fn every_example_gives_its_result() {
    let mut ledger = Ledger::new();
    let engine = ledger.engine();
    let mut wrong = Vec::new();
    for function in engine.functions() {
        let expected: Value = serde_json::from_str(function.result).unwrap();
        match run(&engine, function.example) {
            Ok(answer) if answer.rows == vec![vec![expected.clone()]] => {}
            other => wrong.push(format!("{}: {:?}", function.name, other.map(|answer| answer.rows))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_statement_sees_what_was_committed_before_it() {
    let mut ledger = Ledger::new();
    let engine = ledger.engine();
    let count = || value(&engine, "SELECT count(*) FROM events");
    assert_eq!(count(), json!(1));
    for expected in 2..20 {
        ledger.event("heartbeat", "system", json!({"node": "n1", "interval_seconds": 60}));
        ledger.commit();
        assert_eq!(count(), json!(expected));
        if expected % 5 == 0 {
            ledger.seal();
            ledger.event("heartbeat", "system", json!({"node": "n1", "interval_seconds": 60}));
            ledger.commit();
            let seqs: Vec<Value> = rows(&engine, "SELECT seq FROM events").into_iter().flatten().collect();
            assert_eq!(seqs, (0..ledger.size()).map(Value::from).collect::<Vec<_>>());
            break;
        }
    }
}
