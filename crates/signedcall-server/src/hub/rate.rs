//! How often calls may be placed.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use signedcall_wire::{AccountId, SessionId, Timestamp};

use super::{Hub, User};

/// How many buckets there may be before those that are full are forgotten.
const SWEEP_FROM: usize = 1024;

/// How many calls may be placed in a minute; without end where nothing is set. What was not used is saved up for one minute, so that so many may be
/// placed in one go, and then one by one as time passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallRates {
    /// By one user, on all devices together.
    pub per_user: Option<NonZeroU32>,
    /// By all users of an account, in both environments together.
    pub per_account: Option<NonZeroU32>,
}

/// What users and accounts have left of that.
#[derive(Debug)]
pub(super) struct CallBudgets {
    rates: CallRates,
    users: Buckets<User>,
    accounts: Buckets<AccountId>,
}

impl CallBudgets {
    pub(super) fn new(rates: CallRates) -> Self {
        Self { rates, users: Buckets::default(), accounts: Buckets::default() }
    }

    /// Takes one call of a user, if there is one left; an account is not charged for a call that its user may not place.
    pub(super) fn take(&mut self, now: Timestamp, user: &User) -> bool {
        let of_user = self.rates.per_user.is_none_or(|rate| self.users.take(now, user, rate));
        of_user && self.rates.per_account.is_none_or(|rate| self.accounts.take(now, &user.0, rate))
    }
}

impl Hub {
    /// Takes one call of the user of a session, unless there have been too many.
    pub(super) fn takes_another_call(&mut self, now: Timestamp, session: SessionId) -> bool {
        self.sessions.get(&session).is_none_or(|session| self.budgets.take(now, &session.user))
    }
}

/// Token buckets, each by the moment at which it is full again. One that is full is as good as none.
#[derive(Debug)]
struct Buckets<K> {
    full_at: BTreeMap<K, Timestamp>,
    sweep_at: usize,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self { full_at: BTreeMap::new(), sweep_at: SWEEP_FROM }
    }
}

impl<K: Clone + Ord> Buckets<K> {
    fn take(&mut self, now: Timestamp, whose: &K, per_minute: NonZeroU32) -> bool {
        let every = Duration::from_secs(60) / per_minute.get();
        let full_at = self.full_at.get(whose).copied().unwrap_or_default().max(now) + every;
        if full_at.since(now) > every * per_minute.get() {
            return false;
        }
        self.full_at.insert(whose.clone(), full_at);
        if self.full_at.len() >= self.sweep_at {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.sweep_at = SWEEP_FROM.max(2 * self.full_at.len());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use signedcall_wire::{Cuid, Environment};

    use super::*;

    fn at(milliseconds: u64) -> Timestamp {
        Timestamp::from_millis(milliseconds)
    }

    fn user(account: &str, number: usize) -> User {
        (AccountId(account.to_owned()), Environment::Production, Cuid::new(format!("user_x{number}")).expect("a cuid"))
    }

    fn budgets(per_user: u32, per_account: u32) -> CallBudgets {
        CallBudgets::new(CallRates { per_user: NonZeroU32::new(per_user), per_account: NonZeroU32::new(per_account) })
    }

    #[test]
    fn a_minute_s_calls_may_be_placed_at_once_and_then_one_by_one() {
        let mut budgets = budgets(6, 0);
        let one = user("a", 1);
        for _ in 0..6 {
            assert!(budgets.take(at(0), &one));
        }
        assert!(!budgets.take(at(0), &one) && !budgets.take(at(9_999), &one));
        assert!(budgets.take(at(10_000), &one) && !budgets.take(at(10_000), &one));
        assert!(budgets.take(at(10_000), &user("a", 2)), "others are not charged");
    }

    #[test]
    fn an_account_has_calls_for_all_its_users_and_what_one_may_not_place_is_not_charged() {
        let mut budgets = budgets(1, 2);
        assert!(budgets.take(at(0), &user("a", 1)));
        assert!(!budgets.take(at(0), &user("a", 1)));
        assert!(budgets.take(at(0), &user("a", 2)));
        assert!(!budgets.take(at(0), &user("a", 3)));
        assert!(budgets.take(at(0), &user("b", 1)));
    }

    #[test]
    fn without_a_limit_there_is_none() {
        let mut budgets = budgets(0, 0);
        assert!((0..10_000).all(|_| budgets.take(at(0), &user("a", 1))));
    }

    #[test]
    fn who_has_not_called_for_a_minute_is_forgotten() {
        let mut budgets = budgets(1, 0);
        for number in 0..SWEEP_FROM * 4 {
            assert!(budgets.take(at(61_000 * number as u64), &user("a", number)));
        }
        assert!(budgets.users.full_at.len() < SWEEP_FROM);
    }
}
