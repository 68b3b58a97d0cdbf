//! PostgreSQL that goes away under load and comes back, and connections that are cut in the middle of a commit.

use privyseal_core::cause::chain;
use privyseal_core::command::Reply;
use privyseal_core::event::{Event, Kind};
use privyseal_engine::{Engine, EngineError, Options, open};
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::Log;
use privyseal_ledger::postgres::Database;
use privyseal_ledger::seal;
use privyseal_ledger::store::Store;
use privyseal_ledger::verify::{Verdict, verify_folder};
use tokio::task::block_in_place;

use crate::cluster::Cluster;
use crate::cut::{Cut, Relay};
use crate::fixture::{Fixture, actor, ask};
use crate::shared::{Load, Outcome, check, two};

async fn keyed(engine: &Engine, key: &str) -> Result<Reply, EngineError> {
    engine.ask(privyseal_engine::Ask { idempotency_key: Some(key.to_owned()), ..ask("db.read") }, actor("bot")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "whoever reads a failure wants to know how far it came")]
async fn a_server_that_goes_away_is_waited_for_and_gone_on_with() {
    let (folder, cluster) = (tempfile::tempdir().unwrap(), Cluster::start());
    let (first, second) = two(folder.path(), &cluster.database("gone")).await;
    let load = Load::start([&first.engine, &second], 10);
    for how in ["killed", "stopped at once", "killed", "stopped"] {
        load.wait_recorded(100).await;
        block_in_place(|| match how {
            "killed" => cluster.kill(),
            "stopped at once" => cluster.control(&["stop", "-m", "immediate"]),
            _ => cluster.control(&["stop", "-m", "fast"]),
        });
        let refused = loop {
            match keyed(&first.engine, &format!("while it is {how}")).await {
                Err(EngineError::NotRecorded(_) | EngineError::InDoubt(_)) if load.refused() > 40 => break load.refused(),
                Err(EngineError::NotRecorded(told) | EngineError::InDoubt(told)) => assert!(told.contains("postgres://"), "{told}"),
                other => panic!("{how}: {other:?}"),
            }
        };
        eprintln!("{how}: {refused} refused so far");
        block_in_place(|| cluster.control(&["start"]));
    }
    // Nobody restarted an engine.
    load.wait_recorded(100).await;
    let mut outcomes = load.end().await;
    for how in ["killed", "stopped at once", "stopped"] {
        let answered = keyed(&first.engine, &format!("while it is {how}")).await;
        let Ok(Reply::Request { request, .. }) = answered else { panic!("{how}: {answered:?}") };
        outcomes[0].recorded.push((how.to_owned(), request));
    }
    check(&first, &second, &outcomes).await;
    assert!(open(&first.options).is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_cut_off_is_settled_by_looking_at_the_log() {
    let (folder, cluster) = (tempfile::tempdir().unwrap(), Cluster::start());
    let url = cluster.database("cut");
    let relay = Relay::start(&url);
    let (mut first, second) = two(folder.path(), &url).await;
    first.engine.close().await;
    let layout = first.options.layout.clone().with_database(Database::parse(&relay.through(&url)).ok());
    first.options = Options { layout, ..first.options.clone() };
    first.engine = open(&first.options).unwrap();
    // One after the other: what the answer must be.
    let mut settled = Outcome::default();
    for round in 0..5 {
        for cut in [Cut::Before, Cut::After, Cut::During] {
            let key = format!("{cut:?} {round}");
            relay.cut(cut);
            let answered = keyed(&first.engine, &key).await;
            assert!(relay.is_cut(), "{key}: nothing was cut");
            match (cut, answered) {
                (Cut::After | Cut::During, Ok(Reply::Request { request, .. })) => settled.recorded.push((key, request)),
                (Cut::Before | Cut::During, Err(EngineError::NotRecorded(told))) => {
                    assert!(told.contains("postgres://"), "{told}");
                    settled.not_recorded.push(key);
                }
                (_, other) => panic!("{key}: {other:?}"),
            }
        }
    }
    // And under load, at whatever moment.
    let load = Load::start([&first.engine, &second], 10);
    for cut in [Cut::After, Cut::Before, Cut::During].into_iter().cycle().take(30) {
        relay.cut(cut);
        while !relay.is_cut() {
            load.wait(1).await;
        }
        load.wait_recorded(20).await;
    }
    let mut outcomes = load.end().await;
    assert_eq!(outcomes.iter().map(|outcome| outcome.in_doubt).sum::<usize>(), 0, "the server was there to be asked");
    outcomes.push(settled);
    check(&first, &second, &outcomes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prune_that_is_cut_off_is_gone_on_with() {
    let (folder, cluster) = (tempfile::tempdir().unwrap(), Cluster::start());
    for (number, cut) in [Cut::Before, Cut::During, Cut::After].into_iter().enumerate() {
        let url = cluster.database(&format!("prune_{number}"));
        let relay = Relay::start(&url);
        let database = Database::parse(&relay.through(&url)).ok();
        let mut fixture = Fixture::with(&folder.path().join(format!("{cut:?}")), |layout| layout.with_database(database)).await;
        let mut asked = Vec::new();
        for _ in 0..20 {
            asked.push(fixture.ask("db.read").await);
        }
        fixture.engine.seal().await.unwrap();
        let (layout, size) = (fixture.options.layout.clone(), *fixture.engine.head().borrow() - 1);
        let again = || {
            let mut log = Store::of(&layout).open_alone().unwrap();
            prune(&layout, log.as_mut())
        };
        relay.cut(cut);
        let cut_off = block_in_place(again).unwrap_err();
        assert!(relay.is_cut() && cut_off.contains("postgres://"), "{cut:?}: {cut_off}");
        let first = Store::of(&layout).reader_alone().unwrap().first().unwrap();
        assert!(if cut == Cut::Before { first == 0 } else { first == size || cut == Cut::During }, "{cut:?}: pruned up to {first}");
        block_in_place(again).unwrap();
        let log = Store::of(&layout).reader().unwrap();
        assert_eq!(Store::of(&layout).reader_alone().unwrap().first().unwrap(), size, "{cut:?}");
        let submitted = log.entries_of(Kind::RequestSubmitted).unwrap();
        let submitted: Vec<_> = submitted.iter().filter_map(|stored| Event::from_entry(&stored.entry).unwrap().request_id).collect();
        assert_eq!(submitted, asked, "{cut:?}");
        let counted = log.counts().unwrap().into_iter().find(|(kind, _)| kind == "request.submitted");
        assert_eq!(counted, Some(("request.submitted".to_owned(), 20)), "{cut:?}: counted once");
        fixture.ask("db.read").await;
        fixture.engine.close().await;
        let report = block_in_place(|| verify_folder(&layout, None, &mut |_, _| {}));
        assert_eq!(report.verdict, Verdict::Verified, "{cut:?}: {report}");
        fixture.engine = open(&fixture.options).unwrap();
    }
}

fn prune(layout: &Layout, log: &mut dyn Log) -> Result<u64, String> {
    seal::prune(layout, log, u64::MAX).map_err(|error| chain(&error))
}
