//! `privyseal replay`: fold the log again, decide everything in it again, and compare what follows with what it says and with what was
//! kept of it.

mod tally;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use privyseal_core::cause::chain;
use privyseal_core::event::request::Mechanism;
use privyseal_core::event::{Body, Event};
use privyseal_core::reperform::Reperformer;
use privyseal_core::state::State;
use privyseal_core::tree::Edge;
use privyseal_engine::Past;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::snapshot::Snapshot;
use privyseal_ledger::{keys, snapshot};
use serde_json::{Value, json};

use crate::cli::Format;
use crate::context::Context;
use crate::output;
use tally::Tally;

/// What a fold of the whole log came to.
#[derive(Default)]
struct Folded {
    edge: Edge,
    requests: u64,
    grants: u64,
    runs: u64,
    approvals: u64,
}

/// A kept snapshot and what became of the comparison.
struct Compared {
    size: u64,
    /// The parts that differ; `None` while it has not been compared, or could not be.
    differences: Option<Vec<String>>,
    /// Why it could not be.
    unusable: Option<String>,
}

/// Folds the whole log. Every recorded decision is decided again, with the policy and the facts of its time; every kept snapshot must be
/// the state, the tree and the count of the day that the log gives there. What is folded after a snapshot depends on nothing but these
/// and the entries, so that a start from an equal one gives an equal state.
///
/// Exit 1 when a decision does not follow, or a snapshot differs.
///
/// # Errors
/// When the log cannot be read or followed.
pub(crate) fn run(context: &Context) -> anyhow::Result<ExitCode> {
    let (mut kept, mut snapshots) = read_snapshots(&context.layout())?;
    let began = Instant::now();
    let mut past = Past::open(context.layout())?;
    let (mut folded, mut day) = (Folded::default(), (String::new(), 0));
    let (mut reperformer, mut tally) = (Reperformer::default(), Tally::default());
    while let Some((stored, event)) = past.step()? {
        tally.count(&event, past.look(&mut reperformer, &event)?);
        count(&mut folded, &event);
        past.fold(&event);
        let leaf = privyseal_core::event::leaf(&stored.entry);
        folded.edge.push(leaf);
        let date = event.time.date();
        day = if day.0 == date { (date, day.1 + 1) } else { (date, 1) };
        if snapshots.last().is_some_and(|snapshot| snapshot.edge.size() == folded.edge.size())
            && let Some(snapshot) = snapshots.pop()
            && let Some(compared) = kept.iter_mut().find(|compared| compared.size == snapshot.edge.size())
        {
            compared.differences = Some(differences(&snapshot, past.state(), &folded.edge, leaf, &day));
        }
    }
    tally.missing(reperformer.end());
    for compared in kept.iter_mut().filter(|compared| compared.differences.is_none() && compared.unusable.is_none()) {
        compared.differences = Some(vec![format!("the log has only {} entries", folded.edge.size())]);
    }
    print(context, past.state(), &folded, &tally, &kept);
    output::note(&tally.speed(began.elapsed(), past.spent()));
    let differs = kept.iter().any(|compared| compared.differences.as_ref().is_some_and(|parts| !parts.is_empty()));
    Ok(if tally.is_clean() && !differs { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn count(folded: &mut Folded, event: &Event) {
    match &event.body {
        Body::RequestApproved(approved) if approved.mechanism == Mechanism::Quorum => folded.approvals += 1,
        Body::RequestSubmitted(_) => folded.requests += 1,
        Body::GrantIssued(_) => folded.grants += 1,
        Body::ExecutionStarted(_) => folded.runs += 1,
        _ => {}
    }
}

/// The snapshots that there are, and those of them that can be read, the smallest last.
fn read_snapshots(layout: &Layout) -> anyhow::Result<(Vec<Compared>, Vec<Snapshot>)> {
    let listed = snapshot::list(layout).context("the snapshots cannot be listed")?;
    let (mut kept, mut read) = (Vec::new(), Vec::new());
    for (size, path) in listed {
        let found = keys::load(&layout.key()).map_err(|error| chain(&error)).and_then(|key| {
            snapshot::read(&path, &key.verifier())
                .map_err(|error| chain(&error))
                .and_then(|found| if found.edge.size() == size { Ok(found) } else { Err("it is of another size than its name".to_owned()) })
        });
        let unusable = found.as_ref().err().cloned();
        kept.push(Compared { size, differences: None, unusable });
        read.extend(found.ok());
    }
    Ok((kept, read))
}

fn differences(snapshot: &Snapshot, state: &State, edge: &Edge, prev: privyseal_core::digest::Digest, day: &(String, u64)) -> Vec<String> {
    let mut found = snapshot.state.differences(state);
    let others = [("tree", snapshot.edge != *edge), ("last leaf", snapshot.prev != prev), ("count of the day", snapshot.day != *day)];
    found.extend(others.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()));
    found
}

fn print(context: &Context, state: &State, folded: &Folded, tally: &Tally, kept: &[Compared]) {
    let Folded { requests, grants, runs, approvals, .. } = folded;
    let wrong = tally.approvals_that_do_not_follow();
    if context.global.format == Some(Format::Json) {
        let snapshots: Vec<Value> = kept
            .iter()
            .map(|compared| json!({"size": compared.size, "differences": compared.differences, "unusable": compared.unusable}))
            .collect();
        let mut counts = json!({
            "entries": state.next_seq, "requests": requests, "grants": grants, "executions": runs,
            "principals": state.principals.len(), "approvals_by_people": approvals, "approvals_that_do_not_follow": wrong,
            "requests_in_state": state.requests.len(), "snapshots": snapshots,
        });
        if let (Some(members), Value::Object(told)) = (counts.as_object_mut(), tally.json()) {
            members.extend(told);
        }
        output::data(&counts.to_string());
        return;
    }
    output::data(&format!("folded {} entries: {requests} requests, {grants} grants, {runs} runs", state.next_seq));
    output::data(&format!("{approvals} approvals by people, {} of them do not follow from the reviews before them", wrong.len()));
    tally.print();
    for Compared { size, differences, unusable } in kept {
        match (differences.as_deref(), unusable) {
            (_, Some(why)) => output::data(&format!("snapshot at {size}: not compared, and no start will use it: {why}")),
            (Some([]) | None, None) => output::data(&format!("snapshot at {size}: equal to what the log gives there")),
            (Some(parts), None) => {
                let named: BTreeSet<&str> = parts.iter().map(String::as_str).collect();
                let named = named.into_iter().collect::<Vec<_>>().join(", ");
                output::data(&format!(
                    "snapshot at {size}: DIFFERS from what the log gives there ({named}): remove the folder `cache` and start again"
                ));
            }
        }
    }
}
