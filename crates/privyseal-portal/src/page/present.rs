//! What stands around every handler and knows who asked: a refusal becomes a page for people and stays problem details for programs,
//! whoever is not signed in is sent to sign in, failures are logged once with the id that the caller is shown.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::frame::{Visitor, page};
use super::said::{FORGET, Said};
use crate::app::App;
use crate::auth::Caller;
use crate::local;
use crate::problem::Problem;
use crate::view::error::{ErrorPage, Problem as Shown};
use crate::view::moment::Moment;
use crate::view::shell::{Place, Shell};
use crate::view::text::Untrusted;

/// What is kept of a request, because a handler uses it up.
struct Call {
    id: String,
    method: Method,
    /// Path and parameters.
    target: String,
    headers: HeaderMap,
}

pub(crate) async fn present(State(app): State<App>, request: Request, next: Next) -> Response {
    let call = Call {
        id: app.call_id(),
        method: request.method().clone(),
        target: request.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        headers: request.headers().clone(),
    };
    let response = next.run(request).await;
    let mut response = match problem_of(&response) {
        Some(problem) => answer(&app, &call, problem, response),
        None => forget_what_was_said(&call, response),
    };
    if let Ok(id) = HeaderValue::from_str(&call.id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// The problem that an answer is; also when it comes from the frame around our handlers, which writes plain text.
fn problem_of(response: &Response) -> Option<Problem> {
    let status = response.status();
    if let Some(problem) = response.extensions().get::<Problem>() {
        return Some(problem.clone());
    }
    // A page that says what is wrong says it itself.
    if is_page(response) {
        return None;
    }
    let detail = match status {
        StatusCode::METHOD_NOT_ALLOWED => "this address does not take that method",
        StatusCode::PAYLOAD_TOO_LARGE => "what was sent is too large",
        _ if status.is_client_error() => "the address or what was sent with it is not understood",
        _ if status.is_server_error() => "something went wrong on our side; it was logged",
        _ => return None,
    };
    Some(Problem::new(status, "invalid", detail))
}

fn is_page(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

fn answer(app: &App, call: &Call, problem: Problem, mut response: Response) -> Response {
    if problem.status.is_server_error() {
        tracing::warn!(
            http.id = %call.id, http.status = problem.status.as_u16(), problem.code = %problem.code, problem.detail = %problem.detail,
            "answered with a failure"
        );
    }
    if wants_page(call) {
        if problem.status == StatusCode::UNAUTHORIZED && problem.code == "unauthenticated" {
            let next = if call.method == Method::GET { local::path(&call.target) } else { "/" };
            return local::see_other(&format!("/sign-in?next={}", local::encode(next)));
        }
        if let Ok(shown) = error_page(app, call, &problem) {
            return shown;
        }
    }
    if response.extensions().get::<Problem>().is_none() {
        let allow = response.headers_mut().remove(header::ALLOW);
        response = problem.into_response();
        response.headers_mut().extend(allow.map(|allow| (header::ALLOW, allow)));
    }
    response
}

/// Whether a person is to read the answer: browsers ask for pages by name, programs do not. Fragments are fetched by scripts, and whatever
/// is below `/v1` is for programs, whoever calls it.
fn wants_page(call: &Call) -> bool {
    let accept = call.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.contains("text/html") && !["/live/", "/tile/", "/v1/"].iter().any(|programs| call.target.starts_with(programs))
}

fn error_page(app: &App, call: &Call, problem: &Problem) -> Result<Response, Problem> {
    let shown = match problem.status {
        StatusCode::UNAUTHORIZED => Shown::Unproven,
        StatusCode::FORBIDDEN => Shown::Forbidden { needs: problem.needs.clone() },
        StatusCode::NOT_FOUND => Shown::NotFound,
        StatusCode::CONFLICT => Shown::Conflict,
        StatusCode::GONE => Shown::Gone,
        StatusCode::PAYLOAD_TOO_LARGE => Shown::TooLarge,
        StatusCode::SERVICE_UNAVAILABLE => Shown::Unavailable,
        status if status.is_client_error() => Shown::Invalid,
        _ => Shown::Internal,
    };
    // What failed inside is for the log.
    let detail = if shown == Shown::Internal { Untrusted::default() } else { sentence(&problem.detail).into() };
    let visitor = Caller::of(app, &call.headers).ok().filter(|caller| caller.token.is_some());
    let shell = match visitor {
        Some(caller) => Visitor::quiet(caller).shell(app, Place::Elsewhere)?,
        None => Shell::signed_out("", Moment::clock(app.engine().now())),
    };
    let mut response = page(&ErrorPage { shell, problem: shown, detail, request_id: call.id.clone() })?;
    *response.status_mut() = problem.status;
    if problem.status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    Ok(response)
}

/// A message begins in lower case and has no full stop, because it also stands in logs and in front of reasons; a page speaks in sentences.
pub(super) fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if message.ends_with(['.', '!', '?', '…']) || message.is_empty() { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// A page has shown what was said; the next one does not say it again.
fn forget_what_was_said(call: &Call, mut response: Response) -> Response {
    if is_page(&response) && !call.target.starts_with("/live/") && Said::of(&call.headers).is_some() {
        response.headers_mut().append(header::SET_COOKIE, FORGET);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_sentences() {
        for (message, expected) in [
            ("there is no such page", "There is no such page."),
            ("`ana` does not hold it", "`ana` does not hold it."),
            ("Already one.", "Already one."),
            ("", ""),
        ] {
            assert_eq!(sentence(message), expected);
        }
    }
}
