//! What the apps of an account sign in by: api keys, and the keys that user tokens are signed with.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Serialize;
use signedcall_wire::AccountId;

use super::audit::{Action, Deed};
use super::refused::{Refused, failed};
use super::session::SignedIn;
use super::{Shared, environment_of};
use crate::account;
use crate::hub::KeyId;
use crate::store::environment_name;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/accounts/{account}/keys", get(list))
        .route("/api/accounts/{account}/keys/{key}", delete(revoke))
        .route("/api/accounts/{account}/token-keys", get(list_token_keys))
        .route("/api/accounts/{account}/environments/{environment}/keys", post(add))
        .route("/api/accounts/{account}/environments/{environment}/token-keys", put(set_token_keys))
}

/// A key that was just made. It is shown once.
#[derive(Debug, Serialize)]
pub(super) struct NewKey {
    pub(super) id: String,
    pub(super) environment: &'static str,
    pub(super) key: String,
}

/// A key as it is known afterwards.
#[derive(Debug, Serialize)]
struct KeyView {
    id: String,
    environment: &'static str,
    created_at: String,
    last_used_at: Option<String>,
    revoked_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct TokenKeyView {
    kid: String,
    environment: &'static str,
    algorithm: &'static str,
}

async fn list(State(dashboard): State<Shared>, _who: SignedIn, Path(id): Path<String>) -> Result<Json<Vec<KeyView>>, Refused> {
    let keys = dashboard.stores.known(move |accounts| Ok(account::keys(accounts, &AccountId(id)))).await??;
    let view = |key: crate::store::KeyRecord| KeyView {
        id: key.id.0,
        environment: environment_name(key.environment),
        created_at: key.created_at,
        last_used_at: key.last_used_at,
        revoked_at: key.revoked_at,
    };
    Ok(Json(keys.into_iter().map(view).collect()))
}

async fn add(
    State(dashboard): State<Shared>,
    who: SignedIn,
    Path((id, environment)): Path<(String, String)>,
) -> Result<Json<NewKey>, Refused> {
    let (id, environment) = (AccountId(id), environment_of(&environment)?);
    let deed = Deed::of(Action::AddKey, &who.operator).in_account(&id).in_environment(environment);
    let made = dashboard.passwords.work(move || account::new_key(environment)).await?;
    let (credential, key) = made.map_err(|error| failed(&error))?;
    let made_id = credential.id.0.clone();
    let add = move |accounts: &crate::store::Accounts, deed: &mut Deed| {
        account::add_made_key(accounts, &id, &credential)?;
        deed.is_to(&*credential.id.0);
        Ok::<_, account::AccountError>(())
    };
    dashboard.carry_out(deed, add).await?;
    Ok(Json(NewKey { id: made_id, environment: environment_name(environment), key: key.into_inner() }))
}

async fn revoke(State(dashboard): State<Shared>, who: SignedIn, Path((id, key)): Path<(String, String)>) -> Result<StatusCode, Refused> {
    let (id, key) = (AccountId(id), KeyId(key));
    let deed = Deed::of(Action::RevokeKey, &who.operator).in_account(&id).to(&*key.0);
    dashboard.carry_out(deed, move |accounts, _| account::revoke_key(accounts, &id, &key)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list_token_keys(
    State(dashboard): State<Shared>,
    _who: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Vec<TokenKeyView>>, Refused> {
    let keys = dashboard.stores.known(move |accounts| Ok(account::token_keys(accounts, &AccountId(id)))).await??;
    let view = |(environment, key): (_, crate::tokens::TokenKey)| TokenKeyView {
        environment: environment_name(environment),
        algorithm: key.algorithm(),
        kid: key.kid,
    };
    Ok(Json(keys.into_iter().map(view).collect()))
}

/// Registers a JWK set, which is the whole of what is sent.
async fn set_token_keys(
    State(dashboard): State<Shared>,
    who: SignedIn,
    Path((id, environment)): Path<(String, String)>,
    key_set: String,
) -> Result<StatusCode, Refused> {
    let (id, environment) = (AccountId(id), environment_of(&environment)?);
    let deed = Deed::of(Action::SetTokenKeys, &who.operator).in_account(&id).in_environment(environment);
    dashboard.carry_out(deed, move |accounts, _| account::set_token_keys(accounts, &id, environment, &key_set)).await?;
    Ok(StatusCode::NO_CONTENT)
}
