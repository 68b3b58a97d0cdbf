//! What was acknowledged is there after a restart; what is damaged or rolled back does not start; one process at a time.

use std::fs;

use privyseal_core::request::RequestState;
use privyseal_engine::{OpenError, create, open};

use crate::fixture::{Fixture, actor};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_the_same_state() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::new(folder.path()).await;
    let pending = fixture.ask("db.change").await;
    let approved = fixture.ask("db.change").await;
    fixture.approve("ben", approved).await.unwrap();
    let before = fixture.engine.read(Clone::clone);
    fixture.engine.close().await;
    fixture.engine = open(&fixture.options).unwrap();
    // The writer's own heartbeat may have been recorded since; nothing else may differ.
    let mut after = fixture.engine.read(Clone::clone);
    after.next_seq = before.next_seq;
    assert!(after == before);
    fixture.approve("ben", pending).await.unwrap();
    fixture.engine.execute(fixture.redeem_command(approved), actor("bot")).await.unwrap();
    assert_eq!(fixture.state_of(pending), RequestState::Approved);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    assert!(matches!(open(&fixture.options), Err(OpenError::Locked { .. })));
    assert!(matches!(create(&fixture.options, "x/y"), Err(OpenError::Exists { .. })));
    fixture.engine.close().await;
    assert!(open(&fixture.options).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_trusted_does_not_start() {
    for (what, damage, words) in [
        ("a key that others can read", "chmod 644 keys/node.key", "can be read by others"),
        ("an edited entry", "sqlite: UPDATE entry SET entry = zeroblob(10) WHERE seq = 3", "cannot be followed at entry 3"),
        ("a cut tail", "sqlite: DELETE FROM entry WHERE seq = (SELECT max(seq) FROM entry)", "rolled back"),
        ("a broken policy blob", "blob", "damaged"),
        ("no log", "rm log.sqlite", "privyseal init"),
        ("not a database", "truncate log.sqlite", "is damaged"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let fixture = Fixture::new(folder.path()).await;
        fixture.ask("db.read").await;
        fixture.engine.close().await;
        let root = fixture.options.layout.root();
        // Without the snapshot every entry is read again; with it those before it are `verify`'s to check.
        fs::remove_dir_all(fixture.options.layout.cache()).unwrap();
        if let Some(sql) = damage.strip_prefix("sqlite: ") {
            rusqlite::Connection::open(fixture.options.layout.log()).unwrap().execute_batch(sql).unwrap();
        } else if damage == "blob" {
            let digest = fixture.engine.read(|state| state.policy.as_ref().unwrap().files[0].sha256);
            fs::write(fixture.options.layout.blob(&digest), b"permit(principal, action, resource);").unwrap();
        } else if damage.starts_with("chmod") {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(root.join("keys/node.key"), fs::Permissions::from_mode(0o644)).unwrap();
        } else if damage.starts_with("rm") {
            fs::remove_file(fixture.options.layout.log()).unwrap();
        } else {
            for end in ["log.sqlite-wal", "log.sqlite-shm"] {
                let _ = fs::remove_file(root.join(end));
            }
            fs::write(fixture.options.layout.log(), vec![7; 5_000]).unwrap();
        }
        let error = open(&fixture.options).err().unwrap_or_else(|| panic!("{what}: it started"));
        assert!(error.to_string().contains(words), "{what}: {error}");
    }
}
