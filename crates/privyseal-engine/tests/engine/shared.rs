//! Two engines on one PostgreSQL log: one chain, whatever happens to either of them or to the server.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use privyseal_core::command::Reply;
use privyseal_core::id::RequestId;
use privyseal_engine::{Engine, EngineError, Options, SeededEntropy, open};
use privyseal_ledger::layout::Layout;
use privyseal_ledger::postgres::Database;
use privyseal_ledger::store::Store;
use privyseal_ledger::verify::{Verdict, verify_folder};

use tokio::sync::watch;

use crate::cluster::Cluster;
use crate::fixture::{Fixture, actor, ask};

pub(crate) const CLIENTS: usize = 32;

/// The first engine makes the log; the second one has a folder of its own with a copy of the key.
pub(crate) async fn two(folder: &Path, url: &str) -> (Fixture, Engine) {
    let database = Some(Database::parse(url).ok().unwrap());
    let first = Fixture::with(folder, |layout| layout.with_database(database.clone())).await;
    let root = folder.join("second");
    fs::create_dir_all(root.join("keys")).unwrap();
    fs::copy(first.options.layout.key(), root.join("keys/node.key")).unwrap();
    let layout = Layout::new(root).with_database(database);
    let options = Options { layout, entropy: Arc::new(SeededEntropy::new(8)), node: "second".into(), ..first.options.clone() };
    let second = open(&options).unwrap();
    (first, second)
}

/// What became of the asks of one client: answered with a request, refused as not recorded, or unknown.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) recorded: Vec<(String, RequestId)>,
    pub(crate) not_recorded: Vec<String>,
    pub(crate) in_doubt: usize,
}

async fn client(engine: Engine, name: usize, asks: usize, [done, recorded]: [watch::Sender<usize>; 2], go_on: Arc<AtomicBool>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut number = 0;
    while number < asks || go_on.load(Ordering::Relaxed) {
        let key = format!("client-{name}-{number}");
        number += 1;
        let wanted = privyseal_engine::Ask { idempotency_key: Some(key.clone()), ..ask("db.read") };
        match engine.ask(wanted, actor("bot")).await {
            Ok(Reply::Request { request, .. }) => {
                // What a node has answered, it knows.
                assert!(engine.read(|state| state.request(&request).is_some()));
                outcome.recorded.push((key, request));
                recorded.send_modify(|recorded| *recorded += 1);
            }
            Err(EngineError::NotRecorded(_)) => outcome.not_recorded.push(key),
            Err(EngineError::InDoubt(_)) => outcome.in_doubt += 1,
            other => panic!("{other:?}"),
        }
        done.send_modify(|done| *done += 1);
    }
    outcome
}

pub(crate) struct Load {
    clients: Vec<tokio::task::JoinHandle<Outcome>>,
    done: watch::Sender<usize>,
    recorded: watch::Sender<usize>,
    go_on: Arc<AtomicBool>,
}

impl Load {
    /// Half of the clients on each engine, each with at least so many asks, and until [`Load::end`].
    pub(crate) fn start(engines: [&Engine; 2], asks: usize) -> Self {
        let (done, recorded, go_on) = (watch::Sender::new(0), watch::Sender::new(0), Arc::new(AtomicBool::new(true)));
        let counts = || [done.clone(), recorded.clone()];
        let client = |name: usize| tokio::spawn(client(engines[name % 2].clone(), name, asks, counts(), go_on.clone()));
        Self { clients: (0..CLIENTS).map(client).collect(), done, recorded, go_on }
    }

    /// Waits until so many more asks were recorded: until the log works again.
    pub(crate) async fn wait_recorded(&self, more: usize) {
        let mut recorded = self.recorded.subscribe();
        let target = *recorded.borrow() + more;
        recorded.wait_for(|recorded| *recorded >= target).await.unwrap();
    }

    /// Waits until so many more asks were answered.
    pub(crate) async fn wait(&self, more: usize) {
        let mut done = self.done.subscribe();
        let target = *done.borrow() + more;
        done.wait_for(|done| *done >= target).await.unwrap();
    }

    /// How many asks were refused, or are in doubt, by now.
    pub(crate) fn refused(&self) -> usize {
        *self.done.borrow() - *self.recorded.borrow()
    }

    pub(crate) async fn end(self) -> Vec<Outcome> {
        self.go_on.store(false, Ordering::Relaxed);
        let mut outcomes = Vec::new();
        for client in self.clients {
            outcomes.push(client.await.unwrap());
        }
        outcomes
    }
}

/// Everything acknowledged is there, once, on both; nothing that was refused is; the ledger verifies.
pub(crate) async fn check(first: &Fixture, second: &Engine, outcomes: &[Outcome]) {
    let recorded: BTreeSet<RequestId> = outcomes.iter().flat_map(|outcome| outcome.recorded.iter().map(|(_, id)| *id)).collect();
    assert_eq!(recorded.len(), outcomes.iter().map(|outcome| outcome.recorded.len()).sum::<usize>(), "every key is a request of its own");
    let in_doubt: usize = outcomes.iter().map(|outcome| outcome.in_doubt).sum();
    let refused: BTreeSet<&String> = outcomes.iter().flat_map(|outcome| &outcome.not_recorded).collect();
    let store = Store::of(&first.options.layout);
    let size = store.reader().unwrap().head().unwrap().unwrap().edge.size();
    for engine in [&first.engine, second] {
        engine.head().wait_for(|seen| *seen >= size).await.unwrap();
        engine.read(|state| {
            assert!(recorded.iter().all(|id| state.request(id).is_some()), "an answered request is missing");
            assert!(state.requests.len() <= recorded.len() + in_doubt, "something is there that nobody was told of");
        });
    }
    // A refused ask sent again is a new request, not one that was there all along.
    let before = first.engine.read(|state| state.requests.len());
    for key in refused.iter().take(5) {
        let again = privyseal_engine::Ask { idempotency_key: Some((*key).clone()), ..ask("db.read") };
        first.engine.ask(again, actor("bot")).await.unwrap();
    }
    assert_eq!(first.engine.read(|state| state.requests.len()), before + refused.len().min(5));
    first.engine.close().await;
    second.close().await;
    for (node, layout) in [("first", &first.options.layout), ("second", second.layout())] {
        let report = verify_folder(layout, None, &mut |_, _| {});
        assert_eq!(report.verdict, Verdict::Verified, "{node}: {:?}", report.problems);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_engines_write_one_chain_and_each_reads_what_the_other_wrote() {
    let (folder, cluster) = (tempfile::tempdir().unwrap(), Cluster::start());
    let (mut first, mut second) = two(folder.path(), &cluster.database("shared")).await;
    // A decision on one node about a request of the other.
    let request = first.ask("db.change").await;
    second.head().wait_for(|_| second.read(|state| state.request(&request).is_some())).await.unwrap();
    std::mem::swap(&mut first.engine, &mut second);
    first.approve("ben", request).await.unwrap();
    std::mem::swap(&mut first.engine, &mut second);
    // Decided on the newest state, though nothing was followed in between: the grant that the other node issued is redeemed here, once.
    let approved = first
        .engine
        .head()
        .wait_for(|_| first.engine.read(|state| state.request(&request).is_some_and(|request| request.grant().is_some())))
        .await
        .is_ok();
    assert!(approved);
    let (here, there) =
        (first.engine.execute(first.redeem_command(request), actor("bot")), second.execute(first.redeem_command(request), actor("bot")));
    let (here, there) = tokio::join!(here, there);
    assert!(here.is_ok() != there.is_ok(), "a grant was redeemed twice or never: {here:?} {there:?}");

    let outcomes = Load::start([&first.engine, &second], 20).end().await;
    assert!(outcomes.iter().all(|outcome| outcome.recorded.len() >= 20), "nothing went wrong, so nothing was refused");
    let mut outcomes = outcomes;
    outcomes[0].recorded.push(("the first".into(), request));
    check(&first, &second, &outcomes).await;
    // A restart of either finds the same log.
    assert!(open(&first.options).is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "whoever reads a failure wants to know how far it came")]
async fn nothing_acknowledged_is_lost_when_connections_break_and_the_server_crashes() {
    let (folder, cluster) = (tempfile::tempdir().unwrap(), Cluster::start());
    let (first, second) = two(folder.path(), &cluster.database("crashing")).await;
    let load = Load::start([&first.engine, &second], 10);
    for round in 0..6 {
        load.wait(100).await;
        if round % 3 == 2 {
            tokio::task::block_in_place(|| cluster.control(&["restart", "-m", "immediate"]));
        } else {
            let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'privyseal'";
            tokio::task::block_in_place(|| cluster.run_sql("crashing", kill));
        }
    }
    load.wait(100).await;
    let outcomes = load.end().await;
    let count = |of: fn(&Outcome) -> usize| outcomes.iter().map(of).sum::<usize>();
    eprintln!(
        "{} recorded, {} not recorded, {} in doubt",
        count(|outcome| outcome.recorded.len()),
        count(|outcome| outcome.not_recorded.len()),
        count(|outcome| outcome.in_doubt)
    );
    check(&first, &second, &outcomes).await;
}
