//! `POST /v1/requests/{id}/narrow`: a reviewer would agree to less, and less is a new request.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use privyseal_core::action::Limits;
use privyseal_core::command::Reply;
use privyseal_core::decide::Narrower;
use privyseal_core::id::RequestId;
use privyseal_engine::Less;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{parse, show_one};
use crate::app::App;
use crate::auth::{Caller, check_csrf, csrf_header};
use crate::body::Body;
use crate::past;
use crate::problem::Problem;

/// Body of `POST /v1/requests/{id}/narrow`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NarrowBody {
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    parameters: Map<String, Value>,
    comment: String,
}

/// Answers the request that took its place. For people in a session of their own; the engine checks that, not this handler.
pub(crate) async fn narrow(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(body): Body<NarrowBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let change = Narrower { limits: body.limits, parameters: body.parameters };
    let successor = put(&app, &caller, Less { request: parse(&id)?, change, comment: body.comment }).await?;
    Ok((StatusCode::CREATED, Json(show_one(&app, &caller, successor).await?)))
}

/// Puts a narrower request in the place of a pending one; its id.
pub(crate) async fn put(app: &App, caller: &Caller, less: Less) -> Result<RequestId, Problem> {
    // Whoever may not look at it is not told that it is there.
    past::visible(app, caller, less.request).await?;
    match app.engine().narrow(less, caller.identity.actor.clone()).await? {
        Reply::Request { request, .. } => Ok(request),
        _ => Err(Problem::not_found("request")),
    }
}
