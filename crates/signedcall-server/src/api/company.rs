//! Who asks, and for what: what is taken from a request before it is carried out.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, Path};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use signedcall_wire::{CallId, Cuid, ErrorCode, Redacted, Refusal};
use uuid::Uuid;

use super::Shared;
use super::problem::Problem;
use super::stores::Record;
use crate::gate::Ticket;
use crate::store::Scope;
use crate::web::Peer;

/// The company that a request is of, by the api key that it shows. Nothing else of a request is looked at before it is known.
#[derive(Debug)]
pub(super) struct Company {
    /// Which one it is, and where the key is good.
    pub(super) scope: Scope,
    /// What is written down of what the request changes; nothing, unless an operator makes it.
    pub(super) record: Option<Record>,
}

/// Whose request it is, where an operator makes it in the place of a company. Nobody who connects to the API can say so: it comes with a request that the
/// service has made itself.
#[derive(Clone, Debug)]
pub(crate) struct OnBehalfOf {
    pub(crate) scope: Scope,
    /// What is written down with what it changes.
    pub(crate) record: Option<Record>,
}

impl FromRequestParts<Shared> for Company {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, Problem> {
        if let Some(OnBehalfOf { scope, record }) = parts.extensions.remove() {
            return Ok(Self { scope, record });
        }
        let key =
            bearer(&parts.headers).ok_or_else(|| Problem::unauthorized("there is no api key: send it as Authorization: Bearer sc_…"))?;
        let from = parts.extensions.get().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(from)| *from);
        let (account, environment) = api.admission.admit_backend(from, &key).await.map_err(refuse)?;
        // As a device that has signed in, it waits no more.
        if let Some(ticket) = parts.extensions.get::<Arc<Ticket>>() {
            ticket.release();
        }
        let scope = Scope { account: account.id, environment };
        api.budgets.take(&scope, Instant::now())?;
        Ok(Self { scope, record: None })
    }
}

/// The api key of a request (RFC 6750), if it has one and no more.
fn bearer(headers: &HeaderMap) -> Option<Redacted<String>> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (only, None) = (all.next()?, all.next()) else {
        return None;
    };
    let (scheme, key) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Redacted::new(key.trim().to_owned()))
}

fn refuse(refusal: Refusal) -> Problem {
    match (refusal.code, refusal.retry_after_ms) {
        (ErrorCode::ServerFailure, after) => Problem::busy(refusal.detail, Duration::from_millis(after.unwrap_or(1_000))),
        (_, _) => Problem::unauthorized(refusal.detail),
    }
}

/// The user whom a path names.
#[derive(Debug)]
pub(super) struct NamedUser(pub(super) Cuid);

impl FromRequestParts<Shared> for NamedUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, Problem> {
        let cuid = named(parts, api, "cuid").await?;
        Cuid::new(cuid).map(Self).map_err(|wrong| Problem::field("cuid", wrong.to_string()))
    }
}

/// The call that a path names.
#[derive(Debug)]
pub(super) struct NamedCall(pub(super) CallId);

impl FromRequestParts<Shared> for NamedCall {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, Problem> {
        let id = named(parts, api, "id").await?;
        Uuid::try_parse(&id).map(|id| Self(CallId(id))).map_err(|_| Problem::field("id", "the id of a call is a UUID"))
    }
}

async fn named(parts: &mut Parts, api: &Shared, name: &str) -> Result<String, Problem> {
    let path = Path::<String>::from_request_parts(parts, api).await;
    path.map(|Path(value)| value).map_err(|_| Problem::field(name, format!("{name} is not UTF-8")))
}
