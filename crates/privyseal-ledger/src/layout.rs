//! Where things stand in a data folder. The part below `ledger/` is a public contract, the rest is ours.

use std::path::{Path, PathBuf};

use privyseal_core::digest::Digest;
use privyseal_core::time::Timestamp;

use crate::place::Bucket;
use crate::postgres::Database;

/// A data folder, and where its log and its segments are when they are not in the folder too.
#[derive(Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
    database: Option<Database>,
    bucket: Option<Bucket>,
}

/// Without the addresses of database and bucket, which may hold secrets.
impl std::fmt::Debug for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layout").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Layout {
    /// The layout of the data folder `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), database: None, bucket: None }
    }

    /// The same folder, with the log in a database.
    #[must_use]
    pub fn with_database(self, database: Option<Database>) -> Self {
        Self { database, ..self }
    }

    /// The same folder, with sealed segments kept in a bucket.
    #[must_use]
    pub fn with_bucket(self, bucket: Option<Bucket>) -> Self {
        Self { bucket, ..self }
    }

    /// The bucket that keeps sealed segments; `None` when the folder does.
    #[must_use]
    pub fn bucket(&self) -> Option<&Bucket> {
        self.bucket.as_ref()
    }

    /// The database that holds the log; `None` when it is in SQLite.
    #[must_use]
    pub fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The log database, when the log is in SQLite; [`crate::store::Store::of`] opens it wherever it is.
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

    /// The private key that is about to take the node key's place, mode 0600; there only while keys are rotated.
    #[must_use]
    pub fn next_key(&self) -> PathBuf {
        self.root.join("keys").join("next.key")
    }

    /// The lock that the one writing process holds.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// What can be made again from the log: state snapshots.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
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
    format!("events/{}/{first:012}-{last:012}.parquet", month(first_time))
}

/// The month of a moment in UTC, as it stands in paths of segments: `yyyy/mm`. Later months compare greater.
#[must_use]
pub fn month(time: Timestamp) -> String {
    time.to_chrono().format("%Y/%m").to_string()
}

/// The month under which a segment is filed; empty for a path that is not of a segment.
#[must_use]
pub fn month_of_path(path: &str) -> &str {
    path.strip_prefix("events/").and_then(|rest| rest.get(..7)).unwrap_or_default()
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
