//! Passwords of operators: what is asked of them, and how they are verified without stalling anybody.

use std::sync::Arc;
use std::time::Duration;

use signedcall_wire::Redacted;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::refused::{Refused, failed};
use crate::keys::{NoRandomness, hash, is_key_of, random_secret};

/// The fewest characters of a password. What else is asked of one makes people choose worse ones.
const LEAST_LENGTH: usize = 12;
/// The most bytes.
const MOST_BYTES: usize = 1024;

/// How long somebody waits for their turn: as many come to it in this time as operators there are in a large company.
const TURN_WITHIN: Duration = Duration::from_secs(5);

/// Verifies one at a time: each takes 19 MiB and a core for some 20 ms, and devices have others to do so for.
#[derive(Debug)]
pub(super) struct Passwords {
    turn: Arc<Semaphore>,
    /// The hash of a password that nobody has: how long an answer takes says nothing of whether there is such an operator.
    nobodys: String,
}

impl Passwords {
    pub(super) fn new() -> Result<Self, NoRandomness> {
        Ok(Self { turn: Arc::new(Semaphore::new(1)), nobodys: hash(&random_secret()?)? })
    }

    /// Whether a password is the one of which this is kept.
    pub(super) async fn verify(&self, password: Redacted<String>, kept: Option<String>) -> Result<bool, Refused> {
        let is_known = kept.is_some();
        let kept = kept.unwrap_or_else(|| self.nobodys.clone());
        let is_right = self.work(move || is_key_of(&password, &kept)).await?;
        Ok(is_right && is_known)
    }

    /// What is kept of a password that somebody has chosen.
    pub(super) async fn hash(&self, password: Redacted<String>) -> Result<String, Refused> {
        self.work(move || hash(&password)).await?.map_err(|error| failed(&error))
    }

    /// Does what takes 19 MiB and a core for a while, in its turn.
    pub(super) async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
        let Ok(Ok(turn)) = timeout(TURN_WITHIN, Arc::clone(&self.turn).acquire_owned()).await else {
            return Err(Refused::unavailable());
        };
        let work = tokio::task::spawn_blocking(move || {
            // Whoever has asked may have left: the next one's turn comes once the work is done, not before.
            let _turn = turn;
            work()
        });
        work.await.map_err(|panicked| failed(&panicked))
    }
}

/// Checks a password that somebody chooses.
pub(super) fn check(password: &Redacted<String>) -> Result<(), Refused> {
    let password = password.expose();
    let is_good = password.chars().count() >= LEAST_LENGTH && password.len() <= MOST_BYTES;
    if is_good { Ok(()) } else { Err(Refused::field("password")) }
}

/// Whether this can be a password at all: what is longer is not worth being hashed.
pub(super) fn can_be_one(password: &Redacted<String>) -> bool {
    password.expose().len() <= MOST_BYTES
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn whoever_leaves_gives_their_turn_away_only_once_the_work_is_done() {
        let passwords = Passwords::new().expect("randomness");
        let (begin, begun) = tokio::sync::oneshot::channel();
        let (finish, finished) = std::sync::mpsc::channel::<()>();
        let mut leaves = Box::pin(passwords.work(move || {
            begin.send(()).expect("somebody waits");
            finished.recv().expect("it is told to finish");
        }));
        assert!(leaves.as_mut().now_or_never().is_none(), "it works");
        begun.await.expect("it works");
        drop(leaves);
        assert_eq!(passwords.turn.available_permits(), 0, "it works still");
        finish.send(()).expect("it waits");
        passwords.work(|| ()).await.expect("its turn has come");
    }
}
