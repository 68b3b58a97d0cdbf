//! Evidence packs: built in the background, signed into the ledger when done, found again in the ledger after a restart, and handed out
//! with a record of who took them. Pages and the API both come here.

mod found;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Seek as _;
use std::path::Path;
use std::sync::Arc;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use privyseal_core::command::Command;
use privyseal_core::digest::Digest;
use privyseal_core::event::evidence::{EvidenceDownloaded, ReportGenerated};
use privyseal_core::event::{Body, Event, Kind};
use privyseal_core::finding::Findings;
use privyseal_core::id::{ReportId, Role};
use privyseal_core::port::{PackFile, PackOrder, PackProgress};
use privyseal_core::time::{Period, Timestamp};
use tokio::sync::Notify;

use crate::app::App;
use crate::auth::Caller;
use crate::log;
use crate::problem::Problem;
use crate::rows;
use crate::shelf::{Job, Ready, Status, Step};

/// Packs built at the same time; each needs the processors and the memory of an SQL engine.
const MAX_BUILDING: usize = 2;

/// Who may build packs and take them.
pub(crate) const ROLES: &[&str] = &[Role::AUDITOR, Role::ADMIN];

/// Reads a period as it is written in addresses and forms.
pub(crate) fn period(from: &str, to: &str) -> Result<Period, Problem> {
    let moment = |text: &str| Timestamp::parse_lenient(text).map_err(|error| Problem::bad(error.to_string()));
    Period::new(moment(from)?, moment(to)?).map_err(|error| Problem::bad(error.to_string()))
}

/// Demands a framework that exists and that the caller may see.
pub(crate) fn known(app: &App, caller: &Caller, framework: &str) -> Result<(), Problem> {
    if app.catalogs().framework(framework).is_none() {
        let names: Vec<&str> = app.catalogs().frameworks().iter().map(|framework| framework.id.as_str()).collect();
        return Err(Problem::bad(format!("there is no framework `{}`; there are {}", framework.escape_debug(), names.join(", "))));
    }
    if caller.sees_framework(app, framework) {
        Ok(())
    } else {
        Err(Problem::forbidden(format!("your role as an auditor does not cover the framework `{}`", framework.escape_debug())))
    }
}

/// Starts to build a pack and returns its id at once.
pub(crate) fn begin(app: &App, caller: &Caller, frameworks: Vec<String>, from: &str, to: &str) -> Result<ReportId, Problem> {
    caller.needs(app, ROLES)?;
    let period = period(from, to)?;
    if frameworks.is_empty() || frameworks.len() > 8 {
        return Err(Problem::bad("name one to eight frameworks"));
    }
    for framework in &frameworks {
        known(app, caller, framework)?;
    }
    if app.0.shelf.building() >= MAX_BUILDING {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "two packs are being built: try again in a moment"));
    }
    let now = app.engine().now();
    let id = ReportId::new(now, app.engine().random()?);
    let job = Job {
        frameworks,
        period,
        by: caller.identity.principal.clone(),
        at: now,
        status: Status::Building(Step::Test),
        cancelled: Arc::new(Notify::new()),
    };
    app.0.shelf.begin(id, job.clone());
    let (app, caller) = (app.clone(), caller.clone());
    tokio::spawn(async move {
        let status = work(&app, &caller, id, &job).await.unwrap_or_else(|problem| Status::Failed(problem.detail));
        app.0.shelf.set(&id, status);
    });
    Ok(id)
}

/// Tells the shelf how far a pack is.
struct Told {
    app: App,
    id: ReportId,
}

impl PackProgress for Told {
    fn written(&self, entries: u64, of: u64) {
        let percent = u8::try_from(entries.saturating_mul(100) / of.max(1)).unwrap_or(100);
        self.app.0.shelf.set(&self.id, Status::Building(Step::Write(percent)));
    }
}

/// First the pack is built, which can be cancelled; a crash leaves a file that no record names, and nobody is handed it. Then what was
/// found is recorded, and the pack after it.
async fn work(app: &App, caller: &Caller, id: ReportId, job: &Job) -> Result<Status, Problem> {
    let not_kept =
        |error: std::io::Error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "not_kept", format!("the pack cannot be kept: {error}"));
    app.0.shelf.prepare().map_err(not_kept)?;
    let order = PackOrder { frameworks: job.frameworks.clone(), period: job.period, file: app.0.shelf.path(&id) };
    let pack: PackFile = tokio::select! {
        built = app.0.services.packs.build(&order, Arc::new(Told { app: app.clone(), id })) => built?,
        () = job.cancelled.notified() => return Ok(Status::Cancelled),
    };
    let generated = ReportGenerated {
        report: id,
        frameworks: job.frameworks.clone(),
        period: job.period,
        snapshot: pack.findings.snapshot.clone(),
        pack_digest: pack.pack_digest,
        file_sha256: pack.file_sha256,
        states: states(&pack.findings),
        trigger: "portal".to_owned(),
        schedule: None,
    };
    let ready = Ready {
        name: pack.name.clone(),
        bytes: Some(pack.bytes),
        file_sha256: pack.file_sha256,
        pack_digest: pack.pack_digest,
        states: generated.states.clone(),
        downloads: 0,
    };
    app.0.shelf.set(&id, Status::Building(Step::Record));
    found::record(app, &pack.findings).await?;
    app.engine().execute(Command::Record(Box::new(Body::ReportGenerated(generated))), caller.identity.actor.clone()).await?;
    Ok(Status::Ready(ready))
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

/// Stops the building of a pack. What is being kept or recorded already is finished.
pub(crate) fn cancel(app: &App, caller: &Caller, id: &str) -> Result<(), Problem> {
    caller.needs(app, ROLES)?;
    let id: ReportId = id.parse().map_err(|_| Problem::not_found("pack"))?;
    let job = app.0.shelf.get(&id).filter(|job| may_take(app, caller, &job.frameworks)).ok_or_else(|| Problem::not_found("pack"))?;
    match job.status {
        Status::Building(Step::Test | Step::Write(_)) => {
            job.cancelled.notify_one();
            Ok(())
        }
        _ => Err(Problem::new(StatusCode::CONFLICT, "not_building", "the pack is not being built any more")),
    }
}

/// Whether a caller may see every framework in a pack.
fn may_take(app: &App, caller: &Caller, frameworks: &[String]) -> bool {
    frameworks.iter().all(|framework| caller.sees_framework(app, framework))
}

/// Every pack that the caller may take, newest first: those of this run of the server, and those that the ledger knows from earlier.
pub(crate) async fn all(app: &App, caller: &Caller) -> Result<Vec<(ReportId, Job)>, Problem> {
    caller.needs(app, ROLES)?;
    let shelved = app.clone();
    let mut packs: BTreeMap<ReportId, Job> = recorded(app).await?;
    for (id, job) in shelved.0.shelf.all() {
        let downloads = packs.get(&id).map_or(0, |known| downloads(&known.status));
        packs.insert(id, with_downloads(job, downloads));
    }
    Ok(packs.into_iter().rev().filter(|(_, job)| may_take(app, caller, &job.frameworks)).collect())
}

/// One pack that the caller may take.
pub(crate) async fn find(app: &App, caller: &Caller, id: &str) -> Result<(ReportId, Job), Problem> {
    caller.needs(app, ROLES)?;
    let id: ReportId = id.parse().map_err(|_| Problem::not_found("pack"))?;
    let job = match app.0.shelf.get(&id) {
        Some(job) => Some(job),
        None => recorded(app).await?.remove(&id),
    };
    let job = job.filter(|job| may_take(app, caller, &job.frameworks)).ok_or_else(|| Problem::not_found("pack"))?;
    Ok((id, job))
}

fn downloads(status: &Status) -> u64 {
    match status {
        Status::Ready(ready) => ready.downloads,
        _ => 0,
    }
}

fn with_downloads(mut job: Job, downloads: u64) -> Job {
    if let Status::Ready(ready) = &mut job.status {
        ready.downloads = downloads;
    }
    job
}

/// The packs that the ledger knows.
async fn recorded(app: &App) -> Result<BTreeMap<ReportId, Job>, Problem> {
    let (made, taken) = log::read(app, |log| {
        Ok((log::events(log.entries_of(Kind::ReportGenerated)?), log::events(log.entries_of(Kind::EvidenceDownloaded)?)))
    })
    .await?;
    let mut downloads: BTreeMap<ReportId, u64> = BTreeMap::new();
    for event in taken {
        if let Body::EvidenceDownloaded(taken) = event.body {
            *downloads.entry(taken.report).or_default() += 1;
        }
    }
    let app = app.clone();
    log::blocking(move || Ok(made.into_iter().filter_map(|event| job_of(&app, event, &downloads)).collect())).await
}

fn job_of(app: &App, event: Event, downloads: &BTreeMap<ReportId, u64>) -> Option<(ReportId, Job)> {
    let Body::ReportGenerated(report) = event.body else { return None };
    let id = report.report;
    let ready = Ready {
        name: format!("privyseal-{}-{}-{}.zip", report.frameworks.join("-"), report.period.start.date(), report.period.end.date()),
        bytes: app.0.shelf.length(&id),
        file_sha256: report.file_sha256,
        pack_digest: report.pack_digest,
        states: report.states,
        downloads: downloads.get(&id).copied().unwrap_or(0),
    };
    let job = Job {
        frameworks: report.frameworks,
        period: report.period,
        by: event.actor.id,
        at: event.time,
        status: Status::Ready(ready),
        cancelled: Arc::new(Notify::new()),
    };
    Some((id, job))
}

/// A pack as an answer, recorded as taken before its first byte leaves.
pub(crate) async fn take(app: &App, caller: &Caller, id: &str) -> Result<Response, Problem> {
    let (id, job) = find(app, caller, id).await?;
    let Status::Ready(ready) = job.status else {
        return Err(Problem::new(StatusCode::CONFLICT, "not_ready", "the pack is not ready"));
    };
    let path = app.0.shelf.path(&id);
    let expected = ready.file_sha256;
    let (file, length) = log::blocking(move || {
        // A file that is not the recorded one is no evidence of anything.
        let gone = "the pack's file is gone or damaged: build it again, its content has the same digest";
        whole(&path, &expected).ok().flatten().ok_or_else(|| Problem::new(StatusCode::GONE, "gone", gone))
    })
    .await?;
    let record = EvidenceDownloaded { report: id, file_sha256: expected, frameworks: job.frameworks };
    app.engine().execute(Command::Record(Box::new(Body::EvidenceDownloaded(record))), caller.identity.actor.clone()).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", ready.name)),
    ];
    Ok((headers, rows::stream(Box::new(file))).into_response())
}

/// A file with its length, if its bytes have the digest.
fn whole(path: &Path, expected: &Digest) -> std::io::Result<Option<(File, u64)>> {
    let mut file = File::open(path)?;
    let found = Digest::of_reader(&mut file)?;
    file.rewind()?;
    let length = file.metadata()?.len();
    Ok((found == *expected).then_some((file, length)))
}
