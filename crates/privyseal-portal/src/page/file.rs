//! `/assets/…`: the style sheet, the scripts, the mark.

use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::asset;
use crate::problem::Problem;

/// `GET /assets/{name}?v=…`: for ever under the tag of its content, revalidated without it.
pub(crate) async fn show(Path(name): Path<String>, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, Problem> {
    let asset = asset::get(&name).ok_or_else(|| Problem::not_found("file"))?;
    let tag = format!("\"{}\"", asset.tag);
    let tagged = query.as_deref() == Some(&format!("v={}", asset.tag));
    let cache = if tagged { "public, max-age=31536000, immutable" } else { "no-cache" };
    let about: [(HeaderName, HeaderValue); 3] = [
        (header::ETAG, HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        (header::CONTENT_TYPE, HeaderValue::from_str(&asset.content_type).unwrap_or(HeaderValue::from_static("text/plain"))),
    ];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    // Compression on the way weakens tags, and browsers send them back weakened.
    if known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)) {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    Ok((about, asset.bytes).into_response())
}

/// `GET /favicon.ico`: what browsers ask for when a page names no mark.
pub(crate) async fn mark(headers: HeaderMap) -> Result<Response, Problem> {
    show(Path("mark.svg".to_owned()), RawQuery(None), headers).await
}
