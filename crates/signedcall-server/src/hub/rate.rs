//! How often calls may be placed.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use signedcall_wire::{AccountId, Environment, SessionId, Timestamp};

use super::{Hub, User};

/// How many buckets there may be before those that are full are forgotten.
const SWEEP_FROM: usize = 1024;
/// What the limits are counted in.
const MINUTE_MS: u64 = 60_000;

/// How many calls may be placed in a minute; without end where nothing is set. What was not used is saved up for one minute, so that so many may be
/// placed in one go, and then one by one as time passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallRates {
    /// By one user, on all devices together.
    pub per_user: Option<NonZeroU32>,
    /// By all users of an account in one environment: trials take nothing from real users.
    pub per_account: Option<NonZeroU32>,
}

impl CallRates {
    /// The most that can be set: more than one in a millisecond is no limit.
    pub const MOST: u32 = 60_000;

    /// These, and others where nothing is set.
    const fn or(self, others: Self) -> Self {
        Self {
            per_user: if self.per_user.is_some() { self.per_user } else { others.per_user },
            per_account: if self.per_account.is_some() { self.per_account } else { others.per_account },
        }
    }
}

/// What users and accounts have left of that.
#[derive(Debug)]
pub(super) struct CallBudgets {
    /// The service's, which count where an account has set nothing.
    rates: CallRates,
    users: Buckets<User>,
    accounts: Buckets<(AccountId, Environment)>,
}

impl CallBudgets {
    pub(super) fn new(rates: CallRates) -> Self {
        Self { rates, users: Buckets::default(), accounts: Buckets::default() }
    }

    /// Whether a user, and the account with all its users, has a call left. `own` is what the account has set.
    fn has_one(&self, now: Timestamp, user: &User, own: CallRates) -> bool {
        let CallRates { per_user, per_account } = own.or(self.rates);
        per_user.is_none_or(|rate| self.users.has_one(now, user, rate))
            && per_account.is_none_or(|rate| self.accounts.has_one(now, &account_of(user), rate))
    }

    /// Takes one call of both.
    fn take(&mut self, now: Timestamp, user: &User, own: CallRates) {
        let CallRates { per_user, per_account } = own.or(self.rates);
        if let Some(rate) = per_user {
            self.users.take(now, user.clone(), rate);
        }
        if let Some(rate) = per_account {
            self.accounts.take(now, account_of(user), rate);
        }
    }
}

fn account_of((account, environment, _): &User) -> (AccountId, Environment) {
    (account.clone(), *environment)
}

impl Hub {
    /// Whether the user of a session may place another call.
    pub(super) fn may_call(&self, now: Timestamp, session: SessionId) -> bool {
        self.sessions.get(&session).is_none_or(|session| self.may_be_connected(now, &session.user))
    }

    /// The same for a user whom the company connects with another.
    pub(super) fn may_be_connected(&self, now: Timestamp, user: &User) -> bool {
        self.budgets.has_one(now, user, self.policies.call_rates(&user.0))
    }

    /// Counts a call that the company has such a user make.
    pub(super) fn count_connected(&mut self, now: Timestamp, user: &User) {
        self.budgets.take(now, user, self.policies.call_rates(&user.0));
    }

    /// Counts a call that the user of a session places.
    pub(super) fn count_call(&mut self, now: Timestamp, session: SessionId) {
        if let Some(session) = self.sessions.get(&session) {
            self.budgets.take(now, &session.user, self.policies.call_rates(&session.user.0));
        }
    }
}

/// Token buckets. One that is full is as good as none, and so is one of another rate than there is by now.
#[derive(Debug)]
struct Buckets<K> {
    buckets: BTreeMap<K, Bucket>,
    sweep_at: usize,
}

/// A bucket, by the moment at which it is full again.
///
/// It is counted in fractions of a millisecond, as many as there are calls in a minute, so that nothing is lost by rounding.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    full_at: u64,
    per_minute: NonZeroU32,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self { buckets: BTreeMap::new(), sweep_at: SWEEP_FROM }
    }
}

impl<K: Ord> Buckets<K> {
    fn has_one(&self, now: Timestamp, whose: &K, per_minute: NonZeroU32) -> bool {
        let now = fractions(now, per_minute);
        self.full_at(whose, per_minute).max(now) - now + MINUTE_MS <= fractions(Timestamp::from_millis(MINUTE_MS), per_minute)
    }

    fn take(&mut self, now: Timestamp, whose: K, per_minute: NonZeroU32) {
        let full_at = self.full_at(&whose, per_minute).max(fractions(now, per_minute)).saturating_add(MINUTE_MS);
        self.buckets.insert(whose, Bucket { full_at, per_minute });
        if self.buckets.len() >= self.sweep_at {
            self.buckets.retain(|_, bucket| bucket.full_at > fractions(now, bucket.per_minute));
            self.sweep_at = SWEEP_FROM.max(2 * self.buckets.len());
        }
    }

    fn full_at(&self, whose: &K, per_minute: NonZeroU32) -> u64 {
        self.buckets.get(whose).filter(|bucket| bucket.per_minute == per_minute).map(|bucket| bucket.full_at).unwrap_or_default()
    }
}

fn fractions(moment: Timestamp, per_minute: NonZeroU32) -> u64 {
    moment.as_millis().saturating_mul(per_minute.get().into())
}

#[cfg(test)]
mod tests {
    use signedcall_wire::Cuid;

    use super::*;

    fn at(milliseconds: u64) -> Timestamp {
        Timestamp::from_millis(milliseconds)
    }

    fn user_in(account: &str, environment: Environment, number: usize) -> User {
        (AccountId(account.to_owned()), environment, Cuid::new(format!("user_x{number}")).expect("a cuid"))
    }

    fn user(account: &str, number: usize) -> User {
        user_in(account, Environment::Production, number)
    }

    fn budgets(per_user: u32, per_account: u32) -> CallBudgets {
        CallBudgets::new(CallRates { per_user: NonZeroU32::new(per_user), per_account: NonZeroU32::new(per_account) })
    }

    /// Places a call, if there is one left.
    fn places(budgets: &mut CallBudgets, now: Timestamp, user: &User) -> bool {
        places_by(budgets, now, user, CallRates::default())
    }

    /// The same where the account has set something.
    fn places_by(budgets: &mut CallBudgets, now: Timestamp, user: &User, own: CallRates) -> bool {
        let may = budgets.has_one(now, user, own);
        if may {
            budgets.take(now, user, own);
        }
        may
    }

    #[test]
    fn a_minute_s_calls_may_be_placed_at_once_and_then_one_by_one() {
        let mut budgets = budgets(6, 0);
        let one = user("a", 1);
        for _ in 0..6 {
            assert!(places(&mut budgets, at(0), &one));
        }
        assert!(!places(&mut budgets, at(0), &one) && !places(&mut budgets, at(9_999), &one));
        assert!(places(&mut budgets, at(10_000), &one) && !places(&mut budgets, at(10_000), &one));
        assert!(places(&mut budgets, at(10_000), &user("a", 2)), "others are not charged");
    }

    #[test]
    fn a_rate_that_does_not_divide_a_minute_is_kept_to_the_call() {
        // A moment of the wall's clock, in milliseconds since 1970.
        let from = 1_800_000_000_000;
        for rate in [7, 45_000, 60_000] {
            let mut budgets = budgets(rate, 0);
            let one = user("a", 1);
            let mut placed = 0_u32;
            for millisecond in 0..=MINUTE_MS {
                while places(&mut budgets, at(from + millisecond), &one) {
                    placed += 1;
                }
            }
            assert_eq!(placed, 2 * rate, "those of one minute in one go, and as many until the next is over");
        }
    }

    #[test]
    fn an_account_has_calls_for_all_its_users_in_each_environment() {
        let mut budgets = budgets(0, 2);
        let trial = user_in("a", Environment::Development, 1);
        for _ in 0..2 {
            assert!(places(&mut budgets, at(0), &trial));
        }
        assert!(!places(&mut budgets, at(0), &trial));
        assert!(places(&mut budgets, at(0), &user("a", 1)), "trials are not charged to real users");
        assert!(places(&mut budgets, at(0), &user("a", 2)));
        assert!(!places(&mut budgets, at(0), &user("a", 3)));
        assert!(places(&mut budgets, at(0), &user("b", 1)));
    }

    #[test]
    fn what_either_may_not_place_is_charged_to_neither() {
        let mut budgets = budgets(2, 3);
        let (greedy, other) = (user("a", 1), user("a", 2));
        for may in [true, true, false, false] {
            assert_eq!(places(&mut budgets, at(0), &greedy), may);
        }
        assert!(places(&mut budgets, at(0), &other), "the account has not paid for what its user was refused");
        assert!(!places(&mut budgets, at(0), &other), "and now has none left");
        for may in [true, false] {
            assert_eq!(places(&mut budgets, at(20_000), &other), may, "the user has not paid for what the account was refused");
        }
    }

    #[test]
    fn what_an_account_has_set_takes_the_place_of_the_service_s_and_a_bucket_of_another_rate_is_full() {
        let mut budgets = budgets(1, 2);
        let own = CallRates { per_user: NonZeroU32::new(3), per_account: None };
        for may in [true, true, false] {
            assert_eq!(places_by(&mut budgets, at(0), &user("a", 1), own), may, "the service's limit for accounts counts still");
        }
        for may in [true, false] {
            assert_eq!(places(&mut budgets, at(0), &user("b", 1)), may, "another account has set nothing");
        }
        let less = CallRates { per_account: NonZeroU32::new(1), ..own };
        for may in [true, false] {
            assert_eq!(places_by(&mut budgets, at(0), &user("a", 1), less), may);
        }
        let more = CallRates { per_user: NonZeroU32::new(60_000), per_account: NonZeroU32::new(60_000) };
        assert!(places_by(&mut budgets, at(0), &user("a", 1), more));
    }

    #[test]
    fn without_a_limit_there_is_none() {
        let mut budgets = budgets(0, 0);
        assert!((0..10_000).all(|_| places(&mut budgets, at(0), &user("a", 1))));
    }

    #[test]
    fn who_has_not_called_for_a_minute_is_forgotten() {
        let mut budgets = budgets(1, 0);
        for number in 0..SWEEP_FROM * 4 {
            assert!(places(&mut budgets, at(61_000 * number as u64), &user("a", number)));
        }
        assert!(budgets.users.buckets.len() < SWEEP_FROM);
    }
}
