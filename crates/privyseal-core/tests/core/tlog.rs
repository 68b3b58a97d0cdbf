//! The C2SP formats against what the published Go code made of fixed seeds; where that code is laxer than the spec, the spec holds.

use privyseal_core::cosignature::{CosignedHead, WitnessKey};
use privyseal_core::digest::from_hex;
use privyseal_core::note::{Checkpoint, KeyId, Note, NoteError, VerifierKey};
use privyseal_core::tlog_policy::Policy;
use privyseal_core::tlog_proof::{ProofFileError, TlogProof};
use privyseal_core::tree::leaf_hash;
use serde_json::Value;

use crate::reference::{bytes, path, rows, text};

fn expects(row: &Value, accepted: bool) -> bool {
    match text(row, "spec_expectation") {
        "accept" => accepted,
        "reject" => !accepted,
        _ => true,
    }
}

fn check(rows: &[Value], accepted: impl Fn(&Value) -> bool) {
    let wrong: Vec<&str> = rows.iter().filter(|row| !expects(row, accepted(row))).map(|row| text(row, "id")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The keys that the other vectors were made with: of the log, of two witnesses, and one of a type that we skip.
#[test]
fn keys() {
    let Some(path) = path("ledger/tlog-generated/keys.json") else { return };
    let keys: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let log: VerifierKey = text(&keys, "log_vkey").parse().unwrap();
    assert_eq!((log.name(), log.to_string().as_str()), (text(&keys, "origin"), text(&keys, "log_vkey")));
    let public: [u8; 32] = from_hex(text(&keys, "log_public_hex")).unwrap().try_into().unwrap();
    assert_eq!(VerifierKey::new(log.name(), &public), Ok(log));
    for name in ["witness1_cosig_vkey", "witness2_cosig_vkey"] {
        let witness: WitnessKey = text(&keys, name).parse().unwrap();
        assert_eq!(witness.to_string(), text(&keys, name));
        assert!(text(&keys, name).parse::<VerifierKey>().is_err(), "a witness's key signs no notes");
    }
    assert_eq!(text(&keys, "witness3_mldsa44_vkey").parse::<WitnessKey>(), Err(NoteError::Key));
}

#[test]
fn notes() {
    let rows = rows("ledger/tlog-generated/notes.jsonl");
    check(&rows, |row| {
        let Ok(note) = String::from_utf8(bytes(row, "note_b64")) else { return false };
        let Ok(note) = Note::parse(&note) else { return false };
        let keys: Vec<VerifierKey> = row["vkeys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().parse().unwrap()).collect();
        let checks: Vec<_> = keys.iter().map(|key| note.verify(key)).collect();
        let bad = checks.iter().any(|check| matches!(check, Err(NoteError::BadSignature(_))));
        !bad && checks.iter().any(Result::is_ok)
    });
    for row in rows.iter().filter(|row| text(row, "spec_expectation") == "accept") {
        let text = String::from_utf8(bytes(row, "note_b64")).unwrap();
        assert_eq!(Note::parse(&text).unwrap().to_string(), text, "a note is written as it was read");
    }
}

#[test]
fn checkpoints() {
    let rows = rows("ledger/tlog-generated/checkpoints.jsonl");
    check(&rows, |row| String::from_utf8(bytes(row, "text_b64")).is_ok_and(|text| Checkpoint::from_text(&text).is_ok()));
}

/// Keys of witnesses that we can verify, and whether there was one that we cannot.
fn witnesses(keys: &Value) -> (Vec<WitnessKey>, bool) {
    let all = keys.as_array().unwrap();
    let known: Vec<_> = all.iter().filter_map(|key| key.as_str().unwrap().parse().ok()).collect();
    let skipped = known.len() < all.len();
    (known, skipped)
}

#[test]
fn cosignatures() {
    let all = rows("ledger/tlog-generated/cosignatures.jsonl");
    // Subtree signatures exist for ML-DSA-44 only, whose lines we skip. So a flip in such a line goes unseen, as with any unknown key.
    let (of_notes, subtrees): (Vec<Value>, Vec<Value>) = all.into_iter().partition(|row| row.get("note_b64").is_some());
    assert!(subtrees.iter().all(|row| text(row, "cosigner_vkey").parse::<WitnessKey>().is_err()));
    let ml_dsa = |row: &Value| text(row, "id").contains("line7");
    let (skipped, checked): (Vec<Value>, Vec<Value>) = of_notes.into_iter().partition(ml_dsa);
    let accepted = |row: &Value| {
        let head = CosignedHead::parse(&String::from_utf8(bytes(row, "note_b64")).unwrap()).unwrap();
        let cosigner_only = row["note"].is_string();
        let log: VerifierKey = text(row, "log_vkey").parse().unwrap();
        let log = cosigner_only || head.note.verify(&log).is_ok();
        log && witnesses(&row["cosigner_vkeys"]).0.iter().all(|key| matches!(key.cosigned(&head.note), Ok(Some(_))))
    };
    check(&checked, accepted);
    assert!(skipped.iter().all(accepted), "a line of an unknown key changes nothing");
}

#[test]
fn proofs() {
    let rows = rows("ledger/tlog-generated/tlog-proofs.jsonl");
    check(&rows, |row| {
        let (keys, skipped) = witnesses(&row["witness_vkeys"]);
        let Ok(proof) = String::from_utf8(bytes(row, "proof_b64")).unwrap().parse::<TlogProof>() else { return false };
        assert!(skipped);
        let policy = |quorum: usize| {
            let witnesses: String = keys.iter().enumerate().map(|(index, key)| format!("witness w{index} {key}\n")).collect();
            let group: String = (0..keys.len()).map(|index| format!(" w{index}")).collect();
            let quorum = if quorum == 0 { "quorum none\n".to_owned() } else { format!("group g {quorum}{group}\nquorum g\n") };
            Policy::parse(&format!("log {}\n{witnesses}{quorum}", text(row, "log_vkey"))).unwrap()
        };
        let leaf = leaf_hash(&bytes(row, "leaf_b64"));
        let found = match proof.verify(&leaf, &policy(0)) {
            Ok(check) => check.witnesses.len(),
            Err(ProofFileError::NotIncluded { .. }) => return false,
            Err(error) => panic!("{}: {error}", text(row, "id")),
        };
        proof.verify(&leaf, &policy(found)).unwrap();
        if found < keys.len() {
            assert_eq!(proof.verify(&leaf, &policy(found + 1)), Err(ProofFileError::NoQuorum { found }));
        }
        // One of the three witnesses signs with ML-DSA-44, which never counts here; their count includes it.
        let ml_dsa = proof.head.note.signatures.iter().filter(|line| line.key_id.to_string() == "61b5543a").count();
        found + ml_dsa >= usize::try_from(row["quorum"].as_u64().unwrap()).unwrap()
    });
}

#[test]
fn policies() {
    let rows = rows("ledger/tlog-generated/policies.jsonl");
    let Some((checkpoints, policies)) = rows.split_last() else { return };
    for row in policies {
        let parsed = Policy::parse(text(row, "policy"));
        assert!(expects(row, parsed.is_ok()), "{}: {parsed:?}", text(row, "id"));
        let Ok(policy) = parsed else { continue };
        for set in ["none", "A", "B", "C", "AB", "AC", "ABC"] {
            let head = CosignedHead::parse(&String::from_utf8(bytes(checkpoints, set)).unwrap()).unwrap();
            let check = head.check(&policy).unwrap();
            // C signs with ML-DSA-44: for us its cosignature is as good as none.
            let without_c = set.replace('C', "");
            let counted = if without_c.is_empty() { "none" } else { without_c.as_str() };
            assert_eq!(check.quorum, row["satisfied_by"][counted].as_bool().unwrap(), "{} by {set}", text(row, "id"));
            assert_eq!(check.log.map(|key| key.id()), Some("9d65b224".parse::<KeyId>().unwrap()));
        }
    }
}
