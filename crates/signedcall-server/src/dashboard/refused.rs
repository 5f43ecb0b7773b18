//! Why something is not done that somebody has asked the dashboard for: a code that the pages have words for, and the field that it is about.

use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::audit::Outcome;
use crate::account::AccountError;
use crate::api::Problem;
use crate::store::{AddAccountError, StoreError};
use crate::webhooks::WebhookError;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Code {
    /// Nobody is signed in, or not any more.
    SignedOut,
    /// The name or the password is wrong.
    WrongPassword,
    /// The link was used, has expired, or never was one.
    LinkGone,
    /// Another site has asked for it.
    OtherSite,
    /// A field is wrong.
    InvalidRequest,
    NotFound,
    /// There is one of that name already.
    Taken,
    /// There are as many as there may be.
    TooMany,
    /// A webhook whose receiver has said that it is gone.
    SwitchedOff,
    /// What was sent is too long.
    TooLarge,
    /// Somebody tries too often.
    TooOften,
    /// The store has no room for it, and nothing was done.
    NoRoom,
    /// The store went away while it was told to do it: nobody knows whether it is done.
    NotKnown,
    /// The service cannot do it at the moment.
    Unavailable,
}

impl Code {
    const fn status(self) -> StatusCode {
        match self {
            Self::SignedOut | Self::WrongPassword => StatusCode::UNAUTHORIZED,
            Self::LinkGone => StatusCode::GONE,
            Self::OtherSite => StatusCode::FORBIDDEN,
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Taken | Self::TooMany | Self::SwitchedOff => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::NoRoom => StatusCode::INSUFFICIENT_STORAGE,
            Self::NotKnown | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Why something is not done.
#[derive(Debug)]
pub(super) enum Refused {
    /// By the dashboard.
    Here { code: Code, field: Option<&'static str>, retry_after: Option<Duration> },
    /// By what companies' backends are refused by.
    Api(Problem),
}

impl Refused {
    pub(super) const fn new(code: Code) -> Self {
        Self::Here { code, field: None, retry_after: None }
    }

    pub(super) const fn field(name: &'static str) -> Self {
        Self::about(Code::InvalidRequest, name)
    }

    pub(super) const fn about(code: Code, name: &'static str) -> Self {
        Self::Here { code, field: Some(name), retry_after: None }
    }

    pub(super) const fn other_site() -> Self {
        Self::new(Code::OtherSite)
    }

    pub(super) const fn too_often(retry_after: Duration) -> Self {
        Self::Here { code: Code::TooOften, field: None, retry_after: Some(retry_after) }
    }

    pub(super) const fn unavailable() -> Self {
        Self::new(Code::Unavailable)
    }

    /// What is written down of what somebody wanted to do.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Here { code: Code::NotKnown, .. } => Outcome::NotKnown,
            Self::Here { code: Code::Unavailable | Code::NoRoom, .. } => Outcome::Failed,
            Self::Here { .. } => Outcome::Refused,
            Self::Api(problem) => Outcome::of(problem.status()),
        }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Api(problem)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let unavailable = failed(&error);
        if error.is_full() {
            Self::new(Code::NoRoom)
        } else if error.may_be_done() {
            Self::new(Code::NotKnown)
        } else {
            unavailable
        }
    }
}

impl From<AccountError> for Refused {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Property { name: "max-call-seconds", .. } => Self::field("max_call_seconds"),
            AccountError::Property { name: "user-calls-per-minute", .. } => Self::field("user_calls_per_minute"),
            AccountError::Property { name: "account-calls-per-minute", .. } => Self::field("account_calls_per_minute"),
            AccountError::Property { name, .. } => Self::field(name),
            AccountError::Unknown(_) | AccountError::UnknownKey { .. } => Self::new(Code::NotFound),
            AccountError::KeySet(_) => Self::field("keys"),
            AccountError::KidTaken(_) => Self::about(Code::Taken, "keys"),
            AccountError::TooManyKeys => Self::new(Code::TooMany),
            AccountError::Add(AddAccountError::Exists(_)) => Self::about(Code::Taken, "id"),
            AccountError::Add(AddAccountError::Store(error)) | AccountError::Store(error) => error.into(),
            AccountError::NoRandomness(error) => failed(&error),
            error @ (AccountError::DemoKeyRevoked { .. }
            | AccountError::DemoKeyElsewhere { .. }
            | AccountError::DemoKeyTaken(_)
            | AccountError::DemoKey { .. }) => failed(&error),
        }
    }
}

impl From<WebhookError> for Refused {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Url(_) => Self::field("url"),
            WebhookError::UnknownAccount(_) | WebhookError::Unknown { .. } | WebhookError::UnknownDelivery(_) => Self::new(Code::NotFound),
            WebhookError::TooMany => Self::new(Code::TooMany),
            WebhookError::Off => Self::new(Code::SwitchedOff),
            WebhookError::Store(error) => error.into(),
            WebhookError::NoRandomness(error) => failed(&error),
        }
    }
}

/// Something of the service's own does not work, which its log says.
pub(super) fn failed(error: &dyn std::error::Error) -> Refused {
    tracing::error!(%error, "something that an operator has asked for failed");
    Refused::unavailable()
}

/// Gives what was refused before anybody has looked at it, in plain text or without any, in words that the pages know.
pub(super) async fn in_words(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if !(status.is_client_error() || status.is_server_error()) || kind.ends_with(b"json") {
        return response;
    }
    let code = match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Code::NotFound,
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        _ if status.is_server_error() => Code::Unavailable,
        _ => Code::InvalidRequest,
    };
    (status, Json(json!({"code": code, "field": null}))).into_response()
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (code, field, retry_after) = match self {
            Self::Here { code, field, retry_after } => (code, field, retry_after),
            Self::Api(problem) => return problem.into_response(),
        };
        let mut response = (code.status(), Json(json!({"code": code, "field": field}))).into_response();
        if let Some(after) = retry_after {
            // Rounded up: whoever comes back then is not too early.
            let seconds = after.as_millis().div_ceil(1_000).min(3_600);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(u16::try_from(seconds).unwrap_or(3_600)));
        }
        response
    }
}
