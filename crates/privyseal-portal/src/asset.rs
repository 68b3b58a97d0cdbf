//! What a browser loads besides pages: one style sheet, four small scripts, the mark. All of it is our own and stands in `assets/`.
//!
//! There is no bundler and no build step: the files are embedded as they are written.

use rust_embed::RustEmbed;

/// The content policy sent with every page. No inline script, no inline style, nothing from elsewhere.
pub const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                                  form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

/// One embedded file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub content_type: String,
    /// The tag that `url` carries and that a server sends as `ETag`: 16 hex digits of its SHA-256.
    pub tag: String,
}

/// The file of this name, without its folder; `None` when there is none.
#[must_use]
pub fn get(name: &str) -> Option<Asset> {
    let file = Assets::get(name)?;
    Some(Asset { tag: tag(&file.metadata.sha256_hash()), content_type: media_type(name).to_owned(), bytes: file.data.into_owned() })
}

/// The names of all embedded files.
#[must_use]
pub fn names() -> Vec<String> {
    Assets::iter().map(String::from).collect()
}

/// Where a page finds a file: its path with a tag that changes when its content does, so that it can be cached for ever.
#[must_use]
pub fn url(name: &str) -> String {
    match Assets::get(name) {
        Some(file) => format!("/assets/{name}?v={}", tag(&file.metadata.sha256_hash())),
        None => format!("/assets/{name}"),
    }
}

fn tag(sha256: &[u8; 32]) -> String {
    sha256.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Spelt out rather than guessed: a script served under a wrong type does not run.
fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
