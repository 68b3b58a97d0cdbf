//! Control tests, each over one ledger that holds every case: good, bad, and not to be judged.

mod decisions;
mod emergencies;
mod ends;
mod gates;
mod identities;
mod monitoring;
mod policies;
mod runs;

use std::collections::BTreeMap;

use privyseal_core::finding::{AssertionFinding, ItemStatus, TestState};
use privyseal_core::time::Period;

use crate::fixture::{Ledger, time};

/// July 2026.
pub(crate) fn july() -> Period {
    Period::new(time("2026-07-01"), time("2026-08-01")).unwrap()
}

pub(crate) fn finding(ledger: &mut Ledger, id: &str, period: Period) -> AssertionFinding {
    let engine = ledger.engine();
    let findings = futures::executor::block_on(engine.test(id, period)).unwrap_or_else(|error| panic!("{id}: {error}"));
    findings.into_iter().find(|finding| finding.assertion == id).unwrap()
}

/// Every item of the test with its verdict, as `violation: why`, is as expected: no more, no less.
pub(crate) fn check(ledger: &mut Ledger, id: &str, expected: &[(String, &str)]) {
    let finding = finding(ledger, id, july());
    assert_ne!(finding.state, TestState::Error, "{id}: {}", finding.reason);
    let found: BTreeMap<String, String> = finding
        .items
        .iter()
        .map(|item| {
            let verdict = match item.status {
                ItemStatus::Ok => "ok".to_owned(),
                ItemStatus::Violation => format!("violation: {}", item.reason),
                ItemStatus::Indeterminate => format!("indeterminate: {}", item.reason),
            };
            (item.item_id.clone(), verdict)
        })
        .collect();
    let expected: BTreeMap<String, String> = expected.iter().map(|(item, verdict)| (item.clone(), (*verdict).to_owned())).collect();
    let wrong: Vec<String> = expected
        .iter()
        .filter(|(item, verdict)| found.get(*item) != Some(verdict))
        .map(|(item, verdict)| format!("{item}: expected `{verdict}`, found {:?}", found.get(item)))
        .chain(
            found
                .iter()
                .filter(|(item, _)| !expected.contains_key(*item))
                .map(|(item, verdict)| format!("{item}: not expected, `{verdict}`")),
        )
        .collect();
    assert!(wrong.is_empty(), "{id}:\n{}", wrong.join("\n"));
    // The worst state first, as the counts say.
    let violated = expected.values().any(|verdict| verdict.starts_with("violation"));
    assert_eq!(finding.state == TestState::Exception, violated, "{id}: {:?}", finding.state);
    let order: Vec<ItemStatus> = finding.items.iter().map(|item| item.status).collect();
    assert!(order.is_sorted(), "{id}: violations come first");
}

/// On a ledger where all is well, every test runs, and none says anything but that.
#[test]
fn where_all_is_well_nothing_is_found() {
    let mut ledger = Ledger::company();
    let flow = ledger.good("good");
    assert!(!flow.grant.is_empty());
    ledger.heartbeat();
    let entries = ledger.size();
    ledger.at("2026-07-02");
    ledger.counted("2026-07-01", entries);
    ledger.heartbeat();
    let engine = ledger.engine();
    let mut wrong = Vec::new();
    for id in engine.assertion_ids() {
        let found = futures::executor::block_on(engine.test(id, Period::new(time("2026-07-01"), time("2026-07-02")).unwrap()));
        let finding = found.unwrap_or_else(|error| panic!("{id}: {error}")).into_iter().find(|finding| finding.assertion == id).unwrap();
        let expected = if ["D07", "D16", "D18", "M02", "M03"].contains(&id) { TestState::NoPopulation } else { TestState::Pass };
        if finding.state != expected {
            let first = finding.items.first().map(|item| item.reason.clone());
            wrong.push(format!("{id}: {:?} {} {first:?}", finding.state, finding.reason));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
