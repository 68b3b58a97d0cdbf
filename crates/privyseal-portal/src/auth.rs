//! Who is calling: session cookies and bearer keys to identities, and the guard against forged requests of other sites.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use privyseal_core::digest::{Digest, base64url};
use privyseal_core::event::Channel;
use privyseal_core::id::Role;
use privyseal_engine::{Identity, Secret};

use crate::app::App;
use crate::problem::Problem;

/// A caller who has proven who they are, with the means by which they did.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) identity: Identity,
    /// The session's token, when the caller is a browser.
    pub(crate) token: Option<Secret>,
}

impl Caller {
    /// Demands one of these roles.
    pub(crate) fn needs(&self, app: &App, roles: &[&str]) -> Result<(), Problem> {
        if self.holds(app, roles) {
            Ok(())
        } else {
            Err(Problem::forbidden(format!("`{}` does not hold the role `{}`", self.identity.principal, roles.join("` or `"))))
        }
    }

    /// Whether the caller holds one of these roles now.
    pub(crate) fn holds(&self, app: &App, roles: &[&str]) -> bool {
        let now = app.engine().now();
        app.engine().read(|state| roles.iter().any(|role| state.has_role(&self.identity.principal, role, now)))
    }

    /// Whether the caller may see every request.
    pub(crate) fn sees_everything(&self, app: &App) -> bool {
        self.holds(app, &[Role::APPROVER, Role::AUDITOR, Role::ADMIN])
    }

    /// The token that the caller's own pages send back with every change; other sites cannot know it.
    pub(crate) fn csrf(&self) -> String {
        self.token.as_ref().map(csrf_of).unwrap_or_default()
    }
}

fn csrf_of(token: &Secret) -> String {
    base64url(Digest::of_parts(&[b"privyseal/csrf/v1\n", token.expose().as_bytes()]).as_bytes())
}

/// Name of the session cookie. The `__Host-` prefix needs TLS, so local instances without it use a plain name.
pub(crate) fn cookie_name(app: &App) -> &'static str {
    if app.is_https() { "__Host-privyseal" } else { "privyseal" }
}

/// The cookie that begins a session. `Lax` lets links from mail and chat open the portal signed in.
pub(crate) fn session_cookie(app: &App, token: &Secret) -> Result<HeaderValue, Problem> {
    let secure = if app.is_https() { "; Secure" } else { "" };
    let max_age = u64::from(app.options().session_minutes) * 60;
    let text = format!("{}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}", cookie_name(app), token.expose());
    HeaderValue::from_str(&text).map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the session cannot be kept"))
}

/// The cookie that ends one.
pub(crate) fn end_cookie(app: &App) -> Result<HeaderValue, Problem> {
    let secure = if app.is_https() { "; Secure" } else { "" };
    let text = format!("{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}", cookie_name(app));
    HeaderValue::from_str(&text).map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the session cannot be ended"))
}

fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    Secret::from_text(text.strip_prefix("Bearer ")?.trim())
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<Secret> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let mut values = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(found, _)| *found == name);
    values.find_map(|(_, value)| Secret::from_text(value))
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            let identity = bearer(&parts.headers).and_then(|key| app.engine().by_api_key(&key, Channel::Api));
            return identity.map(|identity| Caller { identity, token: None }).ok_or_else(Problem::unauthenticated);
        }
        let token = cookie(&parts.headers, cookie_name(app)).ok_or_else(Problem::unauthenticated)?;
        let identity = app.engine().by_session(&token, Channel::Portal).ok_or_else(Problem::unauthenticated)?;
        Ok(Caller { identity, token: Some(token) })
    }
}

impl OptionalFromRequestParts<App> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Self::Rejection> {
        Ok(<Self as FromRequestParts<App>>::from_request_parts(parts, app).await.ok())
    }
}

/// The operator at the machine: whoever can read the server's file in the data folder.
pub(crate) struct Operator;

impl FromRequestParts<App> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let given = bearer(&parts.headers).ok_or_else(Problem::unauthenticated)?;
        // Digests are compared, so that the time it takes tells nothing about the token.
        if given.digest() == app.options().operator_token.digest() { Ok(Operator) } else { Err(Problem::unauthenticated()) }
    }
}

/// Refuses changes that another site made the browser send: the browser says where a request comes from, and our own pages send a
/// token back that others cannot read. Bearer keys are never sent by a browser on its own, so they need neither.
pub(crate) fn check_origin(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) || headers.contains_key(header::AUTHORIZATION) {
        return Ok(());
    }
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Problem::new(StatusCode::FORBIDDEN, "cross_site", "this request was sent by another site's page")),
    }
}

/// Checks the token of a change made by one of our own pages.
pub(crate) fn check_csrf(caller: &Caller, given: Option<&str>) -> Result<(), Problem> {
    match (&caller.token, given) {
        (None, _) => Ok(()),
        (Some(token), Some(given)) if Digest::of(csrf_of(token).as_bytes()) == Digest::of(given.as_bytes()) => Ok(()),
        _ => Err(Problem::new(StatusCode::FORBIDDEN, "stale_page", "the page is stale: reload it and try again")),
    }
}

/// The token in the header, as our scripts send it.
pub(crate) fn csrf_header(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-csrf-token").and_then(|value| value.to_str().ok())
}
