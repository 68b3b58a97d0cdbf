//! The golden ledger, `tests/vectors/ledger-v1`: a small data folder whose bytes never change, so that whatever verifies it today must
//! verify it for ever.
//!
//! It was made once, by the journey below, through the real engine with fixed seeds and a clock moved by hand. It is not compared with
//! what the journey gives today, because events may gain members; it is compared with its own list of digests.
//! To make one for a new format: `PRIVYSEAL_MAKE_GOLDEN=tests/vectors/ledger-v2 cargo nextest run -p privyseal-engine golden`.
//! Never overwrite one that was released: what it proves is that old ledgers stay readable.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use privyseal_core::command::{Command, Directory, Finish, Reply, Review, Withdraw};
use privyseal_core::digest::Digest;
use privyseal_core::event::execution::RunOutcome;
use privyseal_core::event::request::{ReviewStatement, Verdict};
use privyseal_core::id::RequestId;
use privyseal_core::webauthn::{self, software::SoftwarePasskey};
use privyseal_ledger::layout::Layout;
use privyseal_ledger::verify::{Verdict as Found, verify_folder};

use crate::fixture::{Fixture, actor};

fn golden() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/ledger-v1"))
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn sums(folder: &Path) -> String {
    let mut files = files(folder);
    files.remove("SHA256SUMS");
    files.iter().map(|(name, bytes)| format!("{}  {name}\n", Digest::of(bytes).hex())).collect()
}

#[test]
fn the_golden_ledger_is_as_it_was_made_and_verifies() {
    let golden = golden();
    let recorded = fs::read_to_string(golden.join("SHA256SUMS")).unwrap();
    assert_eq!(sums(&golden), recorded, "the golden ledger was changed: take it back from version control, do not make it again");
    // Copied, because SQLite may leave files of its own beside a database that it reads.
    let copy = tempfile::tempdir().unwrap();
    for (name, bytes) in files(&golden) {
        let path = copy.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let report = verify_folder(&Layout::new(copy.path().to_owned()), None, &mut |_, _| {});
    assert_eq!(report.verdict, Found::Verified, "{report}");
    assert_eq!((report.entries, report.passkeys), (40, 2), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journey_that_makes_a_golden_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(folder.path()).await;
    let passkey = SoftwarePasskey::from_seed(&[9; 32], "localhost", "http://localhost:8420").unwrap();
    fixture
        .operate(Directory::Enroll {
            credential: passkey.credential().parse().unwrap(),
            principal: "ben".parse().unwrap(),
            label: "software passkey".into(),
            key: passkey.public(),
            expires_at: None,
        })
        .await;
    let run = fixture.ask("db.change").await;
    seal(&fixture, &passkey, run, Verdict::Approve, "gelesen – in Ordnung").await;
    let execution = match fixture.engine.execute(fixture.redeem_command(run), actor("bot")).await.unwrap() {
        Reply::Execution(execution) => execution,
        other => panic!("{other:?}"),
    };
    let finish = Finish {
        execution,
        outcome: RunOutcome::Succeeded,
        exit_code: Some(0),
        output_sha256: Some(Digest::of(b"done\n")),
        output_bytes: Some(5),
        occurred_at: None,
        incident: None,
        rollback_of: None,
    };
    fixture.engine.execute(Command::Finish(finish), actor("bot")).await.unwrap();
    fixture.clock.advance_to("2026-07-01T09:10:00Z".parse().unwrap());
    fixture.engine.seal().await.unwrap();

    let denied = fixture.ask("db.change").await;
    seal(&fixture, &passkey, denied, Verdict::Deny, "").await;
    let plain = fixture.ask("db.change").await;
    fixture.approve("ben", plain).await.unwrap();
    let withdrawn = fixture.ask("db.change").await;
    fixture
        .engine
        .execute(Command::Withdraw(Withdraw { request: withdrawn, comment: Some("no longer needed".into()) }), actor("bot"))
        .await
        .unwrap();
    fixture.ask("db.change").await;
    fixture.clock.advance_to("2026-07-01T10:20:00Z".parse().unwrap());
    fixture.engine.as_system(Command::Expire).await.unwrap();
    fixture.engine.seal().await.unwrap();
    fixture.operate(Directory::Revoke { credential: passkey.credential().parse().unwrap(), reason: "lost".into() }).await;
    fixture.ask("db.read").await;
    fixture.engine.close().await;

    let report = verify_folder(&fixture.options.layout, None, &mut |_, _| {});
    assert_eq!(report.verdict, Found::Verified, "{report}");
    assert_eq!(report.passkeys, 2, "{report}");
    let Some(target) = std::env::var_os("PRIVYSEAL_MAKE_GOLDEN") else { return };
    let target = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(target);
    assert!(!target.exists(), "{} is there: a golden ledger is never made again", target.display());
    rusqlite::Connection::open(fixture.options.layout.log()).unwrap().execute_batch("PRAGMA journal_mode = DELETE; VACUUM;").unwrap();
    for (name, bytes) in files(fixture.options.layout.root()) {
        if name == "log.sqlite" || name.starts_with("ledger/") {
            let path = target.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    fs::write(target.join("SHA256SUMS"), sums(&target)).unwrap();
}

async fn seal(fixture: &Fixture, passkey: &SoftwarePasskey, request: RequestId, verdict: Verdict, comment: &str) {
    let (log, shown_digest, policy_digest) = fixture.engine.read(|state| {
        let submitted = &state.requests[&request].submitted;
        (state.log.clone(), submitted.action_digest, submitted.assessment.policy.digest)
    });
    let shown_at = fixture.engine.now();
    let statement = ReviewStatement {
        log,
        request_id: request,
        action_digest: shown_digest,
        verdict,
        policy_digest,
        comment_digest: Digest::of(comment.as_bytes()),
        shown_at,
        reviewer: "ben".parse().unwrap(),
    };
    let assertion = passkey.sign(webauthn::review_challenge(&statement).unwrap().as_bytes());
    let signed = Some((statement, assertion));
    let review = Review { request, verdict, comment: comment.into(), shown_digest, shown_at, policy_digest, signed };
    fixture.engine.execute(Command::Review(Box::new(review)), actor("ben")).await.unwrap();
}
