//! Untrusted SQL: what must be refused, what must run out of something, and that the engine answers afterwards.

use std::path::Path;
use std::time::{Duration, Instant};

use privyseal_analytics::Engine;
use privyseal_core::port::{QueryError, QueryLimits, Question};
use serde_json::json;

use crate::fixture::{Ledger, content, open_with, run, run_with, value};

/// 400 requests with what came of them: enough for a cross join to hurt.
fn crowd() -> (Ledger, Engine) {
    let mut ledger = Ledger::company();
    for number in 0..400 {
        ledger.good(&format!("n{number}"));
    }
    ledger.commit();
    let engine = open_with(&ledger.layout, content(), 64 << 20).unwrap();
    (ledger, engine)
}

#[test]
fn what_is_not_a_question_is_refused() {
    let mut ledger = Ledger::company();
    let engine = ledger.engine();
    let victim = ledger.folder.path().join("victim.csv");
    std::fs::write(&victim, "a\n1\n").unwrap();
    let victim_text = victim.display().to_string();
    let deep_with = (0..12).fold("SELECT 1".to_owned(), |inner, level| format!("WITH w{level} AS ({inner}) SELECT * FROM w{level}"));
    let nested_with = (0..45).fold("SELECT 1 AS x".to_owned(), |inner, _| format!("SELECT * FROM (WITH a AS ({inner}) SELECT * FROM a)"));
    let shallow_with = (0..15).fold("SELECT 1 AS x".to_owned(), |inner, _| format!("SELECT * FROM (WITH a AS ({inner}) SELECT * FROM a)"));
    let chain = |operator: &str, count: usize| format!("SELECT {}", vec!["1"; count].join(operator));
    let parentheses = format!("SELECT {}1{}", "(".repeat(3_000), ")".repeat(3_000));
    let unions = vec!["SELECT 1"; 3_000].join(" UNION ALL ");
    let tables = format!("SELECT count(*) FROM {}", (0..40).map(|n| format!("events e{n}")).collect::<Vec<_>>().join(", "));
    let long = format!("SELECT '{}'", "x".repeat(70_000));
    let literal = format!("SELECT '{}'", "x".repeat(9_000));
    let list = format!("SELECT 1 WHERE 1 IN ({})", vec!["2"; 10_000].join(","));
    let cases: Vec<(String, &str)> = [
        // Writing, in every dress.
        ("CREATE TABLE t AS SELECT 1", "only SELECT"),
        ("CREATE VIEW v AS SELECT 1", "only SELECT"),
        ("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'", "only SELECT"),
        ("DROP VIEW events", "only SELECT"),
        ("INSERT INTO events VALUES (1)", "only SELECT"),
        ("UPDATE events SET kind = 'x'", "only SELECT"),
        ("DELETE FROM events", "only SELECT"),
        ("TRUNCATE TABLE events", "only SELECT"),
        ("COPY (SELECT 1) TO '/tmp/privyseal-attack.csv'", "only SELECT"),
        ("COPY events TO 'x.parquet' STORED AS PARQUET", "only SELECT"),
        ("EXPLAIN ANALYZE SELECT 1", "only plain EXPLAIN"),
        ("EXPLAIN VERBOSE SELECT 1", "only plain EXPLAIN"),
        ("EXPLAIN FORMAT TREE SELECT 1", "only plain EXPLAIN"),
        ("EXPLAIN COPY (SELECT 1) TO '/tmp/x'", "only SELECT"),
        ("EXPLAIN INSERT INTO events VALUES (1)", "only SELECT"),
        ("SELECT * INTO stolen FROM events", "only SELECT"),
        ("WITH x AS (SELECT 1) INSERT INTO events SELECT * FROM x", "only SELECT"),
        // Settings, sessions, transactions.
        ("SET datafusion.execution.time_zone = '+08:00'", "only SELECT"),
        ("RESET datafusion.execution.time_zone", "only SELECT"),
        ("SHOW ALL", "only SELECT"),
        ("SHOW datafusion.runtime.memory_limit", "only SELECT"),
        ("SHOW FUNCTIONS", "only SELECT"),
        ("PREPARE p AS SELECT 1", "only SELECT"),
        ("EXECUTE p", "only SELECT"),
        ("DEALLOCATE p", "only SELECT"),
        ("BEGIN", "only SELECT"),
        ("COMMIT", "only SELECT"),
        ("USE x", "only SELECT"),
        ("CREATE FUNCTION f(x INT) RETURNS INT RETURN $1", "only SELECT"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SELECT 1; DROP TABLE events", "one statement at a time"),
        ("", "the statement is empty"),
        ("-- nothing", "the statement is empty"),
        // Files, addresses, settings as tables.
        ("SELECT * FROM '/etc/passwd'", "no table"),
        ("SELECT * FROM 'https://example.com/x.parquet'", "no table"),
        ("SELECT * FROM \"/etc/passwd\"", "no table"),
        ("SELECT * FROM read_csv('/etc/passwd')", "table functions are not available"),
        ("SELECT * FROM events('/etc/passwd')", "table functions are not available"),
        ("SELECT * FROM generate_series(1, 1000000000)", "table functions are not available"),
        ("SELECT * FROM range(1, 1000000000)", "table functions are not available"),
        ("SELECT * FROM LATERAL generate_series(1, 10)", "table functions are not available"),
        ("SELECT * FROM TABLE(range(1))", "not available"),
        ("SELECT * FROM information_schema.df_settings", "no table `df_settings`"),
        ("SELECT * FROM information_schema.views", "no table `views`"),
        ("SELECT * FROM information_schema.routines", "no table `routines`"),
        ("SELECT * FROM pg_catalog.pg_settings", "no table"),
        ("SELECT * FROM privyseal.internal.entries", "no table"),
        ("SELECT * FROM entries", "no table `entries`"),
        ("SELECT * FROM notes", "no table `notes`"),
        ("SELECT * FROM head", "no table `head`"),
        // Functions that allocate without measure, run without end, or tell what is not in the log.
        ("SELECT repeat('x', 1000000000)", "no function `repeat`"),
        ("SELECT lpad('x', 1000000000)", "no function `lpad`"),
        ("SELECT rpad('x', 1000000000, 'y')", "no function `rpad`"),
        ("SELECT array_repeat(1, 1000000000)", "no function `array_repeat`"),
        ("SELECT range(1, 1000000000)", "no function `range`"),
        ("SELECT generate_series(1, 1000000000)", "no function `generate_series`"),
        ("SELECT make_array(1, 2)", "no function `make_array`"),
        ("SELECT [1, 2]", "lists, structs and maps"),
        ("SELECT {'a': 1}", "lists, structs and maps"),
        ("SELECT struct(1, 2)", "lists, structs and maps"),
        ("SELECT (1, 2)", "lists, structs and maps"),
        ("SELECT levenshtein('a', 'b')", "no function `levenshtein`"),
        ("SELECT now()", "no function `now`"),
        ("SELECT current_timestamp", "current_timestamp"),
        ("SELECT random()", "no function `random`"),
        ("SELECT uuid()", "no function `uuid`"),
        ("SELECT version()", "no function `version`"),
        ("SELECT input_file_name() FROM events", "no function `input_file_name`"),
        ("SELECT array_concat(json_list('[]'), json_list('[]'))", "no function `array_concat`"),
        ("SELECT json_list('[]')[1:2]", "slices of lists"),
        ("SELECT regexp_like('x', '(a{500}){' || seq || '}') FROM events", "the pattern of `regexp_like`"),
        ("SELECT pg_sleep(10)", "no function `pg_sleep`"),
        ("SELECT $1", "the parameter `$1`"),
        ("SELECT @@version", "version"),
        ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT * FROM r", "WITH RECURSIVE is not allowed"),
        // Texts that cost more to plan than they are worth.
        (deep_with.as_str(), "WITH inside WITH"),
        (nested_with.as_str(), "recursion limit exceeded"),
        (shallow_with.as_str(), "WITH inside WITH"),
        (chain("+", 5_000).as_str(), "a chain of more than"),
        (chain(" AND ", 5_000).as_str(), "a chain of more than"),
        (chain(" || ", 5_000).as_str(), "a chain of more than"),
        (parentheses.as_str(), "recursion limit"),
        (unions.as_str(), "SELECTs"),
        (tables.as_str(), "more than 32 tables"),
        (long.as_str(), "the limit is"),
        (literal.as_str(), "a text literal (line 1, column 8) is longer than"),
        (list.as_str(), "expressions"),
    ]
    .into_iter()
    .map(|(sql, part)| (sql.to_owned(), part))
    .chain([(format!("SELECT * FROM '{victim_text}'"), "no table")])
    .collect();
    let mut wrong = Vec::new();
    for (sql, part) in cases {
        let shown: String = sql.chars().take(80).collect();
        let began = Instant::now();
        match run(&engine, &sql) {
            Err(QueryError::Refused(text)) if text.contains(part) => {}
            other => wrong.push(format!("{shown}: {:?}", other.map(|answer| answer.rows))),
        }
        if began.elapsed() > Duration::from_secs(10) {
            wrong.push(format!("{shown}: took {:?}", began.elapsed()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!Path::new("/tmp/privyseal-attack.csv").exists());
    assert_eq!(value(&engine, "SELECT count(*) > 1 FROM events"), json!(true));
}

#[test]
fn what_is_too_much_runs_out() {
    let (_ledger, engine) = crowd();
    let doubling = (0..40).fold("SELECT 'xxxxxxxxxxxxxxxx' AS x".to_owned(), |inner, _| format!("SELECT x || x AS x FROM ({inner})"));
    let concats = (0..20).fold("kind".to_owned(), |inner, _| format!("concat({inner}, {inner})"));
    let replaces = "SELECT max(character_length(replace(replace(replace(body, 'a', body), 'a', body), 'a', body))) FROM events";
    let joined = "SELECT max(character_length(array_to_string(json_list(body, 'subjects'), body) || concat_ws(body, kind, kind, kind, kind))) FROM events";
    let cross = "SELECT count(*) FROM events a, events b, events c WHERE a.seq + b.seq + c.seq = -1";
    let aggregated = "SELECT array_agg(a.entry) FROM events a, events b";
    let strings = "SELECT string_agg(a.body, ',') FROM events a, events b";
    let sorted = "SELECT a.entry, b.entry FROM events a, events b ORDER BY a.leaf, b.leaf DESC";
    let grouped = "SELECT a.body || b.body AS g, count(*) FROM events a, events b GROUP BY 1 ORDER BY 2 LIMIT 1";
    let crossed = "SELECT sum(a.seq * b.seq) FROM events a, events b, events c, events d";
    let matched = "SELECT count(*) FROM events a JOIN events b ON a.actor_kind = b.actor_kind JOIN events c ON b.actor_kind = c.actor_kind AND a.seq + c.seq = -1";
    let window = "SELECT max(s) FROM (SELECT sum(a.seq) OVER () AS s FROM events a, events b)";
    let bounded = "SELECT max(s) FROM (SELECT sum(a.seq) OVER (ORDER BY a.actor_kind RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS s, a.body FROM events a, events b)";
    // One long text, made long by an aggregate, and then many of it.
    let text = "(SELECT string_agg(body, ',') FROM events)";
    let unnested = "SELECT max(character_length(t || u)) FROM (SELECT unnest(l) AS u, t FROM (SELECT array_agg(a.seq) AS l, max(b.body) AS t FROM events a, events b))";
    let broadcast_by_join = &format!("SELECT count(DISTINCT t || e.seq) FROM (SELECT {text} AS t) x, events e");
    let broadcast_by_case = &format!("SELECT max(CASE WHEN seq > 0 THEN {text} ELSE kind END) FROM events");
    let broadcast_by_window = "SELECT count(m) FROM (SELECT max(t) OVER () AS m FROM (SELECT string_agg(body, ',') AS t FROM events UNION ALL SELECT NULL FROM events a, events b))";
    let broadcast_by_frame = "SELECT count(m) FROM (SELECT last_value(t) OVER (ORDER BY n) AS m FROM (SELECT 0 AS n, string_agg(body, ',') AS t FROM events UNION ALL SELECT a.seq, NULL FROM events a, events b))";
    let wide = "SELECT a.entry, b.entry, c.entry FROM events a, events b, events c";
    let mut wrong = Vec::new();
    for (sql, kinds) in [
        (doubling.as_str(), "refused"),
        (&format!("SELECT {concats} FROM events"), "refused"),
        (replaces, "refused"),
        (cross, "limit"),
        (crossed, "limit"),
        (matched, "limit"),
        (window, "limit"),
        (bounded, "limit"),
        (unnested, "either"),
        (broadcast_by_join, "refused"),
        (broadcast_by_case, "refused"),
        (broadcast_by_window, "refused"),
        (broadcast_by_frame, "either"),
        (aggregated, "limit"),
        (strings, "limit"),
        (sorted, "limit"),
        (grouped, "limit"),
    ] {
        let began = Instant::now();
        let outcome = run_with(&engine, sql, QueryLimits { max_rows: 100, timeout_ms: 15_000, ..QueryLimits::default() });
        let found = match &outcome {
            Err(QueryError::Refused(_)) => "refused",
            Err(QueryError::Limit(_)) => "limit",
            Err(QueryError::Failed(_)) => "failed",
            Ok(_) => "answer",
        };
        let shown: String = sql.chars().take(60).collect();
        let fits = found == kinds || (kinds == "either" && ["refused", "limit"].contains(&found));
        if !fits || began.elapsed() > Duration::from_secs(40) {
            wrong.push(format!("{shown}: {found} after {:?}: {:?}", began.elapsed(), outcome.map(|answer| answer.rows.len())));
        }
        assert_eq!(value(&engine, "SELECT 1"), json!(1), "the engine answers after {shown}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // These are bounded by what is handed out.
    assert!(run(&engine, joined).is_ok());
    let cut = run_with(&engine, wide, QueryLimits { max_rows: 50, timeout_ms: 60_000, ..QueryLimits::default() }).unwrap();
    assert_eq!((cut.rows.len(), cut.truncated), (50, true));
}

#[test]
fn a_dropped_statement_frees_its_place_and_memory() {
    let (_ledger, engine) = crowd();
    let heavy = "SELECT count(*) FROM events a, events b, events c WHERE a.seq * b.seq + c.seq = -1";
    for _ in 0..20 {
        // More statements than places; each is dropped while it runs or waits.
        let limits = QueryLimits { max_rows: 10, timeout_ms: 600_000, ..QueryLimits::default() };
        let question = Question::new(heavy);
        let mut query = privyseal_core::port::Analytics::query(&engine, &question, limits);
        let waker = futures::task::noop_waker();
        let mut context = std::task::Context::from_waker(&waker);
        assert!(query.as_mut().poll(&mut context).is_pending());
        drop(query);
    }
    let began = Instant::now();
    assert_eq!(value(&engine, "SELECT count(*) FROM requests"), json!(400));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn errors_say_what_where_and_the_nearest_name() {
    let mut ledger = Ledger::company();
    ledger.good("good");
    let engine = ledger.engine();
    for (sql, expected) in [
        ("SELECT acton FROM requests", "no column `acton` in requests (line 1, column 8): did you mean `action`?"),
        ("SELECT *\nFROM requsts", "no table `requsts` (line 2, column 6): did you mean `requests`?"),
        ("SELECT lenght(kind) FROM events", "no function `lenght` (line 1, column 8): did you mean `length`?"),
        ("SELECT r.nme FROM requests r", "no column `nme` in r (line 1, column 8)"),
        ("SELECT x.kind FROM requests r", "no table `x` in the statement (line 1, column 8): did you mean `r`?"),
        ("SELECT kind FROM events a, events b", "`kind` (line 1, column 8) is in several tables: write table.kind"),
        ("SELEC 1", "the statement cannot be read: expected: an SQL statement, found: SELEC at Line: 1, Column: 1"),
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT CAST('x' AS BIGINT)", "cannot cast string 'x' to value of Int64 type"),
        (
            "SELECT utc('tomorrow')",
            "`tomorrow` is not a time: expected RFC 3339 such as 2026-11-23T05:33:27Z, or a date such as 2026-11-23",
        ),
        ("SELECT max(seq) FROM events GROUP BY seq HAVING kind = 'x'", "kind"),
    ] {
        let text = run(&engine, sql).unwrap_err().to_string();
        assert!(text.contains(expected), "{sql}\n  expected {expected}\n  found    {text}");
        assert!(!text.contains('\n') && !text.contains(&ledger.folder.path().display().to_string()), "{text}");
    }
}
