//! Logs of earlier layouts: read as they are, brought up by the first writer, whole or not at all.

use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::{Log as _, LogError, LogReader};
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_ledger::verify::Verdict;

use crate::fixture::{Fixture, heartbeat, role};

/// The tables of layout 1, as the builds before layout 2 made them.
const LAYOUT_1: &str = "
CREATE TABLE entry (
    seq        INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL,
    request_id TEXT,
    entry      BLOB NOT NULL,
    leaf       BLOB NOT NULL,
    signature  BLOB,
    key_id     TEXT
) STRICT;
CREATE INDEX entry_by_kind ON entry (kind);
CREATE INDEX entry_by_request ON entry (request_id) WHERE request_id IS NOT NULL;
CREATE TABLE head (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    size       INTEGER NOT NULL,
    peaks      BLOB NOT NULL,
    checkpoint TEXT NOT NULL,
    time       INTEGER NOT NULL
) STRICT;
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY,
    note TEXT NOT NULL,
    time INTEGER NOT NULL
) STRICT;
";

/// Puts a log of layout 1 with the same content in the place of a fixture's.
fn go_back(fixture: &mut Fixture) {
    let (new, old) = (fixture.layout.log(), fixture.layout.root().join("old.sqlite"));
    let connection = rusqlite::Connection::open(&old).unwrap();
    let copy = format!(
        "PRAGMA journal_mode=WAL; PRAGMA application_id={}; PRAGMA user_version=1; {LAYOUT_1} ATTACH '{}' AS new;
        INSERT INTO entry SELECT * FROM new.entry; INSERT INTO head SELECT * FROM new.head;
        INSERT INTO checkpoint SELECT * FROM new.checkpoint; DETACH new;",
        0x5076_536c,
        new.display()
    );
    connection.execute_batch(&copy).unwrap();
    drop(connection);
    // The open log keeps the file that it has; nobody writes it any more.
    std::fs::rename(&old, &new).unwrap();
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", new.display()));
    }
}

fn version(layout: &Layout) -> i64 {
    rusqlite::Connection::open(layout.log()).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn a_log_of_layout_1_is_read_as_it_is_and_brought_up_whole_or_not_at_all() {
    let mut fixture = Fixture::full();
    let told = |log: &dyn LogReader| {
        (
            log.head().unwrap(),
            log.first().unwrap(),
            log.entries(0, usize::MAX).unwrap(),
            log.counts().unwrap(),
            log.checkpoints(0, usize::MAX).unwrap(),
            log.entries_found_by(0, usize::MAX).unwrap(),
        )
    };
    let before = told(&fixture.log);
    go_back(&mut fixture);
    let layout = fixture.layout.clone();
    // Readers of this build come before its first writer.
    assert!(told(&SqliteLog::open_read_only(&layout.log()).unwrap()) == before);
    let report = fixture.verify();
    assert_eq!((report.verdict, version(&layout)), (Verdict::Verified, 1), "{report}");
    // What stops the upgrade in its last statement leaves layout 1.
    let connection = rusqlite::Connection::open(layout.log()).unwrap();
    connection.execute_batch("CREATE TABLE cosigned (x)").unwrap();
    let stopped = SqliteLog::open(&layout.log()).err().unwrap();
    assert!(stopped.to_string().contains("cannot be brought to the layout of this build"), "{stopped}");
    let left = |name: &str| {
        let count = "SELECT count(*) FROM sqlite_schema WHERE name = ?1";
        connection.query_row(count, [name], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!((version(&layout), left("pruned"), left("pruned_kind")), (1, 0, 0));
    connection.execute_batch("DROP TABLE cosigned").unwrap();
    drop(connection);
    // The first writer brings it up, and everything that layout 2 can do works.
    fixture.log = SqliteLog::open(&layout.log()).unwrap();
    assert_eq!(version(&layout), 2);
    assert!(told(&fixture.log) == before);
    fixture.append(vec![heartbeat(), role("group:after")]);
    fixture.seal();
    fixture.publish();
    let head = fixture.log.head().unwrap().unwrap();
    fixture.log.keep_cosigned(head.edge.size(), &head.checkpoint).unwrap();
    assert!(privyseal_ledger::seal::prune(&layout, &mut fixture.log, u64::MAX).unwrap() > 600);
    let report = fixture.verify();
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
    assert_eq!(told(&SqliteLog::open(&layout.log()).unwrap()), told(&fixture.log));
}

#[test]
fn a_layout_that_this_build_does_not_know_is_refused() {
    for (unknown, words) in [(0, "version 0"), (3, "use a newer Privyseal")] {
        let fixture = Fixture::new();
        rusqlite::Connection::open(fixture.layout.log()).unwrap().pragma_update(None, "user_version", unknown).unwrap();
        for refused in [SqliteLog::open(&fixture.layout.log()), SqliteLog::open_read_only(&fixture.layout.log())] {
            let error = refused.err().unwrap();
            assert!(matches!(error, LogError::Damaged { .. }) && error.to_string().contains(words), "{error}");
        }
    }
}
