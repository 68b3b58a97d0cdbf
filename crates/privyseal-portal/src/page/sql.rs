//! `/sql`: the console of auditors. Every statement is recorded before its answer leaves.

mod form;
mod history;
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
use crate::local;
use crate::problem::Problem;
use crate::rows;
use crate::view::number::{Count, Hash};
use crate::view::shell::Place;
use crate::view::sql::{self as view, Answer, Chart, Column, Function, Kept, ProblemKind, ProblemPlace, SavedQuery, SqlPage, Table};
use crate::view::text::Untrusted;
use form::{Draft, Form};
pub(crate) use history::show as history;

/// Rows on the page; downloads hold them all.
const SHOWN: usize = 500;

/// `GET /sql?q=&p.NAME=&as_of=`, `?kept=`, `?entry=&pinned=`, `?assertion=&from=&to=`: fills the editor and runs nothing.
pub(crate) async fn show(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Result<Response, Problem> {
    visitor.enters(&app, Place::Sql)?;
    let start = start::of(&app, &visitor, &asked).await?;
    let form = Form::of(&app, &visitor, start.draft, false).await;
    let mut response = console(&app, &visitor, form, Answer::None, StatusCode::OK)?;
    if let Some(again) = start.again {
        response.headers_mut().insert(header::REFRESH, again);
    }
    Ok(response)
}

/// `POST /sql`: runs the statement of the editor.
pub(crate) async fn run(State(app): State<App>, visitor: Visitor, Posted(fields): Posted) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    visitor.enters(&app, Place::Sql)?;
    let form = Form::of(&app, &visitor, Draft::of(&fields), true).await;
    let Some(question) = form.question.clone() else { return unfilled(&app, &visitor, form) };
    match app.desk().answer(&visitor.caller.identity, question).await.map_err(Problem::from) {
        Ok(recorded) => answered(&app, &visitor, form, recorded).await,
        Err(problem) => not_run(&app, &visitor, form, problem),
    }
}

/// `POST /sql/download`: runs the statement and hands the rows out as a file.
pub(crate) async fn download(State(app): State<App>, visitor: Visitor, Posted(fields): Posted) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    visitor.enters(&app, Place::Sql)?;
    let kind = rows::form(fields.one("format")).ok_or_else(|| Problem::bad("answers are downloaded as csv, jsonl, parquet or arrow"))?;
    let exact = fields.given("parameters");
    let form = Form::of(&app, &visitor, Draft::of(&fields), exact.is_none()).await;
    // With all values beside the fields, none of the fields can be missing.
    let form = match exact {
        Some(_) if form.question.is_none() => {
            let question = Question { sql: form.statement.clone(), as_of_seq: form.as_of.parse().ok(), ..Question::default() };
            Form { question: Some(question), ..form }.exact(exact)?
        }
        exact => form.exact(exact)?,
    };
    let Some(question) = form.question.clone() else { return unfilled(&app, &visitor, form) };
    let recorded = match app.desk().file(&visitor.caller.identity, question, kind).await.map_err(Problem::from) {
        Ok(recorded) => recorded,
        Err(problem) => return not_run(&app, &visitor, form, problem),
    };
    match recorded.result {
        Ok(file) => Ok(rows::download(recorded.query, file, kind)),
        Err(error) => {
            let Recorded { query, duration_ms, earlier, .. } = recorded;
            answered(&app, &visitor, form, Recorded { query, result: Err(error), duration_ms, earlier }).await
        }
    }
}

/// The console over a statement that lacks values.
fn unfilled(app: &App, visitor: &Visitor, form: Form) -> Result<Response, Problem> {
    console(app, visitor, form, Answer::Unfilled, StatusCode::UNPROCESSABLE_ENTITY)
}

/// The console over a statement that was refused before it ran.
fn not_run(app: &App, visitor: &Visitor, form: Form, problem: Problem) -> Result<Response, Problem> {
    if problem.status != StatusCode::UNPROCESSABLE_ENTITY {
        return Err(problem);
    }
    let shown = view::Problem { kind: ProblemKind::Refused, message: problem.detail.into(), place: None };
    console(app, visitor, form, Answer::Problem(shown), problem.status)
}

/// The console with what came of a statement.
async fn answered(app: &App, visitor: &Visitor, form: Form, recorded: Recorded<Rows>) -> Result<Response, Problem> {
    let event = sql_entry(app, &recorded).await?;
    let (answer, status) = match recorded.result {
        Ok(answer) => {
            let question = form.question.clone().unwrap_or_default();
            (Answer::Rows(Box::new(answer_rows(answer, recorded.duration_ms, event, question))), StatusCode::OK)
        }
        Err(error) => {
            let status = Problem::from(error.clone()).status;
            (Answer::Problem(problem(&form.statement, &error)), status)
        }
    };
    console(app, visitor, form, answer, status)
}

fn console(app: &App, visitor: &Visitor, form: Form, answer: Answer, status: StatusCode) -> Result<Response, Problem> {
    let limits = app.options().limits;
    let kept = |doc: privyseal_core::port::QueryDoc| Kept { name: doc.name, title: doc.title.into(), meaning: doc.meaning.into() };
    let library = app.analytics().library().iter();
    let mut response = page(&SqlPage {
        shell: visitor.shell(app, Place::Sql)?,
        statement: form.statement.into(),
        kept: form.kept.map(kept),
        fields: form.fields,
        as_of: form.as_of.into(),
        as_of_problem: form.as_of_problem,
        tables: tables(app),
        functions: functions(app),
        saved: library.map(|doc| SavedQuery { title: doc.title.as_str().into(), href: start::kept_href(&doc.name) }).collect(),
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

fn functions(app: &App) -> Vec<Function> {
    let functions = app.analytics().functions().iter();
    functions
        .map(|doc| Function {
            name: doc.name,
            usage: doc.usage,
            meaning: doc.meaning,
            example: doc.example,
            href: format!("/sql?q={}", local::encode(doc.example)),
        })
        .collect()
}

fn answer_rows(answer: Rows, took_ms: u64, event: u64, question: Question) -> view::Rows {
    let total = answer.rows.len();
    let shown = answer.rows.get(..total.min(SHOWN)).unwrap_or_default();
    view::Rows {
        chart: Chart::of(&answer.columns, shown),
        rows: shown.iter().map(|row| row.iter().map(cell).collect()).collect(),
        columns: answer.columns.into_iter().map(|column| (column.name.into(), column.kind)).collect(),
        total: Count(u64::try_from(total).unwrap_or(u64::MAX)),
        truncated: answer.truncated,
        shown_only: total > SHOWN,
        took_ms: Count(took_ms),
        snapshot: Count(answer.snapshot_size),
        digest: Hash::new(&answer.result_sha256),
        event: Count(event),
        asked: view::Asked {
            statement: question.sql.into(),
            parameters: Value::Object(question.parameters).to_string().into(),
            as_of: answer.snapshot_size.saturating_sub(1),
        },
    }
}

fn cell(value: &Value) -> Option<Untrusted> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.as_str().into()),
        other => Some(other.to_string().into()),
    }
}

fn problem(statement: &str, error: &QueryError) -> view::Problem {
    let (kind, message) = match error {
        QueryError::Refused(message) => (ProblemKind::Refused, message),
        QueryError::Limit(message) => (ProblemKind::Limit, message),
        QueryError::Failed(message) => (ProblemKind::Failed, message),
    };
    let place = error.place().and_then(|(line, column)| ProblemPlace::find(statement, line, column));
    view::Problem { kind, place, message: message.as_str().into() }
}
