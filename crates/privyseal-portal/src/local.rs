//! Where a browser may be sent: to pages of this portal, and nowhere else.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Longest path that is followed.
const MAX_PATH_BYTES: usize = 2_000;

/// A path of this portal, as somebody asked for it; the queue when it is anything else, or would lead back to the sign-in.
pub(crate) fn path(wanted: &str) -> &str {
    let local = wanted.starts_with('/')
        && !wanted.starts_with("//")
        && wanted.len() <= MAX_PATH_BYTES
        && wanted.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let loops = ["/sign-in", "/sign-out", "/live", "/v1"].iter().any(|prefix| wanted.starts_with(prefix));
    if local && !loops { wanted } else { "/" }
}

/// Sends the browser on with a GET. `to` is a path that a handler wrote, or one that [`path`] let through.
pub(crate) fn see_other(to: &str) -> Response {
    let location = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// A text as the value of a parameter in an address.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&privyseal_core::digest::hex(&[byte]).to_ascii_uppercase());
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for (wanted, expected) in [
            ("/", "/"),
            ("/requests/019abf1c-7d2e-7c41-9b1f-5a60c2d4e8f3", "/requests/019abf1c-7d2e-7c41-9b1f-5a60c2d4e8f3"),
            ("/history?q=a%20b&state=denied#x", "/history?q=a%20b&state=denied#x"),
            ("", "/"),
            ("history", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/a\\b", "/"),
            ("https://evil.example/", "/"),
            ("javascript:alert(1)", "/"),
            ("/a b", "/"),
            ("/a\r\nset-cookie: x", "/"),
            ("/\u{e4}", "/"),
            ("/sign-in?next=/sign-in", "/"),
            ("/sign-out", "/"),
        ] {
            assert_eq!(path(wanted), expected, "{wanted:?}");
        }
        assert_eq!(path(&format!("/{}", "a".repeat(MAX_PATH_BYTES))), "/");
    }

    #[test]
    fn parameters_survive_the_address() {
        for (text, expected) in [("a-b_c.~", "a-b_c.~"), ("a b&c=d#", "a%20b%26c%3Dd%23"), ("ü%", "%C3%BC%25")] {
            assert_eq!(encode(text), expected);
        }
    }
}
