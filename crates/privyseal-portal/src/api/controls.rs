//! `/v1/controls/{framework}`: what the tests say about a framework over a period.

use axum::Json;
use axum::extract::{Path, Query, State};
use privyseal_core::finding::Findings;
use privyseal_core::id::Role;
use serde::Deserialize;

use crate::app::App;
use crate::auth::Caller;
use crate::packs::{known, period};
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
    known(&app, &caller, &framework)?;
    Ok(Json(app.analytics().assess(&[framework], period, None).await?))
}
