//! One entry's proof as a file: made from the published head and its tiles, verified from its own bytes alone.

use privyseal_core::cosignature::CosignedHead;
use privyseal_core::event::Event;
use privyseal_core::note::{NoteError, VerifierKey};
use privyseal_core::tlog_policy::Policy;
use privyseal_core::tlog_proof::TlogProof;
use privyseal_core::tree::leaf_hash;

use crate::layout::Layout;
use crate::log::StoredEntry;
use crate::tiles;
use crate::verify::{Place, Problem, Report};

/// Why an entry has no proof yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoProof {
    /// No published head covers the entry.
    #[error("no published head covers entry {seq} yet: a head is published within a second while the server runs; try again")]
    NotCovered {
        /// The entry.
        seq: u64,
    },
    /// The tiles do not prove it.
    #[error("the hash tiles do not prove entry {seq}: run `privyseal verify`")]
    NotProven {
        /// The entry.
        seq: u64,
    },
}

/// The proof of an entry under the published head, with the entry's bytes as `extra`. It is checked before it is handed out.
///
/// # Errors
/// When no published head covers the entry, or the tiles do not prove it.
pub fn make(layout: &Layout, stored: &StoredEntry) -> Result<TlogProof, NoProof> {
    let seq = stored.seq;
    let note = std::fs::read_to_string(layout.checkpoint()).unwrap_or_default();
    let head = CosignedHead::parse(&note).ok().filter(|head| seq < head.checkpoint.size).ok_or(NoProof::NotCovered { seq })?;
    let path = tiles::prove(&layout.tiles(), &stored.leaf, seq, head.checkpoint.size, &head.checkpoint.root);
    let path = path.map_err(|_| NoProof::NotProven { seq })?;
    Ok(TlogProof { extra: Some(stored.entry.clone()), index: seq, path, head })
}

/// Whether a text is a proof file, as far as its first line says.
#[must_use]
pub fn is_proof_file(bytes: &[u8]) -> bool {
    bytes.starts_with(b"c2sp.org/tlog-proof@")
}

/// Verifies a proof file that carries its entry: the entry's form, its place under the head, the head's signature by the trusted key,
/// and the policy's quorum. What the entry says about people is not checked here; a single entry cannot show it.
#[must_use]
pub fn verify(name: &str, text: &str, trusted: Option<&VerifierKey>, policy: Option<&Policy>) -> Report {
    let mut report = Report::new();
    let place = || Place::file(name);
    let proof: TlogProof = match text.parse() {
        Ok(proof) => proof,
        Err(error) => {
            report.wrong(place(), privyseal_core::cause::chain(&error));
            return report;
        }
    };
    let head = &proof.head.checkpoint;
    report.log = head.origin.clone();
    report.head = Some((head.size, head.root.hex()));
    match &proof.extra {
        None => report.unknown(place(), "the file does not carry the entry that it proves"),
        Some(entry) => {
            report.entries = 1;
            if let Err(error) = proof.verify_inclusion(&leaf_hash(entry)) {
                report.wrong(place(), error.to_string());
            }
            match Event::from_entry(entry) {
                Ok(event) if event.seq == proof.index && event.log == head.origin => {}
                Ok(_) => report.wrong(place(), "the entry is of another log or position than the proof says"),
                Err(error) => report.wrong(place(), error.to_string()),
            }
        }
    }
    check_head(&mut report, name, &proof.head, trusted, policy);
    report
}

fn check_head(report: &mut Report, name: &str, head: &CosignedHead, trusted: Option<&VerifierKey>, policy: Option<&Policy>) {
    let place = || Place::file(name);
    let mut log_signed = false;
    if let Some(key) = trusted {
        report.key = key.to_string();
        match head.note.verify(key) {
            Ok(()) if key.name() == head.checkpoint.origin => log_signed = true,
            Ok(()) => report.wrong(place(), "the head is of another log than the trusted key's"),
            Err(NoteError::Unsigned(_)) => {
                report.unknown(place(), "the head is not signed by the trusted key: give the key that signs heads now")
            }
            Err(error) => report.wrong(place(), error.to_string()),
        }
    }
    if let Some(policy) = policy {
        match head.check(policy) {
            Ok(check) => {
                if let Some(key) = &check.log {
                    log_signed = true;
                    report.key = key.to_string();
                }
                match check.vouched() {
                    Ok(witnesses) => report.witnesses = witnesses,
                    Err(what) => report.add(Problem::unwitnessed(place(), what)),
                }
            }
            Err(NoteError::Unsigned(what)) => report.unknown(place(), format!("the head carries no signature {what}")),
            Err(error) => report.wrong(place(), error.to_string()),
        }
    }
    // A policy that names no logs leaves the log's signature to the trusted key.
    if log_signed {
        report.heads = 1;
        report.key_trusted = true;
    } else if trusted.is_none() {
        let what = "nobody vouches for the head: give --trusted-key or a --policy that names the log";
        report.unknown(place(), what);
    }
}
