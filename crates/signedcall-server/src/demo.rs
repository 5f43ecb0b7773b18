//! The demo account: its keys are made by the service itself, or chosen by whoever starts it.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use signedcall_wire::{AccountId, Branding, ButtonTheme, Color, Environment, Redacted};

use crate::account::{AccountError, credential, new_key};
use crate::keys::{environment_in, is_key_of};
use crate::store::{Account, Accounts, Credential, ReplacedKey};

/// The id of the demo account.
const DEMO_ACCOUNT: &str = "demo";

/// Makes sure that there is a demo account, with `key` as its development key, or one that is kept in `data`, and with this limit on its calls.
/// Gives that key. A kept key that was revoked is made anew.
///
/// # Errors
/// `key` was revoked, is for the other environment, or has the id of another key; the store or the key's file cannot be written.
pub(crate) fn ensure_demo(
    accounts: &Accounts,
    data: &Path,
    key: Option<Redacted<String>>,
    max_call: Option<Duration>,
) -> Result<Redacted<String>, AccountError> {
    let account = Account { max_call, ..demo_account() };
    match accounts.find(&account.id)? {
        None => accounts.add(&account, &[])?,
        Some(_) => accounts.limit_calls(&account.id, max_call)?,
    }
    let kept = |name: &str| data.join(name);
    ensure_demo_key(accounts, &account.id, Environment::Production, None, &kept("demo.production.key"))?;
    ensure_demo_key(accounts, &account.id, Environment::Development, key, &kept("demo.key"))
}

/// Makes sure that a key is good that was chosen, or else one that is kept in `path`.
fn ensure_demo_key(
    accounts: &Accounts,
    id: &AccountId,
    environment: Environment,
    chosen: Option<Redacted<String>>,
    path: &Path,
) -> Result<Redacted<String>, AccountError> {
    let is_among = |key: &Redacted<String>, known: Vec<Credential>| {
        Credential::that_could_be(key, known).iter().any(|known| known.environment == environment && is_key_of(key, &known.key_hash))
    };
    let given = match &chosen {
        Some(_) => chosen.clone(),
        None => read_key(path)?,
    };
    let replace = |credential: &Credential| match accounts.replace_demo_key(id, credential)? {
        ReplacedKey::Replaced => Ok(()),
        ReplacedKey::Taken => Err(AccountError::DemoKeyTaken(credential.id.clone())),
    };
    if chosen.as_ref().and_then(environment_in).is_some_and(|said| said != environment) {
        return Err(AccountError::DemoKeyElsewhere { environment });
    }
    if let Some(key) = given {
        let good = accounts.find(id)?.map(|(_, credentials)| credentials).unwrap_or_default();
        if is_among(&key, good) {
            return Ok(key);
        }
        if !is_among(&key, accounts.revoked_credentials(id)?) {
            replace(&credential(environment, &key)?)?;
            return Ok(key);
        }
        if chosen.is_some() {
            return Err(AccountError::DemoKeyRevoked { environment });
        }
    }
    let (credential, key) = new_key(environment)?;
    keep_key(path, &key)?;
    replace(&credential)?;
    Ok(key)
}

pub(crate) fn demo_account() -> Account {
    let branding = Branding {
        name: "Parcelo".to_owned(),
        bg_color: Color { red: 0x0F, green: 0x3D, blue: 0x2E },
        font_color: Color { red: 0xFF, green: 0xFF, blue: 0xFF },
        logo: None,
        button_theme: ButtonTheme::Light,
    };
    Account {
        id: AccountId(DEMO_ACCOUNT.to_owned()),
        branding,
        relay_only: false,
        max_call: None,
        single_device: false,
        call_rates: Default::default(),
    }
}

/// Reads a key that an earlier start has made.
fn read_key(path: &Path) -> Result<Option<Redacted<String>>, AccountError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim()).filter(|key| !key.is_empty()).map(|key| Redacted::new(key.to_owned()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AccountError::DemoKey { path: path.to_owned(), source }),
    }
}

/// Keeps a key for the next start, for this user's eyes only.
fn keep_key(path: &Path, key: &Redacted<String>) -> Result<(), AccountError> {
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        writeln!(file, "{}", key.expose())?;
        file.sync_all()
    };
    write().map_err(|source| AccountError::DemoKey { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{add_key, keys, revoke_key};
    use crate::hub::KeyId;

    /// A store with a demo account, as one start after the other finds it.
    struct Demo {
        data: tempfile::TempDir,
        accounts: Accounts,
        id: AccountId,
    }

    impl Demo {
        fn new() -> Self {
            let data = tempfile::tempdir().expect("a directory");
            let accounts = Accounts::open(&data.path().join("store.sqlite")).expect("a new store");
            Self { data, accounts, id: AccountId(DEMO_ACCOUNT.to_owned()) }
        }

        fn start(&self, key: Option<&str>) -> Result<Redacted<String>, AccountError> {
            ensure_demo(&self.accounts, self.data.path(), key.map(|key| Redacted::new(key.to_owned())), None)
        }

        fn good(&self) -> Vec<Credential> {
            self.accounts.find(&self.id).expect("a good store").expect("the account").1
        }

        /// What a key is called, if it is good.
        fn find(&self, key: &Redacted<String>) -> Option<KeyId> {
            self.good().into_iter().find(|known| is_key_of(key, &known.key_hash)).map(|known| known.id)
        }
    }

    #[test]
    fn the_demo_account_is_made_once_and_its_key_can_be_chosen() {
        let demo = Demo::new();
        let made = demo.start(None).expect("a demo account");
        assert_eq!(demo.start(None).expect("the same"), made);
        assert_eq!(demo.good().len(), 2);
        let chosen = demo.start(Some("chosen")).expect("another key");
        assert_eq!((chosen.expose().as_str(), demo.good().len()), ("chosen", 2));
        assert!(demo.find(&chosen).is_some() && demo.find(&made).is_none());
        assert_eq!(demo.start(None).expect("the one that is kept"), made);
        assert!(demo.find(&chosen).is_none() && demo.find(&made).is_some());
        let limit = Duration::from_secs(60);
        ensure_demo(&demo.accounts, demo.data.path(), None, Some(limit)).expect("a limit");
        let (account, _) = demo.accounts.find(&demo.id).expect("a good store").expect("the account");
        assert_eq!(account.max_call, Some(limit));
    }

    #[test]
    fn a_demo_key_that_was_revoked_stays_revoked_when_the_service_is_started_again() {
        let demo = Demo::new();
        let made = demo.start(None).expect("a demo account");
        revoke_key(&demo.accounts, &demo.id, &demo.find(&made).expect("it is good")).expect("it was good");
        let next = demo.start(None).expect("another key");
        assert!(next != made && demo.find(&next).is_some() && demo.find(&made).is_none());
        assert_eq!(demo.start(None).expect("the same"), next);
        demo.start(Some("chosen")).expect("another key");
        let chosen = Redacted::new("chosen".to_owned());
        revoke_key(&demo.accounts, &demo.id, &demo.find(&chosen).expect("it is good")).expect("it was good");
        let refused = demo.start(Some("chosen")).expect_err("it was revoked");
        assert!(refused.to_string().contains("was revoked; choose another"), "{refused}");
        assert!(demo.find(&chosen).is_none());
    }

    #[test]
    fn a_demo_key_whose_id_is_another_key_s_or_that_is_for_production_is_refused_in_words() {
        let demo = Demo::new();
        let made = demo.start(None).expect("a demo account");
        let (id, added) = add_key(&demo.accounts, &demo.id, Environment::Development).expect("room for another");
        let last = if added.expose().ends_with('A') { 'B' } else { 'A' };
        let forged = format!("{}{last}", &added.expose()[..added.expose().len() - 1]);
        let refused = demo.start(Some(&forged)).expect_err("its id is taken").to_string();
        assert!(refused.contains(&id.0) && !refused.contains(&forged), "{refused}");
        assert!(demo.find(&made).is_some() && demo.find(&added).is_some(), "nothing is taken away");
        let refused = demo.start(Some("sc_production_chosen")).expect_err("it is for production").to_string();
        assert!(refused.contains("Development") && refused.contains("other environment"), "{refused}");
        assert!(demo.find(&made).is_some());
    }

    #[test]
    fn what_an_operator_has_added_to_the_demo_account_is_not_taken_away() {
        let demo = Demo::new();
        demo.start(None).expect("a demo account");
        let (_, added) = add_key(&demo.accounts, &demo.id, Environment::Development).expect("room for another");
        demo.start(Some("chosen")).expect("another key");
        assert!(demo.find(&added).is_some());
        let keys = keys(&demo.accounts, &demo.id).expect("the account");
        assert!(keys.iter().all(|key| key.revoked_at.is_none()), "{keys:?}");
    }
}
