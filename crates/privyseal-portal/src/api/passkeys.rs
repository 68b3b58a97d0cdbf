//! `/v1/passkeys` and the statement of a review: what the browser needs before it can ask for a passkey, and what it sends back.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use privyseal_core::assessment::Assurance;
use privyseal_core::command::{Command, Directory, Reply, Review, SessionCommand};
use privyseal_core::digest::{Digest, base64url, from_base64url};
use privyseal_core::event::request::{Assertion, ReviewStatement, Verdict};
use privyseal_core::id::RequestId;
use privyseal_core::refusal::{Refusal, RefusalCode};
use privyseal_core::time::Timestamp;
use privyseal_core::webauthn;
use serde::Deserialize;
use serde_json::{Value, json};

use super::requests::parse;
use crate::app::App;
use crate::auth::{Caller, check_csrf, csrf_header, session_cookie};
use crate::body::Body;
use crate::challenge::Purpose;
use crate::local;
use crate::page::Said;
use crate::past;
use crate::problem::Problem;

/// Body of `POST /v1/requests/{id}/statement`: the decision as its page shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatementBody {
    verdict: Verdict,
    #[serde(default)]
    comment: String,
    shown_digest: Digest,
    shown_at: Timestamp,
    policy_digest: Digest,
}

/// `POST /v1/requests/{id}/statement`: what the passkey will sign, and the WebAuthn request options over its digest. Nothing is kept: the
/// challenge is the digest of the statement, and the review that comes back is compared with it member by member.
pub(crate) async fn statement(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(body): Body<StatementBody>,
) -> Result<Json<Value>, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let (id, me, now) = (parse(&id)?, &caller.identity.principal, app.engine().now());
    let submitted = past::visible(&app, &caller, id).await?.submitted.clone();
    let passkeys: Vec<String> = app.engine().read(|state| state.passkeys(me, now).map(|(id, _)| id.to_string()).collect());
    let (action_digest, policy_digest) = (submitted.action_digest, submitted.assessment.policy.digest);
    let assurance = submitted.assessment.assurance;
    // The engine refuses the same when it is signed; saying so before spares the person a prompt.
    if body.shown_digest != action_digest || body.policy_digest != policy_digest {
        return Err(Refusal::new(RefusalCode::DigestMoved, "what was shown is not what is asked: reload the request").into());
    }
    let statement = review_statement(&app, &caller, id, &body);
    let challenge = webauthn::review_challenge(&statement).map_err(|error| Problem::bad(error.to_string()))?;
    Ok(Json(json!({
        "statement": statement, "required": assurance == Assurance::Passkey, "enrolled": !passkeys.is_empty(),
        "publicKey": request_options(&app, &challenge, &passkeys),
    })))
}

fn review_statement(app: &App, caller: &Caller, id: RequestId, body: &StatementBody) -> ReviewStatement {
    ReviewStatement {
        log: app.engine().read(|state| state.log.clone()),
        request_id: id,
        action_digest: body.shown_digest,
        verdict: body.verdict,
        policy_digest: body.policy_digest,
        comment_digest: Digest::of(body.comment.as_bytes()),
        shown_at: body.shown_at,
        reviewer: caller.identity.principal.clone(),
    }
}

/// The statement that a review's passkey must have signed, made anew from the review itself.
pub(super) fn statement_of(app: &App, caller: &Caller, review: &Review) -> ReviewStatement {
    let body = StatementBody {
        verdict: review.verdict,
        comment: review.comment.clone(),
        shown_digest: review.shown_digest,
        shown_at: review.shown_at,
        policy_digest: review.policy_digest,
    };
    review_statement(app, caller, review.request, &body)
}

fn request_options(app: &App, challenge: &Digest, passkeys: &[String]) -> Value {
    let allowed: Vec<Value> = passkeys.iter().map(|id| json!({"type": "public-key", "id": id})).collect();
    json!({
        "challenge": challenge, "rpId": app.rp_id(), "userVerification": "required", "timeout": 120_000, "allowCredentials": allowed,
    })
}

/// `POST /v1/passkeys/sign-in/options`: options for a passkey of whoever is there.
pub(crate) async fn begin_sign_in(State(app): State<App>) -> Result<Json<Value>, Problem> {
    let challenge = app.engine().new_secret()?.digest();
    app.0.challenges.set(challenge, Purpose::SignIn, app.engine().now());
    Ok(Json(json!({"publicKey": request_options(&app, &challenge, &[])})))
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

/// Body of `POST /v1/passkeys/sign-in`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInBody {
    credential: AssertionJson,
    /// Where the person wanted to go.
    #[serde(default)]
    next: String,
}

/// `POST /v1/passkeys/sign-in`
pub(crate) async fn sign_in(State(app): State<App>, headers: HeaderMap, Body(body): Body<SignInBody>) -> Result<Response, Problem> {
    let assertion: Assertion = body.credential.into();
    let challenge = claimed_challenge(&assertion.client_data_json).ok_or_else(stale)?;
    let now = app.engine().now();
    if !app.0.challenges.take(&challenge, &Purpose::SignIn, now) {
        return Err(stale());
    }
    if !is_plausible(&app, &challenge, &assertion) && !app.0.attempts.take(now) {
        return Err(Refusal::new(RefusalCode::CredentialRefused, "the passkey is not enrolled here, or was revoked").into());
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
    end_former(&app, &headers).await;
    let answer = json!({"principal": principal, "location": local::path(&body.next)});
    Ok(([(header::SET_COOKIE, session_cookie(&app, &token)?)], Json(answer)).into_response())
}

/// Whether the engine is going to accept an assertion, as far as can be told before asking it. Decides nothing but whether a refusal is
/// worth a line in the log.
fn is_plausible(app: &App, challenge: &Digest, assertion: &Assertion) -> bool {
    let now = app.engine().now();
    let Ok(id) = assertion.credential.parse() else { return false };
    let key = app.engine().read(|state| state.credentials.get(&id).filter(|found| found.is_live(now)).map(|found| found.key.clone()));
    key.is_some_and(|key| webauthn::verify(&key, assertion, challenge.as_bytes()).is_ok())
}

/// Ends the session that the browser had before it began a new one. Best effort: it would have ended by itself.
pub(crate) async fn end_former(app: &App, headers: &HeaderMap) {
    let Ok(Caller { identity, token: Some(_) }) = Caller::of(app, headers) else { return };
    if let Some(session) = identity.session {
        let end = SessionCommand::End { session, reason: "signed_out".to_owned() };
        if let Err(error) = app.engine().execute(Command::Session(end), identity.actor).await {
            tracing::info!(session.error = %error, "the session before could not be ended");
        }
    }
}

/// `POST /v1/passkeys/enrol/options`: options for a new passkey of the caller.
pub(crate) async fn begin_enrol(State(app): State<App>, caller: Caller, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    if caller.token.is_none() {
        return Err(Problem::forbidden("passkeys are enrolled by people in a session of their own"));
    }
    let me = caller.identity.principal.clone();
    let challenge = app.engine().new_secret()?.digest();
    let now = app.engine().now();
    app.0.challenges.set(challenge, Purpose::Enrol(me.clone()), now);
    let (existing, name) = app.engine().view(|state| {
        let existing: Vec<Value> = state.passkeys(&me, now).map(|(id, _)| json!({"type": "public-key", "id": id})).collect();
        let name = state.principals.get(&me).and_then(|principal| state.words(&principal.record.name).clear().map(str::to_owned));
        (existing, name.unwrap_or_else(|| me.to_string()))
    });
    Ok(Json(json!({"publicKey": {
        "challenge": challenge, "rp": {"id": app.rp_id(), "name": "Privyseal"},
        "user": {"id": base64url(Digest::of(me.as_str().as_bytes()).as_bytes()), "name": me, "displayName": name},
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}, {"type": "public-key", "alg": -8}],
        "authenticatorSelection": {"residentKey": "required", "requireResidentKey": true, "userVerification": "required"},
        "attestation": "none", "timeout": 120_000, "excludeCredentials": existing,
    }})))
}

/// Body of `POST /v1/passkeys/enrol`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnrolBody {
    credential: RegistrationJson,
    /// A name for it.
    #[serde(default)]
    label: Option<String>,
    /// Where the person came from.
    #[serde(default)]
    next: String,
}

/// What `PublicKeyCredential.toJSON()` gives for a registration; members that do not matter here are ignored.
#[derive(Deserialize)]
pub(crate) struct RegistrationJson {
    response: RegistrationResponse,
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
    Body(body): Body<EnrolBody>,
) -> Result<Response, Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let me = caller.identity.principal.clone();
    let challenge = claimed_challenge(&body.credential.response.client_data_json).ok_or_else(stale)?;
    if !app.0.challenges.take(&challenge, &Purpose::Enrol(me.clone()), app.engine().now()) {
        return Err(stale());
    }
    let decode = |text: &str| from_base64url(text).ok_or_else(|| Problem::bad("a member is not base64url"));
    let response = &body.credential.response;
    let (object, client_data) = (decode(&response.attestation_object)?, decode(&response.client_data_json)?);
    let registered =
        webauthn::register(&object, &client_data, challenge.as_bytes(), app.rp_id()).map_err(|error| Problem::bad(error.to_string()))?;
    let label = body.label.filter(|label| !label.trim().is_empty()).unwrap_or_else(|| "passkey".to_owned());
    if label.chars().count() > 64 || label.chars().any(char::is_control) {
        return Err(Problem::bad("the passkey's name has at most 64 characters and no control characters"));
    }
    let credential = registered.credential.parse().map_err(|_| Problem::bad("the credential id is unusable"))?;
    let enroll = Directory::Enroll { credential, principal: me, label, key: registered.key, expires_at: None };
    app.engine().execute(Command::Directory(enroll), caller.identity.actor.clone()).await?;
    let answer = json!({"credential": registered.credential, "location": local::path(&body.next)});
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, Said::Enrolled.cookie())], Json(answer)).into_response())
}
