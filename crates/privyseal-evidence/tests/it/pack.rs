//! Packs: the same bytes for the same thing, verified offline, and no change goes unseen.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::OnceLock;

use privyseal_core::canonical;
use privyseal_core::decide::Fresh;
use privyseal_core::digest::Digest;
use privyseal_core::event::directory::RoleAssigned;
use privyseal_core::event::evidence::Snapshot;
use privyseal_core::event::ledger::Opened;
use privyseal_core::event::{Actor, ActorKind, Auth, AuthMethod, Body, Channel, Draft, Event};
use privyseal_core::finding::{AssertionFinding, ControlFinding, Findings, FrameworkFinding, Item, ItemStatus, Strength, TestState};
use privyseal_core::id::RequestId;
use privyseal_core::note::NodeKey;
use privyseal_core::port::Populations as _;
use privyseal_core::time::{Period, Timestamp};
use privyseal_core::tree;
use privyseal_evidence::container::{self, Effort, Packed, Reader, Writer};
use privyseal_evidence::pack::{self, LogSource, PackError, PackInput, Spool, Watch, verify_pack};
use privyseal_ledger::chain::Tip;
use privyseal_ledger::log::{LogError, StoredEntry};
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
    let event_of = |seq: usize| Event::from_entry(&entries[seq].entry).unwrap().id.to_string();
    let item = |id: &str, seq, status| Item {
        item_id: id.into(),
        event_id: if seq == 0 { "=cmd()".into() } else { event_of(seq) },
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
            rows: 3,
            violations: 1,
            indeterminate: 1,
            result_digest: Digest::of(b"items"),
            items: vec![item("=r2", 0, ItemStatus::Violation), item("r3", 77, ItemStatus::Indeterminate), item("r1", 5, ItemStatus::Ok)],
        }],
    }
}

/// A log in memory.
struct Memory(Vec<StoredEntry>);

impl LogSource for Memory {
    fn entries(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, LogError> {
        Ok(self.0.iter().skip(usize::try_from(from).unwrap()).take(limit).cloned().collect())
    }

    fn of_request(&self, request: &RequestId) -> Result<Vec<StoredEntry>, LogError> {
        let of = |stored: &&StoredEntry| Event::from_entry(&stored.entry).unwrap().request_id == Some(*request);
        Ok(self.0.iter().filter(of).cloned().collect())
    }

    /// A head over every tenth entry.
    fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<(u64, String)>, LogError> {
        let sizes = (1..=40).map(|step| step * 10).filter(|size| *size >= from).take(limit);
        Ok(sizes.map(|size| (size, head(&self.0, size))).collect())
    }

    fn blob(&self, _: &Digest) -> std::io::Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

fn head(entries: &[StoredEntry], size: u64) -> String {
    let leaves: Vec<Digest> = entries.iter().map(|entry| entry.leaf).collect();
    let root = tree::root(leaves.as_slice(), size).unwrap();
    key(1).sign_note(&privyseal_core::note::Checkpoint { origin: LOG.into(), size, root }.text())
}

/// Nobody waits, nobody stops it; or somebody stops it at once.
struct Patient(bool);

impl Watch for Patient {
    fn written(&self, entries: u64, of: u64) {
        assert!(entries <= of);
    }

    fn is_stopped(&self) -> bool {
        self.0
    }
}

fn build(size: u64, built_at: &str) -> (pack::Pack, Vec<u8>) {
    let source = Memory(log());
    let findings = findings(&source.0);
    let folder = tempfile::tempdir().unwrap();
    let populations = Spool::new(folder.path().to_owned());
    for finding in &findings.assertions {
        let mut items = finding.items.clone();
        items.sort_by(|a, b| a.item_id.cmp(&b.item_id));
        populations.take(&finding.assertion, &items).unwrap();
    }
    let input = PackInput {
        findings: &findings,
        populations: &populations,
        source: &source,
        log: LOG,
        checkpoint: &head(&source.0, size),
        head_size: size,
        material: vec![("material/queries/views/requests.sql".into(), b"SELECT 1".to_vec())],
        built_at: moment(built_at),
        software: "privyseal test",
        key: &key(1),
    };
    assert!(matches!(pack::build(&input, Vec::new(), &Patient(true)), Err(PackError::Stopped)));
    let mut bytes = Vec::new();
    let pack = pack::build(&input, &mut bytes, &Patient(false)).unwrap();
    assert_eq!((pack.bytes, pack.file_sha256), (u64::try_from(bytes.len()).unwrap(), Digest::of(&bytes)));
    (pack, bytes)
}

fn sample() -> &'static [u8] {
    static PACK: OnceLock<Vec<u8>> = OnceLock::new();
    PACK.get_or_init(|| build(400, "2026-11-23T00:00:00Z").1)
}

/// Every file of a pack, as it stands in the container.
fn files(bytes: &[u8]) -> Vec<Packed> {
    let mut reader = Reader::open(Cursor::new(bytes)).unwrap();
    let paths: Vec<String> = reader.paths().map(str::to_owned).collect();
    paths.iter().map(|path| reader.read_packed(path).unwrap().unwrap()).collect()
}

fn contents(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut reader = Reader::open(Cursor::new(bytes)).unwrap();
    let paths: Vec<String> = reader.paths().map(str::to_owned).collect();
    paths.into_iter().map(|path| (path.clone(), reader.read(&path).unwrap().unwrap().content)).collect()
}

fn write(files: &[Packed]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    files.iter().for_each(|file| writer.put(file).unwrap());
    writer.finish().unwrap()
}

fn verify(bytes: &[u8]) -> Report {
    verify_pack(Cursor::new(bytes), Some(key(1).verifier()), &mut |_, _| {})
}

#[test]
fn a_pack_verifies_with_the_trusted_key_and_not_with_another() {
    let report = verify(sample());
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
    assert_eq!((report.entries, report.signatures, report.key_trusted), (300, 299, true));
    let stranger = verify_pack(Cursor::new(sample()), Some(key(2).verifier()), &mut |_, _| {});
    assert_eq!(stranger.verdict, Verdict::Tampered);
}

#[test]
fn everything_outside_the_seal_depends_only_on_log_period_and_catalog() {
    let ((early, early_bytes), (late, late_bytes)) = (build(300, "2026-10-01T00:00:00Z"), build(400, "2026-11-23T00:00:00Z"));
    assert_eq!(early.digest, late.digest);
    let outside = |bytes: &[u8]| files(bytes).into_iter().filter(|file| !file.path.starts_with("seal/")).collect::<Vec<_>>();
    assert!(outside(&early_bytes) == outside(&late_bytes));
    assert_eq!(build(400, "2026-11-23T00:00:00Z").1, late_bytes, "built again, the very same file");
}

#[test]
fn the_pack_holds_what_an_auditor_looks_for() {
    let files = contents(sample());
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
        "ledger/events/000000000000.jsonl",
        "ledger/events/000000000000.parquet",
        "ledger/events/000000000000.signatures.jsonl",
        "ledger/keys.json",
        "ledger/period.json",
        "seal/heads.jsonl",
        "seal/manifest.dsse.json",
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
    assert!(table.contains("'=r2,'=cmd(),2026-07-02T00:00:00.000000Z,violation,\"why, \"\"quoted\"\"\""), "{table}");
    assert!(files["summary.pdf"].starts_with(b"%PDF-1.7"));
}

/// Every file of the pack, flipped at its ends and at positions spread over it, header and directory bytes included.
#[test]
fn a_flipped_byte_anywhere_is_found() {
    let bytes = sample();
    let step = (bytes.len() / 400).max(1);
    let contents = contents(bytes);
    let ends = contents.keys().flat_map(|path| {
        let name = bytes.windows(path.len()).position(|window| window == path.as_bytes()).unwrap();
        [name - 30, name - 18, name, name + path.len()]
    });
    for position in (0..bytes.len()).step_by(step).chain(ends).chain([bytes.len() - 1, bytes.len() - 10]) {
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
    type Change = fn(&mut Vec<Packed>);
    fn set(files: &mut [Packed], path: &str, content: Vec<u8>) {
        let effort = if path.starts_with("seal/") { Effort::None } else { Effort::Good };
        files.iter_mut().filter(|file| file.path == path).for_each(|file| *file = container::pack(path, content.clone(), effort));
    }
    let cases: [(&str, Change, &str); 5] = [
        ("a page replaced", |files| set(files, "index.html", b"all fine".to_vec()), "index.html"),
        ("a file added", |files| files.push(container::pack("seal/x", b"{}".to_vec(), Effort::None)), "seal/x"),
        ("a file removed", |files| files.retain(|file| file.path != "tests/D01/exceptions.csv"), "tests/D01/exceptions.csv"),
        ("the edges replaced", |files| set(files, "ledger/period.json", b"{}".to_vec()), "ledger/period.json"),
        ("a piece of the log removed", |files| files.retain(|file| !file.path.starts_with("ledger/events/")), "ledger/events/"),
    ];
    for (what, change, named) in cases {
        let mut changed = files(sample());
        change(&mut changed);
        let report = verify(&write(&changed));
        assert_eq!(report.verdict, Verdict::Tampered, "{what}");
        assert!(report.to_string().contains(named), "{what}: {report}");
    }
    // Even with the manifest rewritten to match, the seal does not fit it any more.
    let (mut changed, contents) = (files(sample()), contents(sample()));
    let readme = String::from_utf8(contents["README.txt"].clone()).unwrap().replace("no opinion", "a guarantee");
    set(&mut changed, "README.txt", readme.into_bytes());
    let readme = changed.iter().find(|file| file.path == "README.txt").unwrap().clone();
    let mut manifest: pack::Manifest = serde_json::from_slice(&contents["seal/manifest.json"]).unwrap();
    let record = manifest.files.iter_mut().find(|file| file.path == "README.txt").unwrap();
    (record.sha256, record.packed_sha256, record.bytes) = (readme.sha256, readme.packed_sha256, readme.bytes);
    let pairs: Vec<(&str, Digest)> = manifest.files.iter().map(|file| (file.path.as_str(), file.sha256)).collect();
    manifest.pack_digest = Digest::of(&canonical::serialize(&pairs).unwrap());
    set(&mut changed, "seal/manifest.json", canonical::serialize(&manifest).unwrap());
    let report = verify(&write(&changed));
    assert!(report.to_string().contains("the seal is over another manifest"), "{report}");
}

/// Each file of the seal, exchanged for one that is well-formed and of somebody or something else.
#[test]
fn a_seal_of_somebody_else_is_found() {
    let contents = contents(sample());
    let text = |path: &str| String::from_utf8(contents[path].clone()).unwrap();
    let envelope = text("seal/manifest.dsse.json");
    let signature = serde_json::from_str::<serde_json::Value>(&envelope).unwrap()["signatures"][0]["sig"].as_str().unwrap().to_owned();
    let other = privyseal_core::digest::base64(&key(2).sign(b"x"));
    let heads = text("seal/heads.jsonl");
    for (path, content) in [
        ("seal/manifest.dsse.json", envelope.replace(&signature, &other)),
        ("seal/manifest.dsse.json", envelope.replace("vnd.privyseal", "vnd.other")),
        ("seal/heads.jsonl", heads.lines().rev().map(|line| format!("{line}\n")).collect()),
        ("seal/heads.jsonl", heads.replacen("\"size\":", "\"size\":9", 1)),
        ("seal/checkpoint", key(2).sign_note("x\n1\nAA==\n")),
        ("seal/consistency.json", "[]".to_owned()),
    ] {
        let mut changed = files(sample());
        let packed = container::pack(path, content.into_bytes(), Effort::None);
        changed.iter_mut().filter(|file| file.path == path).for_each(|file| *file = packed.clone());
        let report = verify(&write(&changed));
        assert_eq!(report.verdict, Verdict::Tampered, "{path}: {report}");
        assert!(report.to_string().contains("seal/"), "{path}: {report}");
    }
}

/// The proofs in a pack hold with nothing but the functions of RFC 6962.
#[test]
fn edges_and_traces_are_proven() {
    let contents = contents(sample());
    let json = |path: &str| serde_json::from_slice::<serde_json::Value>(&contents[path]).unwrap();
    let period = json("ledger/period.json");
    let digests = |value: &serde_json::Value| serde_json::from_value::<Vec<Digest>>(value.clone()).unwrap();
    let mut edge = tree::Edge::from_parts(period["start"]["size"].as_u64().unwrap(), digests(&period["start"]["peaks"])).unwrap();
    let from = usize::try_from(edge.size()).unwrap();
    for line in String::from_utf8(contents["ledger/events/000000000000.jsonl"].clone()).unwrap().lines().skip(from) {
        edge.push(tree::leaf_hash(line.as_bytes()));
    }
    assert_eq!((edge.size(), edge.root().to_string().as_str()), (300, period["end"]["root"].as_str().unwrap()));
    let traces: Vec<&String> = contents.keys().filter(|path| path.starts_with("trace/")).collect();
    assert_eq!(traces.len(), 1, "{traces:?}");
    let trace = json(traces[0]);
    let entry = &trace["entry"];
    let leaf = tree::leaf_hash(entry["entry"].as_str().unwrap().as_bytes());
    let root: Digest = trace["snapshot"]["root"].as_str().unwrap().parse().unwrap();
    assert!(tree::verify_inclusion(&leaf, entry["seq"].as_u64().unwrap(), 300, &digests(&entry["proof"]), &root));
    let heads = String::from_utf8(contents["seal/heads.jsonl"].clone()).unwrap();
    assert_eq!(heads.lines().count(), 2, "the first and the last of the period: {heads}");
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
