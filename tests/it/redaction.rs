//! Hidden values through the real program: asked, shown, run, disclosed alone, erased, and everything still proven.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Instance, Running, ok, run};

const SECRET: &str = "correct-horse-battery";
const REASON: &str = "DBA-7 the reporting user needs a new password";

fn exec(secret: &str) -> Vec<String> {
    let password = format!("password={secret}");
    ["exec", "--action", "infra.restart", "--resource", "k8s:web/prod", "--reason", REASON]
        .into_iter()
        .chain(["--param", &password, "--param", "user=reporting", "--", "sh", "-c", "echo done"])
        .map(str::to_owned)
        .collect()
}

fn arguments(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn sql(instance: &Instance, statement: &str) -> Value {
    serde_json::from_str(&instance.ok(&["sql", "--format", "json", statement]).stdout).unwrap()
}

/// Files below a folder that hold these bytes.
fn holding(folder: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else if std::fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_secret_is_asked_shown_run_disclosed_and_erased() {
    let instance = Instance::start();
    let admin = instance.admin();
    let words = exec(SECRET);
    let mut running = Running::start(instance.path(), &arguments(&words));
    running.line_with("a person decides at");

    // Shown in clear to who decides; nowhere in clear on the disk, and not in SQL.
    let request = admin.pending();
    let id = request["id"].as_str().unwrap().to_owned();
    assert_eq!(request["action"]["parameters"]["password"], SECRET);
    assert_eq!(request["justification"], REASON);
    assert_eq!(request["hidden"][0]["pointer"], "/body/parameters/password");
    assert_eq!(request["hidden"][0]["salt"], Value::Null, "who decides has no use for the salt");
    let page = page_of(&admin, &id);
    assert!(page.contains(SECRET) && page.contains("reporting user"), "{page}");
    for clear in [SECRET, "reporting user"] {
        assert_eq!(holding(&instance.data(), clear.as_bytes()), Vec::<String>::new());
    }
    let row = sql(&instance, "select event_id, justification, justification_chars, parameters from requests");
    assert_eq!((&row[0]["justification"], &row[0]["justification_chars"]), (&Value::Null, &json!(REASON.chars().count())));
    let parameters: Value = serde_json::from_str(row[0]["parameters"].as_str().unwrap()).unwrap();
    assert_eq!((&parameters["user"], parameters["password"]["#"].as_str().unwrap().len()), (&json!("reporting"), 43));
    let event = row[0]["event_id"].as_str().unwrap().to_owned();

    // Approved, and run with the same secret.
    assert_eq!(admin.review(&request, "approve").0, 200);
    let ran = running.finish();
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "done\n"), "{}", ran.stderr);

    // A pack and a disclosure made before the erasure.
    instance.ok(&["seal"]);
    instance.ok(&["evidence", "build", "--framework", "soc2", "--from", "2026-01-01", "--to", "2036-01-01", "--out", "before.zip"]);
    instance.ok(&["disclose", &event, "/body/parameters/password", "--out", "one.json"]);
    for target in ["privyseal-data", "before.zip"] {
        let shown = instance.ok(&["verify", target, "--disclosure", "one.json"]);
        assert!(shown.stdout.starts_with("shown: "), "{}", shown.stdout);
    }
    let lie = std::fs::read_to_string(instance.path().join("one.json")).unwrap().replace(SECRET, "incorrect-horse-battery");
    std::fs::write(instance.path().join("lie.json"), lie).unwrap();
    let refuted = instance.run(&["verify", "--disclosure", "lie.json", "before.zip"]);
    assert_eq!(refuted.code, 1, "{}", refuted.stdout);
    assert!(refuted.stdout.contains("not the one that was hidden"), "{}", refuted.stdout);

    // Erased: one value, then everything about its author.
    let key: Vec<u8> = subject_key(&instance, "person:operator");
    assert!(!holding(&instance.data(), &key).is_empty());
    instance.ok(&["redact", "--event", &event, "--pointer", "/body/parameters/password", "--reason", "it leaked"]);
    let status: Value = serde_json::from_str(&instance.ok(&["status", &id]).stdout).unwrap();
    assert!(status["hidden"][0]["erased_at"].is_string(), "{status}");
    assert_eq!(status["justification"], REASON);
    instance.ok(&["redact", "--subject", "operator", "--reason", "erasure request 17"]);
    let page = page_of(&admin, &id);
    assert!(page.contains("erased on") && !page.contains(SECRET) && !page.contains("reporting user"), "{page}");
    for gone in [SECRET.as_bytes(), b"reporting user", &key] {
        assert_eq!(holding(&instance.data(), gone), Vec::<String>::new());
    }
    let made = sql(&instance, "select json_text(body, 'pointer') as pointer from events where kind = 'redaction.made' order by seq");
    assert_eq!(made[0]["pointer"], "/body/parameters/password");
    assert_eq!(made.as_array().unwrap().len(), 3, "password, reason and name: {made}");

    // Nothing of the proof has moved, and what was disclosed before still stands.
    instance.ok(&["verify"]);
    assert!(instance.ok(&["replay"]).stdout.contains("1 approvals by people, 0 of them do not follow"));
    assert!(instance.ok(&["verify", "before.zip"]).stdout.starts_with("verified"));
    instance.ok(&["verify", "--disclosure", "one.json"]);
    let late = instance.run(&["disclose", &event, "/body/parameters/password", "--out", "late.json"]);
    assert_eq!(late.code, 1);
    assert!(late.stderr.contains("was erased at"), "{}", late.stderr);
}

/// The key under which values of a subject are kept, as somebody reads it who has the file.
fn subject_key(instance: &Instance, name: &str) -> Vec<u8> {
    let path = instance.data().join("private.sqlite");
    let query = format!("SELECT hex(key) FROM subject WHERE name = '{name}' AND key IS NOT NULL");
    let output = std::process::Command::new("sqlite3").arg(path).arg(query).output().expect("sqlite3 is needed: tests/run installs it");
    let hex = String::from_utf8(output.stdout).unwrap();
    privyseal_core::digest::from_hex(hex.trim()).filter(|key| key.len() == 32).unwrap_or_else(|| panic!("no key of {name}: {hex}"))
}

#[test]
fn another_secret_than_the_approved_one_does_not_run() {
    let instance = Instance::start();
    let admin = instance.admin();
    let words = exec(SECRET);
    let mut running = Running::start(instance.path(), &arguments(&words));
    running.line_with("a person decides at");
    let request = admin.pending();
    // The client is gone before anybody decides; whoever comes back with the grant must bring the same secret.
    running.child.kill().unwrap();
    running.finish();
    admin.review(&request, "approve");
    let id = request["id"].as_str().unwrap();
    let status: Value = serde_json::from_str(&instance.ok(&["status", id]).stdout).unwrap();
    assert!(status["hidden"][0]["salt"].is_string(), "the requester computes the digest of what runs with it");
    // What would run is compared under the salt, so the bare digest of an action with a guessed secret is refused.
    let mut guessed = status["action"].clone();
    guessed["parameters"]["password"] = json!("incorrect-horse-battery");
    let body = json!({"grant": status["grant"]["id"], "action_digest": digest(&guessed)});
    let (code, answer) = redeem(&instance, &body);
    assert_eq!((code, answer["code"].as_str()), (409, Some("action_changed")), "{answer}");
    let resumed = instance.run(&["exec", "--request", id, "--", "sh", "-c", "echo done"]);
    assert_eq!((resumed.code, resumed.stdout.as_str()), (0, "done\n"), "{}", resumed.stderr);
}

fn digest(action: &Value) -> String {
    let action: privyseal_core::action::Action = serde_json::from_value(action.clone()).unwrap();
    action.digest().unwrap().to_string()
}

fn redeem(instance: &Instance, body: &Value) -> (u16, Value) {
    let key = std::fs::read_to_string(instance.data().join("keys/cli.key")).unwrap();
    let request = crate::support::agent().post(format!("{}/v1/grants/redeem", instance.url));
    let mut answer = request.header("authorization", format!("Bearer {}", key.trim())).send_json(body).unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap())
}

#[test]
fn bad_input_is_refused_with_what_to_do() {
    let instance = Instance::start();
    let event = "01a208d6-f3f9-706c-87c9-378f6a326a46";
    for (arguments, words) in [
        (&["redact", "--reason", "x"][..], "required"),
        (&["redact", "--subject", "a b", "--reason", "x"], "names nobody: write person:<id> or principal:<id>"),
        (&["redact", "--subject", "nobody", "--reason", "x"], "nothing is kept about `person:nobody`"),
        (&["redact", "--subject", "operator", "--reason", " "], "say why"),
        (&["redact", "--subject", "operator", "--event", event, "--pointer", "/x", "--reason", "x"], "cannot be used with"),
        (&["redact", "--event", event, "--reason", "x"], "required"),
        (&["redact", "--event", "7", "--pointer", "/x", "--reason", "x"], "expected a UUID"),
        (&["redact", "--event", event, "--pointer", "/x", "--reason", "x"], "nothing is hidden at `/x`"),
        (&["disclose", event, "/body/name", "--out", "x.json"], "nothing is hidden at /body/name"),
        (&["verify", "--disclosure", "absent.json"], "cannot read the disclosure absent.json"),
    ] {
        let ran = instance.run(arguments);
        assert_ne!(ran.code, 0, "{arguments:?}");
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
    }
    // Without a server the same verb opens the folder itself.
    let folder = tempfile::tempdir().unwrap();
    ok(folder.path(), &["init"]);
    ok(folder.path(), &["redact", "--subject", "admin", "--reason", "left the company"]);
    let again = run(folder.path(), &["redact", "--subject", "admin", "--reason", "left the company"]);
    assert!(again.stderr.contains("nothing is kept about"), "{}", again.stderr);
    ok(folder.path(), &["verify"]);
}

/// The page of a request, as text.
fn page_of(person: &crate::support::Person, id: &str) -> String {
    let (status, page) = person.get(&format!("/requests/{id}"));
    assert_eq!(status, 200);
    page.as_str().unwrap().to_owned()
}
