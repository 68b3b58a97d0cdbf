//! `/v1/sql`: a statement, its answer, and the record that it was asked; and below it what statements can be made of.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use privyseal_core::event::{Body as EventBody, Event};
use privyseal_core::port::Question;
use privyseal_engine::{DeskError, Recorded};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::auth::{Caller, check_csrf, csrf_header};
use crate::body::Body;
use crate::log;
use crate::problem::Problem;
use crate::rows;

/// Body of `POST /v1/sql`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryBody {
    query: String,
    #[serde(default)]
    parameters: Map<String, Value>,
    as_of_seq: Option<u64>,
    /// `json` (an `Answer`) when absent, or a file: `csv`, `jsonl`, `parquet`, `arrow`.
    format: Option<String>,
}

/// `POST /v1/sql`
pub(crate) async fn query(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<QueryBody>,
) -> Result<Response, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let question = Question { sql: body.query, parameters: body.parameters, as_of_seq: body.as_of_seq, asker: String::new() };
    let form = match body.format.as_deref() {
        None | Some("json") => return Ok(Json(app.desk().answer(&caller.identity, question).await?.result?).into_response()),
        Some(name) => rows::form(name)
            .ok_or_else(|| Problem::bad(format!("`format` is json, csv, jsonl, parquet or arrow, not `{}`", name.escape_debug())))?,
    };
    let recorded = app.desk().file(&caller.identity, question, form).await?;
    Ok(rows::download(recorded.query, recorded.result?, form))
}

/// `GET /v1/sql/tables`: the tables, and our own functions.
pub(crate) async fn tables(State(app): State<App>, caller: Caller) -> Result<Json<Value>, Problem> {
    admit(&app, &caller)?;
    Ok(Json(json!({"tables": app.analytics().tables(), "functions": app.analytics().functions()})))
}

/// `GET /v1/sql/library`: the questions that come with the program.
pub(crate) async fn library(State(app): State<App>, caller: Caller) -> Result<Json<Value>, Problem> {
    admit(&app, &caller)?;
    Ok(Json(json!({"queries": app.analytics().library()})))
}

/// What can be asked is for those who may ask. Nothing of the log is in it, so that nothing is recorded.
fn admit(app: &App, caller: &Caller) -> Result<(), Problem> {
    let principal = &caller.identity.principal;
    if app.desk().admits(principal) { Ok(()) } else { Err(DeskError::Forbidden { principal: principal.clone() }.into()) }
}

/// The position of the entry that records a statement.
pub(crate) async fn entry<T>(app: &App, recorded: &Recorded<T>) -> Result<u64, Problem> {
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
