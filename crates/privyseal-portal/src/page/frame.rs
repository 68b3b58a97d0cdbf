//! Who looks at a page, and the frame that every page has for them.

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use privyseal_core::decide::may_review;
use privyseal_core::event::AuthMethod;
use privyseal_core::id::{PrincipalId, Role};
use privyseal_core::time::Timestamp;
use privyseal_engine::View;

use super::halt;
use super::name;
use super::said::Said;
use crate::app::App;
use crate::auth::{Caller, check_csrf};
use crate::body::Fields;
use crate::problem::Problem;
use crate::view::moment::Moment;
use crate::view::number::Count;
use crate::view::shell::{Live, Place, Shell, User};
use crate::view::text::Untrusted;

/// A person in a session of their own.
pub(crate) struct Visitor {
    pub(crate) caller: Caller,
    said: Option<Said>,
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = Caller::of(app, &parts.headers)?;
        if caller.token.is_none() {
            return Err(Problem::forbidden("pages are for people in a session of their own: programs use the calls below /v1"));
        }
        Ok(Self { caller, said: Said::of(&parts.headers) })
    }
}

impl Visitor {
    /// A person to whom nothing is said.
    pub(super) fn quiet(caller: Caller) -> Self {
        Self { caller, said: None }
    }

    /// Demands that this place is one of theirs.
    pub(super) fn enters(&self, app: &App, place: Place) -> Result<(), Problem> {
        let (me, now) = (&self.caller.identity.principal, app.engine().now());
        if app.engine().view(|state| opens(state, me, place, now)) { Ok(()) } else { Err(Problem::lacks(me, roles_of(place))) }
    }

    /// Demands the token of our own pages.
    pub(super) fn sent(&self, fields: &Fields) -> Result<(), Problem> {
        check_csrf(&self.caller, fields.csrf())
    }

    /// The frame of a page of theirs.
    pub(crate) fn shell(&self, app: &App, place: Place) -> Result<Shell, Problem> {
        let now = app.engine().now();
        let csrf = self.caller.csrf(app)?;
        let me = &self.caller.identity.principal;
        let (user, waiting, halted) =
            app.engine().view(|state| (self.user(state, now), waiting(state, &self.caller, now), halt::sentences(state)));
        let user = user.ok_or_else(|| Problem::not_found(&format!("account `{me}`")))?;
        let notice = self.said.map(Said::notice);
        Ok(Shell { place, user: Some(user), csrf, now: Moment::clock(now), waiting, live: None, notice, halted })
    }

    fn user(&self, state: &View<'_>, now: Timestamp) -> Option<User> {
        let me = &self.caller.identity.principal;
        let account = state.principals.get(me)?;
        let places = Place::ALL.into_iter().filter(|place| opens(state, me, *place, now)).collect();
        Some(User {
            name: Untrusted::from(state.words(&account.record.name)),
            id: me.to_string(),
            roles: state.roles_of(me, now).iter().map(ToString::to_string).collect(),
            method: name::method(self.caller.identity.actor.auth.method),
            places,
        })
    }

    /// Whether they came by a one-time link and could have a passkey.
    pub(super) fn lacks_passkey(&self, app: &App) -> bool {
        let (me, now) = (&self.caller.identity.principal, app.engine().now());
        let by_link = self.caller.identity.actor.auth.method == AuthMethod::Link;
        by_link && app.engine().view(|state| state.passkeys(me, now).next().is_none())
    }
}

/// Roles any of which opens a place. What a person sees there is another question: see [`crate::sight`].
fn roles_of(place: Place) -> &'static [&'static str] {
    match place {
        Place::Queue => &[Role::REQUESTER, Role::APPROVER, Role::ADMIN],
        Place::History | Place::Policies | Place::Elsewhere => &[Role::REQUESTER, Role::APPROVER, Role::AUDITOR, Role::ADMIN],
        Place::Controls | Place::Evidence | Place::Sql | Place::Ledger => &[Role::AUDITOR, Role::ADMIN],
        Place::People => &[Role::APPROVER, Role::AUDITOR, Role::ADMIN],
    }
}

/// Whether a person may open a place. Whoever is in a group can be asked, whatever else they hold.
fn opens(state: &View<'_>, me: &PrincipalId, place: Place, now: Timestamp) -> bool {
    let roles = state.roles_of(me, now);
    let grouped = matches!(place, Place::Queue | Place::History) && roles.iter().any(|role| role.as_str().starts_with("group:"));
    grouped || roles.iter().any(|role| roles_of(place).contains(&role.as_str()))
}

/// How many requests this person can decide now.
fn waiting(state: &View<'_>, caller: &Caller, now: Timestamp) -> Count {
    let me = &caller.identity.principal;
    let open = state.request_deadlines.iter().filter(|(at, _)| now < *at).filter_map(|(_, id)| state.request(id));
    Count(u64::try_from(open.filter(|request| may_review(state, request, me, now).is_ok()).count()).unwrap_or(u64::MAX))
}

/// Makes a page keep itself up to date: told of every change after what it shows, it fetches `fragment`.
pub(super) fn live(app: &App, mut shell: Shell, fragment: String) -> Shell {
    let head = *app.engine().head().borrow();
    let packs = *app.0.shelf.changes().borrow();
    shell.live = Some(Live { source: format!("/live/events?seen={head}.{packs}"), fragment });
    shell
}

/// A page or fragment as an answer.
pub(crate) fn page(template: &impl Template) -> Result<Response, Problem> {
    let html = template
        .render()
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", format!("a page could not be written: {error}")))?;
    // Pages of one person are nobody else's, and a page from before the last decision helps nobody.
    Ok(([(header::CACHE_CONTROL, "no-store")], Html(html)).into_response())
}
