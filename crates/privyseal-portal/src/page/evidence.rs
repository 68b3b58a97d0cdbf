//! `/evidence`: packs, built and to be built. What they are and who may have them is [`crate::packs`]'s.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use privyseal_core::finding::TestState;
use privyseal_core::id::ReportId;
use privyseal_engine::View;

use super::controls::{Span, default_span, visible};
use super::frame::{Visitor, live, page};
use super::name;
use super::said::Said;
use crate::app::App;
use crate::beginning::beginning;
use crate::body::{Asked, Fields, Posted};
use crate::local;
use crate::packs;
use crate::problem::Problem;
use crate::shelf::{Job, Ready, Status};
use crate::view::evidence::{EvidencePage, EvidencePartial, Pack, PackForm, PackProgress};
use crate::view::moment::Moment;
use crate::view::number::{Bytes, Count, Hash};
use crate::view::shell::Place;
use crate::view::state::States;

/// Steps of a build.
const STEPS: u32 = 3;
/// Packs on the page; the API lists them all.
const SHOWN: usize = 50;

/// `GET /evidence?framework=&from=&to=`
pub(crate) async fn show(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Result<Response, Problem> {
    visitor.enters(&app, Place::Evidence)?;
    whole(&app, &visitor, &asked, None).await
}

/// `GET /live/evidence`
pub(crate) async fn fragment(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    visitor.enters(&app, Place::Evidence)?;
    let shell = visitor.shell(&app, Place::Evidence)?;
    page(&EvidencePartial { shell, packs: shown_packs(&app, &visitor).await? })
}

/// `POST /evidence`: begins to build a pack.
pub(crate) async fn build(State(app): State<App>, visitor: Visitor, Posted(fields): Posted) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    visitor.enters(&app, Place::Evidence)?;
    let frameworks = fields.all("framework");
    match packs::begin(&app, &visitor.caller, frameworks, fields.one("from").trim(), fields.one("to").trim()) {
        Ok(_) => Ok(on_to_packs(Said::Building)),
        // What can be put right is said beside the form, with what was sent still in it.
        Err(problem) if matches!(problem.status, StatusCode::UNPROCESSABLE_ENTITY | StatusCode::SERVICE_UNAVAILABLE) => {
            let status = problem.status;
            let mut response = whole(&app, &visitor, &fields, Some(problem.detail)).await?;
            *response.status_mut() = status;
            Ok(response)
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /evidence/{id}/cancel`
pub(crate) async fn cancel(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Posted(fields): Posted,
) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    visitor.enters(&app, Place::Evidence)?;
    packs::cancel(&app, &visitor.caller, &id)?;
    Ok(on_to_packs(Said::Cancelled))
}

/// `GET /evidence/{id}/pack.zip`: recorded before the first byte leaves.
pub(crate) async fn download(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Result<Response, Problem> {
    visitor.enters(&app, Place::Evidence)?;
    packs::take(&app, &visitor.caller, &id).await
}

fn on_to_packs(said: Said) -> Response {
    let mut response = local::see_other("/evidence");
    response.headers_mut().append(header::SET_COOKIE, said.cookie());
    response
}

async fn whole(app: &App, visitor: &Visitor, fields: &Fields, problem: Option<String>) -> Result<Response, Problem> {
    let form = form(app, visitor, fields, problem).await?;
    let packs = shown_packs(app, visitor).await?;
    let shell = live(app, visitor.shell(app, Place::Evidence)?, "/live/evidence".to_owned());
    page(&EvidencePage { shell, form: Some(form), packs })
}

/// The form as it was sent, or as an address proposes it.
async fn form(app: &App, visitor: &Visitor, fields: &Fields, problem: Option<String>) -> Result<PackForm, Problem> {
    let span = Span::of(fields, default_span(beginning(app).await?.at, app.engine().now()));
    let chosen = fields.all("framework");
    let visible = visible(app, visitor);
    let frameworks = visible.into_iter().filter_map(|id| {
        let framework = app.catalogs().framework(&id)?;
        let is_chosen = chosen.contains(&id);
        Some((id, framework.name.clone(), is_chosen))
    });
    Ok(PackForm { frameworks: frameworks.collect(), from: span.from.into(), to: span.to.into(), problem })
}

async fn shown_packs(app: &App, visitor: &Visitor) -> Result<Vec<Pack>, Problem> {
    let packs = packs::all(app, &visitor.caller).await?;
    let now = app.engine().now();
    let one = |state: &View<'_>, (id, job): (ReportId, Job)| Pack {
        short: id.to_string().chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect(),
        frameworks: job.frameworks.iter().map(|id| framework_name(app, id)).collect(),
        from: Moment::day(job.period.start),
        to: Moment::day(job.period.end),
        by: name::party(state, &job.by),
        asked: Moment::relative(job.at, now),
        progress: progress(app, &id, job),
    };
    Ok(app.engine().view(|state| packs.into_iter().take(SHOWN).map(|pack| one(state, pack)).collect()))
}

/// The name of a framework; its id when the catalogs do not know it any more.
fn framework_name(app: &App, id: &str) -> String {
    app.catalogs().framework(id).map_or_else(|| id.to_owned(), |framework| framework.name.clone())
}

fn progress(app: &App, id: &ReportId, job: Job) -> PackProgress {
    match job.status {
        Status::Building(step) => {
            PackProgress::Building { step: step.words(), done: step.number(), of: STEPS, cancel: format!("/evidence/{id}/cancel") }
        }
        Status::Ready(Ready { bytes: None, .. }) => PackProgress::Failed {
            reason: "Its file is gone from this machine. Build it again: the same period and data give the same pack digest.".into(),
        },
        Status::Ready(ready) => PackProgress::Ready {
            digest: Hash::new(&ready.pack_digest),
            file: Hash::new(&ready.file_sha256),
            size: Bytes(ready.bytes.unwrap_or(0)),
            href: format!("/evidence/{id}/pack.zip"),
            states: states(app, &job.frameworks, &ready.states),
            name: ready.name,
            downloads: Count(ready.downloads),
        },
        Status::Failed(reason) => PackProgress::Failed { reason: reason.into() },
        Status::Cancelled => PackProgress::Cancelled,
    }
}

/// All controls of the pack's frameworks by state.
fn states(app: &App, frameworks: &[String], found: &BTreeMap<String, BTreeMap<String, u64>>) -> States {
    let of = |state: TestState| found.values().filter_map(|counts| counts.get(state.as_str())).sum::<u64>();
    let counts: Vec<(TestState, u64)> = TestState::ALL.into_iter().map(|state| (state, of(state))).collect();
    let tested: u64 = counts.iter().map(|(_, count)| count).sum();
    let controls = frameworks.iter().filter_map(|id| app.catalogs().framework(id)).map(|framework| framework.controls.len());
    let all = u64::try_from(controls.sum::<usize>()).unwrap_or(u64::MAX);
    States::new("controls", &counts, all.saturating_sub(tested))
}
