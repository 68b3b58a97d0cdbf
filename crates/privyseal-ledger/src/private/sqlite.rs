//! The openings of one node in SQLite: WAL, `synchronous=FULL`, `secure_delete`, one transaction per step.
//!
//! Each opening is encrypted with XChaCha20-Poly1305 under its subject's key; commitment, event and pointer are authenticated with it, so
//! that a row cannot be moved to another place. Keys lie in the same file, in plain: what protects them is the mode of the file, and
//! what the encryption is for is that destroying 32 bytes destroys every value, wherever copies of the rows went without the keys.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use privyseal_core::canonical;
use privyseal_core::digest::Digest;
use privyseal_core::event::Actor;
use privyseal_core::hidden::{Salt, Subject, commit};
use privyseal_core::id::EventId;
use privyseal_core::time::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, params};
use serde_json::Value;

use super::{Found, Kept, Order, Owed, PrivateError, PrivateStore, Target};
use crate::durable;

/// Marks the file as ours (`PRAGMA application_id`): the bytes "PvHd".
const APPLICATION_ID: i32 = 0x5076_4864;
const SCHEMA_VERSION: i32 = 1;

const SCHEMA: &str = "
CREATE TABLE subject (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL,
    key       BLOB,
    erased_at INTEGER
) STRICT;
-- Whoever was erased and acts again gets a new key in a new row.
CREATE UNIQUE INDEX subject_with_key ON subject (name) WHERE key IS NOT NULL;
CREATE TABLE opening (
    id         INTEGER PRIMARY KEY,
    commitment BLOB NOT NULL,
    event_id   TEXT NOT NULL,
    pointer    TEXT NOT NULL,
    subject    INTEGER NOT NULL REFERENCES subject (id),
    nonce      BLOB,
    sealed     BLOB,
    same       BLOB,
    erased_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX opening_by_commitment ON opening (commitment);
CREATE INDEX opening_by_event ON opening (event_id);
CREATE INDEX opening_by_subject ON opening (subject);
CREATE INDEX opening_by_same ON opening (same) WHERE same IS NOT NULL;
CREATE TABLE owed (
    id       INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL,
    pointer  TEXT NOT NULL,
    actor    TEXT NOT NULL,
    reason   TEXT NOT NULL,
    change_request TEXT,
    at       INTEGER NOT NULL
) STRICT;
";

/// Before a value when two are compared under a subject's key.
const SAME: &[u8] = b"privyseal/same/v1\n";
/// Bytes of a comparison kept: enough that no two of one subject meet by chance.
const SAME_BYTES: usize = 16;
const SALT_BYTES: usize = 16;

/// Openings in one SQLite file.
pub struct SqlitePrivate {
    connection: Connection,
    path: PathBuf,
}

/// A row as it is stored.
struct Row {
    commitment: Vec<u8>,
    event_id: String,
    pointer: String,
    key: Option<Vec<u8>>,
    nonce: Option<Vec<u8>>,
    sealed: Option<Vec<u8>>,
    erased_at: Option<i64>,
}

const ROW: &str = "SELECT o.commitment, o.event_id, o.pointer, s.key, o.nonce, o.sealed, o.erased_at
    FROM opening o JOIN subject s ON s.id = o.subject";

impl SqlitePrivate {
    /// Opens the store for writing; makes it, readable by its owner only, when there is none.
    ///
    /// # Errors
    /// When it cannot be used, is not ours, of a newer version, or readable by others.
    pub fn open(path: &Path) -> Result<Self, PrivateError> {
        let made = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(file) => file.sync_all().and_then(|()| durable::sync_folder(path.parent().unwrap_or(Path::new(".")))).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        };
        made.map_err(|source| unavailable(path, "made", source))?;
        check_mode(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let store = Self::connect(path, flags)?;
        let error = |source| unavailable(path, "opened", source);
        let pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;";
        store.connection.execute_batch(pragmas).map_err(error)?;
        let empty: bool = store.connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0)).map_err(error)?;
        if empty {
            // The mark and the tables are one transaction, so that a crash leaves an empty file or a whole store.
            let setup = format!("BEGIN; PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION}; {SCHEMA} COMMIT;");
            store.connection.execute_batch(&setup).map_err(|source| unavailable(path, "made", source))?;
        }
        store.check_version()?;
        Ok(store)
    }

    /// Opens the store for reading, beside a process that writes it.
    ///
    /// # Errors
    /// As [`SqlitePrivate::open`], and when there is none.
    pub fn open_read_only(path: &Path) -> Result<Self, PrivateError> {
        check_mode(path)?;
        let store = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        store.check_version()?;
        Ok(store)
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, PrivateError> {
        let connection = Connection::open_with_flags(path, flags).map_err(|source| unavailable(path, "opened", source))?;
        connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(|source| unavailable(path, "opened", source))?;
        Ok(Self { connection, path: path.to_owned() })
    }

    fn check_version(&self) -> Result<(), PrivateError> {
        let number = |pragma: &str| self.connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i32>(0));
        let read = |pragma| number(pragma).map_err(|source| self.error("read", source));
        match (read("application_id")?, read("user_version")?) {
            (APPLICATION_ID, SCHEMA_VERSION) => Ok(()),
            (APPLICATION_ID, newer) if newer > SCHEMA_VERSION => {
                Err(self.damaged(format!("it is of version {newer}, this build reads {SCHEMA_VERSION}: use a newer Privyseal")))
            }
            _ => Err(self.damaged("it is not a store of hidden values".to_owned())),
        }
    }

    fn error(&self, doing: &'static str, source: rusqlite::Error) -> PrivateError {
        unavailable(&self.path, doing, source)
    }

    fn damaged(&self, detail: String) -> PrivateError {
        PrivateError::Damaged { path: self.path.clone(), detail }
    }

    fn row(&self, condition: &str, parameters: impl rusqlite::Params) -> Result<Option<Row>, PrivateError> {
        let mut statement = self.connection.prepare_cached(&format!("{ROW} WHERE {condition}")).map_err(|e| self.error("read", e))?;
        let row = statement.query_row(parameters, |row| {
            Ok(Row {
                commitment: row.get(0)?,
                event_id: row.get(1)?,
                pointer: row.get(2)?,
                key: row.get(3)?,
                nonce: row.get(4)?,
                sealed: row.get(5)?,
                erased_at: row.get(6)?,
            })
        });
        row.optional().map_err(|source| self.error("read", source))
    }

    fn found(&self, row: &Row) -> Result<(Digest, Found), PrivateError> {
        let bad = |what: &str| self.damaged(format!("the value at {} of event {} {what}", row.pointer, row.event_id));
        let commitment = Digest::from_slice(&row.commitment).ok_or_else(|| bad("has no commitment"))?;
        if let Some(at) = row.erased_at {
            return Ok((commitment, Found::Erased(Timestamp::from_micros(at))));
        }
        let (Some(key), Some(nonce), Some(sealed)) = (&row.key, &row.nonce, &row.sealed) else { return Err(bad("is incomplete")) };
        let nonce: [u8; 24] = nonce.as_slice().try_into().map_err(|_| bad("has no usable nonce"))?;
        let cipher = cipher(key).ok_or_else(|| bad("has no usable key"))?;
        let aad = authenticated(&commitment, &row.event_id, &row.pointer);
        let plain = cipher.decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: &aad }).map_err(|_| bad("does not open"))?;
        let (salt, value) = plain.split_at_checked(SALT_BYTES).ok_or_else(|| bad("is cut"))?;
        let salt = Salt::from_bytes(salt.try_into().map_err(|_| bad("is cut"))?);
        let value = canonical::parse(value).map_err(|_| bad("is not JSON"))?;
        // The commitment is what the log has signed: whatever does not open it is not shown to anybody.
        if commit(&salt, &value).ok() != Some(commitment) {
            return Err(bad("is not what the log committed to"));
        }
        Ok((commitment, Found::Clear(salt, value)))
    }
}

impl PrivateStore for SqlitePrivate {
    fn keep(&mut self, openings: &[Kept]) -> Result<(), PrivateError> {
        if openings.is_empty() {
            return Ok(());
        }
        let path = self.path.clone();
        let error = |source| unavailable(&path, "written", source);
        let transaction = self.connection.transaction().map_err(error)?;
        for kept in openings {
            insert(&transaction, kept).map_err(|failed| match failed {
                Failed::Sql(source) => error(source),
                Failed::Value(detail) => PrivateError::Damaged { path: path.clone(), detail },
            })?;
        }
        transaction.commit().map_err(error)
    }

    fn find(&self, commitment: &Digest) -> Result<Found, PrivateError> {
        match self.row("o.commitment = ?1", params![commitment.as_bytes().as_slice()])? {
            Some(row) => Ok(self.found(&row)?.1),
            None => Ok(Found::Unknown),
        }
    }

    fn find_at(&self, event_id: &EventId, pointer: &str) -> Result<Option<(Digest, Found)>, PrivateError> {
        let row = self.row("o.event_id = ?1 AND o.pointer = ?2", params![event_id.to_string(), pointer])?;
        row.map(|row| self.found(&row)).transpose()
    }

    fn count_same(&self, subject: &Subject, pointer: &str, value: &Value) -> Result<u64, PrivateError> {
        let read = |source| self.error("read", source);
        let key: Option<(i64, Vec<u8>)> = self
            .connection
            .query_row("SELECT id, key FROM subject WHERE name = ?1 AND key IS NOT NULL", [subject.to_string()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
            .map_err(read)?;
        let Some((subject, key)) = key else { return Ok(0) };
        let Ok(bytes) = canonical::to_bytes(value) else { return Ok(0) };
        let count: i64 = self
            .connection
            .query_row(
                "SELECT count(*) FROM opening WHERE same = ?1 AND subject = ?2 AND pointer = ?3",
                params![same(&key, &bytes), subject, pointer],
                |row| row.get(0),
            )
            .map_err(read)?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    fn erase(&mut self, target: &Target, order: &Order) -> Result<u64, PrivateError> {
        let path = self.path.clone();
        let error = |source| unavailable(&path, "erased", source);
        let actor = serde_json::to_string(&order.actor).map_err(|source| unavailable(&path, "erased", source))?;
        let transaction = self.connection.transaction().map_err(error)?;
        // Both statements see the same rows: those that still open.
        let (condition, one, two) = match target {
            Target::Subject(subject) => {
                ("subject IN (SELECT id FROM subject WHERE name = ?1) AND ?2 = ''", subject.to_string(), String::new())
            }
            Target::Value { event_id, pointer } => ("event_id = ?1 AND pointer = ?2", event_id.to_string(), pointer.clone()),
        };
        let at = order.at.micros();
        let owe = format!(
            "INSERT INTO owed (event_id, pointer, actor, reason, at, change_request) SELECT event_id, pointer, ?3, ?4, ?5, ?6 FROM opening
             WHERE sealed IS NOT NULL AND {condition} ORDER BY id"
        );
        transaction
            .execute(&owe, params![one, two, actor, order.reason, at, order.change_request.map(|id| id.to_string())])
            .map_err(error)?;
        let destroy =
            format!("UPDATE opening SET nonce = NULL, sealed = NULL, same = NULL, erased_at = ?3 WHERE sealed IS NOT NULL AND {condition}");
        let destroyed = transaction.execute(&destroy, params![one, two, at]).map_err(error)?;
        if let Target::Subject(subject) = target {
            let forget = "UPDATE subject SET key = NULL, erased_at = ?2 WHERE name = ?1 AND key IS NOT NULL";
            transaction.execute(forget, params![subject.to_string(), at]).map_err(error)?;
        }
        transaction.commit().map_err(error)?;
        Ok(u64::try_from(destroyed).unwrap_or(u64::MAX))
    }

    fn settle(&mut self) -> Result<(), PrivateError> {
        // The journal holds older images of the pages. `secure_delete` has zeroed the pages themselves.
        let busy: i64 = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(|source| self.error("erased", source))?;
        if busy == 0 { Ok(()) } else { Err(PrivateError::Busy { path: self.path.clone() }) }
    }

    fn owed(&self) -> Result<Vec<Owed>, PrivateError> {
        let read = |source| self.error("read", source);
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, event_id, pointer, actor, reason, at, change_request FROM owed ORDER BY id")
            .map_err(read)?;
        let rows = statement.query_map([], |row| {
            let texts: [String; 4] = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
            Ok((row.get::<_, i64>(0)?, texts, row.get::<_, i64>(5)?, row.get::<_, Option<String>>(6)?))
        });
        let rows: Vec<(i64, [String; 4], i64, Option<String>)> = rows.and_then(Iterator::collect).map_err(read)?;
        rows.into_iter()
            .map(|(id, [event_id, pointer, actor, reason], at, change_request)| {
                let bad = |_| self.damaged(format!("the order of erasure {id} cannot be read"));
                let actor: Actor = serde_json::from_str(&actor).map_err(|_| bad(()))?;
                let event_id = event_id.parse().map_err(|_| bad(()))?;
                let change_request = change_request.map(|id| id.parse().map_err(|_| bad(()))).transpose()?;
                Ok(Owed { id, event_id, pointer, order: Order { actor, reason, change_request, at: Timestamp::from_micros(at) } })
            })
            .collect()
    }

    fn pay(&mut self, ids: &[i64]) -> Result<(), PrivateError> {
        let path = self.path.clone();
        let error = |source| unavailable(&path, "written", source);
        let transaction = self.connection.transaction().map_err(error)?;
        for id in ids {
            transaction.execute("DELETE FROM owed WHERE id = ?1", [id]).map_err(error)?;
        }
        transaction.commit().map_err(error)
    }
}

enum Failed {
    Sql(rusqlite::Error),
    Value(String),
}

impl From<rusqlite::Error> for Failed {
    fn from(source: rusqlite::Error) -> Self {
        Failed::Sql(source)
    }
}

fn insert(transaction: &Transaction<'_>, kept: &Kept) -> Result<(), Failed> {
    let Kept { event_id, opening, nonce, new_key } = kept;
    let unusable = |what: &str| Failed::Value(format!("the value at {} of event {event_id} {what}", opening.pointer));
    let subject = opening.subject.to_string();
    let known: Option<(i64, Vec<u8>)> = transaction
        .prepare_cached("SELECT id, key FROM subject WHERE name = ?1 AND key IS NOT NULL")?
        .query_row([&subject], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (subject, key) = match known {
        Some(known) => known,
        None => {
            transaction.execute("INSERT INTO subject (name, key) VALUES (?1, ?2)", params![subject, new_key.as_slice()])?;
            (transaction.last_insert_rowid(), new_key.to_vec())
        }
    };
    let bytes = canonical::to_bytes(&opening.value).map_err(|error| unusable(&error.to_string()))?;
    let plain = [opening.salt.as_bytes().as_slice(), &bytes].concat();
    let event_id = event_id.to_string();
    let aad = authenticated(&opening.commitment, &event_id, &opening.pointer);
    let cipher = cipher(&key).ok_or_else(|| unusable("has no usable key"))?;
    let sealed = cipher.encrypt(&XNonce::from(*nonce), Payload { msg: &plain, aad: &aad }).map_err(|_| unusable("cannot be encrypted"))?;
    transaction
        .prepare_cached(
            "INSERT INTO opening (commitment, event_id, pointer, subject, nonce, sealed, same) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            opening.commitment.as_bytes().as_slice(),
            event_id,
            opening.pointer,
            subject,
            nonce.as_slice(),
            sealed,
            same(&key, &bytes)
        ])?;
    Ok(())
}

fn cipher(key: &[u8]) -> Option<XChaCha20Poly1305> {
    let key: [u8; 32] = key.try_into().ok()?;
    Some(XChaCha20Poly1305::new(&Key::from(key)))
}

/// What of a row cannot be exchanged without the value ceasing to open.
fn authenticated(commitment: &Digest, event_id: &str, pointer: &str) -> Vec<u8> {
    [commitment.as_bytes().as_slice(), event_id.as_bytes(), b"\n", pointer.as_bytes()].concat()
}

/// What two equal values of one subject have in common, and nobody without their key can compute.
fn same(key: &[u8], value: &[u8]) -> Vec<u8> {
    Digest::of_parts(&[SAME, key, value]).as_bytes().iter().take(SAME_BYTES).copied().collect()
}

fn check_mode(path: &Path) -> Result<(), PrivateError> {
    let about = std::fs::metadata(path).map_err(|source| unavailable(path, "opened", source))?;
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(PrivateError::Exposed { path: path.to_owned(), mode }) }
}

fn unavailable(path: &Path, doing: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PrivateError {
    PrivateError::Unavailable { path: path.to_owned(), doing, source: source.into() }
}

#[cfg(test)]
impl SqlitePrivate {
    pub(super) fn connection_for_tests(&self) -> &Connection {
        &self.connection
    }
}
