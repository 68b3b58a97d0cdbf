//! The router with everything that stands around every handler, and the loop that serves it.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

use crate::api;
use crate::app::{App, Options, Services};
use crate::asset::CONTENT_POLICY;
use crate::auth::check_origin;
use crate::body::MAX_BODY_BYTES;
use crate::page;
use crate::problem::Problem;

/// Headers of every answer.
const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), publickey-credentials-get=(self), publickey-credentials-create=(self)",
    ),
];

/// Everything that is served.
pub fn router(services: Services, options: Options) -> Router {
    let app = App::new(services, options);
    let worth_it = SizeAbove::new(1_024).and(NotForContentType::SSE).and(NotForContentType::const_new("application/zip"));
    Router::new()
        .merge(api::routes())
        .merge(page::routes())
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(|| async { Problem::not_found("page") })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(guard))
        .layer(CatchPanicLayer::custom(|_| failure()))
        .layer(middleware::from_fn_with_state(app.clone(), page::present))
        .layer(CompressionLayer::new().compress_when(worth_it))
        .layer(middleware::map_response(finish))
        .with_state(app)
}

/// A panic in a handler is ours to fix, and tells the caller nothing.
fn failure() -> Response {
    tracing::error!("a handler panicked");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong on our side; it was logged").into_response()
}

async fn guard(request: Request, next: Next) -> Response {
    match check_origin(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn finish(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Ready when the engine takes commands.
async fn ready(State(app): State<App>) -> Result<String, Problem> {
    let wait = tokio::time::timeout(Duration::from_secs(5), app.engine().as_system(privyseal_core::command::Command::Expire));
    match wait.await {
        Ok(Ok(_)) => Ok(format!("ready\n{}", witnessed(&app))),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "the writer has not answered for five seconds")),
    }
}

/// A line on the last quorum of witnesses, when some are configured.
fn witnessed(app: &App) -> String {
    match app.engine().witnessed().map(|witnessed| witnessed.quorum) {
        None => String::new(),
        Some(None) => "no quorum of witnesses yet\n".to_owned(),
        Some(Some((size, time))) => format!("last quorum of witnesses: {size} entries at {time}\n"),
    }
}

/// Serves until `shutdown` ends; open answers are finished first.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let service = router.into_make_service();
    axum::serve(listener, service).with_graceful_shutdown(shutdown).await
}
