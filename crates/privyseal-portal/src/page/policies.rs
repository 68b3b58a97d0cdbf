//! `/policies`: the rules in force and all before them, as they are written.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use privyseal_core::event::policy::{FileRef, PolicyPublished};
use privyseal_core::event::{Body, Event, Kind};
use privyseal_core::time::Timestamp;
use privyseal_engine::View;
use privyseal_ledger::blob;

use super::frame::{Visitor, page};
use super::name;
use crate::app::App;
use crate::body::Asked;
use crate::log;
use crate::problem::Problem;
use crate::view::code::{Code, Language};
use crate::view::moment::Moment;
use crate::view::number::{Bytes, Count, Hash};
use crate::view::policies::{PoliciesPage, PolicyFile, PolicyVersion, VersionRow};
use crate::view::shell::Place;

/// A version with the moment from which it was in force.
type Published = (Timestamp, PolicyPublished);

/// `GET /policies?version=`
pub(crate) async fn show(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Result<Response, Problem> {
    visitor.enters(&app, Place::Policies)?;
    let versions = log::events_of(&app, Kind::PolicyPublished).await?;
    let versions: Vec<Published> = versions.into_iter().rev().filter_map(published).collect();
    let shown = match asked.given("version") {
        None => versions.first().cloned(),
        Some(number) => {
            let number: Option<u64> = number.parse().ok();
            let found = versions.iter().find(|(_, version)| Some(version.policy.version) == number).cloned();
            Some(found.ok_or_else(|| Problem::not_found("version of the policy"))?)
        }
    };
    let number = shown.as_ref().map(|(_, version)| version.policy.version);
    let (files, impossible_now) = match &shown {
        Some((_, version)) => files(&app, version.clone()).await?,
        None => (Vec::new(), Vec::new()),
    };
    let in_force = app.engine().view(|state| state.policy.as_ref().map(|policy| policy.policy.clone()));
    let shell = visitor.shell(&app, Place::Policies)?;
    let (version, versions) = app.engine().view(|state| {
        let version = shown.map(|(at, version)| {
            let is_in_force = in_force.as_ref() == Some(&version.policy);
            // Of a version that is not in force only what was known when it was published matters.
            let unsatisfiable = if is_in_force { impossible_now } else { version.unsatisfiable.clone() };
            PolicyVersion { unsatisfiable, ..describe(state, at, version, is_in_force, files) }
        });
        (version, versions.iter().map(|version| row(state, version, number)).collect())
    });
    page(&PoliciesPage { shell, version, versions })
}

fn published(event: Event) -> Option<Published> {
    match event.body {
        Body::PolicyPublished(version) => Some((event.time, version)),
        _ => None,
    }
}

fn describe(state: &View<'_>, at: Timestamp, version: PolicyPublished, in_force: bool, files: Vec<PolicyFile>) -> PolicyVersion {
    PolicyVersion {
        number: version.policy.version,
        in_force,
        digest: Hash::new(&version.policy.digest),
        published: Moment::minute(at),
        author: name::party(state, &version.author),
        approved_by: version.approved_by.iter().map(|principal| name::party(state, principal)).collect(),
        request: version.change_request.map(|request| format!("/requests/{request}")),
        note: version.note.into(),
        files,
        unsatisfiable: Vec::new(),
    }
}

fn row(state: &View<'_>, (at, version): &Published, shown: Option<u64>) -> VersionRow {
    let number = version.policy.version;
    VersionRow {
        number,
        published: Moment::minute(*at),
        author: name::party(state, &version.author),
        note: version.note.as_str().into(),
        href: format!("/policies?version={number}"),
        current: shown == Some(number),
    }
}

/// The files of a version, from the blobs that the ledger keeps, and its rules that nobody could satisfy as groups are filled now. A file
/// that is gone or damaged is said to be.
async fn files(app: &App, version: PolicyPublished) -> Result<(Vec<PolicyFile>, Vec<String>), Problem> {
    let app = app.clone();
    log::blocking(move || {
        let mut rules: BTreeMap<String, u64> = BTreeMap::new();
        let mut unsatisfiable = Vec::new();
        if let Ok(policy) = app.engine().policy(&version) {
            for rule in policy.rules() {
                *rules.entry(rule.file.clone()).or_default() += 1;
            }
            unsatisfiable = app.engine().unsatisfiable(&policy);
        }
        let files = version.files.iter().map(|file| shown_file(&app, file, rules.get(&file.name).copied().unwrap_or(0)));
        Ok((files.collect(), unsatisfiable))
    })
    .await
}

fn shown_file(app: &App, file: &FileRef, rules: u64) -> PolicyFile {
    let code = match blob::get(app.engine().layout(), &file.sha256) {
        Ok(Some(bytes)) => match String::from_utf8(bytes) {
            Ok(text) => Code::new(if file.name.ends_with(".cedar") { Language::Cedar } else { Language::Plain }, text),
            Err(_) => Code::new(Language::Plain, "The file is no text."),
        },
        Ok(None) => Code::new(Language::Plain, "The kept bytes of this file are missing: run `privyseal verify`."),
        Err(_) => Code::new(Language::Plain, "The kept bytes of this file cannot be read or are damaged: run `privyseal verify`."),
    };
    PolicyFile { name: file.name.clone(), digest: Hash::new(&file.sha256), size: Bytes(file.bytes), rules: Count(rules), code }
}
