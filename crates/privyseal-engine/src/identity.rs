//! Who is calling: secrets and tokens to actors.

use privyseal_core::digest::{Digest, base64url, from_base64url};
use privyseal_core::event::{Actor, Auth, AuthMethod, Channel};
use privyseal_core::id::{PrincipalId, SessionId};
use privyseal_core::state::State;
use privyseal_core::time::Timestamp;

use crate::entropy::Entropy;

/// A random 256-bit secret in its text form. It has no `Debug`, so that it cannot slip into a log line.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret that someone presents; `None` when it cannot be one of ours.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let body = text.strip_prefix("pv_").unwrap_or(text);
        from_base64url(body).filter(|bytes| bytes.len() == 32).map(|_| Self(body.to_owned()))
    }

    /// What is kept of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// The text to hand out, once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A new secret.
///
/// # Errors
/// When the operating system gives no random numbers.
pub fn new_secret(entropy: &dyn Entropy) -> Result<Secret, String> {
    Ok(Secret(base64url(&entropy.seed()?)))
}

/// A caller who has proven who they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The principal.
    pub principal: PrincipalId,
    /// The session, when there is one.
    pub session: Option<SessionId>,
    /// The actor as it will stand on events.
    pub actor: Actor,
}

/// Whoever holds this session token.
pub(crate) fn by_session(state: &State, token: &Secret, channel: Channel, now: Timestamp) -> Option<Identity> {
    let (id, session) = state.session_by_token(&token.digest(), now)?;
    let record = &state.principals.get(&session.principal)?.record;
    let auth = Auth {
        method: session.method,
        amr: session.amr.clone(),
        auth_time: Some(session.started_at),
        session: Some(*id),
        credential: session.credential.clone(),
    };
    let actor = Actor { id: session.principal.clone(), kind: record.kind, channel, auth };
    Some(Identity { principal: session.principal.clone(), session: Some(*id), actor })
}

/// Whoever holds this API key.
pub(crate) fn by_api_key(state: &State, key: &Secret, channel: Channel, now: Timestamp) -> Option<Identity> {
    let (id, credential) = state.credential_by_secret(&key.digest(), now)?;
    if !matches!(credential.key, privyseal_core::event::directory::CredentialKey::ApiKey { .. }) || !state.is_enabled(&credential.principal)
    {
        return None;
    }
    let record = &state.principals.get(&credential.principal)?.record;
    let auth = Auth { method: AuthMethod::ApiKey, amr: Vec::new(), auth_time: None, session: None, credential: Some(id.clone()) };
    let actor = Actor { id: credential.principal.clone(), kind: record.kind, channel, auth };
    Some(Identity { principal: credential.principal.clone(), session: None, actor })
}
