//! What just happened, said once on the next page: a word in a cookie, out of a closed list, so that no link can make a page say it.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::view::shell::Notice;
use privyseal_core::event::request::Verdict;

/// Name of the cookie.
const NAME: &str = "privyseal-said";

macro_rules! said {
    ($($variant:ident = $word:literal, $sentence:literal, $next:expr;)*) => {
        /// What just happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Said {$($variant,)*}

        impl Said {
            const ALL: &[Said] = &[$(Said::$variant,)*];

            fn word(self) -> &'static str {
                match self {$(Said::$variant => $word,)*}
            }

            fn sentence(self) -> &'static str {
                match self {$(Said::$variant => $sentence,)*}
            }

            /// Where to go on: path and label.
            fn next(self) -> Option<(&'static str, &'static str)> {
                match self {$(Said::$variant => $next,)*}
            }
        }
    };
}

said! {
    ByLink = "by-link", "You are signed in by a one-time link, which is used up now. With a passkey you need no link, and rules that ask for one can count you.",
        Some(("/settings/passkey", "Enrol a passkey"));
    Enrolled = "enrolled", "Your passkey is enrolled. It signs you in from now on, and signs your decisions.", None;
    Approved = "approved", "Your approval is recorded.", None;
    Denied = "denied", "Your denial is recorded.", None;
    Narrowed = "narrowed", "A narrower request stands in its place. What was sealed before counts for nothing.", None;
    Lent = "lent", "The delegation is recorded.", None;
    Ended = "ended", "The delegation has ended.", None;
    Kept = "kept", "The role is confirmed.", None;
    Taken = "taken", "The role is taken away.", None;
    Halted = "halted", "The kill switch is engaged: these agents ask and run nothing more, and their open grants are taken back.", None;
    Resumed = "resumed", "The kill switch is released. Grants that were taken back stay so.", None;
    Withdrawn = "withdrawn", "The request is withdrawn.", None;
    Revoked = "revoked", "The grant is revoked: nothing can run on it any more.", None;
    Judged = "judged", "Your judgement is recorded.", None;
    Building = "building", "The pack is being built.", None;
    Cancelled = "cancelled", "The pack is cancelled.", None;
    SignedOut = "signed-out", "You are signed out.", None;
}

impl Said {
    /// What a verdict's record says.
    pub(crate) fn decided(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Approve => Said::Approved,
            Verdict::Deny => Said::Denied,
        }
    }

    /// The cookie that makes the next page say it.
    pub(crate) fn cookie(self) -> HeaderValue {
        HeaderValue::from_str(&format!("{NAME}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age=60", self.word())).unwrap_or(FORGET)
    }

    /// What the cookie of a browser says.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
        let word = pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == NAME).map(|(_, word)| word)?;
        Self::ALL.iter().copied().find(|said| said.word() == word)
    }

    /// As it stands at the top of a page.
    pub(crate) fn notice(self) -> Notice {
        Notice { failed: false, text: self.sentence().into(), next: self.next() }
    }
}

/// The cookie that says nothing any more.
pub(crate) const FORGET: HeaderValue = HeaderValue::from_static("privyseal-said=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_words_are_said() {
        let of = |cookie: &str| Said::of(&HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(cookie).unwrap())]));
        for said in Said::ALL {
            let cookie = said.cookie();
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            assert_eq!(of(&format!("other=1; {pair}")), Some(*said));
        }
        assert_eq!(of("privyseal-said=<b>"), None);
        assert_eq!(of("privyseal-said="), None);
        assert_eq!(of("x=approved"), None);
    }
}
