//! What the operator at the machine may ask of a running server.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use privyseal_core::command::{Command, KeyCommand};
use privyseal_core::event::ledger::{KeyPurpose, SegmentSealed};
use privyseal_core::id::{CredentialId, PrincipalId, Role};
use privyseal_core::note::NoteError;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Operator;
use crate::body::Body;
use crate::problem::Problem;

/// How long a link is good for when nobody says.
const LINK_MINUTES: u32 = 60;

/// `POST /v1/control/seal`: seals, then merges small segments, and tells every record that was made.
pub(crate) async fn seal(State(app): State<App>, _operator: Operator) -> Result<Json<Vec<SegmentSealed>>, Problem> {
    let mut recorded = app.engine().seal().await?;
    while let Some(merged) = app.engine().merge().await? {
        recorded.push(merged);
    }
    Ok(Json(recorded))
}

/// Body of `POST /v1/control/keys`.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum KeysBody {
    Rotate { reason: String, compromised_since: Option<u64> },
    Enroll { key: String, purposes: Vec<KeyPurpose> },
    Retire { key: String, reason: String },
    Revoke { key: String, reason: String, compromised_since: Option<u64> },
}

/// `POST /v1/control/keys`: answers the new key of a rotation.
pub(crate) async fn keys(State(app): State<App>, _operator: Operator, Body(body): Body<KeysBody>) -> Result<Json<Value>, Problem> {
    let id = |text: &str| text.parse().map_err(|error: NoteError| Problem::new(StatusCode::BAD_REQUEST, "invalid", error.to_string()));
    let command = match body {
        KeysBody::Rotate { reason, compromised_since } => {
            let key = app.engine().rotate_key(&reason, compromised_since).await?;
            return Ok(Json(json!({"key": key.to_string()})));
        }
        KeysBody::Enroll { key, purposes } => KeyCommand::Enroll { key, purposes, protection: "kept elsewhere".to_owned() },
        KeysBody::Retire { key, reason } => KeyCommand::Retire { key: id(&key)?, reason },
        KeysBody::Revoke { key, reason, compromised_since } => KeyCommand::Revoke { key: id(&key)?, since_seq: compromised_since, reason },
    };
    app.engine().as_operator(Command::Keys(command)).await?;
    Ok(Json(json!({})))
}

/// Body of `POST /v1/control/api-keys`.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ApiKeysBody {
    Make { principal: PrincipalId, label: String, days: u32 },
    Revoke { credential: CredentialId, reason: String },
}

/// `POST /v1/control/api-keys`: answers a new key, once.
pub(crate) async fn api_keys(
    State(app): State<App>,
    _operator: Operator,
    Body(body): Body<ApiKeysBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    match body {
        ApiKeysBody::Make { principal, label, days } => {
            let made = app.engine().personal_key(&principal, &label, days).await?;
            let key = format!("pv_{}", made.secret.expose());
            let told = json!({"key": key, "credential": made.credential, "principal": principal, "expires_at": made.expires_at});
            Ok((StatusCode::CREATED, Json(told)))
        }
        ApiKeysBody::Revoke { credential, reason } => {
            app.engine().revoke_credential(credential, &reason).await?;
            Ok((StatusCode::OK, Json(json!({}))))
        }
    }
}

/// Body of `POST /v1/control/people`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonBody {
    id: PrincipalId,
    name: String,
    #[serde(default)]
    roles: Vec<Role>,
}

/// `POST /v1/control/people`
pub(crate) async fn people(
    State(app): State<App>,
    _operator: Operator,
    Body(body): Body<PersonBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    app.engine().register_person(&body.id, &body.name, &body.roles, "registered by the operator").await?;
    Ok((StatusCode::CREATED, Json(json!({"id": body.id, "name": body.name, "roles": body.roles}))))
}

/// Body of `POST /v1/control/link`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkBody {
    principal: PrincipalId,
    #[serde(default)]
    minutes: Option<u32>,
}

/// `POST /v1/control/link`
pub(crate) async fn link(
    State(app): State<App>,
    _operator: Operator,
    Body(body): Body<LinkBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let minutes = body.minutes.unwrap_or(LINK_MINUTES);
    let secret = app.engine().sign_in_link(&body.principal, minutes).await?;
    let url = app.url(&format!("/sign-in/link?token={}", secret.expose()));
    Ok((StatusCode::CREATED, Json(json!({"url": url, "principal": body.principal, "minutes": minutes}))))
}
