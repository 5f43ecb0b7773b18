//! Adding accounts: what is checked of them, how they get their keys, and the demo account.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use signedcall_wire::{AccountId, Branding, ButtonTheme, Color, Cuid, Environment, Redacted};

use crate::hub::KeyId;
use crate::keys::{NoRandomness, hash, is_key_of, random_key, random_key_id};
use crate::store::{Account, Accounts, AddAccountError, AddedKey, BlockedUser, Credential, KeyRecord, MAX_KEYS, SetTokenKeys, StoreError};
use crate::tokens::{InvalidKeySet, TokenKey, read_key_set};

/// The environments that every account has a key for.
const ENVIRONMENTS: [Environment; 2] = [Environment::Production, Environment::Development];
/// The most characters of an id or a company's name.
const MAX_LENGTH: usize = 64;
/// The most bytes of a logo's URL. It is sent to every device that signs in.
const MAX_LOGO_BYTES: usize = 2 * 1024;
/// The longest limit of a call, in seconds: a day is no limit to speak of.
pub(crate) const MAX_CALL_SECONDS: u64 = 24 * 3600;
/// The id of the demo account.
pub const DEMO_ACCOUNT: &str = "demo";

/// Why an account is not added or changed, by the property's name.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// A property is wrong.
    #[error("{name} {value:?}: {why}")]
    Property {
        /// Which.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no such account.
    #[error("there is no account {0:?}")]
    Unknown(AccountId),
    /// The account has no such key, or it was revoked before.
    #[error("the account {account:?} has no key {key:?} that is good", key = .key.0)]
    UnknownKey {
        /// The account.
        account: AccountId,
        /// The key.
        key: KeyId,
    },
    /// The keys that tokens are signed with cannot be used.
    #[error(transparent)]
    KeySet(#[from] InvalidKeySet),
    /// The account has a key of the same name in its other environment.
    #[error("the account's other environment has a key {0:?} already, and tokens name their key by nothing else")]
    KidTaken(String),
    /// There is no room for another key.
    #[error("the account has {MAX_KEYS} keys for this environment, which is the most; revoke one first")]
    TooManyKeys,
    /// The id is taken, or the store failed.
    #[error(transparent)]
    Add(#[from] AddAccountError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No key could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// A demo key could not be read or kept.
    #[error("the demo key cannot be kept in {path}: {source}", path = .path.display())]
    DemoKey {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// A new account's keys. Only their hashes are kept.
pub type Keys = [(Environment, Redacted<String>); 2];

/// Checks an account, adds it, and makes its keys.
///
/// # Errors
/// A property that is wrong, by its name; an id that is taken; a store that failed.
pub fn add(accounts: &Accounts, account: &Account) -> Result<Keys, AccountError> {
    check(account)?;
    let [production, development] = ENVIRONMENTS;
    let keys = [(production, random_key(production)?), (development, random_key(development)?)];
    add_with_keys(accounts, account, &keys)?;
    Ok(keys)
}

/// Makes one more key of an account, beside those that there are.
///
/// # Errors
/// There is no such account, or no room for another key; the store failed.
pub fn add_key(accounts: &Accounts, id: &AccountId, environment: Environment) -> Result<(KeyId, Redacted<String>), AccountError> {
    let key = random_key(environment)?;
    let credential = credential(environment, &key)?;
    match accounts.add_credential(id, &credential)? {
        AddedKey::Added => Ok((credential.id, key)),
        AddedKey::NoAccount => Err(AccountError::Unknown(id.clone())),
        AddedKey::TooMany => Err(AccountError::TooManyKeys),
    }
}

/// Every key of an account, the oldest first.
///
/// # Errors
/// There is no such account; the store failed.
pub fn keys(accounts: &Accounts, id: &AccountId) -> Result<Vec<KeyRecord>, AccountError> {
    accounts.keys(id)?.ok_or_else(|| AccountError::Unknown(id.clone()))
}

/// Revokes a key: it lets nobody in any more, and whoever is signed in by it is signed out within a second.
///
/// # Errors
/// There is no such key; the store failed.
pub fn revoke_key(accounts: &Accounts, id: &AccountId, key: &KeyId) -> Result<(), AccountError> {
    if accounts.revoke_credential(id, key)? {
        return Ok(());
    }
    Err(AccountError::UnknownKey { account: id.clone(), key: key.clone() })
}

/// Registers the keys that an account signs user tokens with in one environment, instead of those before: a JWK set. Whoever is signed in by a token of a
/// key that is not among them has to bring another within half a minute.
///
/// # Errors
/// What is wrong with the set; there is no such account; the store failed.
pub fn set_token_keys(accounts: &Accounts, id: &AccountId, environment: Environment, key_set: &str) -> Result<(), AccountError> {
    match accounts.set_token_keys(id, environment, &read_key_set(key_set)?)? {
        SetTokenKeys::Set | SetTokenKeys::Same => Ok(()),
        SetTokenKeys::NoAccount => Err(AccountError::Unknown(id.clone())),
        SetTokenKeys::Taken(kid) => Err(AccountError::KidTaken(kid)),
    }
}

/// The keys that an account signs user tokens with.
///
/// # Errors
/// There is no such account; the store failed.
pub fn token_keys(accounts: &Accounts, id: &AccountId) -> Result<Vec<(Environment, TokenKey)>, AccountError> {
    let keys = accounts.token_keys(id)?.ok_or_else(|| AccountError::Unknown(id.clone()))?;
    Ok(keys.into_iter().map(|registered| (registered.environment, registered.key)).collect())
}

/// Blocks a user of an account in one environment, or lets them in again. Whoever is blocked and signed in is signed out within a second, and cannot
/// be called.
///
/// # Errors
/// There is no such account; the store failed.
pub fn block_user(accounts: &Accounts, id: &AccountId, environment: Environment, cuid: &Cuid, blocked: bool) -> Result<(), AccountError> {
    if accounts.block(id, environment, cuid, blocked)? { Ok(()) } else { Err(AccountError::Unknown(id.clone())) }
}

/// Everybody whom an account has blocked.
///
/// # Errors
/// There is no such account; the store failed.
pub fn blocked_users(accounts: &Accounts, id: &AccountId) -> Result<Vec<BlockedUser>, AccountError> {
    accounts.blocked(id)?.ok_or_else(|| AccountError::Unknown(id.clone()))
}

/// Makes sure that there is a demo account, with `key` as its development key, or one that is kept in `data`, and with this limit on its calls.
/// Gives that key.
///
/// # Errors
/// The store or the key's file cannot be written.
pub fn ensure_demo(
    accounts: &Accounts,
    data: &Path,
    key: Option<Redacted<String>>,
    max_call: Option<Duration>,
) -> Result<Redacted<String>, AccountError> {
    let development = match key {
        Some(key) => key,
        None => kept_key(&data.join("demo.key"), Environment::Development)?,
    };
    let keys = [
        (Environment::Production, kept_key(&data.join("demo.production.key"), Environment::Production)?),
        (Environment::Development, development.clone()),
    ];
    let account = Account { max_call, ..demo_account() };
    match accounts.find(&account.id)? {
        None => add_with_keys(accounts, &account, &keys)?,
        Some((_, credentials)) => {
            accounts.limit_calls(&account.id, max_call)?;
            for (environment, key) in &keys {
                let is_known = |known: &Credential| known.environment == *environment && is_key_of(key, &known.key_hash);
                if !credentials.iter().any(is_known) {
                    accounts.replace_credentials(&account.id, &credential(*environment, key)?)?;
                }
            }
        }
    }
    Ok(development)
}

fn demo_account() -> Account {
    let branding = Branding {
        name: "Parcelo".to_owned(),
        bg_color: Color { red: 0x0F, green: 0x3D, blue: 0x2E },
        font_color: Color { red: 0xFF, green: 0xFF, blue: 0xFF },
        logo: None,
        button_theme: ButtonTheme::Light,
    };
    Account { id: AccountId(DEMO_ACCOUNT.to_owned()), branding, relay_only: false, max_call: None, single_device: false }
}

/// Reads a key that an earlier start made, or makes one that only this user can read.
fn kept_key(path: &Path, environment: Environment) -> Result<Redacted<String>, AccountError> {
    let failed = |source| AccountError::DemoKey { path: path.to_owned(), source };
    match std::fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => return Ok(Redacted::new(text.trim().to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let key = random_key(environment)?;
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(failed)?;
    writeln!(file, "{}", key.expose()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(key)
}

fn add_with_keys(accounts: &Accounts, account: &Account, keys: &Keys) -> Result<(), AccountError> {
    let mut credentials = Vec::new();
    for (environment, key) in keys {
        credentials.push(credential(*environment, key)?);
    }
    Ok(accounts.add(account, &credentials)?)
}

/// What is kept of a new key.
fn credential(environment: Environment, key: &Redacted<String>) -> Result<Credential, NoRandomness> {
    Ok(Credential { id: random_key_id()?, environment, key_hash: hash(key)?, last_used_at_ms: None })
}

fn check(account: &Account) -> Result<(), AccountError> {
    let wrong = |name, value: &str, why| Err(AccountError::Property { name, value: value.to_owned(), why });
    let (id, name) = (account.id.0.as_str(), account.branding.name.as_str());
    if !(1..=MAX_LENGTH).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        return wrong("id", id, "an id has 1 to 64 ASCII letters, digits, _ and -");
    }
    if !(1..=MAX_LENGTH).contains(&name.chars().count()) || name.chars().any(char::is_control) || name.trim() != name {
        return wrong("name", name, "a name has 1 to 64 characters, none of them a control character, and no space at either end");
    }
    if let Some(limit) = account.max_call.filter(|limit| !(1..=MAX_CALL_SECONDS).contains(&limit.as_secs())) {
        return wrong("max-call-seconds", &limit.as_secs().to_string(), "a call may be limited to 1 to 86400 seconds");
    }
    if let Some(logo) = &account.branding.logo {
        let host = logo.strip_prefix("https://").unwrap_or_default();
        if host.is_empty() || logo.len() > MAX_LOGO_BYTES || logo.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return wrong("logo", logo, "a logo is an https:// URL of at most 2048 bytes");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: &str, name: &str, logo: Option<&str>) -> Account {
        let branding = Branding { name: name.to_owned(), logo: logo.map(str::to_owned), ..demo_account().branding };
        Account { id: AccountId(id.to_owned()), branding, relay_only: false, max_call: None, single_device: false }
    }

    fn limited(seconds: u64) -> Account {
        Account { max_call: Some(Duration::from_secs(seconds)), ..named("parcelo", "Parcelo", None) }
    }

    #[test]
    fn a_wrong_property_is_refused_by_its_name() {
        assert!(check(&limited(1)).is_ok() && check(&limited(MAX_CALL_SECONDS)).is_ok());
        assert!(check(&named("parcelo-eu_1", "Parcelo", Some("https://parcelo.example/logo.png"))).is_ok());
        let long = "x".repeat(65);
        let rows = [
            (named("", "Parcelo", None), "id"),
            (named("a b", "Parcelo", None), "id"),
            (named(&long, "Parcelo", None), "id"),
            (named("parcelo", "", None), "name"),
            (named("parcelo", &long, None), "name"),
            (named("parcelo", "Par\ncelo", None), "name"),
            (named("parcelo", "Parcelo", Some("http://parcelo.example/logo.png")), "logo"),
            (named("parcelo", "Parcelo", Some("https://")), "logo"),
            (limited(0), "max-call-seconds"),
            (limited(MAX_CALL_SECONDS + 1), "max-call-seconds"),
        ];
        for (account, property) in rows {
            let refused = check(&account);
            assert!(matches!(&refused, Err(AccountError::Property { name, .. }) if *name == property), "{account:?}: {refused:?}");
        }
    }

    #[test]
    fn the_demo_account_is_made_once_and_its_key_can_be_chosen() {
        let data = tempfile::tempdir().expect("a directory");
        let accounts = Accounts::open(&data.path().join("store.sqlite")).expect("a new store");
        let made = ensure_demo(&accounts, data.path(), None, None).expect("a demo account");
        assert_eq!(ensure_demo(&accounts, data.path(), None, None).expect("the same"), made);
        let (chosen, limit) = (Redacted::new("chosen".to_owned()), Duration::from_secs(60));
        assert_eq!(ensure_demo(&accounts, data.path(), Some(chosen.clone()), Some(limit)).expect("the same"), chosen);
        let (account, credentials) = accounts.find(&AccountId(DEMO_ACCOUNT.to_owned())).expect("a good store").expect("the account");
        let of = |key: &Redacted<String>| credentials.iter().find(|known| is_key_of(key, &known.key_hash)).map(|known| known.environment);
        assert_eq!((of(&chosen), of(&made)), (Some(Environment::Development), None));
        assert_eq!((credentials.len(), account.max_call), (2, Some(limit)));
    }
}
