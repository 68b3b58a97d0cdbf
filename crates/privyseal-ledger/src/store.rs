//! Where the log of an instance is, and how to open it.

use std::path::PathBuf;

use crate::layout::Layout;
use crate::log::{Log, LogError, LogReader};
use crate::sqlite::SqliteLog;

/// The place of a log. Opening it is left to whoever reads or writes: a store holds no connection.
#[derive(Clone)]
pub enum Store {
    /// A SQLite file.
    Sqlite(PathBuf),
}

impl Store {
    /// The store of an instance.
    #[must_use]
    pub fn of(layout: &Layout) -> Self {
        Store::Sqlite(layout.log())
    }

    /// What to call it in a message.
    #[must_use]
    pub fn name(&self) -> PathBuf {
        match self {
            Store::Sqlite(path) => path.clone(),
        }
    }

    /// Whether there is a log, good or damaged.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub fn exists(&self) -> Result<bool, LogError> {
        match self {
            Store::Sqlite(path) => Ok(path.exists()),
        }
    }

    /// Makes a new, empty log.
    ///
    /// # Errors
    /// When there is one already, or the store cannot be written.
    pub fn create(&self) -> Result<Box<dyn Log>, LogError> {
        match self {
            Store::Sqlite(path) => Ok(Box::new(SqliteLog::create(path)?)),
        }
    }

    /// Opens the log for reading and writing, bringing an older layout up to this build's.
    ///
    /// # Errors
    /// When it is missing, not ours, or of a newer version.
    pub fn open(&self) -> Result<Box<dyn Log>, LogError> {
        match self {
            Store::Sqlite(path) => Ok(Box::new(SqliteLog::open(path)?)),
        }
    }

    /// Opens the log for reading, beside processes that write it.
    ///
    /// # Errors
    /// When it is missing, not ours, or of a newer version.
    pub fn reader(&self) -> Result<Box<dyn LogReader>, LogError> {
        match self {
            Store::Sqlite(path) => Ok(Box::new(SqliteLog::open_read_only(path)?)),
        }
    }
}
