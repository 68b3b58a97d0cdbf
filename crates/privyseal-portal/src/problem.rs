//! Failures to HTTP: the one place that maps them to status codes, as problem details (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use privyseal_core::id::PrincipalId;
use privyseal_core::port::QueryError;
use privyseal_core::refusal::{Refusal, RefusalClass, RefusalCode};
use privyseal_engine::{ASKERS, DeskError, EngineError};
use serde_json::{Value, json};

/// An answer that is no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// Stable; scripts compare it.
    pub(crate) code: String,
    /// One sentence for people: what, where, what to do.
    pub(crate) detail: String,
    /// Roles any of which would have sufficed.
    pub(crate) needs: Vec<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), detail: detail.into(), needs: Vec::new() }
    }

    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "sign in, or send an API key as `Authorization: Bearer …`")
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "role_missing", detail)
    }

    /// The caller holds none of the roles, any of which would suffice.
    pub(crate) fn lacks(principal: &PrincipalId, roles: &[&str]) -> Self {
        let needs = roles.iter().map(|role| (*role).to_owned()).collect();
        Self { needs, ..Self::forbidden(format!("`{principal}` does not hold the role `{}`", roles.join("` or `"))) }
    }

    /// The problem details.
    pub(crate) fn body(&self) -> Value {
        json!({
            "type": format!("urn:privyseal:problem:{}", self.code), "title": self.status.canonical_reason().unwrap_or("problem"),
            "status": self.status.as_u16(), "code": self.code, "detail": self.detail,
        })
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}, or you may not see it"))
    }
}

fn status(class: RefusalClass) -> StatusCode {
    match class {
        RefusalClass::BadInput => StatusCode::UNPROCESSABLE_ENTITY,
        RefusalClass::Unauthenticated => StatusCode::UNAUTHORIZED,
        RefusalClass::Forbidden => StatusCode::FORBIDDEN,
        RefusalClass::NotFound => StatusCode::NOT_FOUND,
        RefusalClass::Conflict => StatusCode::CONFLICT,
        RefusalClass::TooMany => StatusCode::TOO_MANY_REQUESTS,
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(status(refusal.code.class()), refusal.code.as_str(), refusal.reason)
    }
}

impl From<RefusalCode> for Problem {
    fn from(code: RefusalCode) -> Self {
        Self::new(status(code.class()), code.as_str(), code.as_str())
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Refused(refusal) => refusal.into(),
            EngineError::BadInput(detail) => Self::bad(detail),
            EngineError::Overloaded => Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", error.to_string()),
            EngineError::NotRecorded(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_recorded", error.to_string()),
            EngineError::Unfinished(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "erasure_unfinished", error.to_string()),
            EngineError::InDoubt(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "in_doubt", error.to_string()),
            EngineError::Unreadable(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "ledger_unavailable", error.to_string()),
            EngineError::Stopped(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopped", error.to_string()),
        }
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Forbidden { principal } => Self::lacks(&principal, ASKERS),
            DeskError::TooLong { .. } => Self::bad(error.to_string()),
            DeskError::Engine(error) => error.into(),
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Refused(detail) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "query_refused", detail),
            QueryError::Limit(detail) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "query_limit", detail),
            QueryError::Failed(detail) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "query_failed", detail),
        }
    }
}

impl IntoResponse for Problem {
    /// As problem details for programs. The problem itself goes with the answer, so that whatever stands around all handlers can log it
    /// and write a page about it for a person instead.
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        }
        if self.status == StatusCode::PAYLOAD_TOO_LARGE {
            // The rest of the body is not read, so this connection ends; a client that was not told would send its next call into it.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(self);
        response
    }
}
