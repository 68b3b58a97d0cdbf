//! The log and its witnesses over real HTTP on localhost: good, slow, lying, absent; and the small witness of our own.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use privyseal_core::cosignature::{CosignedHead, WitnessSigner};
use privyseal_core::digest::Digest;
use privyseal_core::note::{Checkpoint, NodeKey, Note};
use privyseal_core::port::Posted;
use privyseal_core::tlog_policy::Policy;
use privyseal_core::tree::{self, Edge, leaf_hash};
use privyseal_core::witness::AddCheckpoint;
use privyseal_ledger::cosigner::{Cosigner, CosignerError, Reply, key_file};
use privyseal_ledger::log::{Log as _, LogReader as _};
use privyseal_ledger::witness::{Cosigned, UnusableError, Witnesses};

use crate::fixture::{Fixture, ORIGIN, heartbeat};
use crate::http::{self, PlainPost};

/// A witness's server. What it answers is decided by `answer`, given the body of each request.
fn serve(answer: impl Fn(&str) -> Option<Reply> + Send + 'static) -> String {
    let url = http::serve(move |path, body| {
        assert_eq!(path, "/w/add-checkpoint");
        let reply = answer(std::str::from_utf8(body).unwrap())?;
        Some(Posted { status: reply.status, content_type: reply.content_type.to_owned(), body: reply.body.into_bytes() })
    });
    format!("{url}/w")
}

fn cosigner(folder: &Path, number: u8, log: &NodeKey) -> Cosigner {
    Cosigner::open(folder, &format!("w{number}.example"), &[number; 32], &[log.verifier()]).unwrap()
}

/// An honest witness in a folder of its own: its line of a policy.
fn honest(folder: &Path, number: u8, log: &NodeKey) -> String {
    let cosigner = cosigner(&folder.join(format!("w{number}")), number, log);
    let key = cosigner.key().to_string();
    format!("witness w{number} {key} {}\n", serve(move |body| Some(cosigner.add(body, 1_700_000_000))))
}

fn signer(number: u8) -> WitnessSigner {
    WitnessSigner::from_seed(&format!("w{number}.example"), &[number; 32]).unwrap()
}

fn witnesses(fixture: &Fixture, policy: &str) -> Witnesses {
    Witnesses::new(Policy::parse(policy).unwrap(), ORIGIN, fixture.layout.tiles(), Arc::new(PlainPost)).unwrap()
}

fn cosign(fixture: &mut Fixture, witnesses: &Witnesses) -> Cosigned {
    fixture.append(vec![heartbeat()]);
    fixture.publish();
    witnesses.cosign(CosignedHead::parse(&fs::read_to_string(fixture.layout.checkpoint()).unwrap()).unwrap())
}

#[test]
fn witnesses_follow_a_growing_log_and_their_lines_verify() {
    let mut fixture = Fixture::full();
    let folder = tempfile::tempdir().unwrap();
    let policy = format!(
        "log {}\n{}{}group both all w1 w2\nquorum both\n",
        fixture.key.verifier(),
        honest(folder.path(), 1, &fixture.key),
        honest(folder.path(), 2, &fixture.key)
    );
    let asked = witnesses(&fixture, &policy);
    for round in 0..4 {
        // A second client that remembers nothing has to be told the size; a first one knows it.
        let forgetful = witnesses(&fixture, &policy);
        let cosigned = cosign(&mut fixture, if round == 2 { &forgetful } else { &asked });
        assert!(cosigned.quorum && cosigned.problems.is_empty(), "round {round}: {:?}", cosigned.problems);
        let read = CosignedHead::parse(&cosigned.head.note.to_string()).unwrap();
        let check = read.check(asked.policy()).unwrap();
        assert!(check.quorum);
        assert_eq!(check.log.unwrap(), fixture.key.verifier());
        assert_eq!(check.witnesses, [("w1".to_owned(), 1_700_000_000), ("w2".to_owned(), 1_700_000_000)]);
        fixture.log.keep_cosigned(read.checkpoint.size, &read.note.to_string()).unwrap();
    }
    let kept = fixture.log.checkpoints(0, 1_000).unwrap();
    let cosigned = kept.iter().filter(|(_, note)| Note::parse(note).unwrap().signatures.len() == 3).count();
    assert_eq!(cosigned, 4);
    assert_eq!(fixture.verify().verdict, privyseal_ledger::verify::Verdict::Verified);
}

#[test]
fn a_lying_witness_is_not_counted_and_is_named() {
    let mut fixture = Fixture::full();
    let folder = tempfile::tempdir().unwrap();
    let text = |status, body: String| Some(Reply { status, content_type: "text/plain", body });
    let size = |body: &str| Some(Reply { status: 409, content_type: "text/x.tlog.size", body: body.to_owned() });
    let other_text = move |body: &str| {
        let request: AddCheckpoint = body.parse().unwrap();
        text(200, format!("{}\n", signer(3).cosign(&request.head.note.text.replace('\n', "\n\n"), 5)))
    };
    let other_key = move |body: &str| {
        let request: AddCheckpoint = body.parse().unwrap();
        text(200, format!("{}\n", signer(4).cosign(&request.head.note.text, 5)))
    };
    let liars = [
        (serve(other_text), "does not verify"),
        (serve(other_key), "no cosignature of the key"),
        (serve(move |_| size("0\n")), "refuses the size that it named itself"),
        (serve(move |_| size("999999\n")), "compare histories"),
        (serve(move |_| size("")), "not which"),
        (serve(move |_| text(409, String::new())), "another head of this size"),
        (serve(move |_| text(422, String::new())), "compare histories"),
        (serve(move |_| text(404, String::new())), "does not know this log"),
        (serve(move |_| text(200, "\u{0}".repeat(1_000))), "no cosignature"),
        (serve(|_| None), "the connection ended early"),
        ("http://127.0.0.1:1/w".to_owned(), "refused"),
    ];
    for (number, (url, words)) in liars.into_iter().enumerate() {
        let good = honest(&folder.path().join(number.to_string()), 1, &fixture.key);
        let policy = format!("{good}witness w3 {} {url}\ngroup both all w1 w3\nquorum both\n", signer(3).public());
        let asked = witnesses(&fixture, &policy);
        let cosigned = cosign(&mut fixture, &asked);
        assert!(!cosigned.quorum, "{words}");
        assert_eq!(cosigned.witnesses, ["w1"], "{words}");
        assert_eq!(cosigned.head.note.signatures.len(), 2);
        let [(name, problem)] = cosigned.problems.as_slice() else { panic!("{words}: {:?}", cosigned.problems) };
        assert!(name == "w3" && problem.contains(words), "{words}: {problem}");
    }
}

/// A witness that answers only when told to.
fn held(number: u8) -> (String, Sender<()>, Receiver<()>) {
    let ((go, gone), (asked, heard)) = (channel::<()>(), channel());
    let gone = Mutex::new(gone);
    let url = serve(move |body| {
        let request: AddCheckpoint = body.parse().unwrap();
        asked.send(()).unwrap();
        gone.lock().unwrap().recv().ok()?;
        Some(Reply { status: 200, content_type: "text/plain", body: format!("{}\n", signer(number).cosign(&request.head.note.text, 5)) })
    });
    (format!("witness w{number} {} {url}\n", signer(number).public()), go, heard)
}

#[test]
fn nobody_waits_for_a_slow_witness_when_the_others_are_a_quorum() {
    let mut fixture = Fixture::full();
    let folder = tempfile::tempdir().unwrap();
    let (slow, go, asked) = held(3);
    let asked_witnesses = witnesses(&fixture, &format!("{}{slow}group g any w1 w3\nquorum g\n", honest(folder.path(), 1, &fixture.key)));
    let first = cosign(&mut fixture, &asked_witnesses);
    asked.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(first.quorum);
    assert_eq!(first.problems, [("w3".to_owned(), "it has not answered in time".to_owned())]);
    // While it still thinks, it is not asked again.
    let second = cosign(&mut fixture, &asked_witnesses);
    assert!(second.quorum);
    assert_eq!(second.problems, [("w3".to_owned(), "it has not answered an earlier request yet".to_owned())]);
    drop(go);
}

#[test]
fn a_policy_that_cannot_be_fulfilled_is_refused_at_start() {
    let fixture = Fixture::full();
    let new = |policy: &str| {
        Witnesses::new(Policy::parse(policy).unwrap(), ORIGIN, fixture.layout.tiles(), Arc::new(PlainPost)).map(|_| ()).unwrap_err()
    };
    assert_eq!(new(&format!("witness w {}\nquorum w\n", signer(1).public())), UnusableError::Quorum { askable: 0 });
    let other = NodeKey::from_seed("other.example/log", &[1; 32]).unwrap().verifier();
    assert!(matches!(new(&format!("log {other}\nquorum none\n")), UnusableError::OtherLogs { .. }));
}

// The witness of our own, without HTTP.

fn leaves(count: u64, salt: &str) -> Vec<Digest> {
    (0..count).map(|i| leaf_hash(if i < 5 { format!("{i}") } else { format!("{salt}{i}") }.as_bytes())).collect()
}

fn request(key: &NodeKey, leaves: &[Digest], old: u64) -> String {
    let mut edge = Edge::new();
    leaves.iter().for_each(|leaf| edge.push(*leaf));
    let head = Checkpoint { origin: ORIGIN.into(), size: edge.size(), root: edge.root() };
    let proof = if old == 0 || old > edge.size() { Vec::new() } else { tree::consistency_proof(leaves, old, edge.size()).unwrap() };
    AddCheckpoint { old, proof, head: CosignedHead::parse(&key.sign_note(&head.text())).unwrap() }.to_string()
}

#[test]
fn our_witness_refuses_forks_and_rollbacks_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let key = NodeKey::from_seed(ORIGIN, &[3; 32]).unwrap();
    let (ours, fork) = (leaves(9, "ours"), leaves(9, "fork"));
    let first = cosigner(folder.path(), 1, &key);
    let vkey = first.key().to_string();
    assert!(matches!(Cosigner::open(folder.path(), "w1.example", &[1; 32], &[key.verifier()]), Err(CosignerError::Locked { .. })));
    let status = |cosigner: &Cosigner, body: &str| (cosigner.add(body, 7).status, cosigner.add(body, 7).body);
    assert_eq!(first.add(&request(&key, &ours[..6], 0), 7).status, 200);
    drop(first);
    // Another name and seed on the command line change nothing: the key file is what counts.
    let again = Cosigner::open(folder.path(), "other.example", &[8; 32], &[key.verifier()]).unwrap();
    assert_eq!(again.key().to_string(), vkey);
    assert_eq!(status(&again, &request(&key, &fork[..6], 6)), (409, "6\n".to_owned()));
    assert_eq!(again.add(&request(&key, &fork, 6), 7).status, 422);
    assert_eq!(status(&again, &request(&key, &ours[..4], 4)), (409, "6\n".to_owned()));
    assert_eq!(again.add(&request(&key, &ours[..4], 4), 7).content_type, "text/x.tlog.size");
    assert_eq!(again.add(&request(&key, &ours, 9), 7).status, 409);
    assert_eq!(again.add(&request(&key, &ours[..4], 9), 7).status, 400);
    let stranger = NodeKey::from_seed(ORIGIN, &[4; 32]).unwrap();
    assert_eq!(again.add(&request(&stranger, &ours, 6), 7).status, 403);
    assert_eq!(again.add("old 1\n", 7).status, 400);
    let elsewhere = request(&key, &ours, 6).replace(ORIGIN, "other.example/log");
    assert_eq!(again.add(&elsewhere, 7).status, 404);
    assert_eq!(again.add(&request(&key, &ours, 6), 7).status, 200);
    assert_eq!(fs::metadata(key_file(folder.path())).unwrap().permissions(), std::os::unix::fs::PermissionsExt::from_mode(0o100_600));
}

#[test]
fn a_witness_killed_between_persisting_and_answering_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let key = NodeKey::from_seed(ORIGIN, &[3; 32]).unwrap();
    let ours = leaves(9, "ours");
    let first = cosigner(folder.path(), 1, &key);
    assert_eq!(first.add(&request(&key, &ours[..6], 0), 7).status, 200);
    // The answer to this one is lost with the process.
    let _ = first.add(&request(&key, &ours, 6), 7);
    drop(first);
    let again = cosigner(folder.path(), 1, &key);
    let reply = again.add(&request(&key, &ours, 6), 8);
    assert_eq!((reply.status, reply.body.as_str()), (409, "9\n"));
    assert_eq!(again.add(&request(&key, &ours, 9), 8).status, 200, "the same head, from the size that it told");
}

#[test]
fn a_witness_that_cannot_remember_does_not_cosign() {
    let folder = tempfile::tempdir().unwrap();
    let key = NodeKey::from_seed(ORIGIN, &[3; 32]).unwrap();
    let ours = leaves(9, "ours");
    let witness = cosigner(folder.path(), 1, &key);
    assert_eq!(witness.add(&request(&key, &ours[..6], 0), 7).status, 200);
    let file = folder.path().join(format!("{}.head", Digest::of(ORIGIN.as_bytes()).hex()));
    let before = fs::read_to_string(&file).unwrap();
    // A folder where the file is to be written makes every write fail, also for the superuser.
    let blocked = folder.path().join(format!("{}.head.tmp", Digest::of(ORIGIN.as_bytes()).hex()));
    fs::create_dir(&blocked).unwrap();
    let reply = witness.add(&request(&key, &ours, 6), 7);
    assert_eq!(reply.status, 500);
    assert!(!reply.body.contains('\u{2014}'), "nothing is signed");
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    fs::remove_dir(&blocked).unwrap();
    assert_eq!(witness.add(&request(&key, &ours, 6), 7).status, 200);
    drop(witness);
    fs::write(&file, "something else\n").unwrap();
    assert!(matches!(Cosigner::open(folder.path(), "w", &[1; 32], &[key.verifier()]), Err(CosignerError::Damaged { .. })));
}

#[test]
fn two_requests_at_once_never_roll_a_witness_back() {
    let folder = tempfile::tempdir().unwrap();
    let key = NodeKey::from_seed(ORIGIN, &[3; 32]).unwrap();
    let (ours, fork) = (leaves(40, "ours"), leaves(40, "fork"));
    let witness = Arc::new(cosigner(folder.path(), 1, &key));
    assert_eq!(witness.add(&request(&key, &ours[..5], 0), 7).status, 200);
    let tries: Vec<_> =
        (6..=40_usize).flat_map(|size| [(&ours, size), (&fork, size)]).map(|(all, size)| request(&key, &all[..size], 5)).collect();
    let accepted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = tries.iter().map(|body| scope.spawn(|| witness.add(body, 7).status)).collect();
        threads.into_iter().filter(|_| true).map(|thread| usize::from(thread.join().unwrap() == 200)).sum()
    });
    assert_eq!(accepted, 1, "all of them start from the same head, so one wins");
}
