//! What the store keeps, finds and forgets, checked down to the bytes of its files.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use privyseal_core::event::{ActorKind, Auth, AuthMethod, Channel};
use privyseal_core::hidden::commit;
use serde_json::json;
use tempfile::TempDir;

use super::*;

fn event(number: u8) -> EventId {
    EventId::new("2026-11-23T05:33:27Z".parse().unwrap(), [number; 10])
}

fn kept(number: u8, subject: &str, pointer: &str, value: &Value) -> Kept {
    let salt = Salt::from_bytes([number; 16]);
    let commitment = commit(&salt, value).unwrap();
    let opening = Opening { commitment, pointer: pointer.to_owned(), subject: subject.parse().unwrap(), salt, value: value.clone() };
    Kept { event_id: event(number), opening, nonce: [number; 24], new_key: [number.wrapping_add(100); 32] }
}

fn order() -> Order {
    let auth = Auth { method: AuthMethod::Local, amr: vec![], auth_time: None, session: None, credential: None };
    let actor = Actor { id: "system".parse().unwrap(), kind: ActorKind::System, channel: Channel::Cli, auth };
    Order {
        actor,
        reason: "erasure request 17".to_owned(),
        change_request: Some("0198c0de-0000-7000-8000-000000000002".parse().unwrap()),
        at: "2026-11-24T00:00:00Z".parse().unwrap(),
    }
}

fn store(folder: &TempDir) -> SqlitePrivate {
    SqlitePrivate::open(&folder.path().join("private.sqlite")).unwrap()
}

/// Whether any file below a folder holds these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let content = std::fs::read(entry.unwrap().path()).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn what_is_kept_is_found_and_nothing_of_it_lies_open() {
    let folder = tempfile::tempdir().unwrap();
    let one = kept(1, "ana", "/body/justification", &json!("the customer Example Ltd waits"));
    store(&folder).keep(std::slice::from_ref(&one)).unwrap();
    let path = folder.path().join("private.sqlite");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!holds(folder.path(), b"Example Ltd"));
    let store = SqlitePrivate::open_read_only(&path).unwrap();
    let clear = Found::Clear(one.opening.salt, one.opening.value.clone());
    assert!(store.find(&one.opening.commitment).unwrap() == clear);
    assert!(store.find_at(&event(1), "/body/justification").unwrap() == Some((one.opening.commitment, clear)));
    assert!(store.find_at(&event(1), "/body/comment").unwrap().is_none());
    assert!(store.find(&Digest::of(b"other")).unwrap() == Found::Unknown);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(SqlitePrivate::open(&path), Err(PrivateError::Exposed { mode: 0o640, .. })));
}

#[test]
fn equal_texts_are_counted_by_subject_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    let text = json!("because");
    let all = [
        kept(1, "ana", "/body/justification", &text),
        kept(2, "ana", "/body/justification", &text),
        kept(3, "ana", "/body/comment", &text),
        kept(4, "ben", "/body/justification", &text),
        kept(5, "ana", "/body/justification", &json!("other")),
    ];
    store.keep(&all).unwrap();
    let count = |store: &SqlitePrivate, who: &str| store.count_same(&who.parse().unwrap(), "/body/justification", &text).unwrap();
    assert_eq!((count(&store, "ana"), count(&store, "ben"), count(&store, "eve")), (2, 1, 0));
    store.erase(&Target::Subject("ana".parse().unwrap()), &order()).unwrap();
    assert_eq!((count(&store, "ana"), count(&store, "ben")), (0, 1));
}

#[test]
fn erasing_somebody_leaves_no_byte_and_owes_a_record_of_each_value() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    // Long enough for overflow pages, many enough for several pages.
    let values: Vec<Kept> = (0..60)
        .map(|n| kept(n, if n % 2 == 0 { "ana" } else { "ben" }, "/body/comment", &json!(format!("{n} {}", "x".repeat(6_000)))))
        .collect();
    store.keep(&values).unwrap();
    let of_row = |sql: &str| -> Vec<u8> {
        let connection = rusqlite::Connection::open(folder.path().join("private.sqlite")).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let key = of_row("SELECT key FROM subject WHERE name = 'person:ana'");
    let sealed = of_row("SELECT sealed FROM opening o JOIN subject s ON s.id = o.subject WHERE s.name = 'person:ana' LIMIT 1");
    assert!(holds(folder.path(), &key) && holds(folder.path(), &sealed[..64]));

    assert_eq!(store.erase(&Target::Subject("ana".parse().unwrap()), &order()).unwrap(), 30);
    store.settle().unwrap();
    assert!(!holds(folder.path(), &key), "the key is gone from table, free pages and journal");
    assert!(!holds(folder.path(), &sealed[..64]) && !holds(folder.path(), &sealed[sealed.len() - 64..]));
    assert!(store.find(&values[0].opening.commitment).unwrap() == Found::Erased(order().at));
    assert!(matches!(store.find(&values[1].opening.commitment).unwrap(), Found::Clear(..)));
    let owed = store.owed().unwrap();
    assert_eq!(owed.len(), 30);
    assert_eq!((owed[0].event_id, owed[0].pointer.as_str(), &owed[0].order), (event(0), "/body/comment", &order()));

    // Once more finds nothing, and owes nothing twice.
    assert_eq!(store.erase(&Target::Subject("ana".parse().unwrap()), &order()).unwrap(), 0);
    let ids: Vec<i64> = owed.iter().map(|owed| owed.id).collect();
    store.pay(&ids).unwrap();
    store.pay(&ids).unwrap();
    assert!(store.owed().unwrap().is_empty());

    // Somebody who was erased and acts again has a new key.
    let again = kept(200, "ana", "/body/comment", &json!("back"));
    store.keep(std::slice::from_ref(&again)).unwrap();
    assert!(matches!(store.find(&again.opening.commitment).unwrap(), Found::Clear(..)));
}

#[test]
fn one_value_is_erased_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    let values = [kept(1, "ana", "/body/parameters/password", &json!("hunter2")), kept(2, "ana", "/body/comment", &json!("stays"))];
    store.keep(&values).unwrap();
    let target = Target::Value { event_id: event(1), pointer: "/body/parameters/password".to_owned() };
    assert_eq!(store.erase(&target, &order()).unwrap(), 1);
    assert_eq!(store.erase(&target, &order()).unwrap(), 0);
    store.settle().unwrap();
    assert!(store.find(&values[0].opening.commitment).unwrap() == Found::Erased(order().at));
    assert!(matches!(store.find(&values[1].opening.commitment).unwrap(), Found::Clear(..)));
}

#[test]
fn a_reader_that_holds_on_keeps_an_erasure_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    store.keep(&[kept(1, "ana", "/body/comment", &json!("x"))]).unwrap();
    store.connection_for_tests().busy_timeout(std::time::Duration::ZERO).unwrap();
    let reader = rusqlite::Connection::open(folder.path().join("private.sqlite")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM opening;").unwrap();
    store.erase(&Target::Subject("ana".parse().unwrap()), &order()).unwrap();
    assert!(matches!(store.settle(), Err(PrivateError::Busy { .. })));
    drop(reader);
    store.settle().unwrap();
}

#[test]
fn rows_that_were_tampered_with_do_not_open() {
    for change in [
        "UPDATE opening SET pointer = '/body/name'",
        "UPDATE opening SET event_id = '0198c0de-0000-7000-8000-000000000009'",
        "UPDATE opening SET sealed = zeroblob(40)",
        "UPDATE opening SET nonce = zeroblob(24)",
        "UPDATE opening SET nonce = zeroblob(3)",
        "UPDATE opening SET sealed = NULL",
        "UPDATE subject SET key = zeroblob(32)",
        "UPDATE subject SET key = zeroblob(5)",
        "UPDATE opening SET commitment = zeroblob(32)",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let one = kept(1, "ana", "/body/comment", &json!("x"));
        store(&folder).keep(std::slice::from_ref(&one)).unwrap();
        let store = store(&folder);
        store.connection_for_tests().execute_batch(change).unwrap();
        let commitment = if change.contains("commitment") { Digest::from_bytes([0; 32]) } else { one.opening.commitment };
        assert!(matches!(store.find(&commitment), Err(PrivateError::Damaged { .. })), "{change}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("private.sqlite");
    for (content, words) in [
        ("PRAGMA user_version=1; CREATE TABLE x (y)", "not a store"),
        ("PRAGMA application_id=1349929060; PRAGMA user_version=9; DROP TABLE x; CREATE TABLE z (y)", "version 9"),
    ] {
        rusqlite::Connection::open(&path).unwrap().execute_batch(content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let error = SqlitePrivate::open(&path).err().unwrap().to_string();
        assert!(error.contains(words), "{error}");
    }
}
