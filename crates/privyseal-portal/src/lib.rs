//! Every HTTP surface of Privyseal: pages, the `/v1` API, sign-in.
//!
//! Nothing is decided here: handlers turn HTTP into commands and answers into pages. The engine checks who may do what.

mod api;
mod app;
mod auth;
mod body;
mod challenge;
mod problem;
mod server;
mod shelf;

pub use app::{Options, SavedQuery, Services};
pub use server::{router, serve};
