//! The main job: a command is held, sealed, run once, and proven.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Instance, Running, program, wait_for};

const EXEC: [&str; 11] = [
    "exec",
    "--action",
    "db.schema.apply",
    "--resource",
    "postgres:orders/prod",
    "--reason",
    "ORD-412 add an index on customer",
    "--",
    "sqlite3",
    "orders.db",
    ".read migration.sql",
];

/// A database and a migration, as in the README.
fn orders(instance: &Instance) {
    fs::write(instance.path().join("migration.sql"), "CREATE INDEX idx_customer ON orders (customer);\n").unwrap();
    let made = std::process::Command::new("sqlite3")
        .current_dir(instance.path())
        .args(["orders.db", "CREATE TABLE orders (id INTEGER, customer TEXT)"])
        .status();
    assert!(made.expect("sqlite3 is needed: tests/run installs it").success());
}

fn indexes(instance: &Instance) -> String {
    let listed = std::process::Command::new("sqlite3").current_dir(instance.path()).args(["orders.db", ".indexes"]).output().unwrap();
    String::from_utf8(listed.stdout).unwrap()
}

#[test]
fn a_command_waits_is_sealed_runs_once_and_is_proven() {
    let instance = Instance::start();
    orders(&instance);
    let admin = instance.admin();
    let mut exec = Running::start(instance.path(), &EXEC);
    exec.line_with("a person decides at");

    let request = admin.pending();
    let action = &request["action"];
    assert_eq!(action["parameters"]["argv"], serde_json::json!(["sqlite3", "orders.db", ".read migration.sql"]));
    let inputs: Vec<&str> = action["inputs"].as_array().unwrap().iter().map(|input| input["name"].as_str().unwrap()).collect();
    assert!(inputs.contains(&"migration.sql"), "{inputs:?}");
    assert!(inputs.iter().any(|name| name.ends_with("/sqlite3")), "the program itself is an input: {inputs:?}");
    assert_eq!(request["risk"]["tier"], "medium", "{}", request["risk"]);
    assert!(!request["risk"]["factors"].as_array().unwrap().is_empty());
    assert_eq!(indexes(&instance), "", "nothing has run");

    let (status, answer) = admin.review(&request, "approve");
    assert_eq!((status, &answer["state"]), (200, &Value::from("approved")), "{answer}");
    let ran = exec.finish();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(indexes(&instance).contains("idx_customer"));

    // The same grant again: refused, and nothing runs.
    let id = request["id"].as_str().unwrap();
    fs::remove_file(instance.path().join("orders.db")).unwrap();
    orders(&instance);
    let again = instance.run(&["exec", "--request", id, "--", "sqlite3", "orders.db", ".read migration.sql"]);
    assert_eq!(again.code, 77, "{}", again.stderr);
    assert!(again.stderr.contains("the grant has been used"), "{}", again.stderr);
    assert_eq!(indexes(&instance), "");

    let sql = |statement: &str| -> Value { serde_json::from_str(&instance.ok(&["sql", "--format", "json", statement]).stdout).unwrap() };
    wait_for("the outcome on record", || {
        let runs = sql("select state, exit_code from executions");
        (runs == serde_json::json!([{"state": "done", "exit_code": 0}])).then_some(())
    });
    instance.ok(&["seal"]);
    let counts = sql("select action, count(*) as n from requests group by 1");
    assert_eq!(counts, serde_json::json!([{"action": "db.schema.apply", "n": 1}]));
    let pack =
        instance.ok(&["evidence", "build", "--framework", "soc2", "--from", "2026-01-01", "--to", "2036-01-01", "--out", "pack.zip"]);
    assert!(pack.stderr.contains("controls tested"), "{}", pack.stderr);
    let verified = instance.ok(&["verify", "pack.zip"]);
    assert!(verified.stdout.starts_with("verified"), "{}", verified.stdout);
    instance.ok(&["verify"]);
    let replayed = instance.ok(&["replay"]);
    assert!(replayed.stdout.contains("1 approvals by people, 0 of them do not follow"), "{}", replayed.stdout);
}

#[test]
fn a_migration_that_changes_while_it_waits_does_not_run() {
    let instance = Instance::start();
    orders(&instance);
    let admin = instance.admin();
    let mut exec = Running::start(instance.path(), &EXEC);
    exec.line_with("a person decides at");
    let request = admin.pending();
    fs::write(instance.path().join("migration.sql"), "DROP TABLE orders;\n").unwrap();
    admin.review(&request, "approve");
    let ran = exec.finish();
    assert_eq!(ran.code, 77, "{}", ran.stderr);
    assert!(ran.stderr.contains("what would run is not what was approved"), "{}", ran.stderr);
    // Put back, the grant is still good: the attempt did not burn it.
    fs::write(instance.path().join("migration.sql"), "CREATE INDEX idx_customer ON orders (customer);\n").unwrap();
    let id = request["id"].as_str().unwrap();
    let resumed = instance.run(&["exec", "--request", id, "--", "sqlite3", "orders.db", ".read migration.sql"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert!(indexes(&instance).contains("idx_customer"));
}

#[test]
fn a_denied_command_does_not_run_and_says_so() {
    let instance = Instance::start();
    orders(&instance);
    let admin = instance.admin();
    let mut exec = Running::start(instance.path(), &EXEC);
    exec.line_with("a person decides at");
    admin.review(&admin.pending(), "deny");
    let ran = exec.finish();
    assert_eq!(ran.code, 77);
    assert!(ran.stderr.contains("denied: it was not run"), "{}", ran.stderr);
    assert_eq!(indexes(&instance), "");
}

#[test]
fn waiting_survives_a_restart_of_the_server() {
    let mut instance = Instance::start();
    orders(&instance);
    let port = instance.url.rsplit(':').next().unwrap().to_owned();
    let mut exec = Running::start(instance.path(), &EXEC);
    exec.line_with("a person decides at");
    instance.stop();
    // The client found its server in the data folder and goes on asking the same address.
    let mut server = Running::start(instance.path(), &["serve", "--listen", &format!("127.0.0.1:{port}")]);
    let link = server.line_with("sign in as admin").rsplit(' ').next().unwrap().to_owned();
    let admin = crate::support::Person::by_link(&instance.url, &link);
    let (status, answer) = admin.review(&admin.pending(), "approve");
    assert_eq!(status, 200, "{answer}");
    let ran = exec.finish();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
}

#[test]
fn the_exit_code_of_the_command_is_ours_and_on_record() {
    let instance = Instance::start();
    let mut arguments =
        vec!["exec", "--action", "infra.restart", "--resource", "k8s:web/dev", "--reason", "restart the test service", "--"];
    arguments.extend(["sh", "-c", "echo out; echo err >&2; exit 3"]);
    let ran = instance.run(&arguments);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, "out\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("err"));
    let runs: Value =
        serde_json::from_str(&instance.ok(&["sql", "--format", "json", "select state, exit_code from executions"]).stdout).unwrap();
    assert_eq!(runs, serde_json::json!([{"state": "failed", "exit_code": 3}]));
}

/// A reviewer agrees to less time: the command that waits follows, and runs what it was asked to run.
#[test]
fn a_command_that_waits_follows_a_request_with_tighter_limits() {
    let instance = Instance::start();
    orders(&instance);
    let admin = instance.admin();
    let mut exec = Running::start(instance.path(), &EXEC);
    exec.line_with("a person decides at");
    let id = admin.pending()["id"].as_str().unwrap().to_owned();
    let narrower = json!({"limits": {"seconds": 60}, "comment": "a minute is enough"});
    let (status, less) = admin.post(&format!("/v1/requests/{id}/narrow"), &narrower);
    assert_eq!(status, 201, "{less}");
    exec.line_with("put a narrower request in its place");
    let (status, answer) = admin.review(&less, "approve");
    assert_eq!((status, &answer["state"]), (200, &json!("approved")), "{answer}");
    let ran = exec.finish();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(indexes(&instance).contains("idx_customer"));
    let (_, done) = admin.get(&format!("/v1/requests/{}", less["id"].as_str().unwrap()));
    assert_eq!((&done["execution"]["state"], &done["grant"]["uses_left"]), (&json!("done"), &json!(0)), "{done}");
}

#[test]
fn a_command_does_not_run_with_another_value_of_a_variable_than_the_approved_one() {
    let instance = Instance::start();
    orders(&instance);
    let admin = instance.admin();
    let split = EXEC.iter().position(|argument| *argument == "--").unwrap();
    let with = |stage: &str, arguments: &[&str]| {
        let mut command = program();
        command.current_dir(instance.path()).env("STAGE", stage).env("ALPHA", "1").args(arguments);
        command
    };
    let named = [&EXEC[..split], &["--env", "STAGE", "--env", "ALPHA", "--env", "STAGE"], &EXEC[split..]].concat();
    let mut asking = with("blue", &named).spawn().unwrap();
    let request = admin.pending();
    asking.kill().unwrap();
    asking.wait().unwrap();
    let inputs = request["action"]["inputs"].as_array().unwrap().iter().filter(|input| input["kind"] == "environment");
    let environment: Vec<_> = inputs.map(|input| (input["name"].as_str().unwrap(), input["bytes"].as_u64().unwrap())).collect();
    assert_eq!(environment, [("ALPHA", 7), ("STAGE", 10)]);
    assert!(!request.to_string().contains("blue"), "only its digest is sent");
    admin.review(&request, "approve");
    // Going on with the request needs no naming again: what was approved says which variables count.
    let id = request["id"].as_str().unwrap();
    let resume = ["exec", "--request", id, "--", "sqlite3", "orders.db", ".read migration.sql"];
    let other = with("green", &resume).output().unwrap();
    assert_eq!(other.status.code(), Some(77), "{}", String::from_utf8_lossy(&other.stderr));
    assert_eq!(indexes(&instance), "");
    let same = with("blue", &resume).output().unwrap();
    assert_eq!(same.status.code(), Some(0), "{}", String::from_utf8_lossy(&same.stderr));
    assert!(indexes(&instance).contains("idx_customer"));
    let unset = instance.run(&[&EXEC[..split], &["--env", "NOT_SET_ANYWHERE"], &EXEC[split..]].concat());
    assert!(unset.code != 0 && unset.stderr.contains("--env NOT_SET_ANYWHERE: this variable is not set"), "{}", unset.stderr);
}
