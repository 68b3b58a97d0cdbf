//! The comment at the top of every SQL file, which is its documentation and is checked against the SQL below it.
//!
//! ```text
//! -- reviews: One verdict of one person on a request.
//! --
//! -- request_id text: The request.
//! -- verdict text: `approve` or `deny`;
//! --   a line that is indented goes on with the one above.
//! ```
//!
//! A control test has sections and parameters instead of columns:
//!
//! ```text
//! -- D14: No request in limbo
//! --
//! -- Population: requests submitted in the period.
//! -- Violation: …
//! -- Parameter grace_seconds integer = 300: How late an end may be recorded.
//! ```
//!
//! A question of the library has a title, a remark, parameters and columns:
//!
//! ```text
//! -- Who approves within seconds
//! -- One row per person. Nobody reads a schema change in five seconds.
//! --
//! -- Parameter seconds integer = 10: An approval given in less than this many seconds is quick.
//! -- Column person text: The person.
//! ```

use privyseal_core::port::{ColumnDoc, TableDoc};
use privyseal_core::time::Timestamp;
use serde_json::Value;

/// A file whose header does not read as it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}")]
pub(crate) struct HeaderError {
    pub(crate) file: String,
    pub(crate) reason: String,
}

/// Types of columns, as they are written in headers and in answers.
const TYPES: &[&str] = &["text", "bigint", "boolean", "timestamp", "bytes", "double", "text[]"];

/// The logical lines of a header: first the title, then the rest; continuation lines joined.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().map_while(|line| line.strip_prefix("--")) {
        match line.strip_prefix("   ") {
            Some(more) => {
                if let Some(last) = lines.last_mut() {
                    last.push(' ');
                    last.push_str(more.trim());
                }
            }
            None => lines.push(line.trim().to_owned()),
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// The documentation of a view. `name` is the file's name without `.sql`.
pub(crate) fn view(name: &str, text: &str) -> Result<TableDoc, HeaderError> {
    let error = |reason: String| HeaderError { file: format!("queries/views/{name}.sql"), reason };
    let lines = lines(text);
    let (title, rest) = lines.split_first().ok_or_else(|| error("it has no header comment".to_owned()))?;
    let meaning = title.strip_prefix(&format!("{name}: ")).ok_or_else(|| error(format!("its header must begin with `-- {name}: `")))?;
    let columns = rest
        .iter()
        .map(|line| column(line).ok_or_else(|| error(format!("`{line}` does not read `column type: meaning`"))))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(TableDoc { name: name.to_owned(), meaning: meaning.trim().to_owned(), columns })
}

fn column(line: &str) -> Option<ColumnDoc> {
    let (head, meaning) = line.split_once(": ")?;
    let (name, kind) = head.split_once(' ')?;
    let known = TYPES.contains(&kind) && !meaning.trim().is_empty();
    known.then(|| ColumnDoc { name: name.to_owned(), kind: kind.to_owned(), meaning: meaning.trim().to_owned() })
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParameterKind {
    Integer,
    Text,
    Boolean,
    TextList,
    /// A moment as text, or null for none.
    Timestamp,
}

impl ParameterKind {
    /// Whether a JSON value is of this type.
    pub(crate) fn accepts(self, value: &Value) -> bool {
        match self {
            ParameterKind::Integer => value.as_i64().is_some(),
            ParameterKind::Text => value.is_string(),
            ParameterKind::Boolean => value.is_boolean(),
            ParameterKind::TextList => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
            ParameterKind::Timestamp => value.is_null() || value.as_str().is_some_and(|moment| Timestamp::parse_lenient(moment).is_ok()),
        }
    }

    /// The word in headers.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ParameterKind::Integer => "integer",
            ParameterKind::Text => "text",
            ParameterKind::Boolean => "boolean",
            ParameterKind::TextList => "text[]",
            ParameterKind::Timestamp => "timestamp",
        }
    }
}

/// A parameter of a control test or of a question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) kind: ParameterKind,
    pub(crate) default: Value,
    pub(crate) meaning: String,
}

/// What a control test says about itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AssertionHeader {
    pub(crate) title: String,
    pub(crate) parameters: Vec<Parameter>,
}

const SECTIONS: &[&str] = &["Population", "Violation", "Indeterminate"];

/// The header of a control test. `id` is the file's name without `.sql`.
pub(crate) fn assertion(id: &str, text: &str) -> Result<AssertionHeader, HeaderError> {
    let error = |reason: String| HeaderError { file: format!("queries/assertions/{id}.sql"), reason };
    let lines = lines(text);
    let (title, rest) = lines.split_first().ok_or_else(|| error("it has no header comment".to_owned()))?;
    let title = title.strip_prefix(&format!("{id}: ")).ok_or_else(|| error(format!("its header must begin with `-- {id}: `")))?;
    for section in SECTIONS {
        if !rest.iter().any(|line| line.strip_prefix(section).is_some_and(|rest| rest.starts_with(": "))) {
            return Err(error(format!("its header lacks the line `-- {section}: …`")));
        }
    }
    let parameters = rest.iter().filter_map(|line| line.strip_prefix("Parameter "));
    let parameters = parameters.map(|line| parameter(line).ok_or_else(|| error(bad_parameter(line)))).collect::<Result<_, _>>()?;
    Ok(AssertionHeader { title: title.to_owned(), parameters })
}

/// What a question of the library says about itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LibraryHeader {
    pub(crate) title: String,
    pub(crate) meaning: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) columns: Vec<ColumnDoc>,
}

/// The header of a question. `name` is the file's name without `.sql`.
pub(crate) fn library(name: &str, text: &str) -> Result<LibraryHeader, HeaderError> {
    let error = |reason: String| HeaderError { file: format!("queries/library/{name}.sql"), reason };
    let lines = lines(text);
    let (title, rest) = lines.split_first().ok_or_else(|| error("it has no header comment".to_owned()))?;
    let mut header = LibraryHeader { title: title.clone(), meaning: String::new(), parameters: Vec::new(), columns: Vec::new() };
    for line in rest {
        if let Some(line) = line.strip_prefix("Parameter ") {
            header.parameters.push(parameter(line).ok_or_else(|| error(bad_parameter(line)))?);
        } else if let Some(line) = line.strip_prefix("Column ") {
            let bad = || error(format!("`Column {line}` does not read `Column name type: meaning`"));
            header.columns.push(column(line).ok_or_else(bad)?);
        } else if header.parameters.is_empty() && header.columns.is_empty() {
            let gap = if header.meaning.is_empty() { "" } else { " " };
            header.meaning.extend([gap, line.as_str()]);
        } else {
            return Err(error(format!("`{line}` stands below its parameters and columns: a remark stands above them")));
        }
    }
    if header.meaning.is_empty() {
        return Err(error("its header lacks a remark below the title".to_owned()));
    }
    let mut names: Vec<&str> = header.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(error("it declares a parameter twice".to_owned()));
    }
    Ok(header)
}

fn bad_parameter(line: &str) -> String {
    format!("`Parameter {line}` does not read `Parameter name type = default: meaning`")
}

fn parameter(line: &str) -> Option<Parameter> {
    let (head, meaning) = line.split_once(": ")?;
    let (declared, default) = head.split_once(" = ")?;
    let (name, kind) = declared.split_once(' ')?;
    let kind = match kind {
        "integer" => ParameterKind::Integer,
        "text" => ParameterKind::Text,
        "boolean" => ParameterKind::Boolean,
        "text[]" => ParameterKind::TextList,
        "timestamp" => ParameterKind::Timestamp,
        _ => return None,
    };
    let default: Value = serde_json::from_str(default).ok()?;
    kind.accepts(&default).then(|| Parameter { name: name.to_owned(), kind, default, meaning: meaning.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_declares_its_columns() {
        let doc =
            view("t", "-- t: A thing.\n--\n-- a text: First,\n--   and more.\n-- b text[]: Second: with a colon.\nSELECT 1 -- x").unwrap();
        assert_eq!(doc.meaning, "A thing.");
        let columns: Vec<(&str, &str, &str)> =
            doc.columns.iter().map(|column| (column.name.as_str(), column.kind.as_str(), column.meaning.as_str())).collect();
        assert_eq!(columns, [("a", "text", "First, and more."), ("b", "text[]", "Second: with a colon.")]);
        for bad in ["", "SELECT 1", "-- u: x", "-- t: x\n-- a varchar: x", "-- t: x\n-- a text:", "-- t: x\n-- nonsense"] {
            assert!(view("t", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_test_declares_its_parameters() {
        let sections = "-- Population: p\n-- Violation: v\n-- Indeterminate: i\n";
        let header = assertion("X1", &format!("-- X1: Title\n--\n{sections}-- Parameter n integer = 5: How many.\nSELECT 1")).unwrap();
        assert_eq!(header.title, "Title");
        assert_eq!(header.parameters.len(), 1);
        assert_eq!(header.parameters[0].default, 5);
        for bad in ["-- Parameter n integer = x: m", "-- Parameter n integer = \"5\": m", "-- Parameter n = 5: m", "-- Parameter n"] {
            assert!(assertion("X1", &format!("-- X1: Title\n{sections}{bad}")).is_err(), "{bad}");
        }
        assert!(assertion("X1", "-- X1: Title\n-- Population: p").is_err());
    }

    #[test]
    fn a_question_declares_everything() {
        let text = "-- Who?\n-- One row\n-- each.\n--\n-- Parameter since timestamp = null: From when:\n--   null for ever.\n-- Parameter n integer = 2: How many.\n--\n-- Column a text: First.\nSELECT 1 -- Column";
        let header = library("who", text).unwrap();
        assert_eq!((header.title.as_str(), header.meaning.as_str()), ("Who?", "One row each."));
        let parameters: Vec<(&str, &Value, &str)> =
            header.parameters.iter().map(|parameter| (parameter.kind.as_str(), &parameter.default, parameter.meaning.as_str())).collect();
        assert_eq!(parameters, [("timestamp", &Value::Null, "From when: null for ever."), ("integer", &Value::from(2), "How many.")]);
        assert_eq!(header.columns.len(), 1);
        for bad in [
            "SELECT 1",
            "-- Who?",
            "-- Who?\n-- One row.\n-- Parameter n integer = null: m",
            "-- Who?\n-- One row.\n-- Parameter t timestamp = \"soon\": m",
            "-- Who?\n-- One row.\n-- Parameter n integer = 1: m\n-- Parameter n text = \"\": m",
            "-- Who?\n-- One row.\n-- Column a varchar: m",
            "-- Who?\n-- One row.\n-- Column a text: m\n-- more",
        ] {
            assert!(library("who", bad).is_err(), "{bad}");
        }
    }
}
