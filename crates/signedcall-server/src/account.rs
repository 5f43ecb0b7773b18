//! Adding accounts: what is checked of them, and how they get their keys.

use std::path::PathBuf;
use std::time::Duration;

use signedcall_wire::{AccountId, Branding, Cuid, Environment, Redacted};

use crate::hub::{CallRates, KeyId, Policy, QuietHours};
use crate::keys::{NoRandomness, hash, id_in, random_key, random_key_id};
use crate::outward;
use crate::store::{
    Account, Accounts, AddAccountError, AddedKey, BlockedUser, Credential, KeptEvent, KeyRecord, MAX_KEYS, Outcome, QuietUser,
    SetTokenKeys, StoreError,
};
use crate::tokens::{InvalidKeySet, TokenKey, read_key_set};

/// The environments that every account has a key for.
const ENVIRONMENTS: [Environment; 2] = [Environment::Production, Environment::Development];
/// The most characters of an id or a company's name.
const MAX_LENGTH: usize = 64;
/// The most bytes of a logo's URL. It is sent to every device that signs in.
const MAX_LOGO_BYTES: usize = 2 * 1024;
/// The longest limit of a call, in seconds: a day is no limit to speak of.
pub(crate) const MAX_CALL_SECONDS: u64 = 24 * 3600;
/// What the limits of calls in a minute are called, as `account add` takes them.
const USER_RATE: &str = "user-calls-per-minute";
const ACCOUNT_RATE: &str = "account-calls-per-minute";

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
    /// The demo account was given a key that its operator has revoked.
    #[error("the demo account's key for {environment:?} was revoked; choose another")]
    DemoKeyRevoked {
        /// Where.
        environment: Environment,
    },
    /// The demo account was given a key that says that it is for the other environment.
    #[error("the demo account's key for {environment:?} cannot be one that says that it is for the other environment")]
    DemoKeyElsewhere {
        /// Where it was to be good.
        environment: Environment,
    },
    /// The demo account was given a key with the id of another key.
    #[error("the demo account cannot have a key with the id {id:?}, which is another key's already", id = .0.0)]
    DemoKeyTaken(KeyId),
    /// A demo key could not be read or kept.
    #[error("the demo key cannot be kept in {path}: {source}", path = .path.display())]
    DemoKey {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// Whether something that was asked for was not so before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is so from now on.
    Made,
    /// It was so already.
    None,
}

/// A new account's keys. Only their hashes are kept.
pub type Keys = [(Environment, Redacted<String>); 2];

/// Checks an account, adds it, and makes its keys.
///
/// # Errors
/// A property that is wrong, by its name; an id that is taken; a store that failed.
pub fn add(accounts: &Accounts, account: &Account) -> Result<Keys, AccountError> {
    check(account)?;
    let (credentials, keys) = new_keys()?;
    add_with(accounts, account, &credentials)?;
    Ok(keys)
}

/// Makes the keys of an account that is about to be added, which takes a while: nobody is to wait for the store meanwhile.
pub(crate) fn new_keys() -> Result<([Credential; 2], Keys), NoRandomness> {
    let [(one, production), (other, development)] = [new_key(ENVIRONMENTS[0])?, new_key(ENVIRONMENTS[1])?];
    let keys = [(one.environment, production), (other.environment, development)];
    Ok(([one, other], keys))
}

/// Checks an account, and adds it with keys that were made before.
pub(crate) fn add_with(accounts: &Accounts, account: &Account, credentials: &[Credential; 2]) -> Result<(), AccountError> {
    check(account)?;
    Ok(accounts.add(account, credentials)?)
}

/// Changes what an account has set for calls of its users. It counts within a second for calls that are placed from then on, also by whoever is signed in. Where users are on
/// one device at a time from then on, those who are in no call are left signed in on the one that was connected last.
///
/// # Errors
/// The limit makes no sense; there is no such account; the store failed.
pub fn set_policy(accounts: &Accounts, id: &AccountId, policy: Policy) -> Result<(), AccountError> {
    check_limit(policy.max_call)?;
    check_rates(policy.call_rates)?;
    if accounts.set_policy(id, policy)? { Ok(()) } else { Err(AccountError::Unknown(id.clone())) }
}

/// Makes one more key of an account, beside those that there are.
///
/// # Errors
/// There is no such account, or no room for another key; the store failed.
pub fn add_key(accounts: &Accounts, id: &AccountId, environment: Environment) -> Result<(KeyId, Redacted<String>), AccountError> {
    let (credential, key) = new_key(environment)?;
    add_made_key(accounts, id, &credential)?;
    Ok((credential.id, key))
}

/// Adds a key that was made before to those of an account.
pub(crate) fn add_made_key(accounts: &Accounts, id: &AccountId, credential: &Credential) -> Result<(), AccountError> {
    match accounts.add_credential(id, credential)? {
        AddedKey::Added => Ok(()),
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
pub fn set_token_keys(accounts: &Accounts, id: &AccountId, environment: Environment, key_set: &str) -> Result<Change, AccountError> {
    match accounts.set_token_keys(id, environment, &read_key_set(key_set)?)? {
        SetTokenKeys::Set => Ok(Change::Made),
        SetTokenKeys::Same => Ok(Change::None),
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
/// be called. Whoever is let in again may sign in within a second.
///
/// # Errors
/// There is no such account; the store failed.
pub fn block_user(
    accounts: &Accounts,
    id: &AccountId,
    environment: Environment,
    cuid: &Cuid,
    blocked: bool,
) -> Result<Change, AccountError> {
    change_of(id, accounts.block(id, environment, cuid, blocked)?)
}

/// Everybody whom an account has blocked.
///
/// # Errors
/// There is no such account; the store failed.
pub fn blocked_users(accounts: &Accounts, id: &AccountId) -> Result<Vec<BlockedUser>, AccountError> {
    accounts.blocked(id)?.ok_or_else(|| AccountError::Unknown(id.clone()))
}

/// Sets the hours in which a user is not called, or all users of an account who have no hours of their own, or takes them away. They count within a
/// second.
///
/// # Errors
/// There is no such account; the store failed.
pub fn set_quiet_hours(
    accounts: &Accounts,
    id: &AccountId,
    environment: Environment,
    cuid: Option<&Cuid>,
    hours: Option<QuietHours>,
) -> Result<Change, AccountError> {
    change_of(id, accounts.set_quiet_hours(id, environment, cuid, hours)?)
}

/// Everybody of an account who has quiet hours.
///
/// # Errors
/// There is no such account; the store failed.
pub fn quiet_users(accounts: &Accounts, id: &AccountId) -> Result<Vec<QuietUser>, AccountError> {
    accounts.quiet_users(id)?.ok_or_else(|| AccountError::Unknown(id.clone()))
}

/// What devices have told of an account's calls for its analytics, in the order in which it was written down.
///
/// # Errors
/// There is no such account; the store failed.
pub fn analytics_events(accounts: &Accounts, id: &AccountId) -> Result<Vec<KeptEvent>, AccountError> {
    accounts.analytics_events(id)?.ok_or_else(|| AccountError::Unknown(id.clone()))
}

fn change_of(id: &AccountId, outcome: Outcome) -> Result<Change, AccountError> {
    match outcome {
        Outcome::Done => Ok(Change::Made),
        Outcome::Same => Ok(Change::None),
        Outcome::NoAccount => Err(AccountError::Unknown(id.clone())),
    }
}

/// Makes a key, and what is kept of it.
pub(crate) fn new_key(environment: Environment) -> Result<(Credential, Redacted<String>), NoRandomness> {
    let key = random_key(environment, &random_key_id()?)?;
    Ok((credential(environment, &key)?, key))
}

/// What is kept of a key.
pub(crate) fn credential(environment: Environment, key: &Redacted<String>) -> Result<Credential, NoRandomness> {
    let named = id_in(key);
    let (is_named, id) = (named.is_some(), named.map_or_else(random_key_id, Ok)?);
    Ok(Credential { id, environment, key_hash: hash(key)?, named: is_named, last_used_at_ms: None })
}

fn check(account: &Account) -> Result<(), AccountError> {
    let wrong = |name, value: &str, why| Err(AccountError::Property { name, value: value.to_owned(), why });
    let id = account.id.0.as_str();
    if !(1..=MAX_LENGTH).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        return wrong("id", id, "an id has 1 to 64 ASCII letters, digits, _ and -");
    }
    check_limit(account.max_call)?;
    check_rates(account.call_rates)?;
    match check_branding(&account.branding) {
        Ok(()) => Ok(()),
        Err(InvalidLook { name: "name", why }) => wrong("name", &account.branding.name, why),
        Err(InvalidLook { name, why }) => wrong(name, account.branding.logo.as_deref().unwrap_or_default(), why),
    }
}

fn check_limit(max_call: Option<Duration>) -> Result<(), AccountError> {
    match max_call.map(|limit| limit.as_secs()) {
        Some(seconds) if !(1..=MAX_CALL_SECONDS).contains(&seconds) => {
            let why = "a call may be limited to 1 to 86400 seconds";
            Err(AccountError::Property { name: "max-call-seconds", value: seconds.to_string(), why })
        }
        Some(_) | None => Ok(()),
    }
}

fn check_rates(rates: CallRates) -> Result<(), AccountError> {
    for (name, rate) in [(USER_RATE, rates.per_user), (ACCOUNT_RATE, rates.per_account)] {
        if let Some(rate) = rate.filter(|rate| rate.get() > CallRates::MOST) {
            return Err(AccountError::Property { name, value: rate.to_string(), why: "1 to 60000 calls may be placed in a minute" });
        }
    }
    Ok(())
}

/// Which property of a branding is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidLook {
    pub(crate) name: &'static str,
    /// What is wrong with it.
    pub(crate) why: &'static str,
}

/// Checks what a branding's type leaves open.
pub(crate) fn check_branding(branding: &Branding) -> Result<(), InvalidLook> {
    let name = branding.name.as_str();
    if !(1..=MAX_LENGTH).contains(&name.chars().count()) || name.chars().any(char::is_control) || name.trim() != name {
        let why = "a name has 1 to 64 characters, none of them a control character, and no space at either end";
        return Err(InvalidLook { name: "name", why });
    }
    if let Some(logo) = &branding.logo {
        check_logo(logo).map_err(|why| InvalidLook { name: "logo", why })?;
    }
    Ok(())
}

/// Checks where a logo is fetched from: by every device of the company's users, so that it leads into nobody's own network, and holds nothing that is not for
/// everybody to see.
fn check_logo(logo: &str) -> Result<(), &'static str> {
    if logo.len() > MAX_LOGO_BYTES || logo.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("a logo is an https:// URL of at most 2048 bytes, without spaces");
    }
    // What follows # names a part of the picture, and is asked of nobody.
    let (asked, _) = logo.split_once('#').unwrap_or((logo, ""));
    outward::check(asked, false).map(drop).map_err(|refused| refused.why)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::demo::demo_account;

    fn named(id: &str, name: &str, logo: Option<&str>) -> Account {
        let branding = Branding { name: name.to_owned(), logo: logo.map(str::to_owned), ..demo_account().branding };
        Account {
            id: AccountId(id.to_owned()),
            branding,
            relay_only: false,
            max_call: None,
            single_device: false,
            call_rates: Default::default(),
        }
    }

    fn rated(per_user: Option<u32>, per_account: Option<u32>) -> Account {
        let rate = |rate: Option<u32>| rate.and_then(NonZeroU32::new);
        Account { call_rates: CallRates { per_user: rate(per_user), per_account: rate(per_account) }, ..named("parcelo", "Parcelo", None) }
    }

    fn limited(seconds: u64) -> Account {
        Account { max_call: Some(Duration::from_secs(seconds)), ..named("parcelo", "Parcelo", None) }
    }

    #[test]
    fn a_wrong_property_is_refused_by_its_name() {
        assert!(check(&rated(Some(1), Some(CallRates::MOST))).is_ok());
        assert!(check(&limited(1)).is_ok() && check(&limited(MAX_CALL_SECONDS)).is_ok());
        for logo in ["https://parcelo.example/logo.png", "https://1.1.1.1/logo.png", "https://parcelo.example:8443/logo.svg?of=eu#dark"] {
            assert!(check(&named("parcelo-eu_1", "Parcelo", Some(logo))).is_ok(), "{logo}");
        }
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
            (named("parcelo", "Parcelo", Some("https://127.0.0.1/logo.png")), "logo"),
            (named("parcelo", "Parcelo", Some("https://192.168.1.1/logo.png#dark")), "logo"),
            (named("parcelo", "Parcelo", Some("https://user:pw@parcelo.example/logo.png")), "logo"),
            (limited(0), "max-call-seconds"),
            (limited(MAX_CALL_SECONDS + 1), "max-call-seconds"),
            (rated(Some(CallRates::MOST + 1), None), "user-calls-per-minute"),
            (rated(None, Some(CallRates::MOST + 1)), "account-calls-per-minute"),
        ];
        for (account, property) in rows {
            let refused = check(&account);
            assert!(matches!(&refused, Err(AccountError::Property { name, .. }) if *name == property), "{account:?}: {refused:?}");
        }
    }
}
