//! Sealing and pruning when the place of the segments misbehaves: nothing is recorded that is not there, nothing leaves the log that is
//! not safe, and trying again is always right.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use privyseal_core::decide::Fresh;
use privyseal_core::event::ledger::{KeyEnrolled, KeyPurpose};
use privyseal_core::event::{Body, Kind};
use privyseal_core::note::NodeKey;
use privyseal_ledger::log::{Log as _, LogReader, StoredEntry, Walk};
use privyseal_ledger::place::{self, Place};
use privyseal_ledger::seal::{self, SealError};
use privyseal_ledger::segment::schema;
use privyseal_ledger::store::Store;
use privyseal_ledger::verify::{Finding, Verdict};

use crate::fixture::{Fixture, ORIGIN, heartbeat, role};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Put,
    Get,
    Remove,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The step fails and did nothing.
    Before,
    /// The step was done, and is reported as failed.
    After,
    /// A read of what was there before anything was put.
    Stale,
    /// A read of other bytes.
    Garbage,
}

/// A place in memory that fails at one step, once.
#[derive(Default)]
pub(crate) struct Faulty {
    pub(crate) objects: Mutex<BTreeMap<String, Bytes>>,
    pub(crate) fault: Mutex<Option<(Step, Fault)>>,
    /// How many times the step is done well before it fails.
    pub(crate) spared: Mutex<usize>,
}

impl Faulty {
    fn failing(&self, step: Step) -> Option<Fault> {
        let mut fault = self.fault.lock().unwrap();
        fault.filter(|(at, _)| *at == step)?;
        let mut spared = self.spared.lock().unwrap();
        if *spared > 0 {
            *spared -= 1;
            return None;
        }
        fault.take().map(|(_, fault)| fault)
    }

    fn around<T>(&self, step: Step, done: impl FnOnce() -> T) -> io::Result<T> {
        match self.failing(step) {
            Some(Fault::Before) => Err(io::Error::other("out of order")),
            Some(_) => {
                done();
                Err(io::Error::other("the answer was lost"))
            }
            None => Ok(done()),
        }
    }
}

impl Place for Faulty {
    fn name(&self) -> String {
        "faulty".into()
    }

    fn put_if_absent(&self, path: &str, bytes: &Bytes) -> io::Result<bool> {
        self.around(Step::Put, || {
            let mut objects = self.objects.lock().unwrap();
            let free = !objects.contains_key(path);
            objects.entry(path.to_owned()).or_insert_with(|| bytes.clone());
            free
        })
    }

    fn get(&self, path: &str) -> io::Result<Option<Bytes>> {
        let found = self.objects.lock().unwrap().get(path).cloned();
        match self.failing(Step::Get) {
            Some(Fault::Stale) => Ok(None),
            Some(Fault::Garbage) => Ok(Some(Bytes::from_static(b"PAR1 no"))),
            Some(_) => Err(io::Error::other("out of order")),
            None => Ok(found),
        }
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.around(Step::Remove, || {
            self.objects.lock().unwrap().remove(path);
        })
    }
}

pub(crate) const FAULTS: &[(Step, Fault)] = &[
    (Step::Put, Fault::Before),
    (Step::Put, Fault::After),
    (Step::Get, Fault::Before),
    (Step::Get, Fault::Stale),
    (Step::Get, Fault::Garbage),
    (Step::Remove, Fault::Before),
    (Step::Remove, Fault::After),
];

#[test]
fn a_segment_is_whole_where_it_is_recorded_whatever_fails_once() {
    for already_there in ["nothing", "a half-written segment", "the segment"] {
        for (step, fault) in FAULTS {
            let what = format!("{already_there} is there, {step:?} fails {fault:?}");
            let mut fixture = Fixture::new();
            fixture.append(vec![heartbeat(); 20]);
            let (place, end) = (Faulty::default(), fixture.tip.edge.size());
            let expected = seal::make_segment_in(&Faulty::default(), &fixture.layout, &fixture.log, end).unwrap().unwrap();
            match already_there {
                "a half-written segment" => drop(place.put_if_absent(&expected.path, &Bytes::from_static(b"PAR1"))),
                "the segment" => drop(seal::make_segment_in(&place, &fixture.layout, &fixture.log, end)),
                _ => {}
            }
            *place.fault.lock().unwrap() = Some((*step, *fault));
            let made = seal::make_segment_in(&place, &fixture.layout, &fixture.log, end);
            // Trying again is always right, and gives what the first try would have given.
            let made = match made {
                Ok(made) => made.unwrap(),
                Err(error) => {
                    assert!(
                        matches!(error, SealError::Io { .. } | SealError::Damaged { .. } | SealError::ReadBack { .. }),
                        "{what}: {error}"
                    );
                    seal::make_segment_in(&place, &fixture.layout, &fixture.log, end).unwrap().unwrap()
                }
            };
            assert_eq!(made, expected, "{what}");
            let kept = place.get(&made.path).unwrap().unwrap();
            assert_eq!(privyseal_core::digest::Digest::of(&kept), made.sha256, "{what}");
        }
    }
}

/// A ledger with a sealed prefix that has a request in it, and what the log said before pruning.
fn sealed() -> (Fixture, Vec<StoredEntry>, privyseal_core::id::RequestId) {
    let mut fixture = Fixture::new();
    let request = Fresh::request_id(fixture.tip.time, [9; 32]);
    fixture.append(vec![heartbeat(); 30]);
    fixture.append_about(Some(request), vec![role("group:early"), heartbeat()]);
    fixture.seal();
    fixture.append_about(Some(request), vec![role("group:late")]);
    fixture.seal();
    fixture.append(vec![heartbeat(), heartbeat()]);
    let all = fixture.log.entries(0, usize::MAX).unwrap();
    (fixture, all, request)
}

/// The server takes keys, policies and segments from the few rows that pruning leaves: whoever edits those is found as everywhere else.
#[test]
fn what_pruning_leaves_is_verified() {
    let key = NodeKey::from_seed(ORIGIN, &[9; 32]).unwrap().verifier().to_string();
    for (edit, finding) in [
        ("SELECT 1", None),
        ("DELETE FROM entry WHERE kind = 'key.enrolled'", Some(Finding::Removed)),
        ("DELETE FROM entry WHERE seq = 0", Some(Finding::Removed)),
        ("UPDATE entry SET kind = 'heartbeat' WHERE kind = 'key.enrolled'", Some(Finding::Removed)),
        ("UPDATE entry SET signature = NULL, key_id = NULL WHERE kind = 'key.enrolled'", Some(Finding::Altered)),
        (
            "UPDATE entry SET entry = CAST(replace(CAST(entry AS TEXT), 'a new node', 'an old node') AS BLOB) WHERE kind = 'key.enrolled'",
            Some(Finding::Altered),
        ),
        // Another row in the place of one that has left.
        (
            "INSERT INTO entry SELECT 3, kind, request_id, entry, leaf, signature, key_id FROM entry WHERE kind = 'key.enrolled'",
            Some(Finding::Altered),
        ),
    ] {
        let mut fixture = Fixture::new();
        fixture.append(vec![heartbeat(), role("group:a"), heartbeat()]);
        let enrolled = KeyEnrolled {
            key: key.clone(),
            purpose: KeyPurpose::Node,
            protection: "a new node".into(),
            attestation: None,
            custodian: None,
            change_request: None,
        };
        fixture.append(vec![Body::KeyEnrolled(enrolled), heartbeat()]);
        fixture.seal();
        fixture.append(vec![heartbeat()]);
        fixture.publish();
        assert!(seal::prune(&fixture.layout, &mut fixture.log, u64::MAX).unwrap() > 0);
        rusqlite::Connection::open(fixture.layout.log()).unwrap().execute_batch(edit).unwrap();
        let report = fixture.verify();
        assert!(finding.is_none_or(|finding| report.has(finding)), "{edit}\n{report}");
        assert_eq!(report.verdict == Verdict::Verified, finding.is_none(), "{edit}\n{report}");
    }
}

#[test]
fn a_pruned_log_reads_as_before_and_goes_on() {
    let (mut fixture, all, request) = sealed();
    let (layout, end) = (fixture.layout.clone(), fixture.tip.edge.size());
    let store = Store::of(&layout);
    let told = |log: &dyn LogReader| {
        (
            log.entries(0, usize::MAX).unwrap(),
            (0..end).map(|from| log.entries(from, 3).unwrap()).collect::<Vec<_>>(),
            log.entries_of_request(&request).unwrap(),
            log.entries_of(Kind::Heartbeat).unwrap(),
            [Walk::NewestBefore(u64::MAX), Walk::NewestBefore(20), Walk::OldestAfter(3)]
                .map(|walk| log.walk(Kind::Heartbeat, walk, 7).unwrap()),
            (
                log.leaves(0..end).unwrap(),
                log.leaves(5..9).unwrap(),
                log.counts().unwrap(),
                log.head().unwrap(),
                log.checkpoints(0, usize::MAX).unwrap(),
            ),
        )
    };
    let before = told(store.reader().unwrap().as_ref());
    // A prune that was interrupted after one of its steps is gone on with.
    for interrupted in [0, 7] {
        fixture.log.prune(interrupted).unwrap();
        assert!(before == told(store.reader().unwrap().as_ref()), "interrupted at {interrupted}");
    }
    let pruned = seal::prune(&layout, &mut fixture.log, u64::MAX).unwrap();
    assert_eq!((pruned, fixture.log.first().unwrap()), (35 - 7, 35));
    assert_eq!(fixture.log.entries(0, usize::MAX).unwrap(), all[35..]);
    assert_eq!(seal::prune(&layout, &mut fixture.log, u64::MAX).unwrap(), 0);
    assert!(before == told(store.reader().unwrap().as_ref()));
    assert!(before == told(store.open().unwrap().as_ref()));
    fixture.append(vec![heartbeat()]);
    fixture.seal();
    seal::prune(&layout, &mut fixture.log, u64::MAX).unwrap();
    let log = store.reader().unwrap();
    assert_eq!(log.entries(0, all.len()).unwrap(), all);
    // A changed segment is never read as if it were the log.
    let Body::SegmentSealed(first) =
        privyseal_core::event::Event::from_entry(&log.entries_of(Kind::SegmentSealed).unwrap()[0].entry).unwrap().body
    else {
        panic!("not a segment")
    };
    let file = layout.below_ledger(&first.path);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let error = store.reader().unwrap().entries(0, 10).unwrap_err();
    assert!(error.to_string().contains("is not the segment that was recorded"), "{error}");
}

#[test]
fn readers_beside_a_prune_see_the_whole_log_at_every_moment() {
    let (mut fixture, _, request) = sealed();
    for _ in 0..200 {
        fixture.append_about(Some(request), vec![heartbeat(), heartbeat()]);
    }
    fixture.seal();
    let (store, all) = (Store::of(&fixture.layout), fixture.log.entries(0, usize::MAX).unwrap());
    let told = |log: &dyn LogReader| {
        (
            log.entries(0, usize::MAX).unwrap(),
            log.entries(100, 30).unwrap(),
            log.entries_of(Kind::Heartbeat).unwrap(),
            log.walk(Kind::Heartbeat, Walk::OldestAfter(5), 50).unwrap(),
            log.entries_of_request(&request).unwrap(),
            log.leaves(3..200).unwrap(),
        )
    };
    let before = told(store.reader().unwrap().as_ref());
    assert_eq!(before.0, all);
    let pruning = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let log = store.reader().unwrap();
            let mut times = 0;
            while pruning.load(std::sync::atomic::Ordering::SeqCst) {
                assert!(told(log.as_ref()) == before, "a reader saw another log");
                times += 1;
            }
            times
        });
        for first in 1..400 {
            fixture.log.prune(first).unwrap();
            if reading.is_finished() {
                break;
            }
        }
        pruning.store(false, std::sync::atomic::Ordering::SeqCst);
        assert!(reading.join().unwrap() > 0, "nobody read meanwhile");
    });
    assert!(told(store.reader().unwrap().as_ref()) == before);
}

#[test]
fn nothing_leaves_the_log_whose_segment_is_missing_changed_or_unreadable() {
    for (step, fault) in [(Step::Get, Fault::Before), (Step::Get, Fault::Stale), (Step::Get, Fault::Garbage)] {
        let (mut fixture, all, _) = sealed();
        let place = Faulty::default();
        for segment in privyseal_ledger::reader::segments(&fixture.log).unwrap() {
            let bytes = std::fs::read(fixture.layout.below_ledger(&segment.path)).unwrap();
            place.put_if_absent(&segment.path, &bytes.into()).unwrap();
        }
        *place.fault.lock().unwrap() = Some((step, fault));
        assert!(seal::prune_from(&place, &mut fixture.log, u64::MAX).is_err(), "{fault:?}");
        assert_eq!(fixture.log.entries(0, usize::MAX).unwrap(), all, "{fault:?}");
        assert_eq!(seal::prune_from(&place, &mut fixture.log, u64::MAX).unwrap(), 35, "{fault:?} was once");
    }
    // A log that says something else than its segment is kept, whichever is right.
    let (mut fixture, _, _) = sealed();
    rusqlite::Connection::open(fixture.layout.log())
        .unwrap()
        .execute("UPDATE entry SET signature = zeroblob(64) WHERE seq = 31", [])
        .unwrap();
    let error = seal::prune(&fixture.layout.clone(), &mut fixture.log, u64::MAX).unwrap_err();
    assert!(matches!(error, SealError::ReadBack { seq: 31, .. }), "{error}");
    assert_eq!(fixture.log.first().unwrap(), 0);
}

#[test]
fn the_folder_is_put_to_once() {
    let fixture = Fixture::new();
    let place = place::of(&fixture.layout);
    assert_eq!(place.get("events/x").unwrap(), None);
    assert!(place.put_if_absent("events/x", &Bytes::from_static(b"one")).unwrap());
    assert!(!place.put_if_absent("events/x", &Bytes::from_static(b"two")).unwrap());
    assert_eq!(place.get("events/x").unwrap().unwrap(), "one");
    place.remove("events/x").unwrap();
    place.remove("events/x").unwrap();
    assert!(place.put_if_absent("events/x", &Bytes::from_static(b"three")).unwrap());
    assert_eq!(fixture.files().len(), 1, "no temporary file is left");
}

/// Columns and values are the contract; that pages and row groups can be passed over is what makes looking something up quick.
#[test]
fn a_segment_says_where_ids_and_requests_are_not() {
    let mut fixture = Fixture::new();
    let requests: Vec<_> = (0..50).map(|number| Fresh::request_id(fixture.tip.time, [number; 32])).collect();
    for request in &requests {
        fixture.append_about(Some(*request), vec![heartbeat(); 200]);
    }
    fixture.seal();
    let segment = privyseal_ledger::reader::segments(&fixture.log).unwrap().remove(0);
    let file = Bytes::from(std::fs::read(fixture.layout.below_ledger(&segment.path)).unwrap());
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required)).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
    let column = |name: &str| schema().index_of(name).unwrap();
    let group = metadata.metadata().row_group(0);
    assert!(group.column(column("id")).statistics().is_some() && group.column(column("entry")).statistics().is_none());
    let ColumnIndexMetaData::BYTE_ARRAY(ids) = &metadata.metadata().column_index().unwrap()[0][column("id")] else {
        panic!("ids have no least and most")
    };
    assert!(ids.num_pages() >= 3, "{} pages", ids.num_pages());
    assert!((1..ids.num_pages() as usize).all(|page| ids.max_value(page - 1) < ids.min_value(page)), "ids are in the order of time");
    let filter = builder.get_row_group_column_bloom_filter(0, column("request_id")).unwrap().unwrap();
    assert!(requests.iter().all(|request| filter.check(&request.to_string().as_str())));
    let others = (100..200).map(|number| Fresh::request_id(fixture.tip.time, [number; 32]).to_string());
    assert!(others.filter(|other| filter.check(&other.as_str())).count() < 10, "about one in a hundred");
}
