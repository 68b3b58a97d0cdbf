//! `queries/tests/*.slt`: statements over the eventful ledger with their answers, read when the test runs.
//!
//! A change there needs no build: edit a view or a file and run the test again. `PRIVYSEAL_BLESS=1` writes the answers anew.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use privyseal_analytics::Engine;
use privyseal_core::port::{Analytics as _, QueryError, QueryLimits, Question};
use serde_json::Value;
use sqllogictest::{AsyncDB, ColumnType, DBOutput, Runner};

use crate::eventful::eventful;
use crate::fixture::run;
use crate::golden;

/// Types of columns, one letter each.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Double,
    Boolean,
    Timestamp,
    List,
    Bytes,
    Other,
}

impl ColumnType for Kind {
    fn from_char(letter: char) -> Option<Self> {
        Some(match letter {
            'T' => Kind::Text,
            'I' => Kind::Integer,
            'R' => Kind::Double,
            'B' => Kind::Boolean,
            'P' => Kind::Timestamp,
            'L' => Kind::List,
            'X' => Kind::Bytes,
            '?' => Kind::Other,
            _ => return None,
        })
    }

    fn to_char(&self) -> char {
        match self {
            Kind::Text => 'T',
            Kind::Integer => 'I',
            Kind::Double => 'R',
            Kind::Boolean => 'B',
            Kind::Timestamp => 'P',
            Kind::List => 'L',
            Kind::Bytes => 'X',
            Kind::Other => '?',
        }
    }
}

fn kind(name: &str) -> Kind {
    match name {
        "text" => Kind::Text,
        "bigint" | "integer" | "smallint" | "bigint unsigned" => Kind::Integer,
        "double" => Kind::Double,
        "boolean" => Kind::Boolean,
        "timestamp" => Kind::Timestamp,
        "bytes" => Kind::Bytes,
        list if list.ends_with("[]") => Kind::List,
        _ => Kind::Other,
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) if text.is_empty() => "(empty)".to_owned(),
        Value::String(text) => text.replace('\n', "\\n"),
        other => other.to_string(),
    }
}

struct Session(Arc<Engine>);

#[async_trait]
impl AsyncDB for Session {
    type Error = QueryError;
    type ColumnType = Kind;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Kind>, QueryError> {
        let answer = self.0.query(&Question::new(sql), QueryLimits { timeout_ms: 120_000, ..QueryLimits::default() }).await?;
        let types = answer.columns.iter().map(|column| kind(&column.kind)).collect();
        let rows = answer.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}
}

fn files() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(golden::path("queries/tests")).unwrap();
    let mut files: Vec<PathBuf> =
        folder.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "slt")).collect();
    files.sort();
    files
}

#[test]
fn every_statement_gives_its_answer() {
    let mut ledger = eventful();
    let engine = Arc::new(ledger.engine());
    let mut wrong = Vec::new();
    for file in files() {
        let mut runner = Runner::new(|| async { Ok(Session(Arc::clone(&engine))) });
        runner.with_column_validator(sqllogictest::strict_column_validator);
        if golden::blessing() {
            let written = runner.update_test_file(
                &file,
                " ",
                sqllogictest::default_validator,
                sqllogictest::default_normalizer,
                sqllogictest::strict_column_validator,
            );
            futures::executor::block_on(written).unwrap();
        } else if let Err(error) = runner.run_file(&file) {
            wrong.push(error.to_string());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Every view and every function of ours stands in some file.
#[test]
fn nothing_is_left_out() {
    let mut ledger = eventful();
    let engine = ledger.engine();
    let texts: String = files().iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let words: Vec<&str> = texts.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).collect();
    let read: BTreeSet<&str> = words.windows(2).filter(|pair| ["FROM", "JOIN"].contains(&pair[0])).map(|pair| pair[1]).collect();
    for table in engine.table_docs() {
        assert!(read.contains(table.name.as_str()), "no statement of queries/tests/ reads `{}`", table.name);
    }
    for function in engine.functions() {
        assert!(texts.contains(&format!("{}(", function.name)), "no statement of queries/tests/ calls `{}`", function.name);
    }
    // A view without rows would make every answer about it right.
    for table in engine.table_docs() {
        let rows = run(&engine, &format!("SELECT count(*) FROM {}", table.name)).unwrap().rows;
        assert_ne!(rows, [[Value::from(0)]], "the eventful ledger has nothing for `{}`", table.name);
    }
}
