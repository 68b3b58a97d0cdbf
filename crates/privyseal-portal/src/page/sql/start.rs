//! What the editor opens with: a statement of the address, a kept query, one that was run before, or a control test with its parameters
//! written out.

use axum::http::HeaderValue;
use privyseal_core::event::Body as EventBody;
use privyseal_core::finding::AssertionFinding;
use privyseal_core::time::Period;
use serde_json::Value;

use crate::app::App;
use crate::body::Fields;
use crate::local;
use crate::log;
use crate::page::controls::Trial;
use crate::page::frame::Visitor;
use crate::problem::Problem;

use super::form::Draft;

/// What the editor opens with.
pub(super) struct Start {
    pub(super) draft: Draft,
    /// When to look again, while the tests run that the statement is taken from.
    pub(super) again: Option<HeaderValue>,
}

/// Where a kept query opens in the editor.
pub(super) fn kept_href(name: &str) -> String {
    format!("/sql?kept={}", local::encode(name))
}

pub(super) async fn of(app: &App, visitor: &Visitor, asked: &Fields) -> Result<Start, Problem> {
    if let Some(id) = asked.given("assertion") {
        return assertion(app, visitor, asked, id).await;
    }
    let mut draft = Draft::of(asked);
    if let Some(seq) = asked.given("entry") {
        draft = recorded(app, seq, asked.given("pinned").is_some()).await?;
    } else if let Some(name) = &draft.kept {
        let doc = app.analytics().library().iter().find(|doc| doc.name == *name);
        let doc = doc.ok_or_else(|| Problem::not_found("kept query"))?;
        if draft.statement.is_empty() {
            draft.statement = doc.sql.clone();
        }
    }
    Ok(Start { draft, again: None })
}

/// A statement as it was run: over everything, or over the entries that it saw.
async fn recorded(app: &App, seq: &str, pinned: bool) -> Result<Draft, Problem> {
    let absent = || Problem::not_found("statement in the log");
    let seq: u64 = seq.parse().map_err(|_| absent())?;
    let found = log::read(app, move |log| log.entries(seq, 1).map(log::events)).await?;
    let run = found.into_iter().filter(|event| event.seq == seq).find_map(|event| match event.body {
        EventBody::QueryRun(run) => Some(run),
        _ => None,
    });
    let run = run.ok_or_else(absent)?;
    let kept = app.analytics().library().iter().find(|doc| doc.sql == run.text).map(|doc| doc.name.clone());
    let as_of = if pinned { run.snapshot_size.saturating_sub(1).to_string() } else { String::new() };
    Ok(Draft { statement: run.text, kept, as_of, ..Draft::default() }.with(&run.parameters))
}

/// The SQL of a control test as it ran over a period.
async fn assertion(app: &App, visitor: &Visitor, asked: &Fields, id: &str) -> Result<Start, Problem> {
    if app.catalogs().assertion(id).is_none() {
        return Err(Problem::not_found("control test"));
    }
    let trial = Trial::of(app, visitor, asked).await?;
    let period = trial.span.period.clone()?;
    let opened = |statement, again| Ok(Start { draft: Draft { statement, ..Draft::default() }, again });
    match trial.assertion(id) {
        Some(finding) => opened(written_out(finding, period), None),
        None if trial.is_running() => {
            let again = format!("3; url=/sql?assertion={}&{}", local::encode(id), trial.span.query());
            let statement = format!("-- {id} is being run over this period: the page looks again in a few seconds");
            opened(statement, HeaderValue::from_str(&again).ok())
        }
        None => Err(Problem::not_found("control test that ran over this period")),
    }
}

/// A statement with literals in place of its parameters. The engine puts them into the parsed statement instead; this is for reading and
/// running again, and its digest is another.
fn written_out(finding: &AssertionFinding, period: Period) -> String {
    let mut parts = finding.query.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(part.len());
        let (name, rest) = part.split_at_checked(end).unwrap_or((part, ""));
        let value = match name {
            "start" => Some(format!("utc({})", quoted(&period.start.to_string()))),
            "end" => Some(format!("utc({})", quoted(&period.end.to_string()))),
            _ => finding.parameters.get(name).and_then(literal),
        };
        match value {
            Some(value) => text.push_str(&value),
            None => text.extend(["$", name]),
        }
        text.push_str(rest);
    }
    text
}

fn literal(value: &Value) -> Option<String> {
    match value {
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::String(text) => Some(quoted(text)),
        Value::Array(_) => Some(format!("json_list({})", quoted(&value.to_string()))),
        Value::Null | Value::Object(_) => None,
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use privyseal_core::digest::Digest;
    use privyseal_core::finding::TestState;
    use privyseal_core::time::Timestamp;
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_written_out() {
        let at = |text| Timestamp::parse_lenient(text).unwrap();
        let period = Period::new(at("2026-07-01"), at("2026-10-01")).unwrap();
        let parameters = json!({"max": 3, "name": "o'brien", "list": ["a", "b'c"]});
        for (query, expected) in [
            ("x >= $start AND x < $end", "x >= utc('2026-07-01T00:00:00.000000Z') AND x < utc('2026-10-01T00:00:00.000000Z')"),
            ("$max$max", "33"),
            ("f($name, $list)", "f('o''brien', json_list('[\"a\",\"b''c\"]'))"),
            ("$maximum, $", "$maximum, $"),
            ("nothing", "nothing"),
        ] {
            let finding = AssertionFinding {
                assertion: "D01".to_owned(),
                title: String::new(),
                query: query.to_owned(),
                query_digest: Digest::of(b""),
                parameters: parameters.as_object().unwrap().clone(),
                state: TestState::Pass,
                reason: String::new(),
                rows: 0,
                violations: 0,
                indeterminate: 0,
                result_digest: Digest::of(b""),
                items: Vec::new(),
            };
            assert_eq!(written_out(&finding, period), expected);
        }
    }
}
