//! The integrity gates: I01, I02, I04, and what follows when they do not pass.

use privyseal_core::digest::Digest;
use privyseal_core::finding::TestState;
use privyseal_core::note::NodeKey;
use privyseal_core::time::Period;
use privyseal_core::webauthn::software::SoftwarePasskey;
use privyseal_core::{event, webauthn};
use serde_json::json;

use super::{check, finding, july};
use crate::fixture::{Ledger, ORIGIN, digest, time, uuid};
use crate::world::patched;

fn seq(number: u64) -> String {
    format!("{number:012}")
}

#[test]
fn i01_chain() {
    let mut ledger = Ledger::new();
    for _ in 0..3 {
        ledger.heartbeat();
    }
    let mut expected: Vec<(String, &str)> = (0..4).map(|number| (seq(number), "ok")).collect();
    check(&mut ledger, "I01", &expected);
    // The stored leaf of 4 is another one than that of its bytes; 5 names the leaf that the bytes have.
    ledger.heartbeat();
    ledger.tamper(|entry| entry.leaf = Digest::of(b"x"));
    ledger.heartbeat();
    expected.push((seq(4), "violation: the stored leaf is not the hash of the entry"));
    expected.push((seq(5), "violation: it does not name the leaf of the entry before"));
    check(&mut ledger, "I01", &expected);
    // The bytes of 6 were exchanged together with the leaf: it verifies alone, and the chain shows it.
    ledger.heartbeat();
    ledger.tamper(|entry| {
        entry.entry = String::from_utf8(entry.entry.clone()).unwrap().replace("\"n1\"", "\"n2\"").into_bytes();
        entry.leaf = event::leaf(&entry.entry);
    });
    ledger.heartbeat();
    expected.push((seq(6), "ok"));
    expected.push((seq(7), "violation: it does not name the leaf of the entry before"));
    // 8 stands at its place, and says that it stands at another.
    ledger.heartbeat();
    ledger.tamper(|entry| {
        entry.entry = String::from_utf8(entry.entry.clone()).unwrap().replace("\"seq\":8", "\"seq\":9").into_bytes();
        entry.leaf = event::leaf(&entry.entry);
    });
    ledger.commit();
    let damaged = ledger.engine();
    let missing = crate::fixture::rows(&damaged, "SELECT seq FROM events ORDER BY seq");
    assert_eq!(missing.len(), 9);
    drop(damaged);
    expected.push((seq(9), "violation: the entry before has position 7"));
    check(&mut ledger, "I01", &expected);
}

#[test]
fn i01_takes_one_neighbour_on_each_side() {
    let mut ledger = Ledger::new();
    for day in ["2026-07-31", "2026-08-02", "2026-08-03"] {
        ledger.at(day);
        ledger.heartbeat();
    }
    check(&mut ledger, "I01", &[(seq(0), "ok"), (seq(1), "ok"), (seq(2), "ok")]);
}

/// What is found about a period that is over and settled stays the same while the log goes on, is sealed, and is sealed again.
#[test]
fn findings_of_a_past_period_do_not_change() {
    let make = || {
        let mut ledger = Ledger::company();
        ledger.at("2026-07-20");
        for number in 0..8 {
            ledger.good(&format!("n{number}"));
        }
        // Decided after everything about July has settled.
        ledger.at("2026-07-31").after(86_000);
        ledger.ask("late", "dora", json!({}));
        ledger.at("2026-08-08");
        ledger.heartbeat();
        ledger
    };
    let findings = |ledger: &mut Ledger| {
        let engine = ledger.engine();
        let frameworks = ["soc2".to_owned()];
        futures::executor::block_on(privyseal_core::port::Analytics::assess(&engine, &frameworks, july(), None)).unwrap()
    };
    let mut ledger = make();
    let first = findings(&mut ledger);
    assert_eq!(first.snapshot.size, ledger.size() - 1, "the last entry is not in it");
    ledger.after(3_600);
    ledger.deny("late", "ana");
    assert_eq!(findings(&mut ledger), first, "the log went on");
    ledger.seal();
    assert_eq!(findings(&mut ledger), first, "sealed: the period ends inside the segment");
    ledger.good("later");
    ledger.seal();
    assert_eq!(findings(&mut ledger), first, "a segment lies behind the period");
    let before = Period::new(time("2020-01-01"), time("2020-02-01")).unwrap();
    let engine = ledger.engine();
    let nothing =
        futures::executor::block_on(privyseal_core::port::Analytics::assess(&engine, &["soc2".to_owned()], before, None)).unwrap();
    assert_eq!(nothing.snapshot.size, 1, "only how the log was opened");
    assert!(nothing.assertions.iter().all(|finding| !matches!(finding.state, TestState::Pass)), "{nothing:?}");
}

#[test]
fn i02_signatures() {
    let mut ledger = Ledger::company();
    let signed: Vec<String> = {
        let engine = ledger.engine();
        let rows = crate::fixture::rows(&engine, "SELECT seq FROM events WHERE signature IS NOT NULL ORDER BY seq");
        rows.into_iter().map(|row| format!("entry:{}", seq(row[0].as_u64().unwrap()))).collect()
    };
    assert!(signed.len() > 5);
    let mut cases: Vec<(String, &str)> = signed.into_iter().map(|item| (item, "ok")).collect();
    cases.push((format!("head:{}", seq(ledger.size())), "ok"));
    let entry = |ledger: &Ledger| format!("entry:{}", seq(ledger.size() - 1));
    let role = |ledger: &mut Ledger| ledger.role("ana", "auditor", json!({}));

    role(&mut ledger);
    ledger.tamper(|entry| entry.signature = None);
    cases.push((entry(&ledger), "violation: an event of this kind must carry a signature"));
    role(&mut ledger);
    let key = ledger.key.id();
    ledger.tamper(|entry| entry.signature = Some(([7; 64], key)));
    cases.push((entry(&ledger), "violation: the signature does not verify"));

    // A second key joins for events, a third only for heads; one is never enrolled.
    let sign = |ledger: &mut Ledger, key: &NodeKey| {
        let (signature, id) = (|leaf: &Digest| key.sign(&event::signed_message(leaf)), key.id());
        ledger.tamper(|entry| entry.signature = Some((signature(&entry.leaf), id)));
    };
    let second = NodeKey::from_seed(ORIGIN, &[4; 32]).unwrap();
    let third = NodeKey::from_seed(ORIGIN, &[5; 32]).unwrap();
    let fourth = NodeKey::from_seed(ORIGIN, &[6; 32]).unwrap();
    role(&mut ledger);
    sign(&mut ledger, &second);
    cases.push((entry(&ledger), "violation: signed before the key was enrolled"));
    let enroll = |key: &NodeKey, purpose: &str| json!({"key": key.verifier().to_string(), "purpose": purpose, "protection": "file-0600"});
    ledger.event("key.enrolled", "system", enroll(&second, "node"));
    cases.push((entry(&ledger), "ok"));
    ledger.event("key.enrolled", "system", enroll(&third, "log"));
    cases.push((entry(&ledger), "ok"));
    role(&mut ledger);
    sign(&mut ledger, &second);
    cases.push((entry(&ledger), "ok"));
    role(&mut ledger);
    sign(&mut ledger, &third);
    cases.push((entry(&ledger), "violation: the key was enrolled for tree heads, not for events"));
    role(&mut ledger);
    sign(&mut ledger, &fourth);
    cases.push((entry(&ledger), "indeterminate: the key was never enrolled"));
    let revoked = json!({"key_id": second.id().to_string(), "reason": "left"});
    ledger.event("key.retired", "system", revoked);
    cases.push((entry(&ledger), "ok"));
    role(&mut ledger);
    sign(&mut ledger, &second);
    cases.push((entry(&ledger), "violation: signed after the key was retired"));

    ledger.commit();
    cases.push((format!("head:{}", seq(ledger.size())), "ok"));
    // The note of this commit is signed by nobody who may.
    ledger.heartbeat();
    ledger.commit_as(&fourth);
    cases.push((format!("head:{}", seq(ledger.size())), "violation: no key that was active then signed this tree head"));
    check(&mut ledger, "I02", &cases);
}

#[test]
fn i02_passkeys() {
    let mut ledger = Ledger::company();
    let passkey = SoftwarePasskey::from_seed(&[9; 32], "localhost", "http://localhost:8420").unwrap();
    let enroll = |ledger: &mut Ledger, passkey: &SoftwarePasskey, principal: &str| {
        let body = json!({"credential": passkey.credential(), "principal": principal, "label": "laptop", "key": passkey.public()});
        ledger.event("credential.enrolled", principal, body);
    };
    enroll(&mut ledger, &passkey, "ana");
    ledger.ask("r", "bot", json!({}));
    let statement = |ledger: &Ledger, reviewer: &str| {
        json!({"log": ORIGIN, "request_id": uuid("request-r"), "action_digest": digest("r"), "verdict": "approve",
            "policy_digest": digest("policy 1"), "comment_digest": digest(""), "shown_at": ledger.now(), "reviewer": reviewer})
    };
    let sign = |passkey: &SoftwarePasskey, statement: &serde_json::Value| {
        let typed = serde_json::from_value(statement.clone()).unwrap();
        let challenge = webauthn::review_challenge(&typed).unwrap();
        json!({"assurance": "passkey", "statement": statement, "assertion": passkey.sign(challenge.as_bytes())})
    };
    let mut cases = Vec::new();
    let mut review = |ledger: &mut Ledger, reviewer: &str, over: serde_json::Value, verdict: &'static str| {
        ledger.review("r", reviewer, "approve", over);
        cases.push((format!("passkey:{}", seq(ledger.size() - 1)), verdict));
    };
    let good = sign(&passkey, &statement(&ledger, "ana"));
    review(&mut ledger, "ana", good, "ok");
    // Signed for another moment of showing than the event says.
    let moved = patched(sign(&passkey, &statement(&ledger, "ana")), json!({"shown_at": ledger.now().plus_seconds(-5)}));
    review(&mut ledger, "ana", moved, "violation: the signed statement is not about this act");
    let mut stolen = sign(&passkey, &statement(&ledger, "ana"));
    stolen["statement"]["verdict"] = json!("deny");
    review(&mut ledger, "ana", patched(stolen, json!({"verdict": "deny"})), "violation: the passkey signature does not verify");
    let other = sign(&passkey, &statement(&ledger, "ben"));
    review(&mut ledger, "ben", other, "violation: the passkey belongs to ana");
    let unknown = SoftwarePasskey::from_seed(&[8; 32], "localhost", "http://localhost:8420").unwrap();
    let over = sign(&unknown, &statement(&ledger, "ana"));
    review(&mut ledger, "ana", over, "indeterminate: the passkey was never enrolled");
    review(&mut ledger, "ana", json!({"assurance": "passkey"}), "violation: it says that a passkey signed, and there is no signature");
    let gone = json!({"credential": passkey.credential(), "principal": "ana", "reason": "lost", "effective_at": ledger.now()});
    ledger.event("credential.revoked", "ana", gone);
    let late = sign(&passkey, &statement(&ledger, "ana"));
    review(&mut ledger, "ana", late, "violation: the passkey was not in force then");
    let found = finding(&mut ledger, "I02", july());
    let passkeys: Vec<(String, String)> = found
        .items
        .iter()
        .filter(|item| item.item_id.starts_with("passkey:"))
        .map(|item| {
            (item.item_id.clone(), format!("{}: {}", json!(item.status).as_str().unwrap(), item.reason).trim_end_matches(": ").to_owned())
        })
        .collect();
    let mut expected: Vec<(String, String)> = cases.into_iter().map(|(item, verdict)| (item, verdict.to_owned())).collect();
    expected.sort_by_key(|(item, verdict)| (!verdict.starts_with('v'), !verdict.starts_with('i'), item.clone()));
    assert_eq!(passkeys, expected);
}

#[test]
fn i04_population() {
    let mut ledger = Ledger::new();
    ledger.heartbeat();
    let first = ledger.size();
    ledger.at("2026-07-02");
    ledger.counted("2026-07-01", first);
    ledger.heartbeat();
    ledger.at("2026-07-03");
    ledger.heartbeat();
    ledger.counted("2026-07-02", 7);
    ledger.at("2026-07-05");
    let mut segments = Vec::new();
    let mut begins = 0;
    for _ in 0..8 {
        segments.push((format!("segment:{}", seq(begins)), "ok"));
        begins = ledger.size();
        ledger.seal();
    }
    let merged = ledger.merge();
    segments.push((format!("segment:{}-{}", seq(0), seq(merged.last)), "ok"));
    ledger.event("source.counted", "system", json!({"source": "hr", "feed": "identity_status", "day": "2026-07-04", "events": 1}));
    ledger.at("2026-07-06T10:00:00Z");
    ledger.heartbeat();
    let mut cases = vec![
        ("node:n1:2026-07-01".to_owned(), "ok"),
        ("node:n1:2026-07-02".to_owned(), "violation: the nodes counted 7 entries, the log has 2"),
        ("node:n1:2026-07-03".to_owned(), "indeterminate: no count from the source for this day"),
        ("node:n1:2026-07-04".to_owned(), "indeterminate: no count from the source for this day"),
        ("node:n1:2026-07-05".to_owned(), "indeterminate: no count from the source for this day"),
        ("identity_status:hr:2026-07-04".to_owned(), "violation: the source counted 1 facts, imported are 0"),
        ("identity_status:hr:2026-07-05".to_owned(), "indeterminate: no count from the source for this day"),
    ];
    cases.append(&mut segments);
    check(&mut ledger, "I04", &cases);
}

#[test]
fn a_failing_gate_and_a_silent_day_make_passing_impossible() {
    let period = july();
    let mut ledger = Ledger::company();
    ledger.good("good");
    let before = finding(&mut ledger, "D01", period);
    assert_eq!((before.state, before.rows), (TestState::NoEvidence, 1), "no sign of life on the only day");
    assert!(before.reason.contains("no source gave a sign of life on 2026-07-01"), "{}", before.reason);
    ledger.heartbeat();
    let alive = finding(&mut ledger, "D01", period);
    // The day is not over, so no count of it is due, and I04 has nothing to test yet.
    assert_eq!(alive.state, TestState::NoEvidence);
    assert!(alive.reason.contains("an integrity gate"), "{}", alive.reason);
    let entries = ledger.size();
    ledger.at("2026-07-02");
    ledger.counted("2026-07-01", entries);
    let passed = finding(&mut ledger, "D01", period);
    assert_eq!(passed.state, TestState::Pass, "{}", passed.reason);
    assert!(passed.reason.contains("the log ends 2026-07-02T00:00:01"), "{}", passed.reason);
    // A violation is one whatever the gates say.
    ledger.ask("own", "ana", json!({}));
    ledger.review("own", "ana", "approve", json!({}));
    assert_eq!(finding(&mut ledger, "D01", period).state, TestState::Exception);
}
