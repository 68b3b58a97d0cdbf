//! An object store that is slow, fails, forgets, lies or answers with the past, under a running engine: requests go on being answered,
//! nothing is recorded or pruned that was not read back whole, and trying again is all that anybody has to do.

use std::collections::BTreeSet;
use std::fs;

use privyseal_core::digest::Digest;
use privyseal_core::event::{Event, Kind};
use privyseal_core::id::RequestId;
use privyseal_engine::open;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::LogReader;
use privyseal_ledger::store::Store;
use privyseal_ledger::verify::{Verdict, verify_folder};
use privyseal_ledger::{reader, seal};
use tokio::task::{JoinSet, block_in_place, spawn_blocking};

use crate::fixture::Fixture;
use crate::object_store::{Fault, ObjectStore, Step};

/// What is done while the store misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Sealing, where nothing is there yet.
    Seal,
    /// Sealing, where an earlier try left half of it.
    SealAgain,
    /// Pruning what is sealed.
    Prune,
    /// Reading what was pruned, without a copy at hand.
    Fetch,
}

const CASES: &[(Doing, Step, &[Fault])] = &[
    (Doing::Seal, Step::Put, &[Fault::Before, Fault::After, Fault::Lost, Fault::Slow, Fault::Forgets, Fault::Half]),
    (Doing::Seal, Step::Get, &[Fault::Before, Fault::Lost, Fault::Slow, Fault::Stale, Fault::Cut, Fault::Short, Fault::Garbage]),
    (Doing::SealAgain, Step::Put, &[Fault::Before, Fault::After, Fault::Lost, Fault::Forgets, Fault::Half]),
    (Doing::SealAgain, Step::Get, &[Fault::Before, Fault::Stale, Fault::Cut, Fault::Garbage]),
    (Doing::SealAgain, Step::Delete, &[Fault::Before, Fault::After, Fault::Lost]),
    (Doing::Prune, Step::Get, &[Fault::Before, Fault::Lost, Fault::Slow, Fault::Stale, Fault::Cut, Fault::Short, Fault::Garbage]),
    (Doing::Fetch, Step::Get, &[Fault::Before, Fault::Lost, Fault::Slow, Fault::Stale, Fault::Cut, Fault::Short, Fault::Garbage]),
];

fn prune(layout: &Layout) -> Result<u64, String> {
    let mut log = Store::of(layout).open_alone().unwrap();
    seal::prune(layout, log.as_mut(), u64::MAX).map_err(|error| privyseal_core::cause::chain(&error))
}

fn read_all(log: &dyn LogReader) -> Result<Vec<Event>, String> {
    let entries = log.entries(0, usize::MAX).map_err(|error| privyseal_core::cause::chain(&error))?;
    Ok(entries.iter().map(|stored| Event::from_entry(&stored.entry).unwrap()).collect())
}

fn lose_copies(fixture: &Fixture) {
    let _ = fs::remove_dir_all(fixture.options.layout.below_ledger("events"));
}

async fn one(doing: Doing, step: Step, fault: Fault, times: usize) -> String {
    let what = format!("{doing:?}, {step:?} {fault:?}{}", if times == 1 { " once" } else { "" });
    let (folder, store) = (tempfile::tempdir().unwrap(), ObjectStore::start());
    let mut fixture = Fixture::with(folder.path(), |layout| layout.with_bucket(Some(store.bucket()))).await;
    let layout = fixture.options.layout.clone();
    let mut acknowledged: Vec<RequestId> = Vec::new();
    for _ in 0..4 {
        acknowledged.push(fixture.ask("db.read").await);
    }
    match doing {
        Doing::Seal => {}
        Doing::SealAgain => {
            store.fail(Step::Put, Fault::Half, usize::MAX);
            assert!(fixture.engine.seal().await.is_err(), "{what}: half of a segment is not recorded");
            store.repair();
        }
        Doing::Prune | Doing::Fetch => assert_eq!(fixture.engine.seal().await.unwrap().len(), 1),
    }
    if doing == Doing::Fetch {
        block_in_place(|| prune(&layout)).unwrap();
        lose_copies(&fixture);
    }
    let size = *fixture.engine.head().borrow();
    store.fail(step, fault, times);
    let (engine, place) = (fixture.engine.clone(), layout.clone());
    let doing_it = tokio::spawn(async move {
        match doing {
            Doing::Seal | Doing::SealAgain => engine.seal().await.map(drop).map_err(|error| error.to_string()),
            Doing::Prune => spawn_blocking(move || prune(&place)).await.unwrap().map(drop),
            Doing::Fetch => spawn_blocking(move || read_all(Store::of(&place).reader().unwrap().as_ref())).await.unwrap().map(drop),
        }
    });
    if fault == Fault::Slow {
        // The store has it in its hands and says nothing. Everything else goes on.
        let waiting = store.clone();
        spawn_blocking(move || waiting.wait_for_fault()).await.unwrap();
        acknowledged.push(fixture.ask("db.read").await);
        assert!(store.repair() > 0);
    }
    let done = doing_it.await.unwrap();
    // Whatever the store does, the engine answers.
    acknowledged.push(fixture.ask("db.read").await);
    let met = store.repair();
    assert!(met > 0, "{what}: the store was never asked");
    let alone = Store::of(&layout).open_alone().unwrap();
    for segment in reader::segments(alone.as_ref()).unwrap() {
        let object = store.object(&segment.path).unwrap_or_else(|| panic!("{what}: a recorded segment is not there"));
        assert_eq!(Digest::of(&object), segment.sha256, "{what}: a recorded segment is another one");
    }
    let outcome = match &done {
        Ok(()) => "went on by itself".to_owned(),
        Err(told) => {
            assert!(told.contains("s3://audit/ledger") && !told.contains('\n'), "{what}: {told}");
            match doing {
                Doing::Seal | Doing::SealAgain => assert_eq!(alone.entries_of(Kind::SegmentSealed).unwrap(), [], "{what}"),
                Doing::Prune => assert_eq!(alone.first().unwrap(), 0, "{what}: pruned what was not read back"),
                Doing::Fetch => {}
            }
            format!("said: {told}")
        }
    };
    // Trying again is all that it takes.
    fixture.engine.seal().await.unwrap_or_else(|error| panic!("{what}: {error}"));
    block_in_place(|| prune(&layout)).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(alone.first().unwrap() >= size, "{what}");
    fixture.engine.close().await;
    lose_copies(&fixture);
    fs::remove_dir_all(layout.cache()).unwrap();
    fixture.engine = open(&fixture.options).unwrap_or_else(|error| panic!("{what}: {error}"));
    acknowledged.push(fixture.ask("db.read").await);
    let events = block_in_place(|| read_all(Store::of(&layout).reader().unwrap().as_ref())).unwrap();
    let submitted: Vec<RequestId> =
        events.iter().filter(|event| event.kind() == Kind::RequestSubmitted).filter_map(|event| event.request_id).collect();
    assert_eq!(submitted.len(), submitted.iter().collect::<BTreeSet<_>>().len(), "{what}: a request is there twice");
    assert_eq!(submitted, acknowledged, "{what}");
    fixture.engine.close().await;
    let report = block_in_place(|| verify_folder(&layout, None, &mut |_, _| {}));
    assert_eq!(report.verdict, Verdict::Verified, "{what}: {report}");
    format!("{what:34} {outcome}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[expect(clippy::print_stderr, reason = "the table is for people")]
async fn whatever_the_object_store_does_nothing_is_lost_and_trying_again_is_enough() {
    let mut cases = CASES
        .iter()
        .flat_map(|(doing, step, faults)| faults.iter().flat_map(move |fault| [1, usize::MAX].map(|times| (*doing, *step, *fault, times))));
    let (mut running, mut rows) = (JoinSet::new(), Vec::new());
    let mut start = |running: &mut JoinSet<String>| {
        if let Some((doing, step, fault, times)) = cases.next() {
            running.spawn(one(doing, step, fault, times));
        }
    };
    (0..6).for_each(|_| start(&mut running));
    while let Some(row) = running.join_next().await {
        rows.push(row.unwrap());
        start(&mut running);
    }
    rows.sort();
    eprintln!("{}", rows.join("\n"));
    // What a store says once, our client does not even pass on.
    assert!(
        rows.iter().any(|row| row.starts_with("Seal, Put Lost once") && row.ends_with("by itself")),
        "a lost answer is asked for again"
    );
    assert!(rows.iter().any(|row| row.starts_with("Seal, Put Forgets") && row.contains("said: ")), "what is forgotten is not recorded");
}
