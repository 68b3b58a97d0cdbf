//! First steps for people, taken by whoever has the data folder in hand: an account with roles, and a one-time link to sign in with.
//!
//! Everything after that people do themselves, in the portal.

use privyseal_core::command::{Command, Directory};
use privyseal_core::event::ActorKind;
use privyseal_core::event::directory::{CredentialKey, Principal};
use privyseal_core::id::{PersonId, PrincipalId, Role};
use privyseal_core::refusal::{Refusal, RefusalCode};

use crate::error::EngineError;
use crate::handle::Engine;
use crate::identity::Secret;

/// Longest life of a one-time link, in minutes: a week.
pub const MAX_LINK_MINUTES: u32 = 7 * 24 * 60;

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
}
