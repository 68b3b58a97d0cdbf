//! `/v1/evidence`: what [`crate::packs`] does, as JSON.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use privyseal_core::id::ReportId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::{Caller, check_csrf, csrf_header};
use crate::body::Body;
use crate::packs;
use crate::problem::Problem;
use crate::shelf::{Job, Status};

/// Body of `POST /v1/evidence`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BuildBody {
    frameworks: Vec<String>,
    from: String,
    to: String,
}

/// `POST /v1/evidence`
pub(crate) async fn build(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<BuildBody>,
) -> Result<Response, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let id = packs::begin(&app, &caller, body.frameworks, &body.from, &body.to)?;
    let job = app.0.shelf.get(&id).ok_or_else(|| Problem::not_found("pack"))?;
    Ok((StatusCode::ACCEPTED, Json(describe(&app, &id, &job))).into_response())
}

fn describe(app: &App, id: &ReportId, job: &Job) -> Value {
    let mut shown =
        json!({"id": id, "frameworks": job.frameworks, "from": job.period.start, "to": job.period.end, "by": job.by, "at": job.at});
    let status = match &job.status {
        Status::Building(_) => json!({"state": "building"}),
        Status::Cancelled => json!({"state": "cancelled"}),
        Status::Failed(reason) => json!({"state": "failed", "reason": reason}),
        Status::Ready(ready) => json!({
            "state": "ready", "name": ready.name, "bytes": ready.bytes, "file_sha256": ready.file_sha256.hex(),
            "pack_digest": ready.pack_digest.hex(), "url": app.url(&format!("/v1/evidence/{id}/download")),
        }),
    };
    if let (Some(shown), Value::Object(status)) = (shown.as_object_mut(), status) {
        shown.extend(status);
    }
    shown
}

/// `GET /v1/evidence`
pub(crate) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Value>, Problem> {
    let packs: Vec<Value> = packs::all(&app, &caller).await?.iter().map(|(id, job)| describe(&app, id, job)).collect();
    Ok(Json(json!({"packs": packs})))
}

/// `GET /v1/evidence/{id}`
pub(crate) async fn show(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let (id, job) = packs::find(&app, &caller, &id).await?;
    Ok(Json(describe(&app, &id, &job)))
}

/// `GET /v1/evidence/{id}/download`: recorded before the first byte leaves.
pub(crate) async fn download(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    packs::take(&app, &caller, &id).await
}
