//! Two nodes on one log, each with a signing key of its own: both write, either can end the other's key, and that stops only the other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use privyseal_core::command::{Command, KeyCommand, Reply};
use privyseal_core::event::ledger::KeyPurpose;
use privyseal_core::id::RequestId;
use privyseal_core::note::{KeyId, Note, VerifierKey};
use privyseal_engine::{Engine, EngineError, OpenError, Options, SeededEntropy, open};
use privyseal_ledger::keys;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::postgres::Database;
use privyseal_ledger::store::Store;
use privyseal_ledger::verify::{Verdict, verify_folder};

use crate::cluster::Cluster;
use crate::fixture::{Fixture, actor, ask};
use crate::shared::Load;

/// Makes the log, and a folder with another key that the log does not know yet.
async fn two(folder: &Path, url: &str) -> (Fixture, Options, VerifierKey) {
    let database = Some(Database::parse(url).ok().unwrap());
    let first = Fixture::with(folder, |layout| layout.with_database(database.clone())).await;
    let layout = Layout::new(folder.join("second")).with_database(database);
    fs::create_dir_all(layout.ledger()).unwrap();
    let key = keys::create(&layout.key(), "test.example/privyseal/engine", &[8; 32]).unwrap().verifier();
    let options = Options { layout, entropy: Arc::new(SeededEntropy::new(8)), node: "second".into(), ..first.options.clone() };
    (first, options, key)
}

async fn enrolled(first: &Fixture, options: &Options, key: &VerifierKey) -> Engine {
    let purposes = vec![KeyPurpose::Log, KeyPurpose::Node];
    let enroll = KeyCommand::Enroll { key: key.to_string(), purposes, protection: "file-0600".into() };
    first.engine.as_operator(Command::Keys(enroll)).await.unwrap();
    open(options).unwrap()
}

fn ends(key: KeyId, since_seq: Option<u64>) -> Command {
    let reason = "the machine is given away".to_owned();
    Command::Keys(match since_seq {
        None => KeyCommand::Retire { key, reason },
        since_seq => KeyCommand::Revoke { key, since_seq, reason },
    })
}

/// Asks until the node says that it has stopped: what it acknowledged, and its last words.
async fn until_stopped(engine: Engine) -> (Vec<RequestId>, String) {
    let mut acknowledged = Vec::new();
    loop {
        match engine.ask(ask("db.read"), actor("bot")).await {
            Ok(Reply::Request { request, .. }) => acknowledged.push(request),
            Err(error @ EngineError::Stopped(_)) => return (acknowledged, error.to_string()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_with_keys_of_their_own_write_one_log_and_the_end_of_one_key_stops_one_node() {
    let cluster = Cluster::start();
    for (name, compromised) in [("retired", false), ("revoked", true)] {
        let folder = tempfile::tempdir().unwrap();
        let (first, options, key) = two(folder.path(), &cluster.database(name)).await;
        let own = keys::load(&first.options.layout.key()).unwrap().verifier();
        assert!(matches!(open(&options), Err(OpenError::WrongKey { why, .. }) if why.contains("never enrolled")));
        let second = enrolled(&first, &options, &key).await;
        let outcomes = Load::start([&first.engine, &second], 10).end().await;
        assert!(outcomes.iter().all(|outcome| outcome.recorded.len() >= 10));
        let log = Store::of(&options.layout).reader().unwrap();
        let signers: BTreeSet<KeyId> = log.entries(0, usize::MAX).unwrap().iter().filter_map(|stored| Some(stored.signature?.1)).collect();
        assert_eq!(signers, BTreeSet::from([own.id(), key.id()]), "both sign events");

        // Nobody ends the key that he signs with: what follows in the same commit would be signed by nobody.
        second.ask(ask("db.read"), actor("bot")).await.unwrap();
        let since = compromised.then(|| *second.head().borrow() - 1);
        for (node, key) in [(&first.engine, &own), (&second, &key)] {
            let refused = node.as_operator(ends(key.id(), since)).await.unwrap_err().to_string();
            assert!(refused.contains("keys rotate"), "{refused}");
        }
        // The other node ends it; a key that is retired may be writing just then.
        let writing = (!compromised).then(|| tokio::spawn(until_stopped(first.engine.clone())));
        for _ in 0..10 {
            second.ask(ask("db.read"), actor("bot")).await.unwrap();
        }
        second.as_operator(ends(own.id(), since)).await.unwrap();
        let (acknowledged, words) = match writing {
            Some(writing) => writing.await.unwrap(),
            None => until_stopped(first.engine.clone()).await,
        };
        assert!(words.contains("ended by another") && words.contains("restart"), "{words}");
        assert!(second.read(|state| acknowledged.iter().all(|request| state.request(request).is_some())), "{name}: something is lost");
        for _ in 0..10 {
            second.ask(ask("db.read"), actor("bot")).await.unwrap();
        }
        first.engine.close().await;
        assert!(matches!(open(&first.options), Err(OpenError::WrongKey { why, .. }) if why.contains("retired or revoked")), "{name}");
        second.close().await;
        let head = Note::parse(&log.head().unwrap().unwrap().checkpoint).unwrap();
        assert_eq!((head.verify(&key).is_ok(), head.verify(&own).is_ok()), (true, false));
        // Whoever knows the log by its first key follows to the other one.
        let report = verify_folder(&options.layout, Some(own), &mut |_, _| {});
        assert_eq!(report.verdict, Verdict::Verified, "{name}: {report}");
        // A restart goes on alone.
        let second = open(&options).unwrap();
        second.ask(ask("db.read"), actor("bot")).await.unwrap();
        second.close().await;
    }
}
