//! Where the log of an instance is, and how to open it.

use std::path::PathBuf;

use crate::layout::Layout;
use crate::log::{Log, LogError, LogReader};
use crate::postgres::{Database, PostgresLog};
use crate::sqlite::SqliteLog;

/// The place of a log. Opening it is left to whoever reads or writes: a store holds no connection.
#[derive(Clone)]
pub enum Store {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database, which several processes may write.
    Postgres(Database),
}

impl Store {
    /// The store of an instance.
    #[must_use]
    pub fn of(layout: &Layout) -> Self {
        match layout.database() {
            Some(database) => Store::Postgres(database.clone()),
            None => Store::Sqlite(layout.log()),
        }
    }

    /// What to call it in a message.
    #[must_use]
    pub fn name(&self) -> PathBuf {
        match self {
            Store::Sqlite(path) => path.clone(),
            Store::Postgres(database) => database.name().into(),
        }
    }

    /// Whether there is a log, good or damaged.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub fn exists(&self) -> Result<bool, LogError> {
        match self {
            Store::Sqlite(path) => Ok(path.exists()),
            Store::Postgres(database) => PostgresLog::exists(database),
        }
    }

    /// Makes a new, empty log.
    ///
    /// # Errors
    /// When there is one already, or the store cannot be written.
    pub fn create(&self) -> Result<Box<dyn Log>, LogError> {
        match self {
            Store::Sqlite(path) => Ok(Box::new(SqliteLog::create(path)?)),
            Store::Postgres(database) => Ok(Box::new(PostgresLog::create(database)?)),
        }
    }

    /// Opens the log for reading and writing, bringing an older layout up to this build's.
    ///
    /// # Errors
    /// When it is missing, not ours, or of a newer version.
    pub fn open(&self) -> Result<Box<dyn Log>, LogError> {
        match self {
            Store::Sqlite(path) => Ok(Box::new(SqliteLog::open(path)?)),
            Store::Postgres(database) => Ok(Box::new(PostgresLog::open(database)?)),
        }
    }

    /// Opens the log for reading, beside processes that write it.
    ///
    /// # Errors
    /// When it is missing, not ours, or of a newer version.
    pub fn reader(&self) -> Result<Box<dyn LogReader>, LogError> {
        match self {
            Store::Sqlite(path) => Ok(Box::new(SqliteLog::open_read_only(path)?)),
            Store::Postgres(database) => Ok(Box::new(PostgresLog::open(database)?)),
        }
    }
}
