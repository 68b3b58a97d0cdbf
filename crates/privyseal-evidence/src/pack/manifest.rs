//! The manifest: which files are in a pack, what they are digests of, and what the seal is over.

use privyseal_core::canonical::{self, CanonicalError};
use privyseal_core::digest::{Digest, base64};
use privyseal_core::event::evidence::Snapshot;
use privyseal_core::note::NodeKey;
use privyseal_core::time::{Period, Timestamp};
use serde::{Deserialize, Serialize};

use super::PackInput;

pub(super) const MANIFEST: &str = "seal/manifest.json";
pub(super) const NOTE: &str = "seal/manifest.note";
pub(super) const CHECKPOINT: &str = "seal/checkpoint";
/// The manifest as a DSSE envelope, for whoever has tools for those.
pub(super) const ENVELOPE: &str = "seal/manifest.dsse.json";
/// Signed heads over the period, one a line. They are no part of the content: witnesses may cosign one later.
pub(super) const HEADS: &str = "seal/heads.jsonl";
pub(super) const CONSISTENCY: &str = "seal/consistency.json";

/// The format of packs that this writes, and the only one that it verifies.
pub(super) const FORMAT: u64 = 2;
/// Type of what the envelope holds.
const PAYLOAD_TYPE: &str = "application/vnd.privyseal.manifest+json";

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
    /// Format of packs; 2. Packs of format 1 are read by the versions that wrote them.
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
    pub(super) fn new(input: &PackInput<'_>, files: Vec<FileRecord>) -> Result<Self, CanonicalError> {
        Ok(Self {
            format: FORMAT,
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

/// A DSSE envelope (Dead Simple Signing Envelope, protocol version 1.0).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Envelope {
    payload_type: String,
    payload: String,
    pub(super) signatures: Vec<EnvelopeSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnvelopeSignature {
    /// The key's id in hexadecimal digits, as on notes.
    pub(super) keyid: String,
    /// Base64.
    pub(super) sig: String,
}

impl Envelope {
    /// The manifest under the log's key.
    pub(super) fn new(key: &NodeKey, manifest: &[u8]) -> Self {
        let signature = EnvelopeSignature { keyid: key.id().to_string(), sig: base64(&key.sign(&pre_authentication(manifest))) };
        Self { payload_type: PAYLOAD_TYPE.to_owned(), payload: base64(manifest), signatures: vec![signature] }
    }

    /// Whether it holds this manifest.
    pub(super) fn is_of(&self, manifest: &[u8]) -> bool {
        self.payload_type == PAYLOAD_TYPE && self.payload == base64(manifest)
    }
}

/// What a DSSE signature is over.
pub(super) fn pre_authentication(manifest: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), manifest.len()).into_bytes();
    out.extend_from_slice(manifest);
    out
}
