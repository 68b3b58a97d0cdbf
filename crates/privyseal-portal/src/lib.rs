//! Every HTTP surface of Privyseal: pages, the `/v1` API, sign-in.
//!
//! Today this crate holds the face: what pages look like (`view`, with the templates in `templates/portal`) and what a browser loads
//! besides them (`asset`). Routes, sessions and the API join it once the engine answers; they fill the structs of `view` and nothing else.

pub mod asset;
pub mod view;
