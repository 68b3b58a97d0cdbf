//! What the engine hands in about one request, and what it gets back.

use std::collections::BTreeSet;

use privyseal_core::action::Action;
use privyseal_core::assessment::{Advice, Assessment};
use privyseal_core::event::ActorKind;
use privyseal_core::id::{PrincipalId, Role};
use privyseal_core::time::Timestamp;

/// Who asks, as the directory knows them now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// The account.
    pub principal: PrincipalId,
    /// Human or agent; Privyseal itself never asks.
    pub kind: ActorKind,
    /// Roles and groups held now.
    pub roles: BTreeSet<Role>,
    /// The human account that answers for an agent.
    pub owner: Option<PrincipalId>,
}

/// What the log knows about earlier requests of the same requester.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The requester has never asked for anything.
    pub first_time_requester: bool,
    /// The requester has never asked for this verb.
    pub first_time_action: bool,
    /// The requester has never asked about this resource.
    pub first_time_resource: bool,
    /// Requests in the hour before.
    pub requests_last_hour: u64,
    /// Requests in the day before.
    pub requests_last_day: u64,
    /// Requests denied in the day before, by policy or people.
    pub denied_last_day: u64,
    /// In the day before: runs that failed or ended unknown, and attempts to use a grant that were refused.
    pub failed_last_day: u64,
    /// Earlier requests by the UTC hour in which they came, 0 to 23; `None` when nobody counted them.
    pub hours: Option<[u64; 24]>,
    /// Requests in the 30 days before, those of the day before included.
    pub requests_last_month: u64,
    /// On how many of these days there was at least one, 0 to 30.
    pub active_days_last_month: u64,
}

/// One request, with everything that policy may look at. All of it is passed in: the same ask has the same answer at any time.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Who asks.
    pub requester: &'a Requester,
    /// What is asked.
    pub action: &'a Action,
    /// Names and contents of text inputs, as far as they are known. The caller has checked them against the inputs' digests.
    pub input_texts: &'a [(String, String)],
    /// What the log knows.
    pub history: History,
    /// Asked for someone else.
    pub on_behalf_of: bool,
    /// Length of the justification in characters.
    pub justification_chars: u64,
    /// A ticket is referenced.
    pub has_ticket: bool,
    /// What is shown holds characters that deceive the eye.
    pub deceptive: bool,
    /// What an outside advisor said; its points add to the risk before the request is routed. `None` when none is configured.
    pub advice: Option<&'a Advice>,
    /// The moment of the request.
    pub now: Timestamp,
}

/// What policy said, with what `request.submitted` records beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessed {
    /// What policy said.
    pub assessment: Assessment,
    /// Environment of the resource, from the catalogue; `None` when no pattern says.
    pub environment: Option<String>,
    /// Data classification of the resource, from the catalogue; `None` when no pattern says.
    pub data_class: Option<String>,
    /// Class of change, from the catalogue; `unknown` for an action that is not in it.
    pub change_class: String,
    /// Reversibility, from the catalogue; `unknown` for an action that is not in it.
    pub reversibility: String,
    /// Whether the action changes a running system in place, from the catalogue; `None` when it does not say.
    pub in_place: Option<bool>,
}
