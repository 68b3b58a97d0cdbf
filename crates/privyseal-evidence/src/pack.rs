//! The evidence pack: what is in it, how it is sealed. `docs/PACK.md` says the same for people who write their own verifier.
//!
//! Everything outside `seal/` depends only on the log up to the end of the period, the period, and the catalogs: the same build of the
//! same thing gives the same bytes. What depends on when and by whom it was built stands in `seal/`.

mod content;
mod manifest;
mod summary;
mod verify;

pub use manifest::{FileRecord, Manifest};
pub use summary::{control_document, summary_document};
pub use verify::{named_blobs, verify_pack};

use bytes::Bytes;
use privyseal_core::canonical::{self, CanonicalError};
use privyseal_core::digest::Digest;
use privyseal_core::finding::Findings;
use privyseal_core::note::NodeKey;
use privyseal_core::time::Timestamp;
use privyseal_ledger::log::StoredEntry;
use privyseal_ledger::segment::SegmentError;

use crate::container::{self, Entry, WriteError};
use crate::{html, pdf};

/// Everything a pack is made from. Nothing is looked up while it is built.
pub struct PackInput<'a> {
    /// What the tests found, over the log up to the end of the period.
    pub findings: &'a Findings,
    /// The log up to the end of the period, from entry 0.
    pub entries: &'a [StoredEntry],
    /// Origin of the log.
    pub log: &'a str,
    /// The signed head at the time of building.
    pub checkpoint: &'a str,
    /// Proof that `entries` are a prefix of the log under that head (RFC 6962 section 2.1.2).
    pub consistency: &'a [Digest],
    /// Files needed to re-perform the tests: catalogs, views; path in the pack and content.
    pub material: Vec<(String, Vec<u8>)>,
    /// Blobs that entries name: policy and catalog files.
    pub blobs: Vec<(Digest, Vec<u8>)>,
    /// When it is built.
    pub built_at: Timestamp,
    /// Name and version of the software.
    pub software: &'a str,
    /// The key that seals it.
    pub key: &'a NodeKey,
}

/// A finished pack.
pub struct Pack {
    /// The zip file.
    pub bytes: Vec<u8>,
    /// Digest over paths and contents outside `seal/`.
    pub digest: Digest,
}

/// Why a pack was not built.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A page cannot be rendered.
    #[error("a page of the pack cannot be rendered")]
    Html(#[from] html::Error),
    /// The PDF cannot be rendered.
    #[error("the PDF of the pack cannot be rendered")]
    Pdf(#[from] pdf::Error),
    /// A value cannot be written down.
    #[error("a file of the pack cannot be written")]
    Canonical(#[from] CanonicalError),
    /// The events cannot be written as Parquet.
    #[error("the events of the pack cannot be written")]
    Segment(#[from] SegmentError),
    /// A table cannot be written.
    #[error("a table of the pack cannot be written: {0}")]
    Table(String),
    /// It does not fit.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Builds and seals a pack.
///
/// # Errors
/// When something cannot be rendered or does not fit; nothing is half built.
pub fn build(input: &PackInput<'_>) -> Result<Pack, PackError> {
    let mut entries: Vec<Entry> = content::files(input)?.into_iter().map(|(path, bytes)| container::pack(&path, bytes)).collect();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let manifest = Manifest::new(input, &entries)?;
    let manifest_bytes = canonical::serialize(&manifest)?;
    let digest = manifest.pack_digest;
    let note = input.key.sign_note(&manifest::note_text(&Digest::of(&manifest_bytes)));
    let consistency: Vec<String> = input.consistency.iter().map(ToString::to_string).collect();
    let mut seal = |path: &str, bytes: Vec<u8>| entries.push(container::store(path, bytes));
    seal(manifest::MANIFEST, manifest_bytes);
    seal(manifest::NOTE, note.into_bytes());
    seal(manifest::CHECKPOINT, input.checkpoint.as_bytes().to_vec());
    seal(manifest::CONSISTENCY, canonical::serialize(&consistency)?);
    Ok(Pack { bytes: container::write(entries)?, digest })
}

/// Reads a Parquet file from memory; shared by building and verifying.
fn parquet_rows(bytes: Vec<u8>) -> Result<Vec<privyseal_ledger::segment::SegmentRow>, SegmentError> {
    let mut rows = Vec::new();
    for batch in privyseal_ledger::segment::read(Bytes::from(bytes))? {
        rows.extend(batch?);
    }
    Ok(rows)
}
