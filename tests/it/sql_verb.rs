//! `privyseal sql` as people use it: values, questions by name, tables on a terminal, the prompt.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Ran, ok, program, run};

/// A folder with the data of a new instance.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    ok(folder.path(), &["init"]);
    folder
}

fn rows(folder: &Path, arguments: &[&str]) -> Value {
    let ran = ok(folder, &[&["sql", "--format", "json"], arguments].concat());
    assert_eq!(ran.stderr, "", "nothing beside the answer that a script reads");
    serde_json::from_str(&ran.stdout).unwrap()
}

fn fails(folder: &Path, arguments: &[&str]) -> String {
    let ran = run(folder, &[&["sql"], arguments].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{arguments:?}: {}", ran.stderr);
    ran.stderr
}

fn with_stdin(folder: &Path, arguments: &[&str], input: &str) -> Ran {
    let mut command = program();
    command.current_dir(folder).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs the program on a terminal of this size, with these keys typed; what the terminal showed.
fn on_terminal(folder: &Path, size: (u16, u16), arguments: &str, keys: &str) -> String {
    let command = format!("stty rows {} cols {}; {} sql {arguments}", size.0, size.1, env!("CARGO_BIN_EXE_privyseal"));
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &command, "/dev/null"]).current_dir(folder).env("TERM", "xterm").env_remove("PAGER");
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(keys.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments}: {shown}");
    shown
}

#[test]
fn values_come_from_the_command_line_and_statements_from_anywhere() {
    let folder = folder();
    let at = folder.path();
    let statement = "SELECT $a AS a, $b AS b, $c AS c, array_has($list, 'x') AS has";
    let values = ["--param", "a=30", "--param", "b=30 days", "--param", "c=null", "--param", "list:=[\"x\",\"y\"]"];
    let expected = json!([{"a": 30, "b": "30 days", "c": null, "has": true}]);
    assert_eq!(rows(at, &[&[statement], &values[..]].concat()), expected);
    fs::write(at.join("question.sql"), statement).unwrap();
    assert_eq!(rows(at, &[&["--file", "question.sql"], &values[..]].concat()), expected);
    let piped = with_stdin(at, &[&["sql", "--format", "json"], &values[..]].concat(), statement);
    assert_eq!(serde_json::from_str::<Value>(&piped.stdout).unwrap(), expected);
    assert_eq!(rows(at, &["SELECT count(*) AS n FROM events", "--as-of-seq", "1"]), json!([{"n": 2}]));
    assert_eq!(rows(at, &["SELECT count(*) AS n FROM events AS OF SEQ 0"]), json!([{"n": 1}]));
    for (arguments, words) in [
        (&["SELECT $a"][..], "the parameter `$a` has no value"),
        (&["SELECT $day", "--param", "days=1", "--param", "day=1"], "no parameter `$days`: did you mean `day`"),
        (&["SELECT $a", "--param", "a"], "write NAME=VALUE"),
        (&["SELECT $a", "--param", "a:=["], "behind `:=` stands JSON"),
        (&["SELECT 1", "--format", "html"], "no HTML form"),
        (&["SELECT 1", "--as-of-seq", "999999"], "there is no entry 999999 yet"),
    ] {
        let told = fails(at, arguments);
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
    let empty = with_stdin(at, &["sql"], " \n");
    assert!(empty.code == 1 && empty.stderr.contains("there is no statement"), "{}", empty.stderr);
}

#[test]
fn errors_show_the_place() {
    let folder = folder();
    let told = fails(folder.path(), &["SELECT kind,\n  tiem FROM events"]);
    assert!(told.contains("`time`"), "{told}");
    assert!(told.ends_with("\n   2 |   tiem FROM events\n         ^\n"), "{told}");
}

#[test]
fn what_can_be_asked_is_told() {
    let folder = folder();
    let at = folder.path();
    for (command, words) in [
        (".schema", &["requests ", "One row per request"][..]),
        (".schema requests", &["requested_at", "timestamp"]),
        (".functions", &["json_text(json", "gives"]),
        (".functions leaf_hash", &["leaf_hash("]),
        (".library", &["approval-latency ", "How long approvals take"]),
        (".library approval-latency", &["Parameters", "First moment of the period", "(default: none)", "Columns", "WITH period AS"]),
    ] {
        let told = ok(at, &["sql", command]).stdout;
        assert!(words.iter().all(|word| told.contains(word)), "{command}: {told}");
        assert!(serde_json::from_str::<Value>(&ok(at, &["sql", "--format", "json", command]).stdout).is_ok(), "{command}");
    }
    for (command, words) in [
        (".schema nothing", "there is no table `nothing`; there are"),
        (".functions nothing", "`nothing` is no function of ours"),
        (".library approval-speed", "near it: approval-latency"),
        (".nothing", "there is no `.nothing`"),
    ] {
        let told = fails(at, &[command]);
        assert!(told.contains(words), "{command}: {told}");
    }
}

#[test]
fn questions_are_asked_by_name() {
    let folder = folder();
    let at = folder.path();
    let sql = ok(at, &["sql", "--format", "json", ".library quick-approvals"]).stdout;
    let doc: Value = serde_json::from_str(&sql).unwrap();
    assert_eq!(doc["parameters"][2]["default"], json!(10));
    assert_eq!(rows(at, &["--library", "quick-approvals"]), json!([]));
    assert_eq!(rows(at, &["--library", "quick-approvals", "--param", "seconds=5", "--param", "start=2026-01-01"]), json!([]));
    for (arguments, words) in [
        (&["--library", "quick-approvals", "--param", "seconds=soon"][..], "--param seconds takes an integer, not `soon`"),
        (&["--library", "quick-approvals", "--param", "secs=5"], "no parameter `$secs`"),
        (&["--library", "quick"], "there is no question `quick` in the library; near it: quick-approvals"),
    ] {
        let told = fails(at, arguments);
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
}

#[test]
fn every_format_is_what_it_says() {
    let folder = folder();
    let at = folder.path();
    let statement = "SELECT 1 AS n, '=1+1' AS formula, CAST(NULL AS TEXT) AS nothing, 'NULL' AS word";
    let table = ok(at, &["sql", statement]);
    assert_eq!(table.stdout, "n  formula  nothing  word\n─  ───────  ───────  ──────\n1  =1+1     NULL     'NULL'\n");
    assert!(table.stderr.starts_with("1 row in ") && table.stderr.contains(" ms, over "), "{}", table.stderr);
    assert_eq!(rows(at, &[statement]), json!([{"n": 1, "formula": "=1+1", "nothing": null, "word": "NULL"}]));
    let csv = ok(at, &["sql", "--format", "csv", statement]);
    assert_eq!((csv.stdout.as_str(), csv.stderr.as_str()), ("n,formula,nothing,word\r\n1,'=1+1,,NULL\r\n", ""));
    let bytes = |format: &str| {
        let output = program().current_dir(at).args(["sql", "--format", format, statement]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{format}");
        output.stdout
    };
    let parquet = bytes("parquet");
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    assert!(bytes("arrow").starts_with(&[0xff; 4]));
    let cut = ok(at, &["sql", "--limit", "1", "SELECT kind FROM events"]);
    assert!(cut.stderr.contains("cut at the first 1 rows"), "{}", cut.stderr);
}

#[test]
fn a_terminal_gets_what_fits_and_a_pager_the_rest() {
    let folder = folder();
    let at = folder.path();
    let (long, wide) = ("'SELECT seq, kind FROM events'", format!("\"SELECT 7 AS n, '{}' AS wide\"", "x".repeat(200)));
    // Short enough: no pager, cut to the width.
    let shown = on_terminal(at, (20, 40), &format!("{wide} --pager 'cat > paged'"), "");
    assert!(shown.contains("…") && !shown.contains(&"x".repeat(40)) && !at.join("paged").exists(), "{shown}");
    // Whole values are wider than the terminal.
    on_terminal(at, (20, 40), &format!("{wide} --wide --pager 'cat > paged-wide'"), "");
    assert!(fs::read_to_string(at.join("paged-wide")).unwrap().contains(&"x".repeat(200)));
    // Longer than the terminal.
    on_terminal(at, (5, 80), &format!("{long} --pager 'cat > paged-long'"), "");
    assert!(fs::read_to_string(at.join("paged-long")).unwrap().lines().count() > 5);
    let shown = on_terminal(at, (5, 80), &format!("{long} --no-pager --pager 'cat > paged-never'"), "");
    assert!(shown.contains("ledger") && !at.join("paged-never").exists(), "{shown}");
    // A pager that is not there is none.
    let shown = on_terminal(at, (5, 80), &format!("{long} --pager no-such-pager"), "");
    assert!(shown.lines().count() > 8, "{shown}");
}

#[test]
fn a_prompt_asks_until_one_leaves() {
    let folder = folder();
    let keys = ".schema clock_samples\nselect 41 + 1\nas answer;\nselect kind from clock_s\tX;\n.nothing\n.quit\n";
    let shown = on_terminal(folder.path(), (50, 100), "", keys);
    for words in ["`.help` says how", "sampled", "...> ", "answer", "42", "clock_samplesX", "there is no `.nothing`"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}
