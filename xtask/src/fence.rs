//! The walls between crates: what must not be reachable from where, asked of `cargo tree`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

/// Crate, and what must not be among its normal dependencies, however indirectly.
const WALLS: &[(&str, &[&str])] = &[
    ("privyseal-core", &["tokio", "axum", "arrow", "parquet", "datafusion", "rusqlite", "ureq", "cedar-policy"]),
    ("privyseal-policy", &["tokio", "axum", "arrow", "datafusion", "rusqlite", "ureq"]),
    // The PostgreSQL client and object stores run on tokio, so the ledger reaches it; nothing of it shows in the ledger's own types.
    ("privyseal-ledger", &["axum", "datafusion", "cedar-policy", "ureq"]),
    ("privyseal-engine", &["axum", "datafusion", "askama", "ureq"]),
    ("privyseal-evidence", &["axum", "datafusion", "cedar-policy", "ureq"]),
    ("privyseal-portal", &["datafusion", "printpdf", "ureq"]),
    // Flight brings tonic with its router, and with it axum, the same as the portal's; nobody here names it.
    ("privyseal-doors", &["datafusion", "askama", "printpdf", "ureq"]),
    ("privyseal-analytics", &["axum", "askama", "cedar-policy", "ureq"]),
];

/// Manifests that may name a crate directly; nobody else may.
const ONLY: &[(&str, &[&str])] = &[
    ("datafusion", &["privyseal-analytics"]),
    ("cedar-policy", &["privyseal-policy"]),
    ("printpdf", &["privyseal-evidence"]),
    // The doors keep PostgreSQL's catalogue in a database of its own, in memory; it never sees the ledger's.
    ("rusqlite", &["privyseal-ledger", "privyseal-engine", "privyseal-doors"]),
    // The binary names it for its tests alone, which come in through the PostgreSQL door.
    ("postgres", &["privyseal-ledger", "privyseal"]),
    ("axum", &["privyseal-portal"]),
];

/// Crates of which the lock file may hold one version only.
const SINGLE: &[&str] =
    &["arrow", "parquet", "datafusion", "tokio", "axum", "cedar-policy", "ed25519-dalek", "rusqlite", "lopdf", "printpdf"];

pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for (package, forbidden) in WALLS {
        let reachable = tree(root, package)?;
        for name in *forbidden {
            if reachable.iter().any(|found| found == name) {
                problems.push(format!(
                    "fence: `{package}` reaches `{name}`; run `cargo tree -p {package} -i {name} -e normal` and cut the path"
                ));
            }
        }
    }
    for (name, allowed) in ONLY {
        for manifest in manifests(root)? {
            let text = std::fs::read_to_string(&manifest)?;
            let package = manifest.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
            let names_it = text.lines().any(|line| line.split(['.', '=', ' ']).next() == Some(name));
            if names_it && !allowed.contains(&package.as_str()) {
                problems.push(format!("fence: {} names `{name}`, which only {} may", manifest.display(), allowed.join(", ")));
            }
        }
    }
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).context("Cargo.lock must be committed")?;
    for name in SINGLE {
        let count = lock.lines().filter(|line| *line == format!("name = \"{name}\"")).count();
        if count != 1 {
            problems.push(format!("fence: Cargo.lock holds {count} versions of `{name}`, one is allowed"));
        }
    }
    Ok(problems)
}

fn tree(root: &Path, package: &str) -> anyhow::Result<Vec<String>> {
    let output = Command::new("cargo")
        .args(["tree", "--locked", "--offline", "-p", package, "-e", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(root)
        .output()
        .context("cargo tree cannot be run")?;
    if !output.status.success() {
        bail!("cargo tree -p {package}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

fn manifests(root: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut found = vec![root.join("xtask/Cargo.toml")];
    for entry in std::fs::read_dir(root.join("crates"))? {
        found.push(entry?.path().join("Cargo.toml"));
    }
    found.retain(|path| path.is_file());
    Ok(found)
}
