//! `/v1/requests`: asking, looking, deciding, taking back. Asking for many at once and asking for less have files of their own.

mod batch;
mod narrow;
mod shown;

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream};
use privyseal_core::action::{Action, Input, InputKind, Limits, Resource};
use privyseal_core::command::{Command, Reply, Review, Withdraw};
use privyseal_core::digest::{Digest, from_base64url};
use privyseal_core::event::request::{Assertion, ReviewStatement, Verdict};
use privyseal_core::id::{ActionId, PersonId, PrincipalId, RequestId};
use privyseal_core::request::{Request, RequestState};
use privyseal_core::time::Timestamp;
use privyseal_engine::{Ask, Attachment, Cursor, View};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::passkeys::{AssertionJson, statement_of};
use crate::app::App;
use crate::auth::{Caller, check_csrf, csrf_header};
use crate::body::Body;
use crate::fair::{self, Place};
use crate::page::Said;
use crate::past;
use crate::problem::Problem;
use crate::showing;
use crate::sight::Sight;

pub(crate) use batch::submit_all;
pub(crate) use narrow::{narrow, put};
use shown::{add_token, render};

const MAX_WAIT_SECONDS: u64 = 60;
const PAGE: usize = 100;

/// Body of `POST /v1/requests`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Submission {
    action: String,
    resource: Value,
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(default)]
    inputs: Vec<SubmittedInput>,
    justification: String,
    #[serde(default)]
    on_behalf_of: Option<String>,
    #[serde(default)]
    executor: Option<PrincipalId>,
    #[serde(default)]
    audience: Option<String>,
    #[serde(default)]
    limits: Option<Limits>,
    #[serde(default)]
    ticket: Option<String>,
    #[serde(default)]
    significant_change: Option<bool>,
    #[serde(default)]
    authors: Vec<PersonId>,
    #[serde(default)]
    previous_request: Option<RequestId>,
    #[serde(default)]
    breakglass: bool,
    /// As the header `Idempotency-Key`; a batch has no header for each of its requests.
    #[serde(default)]
    idempotency_key: Option<String>,
}

/// An input, with its content when approvers shall read it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubmittedInput {
    kind: InputKind,
    name: String,
    sha256: Digest,
    bytes: u64,
    /// base64url without padding.
    #[serde(default)]
    content: Option<String>,
}

/// `POST /v1/requests`
pub(crate) async fn submit(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(submission): Body<Submission>,
) -> Result<Response, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let in_header = match headers.get("idempotency-key").map(|value| value.to_str()) {
        None => None,
        Some(Ok(key)) => Some(key.to_owned()),
        Some(Err(_)) => return Err(no_key()),
    };
    let mut ask = to_ask(submission)?;
    match (&in_header, &ask.idempotency_key) {
        (Some(one), Some(other)) if one != other => {
            return Err(Problem::bad("the header Idempotency-Key and the member `idempotency_key` differ: send one of them"));
        }
        (Some(_), _) => ask.idempotency_key = check_key(in_header)?,
        (None, _) => {}
    }
    let reply = app.engine().ask(ask, caller.identity.actor.clone()).await?;
    let (status, shown) = answer(&app, &caller, reply).await?;
    Ok((status, Json(shown)).into_response())
}

/// The request behind a reply, with 201 when it is new and 200 when it was there.
async fn answer(app: &App, caller: &Caller, reply: Reply) -> Result<(StatusCode, Value), Problem> {
    let Reply::Request { request, existing } = reply else { return Err(Problem::not_found("request")) };
    Ok((if existing { StatusCode::OK } else { StatusCode::CREATED }, show_one(app, caller, request).await?))
}

fn no_key() -> Problem {
    Problem::bad("the idempotency key has not 1 to 255 printable characters")
}

fn check_key(key: Option<String>) -> Result<Option<String>, Problem> {
    let usable = |key: &String| (1..=255).contains(&key.len()) && key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if key.as_ref().is_none_or(usable) { Ok(key) } else { Err(no_key()) }
}

fn to_ask(submission: Submission) -> Result<Ask, Problem> {
    let bad = |error: &dyn std::fmt::Display| Problem::bad(error.to_string());
    let idempotency_key = check_key(submission.idempotency_key)?;
    let verb: ActionId = submission.action.parse().map_err(|error| bad(&error))?;
    let resource: Resource = serde_json::from_value(submission.resource).map_err(|error| bad(&format!("resource: {error}")))?;
    let on_behalf_of: Option<PrincipalId> = submission.on_behalf_of.as_deref().map(str::parse).transpose().map_err(|error| bad(&error))?;
    let mut attachments = Vec::new();
    for input in &submission.inputs {
        if let Some(content) = &input.content {
            let bytes = from_base64url(content)
                .ok_or_else(|| bad(&format!("the content of input `{}` is not base64url", input.name.escape_debug())))?;
            attachments.push(Attachment { name: input.name.clone(), bytes });
        }
    }
    let inputs = submission
        .inputs
        .into_iter()
        .map(|input| Input { kind: input.kind, name: input.name, sha256: input.sha256, bytes: input.bytes })
        .collect();
    Ok(Ask {
        action: Action { verb, resource, parameters: submission.parameters, inputs, limits: submission.limits },
        justification: submission.justification,
        ticket: submission.ticket,
        on_behalf_of,
        executor: submission.executor,
        audience: submission.audience,
        batch: None,
        idempotency_key,
        previous_request: submission.previous_request,
        significant_change: submission.significant_change,
        authors: submission.authors,
        breakglass: submission.breakglass,
        attachments,
    })
}

#[derive(Deserialize)]
pub(crate) struct Wait {
    #[serde(default)]
    wait: u64,
}

/// `GET /v1/requests/{id}?wait=30`: answers at once when the request has ended, otherwise when it moves or the time is over.
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(wait): Query<Wait>,
) -> Result<Json<Value>, Problem> {
    let id = parse(&id)?;
    let mut head = app.engine().head();
    let first = show_one(&app, &caller, id).await?;
    if wait.wait == 0 || first.get("state").and_then(Value::as_str) != Some("pending") {
        return Ok(Json(first));
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(wait.wait.min(MAX_WAIT_SECONDS));
    while state_of(&app, id) == Some(RequestState::Pending) {
        match tokio::time::timeout_at(deadline, head.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => break,
        }
    }
    show_one(&app, &caller, id).await.map(Json)
}

fn state_of(app: &App, id: RequestId) -> Option<RequestState> {
    app.engine().read(|state| state.request(&id).map(Request::state))
}

/// `GET /v1/requests/{id}/events`: the request each time it changes, until it has ended.
pub(crate) async fn events(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, Infallible>>>, Problem> {
    let id = parse(&id)?;
    show_one(&app, &caller, id).await?;
    let head = app.engine().head();
    let stream = stream::unfold((app, caller, head, None::<Value>, false), move |(app, caller, mut head, last, ended)| async move {
        if ended {
            return None;
        }
        loop {
            head.mark_unchanged();
            let now = show_one(&app, &caller, id).await.ok()?;
            if last.as_ref() != Some(&now) {
                let ended = now.get("state").and_then(Value::as_str) != Some("pending");
                let event = SseEvent::default().event("request").data(now.to_string());
                return Some((Ok(event), (app, caller, head, Some(now), ended)));
            }
            head.changed().await.ok()?;
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

#[derive(Deserialize)]
pub(crate) struct Filter {
    #[serde(default)]
    state: Option<RequestState>,
    #[serde(default)]
    mine: Option<bool>,
    #[serde(default)]
    cursor: Option<String>,
}

/// `GET /v1/requests?state=&mine=&cursor=`: newest first, a page at a time; `state=pending` in the order of [`fair`]. A page can be short,
/// even empty, and still have a `next`: it is where the look through the log stopped.
pub(crate) async fn list(State(app): State<App>, caller: Caller, Query(filter): Query<Filter>) -> Result<Json<Value>, Problem> {
    if filter.state == Some(RequestState::Pending) {
        return list_pending(&app, &caller, &filter);
    }
    let before: Option<RequestId> = filter.cursor.as_deref().map(parse).transpose()?;
    let now = app.engine().now();
    let accept = |state: &View<'_>, request: &Request| {
        let sight = Sight::of(state, &caller, now);
        let seen = if filter.mine == Some(true) { sight.is_own(request) } else { sight.reaches(request) };
        Some(seen && filter.state.is_none_or(|wanted| request.state() == wanted))
    };
    let found = past::look(&app, before.map_or(Cursor::Newest, Cursor::Before), PAGE, accept).await?;
    let render = |state: &View<'_>| found.requests.iter().map(|request| render(&app, state, request, &caller, now)).collect();
    let page: Vec<Value> = app.engine().view(render);
    Ok(Json(json!({"requests": page, "next": found.rest})))
}

fn list_pending(app: &App, caller: &Caller, filter: &Filter) -> Result<Json<Value>, Problem> {
    let no_cursor = |()| Problem::not_found("place in the list");
    let after: Option<Place> = filter.cursor.as_deref().map(str::parse).transpose().map_err(no_cursor)?;
    let now = app.engine().now();
    let (page, next) = app.engine().view(|state| {
        let sight = Sight::of(state, caller, now);
        let seen = |request: &Request| if filter.mine == Some(true) { sight.is_own(request) } else { sight.reaches(request) };
        let mut waiting = fair::waiting(state, now, seen).into_iter().filter(|(place, _)| after.is_none_or(|after| *place > after));
        let (mut page, mut last) = (Vec::new(), None);
        for (place, request) in waiting.by_ref().take(PAGE) {
            page.push(render(app, state, request, caller, now));
            last = Some(place);
        }
        (page, waiting.next().and(last))
    });
    Ok(Json(json!({"requests": page, "next": next.map(|place| place.to_string())})))
}

/// Body of `POST /v1/requests/{id}/reviews`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReviewBody {
    verdict: Verdict,
    #[serde(default)]
    comment: String,
    shown_digest: Digest,
    shown_at: Timestamp,
    policy_digest: Digest,
    /// What was signed; made anew from the members above when absent, and compared with them when given.
    #[serde(default)]
    statement: Option<ReviewStatement>,
    /// The signature, as events hold it.
    #[serde(default)]
    assertion: Option<Assertion>,
    /// The signature, as browsers give it.
    #[serde(default)]
    credential: Option<AssertionJson>,
}

/// `POST /v1/requests/{id}/reviews`: people only, in a session of their own; the engine checks that, not this handler.
pub(crate) async fn review(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(body): Body<ReviewBody>,
) -> Result<Response, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let id = parse(&id)?;
    let mut review = Review {
        request: id,
        verdict: body.verdict,
        comment: body.comment,
        shown_digest: body.shown_digest,
        shown_at: body.shown_at,
        policy_digest: body.policy_digest,
        signed: None,
    };
    review.signed = match (body.statement, body.assertion, body.credential.map(Assertion::from)) {
        (None, None, None) => None,
        (Some(statement), Some(assertion), None) => Some((statement, assertion)),
        (None, None, Some(assertion)) | (None, Some(assertion), None) => Some((statement_of(&app, &caller, &review), assertion)),
        _ => return Err(Problem::bad("send the signature once: `credential`, or `assertion` with or without its `statement`")),
    };
    let verdict = review.verdict;
    decide(&app, &caller, review).await?;
    let said = [(header::SET_COOKIE, Said::decided(verdict).cookie())];
    Ok((said, Json(show_one(&app, &caller, id).await?)).into_response())
}

/// Gives a person's verdict to the engine. A channel that cannot show the whole action cannot approve it, and this one is the portal.
pub(crate) async fn decide(app: &App, caller: &Caller, review: Review) -> Result<(), Problem> {
    let submitted = past::visible(app, caller, review.request).await?.submitted.clone();
    if review.verdict == Verdict::Approve
        && let Some(reason) = showing::load(app, &submitted).await?.unshown
    {
        return Err(Problem::new(StatusCode::CONFLICT, "cannot_show", reason));
    }
    app.engine().execute(Command::Review(Box::new(review)), caller.identity.actor.clone()).await?;
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelBody {
    #[serde(default)]
    comment: Option<String>,
}

/// `POST /v1/requests/{id}/cancel`
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(body): Body<CancelBody>,
) -> Result<Json<Value>, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let request = parse(&id)?;
    // Whoever may not look at it is not told that it is there.
    show_one(&app, &caller, request).await?;
    app.engine().execute(Command::Withdraw(Withdraw { request, comment: body.comment }), caller.identity.actor.clone()).await?;
    show_one(&app, &caller, request).await.map(Json)
}

pub(crate) fn parse(id: &str) -> Result<RequestId, Problem> {
    id.parse().map_err(|_| Problem::not_found("request"))
}

/// The request as this caller may see it.
async fn show_one(app: &App, caller: &Caller, id: RequestId) -> Result<Value, Problem> {
    let request = past::visible(app, caller, id).await?;
    let now = app.engine().now();
    let mut shown = app.engine().view(|state| render(app, state, &request, caller, now));
    add_token(app, &mut shown, &request, caller, now);
    Ok(shown)
}
