//! Whatever is changed after the fact is found by the program that others run, and named.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Instance, ok, run};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// An instance with something in it, stopped and sealed, and a pack of it.
fn sealed() -> Instance {
    let mut instance = Instance::start();
    for number in 0..3 {
        let reason = format!("restart number {number}");
        instance.ok(&["exec", "--action", "infra.restart", "--resource", "k8s:web/dev", "--reason", &reason, "--", "true"]);
    }
    instance.ok(&["seal"]);
    instance.stop();
    instance.ok(&["evidence", "build", "--framework", "soc2", "--from", "2026-01-01", "--to", "2036-01-01", "--out", "pack.zip"]);
    instance
}

#[test]
fn a_flipped_byte_in_folder_or_pack_exits_1_and_names_the_place() {
    let instance = sealed();
    let ledger = instance.data().join("ledger");
    instance.ok(&["verify"]);
    for file in files(&ledger) {
        let name = format!("ledger/{}", file.strip_prefix(&ledger).unwrap().display());
        let bytes = fs::read(&file).unwrap();
        let mut damaged = bytes.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        fs::write(&file, &damaged).unwrap();
        let ran = instance.run(&["verify"]);
        assert_eq!(ran.code, 1, "{name}: {}", ran.stdout);
        assert!(ran.stdout.contains(&name), "{name}: {}", ran.stdout);
        fs::write(&file, &bytes).unwrap();
    }
    instance.ok(&["verify"]);

    let pack = instance.path().join("pack.zip");
    let bytes = fs::read(&pack).unwrap();
    for position in (0..bytes.len()).step_by(bytes.len() / 24) {
        let mut damaged = bytes.clone();
        damaged[position] ^= 1;
        fs::write(&pack, &damaged).unwrap();
        let ran = instance.run(&["verify", "pack.zip"]);
        assert_eq!(ran.code, 1, "byte {position}: {}", ran.stdout);
    }
    fs::write(&pack, &bytes).unwrap();
    instance.ok(&["verify", "pack.zip"]);
}

#[test]
fn a_remembered_head_a_range_and_progress_are_options_of_verify() {
    let instance = sealed();
    let head = instance.ok(&["checkpoint"]).stdout;
    fs::write(instance.path().join("head.txt"), &head).unwrap();
    instance.ok(&["verify", "--head", "head.txt", "--resume", "progress.json"]);
    assert!(!instance.path().join("progress.json").exists(), "a whole verification leaves no progress");
    instance.ok(&["verify", "--from", "0", "--to", "3"]);
    let report: serde_json::Value =
        serde_json::from_str(&instance.ok(&["verify", "--from", "2", "--to", "3", "--format", "json"]).stdout).unwrap();
    assert_eq!(report["entries"], 2, "{report}");
    assert_eq!(report["verdict"], "verified", "{report}");
    // A head of this log over more entries than there are cannot be signed here; one that is no head at all tells as much.
    fs::write(instance.path().join("head.txt"), head.replace('a', "b")).unwrap();
    assert_eq!(instance.run(&["verify", "--head", "head.txt"]).code, 1);
    for nothing in
        [&["verify", "--head", "missing.txt"][..], &["verify", "--from", "0", "--to", "999999"], &["verify", "pack.zip", "--event", "x"]]
    {
        assert_eq!(instance.run(nothing).code, 2, "{nothing:?}");
    }
}

#[test]
fn the_same_pack_is_built_again_byte_for_byte_outside_the_seal() {
    let instance = sealed();
    let digest = |file: &str| {
        let arguments =
            ["evidence", "build", "--format", "json", "--framework", "soc2", "--from", "2026-01-01", "--to", "2036-01-01", "--out", file];
        let value: serde_json::Value = serde_json::from_str(&instance.ok(&arguments).stdout).unwrap();
        value["pack_digest"].as_str().unwrap().to_owned()
    };
    assert_eq!(digest("one.zip"), digest("two.zip"));
}

#[test]
fn a_pack_verifies_on_a_machine_that_has_nothing_else() {
    let instance = sealed();
    let key = instance.ok(&["keys", "list"]).stdout;
    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(instance.path().join("pack.zip"), elsewhere.path().join("pack.zip")).unwrap();
    let ran = ok(elsewhere.path(), &["verify", "pack.zip", "--trusted-key", key.trim()]);
    assert!(ran.stdout.contains("as you gave it"), "{}", ran.stdout);
    let stranger = "other.example/privyseal/main+5f4b1e6a+AR1ZxEmGCKVUWHVvSDAkV3xmcq3tYPAzwtTK1bM4m4h7";
    let refused = run(elsewhere.path(), &["verify", "pack.zip", "--trusted-key", stranger]);
    assert_ne!(refused.code, 0, "{}", refused.stdout);
    assert_eq!(run(elsewhere.path(), &["verify", "missing.zip"]).code, 2, "what cannot be read cannot be told");
}
