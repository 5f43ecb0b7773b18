//! The one place for secrets: the keyring of the operating system (R12).
//!
//! On Linux that is the Secret Service (GNOME Keyring, KWallet, KeePassXC); elsewhere Keychain and the Credential Manager.

use std::time::Duration;

use keyring::v1::{Entry, Error as StoreError};
use signedcall_wire::Redacted;

/// How long the keyring may take. A locked one asks the user for a password before it answers, and the user needs time to type it.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the keyring may take when no user is to be asked: reading at start.
const QUICK_PATIENCE: Duration = Duration::from_secs(5);

/// Whose secret it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretOwner {
    /// The application and its profile, such as `org.example.app/default`: what a keyring program shows as the secret's service.
    pub service: String,
    /// The company.
    pub account_id: String,
    /// The user.
    pub cuid: String,
}

/// Why the keyring did not keep, give or forget a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no keyring, or it does not work.
    #[error("this computer has no keyring that works, so the key is kept for this session only: {0}")]
    KeyringAbsent(String),
    /// There is a keyring, and it is locked: the user has not typed its password, or not in time.
    #[error("the keyring is locked; unlock it, or go on with the key for this session only")]
    KeyringLocked,
}

/// Keeps the api key of `owner`, instead of the one kept before.
///
/// # Errors
/// [`SecretError`]; the key is kept nowhere else then.
pub async fn save(owner: &SecretOwner, api_key: &Redacted<String>) -> Result<(), SecretError> {
    let (service, user, key) = (owner.service.clone(), owner.user(), api_key.clone());
    ask(PATIENCE, move || Entry::new(&service, &user)?.set_password(key.expose())).await
}

/// Gives the api key of `owner`; `None` when none is kept.
///
/// # Errors
/// [`SecretError`].
pub async fn load(owner: &SecretOwner) -> Result<Option<Redacted<String>>, SecretError> {
    let (service, user) = (owner.service.clone(), owner.user());
    ask(QUICK_PATIENCE, move || match Entry::new(&service, &user)?.get_password() {
        Ok(key) => Ok(Some(Redacted::new(key))),
        Err(StoreError::NoEntry) => Ok(None),
        Err(error) => Err(error),
    })
    .await
}

/// Forgets the api key of `owner`, if one is kept.
///
/// # Errors
/// [`SecretError`].
pub async fn forget(owner: &SecretOwner) -> Result<(), SecretError> {
    let (service, user) = (owner.service.clone(), owner.user());
    ask(PATIENCE, move || match Entry::new(&service, &user)?.delete_credential() {
        Ok(()) | Err(StoreError::NoEntry) => Ok(()),
        Err(error) => Err(error),
    })
    .await
}

impl SecretOwner {
    fn user(&self) -> String {
        format!("{}/{}", self.account_id, self.cuid)
    }
}

/// Asks the keyring on a thread of its own: it blocks until the user has answered its prompt, and a prompt that nobody answers must neither
/// hold an async thread nor the end of the program.
async fn ask<T: Send + 'static>(
    patience: Duration,
    question: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, SecretError> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || answer.send(question()));
    match tokio::time::timeout(patience, answered).await {
        Ok(Ok(answer)) => answer.map_err(|error| explain(&error)),
        Ok(Err(_)) => Err(SecretError::KeyringAbsent("it stopped".to_owned())),
        Err(_) => Err(SecretError::KeyringLocked),
    }
}

fn explain(error: &StoreError) -> SecretError {
    if matches!(error, StoreError::NoStorageAccess(_)) { SecretError::KeyringLocked } else { SecretError::KeyringAbsent(error.to_string()) }
}
