//! `/v1/sql`: a statement, its answer, and the record that it was asked.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use privyseal_core::command::Command;
use privyseal_core::event::evidence::QueryRun;
use privyseal_core::event::{Body as EventBody, Event};
use privyseal_core::id::{QueryId, Role};
use privyseal_core::port::{Answer, FileForm, QueryError};
use serde::Deserialize;

use crate::app::App;
use crate::auth::{Caller, check_csrf, csrf_header};
use crate::body::Body;
use crate::log;
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
    /// Entries of the log before the record was made; it is one of those that follow.
    earlier: u64,
}

/// Runs a statement for a caller and records it, refused ones too. The answer leaves only after the record is on disk.
pub(crate) async fn run_recorded(app: &App, caller: &Caller, sql: &str) -> Result<Recorded, Problem> {
    check(app, caller, sql)?;
    let started = Instant::now();
    let result = app.analytics().query(sql, app.options().limits).await;
    record(app, caller, sql, started, result).await
}

/// The same, with the very rows of the answer also as a file; none when there is no answer.
pub(crate) async fn run_file(app: &App, caller: &Caller, sql: &str, form: FileForm) -> Result<(Recorded, Option<Vec<u8>>), Problem> {
    check(app, caller, sql)?;
    let started = Instant::now();
    let (result, bytes) = match app.analytics().query_file(sql, form, app.options().limits).await {
        Ok((answer, bytes)) => (Ok(answer), Some(bytes)),
        Err(error) => (Err(error), None),
    };
    Ok((record(app, caller, sql, started, result).await?, bytes))
}

fn check(app: &App, caller: &Caller, sql: &str) -> Result<(), Problem> {
    caller.needs(app, &[Role::AUDITOR, Role::ADMIN])?;
    if sql.len() > MAX_STATEMENT_BYTES {
        return Err(Problem::bad(format!("the statement has {} bytes, the limit is {MAX_STATEMENT_BYTES}", sql.len())));
    }
    Ok(())
}

async fn record(app: &App, caller: &Caller, sql: &str, started: Instant, result: Result<Answer, QueryError>) -> Result<Recorded, Problem> {
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let query = QueryId::new(app.engine().now(), packs::random(app)?);
    let (outcome, error) = match &result {
        Ok(_) => ("ok", None),
        Err(QueryError::Refused(reason)) => ("refused", Some(reason.chars().take(2_000).collect())),
        Err(QueryError::Limit(reason) | QueryError::Failed(reason)) => ("failed", Some(reason.chars().take(2_000).collect())),
    };
    let earlier = app.engine().read(|state| state.next_seq);
    let record = QueryRun {
        query,
        text: sql.to_owned(),
        parameters: serde_json::Map::new(),
        snapshot_size: result.as_ref().map_or(earlier, |answer| answer.snapshot_size),
        outcome: outcome.to_owned(),
        error,
        rows: result.as_ref().map_or(0, |answer| u64::try_from(answer.rows.len()).unwrap_or(u64::MAX)),
        result_sha256: result.as_ref().ok().map(|answer| answer.result_sha256),
        duration_ms,
    };
    app.engine().execute(Command::Record(Box::new(EventBody::QueryRun(record))), caller.identity.actor.clone()).await?;
    Ok(Recorded { query, result, duration_ms, earlier })
}

/// The position of the entry that records a statement.
pub(crate) async fn entry(app: &App, recorded: &Recorded) -> Result<u64, Problem> {
    const AT_ONCE: usize = 256;
    let (query, mut from) = (recorded.query, recorded.earlier);
    let found = log::read(app, move |log| {
        loop {
            let entries = log.entries(from, AT_ONCE)?;
            let Some(last) = entries.last().map(|stored| stored.seq) else { return Ok(None) };
            let is_record = |event: &Event| matches!(&event.body, EventBody::QueryRun(run) if run.query == query);
            if let Some(event) = log::events(entries).into_iter().find(is_record) {
                return Ok(Some(event.seq));
            }
            from = last.saturating_add(1);
        }
    });
    found.await?.ok_or_else(|| log::unavailable(&"the record of the statement is not in it"))
}
