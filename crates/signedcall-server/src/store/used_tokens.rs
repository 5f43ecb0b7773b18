//! Which user tokens were used, for as long as they would be good: also across a start of the service.

use rusqlite::{TransactionBehavior, params};
use sha2::{Digest, Sha256};
use signedcall_wire::AccountId;

use super::{Accounts, StoreError};

/// How many tokens that have expired are forgotten for each that is used: more than one, so that they do not gather, and few, so that nobody waits.
const FORGOTTEN_AT_ONCE: u32 = 16;

impl Accounts {
    /// Uses a token up, and says whether it was good until now. Moments are seconds since 1970. What it says is durable.
    pub(crate) fn use_token(&self, account: &AccountId, jti: &str, until: u64, now: u64) -> Result<bool, StoreError> {
        // Of the same length for each, so that nobody fills the store with long ones.
        let id = &Sha256::digest(jti)[..16];
        let seconds = |moment: u64| i64::try_from(moment).unwrap_or(i64::MAX);
        let mut connection = self.connection();
        let mut take = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let forget = "DELETE FROM used_tokens WHERE (account, id) IN (SELECT account, id FROM used_tokens WHERE until <= ? LIMIT ?)";
            transaction.prepare_cached(forget)?.execute(params![seconds(now), FORGOTTEN_AT_ONCE])?;
            let note = "INSERT INTO used_tokens (account, id, until) VALUES (?, ?, ?)
                        ON CONFLICT (account, id) DO UPDATE SET until = excluded.until WHERE until <= ?";
            let noted = transaction.prepare_cached(note)?.execute(params![account.0, id, seconds(until), seconds(now)])?;
            transaction.commit()?;
            Ok(noted > 0)
        };
        take().map_err(|error| self.failed(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_once_until_it_would_have_expired_also_by_a_service_that_was_started_again() {
        let data = tempfile::tempdir().expect("a directory");
        let open = || Accounts::open(&data.path().join("store.sqlite")).expect("a store");
        let accounts = open();
        let (one, other) = (AccountId("one".to_owned()), AccountId("other".to_owned()));
        let taken = |accounts: &Accounts, account, jti, until, now| accounts.use_token(account, jti, until, now).expect("a good store");
        assert!(taken(&accounts, &one, "a", 100, 0));
        assert!(!taken(&accounts, &one, "a", 100, 99));
        assert!(taken(&accounts, &other, "a", 100, 99), "ids are of an account");
        drop(accounts);
        let accounts = open();
        assert!(!taken(&accounts, &one, "a", 100, 99));
        assert!(taken(&accounts, &one, "a", 200, 100), "it is forgotten once it has expired");
        assert!(!taken(&accounts, &one, "a", 200, 199));
    }

    #[test]
    fn tokens_that_have_expired_are_forgotten_a_few_at_a_time() {
        let data = tempfile::tempdir().expect("a directory");
        let accounts = Accounts::open(&data.path().join("store.sqlite")).expect("a store");
        let account = AccountId("one".to_owned());
        let kept = |number: u32, now| {
            assert!(accounts.use_token(&account, &number.to_string(), now + 100, now).expect("a good store"));
            let count = accounts.connection().query_row("SELECT count(*) FROM used_tokens", [], |row| row.get::<_, u32>(0));
            count.expect("a good store")
        };
        let most = FORGOTTEN_AT_ONCE;
        for number in 0..2 * most {
            assert_eq!(kept(number, 0), number + 1);
        }
        assert_eq!([kept(2 * most, 100), kept(2 * most + 1, 100), kept(2 * most + 2, 100)], [most + 1, 2, 3]);
    }
}
