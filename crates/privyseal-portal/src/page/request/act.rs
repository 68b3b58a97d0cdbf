//! What a person does with a request: decide, take back, revoke, judge. Each is a form; the engine says whether it may be.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use privyseal_core::command::{Command, JudgeBreakglass, Named, Review, RevokeGrant, Withdraw};
use privyseal_core::event::execution::BreakglassOutcome;
use privyseal_core::event::request::Verdict;
use privyseal_core::id::{GrantId, RequestId};

use super::whole;
use crate::api::{decide, parse_request};
use crate::app::App;
use crate::body::{Fields, Posted};
use crate::local;
use crate::page::frame::{Visitor, live, page};
use crate::page::present::sentence;
use crate::page::said::Said;
use crate::past;
use crate::problem::Problem;
use crate::view::request::RequestPage;
use crate::view::shell::Notice;

/// `POST /requests/{id}/review`: the decision of somebody whose session is enough for it. One that needs a passkey goes through the API,
/// because only a script can ask for the signature; sent here it is refused.
pub(crate) async fn review(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Posted(fields): Posted,
) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    let request = parse_request(&id)?;
    let done = async {
        let review = review_of(request, &fields)?;
        let verdict = review.verdict;
        decide(&app, &visitor.caller, review).await.map(|()| Said::decided(verdict))
    };
    answer(&app, &visitor, request, done.await).await
}

fn review_of(request: RequestId, fields: &Fields) -> Result<Review, Problem> {
    let verdict = match fields.one("verdict") {
        "approve" => Verdict::Approve,
        "deny" => Verdict::Deny,
        _ => return Err(Problem::bad("the verdict is `approve` or `deny`: use one of the two buttons")),
    };
    let unread = |what: &str| Problem::bad(format!("{what} is missing or cannot be read: reload the page"));
    Ok(Review {
        request,
        verdict,
        comment: fields.one("comment").trim().to_owned(),
        shown_digest: fields.one("shown_digest").parse().map_err(|_| unread("the digest that was shown"))?,
        shown_at: fields.one("shown_at").parse().map_err(|_| unread("the time of showing"))?,
        policy_digest: fields.one("policy_digest").parse().map_err(|_| unread("the digest of the policy"))?,
        signed: None,
    })
}

/// `POST /requests/{id}/withdraw`
pub(crate) async fn withdraw(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Posted(fields): Posted,
) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    let request = past::visible(&app, &visitor.caller, parse_request(&id)?).await?.id;
    let comment = fields.given("comment").map(str::to_owned);
    let done = execute(&app, &visitor, Command::Withdraw(Withdraw { request, comment }), Said::Withdrawn).await;
    answer(&app, &visitor, request, done).await
}

/// `POST /grants/{id}/revoke`
pub(crate) async fn revoke(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Posted(fields): Posted,
) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    let missing = || Problem::not_found("grant");
    let grant: GrantId = id.parse().map_err(|_| missing())?;
    let request = past::known(&app, Named::Grant(grant)).await?.ok_or_else(missing)?.id;
    past::visible(&app, &visitor.caller, request).await.map_err(|_| missing())?;
    let reason = fields.given("reason").unwrap_or("taken back in the portal, no reason given").to_owned();
    let done = execute(&app, &visitor, Command::RevokeGrant(RevokeGrant { grant, reason }), Said::Revoked).await;
    answer(&app, &visitor, request, done).await
}

/// `POST /requests/{id}/judge`: what somebody outside of an emergency found.
pub(crate) async fn judge(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Posted(fields): Posted,
) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    let id = parse_request(&id)?;
    let grant = past::visible(&app, &visitor.caller, id).await?.grant();
    let done = async {
        let outcome = match fields.one("outcome") {
            "justified" => BreakglassOutcome::Justified,
            "unjustified" => BreakglassOutcome::Unjustified,
            _ => return Err(Problem::bad("the judgement is `justified` or `unjustified`: use one of the two buttons")),
        };
        let ungranted = || Problem::new(StatusCode::CONFLICT, "not_breakglass", "the request has no emergency grant to judge");
        let comment = fields.one("comment").trim().to_owned();
        let command = JudgeBreakglass { grant: grant.ok_or_else(ungranted)?, outcome, comment, signed: None };
        execute(&app, &visitor, Command::JudgeBreakglass(command), Said::Judged).await
    };
    answer(&app, &visitor, id, done.await).await
}

async fn execute(app: &App, visitor: &Visitor, command: Command, said: Said) -> Result<Said, Problem> {
    app.engine().execute(command, visitor.caller.identity.actor.clone()).await?;
    Ok(said)
}

/// Back to the request: sent there when it is done, so that reloading does nothing again; shown again with the reason when it is not.
pub(super) async fn answer(app: &App, visitor: &Visitor, id: RequestId, done: Result<Said, Problem>) -> Result<Response, Problem> {
    let problem = match done {
        Ok(said) => {
            let mut response = local::see_other(&format!("/requests/{id}"));
            response.headers_mut().append(header::SET_COOKIE, said.cookie());
            return Ok(response);
        }
        // Failures of ours and what they may not know of have pages of their own.
        Err(problem) if problem.status.is_server_error() || problem.status == StatusCode::NOT_FOUND => return Err(problem),
        Err(problem) => problem,
    };
    let (mut shell, request) = whole(app, visitor, &id.to_string()).await?;
    shell.notice = Some(Notice { failed: true, text: format!("Nothing was decided. {}", sentence(&problem.detail)).into(), next: None });
    let shell = live(app, shell, format!("/live/requests/{id}"));
    let mut response = page(&RequestPage { shell, request })?;
    // 401 would make some programs ask for a password; the person is signed in, and what they sent does not suffice.
    *response.status_mut() = if problem.status == StatusCode::UNAUTHORIZED { StatusCode::FORBIDDEN } else { problem.status };
    Ok(response)
}
