//! Faults that can be made to order inside one process: a clock that jumps, and what a crash left on the disk.
//! Faults of the machine (disk, kill) are in `tests/it/faults.rs`, with the real program.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use privyseal_core::event::Event;
use privyseal_core::port::Clock;
use privyseal_core::time::Timestamp;
use privyseal_engine::EngineError;
use privyseal_ledger::log::LogReader as _;
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_ledger::store::Store;
use privyseal_ledger::verify::{Verdict, verify_folder};

use crate::fixture::{Fixture, actor};

/// A machine clock that somebody sets: every look at it may show an hour earlier or a day later than the one before.
#[derive(Debug)]
struct JumpingClock {
    start: Timestamp,
    looks: AtomicI64,
}

impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        let look = self.looks.fetch_add(1, Ordering::SeqCst);
        // Spread, so that which caller meets which jump does not depend on how often the engine looks.
        let jump = match look.wrapping_mul(0x9e37_79b9).rem_euclid(65_537) % 7 {
            0 | 3 => -3_600,
            5 => 40,
            _ => 45,
        };
        self.start.plus_seconds(jump)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_neither_stops_the_engine_nor_turns_the_log_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::new(folder.path()).await;
    let start = fixture.engine.now();
    fixture.engine.close().await;
    fixture.options.clock = Arc::new(JumpingClock { start, looks: AtomicI64::new(0) });
    let (mut run, mut refused) = (0, 0);
    for _ in 0..3 {
        fixture.engine = privyseal_engine::open(&fixture.options).unwrap();
        for _ in 0..10 {
            let request = fixture.ask("db.change").await;
            // What was shown "an hour before it was asked" is refused; that is the safe side. Everything else goes on.
            match fixture.approve("ben", request).await {
                Ok(_) => {
                    fixture.engine.execute(fixture.redeem_command(request), actor("bot")).await.unwrap();
                    run += 1;
                }
                Err(EngineError::Refused(_)) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
        fixture.engine.seal().await.unwrap();
        fixture.engine.close().await;
    }
    assert!(run >= 5, "{run} ran, {refused} refused");
    let entries = SqliteLog::open_read_only(&fixture.options.layout.log()).unwrap().entries(0, 10_000).unwrap();
    let times: Vec<Timestamp> = entries.iter().map(|entry| Event::from_entry(&entry.entry).unwrap().time).collect();
    assert!(times.is_sorted(), "time never decreases with seq");
    let report = verify_folder(&fixture.options.layout, None, &mut |_, _| {});
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_below_the_ledger_is_taken_away_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::new(folder.path()).await;
    fixture.ask("db.read").await;
    let sealed = fixture.engine.seal().await.unwrap();
    fixture.engine.close().await;
    let ledger = fixture.options.layout.ledger();
    let kept = fs::read(fixture.options.layout.below_ledger(&sealed[0].path)).unwrap();
    let next = sealed[0].last + 1;
    // A segment that was made and never recorded, torn temporary files, a segment of entries that this log does not have, a stranger's file.
    let unrecorded = ledger.join(format!("events/2026/07/{next:012}-{next:012}.parquet"));
    let beyond = ledger.join("events/2026/07/000000000900-000000000999.parquet");
    let torn = [ledger.join("checkpoint.tmp"), ledger.join("tile/0/000.p/9.tmp"), ledger.join("events/2026/07/x.parquet.tmp")];
    let strange = ledger.join("notes.txt");
    for file in torn.iter().chain([&unrecorded, &beyond, &strange]) {
        fs::write(file, b"half").unwrap();
    }
    fixture.engine = privyseal_engine::open(&fixture.options).unwrap();
    assert!(torn.iter().chain([&unrecorded]).all(|file| !file.exists()), "leftovers are gone");
    assert!(beyond.exists() && strange.exists(), "what is not known to be ours stays for a person to look at");
    // Left by a seal that failed in this very process.
    fs::write(&unrecorded, b"half").unwrap();
    fixture.engine.seal().await.unwrap();
    fixture.engine.close().await;
    fs::remove_file(beyond).unwrap();
    fs::remove_file(strange).unwrap();
    assert_eq!(fs::read(fixture.options.layout.below_ledger(&sealed[0].path)).unwrap(), kept, "a recorded segment is never touched");
    let report = verify_folder(&fixture.options.layout, None, &mut |_, _| {});
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pruned_log_starts_without_a_snapshot_and_not_without_its_segments() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::new(folder.path()).await;
    let pending = fixture.ask("db.change").await;
    for _ in 0..30 {
        fixture.ask("db.read").await;
    }
    let sealed = fixture.engine.seal().await.unwrap();
    let layout = fixture.options.layout.clone();
    let mut log = Store::of(&layout).open_alone().unwrap();
    assert!(privyseal_ledger::seal::prune(&layout, log.as_mut(), u64::MAX).unwrap() > 30);
    drop(log);
    let before = fixture.engine.read(Clone::clone);
    fixture.engine.close().await;
    for lost in ["the snapshots", "nothing else"] {
        if lost == "the snapshots" {
            fs::remove_dir_all(layout.cache()).unwrap();
        }
        fixture.engine = privyseal_engine::open(&fixture.options).unwrap_or_else(|error| panic!("{lost}: {error}"));
        let mut after = fixture.engine.read(Clone::clone);
        after.next_seq = before.next_seq;
        assert_eq!(after.differences(&before), Vec::<String>::new(), "{lost}");
        fixture.engine.close().await;
    }
    fixture.engine = privyseal_engine::open(&fixture.options).unwrap();
    fixture.approve("ben", pending).await.unwrap();
    fixture.engine.close().await;
    let report = verify_folder(&layout, None, &mut |_, _| {});
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
    // Without both nobody knows what was: it says which file is missing.
    fs::remove_dir_all(layout.cache()).unwrap();
    fs::remove_file(layout.below_ledger(&sealed[0].path)).unwrap();
    let error = privyseal_engine::open(&fixture.options).err().unwrap();
    let told = privyseal_core::cause::chain(&error);
    assert!(told.contains(&sealed[0].path), "{told}");
}
