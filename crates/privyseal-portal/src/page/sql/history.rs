//! `/sql/history`: what somebody asked, from the log.

use axum::extract::State;
use axum::response::Response;
use privyseal_core::port::{QueryLimits, Question};
use privyseal_core::time::Timestamp;
use serde_json::{Map, Value};

use crate::app::App;
use crate::body::Asked;
use crate::page::frame::{Visitor, page};
use crate::problem::Problem;
use crate::view::moment::Moment;
use crate::view::number::Count;
use crate::view::shell::Place;
use crate::view::sql::{Past, SqlHistoryPage};

/// Statements on a page.
const SHOWN: usize = 50;

/// A statement of our own about those of others; nobody typed it, so nothing records it.
const STATEMENTS: &str = "SELECT seq, run_at, sql, outcome, error, result_rows, duration_ms, snapshot_size FROM queries \
                          WHERE actor = $actor AND seq < $before ORDER BY seq DESC LIMIT 51";

/// `GET /sql/history?before=`
pub(crate) async fn show(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Result<Response, Problem> {
    visitor.enters(&app, Place::Sql)?;
    let me = visitor.caller.identity.principal.to_string();
    let before = asked.given("before").and_then(|text| text.parse().ok()).unwrap_or(i64::MAX);
    let parameters = Map::from_iter([("actor".to_owned(), Value::from(me.as_str())), ("before".to_owned(), Value::from(before))]);
    let question = Question { sql: STATEMENTS.to_owned(), parameters, as_of_seq: None, asker: me };
    let limits = QueryLimits { max_rows: SHOWN + 1, ..app.options().limits };
    let (mut statements, problem) = match app.analytics().query(&question, limits).await {
        Ok(answer) => (answer.rows.iter().filter_map(|row| past(row)).collect::<Vec<Past>>(), None),
        Err(error) => (Vec::new(), Some(error.to_string().into())),
    };
    let has_older = statements.len() > SHOWN;
    statements.truncate(SHOWN);
    let older = statements.last().filter(|_| has_older).map(|past| format!("/sql/history?before={}", past.seq));
    page(&SqlHistoryPage { shell: visitor.shell(&app, Place::Sql)?, statements, problem, older })
}

/// A row of [`STATEMENTS`].
fn past(row: &[Value]) -> Option<Past> {
    let [seq, run_at, sql, outcome, error, rows, took_ms, snapshot] = row else { return None };
    Some(Past {
        seq: seq.as_u64()?,
        at: Moment::column(Timestamp::parse_lenient(run_at.as_str()?).ok()?),
        statement: sql.as_str().unwrap_or_default().into(),
        outcome: outcome.as_str()?.to_owned(),
        error: error.as_str().map(Into::into),
        rows: Count(rows.as_u64().unwrap_or_default()),
        took_ms: Count(took_ms.as_u64().unwrap_or_default()),
        snapshot: snapshot.as_u64()?,
    })
}
