//! `/settings`: what a person lends to colleagues, the agents they answer for, and their own passkeys.

use axum::extract::{Path, State};
use axum::response::Response;
use privyseal_core::command::{Command, Directory};
use privyseal_core::event::directory::{CredentialKey, DelegationMade};
use privyseal_core::id::{PrincipalId, Role};
use privyseal_core::time::Timestamp;

use super::frame::{Visitor, page};
use super::said::Said;
use super::{halt, name};
use crate::app::App;
use crate::body::{Asked, Posted};
use crate::local;
use crate::problem::Problem;
use crate::view::moment::Moment;
use crate::view::settings::{Loan, SettingsPage};
use crate::view::shell::{Notice, Place};
use crate::view::sign_in::{EnrolPage, Passkey};

/// Days that the form proposes to lend.
const PROPOSED_DAYS: i64 = 7;
const DAY_SECONDS: i64 = 86_400;

/// `GET /settings`
pub(crate) async fn show_all(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    page(&settings(&app, &visitor)?)
}

fn settings(app: &App, visitor: &Visitor) -> Result<SettingsPage, Problem> {
    let now = app.engine().now();
    let me = &visitor.caller.identity.principal;
    let shell = visitor.shell(app, Place::Elsewhere)?;
    let day = |moment: Timestamp| moment.to_string().chars().take(10).collect();
    let days = (day(now), day(now.plus_seconds(PROPOSED_DAYS * DAY_SECONDS)));
    Ok(app.engine().view(|state| {
        let loan = |made: &DelegationMade, other: &PrincipalId| Loan {
            party: name::party(state, other),
            roles: made.roles.iter().map(ToString::to_string).collect(),
            from: Moment::minute(made.valid_from),
            until: Moment::minute(made.valid_to),
            ahead: now < made.valid_from,
            reason: made.reason.as_str().into(),
            end: format!("/settings/delegations/{}/end", made.delegation),
        };
        let made = || state.delegations.values().filter(|made| now < made.valid_to);
        let person = state.person_of(me);
        let candidates = state.principals.keys().filter_map(|principal| state.candidate(principal, now));
        let others = candidates.filter(|candidate| Some(&candidate.person) != person.as_ref());
        SettingsPage {
            lent: made().filter(|made| made.delegator == *me).map(|made| loan(made, &made.delegate)).collect(),
            borrowed: made().filter(|made| made.delegate == *me).map(|made| loan(made, &made.delegator)).collect(),
            groups: state.roles_of(me, now).iter().filter(|role| role.is_group()).map(ToString::to_string).collect(),
            colleagues: others.map(|other| (other.principal.to_string(), name::party(state, &other.principal).name)).collect(),
            days,
            halt: halt::card(state, me, "settings", now),
            shell,
        }
    }))
}

/// `POST /settings/delegations`
pub(crate) async fn lend(State(app): State<App>, visitor: Visitor, Posted(fields): Posted) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    let day = |name: &str| -> Result<Timestamp, Problem> {
        let unread = |_| Problem::bad(format!("the day `{}` cannot be read: write YYYY-MM-DD", fields.one(name).escape_debug()));
        format!("{}T00:00:00Z", fields.one(name)).parse().map_err(unread)
    };
    let roles: Result<Vec<Role>, _> = fields.all("role").iter().map(|role| role.parse()).collect();
    let command = Directory::Delegate {
        delegator: visitor.caller.identity.principal.clone(),
        delegate: fields.one("delegate").parse().map_err(|_| Problem::bad("choose a colleague"))?,
        roles: roles.map_err(|_| Problem::bad("choose which groups"))?,
        valid_from: day("from")?,
        valid_to: day("until")?.plus_seconds(DAY_SECONDS),
        reason: fields.one("reason").trim().to_owned(),
    };
    app.engine().execute(Command::Directory(command), visitor.caller.identity.actor.clone()).await?;
    Ok(halt::said_at("/settings", Said::Lent))
}

/// `POST /settings/delegations/{id}/end`
pub(crate) async fn end(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Posted(fields): Posted,
) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    let reason = fields.given("reason").unwrap_or("ended in the portal").to_owned();
    let command = Command::Directory(Directory::EndDelegation { delegation: id, reason });
    app.engine().execute(command, visitor.caller.identity.actor.clone()).await?;
    Ok(halt::said_at("/settings", Said::Ended))
}

/// `GET /settings/passkey?next=`
pub(crate) async fn show(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Result<Response, Problem> {
    page(&enrol_page(&app, &visitor, asked.one("next"))?)
}

/// `POST /settings/passkey`: where the form goes when no script took it.
pub(crate) async fn without_script(State(app): State<App>, visitor: Visitor, Posted(fields): Posted) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    let mut shown = enrol_page(&app, &visitor, fields.one("next"))?;
    let text = "A passkey needs JavaScript, and this browser ran none of ours. Nothing was enrolled.".into();
    shown.shell.notice = Some(Notice { failed: true, text, next: None });
    page(&shown)
}

fn enrol_page(app: &App, visitor: &Visitor, next: &str) -> Result<EnrolPage, Problem> {
    let now = app.engine().now();
    let me = &visitor.caller.identity.principal;
    let passkeys: Vec<(Timestamp, Passkey)> = app.engine().view(|state| {
        let mine = state.passkeys(me, now).map(|(id, credential)| {
            let synced = matches!(credential.key, CredentialKey::Passkey { backed_up: true, .. });
            let passkey = Passkey {
                label: credential.label.as_str().into(),
                enrolled: Moment::day(credential.enrolled_at),
                used: credential.used_at.map(|used| Moment::relative(used, now)),
                synced,
                short: id.to_string().chars().take(8).collect(),
            };
            (credential.enrolled_at, passkey)
        });
        mine.collect()
    });
    let mut passkeys = passkeys;
    passkeys.sort_by_key(|(enrolled, _)| std::cmp::Reverse(*enrolled));
    let proposal = format!("Passkey {}", passkeys.len() + 1);
    let passkeys = passkeys.into_iter().map(|(_, passkey)| passkey).collect();
    Ok(EnrolPage { shell: visitor.shell(app, Place::Elsewhere)?, passkeys, proposal, next: local::path(next).to_owned() })
}
