//! Reading: freshness, segments and tail, functions, documentation.

use privyseal_core::port::{Analytics as _, FileForm, QueryError, QueryLimits, Question};
use serde_json::{Value, json};

use crate::fixture::{Ledger, file, rows, run, run_with, value};

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

/// What every statement of this list gives, in order, with its digest.
fn all_answers(engine: &privyseal_analytics::Engine) -> Vec<privyseal_core::port::Answer> {
    let statements = [
        "SELECT * FROM events",
        "SELECT kind, count(*) FROM events GROUP BY kind",
        "SELECT * FROM requests",
        "SELECT * FROM principals",
        "SELECT r.request_id, v.reviewer, x.state FROM requests r JOIN reviews v ON v.request_id = r.request_id LEFT JOIN executions x ON x.request_id = r.request_id",
        "SELECT e.seq, p.person FROM events e LEFT JOIN persons p ON p.principal = e.actor_id AND p.from_seq <= e.seq AND e.seq < p.to_seq",
        "SELECT seq, kind FROM events WHERE kind IN ('review.recorded', 'role.assigned') AND seq > 3 ORDER BY kind",
        "SELECT actor_id, array_agg(kind) FROM events WHERE request_id IS NOT NULL GROUP BY actor_id",
        "SELECT seq, row_number() OVER (PARTITION BY kind ORDER BY time) FROM events",
        "SELECT DISTINCT actor_id FROM events WHERE time >= utc('2026-07-01T00:00:10Z')",
    ];
    statements.iter().map(|sql| run(engine, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))).collect()
}

#[test]
fn sealing_changes_no_answer() {
    let make = |seal_after: &[usize]| {
        let mut ledger = Ledger::company();
        for number in 0..30 {
            ledger.good(&format!("n{number}"));
            if seal_after.contains(&number) {
                // A sealed log has one more entry, so the unsealed one gets one as well.
                ledger.seal();
            } else if [9, 19].contains(&number) {
                ledger.commit();
                ledger.heartbeat();
            }
        }
        ledger
    };
    let (mut tail, mut sealed) = (make(&[]), make(&[9, 19]));
    let (tail_engine, sealed_engine) = (tail.engine(), sealed.engine());
    assert_eq!(rows(&sealed_engine, "SELECT count(*) FROM segments"), [[json!(2)]]);
    // The two logs differ in the kinds and leaves of the two entries, and in all that hangs on them; so compare what does not.
    for sql in [
        "SELECT request_id, requester, state, tier, requested_at FROM requests",
        "SELECT request_id, reviewer, verdict, decided_at FROM reviews",
        "SELECT seq, actor_id, request_id FROM events",
        "SELECT actor_id, count(*) FROM events GROUP BY actor_id",
        "SELECT seq FROM events WHERE kind = 'role.assigned' AND seq < 9",
        "SELECT a.seq, b.seq FROM events a JOIN events b ON a.request_id = b.request_id AND a.seq < b.seq",
    ] {
        let (one, other) = (run(&tail_engine, sql).unwrap(), run(&sealed_engine, sql).unwrap());
        assert_eq!(one.rows, other.rows, "{sql}");
        assert_eq!(one.result_sha256, other.result_sha256, "{sql}");
    }
    // The same log, before it is sealed and after, and as another engine sees it.
    let before = all_answers(&tail_engine);
    let size = tail.size();
    tail.seal();
    let sizes = format!("WHERE seq < {size}");
    let again = crate::fixture::open(&tail.layout);
    for (sql, old) in [("SELECT * FROM events", before.first()), ("SELECT * FROM requests", before.get(2))] {
        let sql = if sql.ends_with("events") { format!("{sql} {sizes}") } else { sql.to_owned() };
        for engine in [&tail_engine, &again] {
            let new = run(engine, &sql).unwrap();
            assert_eq!(Some(new.result_sha256), old.map(|answer| answer.result_sha256), "{sql}");
        }
    }
    let (one, other): (Vec<_>, Vec<_>) = (all_answers(&tail_engine), all_answers(&again));
    assert_eq!(one, other, "the same prefix gives the same rows in the same order with the same digest");
}

#[test]
fn a_damaged_segment_is_named() {
    let mut ledger = Ledger::company();
    for number in 0..20 {
        ledger.good(&format!("n{number}"));
    }
    let path = ledger.seal();
    let engine = ledger.engine();
    let good = std::fs::read(&path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let check = |bytes: &[u8], what: &str| {
        std::fs::write(&path, bytes).unwrap();
        let fresh = crate::fixture::open(&ledger.layout);
        for engine in [&engine, &fresh] {
            let error = run(engine, "SELECT max(character_length(body)) FROM events").unwrap_err().to_string();
            assert!(error.contains(&name) && error.contains("run `privyseal verify`"), "{what}: {error}");
        }
    };
    check(&good[..good.len() / 2], "truncated");
    check(&[], "empty");
    let mut flipped = good.clone();
    let middle = good.len() / 2;
    flipped[middle..middle + 64].fill(0xff);
    check(&flipped, "overwritten in the middle");
    let mut footer = good.clone();
    let end = good.len() - 8;
    footer[end - 40..end].fill(0);
    check(&footer, "footer overwritten");
    std::fs::remove_file(&path).unwrap();
    let error = run(&engine, "SELECT count(*) FROM events").unwrap_err().to_string();
    assert!(error.contains(&name) && error.contains("run `privyseal verify`"), "{error}");
    std::fs::write(&path, &good).unwrap();
    assert!(value(&engine, "SELECT count(*) FROM events").as_u64().unwrap() > 100);

    // Damaged after it was checked, within the same tick of the file's clock: then the reading itself fails, and says which file.
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::fs::write(&path, &flipped).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let failed: Vec<String> = ["entry", "leaf", "signature", "id", "kind", "actor_id", "time", "key_id", "request_id"]
        .into_iter()
        .filter_map(|column| run(&engine, &format!("SELECT {column} FROM events")).err())
        .map(|error| error.to_string())
        .collect();
    assert!(!failed.is_empty());
    assert!(failed.iter().all(|error| error.contains(&name)), "{failed:?}");

    // A file that was changed with care decodes as before, and is read by nobody.
    let mark = b"privyseal segment 1";
    let mut forged = good.clone();
    let at = forged.windows(mark.len()).position(|window| window == mark).unwrap();
    forged[at + mark.len() - 1] = b'2';
    check(&forged, "forged");
}

#[test]
fn cells_lose_nothing() {
    let mut ledger = Ledger::company();
    let engine = ledger.engine();
    for (sql, expected, kind) in [
        ("SELECT 9007199254740991", json!(9_007_199_254_740_991_i64), "bigint"),
        ("SELECT 9007199254740992", json!("9007199254740992"), "bigint"),
        ("SELECT -9223372036854775807", json!("-9223372036854775807"), "bigint"),
        ("SELECT 0.5", json!(0.5), "double"),
        ("SELECT 1e308 * 10", json!("inf"), "double"),
        ("SELECT utc('2026-07-01T10:00:00.5Z')", json!("2026-07-01T10:00:00.500000Z"), "timestamp"),
        ("SELECT date_trunc('month', utc('2026-07-09'))", json!("2026-07-01T00:00:00.000000Z"), "timestamp"),
        ("SELECT CAST('2026-07-09' AS DATE)", json!("2026-07-09"), "date"),
        ("SELECT leaf_hash('') = leaf_hash('')", json!(true), "boolean"),
        ("SELECT json_list('[\"a\",\"b\"]')", json!(["a", "b"]), "text[]"),
        ("SELECT fields('{\"a\":1}', 'a int, b text')", json!({"a": 1, "b": null}), "struct"),
        ("SELECT NULL", json!(null), "null"),
        ("SELECT 'x' || NULL", json!(null), "text"),
        ("SELECT signature FROM events WHERE seq = 0", json!(null), "bytes"),
        ("SELECT character_length(hex(leaf)) FROM events WHERE seq = 0", json!(64), "integer"),
        ("SELECT max(seq) FROM events WHERE seq < 0", json!(null), "bigint"),
    ] {
        let answer = run(&engine, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!((&answer.rows[0][0], answer.columns[0].kind.as_str()), (&expected, kind), "{sql}");
    }
    let leaf = value(&engine, "SELECT leaf FROM events WHERE seq = 0");
    assert_eq!(leaf.as_str().map(str::len), Some(64));
    assert_eq!(value(&engine, "SELECT count(*) FROM events WHERE leaf_hash(entry) = leaf"), json!(ledger.size()));
    let person = "SELECT person_of('bot', utc('2026-07-02')) || person_of('ana', utc('2026-07-02')) || coalesce(person_of('ana', utc('2020-01-01')), '-')";
    assert_eq!(value(&engine, person), json!("p-dorap-ana-"));
    // The digest covers names, types and values, and nothing else.
    let digest = |sql: &str| run(&engine, sql).unwrap().result_sha256;
    assert_eq!(digest("SELECT 1 AS a"), digest("SELECT 2 - 1 AS a"));
    for other in ["SELECT 1 AS b", "SELECT '1' AS a", "SELECT 2 AS a", "SELECT 1 AS a UNION ALL SELECT 1"] {
        assert_ne!(digest("SELECT 1 AS a"), digest(other), "{other}");
    }
}

#[test]
fn the_schema_can_be_asked_for() {
    let mut ledger = Ledger::company();
    let engine = ledger.engine();
    let tables = rows(&engine, "SHOW TABLES");
    assert_eq!(tables.len(), engine.tables().len());
    let columns = rows(
        &engine,
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'reviews' ORDER BY CAST(ordinal_position AS INT)",
    );
    assert_eq!(columns[0], [json!("request_id"), json!("text")]);
    assert_eq!(rows(&engine, "SHOW COLUMNS FROM reviews").len(), columns.len());
    assert_eq!(rows(&engine, "DESCRIBE reviews").len(), columns.len());
    let plan = rows(&engine, "EXPLAIN SELECT kind FROM events WHERE seq = 1");
    let text = serde_json::to_string(&plan).unwrap();
    assert!(text.contains("logical_plan") && !text.contains("parquet") && !text.contains('/'), "{text}");
}

#[test]
fn exports_are_inert_and_complete() {
    let mut ledger = Ledger::company();
    ledger.ask("evil", "bot", json!({"justification": "=HYPERLINK(\"http://x\")", "ticket": "@cmd"}));
    ledger.ask("quote", "bot", json!({"justification": "a \"b\", c\nd", "ticket": "-1"}));
    let engine = ledger.engine();
    let limits = QueryLimits { max_rows: 1, ..QueryLimits::default() };
    let sql = "SELECT justification AS \"=name\", ticket, -1 AS n, NULL AS none, '' AS empty, subjects FROM requests ORDER BY seq";
    let (told, csv) = file(&engine, sql, FileForm::Csv, limits).unwrap();
    assert_eq!((told.rows, told.truncated, told.snapshot_size), (2, false, ledger.size()), "files have a row limit of their own");
    let expected = "'=name,ticket,n,none,empty,subjects\r\n\"'=HYPERLINK(\"\"http://x\"\")\",'@cmd,-1,,\"\",\"[\"\"p-dora\"\"]\"\r\n\"a \"\"b\"\", c\nd\",'-1,-1,,\"\",\"[\"\"p-dora\"\"]\"\r\n";
    assert_eq!(String::from_utf8(csv).unwrap(), expected);
    let (_, lines) = file(&engine, "SELECT seq, kind, NULL AS none FROM events ORDER BY seq", FileForm::JsonLines, limits).unwrap();
    assert!(lines.starts_with(b"{\"seq\":0,\"kind\":\"ledger.opened\",\"none\":null}\n"), "{}", String::from_utf8_lossy(&lines));

    let everything = "SELECT * FROM events";
    let (told, parquet) = file(&engine, everything, FileForm::Parquet, limits).unwrap();
    assert_eq!(told.rows, ledger.size());
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    let (_, again) = file(&engine, everything, FileForm::Parquet, limits).unwrap();
    assert_eq!(parquet, again, "the same rows give the same bytes");
    let (told, arrow) = file(&engine, everything, FileForm::Arrow, limits).unwrap();
    assert_eq!(told.rows, ledger.size());
    assert!(arrow.len() > 1_000);
    let refused = file(&engine, "DROP TABLE events", FileForm::Csv, limits);
    assert!(matches!(refused, Err(QueryError::Refused(_))), "{refused:?}");
    for form in [FileForm::Csv, FileForm::JsonLines, FileForm::Parquet, FileForm::Arrow] {
        let short = QueryLimits { max_bytes: 100, ..limits };
        let refused = file(&engine, everything, form, short);
        assert!(matches!(refused, Err(QueryError::Limit(_))), "{form:?}: {refused:?}");
    }
}

#[test]
fn an_answer_and_its_file_are_the_same_rows() {
    let mut ledger = Ledger::company();
    let engine = ledger.engine();
    let (sql, limits) =
        ("SELECT seq, kind FROM events ORDER BY seq", QueryLimits { max_rows: 4, max_file_rows: 4, ..QueryLimits::default() });
    let plain = run_with(&engine, sql, limits).unwrap();
    for (form, head) in [(FileForm::Csv, &b"seq,kind\r\n0,ledger.opened\r\n"[..]), (FileForm::Parquet, b"PAR1")] {
        let (told, bytes) = file(&engine, sql, form, limits).unwrap();
        assert_eq!((told.rows, told.truncated, told.result_sha256), (4, true, plain.result_sha256), "{form:?}");
        assert!(bytes.starts_with(head), "{form:?}");
        if form == FileForm::Csv {
            assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 5, "a header and as many rows as the answer has");
        }
        assert!(matches!(file(&engine, "SELEC", form, limits), Err(QueryError::Refused(_))));
    }
    assert!(plain.truncated);
}

#[test]
fn a_question_can_be_pinned_and_carries_its_values() {
    let mut ledger = Ledger::company();
    let engine = ledger.engine();
    let before = ledger.size();
    let count = |question: &Question| futures::executor::block_on(engine.query(question, QueryLimits::default()));
    let all = Question::new("SELECT count(*) AS n, max(seq) AS newest FROM events");
    let first = count(&all).unwrap();
    ledger.ask("later", "bot", json!({}));
    ledger.commit();
    assert!(count(&all).unwrap().snapshot_size > before);
    let pinned = Question { as_of_seq: Some(before - 1), ..all.clone() };
    assert_eq!(count(&pinned).unwrap(), first, "the same rows, snapshot and digest as then");
    let said = format!("{} /* AS OF SEQ 3 */ as Of  SEQ {} ;\n-- AS OF SEQ 2", all.sql, before - 1);
    assert_eq!(count(&Question::new(said)).unwrap(), first, "what stands in comments says nothing");

    let listed = run(&engine, "SELECT seq, kind FROM events WHERE seq < 5 ORDER BY seq").unwrap();
    let again = value(&engine, "SELECT digest_of_result(seq, kind ORDER BY seq) FROM events WHERE seq < 5");
    assert_eq!(again, json!(listed.result_sha256), "the digest of a record can be computed again in SQL");

    let kinds = Question {
        sql: "SELECT count(*) AS n FROM events WHERE kind = $kind AND seq >= $least AND $really AND kind IN (SELECT unnest($kinds))"
            .to_owned(),
        parameters: json!({"kind": "ledger.opened", "least": 0, "really": true, "kinds": ["ledger.opened", "x"]})
            .as_object()
            .unwrap()
            .clone(),
        ..Question::default()
    };
    assert_eq!(count(&kinds).unwrap().rows, [[json!(1)]]);
    let hostile = Question {
        sql: "SELECT count(*) AS n FROM events WHERE kind = $1".to_owned(),
        parameters: json!({"1": "' OR 1 = 1 --"}).as_object().unwrap().clone(),
        ..Question::default()
    };
    assert_eq!(count(&hostile).unwrap().rows, [[json!(0)]]);
    let described = futures::executor::block_on(engine.describe(&kinds)).unwrap();
    assert_eq!(described.parameters, ["kind", "kinds", "least", "really"]);
    assert_eq!(described.columns.iter().map(|column| (column.name.as_str(), column.kind.as_str())).collect::<Vec<_>>(), [("n", "bigint")]);

    let parameters = |value: Value| value.as_object().unwrap().clone();
    for (question, expected) in [
        (Question { as_of_seq: Some(1_000_000), ..all.clone() }, "there is no entry 1000000 yet"),
        (Question { as_of_seq: Some(1), ..Question::new("SELECT 1 AS OF SEQ 2") }, "AS OF SEQ 2, and 1 is set beside it"),
        (Question::new("SELECT 1 AS OF SEQ 99999999999999999999"), "no position of the log"),
        (Question::new("SELECT $x"), "the parameter `$x` has no value"),
        (
            Question { parameters: parameters(json!({"kinb": 1})), ..Question::new("SELECT $kind") },
            "no parameter `$kinb`: did you mean `kind`?",
        ),
        (Question { parameters: parameters(json!({"x": {"a": 1}})), ..Question::new("SELECT $x") }, "is no text, integer"),
        (Question { parameters: parameters(json!({"x": 1.5})), ..Question::new("SELECT $x") }, "is no text, integer"),
    ] {
        match count(&question) {
            Err(QueryError::Refused(text)) => assert!(text.contains(expected), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}
