//! `/v1/sql`: a statement, its answer, and the record that it was asked.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use privyseal_core::command::Command;
use privyseal_core::event::Body as EventBody;
use privyseal_core::event::evidence::QueryRun;
use privyseal_core::id::{QueryId, Role};
use privyseal_core::port::{Answer, QueryError};
use serde::Deserialize;

use crate::app::App;
use crate::auth::{Caller, check_csrf, csrf_header};
use crate::body::Body;
use crate::packs;
use crate::problem::Problem;

/// Longest text of a statement, in bytes; it has to fit into an event.
const MAX_STATEMENT_BYTES: usize = 32 * 1024;

/// Body of `POST /v1/sql`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryBody {
    query: String,
}

/// `POST /v1/sql`
pub(crate) async fn query(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<QueryBody>,
) -> Result<Json<Answer>, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    Ok(Json(run_recorded(&app, &caller, &body.query).await?.result?))
}

/// A statement that was run and recorded, with or without an answer.
pub(crate) struct Recorded {
    pub(crate) query: QueryId,
    pub(crate) result: Result<Answer, QueryError>,
    pub(crate) duration_ms: u64,
}

/// Runs a statement for a caller and records it, refused ones too. The answer leaves only after the record is on disk.
pub(crate) async fn run_recorded(app: &App, caller: &Caller, sql: &str) -> Result<Recorded, Problem> {
    caller.needs(app, &[Role::AUDITOR, Role::ADMIN])?;
    if sql.len() > MAX_STATEMENT_BYTES {
        return Err(Problem::bad(format!("the statement has {} bytes, the limit is {MAX_STATEMENT_BYTES}", sql.len())));
    }
    let started = Instant::now();
    let result = app.analytics().query(sql, app.options().limits).await;
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let query = QueryId::new(app.engine().now(), packs::random(app)?);
    let (outcome, error) = match &result {
        Ok(_) => ("ok", None),
        Err(QueryError::Refused(reason)) => ("refused", Some(reason.chars().take(2_000).collect())),
        Err(QueryError::Limit(reason) | QueryError::Failed(reason)) => ("failed", Some(reason.chars().take(2_000).collect())),
    };
    let record = QueryRun {
        query,
        text: sql.to_owned(),
        parameters: serde_json::Map::new(),
        snapshot_size: result.as_ref().map_or_else(|_| app.engine().read(|state| state.next_seq), |answer| answer.snapshot_size),
        outcome: outcome.to_owned(),
        error,
        rows: result.as_ref().map_or(0, |answer| u64::try_from(answer.rows.len()).unwrap_or(u64::MAX)),
        result_sha256: result.as_ref().ok().map(|answer| answer.result_sha256),
        duration_ms,
    };
    app.engine().execute(Command::Record(Box::new(EventBody::QueryRun(record))), caller.identity.actor.clone()).await?;
    Ok(Recorded { query, result, duration_ms })
}
