//! `privyseal policy simulate` over the real program: what another policy would have done, in three forms, beside a server and without
//! one, and never a byte changed in the folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::Instance;

const PERIOD: [&str; 4] = ["--from", "2000-01-01", "--to", "2200-01-01"];

/// The built-in policy in a folder, changed.
fn candidate(instance: &Instance, name: &str, change: impl Fn(String, &str) -> String) -> PathBuf {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../controls/policy");
    let folder = instance.path().join(name);
    fs::create_dir(&folder).unwrap();
    for entry in fs::read_dir(built_in).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name().into_string().unwrap())).unwrap();
        if name.ends_with(".cedar") || name == "catalogue.toml" {
            fs::write(folder.join(&name), change(fs::read_to_string(path).unwrap(), &name)).unwrap();
        }
    }
    folder
}

fn simulate(instance: &Instance, candidate: &Path, more: &[&str]) -> crate::support::Ran {
    let mut arguments = vec!["policy", "simulate"];
    arguments.extend(PERIOD);
    arguments.push(candidate.to_str().unwrap());
    arguments.extend(more);
    instance.run(&arguments)
}

/// Every file of the folder with its bytes, without what a reader of SQLite keeps beside it.
fn bytes_of(folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            bytes_of(&path, into);
        } else if !name.ends_with("-shm") && !name.ends_with("-wal") {
            into.insert(path.clone(), fs::read(path).unwrap());
        }
    }
}

#[test]
fn another_policy_is_asked_about_what_was_really_asked() {
    let mut instance = Instance::start();
    for number in 0..4 {
        let (resource, reason) = (format!("k8s:web{number}/dev"), format!("restart number {number}"));
        instance.ok(&["exec", "--action", "infra.restart", "--resource", &resource, "--reason", &reason, "--", "true"]);
    }
    let same = candidate(&instance, "same", |text, _| text);
    let strict = candidate(&instance, "strict", |text, name| {
        let never = "\n@id(\"no-restarts\") @because(\"nothing is restarted\")\nforbid (principal, action == Action::\"infra.restart\", resource);\n";
        if name.ends_with(".cedar") { text + never } else { text }
    });

    // Beside the server.
    let told = simulate(&instance, &same, &[]);
    assert!(told.code == 0 && told.stdout.starts_with("no difference: every one of 4 requests"), "{}{}", told.stdout, told.stderr);
    instance.stop();

    let mut before = BTreeMap::new();
    bytes_of(&instance.data(), &mut before);
    let told = simulate(&instance, &strict, &[]);
    assert!(told.stdout.starts_with("of 4 requests 0 (0.0 %) would be routed as they were, 4 (100.0 %) differently"), "{}", told.stdout);
    assert!(told.stdout.contains("outcome: straight through -> refused"), "{}", told.stdout);
    assert!(
        told.stdout.contains("by no-restarts: now refuses") && told.stdout.contains("infra.restart on k8s:web0/dev"),
        "{}",
        told.stdout
    );
    assert_eq!(told.stderr, "", "data alone, and on standard output");

    let told: Value = serde_json::from_str(&simulate(&instance, &strict, &["--format", "json"]).stdout).unwrap();
    assert_eq!((&told["total"], &told["changed"], &told["groups"][0]["count"]), (&4.into(), &4.into(), &4.into()), "{told}");
    assert_eq!(told["groups"][0]["examples"].as_array().unwrap().len(), 3);
    assert_eq!(told["groups"][0]["after"]["outcome"], "refused");

    let page = instance.path().join("page.html");
    let told = simulate(&instance, &strict, &["--format", "html", "--out", page.to_str().unwrap()]);
    assert!(told.code == 0 && told.stdout.is_empty() && told.stderr.contains("wrote"), "{}{}", told.stdout, told.stderr);
    let page = fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("no-restarts") && page.contains("prefers-color-scheme: dark"));
    assert!(
        !page.contains("<script") && !page.contains("src=") && page.contains("default-src 'none'"),
        "one page, no script, nothing loaded"
    );

    // Requests for what the candidate does not know are neither the same nor another route.
    let unknown = candidate(&instance, "unknown", |text, _| text.replace("infra.restart", "infra.reboot"));
    let told = simulate(&instance, &unknown, &[]);
    assert!(
        told.stdout.contains("4 (100.0 %) cannot be judged: `infra.restart` is not in the candidate's action catalogue"),
        "{}",
        told.stdout
    );

    let mut after = BTreeMap::new();
    bytes_of(&instance.data(), &mut after);
    assert!(before == after, "a simulation wrote into the folder");
}

#[test]
fn the_period_is_half_open_and_bad_input_is_said() {
    let instance = Instance::start();
    instance.ok(&["exec", "--action", "infra.restart", "--resource", "k8s:web/dev", "--reason", "a restart", "--", "true"]);
    let same = candidate(&instance, "same", |text, _| text);
    let at = instance.ok(&["sql", "select requested_at from requests", "--format", "json"]).stdout;
    let at: Value = serde_json::from_str(&at).unwrap();
    let at = at[0]["requested_at"].as_str().unwrap();
    let told = |from: &str, to: &str| instance.run(&["policy", "simulate", "--from", from, "--to", to, same.to_str().unwrap()]);
    assert!(told(at, "2200-01-01").stdout.contains("every one of 1 requests"), "the first moment is inside");
    assert!(told("2000-01-01", at).stdout.starts_with("no request in this period"), "the last is not");
    let backwards = told("2200-01-01", "2000-01-01");
    assert!(backwards.code != 0 && backwards.stderr.contains("half-open"), "{}", backwards.stderr);

    let broken = candidate(&instance, "broken", |text, name| if name.ends_with(".cedar") { text + "permit (" } else { text });
    let ran = simulate(&instance, &broken, &[]);
    assert!(ran.code == 1 && ran.stdout.contains(".cedar"), "every problem, with its place: {}{}", ran.stdout, ran.stderr);
    let other = simulate(&instance, &same, &["--format", "parquet"]);
    assert!(other.code != 0 && other.stderr.contains("use text, json or html"), "{}", other.stderr);
}
