//! What a request brings along: a JSON object, read member by member, so that whatever is wrong with it is named.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::Problem;

/// The members of what was sent that nobody has taken yet.
#[derive(Debug)]
pub(crate) struct Members(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Members {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let is_too_long = rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE;
            if is_too_long { Problem::too_large() } else { Problem::body("it could not be read") }
        })?;
        serde_json::from_slice(&bytes).map(Self).map_err(|wrong| Problem::body(format!("it is no JSON object: {wrong}")))
    }
}

impl Members {
    /// A member that has to be there.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, name: &str, what: &str) -> Result<T, Problem> {
        self.take_if_there(name, what)?.ok_or_else(|| Problem::field(name, format!("it has to be there: {what}")))
    }

    /// A member that may be there. One that is null is not.
    pub(crate) fn take_if_there<T: DeserializeOwned>(&mut self, name: &str, what: &str) -> Result<Option<T>, Problem> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value).map(Some).map_err(|_| Problem::field(name, format!("it has to be {what}"))),
        }
    }

    /// What nobody has taken is misspelt.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        self.0.keys().next().map_or(Ok(()), |name| Err(Problem::field(name, "there is no such member")))
    }
}
