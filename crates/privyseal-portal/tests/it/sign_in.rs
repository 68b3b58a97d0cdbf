//! In and out: links that work once, nobody sent elsewhere, sessions that end.

use axum::http::StatusCode;

use crate::browser::{Browser, csrf_of};
use crate::portal::Portal;

async fn link(portal: &Portal, who: &str, minutes: u32) -> String {
    portal.engine.sign_in_link(&who.parse().unwrap(), minutes).await.unwrap().expose().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_a_link_uses_nothing_up_and_using_it_works_once() {
    let portal = Portal::new().await;
    let token = link(&portal, "ben", 60).await;
    let size = portal.size();
    for _ in 0..3 {
        let page = Browser::new(&portal).get(&format!("/sign-in/link?token={token}")).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("I am <bdi>ben</bdi>: sign in"), "{}", page.text);
    }
    assert_eq!(portal.size(), size, "looking is no event");
    let mut first = Browser::new(&portal);
    let used = first.use_link(&token).await;
    assert_eq!((used.status, used.header("location")), (StatusCode::SEE_OTHER, "/"));
    let queue = first.get("/").await;
    assert_eq!(queue.status, StatusCode::OK);
    assert!(queue.text.contains("one-time link"), "it says how they signed in");
    for cookie in used.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=") && cookie.contains("Path=/"), "{cookie}");
    }

    let mut second = Browser::new(&portal);
    let page = second.get(&format!("/sign-in/link?token={token}")).await;
    assert!(page.text.contains("This link does not work"));
    let again = second.use_link(&token).await;
    assert!(again.text.contains("This link does not work") && !second.cookies.contains_key("privyseal"), "{}", again.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_sign_nobody_in() {
    let portal = Portal::new().await;
    let expired = link(&portal, "ben", 1).await;
    let disabled = link(&portal, "cleo", 60).await;
    portal.advance(61);
    let off = privyseal_core::command::Directory::Switch { principal: "cleo".parse().unwrap(), enabled: false, reason: "left".into() };
    portal.engine.as_operator(privyseal_core::command::Command::Directory(off)).await.unwrap();
    let unknown = portal.engine.new_secret().unwrap().expose().to_owned();
    for (what, token) in [
        ("expired", expired.as_str()),
        ("of a disabled account", &disabled),
        ("unknown", &unknown),
        ("no secret", "<b>"),
        ("an API key", portal.key.expose()),
        ("empty", ""),
    ] {
        let mut browser = Browser::new(&portal);
        let page = browser.get(&format!("/sign-in/link?token={}", token.replace('<', "%3C").replace('>', "%3E"))).await;
        assert!(page.text.contains("This link does not work"), "{what}: {}", page.text);
        let answer = browser.post("/sign-in/link", &[("csrf", &csrf_of(&page.text)), ("token", token)]).await;
        assert!(answer.text.contains("This link does not work"), "{what}");
        assert!(!browser.cookies.contains_key("privyseal"), "{what}: signed in");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_used_only_from_its_own_page() {
    let portal = Portal::new().await;
    let token = link(&portal, "ben", 60).await;
    let mut browser = Browser::new(&portal);
    let own = csrf_of(&browser.get(&format!("/sign-in/link?token={token}")).await.text);
    let stranger = csrf_of(&Browser::new(&portal).get("/sign-in").await.text);
    for (csrf, origin) in [("", crate::portal::URL), (&stranger, crate::portal::URL), (&own, "https://evil.example"), (&own, "null")] {
        let answer = browser.post_from("/sign-in/link", &[("csrf", csrf), ("token", &token)], origin).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{csrf} {origin}");
    }
    let answer = browser.post("/sign-in/link", &[("csrf", &own), ("token", &token)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "it was not used up: {}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_to_another_site() {
    let portal = Portal::new().await;
    let mut signed_in = portal.browser("ben").await;
    for (next, expected) in [
        ("/history", "/history"),
        ("/requests/x%3Fy", "/requests/x?y"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/%5Cevil.example", "/"),
        ("%2F%2Fevil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a%0D%0Aset-cookie:%20x", "/"),
        ("/sign-in?next=/", "/"),
    ] {
        let answer = signed_in.get(&format!("/sign-in?next={next}")).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, expected), "{next}");
        let page = Browser::new(&portal).get(&format!("/sign-in?next={next}")).await;
        assert!(page.text.contains(&format!("name=\"next\" value=\"{expected}\"")), "{next}: {}", page.text);
        let mut fresh = Browser::new(&portal);
        let token = link(&portal, "cleo", 60).await;
        let csrf = csrf_of(&fresh.get(&format!("/sign-in/link?token={token}")).await.text);
        let plain = next.replace("%5C", "\\").replace("%2F", "/").replace("%3F", "?").replace("%0D%0A", "\r\n").replace("%20", " ");
        let answer = fresh.post("/sign-in/link", &[("csrf", &csrf), ("token", &token), ("next", &plain)]).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, expected), "{next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_a_session_leads_to_the_sign_in_and_back() {
    let portal = Portal::new().await;
    let answer = Browser::new(&portal).get("/history?q=a%20b").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/sign-in?next=%2Fhistory%3Fq%3Da%2520b"));
    let page = Browser::new(&portal).get(answer.header("location")).await;
    assert!(page.text.contains("name=\"next\" value=\"/history?q=a%20b\""), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end() {
    let portal = Portal::new().await;
    let mut leaving = portal.browser("ben").await;
    let stolen = leaving.cookies.clone();
    let answer = leaving.submit("/", "/sign-out", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/sign-in"));
    assert!(!leaving.cookies.contains_key("privyseal"));
    assert!(leaving.get("/sign-in").await.text.contains("You are signed out."));
    let mut thief = Browser::new(&portal);
    thief.cookies = stolen;
    assert_eq!(thief.get("/").await.status, StatusCode::SEE_OTHER, "the session itself ended, not only the cookie");

    let mut staying = portal.browser("ben").await;
    portal.advance(480 * 60 - 1);
    assert_eq!(staying.get("/").await.status, StatusCode::OK);
    portal.advance(2);
    assert_eq!(staying.get("/").await.status, StatusCode::SEE_OTHER, "its time is over");
}
