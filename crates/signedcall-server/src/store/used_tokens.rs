//! Which user tokens were used, for as long as they would be good: also across a start of the service.
//!
//! Each is durable before its user is let in. A thread with a connection of its own writes all that wait at once, so that neither those who sign in by
//! something else nor the operator's commands wait for its disk, and a storm of devices costs few waits for it.

use std::time::Duration;

use sha2::{Digest, Sha256};
use signedcall_wire::AccountId;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::sql::{self, Connection, params};
use super::{Location, StoreError};

/// How many tokens that have expired are forgotten for each that is used: more than one, so that they do not gather, and few, so that nobody waits.
const FORGOTTEN_AT_ONCE: u32 = 16;
/// How many tokens wait to be written, and are then written at once.
const MOST_AT_ONCE: usize = 64;
/// How long a sign-in waits for its turn before it is asked to come back: within the time that a device waits for its first answer.
const TURN_WITHIN: Duration = Duration::from_secs(5);

/// Why it is not known whether a token was good. It is still, unless the store fails in the very moment.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UseTokenError {
    /// Too many wait already.
    #[error("too many user tokens at once")]
    TooBusy,
    /// The store failed, which is logged.
    #[error("the service cannot write down at the moment which user tokens are used")]
    Failed,
}

/// Uses tokens up.
#[derive(Debug)]
pub(crate) struct UsedTokens {
    uses: Sender<TokenUse>,
    turn_within: Duration,
}

#[derive(Debug)]
struct TokenUse {
    account: AccountId,
    /// Of the same length for each, so that nobody fills the store with long ones.
    id: [u8; 16],
    until: i64,
    now: i64,
    told: oneshot::Sender<bool>,
}

impl UsedTokens {
    /// Opens a store that is up to date.
    pub(crate) fn start(at: impl Into<Location>) -> Result<Self, StoreError> {
        let connection = at.into().open_again()?;
        let (uses, mut waiting) = mpsc::channel(MOST_AT_ONCE);
        let thread = std::thread::Builder::new().name("used tokens".to_owned());
        let thread = thread.spawn(move || {
            while let Some(batch) = next_batch(&mut waiting) {
                write(&connection, batch);
            }
        });
        thread.map_err(StoreError::Thread)?;
        Ok(Self { uses, turn_within: TURN_WITHIN })
    }

    /// Uses a token up, and says whether it was good until now. Moments are seconds since 1970. What it says is durable.
    pub(crate) async fn take(&self, account: &AccountId, jti: &str, until: u64, now: u64) -> Result<bool, UseTokenError> {
        let mut id = [0; 16];
        id.copy_from_slice(&Sha256::digest(jti)[..16]);
        let seconds = |moment: u64| i64::try_from(moment).unwrap_or(i64::MAX);
        let turn = timeout(self.turn_within, self.uses.reserve()).await.map_err(|_| UseTokenError::TooBusy)?;
        let (told, tells) = oneshot::channel();
        turn.map_err(|_| UseTokenError::Failed)?.send(TokenUse {
            account: account.clone(),
            id,
            until: seconds(until),
            now: seconds(now),
            told,
        });
        tells.await.map_err(|_| UseTokenError::Failed)
    }
}

/// All uses that wait, once there is one, but for those that nobody waits for any more: their tokens stay good.
fn next_batch(waiting: &mut Receiver<TokenUse>) -> Option<Vec<TokenUse>> {
    let mut batch = Vec::with_capacity(MOST_AT_ONCE);
    if waiting.blocking_recv_many(&mut batch, MOST_AT_ONCE) == 0 {
        return None;
    }
    batch.retain(|token| !token.told.is_closed());
    Some(batch)
}

/// Writes a batch, and tells each whether its token was good; nothing where the store has failed, and all tokens stay good.
fn write(connection: &Connection, batch: Vec<TokenUse>) {
    match use_up(connection, &batch) {
        Ok(good) => {
            for (token, good) in batch.into_iter().zip(good) {
                // Whoever asked may have stopped waiting.
                let _ = token.told.send(good);
            }
        }
        Err(error) => tracing::error!(%error, "it cannot be written down which user tokens are used"),
    }
}

fn use_up(connection: &Connection, batch: &[TokenUse]) -> sql::Result<Vec<bool>> {
    // Two services that use the same tokens at once wait for each other, and never both for the other one.
    let mut in_order: Vec<usize> = (0..batch.len()).collect();
    in_order.sort_by_key(|place| (&batch[*place].account, batch[*place].id));
    let transaction = connection.begin_beside_others()?;
    let forget = format!(
        "DELETE FROM used_tokens WHERE (account, id) IN (SELECT account, id FROM used_tokens WHERE until <= ? LIMIT ?{})",
        transaction.unless_locked()
    );
    let mut good = vec![false; batch.len()];
    for place in in_order {
        let TokenUse { account, id, until, now, told: _ } = &batch[place];
        transaction.execute(&forget, params![now, FORGOTTEN_AT_ONCE])?;
        let note = "INSERT INTO used_tokens (account, id, until) VALUES (?, ?, ?)
                    ON CONFLICT (account, id) DO UPDATE SET until = excluded.until WHERE used_tokens.until <= ?";
        good[place] = transaction.execute(note, params![account.0, id, until, now])? > 0;
    }
    transaction.commit()?;
    Ok(good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{TestStore, on_each_store_at_once};

    on_each_store_at_once![
        a_token_is_taken_once_until_it_would_have_expired_also_by_a_service_that_was_started_again,
        tokens_that_have_expired_are_forgotten_a_few_at_a_time,
        one_of_two_that_bring_the_same_token_at_once_is_let_in,
        whoever_cannot_have_a_turn_is_sent_away_with_a_token_that_stays_good,
    ];

    /// The store is new.
    fn start(store: &TestStore) -> UsedTokens {
        drop(store.at().open().expect("a new store"));
        UsedTokens::start(store.at()).expect("a store")
    }

    fn account(name: &str) -> AccountId {
        AccountId(name.to_owned())
    }

    fn kept(store: &TestStore) -> u32 {
        store.number("SELECT count(*) FROM used_tokens").try_into().expect("a number")
    }

    async fn a_token_is_taken_once_until_it_would_have_expired_also_by_a_service_that_was_started_again(store: &TestStore) {
        let (one, other) = (account("one"), account("other"));
        let tokens = start(store);
        let taken = async |tokens: &UsedTokens, account, until, now| tokens.take(account, "a", until, now).await.expect("a good store");
        assert!(taken(&tokens, &one, 100, 0).await);
        assert!(!taken(&tokens, &one, 100, 99).await);
        assert!(taken(&tokens, &other, 100, 99).await, "ids are of an account");
        drop(tokens);
        let tokens = UsedTokens::start(store.at()).expect("a store");
        assert!(!taken(&tokens, &one, 100, 99).await);
        assert!(taken(&tokens, &one, 200, 100).await, "it is forgotten once it has expired");
        assert!(!taken(&tokens, &one, 200, 199).await);
    }

    async fn tokens_that_have_expired_are_forgotten_a_few_at_a_time(store: &TestStore) {
        let (tokens, account) = (start(store), account("one"));
        let most = FORGOTTEN_AT_ONCE;
        let after = async |number: u32, now| {
            assert!(tokens.take(&account, &number.to_string(), now + 100, now).await.expect("a good store"));
            kept(store)
        };
        for number in 0..2 * most {
            assert_eq!(after(number, 0).await, number + 1);
        }
        assert_eq!([after(2 * most, 100).await, after(2 * most + 1, 100).await, after(2 * most + 2, 100).await], [most + 1, 2, 3]);
    }

    async fn one_of_two_that_bring_the_same_token_at_once_is_let_in(store: &TestStore) {
        let (tokens, account) = (start(store), account("one"));
        let (one, other) = tokio::join!(tokens.take(&account, "a", 100, 0), tokens.take(&account, "a", 100, 0));
        assert_eq!(one.expect("a good store") as u8 + other.expect("a good store") as u8, 1);
    }

    async fn whoever_cannot_have_a_turn_is_sent_away_with_a_token_that_stays_good(store: &TestStore) {
        let (uses, mut waiting) = mpsc::channel(1);
        let tokens = UsedTokens { uses, turn_within: Duration::from_millis(1) };
        let account = account("one");
        let waits = tokens.take(&account, "a", 100, 0);
        tokio::pin!(waits);
        assert!(timeout(Duration::from_millis(1), &mut waits).await.is_err(), "nobody writes");
        let refused = tokens.take(&account, "b", 100, 0).await.expect_err("there is no room");
        assert!(matches!(refused, UseTokenError::TooBusy));
        let batch = tokio::task::spawn_blocking(move || next_batch(&mut waiting)).await.expect("no bug").expect("one waits");
        let connection = store.at().open().expect("a new store");
        write(&connection, batch);
        assert!(waits.await.expect("a good store"));
        assert_eq!(kept(store), 1, "the other was not used");
    }

    #[test]
    fn a_token_that_nobody_waits_for_any_more_stays_good() {
        let (uses, mut waiting) = mpsc::channel(2);
        let token = |jti| {
            let (told, tells) = oneshot::channel();
            (TokenUse { account: account("one"), id: [jti; 16], until: 100, now: 0, told }, tells)
        };
        let ((gone, its_answer), (good, _answer)) = (token(1), token(2));
        drop(its_answer);
        for token in [gone, good] {
            uses.blocking_send(token).expect("room");
        }
        let batch = next_batch(&mut waiting).expect("they wait");
        assert_eq!(batch.iter().map(|token| token.id[0]).collect::<Vec<_>>(), [2]);
    }
}
