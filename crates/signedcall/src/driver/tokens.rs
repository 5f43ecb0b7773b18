//! User tokens: fetched whenever a session begins, and before the one that a session has begun with expires.

use std::future::pending;
use std::time::Duration;

use signedcall_wire::{ErrorCode, Redacted, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{NoUserToken, UserTokens};

/// How long fetching a token may take: as long as the service waits for the first frame of a socket.
const FETCH_PATIENCE: Duration = Duration::from_secs(10);
/// When it is asked again for a token that could not be had: the company's backend may be in the same network that has just come back.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// A token, or why there is none.
pub(super) type Fetched = Result<Redacted<String>, NoUserToken>;

/// The tokens of one line.
#[derive(Debug)]
pub(super) struct Tokens {
    source: UserTokens,
    fetching: Option<JoinHandle<Fetched>>,
    plan: Plan,
}

impl Drop for Tokens {
    fn drop(&mut self) {
        if let Some(fetching) = &self.fetching {
            fetching.abort();
        }
    }
}

impl Tokens {
    pub(super) fn of(source: UserTokens) -> Self {
        Self { source, fetching: None, plan: Plan::default() }
    }

    /// Waits for the token that is being fetched. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Fetched {
        let Some(fetching) = &mut self.fetching else { return pending().await };
        let fetched = fetching.await;
        self.fetching = None;
        fetched.unwrap_or_else(|_| Err(NoUserToken("the app's own code failed".to_owned())))
    }

    /// When there will be something to do, unless a token comes before.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        if self.fetching.is_some() { None } else { self.plan.wake_at() }
    }

    /// Changes the plan, and fetches a token if it needs one now.
    pub(super) fn change<T>(&mut self, now: Timestamp, change: impl FnOnce(&mut Plan) -> T) -> T {
        let outcome = change(&mut self.plan);
        if self.plan.needs_token(now) && self.fetching.is_none() {
            let source = self.source.clone();
            self.fetching = Some(tokio::spawn(async move {
                timeout(FETCH_PATIENCE, source.fetch()).await.unwrap_or_else(|_| Err(NoUserToken("it was not there in time".to_owned())))
            }));
        }
        outcome
    }
}

/// What a token is wanted for, and when.
#[derive(Debug, Default)]
pub(super) struct Plan {
    wish: Wish,
    /// Whether the socket carries a session.
    is_up: bool,
    /// Whether the service has refused one since it took the last.
    was_refused: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wish {
    /// None: no session has begun, or nothing is known of when its token expires.
    #[default]
    Nothing,
    /// One to begin a session with, on the socket that is open; not before this moment.
    Begin { not_before: Timestamp },
    /// The session is being begun.
    Begun,
    /// One to go on with, from this moment on.
    GoOn { from: Timestamp },
    /// The service has it.
    Shown,
}

/// What to do with a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Use {
    SignIn(Redacted<String>),
    Renew(Redacted<String>),
    /// It comes too late for what it was wanted for.
    Nothing,
}

impl Plan {
    /// A socket is open, and a session is to begin on it.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.is_up = false;
        self.wish = Wish::Begin { not_before: now };
    }

    /// The service has taken a token that lasts so long.
    pub(super) fn taken(&mut self, now: Timestamp, lasts: Duration) {
        self.was_refused = false;
        // A fifth of its time is enough to fetch another, twice if need be.
        self.wish = Wish::GoOn { from: now + lasts * 4 / 5 };
    }

    /// The socket carries the session.
    pub(super) fn go_on(&mut self) {
        self.is_up = true;
    }

    /// The socket is lost, or another is about to take its place. Whether the service has taken what it was shown last is not known.
    pub(super) fn lose_link(&mut self, now: Timestamp) {
        self.is_up = false;
        self.wish = match self.wish {
            Wish::Begin { .. } | Wish::Begun | Wish::Nothing => Wish::Nothing,
            Wish::Shown => Wish::GoOn { from: now },
            wish @ Wish::GoOn { .. } => wish,
        };
    }

    /// The service has refused to sign this device in. Says whether another token is worth a try: once, and only if it was the token that was wrong.
    pub(super) fn refused(&mut self, code: ErrorCode) -> bool {
        let again = code == ErrorCode::ApiKeyRequired && self.wish == Wish::Begun && !self.was_refused;
        self.was_refused = true;
        again
    }

    /// The service does not go on with the token that it was shown. Another is tried once; after that the session lasts as long as its token, and then
    /// another session is to begin.
    pub(super) fn not_renewed(&mut self, now: Timestamp) {
        if self.wish == Wish::Shown {
            self.wish = if self.was_refused { Wish::Nothing } else { Wish::GoOn { from: now } };
            self.was_refused = true;
        }
    }

    /// A token is there.
    pub(super) fn use_token(&mut self, token: Redacted<String>) -> Use {
        match self.wish {
            Wish::Begin { .. } => {
                self.wish = Wish::Begun;
                Use::SignIn(token)
            }
            Wish::GoOn { .. } if self.is_up => {
                self.wish = Wish::Shown;
                Use::Renew(token)
            }
            Wish::GoOn { .. } | Wish::Nothing | Wish::Begun | Wish::Shown => Use::Nothing,
        }
    }

    /// No token could be had.
    pub(super) fn go_without(&mut self, now: Timestamp) {
        let later = now + TRY_AGAIN_AFTER;
        self.wish = match self.wish {
            Wish::Begin { .. } => Wish::Begin { not_before: later },
            Wish::GoOn { from } => Wish::GoOn { from: from.max(later) },
            wish @ (Wish::Nothing | Wish::Begun | Wish::Shown) => wish,
        };
    }

    fn needs_token(&self, now: Timestamp) -> bool {
        match self.wish {
            Wish::Begin { not_before } => not_before <= now,
            Wish::GoOn { from } => self.is_up && from <= now,
            Wish::Nothing | Wish::Begun | Wish::Shown => false,
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        match self.wish {
            Wish::Begin { not_before } => Some(not_before),
            Wish::GoOn { from } => self.is_up.then_some(from),
            Wish::Nothing | Wish::Begun | Wish::Shown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn token() -> Redacted<String> {
        Redacted::new("token".to_owned())
    }

    /// A session that has begun at 0 with a token that lasts ten minutes.
    fn begun() -> Plan {
        let mut plan = Plan::default();
        plan.begin(at(0));
        assert!(plan.needs_token(at(0)));
        assert_eq!(plan.use_token(token()), Use::SignIn(token()));
        plan.taken(at(0), Duration::from_secs(600));
        plan.go_on();
        plan
    }

    #[test]
    fn another_token_is_fetched_when_a_fifth_of_the_time_is_left() {
        let mut plan = begun();
        assert_eq!(plan.wake_at(), Some(at(480)));
        assert!(!plan.needs_token(at(479)) && plan.needs_token(at(480)));
        assert_eq!(plan.use_token(token()), Use::Renew(token()));
        assert!(!plan.needs_token(at(480)));
        plan.taken(at(481), Duration::from_secs(600));
        assert_eq!(plan.wake_at(), Some(at(961)));
    }

    #[test]
    fn after_a_sleep_another_token_is_fetched_as_soon_as_the_session_goes_on() {
        let mut plan = begun();
        assert!(plan.needs_token(at(100_000)));
        plan.lose_link(at(100_000));
        assert!(!plan.needs_token(at(100_000)) && plan.wake_at().is_none());
        plan.go_on();
        assert!(plan.needs_token(at(100_001)));
    }

    #[test]
    fn a_token_that_is_refused_is_fetched_anew_once() {
        let mut plan = Plan::default();
        for again in [true, false] {
            plan.begin(at(0));
            let _sign_in = plan.use_token(token());
            assert_eq!(plan.refused(ErrorCode::ApiKeyRequired), again);
            plan.lose_link(at(0));
        }
        let mut plan = begun();
        plan.begin(at(700));
        let _sign_in = plan.use_token(token());
        assert!(plan.refused(ErrorCode::ApiKeyRequired), "the service had taken one meanwhile");
        assert!(!Plan::default().refused(ErrorCode::ApiKeyRequired), "no token was shown");
    }

    #[test]
    fn what_is_not_the_token_s_fault_is_not_tried_again() {
        let mut plan = Plan::default();
        plan.begin(at(0));
        let _sign_in = plan.use_token(token());
        assert!(!plan.refused(ErrorCode::ProductionFieldRequired));
    }

    #[test]
    fn a_renewal_that_is_refused_is_tried_once_more_and_then_left_to_the_next_session() {
        let mut plan = begun();
        let _renew = plan.use_token(token());
        plan.not_renewed(at(481));
        assert!(plan.needs_token(at(481)));
        let _renew = plan.use_token(token());
        plan.not_renewed(at(482));
        assert_eq!(plan.wake_at(), None);
        plan.begin(at(600));
        assert!(plan.needs_token(at(600)));
    }

    #[test]
    fn a_renewal_that_a_socket_has_taken_along_is_done_again() {
        let mut plan = begun();
        let _renew = plan.use_token(token());
        plan.lose_link(at(481));
        assert!(!plan.needs_token(at(482)));
        plan.go_on();
        assert!(plan.needs_token(at(482)));
        let mut plan = begun();
        plan.lose_link(at(1));
        plan.go_on();
        assert_eq!(plan.wake_at(), Some(at(480)), "nothing was under way");
    }

    #[test]
    fn a_backend_that_fails_is_asked_again_after_two_seconds() {
        let mut plan = Plan::default();
        plan.begin(at(0));
        plan.go_without(at(5));
        assert!(!plan.needs_token(at(6)) && plan.needs_token(at(7)));
        let mut plan = begun();
        plan.go_without(at(480));
        assert!(!plan.needs_token(at(481)) && plan.needs_token(at(482)));
    }

    #[test]
    fn a_token_that_comes_after_the_socket_was_lost_is_not_shown() {
        let mut plan = Plan::default();
        plan.begin(at(0));
        plan.lose_link(at(1));
        assert_eq!(plan.use_token(token()), Use::Nothing);
        let mut plan = begun();
        plan.lose_link(at(1));
        assert_eq!(plan.use_token(token()), Use::Nothing);
    }
}
