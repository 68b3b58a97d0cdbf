//! `/v1/delegations`: letting a colleague decide in one's place, for a time.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use privyseal_core::command::{Command, Directory, Reply};
use privyseal_core::event::directory::DelegationMade;
use privyseal_core::id::{PrincipalId, Role};
use privyseal_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::{Caller, check_csrf, csrf_header};
use crate::body::Body;
use crate::problem::Problem;

/// Body of `POST /v1/delegations`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DelegationBody {
    /// Who lets decide; the caller when absent. For others: administrators.
    #[serde(default)]
    delegator: Option<PrincipalId>,
    delegate: PrincipalId,
    roles: Vec<Role>,
    /// Now when absent.
    #[serde(default)]
    valid_from: Option<Timestamp>,
    valid_to: Timestamp,
    reason: String,
}

/// `GET /v1/delegations`: those of the caller, both ways; all of them for administrators and auditors.
pub(crate) async fn list(State(app): State<App>, caller: Caller) -> Json<Value> {
    let me = &caller.identity.principal;
    let all = caller.holds(&app, &[Role::ADMIN, Role::AUDITOR]);
    let now = app.engine().now();
    let list: Vec<Value> = app.engine().read(|state| {
        let theirs = |made: &&DelegationMade| all || made.delegator == *me || made.delegate == *me;
        state.delegations.values().filter(|made| now < made.valid_to).filter(theirs).map(shown).collect()
    });
    Json(json!({"delegations": list}))
}

fn shown(made: &DelegationMade) -> Value {
    json!({
        "id": made.delegation, "delegator": made.delegator, "delegate": made.delegate, "roles": made.roles,
        "valid_from": made.valid_from, "valid_to": made.valid_to, "reason": made.reason,
    })
}

/// `POST /v1/delegations`
pub(crate) async fn make(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<DelegationBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let command = Directory::Delegate {
        delegator: body.delegator.unwrap_or_else(|| caller.identity.principal.clone()),
        delegate: body.delegate,
        roles: body.roles,
        valid_from: body.valid_from.unwrap_or_else(|| app.engine().now()),
        valid_to: body.valid_to,
        reason: body.reason,
    };
    let reply = app.engine().execute(Command::Directory(command), caller.identity.actor.clone()).await?;
    let Reply::Delegation(id) = reply else { return Err(Problem::not_found("delegation")) };
    let made = app.engine().read(|state| state.delegations.get(&id).map(shown));
    Ok((StatusCode::CREATED, Json(made.unwrap_or_else(|| json!({"id": id})))))
}

/// Body of `POST /v1/delegations/{id}/end`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndBody {
    reason: String,
}

/// `POST /v1/delegations/{id}/end`: the delegator, the delegate, and administrators.
pub(crate) async fn end(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(body): Body<EndBody>,
) -> Result<Json<Value>, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let command = Directory::EndDelegation { delegation: id.clone(), reason: body.reason };
    app.engine().execute(Command::Directory(command), caller.identity.actor.clone()).await?;
    Ok(Json(json!({"id": id, "state": "ended"})))
}
