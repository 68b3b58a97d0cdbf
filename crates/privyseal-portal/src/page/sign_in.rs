//! `/sign-in`, `/sign-in/link`, `/sign-out`: in by a passkey or a one-time link, and out again.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use privyseal_core::command::{Command, Reply, SessionCommand};
use privyseal_core::event::directory::CredentialKey;
use privyseal_core::refusal::RefusalCode;
use privyseal_engine::{EngineError, Secret};

use super::frame::{Visitor, page};
use super::said::Said;
use crate::api;
use crate::app::App;
use crate::auth::{Caller, Stranger, end_cookie, session_cookie};
use crate::body::{Asked, Posted};
use crate::local;
use crate::problem::Problem;
use crate::view::moment::Moment;
use crate::view::shell::Shell;
use crate::view::sign_in::{Link, LinkPage, SignInPage};
use crate::view::text::Untrusted;

/// The frame before the sign-in, bound to the browser by a cookie.
fn shell(app: &App, stranger: &Stranger) -> Result<Shell, Problem> {
    Ok(Shell::signed_out(stranger.csrf(app)?, Moment::clock(app.engine().now())))
}

fn with_cookie(app: &App, stranger: &Stranger, mut response: Response) -> Response {
    if let Some(cookie) = stranger.cookie(app) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// `GET /sign-in?next=`
pub(crate) async fn show(
    State(app): State<App>,
    caller: Option<Caller>,
    stranger: Stranger,
    headers: HeaderMap,
    Asked(asked): Asked,
) -> Result<Response, Problem> {
    let next = local::path(asked.one("next"));
    if caller.is_some_and(|caller| caller.token.is_some()) {
        return Ok(local::see_other(next));
    }
    let mut shell = shell(&app, &stranger)?;
    shell.notice = Said::of(&headers).map(Said::notice);
    let shown = SignInPage { shell, next: next.to_owned(), provider: None, problem: None };
    Ok(with_cookie(&app, &stranger, page(&shown)?))
}

/// `POST /sign-in/passkey`: where the form goes when no script took it.
pub(crate) async fn without_script(State(app): State<App>, stranger: Stranger, Posted(fields): Posted) -> Result<Response, Problem> {
    let problem = "A passkey needs JavaScript, and this browser ran none of ours. Use a one-time link instead.";
    let next = local::path(fields.one("next")).to_owned();
    let shown = SignInPage { shell: shell(&app, &stranger)?, next, provider: None, problem: Some(problem.into()) };
    Ok(with_cookie(&app, &stranger, page(&shown)?))
}

/// `GET /sign-in/link?token=`: says whom the link signs in, and uses nothing up. Mail scanners and previews open links too.
pub(crate) async fn show_link(State(app): State<App>, stranger: Stranger, Asked(asked): Asked) -> Result<Response, Problem> {
    let link = peek(&app, asked.one("token"));
    Ok(with_cookie(&app, &stranger, page(&LinkPage { shell: shell(&app, &stranger)?, link })?))
}

/// What a link is good for, without using it.
fn peek(app: &App, token: &str) -> Link {
    let now = app.engine().now();
    let Some(secret) = Secret::from_text(token) else { return Link::Spent };
    app.engine().view(|state| {
        let found = state.credential_by_secret(&secret.digest(), now).map(|(_, credential)| credential);
        let found =
            found.filter(|credential| matches!(credential.key, CredentialKey::Link { .. }) && state.is_enabled(&credential.principal));
        let known = found.and_then(|credential| Some((credential, state.principals.get(&credential.principal)?)));
        known.map_or(Link::Spent, |(credential, account)| Link::Valid {
            name: Untrusted::from(state.words(&account.record.name)),
            id: credential.principal.to_string(),
            roles: state.roles_of(&credential.principal, now).iter().map(ToString::to_string).collect(),
            until: Moment::minute(credential.expires_at.unwrap_or(now)),
            token: secret.expose().to_owned(),
        })
    })
}

/// `POST /sign-in/link`: uses the link up and begins a session.
pub(crate) async fn use_link(
    State(app): State<App>,
    stranger: Stranger,
    headers: HeaderMap,
    Posted(fields): Posted,
) -> Result<Response, Problem> {
    stranger.check_csrf(fields.csrf())?;
    let token = fields.one("token");
    let is_good = matches!(peek(&app, token), Link::Valid { .. });
    // What is refused anyway is recorded only as often as the log can bear.
    let begun = if is_good || app.0.attempts.take(app.engine().now()) { begin(&app, token).await? } else { None };
    let Some(session) = begun else {
        return page(&LinkPage { shell: shell(&app, &stranger)?, link: Link::Spent });
    };
    api::end_former(&app, &headers).await;
    let mut response = local::see_other(local::path(fields.one("next")));
    response.headers_mut().append(header::SET_COOKIE, session_cookie(&app, &session)?);
    let identity = app.engine().by_session(&session, privyseal_core::event::Channel::Portal);
    let visitor = identity.map(|identity| Visitor::quiet(Caller { identity, token: Some(session) }));
    if visitor.is_some_and(|visitor| visitor.lacks_passkey(&app)) {
        response.headers_mut().append(header::SET_COOKIE, Said::ByLink.cookie());
    }
    Ok(response)
}

/// The token of the session that a link began; none when the link is good for nothing.
async fn begin(app: &App, token: &str) -> Result<Option<Secret>, Problem> {
    let Some(secret) = Secret::from_text(token) else { return Ok(None) };
    let session = app.engine().new_secret()?;
    let command = SessionCommand::StartByLink {
        secret_sha256: secret.digest(),
        token_sha256: session.digest(),
        lifetime_seconds: i64::from(app.options().session_minutes) * 60,
    };
    match app.engine().as_system(Command::Session(command)).await {
        Ok(Reply::Session { .. }) => Ok(Some(session)),
        Ok(_) => Ok(None),
        Err(EngineError::Refused(refusal)) if refusal.code == RefusalCode::CredentialRefused => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// `POST /sign-out`
pub(crate) async fn leave(State(app): State<App>, visitor: Visitor, Posted(fields): Posted) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    let identity = &visitor.caller.identity;
    if let Some(session) = identity.session {
        let end = SessionCommand::End { session, reason: "signed_out".to_owned() };
        app.engine().execute(Command::Session(end), identity.actor.clone()).await?;
    }
    let mut response = local::see_other("/sign-in");
    response.headers_mut().append(header::SET_COOKIE, end_cookie(&app)?);
    response.headers_mut().append(header::SET_COOKIE, Said::SignedOut.cookie());
    Ok(response)
}
