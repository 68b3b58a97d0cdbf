//! The ledger over HTTP: the public head and tiles (C2SP tlog-tiles), and single entries with their proof for those who may read them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use privyseal_core::command::Named;
use privyseal_core::digest::{Digest, base64, base64url};
use privyseal_core::event::Event;
use privyseal_core::id::Role;
use privyseal_core::note::{Checkpoint, Note};
use privyseal_core::tree::Tile;
use privyseal_ledger::log::StoredEntry;
use privyseal_ledger::tiles;
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

/// `GET /tile/{level}/{index}[.p/{width}]`: public. Entry bundles are not served: they would show what only auditors may read.
pub(crate) async fn tile(State(app): State<App>, Path(path): Path<String>) -> Result<Response, Problem> {
    // The path is written anew from what was understood of it, so that no other file can be named.
    let tile = Tile::from_path(&path).ok_or_else(|| Problem::not_found("tile"))?;
    let file = app.engine().layout().tiles().join(tile.path());
    let read = tokio::task::spawn_blocking(move || std::fs::read(file)).await.map_err(|error| unavailable(&error))?;
    let bytes = read.map_err(|_| Problem::not_found("tile"))?;
    let cache = "public, max-age=31536000, immutable";
    Ok(([(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, cache)], bytes).into_response())
}

/// `GET /v1/ledger/head`
pub(crate) async fn head(State(app): State<App>, _caller: Caller) -> Result<Json<Value>, Problem> {
    let head = log::read(&app, |log| log.head()).await?.ok_or_else(|| Problem::not_found("head"))?;
    Ok(Json(json!({"size": head.edge.size(), "root": head.edge.root().hex(), "time": head.time, "checkpoint": head.checkpoint})))
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
    if let (Some(proven), Some(members)) = (prove(&app, &stored).await?, shown.as_object_mut()) {
        members.insert("proof".to_owned(), json!({"size": proven.head.size, "path": proven.path, "checkpoint": proven.note}));
    }
    Ok(Json(shown))
}

/// An entry's place under a published head.
struct Proven {
    head: Checkpoint,
    note: String,
    path: Vec<Digest>,
}

/// The proof of an entry under the published head; none while no published head covers it.
async fn prove(app: &App, stored: &StoredEntry) -> Result<Option<Proven>, Problem> {
    let (layout, leaf, seq) = (app.engine().layout().clone(), stored.leaf, stored.seq);
    log::blocking(move || {
        let note = std::fs::read_to_string(layout.checkpoint()).unwrap_or_default();
        let head = Note::parse(&note).and_then(|parsed| Checkpoint::from_text(&parsed.text)).ok().filter(|head| seq < head.size);
        Ok(head.and_then(|head| {
            let path = tiles::prove(&layout.tiles(), &leaf, seq, head.size, &head.root).ok()?;
            Some(Proven { head, note, path })
        }))
    })
    .await
}

/// `GET /v1/ledger/entries/{seq}/proof`: the same proof as a file that other programs read (C2SP tlog-proof).
pub(crate) async fn proof(State(app): State<App>, caller: Caller, Path(seq): Path<String>) -> Result<Response, Problem> {
    let seq: u64 = seq.parse().map_err(|_| Problem::not_found("entry"))?;
    let (stored, _) = readable(&app, &caller, seq).await?;
    let proven = prove(&app, &stored).await?.ok_or_else(|| {
        let detail = "no published head covers the entry yet: try again in a second";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_head_yet", detail)
    })?;
    let path: String = proven.path.iter().map(|hash| format!("{}\n", base64(hash.as_bytes()))).collect();
    let text = format!("c2sp.org/tlog-proof@v1\nindex {seq}\n{path}\n{}", proven.note);
    let name = format!("attachment; filename=\"entry-{seq}.tlog-proof\"");
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)], text).into_response())
}
