//! `/v1/redactions`: erasing hidden values for good.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use privyseal_core::hidden::Subject;
use privyseal_core::id::{EventId, RequestId};
use privyseal_engine::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::{Caller, Operator, check_csrf, csrf_header};
use crate::body::Body;
use crate::problem::Problem;

/// Body of `POST /v1/redactions`: either everything about a subject, or one value of one event.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedactionBody {
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    event_id: Option<EventId>,
    #[serde(default)]
    pointer: Option<String>,
    reason: String,
    /// The approved request behind it.
    #[serde(default)]
    change_request: Option<RequestId>,
}

impl RedactionBody {
    fn target(&self) -> Result<Target, Problem> {
        match (&self.subject, &self.event_id, &self.pointer) {
            (Some(subject), None, None) => {
                let subject: Subject = subject.parse().map_err(|error| Problem::bad(format!("{error}")))?;
                Ok(Target::Subject(subject))
            }
            (None, Some(event_id), Some(pointer)) => Ok(Target::Value { event_id: *event_id, pointer: pointer.clone() }),
            _ => Err(Problem::bad("say what is to be erased: `subject`, or `event_id` and `pointer`")),
        }
    }
}

/// `POST /v1/redactions`: administrators only; the engine checks that.
pub(crate) async fn make(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<RedactionBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    check_csrf(&caller, csrf_header(&headers))?;
    let erased = app.engine().erase(body.target()?, &body.reason, body.change_request, caller.identity.actor.clone()).await?;
    Ok((StatusCode::CREATED, Json(json!({"erased": erased}))))
}

/// `POST /v1/control/redactions`: the same by the operator at the machine.
pub(crate) async fn make_as_operator(
    State(app): State<App>,
    _operator: Operator,
    Body(body): Body<RedactionBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let erased = app.engine().erase_as_operator(body.target()?, &body.reason, body.change_request).await?;
    Ok((StatusCode::CREATED, Json(json!({"erased": erased}))))
}
