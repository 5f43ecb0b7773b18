//! The users of a company.

use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::company::NamedUser;
use super::operation::Operation;
use super::problem::Problem;
use super::{Company, Shared};
use crate::moment;
use crate::store::{Accounts, Scope, unix_millis};
use crate::switchboard::Note;

pub(super) fn operations() -> Vec<Operation> {
    const PATH: &str = "/v1/users/{cuid}";
    vec![
        Operation::get(PATH, "getUser", "Says where a user is signed in, and since when they are away.", show).gives::<User>(),
        Operation::delete(PATH, "eraseUser", "Erases who a user was from the records of all calls that were placed before.", erase)
            .goes_on(),
    ]
}

/// A user, who need not have signed in before.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct User {
    /// The user's id.
    cuid: String,
    /// Whether a call to them rings somewhere.
    signed_in: bool,
    /// On how many devices: those that are connected, and those that were up to half a minute ago.
    devices: usize,
    /// Until when they were there, as far as that is known: now, while a device is connected; else since a minute, or when they last placed or answered
    /// a call. Null when there is nothing to go by.
    #[schemars(extend("format" = "date-time"))]
    last_seen_at: Option<String>,
    /// Whether the account has blocked them.
    blocked: bool,
}

/// Notes that it is to be done, which outlives the service. The pseudonym is known to nobody, so that asking for the same user later makes another.
async fn erase(State(api): State<Shared>, company: Company, NamedUser(cuid): NamedUser) -> Result<StatusCode, Problem> {
    let pseudonym = format!("erased_{}", Uuid::new_v4().simple());
    let (Scope { account, environment }, record) = (company.scope, company.record);
    let ask = move |accounts: &Accounts| accounts.ask_to_erase(&account, environment, &cuid, &pseudonym, SystemTime::now());
    api.stores.change_on_record(record, ask).await?;
    Ok(StatusCode::ACCEPTED)
}

async fn show(State(api): State<Shared>, company: Company, NamedUser(cuid): NamedUser) -> Result<Json<User>, Problem> {
    let scope = company.scope;
    let user = (scope.account.clone(), scope.environment, cuid.clone());
    let (devices, connected) = api.ask_hub(&scope.account, |tell| Note::Presence { user, tell }).await?;
    let (of, whose) = (scope.clone(), cuid.clone());
    let blocked = api.stores.known(move |accounts| accounts.is_blocked(&of.account, of.environment, &whose)).await?;
    let whose = cuid.clone();
    let called = api.stores.look_up(move |history| history.last_seen(&scope, &whose)).await?;
    let last_seen_at = connected.map(unix_millis).max(called).map(moment::to_text);
    Ok(Json(User { cuid: cuid.as_str().to_owned(), signed_in: devices > 0, devices, last_seen_at, blocked }))
}
