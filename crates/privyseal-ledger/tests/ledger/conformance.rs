//! What every log store promises, as a table of behaviours that is run over each of them.

use privyseal_core::decide::Fresh;
use privyseal_core::digest::Digest;
use privyseal_core::event::ledger::Opened;
use privyseal_core::event::{Body, Draft, Kind};
use privyseal_core::id::RequestId;
use privyseal_core::note::NodeKey;
use privyseal_core::tree::Edge;
use privyseal_ledger::chain::Tip;
use privyseal_ledger::keys;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::{Batch, Log, LogError, StoredEntry, at_one_moment};
use privyseal_ledger::postgres::Database;
use privyseal_ledger::store::Store;

use crate::cluster::Cluster;
use crate::fixture::{ORIGIN, actor, heartbeat, role};

/// Makes batches that continue one another.
struct Maker {
    key: NodeKey,
    tip: Tip,
}

impl Maker {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = keys::create(&folder.path().join("node.key"), ORIGIN, &[3; 32]).unwrap();
        Self { key, tip: Tip::empty(ORIGIN) }
    }

    fn batch(&mut self, bodies: Vec<Body>) -> Batch {
        self.batch_about(None, bodies)
    }

    fn batch_about(&mut self, request_id: Option<RequestId>, bodies: Vec<Body>) -> Batch {
        let entries = bodies.into_iter().map(|body| {
            let now = self.tip.time.plus_seconds(1);
            let id = Fresh::new(now, *Digest::of(&self.tip.edge.size().to_be_bytes()).as_bytes()).event_id();
            let (event, stored) = self.tip.place(Draft { actor: actor(), request_id, body }, id, now, &self.key).unwrap();
            (stored, event.kind())
        });
        let entries = entries.collect();
        self.tip.batch(entries, &self.key)
    }

    fn opened(&mut self) -> Batch {
        let key = self.key.verifier().to_string();
        self.batch(vec![Body::LedgerOpened(Opened { format: 1, key, previous: None })])
    }
}

/// A new log with its first entry, and what continues it.
fn begun(store: &Store) -> (Maker, Box<dyn Log>) {
    let (mut maker, mut log) = (Maker::new(), store.create().unwrap());
    log.append(&maker.opened()).unwrap();
    (maker, log)
}

fn stored(batches: &[&Batch]) -> Vec<StoredEntry> {
    batches.iter().flat_map(|batch| batch.entries.iter().map(|(stored, _)| stored.clone())).collect()
}

type Behaviour = (&'static str, fn(&Store));

const BEHAVIOURS: &[Behaviour] = &[
    ("there is no log before it is made, and it is made once", |store| {
        assert!(!store.exists().unwrap());
        assert!(store.open().is_err() && store.reader().is_err());
        let log = store.create().unwrap();
        assert_eq!(log.head().unwrap(), None);
        assert_eq!((log.first().unwrap(), log.entries(0, 10).unwrap()), (0, vec![]));
        assert!(store.exists().unwrap());
        assert!(matches!(store.create(), Err(LogError::Damaged { .. })));
    }),
    ("what is appended is read back verbatim, by others and after opening again", |store| {
        let (mut maker, mut log) = begun(store);
        let batch = maker.batch(vec![heartbeat(), role("group:sre")]);
        log.append(&batch).unwrap();
        for log in [store.reader().unwrap(), store.open().unwrap()] {
            assert_eq!(log.entries(1, 10).unwrap(), stored(&[&batch]));
            assert_eq!(log.entries(2, 1).unwrap()[0].signature.as_ref().unwrap().1, maker.key.id());
            let head = log.head().unwrap().unwrap();
            assert_eq!((&head.edge, &head.checkpoint, head.time), (&maker.tip.edge, &batch.checkpoint, maker.tip.time));
            assert_eq!(log.entries_of(Kind::RoleAssigned).unwrap().len(), 1);
            let leaves: Vec<Digest> = log.leaves(1..3).unwrap();
            assert_eq!(leaves, stored(&[&batch]).iter().map(|entry| entry.leaf).collect::<Vec<_>>());
            assert!(matches!(log.leaves(1..4), Err(LogError::Damaged { .. })));
        }
    }),
    ("what does not continue the head is refused, and leaves nothing", |store| {
        let (mut maker, mut log) = begun(store);
        let stale = maker.tip.clone();
        log.append(&maker.batch(vec![heartbeat()])).unwrap();
        let before = log.entries(0, 10).unwrap();
        let late = Maker { tip: stale, ..Maker::new() }.batch(vec![heartbeat()]);
        assert!(matches!(log.append(&late), Err(LogError::Moved { size: 2, .. })));
        let mut other = Maker::new();
        other.batch(vec![role("group:other"), role("group:history")]);
        assert!(matches!(log.append(&other.batch(vec![heartbeat()])), Err(LogError::Damaged { .. })), "of another history");
        let mut gap = maker.batch(vec![heartbeat(), heartbeat()]);
        gap.entries.remove(0);
        assert!(log.append(&gap).is_err(), "with a gap");
        assert_eq!(log.entries(0, 10).unwrap(), before);
        assert_eq!(log.head().unwrap().unwrap().edge.size(), 2);
    }),
    ("a batch with one bad row is not there at all", |store| {
        let (mut maker, mut log) = begun(store);
        let before = maker.tip.clone();
        let mut batch = maker.batch(vec![heartbeat(), heartbeat(), heartbeat()]);
        batch.entries[2].0.entry = b"{".to_vec();
        assert!(matches!(log.append(&batch), Err(LogError::Damaged { .. })));
        assert_eq!((log.entries(1, 10).unwrap().len(), log.head().unwrap().unwrap().edge), (0, before.edge.clone()));
        // The log goes on as if nothing had been.
        maker.tip = before;
        log.append(&maker.batch(vec![heartbeat()])).unwrap();
        assert_eq!(log.head().unwrap().unwrap().edge.size(), 2);
    }),
    ("a snapshot is of one moment while another writes", |store| {
        let (mut maker, mut log) = begun(store);
        let reader = store.reader().unwrap();
        let sizes = at_one_moment(reader.as_ref(), |reader| {
            let first = reader.head()?.unwrap().edge.size();
            log.append(&maker.batch(vec![heartbeat()]))?;
            Ok((first, reader.head()?.unwrap().edge.size(), reader.entries(0, 10)?.len()))
        });
        assert_eq!(sizes.unwrap(), (1, 1, 1));
        assert_eq!(reader.head().unwrap().unwrap().edge.size(), 2);
        // A reader that fails in a snapshot can be used again.
        let failed = at_one_moment(reader.as_ref(), |reader| reader.leaves(0..9));
        assert!(failed.is_err());
        assert_eq!(reader.entries(0, 10).unwrap().len(), 2);
    }),
    ("the largest entry fits, many times over", |store| {
        let (mut maker, mut log) = begun(store);
        let mut text = "x".repeat(60_000);
        let fits = |text: &str| {
            let Body::RoleAssigned(mut role) = role("group:sre") else { panic!("not a role") };
            role.reason = text.to_owned();
            Body::RoleAssigned(role)
        };
        let mut probe = Maker { tip: maker.tip.clone(), ..Maker::new() };
        text.push_str(&"x".repeat(65_535 - probe.batch(vec![fits(&text)]).entries[0].0.entry.len()));
        let batch = maker.batch(vec![fits(&text); 9]);
        assert_eq!(batch.entries[0].0.entry.len(), 65_535);
        log.append(&batch).unwrap();
        assert!(log.entries(1, 100).unwrap() == stored(&[&batch]));
    }),
    ("entries are found by kind and by request, and counted", |store| {
        let (mut maker, mut log) = begun(store);
        let ids = [1, 2].map(|n| Fresh::request_id(maker.tip.time, [n; 32]));
        log.append(&maker.batch_about(Some(ids[0]), vec![heartbeat(), role("group:sre")])).unwrap();
        log.append(&maker.batch_about(Some(ids[1]), vec![heartbeat()])).unwrap();
        let of = |id| log.entries_of_request(&id).unwrap().iter().map(|entry| entry.seq).collect::<Vec<_>>();
        assert_eq!((of(ids[0]), of(ids[1])), (vec![1, 2], vec![3]));
        let counts = [("heartbeat", 2), ("ledger.opened", 1), ("role.assigned", 1)].map(|(kind, count)| (kind.to_owned(), count));
        assert_eq!(log.counts().unwrap(), counts);
        let (stored, found) = log.entries_found_by(2, 1).unwrap().remove(0);
        assert_eq!(
            (stored, &*found.kind, found.request_id),
            (log.entries(2, 1).unwrap().remove(0), "role.assigned", Some(ids[0].to_string()))
        );
    }),
    ("of every second the newest checkpoint is kept, and every cosigned one", |store| {
        let (mut maker, mut log) = begun(store);
        let mut notes = vec![];
        for _ in 0..3 {
            let batch = maker.batch(vec![heartbeat()]);
            notes.push((batch.edge.size(), batch.checkpoint.clone()));
            log.append(&batch).unwrap();
        }
        assert_eq!(log.checkpoints(0, usize::MAX).unwrap()[1..], notes);
        log.keep_cosigned(3, "first").unwrap();
        log.keep_cosigned(3, "with witnesses").unwrap();
        notes[1].1 = "with witnesses".to_owned();
        assert_eq!(store.reader().unwrap().checkpoints(0, usize::MAX).unwrap()[1..], notes);
        // Two commits of one second: the earlier one's checkpoint is implied by the later one's.
        let mut batch = maker.batch(vec![heartbeat()]);
        batch.time = log.head().unwrap().unwrap().time;
        log.append(&batch).unwrap();
        assert_eq!(log.checkpoints(0, usize::MAX).unwrap().iter().map(|(size, _)| *size).collect::<Vec<_>>(), [1, 2, 3, 5]);
    }),
    ("pruning takes away what was asked and keeps what is looked up for ever", |store| {
        let (mut maker, mut log) = begun(store);
        log.append(&maker.batch(vec![heartbeat(), role("group:sre"), heartbeat(), heartbeat()])).unwrap();
        let (all, counts, head) = (log.entries(0, 10).unwrap(), log.counts().unwrap(), log.head().unwrap());
        assert!(matches!(log.prune(5), Err(LogError::Damaged { .. })), "the last entry stays");
        for before in [2, 3, 3, 1] {
            log.prune(before).unwrap();
        }
        for log in [store.open_alone().unwrap(), store.open_alone().unwrap()] {
            assert_eq!((log.first().unwrap(), log.entries(0, 10).unwrap()), (3, all[3..].to_vec()));
            assert_eq!(log.entries_found_by(0, 10).unwrap()[0].0.seq, 3);
            assert_eq!(log.entries_of(Kind::LedgerOpened).unwrap(), all[..1]);
            assert_eq!(log.entries_of(Kind::RoleAssigned).unwrap(), []);
            assert_eq!((log.counts().unwrap(), log.head().unwrap()), (counts.clone(), head.clone()));
            assert!(log.leaves(0..5).is_err() && log.leaves(3..5).is_ok());
        }
        log.append(&maker.batch(vec![heartbeat()])).unwrap();
        assert_eq!(log.entries(0, 10).unwrap().len(), 3);
    }),
    ("a turn sees the newest head, and ends with or without an append", |store| {
        let (mut maker, mut log) = begun(store);
        assert_eq!(log.take_turn().unwrap().unwrap().edge.size(), 1);
        log.end_turn();
        log.end_turn();
        let mut edge = Edge::clone(&maker.tip.edge);
        for _ in 0..3 {
            assert_eq!(log.take_turn().unwrap().unwrap().edge, edge);
            log.append(&maker.batch(vec![heartbeat()])).unwrap();
            edge.clone_from(&maker.tip.edge);
        }
        assert_eq!(store.reader().unwrap().head().unwrap().unwrap().edge, edge);
    }),
];

#[test]
#[expect(clippy::print_stderr, reason = "whoever reads a failure wants to know how far it came")]
fn sqlite_keeps_every_promise() {
    for (name, check) in BEHAVIOURS {
        eprintln!("sqlite: {name}");
        let folder = tempfile::tempdir().unwrap();
        check(&Store::of(&Layout::new(folder.path())));
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "whoever reads a failure wants to know how far it came")]
fn postgres_keeps_every_promise() {
    let cluster = Cluster::start();
    // First, because after a crash the server writes out every database that there is.
    a_lost_connection_is_made_again_but_not_in_a_turn(&cluster);
    for (number, (name, check)) in BEHAVIOURS.iter().enumerate() {
        eprintln!("postgres: {name}");
        check(&store(&cluster, &format!("behaviour_{number}")));
    }
    newer_and_foreign_tables_are_refused(&cluster);
    unsafe_servers_are_refused(&cluster);
    turns_are_taken_one_after_the_other(&cluster);
}

fn store(cluster: &Cluster, name: &str) -> Store {
    Store::of(&Layout::new("unused").with_database(Database::parse(&cluster.database(name)).ok()))
}

fn words(result: Result<Box<dyn Log>, LogError>) -> String {
    let error = result.err().expect("it was opened");
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}")
}

fn newer_and_foreign_tables_are_refused(cluster: &Cluster) {
    let store = store(cluster, "foreign_log");
    assert!(words(store.open()).contains("not a Privyseal log"));
    store.create().unwrap();
    cluster.run_sql("foreign_log", "UPDATE privyseal.about SET layout = 99");
    assert!(words(store.open()).contains("version 99"));
    cluster.run_sql("foreign_log", "DELETE FROM privyseal.about");
    assert!(words(store.open()).contains("version 0"));
}

fn unsafe_servers_are_refused(cluster: &Cluster) {
    let store = store(cluster, "unsafe_server");
    store.create().unwrap();
    for setting in ["fsync", "full_page_writes"] {
        cluster.run_sql("unsafe_server", &format!("ALTER SYSTEM SET {setting} = off"));
        cluster.control(&["reload"]);
        // A reload is a signal; the next connection may still see the old value.
        let refused = (0..200).map(|_| store.open()).find(Result::is_err).expect("it was never refused");
        assert!(words(refused).contains(&format!("{setting}=off")));
        cluster.run_sql("unsafe_server", &format!("ALTER SYSTEM RESET {setting}"));
        cluster.control(&["reload"]);
        assert!((0..200).any(|_| store.open().is_ok()), "{setting} is on again");
    }
    // A role that asks for less than durability does not get it.
    cluster.run_sql("unsafe_server", "ALTER DATABASE unsafe_server SET synchronous_commit = off");
    let mut log = store.open().unwrap();
    log.append(&Maker::new().opened()).unwrap();
}

fn turns_are_taken_one_after_the_other(cluster: &Cluster) {
    let store = store(cluster, "turns");
    let (mut maker, mut first) = begun(&store);
    let mut second = store.open().unwrap();
    first.take_turn().unwrap();
    let (said, heard) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let head = second.take_turn();
        said.send(()).unwrap();
        head.unwrap().unwrap().edge.size()
    });
    // The server knows that somebody waits for the row.
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'turns' AND wait_event_type = 'Lock'";
    while cluster.run_sql("turns", waits) != "1" {}
    assert!(heard.try_recv().is_err());
    first.append(&maker.batch(vec![heartbeat()])).unwrap();
    assert_eq!(waiting.join().unwrap(), 2, "the second turn sees what the first one wrote");
}

fn a_lost_connection_is_made_again_but_not_in_a_turn(cluster: &Cluster) {
    let store = store(cluster, "lost");
    let (mut maker, mut log) = begun(&store);
    for (size, killed) in [(1, false), (2, true)] {
        let before = maker.tip.clone();
        log.take_turn().unwrap();
        if killed {
            cluster.kill();
            cluster.control(&["start"]);
        } else {
            cluster.control(&["restart", "-m", "immediate"]);
        }
        let refused = log.append(&maker.batch(vec![heartbeat()]));
        assert!(matches!(refused, Err(LogError::Unavailable { .. } | LogError::InDoubt { .. })), "{refused:?}");
        maker.tip = before;
        assert_eq!(log.take_turn().unwrap().unwrap().edge.size(), size);
        log.append(&maker.batch(vec![heartbeat()])).unwrap();
        assert_eq!(u64::try_from(store.reader().unwrap().entries(0, 10).unwrap().len()).unwrap(), size + 1);
    }
}
