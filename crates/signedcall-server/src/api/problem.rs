//! What is answered when something is wrong: problem details (RFC 9457), with a code that stays as it is.

use std::time::Duration;

use axum::Json;
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::MAX_BODY_BYTES;

/// What is wrong with a request, or with the service.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the code says which problem it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The words of the HTTP status.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong, for programs.
    code: Code,
    /// What is wrong, in English, for whoever writes the program.
    detail: String,
    /// Which parameter or member is wrong, when one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

/// What is wrong, for programs. A word that is there once means the same for ever; others may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Code {
    /// There is no api key, or it is wrong or revoked.
    Unauthorized,
    /// A parameter or a member of what was sent is wrong; `field` says which.
    InvalidRequest,
    /// The api key is of the environment in which this cannot be done.
    Forbidden,
    /// There is no such thing in this account and environment.
    NotFound,
    /// This path has no such method.
    MethodNotAllowed,
    /// The idempotency key stands for another request.
    Conflict,
    /// A user is neither signed in nor reached by push; `field` says which.
    NotReachable,
    /// A user is not called at this hour; `field` says which.
    QuietHours,
    /// Somebody has changed it since the version that `If-Match` names, and nothing was done.
    Changed,
    /// What was sent is too long.
    TooLarge,
    /// The account asks too often; `Retry-After` says when to come back.
    TooManyRequests,
    /// The request could not be carried out in time. Whether it was, is not known.
    TooSlow,
    /// The service cannot do it at the moment.
    Unavailable,
}

impl Code {
    const fn status(self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict | Self::NotReachable | Self::QuietHours => StatusCode::CONFLICT,
            Self::Changed => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::TooSlow => StatusCode::GATEWAY_TIMEOUT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Problem {
    fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = code.status();
        let title = status.canonical_reason().unwrap_or_default();
        Self { kind: "about:blank", title, status: status.as_u16(), code, detail: detail.into(), field: None, retry_after: None }
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.code.status()
    }

    pub(super) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(Code::Unauthorized, detail)
    }

    /// Something is wrong that has a name.
    pub(super) fn field(name: &str, detail: impl Into<String>) -> Self {
        Self { field: Some(name.to_owned()), ..Self::new(Code::InvalidRequest, detail) }
    }

    /// Something is wrong with all that was sent.
    pub(super) fn body(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    pub(super) fn changed() -> Self {
        Self::new(Code::Changed, "somebody has changed it since")
    }

    pub(super) fn too_large() -> Self {
        Self::new(Code::TooLarge, format!("what is sent has at most {MAX_BODY_BYTES} bytes"))
    }

    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(Code::Forbidden, detail)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Code::NotFound, detail)
    }

    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(Code::Conflict, detail)
    }

    /// Nobody waits where a user would be called.
    pub(super) fn not_reachable(name: &str) -> Self {
        let detail = "this user is neither signed in nor reached by push";
        Self { field: Some(name.to_owned()), ..Self::new(Code::NotReachable, detail) }
    }

    pub(super) fn quiet_hours(name: &str) -> Self {
        Self { field: Some(name.to_owned()), ..Self::new(Code::QuietHours, "this user is not called at this hour") }
    }

    pub(super) fn wrong_method() -> Self {
        Self::new(Code::MethodNotAllowed, "this path has no such method")
    }

    pub(super) fn too_many(detail: impl Into<String>, come_back_after: Duration) -> Self {
        Self { retry_after: Some(come_back_after), ..Self::new(Code::TooManyRequests, detail) }
    }

    pub(super) fn too_slow() -> Self {
        Self::new(Code::TooSlow, "this took too long")
    }

    pub(super) fn unavailable() -> Self {
        Self { retry_after: Some(Duration::from_secs(1)), ..Self::new(Code::Unavailable, "the service cannot do this at the moment") }
    }

    /// The calls of an account are another node's, which is not reached.
    pub(super) fn no_node() -> Self {
        Self { detail: "the node that has these calls does not answer".to_owned(), ..Self::unavailable() }
    }

    /// The service is too busy to say whether somebody may ask.
    pub(super) fn busy(detail: impl Into<String>, come_back_after: Duration) -> Self {
        Self { retry_after: Some(come_back_after), ..Self::new(Code::Unavailable, detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, retry_after) = (self.code.status(), self.code, self.retry_after);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if code == Code::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            // Whoever tries keys pays for each with a connection.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(after) = retry_after {
            // Rounded up: whoever comes back then is not too early.
            headers.insert(RETRY_AFTER, HeaderValue::from(after.as_millis().div_ceil(1_000).min(3_600) as u16));
        }
        response
    }
}
