//! Heads and their witnesses: what is published, what is kept, and that nobody who asks for something waits for a witness.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use privyseal_core::cosignature::{CosignedHead, WitnessSigner};
use privyseal_core::note::VerifierKey;
use privyseal_core::port::{Post, Posted};
use privyseal_core::tlog_policy::Policy;
use privyseal_engine::{Anchors, OpenError, WitnessOptions, open};
use privyseal_ledger::cosigner::Cosigner;
use privyseal_ledger::log::LogReader as _;
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_ledger::verify::{Verdict, verify_folder};

use crate::fixture::Fixture;

/// A witness without a network.
struct Near(Arc<Cosigner>);

impl Post for Near {
    fn post(&self, url: &str, _: &str, body: &[u8]) -> Result<Posted, String> {
        assert_eq!(url, "http://w/add-checkpoint");
        let reply = self.0.add(std::str::from_utf8(body).unwrap(), 1_782_900_000);
        Ok(Posted { status: reply.status, content_type: reply.content_type.to_owned(), body: reply.body.into_bytes() })
    }
}

/// One that is not there.
struct Absent;

impl Post for Absent {
    fn post(&self, _: &str, _: &str, _: &[u8]) -> Result<Posted, String> {
        Err("nobody answers".to_owned())
    }
}

/// One that says when it is asked, and then thinks until it is let go.
struct Thinking {
    asked: Sender<()>,
    go: Mutex<Receiver<()>>,
}

impl Post for Thinking {
    fn post(&self, _: &str, _: &str, _: &[u8]) -> Result<Posted, String> {
        let _ = self.asked.send(());
        let _ = self.go.lock().unwrap().recv();
        Err("it thought for too long".to_owned())
    }
}

/// How a witness misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Gone,
    OutOfOrder,
    Empty,
    Garbage,
    /// A cosignature of the head, by somebody else.
    Stranger,
    /// The right key, on the head that it was asked for before this one.
    AnotherHead,
    /// It remembers another size than the log ever had.
    OtherSize,
    NoSize,
    /// It cosigns, remembers it, and its answer does not arrive.
    Lost,
    /// It sends more than anybody should keep.
    Endless,
}

struct Faulty {
    fault: Fault,
    witness: Arc<Cosigner>,
    stranger: Cosigner,
    /// What it cosigned when it was asked first.
    first: Mutex<Option<Vec<u8>>>,
}

impl Post for Faulty {
    fn post(&self, _: &str, _: &str, body: &[u8]) -> Result<Posted, String> {
        let asked = std::str::from_utf8(body).unwrap();
        let answer = |status, content_type: &str, body: Vec<u8>| Ok(Posted { status, content_type: content_type.to_owned(), body });
        let cosigned = |by: &Cosigner| by.add(asked, 1_782_900_000);
        match self.fault {
            Fault::Gone => Err("nobody answers".to_owned()),
            Fault::OutOfOrder => answer(500, "text/plain", b"out of order".to_vec()),
            Fault::Empty => answer(200, "text/plain", Vec::new()),
            Fault::Garbage => answer(200, "text/plain", vec![0xff; 300]),
            Fault::Endless => answer(200, "text/plain", vec![b'x'; 1 << 22]),
            Fault::OtherSize => answer(409, "text/x.tlog.size", b"999999\n".to_vec()),
            Fault::NoSize => answer(409, "text/x.tlog.size", b"many\n".to_vec()),
            Fault::Stranger => {
                let reply = cosigned(&self.stranger);
                answer(reply.status, reply.content_type, reply.body.into_bytes())
            }
            Fault::Lost => {
                cosigned(&self.witness);
                Err("the answer was lost".to_owned())
            }
            Fault::AnotherHead => {
                let reply = cosigned(&self.witness);
                let mut first = self.first.lock().unwrap();
                let body = first.get_or_insert_with(|| b"\xe2\x80\x94 w.example AAAAAAAA\n".to_vec()).clone();
                *first = Some(reply.body.into_bytes());
                answer(200, "text/plain", body)
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "the table is for people")]
async fn whatever_a_witness_does_nothing_waits_for_it_and_the_head_follows_when_it_is_well() {
    for fault in [
        Fault::Gone,
        Fault::OutOfOrder,
        Fault::Empty,
        Fault::Garbage,
        Fault::Stranger,
        Fault::AnotherHead,
        Fault::OtherSize,
        Fault::NoSize,
        Fault::Lost,
        Fault::Endless,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (mut fixture, log) = closed(folder.path()).await;
        let before = published(&fixture);
        let witness = cosigner(folder.path(), &log);
        let stranger = Cosigner::open(&folder.path().join("stranger"), "w.example", &[10; 32], std::slice::from_ref(&log)).unwrap();
        reopen(&mut fixture, true, Arc::new(Faulty { fault, witness: Arc::clone(&witness), stranger, first: Mutex::default() }));
        let requests = [fixture.ask("db.change").await, fixture.ask("db.change").await];
        fixture.approve("ben", requests[0]).await.unwrap();
        fixture.engine.close().await;
        assert_eq!(published(&fixture), before, "{fault:?}: a head without a quorum was published");
        let witnessed = fixture.engine.witnessed().unwrap();
        assert_eq!(witnessed.quorum, None, "{fault:?}");
        let [(name, problem)] = witnessed.problems.as_slice() else { panic!("{fault:?}: {:?}", witnessed.problems) };
        eprintln!("{fault:?}: {problem}");
        assert!(name == "w" && !problem.is_empty() && !problem.contains('\n') && problem.len() < 500, "{fault:?}: {problem}");
        // Everything else is as if there were no witnesses.
        assert_eq!(verify_folder(&fixture.options.layout, Some(log.clone()), &mut |_, _| {}).verdict, Verdict::Verified, "{fault:?}");
        // The witness is well again, with what it remembers.
        reopen(&mut fixture, true, Arc::new(Near(witness)));
        for request in requests {
            assert!(fixture.engine.read(|state| state.request(&request).is_some()), "{fault:?}");
        }
        fixture.engine.close().await;
        let head = published(&fixture);
        assert!(head.checkpoint.size > before.checkpoint.size && head.check(&policy()).unwrap().quorum, "{fault:?}");
        assert_eq!(verify_folder(&fixture.options.layout, Some(log), &mut |_, _| {}).verdict, Verdict::Verified, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_cosigning_publishing_and_keeping_is_made_good_by_the_next_start() {
    for left in ["cosigned, not published", "published, not kept"] {
        let folder = tempfile::tempdir().unwrap();
        let (mut fixture, log) = closed(folder.path()).await;
        let before = fs::read(fixture.options.layout.checkpoint()).unwrap();
        let witness = cosigner(folder.path(), &log);
        reopen(&mut fixture, true, Arc::new(Near(Arc::clone(&witness))));
        fixture.ask("db.change").await;
        fixture.engine.close().await;
        let cosigned = published(&fixture);
        let sql = |text: &str| rusqlite::Connection::open(fixture.options.layout.log()).unwrap().execute(text, []).unwrap();
        assert!(sql("DELETE FROM cosigned") > 0);
        if left == "cosigned, not published" {
            fs::write(fixture.options.layout.checkpoint(), &before).unwrap();
        }
        reopen(&mut fixture, true, Arc::new(Near(witness)));
        fixture.engine.close().await;
        let head = published(&fixture);
        assert!(head.checkpoint.size >= cosigned.checkpoint.size && head.check(&policy()).unwrap().quorum, "{left}");
        let kept = SqliteLog::open_read_only(&fixture.options.layout.log()).unwrap().checkpoints(0, 1_000).unwrap();
        assert_eq!(CosignedHead::parse(&kept.last().unwrap().1).unwrap(), head, "{left}");
        assert_eq!(verify_folder(&fixture.options.layout, Some(log), &mut |_, _| {}).verdict, Verdict::Verified, "{left}");
    }
}

/// A policy with one witness; the seed is the one of [`near`].
fn policy() -> Policy {
    let key = WitnessSigner::from_seed("w.example", &[9; 32]).unwrap();
    Policy::parse(&format!("witness w {} http://w/\nquorum w\n", key.public())).unwrap()
}

fn cosigner(folder: &Path, log: &VerifierKey) -> Arc<Cosigner> {
    Arc::new(Cosigner::open(&folder.join("witness"), "w.example", &[9; 32], std::slice::from_ref(log)).unwrap())
}

fn near(folder: &Path, log: &VerifierKey) -> Arc<dyn Post> {
    Arc::new(Near(cosigner(folder, log)))
}

/// A fixture that was closed, so that it can be opened with witnesses.
async fn closed(folder: &Path) -> (Fixture, VerifierKey) {
    let fixture = Fixture::new(folder).await;
    let log = privyseal_ledger::keys::load(&fixture.options.layout.key()).unwrap().verifier();
    fixture.engine.close().await;
    (fixture, log)
}

fn reopen(fixture: &mut Fixture, required: bool, post: Arc<dyn Post>) {
    fixture.options.anchors = Anchors { witnesses: Some(WitnessOptions { policy: policy(), required, post }) };
    fixture.engine = open(&fixture.options).unwrap();
}

fn published(fixture: &Fixture) -> CosignedHead {
    CosignedHead::parse(&fs::read_to_string(fixture.options.layout.checkpoint()).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_head_has_its_cosignature_and_the_log_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut fixture, log) = closed(folder.path()).await;
    assert_eq!(fixture.engine.witnessed(), None);
    reopen(&mut fixture, true, near(folder.path(), &log));
    fixture.ask("db.change").await;
    fixture.engine.close().await;
    let head = published(&fixture);
    let check = head.check(&policy()).unwrap();
    assert!(check.quorum);
    head.note.verify(&log).unwrap();
    let size = fixture.engine.read(|state| state.next_seq);
    assert_eq!(head.checkpoint.size, size, "the last head of a writer that ends is published with its witnesses");
    let witnessed = fixture.engine.witnessed().unwrap();
    assert_eq!((witnessed.quorum.map(|(size, _)| size), witnessed.problems.as_slice()), (Some(size), &[][..]));
    let kept = SqliteLog::open_read_only(&fixture.options.layout.log()).unwrap().checkpoints(0, 1_000).unwrap();
    let (kept_size, note) = kept.last().unwrap();
    assert_eq!((*kept_size, CosignedHead::parse(note).unwrap()), (size, head));
    assert_eq!(verify_folder(&fixture.options.layout, Some(log), &mut |_, _| {}).verdict, Verdict::Verified);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_quorum_that_is_missing_keeps_the_head_back_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (mut fixture, log) = closed(folder.path()).await;
    let before = published(&fixture);
    reopen(&mut fixture, true, Arc::new(Absent));
    let request = fixture.ask("db.change").await;
    fixture.approve("ben", request).await.unwrap();
    fixture.engine.close().await;
    assert_eq!(published(&fixture), before);
    let witnessed = fixture.engine.witnessed().unwrap();
    assert_eq!((witnessed.quorum, witnessed.required), (None, true));
    assert_eq!(witnessed.problems, [("w".to_owned(), "nobody answers".to_owned())]);
    // The witness is there again: the head follows.
    reopen(&mut fixture, true, near(folder.path(), &log));
    fixture.engine.close().await;
    let head = published(&fixture);
    assert!(head.checkpoint.size > before.checkpoint.size && head.check(&policy()).unwrap().quorum);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_requirement_a_head_is_published_with_the_cosignatures_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let (mut fixture, log) = closed(folder.path()).await;
    reopen(&mut fixture, false, Arc::new(Absent));
    fixture.ask("db.change").await;
    fixture.engine.close().await;
    let head = published(&fixture);
    assert_eq!(head.checkpoint.size, fixture.engine.read(|state| state.next_seq));
    head.note.verify(&log).unwrap();
    assert!(!head.check(&policy()).unwrap().quorum);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_do_not_wait_for_a_witness_that_thinks() {
    let folder = tempfile::tempdir().unwrap();
    let (mut fixture, _) = closed(folder.path()).await;
    let ((asked, heard), (go, wait)) = (channel(), channel());
    reopen(&mut fixture, true, Arc::new(Thinking { asked, go: Mutex::new(wait) }));
    fixture.ask("db.change").await;
    tokio::task::spawn_blocking(move || heard.recv().unwrap()).await.unwrap();
    // The witness has the head in its hands and says nothing. Everything else goes on.
    let request = fixture.ask("db.change").await;
    fixture.approve("ben", request).await.unwrap();
    drop(go);
    fixture.engine.close().await;
    assert_eq!(fixture.engine.witnessed().unwrap().quorum, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_can_never_be_fulfilled_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let (mut fixture, _) = closed(folder.path()).await;
    let policy = Policy::parse(&policy_without_address()).unwrap();
    fixture.options.anchors = Anchors { witnesses: Some(WitnessOptions { policy, required: false, post: Arc::new(Absent) }) };
    let error = open(&fixture.options).err().unwrap();
    assert!(matches!(error, OpenError::Witnesses(_)), "{error}");
}

fn policy_without_address() -> String {
    let key = WitnessSigner::from_seed("w.example", &[9; 32]).unwrap();
    format!("witness w {}\nquorum w\n", key.public())
}
