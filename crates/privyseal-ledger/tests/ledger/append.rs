//! What is appended is there, in order, once; what does not continue the head is refused.

use privyseal_core::event::{Event, Kind};
use privyseal_ledger::log::{Log as _, LogError, LogReader as _};
use privyseal_ledger::reader::Reader;
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_ledger::{seal, tiles};

use crate::fixture::{Fixture, heartbeat, role};

#[test]
fn a_batch_is_read_back_verbatim_after_reopening() {
    let mut fixture = Fixture::new();
    fixture.append(vec![heartbeat(), role("group:sre")]);
    let head = fixture.log.head().unwrap().unwrap();
    let reopened = SqliteLog::open(&fixture.layout.log()).unwrap();
    assert_eq!(reopened.head().unwrap().unwrap(), head);
    assert_eq!(head.edge.size(), 3);
    let kinds: Vec<Kind> = reopened.entries(0, 10).unwrap().iter().map(|e| Event::from_entry(&e.entry).unwrap().kind()).collect();
    assert_eq!(kinds, [Kind::LedgerOpened, Kind::Heartbeat, Kind::RoleAssigned]);
    assert_eq!(reopened.entries(2, 10).unwrap()[0].signature.as_ref().unwrap().1, fixture.key.id());
}

#[test]
fn a_batch_that_does_not_continue_the_head_is_refused_and_leaves_nothing() {
    let mut fixture = Fixture::new();
    let stale = fixture.tip.clone();
    fixture.append(vec![heartbeat()]);
    let before = fixture.log.entries(0, 10).unwrap();
    let mut tip = stale;
    let id = privyseal_core::decide::Fresh::new(tip.time, [1; 32]).event_id();
    let draft = privyseal_core::event::Draft { actor: crate::fixture::actor(), request_id: None, body: heartbeat() };
    let (event, stored) = tip.place(draft, id, tip.time, &fixture.key).unwrap();
    let refused = fixture.log.append(&tip.batch(vec![(stored, event.kind())], &fixture.key));
    assert!(matches!(refused, Err(LogError::Moved { size: 2, .. })), "{refused:?}");
    assert_eq!(fixture.log.entries(0, 10).unwrap(), before);
}

#[test]
fn sealing_is_idempotent_until_it_is_recorded() {
    let mut fixture = Fixture::new();
    fixture.append(vec![heartbeat(); 10]);
    let end = fixture.tip.edge.size();
    let first = seal::make_segment(&fixture.layout, &fixture.log, end).unwrap().unwrap();
    // A crash here leaves an unrecorded file. The same call adopts it.
    assert_eq!(seal::make_segment(&fixture.layout, &fixture.log, end).unwrap().unwrap(), first);
    // A half-written one is replaced.
    std::fs::write(fixture.layout.below_ledger(&first.path), b"PAR1").unwrap();
    assert_eq!(seal::make_segment(&fixture.layout, &fixture.log, end).unwrap().unwrap(), first);
    fixture.append(vec![privyseal_core::event::Body::SegmentSealed(first)]);
    let reader = Reader::open(fixture.layout.clone()).unwrap();
    let snapshot = reader.snapshot(0).unwrap();
    assert_eq!((snapshot.size, snapshot.segments.len(), snapshot.tail.len()), (12, 1, 1));
    assert_eq!(snapshot.root, fixture.tip.edge.root());
}

#[test]
fn proofs_from_tiles_hold_for_the_published_head() {
    let fixture = Fixture::full();
    let head = fixture.log.head().unwrap().unwrap().edge;
    for stored in fixture.log.entries(0, usize::MAX).unwrap().iter().step_by(37) {
        tiles::prove(&fixture.layout.tiles(), &stored.leaf, stored.seq, head.size(), &head.root()).unwrap();
    }
}
