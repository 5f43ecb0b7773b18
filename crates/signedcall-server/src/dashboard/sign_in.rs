//! How operators sign in and out, and choose their passwords.

use std::time::{Duration, Instant, SystemTime};

use axum::extract::{Extension, State};
use axum::http::header::{HeaderMap, SET_COOKIE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use signedcall_wire::Redacted;

use super::attempts::Who;
use super::audit::{Action, Deed};
use super::cookies::{self, Cookie};
use super::links::{MAX_NAME_BYTES, hash_of};
use super::passwords::{can_be_one, check};
use super::refused::{Code, Refused, failed};
use super::session::{LONGEST, NewSession, SignedIn};
use super::{Dashboard, Shared, familiar};
use crate::api::Members;
use crate::store::Accounts;
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

type WithCookies<T> = (AppendHeaders<Vec<(HeaderName, HeaderValue)>>, T);

fn with_cookies<T>(cookies: impl IntoIterator<Item = HeaderValue>, answer: T) -> WithCookies<T> {
    (AppendHeaders(cookies.into_iter().map(|cookie| (SET_COOKIE, cookie)).collect()), answer)
}

/// Whether there is no such operator or the password is wrong, the answer is the same and takes as long.
async fn sign_in(
    State(dashboard): State<Shared>,
    Extension(Peer(from)): Extension<Peer>,
    headers: HeaderMap,
    mut members: Members,
) -> Result<WithCookies<Json<Me>>, Refused> {
    let name: String = members.take("name", "a text")?;
    let password = Redacted::new(members.take("password", "a text")?);
    members.finish()?;
    if name.len() > MAX_NAME_BYTES || !can_be_one(&password) {
        return Err(Refused::new(Code::WrongPassword));
    }
    let take = |who: &Who<'_>| dashboard.attempts.take(who, Instant::now()).map_err(Refused::too_often);
    let (mut who, given) = (Who::Stranger { name: &name, from }, Cookie::Familiar.find(&headers, dashboard.is_encrypted));
    // For whoever shows nothing, nothing is looked up before.
    if given.is_none() {
        take(&who)?;
    }
    let of = name.clone();
    let kept = dashboard.stores.known(move |accounts| accounts.password_hash(&of)).await?;
    if let Some((_, given)) = given {
        let browser = kept.as_deref().and_then(|kept| familiar::browser_of(&given, &name, kept));
        who = browser.map_or(who, Who::Familiar);
        take(&who)?;
    }
    let password_hash = match kept {
        Some(hash) if dashboard.passwords.verify(password.clone(), Some(hash.clone())).await? => hash,
        Some(_) => return Err(Refused::new(Code::WrongPassword)),
        None => {
            dashboard.passwords.verify(password, None).await?;
            return Err(Refused::new(Code::WrongPassword));
        }
    };
    dashboard.attempts.forget(&who);
    let (session, deed) = (NewSession::make(dashboard.way(&headers))?, Deed::of(Action::SignIn, &name));
    let cookies = dashboard.cookies(&session, &name, &password_hash, &headers)?;
    let of = name.clone();
    dashboard.carry_out(deed, move |accounts, _| begin(accounts, &session, &of, &password_hash)).await?;
    Ok(with_cookies(cookies, Me::new(name)))
}

/// Begins a session of an operator whose password is still this one.
fn begin(accounts: &Accounts, session: &NewSession, operator: &str, password_hash: &str) -> Result<(), Refused> {
    let begun = accounts.begin_session(session.hash, operator, password_hash, session.begins_and_ends)?;
    if begun { Ok(()) } else { Err(Refused::new(Code::WrongPassword)) }
}

/// The session is over also where that cannot be written down, and when the browser has left meanwhile.
async fn sign_out(State(dashboard): State<Shared>, who: SignedIn, headers: HeaderMap) -> Result<impl IntoResponse, Refused> {
    let nobodys = cookies::set(Cookie::Session, "", Duration::ZERO, dashboard.way(&headers))?;
    let ended = tokio::spawn(async move { dashboard.end_session(who.session).await });
    ended.await.map_err(|panicked| failed(&panicked))?;
    Ok(with_cookies([nobodys], StatusCode::NO_CONTENT))
}

/// Says whose link it is, so that whoever opens it knows whose password they choose.
async fn look_at_link(State(dashboard): State<Shared>, mut members: Members) -> Result<Json<Me>, Refused> {
    let link = Redacted::new(members.take("link", "a text")?);
    members.finish()?;
    Ok(Me::new(dashboard.owner_of(&link).await?))
}

async fn use_link(State(dashboard): State<Shared>, headers: HeaderMap, mut members: Members) -> Result<WithCookies<Json<Me>>, Refused> {
    let link: Redacted<String> = Redacted::new(members.take("link", "a text")?);
    let password = Redacted::new(members.take("password", "a text")?);
    members.finish()?;
    // First, so that nobody has passwords hashed without a link.
    let operator = dashboard.owner_of(&link).await?;
    check(&password)?;
    let (link, password_hash) = (hash_of(&link), dashboard.passwords.hash(password).await?);
    let (session, deed) = (NewSession::make(dashboard.way(&headers))?, Deed::of(Action::UseLink, &operator));
    let cookies = dashboard.cookies(&session, &operator, &password_hash, &headers)?;
    let used = move |accounts: &Accounts, _: &mut Deed| {
        let operator = accounts.use_link(link, &password_hash, SystemTime::now())?.ok_or(Refused::new(Code::LinkGone))?;
        begin(accounts, &session, &operator, &password_hash)
    };
    dashboard.carry_out(deed, used).await?;
    Ok(with_cookies(cookies, Me::new(operator)))
}

/// Whoever changes their password goes on with a new session, and no other of theirs goes on.
async fn change_password(
    State(dashboard): State<Shared>,
    who: SignedIn,
    headers: HeaderMap,
    mut members: Members,
) -> Result<WithCookies<StatusCode>, Refused> {
    let before = Redacted::new(members.take("before", "a text")?);
    let password = Redacted::new(members.take("password", "a text")?);
    members.finish()?;
    check(&password)?;
    let attempt = Who::Familiar(who.session);
    dashboard.attempts.take(&attempt, Instant::now()).map_err(Refused::too_often)?;
    let of = who.operator.clone();
    let kept = dashboard.stores.known(move |accounts| accounts.password_hash(&of)).await?.ok_or(Refused::new(Code::SignedOut))?;
    if !can_be_one(&before) || !dashboard.passwords.verify(before, Some(kept.clone())).await? {
        return Err(Refused::about(Code::WrongPassword, "before"));
    }
    dashboard.attempts.forget(&attempt);
    let (operator, password_hash) = (who.operator, dashboard.passwords.hash(password).await?);
    let (session, deed) = (NewSession::make(dashboard.way(&headers))?, Deed::of(Action::ChangePassword, &operator));
    let cookies = dashboard.cookies(&session, &operator, &password_hash, &headers)?;
    let changed = move |accounts: &Accounts, _: &mut Deed| {
        if !accounts.change_password(&operator, &kept, &password_hash)? {
            return Err(Refused::about(Code::WrongPassword, "before"));
        }
        begin(accounts, &session, &operator, &password_hash)
    };
    dashboard.carry_out(deed, changed).await?;
    Ok(with_cookies(cookies, StatusCode::NO_CONTENT))
}

async fn me(who: SignedIn) -> Json<Me> {
    Me::new(who.operator)
}

impl Dashboard {
    /// What the browser of somebody is given who has shown who they are.
    fn cookies(&self, session: &NewSession, operator: &str, password_hash: &str, headers: &HeaderMap) -> Result<[HeaderValue; 2], Refused> {
        let way = self.way(headers);
        let familiar = familiar::make(operator, password_hash)?;
        Ok([
            cookies::set(Cookie::Session, session.token.expose(), LONGEST, way)?,
            cookies::set(Cookie::Familiar, &familiar, familiar::LASTS, way)?,
        ])
    }

    async fn owner_of(&self, link: &Redacted<String>) -> Result<String, Refused> {
        let link = hash_of(link);
        let found = self.stores.known(move |accounts| accounts.link(link, SystemTime::now())).await?;
        found.ok_or(Refused::new(Code::LinkGone))
    }
}
