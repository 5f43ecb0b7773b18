//! Links by which somebody chooses an operator's password: good for an hour, once, and until another is made.

use std::time::{Duration, SystemTime};

use ring::digest::{SHA256, digest};
use signedcall_wire::Redacted;

use crate::keys::{NoRandomness, random_secret};
use crate::store::{Accounts, OperatorRecord, SecretHash, StoreError};

/// How long a link is good: time to open it, and not to forget it somewhere.
const GOOD_FOR: Duration = Duration::from_secs(3600);
/// The most bytes of an operator's name.
pub(super) const MAX_NAME_BYTES: usize = 64;
/// What the first operator is called.
pub(crate) const FIRST_OPERATOR: &str = "admin";

/// Why there is no link, or no operator to remove.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The name is none.
    #[error("{0:?} is no name: one has 1 to 64 ASCII letters, digits, and . _ -")]
    Name(String),
    /// There is no such operator.
    #[error("there is no operator {0:?}")]
    Unknown(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No secret could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Makes a link for an operator, who need not be known yet: the part of it that follows the dashboard's address. It leaves the password as it is until it is
/// used.
///
/// # Errors
/// The name is none; the store failed.
pub fn new_link(accounts: &Accounts, operator: &str) -> Result<Redacted<String>, OperatorError> {
    if !is_name(operator) {
        return Err(OperatorError::Name(operator.to_owned()));
    }
    let secret = random_secret()?;
    accounts.put_link(operator, hash_of(&secret), SystemTime::now() + GOOD_FOR)?;
    // Behind the number sign, so that no server or proxy on the way writes it down.
    Ok(Redacted::new(format!("/#/link/{}", secret.expose())))
}

/// Everybody who may sign in to the dashboard, by name.
///
/// # Errors
/// The store failed.
pub fn list(accounts: &Accounts) -> Result<Vec<OperatorRecord>, OperatorError> {
    Ok(accounts.operators()?)
}

/// Removes an operator, whose sessions are over at once.
///
/// # Errors
/// There is no such operator; the store failed.
pub fn remove(accounts: &Accounts, operator: &str) -> Result<(), OperatorError> {
    if accounts.remove_operator(operator)? { Ok(()) } else { Err(OperatorError::Unknown(operator.to_owned())) }
}

/// What is kept of a link or a session. It is random, so that nothing slower is needed to keep it from being guessed.
pub(super) fn hash_of(secret: &Redacted<String>) -> SecretHash {
    let mut hash = SecretHash::default();
    hash.copy_from_slice(digest(&SHA256, secret.expose().as_bytes()).as_ref());
    hash
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
