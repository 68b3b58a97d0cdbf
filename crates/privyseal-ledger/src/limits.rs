//! What the disk and SQLite can do without us: the limits that `privyseal bench` puts beside our own figures.

use std::fs::OpenOptions;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

/// Latencies of writing 4 KiB and syncing it (`fdatasync`), one after the other.
///
/// # Errors
/// When the disk refuses.
pub fn sync_latencies(folder: &Path, count: usize) -> io::Result<Vec<Duration>> {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(folder.join("sync.bin"))?;
    let block = [7_u8; 4_096];
    file.write_all(&block)?;
    file.sync_all()?;
    (0..count)
        .map(|_| {
            let started = Instant::now();
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&block)?;
            file.sync_data()?;
            Ok(started.elapsed())
        })
        .collect()
}

/// Rows of `bytes` bytes per second that SQLite inserts durably in groups of `group`, with nothing else: no hash, no signature, no head.
///
/// # Errors
/// When SQLite fails.
pub fn bare_inserts_per_second(folder: &Path, bytes: usize, group: usize, time: Duration) -> Result<f64, rusqlite::Error> {
    let mut connection = Connection::open(folder.join(format!("bare-{group}.sqlite")))?;
    connection.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE entry (seq INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT;",
    )?;
    let payload = vec![b'x'; bytes];
    let (started, mut rows) = (Instant::now(), 0_u64);
    while started.elapsed() < time {
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO entry (entry) VALUES (?1)")?;
            for _ in 0..group {
                insert.execute(params![payload])?;
            }
        }
        transaction.commit()?;
        rows += u64::try_from(group).unwrap_or(0);
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are all that is read")]
    let rows = rows as f64;
    Ok(rows / started.elapsed().as_secs_f64())
}

/// The same count that SQL gives, asked of the log database itself: seconds for `count(*) group by kind` over `entry`.
///
/// # Errors
/// When SQLite fails.
pub fn sqlite_group_count(log: &Path) -> Result<Duration, rusqlite::Error> {
    let connection = Connection::open_with_flags(log, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let started = Instant::now();
    let mut statement = connection.prepare("SELECT kind, count(*) FROM entry GROUP BY kind")?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(started.elapsed())
}
