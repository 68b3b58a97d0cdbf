//! Verifying a pack offline: container, seal, events, proofs. What is wrong is named with its file or entry.
//!
//! One file of the pack at a time is in memory.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use privyseal_core::canonical;
use privyseal_core::digest::{Digest, from_base64, from_base64url};
use privyseal_core::event::evidence::Snapshot;
use privyseal_core::note::{KeyId, Note, VerifierKey};
use privyseal_core::time::Timestamp;
use privyseal_core::tree::{self, Edge};
use privyseal_ledger::log::StoredEntry;
use privyseal_ledger::segment::{self, SegmentRow, Typed};
use privyseal_ledger::verify::{Checker, Place, Report};
use serde::Deserialize;
use serde_json::Value;

use super::events::{BLOBS, FOLDER, PERIOD};
use super::manifest::{self, CHECKPOINT, CONSISTENCY, ENVELOPE, FORMAT, FileRecord, HEADS, MANIFEST, Manifest, NOTE};
use super::population::COLUMNS;
use crate::container::{ContainerError, Entry, Reader};

const SEAL: [&str; 6] = [CHECKPOINT, CONSISTENCY, HEADS, ENVELOPE, MANIFEST, NOTE];
const TRACES: &str = "trace/";
const TESTS: &str = "tests/";

/// Verifies a pack. Needs nothing but it, and the key that the caller trusts, if any. `progress` hears how many of how many entries.
#[must_use]
pub fn verify_pack<R: Read + Seek>(from: R, trusted: Option<VerifierKey>, progress: &mut dyn FnMut(u64, u64)) -> Report {
    let mut checker = Checker::new(trusted);
    let mut reader = match Reader::open(from) {
        Ok(reader) => reader,
        Err(error) => {
            broken(&error, "the pack", &mut checker.report);
            return checker.report;
        }
    };
    let mut seal = BTreeMap::new();
    for path in SEAL {
        if let Some(entry) = read(&mut reader, path, &mut checker.report) {
            // The files of the seal are not in the manifest, so they are stored as they are and have no second form.
            if !entry.stored {
                checker.report.wrong(Place::file(path), "the file was packed again after it was sealed");
            }
            seal.insert(path, entry.content);
        }
    }
    let Some(manifest) = read_manifest(&seal, &mut checker.report) else { return checker.report };
    let mut files = Files::new(&manifest, heads(&seal, &mut checker.report), progress);
    let paths: Vec<String> = reader.paths().filter(|path| !SEAL.contains(path)).map(str::to_owned).collect();
    for path in paths {
        if let Some(entry) = read(&mut reader, &path, &mut checker.report) {
            files.take(entry, &mut checker);
        }
    }
    files.finish(&mut checker);
    check_seal(&seal, &manifest, &mut checker);
    checker.judge_doubts();
    checker.report.head = Some((checker.size(), checker.root().hex()));
    checker.report
}

fn broken(error: &ContainerError, path: &str, report: &mut Report) {
    report.wrong(Place::File { path: path.to_owned(), byte: Some(error.byte) }, error.what.clone());
}

/// A file of the pack; one that is missing or damaged is told.
fn read<R: Read + Seek>(reader: &mut Reader<R>, path: &str, report: &mut Report) -> Option<Entry> {
    match reader.read(path) {
        Ok(Some(entry)) => return Some(entry),
        Ok(None) => report.wrong(Place::file(path), "the file is missing"),
        Err(error) => broken(&error, path, report),
    }
    None
}

fn read_manifest(seal: &BTreeMap<&str, Vec<u8>>, report: &mut Report) -> Option<Manifest> {
    let parsed = canonical::parse(seal.get(MANIFEST)?).map_err(|error| error.to_string());
    let format = parsed.as_ref().ok().and_then(|value| value.get("format")).and_then(Value::as_u64);
    if let Some(format) = format.filter(|format| *format != FORMAT) {
        report.unknown(
            Place::file(MANIFEST),
            format!("the pack has format {format}, this Privyseal reads {FORMAT}: use the one that built it"),
        );
        return None;
    }
    match parsed.and_then(|value| serde_json::from_value::<Manifest>(value).map_err(|error| error.to_string())) {
        Ok(manifest) => Some(manifest),
        Err(error) => {
            report.wrong(Place::file(MANIFEST), error);
            None
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadLine {
    size: u64,
    note: String,
}

/// The signed heads, by size.
fn heads(seal: &BTreeMap<&str, Vec<u8>>, report: &mut Report) -> BTreeMap<u64, String> {
    let mut heads = BTreeMap::new();
    let lines = seal.get(HEADS).map(Vec::as_slice).unwrap_or_default().split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for (number, line) in lines.enumerate() {
        let parsed = canonical::parse(line).ok().and_then(|value| serde_json::from_value::<HeadLine>(value).ok());
        match parsed.filter(|head| heads.keys().last().is_none_or(|last| *last < head.size)) {
            Some(head) => drop(heads.insert(head.size, head.note)),
            None => report.wrong(Place::file(HEADS), format!("line {} is malformed or out of order", number + 1)),
        }
    }
    heads
}

/// Both edges of the period, as the pack has them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeriodFile {
    start: EdgeFile,
    end: EdgeFile,
    snapshot: Snapshot,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EdgeFile {
    time: Timestamp,
    size: u64,
    root: Digest,
    peaks: Vec<Digest>,
}

/// The files outside the seal, as they come by.
struct Files<'a> {
    manifest: &'a Manifest,
    listed: BTreeMap<&'a str, &'a FileRecord>,
    heads: BTreeMap<u64, String>,
    progress: &'a mut dyn FnMut(u64, u64),
    /// The files of one piece of the log.
    lines: Option<(String, Vec<u8>)>,
    rows: Option<(String, Vec<u8>)>,
    /// Where the period begins and ends, as the entries say.
    edges: [Edge; 2],
    edge: Edge,
    blobs: Vec<String>,
    has_period: bool,
    counts: BTreeMap<String, Counts>,
}

/// What a test says of its items, and what the tables beside it hold.
#[derive(Default)]
struct Counts {
    said: Option<Said>,
    /// By table and status.
    held: BTreeMap<(&'static str, String), u64>,
}

#[derive(Deserialize)]
struct Said {
    rows: u64,
    violations: u64,
    indeterminate: u64,
}

impl Counts {
    fn add(&mut self, name: &str, content: &[u8]) -> Result<(), String> {
        if name == "run.json" {
            let value = canonical::parse(content).map_err(|error| error.to_string())?;
            self.said = Some(serde_json::from_value(value).map_err(|error| error.to_string())?);
            return Ok(());
        }
        let Some(table) = ["population", "exceptions", "indeterminate"].into_iter().find(|table| name.starts_with(table)) else {
            return Ok(());
        };
        let mut reader = csv::Reader::from_reader(content);
        if reader.headers().map_err(|error| error.to_string())? != COLUMNS.as_slice() {
            return Err("it has not the columns of a population".to_owned());
        }
        for row in reader.records() {
            let row = row.map_err(|error| error.to_string())?;
            *self.held.entry((table, row.get(3).unwrap_or_default().to_owned())).or_default() += 1;
        }
        Ok(())
    }

    /// Whether the tables hold what the test says.
    fn agree(&self) -> Result<(), String> {
        let said = self.said.as_ref().ok_or("run.json is missing")?;
        let ok = said.rows.saturating_sub(said.violations).saturating_sub(said.indeterminate);
        let expected = [
            ("population", "ok", ok),
            ("population", "violation", said.violations),
            ("population", "indeterminate", said.indeterminate),
            ("exceptions", "violation", said.violations),
            ("indeterminate", "indeterminate", said.indeterminate),
        ];
        let held = |table, status: &str| self.held.get(&(table, status.to_owned())).copied().unwrap_or(0);
        let differs = expected.iter().find(|(table, status, count)| held(table, status) != *count);
        if let Some((table, status, count)) = differs {
            let found = held(table, status);
            return Err(format!("run.json says {count} items are `{status}`, {table}.csv has {found} of them"));
        }
        let known = expected.iter().filter(|(table, status, _)| held(table, status) > 0).count();
        if known == self.held.len() { Ok(()) } else { Err("a table has items of another status".to_owned()) }
    }
}

impl<'a> Files<'a> {
    fn new(manifest: &'a Manifest, heads: BTreeMap<u64, String>, progress: &'a mut dyn FnMut(u64, u64)) -> Self {
        Self {
            manifest,
            listed: manifest.files.iter().map(|record| (record.path.as_str(), record)).collect(),
            heads,
            progress,
            lines: None,
            rows: None,
            edges: [Edge::new(), Edge::new()],
            edge: Edge::new(),
            blobs: Vec::new(),
            has_period: false,
            counts: BTreeMap::new(),
        }
    }

    fn take(&mut self, entry: Entry, checker: &mut Checker) {
        let report = &mut checker.report;
        let path = entry.path.as_str();
        match self.listed.remove(path) {
            None => report.wrong(Place::file(path), "the file is not in the manifest: it was added after sealing"),
            Some(record) => {
                report.files += 1;
                if Digest::of(&entry.content) != record.sha256 || u64::try_from(entry.content.len()).ok() != Some(record.bytes) {
                    report.wrong(Place::file(path), "the file is not the one that was sealed");
                } else if entry.packed_sha256 != record.packed_sha256 {
                    report.wrong(Place::file(path), "the file was packed again after it was sealed");
                }
            }
        }
        if let Some(name) = path.strip_prefix(FOLDER) {
            self.piece(name.to_owned(), entry.content, checker);
        } else if let Some(hex) = path.strip_prefix(BLOBS) {
            if Digest::of(&entry.content).hex() != hex {
                checker.report.wrong(Place::file(path), "the file's bytes do not have the digest that is its name");
            }
            self.blobs.push(hex.to_owned());
        } else if path == PERIOD {
            self.has_period = true;
            if let Err(what) = self.period(&entry.content) {
                checker.report.wrong(Place::file(PERIOD), what);
            }
        } else if path.starts_with(TRACES)
            && let Err(what) = self.trace(&entry.content)
        {
            checker.report.wrong(Place::file(path), what);
        } else if let Some((test, name)) = path.strip_prefix(TESTS).and_then(|rest| rest.split_once('/'))
            && let Err(what) = self.counts.entry(test.to_owned()).or_default().add(name, &entry.content)
        {
            checker.report.wrong(Place::file(path), what);
        }
    }

    /// A file of the events: entries, then the same as Parquet, then their signatures.
    fn piece(&mut self, name: String, content: Vec<u8>, checker: &mut Checker) {
        let stem = format!("{:012}", checker.size());
        let (number, ending) = name.split_once('.').unwrap_or((&name, ""));
        let expected = match (&self.lines, &self.rows) {
            (None, _) => "jsonl",
            (Some(_), None) => "parquet",
            (Some(_), Some(_)) => "signatures.jsonl",
        };
        if number != stem || ending != expected {
            let what = format!("it stands where {FOLDER}{stem}.{expected} belongs: entries are missing or there twice");
            checker.report.wrong(Place::file(format!("{FOLDER}{name}")), what);
            return;
        }
        let path = format!("{FOLDER}{name}");
        match expected {
            "jsonl" => self.lines = Some((path, content)),
            "parquet" => self.rows = Some((path, content)),
            _ => {
                let signatures = signatures(&path, &content, &mut checker.report);
                if let Some((lines, rows)) = self.lines.take().zip(self.rows.take()) {
                    self.entries(&lines, rows, signatures, checker);
                }
            }
        }
    }

    /// The entries verbatim through the checker, then the Parquet file against them, cell by cell.
    fn entries(
        &mut self,
        (path, lines): &(String, Vec<u8>),
        (parquet, rows): (String, Vec<u8>),
        mut signatures: BTreeMap<u64, ([u8; 64], KeyId)>,
        checker: &mut Checker,
    ) {
        let mut stored: Vec<StoredEntry> = Vec::new();
        let mut typed: Vec<Option<Typed>> = Vec::new();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let Some(entry) = line.strip_suffix(b"\n") else {
                checker.report.wrong(Place::file(path), "the last line is cut off");
                break;
            };
            let seq = self.edge.size();
            let leaf = tree::leaf_hash(entry);
            typed.push(Typed::of(entry).ok());
            let time = typed.last().and_then(Option::as_ref).map(|typed| Timestamp::from_micros(typed.time));
            for (kept, end) in self.edges.iter_mut().zip([self.manifest.period.start, self.manifest.period.end]) {
                if time.is_some_and(|time| time < end) {
                    kept.push(leaf);
                }
            }
            self.edge.push(leaf);
            stored.push(StoredEntry { seq, entry: entry.to_vec(), leaf, signature: signatures.remove(&seq) });
        }
        let mut rest = stored.as_slice();
        while !rest.is_empty() {
            let next = self.heads.keys().next().map_or(u64::MAX, |size| size.saturating_sub(checker.size()));
            let (now, later) = rest.split_at(usize::try_from(next).unwrap_or(usize::MAX).min(rest.len()));
            checker.entries(now);
            rest = later;
            if let Some(head) = self.heads.first_entry().filter(|head| *head.key() <= checker.size()) {
                checker.head(&head.remove(), &Place::file(HEADS));
            }
        }
        for seq in signatures.keys() {
            checker.report.wrong(Place::file(path), format!("its signatures sign entry {seq}, which is not there"));
        }
        (self.progress)(checker.size(), self.manifest.snapshot.size);
        match parquet_rows(rows) {
            Err(error) => checker.report.wrong(Place::file(parquet), error.to_string()),
            Ok(rows) => {
                let differs = rows
                    .iter()
                    .zip(stored.iter().zip(&typed))
                    .position(|(row, (stored, typed))| row.stored != *stored || typed.as_ref() != Some(&row.typed));
                if let Some(row) = differs {
                    let seq = stored.get(row).map_or(0, |stored| stored.seq);
                    checker.report.wrong(Place::file(parquet), format!("its row of entry {seq} differs from the signed bytes"));
                } else if rows.len() != stored.len() {
                    let what = format!("it has {} rows, there are {} entries", rows.len(), stored.len());
                    checker.report.wrong(Place::file(parquet), what);
                }
            }
        }
    }

    /// The edges in the pack are those of its entries.
    fn period(&self, content: &[u8]) -> Result<(), String> {
        let value = canonical::parse(content).map_err(|error| error.to_string())?;
        let file: PeriodFile = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let period = self.manifest.period;
        for (file, (edge, time)) in [&file.start, &file.end].into_iter().zip(self.edges.iter().zip([period.start, period.end])) {
            if file.time != time || file.size != edge.size() || file.root != edge.root() || file.peaks != edge.peaks() {
                return Err(format!("its edge at {} is not that of the entries: {} of them are before {time}", file.time, edge.size()));
            }
        }
        if file.snapshot == self.manifest.snapshot { Ok(()) } else { Err("it is of another snapshot than the manifest".to_owned()) }
    }

    /// Every entry in a trace is in the tree at its place.
    fn trace(&self, content: &[u8]) -> Result<(), String> {
        let trace = canonical::parse(content).map_err(|error| error.to_string())?;
        let entries = trace.get("chain").and_then(Value::as_array).ok_or("it has no chain")?;
        let own = trace.get("entry").ok_or("it has no entry")?;
        for entry in entries.iter().chain([own]) {
            let seq = entry.get("seq").and_then(Value::as_u64).ok_or("an entry has no position")?;
            let text = entry.get("entry").and_then(Value::as_str).ok_or("an entry has no text")?;
            let proof: Vec<Digest> = entry.get("proof").cloned().and_then(|proof| serde_json::from_value(proof).ok()).ok_or("no proof")?;
            let leaf = tree::leaf_hash(text.as_bytes());
            let Snapshot { size, root } = &self.manifest.snapshot;
            if !tree::verify_inclusion(&leaf, seq, *size, &proof, root) {
                return Err(format!("its entry {seq} is not in the log at that place"));
            }
        }
        Ok(())
    }

    fn finish(self, checker: &mut Checker) {
        let report = &mut checker.report;
        for path in self.listed.keys() {
            report.wrong(Place::file(*path), "the file is missing");
        }
        if self.lines.is_some() || self.edge.size() == 0 {
            report.wrong(Place::file(FOLDER), "files of the events are missing");
        }
        for (test, counts) in &self.counts {
            if let Err(what) = counts.agree() {
                report.wrong(Place::file(format!("{TESTS}{test}/")), what);
            }
        }
        if !self.has_period {
            report.wrong(Place::file(PERIOD), "the file is missing");
        }
        for size in self.heads.keys() {
            report.wrong(Place::file(HEADS), format!("a head is over {size} entries, which are not there"));
        }
        if manifest::pack_digest(&self.manifest.files).ok() != Some(self.manifest.pack_digest) {
            report.wrong(Place::file(MANIFEST), "its pack digest is not the digest of its files");
        }
        // Policy and catalog files that the events name are in the pack.
        let named = std::mem::take(&mut checker.summary.blobs);
        for (seq, digest) in named {
            if !self.blobs.contains(&digest.hex()) {
                checker.report.wrong(Place::Entry(seq), format!("the file {} that it names is missing", digest.hex()));
            }
        }
    }
}

fn parquet_rows(bytes: Vec<u8>) -> Result<Vec<SegmentRow>, segment::SegmentError> {
    let mut rows = Vec::new();
    for batch in segment::read(bytes.into())? {
        rows.extend(batch?);
    }
    Ok(rows)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureLine {
    seq: u64,
    key_id: String,
    signature: String,
}

fn signatures(path: &str, bytes: &[u8], report: &mut Report) -> BTreeMap<u64, ([u8; 64], KeyId)> {
    let mut found = BTreeMap::new();
    for (number, line) in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
        let parsed = canonical::parse(line).ok().and_then(|value| serde_json::from_value::<SignatureLine>(value).ok());
        let parts = parsed.and_then(|line| {
            let signature: [u8; 64] = from_base64url(&line.signature)?.try_into().ok()?;
            Some((line.seq, (signature, line.key_id.parse::<KeyId>().ok()?)))
        });
        match parts {
            Some((seq, signature)) if !found.contains_key(&seq) => drop(found.insert(seq, signature)),
            _ => report.wrong(Place::file(path), format!("line {} is malformed or there twice", number + 1)),
        }
    }
    found
}

/// The log's key sealed this manifest over exactly these events, and they are a prefix of the log under the signed head.
fn check_seal(seal: &BTreeMap<&str, Vec<u8>>, manifest: &Manifest, checker: &mut Checker) {
    if manifest.log != checker.report.log {
        checker.report.wrong(Place::file(MANIFEST), "it is of another log than the events");
    }
    if manifest.snapshot.size != checker.size() || manifest.snapshot.root != checker.root() {
        let what = format!("it was sealed over {} entries with another root than these {}", manifest.snapshot.size, checker.size());
        checker.report.wrong(Place::file(MANIFEST), what);
    }
    let sealed = seal.get(MANIFEST).map(Vec::as_slice).unwrap_or_default();
    let digest = Digest::of(sealed);
    if let Some(note) = seal.get(NOTE) {
        checker.report.heads += 1;
        let checked = std::str::from_utf8(note).map_err(|_| "it is not text".to_owned()).and_then(|note| {
            let note = Note::parse(note).map_err(|error| error.to_string())?;
            if note.text != manifest::note_text(&digest) {
                return Err("the seal is over another manifest".to_owned());
            }
            checker.signed_by_log(&note)?;
            let envelope = seal.get(ENVELOPE).map(Vec::as_slice).unwrap_or_default();
            check_envelope(envelope, sealed, checker).map_err(|what| format!("{ENVELOPE}: {what}"))
        });
        if let Err(what) = checked {
            checker.report.wrong(Place::file(NOTE), what);
        }
    }
    if let (Some(head), Some(proof)) = (seal.get(CHECKPOINT), seal.get(CONSISTENCY)) {
        checker.report.heads += 1;
        if let Err((path, what)) = check_head(head, proof, checker) {
            checker.report.wrong(Place::file(path), what);
        }
    }
}

fn check_head(head: &[u8], proof: &[u8], checker: &Checker) -> Result<(), (&'static str, String)> {
    let note = std::str::from_utf8(head).map_err(|_| (CHECKPOINT, "it is not text".to_owned()))?;
    let checkpoint = checker.open_head(note).map_err(|what| (CHECKPOINT, what))?;
    let malformed = |error: String| (CONSISTENCY, error);
    let value = canonical::parse(proof).map_err(|error| malformed(error.to_string()))?;
    let proof: Vec<Digest> = serde_json::from_value(value).map_err(|error| malformed(error.to_string()))?;
    if tree::verify_consistency(checker.size(), &checker.root(), checkpoint.size, &checkpoint.root, &proof) {
        Ok(())
    } else {
        Err((
            CONSISTENCY,
            format!("the {} entries are not a prefix of the log under the signed head over {}", checker.size(), checkpoint.size),
        ))
    }
}

/// The envelope holds this manifest and is signed by the log.
fn check_envelope(envelope: &[u8], manifest: &[u8], checker: &Checker) -> Result<(), String> {
    let envelope: manifest::Envelope = canonical::parse(envelope)
        .map_err(|error| error.to_string())
        .and_then(|value| serde_json::from_value(value).map_err(|error| error.to_string()))?;
    if !envelope.is_of(manifest) {
        return Err("it holds another manifest".to_owned());
    }
    let [signature] = envelope.signatures.as_slice() else { return Err("it has not one signature".to_owned()) };
    let key = signature.keyid.parse::<KeyId>().map_err(|error| error.to_string())?;
    let bytes = from_base64(&signature.sig).ok_or("its signature is not base64")?;
    checker.signed_with(key, &manifest::pre_authentication(manifest), &bytes)
}
