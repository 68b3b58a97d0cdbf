//! Vectors of others. They are read from where they lie beside the repository, never copied into it; a clone elsewhere has none.

use std::path::PathBuf;

use privyseal_core::digest::{from_base64, from_hex};
use serde_json::Value;

/// A file or folder of the reference folder; none, with a word on standard error, when this clone has no such folder.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test is told where the vectors are")]
    let named = std::env::var("PRIVYSEAL_REFERENCE").ok().filter(|folder| !folder.is_empty());
    let folder = named.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference").to_owned());
    let path = PathBuf::from(folder).join(name);
    if path.exists() {
        return Some(path);
    }
    #[expect(clippy::print_stderr, reason = "whoever reads the test's output has to know what was left out")]
    {
        eprintln!("left out: {} is not here; PRIVYSEAL_REFERENCE names the folder of vectors", path.display());
    }
    None
}

/// The rows of a file with one JSON object a line.
pub(crate) fn rows(name: &str) -> Vec<Value> {
    let Some(path) = path(name) else { return Vec::new() };
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A member that is a text.
pub(crate) fn text<'a>(row: &'a Value, member: &str) -> &'a str {
    row[member].as_str().unwrap_or_else(|| panic!("no `{member}` in {row}"))
}

/// A member that is base64.
pub(crate) fn bytes(row: &Value, member: &str) -> Vec<u8> {
    from_base64(text(row, member)).unwrap()
}

/// A member that is hex.
pub(crate) fn hex(row: &Value, member: &str) -> Vec<u8> {
    from_hex(text(row, member)).unwrap()
}
