//! Every view gives the same rows in DuckDB, over the same files, as in Privyseal: here over a company's quarter, through the program.
//!
//! `crates/privyseal-analytics/tests/it/duckdb.rs` does the same over a ledger in which everything happens.

use crate::python::{FOLDER, script};
use crate::support::{ok, say};

#[test]
fn the_quarter_is_the_same_in_another_engine() {
    let folder = tempfile::tempdir().unwrap();
    ok(folder.path(), &["demo", "--no-serve", "--requests", "300", "--seed", "5"]);
    let data = folder.path().join("privyseal-demo");
    let queries = format!("{FOLDER}/../queries");
    let arguments = [data.to_str().unwrap(), &queries, "--program", env!("CARGO_BIN_EXE_privyseal")];
    let (code, text) = script("duckdb", "compare.py", &arguments);
    assert_eq!(code, 0, "{text}");
    let views = std::fs::read_dir(format!("{queries}/views")).unwrap().count();
    assert!(text.starts_with(&format!("compared: {views} of {views} views, ")), "a view was left out: {text}");
    // What a demonstration does not do. A view that leaves this list, or joins it, is worth a look.
    let empty = "empty: delegations, evaluations, exceptions, observations, queries, reports";
    assert_eq!(text.lines().last(), Some(empty), "{text}");
    say(&text);
}
