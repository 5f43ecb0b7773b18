//! How much each account may ask for, in each environment: trials take nothing from real users.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use signedcall_wire::{AccountId, Environment};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;
use crate::store::Scope;

/// What is saved up of the requests of one account.
const SAVED_UP_FOR: Duration = Duration::from_secs(60);
/// How many exports of one account go on at once: each holds a connection for as long as its reader likes.
const EXPORTS: usize = 2;

/// What every account has left. There is one entry for each account that has ever shown a good key.
#[derive(Debug)]
pub(super) struct Budgets {
    /// How long it takes until one request more may be made.
    one_every: Duration,
    accounts: Mutex<BTreeMap<(AccountId, Environment), Budget>>,
}

#[derive(Debug)]
struct Budget {
    /// When nothing of it is used any more.
    full_at: Instant,
    exports: Arc<Semaphore>,
}

impl Budgets {
    pub(super) fn new(per_minute: NonZeroU32) -> Self {
        Self { one_every: SAVED_UP_FOR / per_minute.get(), accounts: Mutex::default() }
    }

    /// Takes one request of an account, or says when there is one.
    pub(super) fn take(&self, scope: &Scope, now: Instant) -> Result<(), Problem> {
        self.of(scope, now, |budget| {
            let full_at = budget.full_at.max(now) + self.one_every;
            match (full_at - now).checked_sub(SAVED_UP_FOR).filter(|early| !early.is_zero()) {
                None => {
                    budget.full_at = full_at;
                    Ok(())
                }
                Some(early) => Err(Problem::too_many("the account makes too many requests", early)),
            }
        })
    }

    /// Takes the right to export, which ends when it is dropped.
    pub(super) fn export(&self, scope: &Scope, now: Instant) -> Result<OwnedSemaphorePermit, Problem> {
        let taken = self.of(scope, now, |budget| Arc::clone(&budget.exports).try_acquire_owned());
        taken.map_err(|_| {
            Problem::too_many(format!("the account has {EXPORTS} exports going on, which is the most"), Duration::from_secs(10))
        })
    }

    fn of<T>(&self, Scope { account, environment }: &Scope, now: Instant, take: impl FnOnce(&mut Budget) -> T) -> T {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Budget { full_at: now, exports: Arc::new(Semaphore::new(EXPORTS)) };
        take(accounts.entry((account.clone(), *environment)).or_insert_with(new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_s_requests_may_be_made_in_one_go_and_then_one_by_one() {
        let budgets = Budgets::new(NonZeroU32::new(60).expect("it is not zero"));
        let of = |account: &str, environment| Scope { account: AccountId(account.to_owned()), environment };
        let (grocer, start) = (of("grocer", Environment::Production), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        for request in 0..60 {
            assert!(budgets.take(&grocer, start).is_ok(), "{request}");
        }
        assert!(budgets.take(&grocer, start).is_err());
        assert!(budgets.take(&of("grocer", Environment::Development), start).is_ok());
        assert!(budgets.take(&of("baker", Environment::Production), start).is_ok());
        assert!(budgets.take(&grocer, at(999)).is_err());
        assert!(budgets.take(&grocer, at(1_000)).is_ok());
        assert!(budgets.take(&grocer, at(1_000)).is_err());
    }

    #[test]
    fn two_exports_of_an_account_go_on_at_once() {
        let budgets = Budgets::new(NonZeroU32::MIN);
        let scope = Scope { account: AccountId("grocer".to_owned()), environment: Environment::Production };
        let now = Instant::now();
        let [one, _two] = [(); EXPORTS].map(|()| budgets.export(&scope, now).expect("there is one left"));
        assert!(budgets.export(&scope, now).is_err());
        drop(one);
        assert!(budgets.export(&scope, now).is_ok());
    }
}
