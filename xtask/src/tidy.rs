//! House rules over the tracked files: headers, file sizes, names, truth of the documents.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

/// Longest file without a sentence in its header that says why it is longer.
const MAX_LINES: usize = 800;
const LENGTH_EXCUSE: &str = "This file is long because";

/// What belongs at the top of the repository.
const TOP: &[&str] = &[
    ".cargo",
    ".ci",
    ".config",
    ".gitattributes",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "controls",
    "crates",
    "deny.toml",
    "docs",
    "fuzz",
    "queries",
    "rustfmt.toml",
    "templates",
    "tests",
    "xtask",
];

pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let files = tracked(root)?;
    let mut problems = Vec::new();
    for file in &files {
        let top = file.split('/').next().unwrap_or(file);
        if !TOP.contains(&top) {
            problems.push(format!("tidy: {file}: `{top}` does not belong at the top of the repository"));
        }
        let stem = file.rsplit('/').next().unwrap_or(file);
        if matches!(stem, "mod.rs" | "utils.rs" | "util.rs" | "common.rs" | "misc.rs" | "helpers.rs" | "helper.rs") {
            problems.push(format!("tidy: {file}: a module is a noun of the domain, in `name.rs` beside `name/`"));
        }
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
        check_text(file, &text, &mut problems);
        if file.ends_with(".rs") {
            check_rust(file, &text, &mut problems);
        }
        if file.ends_with(".md") && !file.starts_with("crates/privyseal-evidence/fonts") {
            check_document(file, &text, &files, &mut problems);
        }
    }
    one_integration_binary(&files, &mut problems);
    Ok(problems)
}

fn tracked(root: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git cannot be run")?;
    if !output.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let mut files: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    files.retain(|file| root.join(file).is_file());
    Ok(files)
}

fn check_text(file: &str, text: &str, problems: &mut Vec<String>) {
    // Machine paths and registry hosts say where someone built this, which is nobody's business and nobody's truth.
    for needle in
        [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("crates", ".io-"), concat!("index.", "crates.io")]
    {
        if !file.ends_with("Cargo.lock") && text.contains(needle) {
            problems.push(format!("tidy: {file}: holds the machine path or registry name `{needle}`"));
        }
    }
    if text.contains('\r') {
        problems.push(format!("tidy: {file}: carriage returns"));
    }
    let lines = text.lines().count();
    let counts = [".rs", ".html", ".sql", ".css", ".js"].iter().any(|end| file.ends_with(end));
    if counts && lines > MAX_LINES && !text.contains(LENGTH_EXCUSE) {
        problems.push(format!("tidy: {file}: {lines} lines; split it, or begin a sentence of its header with `{LENGTH_EXCUSE}`"));
    }
}

fn check_rust(file: &str, text: &str, problems: &mut Vec<String>) {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if !first.starts_with("//!") {
        problems.push(format!("tidy: {file}: begins without `//!` telling what lives here and what does not"));
    }
    for (number, line) in text.lines().enumerate() {
        let place = format!("tidy: {file}:{}", number + 1);
        if line.contains(concat!("#[ig", "nore")) {
            problems.push(format!("{place}: a test that does not run is no test"));
        }
        if line.contains(concat!("should", "_panic")) {
            problems.push(format!("{place}: check the error instead of hoping for a panic"));
        }
        if line.contains(concat!("#[al", "low(")) || line.contains(concat!("#![al", "low(")) {
            problems.push(format!("{place}: use #[expect(…, reason = \"…\")]"));
        }
    }
}

/// Every path in backticks that looks like one of ours must exist, and every crate that is named.
fn check_document(file: &str, text: &str, files: &[String], problems: &mut Vec<String>) {
    let crates: BTreeSet<&str> = files.iter().filter_map(|file| file.strip_prefix("crates/")?.split('/').next()).collect();
    let folders = ["crates/", "controls/", "templates/", "queries/", "tests/", "docs/", "xtask/", ".ci/"];
    for piece in text.split('`').skip(1).step_by(2) {
        let path = piece.trim_end_matches('/');
        let looks_ours = folders.iter().any(|folder| piece.starts_with(folder)) && !piece.contains(['<', '*', '{', ' ', '…']);
        if looks_ours && !files.iter().any(|file| file == path || file.starts_with(&format!("{path}/"))) {
            problems.push(format!("tidy: {file}: names `{piece}`, which does not exist"));
        }
        let names_crate = piece.strip_prefix("privyseal-").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_lowercase()));
        let planned = text.contains(&format!("`{piece}` of the design does not exist yet"));
        let known = crates.contains(piece) || matches!(piece, "privyseal-tests" | "privyseal-data" | "privyseal-demo");
        if names_crate && !known && !planned {
            problems.push(format!("tidy: {file}: names the crate `{piece}`, which does not exist"));
        }
    }
}

fn one_integration_binary(files: &[String], problems: &mut Vec<String>) {
    let mut packages: std::collections::BTreeMap<&str, BTreeSet<&str>> = std::collections::BTreeMap::new();
    for file in files.iter().filter(|file| file.starts_with("crates/") && file.ends_with(".rs")) {
        let mut parts = file.splitn(5, '/');
        if let (Some(_), Some(package), Some("tests"), Some(binary)) = (parts.next(), parts.next(), parts.next(), parts.next()) {
            packages.entry(package).or_default().insert(binary);
        }
    }
    for (package, binaries) in packages.iter().filter(|(_, binaries)| binaries.len() > 1) {
        problems.push(format!(
            "tidy: {package} has {} integration binaries ({binaries:?}): one per package, the rest are its modules",
            binaries.len()
        ));
    }
}
