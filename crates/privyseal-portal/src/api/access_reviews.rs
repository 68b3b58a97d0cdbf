//! `/v1/access-reviews`: somebody looks at a role of somebody else, and confirms it or takes it away.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use privyseal_core::command::{Command, ReviewAccess};
use privyseal_core::id::{PrincipalId, Role};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::{Caller, check_csrf, csrf_header};
use crate::body::Body;
use crate::problem::Problem;

/// Body of `POST /v1/access-reviews`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessReviewBody {
    principal: PrincipalId,
    role: Role,
    keep: bool,
    /// Needed when the role is taken away.
    #[serde(default)]
    comment: Option<String>,
}

/// `POST /v1/access-reviews`: people in a session of their own, never about themselves; the engine checks that.
pub(crate) async fn record(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<AccessReviewBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let shown = json!({"principal": body.principal, "role": body.role, "outcome": if body.keep { "keep" } else { "remove" }});
    let review = ReviewAccess { principal: body.principal, role: body.role, keep: body.keep, comment: body.comment };
    app.engine().execute(Command::ReviewAccess(review), caller.identity.actor.clone()).await?;
    Ok((StatusCode::CREATED, Json(shown)))
}
