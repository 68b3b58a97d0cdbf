//! Who may call what: every address of the portal, by every sort of caller. An address that is not in the table fails the test.

use axum::body::Body;
use axum::http::{Method, Request};

use crate::browser::{Browser, HOST};
use crate::portal::{Answer, Portal, URL, ask};

/// The callers, in the order of the columns: nobody, an account without a role, a requester (who owns the agent), an approver, an auditor,
/// an administrator, the agent by its API key.
const CALLERS: [&str; 7] = ["", "nora", "rita", "ben", "aud", "adm", "bot"];

struct Row {
    method: Method,
    path: &'static str,
    body: &'static str,
    expected: [u16; 7],
}

const fn get(path: &'static str, expected: [u16; 7]) -> Row {
    Row { method: Method::GET, path, body: "", expected }
}

const fn post(path: &'static str, body: &'static str, expected: [u16; 7]) -> Row {
    Row { method: Method::POST, path, body, expected }
}

const REVIEW: &str = "verdict=approve&shown_digest={digest}&policy_digest={policy}&shown_at={now}";
const REVIEW_JSON: &str = r#"{"verdict":"approve","shown_digest":"{digest}","policy_digest":"{policy}","shown_at":"{now}"}"#;
const ASK_JSON: &str = r#"{"action":"db.read","resource":{"type":"postgres","id":"x"},"justification":"a reason"}"#;

const PUBLISH_JSON: &str = r#"{"files":[],"change_request":"019f1cb1-2800-7101-8101-010101010101"}"#;

/// Bodies that begin with `{` are JSON, the others are forms. A fresh request is asked for each call: `{pending}` and `{drop}` wait for
/// approval, `{free}` was let through and has the grant `{grant}`, `{emergency}` is one by ana.
const TABLE: &[Row] = &[
    get("/", [303, 403, 200, 200, 303, 200, 403]),
    get("/live/queue", [401, 403, 200, 200, 403, 200, 403]),
    get("/live/events", [401, 200, 200, 200, 200, 200, 403]),
    get("/requests/{pending}", [303, 404, 200, 200, 200, 200, 403]),
    get("/live/requests/{pending}", [401, 404, 200, 200, 200, 200, 403]),
    post("/requests/{pending}/review", REVIEW, [303, 404, 403, 303, 403, 403, 403]),
    post("/requests/{drop}/review", REVIEW, [303, 404, 403, 403, 403, 403, 403]),
    post("/requests/{pending}/narrow", "minutes=1&comment=less+will+do", [303, 404, 403, 303, 403, 403, 403]),
    post("/requests/{pending}/withdraw", "x=", [303, 404, 403, 403, 403, 403, 403]),
    post("/requests/{emergency}/judge", "outcome=justified&comment=seen", [303, 404, 404, 303, 403, 403, 403]),
    post("/grants/{grant}/revoke", "x=", [303, 404, 403, 403, 403, 303, 403]),
    get("/history", [303, 403, 200, 200, 200, 200, 403]),
    get("/controls", [303, 403, 403, 403, 200, 200, 403]),
    get("/controls/soc2", [303, 403, 403, 403, 404, 404, 403]),
    get("/controls/soc2/CC6.1", [303, 403, 403, 403, 404, 404, 403]),
    get("/evidence", [303, 403, 403, 403, 200, 200, 403]),
    post("/evidence", "framework=soc2&from=2026-04-01&to=2026-07-01", [303, 403, 403, 403, 422, 422, 403]),
    post("/evidence/x/cancel", "x=", [303, 403, 403, 403, 404, 404, 403]),
    get("/evidence/x/pack.zip", [303, 403, 403, 403, 404, 404, 403]),
    get("/live/evidence", [401, 403, 403, 403, 200, 200, 403]),
    get("/sql", [303, 403, 403, 403, 200, 200, 403]),
    post("/sql", "q=SELECT%201", [303, 403, 403, 403, 422, 422, 403]),
    post("/sql/download", "q=SELECT%201&format=csv", [303, 403, 403, 403, 422, 422, 403]),
    get("/sql/history", [303, 403, 403, 403, 200, 200, 403]),
    get("/ledger", [303, 403, 403, 403, 200, 200, 403]),
    get("/policies", [303, 403, 200, 200, 200, 200, 403]),
    get("/people", [303, 403, 403, 200, 200, 200, 403]),
    post("/people/review", "principal=ana&role=requester&outcome=keep", [303, 403, 403, 303, 403, 303, 403]),
    post("/halt", "whom=agent%3Abot2&reason=it+misbehaves", [303, 403, 303, 403, 403, 303, 403]),
    post("/halt/release", "whom=agent%3Abot2&reason=it+behaves", [303, 403, 403, 403, 403, 303, 403]),
    get("/settings", [303, 200, 200, 200, 200, 200, 403]),
    post(
        "/settings/delegations",
        "delegate=cleo&role=group%3Asre&from=2026-07-01&until=2026-07-05&reason=away",
        [303, 422, 422, 303, 422, 422, 403],
    ),
    post("/settings/delegations/{lent}/end", "x=", [303, 403, 403, 303, 403, 303, 403]),
    get("/settings/passkey", [303, 200, 200, 200, 200, 200, 403]),
    post("/settings/passkey", "label=x", [303, 200, 200, 200, 200, 200, 403]),
    get("/sign-in", [200, 303, 303, 303, 303, 303, 200]),
    post("/sign-in/passkey", "x=", [200, 200, 200, 200, 200, 200, 200]),
    get("/sign-in/link", [200, 200, 200, 200, 200, 200, 200]),
    // The token of a page before the sign-in is another than that of a session.
    post("/sign-in/link", "token=x", [200, 403, 403, 403, 403, 403, 403]),
    post("/sign-out", "x=", [303, 303, 303, 303, 303, 303, 403]),
    get("/assets/portal.css", [200, 200, 200, 200, 200, 200, 200]),
    get("/favicon.ico", [200, 200, 200, 200, 200, 200, 200]),
    get("/openapi.json", [200, 200, 200, 200, 200, 200, 200]),
    get("/healthz", [200, 200, 200, 200, 200, 200, 200]),
    get("/readyz", [200, 200, 200, 200, 200, 200, 200]),
    get("/checkpoint", [200, 200, 200, 200, 200, 200, 200]),
    get("/tile/9/999", [404, 404, 404, 404, 404, 404, 404]),
    get("/tile/entries/000.p/1", [401, 403, 403, 403, 200, 200, 403]),
    get("/tile/entries/999", [401, 403, 403, 403, 404, 404, 403]),
    get("/v1/requests", [401, 200, 200, 200, 200, 200, 200]),
    post("/v1/requests", ASK_JSON, [401, 403, 201, 403, 403, 403, 201]),
    post("/v1/requests/batch", r#"{"requests":[{}]}"#, [401, 200, 200, 200, 200, 200, 200]),
    get("/v1/requests/{pending}", [401, 404, 200, 200, 200, 200, 200]),
    get("/v1/requests/{pending}/events", [401, 404, 200, 200, 200, 200, 200]),
    post("/v1/requests/{pending}/statement", REVIEW_JSON, [401, 404, 200, 200, 200, 200, 200]),
    post("/v1/requests/{pending}/reviews", REVIEW_JSON, [401, 404, 403, 200, 403, 403, 403]),
    post("/v1/requests/{drop}/reviews", REVIEW_JSON, [401, 404, 403, 401, 403, 403, 403]),
    post("/v1/requests/{pending}/cancel", "{}", [401, 404, 403, 403, 403, 403, 200]),
    post("/v1/requests/{pending}/narrow", r#"{"limits":{"seconds":60},"comment":"less will do"}"#, [401, 404, 403, 201, 403, 403, 403]),
    get("/v1/killswitch", [401, 200, 200, 200, 200, 200, 200]),
    post("/v1/killswitch", r#"{"scope":"agent","principal":"bot2","reason":"it misbehaves"}"#, [401, 403, 201, 403, 403, 201, 403]),
    post("/v1/killswitch/release", r#"{"scope":"agent","principal":"bot2","reason":"it behaves"}"#, [401, 403, 403, 403, 403, 200, 403]),
    get("/v1/delegations", [401, 200, 200, 200, 200, 200, 200]),
    post(
        "/v1/delegations",
        r#"{"delegate":"cleo","roles":["group:sre"],"valid_to":"2026-07-05T00:00:00Z","reason":"away"}"#,
        [401, 422, 422, 201, 422, 422, 403],
    ),
    post("/v1/delegations/{lent}/end", r#"{"reason":"back"}"#, [401, 403, 403, 200, 403, 200, 403]),
    post("/v1/access-reviews", r#"{"principal":"ana","role":"requester","keep":true}"#, [401, 403, 403, 201, 403, 201, 403]),
    post("/v1/grants/redeem", r#"{"grant":"{grant}","action_digest":"{digest}"}"#, [401, 403, 403, 403, 403, 403, 200]),
    post("/v1/grants/{grant}/revoke", r#"{"reason":"no"}"#, [401, 403, 403, 403, 403, 200, 403]),
    post("/v1/grants/{emergency_grant}/judge", r#"{"outcome":"justified","comment":"seen"}"#, [401, 403, 403, 200, 403, 403, 403]),
    post("/v1/executions/{execution}/finish", r#"{"outcome":"succeeded"}"#, [401, 404, 404, 404, 404, 404, 200]),
    post("/v1/policies", PUBLISH_JSON, [401, 403, 422, 403, 403, 422, 422]),
    post("/v1/sql", r#"{"query":"SELECT 1"}"#, [401, 403, 403, 403, 422, 422, 403]),
    get("/v1/sql/tables", [401, 403, 403, 403, 200, 200, 403]),
    get("/v1/sql/library", [401, 403, 403, 403, 200, 200, 403]),
    get("/v1/controls/soc2?from=2026-04-01&to=2026-07-01", [401, 403, 403, 403, 422, 422, 403]),
    get("/v1/evidence", [401, 403, 403, 403, 200, 200, 403]),
    post("/v1/evidence", r#"{"frameworks":["soc2"],"from":"2026-04-01","to":"2026-07-01"}"#, [401, 403, 403, 403, 422, 422, 403]),
    get("/v1/evidence/x", [401, 403, 403, 403, 404, 404, 403]),
    get("/v1/evidence/x/download", [401, 403, 403, 403, 404, 404, 403]),
    get("/v1/ledger/head", [401, 200, 200, 200, 200, 200, 200]),
    get("/v1/ledger/entries/1", [401, 403, 403, 200, 200, 200, 403]),
    get("/v1/ledger/entries/1/proof", [401, 403, 403, 200, 200, 200, 403]),
    post("/v1/redactions", r#"{"subject":"nobody-here","reason":"asked"}"#, [401, 403, 403, 403, 403, 404, 403]),
    post("/v1/control/redactions", r#"{"subject":"nobody-here","reason":"asked"}"#, [401, 401, 401, 401, 401, 401, 401]),
    post("/v1/control/killswitch", r#"{"scope":"all","reason":"no"}"#, [401, 401, 401, 401, 401, 401, 401]),
    post("/v1/control/killswitch/release", r#"{"scope":"all","reason":"no"}"#, [401, 401, 401, 401, 401, 401, 401]),
    post("/v1/control/seal", "{}", [401, 401, 401, 401, 401, 401, 401]),
    post("/v1/control/keys", "{}", [401, 401, 401, 401, 401, 401, 401]),
    post("/v1/control/api-keys", r#"{"do":"make","principal":"adm","label":"x","days":1}"#, [401, 401, 401, 401, 401, 401, 401]),
    post("/v1/control/people", r#"{"id":"eve","name":"Eve","roles":["admin"]}"#, [401, 401, 401, 401, 401, 401, 401]),
    post("/v1/control/link", r#"{"principal":"adm"}"#, [401, 401, 401, 401, 401, 401, 401]),
    post("/v1/passkeys/sign-in/options", "{}", [200, 200, 200, 200, 200, 200, 200]),
    post(
        "/v1/passkeys/sign-in",
        r#"{"credential":{"id":"x","response":{"authenticatorData":"","clientDataJSON":"","signature":""}}}"#,
        [401; 7],
    ),
    post("/v1/passkeys/enrol/options", "{}", [401, 200, 200, 200, 200, 200, 403]),
    post("/v1/passkeys/enrol", r#"{"credential":{"response":{"attestationObject":"","clientDataJSON":""}}}"#, [401; 7]),
];

/// Changes that need no token: they say nothing of anybody, or prove by themselves who asks.
const WITHOUT_TOKEN: &[&str] = &[
    "/sign-in/passkey",
    "/v1/passkeys/sign-in/options",
    "/v1/passkeys/sign-in",
    "/v1/control/redactions",
    "/v1/control/killswitch",
    "/v1/control/killswitch/release",
    "/v1/control/seal",
    "/v1/control/keys",
    "/v1/control/api-keys",
    "/v1/control/people",
    "/v1/control/link",
];

/// How a change is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// From our own page, with its token.
    Own,
    /// From our own page, without the token.
    NoToken,
    /// From our own page, with a token that another visitor was given.
    OtherToken,
    /// From the page of another site, with a token that it cannot have.
    Foreign,
}

/// One call. The cookies and the token are those of a browser; the agent has its key instead.
async fn call(portal: &Portal, browser: &mut Browser<'_>, who: &str, row: &Row, way: Way, other: &str) -> (Answer, bool) {
    let (path, body) = (fill(portal, row.path).await, row.body);
    let (path, body) = (path.0, fill_from(&path.1, body));
    let csrf = if who == "bot" { String::new() } else { browser.csrf().await };
    let csrf = match way {
        Way::Own | Way::Foreign => csrf,
        Way::NoToken => String::new(),
        Way::OtherToken => other.to_owned(),
    };
    let is_json = body.starts_with('{');
    let accept = if path.starts_with("/v1") || path.starts_with("/live") { "application/json" } else { "text/html" };
    let cookies: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut request = Request::builder().method(row.method.clone()).uri(path).header("host", HOST).header("accept", accept);
    if who == "bot" {
        request = request.header("authorization", format!("Bearer {}", portal.key.expose()));
    } else {
        request = request.header("cookie", cookies.join("; "));
    }
    if row.method == Method::POST {
        request = request.header("origin", if way == Way::Foreign { "https://evil.example" } else { URL });
        request = request.header("content-type", if is_json { "application/json" } else { "application/x-www-form-urlencoded" });
        if is_json {
            request = request.header("x-csrf-token", &csrf);
        }
    }
    let body = if is_json || row.method == Method::GET { body } else { format!("{body}&csrf={csrf}") };
    let before = portal.size();
    let answer = portal.send(request.body(Body::from(body)).unwrap()).await;
    (answer, portal.size() != before)
}

/// What the placeholders of a row stand for.
type Values = Vec<(&'static str, String)>;

/// Makes what a path names, and says what the placeholders stand for.
async fn fill(portal: &Portal, path: &str) -> (String, Values) {
    let mut values: Values = vec![("{now}", portal.engine.now().to_string())];
    let free = portal.ask("db.read").await;
    let grant = portal.grant_of(free);
    values.push(("{grant}", grant.to_string()));
    let mut shown = free;
    for (name, verb) in [("{pending}", "db.change"), ("{drop}", "db.drop")] {
        if path.contains(name) {
            shown = portal.ask(verb).await;
            values.push((name, shown.to_string()));
        }
    }
    if path.contains("{emergency") {
        let mut wanted = ask("db.change");
        wanted.breakglass = true;
        let request = portal.ask_as("ana", wanted).await;
        values.push(("{emergency}", request.to_string()));
        values.push(("{emergency_grant}", portal.grant_of(request).to_string()));
    }
    let (digest, policy) = portal.digests(shown);
    if path.contains("{lent}") {
        use privyseal_core::command::{Command, Directory, Reply};
        let now = portal.engine.now();
        let lend = Directory::Delegate {
            delegator: "ben".parse().unwrap(),
            delegate: "cleo".parse().unwrap(),
            roles: vec!["group:sre".parse().unwrap()],
            valid_from: now,
            valid_to: now.plus_seconds(3_600),
            reason: "away".to_owned(),
        };
        let Ok(Reply::Delegation(lent)) = portal.engine.execute(Command::Directory(lend), crate::portal::actor("ben")).await else {
            panic!()
        };
        values.push(("{lent}", lent));
    }
    if path.contains("{execution}") {
        use privyseal_core::command::{Command, Redeem, Reply};
        let redeem = Redeem { grant, run_digest: digest.parse().unwrap(), tool: None, host: None, artefacts: vec![], audience: None };
        let Ok(Reply::Execution(execution)) = portal.engine.execute(Command::Redeem(redeem), crate::portal::actor("bot")).await else {
            panic!()
        };
        values.push(("{execution}", execution.to_string()));
    }
    values.extend([("{digest}", digest), ("{policy}", policy)]);
    (fill_from(&values, path), values)
}

fn fill_from(values: &Values, text: &str) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_caller_gets_what_the_table_says() {
    let portal = Portal::new().await;
    let mut wrong = Vec::new();
    for row in TABLE {
        for (who, expected) in CALLERS.iter().zip(row.expected) {
            let mut browser = match *who {
                "" | "bot" => Browser::new(&portal),
                who => portal.browser(who).await,
            };
            let (answer, _) = call(&portal, &mut browser, who, row, Way::Own, "").await;
            let status = answer.status.as_u16();
            if status != expected {
                wrong.push(format!("{} {} by `{who}`: {status}, the table says {expected}", row.method, row.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A change that is not sent by our own page is refused before anything else, leaves no event, and never succeeds for anybody.
#[tokio::test(flavor = "multi_thread")]
async fn changes_come_from_our_own_pages_only() {
    let portal = Portal::new().await;
    let other = portal.browser("cleo").await.csrf().await;
    let mut wrong = Vec::new();
    for row in TABLE.iter().filter(|row| row.method == Method::POST) {
        for who in ["", "rita", "ben", "adm"] {
            let mut browser = if who.is_empty() { Browser::new(&portal) } else { portal.browser(who).await };
            for way in [Way::NoToken, Way::OtherToken, Way::Foreign] {
                if way != Way::Foreign && WITHOUT_TOKEN.contains(&row.path) {
                    continue;
                }
                let (answer, changed) = call(&portal, &mut browser, who, row, way, &other).await;
                let status = answer.status.as_u16();
                let because = |words: &str| status == 403 && answer.text.to_lowercase().contains(words);
                // The reason is asked too: many of these callers would be refused anyway, and that must not hide a missing check.
                let refused = match way {
                    Way::Foreign => because("this request was sent by another site"),
                    // Who is not signed in is told so first: 401 for programs, the way to the sign-in for people.
                    _ => because("the page is stale") || (who.is_empty() && matches!(status, 303 | 401)),
                };
                if !refused || changed {
                    wrong.push(format!("{} by `{who}`, {way:?}: {status}{}", row.path, if changed { ", and it was recorded" } else { "" }));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// You are reading this because an address was added that the table does not have. Add a row for each of its methods that says what each
/// caller gets; do not take the address out of this test.
#[test]
fn the_table_has_every_address() {
    let sources = [include_str!("../../src/page.rs"), include_str!("../../src/api.rs"), include_str!("../../src/server.rs")];
    let mut missing = Vec::new();
    for line in sources.iter().flat_map(|source| source.split(".route(").skip(1)) {
        let route = line.split('"').nth(1).unwrap();
        let methods = line.split(".route(").next().unwrap();
        for (method, word) in [(Method::GET, "get("), (Method::POST, "post(")] {
            if methods.contains(word) && !TABLE.iter().any(|row| row.method == method && same(route, row.path)) {
                missing.push(format!("{method} {route}"));
            }
        }
    }
    assert!(missing.is_empty(), "not in the table: {missing:?}");
}

/// Whether a path of the table is one of a route's.
fn same(route: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap();
    let (route, path): (Vec<&str>, Vec<&str>) = (route.split('/').collect(), path.split('/').collect());
    let rest = route.last().is_some_and(|part| part.starts_with("{*"));
    (route.len() == path.len() || (rest && route.len() <= path.len()))
        && route.iter().zip(&path).all(|(route, path)| route.starts_with('{') || route == path)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_registers_people_and_makes_links() {
    let portal = Portal::new().await;
    let send = |path: &'static str, body: &'static str, secret: String| {
        let request = Request::builder().method("POST").uri(path).header("authorization", format!("Bearer {secret}"));
        let request = request.header("content-type", "application/json").body(Body::from(body)).unwrap();
        portal.send(request)
    };
    let operator = portal.operator.expose().to_owned();
    let eve = r#"{"id":"eve","name":"Eve","roles":["approver","group:sre"]}"#;
    for (path, body, secret, status) in [
        ("/v1/control/people", eve, portal.key.expose().to_owned(), 401),
        ("/v1/control/people", eve, operator.clone(), 201),
        ("/v1/control/people", eve, operator.clone(), 409),
        ("/v1/control/people", r#"{"id":"eve2","name":"E\u202eve"}"#, operator.clone(), 422),
        ("/v1/control/people", r#"{"id":"Not An Id","name":"Eve"}"#, operator.clone(), 422),
        ("/v1/control/link", r#"{"principal":"eve","minutes":0}"#, operator.clone(), 422),
        ("/v1/control/link", r#"{"principal":"eve","minutes":10081}"#, operator.clone(), 422),
        ("/v1/control/link", r#"{"principal":"bot"}"#, operator.clone(), 404),
        ("/v1/control/link", r#"{"principal":"nobody"}"#, operator.clone(), 404),
        ("/v1/control/api-keys", r#"{"do":"make","principal":"eve","label":"psql","days":0}"#, operator.clone(), 422),
        ("/v1/control/api-keys", r#"{"do":"make","principal":"eve","label":" ","days":1}"#, operator.clone(), 422),
        ("/v1/control/api-keys", r#"{"do":"make","principal":"bot","label":"psql","days":1}"#, operator.clone(), 404),
        ("/v1/control/api-keys", r#"{"do":"make","principal":"eve","label":"psql","days":1}"#, portal.key.expose().to_owned(), 401),
        ("/v1/control/api-keys", r#"{"do":"revoke","credential":"key-none","reason":"lost"}"#, operator.clone(), 404),
    ] {
        let answer = send(path, body, secret).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {body}: {}", answer.text);
    }
    let answer = send("/v1/control/api-keys", r#"{"do":"make","principal":"eve","label":"psql","days":1}"#, operator.clone()).await;
    let made: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    let key = made["key"].as_str().unwrap().to_owned();
    let me = |key: String| {
        let request = Request::builder().uri("/v1/ledger/head").header("authorization", format!("Bearer {key}"));
        portal.send(request.body(Body::empty()).unwrap())
    };
    assert_eq!(me(key.clone()).await.status.as_u16(), 200, "a person's key is good for programs");
    let revoke = format!(r#"{{"do":"revoke","credential":{},"reason":"lost"}}"#, made["credential"]);
    assert_eq!(send("/v1/control/api-keys", Box::leak(revoke.into_boxed_str()), operator.clone()).await.status.as_u16(), 200);
    assert_eq!(me(key).await.status.as_u16(), 401, "until it is revoked");
    let answer = send("/v1/control/link", r#"{"principal":"eve","minutes":10}"#, operator).await;
    let answer: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    let token = answer["url"].as_str().unwrap().strip_prefix(&format!("{URL}/sign-in/link?token=")).unwrap();
    let mut browser = Browser::new(&portal);
    assert_eq!(browser.use_link(token).await.status.as_u16(), 303);
    assert!(browser.get("/").await.text.contains("Eve"));
}
