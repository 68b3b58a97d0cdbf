//! `/sql`.

use privyseal_core::digest::Digest;
use privyseal_core::event::{Body, Kind};

use super::double::Double;
use super::packs::events;
use super::{DISARMED, HOSTILE, check, portal};

#[tokio::test(flavor = "multi_thread")]
async fn the_editor_opens_with_what_the_address_names_and_runs_nothing() {
    let double = Double::free();
    let portal = portal(&double).await;
    let mut browser = portal.browser("aud").await;
    let before = portal.size();
    let answer = browser.get("/sql").await;
    check(
        &answer,
        200,
        &["No statement was run yet", "Who approved what", "href=\"/sql?kept=1\"", DISARMED, "<code>events</code>", "bigint"],
    );
    check(&answer, 200, &["at most 10,000 rows and 30 seconds"]);
    for (path, status, text) in [
        ("/sql?kept=1", 200, "-- Who approved what\nSELECT 42</textarea>"),
        ("/sql?kept=0", 404, "There is no such kept query"),
        ("/sql?kept=3", 404, "There is no such kept query"),
        ("/sql?kept=x", 404, "There is no such kept query"),
        ("/sql?q=SELECT%2042", 200, "SELECT 42</textarea>"),
        ("/sql?q=%3C/textarea%3E%3Cscript%3Ealert(1)", 200, "&#60;/textarea&#62;"),
        (
            "/sql?assertion=D01&from=2026-07-01&to=2026-10-01",
            200,
            "WHERE decided_at &#62;= utc(&#39;2026-07-01T00:00:00.000000Z&#39;)</textarea>",
        ),
        ("/sql?assertion=D02&from=2026-07-01&to=2026-10-01", 404, "There is no such control test"),
        ("/sql?assertion=X99", 404, "There is no such control test"),
        ("/sql?assertion=D01&from=2026-10-01&to=2026-07-01", 422, "not after its start"),
    ] {
        check(&browser.get(path).await, status, &[text]);
    }
    assert_eq!(portal.size(), before, "nothing was run, so nothing is recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_answered_and_recorded() {
    let double = Double::free();
    let portal = portal(&double).await;
    let mut browser = portal.browser("aud").await;
    let long = format!("SELECT '{}'", "x".repeat(33_000));
    for (statement, status, outcome, texts) in [
        ("SELECT 42", 200, "ok", &["2 rows", ">42<", "class=\"null\">NULL<", DISARMED, "[&#34;a&#34;,&#34;b&#34;]", "12,345 entries"][..]),
        ("SELECT many", 200, "ok", &["600 rows", "The first 500 rows are shown; downloads hold all 600.", ">499<"]),
        ("SELECT all", 200, "ok", &["Cut at 10,000 rows."]),
        ("SELECT nothing", 200, "ok", &["0 rows", "nothing matched"]),
        ("SELECT slow", 422, "failed", &["The statement went over a limit", "30000 ms"]),
        ("SELECT broken", 500, "failed", &["Privyseal could not run the statement", "a segment of the ledger"]),
        (
            "SELECT 1\nFROM eventz",
            422,
            "refused",
            &["The statement was refused", DISARMED, "line 2, column 6", "data-offset=\"14\"", "FROM eventz</textarea>"],
        ),
        ("", 422, "refused", &["The statement was refused"]),
        (&long, 422, "", &["the statement has 33009 bytes"]),
    ] {
        let before = events(&portal, Kind::QueryRun).len();
        let answer = browser.submit("/sql", "/sql", &[("q", statement)]).await;
        check(&answer, status, texts);
        let recorded = events(&portal, Kind::QueryRun).split_off(before);
        if outcome.is_empty() {
            assert_eq!(recorded, [], "what never ran does not fit into an event");
            continue;
        }
        let [event] = recorded.as_slice() else { panic!("{statement}: {recorded:?}") };
        let Body::QueryRun(run) = &event.body else { panic!() };
        assert_eq!((run.text.as_str(), run.outcome.as_str(), event.actor.id.as_str()), (statement, outcome, "aud"));
        if outcome == "ok" {
            assert_eq!(run.result_sha256, Some(Digest::of(statement.as_bytes())));
            check(&answer, 200, &[&format!("recorded as entry {}<", event.seq)]);
        }
    }
    // Browsers send lines with a carriage return.
    browser.submit("/sql", "/sql", &[("q", "SELECT 1,\r\n 2")]).await;
    assert!(matches!(&events(&portal, Kind::QueryRun).last().unwrap().body, Body::QueryRun(run) if run.text == "SELECT 1,\n 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_downloaded_whole_and_recorded() {
    let double = Double::free();
    let portal = portal(&double).await;
    let mut browser = portal.browser("adm").await;
    for (statement, format, kind, ending, content) in [
        ("SELECT 42", "csv", "text/csv; charset=utf-8", ".csv", "Csv"),
        ("SELECT 42", "parquet", "application/vnd.apache.parquet", ".parquet", "Parquet"),
        ("SELECT many", "jsonl", "application/jsonl", ".jsonl", "JsonLines"),
        ("SELECT all", "csv", "text/csv; charset=utf-8", "-first-10000-rows.csv", "Csv"),
    ] {
        let csrf = browser.csrf().await;
        let answer = browser.post("/sql/download", &[("csrf", &csrf), ("q", statement), ("format", format)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, kind), "{}", answer.text);
        assert!(answer.header("content-disposition").ends_with(&format!("{ending}\"")), "{}", answer.header("content-disposition"));
        assert!(answer.text.contains(content));
        let last = events(&portal, Kind::QueryRun).pop().unwrap();
        let Body::QueryRun(run) = last.body else { panic!() };
        assert_eq!((run.text.as_str(), run.result_sha256), (statement, Some(Digest::of(statement.as_bytes()))));
    }
    let csrf = browser.csrf().await;
    let before = portal.size();
    check(
        &browser.post("/sql/download", &[("csrf", &csrf), ("q", "SELECT 42"), ("format", HOSTILE)]).await,
        422,
        &["csv, jsonl, parquet or arrow"],
    );
    assert_eq!(portal.size(), before);
    for format in ["csv", "jsonl"] {
        let answer = browser.post("/sql/download", &[("csrf", &csrf), ("q", "SELECT x"), ("format", format)]).await;
        check(&answer, 422, &["The statement was refused", "SELECT x</textarea>"]);
    }
}
