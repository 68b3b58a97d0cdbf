//! Who is calling: session cookies and bearer keys to identities, and the guard against forged requests of other sites.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use privyseal_core::digest::{Digest, base64url};
use privyseal_core::event::Channel;
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
    /// Who sends these headers.
    pub(crate) fn of(app: &App, headers: &HeaderMap) -> Result<Self, Problem> {
        if headers.contains_key(header::AUTHORIZATION) {
            let identity = bearer(headers).and_then(|key| app.engine().by_api_key(&key, Channel::Api));
            return identity.map(|identity| Caller { identity, token: None }).ok_or_else(Problem::unauthenticated);
        }
        let token = cookie(headers, cookie_name(app)).ok_or_else(Problem::unauthenticated)?;
        let identity = app.engine().by_session(&token, Channel::Portal).ok_or_else(Problem::unauthenticated)?;
        Ok(Caller { identity, token: Some(token) })
    }

    /// Demands one of these roles.
    pub(crate) fn needs(&self, app: &App, roles: &[&str]) -> Result<(), Problem> {
        if self.holds(app, roles) { Ok(()) } else { Err(Problem::lacks(&self.identity.principal, roles)) }
    }

    /// Whether the caller holds one of these roles now.
    pub(crate) fn holds(&self, app: &App, roles: &[&str]) -> bool {
        let now = app.engine().now();
        app.engine().read(|state| roles.iter().any(|role| state.has_role(&self.identity.principal, role, now)))
    }

    /// Whether the caller may see what the tests say about a framework.
    pub(crate) fn sees_framework(&self, app: &App, framework: &str) -> bool {
        let now = app.engine().now();
        app.engine().read(|state| state.sees_framework(&self.identity.principal, framework, now))
    }

    /// A token that the caller's own pages send back with every change; other sites cannot know it.
    pub(crate) fn csrf(&self, app: &App) -> Result<String, Problem> {
        self.token.as_ref().map_or_else(|| Ok(String::new()), |token| csrf_for(app, token))
    }
}

/// A token for pages of whoever holds the secret. Each is another: a page that shows what it was asked and is compressed would otherwise
/// tell the token to somebody who can measure its length.
pub(crate) fn csrf_for(app: &App, secret: &Secret) -> Result<String, Problem> {
    let salt: String = app.engine().new_secret()?.expose().chars().take(22).collect();
    Ok(csrf_of(secret, &salt))
}

fn csrf_of(secret: &Secret, salt: &str) -> String {
    let digest = Digest::of_parts(&[b"privyseal/csrf/v1\n", salt.as_bytes(), b"\n", secret.expose().as_bytes()]);
    format!("{salt}.{}", base64url(digest.as_bytes()))
}

/// Whether a token was made for whoever holds the secret.
pub(crate) fn csrf_fits(secret: &Secret, given: Option<&str>) -> Result<(), Problem> {
    let expected = given.and_then(|given| given.split_once('.')).map(|(salt, _)| csrf_of(secret, salt));
    match (expected, given) {
        // Digests are compared, so that the time it takes tells nothing about the token.
        (Some(expected), Some(given)) if Digest::of(expected.as_bytes()) == Digest::of(given.as_bytes()) => Ok(()),
        _ => Err(Problem::new(StatusCode::FORBIDDEN, "stale_page", "the page is stale: reload it and try again")),
    }
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

/// Name of the cookie of somebody who is not signed in; pages before the sign-in are bound to it.
const VISIT: &str = "privyseal-visit";

/// Somebody who is not signed in, as far as a page before the sign-in needs to know them.
pub(crate) struct Stranger {
    secret: Secret,
    is_new: bool,
}

impl Stranger {
    /// Checks the token of a form that this browser was given.
    pub(crate) fn check_csrf(&self, given: Option<&str>) -> Result<(), Problem> {
        csrf_fits(&self.secret, given)
    }

    pub(crate) fn csrf(&self, app: &App) -> Result<String, Problem> {
        csrf_for(app, &self.secret)
    }

    /// The cookie to set, unless the browser has it.
    pub(crate) fn cookie(&self, app: &App) -> Option<HeaderValue> {
        let secure = if app.is_https() { "; Secure" } else { "" };
        let text = format!("{VISIT}={}; Path=/; HttpOnly; SameSite=Strict{secure}", self.secret.expose());
        self.is_new.then(|| HeaderValue::from_str(&text).ok()).flatten()
    }
}

impl FromRequestParts<App> for Stranger {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match cookie(&parts.headers, VISIT) {
            Some(secret) => Ok(Self { secret, is_new: false }),
            None => Ok(Self { secret: app.engine().new_secret()?, is_new: true }),
        }
    }
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
        Caller::of(app, &parts.headers)
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
    let refused = || Problem::new(StatusCode::FORBIDDEN, "cross_site", "this request was sent by another site's page");
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(refused()),
        // Old browsers say only where they come from; programs say nothing, and no cookie is sent by them behind anyone's back.
        None => match (headers.get(header::ORIGIN), headers.get(header::HOST)) {
            (None, _) => Ok(()),
            (Some(origin), Some(host)) if authority(origin) == Some(host.as_bytes()) => Ok(()),
            (Some(_), _) => Err(refused()),
        },
    }
}

/// Host and port of an origin.
fn authority(origin: &HeaderValue) -> Option<&[u8]> {
    origin.to_str().ok()?.split_once("://").map(|(_, authority)| authority.as_bytes())
}

/// Checks the token of a change made by one of our own pages.
pub(crate) fn check_csrf(caller: &Caller, given: Option<&str>) -> Result<(), Problem> {
    caller.token.as_ref().map_or(Ok(()), |token| csrf_fits(token, given))
}

/// The token in the header, as our scripts send it.
pub(crate) fn csrf_header(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-csrf-token").and_then(|value| value.to_str().ok())
}
