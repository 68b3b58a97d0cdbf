//! Keeping SQLite's write-ahead log short from beside the writer, so that no commit waits for a checkpoint.
//!
//! By itself SQLite checkpoints inside the commit that fills the thousandth page: that one waits for two more syncs and the copying.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::log::LogError;

/// From this size on the log is begun anew, in pages of 4 KiB: 64 MiB. Below it a passive checkpoint is enough.
const RESTART_PAGES: i64 = 16_384;

/// A connection that does nothing but checkpoint.
pub struct WalKeeper {
    connection: Connection,
    path: PathBuf,
}

impl WalKeeper {
    /// A keeper for the log at `path`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let open = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            // Whoever is in the way now is asked again in a second; nobody is kept waiting.
            connection.busy_timeout(Duration::ZERO)?;
            connection.execute_batch("PRAGMA synchronous=FULL;")?;
            Ok(connection)
        };
        let connection = open().map_err(|source| unavailable(path, source))?;
        Ok(Self { connection, path: path.to_owned() })
    }

    /// Copies what is committed into the database, without stopping anybody. A log that has become long all the same, because commits
    /// never paused, is then begun anew: commits wait only while what came in since is copied. Readers in the way put that off.
    ///
    /// # Errors
    /// When the disk refuses. Nothing is lost then: what is committed stays in the log.
    pub fn tidy(&self) -> Result<(), LogError> {
        let pages = self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)")?;
        if pages >= RESTART_PAGES {
            self.checkpoint("PRAGMA wal_checkpoint(RESTART)")?;
        }
        Ok(())
    }

    /// Runs a checkpoint and says how many pages the log has.
    fn checkpoint(&self, pragma: &str) -> Result<i64, LogError> {
        let pages = self.connection.query_row(pragma, [], |row| row.get::<_, i64>(1));
        match pages {
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => Ok(0),
            other => other.map_err(|source| unavailable(&self.path, source)),
        }
    }
}

fn unavailable(path: &Path, source: rusqlite::Error) -> LogError {
    LogError::Unavailable { path: path.to_owned(), doing: "checkpointed", source: Box::new(source) }
}
