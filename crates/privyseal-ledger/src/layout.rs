//! Where things stand in a data folder. The part below `ledger/` is a public contract, the rest is ours.

use std::path::{Path, PathBuf};

use privyseal_core::digest::Digest;
use privyseal_core::time::Timestamp;

/// A data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout of the data folder `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The log database.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.root.join("log.sqlite")
    }

    /// Openings of hidden values and the keys of their subjects, mode 0600. Never part of a pack, and backed up apart from the log.
    #[must_use]
    pub fn private(&self) -> PathBuf {
        self.root.join("private.sqlite")
    }

    /// The private key of the node, mode 0600.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.root.join("keys").join("node.key")
    }

    /// The lock that the one writing process holds.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// The public part.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger")
    }

    /// The newest published head.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.ledger().join("checkpoint")
    }

    /// The folder of hash tiles.
    #[must_use]
    pub fn tiles(&self) -> PathBuf {
        self.ledger().join("tile")
    }

    /// A blob by its digest.
    #[must_use]
    pub fn blob(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        let (head, tail) = hex.split_at_checked(2).unwrap_or((&hex, ""));
        self.ledger().join("blobs").join("sha256").join(head).join(tail)
    }

    /// A file below `ledger/` by the path that events record.
    #[must_use]
    pub fn below_ledger(&self, path: &str) -> PathBuf {
        self.ledger().join(path)
    }
}

/// Path below `ledger/` of the segment with these first and last entries, filed by the month of its first entry.
#[must_use]
pub fn segment_path(first: u64, last: u64, first_time: Timestamp) -> String {
    format!("events/{}/{first:012}-{last:012}.parquet", first_time.to_chrono().format("%Y/%m"))
}

/// Whether a recorded segment path has the one form that [`segment_path`] gives; anything else could point outside the folder.
#[must_use]
pub fn is_segment_path(path: &str, first: u64, last: u64) -> bool {
    let Some(rest) = path.strip_prefix("events/") else { return false };
    let mut parts = rest.split('/');
    let digits =
        |part: Option<&str>, length: usize| part.is_some_and(|part| part.len() == length && part.bytes().all(|b| b.is_ascii_digit()));
    digits(parts.next(), 4)
        && digits(parts.next(), 2)
        && parts.next() == Some(&format!("{first:012}-{last:012}.parquet"))
        && parts.next().is_none()
}
