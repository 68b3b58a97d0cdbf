//! `/openapi.json`: the calls and their bodies in a form that programs read (OpenAPI 3.1). Written by hand; tests hold it against the
//! routes and against real answers.

use axum::http::header;
use axum::response::{IntoResponse, Response};

const DESCRIPTION: &str = include_str!("../../openapi.json");

/// `GET /openapi.json`: for everybody; it says nothing about anything that is kept here.
pub(crate) async fn show() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION).into_response()
}
