//! Who is signed in, by the cookie of a request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use signedcall_wire::Redacted;

use super::cookies::{Cookie, Way};
use super::links::hash_of;
use super::refused::{Code, Refused, failed};
use super::{Dashboard, Shared};
use crate::gate::Ticket;
use crate::keys::random_secret;
use crate::store::{KeptSession, SecretHash, unix_millis};

/// How long somebody stays signed in at most: a working day.
pub(super) const LONGEST: Duration = Duration::from_secs(12 * 3600);
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

/// A session that is about to begin.
#[derive(Debug)]
pub(super) struct NewSession {
    /// What the browser is given.
    pub(super) token: Redacted<String>,
    /// What is kept of it.
    pub(super) hash: SecretHash,
    pub(super) begins_and_ends: [SystemTime; 2],
}

impl NewSession {
    pub(super) fn make(way: Way) -> Result<Self, Refused> {
        let (token, now) = (random_secret().map_err(|error| failed(&error))?, SystemTime::now());
        let hash = session_of(way, &token);
        Ok(Self { token, hash, begins_and_ends: [now, now + LONGEST] })
    }
}

/// What is kept of a session. What was given without TLS is not taken as something that was given by it, nor the other way round.
fn session_of(way: Way, token: &Redacted<String>) -> SecretHash {
    hash_of(&Redacted::new(format!("{}={}", Cookie::Session.name(way), token.expose())))
}

impl FromRequestParts<Shared> for SignedIn {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, dashboard: &Shared) -> Result<Self, Refused> {
        let (way, token) = Cookie::Session.find(&parts.headers, dashboard.is_encrypted).ok_or(Refused::new(Code::SignedOut))?;
        let (session, now) = (session_of(way, &token), SystemTime::now());
        let kept = dashboard.stores.known(move |accounts| accounts.session(session, now)).await?;
        let kept = kept.and_then(|kept| dashboard.untold.apply(session, kept)).ok_or(Refused::new(Code::SignedOut))?;
        let rested = u128::try_from(unix_millis(now) - kept.seen_at_ms).unwrap_or_default();
        if rested >= IDLE.as_millis() {
            dashboard.end_session(session).await;
            return Err(Refused::new(Code::SignedOut));
        }
        if rested >= NOTED_EVERY.as_millis() && !parts.headers.contains_key(BY_ITSELF) {
            dashboard.see_session(session, now).await;
        }
        // As a device that has signed in, its connection waits no more.
        if let Some(ticket) = parts.extensions.get::<Arc<Ticket>>() {
            ticket.release();
        }
        Ok(Self { operator: kept.operator, session })
    }
}

impl Dashboard {
    /// Notes that somebody does something. Whether that can be written down or not, they go on.
    async fn see_session(&self, session: SecretHash, now: SystemTime) {
        if self.stores.change(move |accounts| accounts.see_session(session, now)).await.is_err() {
            self.untold.keep(session, Untold::Seen(unix_millis(now)));
        }
    }

    /// Ends a session. Where that cannot be written down, this service lets nobody in by it all the same.
    pub(super) async fn end_session(&self, session: SecretHash) {
        if self.stores.change(move |accounts| accounts.end_session(session)).await.is_err() {
            self.untold.keep(session, Untold::Ended(unix_millis(SystemTime::now())));
        }
    }
}

/// What the store could not be told of a session, and when that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Untold {
    Seen(i64),
    Ended(i64),
}

/// What is known of sessions besides what the store knows, while it cannot be written to: a full disk signs nobody out, and keeps nobody signed in. There are no
/// more of them than there are sessions.
#[derive(Debug, Default)]
pub(super) struct UntoldSessions(Mutex<BTreeMap<SecretHash, Untold>>);

impl UntoldSessions {
    fn keep(&self, session: SecretHash, untold: Untold) {
        let (Untold::Seen(now) | Untold::Ended(now)) = untold;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whatever session it was is over by then.
        let longest = i64::try_from(LONGEST.as_millis()).unwrap_or(i64::MAX);
        all.retain(|_, (Untold::Seen(at) | Untold::Ended(at))| now - *at < longest);
        all.insert(session, untold);
    }

    /// Adds to what is kept of a session; `None` when it is over.
    fn apply(&self, session: SecretHash, kept: KeptSession) -> Option<KeptSession> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&session) {
            None => Some(kept),
            Some(Untold::Seen(at)) => Some(KeptSession { seen_at_ms: kept.seen_at_ms.max(*at), ..kept }),
            Some(Untold::Ended(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_could_not_be_told_counts_until_its_session_is_over() {
        let untold = UntoldSessions::default();
        let kept = KeptSession { operator: "admin".to_owned(), seen_at_ms: 10, until_ms: 100 };
        assert_eq!(untold.apply([1; 32], kept.clone()), Some(kept.clone()));
        untold.keep([1; 32], Untold::Seen(50));
        assert_eq!(untold.apply([1; 32], kept.clone()).map(|kept| kept.seen_at_ms), Some(50));
        untold.keep([2; 32], Untold::Ended(50));
        assert_eq!(untold.apply([2; 32], kept.clone()), None);
        untold.keep([3; 32], Untold::Seen(50 + i64::try_from(LONGEST.as_millis()).expect("it fits")));
        assert_eq!(untold.apply([2; 32], kept.clone()), Some(kept), "the store knows by itself that it is over");
        assert_eq!(untold.0.lock().expect("no bug").len(), 1);
    }

    #[test]
    fn a_session_that_began_without_tls_is_none_by_it() {
        let token = Redacted::new("abc".to_owned());
        assert_ne!(session_of(Way::Tls, &token), session_of(Way::Plain, &token));
    }
}
