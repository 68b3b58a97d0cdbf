//! `/v1/grants` and `/v1/executions`: using a grant once, and saying how it went.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use privyseal_core::command::{Command, Finish, GiveUp, JudgeBreakglass, Named, Redeem, Reply, RevokeGrant};
use privyseal_core::digest::Digest;
use privyseal_core::event::execution::{Artefact, BreakglassOutcome, RunOutcome};
use privyseal_core::id::{ExecutionId, GrantId};
use privyseal_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::{Caller, check_csrf, csrf_header};
use crate::body::Body;
use crate::past;
use crate::problem::Problem;

const MAX_ARTEFACTS: usize = 64;

/// Body of `POST /v1/grants/redeem`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedeemBody {
    grant: GrantId,
    action_digest: Digest,
    #[serde(default)]
    tool: Option<String>,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    artefacts: Vec<Artefact>,
    #[serde(default)]
    audience: Option<String>,
}

/// `POST /v1/grants/redeem`: atomic, once.
pub(crate) async fn redeem(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<RedeemBody>,
) -> Result<Json<Value>, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    if body.artefacts.len() > MAX_ARTEFACTS {
        return Err(Problem::bad(format!("{} artefacts, the limit is {MAX_ARTEFACTS}", body.artefacts.len())));
    }
    for text in body.tool.iter().chain(&body.host).chain(body.artefacts.iter().map(|artefact| &artefact.name)) {
        if text.len() > 512 || text.chars().any(char::is_control) {
            return Err(Problem::bad("tool, host and artefact names have at most 512 bytes and no control characters"));
        }
    }
    let command = Command::Redeem(Redeem {
        grant: body.grant,
        run_digest: body.action_digest,
        tool: body.tool,
        host: body.host,
        artefacts: body.artefacts,
        audience: body.audience,
    });
    match app.engine().execute(command, caller.identity.actor.clone()).await? {
        Reply::Execution(execution) => Ok(Json(json!({"execution": execution, "state": "running"}))),
        _ => Err(Problem::not_found("grant")),
    }
}

/// Body of `POST /v1/executions/{id}/finish`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FinishBody {
    outcome: Outcome,
    #[serde(default)]
    exit_code: Option<i64>,
    #[serde(default)]
    output_sha256: Option<Digest>,
    #[serde(default)]
    output_bytes: Option<u64>,
    #[serde(default)]
    occurred_at: Option<Timestamp>,
    #[serde(default)]
    incident: Option<String>,
    #[serde(default)]
    rollback_of: Option<ExecutionId>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Succeeded,
    Failed,
    Unknown,
}

/// `POST /v1/executions/{id}/finish`
pub(crate) async fn finish(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(body): Body<FinishBody>,
) -> Result<Json<Value>, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let execution: ExecutionId = id.parse().map_err(|_| Problem::not_found("execution"))?;
    let finish = |outcome| {
        Command::Finish(Finish {
            execution,
            outcome,
            exit_code: body.exit_code,
            output_sha256: body.output_sha256,
            output_bytes: body.output_bytes,
            occurred_at: body.occurred_at,
            incident: body.incident.clone(),
            rollback_of: body.rollback_of,
        })
    };
    let command = match body.outcome {
        Outcome::Succeeded => finish(RunOutcome::Succeeded),
        Outcome::Failed => finish(RunOutcome::Failed),
        Outcome::Unknown => {
            let reason = body.reason.clone().unwrap_or_else(|| "the executor does not know".to_owned());
            Command::GiveUp(GiveUp { execution, reason })
        }
    };
    app.engine().execute(command, caller.identity.actor.clone()).await?;
    let request = past::known(&app, Named::Execution(execution)).await?;
    let run = request.as_ref().and_then(|request| request.granted()?.runs.get(&execution));
    let state = run.map(|run| run.phase.as_str());
    Ok(Json(json!({"execution": execution, "state": state})))
}

/// Body of `POST /v1/grants/{id}/revoke`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeBody {
    reason: String,
}

/// `POST /v1/grants/{id}/revoke`
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(body): Body<RevokeBody>,
) -> Result<Json<Value>, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let grant: GrantId = id.parse().map_err(|_| Problem::not_found("grant"))?;
    app.engine().execute(Command::RevokeGrant(RevokeGrant { grant, reason: body.reason }), caller.identity.actor.clone()).await?;
    Ok(Json(json!({"grant": grant, "state": "revoked"})))
}

/// Body of `POST /v1/grants/{id}/judge`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JudgeBody {
    outcome: BreakglassOutcome,
    comment: String,
}

/// `POST /v1/grants/{id}/judge`: the judgement after an emergency.
pub(crate) async fn judge(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(body): Body<JudgeBody>,
) -> Result<Json<Value>, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let grant: GrantId = id.parse().map_err(|_| Problem::not_found("grant"))?;
    let command = Command::JudgeBreakglass(JudgeBreakglass { grant, outcome: body.outcome, comment: body.comment, signed: None });
    app.engine().execute(command, caller.identity.actor.clone()).await?;
    Ok(Json(json!({"grant": grant, "outcome": body.outcome})))
}
