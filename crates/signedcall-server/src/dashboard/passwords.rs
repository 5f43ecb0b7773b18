//! Passwords of operators: what is asked of them, and how they are verified without stalling anybody.

use signedcall_wire::Redacted;
use tokio::sync::Semaphore;

use super::refused::{Refused, failed};
use crate::keys::{NoRandomness, hash, is_key_of, random_secret};

/// The fewest characters of a password. What else is asked of one makes people choose worse ones.
const LEAST_LENGTH: usize = 12;
/// The most bytes.
const MOST_BYTES: usize = 1024;

/// Verifies one at a time: each takes 19 MiB and a core for some 20 ms, and devices have others to do so for.
#[derive(Debug)]
pub(super) struct Passwords {
    turn: Semaphore,
    /// The hash of a password that nobody has: how long an answer takes says nothing of whether there is such an operator.
    nobodys: String,
}

impl Passwords {
    pub(super) fn new() -> Result<Self, NoRandomness> {
        Ok(Self { turn: Semaphore::new(1), nobodys: hash(&random_secret()?)? })
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

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
        let Ok(_turn) = self.turn.acquire().await else {
            return Err(Refused::unavailable());
        };
        tokio::task::spawn_blocking(work).await.map_err(|panicked| failed(&panicked))
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
