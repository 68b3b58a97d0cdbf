//! `/v1/controls/{framework}`: what the tests say about a framework over a period.

use axum::Json;
use axum::extract::{Path, Query, State};
use privyseal_core::finding::Findings;
use privyseal_core::id::Role;
use privyseal_core::time::{Period, Timestamp};
use serde::Deserialize;

use crate::app::App;
use crate::auth::Caller;
use crate::problem::Problem;

#[derive(Deserialize)]
pub(crate) struct Span {
    from: String,
    to: String,
}

/// `GET /v1/controls/{framework}?from=&to=`
pub(crate) async fn framework(
    State(app): State<App>,
    caller: Caller,
    Path(framework): Path<String>,
    Query(span): Query<Span>,
) -> Result<Json<Findings>, Problem> {
    caller.needs(&app, &[Role::AUDITOR, Role::ADMIN])?;
    let period = period(&span.from, &span.to)?;
    known(&app, &framework)?;
    Ok(Json(app.analytics().assess(&[framework], period).await?))
}

pub(super) fn period(from: &str, to: &str) -> Result<Period, Problem> {
    let moment = |text: &str| Timestamp::parse_lenient(text).map_err(|error| Problem::bad(error.to_string()));
    Period::new(moment(from)?, moment(to)?).map_err(|error| Problem::bad(error.to_string()))
}

pub(super) fn known(app: &App, framework: &str) -> Result<(), Problem> {
    if app.catalogs().framework(framework).is_some() {
        return Ok(());
    }
    let names: Vec<String> = app.catalogs().frameworks().iter().map(|framework| framework.id.to_string()).collect();
    Err(Problem::bad(format!("there is no framework `{}`; there are {}", framework.escape_debug(), names.join(", "))))
}
