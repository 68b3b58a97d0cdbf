//! `/sql`: the console of auditors. Every statement is recorded before its answer leaves.

mod start;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use privyseal_core::port::{Answer as Rows, QueryError, Question};
use privyseal_engine::Recorded;
use serde_json::Value;

use super::frame::{Visitor, page};
use crate::api::sql_entry;
use crate::app::App;
use crate::body::{Asked, Posted};
use crate::problem::Problem;
use crate::rows;
use crate::view::number::{Count, Hash};
use crate::view::shell::Place;
use crate::view::sql::{self as view, Answer, Column, ProblemKind, ProblemPlace, SavedQuery, SqlPage, Table};
use crate::view::text::Untrusted;

/// Rows on the page; downloads hold them all.
const SHOWN: usize = 500;

/// `GET /sql?q=`, `?kept=`, `?assertion=&from=&to=`: fills the editor and runs nothing.
pub(crate) async fn show(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Result<Response, Problem> {
    visitor.enters(&app, Place::Sql)?;
    let start = start::of(&app, &visitor, &asked).await?;
    let mut response = console(&app, &visitor, &start.statement, Answer::None, StatusCode::OK)?;
    if let Some(again) = start.again {
        response.headers_mut().insert(header::REFRESH, again);
    }
    Ok(response)
}

/// `POST /sql`: runs the statement of the editor.
pub(crate) async fn run(State(app): State<App>, visitor: Visitor, Posted(fields): Posted) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    visitor.enters(&app, Place::Sql)?;
    let statement = lines(fields.one("q"));
    match app.desk().answer(&visitor.caller.identity, Question::new(statement.clone())).await.map_err(Problem::from) {
        Ok(recorded) => answered(&app, &visitor, &statement, recorded).await,
        Err(problem) => not_run(&app, &visitor, &statement, problem),
    }
}

/// `POST /sql/download`: runs the statement and hands the rows out as a file.
pub(crate) async fn download(State(app): State<App>, visitor: Visitor, Posted(fields): Posted) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    visitor.enters(&app, Place::Sql)?;
    let statement = lines(fields.one("q"));
    let form = rows::form(fields.one("format")).ok_or_else(|| Problem::bad("answers are downloaded as csv, jsonl, parquet or arrow"))?;
    let recorded = app.desk().file(&visitor.caller.identity, Question::new(statement.clone()), form).await;
    let recorded = match recorded.map_err(Problem::from) {
        Ok(recorded) => recorded,
        Err(problem) => return not_run(&app, &visitor, &statement, problem),
    };
    match recorded.result {
        Ok(file) => Ok(rows::download(recorded.query, file, form)),
        Err(error) => {
            let Recorded { query, duration_ms, earlier, .. } = recorded;
            answered(&app, &visitor, &statement, Recorded { query, result: Err(error), duration_ms, earlier }).await
        }
    }
}

/// Browsers send lines with a carriage return in front of the line feed; what is recorded is what was typed.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// The console over a statement that was refused before it ran.
fn not_run(app: &App, visitor: &Visitor, statement: &str, problem: Problem) -> Result<Response, Problem> {
    if problem.status != StatusCode::UNPROCESSABLE_ENTITY {
        return Err(problem);
    }
    let shown = view::Problem { kind: ProblemKind::Refused, message: problem.detail.into(), place: None };
    console(app, visitor, statement, Answer::Problem(shown), problem.status)
}

/// The console with what came of a statement.
async fn answered(app: &App, visitor: &Visitor, statement: &str, recorded: Recorded<Rows>) -> Result<Response, Problem> {
    let event = sql_entry(app, &recorded).await?;
    let (answer, status) = match recorded.result {
        Ok(answer) => (Answer::Rows(answer_rows(answer, recorded.duration_ms, event)), StatusCode::OK),
        Err(error) => {
            let status = Problem::from(error.clone()).status;
            (Answer::Problem(problem(statement, &error)), status)
        }
    };
    console(app, visitor, statement, answer, status)
}

fn console(app: &App, visitor: &Visitor, statement: &str, answer: Answer, status: StatusCode) -> Result<Response, Problem> {
    let limits = app.options().limits;
    let saved = app.options().library.iter().enumerate();
    let mut response = page(&SqlPage {
        shell: visitor.shell(app, Place::Sql)?,
        statement: statement.into(),
        tables: tables(app),
        saved: saved.map(|(index, kept)| SavedQuery { title: kept.title.as_str().into(), href: start::kept_href(index) }).collect(),
        answer,
        max_rows: Count(u64::try_from(limits.max_rows).unwrap_or(u64::MAX)),
        max_seconds: Count(limits.timeout_ms.div_ceil(1_000)),
    })?;
    *response.status_mut() = status;
    Ok(response)
}

fn tables(app: &App) -> Vec<Table> {
    let column = |column: &privyseal_core::port::ColumnDoc| Column {
        name: column.name.clone(),
        kind: column.kind.clone(),
        meaning: column.meaning.clone(),
    };
    let tables = app.analytics().tables().iter();
    tables
        .map(|table| Table {
            name: table.name.clone(),
            meaning: table.meaning.clone(),
            columns: table.columns.iter().map(column).collect(),
        })
        .collect()
}

fn answer_rows(answer: Rows, took_ms: u64, event: u64) -> view::Rows {
    let total = answer.rows.len();
    view::Rows {
        columns: answer.columns.into_iter().map(|column| (column.name.into(), column.kind.clone(), is_numeric(&column.kind))).collect(),
        rows: answer.rows.iter().take(SHOWN).map(|row| row.iter().map(cell).collect()).collect(),
        total: Count(u64::try_from(total).unwrap_or(u64::MAX)),
        truncated: answer.truncated,
        shown_only: total > SHOWN,
        took_ms: Count(took_ms),
        snapshot: Count(answer.snapshot_size),
        digest: Hash::new(&answer.result_sha256),
        event: Count(event),
    }
}

fn cell(value: &Value) -> Option<Untrusted> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.as_str().into()),
        other => Some(other.to_string().into()),
    }
}

fn is_numeric(kind: &str) -> bool {
    ["bigint", "int", "smallint", "tinyint", "double", "float", "real", "decimal", "numeric"]
        .iter()
        .any(|numeric| kind.starts_with(numeric))
        && !kind.contains("[]")
        && !kind.starts_with("interval")
}

fn problem(statement: &str, error: &QueryError) -> view::Problem {
    let (kind, message) = match error {
        QueryError::Refused(message) => (ProblemKind::Refused, message),
        QueryError::Limit(message) => (ProblemKind::Limit, message),
        QueryError::Failed(message) => (ProblemKind::Failed, message),
    };
    view::Problem { kind, place: place(statement, message), message: message.as_str().into() }
}

/// The place that a message names, as `line 2, column 8` or as `Line: 2, Column: 8`.
fn place(statement: &str, message: &str) -> Option<ProblemPlace> {
    let message = message.to_ascii_lowercase();
    let (_, from_line) = message.rsplit_once("line")?;
    let (line, from_column) = from_line.split_once(", column")?;
    let number = |text: &str| {
        let digits: String = text.trim_start_matches([':', ' ']).chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    ProblemPlace::find(statement, number(line)?, number(from_column)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_messages() {
        let statement = "SELECT action\n  FROM eventz";
        for (message, expected) in [
            ("there is no table `eventz`: did you mean `events`? (line 2, column 8)", Some((2, 8))),
            ("the statement cannot be read: expected: an expression, found: FROM at Line: 2, Column: 3", Some((2, 3))),
            ("there is no table `eventz` (line 9, column 1)", None),
            ("deadline passed, column missing", None),
            ("the statement is empty", None),
            ("line , column ", None),
        ] {
            assert_eq!(place(statement, message).map(|place| (place.line, place.column)), expected, "{message}");
        }
    }

    #[test]
    fn numbers_are_set_flush_right() {
        for (kind, expected) in
            [("bigint", true), ("double", true), ("decimal(20,2)", true), ("text", false), ("interval", false), ("bigint[]", false)]
        {
            assert_eq!(is_numeric(kind), expected, "{kind}");
        }
    }
}
