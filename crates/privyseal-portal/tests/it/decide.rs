//! Deciding by forms, without JavaScript: what is accepted, what is refused, and what stands in the log afterwards.

use axum::http::StatusCode;
use privyseal_core::request::RequestState;

use crate::browser::form;
use crate::portal::{Portal, ask};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_enough_where_the_rule_says_so() {
    let portal = Portal::new().await;
    let request = portal.ask("db.change").await;
    let page = format!("/requests/{request}");
    let mut ben = portal.browser("ben").await;
    assert!(ben.get("/").await.text.contains(&page), "it is in his queue");
    let shown = ben.get(&page).await;
    assert!(
        shown.text.contains("bot may run exactly this, once, within 10 min.") && !shown.text.contains("data-passkey"),
        "{}",
        shown.text
    );
    let answer = ben.submit(&page, &format!("{page}/review"), &[("verdict", "approve"), ("comment", "seen & fine")]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, page.as_str()), "{}", answer.text);
    assert_eq!(portal.state_of(request), RequestState::Approved);
    let after = ben.get(&page).await;
    for words in
        ["Your approval is recorded.", "One person filled the only slot", "seen &#38; fine", "in a signed-in session", "Revoke the grant"]
    {
        assert!(after.text.contains(words), "{words}: {}", after.text);
    }
    assert!(!ben.get(&page).await.text.contains("Your approval is recorded."), "said once");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_must_seal_and_one_cannot_do_it_twice() {
    let portal = Portal::new().await;
    let request = portal.ask("db.both").await;
    let (page, review) = (format!("/requests/{request}"), format!("/requests/{request}/review"));
    let mut ben = portal.browser("ben").await;
    assert!(ben.get(&page).await.text.contains("one more person must seal it too. Then bot may run"));
    let shown = ben.get(&page).await;
    let fields = form(&shown.text, &review).unwrap();
    let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    fields.push(("verdict", "approve"));
    assert_eq!(ben.post(&review, &fields).await.status, StatusCode::SEE_OTHER);
    let again = ben.post(&review, &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(
        again.text.contains("Nothing was decided. Ben has given a verdict on this request already, or a delegate gave it in their place."),
        "{}",
        again.text
    );
    assert!(again.text.contains("You approved this"), "the page stands there again, with what is true now");
    assert_eq!(portal.state_of(request), RequestState::Pending);
    let mut cleo = portal.browser("cleo").await;
    cleo.submit(&page, &review, &[("verdict", "approve")]).await;
    assert_eq!(portal.state_of(request), RequestState::Approved);
    assert!(cleo.get(&page).await.text.contains("2 distinct people filled every slot"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_ends_it_and_says_why() {
    let portal = Portal::new().await;
    let request = portal.ask("db.change").await;
    let page = format!("/requests/{request}");
    let mut ben = portal.browser("ben").await;
    ben.submit(&page, &format!("{page}/review"), &[("verdict", "deny"), ("comment", "split it in two")]).await;
    assert_eq!(portal.state_of(request), RequestState::Denied);
    let mut rita = portal.browser("rita").await;
    let shown = rita.get(&page).await;
    assert!(shown.text.contains("split it in two") && shown.text.contains("One denial ends a request"), "{}", shown.text);
}

/// Each of these reviews is refused, the page says so, and the request stays as it was.
#[tokio::test(flavor = "multi_thread")]
async fn refused_reviews_leave_the_request_as_it_was() {
    let portal = Portal::new().await;
    let moved = privyseal_core::digest::Digest::of(b"another action").to_string();
    for (what, who, verb, changed, status, words) in [
        (
            "the digest moved",
            "ben",
            "db.change",
            vec![("shown_digest", moved.as_str())],
            409,
            "hat was shown is not what is asked: reload the request.",
        ),
        ("the policy moved", "ben", "db.change", vec![("policy_digest", moved.as_str())], 409, "another policy"),
        ("no digest", "ben", "db.change", vec![("shown_digest", "")], 422, "missing or cannot be read"),
        ("no digest at all", "ben", "db.change", vec![("shown_digest", "x")], 422, "missing or cannot be read"),
        ("shown in the future", "ben", "db.change", vec![("shown_at", "2026-07-02T00:00:00Z")], 422, "outside the life of the request"),
        (
            "shown before it was asked",
            "ben",
            "db.change",
            vec![("shown_at", "2026-06-30T00:00:00Z")],
            422,
            "outside the life of the request",
        ),
        ("no verdict", "ben", "db.change", vec![("verdict", "")], 422, "use one of the two buttons"),
        ("another verdict", "ben", "db.change", vec![("verdict", "Approve")], 422, "use one of the two buttons"),
        ("the owner", "rita", "db.change", vec![], 403, "is a subject of this request"),
        ("an auditor", "aud", "db.change", vec![], 403, "is none of them"),
        ("an administrator", "adm", "db.change", vec![], 403, "is none of them"),
        ("without the passkey that the rule asks for", "ben", "db.drop", vec![], 403, "signed with a passkey"),
    ] {
        let request = portal.ask(verb).await;
        let (page, review) = (format!("/requests/{request}"), format!("/requests/{request}/review"));
        let (shown_digest, policy_digest) = portal.digests(request);
        let mut browser = portal.browser(who).await;
        let (csrf, now) = (browser.csrf().await, portal.engine.now().to_string());
        let mut fields: std::collections::BTreeMap<&str, &str> = [
            ("csrf", csrf.as_str()),
            ("shown_digest", &shown_digest),
            ("policy_digest", &policy_digest),
            ("shown_at", &now),
            ("verdict", "approve"),
        ]
        .into();
        fields.extend(changed);
        let fields: Vec<(&str, &str)> = fields.into_iter().collect();
        let answer = browser.post(&review, &fields).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text);
        assert!(answer.text.contains(words), "{what}: {}", answer.text);
        assert!(answer.text.contains("id=\"request-decision\""), "{what}: the page stands there again");
        assert_eq!(portal.state_of(request), RequestState::Pending, "{what}");
        assert!(portal.engine.read(|state| state.requests[&request].reviews.is_empty()), "{what}");
        assert_eq!(browser.get(&page).await.status, StatusCode::OK, "{what}");
    }
}

/// Nobody seals their own request, whatever roles they hold: not by the page, which has no form for it, and not by a form made by hand.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_seals_their_own_request() {
    let portal = Portal::new().await;
    let request = portal.ask_as("ana", ask("db.change")).await;
    let (page, review) = (format!("/requests/{request}"), format!("/requests/{request}/review"));
    let mut ana = portal.browser("ana").await;
    let shown = ana.get(&page).await;
    assert!(shown.text.contains("You asked it.") && form(&shown.text, &review).is_none(), "{}", shown.text);
    let (csrf, now, (digest, policy)) = (ana.csrf().await, portal.engine.now().to_string(), portal.digests(request));
    let fields =
        [("csrf", csrf.as_str()), ("verdict", "approve"), ("shown_digest", &digest), ("policy_digest", &policy), ("shown_at", &now)];
    let answer = ana.post(&review, &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(portal.state_of(request), RequestState::Pending);
    let after = ana.get(&page).await;
    assert!(after.text.contains("review.refused") && after.text.contains("Tried to approve and was refused"), "the attempt is on record");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_offers_what_the_rule_asks_for() {
    let portal = Portal::new().await;
    let (change, drop) = (portal.ask("db.change").await, portal.ask("db.drop").await);
    for (what, who, request, words) in [
        ("the owner", "rita", change, "You own bot, which asks."),
        ("an auditor", "aud", change, "You read as an auditor."),
        ("an administrator", "adm", change, "No open seal is yours."),
        ("an approver", "ben", change, "Your session is enough for this rule."),
        ("an approver without a passkey", "ben", drop, "you have none yet"),
    ] {
        let shown = portal.browser(who).await.get(&format!("/requests/{request}")).await;
        assert!(shown.text.contains(words), "{what}: {}", shown.text);
    }
    portal.advance(1_801);
    let shown = portal.browser("ben").await.get(&format!("/requests/{change}")).await;
    assert!(shown.text.contains("A timeout is not a denial.") && shown.text.contains("This request is expired."), "{}", shown.text);
}

/// What a page cannot show whole is not approved there, by the page or past it.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shown_cannot_be_approved() {
    let portal = Portal::new().await;
    let mut wanted = ask("db.change");
    let sha256 = privyseal_core::digest::Digest::of(b"never handed over");
    wanted.action.inputs =
        vec![serde_json::from_value(serde_json::json!({"kind": "file", "name": "m.sql", "sha256": sha256, "bytes": 17})).unwrap()];
    let request = portal.ask_as("bot", wanted).await;
    let (page, review) = (format!("/requests/{request}"), format!("/requests/{request}/review"));
    let mut ben = portal.browser("ben").await;
    let shown = ben.get(&page).await;
    assert!(shown.text.contains("The bytes of m.sql were not handed over") && !shown.text.contains("value=\"approve\""), "{}", shown.text);
    let answer = ben.submit(&page, &review, &[("verdict", "approve")]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(portal.state_of(request), RequestState::Pending);
    let answer = ben.submit(&page, &review, &[("verdict", "deny"), ("comment", "hand it over")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(portal.state_of(request), RequestState::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_requester_withdraws_and_nobody_else() {
    let portal = Portal::new().await;
    let request = portal.ask_as("ana", ask("db.change")).await;
    let (page, withdraw) = (format!("/requests/{request}"), format!("/requests/{request}/withdraw"));
    let mut ben = portal.browser("ben").await;
    assert!(form(&ben.get(&page).await.text, &withdraw).is_none());
    let csrf = ben.csrf().await;
    let answer = ben.post(&withdraw, &[("csrf", &csrf)]).await;
    assert_eq!((answer.status, portal.state_of(request)), (StatusCode::FORBIDDEN, RequestState::Pending), "{}", answer.text);
    let mut ana = portal.browser("ana").await;
    let answer = ana.submit(&page, &withdraw, &[]).await;
    assert_eq!((answer.status, portal.state_of(request)), (StatusCode::SEE_OTHER, RequestState::Cancelled));
    assert!(ana.get(&page).await.text.contains("The request is withdrawn."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_taken_back_by_whoever_sealed_it() {
    let portal = Portal::new().await;
    let request = portal.ask("db.change").await;
    let page = format!("/requests/{request}");
    let mut ben = portal.browser("ben").await;
    ben.submit(&page, &format!("{page}/review"), &[("verdict", "approve")]).await;
    let revoke = format!("/grants/{}/revoke", portal.grant_of(request));
    let mut cleo = portal.browser("cleo").await;
    assert!(form(&cleo.get(&page).await.text, &revoke).is_none(), "she did not seal it");
    let csrf = cleo.csrf().await;
    assert_eq!(cleo.post(&revoke, &[("csrf", &csrf)]).await.status, StatusCode::FORBIDDEN);
    let answer = ben.submit(&page, &revoke, &[]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, page.as_str()));
    let after = ben.get(&page).await;
    assert!(after.text.contains("<b>revoked</b>") && after.text.contains("The grant is revoked"), "{}", after.text);
    assert!(form(&after.text, &revoke).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_is_judged_by_somebody_outside_of_it() {
    let portal = Portal::new().await;
    let mut wanted = ask("db.change");
    wanted.breakglass = true;
    let request = portal.ask_as("ana", wanted).await;
    let (page, judge) = (format!("/requests/{request}"), format!("/requests/{request}/judge"));
    let mut ana = portal.browser("ana").await;
    assert!(form(&ana.get(&page).await.text, &judge).is_none(), "whoever took it does not judge it");
    let mut ben = portal.browser("ben").await;
    let shown = ben.get(&page).await;
    assert!(shown.text.contains("nobody approved it") && shown.text.contains("until somebody outside the request has judged it"));
    let answer = ben.submit(&page, &judge, &[("outcome", "justified"), ("comment", "  ")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "a judgement without words is none");
    let answer = ben.submit(&page, &judge, &[("outcome", "justified"), ("comment", "the disk was full")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let after = ben.get(&page).await;
    assert!(after.text.contains("ben judged it justified") && after.text.contains("the disk was full"), "{}", after.text);
}

/// Somebody else's words cannot become markup, anywhere where they are shown.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_words_stay_words() {
    const HOSTILE: &str = "</textarea><script>alert(1)</script><img src=x onerror=alert(1)> \" ' & \u{202e}evil";
    let portal = Portal::new().await;
    let mut wanted = ask("db.change");
    wanted.justification = HOSTILE.into();
    wanted.ticket = Some("javascript:alert(1)".into());
    wanted.action.parameters = serde_json::from_value(serde_json::json!({"x": HOSTILE})).unwrap();
    wanted.action.resource =
        serde_json::from_value(serde_json::json!({"type": "postgres", "id": "<i>x"})).unwrap_or(wanted.action.resource);
    let request = portal.ask_as("bot", wanted).await;
    let mut ben = portal.browser("ben").await;
    let page = format!("/requests/{request}");
    ben.submit(&page, &format!("{page}/review"), &[("verdict", "deny"), ("comment", HOSTILE)]).await;
    assert_eq!(portal.state_of(request), RequestState::Denied);
    for path in [page.as_str(), "/", "/history", "/history?q=%3Cscript%3E", "/?q=%22%3E%3Cscript%3E", &format!("/live{page}")] {
        let shown = ben.get(path).await;
        assert_eq!(shown.status, StatusCode::OK, "{path}");
        for markup in ["<script>alert", "<img src=x", "</textarea><script>", "\u{202e}", "href=\"javascript:"] {
            assert!(!shown.text.contains(markup), "{path} holds {markup:?}");
        }
    }
    assert!(ben.get(&page).await.text.contains("&#60;script&#62;alert(1)"), "it is shown, as words");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_filtered_and_paged() {
    let portal = Portal::new().await;
    for _ in 0..60 {
        portal.ask("db.read").await;
        portal.advance(1);
    }
    let change = portal.ask("db.change").await;
    let mut ben = portal.browser("ben").await;
    let first = ben.get("/history").await;
    assert!(first.text.contains("61 requests") && first.text.matches("data-row").count() == 50, "{}", first.text);
    let older = first.text.split("href=\"/history?before=").nth(1).unwrap().split('"').next().unwrap();
    let second = ben.get(&format!("/history?before={older}")).await;
    assert_eq!(second.text.matches("data-row").count(), 11);
    let newer = second.text.split("href=\"/history?after=").nth(1).unwrap().split('"').next().unwrap();
    let back = ben.get(&format!("/history?after={newer}")).await;
    assert_eq!(back.text.matches("data-row").count(), 50);
    assert!(back.text.contains(&change.to_string()), "the newest page again");
    for (query, rows) in [
        ("state=pending", 1),
        ("state=approved&before=", 50),
        ("q=DB.CHANGE", 1),
        ("q=nothing-like-it", 0),
        ("from=2026-07-02", 0),
        ("from=2026-07-01&to=2026-07-02&q=change", 1),
        ("mine=1", 0),
        ("from=yesterday", 0),
        ("from=2026-07-02&to=2026-07-01", 0),
        ("state=x", 0),
        ("before=x", 50),
    ] {
        let page = ben.get(&format!("/history?{query}")).await;
        assert_eq!((page.status, page.text.matches("data-row").count()), (StatusCode::OK, rows), "{query}");
    }
    assert!(ben.get("/history?from=yesterday").await.text.contains("YYYY-MM-DD, like"));
    assert!(!ben.get("/history").await.text.contains("Ask in SQL"));
    let asked = portal.browser("aud").await.get("/history?state=pending&from=2026-07-01&q='").await;
    let sql = "WHERE%20state%20%3D%20%27pending%27%20AND%20requested_at%20%3E%3D%20%272026-07-01T00%3A00%3A00.000000Z%27%0AORDER";
    assert!(asked.text.contains(sql), "{}", asked.text);
    let mut rita = portal.browser("rita").await;
    assert_eq!(rita.get("/history?mine=1&q=change").await.text.matches("data-row").count(), 1, "her agent asked it");
}

/// What has left the state is shown and listed as it was, to those who could see it, and refused with the same words.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_state_has_forgotten_is_shown_as_before() {
    let portal = Portal::new().await;
    let request = portal.ask("db.change").await;
    portal.advance(3_600);
    portal.ask("db.read").await;
    let (api, page) = (format!("/v1/requests/{request}"), format!("/requests/{request}"));
    let mut ben = portal.browser("ben").await;
    let shown = ben.get(&api).await.text;
    assert!(shown.contains("\"state\":\"expired\""), "{shown}");
    let (csrf, withdraw) = (ben.csrf().await, format!("{page}/withdraw"));
    let refused = ben.post(&withdraw, &[("csrf", &csrf)]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    portal.advance(3_700);
    portal.ask("db.read").await;
    assert!(portal.engine.read(|state| state.request(&request).is_none()), "it is still in the state");
    assert_eq!(ben.get(&api).await.text, shown);
    let again = ben.post(&withdraw, &[("csrf", &csrf)]).await;
    assert_eq!(again.status, refused.status);
    let reason = "request is expired already";
    assert!(refused.text.contains(reason) && again.text.contains(reason), "{}", again.text);
    let whole = ben.get(&page).await;
    assert_eq!(whole.status, StatusCode::OK);
    assert!(whole.text.contains("A timeout is not a denial."), "{}", whole.text);
    for list in ["/v1/requests", "/v1/requests?state=expired", "/history", "/history?state=expired"] {
        let list = ben.get(list).await;
        assert!(list.text.contains(&request.to_string()), "{}", list.text);
    }
    let mut nora = portal.browser("nora").await;
    assert_eq!(nora.get(&page).await.status, StatusCode::NOT_FOUND, "whoever could not look at it still cannot");
}
