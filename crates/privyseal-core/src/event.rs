//! Event schema v1: the envelope that every entry has, and the typed body of every kind.
//!
//! `docs/EVENTS.md` says field by field which control test reads what. The schema is frozen: members may be added, none is
//! ever renamed, removed or given another meaning. Bytes that were signed are kept verbatim; these types only read and write them.

mod body;
pub mod directory;
mod entry;
pub mod evidence;
pub mod execution;
pub mod ledger;
pub mod policy;
pub mod request;
#[cfg(test)]
mod schema_test;
pub mod source;
pub mod watch;

pub use body::{Body, KINDS, Kind};
pub use entry::Entry;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::canonical::{self, CanonicalError};
use crate::digest::Digest;
use crate::id::{CredentialId, EventId, PrincipalId, RequestId, SessionId};
use crate::time::Timestamp;
use crate::tree;

/// Version of the schema, the entry's member `v`.
pub const VERSION: u64 = 1;

/// Longest entry in bytes; the C2SP tile format has 16-bit lengths.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// What signs: the context string before the leaf hash, so that no other signature can be taken for one of an event.
pub const SIGNATURE_CONTEXT: &[u8] = b"privyseal/event/v1\n";

/// What sort of thing acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A natural person's account.
    Human,
    /// An AI agent, pipeline or service account.
    Agent,
    /// Privyseal itself: timers, start-up, the operator's command line.
    System,
}

/// The door through which an act came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the meaning")]
pub enum Channel {
    Portal,
    Api,
    Cli,
    Slack,
    Teams,
    Mcp,
    Engine,
    Postgres,
    Flight,
}

/// How an actor proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A passkey (WebAuthn).
    Passkey,
    /// A one-time sign-in link.
    Link,
    /// An OpenID Connect provider.
    Oidc,
    /// An API key.
    ApiKey,
    /// Access to the data folder on the machine itself.
    Local,
    /// The engine's own process.
    Engine,
}

/// Authentication behind an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    /// How.
    pub method: AuthMethod,
    /// Authentication method references (RFC 8176), for example `["hwk","user"]`; empty for machines.
    #[serde(default)]
    pub amr: Vec<String>,
    /// When the person last proved who they are; absent for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    /// The session, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The credential used, when one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
}

/// Who acts, through which door, how proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The principal; `system` for Privyseal itself.
    pub id: PrincipalId,
    /// What sort of thing it is.
    pub kind: ActorKind,
    /// The door.
    pub channel: Channel,
    /// The proof.
    pub auth: Auth,
}

/// A text that may be hidden: clear, or replaced by a salted commitment that can be disclosed or erased on its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// Readable.
    Clear(String),
    /// Committed: base64url SHA-256 as docs/LEDGER.md "Hidden values" defines.
    Hidden {
        /// The commitment.
        #[serde(rename = "#")]
        commitment: Digest,
    },
}

impl Text {
    /// The text, unless hidden.
    #[must_use]
    pub fn clear(&self) -> Option<&str> {
        match self {
            Text::Clear(text) => Some(text),
            Text::Hidden { .. } => None,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text::Clear(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text::Clear(text)
    }
}

/// What the core decides: an event before the ledger has given it a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Who acted.
    pub actor: Actor,
    /// The request concerned, if any.
    pub request_id: Option<RequestId>,
    /// What happened.
    pub body: Body,
}

/// One event with its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Position in the log, from 0 without gaps.
    pub seq: u64,
    /// Unique name.
    pub id: EventId,
    /// When it was recorded; never decreases with `seq`.
    pub time: Timestamp,
    /// Origin of the log.
    pub log: String,
    /// Leaf hash of the entry before; none only at 0.
    pub prev: Option<Digest>,
    /// Who acted.
    pub actor: Actor,
    /// The request concerned, if any.
    pub request_id: Option<RequestId>,
    /// What happened.
    pub body: Body,
}

/// Why bytes are not an event, or an event has no bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Not canonical JSON.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// Over the limit.
    #[error("the entry would have {bytes} bytes, the limit is {MAX_ENTRY_BYTES}: put large payloads into inputs")]
    TooLarge {
        /// Bytes of the entry.
        bytes: usize,
    },
    /// Canonical JSON, but not an event of this schema.
    #[error("not an event of schema {VERSION}: {detail}")]
    Schema {
        /// What is wrong.
        detail: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    actor: Actor,
    body: Map<String, Value>,
    id: EventId,
    kind: String,
    log: String,
    prev: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
    seq: u64,
    time: Timestamp,
    v: u64,
}

impl Event {
    /// The kind, for example `request.submitted`.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.body.kind()
    }

    /// The entry: canonical bytes, exactly what is hashed and kept.
    ///
    /// # Errors
    /// When the event is larger than [`MAX_ENTRY_BYTES`] or holds values without a canonical form.
    pub fn to_entry(&self) -> Result<Vec<u8>, EventError> {
        let wire = Wire {
            actor: self.actor.clone(),
            body: self.body.to_members()?,
            id: self.id,
            kind: self.kind().name().to_owned(),
            log: self.log.clone(),
            prev: self.prev,
            request_id: self.request_id,
            seq: self.seq,
            time: self.time,
            v: VERSION,
        };
        let bytes = canonical::serialize(&wire)?;
        if bytes.len() > MAX_ENTRY_BYTES { Err(EventError::TooLarge { bytes: bytes.len() }) } else { Ok(bytes) }
    }

    /// Reads an entry, which must be canonical and of this schema.
    ///
    /// # Errors
    /// When it is not.
    pub fn from_entry(entry: &[u8]) -> Result<Self, EventError> {
        Entry::read(entry)?.event()
    }

    /// Reads an event from the parsed value of its entry.
    ///
    /// # Errors
    /// When the members are not those of this schema.
    pub fn from_value(value: Value) -> Result<Self, EventError> {
        let schema = |detail: String| EventError::Schema { detail };
        let wire: Wire = serde_json::from_value(value).map_err(|error| schema(error.to_string()))?;
        if wire.v != VERSION {
            return Err(schema(format!("its version is {}, this build reads {VERSION}: use a newer Privyseal", wire.v)));
        }
        let kind = Kind::from_name(&wire.kind)
            .ok_or_else(|| schema(format!("unknown kind `{}`: use a newer Privyseal", wire.kind.escape_debug())))?;
        let body = Body::from_members(kind, wire.body).map_err(|error| schema(format!("{}: {error}", kind.name())))?;
        Ok(Self {
            seq: wire.seq,
            id: wire.id,
            time: wire.time,
            log: wire.log,
            prev: wire.prev,
            actor: wire.actor,
            request_id: wire.request_id,
            body,
        })
    }
}

/// The bytes that a node key signs for an entry with this leaf hash.
#[must_use]
pub fn signed_message(leaf: &Digest) -> Vec<u8> {
    let mut message = SIGNATURE_CONTEXT.to_vec();
    message.extend_from_slice(leaf.as_bytes());
    message
}

/// The leaf hash of an entry.
#[must_use]
pub fn leaf(entry: &[u8]) -> Digest {
    tree::leaf_hash(entry)
}
