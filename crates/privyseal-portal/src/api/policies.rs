//! `/v1/policies`: putting a policy in force whose change was approved.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use privyseal_core::id::{RequestId, Role};
use privyseal_engine::PolicyFile;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::{Caller, check_csrf, csrf_header};
use crate::body::Body;
use crate::problem::Problem;

/// Body of `POST /v1/policies`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Publication {
    files: Vec<File>,
    /// The approved request; its parameter `policy_digest` is that of these files.
    change_request: RequestId,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    text: String,
}

/// `POST /v1/policies`: by whoever asked for the change, once. A policy with any problem is refused with all of them.
pub(crate) async fn publish(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<Publication>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    caller.needs(&app, &[Role::REQUESTER, Role::ADMIN])?;
    let files = body.files.into_iter().map(|file| PolicyFile { name: file.name, text: file.text }).collect();
    app.engine().publish_policy(files, Some(body.change_request), &body.note, caller.identity.actor.clone()).await?;
    let published = app.engine().read(|state| state.policy.clone()).ok_or_else(|| Problem::not_found("policy"))?;
    let shown = json!({
        "version": published.policy.version, "digest": published.policy.digest, "change_request": published.change_request,
        "approved_by": published.approved_by, "unsatisfiable": published.unsatisfiable,
    });
    Ok((StatusCode::CREATED, Json(shown)))
}
