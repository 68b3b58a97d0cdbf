//! `POST /v1/requests/batch`: many requests in one call, each decided by itself.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use futures::stream::{self, StreamExt as _};
use privyseal_core::command::Reply;
use privyseal_engine::EngineError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Submission, answer, to_ask};
use crate::app::App;
use crate::auth::{Caller, check_csrf, csrf_header};
use crate::body::Body;
use crate::problem::Problem;

/// Most requests of one batch.
const MAX_REQUESTS: usize = 100;
/// How many are prepared at the same time: inputs are written to disk, and an advisor is asked.
const AT_ONCE: usize = 16;

/// Body of `POST /v1/requests/batch`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchBody {
    /// Its name; made by the server when absent.
    #[serde(default)]
    batch: Option<String>,
    /// Read one by one, so that one that cannot be read is answered in its place and the others are asked.
    requests: Vec<Value>,
}

/// Answers in the order of the requests: `{status, request}`, or `{status, problem}` for what was not asked. All are queued before the
/// first is waited for, so that they share a commit.
pub(crate) async fn submit_all(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<BatchBody>,
) -> Result<Json<Value>, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    if !(1..=MAX_REQUESTS).contains(&body.requests.len()) {
        return Err(Problem::bad(format!("a batch has 1 to {MAX_REQUESTS} requests, this one has {}", body.requests.len())));
    }
    let batch = match body.batch {
        Some(name) => name,
        None => app.engine().new_secret()?.expose().chars().take(22).collect(),
    };
    let (engine, actor) = (app.engine(), &caller.identity.actor);
    let prepare = |submission: Value| {
        let batch = Some(batch.clone());
        async move {
            let submission: Submission = serde_json::from_value(submission).map_err(|error| Problem::bad(error.to_string()))?;
            let ask = privyseal_engine::Ask { batch, ..to_ask(submission)? };
            Ok::<_, Problem>(engine.prepare(ask, actor.clone()).await?)
        }
    };
    let prepared: Vec<_> = stream::iter(body.requests.into_iter().map(prepare)).buffered(AT_ONCE).collect().await;
    let queued: Vec<_> = prepared.into_iter().map(|prepared| Ok::<_, Problem>(engine.queue_prepared(prepared?)?)).collect();
    let mut answers = Vec::new();
    for queued in queued {
        let answered = async {
            let reply: Result<Reply, EngineError> = queued?.await;
            answer(&app, &caller, reply?).await
        };
        answers.push(match answered.await {
            Ok((status, request)) => json!({"status": status.as_u16(), "request": request}),
            Err(problem) => json!({"status": problem.status.as_u16(), "problem": problem.body()}),
        });
    }
    Ok(Json(json!({"batch": batch, "requests": answers})))
}
