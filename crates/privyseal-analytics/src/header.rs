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

use privyseal_core::port::{ColumnDoc, TableDoc};
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
        .map(|line| {
            let bad = || error(format!("`{line}` does not read `column type: meaning`"));
            let (head, meaning) = line.split_once(": ").ok_or_else(bad)?;
            let (name, kind) = head.split_once(' ').ok_or_else(bad)?;
            if !TYPES.contains(&kind) || meaning.trim().is_empty() {
                return Err(bad());
            }
            Ok(ColumnDoc { name: name.to_owned(), kind: kind.to_owned(), meaning: meaning.trim().to_owned() })
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(TableDoc { name: name.to_owned(), meaning: meaning.trim().to_owned(), columns })
}

/// The type of a control test's parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParameterKind {
    Integer,
    Text,
    Boolean,
    TextList,
}

impl ParameterKind {
    /// Whether a JSON value is of this type.
    pub(crate) fn accepts(self, value: &Value) -> bool {
        match self {
            ParameterKind::Integer => value.as_i64().is_some(),
            ParameterKind::Text => value.is_string(),
            ParameterKind::Boolean => value.is_boolean(),
            ParameterKind::TextList => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
        }
    }

    /// The word in headers.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ParameterKind::Integer => "integer",
            ParameterKind::Text => "text",
            ParameterKind::Boolean => "boolean",
            ParameterKind::TextList => "text[]",
        }
    }
}

/// A parameter of a control test.
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
    let parameters = parameters
        .map(|line| {
            parameter(line).ok_or_else(|| error(format!("`Parameter {line}` does not read `Parameter name type = default: meaning`")))
        })
        .collect::<Result<_, _>>()?;
    Ok(AssertionHeader { title: title.to_owned(), parameters })
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
}
