//! How operators sign in and out, and choose their passwords.

use std::time::{Instant, SystemTime};

use axum::extract::{Extension, State};
use axum::http::header::{HeaderMap, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use signedcall_wire::Redacted;

use super::audit::{Action, Deed};
use super::links::{MAX_NAME_BYTES, hash_of};
use super::passwords::{can_be_one, check};
use super::refused::{Code, Refused};
use super::session::SignedIn;
use super::{Dashboard, Shared};
use crate::api::Members;
use crate::web::Peer;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/sign-in", post(sign_in))
        .route("/api/sign-out", post(sign_out))
        .route("/api/link", post(look_at_link))
        .route("/api/link/password", post(use_link))
        .route("/api/password", post(change_password))
        .route("/api/me", get(me))
}

/// Who is signed in.
#[derive(Debug, Serialize)]
struct Me {
    operator: String,
    version: &'static str,
}

impl Me {
    const fn new(operator: String) -> Json<Self> {
        Json(Self { operator, version: env!("CARGO_PKG_VERSION") })
    }
}

type WithCookie<T> = (AppendHeaders<[(axum::http::HeaderName, HeaderValue); 1]>, T);

fn with_cookie<T>(cookie: HeaderValue, answer: T) -> WithCookie<T> {
    (AppendHeaders([(SET_COOKIE, cookie)]), answer)
}

/// Whether there is no such operator or the password is wrong, the answer is the same and takes as long.
async fn sign_in(
    State(dashboard): State<Shared>,
    Extension(Peer(from)): Extension<Peer>,
    headers: HeaderMap,
    mut members: Members,
) -> Result<WithCookie<Json<Me>>, Refused> {
    let name: String = members.take("name", "a text")?;
    let password = Redacted::new(members.take("password", "a text")?);
    members.finish()?;
    if name.len() > MAX_NAME_BYTES || !can_be_one(&password) {
        return Err(Refused::new(Code::WrongPassword));
    }
    dashboard.attempts.take(&name, from, Instant::now()).map_err(Refused::too_often)?;
    let of = name.clone();
    let kept = dashboard.stores.known(move |accounts| accounts.password_hash(&of)).await?;
    let password_hash = match kept {
        Some(hash) if dashboard.passwords.verify(password.clone(), Some(hash.clone())).await? => hash,
        Some(_) => return Err(Refused::new(Code::WrongPassword)),
        None => {
            dashboard.passwords.verify(password, None).await?;
            return Err(Refused::new(Code::WrongPassword));
        }
    };
    dashboard.attempts.forget(&name, from);
    let cookie = dashboard.begin_session(&name, password_hash, &headers).await?;
    dashboard.note(Deed::of(Action::SignIn, &name)).await?;
    Ok(with_cookie(cookie, Me::new(name)))
}

async fn sign_out(State(dashboard): State<Shared>, who: SignedIn, headers: HeaderMap) -> Result<impl IntoResponse, Refused> {
    dashboard.stores.change(move |accounts| accounts.end_session(who.session)).await?;
    Ok(with_cookie(dashboard.no_session(&headers)?, StatusCode::NO_CONTENT))
}

/// Says whose link it is, so that whoever opens it knows whose password they choose.
async fn look_at_link(State(dashboard): State<Shared>, mut members: Members) -> Result<Json<Me>, Refused> {
    let link = Redacted::new(members.take("link", "a text")?);
    members.finish()?;
    Ok(Me::new(dashboard.owner_of(&link).await?))
}

async fn use_link(State(dashboard): State<Shared>, headers: HeaderMap, mut members: Members) -> Result<WithCookie<Json<Me>>, Refused> {
    let link: Redacted<String> = Redacted::new(members.take("link", "a text")?);
    let password = Redacted::new(members.take("password", "a text")?);
    members.finish()?;
    // First, so that nobody has passwords hashed without a link.
    dashboard.owner_of(&link).await?;
    check(&password)?;
    let (link, password_hash) = (hash_of(&link), dashboard.passwords.hash(password).await?);
    let kept = password_hash.clone();
    let operator = dashboard.stores.change(move |accounts| accounts.use_link(link, &kept, SystemTime::now())).await?;
    let operator = operator.ok_or(Refused::new(Code::LinkGone))?;
    let cookie = dashboard.begin_session(&operator, password_hash, &headers).await?;
    dashboard.note(Deed::of(Action::UseLink, &operator)).await?;
    Ok(with_cookie(cookie, Me::new(operator)))
}

/// Whoever changes their password goes on with a new session, and no other of theirs goes on.
async fn change_password(
    State(dashboard): State<Shared>,
    who: SignedIn,
    headers: HeaderMap,
    Extension(Peer(from)): Extension<Peer>,
    mut members: Members,
) -> Result<WithCookie<StatusCode>, Refused> {
    let before = Redacted::new(members.take("before", "a text")?);
    let password = Redacted::new(members.take("password", "a text")?);
    members.finish()?;
    check(&password)?;
    dashboard.attempts.take(&who.operator, from, Instant::now()).map_err(Refused::too_often)?;
    let of = who.operator.clone();
    let kept = dashboard.stores.known(move |accounts| accounts.password_hash(&of)).await?.ok_or(Refused::new(Code::SignedOut))?;
    if !can_be_one(&before) || !dashboard.passwords.verify(before, Some(kept.clone())).await? {
        return Err(Refused::about(Code::WrongPassword, "before"));
    }
    dashboard.attempts.forget(&who.operator, from);
    let (of, password_hash) = (who.operator.clone(), dashboard.passwords.hash(password).await?);
    let new = password_hash.clone();
    if !dashboard.stores.change(move |accounts| accounts.change_password(&of, &kept, &new)).await? {
        return Err(Refused::about(Code::WrongPassword, "before"));
    }
    let cookie = dashboard.begin_session(&who.operator, password_hash, &headers).await?;
    dashboard.note(Deed::of(Action::ChangePassword, &who.operator)).await?;
    Ok(with_cookie(cookie, StatusCode::NO_CONTENT))
}

async fn me(who: SignedIn) -> Json<Me> {
    Me::new(who.operator)
}

impl Dashboard {
    async fn owner_of(&self, link: &Redacted<String>) -> Result<String, Refused> {
        let link = hash_of(link);
        let found = self.stores.known(move |accounts| accounts.link(link, SystemTime::now())).await?;
        found.ok_or(Refused::new(Code::LinkGone))
    }
}
