//! What an enemy or a tired person sends: one clear line that says what to do, the right code, nothing half done.

use std::fs;
use std::net::TcpListener;

use serde_json::json;

use crate::support::{Instance, Ran, agent, ok, read, run};

fn check(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, code, "{}\n{}", ran.stdout, ran.stderr);
    for wanted in words {
        assert!(ran.stderr.contains(wanted), "`{wanted}` is not in: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}

fn entries(instance: &Instance) -> String {
    instance.ok(&["sql", "--format", "json", "select count(*) as n from events where kind like 'request.%'"]).stdout
}

#[test]
fn asks_that_cannot_be_meant() {
    let instance = Instance::start();
    let before = entries(&instance);
    let exec = |action: &str, resource: &str, more: &[&str]| {
        let mut arguments = vec!["exec", "--action", action, "--resource", resource, "--reason", "a reason that is long enough"];
        arguments.extend(more);
        arguments.extend(["--", "true"]);
        instance.run(&arguments)
    };
    check(
        &exec("db.schema.aply", "postgres:orders/prod", &[]),
        77,
        &["`db.schema.aply` is not in the action catalogue", "did you mean `db.schema.apply`?"],
    );
    check(&exec("db.schema.apply", "orders/prod", &[]), 1, &["does not name a resource: write type:id"]);
    check(&exec("db.schema.apply", "postgres:orders/prod", &["--param", "x"]), 1, &["write --param name=value"]);
    check(&exec("db.schema.apply", "postgres:or\u{202e}ders/prod", &[]), 1, &["does not name a resource"]);
    check(&exec("db.schema.apply", "postgres:orders/prod", &["--input", "missing.sql"]), 1, &["cannot read the input missing.sql"]);
    assert_eq!(entries(&instance), before, "nothing was recorded");
}

#[test]
fn characters_that_deceive_are_refused_in_production_and_on_record() {
    let instance = Instance::start();
    let ran = instance.run(&[
        "exec",
        "--action",
        "infra.restart",
        "--resource",
        "k8s:web/prod",
        "--reason",
        "restart the web tier, OPS-1",
        "--",
        "echo",
        "safe\u{202e}gnihton",
    ]);
    check(&ran, 77, &["what runs in production must be readable as it is"]);
    let kinds = instance.ok(&["sql", "--format", "csv", "select kind from events where kind like 'request.%' order by seq"]).stdout;
    assert_eq!(kinds.lines().collect::<Vec<_>>(), ["kind", "request.submitted", "request.denied"]);
}

#[test]
fn calls_that_are_malformed() {
    let instance = Instance::start();
    let key = fs::read_to_string(instance.data().join("keys/cli.key")).unwrap();
    let url = format!("{}/v1/requests", instance.url);
    let send = |body: Vec<u8>, kind: &str| {
        read(
            agent()
                .post(&url)
                .header("authorization", format!("Bearer {}", key.trim()))
                .header("content-type", kind)
                // A body that is too large is refused before it is sent, so that the answer can be read.
                .header("expect", "100-continue")
                .send(&body[..])
                .unwrap(),
        )
    };
    let good =
        json!({"action": "infra.restart", "resource": {"type": "k8s", "id": "web/dev"}, "justification": "a reason that is long enough"});
    let with = |member: &str, value: serde_json::Value| {
        let mut body = good.clone();
        body[member] = value;
        body.to_string().into_bytes()
    };
    let deep = |parameters: &str| {
        let text = with("parameters", json!("HERE"));
        String::from_utf8(text).unwrap().replace("\"HERE\"", parameters).into_bytes()
    };
    let before = entries(&instance);
    for (what, body, status, code) in [
        ("5 MB of parameters", with("parameters", json!({"x": "y".repeat(5_000_000)})), 413, "too_large"),
        ("40 KB of parameters", with("parameters", json!({"x": "y".repeat(40_000)})), 422, "invalid"),
        (
            "a number beyond 2^53, which some readers would round",
            with("parameters", json!({"x": 9_007_199_254_740_993_i64})),
            422,
            "invalid",
        ),
        ("a negative number beyond 2^53", with("parameters", json!({"x": -9_007_199_254_740_993_i64})), 422, "invalid"),
        ("a member twice, deep inside", deep(r#"{"a":[{"b":1,"b":2}]}"#), 400, "not_json"),
        ("nested a thousand deep", deep(&format!("{{\"x\":{}{}}}", "[".repeat(1_000), "]".repeat(1_000))), 400, "not_json"),
        ("a fraction", with("parameters", json!({"x": 0.5})), 422, "invalid"),
        ("an unknown member", with("priority", json!("high")), 422, "invalid"),
        ("no reason", with("justification", json!("")), 422, "invalid"),
        ("an unknown action", with("action", json!("no.such")), 422, "unknown_action"),
        ("a member twice", br#"{"action":"infra.restart","action":"infra.reset"}"#.to_vec(), 400, "not_json"),
        ("not JSON", b"{".to_vec(), 400, "not_json"),
        (
            "content that is not the input",
            with("inputs", json!([{"kind": "file", "name": "a", "sha256": "A".repeat(43), "bytes": 1, "content": "AA"}])),
            422,
            "invalid",
        ),
    ] {
        let (got, answer) = send(body, "application/json");
        assert_eq!((got, answer["code"].as_str()), (status, Some(code)), "{what}: {answer}");
        assert!(answer["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{what}");
    }
    assert_eq!(send(good.to_string().into_bytes(), "text/plain").0, 415);
    assert_eq!(read(agent().post(&url).header("content-type", "application/json").send(good.to_string()).unwrap()).0, 401);
    assert_eq!(entries(&instance), before, "nothing was recorded");
    assert_eq!(send(good.to_string().into_bytes(), "application/json").0, 201, "and what is right still goes through");
}

#[test]
fn folders_and_ports_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    check(&run(folder.path(), &["serve"]), 1, &["there is no Privyseal instance", "privyseal init"]);
    check(&run(folder.path(), &["sql", "select 1"]), 1, &["there is no Privyseal instance"]);
    // Copied with the end of its line, for example out of a spreadsheet.
    for verb in [["status", "01a20a94-379d-70ac-8e70-ccdb7e3bd5b3\r"].as_slice(), &["exec", "--request", "nothing", "--", "true"]] {
        check(&run(folder.path(), verb), 2, &["invalid value"]);
    }
    fs::write(folder.path().join("file"), b"x").unwrap();
    check(&run(folder.path(), &["init", "--data", "file/below"]), 1, &["cannot use the data folder"]);
    check(&run(folder.path(), &["init", "--admin", "a", "--operator", "a"]), 1, &["must be two people"]);
    ok(folder.path(), &["init"]);
    check(&run(folder.path(), &["init"]), 1, &["there is a Privyseal instance"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    check(&run(folder.path(), &["serve", "--listen", &address]), 1, &["is in use", "choose another"]);
    let port = taken.local_addr().unwrap().port().to_string();
    check(&run(folder.path(), &["demo", "--port", &port]), 1, &["is in use"]);
    assert!(!folder.path().join("privyseal-demo").exists(), "nothing was made before the port was known");
    fs::write(folder.path().join("privyseal-data/privyseal.toml"), "[server]\nport = 1\n").unwrap();
    check(&run(folder.path(), &["serve"]), 1, &["unknown field `port`"]);
}

#[test]
fn a_broken_policy_is_named_by_file_and_line_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy");
    fs::create_dir(&policy).unwrap();
    fs::write(policy.join("catalogue.toml"), "[[action]]\nid = \"a.b\"\ntitle = \"A\"\nclass = \"data\"\nreversibility = \"costly\"\n")
        .unwrap();
    fs::write(policy.join("rules.cedar"), "@id(\"x\") @approvals(\"1 of nobody\")\npermit (principal, action, resource);\npermit (")
        .unwrap();
    let ran = run(folder.path(), &["init", "--policy", "policy"]);
    check(&ran, 1, &["the policy cannot be used", "rules.cedar:"]);
    assert!(!folder.path().join("privyseal-data").exists());
    assert_eq!(run(folder.path(), &["policy", "check", "policy"]).code, 1);
    ok(folder.path(), &["policy", "check"]);
    ok(folder.path(), &["policy", "test"]);
}

#[test]
fn a_truncated_segment_is_one_clear_line() {
    let mut instance = Instance::start();
    instance.ok(&["seal"]);
    instance.stop();
    let events = instance.data().join("ledger/events");
    let segment = walk(&events).pop().unwrap();
    let bytes = fs::read(&segment).unwrap();
    fs::write(&segment, &bytes[..bytes.len() / 2]).unwrap();
    let ran = instance.run(&["sql", "select count(*) from events"]);
    check(&ran, 1, &["parquet", "privyseal verify"]);
    assert_eq!(instance.run(&["verify"]).code, 1);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn statements_that_are_not_questions() {
    let instance = Instance::start();
    for (statement, words) in [
        ("drop table events", "only"),
        ("select * from reqests", "requests"),
        ("select acton from requests", "action"),
        ("select 1; select 2", "one statement"),
        ("select * from '/etc/passwd'", "no table"),
        ("copy events to 'x'", "only"),
    ] {
        let ran = instance.run(&["sql", statement]);
        assert_eq!(ran.code, 1, "{statement}: {}", ran.stdout);
        assert!(ran.stderr.contains(words), "{statement}: {}", ran.stderr);
    }
}

/// Told before it is published, not on the day when somebody needs it.
#[test]
fn a_policy_that_nobody_can_satisfy_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy");
    std::fs::create_dir(&policy).unwrap();
    let action = "[[action]]\nid = \"db.read\"\ntitle = \"Read\"\nclass = \"data\"\nreversibility = \"reversible\"\n";
    std::fs::write(policy.join("catalogue.toml"), action).unwrap();
    let rule = |id: &str, approvals: &str| format!("@id(\"{id}\") @approvals(\"{approvals}\")\npermit (principal, action, resource);\n");
    let rules = format!("{}{}", rule("possible", "1 of user:admin"), rule("impossible", "1 of group:nobody-is-in-it"));
    std::fs::write(policy.join("rules.cedar"), rules).unwrap();
    let check = || crate::support::ok(folder.path(), &["policy", "check", "policy"]).stderr;
    assert!(!check().contains("nobody can satisfy"), "without an instance there is nobody to ask about");
    crate::support::ok(folder.path(), &["init"]);
    let told = check();
    assert!(told.contains("the rule `impossible`") && !told.contains("`possible`"), "{told}");
}
