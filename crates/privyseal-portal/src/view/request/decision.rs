//! What the person who looks at a request can do about it, and what came of it.

use super::{Digests, RunState};
use crate::view::moment::{Left, Moment};
use crate::view::number::Hash;
use crate::view::party::Party;
use crate::view::text::Untrusted;

/// What this person can do.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Decide.
    Open(DecisionForm),
    /// Nothing: they are a subject of the request.
    Subject {
        /// Why: one sentence, `You own agent:deploy-bot, which asks.`
        because: Untrusted,
    },
    /// Nothing: no open seal is theirs.
    NotAsked {
        /// What is asked for: `1 of group:dba`.
        asked: String,
    },
    /// Nothing more: they have decided.
    Reviewed {
        /// They approved; otherwise they denied.
        approved: bool,
        /// When.
        at: Moment,
        /// Who did it in their place, when it was not they themselves.
        by: Option<Party>,
    },
    /// First enrol a passkey: the rule asks for one and they have none.
    NeedsPasskey,
    /// Nobody can approve here, because this page cannot show the whole action. They can still deny.
    CannotShow {
        /// What is missing: one sentence.
        reason: Untrusted,
        /// The form, which then only denies.
        form: DecisionForm,
    },
    /// Judge a break-glass run afterwards: they stand outside of it.
    AfterBreakglass(AfterForm),
    /// Nothing: an auditor reads.
    ReadOnly,
    /// Nothing: it is decided.
    Closed,
}

impl Decision {
    /// A word for each case, for scripts that ask whether the box is still the same.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Decision::Open(_) => "open",
            Decision::Subject { .. } => "subject",
            Decision::NotAsked { .. } => "not-asked",
            Decision::Reviewed { .. } => "reviewed",
            Decision::NeedsPasskey => "needs-passkey",
            Decision::CannotShow { .. } => "cannot-show",
            Decision::AfterBreakglass(_) => "after-breakglass",
            Decision::ReadOnly => "read-only",
            Decision::Closed => "closed",
        }
    }
}

/// The form with which a person decides.
#[derive(Clone, Debug)]
pub struct DecisionForm {
    /// Where it is posted as a form.
    pub action: String,
    /// Where a script posts its fields as JSON to get the passkey's request options.
    pub challenge: String,
    /// Where a script posts its fields and the passkey's answer as JSON.
    pub answer: String,
    /// The digest that is shown; the server refuses when it has moved.
    pub shown_digest: String,
    /// When the page was shown, RFC 3339.
    pub shown_at: String,
    /// The policy by which the request was judged, as the page shows it.
    pub policy_digest: String,
    /// The rule asks for a passkey's signature over the decision; otherwise the session suffices.
    pub passkey: bool,
    /// What follows if this person approves: one sentence.
    pub if_approved: Untrusted,
    /// What follows if this person denies: one sentence.
    pub if_denied: Untrusted,
    /// Where a person goes whose passkey does not work.
    pub enrol: &'static str,
}

/// The form with which somebody who could approve a request approves less of it instead.
#[derive(Clone, Debug)]
pub struct NarrowForm {
    /// Where it is posted.
    pub action: String,
    /// The grant's life as things stand, in whole minutes, at least 2; absent when it cannot be shortened by minutes.
    pub minutes: Option<i64>,
    /// How often it may run as things stand, at least 2; absent when it runs once anyway.
    pub uses: Option<u64>,
    /// Parameters that the action catalogue lets be narrowed.
    pub parameters: Vec<NarrowParameter>,
}

/// A parameter of which there may be less.
#[derive(Clone, Debug)]
pub struct NarrowParameter {
    /// Its place among all parameters in the order of their names: what names its field, because its name is somebody else's text.
    pub place: usize,
    /// Its name.
    pub name: Untrusted,
    /// How there can be less of it.
    pub less: Less,
}

/// How there can be less of a parameter.
#[derive(Clone, Debug)]
pub enum Less {
    /// A smaller number, down to 0.
    Number(i64),
    /// Some of these.
    Part(Vec<Untrusted>),
}

/// The form with which somebody outside of a break-glass run judges it.
#[derive(Clone, Debug)]
pub struct AfterForm {
    /// Where it is posted.
    pub action: String,
    /// By when it is due.
    pub due: Left,
}

/// How a request came to its end.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// When.
    pub at: Moment,
    /// One sentence about it.
    pub sentence: Untrusted,
    /// Who denied, with their comments; empty unless people denied.
    pub denied_by: Vec<(Party, Untrusted)>,
    /// The grant, once approved.
    pub grant: Option<Grant>,
}

/// The right to run it.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Its id's last characters.
    pub short: String,
    /// Who may use it.
    pub subject: Party,
    /// How often: `once`, `3 times`.
    pub times: String,
    /// On which system; empty for any.
    pub only_on: Untrusted,
    /// Until when.
    pub until: Moment,
    /// What became of it: `unused`, `used`, `2 of 3 left`, `expired`, `revoked`.
    pub standing: String,
    /// Where this person can revoke it.
    pub revoke: Option<String>,
    /// The run, once there is one.
    pub run: Option<Run>,
    /// The three digests: asked, shown, run.
    pub digests: Digests,
}

/// A run of an approved action.
#[derive(Clone, Debug)]
pub struct Run {
    /// Where it stands.
    pub state: RunState,
    /// When it started.
    pub started: Moment,
    /// How long it took: `3 min 20 s`; empty while it runs.
    pub took: String,
    /// Its exit code, when there is one.
    pub exit_code: Option<i64>,
    /// Digest of its output, when it was recorded.
    pub output: Option<Hash>,
}
