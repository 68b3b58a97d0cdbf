//! Bodies about who exists and what they may do: principals, roles, credentials, delegations, sessions.

use serde::{Deserialize, Serialize};

use super::{ActorKind, AuthMethod, Text};
use crate::digest::Digest;
use crate::id::{CredentialId, PersonId, PrincipalId, RequestId, Role, SessionId};
use crate::time::Timestamp;

/// `principal.registered`: one account. Replacing records is `principal.changed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The account.
    pub principal: PrincipalId,
    /// What sort of thing it is; never `system`.
    pub kind: ActorKind,
    /// Name for people to read.
    pub name: Text,
    /// Mail address, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Text>,
    /// The natural person behind a human account; absent for agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// The human account that answers for an agent or service; absent for humans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PrincipalId>,
    /// The principal that spawned this agent, when another agent did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<PrincipalId>,
    /// What is known about an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentProfile>,
}

/// The registry record of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentProfile {
    /// Model or program name.
    pub model: String,
    /// Its version.
    pub version: String,
    /// Tools it may use.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Actions it is meant for, as prefixes of the action catalogue, for example `db.schema`.
    #[serde(default)]
    pub intended_use: Vec<String>,
    /// When its impact was last assessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact_assessed_at: Option<Timestamp>,
}

/// `principal.changed`: the whole new record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrincipalChanged {
    /// The record that holds from now on.
    #[serde(flatten)]
    pub record: Principal,
    /// Why.
    pub reason: String,
}

/// `principal.disabled`, `principal.enabled`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrincipalSwitched {
    /// The account.
    pub principal: PrincipalId,
    /// Why.
    pub reason: String,
    /// From when it holds; the engine acts on it in the same commit.
    pub effective_at: Timestamp,
}

/// `role.assigned`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleAssigned {
    /// Who receives it.
    pub principal: PrincipalId,
    /// The role or `group:<name>`.
    pub role: Role,
    /// From when.
    pub valid_from: Timestamp,
    /// Until when; absent for a standing role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Timestamp>,
    /// What an auditor may see: framework ids; empty for no limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    /// Why.
    pub reason: String,
    /// The approved request behind it; absent at start-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_request: Option<RequestId>,
}

/// `role.removed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRemoved {
    /// Who loses it.
    pub principal: PrincipalId,
    /// The role or group.
    pub role: Role,
    /// Why.
    pub reason: String,
    /// The access review that ordered it, as event sequence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_review_seq: Option<u64>,
}

/// The public part of a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CredentialKey {
    /// A WebAuthn passkey.
    Passkey {
        /// `ES256` or `EdDSA`.
        alg: String,
        /// SEC1 uncompressed point (65 bytes) or Ed25519 key (32 bytes), base64url.
        public_key: String,
        /// The relying party id, a host name.
        rp_id: String,
        /// AAGUID of the authenticator, hex.
        aaguid: String,
        /// Whether the authenticator said it verified the user when it was enrolled.
        user_verified: bool,
        /// Whether the passkey is synchronised between devices.
        backed_up: bool,
    },
    /// An API key of an agent or of a person's command line.
    ApiKey {
        /// SHA-256 of the secret.
        secret_sha256: Digest,
    },
    /// A one-time sign-in link.
    Link {
        /// SHA-256 of the secret.
        secret_sha256: Digest,
    },
}

/// `credential.enrolled`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialEnrolled {
    /// Its id; for passkeys the WebAuthn credential id in base64url.
    pub credential: CredentialId,
    /// Whose it is.
    pub principal: PrincipalId,
    /// Name for people.
    pub label: String,
    /// The public part.
    pub key: CredentialKey,
    /// The only environment it may act in; absent when it is not bound to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// `credential.revoked`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRevoked {
    /// Its id.
    pub credential: CredentialId,
    /// Whose it was.
    pub principal: PrincipalId,
    /// Why, for example `used` for a one-time link.
    pub reason: String,
    /// From when it holds.
    pub effective_at: Timestamp,
}

/// `delegation.made`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationMade {
    /// Names the delegation.
    pub delegation: String,
    /// Who lets decide.
    pub delegator: PrincipalId,
    /// Who may decide.
    pub delegate: PrincipalId,
    /// For which roles or groups.
    pub roles: Vec<Role>,
    /// From when.
    pub valid_from: Timestamp,
    /// Until when.
    pub valid_to: Timestamp,
    /// 1 for a direct delegation; deeper ones are refused.
    pub depth: u64,
    /// Why.
    pub reason: String,
    /// The approved request behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_request: Option<RequestId>,
}

/// `delegation.ended`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationEnded {
    /// Names the delegation.
    pub delegation: String,
    /// Why.
    pub reason: String,
}

/// `session.started`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStarted {
    /// The session.
    pub session: SessionId,
    /// Whose.
    pub principal: PrincipalId,
    /// How they signed in.
    pub method: AuthMethod,
    /// Authentication method references (RFC 8176).
    #[serde(default)]
    pub amr: Vec<String>,
    /// With which credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// SHA-256 of the random 256-bit token in the cookie; the token itself is nowhere kept.
    pub token_sha256: Digest,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
}

/// `session.ended`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEnded {
    /// The session.
    pub session: SessionId,
    /// Whose.
    pub principal: PrincipalId,
    /// `signed_out`, `expired`, `ended_by_admin`.
    pub reason: String,
}

/// `session.refused`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRefused {
    /// Who was claimed, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalId>,
    /// How they tried.
    pub method: AuthMethod,
    /// Why it was refused.
    pub reason: String,
}
