//! One type per kind of identifier, so that a grant's id cannot be passed where a request's is wanted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::time::Timestamp;

/// A text that is not an identifier of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: expected {expected}")]
pub struct IdError {
    what: &'static str,
    expected: &'static str,
    text: String,
}

fn shorten(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident, $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A UUID version 7 (RFC 9562 section 5.7) of this moment and ten random bytes.
            #[must_use]
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.micros().div_euclid(1_000)).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// The moment it was made for, in milliseconds since 1970 (RFC 9562 section 5.7: the first 48 bits).
            #[must_use]
            pub fn millis(&self) -> u64 {
                u64::try_from(self.0.as_u128() >> 80).unwrap_or(u64::MAX)
            }

            /// The last characters, for people; never compare these.
            #[must_use]
            pub fn short(&self) -> String {
                self.to_string().chars().skip(28).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let error = || IdError { what: $what, expected: "a UUID in lower case with hyphens", text: shorten(text) };
                let uuid = Uuid::parse_str(text).map_err(|_| error())?;
                // One text per id: no braces, no upper case, no missing hyphens.
                if uuid.hyphenated().to_string() == text { Ok(Self(uuid)) } else { Err(error()) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

uuid_ids! {
    /// Names one event.
    EventId, "event id";
    /// Names one request for a privileged action.
    RequestId, "request id";
    /// Names one grant: the right to run one approved action.
    GrantId, "grant id";
    /// Names one run of an approved action.
    ExecutionId, "execution id";
    /// Names one sign-in.
    SessionId, "session id";
    /// Names one statement of auditor SQL.
    QueryId, "query id";
    /// Names one generated report or evidence pack run.
    ReportId, "report id";
}

macro_rules! text_ids {
    ($($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $first:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || $first.as_bytes().contains(&byte));
                let rest = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._@:/+-".contains(&byte));
                if first && rest && text.len() <= $max {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError {
                        what: $what,
                        expected: concat!("1 to ", stringify!($max), " of the characters A-Z a-z 0-9 . _ @ : / + -, first a letter or digit"),
                        text: shorten(text),
                    })
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

text_ids! {
    /// An account that can act: of a person, an agent or a service.
    PrincipalId, "principal id", 128, "";
    /// A natural person. Several principals may belong to one person.
    PersonId, "person id", 128, "";
    /// A way to prove who one is: a passkey, an API key, a one-time link. A passkey's is base64url and may begin with `-` or `_`.
    CredentialId, "credential id", 1400, "-_";
    /// A verb of the action catalogue, dotted from general to special, for example `db.schema.apply`.
    ActionId, "action", 96, "";
    /// A role or a group (`group:sre`) that a principal can hold.
    Role, "role", 96, "";
}

impl Role {
    /// May administer: principals, roles, credentials, policy.
    pub const ADMIN: &'static str = "admin";
    /// May review requests whose requirement names a group or user that matches.
    pub const APPROVER: &'static str = "approver";
    /// May read everything and run SQL; never review.
    pub const AUDITOR: &'static str = "auditor";
    /// May ask.
    pub const REQUESTER: &'static str = "requester";
    /// May invoke break-glass.
    pub const BREAK_GLASS: &'static str = "break-glass";

    /// Whether it is a group, the only kind of role that a requirement can name.
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.as_str().starts_with("group:")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_per_id() {
        let id = RequestId::new("2026-11-23T05:33:27Z".parse().unwrap(), [7; 10]);
        assert_eq!(id.to_string().parse::<RequestId>().unwrap(), id);
        assert_eq!(id.to_string().chars().nth(14), Some('7'), "version 7");
        for bad in [id.to_string().to_uppercase(), id.to_string().replace('-', ""), format!("{{{id}}}"), String::new()] {
            assert!(bad.parse::<RequestId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn text_ids_refuse_what_could_be_mistaken() {
        for good in ["ana", "agent:deploy-bot", "ana@example.com", "group:sre"] {
            assert!(good.parse::<PrincipalId>().is_ok(), "{good}");
        }
        for bad in ["", " ana", "ana\u{202e}", "аna", "-ana", "ana\n"] {
            assert!(bad.parse::<PrincipalId>().is_err(), "{bad:?}");
        }
        for good in ["-Nyf_YpQa31", "_Nyf_YpQa31", "link-1"] {
            assert!(good.parse::<CredentialId>().is_ok(), "{good}");
        }
    }
}
