//! What the tests of a pack found becomes part of the log: each run of a test, and an exception for violations that nobody answers for yet.

use std::collections::{BTreeMap, BTreeSet};

use privyseal_core::command::Command;
use privyseal_core::event::evidence::AssertionEvaluated;
use privyseal_core::event::watch::ExceptionRaised;
use privyseal_core::event::{Body, Event, Kind};
use privyseal_core::finding::{AssertionFinding, Findings, Item, ItemStatus, TestState};
use privyseal_core::id::{EventId, PersonId};
use privyseal_core::port::{QueryLimits, Question};
use privyseal_ledger::log::Walk;

use crate::app::App;
use crate::log;
use crate::problem::Problem;

/// Items of one exception (`docs/EVENTS.md`).
const ITEMS: usize = 500;

/// For looking up whose acts violations are.
const LOOK_UP: QueryLimits = QueryLimits { max_rows: 10_000, max_file_rows: 0, max_bytes: 0, timeout_ms: 60_000 };

/// Records every run, then raises exceptions.
///
/// A violation that an earlier exception of the same test names is not raised again: it has its owner. A crash in between leaves runs
/// without exceptions; the next pack raises them.
pub(super) async fn record(app: &App, findings: &Findings) -> Result<(), Problem> {
    for finding in &findings.assertions {
        let evaluated = AssertionEvaluated {
            assertion: finding.assertion.clone(),
            query_digest: finding.query_digest,
            parameters: finding.parameters.clone(),
            period: findings.period,
            slot: None,
            snapshot: findings.snapshot.clone(),
            state: finding.state.as_str().to_owned(),
            rows: finding.rows,
            violations: finding.violations,
            indeterminate: finding.indeterminate,
            result_digest: finding.result_digest,
            engine: findings.engine.clone(),
        };
        app.engine().as_system(Command::Record(Box::new(Body::AssertionEvaluated(evaluated)))).await?;
    }
    let failed: Vec<&AssertionFinding> = findings.assertions.iter().filter(|finding| finding.state == TestState::Exception).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let raised = log::events_of(app, Kind::ExceptionRaised).await?;
    let runs = runs(app, findings).await?;
    for finding in failed {
        let known = known(&raised, &finding.assertion);
        let open = finding.items.iter().filter(|item| item.status == ItemStatus::Violation && !known.contains(item.item_id.as_str()));
        let open: Vec<Item> = open.cloned().collect();
        for items in open.chunks(ITEMS) {
            let exception = ExceptionRaised {
                exception: name(app, &finding.assertion)?,
                assertion: finding.assertion.clone(),
                items: items.iter().map(|item| item.item_id.clone()).collect(),
                persons: persons(app, items).await?,
                evaluation: runs.get(&finding.assertion).copied(),
            };
            app.engine().as_system(Command::Record(Box::new(Body::ExceptionRaised(exception)))).await?;
        }
    }
    Ok(())
}

/// A name that nobody has to type, but people say: the test and eight digits.
fn name(app: &App, assertion: &str) -> Result<String, Problem> {
    let digits: String = app.engine().random()?.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{assertion}-{digits}"))
}

/// Items of a test that an exception names already.
fn known<'a>(raised: &'a [Event], assertion: &str) -> BTreeSet<&'a str> {
    let exceptions = raised.iter().filter_map(|event| match &event.body {
        Body::ExceptionRaised(exception) if exception.assertion == assertion => Some(exception),
        _ => None,
    });
    exceptions.flat_map(|exception| exception.items.iter().map(String::as_str)).collect()
}

/// The runs that were just recorded, by test.
async fn runs(app: &App, findings: &Findings) -> Result<BTreeMap<String, EventId>, Problem> {
    let (count, snapshot, period) = (findings.assertions.len(), findings.snapshot.clone(), findings.period);
    let newest =
        log::read(app, move |log| log.walk(Kind::AssertionEvaluated, Walk::NewestBefore(u64::MAX), count).map(log::events)).await?;
    let ours = newest.into_iter().filter_map(|event| match event.body {
        Body::AssertionEvaluated(run) if run.snapshot == snapshot && run.period == period => Some((run.assertion, event.id)),
        _ => None,
    });
    Ok(ours.collect())
}

/// Whose acts violations are: the persons behind the events that they rest on, and behind every other event of the requests of those.
async fn persons(app: &App, items: &[Item]) -> Result<Vec<PersonId>, Problem> {
    // INVARIANT: an id that was read as one is hexadecimal digits and hyphens when it is written.
    let ids: BTreeSet<EventId> = items.iter().filter_map(|item| item.event_id.parse().ok()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
    let ids = ids.join(", ");
    let sql = format!(
        "SELECT DISTINCT person_of(actor_id, time) AS person FROM events WHERE id IN ({ids}) \
         UNION SELECT DISTINCT person_of(e.actor_id, e.time) FROM events e \
         JOIN (SELECT DISTINCT request_id FROM events WHERE id IN ({ids}) AND request_id IS NOT NULL) r ON r.request_id = e.request_id"
    );
    let answer = app.analytics().query(&Question::new(sql), LOOK_UP).await?;
    let mut people: Vec<PersonId> = answer.rows.iter().filter_map(|row| row.first()?.as_str()?.parse().ok()).collect();
    people.sort();
    Ok(people)
}
