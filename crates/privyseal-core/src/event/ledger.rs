//! Bodies about the log itself: opening, keys, segments, redactions.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{EventId, PrincipalId, RequestId};

/// `ledger.opened`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Format of the ledger; 1.
    pub format: u64,
    /// The first key as verifier-key text; its name is the log's origin. It signs heads and events.
    pub key: String,
    /// For a successor log: the final checkpoint of the one before. Null for a first log.
    pub previous: Option<String>,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPurpose {
    /// Signs tree heads.
    Log,
    /// Signs events.
    Node,
}

/// `key.enrolled`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyEnrolled {
    /// Verifier-key text.
    pub key: String,
    /// What it signs.
    pub purpose: KeyPurpose,
    /// How the private half is kept, for example `file-0600`.
    pub protection: String,
    /// SHA-256 of the device's or service's statement that the private half cannot leave it; absent when there is no such statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Digest>,
    /// Who keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custodian: Option<PrincipalId>,
    /// The approved request behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_request: Option<RequestId>,
}

/// `key.retired`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRetired {
    /// The key's id, 8 hex digits.
    pub key_id: String,
    /// Why.
    pub reason: String,
}

/// `key.revoked`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRevoked {
    /// The key's id, 8 hex digits.
    pub key_id: String,
    /// First entry whose signature by this key is worth nothing; absent when the key was not compromised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_seq: Option<u64>,
    /// Why.
    pub reason: String,
}

/// `segment.sealed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentSealed {
    /// First entry inside.
    pub first: u64,
    /// Last entry inside.
    pub last: u64,
    /// Rows, equal to `last - first + 1`.
    pub rows: u64,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// Path below `ledger/`.
    pub path: String,
    /// How many segments it takes the place of, 2 or more: those that stand one after the other at this moment and together hold exactly
    /// its entries. Absent when its entries were in no segment before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<u64>,
}

/// `redaction.made`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedactionMade {
    /// The event that held the value.
    pub event_id: EventId,
    /// JSON pointer (RFC 6901) of the hidden member.
    pub pointer: String,
    /// Why, for example `erasure request`.
    pub reason: String,
    /// The approved request behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_request: Option<RequestId>,
}
