//! Passkey challenges on their way: set once, answered once, gone after five minutes.
//!
//! Only challenges of sign-in and enrolment live here. A review's challenge is the digest of its statement and needs no memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use privyseal_core::digest::Digest;
use privyseal_core::time::Timestamp;

const LIFE_SECONDS: i64 = 300;
/// More than this many open challenges are no honest crowd; the oldest go.
const MOST: usize = 10_000;

/// What a challenge is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    SignIn,
    Enrol(privyseal_core::id::PrincipalId),
}

#[derive(Default)]
pub(crate) struct Challenges {
    open: Mutex<BTreeMap<Digest, (Timestamp, Purpose)>>,
}

impl Challenges {
    /// Remembers a challenge.
    pub(crate) fn set(&self, challenge: Digest, purpose: Purpose, now: Timestamp) {
        let mut open = self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        open.retain(|_, (at, _)| now < at.plus_seconds(LIFE_SECONDS));
        while open.len() >= MOST {
            let oldest = open.iter().min_by_key(|(_, (at, _))| *at).map(|(challenge, _)| *challenge);
            let Some(oldest) = oldest else { break };
            open.remove(&oldest);
        }
        open.insert(challenge, (now, purpose));
    }

    /// Takes a challenge that was set for this purpose; it cannot be taken again.
    pub(crate) fn take(&self, challenge: &Digest, purpose: &Purpose, now: Timestamp) -> bool {
        let mut open = self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match open.remove(challenge) {
            Some((at, set_for)) => set_for == *purpose && now < at.plus_seconds(LIFE_SECONDS),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_answered_once_for_its_purpose_in_time() {
        let now: Timestamp = "2026-07-01T00:00:00Z".parse().unwrap();
        let (challenge, enrol) = (Digest::of(b"c"), Purpose::Enrol("ana".parse().unwrap()));
        for (purpose, later, expected) in [(Purpose::SignIn, 10, true), (enrol, 10, false), (Purpose::SignIn, 300, false)] {
            let challenges = Challenges::default();
            challenges.set(challenge, Purpose::SignIn, now);
            assert_eq!(challenges.take(&challenge, &purpose, now.plus_seconds(later)), expected);
            assert!(!challenges.take(&challenge, &Purpose::SignIn, now), "it is gone");
        }
    }
}
