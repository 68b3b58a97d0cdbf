//! Names of accounts and words for what the state holds, as pages show them.

use privyseal_core::event::{ActorKind, AuthMethod, Channel};
use privyseal_core::id::PrincipalId;
use privyseal_core::request::{ExecutionPhase, Phase, Request};
use privyseal_core::time::Timestamp;
use privyseal_engine::View;

use crate::view::moment::Moment;
use crate::view::party::{Kind, Party};
use crate::view::state::{How, RequestState, RunState, Standing};
use crate::view::text::Untrusted;

/// An account by its name for people; an account that nobody knows by its id.
pub(super) fn party(state: &View<'_>, principal: &PrincipalId) -> Party {
    match state.principals.get(principal) {
        Some(found) => {
            let kind = match found.record.kind {
                ActorKind::Human => Kind::Person,
                ActorKind::Agent => Kind::Agent,
                ActorKind::System => Kind::System,
            };
            Party { kind, name: Untrusted::from(state.words(&found.record.name)), id: principal.to_string() }
        }
        None if principal.as_str() == "system" => Party::system(),
        None => Party { kind: Kind::Agent, name: principal.as_str().into(), id: principal.to_string() },
    }
}

/// How somebody signed in.
pub(super) fn method(method: AuthMethod) -> &'static str {
    match method {
        AuthMethod::Passkey => "passkey",
        AuthMethod::Link => "one-time link",
        AuthMethod::Oidc => "single sign-on",
        AuthMethod::ApiKey => "API key",
        AuthMethod::Local => "the data folder",
        AuthMethod::Engine => "the engine",
    }
}

/// The door through which an act came.
pub(super) fn channel(channel: Channel) -> &'static str {
    match channel {
        Channel::Portal => "portal",
        Channel::Api => "API",
        Channel::Cli => "command line",
        Channel::Slack => "Slack",
        Channel::Teams => "Teams",
        Channel::Mcp => "MCP gate",
        Channel::Engine => "engine",
        Channel::Postgres => "PostgreSQL",
        Channel::Flight => "Flight SQL",
    }
}

/// A moment of today by the clock, another by its day too.
pub(super) fn when(moment: Timestamp, now: Timestamp) -> Moment {
    if moment.date() == now.date() { Moment::clock(moment) } else { Moment::minute(moment) }
}

/// Where a request stands. One whose time is over counts as expired though the engine has not written it yet.
pub(super) fn standing(request: &Request, now: Timestamp) -> Standing {
    use privyseal_core::event::request::Mechanism;
    let (state, how) = match &request.phase {
        Phase::Pending if now >= request.submitted.expires_at => (RequestState::Expired, How::Time),
        Phase::Pending => return Standing::PENDING,
        Phase::Approved { mechanism: Mechanism::Breakglass, .. } => (RequestState::Approved, How::Breakglass),
        Phase::Approved { mechanism: Mechanism::Quorum, .. } => (RequestState::Approved, How::People),
        Phase::Approved { .. } => (RequestState::Approved, How::Automatic),
        Phase::Denied { mechanism: Mechanism::Policy, .. } => (RequestState::Denied, How::Policy),
        Phase::Denied { .. } => (RequestState::Denied, How::People),
        Phase::Expired { .. } => (RequestState::Expired, How::Time),
        Phase::Cancelled { .. } => (RequestState::Cancelled, How::Requester),
    };
    Standing { state, how }
}

/// When a request came to its end.
pub(super) fn ended_at(request: &Request) -> Option<Timestamp> {
    match &request.phase {
        Phase::Pending => None,
        Phase::Approved { at, .. } | Phase::Denied { at, .. } | Phase::Expired { at } | Phase::Cancelled { at, .. } => Some(*at),
    }
}

/// Where the run of an approved request stands; none unless it is approved.
pub(super) fn run_state(request: &Request) -> Option<RunState> {
    use privyseal_core::event::execution::RunOutcome;
    Some(match request.granted()?.last_run().map(|(_, run)| &run.phase) {
        None => RunState::Unused,
        Some(ExecutionPhase::Running) => RunState::Running,
        Some(ExecutionPhase::Finished { outcome: RunOutcome::Succeeded, .. }) => RunState::Done,
        Some(ExecutionPhase::Finished { outcome: RunOutcome::Failed, .. }) => RunState::Failed,
        Some(ExecutionPhase::Unknown { .. }) => RunState::Unknown,
    })
}
