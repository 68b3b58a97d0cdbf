//! Where the log of an instance is, and how to open it.

use std::path::PathBuf;

use crate::layout::Layout;
use crate::log::{Log, LogError, LogReader};
use crate::postgres::PostgresLog;
use crate::sqlite::SqliteLog;
use crate::whole::{WholeLog, WholeReader};

/// The place of a log: a SQLite file in the data folder, or a PostgreSQL database that several processes may write. Opening it is left
/// to whoever reads or writes: a store holds no connection.
#[derive(Clone)]
pub struct Store {
    layout: Layout,
}

impl Store {
    /// The store of an instance.
    #[must_use]
    pub fn of(layout: &Layout) -> Self {
        Self { layout: layout.clone() }
    }

    /// What to call it in a message.
    #[must_use]
    pub fn name(&self) -> PathBuf {
        match self.layout.database() {
            Some(database) => database.name().into(),
            None => self.layout.log(),
        }
    }

    /// Whether there is a log, good or damaged.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub fn exists(&self) -> Result<bool, LogError> {
        match self.layout.database() {
            Some(database) => PostgresLog::exists(database),
            None => Ok(self.layout.log().exists()),
        }
    }

    /// Makes a new, empty log.
    ///
    /// # Errors
    /// When there is one already, or the store cannot be written.
    pub fn create(&self) -> Result<Box<dyn Log>, LogError> {
        Ok(match self.layout.database() {
            Some(database) => Box::new(PostgresLog::create(database)?),
            None => Box::new(SqliteLog::create(&self.layout.log())?),
        })
    }

    /// Opens the log for reading and writing, bringing an older layout up to this build's. What was pruned is read from its segments.
    ///
    /// # Errors
    /// When it is missing, not ours, or of a newer version.
    pub fn open(&self) -> Result<Box<dyn Log>, LogError> {
        Ok(Box::new(WholeLog::new(self.open_alone()?, &self.layout)))
    }

    /// Opens the log for reading, beside processes that write it. What was pruned is read from its segments.
    ///
    /// # Errors
    /// When it is missing, not ours, or of a newer version.
    pub fn reader(&self) -> Result<Box<dyn LogReader>, LogError> {
        Ok(Box::new(WholeReader::new(self.reader_alone()?, &self.layout)))
    }

    /// Opens the log without its segments, for those who compare the two.
    ///
    /// # Errors
    /// When it is missing, not ours, or of a newer version.
    pub fn open_alone(&self) -> Result<Box<dyn Log>, LogError> {
        Ok(match self.layout.database() {
            Some(database) => Box::new(PostgresLog::open(database)?),
            None => Box::new(SqliteLog::open(&self.layout.log())?),
        })
    }

    /// Opens the log for reading, without its segments.
    ///
    /// # Errors
    /// When it is missing, not ours, or of a newer version.
    pub fn reader_alone(&self) -> Result<Box<dyn LogReader>, LogError> {
        Ok(match self.layout.database() {
            Some(database) => Box::new(PostgresLog::open(database)?),
            None => Box::new(SqliteLog::open_read_only(&self.layout.log())?),
        })
    }
}
