//! `queries/library/`: the questions that people start from. Each has a title and a remark, runs, and answers with what happened.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::fixture::{Ledger, content, run, uuid};

/// A ledger in which every question has an answer, in July; the newest entry stands in October.
fn eventful() -> Ledger {
    let mut ledger = Ledger::company();
    let high = json!({"assessment": {"risk": 80, "tier": "high"}});
    ledger.ask("high", "bot", high);
    ledger.review("high", "ana", "approve", json!({}));
    ledger.approve("high", &[("group:sre", "ana")], json!({}));
    ledger.grant("high", "bot", json!({}));
    ledger.redeem("high", "bot", json!({}));
    let execution = ledger.start("high", "bot", json!({}));
    let lost = json!({"execution_id": execution, "grant_id": uuid("grant-high"), "reason": "the executor fell silent"});
    ledger.about(&uuid("request-high"), "execution.unknown", "system", lost);

    ledger.ask("refused", "bot", json!({}));
    let party = json!({"principal": "dora", "kind": "human", "person": "p-dora"});
    let body = json!({"verdict": "approve", "reviewer": party, "code": "subject_of_request", "reason": "dora is part of the request"});
    ledger.about(&uuid("request-refused"), "review.refused", "dora", body);
    ledger.review("refused", "ben", "deny", json!({}));
    ledger.deny("refused", "ben");

    ledger.ask("automatic", "bot", json!({}));
    ledger.approve("automatic", &[], json!({"mechanism": "automatic"}));
    let unused = ledger.grant("automatic", "bot", json!({}));
    ledger.about(&uuid("request-automatic"), "grant.expired", "system", json!({"grant_id": unused, "expires_at": ledger.now()}));

    ledger.ask("emergency", "dora", json!({}));
    ledger.approve("emergency", &[], json!({"mechanism": "breakglass"}));
    ledger.grant("emergency", "dora", json!({"mechanism": "breakglass"}));
    let body = json!({"grant_id": uuid("grant-emergency"), "invoker": party, "reason": "database down", "reason_chars": 13,
        "expires_at": ledger.now().plus_seconds(600), "review_due_at": ledger.now().plus_seconds(86_400)});
    ledger.about(&uuid("request-emergency"), "breakglass.invoked", "dora", body);

    let asked = json!({"query": uuid("query"), "text": "SELECT 1", "parameters": {}, "snapshot_size": 9, "outcome": "ok", "rows": 1,
        "result_sha256": crate::fixture::digest("result"), "duration_ms": 2});
    ledger.event("query.run", "cleo", asked);
    ledger.at("2026-10-02T00:00:00Z").heartbeat();
    ledger
}

/// A file, how many rows it finds, and cells of the first of them.
type Expected<'a> = (&'a str, usize, &'a [(&'a str, Value)]);

#[test]
fn every_kept_query_has_a_title_and_finds_what_happened() {
    let files: BTreeMap<String, String> = content().into_iter().filter(|(path, _)| path.starts_with("queries/library/")).collect();
    let expected: &[Expected<'_>] = &[
        ("approval-latency", 1, &[("action", json!("db.schema.apply")), ("approved", json!(1))]),
        ("audit-access", 1, &[("actor", json!("cleo")), ("detail", json!("SELECT 1"))]),
        ("breakglass-and-review", 1, &[("invoker", json!("dora")), ("review", json!("overdue"))]),
        ("denied-agents", 1, &[("agent", json!("bot")), ("owner", json!("dora")), ("denied", json!(1)), ("denied_percent", json!(33))]),
        ("high-risk-approvals", 1, &[("reviewer", json!("ana")), ("risk", json!(80)), ("seconds_on_screen", json!(9))]),
        (
            "outcomes-by-week",
            1,
            &[
                ("requests", json!(4)),
                ("approved_by_people", json!(1)),
                ("straight_through", json!(1)),
                ("break_glass", json!(1)),
                ("denied_by_people", json!(1)),
                ("pending", json!(0)),
            ],
        ),
        ("refused-reviews", 1, &[("code", json!("subject_of_request")), ("person", json!("p-dora"))]),
        ("roles-now", 8, &[("role", json!("approver")), ("principal", json!("ana")), ("until", json!(null))]),
        ("straight-through", 1, &[("requests", json!(1)), ("rules", json!("r1"))]),
        ("unknown-outcomes", 1, &[("state", json!("unknown")), ("end_reason", json!("the executor fell silent"))]),
        ("unused-grants", 2, &[("mechanism", json!("breakglass"))]),
        ("verdicts-by-person", 2, &[("person", json!("p-ana")), ("approvals", json!(1)), ("denials", json!(0))]),
    ];
    let names: Vec<String> = expected.iter().map(|(name, ..)| format!("queries/library/{name}.sql")).collect();
    assert_eq!(files.keys().cloned().collect::<Vec<_>>(), names, "each file has its line in this table, and each line its file");

    let (mut ledger, mut new) = (eventful(), Ledger::new());
    let (engine, empty) = (ledger.engine(), new.engine());
    let mut wrong = Vec::new();
    for ((path, sql), (_, count, cells)) in files.iter().zip(expected) {
        let comments = sql.lines().take_while(|line| line.starts_with("-- ")).count();
        if comments < 2 {
            wrong.push(format!("{path}: a title and a remark must stand at its head"));
        }
        if let Err(error) = run(&empty, sql) {
            wrong.push(format!("{path} over a new log: {error}"));
        }
        match run(&engine, sql) {
            Err(error) => wrong.push(format!("{path}: {error}")),
            Ok(answer) => {
                let first = answer.rows.first().cloned().unwrap_or_default();
                let row: BTreeMap<&str, Value> = answer.columns.iter().map(|column| column.name.as_str()).zip(first).collect();
                let fits = answer.rows.len() == *count && cells.iter().all(|(name, value)| row.get(name) == Some(value));
                if !fits {
                    wrong.push(format!("{path}: {} rows, the first is {row:?}, expected {count} and {cells:?}", answer.rows.len()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
