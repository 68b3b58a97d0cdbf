//! What is asked for: a verb on a resource with parameters and resolved inputs, and the one digest over all of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::canonical::{self, CanonicalError};
use crate::digest::Digest;
use crate::id::ActionId;

/// Most bytes that the canonical form of parameters and resource attributes may have together. Larger payloads are inputs, named by digest.
pub const MAX_PARAMETER_BYTES: usize = 32 * 1024;

/// Most inputs an action may name.
pub const MAX_INPUTS: usize = 64;

/// The thing acted on, written `type:id`, for example `postgres:orders/prod`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceRef {
    kind: String,
    id: String,
}

/// A text that does not name a resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` does not name a resource: write type:id, for example postgres:orders/prod")]
pub struct ResourceError {
    text: String,
}

impl ResourceRef {
    /// A resource of a type and an id.
    ///
    /// # Errors
    /// When the type is not 1 to 32 of `a-z 0-9 . _ -`, or the id is empty, longer than 512 bytes, or holds control or invisible characters.
    pub fn new(kind: &str, id: &str) -> Result<Self, ResourceError> {
        let kind_ok =
            (1..=32).contains(&kind.len()) && kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
        let id_ok = (1..=512).contains(&id.len()) && !id.chars().any(|c| c.is_control() || crate::text::is_deceptive(c));
        if kind_ok && id_ok {
            Ok(Self { kind: kind.to_owned(), id: id.to_owned() })
        } else {
            let text: String = format!("{kind}:{id}").chars().take(120).flat_map(char::escape_debug).collect();
            Err(ResourceError { text })
        }
    }

    /// The type, for example `postgres`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The id within the type, for example `orders/prod`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

impl FromStr for ResourceRef {
    type Err = ResourceError;
    fn from_str(text: &str) -> Result<Self, ResourceError> {
        let (kind, id) = text.split_once(':').unwrap_or(("", text));
        if kind.is_empty() {
            return Err(ResourceError { text: text.chars().take(120).flat_map(char::escape_debug).collect() });
        }
        Self::new(kind, id)
    }
}

/// A resource as it stands in requests and events: type, id, and what the requester claims about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Type and id.
    pub name: ResourceRef,
    /// Claimed attributes. They are part of the digest; policy sees them beside what the server derived.
    pub attributes: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct ResourceWire {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    #[serde(default)]
    attributes: Map<String, Value>,
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ResourceWire { kind: self.name.kind.clone(), id: self.name.id.clone(), attributes: self.attributes.clone() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = ResourceWire::deserialize(deserializer)?;
        let name = ResourceRef::new(&wire.kind, &wire.id).map_err(serde::de::Error::custom)?;
        Ok(Self { name, attributes: wire.attributes })
    }
}

/// What an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// A file that the action reads.
    File,
    /// The program that runs.
    Tool,
    /// An environment variable or a set of them.
    Environment,
    /// The definition of a tool as its server published it.
    Definition,
    /// A test result for the same artefact.
    Test,
}

/// A resolved input: something outside the request whose bytes decide what will happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// What it is.
    pub kind: InputKind,
    /// Its name as the action uses it, for example a path.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Length in bytes.
    pub bytes: u64,
}

/// Limits on the grant that are part of what is asked, tighter than policy's own. A person who narrows a request sets them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Most seconds that the grant may live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
    /// Most uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<u64>,
}

/// The whole of what is asked. Two actions are the same action exactly when their digests are equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// The verb, from the action catalogue.
    #[serde(rename = "action")]
    pub verb: ActionId,
    /// What it acts on.
    pub resource: Resource,
    /// Its parameters.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// Its resolved inputs.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// Limits on its grant; absent when policy's own are enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// An action that is too large to be shown and signed as a whole, or that has no canonical form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// No canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// Too large.
    #[error(
        "parameters and resource attributes are {bytes} bytes, the limit is {MAX_PARAMETER_BYTES}: pass large payloads as inputs, which are named by digest"
    )]
    TooLarge {
        /// Bytes of the canonical form.
        bytes: usize,
    },
    /// Too many inputs.
    #[error("{count} inputs, the limit is {MAX_INPUTS}")]
    TooManyInputs {
        /// How many.
        count: usize,
    },
    /// An input's name cannot be shown safely.
    #[error("input {index} has an unusable name: 1 to 512 bytes without control or invisible characters")]
    InputName {
        /// Which, from 0.
        index: usize,
    },
}

impl Action {
    /// The digest over the canonical JSON of {action, resource, parameters, inputs} and, where there are any, limits: asked, shown and run are compared by it.
    ///
    /// # Errors
    /// When the action is too large or holds values without a canonical form.
    pub fn digest(&self) -> Result<Digest, ActionError> {
        let parameters = canonical::serialize(&self.parameters)?.len() + canonical::serialize(&self.resource.attributes)?.len();
        if parameters > MAX_PARAMETER_BYTES {
            return Err(ActionError::TooLarge { bytes: parameters });
        }
        if self.inputs.len() > MAX_INPUTS {
            return Err(ActionError::TooManyInputs { count: self.inputs.len() });
        }
        let bad_name = |input: &Input| {
            !(1..=512).contains(&input.name.len()) || input.name.chars().any(|c| c.is_control() || crate::text::is_deceptive(c))
        };
        if let Some(index) = self.inputs.iter().position(bad_name) {
            return Err(ActionError::InputName { index });
        }
        Ok(Digest::of(&canonical::serialize(self)?))
    }

    /// Code points in what an approver is shown that deceive the eye, sorted, at most 32.
    #[must_use]
    pub fn deceptive(&self, justification: &str) -> Vec<String> {
        const MOST: usize = 32;
        let parameters = serde_json::to_string(&self.parameters).unwrap_or_default();
        let attributes = serde_json::to_string(&self.resource.attributes).unwrap_or_default();
        let texts = [parameters.as_str(), attributes.as_str(), justification];
        let mut found: Vec<String> = texts.iter().flat_map(|text| crate::text::deceptive(text, MOST)).collect();
        found.sort();
        found.dedup();
        found.truncate(MOST);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn action(parameters: &Value) -> Action {
        serde_json::from_value(json!({
            "action": "db.schema.apply",
            "resource": {"type": "postgres", "id": "orders/prod"},
            "parameters": parameters,
        }))
        .unwrap()
    }

    #[test]
    fn the_digest_depends_on_content_not_on_order() {
        let one = action(&json!({"a": 1, "b": "x"})).digest().unwrap();
        let two = action(&serde_json::from_str(r#"{"b":"x","a":1}"#).unwrap()).digest().unwrap();
        assert_eq!(one, two);
        assert_ne!(one, action(&json!({"a": 1, "b": "y"})).digest().unwrap());
    }

    #[test]
    fn unusable_actions_are_refused_with_a_reason() {
        assert!(matches!(action(&json!({"a": "x".repeat(MAX_PARAMETER_BYTES)})).digest(), Err(ActionError::TooLarge { .. })));
        assert!(action(&json!({"a": 0.5})).digest().unwrap_err().to_string().contains("send it as a string"));
        for bad in ["orders/prod", ":x", "postgres:", "Post:x", "postgres:a\u{202e}b"] {
            assert!(bad.parse::<ResourceRef>().is_err(), "{bad:?}");
        }
    }
}
