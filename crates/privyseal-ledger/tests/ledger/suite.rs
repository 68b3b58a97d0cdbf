//! One case for every way to tamper, each found and called by its name; and edits at random, none of which ever verifies.
//!
//! The ledger under test has two segments, a tail, tiles of two levels, a blob, and a key that was replaced half-way.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::array::{Array as _, ArrayRef, RecordBatch, StringArray};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use privyseal_core::canonical;
use privyseal_core::cosignature::WitnessSigner;
use privyseal_core::digest::Digest;
use privyseal_core::event::directory::CredentialEnrolled;
use privyseal_core::event::execution::{BreakglassOutcome, BreakglassReviewed, JudgementStatement};
use privyseal_core::event::ledger::{KeyEnrolled, KeyPurpose, KeyRetired, KeyRevoked};
use privyseal_core::event::policy::{CatalogPublished, FileRef};
use privyseal_core::event::request::Party;
use privyseal_core::event::{ActorKind, Body, Event};
use privyseal_core::id::{GrantId, RequestId};
use privyseal_core::note::{NodeKey, Note, VerifierKey};
use privyseal_core::tlog_policy::Policy;
use privyseal_core::webauthn::software::SoftwarePasskey;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::LogReader as _;
use privyseal_ledger::segment;
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_ledger::verify::{Finding, Options, Range, Report, Resume, Verdict, verify, verify_range};
use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::fixture::{Fixture, ORIGIN, heartbeat, role};

/// What the auditor kept from before.
struct Kept {
    folder: TempDir,
    /// The same folder as it was earlier.
    earlier: TempDir,
    first_key: VerifierKey,
    /// Heads in the middle and at the end.
    middle: String,
    end: String,
}

fn enrolled(key: &NodeKey, purpose: KeyPurpose) -> Body {
    let key = key.verifier().to_string();
    Body::KeyEnrolled(KeyEnrolled {
        key,
        purpose,
        protection: "file-0600".into(),
        attestation: None,
        custodian: None,
        change_request: None,
    })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn copied(fixture: &Fixture) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    // The log is in WAL mode: everything goes into the one file first.
    Connection::open(fixture.layout.log()).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    copy(fixture.layout.root(), folder.path());
    for stray in ["log.sqlite-wal", "log.sqlite-shm"] {
        let _ = fs::remove_file(folder.path().join(stray));
    }
    folder
}

fn fill(fixture: &mut Fixture, rounds: usize, word: &str) {
    for round in 0..rounds {
        fixture.append((0..20).map(|n| if n % 2 == 0 { heartbeat() } else { role(&format!("group:{word}{round}-{n}")) }).collect());
    }
}

fn made() -> Kept {
    let mut fixture = Fixture::new();
    let first_key = fixture.key.verifier();
    privyseal_ledger::blob::put(&fixture.layout, b"a catalog").unwrap();
    fixture.append(vec![catalog()]);
    fill(&mut fixture, 14, "a");
    fixture.seal();
    let next = NodeKey::from_seed(ORIGIN, &[9; 32]).unwrap();
    fixture.append(vec![enrolled(&next, KeyPurpose::Log), enrolled(&next, KeyPurpose::Node)]);
    let old = std::mem::replace(&mut fixture.key, next);
    fixture.append(vec![Body::KeyRetired(KeyRetired { key_id: old.id().to_string(), reason: "yearly".into() })]);
    fill(&mut fixture, 4, "b");
    fixture.publish();
    let middle = fixture.log.head().unwrap().unwrap().checkpoint;
    let earlier = copied(&fixture);
    fixture.seal();
    fill(&mut fixture, 3, "c");
    fixture.publish();
    let end = fixture.log.head().unwrap().unwrap().checkpoint;
    Kept { folder: copied(&fixture), earlier, first_key, middle, end }
}

fn catalog() -> Body {
    let digest = Digest::of(b"a catalog");
    let files = vec![FileRef { name: "catalog.yaml".into(), sha256: digest, bytes: 9 }];
    Body::CatalogPublished(CatalogPublished {
        catalog: "actions".into(),
        version: "1".into(),
        digest,
        files,
        items: Vec::new(),
        change_request: None,
    })
}

fn kept() -> &'static Kept {
    static KEPT: OnceLock<Kept> = OnceLock::new();
    KEPT.get_or_init(made)
}

/// A copy that a case may damage.
struct Copy {
    folder: TempDir,
    layout: Layout,
}

impl Copy {
    fn of(folder: &TempDir) -> Self {
        let copied = tempfile::tempdir().unwrap();
        copy(folder.path(), copied.path());
        let layout = Layout::new(copied.path());
        Self { folder: copied, layout }
    }

    fn sql(&self, sql: &str) {
        let log = Connection::open(self.layout.log()).unwrap();
        log.execute_batch(sql).unwrap();
    }

    fn segments(&self) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> =
            files(&self.layout.ledger()).into_iter().filter(|path| path.extension().is_some_and(|e| e == "parquet")).collect();
        found.sort();
        found
    }

    fn verify(&self, options: &Options) -> Report {
        verify(&self.layout, options, &mut |_, _| {})
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path) } else { vec![path] }
        })
        .collect()
}

/// Writes the first segment again, with its first batch changed.
fn rewrite(copy: &Copy, change: impl Fn(&RecordBatch) -> RecordBatch) {
    let path = copy.segments().remove(0);
    let mut writer = ArrowWriter::try_new(Vec::new(), segment::schema(), None).unwrap();
    for batch in segment::batches(Bytes::from(fs::read(&path).unwrap()), 0).unwrap() {
        writer.write(&change(&batch.unwrap())).unwrap();
    }
    fs::write(&path, writer.into_inner().unwrap()).unwrap();
}

fn replaced_column(batch: &RecordBatch, name: &str, change: impl Fn(usize, &str) -> String) -> RecordBatch {
    let index = batch.schema().index_of(name).unwrap();
    let old: &StringArray = batch.column(index).as_any().downcast_ref().unwrap();
    let new = StringArray::from_iter_values((0..old.len()).map(|row| change(row, old.value(row))));
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns[index] = Arc::new(new);
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

/// Everything from `seq` on moves by one, and a row is put into the gap: a copy of `from`, with bytes replaced.
fn insert(copy: &Copy, seq: u64, from: u64, edit: &str) {
    copy.sql(&format!(
        "CREATE TEMP TABLE moved AS SELECT * FROM entry WHERE seq >= {seq}; DELETE FROM entry WHERE seq >= {seq};
         INSERT INTO entry SELECT seq + 1, kind, request_id, entry, leaf, signature, key_id FROM moved;
         INSERT INTO entry SELECT {seq}, kind, request_id, {edit}, leaf, signature, key_id FROM moved WHERE seq = {from};"
    ));
}

fn empty_options() -> Options {
    Options::default()
}

#[test]
fn the_ledger_of_the_suite_verifies_with_all_that_is_known() {
    let kept = kept();
    let remembered = vec![("middle".to_owned(), kept.middle.clone()), ("end".to_owned(), kept.end.clone())];
    let options = Options { trusted: Some(kept.first_key.clone()), remembered, ..Options::default() };
    let report = Copy::of(&kept.folder).verify(&options);
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
    assert!(report.key_trusted && report.files >= 7 && report.heads > 20, "{report}");
    assert_eq!(Copy::of(&kept.earlier).verify(&empty_options()).verdict, Verdict::Verified, "what was rolled back to is whole in itself");
}

type Edit = fn(&Copy);

/// The way it was tampered with, the edit, and what it must be called. Positions from 366 on are only in the log.
const CASES: &[(&str, Edit, Finding)] = &[
    (
        "flipped bit in a sealed entry of the log",
        |c| {
            c.sql("UPDATE entry SET entry = CAST(replace(CAST(entry AS TEXT), '\"interval_seconds\":60', '\"interval_seconds\":61') AS BLOB) WHERE seq = 42")
        },
        Finding::Altered,
    ),
    (
        "flipped bit in the tail",
        |c| {
            c.sql("UPDATE entry SET entry = CAST(replace(CAST(entry AS TEXT), '\"interval_seconds\":60', '\"interval_seconds\":61') AS BLOB) WHERE seq = (SELECT max(seq) - 3 FROM entry)")
        },
        Finding::Altered,
    ),
    ("removed", |c| c.sql("DELETE FROM entry WHERE seq = 390"), Finding::Removed),
    (
        "removed and closed up",
        |c| {
            c.sql("DELETE FROM entry WHERE seq = 390; UPDATE entry SET seq = -seq WHERE seq > 390; UPDATE entry SET seq = -seq - 1 WHERE seq < 0")
        },
        Finding::Removed,
    ),
    ("inserted", |c| insert(c, 390, 391, "CAST(replace(CAST(entry AS TEXT), '\"seq\":391', '\"seq\":390') AS BLOB)"), Finding::Inserted),
    ("duplicated", |c| insert(c, 391, 391, "(SELECT entry FROM entry WHERE seq = 390)"), Finding::Duplicated),
    (
        "reordered",
        |c| {
            c.sql("UPDATE entry SET seq = -1 WHERE seq = 390; UPDATE entry SET seq = 390 WHERE seq = 393; UPDATE entry SET seq = 393 WHERE seq = -1")
        },
        Finding::Reordered,
    ),
    ("cut tail", |c| c.sql("DELETE FROM entry WHERE seq > 400"), Finding::TailCut),
    (
        "signature of a strange key",
        |c| c.sql("UPDATE entry SET key_id = '0badc0de' WHERE signature IS NOT NULL AND seq > 380"),
        Finding::SwappedKey,
    ),
    (
        "signature of a retired key",
        |c| {
            c.sql("UPDATE entry SET key_id = (SELECT key_id FROM entry WHERE key_id IS NOT NULL ORDER BY seq LIMIT 1) WHERE signature IS NOT NULL AND seq > 380")
        },
        Finding::SwappedKey,
    ),
    (
        "signature removed",
        |c| c.sql("UPDATE entry SET key_id = NULL, signature = NULL WHERE seq = (SELECT max(seq) FROM entry WHERE signature IS NOT NULL)"),
        Finding::Signature,
    ),
    (
        "head signed by a strange key",
        |c| {
            let note = fs::read_to_string(c.layout.checkpoint()).unwrap();
            let text = note.split("\n\n").next().unwrap();
            fs::write(c.layout.checkpoint(), NodeKey::from_seed(ORIGIN, &[77; 32]).unwrap().sign_note(&format!("{text}\n"))).unwrap();
        },
        Finding::ReplacedLog,
    ),
    (
        "head signed by a retired key",
        |c| {
            let note = fs::read_to_string(c.layout.checkpoint()).unwrap();
            let text = note.split("\n\n").next().unwrap();
            fs::write(c.layout.checkpoint(), NodeKey::from_seed(ORIGIN, &[3; 32]).unwrap().sign_note(&format!("{text}\n"))).unwrap();
        },
        Finding::SwappedKey,
    ),
    ("look-up column of the log edited", |c| c.sql("UPDATE entry SET kind = 'segment.sealed' WHERE seq = 42"), Finding::TypedColumn),
    (
        "typed column edited",
        |c| rewrite(c, |batch| replaced_column(batch, "actor_id", |row, old| if row == 41 { "mallory".into() } else { old.into() })),
        Finding::TypedColumn,
    ),
    (
        "footer edited",
        |c| {
            let path = c.segments().remove(0);
            let bytes = fs::read(&path).unwrap();
            let at = bytes.windows(9).rposition(|window| window == b"privyseal").unwrap();
            let mut edited = bytes.clone();
            edited[at] = b'P';
            fs::write(&path, edited).unwrap();
        },
        Finding::SegmentRewritten,
    ),
    (
        "footer cut",
        |c| {
            let path = c.segments().remove(0);
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
        },
        Finding::SegmentDamaged,
    ),
    ("segment written again", |c| rewrite(c, Clone::clone), Finding::SegmentRewritten),
    (
        "segment replaced",
        |c| {
            let segments = c.segments();
            fs::copy(&segments[1], &segments[0]).unwrap();
        },
        Finding::SegmentReplaced,
    ),
    ("segment missing", |c| fs::remove_file(c.segments().remove(1)).unwrap(), Finding::SegmentMissing),
    ("tile missing", |c| fs::remove_file(c.layout.tiles().join("0/000")).unwrap(), Finding::TileMissing),
    (
        "tile altered",
        |c| {
            let path = c.layout.tiles().join("0/000");
            let mut bytes = fs::read(&path).unwrap();
            bytes[777] ^= 4;
            fs::write(&path, bytes).unwrap();
        },
        Finding::TileAltered,
    ),
    ("blob missing", |c| fs::remove_file(c.layout.blob(&Digest::of(b"a catalog"))).unwrap(), Finding::Blob),
    ("blob altered", |c| fs::write(c.layout.blob(&Digest::of(b"a catalog")), b"another").unwrap(), Finding::Blob),
];

#[test]
fn every_way_to_tamper_is_found_and_called_by_its_name() {
    for (what, edit, finding) in CASES {
        let copy = Copy::of(&kept().folder);
        edit(&copy);
        let report = copy.verify(&empty_options());
        assert_eq!(report.verdict, Verdict::Tampered, "{what}: {report}");
        assert!(report.has(*finding), "{what} must be called {finding:?}: {report} {:?}", report.problems);
    }
}

/// What only somebody finds who remembers something.
#[test]
fn what_is_whole_in_itself_is_found_by_what_the_auditor_kept() {
    let kept = kept();
    let remembering = |note: &str| Options { remembered: vec![("kept.txt".to_owned(), note.to_owned())], ..Options::default() };
    let check = |what: &str, folder: &TempDir, options: &Options, finding: Finding| {
        let report = Copy::of(folder).verify(options);
        assert_eq!(report.verdict, Verdict::Tampered, "{what}: {report}");
        assert!(report.has(finding), "{what}: {report} {:?}", report.problems);
    };
    check("rolled-back folder", &kept.earlier, &remembering(&kept.end), Finding::RolledBack);

    // The same key writes another history, longer than the one that is remembered.
    let mut forked = Fixture::new();
    fill(&mut forked, 20, "other");
    let head = forked.log.head().unwrap().unwrap().checkpoint;
    fill(&mut forked, 2, "other");
    forked.publish();
    let honest = copied(&forked);
    let mut fork = Fixture::new();
    fill(&mut fork, 23, "fork");
    fork.publish();
    let fork = copied(&fork);
    assert_eq!(Copy::of(&honest).verify(&remembering(&head)).verdict, Verdict::Verified);
    assert_eq!(Copy::of(&fork).verify(&empty_options()).verdict, Verdict::Verified, "by itself it is consistent");
    check("forked history", &fork, &remembering(&head), Finding::Forked);

    // Another key writes a log of the same name.
    let replaced = Fixture::of_key(&[66; 32]);
    let replaced = copied(&{
        let mut replaced = replaced;
        fill(&mut replaced, 25, "a");
        replaced.publish();
        replaced
    });
    assert_eq!(Copy::of(&replaced).verify(&empty_options()).verdict, Verdict::Verified, "by itself it is consistent");
    let trusting = Options { trusted: Some(kept.first_key.clone()), ..Options::default() };
    check("self-signed replacement, by key", &replaced, &trusting, Finding::ReplacedLog);
    check("self-signed replacement, by head", &replaced, &remembering(&head), Finding::ReplacedLog);
}

#[test]
fn an_entry_dated_back_is_found_although_its_writer_has_the_key() {
    let mut fixture = Fixture::new();
    fill(&mut fixture, 2, "a");
    fixture.tip.time = fixture.tip.time.plus_seconds(-3_600);
    // The log itself refuses a commit from before its head, so whoever dates back edits that first.
    rusqlite::Connection::open(fixture.layout.log()).unwrap().execute("UPDATE head SET time = -86400000000", []).unwrap();
    fixture.append(vec![role("group:earlier")]);
    fixture.publish();
    let report = fixture.verify();
    assert!(report.has(Finding::Backdated) && report.verdict == Verdict::Tampered, "{report}");
}

#[test]
fn what_a_stolen_key_signed_is_named_as_not_provable() {
    let mut fixture = Fixture::new();
    fill(&mut fixture, 2, "a");
    let next = NodeKey::from_seed(ORIGIN, &[9; 32]).unwrap();
    fixture.append(vec![enrolled(&next, KeyPurpose::Log), enrolled(&next, KeyPurpose::Node)]);
    let old = std::mem::replace(&mut fixture.key, next);
    let revoked = |since_seq| Body::KeyRevoked(KeyRevoked { key_id: old.id().to_string(), since_seq, reason: "laptop lost".into() });
    fixture.append(vec![revoked(Some(30))]);
    fixture.publish();
    let report = fixture.verify();
    assert_eq!(report.verdict, Verdict::CouldNotTell, "{report}");
    assert!(report.to_string().contains("entries 30 to 42"), "{report}");
    // A head that witnesses cosigned vouches for them, to whoever trusts the witnesses.
    let witness = WitnessSigner::from_seed("w.example", &[5; 32]).unwrap();
    let policy = Policy::parse(&format!("witness w {}\nquorum w\n", witness.public())).unwrap();
    let trusting = Options { policy: Some(policy), ..Options::default() };
    let report = verify(&fixture.layout, &trusting, &mut |_, _| {});
    assert!(report.verdict == Verdict::CouldNotTell && report.has(Finding::Unwitnessed), "{report}");
    let mut note = Note::parse(&fs::read_to_string(fixture.layout.checkpoint()).unwrap()).unwrap();
    note.put(witness.cosign(&note.text, 1_700_000_000));
    fs::write(fixture.layout.checkpoint(), note.to_string()).unwrap();
    let report = verify(&fixture.layout, &trusting, &mut |_, _| {});
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
    assert_eq!(fixture.verify().verdict, Verdict::CouldNotTell, "nobody else trusts the witness");
    // A policy that is content without witnesses vouches for nothing, although it is satisfied.
    let log = fixture.key.verifier();
    let policy = Policy::parse(&format!("log {log}\nquorum none\n")).unwrap();
    let report = verify(&fixture.layout, &Options { policy: Some(policy), ..Options::default() }, &mut |_, _| {});
    assert_eq!(report.verdict, Verdict::CouldNotTell, "{report}");
    // Nothing was signed by it from there on, so that nothing is in doubt.
    fixture.append(vec![revoked(Some(4_000))]);
    assert_eq!(fixture.verify().problems.iter().filter(|problem| problem.finding == Finding::Unprovable).count(), 1);
}

/// Whoever judges an emergency signs as a reviewer does, and a stolen node key cannot do it for them.
#[test]
fn the_judgement_of_an_emergency_is_signed_by_the_passkey_of_who_judges() {
    let passkey = SoftwarePasskey::from_seed(&[6; 32], "localhost", "http://localhost:8420").unwrap();
    let enrolled = CredentialEnrolled {
        credential: passkey.credential().parse().unwrap(),
        principal: "system".parse().unwrap(),
        label: "key".into(),
        key: passkey.public(),
        environment: None,
        expires_at: None,
    };
    let request_id: RequestId = "01980000-0000-7000-8000-000000000001".parse().unwrap();
    let grant_id: GrantId = "01980000-0000-7000-8000-000000000002".parse().unwrap();
    let statement = JudgementStatement {
        log: ORIGIN.into(),
        request_id,
        grant_id,
        outcome: BreakglassOutcome::Justified,
        comment_digest: Digest::of(b"fine"),
        reviewer: "system".parse().unwrap(),
    };
    let challenge = Digest::of_parts(&[b"privyseal/breakglass-review/v1\n", &canonical::serialize(&statement).unwrap()]);
    let good = BreakglassReviewed {
        grant_id,
        reviewer: Party { principal: "system".parse().unwrap(), kind: ActorKind::System, person: None, owner: None },
        outcome: BreakglassOutcome::Justified,
        comment: "fine".to_owned().into(),
        statement: Some(statement.clone()),
        assertion: Some(passkey.sign(challenge.as_bytes())),
    };
    let found = |reviewed: BreakglassReviewed, enrol: bool| {
        let mut fixture = Fixture::new();
        if enrol {
            fixture.append(vec![Body::CredentialEnrolled(enrolled.clone())]);
        }
        fixture.append_about(Some(request_id), vec![Body::BreakglassReviewed(reviewed)]);
        fixture.publish();
        let report = fixture.verify();
        assert_eq!(report.has(Finding::Review), report.verdict == Verdict::Tampered, "{report}");
        report.verdict == Verdict::Verified && report.passkeys == 1
    };
    assert!(found(good.clone(), true));
    assert!(!found(good.clone(), false), "the passkey was enrolled for nobody");
    let judged = JudgementStatement { outcome: BreakglassOutcome::Unjustified, ..statement };
    for (what, changed) in [
        ("outcome", BreakglassReviewed { outcome: BreakglassOutcome::Unjustified, ..good.clone() }),
        ("statement", BreakglassReviewed { outcome: BreakglassOutcome::Unjustified, statement: Some(judged), ..good.clone() }),
        ("comment", BreakglassReviewed { comment: "bad".to_owned().into(), ..good.clone() }),
        ("assertion", BreakglassReviewed { assertion: Some(passkey.sign(b"another challenge")), ..good.clone() }),
        ("half", BreakglassReviewed { statement: None, ..good }),
    ] {
        assert!(!found(changed, true), "{what}");
    }
}

#[test]
fn progress_is_taken_up_and_a_changed_ledger_is_not_passed_over() {
    let kept = kept();
    let copy = Copy::of(&kept.folder);
    let state = copy.folder.path().with_extension("progress");
    let options = Options { resume: Some(Resume { file: state.clone(), every: 1 }), ..Options::default() };
    // A run that does not come to a good end leaves its progress: here, of the folder as it was earlier, beside a head that is none.
    let remembered = vec![("kept.txt".to_owned(), "no head".to_owned())];
    Copy::of(&kept.earlier).verify(&Options { remembered, ..options.clone() });
    let interrupted = fs::read(&state).unwrap();
    let size = serde_json::from_slice::<serde_json::Value>(&interrupted).unwrap()["checker"]["size"].as_u64().unwrap();
    assert_eq!(size, 366);
    let resumed = |copy: &Copy| {
        fs::write(&state, &interrupted).unwrap();
        copy.verify(&options)
    };
    let whole = copy.verify(&empty_options());
    let report = resumed(&copy);
    assert_eq!((report.verdict, report.entries, report.signatures), (Verdict::Verified, whole.entries, whole.signatures), "{report}");
    assert!(!state.exists(), "a verification that came to its end leaves no progress");
    for (what, edit) in [
        (
            "the last entry before",
            "UPDATE entry SET entry = CAST(replace(CAST(entry AS TEXT), '\"seq\":365', '\"seq\":364') AS BLOB) WHERE seq = 365",
        ),
        ("an entry after", "UPDATE entry SET entry = CAST(replace(CAST(entry AS TEXT), ':60', ':61') AS BLOB) WHERE seq = 401"),
        ("cut before it", "DELETE FROM entry WHERE seq > 200; DELETE FROM checkpoint WHERE size > 201"),
    ] {
        let copy = Copy::of(&kept.folder);
        copy.sql(edit);
        assert_ne!(resumed(&copy).verdict, Verdict::Verified, "{what}");
    }
    let mut other = Fixture::new();
    fill(&mut other, 30, "x");
    other.publish();
    assert_ne!(resumed(&Copy::of(&copied(&other))).verdict, Verdict::Verified, "another history");
    fs::write(&state, b"{}").unwrap();
    assert_eq!(copy.verify(&options).verdict, Verdict::CouldNotTell, "no progress file at all");
    let _ = fs::remove_file(&state);
}

#[test]
fn a_range_or_an_event_is_proven_without_the_rest() {
    let kept = kept();
    let trusting = Options { trusted: Some(kept.first_key.clone()), ..Options::default() };
    let range = |copy: &Copy, first: u64, last: u64| {
        let report = verify_range(&copy.layout, &Range::Entries { first, last }, &trusting, &mut |_, _| {});
        (report.verdict, report.to_string())
    };
    let whole = Copy::of(&kept.folder);
    for (first, last, verdict) in [
        (0, 0, Verdict::Verified),
        (0, 426, Verdict::Verified),
        (255, 256, Verdict::Verified),
        (283, 290, Verdict::Verified),
        (400, 426, Verdict::Verified),
        (400, 427, Verdict::CouldNotTell),
        (3, 2, Verdict::CouldNotTell),
    ] {
        let (found, text) = range(&whole, first, last);
        assert_eq!(found, verdict, "{first} to {last}: {text}");
    }
    let entry = SqliteLog::open(&whole.layout.log()).unwrap().entries(300, 1).unwrap().remove(0).entry;
    let id = Event::from_entry(&entry).unwrap().id.to_string();
    let event = |id: &str| verify_range(&whole.layout, &Range::Event(id.to_owned()), &trusting, &mut |_, _| {});
    let report = event(&id);
    assert_eq!((report.verdict, report.entries), (Verdict::Verified, 1), "{report}");
    assert_eq!(event("01990000-0000-7000-8000-000000000000").verdict, Verdict::CouldNotTell);
    for (what, edit) in [
        ("entry and its leaf", "UPDATE entry SET entry = CAST(replace(CAST(entry AS TEXT), ':60', ':61') AS BLOB) WHERE seq = 42"),
        ("signature", "UPDATE entry SET signature = zeroblob(64) WHERE seq = 41"),
        ("removed", "DELETE FROM entry WHERE seq = 41"),
        ("head", "UPDATE head SET peaks = zeroblob(length(peaks))"),
    ] {
        let copy = Copy::of(&kept.folder);
        copy.sql(edit);
        if what == "removed" {
            fs::remove_file(copy.segments().remove(0)).unwrap();
        }
        let (found, text) = range(&copy, 40, 44);
        assert_eq!(found, Verdict::Tampered, "{what}: {text}");
    }
    let copy = Copy::of(&kept.folder);
    fs::write(copy.layout.tiles().join("0/000"), vec![7; 8_192]).unwrap();
    assert_ne!(range(&copy, 300, 301).0, Verdict::Verified, "a tile that lies");
}

/// Everything the log says, whatever pages it stands on. `None` when it cannot be read.
fn content(log: &Path) -> Option<Vec<String>> {
    let log = Connection::open_with_flags(log, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    let mut rows = Vec::new();
    for sql in [
        "SELECT quote(seq)||quote(kind)||quote(request_id)||quote(entry)||quote(leaf)||quote(signature)||quote(key_id) FROM entry ORDER BY seq",
        "SELECT quote(size)||quote(peaks)||quote(checkpoint) FROM head",
        "SELECT quote(size)||quote(note) FROM checkpoint ORDER BY size",
    ] {
        let mut statement = log.prepare(sql).ok()?;
        let found: Result<Vec<String>, _> = statement.query_map([], |row| row.get(0)).ok()?.collect();
        rows.extend(found.ok()?);
    }
    Some(rows)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Unused: bytes of the database that no row of the log is read from (free pages, indexes, times beside kept heads), the writer's lock,
    /// and its private key, which is no part of the ledger.
    #[test]
    fn no_random_edit_verifies(file in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in 1_u8.., kind in 0_u8..8) {
        let copy = Copy::of(&kept().folder);
        let before = content(&copy.layout.log());
        let mut all = files(&copy.layout.ledger());
        // The database is most of the bytes: it gets its share of the edits.
        all.extend(std::iter::repeat_n(copy.layout.log(), all.len().max(1)));
        all.sort();
        let (path, second) = (file.get(&all).clone(), other.get(&all).clone());
        let mut bytes = fs::read(&path).unwrap();
        let original = bytes.clone();
        let at = at.index(bytes.len().max(1));
        match kind {
            0..=2 => bytes[at] ^= byte,
            3 => bytes.insert(at, byte),
            4 => drop(bytes.remove(at)),
            5 => bytes.truncate(at),
            6 => bytes = fs::read(&second).unwrap(),
            _ => bytes.push(byte),
        }
        prop_assume!(bytes != original);
        fs::write(&path, &bytes).unwrap();
        let after = content(&copy.layout.log());
        let report = copy.verify(&empty_options());
        let unused = path == copy.layout.log() && before == after;
        prop_assert!(unused || report.verdict != Verdict::Verified, "{} kind {kind} at {at}: {report}", path.display());
    }
}
