//! The users whom a company lets in no more.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use signedcall_wire::Cuid;

use super::company::NamedUser;
use super::operation::Operation;
use super::problem::Problem;
use super::{Company, Shared};
use crate::moment;
use crate::store::Scope;

pub(super) fn operations() -> Vec<Operation> {
    const PATH: &str = "/v1/blocked/{cuid}";
    vec![
        Operation::get(PATH, "getBlockedUser", "Says since when a user is blocked.", show).gives::<BlockedUser>(),
        Operation::put(PATH, "blockUser", "Blocks a user, who is signed out within a second.", block).gives::<BlockedUser>(),
        Operation::delete(PATH, "letUserIn", "Lets a user in again.", let_in),
    ]
}

/// A user who is blocked.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct BlockedUser {
    /// The user's id.
    cuid: String,
    /// Since when.
    #[schemars(extend("format" = "date-time"))]
    blocked_at: String,
}

async fn show(State(api): State<Shared>, company: Company, NamedUser(cuid): NamedUser) -> Result<Json<BlockedUser>, Problem> {
    find(&api, company.scope, cuid).await
}

/// Blocks a user, who is signed out within a second. One who is blocked already stays so since then.
async fn block(State(api): State<Shared>, company: Company, NamedUser(cuid): NamedUser) -> Result<Json<BlockedUser>, Problem> {
    set(&api, company.scope.clone(), cuid.clone(), true).await?;
    find(&api, company.scope, cuid).await
}

/// Lets a user in again, who may not have been blocked.
async fn let_in(State(api): State<Shared>, company: Company, NamedUser(cuid): NamedUser) -> Result<StatusCode, Problem> {
    set(&api, company.scope, cuid, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set(api: &Shared, Scope { account, environment }: Scope, cuid: Cuid, blocked: bool) -> Result<(), Problem> {
    api.of_accounts(move |accounts| accounts.block(&account, environment, &cuid, blocked)).await.map(drop)
}

async fn find(api: &Shared, Scope { account, environment }: Scope, cuid: Cuid) -> Result<Json<BlockedUser>, Problem> {
    let whose = cuid.clone();
    let since = api.of_accounts(move |accounts| accounts.blocked_since(&account, environment, &whose)).await?;
    let since = since.ok_or_else(|| Problem::not_found("this user is not blocked"))?;
    Ok(Json(BlockedUser { cuid: cuid.as_str().to_owned(), blocked_at: moment::to_text(since) }))
}
