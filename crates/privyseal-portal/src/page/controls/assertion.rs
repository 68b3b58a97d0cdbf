//! One control test on a page: what it asks of every item, what it found, and where its first items are shown.

use std::collections::BTreeMap;

use privyseal_core::catalog::AssertionDef;
use privyseal_core::finding::{AssertionFinding, Item};
use privyseal_core::port::{QueryLimits, Question};
use serde_json::Value;

use super::trial::Trial;
use crate::app::App;
use crate::page::frame::Visitor;
use crate::problem::Problem;
use crate::view::code::{Code, Language};
use crate::view::controls::{AssertionView, ItemRow};
use crate::view::moment::Moment;
use crate::view::number::{Count, Hash};
use crate::view::shell::Place;
use crate::view::state;

/// Items of a test on a page, worst first.
const SHOWN: usize = 25;
/// Limits on the look-up of what items are about.
const LOOK_UP: QueryLimits = QueryLimits { max_rows: 5_000, max_file_rows: 0, max_bytes: 0, timeout_ms: 5_000 };

/// The tests of these ids that ran, in their order.
pub(super) async fn views(app: &App, visitor: &Visitor, trial: &Trial, ids: &[String]) -> Result<Vec<AssertionView>, Problem> {
    let findings: Vec<&AssertionFinding> = ids.iter().filter_map(|id| trial.assertion(id)).collect();
    let places = places(app, &findings).await;
    let may_ask = visitor.enters(app, Place::Sql).is_ok();
    Ok(findings
        .into_iter()
        .map(|finding| {
            let sql = may_ask.then(|| format!("/sql?assertion={}&{}", finding.assertion, trial.span.query()));
            view(app, finding, trial, &places, sql)
        })
        .collect())
}

fn view(app: &App, finding: &AssertionFinding, trial: &Trial, places: &BTreeMap<String, String>, sql: Option<String>) -> AssertionView {
    let period = [("from".to_owned(), trial.span.from.clone()), ("to".to_owned(), trial.span.to.clone())];
    let given = finding.parameters.iter().map(|(name, value)| (name.clone(), plain(value)));
    AssertionView {
        id: finding.assertion.clone(),
        title: finding.title.clone(),
        state: state::test(finding.state),
        reason: match finding.reason.as_str() {
            "" => finding.state.meaning().to_owned(),
            reason => format!("{} In detail: {reason}.", finding.state.meaning()),
        },
        design: app.catalogs().assertion(&finding.assertion).map(design).unwrap_or_default(),
        population: Count(finding.rows),
        violations: Count(finding.violations),
        indeterminate: Count(finding.indeterminate),
        tolerance: Count(finding.parameters.get("tolerance").and_then(Value::as_u64).unwrap_or(0)),
        parameters: period.into_iter().chain(given).collect(),
        query: Code::new(Language::Sql, finding.query.as_str()),
        query_digest: Hash::new(&finding.query_digest),
        result_digest: Hash::new(&finding.result_digest),
        sql,
        items: finding.items.iter().take(SHOWN).map(|item| row(item, places)).collect(),
    }
}

/// What the catalogue of tests says that it asks.
fn design(definition: &AssertionDef) -> Vec<(&'static str, String)> {
    let texts =
        [("Population", &definition.population), ("Violation", &definition.violation), ("Cannot be judged", &definition.indeterminate)];
    texts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name, text.clone())).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn row(item: &Item, places: &BTreeMap<String, String>) -> ItemRow {
    ItemRow {
        id: item.item_id.as_str().into(),
        href: places.get(&item.event_id).cloned(),
        as_of: Moment::minute(item.as_of),
        status: item.status,
        reason: item.reason.as_str().into(),
    }
}

/// Where the events are shown that the first items rest on, by event: the page of their request, otherwise the entry itself. Links are
/// a convenience: when they cannot be looked up, the page stands without them.
async fn places(app: &App, findings: &[&AssertionFinding]) -> BTreeMap<String, String> {
    let items = findings.iter().flat_map(|finding| finding.items.iter().take(SHOWN));
    let is_id = |id: &&str| id.len() <= 40 && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    // INVARIANT: nothing but hexadecimal digits and hyphens enters the statement.
    let ids: std::collections::BTreeSet<&str> = items.map(|item| item.event_id.as_str()).filter(is_id).collect();
    if ids.is_empty() {
        return BTreeMap::new();
    }
    let list: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
    let sql = format!("SELECT id, seq, request_id FROM events WHERE id IN ({})", list.join(", "));
    match app.analytics().query(&Question::new(sql), LOOK_UP).await {
        Ok(answer) => answer.rows.iter().filter_map(|row| place(row)).collect(),
        Err(error) => {
            tracing::warn!(look_up.error = %error, "the events of control tests could not be looked up");
            BTreeMap::new()
        }
    }
}

fn place(row: &[Value]) -> Option<(String, String)> {
    let [id, seq, request] = row else { return None };
    let href = match request.as_str() {
        Some(request) => format!("/requests/{request}"),
        None => format!("/v1/ledger/entries/{}", seq.as_u64()?),
    };
    Some((id.as_str()?.to_owned(), href))
}
