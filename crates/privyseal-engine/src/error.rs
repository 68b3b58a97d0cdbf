//! What can go wrong, sorted by what the caller can do about it.

use std::io;
use std::path::PathBuf;

use privyseal_core::refusal::Refusal;
use privyseal_ledger::keys::KeyError;
use privyseal_ledger::log::LogError;
use privyseal_ledger::private::PrivateError;

/// A command that has no answer, or the answer no.
#[derive(Debug, thiserror::Error)]
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
    /// The disk did not take it; nothing was recorded, nothing happened.
    #[error("the ledger cannot be written, so nothing was done: {0}")]
    NotRecorded(String),
    /// The values are gone, but the record of that is not in the log yet.
    #[error(
        "the values are erased, but their `redaction.made` is not in the log yet: {0}; the engine goes on trying, also after a restart"
    )]
    Unfinished(String),
    /// The engine has stopped for good, because it no longer knows what the disk holds.
    #[error("the engine has stopped: {0}; restart the server, it will check the ledger first")]
    Stopped(String),
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
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store of hidden values cannot be used.
    #[error(transparent)]
    Private(#[from] PrivateError),
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
