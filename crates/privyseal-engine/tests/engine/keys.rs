//! Signing keys: rotation in one commit, whatever a crash leaves of one, and keys that may not sign.

use std::fs;
use std::path::Path;

use privyseal_core::event::Kind;
use privyseal_core::note::{Note, VerifierKey};
use privyseal_engine::{EngineError, OpenError, open};
use privyseal_ledger::keys;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::LogReader as _;
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_ledger::verify::{Verdict, verify_folder};

use crate::fixture::Fixture;

fn own(layout: &Layout) -> VerifierKey {
    keys::load(&layout.key()).unwrap().verifier()
}

fn verdict(layout: &Layout, trusted: Option<VerifierKey>) -> (Verdict, String) {
    let report = verify_folder(layout, trusted, &mut |_, _| {});
    (report.verdict, report.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_trusts_the_old_key_can_follow_to_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::new(folder.path()).await;
    let layout = fixture.options.layout.clone();
    let old = own(&layout);
    let before = fixture.ask("db.change").await;
    let new = fixture.engine.rotate_key("the yearly rotation", None).await.unwrap();
    assert_eq!(own(&layout), new, "the file on disk is the new key");
    assert!(!layout.next_key().exists());

    let log = SqliteLog::open_read_only(&layout.log()).unwrap();
    let head = log.head().unwrap().unwrap();
    let note = Note::parse(&head.checkpoint).unwrap();
    assert_eq!((note.verify(&old), note.verify(&new)), (Ok(()), Ok(())), "the head of the rotation carries both");
    let signers = |kind| log.entries_of(kind).unwrap().iter().map(|entry| entry.signature.unwrap().1).collect::<Vec<_>>();
    assert_eq!((signers(Kind::KeyEnrolled), signers(Kind::KeyRetired)), (vec![old.id(), old.id()], vec![new.id()]));

    fixture.approve("ben", before).await.unwrap();
    assert_eq!(SqliteLog::open_read_only(&layout.log()).unwrap().entries_of(Kind::GrantIssued).unwrap()[0].signature.unwrap().1, new.id());
    fixture.engine.close().await;
    for trusted in [None, Some(old.clone())] {
        let (verdict, report) = verdict(&layout, trusted);
        assert_eq!(verdict, Verdict::Verified, "{report}");
    }
    fixture.engine = open(&fixture.options).unwrap();
    let third = fixture.engine.rotate_key("again", None).await.unwrap();
    assert_ne!(third, new);
    fixture.engine.close().await;
    assert_eq!(verdict(&layout, Some(old)).0, Verdict::Verified);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_leaves_one_key_that_signs() {
    type Damage = fn(&Path, old: &[u8], new: &[u8]);
    // What the disk can hold after a crash at each step; whether the new key signs afterwards.
    let cases: [(&str, bool, Damage); 4] = [
        ("before the key was whole", false, |keys, old, new| {
            fs::write(keys.join("node.key"), old).unwrap();
            fs::write(keys.join("next.key"), &new[..20]).unwrap();
        }),
        ("staged, not recorded", false, |keys, old, new| {
            fs::write(keys.join("node.key"), old).unwrap();
            fs::write(keys.join("next.key"), new).unwrap();
        }),
        ("recorded, not put in place", true, |keys, old, new| {
            fs::write(keys.join("node.key"), old).unwrap();
            fs::write(keys.join("next.key"), new).unwrap();
        }),
        ("done", true, |_, _, _| {}),
    ];
    for (what, recorded, damage) in cases {
        let folder = tempfile::tempdir().unwrap();
        let fixture = Fixture::new(folder.path()).await;
        let layout = fixture.options.layout.clone();
        let folder_of_keys = layout.key().parent().unwrap().to_owned();
        let old = fs::read(layout.key()).unwrap();
        let new = if recorded {
            fixture.engine.rotate_key("a test", None).await.unwrap();
            fs::read(layout.key()).unwrap()
        } else {
            let seed = privyseal_core::digest::base64url(&[9; 32]);
            format!("test.example/privyseal/engine {seed}\n").into_bytes()
        };
        fixture.engine.close().await;
        damage(&folder_of_keys, &old, &new);
        for file in ["node.key", "next.key"] {
            use std::os::unix::fs::PermissionsExt as _;
            let _ = fs::set_permissions(folder_of_keys.join(file), fs::Permissions::from_mode(0o600));
        }
        let engine = open(&fixture.options).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(!layout.next_key().exists(), "{what}");
        assert_eq!(fs::read(layout.key()).unwrap(), if recorded { new } else { old }, "{what}");
        engine.rotate_key("it still can", None).await.unwrap();
        engine.close().await;
        let (verdict, report) = verdict(&layout, None);
        assert_eq!(verdict, Verdict::Verified, "{what}: {report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_not_sign_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let layout = fixture.options.layout.clone();
    let old = fs::read(layout.key()).unwrap();
    let refused = fixture.engine.rotate_key("", None).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    let refused = fixture.engine.rotate_key("later than the log", Some(9_999)).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    assert!(!layout.next_key().exists(), "a refused rotation leaves nothing");
    fixture.engine.rotate_key("a test", None).await.unwrap();
    fixture.engine.close().await;
    let new = fs::read(layout.key()).unwrap();
    fs::write(layout.key(), &old).unwrap();
    assert!(matches!(open(&fixture.options), Err(OpenError::WrongKey { why, .. }) if why.contains("retired")));
    fs::write(layout.key(), String::from_utf8(new).unwrap().replace("engine ", "other ")).unwrap();
    assert!(matches!(open(&fixture.options), Err(OpenError::WrongKey { why, .. }) if why.contains("never enrolled")));
}
