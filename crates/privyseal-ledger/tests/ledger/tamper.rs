//! Whatever is changed is found and named. Nothing that was changed is ever `verified`.

use std::fs;

use privyseal_core::id::RequestId;
use privyseal_core::note::NodeKey;
use privyseal_core::time::Timestamp;
use privyseal_ledger::log::LogReader as _;
use privyseal_ledger::verify::{Verdict, verify_folder};
use rusqlite::Connection;

use crate::fixture::{Fixture, ORIGIN, heartbeat};

#[test]
fn an_untouched_ledger_verifies() {
    let fixture = Fixture::full();
    let report = fixture.verify();
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
    assert_eq!((report.entries, report.signatures), (607, 302));
    assert!(report.files > 5, "{report}");
}

/// Every file of the public folder, flipped at its ends and at positions spread over it.
#[test]
fn a_flipped_byte_in_any_file_is_found_and_the_file_is_named() {
    let fixture = Fixture::full();
    for file in fixture.files() {
        let name = file.strip_prefix(fixture.layout.root()).unwrap().to_str().unwrap().to_owned();
        let bytes = fs::read(&file).unwrap();
        let step = (bytes.len() / 12).max(1);
        let positions = (0..bytes.len()).step_by(step).chain([bytes.len() - 1]);
        for position in positions {
            let mut damaged = bytes.clone();
            damaged[position] ^= 1;
            fs::write(&file, &damaged).unwrap();
            let report = fixture.verify();
            assert_eq!(report.verdict, Verdict::Tampered, "{name} byte {position}: {report}");
            assert!(report.to_string().contains(&name), "{name} byte {position}: {report}");
        }
        for (what, damaged) in [("cut", &bytes[..bytes.len() / 2]), ("emptied", &[][..])] {
            fs::write(&file, damaged).unwrap();
            let report = fixture.verify();
            assert_eq!(report.verdict, Verdict::Tampered, "{name} {what}: {report}");
        }
        fs::remove_file(&file).unwrap();
        let report = fixture.verify();
        assert!(report.verdict != Verdict::Verified || name.starts_with("ledger/blobs"), "{name} removed: {report}");
        fs::write(&file, &bytes).unwrap();
    }
    assert_eq!(fixture.verify().verdict, Verdict::Verified, "everything was put back");
}

#[test]
fn a_file_that_no_record_names_is_reported() {
    let fixture = Fixture::full();
    fs::write(fixture.layout.ledger().join("events").join("note.parquet"), b"x").unwrap();
    let report = fixture.verify();
    assert_eq!(report.verdict, Verdict::CouldNotTell);
    assert!(report.to_string().contains("ledger/events/note.parquet"), "{report}");
}

/// Each way to change the log database, and words that the report must contain.
#[test]
fn a_changed_log_is_found_and_the_entry_is_named() {
    let flipped = "UPDATE entry SET entry = CAST(replace(CAST(entry AS TEXT), '\"interval_seconds\":60', '\"interval_seconds\":61') AS BLOB) WHERE seq = 41";
    for (what, sql, words) in [
        ("edited entry", flipped, "entry 41"),
        ("removed entry", "DELETE FROM entry WHERE seq = 41", "entry 41"),
        (
            "removed and renumbered",
            "DELETE FROM entry WHERE seq = 41; UPDATE entry SET seq = -seq WHERE seq > 41; UPDATE entry SET seq = -seq - 1 WHERE seq < 0",
            "entry 41",
        ),
        (
            "swapped entries",
            "UPDATE entry SET seq = -1 WHERE seq = 41; UPDATE entry SET seq = 41 WHERE seq = 43; UPDATE entry SET seq = 43 WHERE seq = -1",
            "entry 41",
        ),
        (
            "duplicated entry",
            "UPDATE entry SET entry = (SELECT entry FROM entry WHERE seq = 39), leaf = (SELECT leaf FROM entry WHERE seq = 39) WHERE seq = 41",
            "entry 41",
        ),
        ("edited leaf", "UPDATE entry SET leaf = zeroblob(32) WHERE seq = 41", "entry 41"),
        ("edited signature", "UPDATE entry SET signature = zeroblob(64) WHERE seq = 42", "entry 42"),
        ("removed signature", "UPDATE entry SET signature = NULL, key_id = NULL WHERE seq = 42", "entry 42"),
        ("foreign key id", "UPDATE entry SET key_id = '00000000' WHERE seq = 42", "entry 42"),
        ("signature where none belongs", "UPDATE entry SET signature = zeroblob(64), key_id = '00000000' WHERE seq = 41", "entry 41"),
        ("edited kind column", "UPDATE entry SET kind = 'segment.sealed' WHERE seq = 41", "entry 41"),
        ("put under a request", "UPDATE entry SET request_id = 'x' WHERE seq = 41", "entry 41"),
        ("cut tail", "DELETE FROM entry WHERE seq > 600", "cut off"),
        ("cut tail with its heads", "DELETE FROM entry WHERE seq > 605; DELETE FROM checkpoint WHERE size > 606", "the signed head"),
        ("edited head", "UPDATE head SET size = size - 1", "log.sqlite"),
        ("edited checkpoint", "UPDATE checkpoint SET note = replace(note, '41', '42') WHERE size = 41", "entry 40"),
    ] {
        let fixture = Fixture::full();
        Connection::open(fixture.layout.log()).unwrap().execute_batch(sql).unwrap();
        let report = fixture.verify();
        assert_eq!(report.verdict, Verdict::Tampered, "{what}: {report}");
        assert!(report.to_string().contains(words), "{what}: {report}");
    }
}

/// An entry cannot be hidden from the request that it concerns, nor lent to another.
#[test]
fn what_an_entry_is_found_by_is_checked() {
    let at = Timestamp::default();
    let (one, other) = (RequestId::new(at, [1; 10]), RequestId::new(at, [2; 10]));
    for (what, sql, verdict) in [
        ("untouched", String::new(), Verdict::Verified),
        ("hidden", "UPDATE entry SET request_id = NULL WHERE seq = 2".to_owned(), Verdict::Tampered),
        ("moved", format!("UPDATE entry SET request_id = '{other}' WHERE seq = 2"), Verdict::Tampered),
        ("lent", format!("UPDATE entry SET request_id = '{one}' WHERE seq = 1"), Verdict::Tampered),
    ] {
        let mut fixture = Fixture::new();
        fixture.append(vec![heartbeat()]);
        fixture.append_about(Some(one), vec![heartbeat(), heartbeat()]);
        fixture.append_about(Some(other), vec![heartbeat()]);
        fixture.publish();
        let found = |id| -> Vec<u64> { fixture.log.entries_of_request(&id).unwrap().iter().map(|stored| stored.seq).collect() };
        assert_eq!((found(one), found(other), found(RequestId::new(at, [3; 10]))), (vec![2, 3], vec![4], vec![]));
        assert_eq!(fixture.log.counts().unwrap(), [("heartbeat".to_owned(), 4), ("ledger.opened".to_owned(), 1)]);
        Connection::open(fixture.layout.log()).unwrap().execute_batch(&sql).unwrap();
        let report = fixture.verify();
        assert_eq!(report.verdict, verdict, "{what}: {report}");
    }
}

/// The whole log signed again by another key, folder and all: only a key that the reader trusts already tells.
#[test]
fn a_replaced_log_is_found_by_a_trusted_key_or_a_remembered_head() {
    let original = Fixture::full();
    let mut replaced = Fixture::new();
    for round in 0..10 {
        replaced.append(vec![crate::fixture::role(&format!("group:{round}"))]);
    }
    replaced.publish();
    assert_eq!(replaced.verify().verdict, Verdict::Verified, "by itself it is consistent");
    let stranger = NodeKey::from_seed(ORIGIN, &[4; 32]).unwrap().verifier();
    let report = verify_folder(&replaced.layout, Some(stranger), &mut |_, _| {});
    assert_eq!(report.verdict, Verdict::Tampered);
    // The same key, but a shorter history under a head that was published before.
    fs::copy(original.layout.checkpoint(), replaced.layout.checkpoint()).unwrap();
    let report = replaced.verify();
    assert!(report.to_string().contains("rolled back or cut"), "{report}");
    drop(original.folder);
}
