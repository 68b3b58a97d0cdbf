//! The log in SQLite: WAL, `synchronous=FULL`, integer keys, one transaction per batch.

use std::ops::Range;
use std::path::{Path, PathBuf};

use privyseal_core::digest::Digest;
use privyseal_core::event::Kind;
use privyseal_core::id::RequestId;
use privyseal_core::time::Timestamp;
use privyseal_core::tree::Edge;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};

use crate::log::{Batch, FoundBy, Head, KEPT, Log, LogError, LogReader, Misfit, StoredEntry, Walk, continues};
use crate::wal::WalKeeper;

/// Marks the file as ours (`PRAGMA application_id`): the bytes "PvSl".
const APPLICATION_ID: i32 = 0x5076_536c;
const SCHEMA_VERSION: i32 = 2;

const SCHEMA: &str = "
CREATE TABLE entry (
    seq        INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL,
    request_id TEXT,
    entry      BLOB NOT NULL,
    leaf       BLOB NOT NULL,
    signature  BLOB,
    key_id     TEXT
) STRICT;
-- Of every kind, not of the rare ones only: counts by kind are then read from the index, and no query depends on what the planner
-- can prove about a partial one. Request ids grow with time, so both indexes are written at a few warm pages.
CREATE INDEX entry_by_kind ON entry (kind);
CREATE INDEX entry_by_request ON entry (request_id) WHERE request_id IS NOT NULL;
CREATE TABLE head (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    size       INTEGER NOT NULL,
    peaks      BLOB NOT NULL,
    checkpoint TEXT NOT NULL,
    time       INTEGER NOT NULL
) STRICT;
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY,
    note TEXT NOT NULL,
    time INTEGER NOT NULL
) STRICT;
";

/// What version 2 adds to version 1. The first two have one row each for what was removed, the last keeps what witnesses signed.
const SINCE_2: &str = "
CREATE TABLE pruned (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    first INTEGER NOT NULL
) STRICT;
CREATE TABLE pruned_kind (
    kind    TEXT PRIMARY KEY,
    entries INTEGER NOT NULL
) STRICT;
CREATE TABLE cosigned (
    size INTEGER PRIMARY KEY,
    note TEXT NOT NULL
) STRICT;
";

/// A log in one SQLite file.
pub struct SqliteLog {
    connection: Connection,
    path: PathBuf,
    /// Layout of the file: a reader may find the previous one, before the first writer of this build has come.
    version: i32,
}

/// What [`SqliteLog::stored`] reads, in its order.
const COLUMNS: &str = "SELECT seq, entry, leaf, signature, key_id";

impl SqliteLog {
    /// Creates a new, empty log.
    ///
    /// # Errors
    /// When the file exists or cannot be made.
    pub fn create(path: &Path) -> Result<Self, LogError> {
        if path.exists() {
            return Err(LogError::Damaged { path: path.to_owned(), detail: "there is a log here already".to_owned() });
        }
        let log = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        let setup =
            format!("PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION}; BEGIN; {SCHEMA} {SINCE_2} COMMIT;");
        log.connection.execute_batch(&setup).map_err(|source| log.error("created", source))?;
        Ok(log)
    }

    /// Opens a log for reading and writing.
    ///
    /// # Errors
    /// When it is missing, not ours, or of a newer version.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let mut log = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        log.check_version()?;
        if log.version < SCHEMA_VERSION {
            // One transaction: a crash leaves the old layout, which the next start brings up again. Older builds refuse the new one.
            let upgrade = format!("BEGIN IMMEDIATE; {SINCE_2} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;");
            log.connection.execute_batch(&upgrade).map_err(|source| log.error("brought to the layout of this build", source))?;
            log.version = SCHEMA_VERSION;
        }
        Ok(log)
    }

    /// Opens a log for reading, beside a process that writes it.
    ///
    /// # Errors
    /// When it is missing, not ours, or of a newer version.
    pub fn open_read_only(path: &Path) -> Result<Self, LogError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let unavailable = |source| classify(path, "read", source);
        let connection = Connection::open_with_flags(path, flags).map_err(unavailable)?;
        connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(unavailable)?;
        let mut log = Self { connection, path: path.to_owned(), version: SCHEMA_VERSION };
        match (log.check_version(), at_rest(path)) {
            (Ok(()), _) => Ok(log),
            // On a disk that cannot be written, SQLite cannot make the helper files with which it reads beside a writer. Where no
            // write-ahead log stands, nobody writes and nothing is missing from the file: it can be read as it is.
            (Err(LogError::Unavailable { .. }), Some(uri)) => {
                let connection = Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI).map_err(unavailable)?;
                let mut log = Self { connection, path: path.to_owned(), version: SCHEMA_VERSION };
                log.check_version()?;
                Ok(log)
            }
            (Err(error), _) => Err(error),
        }
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, LogError> {
        let unavailable = |source| classify(path, "opened", source);
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(unavailable)?;
        connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(unavailable)?;
        // FULL makes every commit wait for the disk; NORMAL would lose acknowledged decisions on power loss.
        let pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;";
        connection.execute_batch(pragmas).map_err(unavailable)?;
        Ok(Self { connection, path: path.to_owned(), version: SCHEMA_VERSION })
    }

    fn check_version(&mut self) -> Result<(), LogError> {
        let pragma = |name: &str| self.connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        let id = pragma("application_id").map_err(|source| self.error("read", source))?;
        let version = pragma("user_version").map_err(|source| self.error("read", source))?;
        if id != APPLICATION_ID {
            return Err(self.damaged("it is not a Privyseal log"));
        }
        if !(1..=SCHEMA_VERSION).contains(&version) {
            return Err(self.damaged(format!("its layout has version {version}, this build knows {SCHEMA_VERSION}: use a newer Privyseal")));
        }
        self.version = version;
        Ok(())
    }

    fn error(&self, doing: &'static str, source: rusqlite::Error) -> LogError {
        classify(&self.path, doing, source)
    }

    fn damaged(&self, detail: impl Into<String>) -> LogError {
        LogError::Damaged { path: self.path.clone(), detail: detail.into() }
    }

    fn stored(&self, row: &Row<'_>) -> Result<StoredEntry, LogError> {
        let read = |source| self.error("read", source);
        let seq: i64 = row.get(0).map_err(read)?;
        let bad = |what: &str| self.damaged(format!("entry {seq} has a malformed {what}"));
        // Borrowed from the row: a verifier reads millions of them.
        let leaf = row.get_ref(2).map_err(read)?.as_blob().map_err(|_| bad("leaf"))?;
        let signature = row.get_ref(3).map_err(read)?.as_blob_or_null().map_err(|_| bad("signature"))?;
        let key_id = row.get_ref(4).map_err(read)?.as_str_or_null().map_err(|_| bad("key id"))?;
        StoredEntry::from_row(seq, row.get(1).map_err(read)?, leaf, signature, key_id).map_err(bad)
    }

    fn select(&self, tail: &str, arguments: impl rusqlite::Params) -> Result<Vec<StoredEntry>, LogError> {
        let sql = format!("{COLUMNS} FROM entry {tail}");
        let mut statement = self.connection.prepare_cached(&sql).map_err(|source| self.error("read", source))?;
        let mut rows = statement.query(arguments).map_err(|source| self.error("read", source))?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next().map_err(|source| self.error("read", source))? {
            entries.push(self.stored(row)?);
        }
        Ok(entries)
    }
}

/// The name by which SQLite opens a log that nobody writes as an immutable file; `None` when a write-ahead log stands beside it.
fn at_rest(path: &Path) -> Option<String> {
    let name = path.to_str()?;
    if !path.is_file() || Path::new(&format!("{name}-wal")).exists() {
        return None;
    }
    let escaped: String = name
        .chars()
        .map(|letter| match letter {
            '%' => "%25".to_owned(),
            '?' => "%3f".to_owned(),
            '#' => "%23".to_owned(),
            other => other.to_string(),
        })
        .collect();
    Some(format!("file:{escaped}?immutable=1"))
}

/// A file that is no database, or a broken one, is damage; everything else may pass.
fn classify(path: &Path, doing: &'static str, source: rusqlite::Error) -> LogError {
    match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            LogError::Damaged { path: path.to_owned(), detail: source.to_string() }
        }
        _ => LogError::Unavailable { path: path.to_owned(), doing, source: Box::new(source) },
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Log for SqliteLog {
    fn is_shared(&self) -> bool {
        // The folder's lock keeps other processes away for as long as this one lives.
        false
    }

    fn wal_keeper(&self) -> Result<Option<WalKeeper>, LogError> {
        let keeper = WalKeeper::open(&self.path)?;
        // From here on no commit of this connection waits for a checkpoint.
        self.connection.execute_batch("PRAGMA wal_autocheckpoint=0;").map_err(|source| self.error("opened", source))?;
        Ok(Some(keeper))
    }

    fn take_turn(&mut self) -> Result<Option<Head>, LogError> {
        self.head()
    }

    fn end_turn(&mut self) {}

    fn append(&mut self, batch: &Batch) -> Result<(), LogError> {
        let path = self.path.clone();
        let error = move |source: rusqlite::Error| LogError::Unavailable { path: path.clone(), doing: "written", source: Box::new(source) };
        match continues(self.head()?.as_ref(), batch) {
            Ok(()) => {}
            Err(Misfit::Moved(size)) => return Err(LogError::Moved { path: self.path.clone(), size }),
            Err(Misfit::Broken(detail)) => return Err(self.damaged(detail)),
        }
        // One transaction: rolled back when dropped before `commit`, durable when `commit` returns (synchronous=FULL).
        let transaction = self.connection.transaction().map_err(&error)?;
        {
            let mut insert = transaction
                .prepare_cached(
                    "INSERT INTO entry (seq, kind, request_id, entry, leaf, signature, key_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )
                .map_err(&error)?;
            for (entry, kind) in &batch.entries {
                let (signature, key_id) = entry.signature.as_ref().map_or((None, None), |(s, k)| (Some(s.as_slice()), Some(k.to_string())));
                let concerns = entry.request_id().map_err(|detail| LogError::Damaged { path: self.path.clone(), detail })?;
                let (seq, leaf) = (signed(entry.seq), entry.leaf.as_bytes().as_slice());
                insert.execute(params![seq, kind.name(), concerns, entry.entry, leaf, signature, key_id]).map_err(&error)?;
            }
        }
        let (size, time) = (signed(batch.edge.size()), batch.time.micros());
        let peaks: Vec<u8> = batch.edge.peaks().iter().flat_map(|peak| *peak.as_bytes()).collect();
        let head = "INSERT INTO head (one, size, peaks, checkpoint, time) VALUES (1, ?1, ?2, ?3, ?4)
            ON CONFLICT (one) DO UPDATE SET size = ?1, peaks = ?2, checkpoint = ?3, time = ?4";
        transaction.prepare_cached(head).and_then(|mut s| s.execute(params![size, peaks, batch.checkpoint, time])).map_err(&error)?;
        // The newest checkpoint of every second is kept; older ones of the same second are implied by it.
        let forget = "DELETE FROM checkpoint WHERE size = (SELECT max(size) FROM checkpoint) AND time / 1000000 = ?1 / 1000000";
        transaction.prepare_cached(forget).and_then(|mut s| s.execute(params![time])).map_err(&error)?;
        let keep = "INSERT INTO checkpoint (size, note, time) VALUES (?1, ?2, ?3)";
        transaction.prepare_cached(keep).and_then(|mut s| s.execute(params![size, batch.checkpoint, time])).map_err(&error)?;
        transaction.commit().map_err(&error)
    }

    fn prune(&mut self, before: u64) -> Result<(), LogError> {
        let first = self.first()?;
        let size = self.head()?.map_or(0, |head| head.edge.size());
        if before <= first {
            return Ok(());
        }
        if before >= size {
            return Err(self.damaged(format!("it has {size} entries and cannot be pruned up to {before}: the last one stays")));
        }
        let path = self.path.clone();
        let error = move |source: rusqlite::Error| classify(&path, "pruned", source);
        let kept = KEPT.map(|kind| format!("'{}'", kind.name())).join(",");
        let range = params![signed(first), signed(before)];
        let transaction = self.connection.transaction().map_err(&error)?;
        let count = format!(
            "INSERT INTO pruned_kind (kind, entries)
            SELECT kind, count(*) FROM entry WHERE seq >= ?1 AND seq < ?2 AND kind NOT IN ({kept}) GROUP BY kind
            ON CONFLICT (kind) DO UPDATE SET entries = entries + excluded.entries"
        );
        transaction.execute(&count, range).map_err(&error)?;
        let delete = format!("DELETE FROM entry WHERE seq >= ?1 AND seq < ?2 AND kind NOT IN ({kept})");
        transaction.execute(&delete, range).map_err(&error)?;
        let mark = "INSERT INTO pruned (one, first) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET first = ?1";
        transaction.execute(mark, params![signed(before)]).map_err(&error)?;
        transaction.commit().map_err(&error)
    }

    fn keep_cosigned(&mut self, size: u64, note: &str) -> Result<(), LogError> {
        let keep = "INSERT INTO cosigned (size, note) VALUES (?1, ?2) ON CONFLICT (size) DO UPDATE SET note = ?2";
        self.connection.execute(keep, params![signed(size), note]).map_err(|source| self.error("written", source))?;
        Ok(())
    }
}

impl LogReader for SqliteLog {
    fn head(&self) -> Result<Option<Head>, LogError> {
        let row = self
            .connection
            .prepare_cached("SELECT size, peaks, checkpoint, time FROM head")
            .and_then(|mut s| {
                s.query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get(2)?, row.get(3)?))).optional()
            })
            .map_err(|source| self.error("read", source))?;
        let Some((size, peaks, checkpoint, time)) = row else { return Ok(None) };
        let peaks: Option<Vec<Digest>> = peaks.chunks(32).map(Digest::from_slice).collect();
        let edge = peaks
            .and_then(|peaks| Edge::from_parts(u64::try_from(size).ok()?, peaks))
            .ok_or_else(|| self.damaged("the head's peaks do not fit its size"))?;
        Ok(Some(Head { edge, checkpoint, time: Timestamp::from_micros(time) }))
    }

    fn first(&self) -> Result<u64, LogError> {
        if self.version < 2 {
            return Ok(0);
        }
        let read =
            self.connection.prepare_cached("SELECT first FROM pruned").and_then(|mut s| s.query_row([], |row| row.get(0)).optional());
        let first: Option<i64> = read.map_err(|source| self.error("read", source))?;
        u64::try_from(first.unwrap_or(0)).map_err(|_| self.damaged("it was pruned up to a malformed position"))
    }

    fn entries(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, LogError> {
        let from = from.max(self.first()?);
        self.select("WHERE seq >= ?1 ORDER BY seq LIMIT ?2", params![signed(from), i64::try_from(limit).unwrap_or(i64::MAX)])
    }

    fn entries_of(&self, kind: Kind) -> Result<Vec<StoredEntry>, LogError> {
        self.select("WHERE kind = ?1 ORDER BY seq", params![kind.name()])
    }

    fn walk(&self, kind: Kind, walk: Walk, limit: usize) -> Result<Vec<StoredEntry>, LogError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        match walk {
            Walk::NewestBefore(end) => {
                self.select("WHERE kind = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3", params![kind.name(), signed(end), limit])
            }
            Walk::OldestAfter(start) => {
                self.select("WHERE kind = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3", params![kind.name(), signed(start), limit])
            }
        }
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Digest>, LogError> {
        let read = |source| self.error("read", source);
        let mut statement =
            self.connection.prepare_cached("SELECT leaf FROM entry WHERE seq >= ?1 AND seq < ?2 ORDER BY seq").map_err(read)?;
        let rows = statement.query_map(params![signed(range.start), signed(range.end)], |row| row.get::<_, Vec<u8>>(0)).map_err(read)?;
        let leaf = |bytes: Vec<u8>| Digest::from_slice(&bytes).ok_or_else(|| self.damaged("a leaf hash is not 32 bytes"));
        let leaves = rows.map(|row| row.map_err(read).and_then(leaf)).collect::<Result<Vec<_>, _>>()?;
        if u64::try_from(leaves.len()).ok() != range.end.checked_sub(range.start) {
            return Err(self.damaged(format!("it has {} of the entries {} to {}", leaves.len(), range.start, range.end)));
        }
        Ok(leaves)
    }

    fn entries_of_request(&self, request: &RequestId) -> Result<Vec<StoredEntry>, LogError> {
        self.select("WHERE request_id = ?1 ORDER BY seq", params![request.to_string()])
    }

    fn counts(&self) -> Result<Vec<(String, u64)>, LogError> {
        let read = |source| self.error("read", source);
        let sql = if self.version < 2 {
            "SELECT kind, count(*) AS entries FROM entry GROUP BY kind ORDER BY entries DESC, kind"
        } else {
            "SELECT kind, sum(entries) AS entries
            FROM (SELECT kind, count(*) AS entries FROM entry GROUP BY kind UNION ALL SELECT kind, entries FROM pruned_kind)
            GROUP BY kind ORDER BY entries DESC, kind"
        };
        let mut statement = self.connection.prepare_cached(sql).map_err(read)?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).map_err(read)?;
        rows.map(|row| row.map(|(kind, count)| (kind, u64::try_from(count).unwrap_or(0))).map_err(read)).collect()
    }

    fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<(u64, String)>, LogError> {
        let read = |source| self.error("read", source);
        // Where a checkpoint of the same size was cosigned, that one.
        let sql = if self.version < 2 {
            "SELECT size, note FROM checkpoint WHERE size >= ?1 ORDER BY size LIMIT ?2"
        } else {
            "SELECT size, note FROM checkpoint WHERE size >= ?1 AND size NOT IN (SELECT size FROM cosigned)
            UNION ALL SELECT size, note FROM cosigned WHERE size >= ?1 ORDER BY size LIMIT ?2"
        };
        let mut statement = self.connection.prepare_cached(sql).map_err(read)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let columns = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
        let rows = statement.query_map(params![signed(from), limit], columns).map_err(read)?;
        rows.map(|row| {
            let (size, note) = row.map_err(read)?;
            Ok((u64::try_from(size).map_err(|_| self.damaged("a checkpoint has a negative size"))?, note))
        })
        .collect()
    }

    fn entries_found_by(&self, from: u64, limit: usize) -> Result<Vec<(StoredEntry, FoundBy)>, LogError> {
        let read = |source| self.error("read", source);
        let sql = format!("{COLUMNS}, kind, request_id FROM entry WHERE seq >= ?1 ORDER BY seq LIMIT ?2");
        let mut statement = self.connection.prepare_cached(&sql).map_err(read)?;
        let (from, limit) = (from.max(self.first()?), i64::try_from(limit).unwrap_or(i64::MAX));
        let mut rows = statement.query(params![signed(from), limit]).map_err(read)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(read)? {
            let stored = self.stored(row)?;
            let kind =
                row.get_ref(5).map_err(read)?.as_str().map_err(|_| self.damaged(format!("entry {} has a malformed kind", stored.seq)))?;
            found.push((stored, FoundBy::new(kind, row.get(6).map_err(read)?)));
        }
        Ok(found)
    }

    fn snapshot(&self, read: &mut dyn FnMut(&dyn LogReader) -> Result<(), LogError>) -> Result<(), LogError> {
        let transaction = self.connection.unchecked_transaction().map_err(|source| self.error("read", source))?;
        read(self)?;
        transaction.finish().map_err(|source| self.error("read", source))
    }
}
