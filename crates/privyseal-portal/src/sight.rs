//! Who may look at which request. One answer for pages, fragments and the API.

use privyseal_core::id::Role;
use privyseal_core::request::Request;
use privyseal_core::requirement::Candidate;
use privyseal_core::state::State;
use privyseal_core::time::Timestamp;

use crate::auth::Caller;

/// The eyes of one caller at one moment.
pub(crate) struct Sight<'a> {
    state: &'a State,
    caller: &'a Caller,
    everything: bool,
    candidate: Option<Candidate>,
}

impl<'a> Sight<'a> {
    /// What this caller may look at.
    pub(crate) fn of(state: &'a State, caller: &'a Caller, now: Timestamp) -> Self {
        let holds = |role: &&str| state.has_role(&caller.identity.principal, role, now);
        let everything = [Role::APPROVER, Role::AUDITOR, Role::ADMIN].iter().any(holds);
        Self { state, caller, everything, candidate: state.candidate(&caller.identity.principal, now) }
    }

    /// Whether the caller may look at every request there is.
    pub(crate) fn is_unlimited(&self) -> bool {
        self.everything
    }

    /// Whether the caller may look at a request: it is their own, they are asked to decide it, or their role sees every request.
    pub(crate) fn reaches(&self, request: &Request) -> bool {
        self.everything || self.is_own(request) || self.is_asked(request)
    }

    /// Whether the caller asked it, answers for whoever did, is the one it was asked for, or would run it.
    pub(crate) fn is_own(&self, request: &Request) -> bool {
        let me = &self.caller.identity.principal;
        let submitted = &request.submitted;
        submitted.requester.principal == *me
            || submitted.requester.owner.as_ref() == Some(me)
            || submitted.on_behalf_of.iter().chain(&submitted.executor).any(|party| party.principal == *me)
            || self.state.person_of(me).is_some_and(|person| submitted.requester.person.as_ref() == Some(&person))
    }

    /// Whether the caller is one of those whom the request is for.
    pub(crate) fn is_asked(&self, request: &Request) -> bool {
        self.candidate.as_ref().is_some_and(|candidate| request.requirement().mentions(candidate))
    }
}
