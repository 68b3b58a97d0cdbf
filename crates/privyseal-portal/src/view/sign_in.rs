//! `/sign-in` and what belongs to it: the passkey, the one-time link, enrolling a passkey.

mod sample;

use askama::Template;

use super::mark;
use super::moment::Moment;
use super::shell::Shell;
use super::text::Untrusted;

/// The way in.
#[derive(Clone, Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// The frame.
    pub shell: Shell,
    /// Where to go afterwards; a path of this portal.
    pub next: String,
    /// Name of the organisation's own sign-in, when one is set up.
    pub provider: Option<String>,
    /// Why the last attempt did not succeed.
    pub problem: Option<Untrusted>,
}

/// What a one-time link opens. Opening it uses nothing up: mail scanners and previews open links too.
#[derive(Clone, Debug, Template)]
#[template(path = "link.html")]
pub struct LinkPage {
    /// The frame.
    pub shell: Shell,
    /// What the link is good for.
    pub link: Link,
}

/// What a one-time link is good for.
#[derive(Clone, Debug)]
pub enum Link {
    /// It signs somebody in, once.
    Valid {
        /// Whom.
        name: Untrusted,
        /// The principal's id.
        id: String,
        /// What they may do.
        roles: Vec<String>,
        /// Until when.
        until: Moment,
        /// The secret, which the form sends back.
        token: String,
    },
    /// It is used up, too old or was never one. The page does not say which: it would tell strangers what exists.
    Spent,
}

/// `/settings/passkey`: enrol one, see those that are.
#[derive(Clone, Debug, Template)]
#[template(path = "enrol.html")]
pub struct EnrolPage {
    /// The frame.
    pub shell: Shell,
    /// Passkeys of this person.
    pub passkeys: Vec<Passkey>,
    /// A name that the form proposes for the next one.
    pub proposal: String,
    /// Where to go afterwards; a path of this portal.
    pub next: String,
}

/// One passkey.
#[derive(Clone, Debug)]
pub struct Passkey {
    /// Its name for people.
    pub label: Untrusted,
    /// When it was enrolled.
    pub enrolled: Moment,
    /// When it was last used.
    pub used: Option<Moment>,
    /// It is synchronised between devices.
    pub synced: bool,
    /// Its credential id's first characters.
    pub short: String,
}
