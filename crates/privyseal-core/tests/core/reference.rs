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

/// What lies in the folder of vectors for the ledger, and where it is tested: a new file has to be added here and to a test.
const LEDGER: [(&str, &str); 18] = [
    ("README.md", "says whose the others are"),
    ("ed25519/sign.input.gz", "ed25519.rs"),
    ("ed25519/speccheck_LICENSE.txt", "a licence"),
    ("ed25519/speccheck_cases.json", "ed25519.rs"),
    ("jcs/LICENSE", "a licence"),
    ("jcs/es6numbers_1000.txt", "src/invariant.rs"),
    ("jcs/testdata", "src/invariant.rs"),
    ("merkle/LICENSE", "a licence"),
    ("merkle/testdata", "tree.rs"),
    ("tlog-generated/checkpoints.jsonl", "tlog.rs"),
    ("tlog-generated/cosignatures.jsonl", "tlog.rs"),
    ("tlog-generated/keys.json", "tlog.rs"),
    ("tlog-generated/notes.jsonl", "tlog.rs"),
    ("tlog-generated/policies.jsonl", "tlog.rs"),
    ("tlog-generated/tilelog", "tree.rs"),
    ("tlog-generated/tlog-proofs.jsonl", "tlog.rs"),
    ("tlog-generated/tree.json", "tree.rs"),
    ("wycheproof", "ed25519.rs"),
];

#[test]
fn no_vector_is_left_out() {
    let Some(folder) = path("ledger") else { return };
    let names = |folder: &std::path::Path| -> Vec<(String, bool)> {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path().is_dir())).collect()
    };
    let mut found = Vec::new();
    for (name, is_folder) in names(&folder) {
        match name.as_str() {
            "wycheproof" => found.push(name),
            _ if is_folder => found.extend(names(&folder.join(&name)).into_iter().map(|(file, _)| format!("{name}/{file}"))),
            _ => found.push(name),
        }
    }
    found.sort();
    let known: Vec<&str> = LEDGER.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, known);
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
