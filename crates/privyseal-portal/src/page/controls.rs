//! `/controls`, `/controls/{framework}`, `/controls/{framework}/{control}`: what the tests say over a period.

mod assertion;
mod span;
mod trial;

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use privyseal_core::catalog::{Control, Framework};
use privyseal_core::finding::{ControlFinding, FrameworkFinding, TestState};

use super::frame::{Visitor, page};
use crate::app::App;
use crate::body::Asked;
use crate::local;
use crate::packs;
use crate::problem::Problem;
use crate::view::controls::{ControlGroup, ControlPage, ControlRow, ControlsPage, FrameworkPage, FrameworkRow};
use crate::view::number::Hash;
use crate::view::shell::Place;
use crate::view::state::{self, States};

pub(super) use span::{Span, default_span};
pub(super) use trial::{Trial, visible};

/// Seconds after which a page looks again at tests that are running.
const LOOK_AGAIN: &str = "3";

/// `GET /controls?from=&to=&anew=`
pub(crate) async fn frameworks(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Result<Response, Problem> {
    visitor.enters(&app, Place::Controls)?;
    let trial = Trial::of(&app, &visitor, &asked).await?;
    if let Some(span) = trial.begun_anew() {
        return Ok(local::see_other(&format!("/controls?{}", span.query())));
    }
    let visible = visible(&app, &visitor);
    let rows = visible
        .iter()
        .filter_map(|id| app.catalogs().framework(id))
        .map(|framework| framework_row(framework, trial.framework(&framework.id)));
    let frameworks = rows.collect();
    let address = format!("/controls?{}", trial.span.query());
    let test = trial.shown("");
    finish(&ControlsPage { shell: visitor.shell(&app, Place::Controls)?, test, frameworks }, &trial, &address)
}

/// `GET /controls/{framework}?from=&to=&show=&anew=`
pub(crate) async fn framework(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Asked(asked): Asked,
) -> Result<Response, Problem> {
    visitor.enters(&app, Place::Controls)?;
    let framework = known(&app, &visitor, &id)?;
    let show = shown_state(asked.one("show"));
    let kept = if show.is_empty() { String::new() } else { format!("&show={show}") };
    let trial = Trial::of(&app, &visitor, &asked).await?;
    let address = format!("/controls/{}?{}{kept}", framework.id, trial.span.query());
    if trial.begun_anew().is_some() {
        return Ok(local::see_other(&address));
    }
    let finding = trial.framework(&framework.id);
    let rows = framework.controls.iter().map(|control| (control.group.as_str(), row(framework, control, finding, &trial.span)));
    let wanted = rows.filter(|(_, control)| show.is_empty() || fill(control) == show);
    let mut groups: Vec<ControlGroup> = Vec::new();
    for (title, control) in wanted {
        match groups.last_mut().filter(|group| group.title == title) {
            Some(group) => group.controls.push(control),
            None => groups.push(ControlGroup { title: title.to_owned(), controls: vec![control] }),
        }
    }
    let test = trial.shown(&kept);
    let shown = FrameworkPage {
        shell: visitor.shell(&app, Place::Controls)?,
        framework: framework_row(framework, finding),
        catalog_version: framework.version.clone(),
        catalog_digest: Hash::new(&framework.digest),
        test,
        show,
        groups,
    };
    finish(&shown, &trial, &address)
}

/// `GET /controls/{framework}/{control}?from=&to=&anew=`
pub(crate) async fn control(
    State(app): State<App>,
    visitor: Visitor,
    Path((id, control)): Path<(String, String)>,
    Asked(asked): Asked,
) -> Result<Response, Problem> {
    visitor.enters(&app, Place::Controls)?;
    let framework = known(&app, &visitor, &id)?;
    let control = framework.control(&control).ok_or_else(|| Problem::not_found("control"))?;
    let trial = Trial::of(&app, &visitor, &asked).await?;
    let finding = trial.framework(&framework.id);
    let row = row(framework, control, finding, &trial.span);
    if trial.begun_anew().is_some() {
        return Ok(local::see_other(&row.href));
    }
    let assertions = assertion::views(&app, &visitor, &trial, &row.tested).await?;
    let not_implemented = find(finding, control).map(|finding| finding.not_implemented.clone()).unwrap_or_default();
    let (test, address) = (trial.shown(""), row.href.clone());
    let shown = ControlPage {
        shell: visitor.shell(&app, Place::Controls)?,
        framework: framework.id.clone(),
        framework_name: framework.name.clone(),
        control: row,
        objective: control.group.clone(),
        test,
        assertions,
        not_implemented,
        // The catalogs do not say what else an auditor will want to see.
        elsewhere: Vec::new(),
    };
    finish(&shown, &trial, &address)
}

/// A framework that exists and that the visitor may see.
fn known<'a>(app: &'a App, visitor: &Visitor, id: &str) -> Result<&'a Framework, Problem> {
    let framework = app.catalogs().framework(id).ok_or_else(|| Problem::not_found("framework"))?;
    packs::known(app, &visitor.caller, id)?;
    Ok(framework)
}

/// The page, as an error when the period makes no sense, and looking again while tests run.
fn finish(shown: &impl askama::Template, trial: &Trial, address: &str) -> Result<Response, Problem> {
    let mut response = page(shown)?;
    if trial.span.period.is_err() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    if trial.is_running()
        && let Ok(again) = HeaderValue::from_str(&format!("{LOOK_AGAIN}; url={address}"))
    {
        response.headers_mut().insert(header::REFRESH, again);
    }
    Ok(response)
}

/// The word of a state that is asked for; empty for all.
fn shown_state(word: &str) -> &'static str {
    TestState::ALL.iter().map(|state| state.as_str()).chain(["untested"]).find(|known| *known == word).unwrap_or_default()
}

/// The word of a control's state, as `show` asks for it.
fn fill(control: &ControlRow) -> &'static str {
    TestState::ALL.iter().find(|known| state::test(**known) == control.state).map_or("untested", |known| known.as_str())
}

fn framework_row(framework: &Framework, finding: Option<&FrameworkFinding>) -> FrameworkRow {
    let mut counts: BTreeMap<TestState, u64> = BTreeMap::new();
    for state in finding.iter().flat_map(|finding| &finding.controls).filter_map(|control| control.state) {
        *counts.entry(state).or_default() += 1;
    }
    let tested: u64 = counts.values().sum();
    let all = u64::try_from(framework.controls.len()).unwrap_or(u64::MAX);
    let counts: Vec<(TestState, u64)> = counts.into_iter().collect();
    FrameworkRow {
        id: framework.id.clone(),
        name: framework.name.clone(),
        states: States::new("controls", &counts, all.saturating_sub(tested)),
    }
}

fn find<'a>(finding: Option<&'a FrameworkFinding>, control: &Control) -> Option<&'a ControlFinding> {
    finding?.controls.iter().find(|finding| finding.control == control.id)
}

fn row(framework: &Framework, control: &Control, finding: Option<&FrameworkFinding>, span: &Span) -> ControlRow {
    let finding = find(finding, control);
    ControlRow {
        id: control.id.clone(),
        title: control.title.clone(),
        href: format!("/controls/{}/{}?{}", framework.id, local::encode(&control.id), span.query()),
        strength: control.mapping.as_ref().map(|mapping| mapping.strength),
        state: finding.and_then(|finding| finding.state).map_or_else(state::untested, state::test),
        tested: finding.map(|finding| finding.tested.clone()).unwrap_or_default(),
        not_implemented: finding.map_or(0, |finding| finding.not_implemented.len()),
    }
}
