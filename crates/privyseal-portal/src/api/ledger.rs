//! The ledger over HTTP: the public head and tiles (C2SP tlog-tiles), and single entries with their proof for those who may read them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use privyseal_core::command::Named;
use privyseal_core::digest::base64url;
use privyseal_core::event::Event;
use privyseal_core::id::Role;
use privyseal_core::note::{Checkpoint, Note};
use privyseal_core::tlog_proof::TlogProof;
use privyseal_core::tree::Tile;
use privyseal_ledger::log::StoredEntry;
use privyseal_ledger::proof::{self as proofs, NoProof};
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Caller;
use crate::log::{self, unavailable};
use crate::past;
use crate::problem::Problem;
use crate::sight::Sight;

/// `GET /checkpoint`: public.
pub(crate) async fn checkpoint(State(app): State<App>) -> Result<Response, Problem> {
    let path = app.engine().layout().checkpoint();
    let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await.map_err(|error| unavailable(&error))?;
    let note =
        read.map_err(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_head_yet", "no head was published yet: try again in a second"))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], note).into_response())
}

/// `GET /tile/{level}/{index}[.p/{width}]`: public. `GET /tile/entries/{index}[.p/{width}]`: the entries themselves, for auditors and
/// administrators unless the configuration makes them public.
pub(crate) async fn tile(State(app): State<App>, caller: Option<Caller>, Path(path): Path<String>) -> Result<Response, Problem> {
    if let Some(index) = path.strip_prefix("entries/") {
        return entries(app, caller, index).await;
    }
    // The path is written anew from what was understood of it, so that no other file can be named.
    let tile = Tile::from_path(&path).ok_or_else(|| Problem::not_found("tile"))?;
    let file = app.engine().layout().tiles().join(tile.path());
    let read = tokio::task::spawn_blocking(move || std::fs::read(file)).await.map_err(|error| unavailable(&error))?;
    let bytes = read.map_err(|_| Problem::not_found("tile"))?;
    let cache = "public, max-age=31536000, immutable";
    Ok(([(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, cache)], bytes).into_response())
}

/// An entry bundle, made from the log. Only what a published head covers is handed out, so a partial bundle never changes.
async fn entries(app: App, caller: Option<Caller>, index: &str) -> Result<Response, Problem> {
    if !app.options().public_entries {
        caller.ok_or_else(Problem::unauthenticated)?.needs(&app, &[Role::AUDITOR, Role::ADMIN])?;
    }
    let tile = Tile::of_bundle(index).ok_or_else(|| Problem::not_found("entry bundle"))?;
    let published = app.engine().layout().checkpoint();
    let bundle = log::read(&app, move |log| {
        let note = std::fs::read_to_string(published).unwrap_or_default();
        let head = Note::parse(&note).and_then(|note| Checkpoint::from_text(&note.text));
        privyseal_ledger::export::entry_bundle(log, &tile, head.map_or(0, |head| head.size))
    });
    let bytes = bundle.await?.ok_or_else(|| Problem::not_found("entry bundle"))?;
    let cache = if app.options().public_entries { "public, max-age=31536000, immutable" } else { "private, no-store" };
    Ok(([(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, cache)], bytes).into_response())
}

/// `GET /v1/ledger/head`
pub(crate) async fn head(State(app): State<App>, _caller: Caller) -> Result<Json<Value>, Problem> {
    let head = log::read(&app, |log| log.head()).await?.ok_or_else(|| Problem::not_found("head"))?;
    let witnessed = app.engine().witnessed().map(|witnessed| {
        let quorum = witnessed.quorum.map(|(size, time)| json!({"size": size, "time": time}));
        let problems: Vec<Value> = witnessed.problems.iter().map(|(name, problem)| json!({"witness": name, "problem": problem})).collect();
        json!({"quorum": quorum, "problems": problems, "required": witnessed.required})
    });
    Ok(Json(json!({
        "size": head.edge.size(), "root": head.edge.root().hex(), "time": head.time, "checkpoint": head.checkpoint, "witnessed": witnessed,
    })))
}

/// An entry that the caller may read: those of a request that they may look at, and all for whoever may look at everything.
async fn readable(app: &App, caller: &Caller, seq: u64) -> Result<(StoredEntry, Event), Problem> {
    let found = log::read(app, move |log| log.entries(seq, 1)).await?.into_iter().find(|stored| stored.seq == seq);
    let found = found.and_then(|stored| Some((Event::from_entry(&stored.entry).ok()?, stored)));
    let (event, stored) = found.ok_or_else(|| Problem::not_found("entry"))?;
    let now = app.engine().now();
    let request = match event.request_id {
        Some(id) => past::known(app, Named::Request(id)).await?,
        None => None,
    };
    let own = request.is_some_and(|request| app.engine().read(|state| Sight::of(state, caller, now).reaches(&request)));
    if !own {
        caller.needs(app, &[Role::AUDITOR, Role::ADMIN, Role::APPROVER])?;
    }
    Ok((stored, event))
}

/// `GET /v1/ledger/entries/{seq}`: the entry verbatim, its signature, and its proof under the published head.
pub(crate) async fn entry(State(app): State<App>, caller: Caller, Path(seq): Path<String>) -> Result<Json<Value>, Problem> {
    let seq: u64 = seq.parse().map_err(|_| Problem::not_found("entry"))?;
    let (stored, event) = readable(&app, &caller, seq).await?;
    let signature = stored.signature.as_ref().map(|(signature, key)| json!({"key_id": key.to_string(), "signature": base64url(signature)}));
    let mut shown = json!({
        "seq": seq, "kind": event.kind().name(), "leaf": stored.leaf, "signature": signature,
        "entry": String::from_utf8_lossy(&stored.entry),
    });
    if let (Ok(proven), Some(members)) = (prove(&app, &stored).await?, shown.as_object_mut()) {
        let proof = json!({"size": proven.head.checkpoint.size, "path": proven.path, "checkpoint": proven.head.note.to_string()});
        members.insert("proof".to_owned(), proof);
    }
    Ok(Json(shown))
}

/// The proof of an entry under the published head.
async fn prove(app: &App, stored: &StoredEntry) -> Result<Result<TlogProof, NoProof>, Problem> {
    let (layout, stored) = (app.engine().layout().clone(), stored.clone());
    log::blocking(move || Ok(proofs::make(&layout, &stored))).await
}

/// `GET /v1/ledger/entries/{seq}/proof`: the same proof as a file that other programs read (C2SP tlog-proof), with the entry in it.
pub(crate) async fn proof(State(app): State<App>, caller: Caller, Path(seq): Path<String>) -> Result<Response, Problem> {
    let seq: u64 = seq.parse().map_err(|_| Problem::not_found("entry"))?;
    let (stored, _) = readable(&app, &caller, seq).await?;
    let proven = prove(&app, &stored).await?.map_err(|error| {
        let code = if matches!(error, NoProof::NotCovered { .. }) { "no_head_yet" } else { "not_proven" };
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, error.to_string())
    })?;
    let name = format!("attachment; filename=\"entry-{seq}.tlog-proof\"");
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, proven.to_string()).into_response())
}
