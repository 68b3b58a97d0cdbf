//! Pages about less, about lending, about stopping and about looking at access: forms without JavaScript, and what stands there afterwards.

use axum::http::StatusCode;
use privyseal_core::id::RequestId;
use privyseal_core::request::{Phase, RequestState};
use serde_json::json;

use crate::browser::Browser;
use crate::portal::{Portal, ask};

/// A request of the agent that may run three times, over tables and rows of which there can be less.
async fn many(portal: &Portal) -> RequestId {
    let mut wanted = ask("db.many");
    let parameters = json!({"rows": 100, "tables": ["orders", "customers", "invoices"], "schema": "public"});
    wanted.action.parameters = parameters.as_object().unwrap().clone();
    portal.ask_as("bot", wanted).await
}

async fn narrow(browser: &mut Browser<'_>, request: RequestId, fields: &[(&str, &str)]) -> crate::portal::Answer {
    let csrf = browser.csrf().await;
    let mut sent = vec![("csrf", csrf.as_str())];
    sent.extend_from_slice(fields);
    browser.post(&format!("/requests/{request}/narrow"), &sent).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewer_approves_less_by_a_form() {
    let portal = Portal::new().await;
    let request = many(&portal).await;
    let mut ben = portal.browser("ben").await;
    let shown = ben.get(&format!("/requests/{request}")).await;
    for words in ["Approve less…", "name=\"less.0\"", "name=\"keep.2\"", "less than 3<", "claimed by the requester", "Asks more people"] {
        assert!(shown.text.contains(words), "{words}: {}", shown.text);
    }
    assert!(!shown.text.contains("name=\"less.1\""), "text has no less");
    let rita = portal.browser("rita").await.get(&format!("/requests/{request}")).await;
    assert!(!rita.text.contains("Approve less…"), "only for whoever could approve it");
    // As the page wrote them the fields change nothing.
    let untouched = [("minutes", "10"), ("uses", "3"), ("less.0", "100"), ("listed.2", "1")];
    let untouched = [&untouched[..], &[("keep.2", "0"), ("keep.2", "1"), ("keep.2", "2"), ("comment", "why")]].concat();
    let answer = narrow(&mut ben, request, &untouched).await;
    assert!(answer.status == StatusCode::UNPROCESSABLE_ENTITY && answer.text.contains("othing is narrower"), "{}", answer.text);
    for (fields, words) in [
        (vec![("less.0", "many"), ("comment", "why")], "not a whole number"),
        (vec![("uses", "-1"), ("comment", "why")], "below 0"),
        (vec![("minutes", "2"), ("comment", "")], "why less is enough"),
        (vec![("listed.2", "1"), ("comment", "none of them")], "tables"),
    ] {
        let answer = narrow(&mut ben, request, &fields).await;
        assert!(answer.status.is_client_error() && answer.text.contains(words), "{words}: {} {}", answer.status, answer.text);
    }
    assert_eq!(portal.state_of(request), RequestState::Pending);
    let fields = [("minutes", "2"), ("uses", "1"), ("less.0", "10"), ("listed.2", "1"), ("keep.2", "2"), ("comment", "ten do")];
    let answer = narrow(&mut ben, request, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let new: RequestId = answer.header("location").strip_prefix("/requests/").unwrap().parse().unwrap();
    portal.engine.read(|state| {
        let action = &state.requests[&new].submitted.action;
        assert_eq!(json!(action.parameters), json!({"rows": 10, "tables": ["invoices"], "schema": "public"}));
        assert_eq!(json!(action.limits), json!({"seconds": 120, "uses": 1}));
        assert!(matches!(state.requests[&request].phase, Phase::Cancelled { successor: Some(successor), .. } if successor == new));
    });
    let shown = ben.get(answer.header("location")).await;
    for words in ["A narrower request stands in its place.", "Narrower than", "Narrowed by", "run exactly this, once, within 2 min"] {
        assert!(shown.text.contains(words), "{words}: {}", shown.text);
    }
    let old = ben.get(&format!("/requests/{request}")).await;
    for words in ["In its place", &format!("href=\"/requests/{new}\""), "put a narrower request in its place: ten do"] {
        assert!(old.text.contains(words), "{words}: {}", old.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_decides_in_ones_place_and_the_page_says_so() {
    let portal = Portal::new().await;
    let mut ben = portal.browser("ben").await;
    assert!(ben.get("/settings").await.text.contains("Nobody decides in your place"));
    let lend = [("role", "group:sre"), ("delegate", "aud"), ("from", "2026-07-01"), ("until", "2026-07-02"), ("reason", "a day off")];
    let answer = ben.submit("/settings", "/settings/delegations", &lend).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert!(ben.get("/settings").await.text.contains("a day off"));
    let mut aud = portal.browser("aud").await;
    assert!(aud.get("/settings").await.text.contains("Give it back"));
    let request = portal.ask("db.change").await;
    let page = format!("/requests/{request}");
    let answer = aud.submit(&page, &format!("{page}/review"), &[("verdict", "approve")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let shown = ben.get(&page).await;
    assert!(shown.text.contains("aud (aud) decides in place of ben (ben)"), "{}", shown.text);
    assert!(shown.text.contains("Approved in place of ben"), "{}", shown.text);
    let both = portal.ask("db.both").await;
    let page = format!("/requests/{both}");
    aud.submit(&page, &format!("{page}/review"), &[("verdict", "approve")]).await;
    assert!(ben.get(&page).await.text.contains("in your place"), "his authority is used up");
    let end = portal.engine.read(|state| format!("/settings/delegations/{}/end", state.delegations.keys().next().unwrap()));
    assert_eq!(aud.submit("/settings", &end, &[]).await.status, StatusCode::SEE_OTHER);
    assert!(ben.get("/settings").await.text.contains("Nobody decides in your place"));
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_are_stopped_on_a_page_and_every_page_says_so() {
    let portal = Portal::new().await;
    let free = portal.ask("db.read").await;
    let mut rita = portal.browser("rita").await;
    let settings = rita.get("/settings").await;
    assert!(settings.text.contains("value=\"agent:bot\"") && !settings.text.contains("value=\"all\""), "{}", settings.text);
    let answer = rita.submit("/settings", "/halt", &[("whom", "agent:bot"), ("reason", "it loops")]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/settings"), "{}", answer.text);
    let redeem = json!({"grant": portal.grant_of(free), "action_digest": portal.digests(free).0});
    assert_eq!(portal.bot("/v1/grants/redeem", redeem.clone()).await.0, 403, "it runs nothing");
    let (status, refused) =
        portal.bot("/v1/requests", json!({"action": "db.read", "resource": {"type": "x", "id": "y"}, "justification": "again"})).await;
    assert!(status == 403 || status == 409, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("it loops"), "{refused}");
    let mut adm = portal.browser("adm").await;
    for page in ["/people", "/history", "/settings"] {
        let shown = adm.get(page).await;
        assert!(shown.text.contains("Kill switch.") && shown.text.contains("it loops"), "{page}: {}", shown.text);
    }
    assert!(!rita.get("/settings").await.text.contains("/halt/release"), "only administrators let them go on");
    let answer = adm.submit("/people", "/halt/release", &[("whom", "agent:bot"), ("reason", "mended")]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/people"), "{}", answer.text);
    assert!(!adm.get("/history").await.text.contains("Kill switch."));
    let (status, gone) = portal.bot("/v1/grants/redeem", redeem).await;
    assert!(status == 409 && gone["code"] == "grant_revoked", "the open grant stays taken back: {status} {gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_confirmed_or_taken_away_never_ones_own() {
    let portal = Portal::new().await;
    let mut ben = portal.browser("ben").await;
    let page = ben.get("/people").await;
    assert!(page.text.contains("name=\"principal\" value=\"ana\"") && !page.text.contains("name=\"principal\" value=\"ben\""));
    let csrf = ben.csrf().await;
    let review = |principal: &'static str, outcome: &'static str, comment: &'static str| {
        vec![
            ("csrf", csrf.clone()),
            ("principal", principal.to_owned()),
            ("role", "group:sre".to_owned()),
            ("outcome", outcome.to_owned()),
            ("comment", comment.to_owned()),
        ]
    };
    let holds = |who: &str| {
        portal.engine.read(|state| state.roles_of(&who.parse().unwrap(), portal.engine.now()).contains(&"group:sre".parse().unwrap()))
    };
    for (fields, status, keeps) in [
        (review("cleo", "keep", ""), 303, true),
        (review("ben", "keep", ""), 403, true),
        (review("cleo", "remove", ""), 422, true),
        (review("cleo", "perhaps", "x"), 422, true),
        (review("cleo", "remove", "left the team"), 303, false),
    ] {
        let sent: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = ben.post("/people/review", &sent).await;
        assert_eq!((answer.status.as_u16(), holds("cleo")), (status, keeps), "{fields:?}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_together_stands_on_one_line_that_unfolds_and_decides_nothing() {
    let portal = Portal::new().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(portal.ask("db.change").await);
    }
    let batch = |name: &str| {
        let mut wanted = ask("db.both");
        wanted.batch = Some(name.to_owned());
        wanted
    };
    portal.ask_as("bot", batch("nightly")).await;
    portal.ask_as("bot", batch("nightly")).await;
    // A batch of the same name by somebody else is another batch.
    portal.ask_as("ana", batch("nightly")).await;
    portal.advance(601);
    let later = portal.ask("db.change").await;
    let queue = portal.browser("ben").await.get("/").await.text;
    let line = |count: &str, what: &str| format!("<b>{count} requests</b>, <bdi>{what}</bdi>");
    assert!(queue.contains(&line("3", "db.change on postgres")) && queue.contains(&line("2", "batch nightly")), "{queue}");
    assert_eq!(queue.matches("<details class=\"fold\" id=\"group-").count(), 2, "{queue}");
    for id in ids.iter().chain([&later]) {
        assert_eq!(queue.matches(&format!("href=\"/requests/{id}\"")).count(), 1);
    }
    let groups = queue.split("class=\"group\"").nth(1).unwrap().split("</details>").next().unwrap();
    assert!(!groups.contains("<form") && !groups.contains("<button"), "nothing is decided from a line: {groups}");
}
