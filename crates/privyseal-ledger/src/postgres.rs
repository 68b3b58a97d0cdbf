//! The log in PostgreSQL 15 or newer: several processes append to one log, taking turns by a lock on the one row that is its head.
//!
//! A turn is a transaction that holds that row. Whoever holds it reads what others wrote before, decides, writes its batch and commits;
//! the next one waits in PostgreSQL's own queue. A process that dies loses its connection, and with it its turn and everything that it
//! had not committed. No lease is kept on our side, so there is none that could outlive its holder.

use std::ops::Range;
use std::path::PathBuf;

use postgres::error::SqlState;
use postgres::types::ToSql;
use postgres::{Row, SimpleQueryMessage};
use privyseal_core::digest::Digest;
use privyseal_core::event::Kind;
use privyseal_core::id::RequestId;
use privyseal_core::time::Timestamp;
use privyseal_core::tree::Edge;

use crate::log::{Batch, FoundBy, Head, KEPT, Log, LogError, LogReader, Misfit, StoredEntry, continues};

pub(crate) mod blobs;
mod connection;
mod database;
pub mod limits;

use connection::{Connection, Worker};
pub use database::Database;

/// Version of the tables; a newer one is refused.
const LAYOUT: i32 = 1;

const SCHEMA: &str = "
CREATE SCHEMA privyseal;
CREATE TABLE privyseal.about (one int PRIMARY KEY CHECK (one = 1), layout int NOT NULL);
CREATE TABLE privyseal.entry (
    seq        bigint PRIMARY KEY,
    kind       text NOT NULL,
    request_id text,
    entry      bytea NOT NULL,
    leaf       bytea NOT NULL,
    signature  bytea,
    key_id     text
);
-- Entries are JSON that Parquet will compress later; compressing each alone costs the writer's turn and saves little.
ALTER TABLE privyseal.entry ALTER COLUMN entry SET STORAGE EXTERNAL;
CREATE INDEX entry_by_kind ON privyseal.entry (kind);
CREATE INDEX entry_by_request ON privyseal.entry (request_id) WHERE request_id IS NOT NULL;
-- Updated by every commit: room on the page lets the update stay there, without touching an index.
CREATE TABLE privyseal.head (
    one        int PRIMARY KEY CHECK (one = 1),
    size       bigint NOT NULL,
    peaks      bytea NOT NULL,
    checkpoint text NOT NULL,
    time       bigint NOT NULL
) WITH (fillfactor = 10);
CREATE TABLE privyseal.checkpoint (size bigint PRIMARY KEY, note text NOT NULL, time bigint NOT NULL);
CREATE TABLE privyseal.cosigned (size bigint PRIMARY KEY, note text NOT NULL);
CREATE TABLE privyseal.pruned (one int PRIMARY KEY CHECK (one = 1), first bigint NOT NULL);
CREATE TABLE privyseal.pruned_kind (kind text PRIMARY KEY, entries bigint NOT NULL);
CREATE TABLE privyseal.blob (sha256 bytea PRIMARY KEY, bytes bytea NOT NULL);
INSERT INTO privyseal.head (one, size, peaks, checkpoint, time) VALUES (1, 0, '', '', 0);
";

/// The whole batch in one statement: entries, the new head, and of every second only its newest checkpoint.
const APPEND: &str = "
WITH added AS (
    INSERT INTO privyseal.entry (seq, kind, request_id, entry, leaf, signature, key_id)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[], $5::bytea[], $6::bytea[], $7::text[])),
forgotten AS (DELETE FROM privyseal.checkpoint WHERE size = $8::bigint AND time / 1000000 = $12::bigint / 1000000),
kept AS (INSERT INTO privyseal.checkpoint (size, note, time) VALUES ($9::bigint, $11::text, $12::bigint))
UPDATE privyseal.head SET size = $9::bigint, peaks = $10::bytea, checkpoint = $11::text, time = $12::bigint WHERE one = 1";

/// `SET LOCAL` in every turn: a setting of the role or of the database must not make a commit return before the disk has it.
const TURN: &str = "BEGIN; SET LOCAL synchronous_commit TO on;
SELECT size, encode(peaks, 'hex'), checkpoint, time FROM privyseal.head WHERE one = 1 FOR UPDATE";

const COLUMNS: &str = "SELECT seq, entry, leaf, signature, key_id";
const FIRST: &str = "coalesce((SELECT first FROM privyseal.pruned), 0)";

/// A log in a PostgreSQL database. Its connection is made again after it was lost, except in the middle of a turn or a snapshot.
pub struct PostgresLog {
    worker: Worker,
    name: PathBuf,
    /// The head as of the turn that is being held.
    turn: Option<Head>,
}

impl PostgresLog {
    /// Makes the tables of a new, empty log.
    ///
    /// # Errors
    /// When there is one already, or the database cannot be reached or is not safe to write to.
    pub fn create(database: &Database) -> Result<Self, LogError> {
        let log = Self::connect(database)?;
        if log.layout()?.is_some() {
            return Err(log.damaged("there is a log here already"));
        }
        let setup = format!("BEGIN; SET LOCAL synchronous_commit TO on; {SCHEMA} INSERT INTO privyseal.about VALUES (1, {LAYOUT}); COMMIT");
        log.run("created", move |connection| connection.script(&setup))?;
        Ok(log)
    }

    /// Opens a log, for reading or for writing.
    ///
    /// # Errors
    /// When it is missing, of a newer version, or the database cannot be reached or is not safe to write to.
    pub fn open(database: &Database) -> Result<Self, LogError> {
        let log = Self::connect(database)?;
        match log.layout()? {
            Some(LAYOUT) => Ok(log),
            Some(version) => {
                Err(log.damaged(format!("its layout has version {version}, this build knows {LAYOUT}: use a newer Privyseal")))
            }
            None => Err(log.damaged("it is not a Privyseal log: `privyseal init` makes one")),
        }
    }

    /// Whether the database holds a log, of whatever version.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn exists(database: &Database) -> Result<bool, LogError> {
        Ok(Self::connect(database)?.layout()?.is_some())
    }

    fn connect(database: &Database) -> Result<Self, LogError> {
        let name = PathBuf::from(database.name());
        let worker = Worker::start(database).map_err(|source| LogError::Unavailable {
            path: name.clone(),
            doing: "opened",
            source: Box::new(source),
        })?;
        let log = Self { worker, name, turn: None };
        log.run("opened", |connection| connection.ready().map(|_| ()))?;
        Ok(log)
    }

    fn layout(&self) -> Result<Option<i32>, LogError> {
        self.run("read", |connection| {
            let present = connection.rows("SELECT to_regclass('privyseal.about') IS NOT NULL", &[])?;
            if !present.first().is_some_and(|row| row.try_get(0).unwrap_or(false)) {
                return Ok(None);
            }
            let rows = connection.rows("SELECT layout FROM privyseal.about", &[])?;
            // Tables without a version are of nobody we know: version 0 is refused.
            Ok(Some(rows.first().map_or(Ok(0), |row| row.try_get(0))?))
        })
    }

    fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        job: impl FnOnce(&mut Connection) -> Result<T, connection::Error> + Send + 'static,
    ) -> Result<T, LogError> {
        self.worker.run(job).map_err(|error| self.error(doing, error))
    }

    fn error(&self, doing: &'static str, error: connection::Error) -> LogError {
        match error.code() {
            // What PostgreSQL itself calls corrupted, and what this store forbids by its constraints.
            Some(code)
                if *code == SqlState::DATA_CORRUPTED || *code == SqlState::INDEX_CORRUPTED || *code == SqlState::UNIQUE_VIOLATION =>
            {
                self.damaged(format!("PostgreSQL reports {}", error.detail()))
            }
            _ => LogError::Unavailable { path: self.name.clone(), doing, source: Box::new(error) },
        }
    }

    fn damaged(&self, detail: impl Into<String>) -> LogError {
        LogError::Damaged { path: self.name.clone(), detail: detail.into() }
    }

    fn stored(&self, row: &Row) -> Result<StoredEntry, LogError> {
        let unreadable = |source: postgres::Error| self.error("read", source.into());
        let seq: i64 = row.try_get(0).map_err(unreadable)?;
        let leaf: &[u8] = row.try_get(2).map_err(unreadable)?;
        let signature: Option<&[u8]> = row.try_get(3).map_err(unreadable)?;
        let key_id: Option<&str> = row.try_get(4).map_err(unreadable)?;
        let bad = |what: &str| self.damaged(format!("entry {seq} has a malformed {what}"));
        StoredEntry::from_row(seq, row.try_get(1).map_err(unreadable)?, leaf, signature, key_id).map_err(bad)
    }

    fn select(&self, tail: String, arguments: Vec<Argument>) -> Result<Vec<StoredEntry>, LogError> {
        let rows = self.rows(format!("{COLUMNS} FROM privyseal.entry {tail}"), arguments)?;
        rows.iter().map(|row| self.stored(row)).collect()
    }

    fn rows(&self, sql: String, arguments: Vec<Argument>) -> Result<Vec<Row>, LogError> {
        self.run("read", move |connection| {
            let arguments: Vec<&(dyn ToSql + Sync)> = arguments.iter().map(|argument| &**argument as &(dyn ToSql + Sync)).collect();
            connection.rows(&sql, &arguments)
        })
    }

    fn head_of(&self, size: i64, peaks: &[u8], checkpoint: String, time: i64) -> Result<Option<Head>, LogError> {
        if size == 0 {
            return Ok(None);
        }
        let peaks: Option<Vec<Digest>> = peaks.chunks(32).map(Digest::from_slice).collect();
        let edge = peaks
            .and_then(|peaks| Edge::from_parts(u64::try_from(size).ok()?, peaks))
            .ok_or_else(|| self.damaged("the head's peaks do not fit its size"))?;
        Ok(Some(Head { edge, checkpoint, time: Timestamp::from_micros(time) }))
    }

    fn no_head(&self) -> LogError {
        self.damaged("the row of its head is missing")
    }

    fn misfit(&self, misfit: Misfit) -> LogError {
        match misfit {
            Misfit::Moved(size) => LogError::Moved { path: self.name.clone(), size },
            Misfit::Broken(detail) => self.damaged(detail),
        }
    }

    fn arrays(&self, batch: &Batch) -> Result<Arrays, LogError> {
        let mut arrays = Arrays::default();
        for (entry, kind) in &batch.entries {
            arrays.seq.push(signed(entry.seq));
            arrays.kind.push(kind.name());
            arrays.request_id.push(entry.request_id().map_err(|detail| self.damaged(detail))?.map(str::to_owned));
            arrays.entry.push(entry.entry.clone());
            arrays.leaf.push(entry.leaf.as_bytes().to_vec());
            arrays.signature.push(entry.signature.as_ref().map(|(signature, _)| signature.to_vec()));
            arrays.key_id.push(entry.signature.as_ref().map(|(_, key)| key.to_string()));
        }
        Ok(arrays)
    }
}

type Argument = Box<dyn ToSql + Sync + Send>;

/// A batch by columns, as one statement takes it.
#[derive(Default)]
struct Arrays {
    seq: Vec<i64>,
    kind: Vec<&'static str>,
    request_id: Vec<Option<String>>,
    entry: Vec<Vec<u8>>,
    leaf: Vec<Vec<u8>>,
    signature: Vec<Option<Vec<u8>>>,
    key_id: Vec<Option<String>>,
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Log for PostgresLog {
    fn is_shared(&self) -> bool {
        true
    }

    fn take_turn(&mut self) -> Result<Option<Head>, LogError> {
        self.end_turn();
        let row = self.run("written", |connection| {
            connection.begin_with(TURN).map(|messages| {
                messages.into_iter().find_map(|message| match message {
                    SimpleQueryMessage::Row(row) => Some([0, 1, 2, 3].map(|column| row.get(column).unwrap_or_default().to_owned())),
                    _ => None,
                })
            })
        })?;
        let [size, peaks, checkpoint, time] = row.ok_or_else(|| self.no_head())?;
        let malformed = || self.damaged("the row of its head is malformed");
        let size: i64 = size.parse().map_err(|_| malformed())?;
        let head = self.head_of(size, &unhex(&peaks).ok_or_else(malformed)?, checkpoint, time.parse().map_err(|_| malformed())?)?;
        // A turn on an empty log is held too; there is nothing to remember of its head.
        self.turn.clone_from(&head);
        Ok(head)
    }

    fn end_turn(&mut self) {
        self.turn = None;
        // What cannot be rolled back is not committed either: PostgreSQL drops the transaction with the connection.
        let _ = self.run("written", Connection::roll_back);
    }

    fn append(&mut self, batch: &Batch) -> Result<(), LogError> {
        if !self.run("written", |connection| Ok(connection.in_transaction()))? {
            self.take_turn()?;
        }
        let turn = self.turn.take();
        let checked = continues(turn.as_ref(), batch).map_err(|misfit| self.misfit(misfit)).and_then(|()| self.arrays(batch));
        let arrays = match checked {
            Ok(arrays) => arrays,
            Err(error) => {
                self.end_turn();
                return Err(error);
            }
        };
        let before = signed(turn.map_or(0, |head| head.edge.size()));
        let peaks: Vec<u8> = batch.edge.peaks().iter().flat_map(|peak| *peak.as_bytes()).collect();
        let (size, time, checkpoint) = (signed(batch.edge.size()), batch.time.micros(), batch.checkpoint.clone());
        let written = self.run("written", move |connection| {
            let Arrays { seq, kind, request_id, entry, leaf, signature, key_id } = &arrays;
            let arguments: [&(dyn ToSql + Sync); 12] =
                [seq, kind, request_id, entry, leaf, signature, key_id, &before, &size, &peaks, &checkpoint, &time];
            let updated = connection.execute(APPEND, &arguments)?;
            if updated != 1 {
                return Err(connection::Error::Other("the row of the log's head is missing".to_owned()));
            }
            Ok(())
        });
        if let Err(error) = written {
            self.end_turn();
            return Err(error);
        }
        // From here on nobody but PostgreSQL knows: an answer that does not come says nothing about the commit.
        self.run("written", Connection::commit).map_err(|error| match error {
            LogError::Unavailable { path, source, .. } => LogError::InDoubt { path, source },
            other => other,
        })
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
        let kept = KEPT.map(|kind| format!("'{}'", kind.name())).join(",");
        // The mark is set first: its row lock makes two that prune at once take turns.
        let script = format!(
            "BEGIN; SET LOCAL synchronous_commit TO on;
            INSERT INTO privyseal.pruned (one, first) VALUES (1, {before}) ON CONFLICT (one) DO UPDATE SET first = greatest(privyseal.pruned.first, {before});
            WITH gone AS (DELETE FROM privyseal.entry WHERE seq < {before} AND kind NOT IN ({kept}) RETURNING kind)
            INSERT INTO privyseal.pruned_kind (kind, entries) SELECT kind, count(*) FROM gone GROUP BY kind
            ON CONFLICT (kind) DO UPDATE SET entries = privyseal.pruned_kind.entries + excluded.entries; COMMIT"
        );
        self.run("pruned", move |connection| connection.script(&script))
    }

    fn keep_cosigned(&mut self, size: u64, note: &str) -> Result<(), LogError> {
        let (size, note) = (signed(size), note.to_owned());
        self.run("written", move |connection| {
            let keep = "INSERT INTO privyseal.cosigned (size, note) VALUES ($1, $2) ON CONFLICT (size) DO UPDATE SET note = $2";
            connection.execute(keep, &[&size, &note]).map(|_| ())
        })
    }
}

impl LogReader for PostgresLog {
    fn head(&self) -> Result<Option<Head>, LogError> {
        let rows = self.rows("SELECT size, peaks, checkpoint, time FROM privyseal.head WHERE one = 1".to_owned(), Vec::new())?;
        let row = rows.first().ok_or_else(|| self.no_head())?;
        let unreadable = |source: postgres::Error| self.error("read", source.into());
        let (size, time) = (row.try_get(0).map_err(unreadable)?, row.try_get(3).map_err(unreadable)?);
        self.head_of(size, row.try_get(1).map_err(unreadable)?, row.try_get(2).map_err(unreadable)?, time)
    }

    fn first(&self) -> Result<u64, LogError> {
        let rows = self.rows(format!("SELECT {FIRST}"), Vec::new())?;
        let first: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(|source| self.error("read", source.into()))?;
        u64::try_from(first).map_err(|_| self.damaged("it was pruned up to a malformed position"))
    }

    fn entries(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, LogError> {
        let tail = format!("WHERE seq >= greatest($1::bigint, {FIRST}) ORDER BY seq LIMIT $2::bigint");
        self.select(tail, vec![Box::new(signed(from)), Box::new(i64::try_from(limit).unwrap_or(i64::MAX))])
    }

    fn entries_of(&self, kind: Kind) -> Result<Vec<StoredEntry>, LogError> {
        self.select("WHERE kind = $1 ORDER BY seq".to_owned(), vec![Box::new(kind.name())])
    }

    fn entries_of_request(&self, request: &RequestId) -> Result<Vec<StoredEntry>, LogError> {
        self.select("WHERE request_id = $1 ORDER BY seq".to_owned(), vec![Box::new(request.to_string())])
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Digest>, LogError> {
        let sql = "SELECT leaf FROM privyseal.entry WHERE seq >= $1 AND seq < $2 ORDER BY seq".to_owned();
        let rows = self.rows(sql, vec![Box::new(signed(range.start)), Box::new(signed(range.end))])?;
        let leaf = |row: &Row| {
            let bytes: &[u8] = row.try_get(0).map_err(|source| self.error("read", source.into()))?;
            Digest::from_slice(bytes).ok_or_else(|| self.damaged("a leaf hash is not 32 bytes"))
        };
        let leaves = rows.iter().map(leaf).collect::<Result<Vec<_>, _>>()?;
        if u64::try_from(leaves.len()).ok() != range.end.checked_sub(range.start) {
            return Err(self.damaged(format!("it has {} of the entries {} to {}", leaves.len(), range.start, range.end)));
        }
        Ok(leaves)
    }

    fn counts(&self) -> Result<Vec<(String, u64)>, LogError> {
        let sql = "SELECT kind, sum(entries)::bigint
            FROM (SELECT kind, count(*) AS entries FROM privyseal.entry GROUP BY kind UNION ALL SELECT kind, entries FROM privyseal.pruned_kind) AS counted
            GROUP BY kind ORDER BY 2 DESC, kind COLLATE \"C\"";
        let unreadable = |source: postgres::Error| self.error("read", source.into());
        let rows = self.rows(sql.to_owned(), Vec::new())?;
        rows.iter()
            .map(|row| {
                let entries: i64 = row.try_get(1).map_err(unreadable)?;
                Ok((row.try_get(0).map_err(unreadable)?, u64::try_from(entries).unwrap_or(0)))
            })
            .collect()
    }

    fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<(u64, String)>, LogError> {
        let sql = "SELECT size, note FROM privyseal.checkpoint WHERE size >= $1 AND size NOT IN (SELECT size FROM privyseal.cosigned)
            UNION ALL SELECT size, note FROM privyseal.cosigned WHERE size >= $1 ORDER BY size LIMIT $2";
        let unreadable = |source: postgres::Error| self.error("read", source.into());
        let rows = self.rows(sql.to_owned(), vec![Box::new(signed(from)), Box::new(i64::try_from(limit).unwrap_or(i64::MAX))])?;
        rows.iter()
            .map(|row| {
                let size: i64 = row.try_get(0).map_err(unreadable)?;
                let size = u64::try_from(size).map_err(|_| self.damaged("a checkpoint has a negative size"))?;
                Ok((size, row.try_get(1).map_err(unreadable)?))
            })
            .collect()
    }

    fn entries_found_by(&self, from: u64, limit: usize) -> Result<Vec<(StoredEntry, FoundBy)>, LogError> {
        let sql = format!(
            "{COLUMNS}, kind, request_id FROM privyseal.entry WHERE seq >= greatest($1::bigint, {FIRST}) ORDER BY seq LIMIT $2::bigint"
        );
        let unreadable = |source: postgres::Error| self.error("read", source.into());
        let rows = self.rows(sql, vec![Box::new(signed(from)), Box::new(i64::try_from(limit).unwrap_or(i64::MAX))])?;
        rows.iter()
            .map(|row| {
                let kind: &str = row.try_get(5).map_err(unreadable)?;
                Ok((self.stored(row)?, FoundBy::new(kind, row.try_get(6).map_err(unreadable)?)))
            })
            .collect()
    }

    fn snapshot(&self, read: &mut dyn FnMut(&dyn LogReader) -> Result<(), LogError>) -> Result<(), LogError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.run("read", move |connection| connection.begin_with(begin).map(|_| ()))?;
        let value = read(self);
        let ended = self.run("read", Connection::roll_back);
        value.and(ended)
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
