//! Packs: the same bytes for the same thing, verified offline, and no change goes unseen.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use privyseal_core::decide::Fresh;
use privyseal_core::digest::Digest;
use privyseal_core::event::directory::RoleAssigned;
use privyseal_core::event::evidence::Snapshot;
use privyseal_core::event::ledger::Opened;
use privyseal_core::event::{Actor, ActorKind, Auth, AuthMethod, Body, Channel, Draft};
use privyseal_core::finding::{AssertionFinding, ControlFinding, Findings, FrameworkFinding, Item, ItemStatus, Strength, TestState};
use privyseal_core::note::NodeKey;
use privyseal_core::time::{Period, Timestamp};
use privyseal_core::tree;
use privyseal_evidence::container;
use privyseal_evidence::pack::{self, PackInput, verify_pack};
use privyseal_ledger::chain::Tip;
use privyseal_ledger::log::StoredEntry;
use privyseal_ledger::verify::{Report, Verdict};

const LOG: &str = "test.example/privyseal/pack";

fn key(seed: u8) -> NodeKey {
    NodeKey::from_seed(LOG, &[seed; 32]).unwrap()
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A log of 400 entries, of which the first 300 are in the period.
fn log() -> Vec<StoredEntry> {
    let auth = Auth { method: AuthMethod::Engine, amr: vec![], auth_time: None, session: None, credential: None };
    let actor = Actor { id: "system".parse().unwrap(), kind: ActorKind::System, channel: Channel::Engine, auth };
    let mut tip = Tip::empty(LOG);
    (0..400_u64)
        .map(|seq| {
            let body = if seq == 0 {
                Body::LedgerOpened(Opened { format: 1, key: key(1).verifier().to_string(), previous: None })
            } else {
                Body::RoleAssigned(RoleAssigned {
                    principal: "ana".parse().unwrap(),
                    role: format!("group:g{seq}").parse().unwrap(),
                    valid_from: Timestamp::default(),
                    valid_to: None,
                    scope: vec![],
                    reason: "test".into(),
                    change_request: None,
                })
            };
            let now = moment("2026-07-01T00:00:00Z").plus_seconds(i64::try_from(seq).unwrap());
            let id = Fresh::new(now, *Digest::of(&seq.to_be_bytes()).as_bytes()).event_id();
            tip.place(Draft { actor: actor.clone(), request_id: None, body }, id, now, &key(1)).unwrap().1
        })
        .collect()
}

fn findings(entries: &[StoredEntry]) -> Findings {
    let leaves: Vec<Digest> = entries.iter().map(|entry| entry.leaf).collect();
    let item = |id: &str, status| Item {
        item_id: id.into(),
        event_id: "=cmd()".into(),
        as_of: moment("2026-07-02T00:00:00Z"),
        status,
        reason: "why, \"quoted\"".into(),
    };
    let control = |control: &str, strength, state| ControlFinding {
        control: control.into(),
        title: "Segregation of duties".into(),
        group: "CC6".into(),
        strength,
        tested: strength.map_or(vec![], |_| vec!["D01".into()]),
        not_implemented: vec![],
        state,
    };
    Findings {
        period: Period::new(moment("2026-07-01T00:00:00Z"), moment("2026-10-01T00:00:00Z")).unwrap(),
        snapshot: Snapshot { size: 300, root: tree::root(leaves.as_slice(), 300).unwrap() },
        engine: "test 1".into(),
        frameworks: vec![FrameworkFinding {
            framework: "soc2".into(),
            name: "SOC 2".into(),
            catalog_version: "1".into(),
            catalog_digest: Digest::of(b"catalog"),
            controls: vec![control("CC6.3", Some(Strength::Direct), Some(TestState::Exception)), control("CC1.1", None, None)],
        }],
        assertions: vec![AssertionFinding {
            assertion: "D01".into(),
            title: "No self-approval".into(),
            query: "SELECT 1".into(),
            query_digest: Digest::of(b"SELECT 1"),
            parameters: serde_json::Map::new(),
            state: TestState::Exception,
            reason: String::new(),
            rows: 2,
            violations: 1,
            indeterminate: 0,
            result_digest: Digest::of(b"items"),
            items: vec![item("r2", ItemStatus::Violation), item("r1", ItemStatus::Ok)],
        }],
    }
}

fn build(head: u64, built_at: &str) -> pack::Pack {
    let entries = log();
    let leaves: Vec<Digest> = entries.iter().map(|entry| entry.leaf).collect();
    let findings = findings(&entries);
    let root = tree::root(leaves.as_slice(), head).unwrap();
    let checkpoint = privyseal_core::note::Checkpoint { origin: LOG.into(), size: head, root };
    pack::build(&PackInput {
        findings: &findings,
        entries: &entries[..300],
        log: LOG,
        checkpoint: &key(1).sign_note(&checkpoint.text()),
        consistency: &tree::consistency_proof(leaves.as_slice(), 300, head).unwrap(),
        material: vec![("material/queries/views/requests.sql".into(), b"SELECT 1".to_vec())],
        blobs: vec![],
        built_at: moment(built_at),
        software: "privyseal test",
        key: &key(1),
    })
    .unwrap()
}

fn sample() -> &'static [u8] {
    static PACK: OnceLock<Vec<u8>> = OnceLock::new();
    PACK.get_or_init(|| build(400, "2026-11-23T00:00:00Z").bytes)
}

fn verify(bytes: &[u8]) -> Report {
    verify_pack(bytes, Some(key(1).verifier()), &mut |_, _| {})
}

#[test]
fn a_pack_verifies_with_the_trusted_key_and_not_with_another() {
    let report = verify(sample());
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
    assert_eq!((report.entries, report.signatures, report.key_trusted), (300, 299, true));
    let stranger = verify_pack(sample(), Some(key(2).verifier()), &mut |_, _| {});
    assert_eq!(stranger.verdict, Verdict::Tampered);
}

#[test]
fn everything_outside_the_seal_depends_only_on_log_period_and_catalog() {
    let (early, late) = (build(300, "2026-10-01T00:00:00Z"), build(400, "2026-11-23T00:00:00Z"));
    assert_eq!(early.digest, late.digest);
    let outside = |bytes: &[u8]| -> BTreeMap<String, Vec<u8>> {
        let entries = container::read(bytes).unwrap();
        entries.into_iter().filter(|entry| !entry.path.starts_with("seal/")).map(|entry| (entry.path, entry.packed)).collect()
    };
    assert!(outside(&early.bytes) == outside(&late.bytes));
    assert_eq!(build(400, "2026-11-23T00:00:00Z").bytes, late.bytes, "built again, the very same file");
}

#[test]
fn the_pack_holds_what_an_auditor_looks_for() {
    let files: BTreeMap<String, Vec<u8>> =
        container::read(sample()).unwrap().into_iter().map(|entry| (entry.path, entry.content)).collect();
    for path in [
        "README.txt",
        "00-scope.json",
        "index.html",
        "summary.pdf",
        "results.json",
        "controls/soc2/CC6.3.html",
        "tests/D01/query.sql",
        "tests/D01/run.json",
        "tests/D01/population.csv",
        "tests/D01/exceptions.csv",
        "ledger/events.jsonl",
        "ledger/events.parquet",
        "ledger/signatures.jsonl",
        "seal/manifest.json",
        "seal/manifest.note",
        "seal/checkpoint",
        "seal/consistency.json",
    ] {
        assert!(files.contains_key(path), "{path} is missing");
    }
    assert!(!files.contains_key("controls/soc2/CC1.1.html"), "a control without evidence has no page of its own");
    assert!(String::from_utf8_lossy(&files["index.html"]).contains("CC1.1"), "but it is listed");
    let table = String::from_utf8_lossy(&files["tests/D01/exceptions.csv"]).into_owned();
    assert!(table.contains("r2,'=cmd(),2026-07-02T00:00:00.000000Z,violation,\"why, \"\"quoted\"\"\""), "{table}");
    assert!(files["summary.pdf"].starts_with(b"%PDF-1.7"));
}

/// Every file of the pack, flipped at its ends and at positions spread over it, header and directory bytes included.
#[test]
fn a_flipped_byte_anywhere_is_found() {
    let bytes = sample();
    let step = (bytes.len() / 400).max(1);
    let ends = container::read(bytes).unwrap().into_iter().scan(0, |at, entry| {
        let start = *at;
        *at += 30 + entry.path.len() + entry.packed.len();
        Some([start, start + 12, start + 30 + entry.path.len(), *at - 1])
    });
    for position in (0..bytes.len()).step_by(step).chain(ends.flatten()).chain([bytes.len() - 1, bytes.len() - 10]) {
        let mut damaged = bytes.to_vec();
        damaged[position] ^= 0x10;
        let report = verify(&damaged);
        assert_eq!(report.verdict, Verdict::Tampered, "byte {position}: {report}");
        assert!(!report.problems.is_empty());
    }
}

/// A forger who rebuilds the container properly, but cannot sign.
#[test]
fn a_rebuilt_pack_is_found_and_the_file_is_named() {
    type Change = fn(&mut Vec<container::Entry>);
    let replace = |entries: &mut Vec<container::Entry>, path: &str, change: &dyn Fn(String) -> String| {
        for entry in entries.iter_mut().filter(|entry| entry.path == path) {
            let text = String::from_utf8(entry.content.clone()).unwrap();
            let changed = change(text).into_bytes();
            *entry = if path.starts_with("seal/") { container::store(path, changed) } else { container::pack(path, changed) };
        }
    };
    let cases: [(&str, Change, &str); 3] = [
        (
            "a page replaced",
            |entries| {
                entries.iter_mut().filter(|e| e.path == "index.html").for_each(|e| *e = container::pack("index.html", b"all fine".to_vec()))
            },
            "index.html",
        ),
        ("a file added", |entries| entries.push(container::pack("tests/D99/run.json", b"{}".to_vec())), "tests/D99/run.json"),
        ("a file removed", |entries| entries.retain(|e| e.path != "tests/D01/exceptions.csv"), "tests/D01/exceptions.csv"),
    ];
    for (what, change, named) in cases {
        let mut entries = container::read(sample()).unwrap();
        change(&mut entries);
        let report = verify(&container::write(entries).unwrap());
        assert_eq!(report.verdict, Verdict::Tampered, "{what}");
        assert!(report.to_string().contains(named), "{what}: {report}");
    }
    // Even with the manifest rewritten to match, the seal does not fit it any more.
    let mut entries = container::read(sample()).unwrap();
    replace(&mut entries, "README.txt", &|text| text.replace("no opinion", "a guarantee"));
    let readme = entries.iter().find(|entry| entry.path == "README.txt").unwrap();
    let (sha256, packed, bytes) = (Digest::of(&readme.content), Digest::of(&readme.packed), readme.content.len());
    replace(&mut entries, "seal/manifest.json", &|text| {
        let mut manifest: pack::Manifest = serde_json::from_str(&text).unwrap();
        let record = manifest.files.iter_mut().find(|file| file.path == "README.txt").unwrap();
        (record.sha256, record.packed_sha256, record.bytes) = (sha256, packed, u64::try_from(bytes).unwrap());
        let pairs: Vec<(&str, Digest)> = manifest.files.iter().map(|file| (file.path.as_str(), file.sha256)).collect();
        manifest.pack_digest = Digest::of(&privyseal_core::canonical::serialize(&pairs).unwrap());
        String::from_utf8(privyseal_core::canonical::serialize(&manifest).unwrap()).unwrap()
    });
    let report = verify(&container::write(entries).unwrap());
    assert!(report.to_string().contains("the seal is over another manifest"), "{report}");
}

#[test]
fn what_is_no_pack_is_refused_in_words() {
    for (what, bytes) in [
        ("nothing", &b""[..]),
        ("text", b"hello"),
        ("a zip of others", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        ("half", &sample()[..sample().len() / 2]),
    ] {
        let report = verify(bytes);
        assert_eq!(report.verdict, Verdict::Tampered, "{what}");
        assert!(!report.problems.is_empty(), "{what}");
    }
}
