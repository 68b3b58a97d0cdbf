//! Blobs in the database, so that every process that shares the log finds the policies and inputs that others kept.

use std::io;

use privyseal_core::digest::Digest;

use super::connection::Worker;
use super::database::Database;

/// Keeps a blob; durable on return. The same bytes are kept once.
///
/// # Errors
/// When the database cannot be written.
pub(crate) fn put(database: &Database, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
    let (sha256, bytes) = (digest.as_bytes().to_vec(), bytes.to_vec());
    let insert = "INSERT INTO privyseal.blob (sha256, bytes) VALUES ($1, $2) ON CONFLICT (sha256) DO NOTHING";
    let put = Worker::start(database)?.run(move |connection| connection.execute(insert, &[&sha256, &bytes]).map(|_| ()));
    put.map_err(io::Error::other)
}

/// Reads a blob; `None` when it is not kept there. The caller compares its digest.
///
/// # Errors
/// When the database cannot be read.
pub(crate) fn get(database: &Database, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
    let sha256 = digest.as_bytes().to_vec();
    let rows = Worker::start(database)?.run(move |connection| {
        let rows = connection.rows("SELECT bytes FROM privyseal.blob WHERE sha256 = $1", &[&sha256])?;
        rows.first().map(|row| row.try_get(0).map_err(Into::into)).transpose()
    });
    rows.map_err(io::Error::other)
}
