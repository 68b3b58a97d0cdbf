//! What goes wrong, for people and for programs: pages here, problem details there, and never more than one may know.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::browser::{Browser, HOST};
use crate::portal::Portal;

#[tokio::test(flavor = "multi_thread")]
async fn people_get_pages_and_programs_problem_details() {
    let portal = Portal::new().await;
    let ben = portal.browser("ben").await;
    let cookie = format!("privyseal={}", ben.cookies["privyseal"]);
    for (path, accept, cookie, status, kind, words) in [
        ("/nothing", "text/html", "", 404, "text/html", "There is nothing here"),
        ("/nothing", "text/html", &*cookie, 404, "text/html", "To the queue"),
        ("/nothing", "application/json", "", 404, "application/problem+json", "urn:privyseal:problem:not_found"),
        ("/nothing", "*/*", "", 404, "application/problem+json", "not_found"),
        ("/requests/x", "text/html", &cookie, 404, "text/html", "There is no such request, or you may not see it."),
        ("/v1/requests/x", "text/html", &cookie, 404, "application/problem+json", "not_found"),
        ("/v1/requests", "text/html", "", 401, "application/problem+json", "unauthenticated"),
        ("/live/queue", "text/html", "", 401, "application/problem+json", "unauthenticated"),
        ("/sign-out", "text/html", &cookie, 405, "text/html", "cannot be used as it is"),
        ("/assets/nothing.js", "*/*", "", 404, "application/problem+json", "not_found"),
    ] {
        let request = Request::builder().uri(path).header("host", HOST).header("accept", accept).header("cookie", cookie);
        let answer = portal.send(request.body(Body::empty()).unwrap()).await;
        let what = format!("{path} {accept}");
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text);
        assert!(answer.header("content-type").starts_with(kind), "{what}: {:?}", answer.headers);
        assert!(answer.text.contains(words), "{what}: {}", answer.text);
        let id = answer.header("x-request-id");
        assert!(!id.is_empty() && (kind != "text/html" || answer.text.contains(id)), "{what}: it names its id");
        for name in ["content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy"] {
            assert!(!answer.header(name).is_empty(), "{what}: no {name}");
        }
        assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    }
}

/// Somebody else's request and one that never was answer the same, so that nobody learns what exists.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_may_not_see_looks_like_what_is_not_there() {
    let portal = Portal::new().await;
    let request = portal.ask_as("ana", crate::portal::ask("db.change")).await;
    let absent = privyseal_core::id::RequestId::new(portal.engine.now(), [9; 10]);
    let mut rita = portal.browser("rita").await;
    let csrf = rita.csrf().await;
    for path in ["/requests/{}", "/live/requests/{}", "/v1/requests/{}"] {
        let (there, gone) =
            (rita.get(&path.replace("{}", &request.to_string())).await, rita.get(&path.replace("{}", &absent.to_string())).await);
        assert_eq!((there.status, gone.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND), "{path}");
        let without_id = |answer: &crate::portal::Answer| answer.text.replace(answer.header("x-request-id"), "").replace(&csrf, "");
        assert_eq!(without_id(&there).len(), without_id(&gone).len(), "{path}");
    }
    for verb in ["review", "withdraw", "judge"] {
        let answer = rita.post(&format!("/requests/{request}/{verb}"), &[("csrf", &csrf), ("verdict", "approve")]).await;
        let answer_absent = rita.post(&format!("/requests/{absent}/{verb}"), &[("csrf", &csrf), ("verdict", "approve")]).await;
        assert_eq!((answer.status, answer_absent.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND), "{verb}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_kept_under_their_tag() {
    let portal = Portal::new().await;
    let mut browser = Browser::new(&portal);
    for name in privyseal_portal::asset::names() {
        let tagged = browser.get(&privyseal_portal::asset::url(&name)).await;
        assert_eq!(tagged.status, StatusCode::OK, "{name}");
        assert!(tagged.header("cache-control").contains("immutable"), "{name}");
        let plain = browser.get(&format!("/assets/{name}")).await;
        assert_eq!(plain.header("cache-control"), "no-cache", "{name}");
        let request = Request::builder().uri(format!("/assets/{name}")).header("if-none-match", plain.header("etag"));
        let known = portal.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((known.status, known.text.len()), (StatusCode::NOT_MODIFIED, 0), "{name}");
    }
    for path in ["/assets/..%2Fsrc%2Flib.rs", "/assets/../Cargo.toml", "/assets/%2e%2e"] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
