//! `/sql`.

use privyseal_core::digest::Digest;
use privyseal_core::event::{Body, Kind};
use serde_json::{Value, json};

use super::double::Double;
use super::packs::events;
use super::{DISARMED, HOSTILE, check, portal};
use crate::browser::form;

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
        &["No statement was run yet", "Who approved what", "href=\"/sql?kept=approved\"", DISARMED, "<code>events</code>", "bigint"],
    );
    check(&answer, 200, &["at most 10,000 rows and 30 seconds"]);
    for (path, status, text) in [
        ("/sql?kept=approved", 200, "SELECT 42</textarea>"),
        ("/sql?kept=approved", 200, "How to read it."),
        ("/sql?kept=slow-ones", 200, "name=\"p.days\" value=\"30\""),
        ("/sql?kept=slow-ones", 200, "name=\"p.names\" value=\"a, b\""),
        ("/sql?kept=slow-ones&p.days=7&as_of=12", 200, "name=\"p.days\" value=\"7\""),
        ("/sql?kept=slow-ones&p.days=7&as_of=12", 200, "name=\"as_of\" value=\"12\""),
        ("/sql?q=SELECT%20$x", 200, "name=\"p.x\" value=\"\""),
        ("/sql?entry=0", 404, "There is no such statement in the log"),
        ("/sql?entry=x", 404, "There is no such statement in the log"),
        ("/sql?entry=99999", 404, "There is no such statement in the log"),
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
        ("SELECT chart", 200, "ok", &[DISARMED, "value=\"bars\" checked", "x=\"0\" width=\"1000\"", "x=\"0\" width=\"250\""]),
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

/// Values come out of the fields as what they are, into the statement and into the record; what lacks one is not run.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_fields_and_values() {
    let double = Double::free();
    let portal = portal(&double).await;
    let mut browser = portal.browser("aud").await;
    let kept = ("q", "SELECT $start, $days, $names");
    for (fields, expected) in [
        (vec![kept, ("kept", "slow-ones")], json!({"start": null, "days": 30, "names": ["a", "b"]})),
        (
            vec![kept, ("kept", "slow-ones"), ("p.start", "2026-07-01"), ("p.days", "7"), ("p.names", "x"), ("p.other", "gone")],
            json!({"start": "2026-07-01", "days": 7, "names": ["x"]}),
        ),
        (vec![("q", "SELECT $x"), ("p.x", "30")], json!({"x": 30})),
        (vec![("q", "SELECT $x"), ("p.x", "30"), ("k.x", "text")], json!({"x": "30"})),
        (vec![("q", "SELECT $x"), ("p.x", "a, b"), ("k.x", "text[]")], json!({"x": ["a", "b"]})),
        (vec![("q", "SELECT $x"), ("p.x", ""), ("k.x", "null")], json!({"x": null})),
    ] {
        let answer = browser.submit("/sql", "/sql", &fields).await;
        check(&answer, 200, &["1 row<"]);
        assert_eq!(Value::Object(double.asked.lock().unwrap().last().unwrap().parameters.clone()), expected, "{fields:?}");
        let last = events(&portal, Kind::QueryRun).pop().unwrap();
        assert!(matches!(&last.body, Body::QueryRun(run) if Value::Object(run.parameters.clone()) == expected), "{last:?}");
    }
    let (before, asked) = (portal.size(), double.asked.lock().unwrap().len());
    for (fields, expected) in [
        (vec![("q", "SELECT $x")], &["Nothing was recorded", "a new parameter: give it a value", "name=\"p.x\""][..]),
        (vec![("q", "SELECT $x"), ("p.x", "")], &["give it a value, or choose `text`"]),
        (vec![("q", "SELECT $x"), ("p.x", HOSTILE), ("k.x", "integer")], &["it takes an integer, not", "aria-invalid=\"true\""]),
        (
            vec![kept, ("kept", "slow-ones"), ("p.days", "many")],
            &["it takes an integer, not `many`", "Nothing was recorded", "value=\"many\""],
        ),
        (vec![("q", "SELECT 42"), ("as_of", "yesterday")], &["`yesterday` is no position of the log", "The entry is none."]),
    ] {
        check(&browser.submit("/sql", "/sql", &fields).await, 422, expected);
    }
    assert_eq!((portal.size(), double.asked.lock().unwrap().len()), (before, asked));
    // A statement that cannot be planned is refused for that, and what was typed stays.
    let fields = [("q", "SELECT 1\nFROM eventz WHERE x = $x"), ("p.x", "5"), ("p.gone", "6")];
    let refused = browser.submit("/sql", "/sql", &fields).await;
    check(&refused, 422, &["line 2, column 6", "name=\"p.x\" value=\"5\""]);
    assert!(!refused.text.contains("p.gone"));
}

/// Downloads below an answer are of that answer: the same values, over the same entries, whatever stands in the editor by then.
#[tokio::test(flavor = "multi_thread")]
async fn downloads_are_of_the_answer_above_them() {
    let double = Double::free();
    let portal = portal(&double).await;
    let mut browser = portal.browser("aud").await;
    let answer = browser.submit("/sql", "/sql", &[("q", "SELECT $x"), ("p.x", "a\"b"), ("as_of", "99")]).await;
    assert_eq!(double.asked.lock().unwrap().last().unwrap().as_of_seq, Some(99));
    let fields = form(&answer.text, "/sql/download").unwrap();
    let unescaped: Vec<(&str, String)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.replace("&#34;", "\"").replace("&#38;", "&"))).collect();
    let mut fields: Vec<(&str, &str)> = unescaped.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fields.push(("format", "csv"));
    let file = browser.post("/sql/download", &fields).await;
    assert_eq!(file.status.as_u16(), 200, "{}", file.text);
    let asked = double.asked.lock().unwrap().pop().unwrap();
    assert_eq!((asked.sql.as_str(), asked.parameters["x"].as_str(), asked.as_of_seq), ("SELECT $x", Some("a\"b"), Some(12_344)));
    let csrf = browser.csrf().await;
    let odd = [("csrf", &*csrf), ("q", "SELECT $x"), ("parameters", "[]"), ("format", "csv")];
    check(&browser.post("/sql/download", &odd).await, 422, &["`parameters` is a JSON object"]);
    let missing = [("csrf", &*csrf), ("q", "SELECT $x"), ("format", "csv")];
    check(&browser.post("/sql/download", &missing).await, 422, &["Not run yet"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_can_be_asked_again() {
    let double = Double::free();
    let portal = portal(&double).await;
    let mut browser = portal.browser("aud").await;
    browser.submit("/sql", "/sql", &[("q", "SELECT $x"), ("p.x", "30"), ("k.x", "text")]).await;
    let seq = events(&portal, Kind::QueryRun).pop().unwrap().seq;
    let (before, again) = (portal.size(), browser.get(&format!("/sql?entry={seq}")).await);
    check(&again, 200, &["SELECT $x</textarea>", "name=\"p.x\" value=\"30\"", "value=\"text\" selected", "name=\"as_of\" value=\"\""]);
    check(&browser.get(&format!("/sql?entry={seq}&pinned=1")).await, 200, &["name=\"as_of\" value=\"12344\""]);
    let past = browser.get("/sql/history").await;
    check(&past, 200, &["/sql?entry=18\"", "/sql?entry=18&#38;pinned=1", "to entry 17", DISARMED, "2026-07-01 09:00", ">refused<"]);
    let asked = double.asked.lock().unwrap().pop().unwrap();
    assert_eq!((asked.asker.as_str(), asked.parameters["before"].as_i64()), ("aud", Some(i64::MAX)));
    browser.get("/sql/history?before=17").await;
    assert_eq!(double.asked.lock().unwrap().pop().unwrap().parameters["before"], json!(17));
    assert_eq!(portal.size(), before, "looking is not asking");
}
