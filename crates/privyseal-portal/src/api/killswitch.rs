//! `/v1/killswitch`: stopping agents at once, and letting them go on.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use privyseal_core::command::{Command, Halt, Reply};
use privyseal_core::event::execution::HaltScope;
use privyseal_core::id::PrincipalId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::{Caller, Operator, check_csrf, csrf_header};
use crate::body::Body;
use crate::problem::Problem;

/// Body of `POST /v1/killswitch` and `POST /v1/killswitch/release`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HaltBody {
    scope: HaltScope,
    /// The agent, or the owner of the agents; none for all.
    #[serde(default)]
    principal: Option<PrincipalId>,
    reason: String,
}

impl HaltBody {
    fn halt(&self) -> Halt {
        Halt { scope: self.scope, principal: self.principal.clone(), reason: self.reason.clone() }
    }

    fn shown(&self, reply: &Reply) -> Json<Value> {
        let revoked = if let Reply::Halted { grants } = reply { *grants } else { 0 };
        Json(json!({"scope": self.scope, "principal": self.principal, "grants_revoked": revoked}))
    }
}

/// `GET /v1/killswitch`: what is engaged. Everybody who can sign in may know it: it explains why agents do nothing.
pub(crate) async fn show(State(app): State<App>, _caller: Caller) -> Json<Value> {
    Json(app.engine().read(|state| json!({"engaged": state.halts})))
}

/// `POST /v1/killswitch`: administrators stop any agents, owners their own.
pub(crate) async fn engage(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<HaltBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let reply = app.engine().execute(Command::Halt(body.halt()), caller.identity.actor.clone()).await?;
    Ok((StatusCode::CREATED, body.shown(&reply)))
}

/// `POST /v1/killswitch/release`: administrators only.
pub(crate) async fn release(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<HaltBody>,
) -> Result<Json<Value>, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let reply = app.engine().execute(Command::Resume(body.halt()), caller.identity.actor.clone()).await?;
    Ok(body.shown(&reply))
}

/// `POST /v1/control/killswitch`: the same by the operator at the machine.
pub(crate) async fn engage_as_operator(
    State(app): State<App>,
    _operator: Operator,
    Body(body): Body<HaltBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let reply = app.engine().as_operator(Command::Halt(body.halt())).await?;
    Ok((StatusCode::CREATED, body.shown(&reply)))
}

/// `POST /v1/control/killswitch/release`
pub(crate) async fn release_as_operator(
    State(app): State<App>,
    _operator: Operator,
    Body(body): Body<HaltBody>,
) -> Result<Json<Value>, Problem> {
    let reply = app.engine().as_operator(Command::Resume(body.halt())).await?;
    Ok(body.shown(&reply))
}
