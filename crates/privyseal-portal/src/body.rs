//! JSON bodies, read strictly: size limited, no member twice, no unknown member, and a clear answer when they are not so.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
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
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                let detail = format!("the body is over {MAX_BODY_BYTES} bytes: pass large payloads as inputs, named by digest");
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
            } else {
                Problem::new(StatusCode::BAD_REQUEST, "unreadable", "the body could not be read")
            }
        })?;
        let value =
            canonical::parse_lenient(&bytes).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "not_json", error.to_string()))?;
        serde_json::from_value(value).map(Body).map_err(|error| Problem::bad(error.to_string()))
    }
}
