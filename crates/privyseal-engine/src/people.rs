//! First steps for people, taken by whoever has the data folder in hand: an account with roles, a one-time link to sign in with, and API
//! keys for programs that ask in a person's name.
//!
//! Everything after that people do themselves, in the portal.

use privyseal_core::command::{Command, Directory};
use privyseal_core::event::directory::{CredentialKey, Principal, SessionRefused};
use privyseal_core::event::{ActorKind, AuthMethod, Body, Channel};
use privyseal_core::id::{CredentialId, PersonId, PrincipalId, Role};
use privyseal_core::refusal::{Refusal, RefusalCode};
use privyseal_core::time::Timestamp;

use crate::error::EngineError;
use crate::handle::Engine;
use crate::identity::Secret;

/// Longest life of a one-time link, in minutes: a week.
pub const MAX_LINK_MINUTES: u32 = 7 * 24 * 60;

/// Longest life of a person's API key, in days.
pub const MAX_KEY_DAYS: u32 = 366;

/// A person's new API key.
pub struct PersonalKey {
    /// Its name in the log, by which it is revoked.
    pub credential: CredentialId,
    /// The key, to be shown once; only its digest is kept.
    pub secret: Secret,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

impl Engine {
    /// Registers a person with one account of the same name, and gives it roles.
    ///
    /// The account and each role are commands of their own; when one is refused, those before it stand.
    ///
    /// # Errors
    /// When the name cannot be shown, the account exists, or the engine refuses.
    pub async fn register_person(&self, principal: &PrincipalId, name: &str, roles: &[Role], reason: &str) -> Result<(), EngineError> {
        let shown = (1..=128).contains(&name.trim().chars().count());
        if !shown || name.chars().any(|c| c.is_control() || privyseal_core::text::is_deceptive(c)) {
            return Err(EngineError::BadInput("a name has 1 to 128 characters, none of them invisible".to_owned()));
        }
        let person: PersonId = principal.as_str().parse().map_err(|error| EngineError::BadInput(format!("{error}")))?;
        let record = Principal {
            principal: principal.clone(),
            kind: ActorKind::Human,
            name: name.into(),
            email: None,
            person: Some(person),
            owner: None,
            parent: None,
            agent: None,
        };
        self.as_operator(Command::Directory(Directory::Register(record))).await?;
        for role in roles {
            let (principal, role, reason) = (principal.clone(), role.clone(), reason.to_owned());
            let assign = Directory::Assign { principal, role, valid_to: None, scope: Vec::new(), reason };
            self.as_operator(Command::Directory(assign)).await?;
        }
        Ok(())
    }

    /// A secret that signs a person in once, within some minutes. Only its digest is kept.
    ///
    /// # Errors
    /// When there is no such enabled person, the minutes are not 1 to [`MAX_LINK_MINUTES`], or the engine refuses.
    pub async fn sign_in_link(&self, principal: &PrincipalId, minutes: u32) -> Result<Secret, EngineError> {
        if !(1..=MAX_LINK_MINUTES).contains(&minutes) {
            return Err(EngineError::BadInput(format!("a link is good for 1 to {MAX_LINK_MINUTES} minutes")));
        }
        let now = self.now();
        if self.read(|state| state.candidate(principal, now)).is_none() {
            let reason = format!("there is no enabled account `{principal}` of a person: agents use API keys");
            return Err(Refusal::new(RefusalCode::UnknownPrincipal, reason).into());
        }
        let secret = self.new_secret()?;
        let name: String = secret.digest().hex().chars().take(16).collect();
        let credential = format!("link-{name}").parse().map_err(|error| EngineError::BadInput(format!("{error}")))?;
        let enroll = Directory::Enroll {
            credential,
            principal: principal.clone(),
            label: "one-time link".to_owned(),
            key: CredentialKey::Link { secret_sha256: secret.digest() },
            expires_at: Some(now.plus_seconds(i64::from(minutes) * 60)),
        };
        self.as_operator(Command::Directory(enroll)).await?;
        Ok(secret)
    }

    /// An API key with which programs ask in a person's name: SQL tools, scripts. It never counts as the person being present, so nothing
    /// can be sealed with it. Only its digest is kept.
    ///
    /// # Errors
    /// When there is no such enabled person, the days are not 1 to [`MAX_KEY_DAYS`], the label is empty or too long, or the engine refuses.
    pub async fn personal_key(&self, principal: &PrincipalId, label: &str, days: u32) -> Result<PersonalKey, EngineError> {
        if !(1..=MAX_KEY_DAYS).contains(&days) {
            return Err(EngineError::BadInput(format!("a key is good for 1 to {MAX_KEY_DAYS} days")));
        }
        let shown = (1..=128).contains(&label.trim().chars().count());
        if !shown || label.chars().any(|c| c.is_control() || privyseal_core::text::is_deceptive(c)) {
            return Err(EngineError::BadInput("a label has 1 to 128 characters, none of them invisible".to_owned()));
        }
        let now = self.now();
        if self.read(|state| state.candidate(principal, now)).is_none() {
            let reason = format!("there is no enabled account `{principal}` of a person");
            return Err(Refusal::new(RefusalCode::UnknownPrincipal, reason).into());
        }
        let secret = self.new_secret()?;
        let name: String = secret.digest().hex().chars().take(16).collect();
        let credential: CredentialId = format!("key-{name}").parse().map_err(|error| EngineError::BadInput(format!("{error}")))?;
        let expires_at = now.plus_seconds(i64::from(days) * 24 * 60 * 60);
        let enroll = Directory::Enroll {
            credential: credential.clone(),
            principal: principal.clone(),
            label: label.trim().to_owned(),
            key: CredentialKey::ApiKey { secret_sha256: secret.digest() },
            expires_at: Some(expires_at),
        };
        self.as_operator(Command::Directory(enroll)).await?;
        Ok(PersonalKey { credential, secret, expires_at })
    }

    /// Ends a credential at once.
    ///
    /// # Errors
    /// When it is not live, or the engine refuses.
    pub async fn revoke_credential(&self, credential: CredentialId, reason: &str) -> Result<(), EngineError> {
        self.as_operator(Command::Directory(Directory::Revoke { credential, reason: reason.to_owned() })).await?;
        Ok(())
    }

    /// Records that somebody was not let in with an API key. Call it only as often as the log can bear: see [`crate::Attempts`].
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn refuse_key(&self, principal: Option<PrincipalId>, channel: Channel, reason: &str) -> Result<(), EngineError> {
        let body = SessionRefused { principal, method: AuthMethod::ApiKey, reason: reason.to_owned() };
        let actor = self.system_actor(channel, AuthMethod::Engine)?;
        self.execute(Command::Record(Box::new(Body::SessionRefused(body))), actor).await?;
        Ok(())
    }
}
