//! The demonstration: a company's quarter through the real engine, with the whole range of outcomes, and evidence from it.

use serde_json::Value;

use crate::support::{ok, run};

#[test]
fn a_quarter_has_every_outcome_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let made = ok(folder.path(), &["demo", "--no-serve", "--requests", "400", "--seed", "3"]);
    assert!(made.stderr.contains("replayed"), "{}", made.stderr);
    let sql = |statement: &str| -> Value {
        let ran = ok(folder.path(), &["--data", "privyseal-demo", "sql", "--format", "json", statement]);
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let count = |statement: &str| sql(statement)[0]["n"].as_u64().unwrap();
    for (what, statement) in [
        ("straight through", "select count(*) as n from requests where state = 'approved' and mechanism = 'automatic'"),
        ("sealed by two", "select count(*) as n from events where kind = 'request.approved' and json_int(body, 'persons') >= 2"),
        ("denied by people", "select count(*) as n from requests where state = 'denied' and mechanism = 'review'"),
        ("expired", "select count(*) as n from requests where state = 'expired'"),
        ("withdrawn", "select count(*) as n from requests where state = 'cancelled'"),
        ("break-glass", "select count(*) as n from events where kind = 'breakglass.invoked'"),
        ("break-glass judged", "select count(*) as n from events where kind = 'breakglass.reviewed'"),
        (
            "refused self-approval",
            "select count(*) as n from events where kind = 'review.refused' and json_text(body, 'code') = 'subject_of_request'",
        ),
        ("failed run", "select count(*) as n from executions where state = 'failed'"),
        ("segments", "select count(*) as n from events where kind = 'segment.sealed'"),
    ] {
        assert!(count(statement) > 0, "nothing was {what}");
    }
    assert_eq!(count("select count(distinct principal) as n from principals where kind = 'agent'"), 6);
    assert_eq!(count("select count(distinct principal) as n from principals where kind = 'human'"), 12);

    let verified = ok(folder.path(), &["verify", "privyseal-demo"]);
    assert!(verified.stdout.starts_with("verified"), "{}", verified.stdout);
    let replayed = ok(folder.path(), &["--data", "privyseal-demo", "replay"]);
    assert!(replayed.stdout.contains("equal to what the log gives there"), "a clean close leaves a snapshot: {}", replayed.stdout);
    assert!(replayed.stdout.contains(", 0 differences") && !replayed.stdout.contains("not re-performed"), "{}", replayed.stdout);
    let (from, to) =
        (sql("select min(date_trunc('month', requested_at)) as t from requests"), sql("select max(requested_at) as t from requests"));
    let day = |value: &Value| value[0]["t"].as_str().unwrap().get(..10).unwrap().to_owned();
    for framework in ["soc2", "iso27001", "fedramp-moderate"] {
        let arguments = [
            "--data",
            "privyseal-demo",
            "evidence",
            "build",
            "--framework",
            framework,
            "--from",
            &day(&from),
            "--to",
            &day(&to),
            "--out",
            "pack.zip",
        ];
        ok(folder.path(), &arguments);
        ok(folder.path(), &["verify", "pack.zip"]);
    }
}

#[test]
fn a_demo_replaces_only_what_a_demo_made() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("precious")).unwrap();
    std::fs::write(folder.path().join("precious/file"), b"mine").unwrap();
    let refused = run(folder.path(), &["demo", "--no-serve", "--requests", "5", "--data", "precious"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("was not made by a demo"), "{}", refused.stderr);
    assert_eq!(std::fs::read(folder.path().join("precious/file")).unwrap(), b"mine");
    ok(folder.path(), &["demo", "--no-serve", "--requests", "5"]);
    ok(folder.path(), &["demo", "--no-serve", "--requests", "5"]);
}

#[test]
fn copies_of_a_demo_are_a_real_ledger_that_answers_every_question_of_the_benchmark() {
    let folder = tempfile::tempdir().unwrap();
    ok(folder.path(), &["demo", "--no-serve", "--requests", "30", "--data", "source"]);
    ok(folder.path(), &["bench", "sql", "--make", "copies", "--from", "source", "--events", "6500"]);
    let verified = ok(folder.path(), &["verify", "copies"]);
    let checked: u64 = verified.stdout.strip_prefix("verified\nchecked ").and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap();
    // A record per segment comes on top; a segment ends with its month.
    assert!((6_501..6_520).contains(&checked), "{}", verified.stdout);
    let again = run(folder.path(), &["bench", "sql", "--make", "copies", "--from", "source", "--events", "6500"]);
    assert!(again.stderr.contains("there is a ledger in copies already"), "{}", again.stderr);

    let asked = ok(folder.path(), &["bench", "sql", "--folder", "copies", "--times", "1"]);
    for what in ["01-count-by-day", "12-justifications"] {
        assert!(asked.stdout.contains(what), "{what} is not in {}", asked.stdout);
    }
}
