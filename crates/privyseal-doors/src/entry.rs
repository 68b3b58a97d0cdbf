//! Signing in with an API key, the same for every door.

use privyseal_core::event::Channel;
use privyseal_core::id::PrincipalId;
use privyseal_engine::{Attempts, Engine, Identity, Secret};

/// Lets people in through one door.
pub(crate) struct Entry {
    engine: Engine,
    channel: Channel,
    attempts: Attempts,
}

/// Whoever came in, with the key that they came with: it is looked at again before each statement, because it may end in between.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) account: PrincipalId,
    key: Secret,
}

impl Entry {
    pub(crate) fn new(engine: Engine, channel: Channel) -> Self {
        Self { engine, channel, attempts: Attempts::default() }
    }

    /// Whoever holds this key, when it is the account's that they say. A refusal is recorded, as often as the log can bear.
    pub(crate) async fn admit(&self, account: &str, key: &[u8]) -> Option<Guest> {
        let secret = std::str::from_utf8(key).ok().and_then(|text| Secret::from_text(text.trim()));
        let identity = secret.as_ref().and_then(|secret| self.engine.by_api_key(secret, self.channel));
        if let (Some(identity), Some(key)) = (identity.filter(|identity| identity.principal.as_str() == account), secret) {
            return Some(Guest { account: identity.principal, key });
        }
        if self.attempts.take(self.engine.now()) {
            // Only accounts that there are: what strangers make up has no place in the log.
            let claimed: Option<PrincipalId> = account.parse().ok();
            let claimed = claimed.filter(|principal| self.engine.read(|state| state.principals.contains_key(principal)));
            let reason = "the API key is unknown, ended, or another account's";
            if let Err(error) = self.engine.refuse_key(claimed, self.channel, reason).await {
                tracing::warn!(door.error = %error, "a refused sign-in could not be recorded");
            }
        }
        None
    }

    /// Whoever holds this key, of whichever account. A refusal is recorded as above.
    pub(crate) async fn admit_key(&self, key: &str) -> Option<Guest> {
        let holder = Secret::from_text(key.trim()).and_then(|secret| self.engine.by_api_key(&secret, self.channel));
        let account = holder.map(|identity| identity.principal.to_string()).unwrap_or_default();
        self.admit(&account, key.as_bytes()).await
    }

    /// Who that is now; none when their key has ended or their account is disabled.
    pub(crate) fn identity(&self, guest: &Guest) -> Option<Identity> {
        self.engine.by_api_key(&guest.key, self.channel)
    }
}
