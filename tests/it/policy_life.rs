//! A policy's life: sound or not, published by people through the engine itself, and never around it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Instance, Person, Running};

/// The built-in policy with the changes of a test, in a folder.
fn policy(folder: &Path, change: impl Fn(String) -> String) {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../controls/policy");
    fs::create_dir_all(folder).unwrap();
    for name in ["default.cedar", "catalogue.toml"] {
        fs::write(folder.join(name), change(fs::read_to_string(built_in.join(name)).unwrap())).unwrap();
    }
}

/// Two people without passkeys may change it here; everything else is as built in.
fn without_passkey(text: String) -> String {
    text.replace(
        r#"@id("policy-change") @approvals("2 of group:security") @expires("2d") @assurance("passkey")"#,
        r#"@id("policy-change") @approvals("2 of group:security") @expires("2d")"#,
    )
}

fn versions(instance: &Instance) -> String {
    instance.ok(&["sql", "--format", "csv", "SELECT count(*) AS n FROM policies"]).stdout.lines().nth(1).unwrap().to_owned()
}

#[test]
fn a_policy_is_published_by_several_people_once() {
    let folder = tempfile::tempdir().unwrap();
    policy(folder.path(), without_passkey);
    let instance = Instance::with(&["--policy", folder.path().to_str().unwrap()]);
    let sec = instance.invite("sec", &["approver", "group:security"]);
    let people = [instance.admin(), Person::by_link(&instance.url, &sec)];

    // A new rule for a group in which nobody is: published all the same, and said.
    let mut text = fs::read_to_string(folder.path().join("default.cedar")).unwrap();
    text.push_str("\n@id(\"night-watch\") @approvals(\"1 of group:night\")\npermit (principal, action == Action::\"infra.restart\", resource) when { context.hour == 3 };\n");
    fs::write(folder.path().join("default.cedar"), text).unwrap();
    let mut publishing =
        Running::start(instance.path(), &["policy", "publish", folder.path().to_str().unwrap(), "--reason", "SEC-1 somebody at night"]);
    publishing.line_with("waiting for 2 of group:security");
    let request = people[0].pending();
    assert_eq!(request["action"]["inputs"].as_array().unwrap().len(), 2, "approvers read the files");
    for person in &people {
        let (status, answer) = person.review(&request, "approve");
        assert_eq!(status, 200, "{answer}");
    }
    let published = publishing.finish();
    assert_eq!(published.code, 0, "{}", published.stderr);
    let answer: Value = serde_json::from_str(&published.stdout).unwrap();
    // With two people in the house there are more rules that nobody can satisfy: those that want three, or groups of others.
    let nobody_can: Vec<&str> = answer["unsatisfiable"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(nobody_can.contains(&"night-watch") && nobody_can.contains(&"prod-reset"), "{answer}");
    assert!(!nobody_can.contains(&"iam") && !nobody_can.contains(&"policy-change"), "{answer}");
    assert_eq!(answer["version"], 2);
    assert!(published.stderr.contains("nobody can satisfy the rule `night-watch`"), "{}", published.stderr);
    assert_eq!(versions(&instance), "2");

    // The same approval again, for the same files: its grant is used up.
    let id = request["id"].as_str().unwrap();
    let again = instance.run(&["policy", "publish", folder.path().to_str().unwrap(), "--reason", "again", "--request", id]);
    assert_eq!(again.code, 1, "{}", again.stdout);
    assert!(again.stderr.contains("grant_used"), "{}", again.stderr);
    // And for other files.
    policy(folder.path(), without_passkey);
    let other = instance.run(&["policy", "publish", folder.path().to_str().unwrap(), "--reason", "other", "--request", id]);
    assert_eq!(other.code, 1);
    assert!(other.stderr.contains("policy_needs_approval"), "{}", other.stderr);
    assert_eq!(versions(&instance), "2");
}

#[test]
fn a_policy_that_is_denied_or_broken_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    policy(folder.path(), without_passkey);
    let instance = Instance::with(&["--policy", folder.path().to_str().unwrap()]);
    let path = folder.path().to_str().unwrap();
    let publishing = Running::start(instance.path(), &["policy", "publish", path, "--reason", "SEC-2 nothing new"]);
    let admin = instance.admin();
    let (status, answer) = admin.review(&admin.pending(), "deny");
    assert_eq!(status, 200, "{answer}");
    let denied = publishing.finish();
    assert_eq!(denied.code, 1);
    assert!(denied.stderr.contains("the change was not approved") && denied.stderr.contains("denied"), "{}", denied.stderr);

    policy(folder.path(), |text| text.replace("@approvals(\"2 of group:security\")", "@approvalls(\"2 of group:security\")"));
    let broken = instance.run(&["policy", "publish", path, "--reason", "SEC-3 a slip"]);
    assert_eq!(broken.code, 1);
    assert!(broken.stdout.contains("default.cedar:") && broken.stdout.contains("approvalls"), "{}", broken.stdout);
    let waiting = instance.ok(&["sql", "--format", "csv", "SELECT count(*) AS n FROM requests WHERE state = 'pending'"]).stdout;
    assert_eq!(waiting.lines().nth(1), Some("0"), "a broken policy is not even asked for");
    assert_eq!(versions(&instance), "1");
}
