//! `docs/TABLES.md`: rendered from what the engine says about itself, so that the page cannot say anything else.

use std::fmt::Write as _;

use privyseal_analytics::Engine;
use privyseal_core::port::{ColumnDoc, FunctionDoc, QueryDoc, TableDoc};
use serde_json::Value;

use crate::fixture::{Ledger, rows};
use crate::golden;

const HEAD: &str = "\
# Tables, functions and questions

What SQL over the audit data offers: every table, every function that is ours, and the questions that come with the program.
`crates/privyseal-analytics/tests/it/tables.rs` renders this page from `queries/` and the functions, and fails when they differ; change those, not this page.
`privyseal sql '.schema requests'`, `information_schema.columns` and the console show the same words.

## How to read this page

- A row is there as soon as the act that it tells of is recorded, sealed or not; every statement sees the whole log up to its snapshot.
- Every column exists since version 0.1, unless its meaning says since when.
  Columns are added, never renamed, removed or given another meaning, as the events behind them are.
- A value that was not recorded, not given, or is hidden, is NULL; where a column can be NULL, its meaning says when.
- Times are UTC with microseconds. Digests are SHA-256 as base64url without padding, unless a column says hex.
- `seq` is the position in the log, and the one order of everything: two events may have one time, never one `seq`.
- Tables with `valid_from` and `valid_to` hold what changes over time: a row holds from `valid_from` up to, but not including, `valid_to`.
  What still holds has `9999-12-31T23:59:59.999999Z` there, never NULL; `from_seq` and `to_seq` say the same as positions, with `9007199254740991` for what still holds.
- Rows of one key never overlap, so a join as of an event gives one row at most:

  ```sql
  SELECT e.seq, e.actor_id, p.person
  FROM events e
  LEFT JOIN persons p ON p.principal = e.actor_id AND p.from_seq <= e.seq AND e.seq < p.to_seq
  ```

";

/// A text in a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn columns(page: &mut String, columns: &[ColumnDoc]) {
    page.push_str("| Column | Type | Meaning |\n| --- | --- | --- |\n");
    for column in columns {
        writeln!(page, "| `{}` | {} | {} |", column.name, column.kind, cell(&column.meaning)).unwrap();
    }
    page.push('\n');
}

fn table(page: &mut String, table: &TableDoc) {
    writeln!(page, "### {}\n\n{}\n", table.name, table.meaning).unwrap();
    columns(page, &table.columns);
}

fn function(page: &mut String, function: &FunctionDoc) {
    writeln!(page, "### {}\n\n`{}`\n\n{}\n", function.name, function.usage, function.meaning).unwrap();
    writeln!(page, "```sql\n{}\n-- gives {}\n```\n", function.example, function.result).unwrap();
}

fn question(page: &mut String, query: &QueryDoc) {
    writeln!(page, "### {}\n\n**{}** {}\n", query.name, query.title, query.meaning).unwrap();
    if !query.parameters.is_empty() {
        page.push_str("| Parameter | Type | Default | Meaning |\n| --- | --- | --- | --- |\n");
        for parameter in &query.parameters {
            let default = match &parameter.default {
                Value::Null => "–".to_owned(),
                value => format!("`{value}`"),
            };
            writeln!(page, "| `{}` | {} | {default} | {} |", parameter.name, parameter.kind, cell(&parameter.meaning)).unwrap();
        }
        page.push('\n');
    }
    columns(page, &query.columns);
}

fn page(engine: &Engine) -> String {
    let mut page = HEAD.to_owned();
    page.push_str("## Tables\n\n| Table | A row is |\n| --- | --- |\n");
    for doc in engine.table_docs() {
        writeln!(page, "| [{0}](#{0}) | {1} |", doc.name, cell(&doc.meaning)).unwrap();
    }
    page.push('\n');
    for doc in engine.table_docs() {
        table(&mut page, doc);
    }
    page.push_str(
        "## Functions\n\nOur own functions, each with a statement that runs as a test. The usual functions of SQL are there, too, as far as they cannot hurt.\n\n",
    );
    for doc in engine.functions() {
        function(&mut page, doc);
    }
    page.push_str(
        "## Questions\n\nThe files of `queries/library/`, with `$name` where a parameter stands. A default of – is no value: the meaning says what holds then.\n\n",
    );
    for query in engine.library() {
        question(&mut page, query);
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

#[test]
fn the_page_says_what_the_engine_offers() {
    let engine = Ledger::new().engine();
    golden::compare("docs/TABLES.md", &page(&engine));
}

#[test]
fn the_schema_in_sql_has_the_same_words() {
    let engine = Ledger::new().engine();
    let told = rows(&engine, "SELECT table_name, column_name, data_type, meaning FROM information_schema.columns");
    let told: Vec<Vec<&str>> = told.iter().map(|row| row.iter().filter_map(Value::as_str).collect()).collect();
    let documented: Vec<Vec<&str>> = engine
        .table_docs()
        .iter()
        .flat_map(|doc| doc.columns.iter().map(move |column| vec![doc.name.as_str(), &column.name, &column.kind, &column.meaning]))
        .collect();
    assert_eq!(told, documented);
}

/// A meaning is a sentence that says more than the name.
#[test]
fn every_meaning_says_something() {
    let engine = Ledger::new().engine();
    let named = |place: String, column: &ColumnDoc| (place, column.name.clone(), column.meaning.clone());
    let mut all: Vec<(String, String, String)> = Vec::new();
    for doc in engine.table_docs() {
        all.extend(doc.columns.iter().map(|column| named(format!("queries/views/{}.sql", doc.name), column)));
    }
    for query in engine.library() {
        let place = format!("queries/library/{}.sql", query.name);
        all.extend(query.columns.iter().map(|column| named(place.clone(), column)));
        all.extend(query.parameters.iter().map(|parameter| (place.clone(), parameter.name.clone(), parameter.meaning.clone())));
    }
    let poor: Vec<String> = all
        .iter()
        .filter(|(_, name, meaning)| {
            let short = meaning.split_whitespace().count() < 2 && !["reason", "cause"].contains(&name.as_str());
            short || !meaning.ends_with('.') || meaning.to_lowercase() == format!("the {}.", name.replace('_', " "))
        })
        .map(|(place, name, meaning)| format!("{place}: `{name}`: {meaning}"))
        .collect();
    assert!(poor.is_empty(), "{}", poor.join("\n"));
}
