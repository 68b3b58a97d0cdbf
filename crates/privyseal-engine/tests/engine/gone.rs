//! PostgreSQL that goes away under load and comes back, and connections that are cut in the middle of a commit.

use privyseal_core::command::Reply;
use privyseal_engine::{Engine, EngineError, Options, open};
use privyseal_ledger::postgres::Database;
use tokio::task::block_in_place;

use crate::cluster::Cluster;
use crate::cut::{Cut, Relay};
use crate::fixture::{actor, ask};
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
