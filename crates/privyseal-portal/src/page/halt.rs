//! The kill switch on pages: stopping agents and letting them go on.

use axum::extract::State;
use axum::http::header;
use axum::response::Response;
use privyseal_core::command::{Command, Halt};
use privyseal_core::decide::may_halt;
use privyseal_core::event::ActorKind;
use privyseal_core::event::execution::HaltScope;
use privyseal_core::id::{PrincipalId, Role};
use privyseal_core::state::Halted;
use privyseal_core::time::Timestamp;
use privyseal_engine::View;

use super::frame::Visitor;
use super::name;
use super::said::Said;
use crate::app::App;
use crate::body::Posted;
use crate::local;
use crate::problem::Problem;
use crate::view::halt::{Engaged, HaltCard};
use crate::view::text::Untrusted;

/// What stands on every page while a kill switch is engaged.
pub(super) fn sentences(state: &View<'_>) -> Vec<Untrusted> {
    state.halts.iter().map(|halt| sentence(state, halt)).collect()
}

fn sentence(state: &View<'_>, halt: &Halted) -> Untrusted {
    let named = |principal: &PrincipalId| name::party(state, principal).name.verbatim().to_owned();
    let whom = match (halt.scope, &halt.principal) {
        (HaltScope::Agent, Some(agent)) => format!("{} and what it spawned", named(agent)),
        (HaltScope::Owner, Some(owner)) => format!("The agents of {}", named(owner)),
        _ => "All agents".to_owned(),
    };
    format!("{whom}: stopped since {} UTC by {}. {}", halt.since.minute(), named(&halt.by), halt.reason).into()
}

/// What `me` may do with it; `back` is the page on which it stands.
pub(super) fn card(state: &View<'_>, me: &PrincipalId, back: &'static str, now: Timestamp) -> HaltCard {
    let is_admin = state.has_role(me, Role::ADMIN, now);
    let may = |scope, principal: Option<&PrincipalId>| {
        may_halt(state, &Halt { scope, principal: principal.cloned(), reason: String::new() }, me, now).is_ok()
    };
    let mut targets: Vec<(String, Untrusted)> = Vec::new();
    if may(HaltScope::All, None) {
        targets.push(("all".to_owned(), "Every agent".into()));
    }
    for (id, account) in &state.principals {
        let name = state.words(&account.record.name).or_why_not();
        let owns = || state.principals.values().any(|other| other.record.owner.as_ref() == Some(id));
        match account.record.kind {
            ActorKind::Human if owns() && may(HaltScope::Owner, Some(id)) => {
                targets.push((format!("owner:{id}"), format!("The agents of {name}").into()));
            }
            ActorKind::Agent if may(HaltScope::Agent, Some(id)) => targets.push((format!("agent:{id}"), format!("{name} ({id})").into())),
            _ => {}
        }
    }
    let engaged = state.halts.iter().map(|halt| Engaged { sentence: sentence(state, halt), release: is_admin.then(|| value(halt)) });
    HaltCard { engaged: engaged.collect(), targets, back }
}

/// A kill switch as the value of a form.
fn value(halt: &Halted) -> String {
    match (halt.scope, &halt.principal) {
        (HaltScope::Agent, Some(agent)) => format!("agent:{agent}"),
        (HaltScope::Owner, Some(owner)) => format!("owner:{owner}"),
        _ => "all".to_owned(),
    }
}

fn target(value: &str) -> Result<(HaltScope, Option<PrincipalId>), Problem> {
    let unread = |_| Problem::bad("choose which agents: reload the page");
    match value.split_once(':') {
        None if value == "all" => Ok((HaltScope::All, None)),
        Some(("agent", agent)) => Ok((HaltScope::Agent, Some(agent.parse().map_err(unread)?))),
        Some(("owner", owner)) => Ok((HaltScope::Owner, Some(owner.parse().map_err(unread)?))),
        _ => Err(Problem::bad("choose which agents: reload the page")),
    }
}

/// `POST /halt`
pub(crate) async fn engage(State(app): State<App>, visitor: Visitor, posted: Posted) -> Result<Response, Problem> {
    send(&app, &visitor, posted, Command::Halt, Said::Halted).await
}

/// `POST /halt/release`
pub(crate) async fn release(State(app): State<App>, visitor: Visitor, posted: Posted) -> Result<Response, Problem> {
    send(&app, &visitor, posted, Command::Resume, Said::Resumed).await
}

async fn send(app: &App, visitor: &Visitor, Posted(fields): Posted, make: fn(Halt) -> Command, said: Said) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    let (scope, principal) = target(fields.one("whom"))?;
    let halt = Halt { scope, principal, reason: fields.one("reason").trim().to_owned() };
    app.engine().execute(make(halt), visitor.caller.identity.actor.clone()).await?;
    Ok(said_at(if fields.one("back") == "people" { "/people" } else { "/settings" }, said))
}

/// On to a page that says what just happened.
pub(super) fn said_at(to: &str, said: Said) -> Response {
    let mut response = local::see_other(to);
    response.headers_mut().append(header::SET_COOKIE, said.cookie());
    response
}
