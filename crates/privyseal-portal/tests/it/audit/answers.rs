//! `/v1/sql`: every form of an answer, and what happens when the client leaves or the record cannot be made.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use privyseal_core::digest::Digest;
use privyseal_core::event::{Body as EventBody, Kind};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::double::Double;
use super::packs::events;
use super::portal;
use crate::browser::HOST;
use crate::portal::{Answer, Portal, URL};

/// A call by an auditor in their session, as scripts of our own pages make it.
async fn ask(portal: &Portal, body: Value) -> Answer {
    let mut browser = portal.browser("aud").await;
    let csrf = browser.csrf().await;
    browser.post_json("/v1/sql", &body.to_string(), Some(&csrf), URL).await
}

/// Waits until so many statements run.
async fn until_running(double: &Double, count: usize) {
    let wait = async {
        while double.running.load(Ordering::SeqCst) != count {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::portal::PATIENCE, wait).await.unwrap_or_else(|_| panic!("never {count} statements at once"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_tells_what_it_holds_and_is_recorded() {
    let double = Double::free();
    let portal = portal(&double).await;
    let question = json!({"query": "SELECT $x", "parameters": {"x": ["a", "b"]}, "as_of_seq": 7});
    let with = |format: &str| {
        let mut question = question.clone();
        question["format"] = json!(format);
        question
    };
    let digest = Digest::of(b"SELECT $x").to_string();
    for (body, kind, content) in [
        (question.clone(), "application/json", None),
        (with("json"), "application/json", None),
        (with("csv"), "text/csv; charset=utf-8", Some(("csv", "Csv"))),
        (with("jsonl"), "application/jsonl", Some(("jsonl", "JsonLines"))),
        (with("parquet"), "application/vnd.apache.parquet", Some(("parquet", "Parquet"))),
        (with("arrow"), "application/vnd.apache.arrow.stream", Some(("arrow", "Arrow"))),
    ] {
        let before = events(&portal, Kind::QueryRun).len();
        let answer = ask(&portal, body).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, kind), "{}", answer.text);
        let recorded = events(&portal, Kind::QueryRun).split_off(before);
        let [event] = recorded.as_slice() else { panic!("{recorded:?}") };
        let EventBody::QueryRun(run) = &event.body else { panic!() };
        assert_eq!((run.rows, run.parameters["x"].clone(), event.actor.id.as_str()), (1, json!(["a", "b"]), "aud"));
        let asked = double.asked.lock().unwrap().pop().unwrap();
        assert_eq!((asked.as_of_seq, asked.asker.as_str()), (Some(7), "aud"));
        let Some((ending, content)) = content else {
            let told = answer.json();
            assert_eq!(
                (&told["rows"], &told["result_sha256"], &told["truncated"]),
                (&json!([[["a", "b"]]]), &json!(digest), &json!(false))
            );
            continue;
        };
        assert_eq!(answer.text, content);
        let name = format!("attachment; filename=\"privyseal-query-{}.{ending}\"", run.query);
        assert_eq!(answer.header("content-disposition"), name);
        for (header, expected) in [
            ("privyseal-query", run.query.to_string()),
            ("privyseal-rows", "1".to_owned()),
            ("privyseal-truncated", "false".to_owned()),
            ("privyseal-snapshot-size", "12345".to_owned()),
            ("privyseal-result-sha256", digest.clone()),
        ] {
            assert_eq!(answer.header(header), expected, "{header}");
        }
    }
    for (body, words) in [
        (with("xlsx"), "`format` is json, csv, jsonl, parquet or arrow, not `xlsx`"),
        (json!({"query": "SELECT 42", "as_of_seq": -1}), "-1"),
        (json!({"query": "SELECT 42", "parameters": [1]}), "map"),
        (json!({"query": "SELECT 42", "limit": 3}), "limit"),
    ] {
        let (before, answer) = (events(&portal, Kind::QueryRun).len(), ask(&portal, body).await);
        assert_eq!(answer.status.as_u16(), 422, "{}", answer.text);
        assert!(answer.text.contains(words), "{words}: {}", answer.text);
        assert_eq!(events(&portal, Kind::QueryRun).len(), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_learn_what_can_be_asked() {
    let portal = portal(&Double::free()).await;
    let mut browser = portal.browser("aud").await;
    let before = portal.size();
    let (status, told) = browser.api("/v1/sql/tables", Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(told["tables"][0]["columns"][0], json!({"name": "seq", "type": "bigint", "meaning": "Position in the log."}));
    assert_eq!(told["functions"][0]["usage"], json!("json_text(json text, step text, …) -> text"));
    let (status, told) = browser.api("/v1/sql/library", Value::Null).await;
    assert_eq!((status, &told["queries"][2]["name"]), (200, &json!("slow-ones")));
    let days = json!({"name": "days", "type": "integer", "default": 30, "meaning": "What days is for."});
    assert_eq!(told["queries"][2]["parameters"][2], days);
    assert_eq!(portal.size(), before);
}

/// What cannot be recorded does not leave, though it is complete by then.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_without_its_record() {
    for format in ["json", "csv", "jsonl", "parquet", "arrow"] {
        let double = Double::with_turns(0);
        let portal = Arc::new(portal(&double).await);
        let asking = Arc::clone(&portal);
        let answer = tokio::spawn(async move { ask(&asking, json!({"query": "SELECT held", "format": format})).await });
        until_running(&double, 1).await;
        portal.engine.close().await;
        double.turns.add_permits(1);
        let answer = answer.await.unwrap();
        assert_eq!(answer.status.as_u16(), 503, "{}", answer.text);
        assert_eq!((answer.header("content-type"), answer.header("privyseal-rows")), ("application/problem+json", ""), "{format}");
        assert_eq!(events(&portal, Kind::QueryRun), []);
    }
}

/// Whoever leaves ends their statement: nobody would read its answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_ends_with_its_connection() {
    let double = Double::with_turns(0);
    let portal = portal(&double).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut browser = portal.browser("aud").await;
    let (csrf, cookie) = (browser.csrf().await, browser.cookies["privyseal"].clone());
    let server = tokio::spawn(privyseal_portal::serve(listener, portal.router.clone(), std::future::pending()));
    for format in ["json", "csv"] {
        let body = json!({"query": "SELECT held", "format": format}).to_string();
        let mut connection = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /v1/sql HTTP/1.1\r\nhost: {HOST}\r\norigin: {URL}\r\ncookie: privyseal={cookie}\r\nx-csrf-token: {csrf}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(body.as_bytes()).await.unwrap();
        until_running(&double, 1).await;
        drop(connection);
        until_running(&double, 0).await;
    }
    // The server goes on.
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    server.abort();
}
