//! Golden bytes of every structure, in `tests/vectors/` at the top of the repository: made once from fixed seeds, compared for ever.
//!
//! If a comparison fails, the format changed: either undo the change, or give the format a new version. Only a structure that has no file
//! yet may be added, with `PRIVYSEAL_WRITE_VECTORS=new`, which never touches a file that is there.

use std::path::PathBuf;

use privyseal_core::action::Action;
use privyseal_core::canonical;
use privyseal_core::cosignature::{CosignedHead, WitnessSigner};
use privyseal_core::digest::{Digest, base64url, hex};
use privyseal_core::event;
use privyseal_core::event::request::ReviewStatement;
use privyseal_core::note::{NodeKey, Note};
use privyseal_core::tlog_policy::Policy;
use privyseal_core::tlog_proof::TlogProof;
use privyseal_core::tree::{self, Tile, bundle};
use privyseal_core::webauthn;
use privyseal_ledger::log::{LogReader as _, StoredEntry};
use privyseal_ledger::segment::Typed;
use serde_json::json;

use crate::fixture::{Fixture, heartbeat, role};

/// The golden log: 12 entries, of which the seventh is looked at closely.
const SIZE: u64 = 12;
const LOOKED_AT: usize = 6;
/// Size of the earlier head of the consistency proof.
const EARLIER: u64 = 7;

fn check(name: &str, bytes: &[u8]) {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors")).join(name);
    match std::fs::read(&path) {
        Ok(golden) => assert!(
            golden == bytes,
            "{name}: these are not the golden bytes. Do not replace the file: the format is a contract.\nmade: {}",
            String::from_utf8_lossy(bytes)
        ),
        Err(_) => {
            #[expect(clippy::disallowed_methods, reason = "whoever adds a structure says so")]
            let asked = std::env::var("PRIVYSEAL_WRITE_VECTORS").is_ok_and(|value| value == "new");
            assert!(asked, "{name} is missing; a new structure is added with PRIVYSEAL_WRITE_VECTORS=new");
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, bytes).unwrap();
        }
    }
}

fn check_json(name: &str, value: &serde_json::Value) {
    // Canonical, so that nothing that a build turns on elsewhere can change the order of members.
    check(name, &[canonical::serialize(value).unwrap(), b"\n".to_vec()].concat());
}

struct Golden {
    key: NodeKey,
    entries: Vec<StoredEntry>,
    leaves: Vec<Digest>,
    note: String,
}

/// The fixture's key, ids and times come from fixed seeds, so every run makes the same log.
fn golden() -> Golden {
    let mut fixture = Fixture::new();
    while fixture.tip.edge.size() < SIZE {
        let round = fixture.tip.edge.size();
        fixture.append(vec![if round.is_multiple_of(2) { role(&format!("group:g{round}")) } else { heartbeat() }]);
    }
    let entries = fixture.log.entries(0, usize::MAX).unwrap();
    let leaves = entries.iter().map(|entry| entry.leaf).collect();
    let note = fixture.log.head().unwrap().unwrap().checkpoint;
    Golden { key: NodeKey::from_seed(crate::fixture::ORIGIN, &[3; 32]).unwrap(), entries, leaves, note }
}

#[test]
fn entries_leaves_and_signatures() {
    let golden = golden();
    let lines: Vec<u8> = golden.entries.iter().flat_map(|entry| [entry.entry.as_slice(), b"\n"].concat()).collect();
    check("log/entries.jsonl", &lines);
    let entry = &golden.entries[LOOKED_AT];
    let (signature, key_id) = entry.signature.as_ref().unwrap();
    check_json(
        "log/entry.json",
        &json!({
            "entry": String::from_utf8(entry.entry.clone()).unwrap(),
            "seq": entry.seq,
            "leaf_hex": entry.leaf.hex(),
            "signed_message_hex": hex(&event::signed_message(&entry.leaf)),
            "signature_hex": hex(signature),
            "key_id": key_id.to_string(),
            "key": golden.key.verifier().to_string(),
        }),
    );
    assert!(golden.key.verifier().verify(&event::signed_message(&entry.leaf), signature));
}

#[test]
fn what_is_digested_and_what_people_sign() {
    let action: Action = serde_json::from_value(json!({
        "action": "db.schema.apply",
        "resource": {"type": "postgres", "id": "orders/prod", "attributes": {"rows": 12_000_000}},
        "parameters": {"statement": "ALTER TABLE orders ADD COLUMN note text", "lock_timeout": "5s"},
        "inputs": [{"kind": "file", "name": "change.sql", "sha256": Digest::of(b"ALTER TABLE orders ADD COLUMN note text;\n"), "bytes": 41}],
    }))
    .unwrap();
    let digest = action.digest().unwrap();
    let canonical_action = canonical::serialize(&action).unwrap();
    assert_eq!(Digest::of(&canonical_action), digest);
    let statement: ReviewStatement = serde_json::from_value(json!({
        "log": crate::fixture::ORIGIN,
        "request_id": "01980000-0000-7000-8000-000000000001",
        "action_digest": digest,
        "verdict": "approve",
        "policy_digest": Digest::of(b"a policy"),
        "comment_digest": Digest::of("wohl geprüft".as_bytes()),
        "shown_at": "2026-07-01T09:00:00.000000Z",
        "reviewer": "ana",
    }))
    .unwrap();
    let canonical_statement = canonical::serialize(&statement).unwrap();
    let challenge = webauthn::review_challenge(&statement).unwrap();
    check_json(
        "action.json",
        &json!({"canonical": String::from_utf8(canonical_action).unwrap(), "digest": digest, "digest_hex": digest.hex()}),
    );
    check_json(
        "review.json",
        &json!({
            "statement": String::from_utf8(canonical_statement).unwrap(),
            "challenge_hex": challenge.hex(),
            "challenge_base64url": base64url(challenge.as_bytes()),
        }),
    );
}

#[test]
fn heads_and_their_witnesses() {
    let golden = golden();
    check("log/checkpoint", golden.note.as_bytes());
    let witness = WitnessSigner::from_seed("witness.example/w1", &[5; 32]).unwrap();
    let mut note = Note::parse(&golden.note).unwrap();
    note.put(witness.cosign(&note.text, 1_782_900_000));
    check("log/checkpoint.cosigned", note.to_string().as_bytes());
    let policy = format!("log {}\nwitness w1 {} https://witness.example/w1\nquorum w1\n", golden.key.verifier(), witness.public());
    check("log/policy", policy.as_bytes());
    let head = CosignedHead { checkpoint: privyseal_core::note::Checkpoint::from_text(&note.text).unwrap(), note };
    let policy = Policy::parse(&policy).unwrap();
    let verdict = head.check(&policy).unwrap();
    assert_eq!((verdict.quorum, verdict.witnesses), (true, vec![("w1".to_owned(), 1_782_900_000)]));
    let entry = &golden.entries[LOOKED_AT];
    let path = tree::inclusion_proof(golden.leaves.as_slice(), entry.seq, SIZE).unwrap();
    let proof = TlogProof { extra: Some(entry.entry.clone()), index: entry.seq, path, head };
    proof.verify(&entry.leaf, &policy).unwrap();
    check("log/entry-6.tlog-proof", proof.to_string().as_bytes());
}

#[test]
fn proofs_tiles_and_bundles() {
    let golden = golden();
    let root = |size| tree::root(golden.leaves.as_slice(), size).unwrap().hex();
    let hashes = |proof: &[Digest]| proof.iter().map(Digest::hex).collect::<Vec<_>>();
    let entry = &golden.entries[LOOKED_AT];
    let inclusion = tree::inclusion_proof(golden.leaves.as_slice(), entry.seq, SIZE).unwrap();
    check_json(
        "log/inclusion.json",
        &json!({"index": entry.seq, "size": SIZE, "leaf_hex": entry.leaf.hex(), "root_hex": root(SIZE), "proof_hex": hashes(&inclusion)}),
    );
    let consistency = tree::consistency_proof(golden.leaves.as_slice(), EARLIER, SIZE).unwrap();
    check_json(
        "log/consistency.json",
        &json!({
            "old_size": EARLIER, "old_root_hex": root(EARLIER), "new_size": SIZE, "new_root_hex": root(SIZE), "proof_hex": hashes(&consistency),
        }),
    );
    let tile = Tile { level: 0, index: 0, width: SIZE };
    let hashes: Vec<u8> = golden.leaves.iter().flat_map(|leaf| *leaf.as_bytes()).collect();
    check(&format!("log/tile/{}", tile.path()), &hashes);
    let bytes = bundle(golden.entries.iter().map(|entry| entry.entry.as_slice())).unwrap();
    check(&format!("log/tile/{}", tile.bundle_path()), &bytes);
}

#[test]
fn rows_of_a_segment() {
    let golden = golden();
    let rows: String = golden
        .entries
        .iter()
        .map(|stored| {
            let typed = Typed::of(&stored.entry).unwrap();
            let (signature, key_id) = stored.signature.as_ref().map(|(s, k)| (hex(s), k.to_string())).unzip();
            let row = json!({
                "seq": typed.seq, "time_us": typed.time, "id": typed.id, "kind": typed.kind, "actor_id": typed.actor_id,
                "actor_kind": typed.actor_kind, "actor_channel": typed.actor_channel, "request_id": typed.request_id,
                "leaf_hex": stored.leaf.hex(), "signature_hex": signature, "key_id": key_id,
                "entry": String::from_utf8(stored.entry.clone()).unwrap(),
            });
            format!("{}\n", String::from_utf8(canonical::serialize(&row).unwrap()).unwrap())
        })
        .collect();
    check("log/segment.jsonl", rows.as_bytes());
}
