//! `/v1/requests`: asking, looking, deciding, taking back.

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
use privyseal_core::hidden;
use privyseal_core::id::{ActionId, PersonId, PrincipalId, RequestId};
use privyseal_core::request::{Phase, Request, RequestState};
use privyseal_core::time::Timestamp;
use privyseal_engine::{Ask, Attachment, Cursor, View};
use privyseal_ledger::private::Found;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::passkeys::{AssertionJson, statement_of};
use crate::app::App;
use crate::auth::{Caller, check_csrf, csrf_header};
use crate::body::Body;
use crate::page::Said;
use crate::past;
use crate::problem::Problem;
use crate::showing;
use crate::sight::Sight;

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
    let idempotency_key = match headers.get("idempotency-key").map(|value| value.to_str()) {
        None => None,
        Some(Ok(key)) if (1..=255).contains(&key.len()) => Some(key.to_owned()),
        Some(_) => return Err(Problem::bad("the Idempotency-Key has not 1 to 255 printable characters")),
    };
    let ask = to_ask(submission, idempotency_key)?;
    let reply = app.engine().ask(ask, caller.identity.actor.clone()).await?;
    let Reply::Request { request, existing } = reply else { return Err(Problem::not_found("request")) };
    let shown = show_one(&app, &caller, request).await?;
    Ok((if existing { StatusCode::OK } else { StatusCode::CREATED }, Json(shown)).into_response())
}

fn to_ask(submission: Submission, idempotency_key: Option<String>) -> Result<Ask, Problem> {
    let bad = |error: &dyn std::fmt::Display| Problem::bad(error.to_string());
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

/// `GET /v1/requests?state=&mine=&cursor=`: newest first, a page at a time. A page can be short, even empty, and still have a `next`: it
/// is where the look through the log stopped.
pub(crate) async fn list(State(app): State<App>, caller: Caller, Query(filter): Query<Filter>) -> Result<Json<Value>, Problem> {
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
    Ok(app.engine().view(|state| render(app, state, &request, caller, now)))
}

fn render(app: &App, state: &View<'_>, request: &Request, caller: &Caller, now: Timestamp) -> Value {
    let submitted = &request.submitted;
    let assessment = &submitted.assessment;
    let requirement: Vec<Value> = assessment
        .requirement
        .alternatives()
        .iter()
        .map(|slots| {
            let slots =
                slots.iter().map(|slot| json!({"count": slot.count, "of": slot.of.iter().map(ToString::to_string).collect::<Vec<_>>()}));
            Value::Array(slots.collect())
        })
        .collect();
    let reviews: Vec<Value> = request
        .reviews
        .iter()
        .map(|review| {
            let (at, body) = (review.at, &review.body);
            json!({"reviewer": body.reviewer.principal, "verdict": body.verdict, "comment": body.comment.as_ref().map(|comment| state.words(comment).or_why_not()), "at": at})
        })
        .collect();
    let (action, hidden) = opened(state, request, caller);
    let mut shown = json!({
        "id": request.id, "state": request.state().as_str(), "action": action, "hidden": hidden, "action_digest": submitted.action_digest,
        "requester": submitted.requester.principal, "justification": state.words(&submitted.justification).or_why_not(), "submitted_at": request.submitted_at,
        "expires_at": submitted.expires_at, "risk": {"score": assessment.risk, "tier": assessment.tier, "factors": assessment.factors},
        "requirement": requirement, "requirement_text": assessment.requirement.to_string(), "policy": assessment.policy,
        "reviews": reviews, "url": app.url(&format!("/requests/{}", request.id)),
    });
    let Some(members) = shown.as_object_mut() else { return shown };
    if let Phase::Approved { at, mechanism, .. } = &request.phase {
        members.insert("decided_at".to_owned(), json!(at));
        members.insert("mechanism".to_owned(), json!(mechanism));
    }
    if let Some(grant) = request.granted() {
        let open = grant.is_open(now);
        let execution = grant.last_run();
        // The grant is the requester's to use; others see that there is one.
        let id = (grant.issued.subject == caller.identity.principal).then_some(grant.issued.grant_id);
        members.insert("grant".to_owned(), json!({"id": id, "expires_at": grant.issued.expires_at, "open": open}));
        members.insert(
            "execution".to_owned(),
            execution.map_or_else(|| json!({"state": "unused"}), |(id, execution)| json!({"id": id, "state": execution.phase.as_str()})),
        );
    }
    shown
}

/// The action with its hidden values opened, and which those are. With the salts, which only the requester is given, whoever runs it
/// computes the same digest from what is about to run: a changed secret changes it.
fn opened(state: &View<'_>, request: &Request, caller: &Caller) -> (Value, Vec<Value>) {
    let recorded = serde_json::to_value(&request.submitted.action).unwrap_or_default();
    let (action, _) = state.open(&recorded);
    let own = request.submitted.requester.principal == caller.identity.principal;
    let hidden = hidden::members(&recorded).into_iter().map(|(pointer, commitment)| {
        let (salt, erased_at) = match state.find(&commitment) {
            Found::Clear(salt, _) => (Some(salt).filter(|_| own), None),
            Found::Erased(at) => (None, Some(at)),
            Found::Unknown => (None, None),
        };
        json!({"pointer": format!("/body{pointer}"), "commitment": commitment, "salt": salt, "erased_at": erased_at})
    });
    (action, hidden.collect())
}
