//! `/people`: who exists, who answers for what, and what they may do.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use privyseal_core::event::ActorKind;
use privyseal_core::event::directory::CredentialKey;
use privyseal_core::id::{PersonId, PrincipalId};
use privyseal_core::state::PrincipalState;
use privyseal_core::time::Timestamp;
use privyseal_engine::View;

use super::frame::{Visitor, page};
use super::name;
use crate::app::App;
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
    let (mut people, mut agents) = app.engine().view(|state| {
        let links = Links::of(state, now);
        let (humans, others): (Vec<_>, Vec<_>) = state.principals.iter().partition(|(_, account)| account.record.kind == ActorKind::Human);
        let people: Vec<PersonRow> = humans.into_iter().map(|(id, account)| person(state, id, account, &links, now)).collect();
        let agents: Vec<AgentRow> = others.into_iter().map(|(id, account)| agent(state, id, account, now)).collect();
        (people, agents)
    });
    people.sort_by_key(|row| row.party.name.plain().to_lowercase());
    agents.sort_by_key(|row| row.party.name.plain().to_lowercase());
    page(&PeoplePage { shell, people, agents })
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
