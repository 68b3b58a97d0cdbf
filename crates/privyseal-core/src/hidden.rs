//! Hidden values: what stands in an entry instead of a personal or secret value, and how one of them is shown alone later.
//!
//! A hidden member is `{"#":"<commitment>"}`, commitment = SHA-256(`"privyseal/hide/v1\n"` ‖ salt ‖ canonical JSON of the value).
//! The salt has 16 random bytes, so that nobody can try likely values against the entry. Salt and value together are an [`Opening`];
//! where openings are kept, under which key, and how they are erased, is not decided here: see `privyseal_ledger::private`.
//! Which members are hidden is decided in [`policy`].

pub mod policy;
#[cfg(test)]
mod tests;

pub use policy::{HideError, HidePolicy, hide_action, hide_body};

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::canonical::{self, CanonicalError};
use crate::digest::{Digest, base64url, from_base64url};
use crate::id::{EventId, PersonId, PrincipalId};

/// What is hashed before salt and value, so that no other hash can be taken for a commitment.
pub const CONTEXT: &[u8] = b"privyseal/hide/v1\n";

/// The member that marks a hidden value. No other member of an entry has this name.
pub const MARK: &str = "#";

/// Most bytes of a disclosure file: a value is never longer than an entry, and JSON may escape it.
pub const MAX_DISCLOSURE_BYTES: usize = 256 * 1024;

/// Version of the disclosure file, its member `v`.
const VERSION: u64 = 1;

/// 16 random bytes, used for one value only. Text form: base64url without padding, 22 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Salt([u8; 16]);

/// A text that is not a salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a salt: expected 22 base64url characters")]
pub struct SaltError;

impl Salt {
    /// Wraps 16 random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url(&self.0))
    }
}

impl fmt::Debug for Salt {
    /// A salt in a log line would let readers of the log try values against the entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt")
    }
}

impl FromStr for Salt {
    type Err = SaltError;
    fn from_str(text: &str) -> Result<Self, SaltError> {
        from_base64url(text).and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(SaltError)
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The commitment to a value.
///
/// # Errors
/// When the value has no canonical form.
pub fn commit(salt: &Salt, value: &Value) -> Result<Digest, CanonicalError> {
    Ok(Digest::of_parts(&[CONTEXT, &salt.0, &canonical::to_bytes(value)?]))
}

/// What stands in an entry instead of a value.
#[must_use]
pub fn form(commitment: &Digest) -> Value {
    Value::Object(Map::from_iter([(MARK.to_owned(), Value::String(commitment.to_string()))]))
}

/// The commitment in a hidden member; `None` when the value stands there itself.
#[must_use]
pub fn commitment(value: &Value) -> Option<Digest> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let text = members.get(MARK)?.as_str().filter(|text| text.len() == 43)?;
    text.parse().ok()
}

/// The hidden members below a value, as JSON pointers (RFC 6901) with their commitments, in the order of the text.
#[must_use]
pub fn members(value: &Value) -> Vec<(String, Digest)> {
    fn walk(value: &Value, at: &str, found: &mut Vec<(String, Digest)>) {
        if let Some(commitment) = commitment(value) {
            found.push((at.to_owned(), commitment));
            return;
        }
        match value {
            Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| walk(item, &format!("{at}/{index}"), found)),
            Value::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_unstable_by_key(|(name, _)| *name);
                sorted.into_iter().for_each(|(name, item)| walk(item, &format!("{at}/{}", step(name)), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}

/// One step of a JSON pointer for a member of this name (RFC 6901 section 3).
#[must_use]
pub fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Whom a value is about: the natural person, or, for accounts without one, the account. One key encrypts all values of a subject.
///
/// Text form: `person:ana`, `principal:deploy-bot`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A natural person.
    Person(PersonId),
    /// An agent or service.
    Principal(PrincipalId),
}

/// A text that names no subject.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names nobody: write person:<id> or principal:<id>")]
pub struct SubjectError {
    text: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Person(id) => write!(f, "person:{id}"),
            Subject::Principal(id) => write!(f, "principal:{id}"),
        }
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    /// A bare id is a person's.
    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let parsed = match text.split_once(':') {
            Some(("person", id)) => id.parse().ok().map(Subject::Person),
            Some(("principal", id)) => id.parse().ok().map(Subject::Principal),
            _ => text.parse().ok().map(Subject::Person),
        };
        parsed.ok_or_else(|| SubjectError { text: text.chars().take(80).flat_map(char::escape_debug).collect() })
    }
}

/// What opens one hidden member of one event.
#[derive(Clone, PartialEq)]
pub struct Opening {
    /// The commitment that stands in the entry.
    pub commitment: Digest,
    /// JSON pointer (RFC 6901) to the member, from the top of the entry, for example `/body/justification`.
    pub pointer: String,
    /// Whom the value is about.
    pub subject: Subject,
    /// The salt.
    pub salt: Salt,
    /// The value.
    pub value: Value,
}

impl fmt::Debug for Opening {
    /// Without salt and value, which are nobody's business in a log line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opening({} of {})", self.pointer, self.subject)
    }
}

/// The disclosure of one value: a file that proves, beside the entry, what a hidden member held.
///
/// It needs no secret of ours and no other value of the entry: whoever has the entry (from the log, a segment or a pack) can check it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// The event.
    pub event_id: EventId,
    /// Origin of the log.
    pub log: String,
    /// JSON pointer (RFC 6901) to the hidden member, from the top of the entry.
    pub pointer: String,
    /// The salt.
    pub salt: Salt,
    /// Version; 1.
    pub v: u64,
    /// The value.
    pub value: Value,
}

/// Why a disclosure shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DisclosureError {
    /// Not a disclosure file.
    #[error("not a disclosure: {detail}")]
    Format {
        /// What is wrong.
        detail: String,
    },
    /// It is about another entry.
    #[error("the disclosure is about event {event_id} of `{log}`, the entry is another one")]
    OtherEntry {
        /// Event that it names.
        event_id: EventId,
        /// Log that it names.
        log: String,
    },
    /// Nothing is hidden there.
    #[error("nothing is hidden at `{pointer}` of the entry")]
    NotHidden {
        /// Where it points.
        pointer: String,
    },
    /// Another value was hidden.
    #[error("the value is not the one that was hidden at `{pointer}`: salt and value do not give the commitment in the entry")]
    Differs {
        /// Where it points.
        pointer: String,
    },
}

impl fmt::Debug for Disclosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Disclosure({} of {})", self.pointer, self.event_id)
    }
}

impl Disclosure {
    /// A disclosure of version 1.
    #[must_use]
    pub fn new(log: &str, event_id: EventId, pointer: &str, salt: Salt, value: Value) -> Self {
        Self { event_id, log: log.to_owned(), pointer: pointer.to_owned(), salt, v: VERSION, value }
    }

    /// The file: canonical JSON.
    ///
    /// # Errors
    /// When the value has no canonical form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::serialize(self)
    }

    /// Reads a file, which must be canonical JSON; one line feed at its end is allowed.
    ///
    /// # Errors
    /// When it is not a disclosure of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DisclosureError> {
        let format = |detail: String| DisclosureError::Format { detail };
        if bytes.len() > MAX_DISCLOSURE_BYTES {
            return Err(format(format!("it has {} bytes, the limit is {MAX_DISCLOSURE_BYTES}", bytes.len())));
        }
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let value = canonical::parse(bytes).map_err(|error| format(error.to_string()))?;
        let disclosure: Self = serde_json::from_value(value).map_err(|error| format(error.to_string()))?;
        if disclosure.v != VERSION {
            return Err(format(format!("its version is {}, this build reads {VERSION}: use a newer Privyseal", disclosure.v)));
        }
        Ok(disclosure)
    }

    /// Checks it against the entry that it names. The entry itself is proven elsewhere, by signature, chain and tree.
    ///
    /// # Errors
    /// When it is about another entry, nothing is hidden there, or another value was hidden.
    pub fn check(&self, entry: &[u8]) -> Result<(), DisclosureError> {
        let entry = canonical::parse(entry).map_err(|error| DisclosureError::Format { detail: format!("the entry: {error}") })?;
        let is = |name: &str, text: &str| entry.get(name).and_then(Value::as_str) == Some(text);
        if !is("id", &self.event_id.to_string()) || !is("log", &self.log) {
            return Err(DisclosureError::OtherEntry { event_id: self.event_id, log: self.log.clone() });
        }
        let pointer = || self.pointer.clone();
        let hidden = entry.pointer(&self.pointer).and_then(commitment).ok_or_else(|| DisclosureError::NotHidden { pointer: pointer() })?;
        let given = commit(&self.salt, &self.value).map_err(|error| DisclosureError::Format { detail: error.to_string() })?;
        if given == hidden { Ok(()) } else { Err(DisclosureError::Differs { pointer: pointer() }) }
    }
}
