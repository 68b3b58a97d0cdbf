//! The evidence pack: what is in it, how it is sealed. `docs/PACK.md` says the same for people who write their own verifier.
//!
//! Everything outside `seal/` depends only on the log up to the end of the period, the period, and the catalogs: the same build of the
//! same thing gives the same bytes. What depends on when and by whom it was built stands in `seal/`.
//!
//! A pack is written file after file in the order of the container: what stands in memory is one piece of the log and the small files,
//! however long the period is.

mod content;
mod events;
mod manifest;
mod nodes;
mod population;
mod summary;
mod trace;
mod verify;

pub use manifest::{FileRecord, Manifest};
pub use nodes::Nodes;
pub use population::Spool;
pub use summary::{control_document, summary_document};
pub use verify::verify_pack;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use privyseal_core::canonical::{self, CanonicalError};
use privyseal_core::digest::{Digest, Hasher};
use privyseal_core::finding::Findings;
use privyseal_core::id::RequestId;
use privyseal_core::note::NodeKey;
use privyseal_core::time::Timestamp;
use privyseal_core::tree::{self, ProofError};
use privyseal_ledger::log::{LogError, StoredEntry};
use privyseal_ledger::segment::SegmentError;

use crate::container::{self, Effort, Packed, WriteError, Writer};
use crate::{html, pdf};

/// Where the entries of a log come from.
pub trait LogSource: Sync {
    /// Entries from `from` on, at most `limit`, in order, none left out.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn entries(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, LogError>;

    /// Entries that concern one request, in order.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn of_request(&self, request: &RequestId) -> Result<Vec<StoredEntry>, LogError>;

    /// Signed heads over `from` entries or more that were kept, by size, at most `limit`.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<(u64, String)>, LogError>;

    /// A blob that an entry names; `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be read or is not what its name says.
    fn blob(&self, digest: &Digest) -> io::Result<Option<Vec<u8>>>;
}

/// Everything a pack is made from. Nothing else is looked up while it is built.
pub struct PackInput<'a> {
    /// What the tests found, over the log up to the end of the period.
    pub findings: &'a Findings,
    /// The whole populations of the tests.
    pub populations: &'a Spool,
    /// The log.
    pub source: &'a dyn LogSource,
    /// Origin of the log.
    pub log: &'a str,
    /// The signed head at the time of building.
    pub checkpoint: &'a str,
    /// How many entries that head covers; at least as many as the findings were computed from.
    pub head_size: u64,
    /// Files that were computed elsewhere: catalogs, views, tables; path in the pack and content.
    pub material: Vec<(String, Vec<u8>)>,
    /// When it is built.
    pub built_at: Timestamp,
    /// Name and version of the software.
    pub software: &'a str,
    /// The key that seals it.
    pub key: &'a NodeKey,
}

/// Told how far the building is; may end it.
pub trait Watch: Sync {
    /// So many of the log's entries are in the pack.
    fn written(&self, entries: u64, of: u64);

    /// Whether nobody wants the pack any more.
    fn is_stopped(&self) -> bool;
}

/// A finished pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Digest over paths and contents outside `seal/`.
    pub digest: Digest,
    /// SHA-256 of the file.
    pub file_sha256: Digest,
    /// Length of the file in bytes.
    pub bytes: u64,
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
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Log(#[from] LogError),
    /// The log is not what the findings were computed from.
    #[error("{0}: run `privyseal verify`")]
    Other(String),
    /// A proof cannot be made.
    #[error("the log cannot be proven")]
    Proof(#[from] ProofError),
    /// It does not fit, or the disk refuses.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file cannot be read or written.
    #[error("a file of the pack cannot be read or written")]
    Io(#[from] io::Error),
    /// Nobody wants it any more.
    #[error("the building of the pack was stopped")]
    Stopped,
}

/// Whether a file of a pack holds entries, one a line.
#[must_use]
pub fn is_events(path: &str) -> bool {
    path.strip_prefix(events::FOLDER).and_then(|name| name.strip_suffix(".jsonl")).is_some_and(|name| !name.contains('.'))
}

/// A small file, or one that stands on disk.
enum Content {
    Bytes(Vec<u8>),
    Disk(PathBuf),
}

/// Files that wait for their place in the container, by path.
type Waiting = BTreeMap<String, Content>;

/// Hashes and counts what is written.
struct Counted<W> {
    to: W,
    hasher: Hasher,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        self.bytes += u64::try_from(written).unwrap_or(0);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The container with the list of what is in it.
struct Out<W: Write> {
    writer: Writer<Counted<W>>,
    records: Vec<FileRecord>,
}

impl<W: Write> Out<W> {
    fn put(&mut self, file: &Packed) -> Result<(), WriteError> {
        self.writer.put(file)?;
        self.records.push(FileRecord {
            path: file.path.clone(),
            bytes: file.bytes,
            sha256: file.sha256,
            packed_sha256: file.packed_sha256,
        });
        Ok(())
    }

    fn put_all(&mut self, files: Waiting, watch: &dyn Watch) -> Result<(), PackError> {
        for (path, content) in files {
            if watch.is_stopped() {
                return Err(PackError::Stopped);
            }
            let (bytes, effort) = match content {
                Content::Bytes(bytes) => (bytes, Effort::Good),
                Content::Disk(file) => (std::fs::read(file)?, Effort::Fast),
            };
            self.put(&container::pack(&path, bytes, effort))?;
        }
        Ok(())
    }
}

/// Builds and seals a pack. What was written until an error is no pack.
///
/// # Errors
/// When something cannot be read, rendered or written, or `watch` ends it.
pub fn build<W: Write>(input: &PackInput<'_>, to: W, watch: &dyn Watch) -> Result<Pack, PackError> {
    let mut out = Out { writer: Writer::new(Counted { to, hasher: Hasher::new(), bytes: 0 }), records: Vec::new() };
    let mut files = content::files(input)?;
    let mut after = files.split_off(events::FOLDER);
    out.put_all(files, watch)?;
    let passed = events::write(input, &mut out, watch)?;
    trace::files(input, &passed, &mut after)?;
    after.insert(events::PERIOD.to_owned(), Content::Bytes(events::period(input, &passed)?));
    // Blobs are known only from the entries, and stand before them in the alphabet: they have a folder behind.
    for digest in &passed.blobs {
        let found = input.source.blob(digest)?;
        let bytes = found.ok_or_else(|| PackError::Other(format!("the blob {} that an entry names is missing", digest.hex())))?;
        after.insert(format!("{}{}", events::BLOBS, digest.hex()), Content::Bytes(bytes));
    }
    out.put_all(after, watch)?;
    seal(input, &passed, out)
}

fn seal<W: Write>(input: &PackInput<'_>, passed: &events::Passed, mut out: Out<W>) -> Result<Pack, PackError> {
    let manifest = Manifest::new(input, std::mem::take(&mut out.records))?;
    let manifest_bytes = canonical::serialize(&manifest)?;
    let note = input.key.sign_note(&manifest::note_text(&Digest::of(&manifest_bytes)));
    let proof = tree::consistency_proof(&passed.nodes, input.findings.snapshot.size, input.head_size)?;
    let proof: Vec<String> = proof.iter().map(ToString::to_string).collect();
    let files = BTreeMap::from([
        (manifest::ENVELOPE, canonical::serialize(&manifest::Envelope::new(input.key, &manifest_bytes))?),
        (manifest::MANIFEST, manifest_bytes),
        (manifest::NOTE, note.into_bytes()),
        (manifest::CHECKPOINT, input.checkpoint.as_bytes().to_vec()),
        (manifest::CONSISTENCY, canonical::serialize(&proof)?),
        (manifest::HEADS, events::heads(input, &passed.edges)?),
    ]);
    for (path, bytes) in files {
        out.writer.put(&container::pack(path, bytes, Effort::None))?;
    }
    let counted = out.writer.finish()?;
    Ok(Pack { digest: manifest.pack_digest, file_sha256: counted.hasher.finish(), bytes: counted.bytes })
}
