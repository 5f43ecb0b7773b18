//! The api keys of accounts: their hashes, when each was made, used and revoked.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use signedcall_wire::{AccountId, Environment, Redacted};

use super::blocked::all_blocked;
use super::sql::{self, Connection, params};
use super::token_keys::removed_token_keys;
use super::{Account, Accounts, StoreError, environment_name, environment_named, text_of, unix_millis};
use crate::hub::{KeyId, Withdrawn};
use crate::keys::{environment_in, id_in};

/// The most api keys of an account that are good at once in one environment: more than a rotation needs, and few enough to be known one by one.
pub(crate) const MAX_KEYS: usize = 4;
/// How often it is noted which keys are in use, and thus how precisely it is known when one was last. More would be a write for each sign-in.
pub(crate) const USE_NOTED_EVERY: Duration = Duration::from_secs(30);

/// What proves that an app is an account's, in one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) id: KeyId,
    pub(crate) environment: Environment,
    /// Argon2, in the PHC format.
    pub(crate) key_hash: String,
    /// Whether the key says itself what it is called.
    pub(crate) named: bool,
    /// Milliseconds since 1970; `None` before its first use.
    pub(crate) last_used_at_ms: Option<i64>,
}

/// An api key as its operator sees it. Moments are UTC, in the form of RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// What it is called.
    pub id: KeyId,
    /// What it is good for.
    pub environment: Environment,
    /// When it was made.
    pub created_at: String,
    /// When somebody was last signed in with it: then, or up to half a minute later.
    pub last_used_at: Option<String>,
    /// When it was revoked; good until then.
    pub revoked_at: Option<String>,
}

impl Credential {
    /// Whether it is still to be noted that the key is used now.
    pub(crate) fn is_used_unnoticed(&self, now: SystemTime) -> bool {
        let noted = |last: i64| (0..USE_NOTED_EVERY.as_millis()).contains(&u128::try_from(unix_millis(now) - last).unwrap_or(u128::MAX));
        !self.last_used_at_ms.is_some_and(noted)
    }

    /// Which of some keys this one can be: one that says what it is called is no other, and one that says where it is good is none of elsewhere.
    pub(crate) fn that_could_be(key: &Redacted<String>, known: Vec<Self>) -> Vec<Self> {
        let (id, environment) = (id_in(key), environment_in(key));
        let could_be = |known: &Self| match &id {
            Some(id) => known.named && known.id == *id,
            None => !known.named && environment.is_none_or(|environment| known.environment == environment),
        };
        known.into_iter().filter(could_be).collect()
    }

    /// How many keys of one account this one can be at most, whatever account it is: an account has no more than one key without a name in an environment,
    /// which was made before keys had names or was chosen.
    pub(crate) fn most_that_could_be(key: &Redacted<String>) -> usize {
        if environment_in(key).is_some() { 1 } else { 2 }
    }
}

/// What came of adding a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddedKey {
    Added,
    NoAccount,
    /// There are [`MAX_KEYS`] already.
    TooMany,
}

/// What came of giving the demo account another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplacedKey {
    Replaced,
    /// A key of the same id is there, of this account or another.
    Taken,
}

impl Accounts {
    /// Adds a key beside those that there are.
    pub(crate) fn add_credential(&self, account: &AccountId, credential: &Credential) -> Result<AddedKey, StoreError> {
        if self.find(account)?.is_none() {
            return Ok(AddedKey::NoAccount);
        }
        let connection = self.connection();
        let add = || {
            // Begun for writing, so that of two commands at once the second counts the first one's key.
            let transaction = connection.begin()?;
            let known = credentials_of(&transaction, account)?;
            if known.iter().filter(|known| known.environment == credential.environment).count() >= MAX_KEYS {
                return Ok(AddedKey::TooMany);
            }
            put_credential(&transaction, account, credential)?;
            transaction.commit().map(|()| AddedKey::Added)
        };
        add().map_err(|error| self.failed(error))
    }

    /// Gives the demo account a key in the place of the one that it was given before, unless another key has its id. Those that its operator has added
    /// stay good, and those that were revoked stay revoked.
    pub(crate) fn replace_demo_key(&self, account: &AccountId, credential: &Credential) -> Result<ReplacedKey, StoreError> {
        let connection = self.connection();
        let replace = || {
            let transaction = connection.begin()?;
            let remove = "DELETE FROM api_keys WHERE account = ? AND environment = ? AND of_demo = 1 AND revoked_at_ms IS NULL";
            transaction.execute(remove, params![account.0, environment_name(credential.environment)])?;
            let has_id = "SELECT EXISTS (SELECT 1 FROM api_keys WHERE id = ?)";
            if transaction.query_one(has_id, params![credential.id.0], |row| row.get(0))? {
                return Ok(ReplacedKey::Taken);
            }
            put_credential(&transaction, account, credential)?;
            transaction.execute("UPDATE api_keys SET of_demo = 1 WHERE id = ?", params![credential.id.0])?;
            transaction.commit().map(|()| ReplacedKey::Replaced)
        };
        replace().map_err(|error| self.failed(error))
    }

    /// The keys of an account that were revoked.
    pub(crate) fn revoked_credentials(&self, account: &AccountId) -> Result<Vec<Credential>, StoreError> {
        select_credentials(&self.connection(), account, "revoked_at_ms IS NOT NULL").map_err(|error| self.failed(error))
    }

    /// The account that has a key of this name, which says itself what it is called, and what is kept of it; `None` once it is revoked.
    pub(crate) fn find_key(&self, key: &KeyId) -> Result<Option<(Account, Credential)>, StoreError> {
        let find = |connection: &Connection| {
            let account = "SELECT account FROM api_keys WHERE id = ? AND named = 1 AND revoked_at_ms IS NULL";
            connection.query_optional(account, params![key.0], |row| row.get(0).map(AccountId))
        };
        let Some(id) = find(&self.connection()).map_err(|error| self.failed(error))? else {
            return Ok(None);
        };
        // Should it be revoked in between, it is not among them.
        let found = self.find(&id)?;
        Ok(found.and_then(|(account, known)| Some((account, known.into_iter().find(|known| known.id == *key)?))))
    }

    /// Revokes a key, and says whether there is such a key that was good until now.
    pub(crate) fn revoke_credential(&self, account: &AccountId, key: &KeyId) -> Result<bool, StoreError> {
        let connection = self.connection();
        let revoke = || {
            let transaction = connection.begin()?;
            let revoke = "UPDATE api_keys SET revoked_at_ms = ? WHERE account = ? AND id = ? AND revoked_at_ms IS NULL";
            let revoked = transaction.execute(revoke, params![unix_millis(SystemTime::now()), account.0, key.0])? > 0;
            if revoked {
                note_withdrawal(&transaction)?;
                transaction.commit()?;
            }
            Ok(revoked)
        };
        revoke().map_err(|error| self.failed(error))
    }

    /// Remembers that keys are in use now.
    pub(crate) fn note_use(&self, keys: &BTreeSet<KeyId>, now: SystemTime) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        let connection = self.connection();
        let note = || {
            let transaction = connection.begin()?;
            for key in keys {
                // One that was revoked meanwhile was good until then.
                let note = "UPDATE api_keys SET last_used_at_ms = ?1
                            WHERE id = ?2 AND revoked_at_ms IS NULL AND coalesce(last_used_at_ms, 0) < ?1";
                transaction.execute(note, params![unix_millis(now), key.0])?;
            }
            transaction.commit()
        };
        note().map_err(|error| self.failed(error))
    }

    /// Every key of an account, the oldest first, those that are revoked included; `None` when there is no such account.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn keys(&self, account: &AccountId) -> Result<Option<Vec<KeyRecord>>, StoreError> {
        if self.find(account)?.is_none() {
            return Ok(None);
        }
        let connection = self.connection();
        let list = || {
            let select = "SELECT id, environment, created_at_ms, last_used_at_ms, revoked_at_ms FROM api_keys
                          WHERE account = ? ORDER BY created_at_ms, id";
            connection.query(select, params![account.0], |row| {
                let (id, environment): (String, String) = (row.get(0)?, row.get(1)?);
                let (created_at, last_used_at, revoked_at): (i64, Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?, row.get(4)?);
                Ok(environment_named(&environment).map(|environment| KeyRecord {
                    id: KeyId(id),
                    environment,
                    created_at: text_of(created_at),
                    last_used_at: last_used_at.map(text_of),
                    revoked_at: revoked_at.map(text_of),
                }))
            })
        };
        list().map(|keys| Some(keys.into_iter().flatten().collect())).map_err(|error| self.failed(error))
    }

    /// How often something was withdrawn, or set that the running service goes by, to be compared with an earlier answer.
    pub(crate) fn withdrawals(&self) -> Result<i64, StoreError> {
        let number = self.connection().query_one("SELECT number FROM withdrawals", params![], |row| row.get(0));
        number.map_err(|error| self.failed(error))
    }

    /// What lets nobody in any more.
    pub(crate) fn withdrawn(&self) -> Result<Withdrawn, StoreError> {
        let connection = self.connection();
        let read = || {
            let keys = "SELECT id FROM api_keys WHERE revoked_at_ms IS NOT NULL";
            let keys = connection.query(keys, params![], |row| row.get(0).map(KeyId))?.into_iter().collect();
            Ok(Withdrawn { keys, token_keys: removed_token_keys(&connection)?, users: all_blocked(&connection)? })
        };
        read().map_err(|error| self.failed(error))
    }
}

/// The keys of an account that are good.
pub(super) fn credentials_of(connection: &Connection, account: &AccountId) -> sql::Result<Vec<Credential>> {
    select_credentials(connection, account, "revoked_at_ms IS NULL")
}

fn select_credentials(connection: &Connection, account: &AccountId, which: &str) -> sql::Result<Vec<Credential>> {
    let select = format!(
        "SELECT id, environment, key_hash, named, last_used_at_ms FROM api_keys WHERE account = ? AND {which} ORDER BY created_at_ms, id",
    );
    let keys = connection.query(&select, params![account.0], |row| {
        let (id, environment): (String, String) = (row.get(0)?, row.get(1)?);
        let (key_hash, named, last_used_at_ms) = (row.get(2)?, row.get(3)?, row.get(4)?);
        Ok(environment_named(&environment).map(|environment| Credential { id: KeyId(id), environment, key_hash, named, last_used_at_ms }))
    })?;
    Ok(keys.into_iter().flatten().collect())
}

pub(super) fn put_credential(connection: &Connection, account: &AccountId, credential: &Credential) -> sql::Result<usize> {
    let Credential { id, environment, key_hash, named, last_used_at_ms: _ } = credential;
    connection.execute(
        "INSERT INTO api_keys (id, account, environment, key_hash, named, created_at_ms) VALUES (?, ?, ?, ?, ?, ?)",
        params![id.0, account.0, environment_name(*environment), key_hash, named, unix_millis(SystemTime::now())],
    )
}

/// Lets the running service know that something was withdrawn, or set that it goes by.
pub(super) fn note_withdrawal(connection: &Connection) -> sql::Result<usize> {
    connection.execute("UPDATE withdrawals SET number = number + 1", params![])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{random_key, random_key_id, random_secret};

    #[test]
    fn a_key_s_use_is_noted_once_in_half_a_minute() {
        let used_at = |last_used_at_ms| Credential {
            id: KeyId(String::new()),
            environment: Environment::Production,
            key_hash: String::new(),
            named: true,
            last_used_at_ms,
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let rows = [(None, true), (Some(70_000), true), (Some(70_001), false), (Some(100_000), false), (Some(100_001), true)];
        for (last, unnoticed) in rows {
            assert_eq!(used_at(last).is_used_unnoticed(now), unnoticed, "{last:?}");
        }
    }

    #[test]
    fn a_key_that_says_what_it_is_called_is_looked_for_nowhere_else() {
        let ids: Vec<KeyId> = (0..4).map(|_| random_key_id().expect("randomness")).collect();
        let [production, development] = [Environment::Production, Environment::Development];
        let of = |id: &KeyId, environment, named| Credential {
            id: id.clone(),
            environment,
            key_hash: String::new(),
            named,
            last_used_at_ms: None,
        };
        let known = vec![
            of(&ids[0], production, true),
            of(&ids[1], production, true),
            of(&ids[2], production, false),
            of(&ids[3], development, false),
        ];
        let could_be =
            |key: &Redacted<String>| Credential::that_could_be(key, known.clone()).into_iter().map(|known| known.id).collect::<Vec<_>>();
        let named = |id: &KeyId| random_key(Environment::Production, id).expect("randomness");
        assert_eq!(could_be(&named(&ids[1])), [ids[1].clone()]);
        assert_eq!(could_be(&named(&ids[2])), [], "that one was made without a name");
        assert_eq!(could_be(&named(&random_key_id().expect("randomness"))), []);
        let secret = random_secret().expect("randomness");
        let before = |environment: &str| Redacted::new(format!("sc_{environment}_{}", secret.expose()));
        assert_eq!(could_be(&before("production")), [ids[2].clone()], "made before keys had names");
        assert_eq!(could_be(&before("development")), [ids[3].clone()]);
        assert_eq!(could_be(&secret), ids[2..], "chosen");
        for key in [named(&ids[1]), named(&ids[2]), before("production"), before("development"), secret.clone()] {
            assert!(could_be(&key).len() <= Credential::most_that_could_be(&key), "an account is told from none by how long it takes");
        }
    }
}
