//! Who is signed in, by the cookie of a request.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use signedcall_wire::Redacted;

use super::links::hash_of;
use super::refused::{Code, Refused, failed};
use super::{Dashboard, Shared};
use crate::gate::Ticket;
use crate::keys::random_secret;
use crate::store::{SecretHash, unix_millis};

const NAME: &str = "signedcall_dashboard";
/// How long somebody stays signed in at most: a working day.
const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// How long without doing anything.
const IDLE: Duration = Duration::from_secs(2 * 3600);
/// What a page says of requests that it makes by itself, now and again: nobody does anything then.
const BY_ITSELF: &str = "x-by-itself";
/// How often it is noted that somebody does something: more would be a write for each request.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// An operator who is signed in.
#[derive(Clone, Debug)]
pub(super) struct SignedIn {
    pub(super) operator: String,
    pub(super) session: SecretHash,
}

impl FromRequestParts<Shared> for SignedIn {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, dashboard: &Shared) -> Result<Self, Refused> {
        let token = cookie(&parts.headers).ok_or(Refused::new(Code::SignedOut))?;
        let (session, now) = (hash_of(&token), SystemTime::now());
        let kept = dashboard.stores.known(move |accounts| accounts.session(session, now)).await?;
        let kept = kept.ok_or(Refused::new(Code::SignedOut))?;
        let rested = u128::try_from(unix_millis(now) - kept.seen_at_ms).unwrap_or_default();
        if rested >= IDLE.as_millis() {
            dashboard.stores.change(move |accounts| accounts.end_session(session)).await?;
            return Err(Refused::new(Code::SignedOut));
        }
        if rested >= NOTED_EVERY.as_millis() && !parts.headers.contains_key(BY_ITSELF) {
            dashboard.stores.change(move |accounts| accounts.see_session(session, now)).await?;
        }
        // As a device that has signed in, its connection waits no more.
        if let Some(ticket) = parts.extensions.get::<Arc<Ticket>>() {
            ticket.release();
        }
        Ok(Self { operator: kept.operator, session })
    }
}

/// The session's token, if a request has one.
fn cookie(headers: &HeaderMap) -> Option<Redacted<String>> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let value = pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == NAME)?.1;
    Some(Redacted::new(value.to_owned()))
}

impl Dashboard {
    /// Begins a session of an operator whose password is still this one, and gives the cookie of it.
    pub(super) async fn begin_session(&self, operator: &str, password_hash: String, headers: &HeaderMap) -> Result<HeaderValue, Refused> {
        let token = random_secret().map_err(|error| failed(&error))?;
        let (session, operator, now) = (hash_of(&token), operator.to_owned(), SystemTime::now());
        let until = now + LONGEST;
        let begun = self.stores.change(move |accounts| accounts.begin_session(session, &operator, &password_hash, [now, until])).await?;
        if begun { self.cookie(token.expose(), LONGEST, headers) } else { Err(Refused::new(Code::WrongPassword)) }
    }

    /// The cookie of nobody.
    pub(super) fn no_session(&self, headers: &HeaderMap) -> Result<HeaderValue, Refused> {
        self.cookie("", Duration::ZERO, headers)
    }

    /// A cookie that no script reads and no other site's page sends along. Where the page came by TLS, also from a proxy in front, it goes no other way.
    fn cookie(&self, value: &str, lasts: Duration, headers: &HeaderMap) -> Result<HeaderValue, Refused> {
        let by_tls = self.is_encrypted || headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"));
        let secure = if by_tls { "; Secure" } else { "" };
        let cookie = format!("{NAME}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}", lasts.as_secs());
        HeaderValue::from_str(&cookie).map_err(|error| failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_among_other_cookies_by_its_whole_name() {
        let of = |text: &'static str| cookie(&HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(text))]));
        for text in ["signedcall_dashboard=abc", "a=b; signedcall_dashboard=abc", "xsignedcall_dashboard=1;signedcall_dashboard=abc; z"] {
            assert_eq!(of(text).as_ref().map(|token| token.expose().as_str()), Some("abc"), "{text}");
        }
        for text in ["", "a=b", "xsignedcall_dashboard=abc", "signedcall_dashboard"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
