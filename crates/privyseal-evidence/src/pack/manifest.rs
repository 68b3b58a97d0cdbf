//! The manifest: which files are in a pack, what they are digests of, and what the seal is over.

use privyseal_core::canonical::{self, CanonicalError};
use privyseal_core::digest::Digest;
use privyseal_core::event::evidence::Snapshot;
use privyseal_core::time::{Period, Timestamp};
use serde::{Deserialize, Serialize};

use super::PackInput;
use crate::container::Entry;

pub(super) const MANIFEST: &str = "seal/manifest.json";
pub(super) const NOTE: &str = "seal/manifest.note";
pub(super) const CHECKPOINT: &str = "seal/checkpoint";
pub(super) const CONSISTENCY: &str = "seal/consistency.json";

/// One file of a pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Its path.
    pub path: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of its content.
    pub sha256: Digest,
    /// SHA-256 of its bytes as they stand in the container, so that not even packing can be changed.
    pub packed_sha256: Digest,
}

/// What a pack is, under signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format of packs; 1.
    pub format: u64,
    /// Origin of the log.
    pub log: String,
    /// Framework ids.
    pub frameworks: Vec<String>,
    /// Period covered, half-open.
    pub period: Period,
    /// The prefix of the log that everything was computed from.
    pub snapshot: Snapshot,
    /// SHA-256 over the canonical JSON of [path, sha256] of every file outside `seal/`, in order.
    pub pack_digest: Digest,
    /// When it was built.
    pub built_at: Timestamp,
    /// With which software.
    pub software: String,
    /// Every file outside `seal/`, in order of path.
    pub files: Vec<FileRecord>,
}

impl Manifest {
    pub(super) fn new(input: &PackInput<'_>, entries: &[Entry]) -> Result<Self, CanonicalError> {
        let files: Vec<FileRecord> = entries
            .iter()
            .map(|entry| FileRecord {
                path: entry.path.clone(),
                bytes: u64::try_from(entry.content.len()).unwrap_or(u64::MAX),
                sha256: Digest::of(&entry.content),
                packed_sha256: Digest::of(&entry.packed),
            })
            .collect();
        Ok(Self {
            format: 1,
            log: input.log.to_owned(),
            frameworks: input.findings.frameworks.iter().map(|framework| framework.framework.clone()).collect(),
            period: input.findings.period,
            snapshot: input.findings.snapshot.clone(),
            pack_digest: pack_digest(&files)?,
            built_at: input.built_at,
            software: input.software.to_owned(),
            files,
        })
    }
}

pub(super) fn pack_digest(files: &[FileRecord]) -> Result<Digest, CanonicalError> {
    let pairs: Vec<(&str, Digest)> = files.iter().map(|file| (file.path.as_str(), file.sha256)).collect();
    Ok(Digest::of(&canonical::serialize(&pairs)?))
}

/// The text that the log's key signs, as a signed note.
pub(super) fn note_text(manifest: &Digest) -> String {
    format!("privyseal/pack/v1\n{manifest}\n")
}
