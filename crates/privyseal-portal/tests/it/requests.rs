//! Asking over the API: what an answer says, many at once, for less, too much, and in which order what waits is listed.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use privyseal_core::command::Command;
use privyseal_core::grant_token::{self, Expected};
use privyseal_core::id::RequestId;
use privyseal_core::request::RequestState;
use serde_json::{Value, json};

use crate::portal::{Portal, ask};

/// A request for an action that may run three times.
fn many(reason: &str) -> Value {
    json!({
        "action": "db.many", "resource": {"type": "postgres", "id": "orders/prod", "attributes": {"tier": "gold"}},
        "parameters": {"rows": 100, "tables": ["a", "b", "c"], "schema": "public"}, "justification": reason,
    })
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

fn id_of(request: &Value) -> RequestId {
    request["id"].as_str().unwrap().parse().unwrap()
}

/// Approves in the session what the page of this person shows.
async fn approve(portal: &Portal, who: &str, request: RequestId) {
    let page = format!("/requests/{request}");
    let answer = portal.browser(who).await.submit(&page, &format!("{page}/review"), &[("verdict", "approve")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_what_was_found_out_and_what_is_claimed() {
    let portal = Portal::new().await;
    let body = with(with(many("a first reason"), "ticket", json!("ORD-1")), "limits", json!({"seconds": 60, "uses": 2}));
    let (status, shown) = portal.bot("/v1/requests", with(body, "audience", json!("runner-eu-1"))).await;
    assert_eq!(status, 201, "{shown}");
    assert_eq!((&shown["audience"], &shown["limits"]), (&json!("runner-eu-1"), &json!({"seconds": 60, "uses": 2})));
    for nothing in ["executor", "batch", "previous_request", "narrowed_by", "successor", "reminded", "advice"] {
        assert_eq!(shown[nothing], Value::Null, "{nothing}");
    }
    let facts = shown["facts"].as_array().unwrap();
    let source = |name: &str| facts.iter().find(|fact| fact["name"] == name).map(|fact| fact["source"].as_str().unwrap());
    for (name, expected) in [
        ("reversibility", "derived"),
        ("first_time_action", "derived"),
        ("resource.attributes.tier", "claimed"),
        ("parameters.rows", "claimed"),
        ("ticket", "claimed"),
        ("audience", "claimed"),
    ] {
        assert_eq!(source(name), Some(expected), "{name} in {facts:?}");
    }
    let names: BTreeSet<&str> = facts.iter().map(|fact| fact["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), facts.len(), "a fact stands there once");
    assert_eq!(shown["escalation"]["happened"], json!(false));
    assert_eq!(shown["escalation"]["at"], json!("2026-07-01T09:10:00.000000Z"));
}

/// You are reading this because the description and the calls have parted. Mend `openapi.json`; do not take the call out of this test.
#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_that_of_the_calls() {
    let portal = Portal::new().await;
    let (status, described) = portal.bot("/openapi.json", Value::Null).await;
    assert_eq!((status, &described["openapi"]), (200, &json!("3.1.0")));
    let paths = described["paths"].as_object().unwrap();
    let source = include_str!("../../src/api.rs");
    let routes: Vec<&str> = source.split(".route(").skip(1).filter(|route| route.contains("\"/v1/")).collect();
    let addresses: BTreeSet<&str> = routes.iter().map(|route| route.split('"').nth(1).unwrap()).collect();
    assert_eq!(paths.keys().map(String::as_str).collect::<BTreeSet<_>>(), addresses);
    for route in routes {
        let path = &paths[route.split('"').nth(1).unwrap()];
        for (call, method) in [("get(", "get"), ("post(", "post")] {
            assert_eq!(route.contains(call), path.get(method).is_some(), "{method} {route}");
        }
    }
    // Every member of a real answer is described, of one that waits and of one that ran, inside too.
    let request = &described["components"]["schemas"]["Request"]["properties"];
    let (_, waiting) = portal.bot("/v1/requests", many("a first reason")).await;
    let (_, free) = portal
        .bot("/v1/requests", json!({"action": "db.read", "resource": {"type": "postgres", "id": "x"}, "justification": "read it"}))
        .await;
    let redeem = json!({"grant": free["grant"]["id"], "action_digest": free["action_digest"]});
    assert_eq!(portal.bot("/v1/grants/redeem", redeem).await.0, 200);
    let (_, ran) = portal.bot(&format!("/v1/requests/{}", id_of(&free)), Value::Null).await;
    for answer in [&waiting, &ran] {
        for (name, value) in answer.as_object().unwrap() {
            let described = request.get(name).unwrap_or_else(|| panic!("`{name}` is not described"));
            let inner = described.get("properties").or_else(|| described.pointer("/items/properties"));
            let shown = value.as_object().or_else(|| value.get(0)?.as_object());
            if let (Some(inner), Some(shown)) = (inner, shown) {
                let missing: Vec<&String> = shown.keys().filter(|member| inner.get(member).is_none()).collect();
                assert!(missing.is_empty(), "`{name}`: {missing:?}");
            }
        }
    }
    for name in request.as_object().unwrap().keys() {
        assert!(waiting.get(name).is_some() || ran.get(name).is_some(), "`{name}` is described and in no answer");
    }
}

/// `limits` are of what is asked, so another limit is another action; policy's own stay the bound.
#[tokio::test(flavor = "multi_thread")]
async fn limits_are_part_of_the_digest_and_bound_the_grant() {
    let portal = Portal::new().await;
    let (_, free) = portal.bot("/v1/requests", many("a first reason")).await;
    let (_, bound) = portal.bot("/v1/requests", with(many("a second reason"), "limits", json!({"seconds": 60, "uses": 2}))).await;
    assert_ne!(free["action_digest"], bound["action_digest"]);
    let (status, wrong) = portal.bot("/v1/requests", with(many("a third"), "limits", json!({"seconds": 0}))).await;
    assert_eq!(status, 422, "{wrong}");
    approve(&portal, "ben", id_of(&bound)).await;
    let (_, shown) = portal.bot(&format!("/v1/requests/{}", id_of(&bound)), Value::Null).await;
    let grant = &shown["grant"];
    assert_eq!((&grant["max_uses"], &grant["uses_left"], &grant["open"]), (&json!(2), &json!(2), &json!(true)), "{shown}");
    assert_eq!(grant["expires_at"], json!("2026-07-01T09:01:00.000000Z"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_goes_to_whoever_may_redeem_it_and_only_while_it_is_good() {
    let portal = Portal::new().await;
    let (_, asked) = portal.bot("/v1/requests", with(many("a first reason"), "audience", json!("runner-eu-1"))).await;
    let (id, path) = (id_of(&asked), format!("/v1/requests/{}", id_of(&asked)));
    assert_eq!(asked["grant"], Value::Null);
    approve(&portal, "ben", id).await;
    let (_, shown) = portal.bot(&path, Value::Null).await;
    let token = shown["grant"]["token"].as_str().unwrap();
    let key = portal.engine.read(|state| state.keys.iter().next().unwrap().1.key.clone());
    let expected = Expected {
        keys: &[key],
        now: portal.engine.now(),
        tolerance_seconds: 0,
        subject: &"bot".parse().unwrap(),
        audience: Some("runner-eu-1"),
        action_digest: shown["action_digest"].as_str().unwrap().parse().unwrap(),
    };
    let claims = grant_token::verify(token, &expected).unwrap();
    assert_eq!((claims.request_id, claims.max_uses), (id, 3));
    for who in ["rita", "ben", "adm"] {
        let (status, other) = portal.browser(who).await.api(&path, Value::Null).await;
        assert_eq!(status, 200);
        assert_eq!((&other["grant"]["id"], &other["grant"]["token"]), (&Value::Null, &Value::Null), "{who}");
        assert!(!other.to_string().contains(token), "{who}");
    }
    let redeem = json!({"grant": shown["grant"]["id"], "action_digest": shown["action_digest"], "audience": "runner-eu-1"});
    let (status, run) = portal.bot("/v1/grants/redeem", redeem.clone()).await;
    assert_eq!(status, 200, "{run}");
    let (_, running) = portal.bot(&path, Value::Null).await;
    assert_eq!(running["grant"]["uses_left"], json!(2));
    assert_eq!(running["execution"]["run_until"], json!("2026-07-01T09:05:00.000000Z"), "{running}");
    let (status, elsewhere) = portal.bot("/v1/grants/redeem", with(redeem, "audience", json!("runner-us-1"))).await;
    assert_eq!(status, 403, "{elsewhere}");
    portal.advance(11 * 60);
    let (_, over) = portal.bot(&path, Value::Null).await;
    assert_eq!((&over["grant"]["open"], &over["grant"]["token"]), (&json!(false), &Value::Null));
}

/// The executor sees what it shall run, with the salts of what is hidden, and only it can use the grant.
#[tokio::test(flavor = "multi_thread")]
async fn another_executor_sees_the_request_and_has_the_grant() {
    let portal = Portal::new().await;
    let mut wanted = ask("db.change");
    wanted.executor = Some("bot".parse().unwrap());
    wanted.action.parameters.insert("password".to_owned(), json!("hunter2"));
    let id = portal.ask_as("ana", wanted).await;
    approve(&portal, "ben", id).await;
    let (status, shown) = portal.bot(&format!("/v1/requests/{id}"), Value::Null).await;
    assert_eq!((status, &shown["executor"]), (200, &json!("bot")), "{shown}");
    assert!(shown["grant"]["token"].is_string() && shown["hidden"][0]["salt"].is_string(), "{shown}");
    let (_, hers) = portal.browser("ana").await.api(&format!("/v1/requests/{id}"), Value::Null).await;
    assert_eq!((&hers["grant"]["id"], &hers["grant"]["token"]), (&Value::Null, &Value::Null), "{hers}");
    let redeem = json!({"grant": shown["grant"]["id"], "action_digest": shown["action_digest"]});
    let (status, refused) = portal.browser("ana").await.api("/v1/grants/redeem", redeem.clone()).await;
    assert_eq!(status, 403, "{refused}");
    assert_eq!(portal.bot("/v1/grants/redeem", redeem).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_decided_one_by_one_and_answered_in_order() {
    let portal = Portal::new().await;
    let change = |reason: &str| json!({"action": "db.change", "resource": {"type": "postgres", "id": "x"}, "justification": reason});
    let requests = json!([
        change("the first of them"),
        {"action": "db.read", "resource": {"type": "postgres", "id": "x"}, "justification": "read it"},
        {"action": "no.such", "resource": {"type": "postgres", "id": "x"}, "justification": "asked for"},
        {"colour": "blue"},
        "not a request",
        with(change("sent twice"), "idempotency_key", json!("one")),
        with(change("sent twice"), "idempotency_key", json!("one")),
    ]);
    let before = portal.size();
    let (status, answer) = portal.bot("/v1/requests/batch", json!({"batch": "night-1", "requests": requests})).await;
    assert_eq!((status, &answer["batch"]), (200, &json!("night-1")), "{answer}");
    let answers = answer["requests"].as_array().unwrap();
    let statuses: Vec<u64> = answers.iter().map(|answer| answer["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 201, 422, 422, 422, 201, 200], "{answer}");
    let states: Vec<&str> = answers.iter().filter_map(|answer| answer["request"]["state"].as_str()).collect();
    assert_eq!(states, ["pending", "approved", "pending", "pending"]);
    assert!(answers[3]["problem"]["detail"].as_str().unwrap().contains("colour"), "{answer}");
    assert_eq!(answers[5]["request"]["id"], answers[6]["request"]["id"]);
    assert_eq!(answers[0]["request"]["batch"], json!("night-1"));
    assert!(portal.size() > before);
    for (bad, words) in [
        (json!({"requests": []}), "1 to 100"),
        (json!({"requests": vec![change("x"); 101]}), "1 to 100"),
        (json!({"requests": [], "more": 1}), "more"),
    ] {
        let (status, problem) = portal.bot("/v1/requests/batch", bad).await;
        assert!(status == 422 && problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
    let (_, unnamed) = portal.bot("/v1/requests/batch", json!({"requests": [change("a"), change("b")]})).await;
    let name = unnamed["batch"].as_str().unwrap();
    assert!(name.len() > 10 && unnamed["requests"][1]["request"]["batch"] == name, "{unnamed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_header_and_body_is_one_key() {
    let portal = Portal::new().await;
    let send = |header: &'static str, body: Value| {
        let request = axum::http::Request::builder().method("POST").uri("/v1/requests").header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {}", portal.key.expose())).header("idempotency-key", header);
        portal.send(request.body(axum::body::Body::from(body.to_string())).unwrap())
    };
    assert_eq!(send("k1", with(many("keyed"), "idempotency_key", json!("k1"))).await.status, StatusCode::CREATED);
    assert_eq!(send("k1", many("keyed")).await.status, StatusCode::OK);
    assert_eq!(send("k2", with(many("keyed"), "idempotency_key", json!("k1"))).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(portal.bot("/v1/requests", with(many("keyed"), "idempotency_key", json!(""))).await.0, 422);
    assert_eq!(portal.bot("/v1/requests", with(many("keyed"), "idempotency_key", json!("a\u{7}"))).await.0, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewer_puts_less_in_the_place_of_a_request() {
    let portal = Portal::new().await;
    let (_, asked) = portal.bot("/v1/requests", many("a first reason")).await;
    let path = format!("/v1/requests/{}/narrow", id_of(&asked));
    let mut ben = portal.browser("ben").await;
    for (body, words) in [
        (json!({"comment": "no change"}), "nothing is narrower"),
        (json!({"limits": {"seconds": 700}, "comment": "longer"}), "limits.seconds"),
        (json!({"parameters": {"rows": 101}, "comment": "more"}), "rows"),
        (json!({"parameters": {"schema": "p"}, "comment": "another"}), "schema"),
        (json!({"limits": {"days": 1}, "comment": "unknown"}), "days"),
        (json!({"limits": {"seconds": 60}, "comment": " "}), "why less is enough"),
    ] {
        let (status, problem) = ben.api(&path, body).await;
        assert!((400..500).contains(&status) && problem["detail"].as_str().unwrap().contains(words), "{status} {problem}");
    }
    assert_eq!(portal.bot(&path, json!({"limits": {"seconds": 60}, "comment": "no"})).await.0, 403, "agents do not");
    let narrower =
        json!({"limits": {"seconds": 60, "uses": 1}, "parameters": {"rows": 10, "tables": ["a", "c"]}, "comment": "ten will do"});
    let (status, less) = ben.api(&path, narrower).await;
    assert_eq!(status, 201, "{less}");
    assert_eq!((&less["previous_request"], &less["narrowed_by"]), (&asked["id"], &json!("ben")));
    assert_eq!(less["action"]["parameters"], json!({"rows": 10, "tables": ["a", "c"], "schema": "public"}));
    assert_eq!((&less["requester"], &less["state"]), (&json!("bot"), &json!("pending")));
    let (_, old) = portal.bot(&format!("/v1/requests/{}", id_of(&asked)), Value::Null).await;
    assert_eq!((&old["state"], &old["successor"]), (&json!("cancelled"), &less["id"]), "{old}");
}

/// `flood`: one agent asks as fast as it can.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_asks_too_much_is_told_when_to_come_back() {
    let portal = Portal::with_catalogue("[limits]\nrequests_per_minute_per_agent = 3").await;
    for number in 0..3 {
        assert_eq!(portal.bot("/v1/requests", many(&format!("reason {number}"))).await.0, 201);
    }
    let request = axum::http::Request::builder().method("POST").uri("/v1/requests").header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {}", portal.key.expose()));
    let refused = portal.send(request.body(axum::body::Body::from(many("one more").to_string())).unwrap()).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "60"), "{}", refused.text);
    let (_, batch) = portal.bot("/v1/requests/batch", json!({"requests": [many("batched 1"), many("batched 2")]})).await;
    assert_eq!((&batch["requests"][0]["status"], &batch["requests"][1]["status"]), (&json!(429), &json!(429)), "a batch is no way round");
    portal.advance(61);
    assert_eq!(portal.bot("/v1/requests", many("a minute later")).await.0, 201);
}

/// `flood`: what others ask is not buried under what one agent asks, whatever is more urgent.
#[tokio::test(flavor = "multi_thread")]
async fn a_flooded_queue_lists_everybody_in_turn() {
    let portal = Portal::new().await;
    let mut flood = Vec::new();
    for _ in 0..120 {
        flood.push(portal.ask("db.change").await);
    }
    portal.advance(60);
    let late = portal.ask_as("ana", ask("db.change")).await;
    let mut ben = portal.browser("ben").await;
    let (_, first) = ben.api("/v1/requests?state=pending", Value::Null).await;
    let ids = |page: &Value| page["requests"].as_array().unwrap().iter().map(id_of).collect::<Vec<_>>();
    let listed = ids(&first);
    assert_eq!(listed.len(), 100);
    let flooded = |id: &RequestId| flood.contains(id);
    assert!(flooded(&listed[0]) && listed[1] == late && listed[2..].iter().all(flooded), "everybody's most urgent first: {listed:?}");
    let next = first["next"].as_str().unwrap();
    let (_, second) = ben.api(&format!("/v1/requests?state=pending&cursor={next}"), Value::Null).await;
    let all: BTreeSet<RequestId> = listed.into_iter().chain(ids(&second)).collect();
    assert_eq!((all.len(), &second["next"]), (121, &Value::Null));
    assert_eq!(ben.api("/v1/requests?state=pending&cursor=x", Value::Null).await.0, 404);
}

/// Waiting for a request that somebody narrows ends, and the answer says what took its place.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_learns_of_the_escalation_and_of_the_end() {
    let portal = Portal::new().await;
    let (_, asked) = portal.bot("/v1/requests", many("a first reason")).await;
    let path = format!("/v1/requests/{}", id_of(&asked));
    portal.advance(5 * 60);
    portal.engine.as_system(Command::Expire).await.unwrap();
    let (_, reminded) = portal.bot(&path, Value::Null).await;
    assert_eq!(reminded["reminded"]["number"], json!(1), "{reminded}");
    portal.advance(5 * 60);
    portal.engine.as_system(Command::Expire).await.unwrap();
    let (_, escalated) = portal.bot(&path, Value::Null).await;
    assert_eq!(escalated["escalation"]["happened"], json!(true), "{escalated}");
    assert!(escalated["requirement_text"].as_str().unwrap().contains("ana"), "{escalated}");
    assert_eq!(portal.state_of(id_of(&asked)), RequestState::Pending);
}
