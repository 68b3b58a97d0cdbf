//! `/v1/evidence`: packs are built in the background, signed into the ledger when done, and handed out with a record of who took them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use privyseal_core::command::Command;
use privyseal_core::event::Body as EventBody;
use privyseal_core::event::evidence::{EvidenceDownloaded, ReportGenerated};
use privyseal_core::finding::Findings;
use privyseal_core::id::{ReportId, Role};
use privyseal_core::port::PackFile;
use privyseal_core::time::Period;
use serde::Deserialize;
use serde_json::{Value, json};

use super::controls::{known, period};
use crate::app::App;
use crate::auth::{Caller, check_csrf, csrf_header};
use crate::body::Body;
use crate::problem::Problem;
use crate::shelf::{Job, Status};

/// Packs built at the same time; each needs the memory of its events.
const MAX_BUILDING: usize = 2;

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
    let id = begin(&app, &caller, body.frameworks, &body.from, &body.to)?;
    Ok((StatusCode::ACCEPTED, Json(describe(&app, &id, &app.0.shelf.get(&id).ok_or_else(|| Problem::not_found("pack"))?))).into_response())
}

/// Starts to build a pack and returns its id at once.
pub(crate) fn begin(app: &App, caller: &Caller, frameworks: Vec<String>, from: &str, to: &str) -> Result<ReportId, Problem> {
    caller.needs(app, &[Role::AUDITOR, Role::ADMIN])?;
    let period = period(from, to)?;
    if frameworks.is_empty() || frameworks.len() > 8 {
        return Err(Problem::bad("name one to eight frameworks"));
    }
    for framework in &frameworks {
        known(app, framework)?;
    }
    if app.0.shelf.building() >= MAX_BUILDING {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "two packs are being built: try again in a moment"));
    }
    let seed = app.engine().new_secret()?;
    let mut random = [0; 10];
    for (to, from) in random.iter_mut().zip(seed.digest().as_bytes()) {
        *to = *from;
    }
    let now = app.engine().now();
    let id = ReportId::new(now, random);
    let job = Job { frameworks: frameworks.clone(), period, by: caller.identity.principal.clone(), at: now, status: Status::Building };
    app.0.shelf.begin(id, job);
    let (app, caller) = (app.clone(), caller.clone());
    tokio::spawn(async move {
        let status = match work(&app, &caller, id, &frameworks, period).await {
            Ok(status) => status,
            Err(problem) => Status::Failed(problem.detail),
        };
        app.0.shelf.finish(&id, status);
    });
    Ok(id)
}

async fn work(app: &App, caller: &Caller, id: ReportId, frameworks: &[String], period: Period) -> Result<Status, Problem> {
    let pack: PackFile = app.0.services.packs.build(frameworks, period).await?;
    let generated = ReportGenerated {
        report: id,
        frameworks: frameworks.to_vec(),
        period,
        snapshot: pack.findings.snapshot.clone(),
        pack_digest: pack.pack_digest,
        file_sha256: pack.file_sha256,
        states: states(&pack.findings),
        trigger: "portal".to_owned(),
        schedule: None,
    };
    let ready = Status::Ready {
        name: pack.name.clone(),
        bytes: u64::try_from(pack.bytes.len()).unwrap_or(u64::MAX),
        file_sha256: pack.file_sha256.hex(),
        pack_digest: pack.pack_digest.hex(),
    };
    let shelved = app.clone();
    let put = tokio::task::spawn_blocking(move || shelved.0.shelf.put(&id, &pack.bytes)).await;
    let failed = |reason: String| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "not_kept", format!("the pack cannot be kept: {reason}"));
    put.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
    app.engine().execute(Command::Record(Box::new(EventBody::ReportGenerated(generated))), caller.identity.actor.clone()).await?;
    Ok(ready)
}

fn states(findings: &Findings) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut states: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for framework in &findings.frameworks {
        let counts = states.entry(framework.framework.clone()).or_default();
        for state in framework.controls.iter().filter_map(|control| control.state) {
            *counts.entry(state.as_str().to_owned()).or_default() += 1;
        }
    }
    states
}

fn describe(app: &App, id: &ReportId, job: &Job) -> Value {
    let mut shown =
        json!({"id": id, "frameworks": job.frameworks, "from": job.period.start, "to": job.period.end, "by": job.by, "at": job.at});
    let status = match &job.status {
        Status::Building => json!({"state": "building"}),
        Status::Failed(reason) => json!({"state": "failed", "reason": reason}),
        Status::Ready { name, bytes, file_sha256, pack_digest } => json!({
            "state": "ready", "name": name, "bytes": bytes, "file_sha256": file_sha256, "pack_digest": pack_digest,
            "url": app.url(&format!("/v1/evidence/{id}/download")),
        }),
    };
    if let (Some(shown), Value::Object(status)) = (shown.as_object_mut(), status) {
        shown.extend(status);
    }
    shown
}

/// `GET /v1/evidence`
pub(crate) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.needs(&app, &[Role::AUDITOR, Role::ADMIN])?;
    let packs: Vec<Value> = app.0.shelf.all().iter().map(|(id, job)| describe(&app, id, job)).collect();
    Ok(Json(json!({"packs": packs})))
}

fn find(app: &App, caller: &Caller, id: &str) -> Result<(ReportId, Job), Problem> {
    caller.needs(app, &[Role::AUDITOR, Role::ADMIN])?;
    let id: ReportId = id.parse().map_err(|_| Problem::not_found("pack"))?;
    let job = app.0.shelf.get(&id).ok_or_else(|| Problem::not_found("pack"))?;
    Ok((id, job))
}

/// `GET /v1/evidence/{id}`
pub(crate) async fn show(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let (id, job) = find(&app, &caller, &id)?;
    Ok(Json(describe(&app, &id, &job)))
}

/// `GET /v1/evidence/{id}/download`: recorded before the first byte leaves.
pub(crate) async fn download(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let (id, job) = find(&app, &caller, &id)?;
    let Status::Ready { name, file_sha256, .. } = job.status else {
        return Err(Problem::new(StatusCode::CONFLICT, "not_ready", "the pack is not ready"));
    };
    let shelved = app.clone();
    let read = tokio::task::spawn_blocking(move || shelved.0.shelf.read(&id)).await;
    let bytes = read
        .ok()
        .and_then(Result::ok)
        .ok_or_else(|| Problem::new(StatusCode::GONE, "gone", "the pack's file is gone: build it again, it has the same digest"))?;
    let file_sha256 = file_sha256.parse().map_err(|_| Problem::not_found("pack"))?;
    let record = EvidenceDownloaded { report: id, file_sha256, frameworks: job.frameworks };
    app.engine().execute(Command::Record(Box::new(EventBody::EvidenceDownloaded(record))), caller.identity.actor.clone()).await?;
    let headers =
        [(header::CONTENT_TYPE, "application/zip".to_owned()), (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))];
    Ok((headers, bytes).into_response())
}
