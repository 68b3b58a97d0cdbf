//! Pages that keep themselves up to date: told that something changed, and nothing else, as long as somebody is signed in.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures::StreamExt as _;
use tower::ServiceExt as _;

use crate::browser::HOST;
use crate::portal::Portal;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_told_that_something_changed_until_the_session_ends() {
    let portal = Portal::new().await;
    let mut ben = portal.browser("ben").await;
    let page = ben.get("/").await;
    let source = page.text.split_once("/live/events?seen=").map(|(_, rest)| rest.split('"').next().unwrap()).unwrap().to_owned();
    // What happens between the page and its stream is not lost.
    let request = portal.ask("db.change").await;
    let call = Request::builder().uri(format!("/live/events?seen={source}")).header("host", HOST);
    let call = call.header("cookie", format!("privyseal={}", ben.cookies["privyseal"])).body(Body::empty()).unwrap();
    let mut stream = portal.router.clone().oneshot(call).await.unwrap().into_body().into_data_stream();
    let first = tokio::time::timeout(PATIENCE, stream.next()).await.expect("nothing was told").unwrap().unwrap();
    let first = String::from_utf8(first.to_vec()).unwrap();
    assert!(first.starts_with("event: changed\n") && !first.contains(&request.to_string()), "{first}");
    let fragment = ben.get("/live/queue").await;
    assert!(fragment.text.contains(&request.to_string()) && !fragment.text.contains("<html"), "{}", fragment.text);

    ben.submit("/", "/sign-out", &[]).await;
    let ended = async { while let Some(Ok(_)) = stream.next().await {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("the stream goes on though nobody is signed in");
}
