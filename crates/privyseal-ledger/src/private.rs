//! Openings of hidden values: kept encrypted under the key of whom they are about, found by commitment, erased for good.
//!
//! The log has commitments only, so its entries, segments, packs and proofs never change when a value is erased. What can be erased is
//! here, in a store of its own that is backed up apart from the log and not for long: a backup with the key still opens what was erased.
//!
//! [`SqlitePrivate`] is the store of one node. Several nodes on one PostgreSQL need one store between them; that implementation of
//! [`PrivateStore`] does not exist yet.

mod sqlite;
#[cfg(test)]
mod tests;

pub use sqlite::SqlitePrivate;

use std::path::PathBuf;

use privyseal_core::digest::Digest;
use privyseal_core::event::Actor;
use privyseal_core::hidden::{Opening, Salt, Subject};
use privyseal_core::id::{EventId, RequestId};
use privyseal_core::time::Timestamp;
use serde_json::Value;

/// An opening on its way into the store, with the randomness that encrypting it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The event that will hold the commitment.
    pub event_id: EventId,
    /// What opens it.
    pub opening: Opening,
    /// Random, used once.
    pub nonce: [u8; 24],
    /// Random; becomes the key of a subject who has none.
    pub new_key: [u8; 32],
}

/// What the store knows of a commitment.
#[derive(Clone, PartialEq)]
pub enum Found {
    /// Salt and value, checked against the commitment.
    Clear(Salt, Value),
    /// The value was erased.
    Erased(Timestamp),
    /// Nothing: the store is of another log, or an older backup of it.
    Unknown,
}

/// What is to be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every value about somebody, with their key.
    Subject(Subject),
    /// One value.
    Value {
        /// The event that holds its commitment.
        event_id: EventId,
        /// JSON pointer to the member, from the top of the entry.
        pointer: String,
    },
}

/// Who orders an erasure, and why: what its record in the log will say.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Who.
    pub actor: Actor,
    /// Why.
    pub reason: String,
    /// The approved request behind it.
    pub change_request: Option<RequestId>,
    /// When.
    pub at: Timestamp,
}

/// A value that is gone and whose `redaction.made` is not known to be in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Owed {
    /// Names it in the store.
    pub id: i64,
    /// The event that held the commitment.
    pub event_id: EventId,
    /// JSON pointer to the member.
    pub pointer: String,
    /// The order.
    pub order: Order,
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// It cannot be read or written; nothing was changed, trying again may help.
    #[error("the hidden values in {path} cannot be {doing}")]
    Unavailable {
        /// Which file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Others can read it.
    #[error("the hidden values in {path} can be read by others (mode {mode:o}): run `chmod 600 {path}` and consider them known")]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It holds something else.
    #[error("the hidden values in {path} are damaged: {detail}; restore {path} from a backup")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// Somebody reads and does not let go.
    #[error(
        "something reads {path} and does not let go of it, so traces of erased values are still in its journal: end that program; the erasure is then finished by itself"
    )]
    Busy {
        /// Which file.
        path: PathBuf,
    },
}

/// A store of openings.
///
/// Durability: what `keep`, `erase` and `pay` did survives power loss when they return `Ok`. Atomicity: each is done whole or not at all.
/// Ordering: `keep` is called strictly before the entries with the commitments are committed; what is left of a commit that failed is an
/// opening to which no entry leads, encrypted and erased with its subject like any other. Concurrency: one writer; readers beside it.
pub trait PrivateStore: Send {
    /// Keeps openings.
    ///
    /// # Errors
    /// When nothing was kept.
    fn keep(&mut self, openings: &[Kept]) -> Result<(), PrivateError>;

    /// What opens a commitment.
    ///
    /// # Errors
    /// When the store cannot be read, or holds what does not open the commitment.
    fn find(&self, commitment: &Digest) -> Result<Found, PrivateError>;

    /// The commitment at a place, with what opens it.
    ///
    /// # Errors
    /// As [`PrivateStore::find`].
    fn find_at(&self, event_id: &EventId, pointer: &str) -> Result<Option<(Digest, Found)>, PrivateError>;

    /// How many values of a subject at places of this name equal a value. Values that were erased no longer count.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn count_same(&self, subject: &Subject, pointer: &str, value: &Value) -> Result<u64, PrivateError>;

    /// Destroys values, and the key when all of a subject go, and notes in the same commit that the log owes a record of each.
    /// Returns how many values it destroyed. Traces may be left in the store's files until [`PrivateStore::settle`].
    ///
    /// # Errors
    /// When nothing was destroyed.
    fn erase(&mut self, target: &Target, order: &Order) -> Result<u64, PrivateError>;

    /// Sees to it that nothing of what was erased is left in the files of the store. Does nothing when there is nothing to do.
    ///
    /// # Errors
    /// When something is left.
    fn settle(&mut self) -> Result<(), PrivateError>;

    /// Erasures whose record is not known to be in the log, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn owed(&self) -> Result<Vec<Owed>, PrivateError>;

    /// Forgets debts that the log has paid.
    ///
    /// # Errors
    /// When nothing was forgotten; paying twice does no harm.
    fn pay(&mut self, ids: &[i64]) -> Result<(), PrivateError>;
}
