//! The durable ledger: an append-only log, sealed into Parquet, provable by an RFC 6962 tree, verified from bytes alone.
//!
//! `docs/LEDGER.md` describes every byte that this crate writes. Deciding what is written happens elsewhere.

pub mod blob;
pub mod chain;
pub mod cosigner;
pub mod export;
pub mod invariant;
pub mod keys;
pub mod layout;
pub mod leftover;
pub mod limits;
pub mod log;
pub mod measure;
pub mod place;
pub mod postgres;
pub mod private;
pub mod proof;
pub mod published;
pub mod reader;
pub mod seal;
pub mod segment;
pub mod snapshot;
pub mod sqlite;
pub mod stamp;
pub mod store;
pub mod tiles;
pub mod timestamp;
pub mod verify;
pub mod wal;
pub mod witness;

mod durable;
mod whole;

/// Publishes a signed head as the file `ledger/checkpoint`; durable on return.
///
/// # Errors
/// When the disk refuses.
pub fn publish_checkpoint(layout: &layout::Layout, note: &str) -> std::io::Result<()> {
    durable::write(&layout.checkpoint(), note.as_bytes())
}
