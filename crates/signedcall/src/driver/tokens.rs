//! User tokens: fetched whenever a session begins, and before the one that a session has begun with expires.

#[cfg(test)]
mod tests;

use std::future::pending;
use std::time::Duration;

use rand::Rng;
use signedcall_wire::{ErrorCode, Redacted, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{NoUserToken, UserTokens};

/// How long fetching a token may take. Nobody else's patience runs meanwhile: no socket is open that waits for it.
const FETCH_PATIENCE: Duration = Duration::from_secs(10);
/// How long a fetch must have been under way to be begun anew when the network is another: one that has just begun knows that network.
const OLD_FETCH: Duration = Duration::from_secs(1);
/// What is waited at most after the first failure; doubled with each that follows. Half of it is waited at least.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// What is waited at most after any failure: a backend that comes back is not met by all devices at once.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long a token waits for a socket to be shown on. The service takes none that is good for less than a minute; after this time one may be over.
const SHOWN_WITHIN: Duration = Duration::from_secs(45);
/// How long a line that has been signed in before is tried with one token after the other, when the service takes none: a company that changes its keys, or
/// whose clock is wrong for a moment, has that long to mend it.
const REFUSED_PATIENCE: Duration = Duration::from_secs(300);
/// The least time between two renewals, however short-lived the tokens are.
const RENEWED_AFTER: Duration = Duration::from_secs(1);

/// A token, or why there is none.
pub(super) type Fetched = Result<Redacted<String>, NoUserToken>;

/// The tokens of one line.
#[derive(Debug)]
pub(super) struct Tokens {
    source: UserTokens,
    fetching: Option<Fetching>,
    /// How often no token could be had, or none could be verified, since the service took the last one.
    failures: u32,
    plan: Plan,
}

#[derive(Debug)]
struct Fetching {
    task: JoinHandle<Fetched>,
    since: Timestamp,
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tokens {
    pub(super) fn of(source: UserTokens) -> Self {
        Self { source, fetching: None, failures: 0, plan: Plan::default() }
    }

    /// Waits for the token that is being fetched. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Fetched {
        let Some(fetching) = &mut self.fetching else { return pending().await };
        let fetched = (&mut fetching.task).await;
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
            let task = tokio::spawn(async move {
                timeout(FETCH_PATIENCE, source.fetch()).await.unwrap_or_else(|_| Err(NoUserToken("it was not there in time".to_owned())))
            });
            self.fetching = Some(Fetching { task, since: now });
        }
        outcome
    }

    /// Leaves a fetch that has begun in another network, and puts nothing off any more.
    pub(super) fn start_anew(&mut self, now: Timestamp) {
        if self.fetching.as_ref().is_some_and(|fetching| now.since(fetching.since) >= OLD_FETCH) {
            self.fetching = None;
        }
        self.reset_waits();
        self.change(now, |plan| plan.hurry(now));
    }

    /// How long to wait after another failure.
    pub(super) fn next_wait(&mut self) -> Duration {
        let most = FIRST_WAIT.saturating_mul(1 << self.failures.min(10)).min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        most.mul_f64(rand::rng().random_range(0.5..1.0))
    }

    pub(super) fn reset_waits(&mut self) {
        self.failures = 0;
    }
}

/// What a token is wanted for, and when.
#[derive(Debug, Default)]
pub(super) struct Plan {
    wish: Wish,
    /// Whether the socket carries a session.
    is_up: bool,
    /// Whether there has been a session.
    has_been_up: bool,
    /// Since when the service refuses for good to begin a session.
    refused_since: Option<Timestamp>,
    /// Whether the service has refused for good to go on, since it took the last.
    was_not_renewed: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Wish {
    /// None: no session has begun, or nothing is known of when its token expires.
    #[default]
    Nothing,
    /// One to begin a session with; not before this moment.
    Begin { not_before: Timestamp },
    /// None: there is one to begin a session with on the next socket, if that opens by then.
    Ready { token: Redacted<String>, until: Timestamp },
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
    /// Open a socket; it is shown there.
    SignIn,
    /// Show it.
    Renew(Redacted<String>),
    /// It comes too late for what it was wanted for.
    Nothing,
}

/// What is lost with a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The token that was to begin a session: it may have been used up.
    Token,
    /// Nothing that could not be done on the next.
    Nothing,
}

impl Plan {
    /// A session is to begin, with a token that is fetched at this moment.
    pub(super) fn begin(&mut self, not_before: Timestamp) {
        self.is_up = false;
        self.wish = Wish::Begin { not_before };
    }

    /// A socket is open, and a session is to begin on it: with this token, if it has not waited too long.
    pub(super) fn show(&mut self, now: Timestamp) -> Option<Redacted<String>> {
        match std::mem::take(&mut self.wish) {
            Wish::Ready { token, until } if now <= until => {
                self.wish = Wish::Begun;
                Some(token)
            }
            Wish::Ready { .. } | Wish::Nothing | Wish::Begin { .. } | Wish::Begun | Wish::GoOn { .. } | Wish::Shown => None,
        }
    }

    /// The service has taken a token that lasts so long.
    pub(super) fn taken(&mut self, now: Timestamp, lasts: Duration) {
        self.was_not_renewed = false;
        // A fifth of its time is enough to fetch another, twice if need be.
        self.wish = Wish::GoOn { from: now + (lasts * 4 / 5).max(RENEWED_AFTER) };
    }

    /// The socket carries the session.
    pub(super) fn go_on(&mut self) {
        (self.is_up, self.has_been_up, self.refused_since) = (true, true, None);
        if self.wish == Wish::Begun {
            // Nobody has said how long its token lasts.
            self.wish = Wish::Nothing;
        }
    }

    /// The socket is lost, or another is about to take its place. Whether the service has taken what it was shown last is not known.
    pub(super) fn lose_link(&mut self, now: Timestamp) -> Lost {
        self.is_up = false;
        match self.wish {
            Wish::Begun => return Lost::Token,
            Wish::Shown => self.wish = Wish::GoOn { from: now },
            Wish::Nothing | Wish::Begin { .. } | Wish::Ready { .. } | Wish::GoOn { .. } => {}
        }
        Lost::Nothing
    }

    /// The service has refused for good to sign this device in. Says whether another token is worth a try: only if it was the token that was wrong, once where
    /// there has been no session yet, and for some minutes where there has.
    pub(super) fn refused(&mut self, now: Timestamp, code: ErrorCode) -> bool {
        let is_first = self.refused_since.is_none();
        let since = *self.refused_since.get_or_insert(now);
        let is_in_time = is_first || (self.has_been_up && now.since(since) < REFUSED_PATIENCE);
        code == ErrorCode::ApiKeyRequired && self.wish == Wish::Begun && is_in_time
    }

    /// The service does not go on with the token that it was shown. Another is tried once; after that the session lasts as long as its token, and then
    /// another session is to begin.
    pub(super) fn not_renewed(&mut self, now: Timestamp) {
        if self.wish == Wish::Shown {
            self.wish = if self.was_not_renewed { Wish::Nothing } else { Wish::GoOn { from: now } };
            self.was_not_renewed = true;
        }
    }

    /// The service cannot say now whether it goes on with the token that it was shown.
    pub(super) fn renew_later(&mut self, from: Timestamp) {
        if self.wish == Wish::Shown {
            self.wish = Wish::GoOn { from };
        }
    }

    /// A token is there.
    pub(super) fn use_token(&mut self, now: Timestamp, token: Redacted<String>) -> Use {
        match self.wish {
            Wish::Begin { .. } => {
                self.wish = Wish::Ready { token, until: now + SHOWN_WITHIN };
                Use::SignIn
            }
            Wish::GoOn { .. } if self.is_up => {
                self.wish = Wish::Shown;
                Use::Renew(token)
            }
            Wish::GoOn { .. } | Wish::Nothing | Wish::Ready { .. } | Wish::Begun | Wish::Shown => Use::Nothing,
        }
    }

    /// No token could be had; another is asked for from this moment on.
    pub(super) fn go_without(&mut self, later: Timestamp) {
        match &mut self.wish {
            Wish::Begin { not_before: from } | Wish::GoOn { from } => *from = (*from).max(later),
            Wish::Nothing | Wish::Ready { .. } | Wish::Begun | Wish::Shown => {}
        }
    }

    /// What has been put off is not put off any more.
    fn hurry(&mut self, now: Timestamp) {
        if let Wish::Begin { not_before } = &mut self.wish {
            *not_before = (*not_before).min(now);
        }
    }

    fn needs_token(&self, now: Timestamp) -> bool {
        match self.wish {
            Wish::Begin { not_before } => not_before <= now,
            Wish::GoOn { from } => self.is_up && from <= now,
            Wish::Nothing | Wish::Ready { .. } | Wish::Begun | Wish::Shown => false,
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        match self.wish {
            Wish::Begin { not_before } => Some(not_before),
            Wish::GoOn { from } => self.is_up.then_some(from),
            Wish::Nothing | Wish::Ready { .. } | Wish::Begun | Wish::Shown => None,
        }
    }
}
