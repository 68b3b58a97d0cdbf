//! `/v1/passkeys` and the statement of a review: what the browser needs before it can ask for a passkey, and what it sends back.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use privyseal_core::assessment::Assurance;
use privyseal_core::command::{Command, Directory, Reply, SessionCommand};
use privyseal_core::digest::{Digest, base64url, from_base64url};
use privyseal_core::event::request::{Assertion, ReviewStatement, Verdict};
use privyseal_core::id::RequestId;
use privyseal_core::time::Timestamp;
use privyseal_core::webauthn;
use serde::Deserialize;
use serde_json::{Value, json};

use super::requests::parse;
use crate::app::App;
use crate::auth::{Caller, check_csrf, csrf_header, session_cookie};
use crate::body::Body;
use crate::challenge::Purpose;
use crate::problem::Problem;

/// What the page must send to get the statement that the passkey will sign.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StatementQuery {
    pub(crate) verdict: Verdict,
    #[serde(default)]
    pub(crate) comment: String,
    pub(crate) shown_at: Timestamp,
}

/// `GET /v1/requests/{id}/statement?verdict=&comment=&shown_at=`: the statement and the WebAuthn request options over its digest.
pub(crate) async fn statement(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<StatementQuery>,
) -> Result<Json<Value>, Problem> {
    statement_for(&app, &caller, parse(&id)?, &query).map(Json)
}

pub(crate) fn statement_for(app: &App, caller: &Caller, id: RequestId, query: &StatementQuery) -> Result<Value, Problem> {
    let me = &caller.identity.principal;
    let now = app.engine().now();
    let found = app.engine().read(|state| {
        let request = state.requests.get(&id)?;
        let passkeys: Vec<String> = state.passkeys(me, now).map(|(id, _)| id.to_string()).collect();
        let assessment = &request.submitted.assessment;
        Some((state.log.clone(), request.submitted.action_digest, assessment.policy.digest, assessment.assurance, passkeys))
    });
    let (log, action_digest, policy_digest, assurance, passkeys) = found.ok_or_else(|| Problem::not_found("request"))?;
    let statement = ReviewStatement {
        log,
        request_id: id,
        action_digest,
        verdict: query.verdict,
        policy_digest,
        comment_digest: Digest::of(query.comment.as_bytes()),
        shown_at: query.shown_at,
        reviewer: me.clone(),
    };
    let challenge = webauthn::review_challenge(&statement).map_err(|error| Problem::bad(error.to_string()))?;
    Ok(json!({
        "statement": statement, "required": assurance == Assurance::Passkey, "enrolled": !passkeys.is_empty(),
        "options": request_options(app, &challenge, &passkeys),
    }))
}

fn request_options(app: &App, challenge: &Digest, passkeys: &[String]) -> Value {
    let allowed: Vec<Value> = passkeys.iter().map(|id| json!({"type": "public-key", "id": id})).collect();
    json!({
        "challenge": challenge, "rpId": app.rp_id(), "userVerification": "required", "timeout": 120_000, "allowCredentials": allowed,
    })
}

/// `GET /v1/passkeys/sign-in`: options for a passkey of whoever is there.
pub(crate) async fn begin_sign_in(State(app): State<App>) -> Result<Json<Value>, Problem> {
    let challenge = app.engine().new_secret()?.digest();
    app.0.challenges.set(challenge, Purpose::SignIn, app.engine().now());
    Ok(Json(request_options(&app, &challenge, &[])))
}

/// What `PublicKeyCredential.toJSON()` gives for an assertion; members that do not matter here are ignored.
#[derive(Deserialize)]
pub(crate) struct AssertionJson {
    id: String,
    response: AssertionResponse,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssertionResponse {
    authenticator_data: String,
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    signature: String,
}

impl From<AssertionJson> for Assertion {
    fn from(json: AssertionJson) -> Self {
        Assertion {
            credential: json.id,
            authenticator_data: json.response.authenticator_data,
            client_data_json: json.response.client_data_json,
            signature: json.response.signature,
        }
    }
}

/// The challenge that a client claims to have answered; whether it was set by us is checked by taking it.
fn claimed_challenge(client_data_json: &str) -> Option<Digest> {
    let bytes = from_base64url(client_data_json)?;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    Digest::from_slice(&from_base64url(value.get("challenge")?.as_str()?)?)
}

fn stale() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "stale_challenge", "the passkey answered a question that is over: try again")
}

/// `POST /v1/passkeys/sign-in`
pub(crate) async fn sign_in(State(app): State<App>, Body(json): Body<AssertionJson>) -> Result<Response, Problem> {
    let assertion: Assertion = json.into();
    let challenge = claimed_challenge(&assertion.client_data_json).ok_or_else(stale)?;
    if !app.0.challenges.take(&challenge, &Purpose::SignIn, app.engine().now()) {
        return Err(stale());
    }
    let token = app.engine().new_secret()?;
    let command = SessionCommand::StartByPasskey {
        challenge,
        assertion,
        token_sha256: token.digest(),
        lifetime_seconds: i64::from(app.options().session_minutes) * 60,
    };
    let reply = app.engine().as_system(Command::Session(command)).await?;
    let Reply::Session { principal, .. } = reply else { return Err(stale()) };
    Ok(([(header::SET_COOKIE, session_cookie(&app, &token)?)], Json(json!({"principal": principal}))).into_response())
}

/// `GET /v1/passkeys/enrol`: options for a new passkey of the caller.
pub(crate) async fn begin_enrol(State(app): State<App>, caller: Caller) -> Result<Json<Value>, Problem> {
    if caller.token.is_none() {
        return Err(Problem::forbidden("passkeys are enrolled by people in a session of their own"));
    }
    let me = caller.identity.principal.clone();
    let challenge = app.engine().new_secret()?.digest();
    let now = app.engine().now();
    app.0.challenges.set(challenge, Purpose::Enrol(me.clone()), now);
    let (existing, name) = app.engine().read(|state| {
        let existing: Vec<Value> = state.passkeys(&me, now).map(|(id, _)| json!({"type": "public-key", "id": id})).collect();
        let name = state.principals.get(&me).and_then(|principal| principal.record.name.clear().map(str::to_owned));
        (existing, name.unwrap_or_else(|| me.to_string()))
    });
    Ok(Json(json!({
        "challenge": challenge, "rp": {"id": app.rp_id(), "name": "Privyseal"},
        "user": {"id": base64url(Digest::of(me.as_str().as_bytes()).as_bytes()), "name": me, "displayName": name},
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}, {"type": "public-key", "alg": -8}],
        "authenticatorSelection": {"residentKey": "required", "requireResidentKey": true, "userVerification": "required"},
        "attestation": "none", "timeout": 120_000, "excludeCredentials": existing,
    })))
}

/// What `PublicKeyCredential.toJSON()` gives for a registration, and a name for it.
#[derive(Deserialize)]
pub(crate) struct RegistrationJson {
    response: RegistrationResponse,
    #[serde(default)]
    label: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegistrationResponse {
    attestation_object: String,
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
}

/// `POST /v1/passkeys/enrol`
pub(crate) async fn enrol(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(json): Body<RegistrationJson>,
) -> Result<Response, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let me = caller.identity.principal.clone();
    let challenge = claimed_challenge(&json.response.client_data_json).ok_or_else(stale)?;
    if !app.0.challenges.take(&challenge, &Purpose::Enrol(me.clone()), app.engine().now()) {
        return Err(stale());
    }
    let decode = |text: &str| from_base64url(text).ok_or_else(|| Problem::bad("a member is not base64url"));
    let (object, client_data) = (decode(&json.response.attestation_object)?, decode(&json.response.client_data_json)?);
    let registered =
        webauthn::register(&object, &client_data, challenge.as_bytes(), app.rp_id()).map_err(|error| Problem::bad(error.to_string()))?;
    let label = json.label.filter(|label| !label.trim().is_empty()).unwrap_or_else(|| "passkey".to_owned());
    if label.chars().count() > 64 || label.chars().any(char::is_control) {
        return Err(Problem::bad("the passkey's name has at most 64 characters and no control characters"));
    }
    let credential = registered.credential.parse().map_err(|_| Problem::bad("the credential id is unusable"))?;
    let enroll = Directory::Enroll { credential, principal: me, label, key: registered.key, expires_at: None };
    app.engine().execute(Command::Directory(enroll), caller.identity.actor.clone()).await?;
    Ok((StatusCode::CREATED, Json(json!({"credential": registered.credential}))).into_response())
}
