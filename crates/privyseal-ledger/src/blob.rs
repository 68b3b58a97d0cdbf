//! Payloads over the entry limit, kept beside the log and named by their SHA-256.

use std::io;

use privyseal_core::digest::Digest;

use crate::durable;
use crate::layout::Layout;
use crate::postgres::blobs;

/// Largest blob that is kept, in bytes.
pub const MAX_BLOB_BYTES: usize = 16 * 1024 * 1024;

/// Keeps `bytes`; durable on return. Idempotent: the same bytes are written once.
///
/// # Errors
/// When the disk refuses.
pub fn put(layout: &Layout, bytes: &[u8]) -> io::Result<Digest> {
    let digest = Digest::of(bytes);
    let path = layout.blob(&digest);
    // A file under this name was renamed into place whole; its content is checked whenever it is read.
    if !path.is_file() {
        durable::write(&path, bytes)?;
    }
    if let Some(database) = layout.database() {
        blobs::put(database, &digest, bytes)?;
    }
    Ok(digest)
}

/// Reads a blob; `None` when it is not kept here.
///
/// # Errors
/// When the disk refuses, or the bytes are not what their name says.
pub fn get(layout: &Layout, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
    if let Some(bytes) = kept(layout, digest)? {
        return Ok(Some(bytes));
    }
    // One that another process of the same log kept; it stays here from now on.
    let fetched = fetch(layout, digest)?;
    if let Some(bytes) = &fetched {
        durable::write(&layout.blob(digest), bytes)?;
    }
    Ok(fetched)
}

/// As [`get`], for those who only read: what comes from the database is not kept in the folder.
///
/// # Errors
/// As [`get`].
pub fn look(layout: &Layout, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
    kept(layout, digest)?.map_or_else(|| fetch(layout, digest), |bytes| Ok(Some(bytes)))
}

fn kept(layout: &Layout, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(layout.blob(digest)) {
        Ok(bytes) if Digest::of(&bytes) == *digest => Ok(Some(bytes)),
        Ok(_) => {
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("blob {} is damaged: its bytes have another digest", digest.hex())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn fetch(layout: &Layout, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
    let Some(database) = layout.database() else { return Ok(None) };
    let Some(bytes) = blobs::get(database, digest)? else { return Ok(None) };
    if Digest::of(&bytes) != *digest {
        let damaged = format!("blob {} is damaged in the database: its bytes have another digest", digest.hex());
        return Err(io::Error::new(io::ErrorKind::InvalidData, damaged));
    }
    Ok(Some(bytes))
}
