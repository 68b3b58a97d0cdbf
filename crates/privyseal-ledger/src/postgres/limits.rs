//! What PostgreSQL does without a ledger: one row an insert, one insert a transaction, each client on a connection of its own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::connection::Worker;
use super::database::Database;

/// Rows of `bytes` bytes that so many clients insert in a second, each waiting for its commit. The table is made anew.
///
/// # Errors
/// When the database refuses.
pub fn inserts_per_second(database: &Database, clients: usize, bytes: usize, time: Duration) -> std::io::Result<f64> {
    let setup = "DROP SCHEMA IF EXISTS privyseal_bench CASCADE; CREATE SCHEMA privyseal_bench;
        CREATE TABLE privyseal_bench.row (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, entry bytea NOT NULL)";
    Worker::start(database)?.run(move |connection| connection.script(setup)).map_err(std::io::Error::other)?;
    let (count, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let insert = |worker: &Worker| {
        let row = vec![7_u8; bytes];
        worker.run(move |connection| connection.execute("INSERT INTO privyseal_bench.row (entry) VALUES ($1)", &[&row]))
    };
    let workers = (0..clients).map(|_| Worker::start(database)).collect::<std::io::Result<Vec<_>>>()?;
    // Connecting is not what is measured.
    workers.iter().try_for_each(|worker| insert(worker).map(|_| ())).map_err(std::io::Error::other)?;
    let started = Instant::now();
    let failed = std::thread::scope(|scope| {
        let (count, stop, insert) = (&count, &stop, &insert);
        let client = |worker| {
            move || {
                while !stop.load(Ordering::Relaxed) {
                    insert(worker)?;
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }
        };
        let clients: Vec<_> = workers.iter().map(|worker| scope.spawn(client(worker))).collect();
        while started.elapsed() < time && clients.iter().all(|client| !client.is_finished()) {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().find_map(|client| client.join().unwrap_or(Ok(())).err())
    });
    let elapsed = started.elapsed();
    match failed {
        Some(error) => Err(std::io::Error::other::<super::connection::Error>(error)),
        #[expect(clippy::cast_precision_loss, reason = "three digits are all that is printed")]
        None => Ok(count.load(Ordering::Relaxed) as f64 / elapsed.as_secs_f64().max(1e-9)),
    }
}
