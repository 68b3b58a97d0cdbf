//! Verifying a pack offline: container, seal, events, proofs. What is wrong is named with its file or entry.

use std::collections::BTreeMap;

use privyseal_core::canonical;
use privyseal_core::digest::{Digest, from_base64url};
use privyseal_core::event::{Body, Event};
use privyseal_core::note::{KeyId, Note, VerifierKey};
use privyseal_core::tree;
use privyseal_ledger::log::StoredEntry;
use privyseal_ledger::segment::Typed;
use privyseal_ledger::verify::{Checker, Place, Report};
use serde::Deserialize;

use super::manifest::{self, CHECKPOINT, CONSISTENCY, MANIFEST, Manifest, NOTE};
use super::parquet_rows;
use crate::container::{self, Entry};

/// Verifies the bytes of a pack. Needs nothing but them, and the key that the caller trusts, if any.
#[must_use]
pub fn verify_pack(bytes: &[u8], trusted: Option<VerifierKey>, progress: &mut dyn FnMut(u64, u64)) -> Report {
    let mut checker = Checker::new(trusted);
    let entries = match container::read(bytes) {
        Ok(entries) => entries,
        Err(error) => {
            let place = Place::File { path: "the pack".to_owned(), byte: u64::try_from(error.byte).ok() };
            checker.report.wrong(place, error.what);
            return checker.report;
        }
    };
    let files: BTreeMap<&str, &Entry> = entries.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    let Some(manifest) = read_manifest(&files, &mut checker.report) else { return checker.report };
    check_files(&files, &manifest, &mut checker.report);
    check_events(&files, &mut checker, progress);
    check_seal(&files, &manifest, &mut checker);
    check_blobs(&files, &mut checker);
    checker.report.head = Some((checker.size(), checker.root().hex()));
    checker.report
}

fn content<'a>(files: &BTreeMap<&str, &'a Entry>, path: &str, report: &mut Report) -> Option<&'a [u8]> {
    let found = files.get(path).map(|entry| entry.content.as_slice());
    if found.is_none() {
        report.wrong(Place::file(path), "the file is missing");
    }
    found
}

fn read_manifest(files: &BTreeMap<&str, &Entry>, report: &mut Report) -> Option<Manifest> {
    let bytes = content(files, MANIFEST, report)?;
    let parsed = canonical::parse(bytes).map_err(|error| error.to_string());
    match parsed.and_then(|value| serde_json::from_value::<Manifest>(value).map_err(|error| error.to_string())) {
        Ok(manifest) if manifest.format == 1 => Some(manifest),
        Ok(manifest) => {
            report.unknown(Place::file(MANIFEST), format!("the pack has format {}: use a newer Privyseal", manifest.format));
            None
        }
        Err(error) => {
            report.wrong(Place::file(MANIFEST), error);
            None
        }
    }
}

/// The manifest lists exactly the files there are, each with its digests.
fn check_files(files: &BTreeMap<&str, &Entry>, manifest: &Manifest, report: &mut Report) {
    let mut listed: BTreeMap<&str, ()> = BTreeMap::new();
    for record in &manifest.files {
        listed.insert(&record.path, ());
        let Some(entry) = files.get(record.path.as_str()) else {
            report.wrong(Place::file(&record.path), "the file is missing");
            continue;
        };
        report.files += 1;
        if Digest::of(&entry.content) != record.sha256 || u64::try_from(entry.content.len()).ok() != Some(record.bytes) {
            report.wrong(Place::file(&record.path), "the file is not the one that was sealed");
        } else if Digest::of(&entry.packed) != record.packed_sha256 {
            report.wrong(Place::file(&record.path), "the file was packed again after it was sealed");
        }
    }
    for (path, entry) in files {
        let sealing = matches!(*path, MANIFEST | NOTE | CHECKPOINT | CONSISTENCY);
        // The files of the seal are not in the manifest, so they are stored as they are and have no second form.
        if sealing && entry.packed != entry.content {
            report.wrong(Place::file(*path), "the file was packed again after it was sealed");
        }
        if !sealing && !listed.contains_key(path) {
            report.wrong(Place::file(*path), "the file is not in the manifest: it was added after sealing");
        }
    }
    if manifest::pack_digest(&manifest.files).ok() != Some(manifest.pack_digest) {
        report.wrong(Place::file(MANIFEST), "its pack digest is not the digest of its files");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureLine {
    seq: u64,
    key_id: String,
    signature: String,
}

fn signatures(bytes: &[u8], report: &mut Report) -> BTreeMap<u64, ([u8; 64], KeyId)> {
    let mut found = BTreeMap::new();
    for (number, line) in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
        let parsed = canonical::parse(line).ok().and_then(|value| serde_json::from_value::<SignatureLine>(value).ok());
        let parts = parsed.and_then(|line| {
            let signature: [u8; 64] = from_base64url(&line.signature)?.try_into().ok()?;
            Some((line.seq, (signature, line.key_id.parse::<KeyId>().ok()?)))
        });
        match parts {
            Some((seq, signature)) if !found.contains_key(&seq) => drop(found.insert(seq, signature)),
            _ => report.wrong(Place::file("ledger/signatures.jsonl"), format!("line {} is malformed or there twice", number + 1)),
        }
    }
    found
}

/// The events verbatim through the checker, then the Parquet file against them, cell by cell.
fn check_events(files: &BTreeMap<&str, &Entry>, checker: &mut Checker, progress: &mut dyn FnMut(u64, u64)) {
    const EVENTS: &str = "ledger/events.jsonl";
    const PARQUET: &str = "ledger/events.parquet";
    let Some(lines) = content(files, EVENTS, &mut checker.report) else { return };
    let signed = content(files, "ledger/signatures.jsonl", &mut checker.report).map(<[u8]>::to_vec).unwrap_or_default();
    let mut signatures = signatures(&signed, &mut checker.report);
    let total = u64::try_from(lines.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u64::MAX);
    let mut stored: Vec<StoredEntry> = Vec::new();
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let Some(entry) = line.strip_suffix(b"\n") else {
            checker.report.wrong(Place::file(EVENTS), "the last line is cut off");
            break;
        };
        let seq = checker.size();
        let entry = StoredEntry { seq, entry: entry.to_vec(), leaf: tree::leaf_hash(entry), signature: signatures.remove(&seq) };
        checker.entry(&entry);
        stored.push(entry);
        if seq.is_multiple_of(4_096) {
            progress(seq, total);
        }
    }
    for seq in signatures.keys() {
        checker.report.wrong(Place::file("ledger/signatures.jsonl"), format!("it signs entry {seq}, which is not there"));
    }
    let Some(parquet) = content(files, PARQUET, &mut checker.report) else { return };
    match parquet_rows(parquet.to_vec()) {
        Err(error) => checker.report.wrong(Place::file(PARQUET), error.to_string()),
        Ok(rows) => {
            let differs = rows
                .iter()
                .zip(&stored)
                .position(|(row, stored)| row.stored != *stored || Typed::of(&stored.entry).ok().as_ref() != Some(&row.typed));
            if let Some(row) = differs {
                checker.report.wrong(Place::file(PARQUET), format!("its row of entry {row} differs from the signed bytes"));
            } else if rows.len() != stored.len() {
                checker.report.wrong(Place::file(PARQUET), format!("it has {} rows, there are {} entries", rows.len(), stored.len()));
            }
        }
    }
}

/// The log's key sealed this manifest over exactly these events, and they are a prefix of the log under the signed head.
fn check_seal(files: &BTreeMap<&str, &Entry>, manifest: &Manifest, checker: &mut Checker) {
    if manifest.log != checker.report.log {
        checker.report.wrong(Place::file(MANIFEST), "it is of another log than the events");
    }
    if manifest.snapshot.size != checker.size() || manifest.snapshot.root != checker.root() {
        let what = format!("it was sealed over {} entries with another root than these {}", manifest.snapshot.size, checker.size());
        checker.report.wrong(Place::file(MANIFEST), what);
    }
    let sealed = content(files, MANIFEST, &mut checker.report).map(Digest::of);
    if let (Some(digest), Some(note)) = (sealed, content(files, NOTE, &mut checker.report)) {
        checker.report.heads += 1;
        let checked = std::str::from_utf8(note).map_err(|_| "it is not text".to_owned()).and_then(|note| {
            let note = Note::parse(note).map_err(|error| error.to_string())?;
            if note.text != manifest::note_text(&digest) {
                return Err("the seal is over another manifest".to_owned());
            }
            checker.signed_by_log(&note)
        });
        if let Err(what) = checked {
            checker.report.wrong(Place::file(NOTE), what);
        }
    }
    let head = content(files, CHECKPOINT, &mut checker.report);
    let proof = content(files, CONSISTENCY, &mut checker.report);
    if let (Some(head), Some(proof)) = (head, proof) {
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

/// Policy and catalog files that the events name are in the pack, and are what the events say.
fn check_blobs(files: &BTreeMap<&str, &Entry>, checker: &mut Checker) {
    for (path, entry) in files {
        if let Some(hex) = path.strip_prefix("ledger/blobs/")
            && Digest::of(&entry.content).hex() != hex
        {
            checker.report.wrong(Place::file(*path), "the blob's bytes do not have the digest that is its name");
        }
    }
    let blobs = std::mem::take(&mut checker.summary.blobs);
    for (seq, digest) in blobs {
        if !files.contains_key(format!("ledger/blobs/{}", digest.hex()).as_str()) {
            checker.report.wrong(Place::Entry(seq), format!("the blob {} that it names is missing", digest.hex()));
        }
    }
}

/// Digests of the blobs that entries name, for whoever builds a pack.
#[must_use]
pub fn named_blobs(entries: &[StoredEntry]) -> Vec<Digest> {
    let mut found: Vec<Digest> = entries
        .iter()
        .filter_map(|stored| Event::from_entry(&stored.entry).ok())
        .flat_map(|event| match event.body {
            Body::PolicyPublished(policy) => policy.files.into_iter().map(|file| file.sha256).collect::<Vec<_>>(),
            Body::CatalogPublished(catalog) => catalog.files.into_iter().map(|file| file.sha256).collect(),
            _ => Vec::new(),
        })
        .collect();
    found.sort();
    found.dedup();
    found
}
