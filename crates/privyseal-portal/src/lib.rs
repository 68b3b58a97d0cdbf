//! Every HTTP surface of Privyseal: pages, the `/v1` API, sign-in.
//!
//! Nothing is decided here: handlers turn HTTP into commands and answers into pages. The engine checks who may do what.
//! `view` and the templates in `templates/portal` say what pages look like; handlers fill the structs of `view` and nothing else.

mod api;
mod app;
pub mod asset;
mod auth;
mod beginning;
mod body;
mod challenge;
mod fair;
mod findings;
mod local;
mod log;
mod packs;
mod page;
mod past;
mod problem;
mod rows;
mod server;
mod shelf;
mod showing;
mod sight;
pub mod view;
mod witness;

pub use app::{Options, Services};
pub use server::{router, serve};
pub use witness::router as witness_router;
