//! What can go wrong, sorted by what the caller can do about it.

use std::io;
use std::path::PathBuf;

use privyseal_core::refusal::Refusal;
use privyseal_ledger::keys::KeyError;
use privyseal_ledger::log::LogError;
use privyseal_ledger::private::PrivateError;

/// A command that has no answer, or the answer no.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine said no; the refusal says what to do.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An attachment is not what it says.
    #[error("{0}")]
    BadInput(String),
    /// Too many commands are waiting: try again in a moment.
    #[error("too many commands are waiting: try again in a second")]
    Overloaded,
    /// Disk, database or object store did not take it; nothing was recorded, nothing happened.
    #[error(
        "the ledger cannot be written, so nothing was done: {0}; check the disk and its free space, or the database or store that is named, then try again"
    )]
    NotRecorded(String),
    /// The values are gone, but the record of that is not in the log yet.
    #[error(
        "the values are erased, but their `redaction.made` is not in the log yet: {0}; the engine goes on trying, also after a restart"
    )]
    Unfinished(String),
    /// The connection to the ledger ended while the commit was on its way, and the ledger could not be asked since.
    #[error("it is not known whether this was recorded: {0}; look, or send it again with the same idempotency key")]
    InDoubt(String),
    /// The log could not be read where the answer stands; nothing was recorded, nothing happened.
    #[error("the ledger cannot be read, so nothing was done: {0}")]
    Unreadable(String),
    /// The engine has stopped for good, because it no longer knows what the disk holds.
    #[error("the engine has stopped: {0}; restart the server, it will check the ledger first")]
    Stopped(String),
}

impl EngineError {
    pub(crate) fn unreadable(error: LogError) -> Self {
        Self::Unreadable(privyseal_core::cause::chain(&error))
    }
}

/// Why a data folder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes it.
    #[error("the data folder {path} is in use by another Privyseal process: stop it first, or use another folder with --data")]
    Locked {
        /// Which folder.
        path: PathBuf,
    },
    /// There is no instance here.
    #[error("there is no Privyseal instance in {path}: run `privyseal init --data {path}` first")]
    Missing {
        /// Which folder.
        path: PathBuf,
    },
    /// There is one already.
    #[error("there is a Privyseal instance in {path} already: use another folder, or move that one away")]
    Exists {
        /// Which folder.
        path: PathBuf,
    },
    /// The folder cannot be used.
    #[error("cannot use the data folder {path}: check that it exists, is yours and can be written")]
    Io {
        /// Which folder or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The log cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The witnesses that the configuration names cannot be asked.
    #[error(transparent)]
    Witnesses(#[from] privyseal_ledger::witness::UnusableError),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store of hidden values cannot be used.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// The key in the folder may not sign this log.
    #[error("the signing key {path} ({key}) cannot sign this log: {why}; put the right key back, or restore the folder's newest backup")]
    WrongKey {
        /// Which file.
        path: PathBuf,
        /// Its id.
        key: String,
        /// Why not.
        why: &'static str,
    },
    /// The log holds something that this build cannot follow.
    #[error("the ledger in {path} cannot be followed at entry {seq}: {detail}; run `privyseal verify --data {path}`")]
    Content {
        /// Which folder.
        path: PathBuf,
        /// Where.
        seq: u64,
        /// What is wrong.
        detail: String,
    },
    /// The head is behind one that was published: someone put an older log back.
    #[error(
        "the ledger in {path} was rolled back: it has {size} entries, but a head over {published} was published; restore the newest backup"
    )]
    RolledBack {
        /// Which folder.
        path: PathBuf,
        /// Entries there are.
        size: u64,
        /// Entries there were.
        published: u64,
    },
    /// The policy in force cannot be read.
    #[error("the policy in force cannot be loaded: {0}")]
    Policy(String),
}
