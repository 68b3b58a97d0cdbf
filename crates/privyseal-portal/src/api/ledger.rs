//! The ledger over HTTP: the public head and tiles (C2SP tlog-tiles), and single entries with their proof for those who may read them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use privyseal_core::digest::base64url;
use privyseal_core::event::Event;
use privyseal_core::id::Role;
use privyseal_core::note::{Checkpoint, Note};
use privyseal_ledger::log::Log as _;
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_ledger::tiles;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Caller;
use crate::problem::Problem;

fn unavailable(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ledger_unavailable", format!("the ledger cannot be read: {error}"))
}

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
    let digits = |part: &str| {
        !part.is_empty()
            && part.len() <= 8
            && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'x' || byte == b'.' || byte == b'p')
    };
    if !path.split('/').all(digits) || path.contains("..") {
        return Err(Problem::not_found("tile"));
    }
    let file = app.engine().layout().tiles().join(&path);
    let read = tokio::task::spawn_blocking(move || std::fs::read(file)).await.map_err(|error| unavailable(&error))?;
    let bytes = read.map_err(|_| Problem::not_found("tile"))?;
    let cache = "public, max-age=31536000, immutable";
    Ok(([(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, cache)], bytes).into_response())
}

/// `GET /v1/ledger/head`
pub(crate) async fn head(State(app): State<App>, _caller: Caller) -> Result<Json<Value>, Problem> {
    let layout = app.engine().layout().clone();
    let read = move || SqliteLog::open_read_only(&layout.log())?.head();
    let head = tokio::task::spawn_blocking(read).await.map_err(|error| unavailable(&error))?.map_err(|error| unavailable(&error))?;
    let head = head.ok_or_else(|| Problem::not_found("head"))?;
    Ok(Json(json!({"size": head.edge.size(), "root": head.edge.root().hex(), "time": head.time, "checkpoint": head.checkpoint})))
}

/// `GET /v1/ledger/entries/{seq}`: the entry verbatim, its signature, and its proof under the published head.
pub(crate) async fn entry(State(app): State<App>, caller: Caller, Path(seq): Path<u64>) -> Result<Json<Value>, Problem> {
    caller.needs(&app, &[Role::AUDITOR, Role::ADMIN, Role::APPROVER])?;
    let layout = app.engine().layout().clone();
    let read = move || -> Result<Option<Value>, String> {
        let log = SqliteLog::open_read_only(&layout.log()).map_err(|error| error.to_string())?;
        let entries = log.entries(seq, 1).map_err(|error| error.to_string())?;
        let Some(stored) = entries.into_iter().find(|stored| stored.seq == seq) else { return Ok(None) };
        let event = Event::from_entry(&stored.entry).map_err(|error| error.to_string())?;
        let signature =
            stored.signature.as_ref().map(|(signature, key)| json!({"key_id": key.to_string(), "signature": base64url(signature)}));
        let mut shown = json!({
            "seq": seq, "kind": event.kind().name(), "leaf": stored.leaf, "signature": signature,
            "entry": String::from_utf8_lossy(&stored.entry),
        });
        let note = std::fs::read_to_string(layout.checkpoint()).unwrap_or_default();
        let published = Note::parse(&note).and_then(|parsed| Checkpoint::from_text(&parsed.text)).ok();
        if let (Some(published), Some(members)) = (published.filter(|published| seq < published.size), shown.as_object_mut())
            && let Ok(proof) = tiles::prove(&layout.tiles(), &stored.leaf, seq, published.size, &published.root)
        {
            members.insert("proof".to_owned(), json!({"size": published.size, "path": proof, "checkpoint": note}));
        }
        Ok(Some(shown))
    };
    let shown = tokio::task::spawn_blocking(read).await.map_err(|error| unavailable(&error))?.map_err(|error| unavailable(&error))?;
    shown.map(Json).ok_or_else(|| Problem::not_found("entry"))
}
