//! `/people`: who exists, who answers for what, and what they may do.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use privyseal_core::command::{Command, ReviewAccess};
use privyseal_core::event::ActorKind;
use privyseal_core::event::directory::CredentialKey;
use privyseal_core::id::{PersonId, PrincipalId, Role};
use privyseal_core::state::PrincipalState;
use privyseal_core::time::Timestamp;
use privyseal_engine::View;

use super::frame::{Visitor, page};
use super::said::Said;
use super::{halt, name};
use crate::app::App;
use crate::body::Posted;
use crate::problem::Problem;
use crate::view::moment::Moment;
use crate::view::number::Count;
use crate::view::people::{AgentRow, PeoplePage, PersonRow, RoleView};
use crate::view::shell::Place;
use crate::view::text::Untrusted;

/// `GET /people`
pub(crate) async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    visitor.enters(&app, Place::People)?;
    let shell = visitor.shell(&app, Place::People)?;
    let now = app.engine().now();
    let me = &visitor.caller.identity.principal;
    let (mut people, mut agents, halt) = app.engine().view(|state| {
        let links = Links::of(state, now);
        let (humans, others): (Vec<_>, Vec<_>) = state.principals.iter().partition(|(_, account)| account.record.kind == ActorKind::Human);
        let reviews = [Role::ADMIN, Role::APPROVER].iter().any(|role| state.has_role(me, role, now));
        let my_person = state.person_of(me);
        let people: Vec<PersonRow> = humans
            .into_iter()
            .map(|(id, account)| {
                let may_review = reviews && state.person_of(id) != my_person;
                PersonRow { may_review, ..person(state, id, account, &links, now) }
            })
            .collect();
        let agents: Vec<AgentRow> = others.into_iter().map(|(id, account)| agent(state, id, account, now)).collect();
        (people, agents, halt::card(state, me, "people", now))
    });
    people.sort_by_key(|row| row.party.name.plain().to_lowercase());
    agents.sort_by_key(|row| row.party.name.plain().to_lowercase());
    page(&PeoplePage { shell, people, agents, halt })
}

/// `POST /people/review`: somebody looked at a role of somebody else.
pub(crate) async fn review(State(app): State<App>, visitor: Visitor, Posted(fields): Posted) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    let unread = |what: &str| Problem::bad(format!("the {what} cannot be read: reload the page"));
    let keep = match fields.one("outcome") {
        "keep" => true,
        "remove" => false,
        _ => return Err(Problem::bad("the outcome is `keep` or `remove`: use one of the two buttons")),
    };
    let command = ReviewAccess {
        principal: fields.one("principal").parse().map_err(|_| unread("account"))?,
        role: fields.one("role").parse().map_err(|_| unread("role"))?,
        keep,
        comment: fields.given("comment").map(str::to_owned),
    };
    app.engine().execute(Command::ReviewAccess(command), visitor.caller.identity.actor.clone()).await?;
    Ok(halt::said_at("/people", if keep { Said::Kept } else { Said::Taken }))
}

/// What hangs on accounts, looked up once for all of them.
struct Links<'a> {
    /// Accounts by the person behind them.
    accounts: BTreeMap<&'a PersonId, Vec<&'a PrincipalId>>,
    /// How many passkeys each account has.
    passkeys: BTreeMap<&'a PrincipalId, u64>,
}

impl<'a> Links<'a> {
    fn of(state: &'a View<'_>, now: Timestamp) -> Self {
        let mut links = Self { accounts: BTreeMap::new(), passkeys: BTreeMap::new() };
        for (id, account) in &state.principals {
            if let Some(person) = &account.record.person {
                links.accounts.entry(person).or_default().push(id);
            }
        }
        for credential in state.credentials.values() {
            if credential.is_live(now) && matches!(credential.key, CredentialKey::Passkey { .. }) {
                *links.passkeys.entry(&credential.principal).or_default() += 1;
            }
        }
        links
    }

    /// The other accounts of the person behind an account.
    fn others(&self, id: &PrincipalId, account: &PrincipalState) -> Vec<String> {
        let all = account.record.person.as_ref().and_then(|person| self.accounts.get(person)).into_iter().flatten();
        all.filter(|other| **other != id).map(ToString::to_string).collect()
    }
}

fn person(state: &View<'_>, id: &PrincipalId, account: &PrincipalState, links: &Links<'_>, now: Timestamp) -> PersonRow {
    let held = account.roles.iter().filter(|(_, held)| held.valid_from <= now && now < held.valid_to);
    PersonRow {
        party: name::party(state, id),
        email: account.record.email.as_ref().map(|email| Untrusted::from(state.words(email))),
        roles: held
            .map(|(role, held)| RoleView {
                name: role.to_string(),
                until: (held.valid_to != Timestamp::FAR).then(|| Moment::day(held.valid_to)),
            })
            .collect(),
        passkeys: Count(links.passkeys.get(id).copied().unwrap_or(0)),
        linked: links.others(id, account),
        seen: account.signed_in_at.map(|at| Moment::relative(at, now)),
        disabled: !account.enabled,
        may_review: false,
    }
}

fn agent(state: &View<'_>, id: &PrincipalId, account: &PrincipalState, now: Timestamp) -> AgentRow {
    let record = &account.record;
    let profile = record.agent.as_ref();
    let history = state.history.get(id).filter(|history| history.total > 0);
    AgentRow {
        party: name::party(state, id),
        owner: record.owner.as_ref().map(|owner| name::party(state, owner)),
        parent: record.parent.as_ref().map(|parent| name::party(state, parent)),
        program: profile.map(|profile| format!("{} {}", profile.model, profile.version)).unwrap_or_default().into(),
        intended: profile.map(|profile| profile.intended_use.clone()).unwrap_or_default(),
        requests: Count(history.map_or(0, |history| history.total)),
        seen: history.map(|history| Moment::relative(history.last, now)),
        disabled: !account.enabled,
    }
}
