//! `/sql`: the console of auditors. Every statement is an event, and the page says so.

mod chart;
mod history;
mod sample;

pub use chart::{Bar, Chart, Form, Measure, Series};
pub use history::{Past, SqlHistoryPage};

use askama::Template;

use super::mark;
use super::number::{Count, Hash};
use super::shell::Shell;
use super::text::Untrusted;

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "sql.html")]
pub struct SqlPage {
    /// The frame.
    pub shell: Shell,
    /// The statement in the editor.
    pub statement: Untrusted,
    /// The kept query that it was taken from.
    pub kept: Option<Kept>,
    /// Fields for the values of its parameters.
    pub fields: Vec<Field>,
    /// The entry that shall be the newest; empty for the newest of all.
    pub as_of: Untrusted,
    /// Why that is none.
    pub as_of_problem: Option<String>,
    /// Tables and views.
    pub tables: Vec<Table>,
    /// Our own functions.
    pub functions: Vec<Function>,
    /// Questions that come with the program.
    pub saved: Vec<SavedQuery>,
    /// What came of the statement.
    pub answer: Answer,
    /// Most rows that are handed out.
    pub max_rows: Count,
    /// Longest running time in seconds.
    pub max_seconds: Count,
}

impl SqlPage {
    /// How many characters of the statement deceive the eye: it may have come with a link, and the editor cannot mark them.
    fn deceptive(&self) -> usize {
        privyseal_core::text::deceptive(self.statement.verbatim(), 99).len()
    }

    /// Whether the editor holds this question.
    fn is_kept(&self, query: &SavedQuery) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.title == query.title)
    }
}

/// What an answer can be downloaded as: the value of `format`, and its name.
const DOWNLOADS: [(&str, &str); 4] = [("csv", "CSV"), ("jsonl", "JSON lines"), ("parquet", "Parquet"), ("arrow", "Arrow")];

/// One table or view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// What a row is.
    pub meaning: String,
    /// Its columns.
    pub columns: Vec<Column>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its SQL type.
    pub kind: String,
    /// What it means, when it is null.
    pub meaning: String,
}

/// One of our own functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub usage: &'static str,
    /// What it gives.
    pub meaning: &'static str,
    /// A statement that uses it.
    pub example: &'static str,
    /// Where that opens in the editor.
    pub href: String,
}

/// A question that comes with the program, in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedQuery {
    /// What it asks.
    pub title: Untrusted,
    /// Where it opens in the editor.
    pub href: String,
}

/// The question that the editor holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name in the library.
    pub name: String,
    /// What it asks.
    pub title: Untrusted,
    /// How to read its answer.
    pub meaning: Untrusted,
}

/// The field for the value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The parameter, without `$`.
    pub name: Untrusted,
    /// Its type, where a kept query declares one; otherwise the type that was chosen, `look` by default.
    pub kind: String,
    /// Whether the type is declared.
    pub declared: bool,
    /// What stands in it.
    pub value: Untrusted,
    /// What the parameter does; empty when nobody says.
    pub meaning: Untrusted,
    /// What is wrong with its value.
    pub problem: Option<Untrusted>,
}

impl Field {
    /// What a value of a declared type looks like.
    fn hint(&self) -> &'static str {
        match self.kind.as_str() {
            "integer" => "a whole number",
            "boolean" => "true or false",
            "timestamp" => "a moment in UTC, or empty",
            "text[]" => "texts with commas between them",
            _ => "text",
        }
    }

    fn placeholder(&self) -> &'static str {
        match self.kind.as_str() {
            "timestamp" => "2026-07-01",
            _ => "",
        }
    }
}

/// Types that can be chosen for a parameter of which nothing is known: the value of the choice, and its name.
const KINDS: [(&str, &str); 6] = [
    ("look", "by its look"),
    ("text", "text"),
    ("integer", "whole number"),
    ("boolean", "true or false"),
    ("text[]", "list of texts"),
    ("null", "NULL"),
];

/// What came of a statement.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Nothing was run yet.
    None,
    /// Nothing was run, because values are missing or are none.
    Unfilled,
    /// Rows.
    Rows(Box<Rows>),
    /// A refusal or failure.
    Problem(Problem),
}

/// Rows of an answer.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Columns: name and type.
    pub columns: Vec<(Untrusted, String)>,
    /// Cells; `None` is SQL's NULL.
    pub rows: Vec<Vec<Option<Untrusted>>>,
    /// Rows that the statement gave, as far as they are known.
    pub total: Count,
    /// Rows were cut at the limit.
    pub truncated: bool,
    /// Rows are left out of the page, though not of the downloads.
    pub shown_only: bool,
    /// Milliseconds it took.
    pub took_ms: Count,
    /// Entries of the log that it saw.
    pub snapshot: Count,
    /// Digest of the result.
    pub digest: Hash,
    /// Sequence number of the event that records the statement.
    pub event: Count,
    /// The question exactly as it was asked, for downloads of the same answer.
    pub asked: Asked,
    /// The rows as a picture, when they make one.
    pub chart: Option<Chart>,
}

/// A question as it was asked, over the entries that it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The statement.
    pub statement: Untrusted,
    /// The values of its parameters, as a JSON object.
    pub parameters: Untrusted,
    /// The entry that was the newest one.
    pub as_of: u64,
}

impl Rows {
    /// The cells of a row, each with its class.
    fn cells<'a>(&'a self, row: &'a [Option<Untrusted>]) -> Vec<(&'static str, &'a Option<Untrusted>)> {
        self.columns.iter().map(|(_, kind)| cell_class(kind)).zip(row).collect()
    }
}

/// How cells of this type are set: numbers stand below each other, moments stay on a line.
fn cell_class(kind: &str) -> &'static str {
    if chart::is_numeric(kind) {
        "num"
    } else if chart::is_moment(kind) {
        "nowrap"
    } else {
        ""
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `refused`, `limit` or `failed`.
    pub kind: ProblemKind,
    /// What the engine says.
    pub message: Untrusted,
    /// Where in the statement, when it is known.
    pub place: Option<ProblemPlace>,
}

/// What sort of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The statement is not allowed or not understood.
    Refused,
    /// It went over a limit.
    Limit,
    /// Our own failure.
    Failed,
}

impl ProblemKind {
    fn title(self) -> &'static str {
        match self {
            ProblemKind::Refused => "The statement was refused",
            ProblemKind::Limit => "The statement went over a limit",
            ProblemKind::Failed => "Privyseal could not run the statement",
        }
    }
}

/// A place in the statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemPlace {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Offset in UTF-16 code units from the start, for the editor.
    pub offset: usize,
    /// The line up to the place.
    pub before: Untrusted,
    /// The line from the place on.
    pub after: Untrusted,
}

impl ProblemPlace {
    /// The place at this line and column (both from 1, in characters) of a statement; `None` when it has no such place.
    #[must_use]
    pub fn find(statement: &str, line: usize, column: usize) -> Option<Self> {
        let text = statement.split('\n').nth(line.checked_sub(1)?)?;
        let before: String = text.chars().take(column.checked_sub(1)?).collect();
        let after: String = text.chars().skip(column - 1).collect();
        let earlier: usize = statement.split('\n').take(line - 1).map(|line| line.encode_utf16().count() + 1).sum();
        let offset = earlier + before.encode_utf16().count();
        Some(Self { line, column, offset, before: before.into(), after: after.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_in_characters_and_code_units() {
        let statement = "SELECT '𝄞'\nFROM eventz";
        for (line, column, expected) in [
            (2, 6, Some((17, "FROM ", "eventz"))),
            (1, 1, Some((0, "", "SELECT '𝄞'"))),
            (1, 9, Some((8, "SELECT '", "𝄞'"))),
            (1, 10, Some((10, "SELECT '𝄞", "'"))),
            (3, 1, None),
            (0, 1, None),
            (1, 0, None),
        ] {
            let place = ProblemPlace::find(statement, line, column);
            let found = place.as_ref().map(|place| (place.offset, place.before.verbatim(), place.after.verbatim()));
            assert_eq!(found, expected, "{line}:{column}");
        }
    }

    #[test]
    fn numbers_and_moments_are_set_as_such() {
        for (kind, class) in [
            ("bigint", "num"),
            ("double", "num"),
            ("decimal(20,2)", "num"),
            ("text", ""),
            ("interval", ""),
            ("bigint[]", ""),
            ("timestamp", "nowrap"),
            ("timestamp[]", ""),
        ] {
            assert_eq!(cell_class(kind), class, "{kind}");
        }
    }
}
