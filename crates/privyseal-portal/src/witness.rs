//! The HTTP face of the small witness: one call, `add-checkpoint` (C2SP tlog-witness), and its public key for people.
//!
//! It shares nothing with the portal but the framework: a witness is to run elsewhere, under somebody else's hands.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use privyseal_core::port::Clock;
use privyseal_core::witness::MAX_BYTES;
use privyseal_ledger::cosigner::Cosigner;

#[derive(Clone)]
struct Witness {
    cosigner: Arc<Cosigner>,
    clock: Arc<dyn Clock>,
}

/// Everything that a witness serves: `POST /add-checkpoint`, `GET /` with its verifier key, `GET /healthz`.
pub fn router(cosigner: Arc<Cosigner>, clock: Arc<dyn Clock>) -> Router {
    let key = format!("{}\n", cosigner.key());
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/", get(|| async move { key }))
        .route("/healthz", get(|| async { "ok\n" }))
        .layer(DefaultBodyLimit::max(MAX_BYTES))
        .with_state(Witness { cosigner, clock })
}

async fn add_checkpoint(State(witness): State<Witness>, body: String) -> Response {
    // Persisting waits for the disk. A caller that goes away does not stop it, and is told the size when it asks again.
    let added = tokio::task::spawn_blocking(move || {
        let now_s = u64::try_from(witness.clock.now().micros() / 1_000_000).unwrap_or(0);
        witness.cosigner.add(&body, now_s)
    });
    match added.await {
        Ok(reply) => {
            let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, [(header::CONTENT_TYPE, reply.content_type)], reply.body).into_response()
        }
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the request failed\n").into_response(),
    }
}
