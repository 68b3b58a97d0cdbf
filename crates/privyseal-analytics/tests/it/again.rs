//! A statement that comes again, or after others, gives what it gave: members of entries that are kept between statements, joins that are
//! left out and texts that are counted in parts change how long an answer takes, and nothing else.

use privyseal_analytics::Engine;
use privyseal_core::port::{Analytics as _, Question};
use serde_json::Value;

use crate::duckdb::everything_twice;
use crate::eventful::eventful;
use crate::fixture::{Ledger, rows, run};

/// Statements that want the same members of different entries, and different members of the same.
fn statements(engine: &Engine) -> Vec<String> {
    let whole = engine.table_docs().iter().map(|doc| format!("SELECT * FROM {}", doc.name)).collect::<Vec<_>>();
    let library = engine.library().iter().map(|query| query.ready.clone()).collect::<Vec<_>>();
    let more = [
        "SELECT tier, count(*) FROM requests GROUP BY tier ORDER BY tier",
        "SELECT request_id, tier FROM requests WHERE requested_at >= utc('2026-09-01') ORDER BY seq",
        "SELECT request_id, tier FROM requests WHERE requested_at < utc('2026-09-01') ORDER BY seq",
        "SELECT request_id, tier, risk FROM requests WHERE seq BETWEEN 30 AND 90 ORDER BY seq",
        "SELECT request_id, tier FROM requests WHERE tier = 'high' ORDER BY seq",
        "SELECT json_text(body, 'assessment', 'tier') AS t, count(*) FROM events WHERE kind = 'request.submitted' GROUP BY 1 ORDER BY 1",
        "SELECT json_text(entry, 'body', 'verdict') AS v, seq FROM events WHERE kind = 'review.recorded' ORDER BY seq",
        "SELECT json_text(entry, 'body', 'verdict') AS v, seq FROM events WHERE kind IN ('review.recorded', 'no \"kind\" at all') ORDER BY seq",
        "SELECT json_text(entry, 'body', 'verdict') AS v, seq FROM events WHERE kind <> 'review.recorded' ORDER BY seq",
        "SELECT json_text(entry, 'body, verdict') AS v, seq FROM events WHERE kind = 'review.recorded' ORDER BY seq",
        "SELECT json_text(entry, 'body', 'verdict') AS v, entry, seq FROM events WHERE kind = 'review.recorded' ORDER BY seq",
        "SELECT json_text(entry, 'body', 'verdict') AS v FROM events WHERE kind = 'nothing of the kind'",
        "SELECT decision, mechanism, count(*) FROM decisions GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT decision, mechanism FROM decisions WHERE decision = 'denied' ORDER BY seq",
    ];
    whole.into_iter().chain(library).chain(more.map(str::to_owned)).collect()
}

/// Asks everything of an engine in order, then again, and of another one from the end: each statement meets three states of what is kept.
fn always_the_same(ledger: &mut Ledger, as_of_seq: Option<u64>) {
    let (one, other) = (ledger.engine(), ledger.engine());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ask = |engine: &Engine, sql: &str| {
        let question = Question { as_of_seq, ..Question::new(sql) };
        let answer = runtime.block_on(engine.query(&question, Default::default()));
        answer.map(|answer| answer.rows).map_err(|error| error.to_string())
    };
    let statements = statements(&one);
    let first: Vec<_> = statements.iter().map(|sql| ask(&one, sql)).collect();
    let again: Vec<_> = statements.iter().map(|sql| ask(&one, sql)).collect();
    let mut backwards: Vec<_> = statements.iter().rev().map(|sql| ask(&other, sql)).collect();
    backwards.reverse();
    for (((sql, first), again), backwards) in statements.iter().zip(first).zip(again).zip(backwards) {
        assert_eq!(first, again, "{sql}");
        assert_eq!(first, backwards, "{sql}");
    }
}

#[test]
fn what_is_kept_answers_as_the_log_does() {
    always_the_same(&mut eventful(), None);
}

#[test]
fn what_is_kept_of_a_later_moment_answers_for_an_earlier_one() {
    always_the_same(&mut eventful(), Some(80));
}

#[test]
fn leaving_out_a_join_leaves_out_no_row() {
    let mut ledger = everything_twice();
    let engine = ledger.engine();
    for (view, key) in [("requests", "request_id"), ("executions", "execution_id"), ("alerts", "alert"), ("exceptions", "exception")] {
        // The second asks for the other side of every join.
        let without = rows(&engine, &format!("SELECT {key} FROM {view} ORDER BY seq"));
        let with = rows(&engine, &format!("SELECT * FROM {view} ORDER BY seq"));
        assert!(!without.is_empty());
        assert_eq!(without.len(), with.len(), "{view}");
        let plan = |sql: String| run(&engine, &format!("EXPLAIN {sql}")).unwrap().rows[0][1].to_string();
        let (spared, whole) = (plan(format!("SELECT {key} FROM {view}")), plan(format!("SELECT * FROM {view}")));
        assert!(!spared.contains("Left Join") && whole.contains("Left Join"), "{view}: {spared}");
    }
    // Where the other side may have several rows, the join stays.
    let several = "SELECT q.request_id FROM requests q LEFT JOIN reviews r ON r.request_id = q.request_id";
    assert!(run(&engine, &format!("EXPLAIN {several}")).unwrap().rows[0][1].to_string().contains("Left Join"));
    let with =
        rows(&engine, &format!("{} WHERE r.seq IS NULL OR r.seq >= 0", several.replace("q.request_id FROM", "q.request_id, r.seq FROM")));
    assert_eq!(rows(&engine, several).len(), with.len());
}

#[test]
fn texts_are_counted_as_groups_would_be() {
    let mut ledger = eventful();
    let engine = ledger.engine();
    for column in
        ["request_id", "actor_id", "kind", "session", "CASE WHEN seq % 2 = 0 THEN actor_id END", "substr(id, 1, 4)", "CAST(seq AS VARCHAR)"]
    {
        let counted = rows(&engine, &format!("SELECT count(DISTINCT {column}), count(*) FROM events"));
        let groups =
            rows(&engine, &format!("SELECT count(c), sum(n) FROM (SELECT {column} AS c, count(*) AS n FROM events GROUP BY {column})"));
        assert_eq!(counted, groups, "{column}");
    }
    let nothing = rows(&engine, "SELECT count(DISTINCT request_id), count(DISTINCT kind) FROM events WHERE seq < 0");
    assert_eq!(nothing, [[Value::from(0), Value::from(0)]]);
}
