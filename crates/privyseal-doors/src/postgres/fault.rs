//! Errors as PostgreSQL's clients know them: a state of five characters, a sentence, and the place in the statement.

use privyseal_core::port::QueryError;
use privyseal_engine::DeskError;

/// Why something did not go well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// SQLSTATE.
    pub(super) state: &'static str,
    pub(super) message: String,
    /// Character of the statement, from 1.
    pub(super) position: Option<usize>,
    /// Whether the connection ends with it.
    pub(super) is_fatal: bool,
}

/// The end of statements that were taking too long, or that nobody wants any more.
pub(super) const CANCELLED: &str = "57014";

impl Fault {
    pub(super) fn error(state: &'static str, message: impl Into<String>) -> Self {
        Self { state, message: message.into(), position: None, is_fatal: false }
    }

    pub(super) fn fatal(state: &'static str, message: impl Into<String>) -> Self {
        Self { is_fatal: true, ..Self::error(state, message) }
    }

    /// What the desk says about a statement.
    pub(super) fn of_query(error: &QueryError, sql: &str) -> Self {
        let text = error.to_string();
        let state = match error {
            QueryError::Refused(text) => refused(text),
            QueryError::Limit(text) if text.contains("ran longer") || text.contains("ran too long") => CANCELLED,
            QueryError::Limit(_) => "53000",
            QueryError::Failed(_) => "XX000",
        };
        Self { position: place(&text).and_then(|(line, column)| character(sql, line, column)), ..Self::error(state, text) }
    }

    /// Why the desk did not run a statement.
    pub(super) fn of_desk(error: &DeskError) -> Self {
        let state = match error {
            DeskError::Forbidden { .. } => "42501",
            DeskError::TooLong { .. } => "54001",
            DeskError::Engine(_) => "58000",
        };
        Self::error(state, error.to_string())
    }
}

/// The state of a refusal, told from its words: they are ours, and a test holds both together.
fn refused(text: &str) -> &'static str {
    let states = [
        ("the statement cannot be read", "42601"),
        ("one statement at a time", "42601"),
        ("no table ", "42P01"),
        ("no column ", "42703"),
        ("no function ", "42883"),
        ("table functions are not available", "42883"),
        ("the data are read-only", "25006"),
        ("parameter", "42P02"),
        ("is in several tables", "42702"),
        ("there is no entry", "22023"),
        ("no position of the log", "22023"),
        ("division by zero", "22012"),
        ("not allowed", "0A000"),
        ("not available", "0A000"),
    ];
    states.iter().find(|(words, _)| text.contains(words)).map_or("42000", |(_, state)| state)
}

/// Line and column that a message names, from 1.
fn place(text: &str) -> Option<(usize, usize)> {
    // Ours say `(line 1, column 8)`, the parser's `at Line: 1, Column: 8`.
    let lower = text.to_ascii_lowercase();
    let number = |after: &str| {
        let rest = lower.get(lower.rfind(after)? + after.len()..)?;
        let digits: String = rest.trim_start_matches([':', ' ']).chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    Some((number("line")?, number("column")?)).filter(|(line, column)| *line > 0 && *column > 0)
}

/// The character of a text at a line and column, from 1.
fn character(sql: &str, line: usize, column: usize) -> Option<usize> {
    let before: usize = sql.split_inclusive('\n').take(line - 1).map(|line| line.chars().count()).sum();
    Some(before + column).filter(|position| *position <= sql.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_become_characters() {
        let sql = "SELECT 1,\n  nixda\nFROM requests";
        for (text, expected) in [
            ("no column `nixda` in requests (line 2, column 3)", Some(13)),
            ("the statement cannot be read: Expected: x, found: y at Line: 1, Column: 8", Some(8)),
            ("no table `x`", None),
            ("no column `x` (line 9, column 99)", None),
            ("the column (line 0, column 0)", None),
        ] {
            assert_eq!(Fault::of_query(&QueryError::Refused(text.to_owned()), sql).position, expected, "{text}");
        }
    }
}
