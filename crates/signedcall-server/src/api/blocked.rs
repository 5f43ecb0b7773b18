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
use super::query::{UserPageQuery, cursor_behind, paging};
use super::{Company, Shared};
use crate::moment;
use crate::store::Scope;

pub(super) fn operations() -> Vec<Operation> {
    const PATH: &str = "/v1/blocked/{cuid}";
    vec![
        Operation::get("/v1/blocked", "listBlockedUsers", "Lists blocked users page by page, by their ids.", list)
            .with(paging())
            .gives::<BlockedPage>(),
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

/// A page of blocked users.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct BlockedPage {
    /// By their ids.
    users: Vec<BlockedUser>,
    /// What leads to the next page, as `cursor`; null when there is none.
    next_cursor: Option<String>,
}

async fn list(State(api): State<Shared>, company: Company, query: UserPageQuery) -> Result<Json<BlockedPage>, Problem> {
    let (Scope { account, environment }, UserPageQuery { behind, limit }) = (company.scope, query);
    // One more than asked for says whether there is another page.
    let found = api.stores.known(move |accounts| accounts.blocked_page(&account, environment, &behind, limit + 1)).await?;
    let has_more = found.len() > limit;
    let blocked = |(cuid, at)| BlockedUser { cuid, blocked_at: moment::to_text(at) };
    let users: Vec<BlockedUser> = found.into_iter().take(limit).map(blocked).collect();
    let next_cursor = users.last().filter(|_| has_more).map(|user| cursor_behind(&user.cuid));
    Ok(Json(BlockedPage { users, next_cursor }))
}

async fn show(State(api): State<Shared>, company: Company, NamedUser(cuid): NamedUser) -> Result<Json<BlockedUser>, Problem> {
    find(&api, company.scope, cuid).await
}

/// Blocks a user, who is signed out within a second. One who is blocked already stays so since then.
async fn block(State(api): State<Shared>, company: Company, NamedUser(cuid): NamedUser) -> Result<Json<BlockedUser>, Problem> {
    let scope = company.scope.clone();
    set(&api, company, cuid.clone(), true).await?;
    find(&api, scope, cuid).await
}

/// Lets a user in again, who may not have been blocked.
async fn let_in(State(api): State<Shared>, company: Company, NamedUser(cuid): NamedUser) -> Result<StatusCode, Problem> {
    set(&api, company, cuid, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set(api: &Shared, company: Company, cuid: Cuid, blocked: bool) -> Result<(), Problem> {
    let (Scope { account, environment }, record) = (company.scope, company.record);
    api.stores.change_on_record(record, move |accounts| accounts.block(&account, environment, &cuid, blocked)).await.map(drop)
}

async fn find(api: &Shared, Scope { account, environment }: Scope, cuid: Cuid) -> Result<Json<BlockedUser>, Problem> {
    let whose = cuid.clone();
    let since = api.stores.known(move |accounts| accounts.blocked_since(&account, environment, &whose)).await?;
    let since = since.ok_or_else(|| Problem::not_found("this user is not blocked"))?;
    Ok(Json(BlockedUser { cuid: cuid.as_str().to_owned(), blocked_at: moment::to_text(since) }))
}
