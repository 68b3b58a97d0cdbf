//! What callers send. JSON bodies are read strictly: size limited, no member twice, no unknown member. The fields of forms and the
//! parameters of addresses are texts by name; what they mean is for whoever asked for them.

use std::convert::Infallible;

use axum::Form;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use privyseal_core::canonical;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::problem::Problem;

/// Largest body of a call, in bytes: contents of inputs in base64 included.
pub(crate) const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// A JSON body of type `T`.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let is_json = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind == "application/json" || kind.ends_with("+json")
        });
        if !is_json {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", "send the body as `Content-Type: application/json`"));
        }
        refuse_too_large(&request)?;
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                too_large()
            } else {
                Problem::new(StatusCode::BAD_REQUEST, "unreadable", "the body could not be read")
            }
        })?;
        let value =
            canonical::parse_lenient(&bytes).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "not_json", error.to_string()))?;
        serde_json::from_value(value).map(Body).map_err(|error| Problem::bad(error.to_string()))
    }
}

/// Refuses by what the caller says of the length, before the first byte is read: whoever asks with `Expect: 100-continue` is answered
/// instead of being told to go on and then cut off. A length that is not said, or not kept to, is found while reading.
fn refuse_too_large(request: &Request) -> Result<(), Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > MAX_BODY_BYTES) { Err(too_large()) } else { Ok(()) }
}

fn too_large() -> Problem {
    let detail = format!("the body is over {MAX_BODY_BYTES} bytes: pass large payloads as inputs, named by digest");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

/// Texts by name, in the order in which they came; a name may come more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first text of a name; empty when there is none.
    pub(crate) fn one(&self, name: &str) -> &str {
        self.given(name).unwrap_or_default()
    }

    /// The first text of a name, when there is one and it is not empty.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, text)| text.as_str()).filter(|text| !text.is_empty())
    }

    /// All texts of a name.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(found, _)| found == name).map(|(_, text)| text.clone()).collect()
    }

    /// The names, in the order in which they came.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The token that our own pages put into every form.
    pub(crate) fn csrf(&self) -> Option<&str> {
        self.given("csrf")
    }
}

/// The fields of a form that was posted.
pub(crate) struct Posted(pub(crate) Fields);

impl FromRequest<App> for Posted {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        refuse_too_large(&request)?;
        match Form::<Vec<(String, String)>>::from_request(request, app).await {
            Ok(Form(fields)) => Ok(Self(Fields(fields))),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(too_large()),
            Err(rejection) => Err(Problem::new(rejection.status(), "not_a_form", "this address takes the form of its page")),
        }
    }
}

/// The parameters of an address. An address that cannot be read has none.
pub(crate) struct Asked(pub(crate) Fields);

impl FromRequestParts<App> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Infallible> {
        let Query(fields) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).unwrap_or_default();
        Ok(Self(Fields(fields)))
    }
}
