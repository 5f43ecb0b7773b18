//! User tokens: fetched whenever a session begins, and before the one that a session has begun with expires.

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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn token() -> Redacted<String> {
        Redacted::new("token".to_owned())
    }

    /// A plan that has shown its token to begin a session.
    fn shown(now: Timestamp) -> Plan {
        let mut plan = Plan::default();
        show(&mut plan, now);
        plan
    }

    fn show(plan: &mut Plan, now: Timestamp) {
        plan.begin(now);
        assert!(plan.needs_token(now));
        assert_eq!(plan.use_token(now, token()), Use::SignIn);
        assert!(!plan.needs_token(now) && plan.wake_at().is_none());
        assert_eq!(plan.show(now), Some(token()));
    }

    /// A session that has begun at 0 with a token that lasts ten minutes.
    fn begun() -> Plan {
        let mut plan = shown(at(0));
        plan.taken(at(0), Duration::from_secs(600));
        plan.go_on();
        plan
    }

    #[test]
    fn a_token_is_there_before_a_socket_is_opened_and_shown_once() {
        let mut plan = Plan::default();
        assert_eq!(plan.show(at(0)), None, "there is none");
        plan.begin(at(0));
        assert_eq!(plan.show(at(0)), None, "it is being fetched");
        plan.begin(at(0));
        plan.use_token(at(0), token());
        assert_eq!(plan.lose_link(at(1)), Lost::Nothing);
        assert_eq!(plan.show(at(45)), Some(token()));
        assert_eq!(plan.show(at(45)), None);
    }

    #[test]
    fn a_token_that_has_waited_too_long_for_a_socket_is_not_shown() {
        let mut plan = Plan::default();
        plan.begin(at(0));
        plan.use_token(at(0), token());
        assert_eq!(plan.show(at(45) + Duration::from_millis(1)), None);
    }

    #[test]
    fn another_token_is_fetched_when_a_fifth_of_the_time_is_left() {
        let mut plan = begun();
        assert_eq!(plan.wake_at(), Some(at(480)));
        assert!(!plan.needs_token(at(479)) && plan.needs_token(at(480)));
        assert_eq!(plan.use_token(at(480), token()), Use::Renew(token()));
        assert!(!plan.needs_token(at(480)));
        plan.taken(at(481), Duration::from_secs(600));
        assert_eq!(plan.wake_at(), Some(at(961)));
        plan.taken(at(500), Duration::from_millis(1));
        assert_eq!(plan.wake_at(), Some(at(501)), "at most once a second");
    }

    #[test]
    fn after_a_sleep_another_token_is_fetched_as_soon_as_the_session_goes_on() {
        let mut plan = begun();
        assert!(plan.needs_token(at(100_000)));
        assert_eq!(plan.lose_link(at(100_000)), Lost::Nothing);
        assert!(!plan.needs_token(at(100_000)) && plan.wake_at().is_none());
        plan.go_on();
        assert!(plan.needs_token(at(100_001)));
    }

    #[test]
    fn a_token_that_is_refused_is_fetched_anew_once_where_there_was_no_session() {
        let mut plan = Plan::default();
        for again in [true, false] {
            show(&mut plan, at(0));
            assert_eq!(plan.refused(at(0), ErrorCode::ApiKeyRequired), again);
            assert_eq!(plan.lose_link(at(0)), Lost::Token);
        }
        assert!(!Plan::default().refused(at(0), ErrorCode::ApiKeyRequired), "no token was shown");
    }

    #[test]
    fn a_line_that_was_signed_in_is_tried_for_some_minutes_with_one_token_after_the_other() {
        let mut plan = begun();
        let patience_ends = at(1_000) + REFUSED_PATIENCE;
        let nearly = Timestamp::from_millis(patience_ends.as_millis() - 1);
        for (now, again) in [(at(1_000), true), (at(1_001), true), (nearly, true), (patience_ends, false)] {
            show(&mut plan, now);
            assert_eq!(plan.refused(now, ErrorCode::ApiKeyRequired), again, "{now:?}");
            assert_eq!(plan.lose_link(now), Lost::Token);
        }
        show(&mut plan, patience_ends);
        plan.go_on();
        show(&mut plan, at(5_000));
        assert!(plan.refused(at(5_000), ErrorCode::ApiKeyRequired), "the service had taken one meanwhile");
        assert!(!plan.refused(at(5_000), ErrorCode::ContactRegistrationFailed), "another token would not help");
    }

    #[test]
    fn a_renewal_that_was_refused_leaves_the_next_session_all_its_tries() {
        let mut plan = begun();
        let _renew = plan.use_token(at(480), token());
        plan.not_renewed(at(481));
        show(&mut plan, at(1_000));
        assert!(plan.refused(at(1_000), ErrorCode::ApiKeyRequired));
    }

    #[test]
    fn what_is_not_the_token_s_fault_is_not_tried_again() {
        assert!(!shown(at(0)).refused(at(0), ErrorCode::ProductionFieldRequired));
    }

    #[test]
    fn a_socket_that_is_lost_before_the_session_has_begun_takes_its_token_along() {
        assert_eq!(shown(at(0)).lose_link(at(1)), Lost::Token);
        assert_eq!(begun().lose_link(at(1)), Lost::Nothing);
        let mut without_end = shown(at(0));
        without_end.go_on();
        assert_eq!(without_end.lose_link(at(1)), Lost::Nothing, "nobody has said when its token expires");
    }

    #[test]
    fn a_renewal_that_is_refused_is_tried_once_more_and_then_left_to_the_next_session() {
        let mut plan = begun();
        let _renew = plan.use_token(at(480), token());
        plan.not_renewed(at(481));
        assert!(plan.needs_token(at(481)));
        let _renew = plan.use_token(at(481), token());
        plan.not_renewed(at(482));
        assert_eq!(plan.wake_at(), None);
        plan.begin(at(600));
        assert!(plan.needs_token(at(600)));
    }

    #[test]
    fn a_renewal_that_the_service_cannot_verify_now_is_done_later_and_costs_no_try() {
        let mut plan = begun();
        for second in [481, 490, 500] {
            let _renew = plan.use_token(at(second), token());
            plan.renew_later(at(second + 5));
            assert!(!plan.needs_token(at(second + 4)) && plan.needs_token(at(second + 5)));
        }
        let _renew = plan.use_token(at(505), token());
        plan.not_renewed(at(505));
        assert!(plan.needs_token(at(505)), "the first that is refused for good");
    }

    #[test]
    fn a_renewal_that_a_socket_has_taken_along_is_done_again() {
        let mut plan = begun();
        let _renew = plan.use_token(at(480), token());
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
    fn a_backend_that_fails_is_asked_again_later_or_as_soon_as_the_network_is_another() {
        let mut plan = Plan::default();
        plan.begin(at(0));
        plan.go_without(at(7));
        assert!(!plan.needs_token(at(6)) && plan.needs_token(at(7)));
        plan.hurry(at(3));
        assert!(plan.needs_token(at(3)));
        let mut plan = begun();
        plan.go_without(at(482));
        assert!(!plan.needs_token(at(481)) && plan.needs_token(at(482)));
    }

    #[test]
    fn waits_double_up_to_half_a_minute_and_no_two_devices_wait_alike() {
        let mut tokens = Tokens::of(UserTokens::new(pending));
        for most in [2, 4, 8, 16, 30, 30] {
            let wait = tokens.next_wait();
            assert!(wait >= Duration::from_secs(most) / 2 && wait < Duration::from_secs(most), "{wait:?}");
        }
        tokens.reset_waits();
        assert!(tokens.next_wait() < FIRST_WAIT);
    }

    #[tokio::test]
    async fn a_fetch_that_has_begun_in_another_network_is_begun_anew() {
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = std::sync::Arc::clone(&asked);
        let mut tokens = Tokens::of(UserTokens::new(move || {
            let earlier = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            // What was asked before the network changed is never answered.
            async move { if earlier == 0 { pending().await } else { Ok(token()) } }
        }));
        tokens.change(at(0), |plan| plan.begin(at(0)));
        while asked.load(std::sync::atomic::Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        tokens.start_anew(at(1));
        assert_eq!(tokens.next().await, Ok(token()));
    }

    #[test]
    fn a_token_that_comes_after_the_socket_was_lost_is_not_shown() {
        let mut plan = begun();
        plan.lose_link(at(1));
        assert_eq!(plan.use_token(at(1), token()), Use::Nothing);
    }
}
