//! `/requests/{id}`: one request, whole, and what a person can do about it.

mod act;
mod action;
mod decision;
mod entry;
mod less;
mod outcome;
mod proof;
mod record;
mod terms;

use axum::extract::{Path, State};
use axum::response::Response;
use privyseal_core::event::{Body, Channel, Event};
use privyseal_core::id::RequestId;
use privyseal_core::request::Request;
use privyseal_core::time::Timestamp;
use privyseal_engine::View;

use super::frame::{Visitor, live, page};
use super::{name, seal};
use crate::api::parse_request;
use crate::app::App;
use crate::past;
use crate::problem::Problem;
use crate::showing::{self, Shown};
use crate::view::link::WebLink;
use crate::view::moment::{Left, Moment};
use crate::view::number::{Count, Hash};
use crate::view::request::{self as view, Asker, PolicyLink, RequestPage, RequestPartial, Rule, Why};
use crate::view::risk::{Factor, Risk};
use crate::view::shell::{Place, Shell};
use crate::view::text::Untrusted;

pub(crate) use act::{judge, review, revoke, withdraw};
pub(crate) use less::narrow;
pub(super) use proof::verify_command;

/// `GET /requests/{id}`
pub(crate) async fn show(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Result<Response, Problem> {
    let (shell, request) = whole(&app, &visitor, &id).await?;
    let shell = live(&app, shell, format!("/live/requests/{}", request.id));
    page(&RequestPage { shell, request })
}

/// `GET /live/requests/{id}`
pub(crate) async fn fragment(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Result<Response, Problem> {
    let (shell, request) = whole(&app, &visitor, &id).await?;
    page(&RequestPartial { shell, request })
}

/// Everything that is known of a request but not in the state: read from the disk.
struct Known {
    shown: Shown,
    record: record::Record,
    /// What the action catalogue of its policy says about the verb.
    verb: action::Verb,
}

async fn whole(app: &App, visitor: &Visitor, id: &str) -> Result<(Shell, view::Request), Problem> {
    let id = parse_request(id)?;
    let submitted = past::visible(app, &visitor.caller, id).await?.submitted.clone();
    let known = Known {
        shown: showing::load(app, &submitted).await?,
        record: record::load(app, id).await?,
        verb: action::verb(app, &submitted).await?,
    };
    let shell = visitor.shell(app, Place::Queue)?;
    // The moment from which the person's thinking is counted: nothing of the page is older.
    let now = app.engine().now();
    // Again, because it may have moved since; the page is of one moment.
    let request = past::visible(app, &visitor.caller, id).await?;
    Ok((shell, app.engine().view(|state| fill(state, app, visitor, state.request(&id).unwrap_or(&request), known, now))))
}

fn fill(state: &View<'_>, app: &App, visitor: &Visitor, request: &Request, known: Known, now: Timestamp) -> view::Request {
    let submitted = &request.submitted;
    let assessment = &submitted.assessment;
    let me = &visitor.caller.identity.principal;
    let may = privyseal_core::decide::may_review(state, request, me, now);
    let standing = name::standing(request, now);
    let pending = standing == crate::view::state::Standing::PENDING;
    let everybody = seal::everybody(state, now);
    let narrow = (pending && may.is_ok()).then(|| less::form(request, &known.verb.narrow)).flatten();
    let decision = decision::decision(state, request, visitor, &known.shown, pending, now);
    let justification = state.words(&submitted.justification);
    let facts = action::facts(submitted, &known.shown.opened);
    let withdraw = (pending && submitted.requester.principal == *me).then(|| path(request.id, "withdraw"));
    view::Request {
        id: request.id.to_string(),
        short: request.id.short(),
        standing,
        asker: asker(state, request, &known.record.events),
        asked: Moment::relative(request.submitted_at, now),
        action: action::action(submitted, justification.clear().unwrap_or_default(), known.shown, known.verb.title),
        why: Why {
            justification: Untrusted::from(justification),
            repeats: Count(submitted.justification_repeats),
            ticket: submitted.ticket.as_ref().map(|ticket| (ticket.as_str().into(), WebLink::new(ticket.as_str()))),
        },
        risk: Risk::new(assessment.risk),
        factors: assessment.factors.iter().map(factor).collect(),
        missing: assessment.missing.clone(),
        facts,
        rules: assessment
            .determining
            .iter()
            .map(|rule| Rule { id: rule.rule.clone(), approvals: rule.approvals.clone(), because: rule.because.as_str().into() })
            .collect(),
        policy: PolicyLink {
            version: assessment.policy.version,
            digest: Hash::new(&assessment.policy.digest),
            href: format!("/policies?version={}", assessment.policy.version),
        },
        terms: terms::terms(state, request, now),
        narrow,
        seals: seal::seals(state, request, &everybody, may.as_ref().ok().map(|eligible| &eligible.candidate), now),
        requirement: request.requirement().to_string(),
        left: pending.then(|| Left::new(submitted.expires_at, now)),
        decision,
        withdraw,
        outcome: outcome::outcome(state, request, me, &known.record.events, now),
        timeline: known.record.events.iter().map(|event| entry::entry(state, event)).collect(),
        proof: proof::proof(app, &known.record),
    }
}

fn path(id: RequestId, verb: &str) -> String {
    format!("/requests/{id}/{verb}")
}

fn factor(factor: &privyseal_core::assessment::Factor) -> Factor {
    Factor { rule: factor.rule.clone(), points: factor.points, because: factor.because.as_str().into(), errored: factor.errored }
}

fn asker(state: &View<'_>, request: &Request, events: &[Event]) -> Asker {
    let submitted = &request.submitted;
    let requester = &submitted.requester;
    let claimed = submitted.claimed_model.as_ref().map(|claimed| (claimed.model.as_str(), claimed.version.as_str()));
    let profile = state.principals.get(&requester.principal).and_then(|account| account.record.agent.as_ref());
    let program = claimed.or_else(|| profile.map(|profile| (profile.model.as_str(), profile.version.as_str())));
    let asked = events.iter().find(|event| matches!(event.body, Body::RequestSubmitted(_)));
    Asker {
        party: name::party(state, &requester.principal),
        program: program.map(|(model, version)| format!("{model} {version}").into()),
        owner: requester.owner.as_ref().map(|owner| name::party(state, owner)),
        on_behalf_of: submitted.on_behalf_of.as_ref().map(|party| name::party(state, &party.principal)),
        chain: submitted.chain.iter().map(|party| name::party(state, &party.principal)).collect(),
        channel: name::channel(asked.map_or(Channel::Api, |event| event.actor.channel)),
    }
}
