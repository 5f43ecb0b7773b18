//! The api keys of accounts: their hashes, when each was made, used and revoked.

use std::time::SystemTime;

use rusqlite::{Connection, params};
use signedcall_wire::{AccountId, Environment};

use super::blocked::all_blocked;
use super::token_keys::removed_token_keys;
use super::{Accounts, StoreError, environment_name, environment_named, unix_millis};
use crate::hub::{KeyId, Withdrawn};

/// The most api keys of an account that are good at once in one environment: each makes it dearer to find out that a key is none of them.
pub(crate) const MAX_KEYS: usize = 4;
/// How precisely it is known when a key was last used. More would be a write for each sign-in.
const USED_WITHIN_MS: i64 = 60_000;

/// What proves that an app is an account's, in one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) id: KeyId,
    pub(crate) environment: Environment,
    /// Argon2, in the PHC format.
    pub(crate) key_hash: String,
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
    /// When somebody last signed in with it, to the minute.
    pub last_used_at: Option<String>,
    /// When it was revoked; good until then.
    pub revoked_at: Option<String>,
}

/// What came of adding a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddedKey {
    Added,
    NoAccount,
    /// There are [`MAX_KEYS`] already.
    TooMany,
}

impl Accounts {
    /// Adds a key beside those that there are.
    pub(crate) fn add_credential(&self, account: &AccountId, credential: &Credential) -> Result<AddedKey, StoreError> {
        let Some((_, known)) = self.find(account)? else {
            return Ok(AddedKey::NoAccount);
        };
        if known.iter().filter(|known| known.environment == credential.environment).count() >= MAX_KEYS {
            return Ok(AddedKey::TooMany);
        }
        put_credential(&self.connection(), account, credential).map_err(|error| self.failed(error))?;
        Ok(AddedKey::Added)
    }

    /// Revokes every key of an account in one environment but this one, which is added.
    pub(crate) fn replace_credentials(&self, account: &AccountId, credential: &Credential) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let mut replace = || {
            let transaction = connection.transaction()?;
            let revoke = "UPDATE api_keys SET revoked_at_ms = ? WHERE account = ? AND environment = ? AND revoked_at_ms IS NULL";
            let (now, environment) = (unix_millis(SystemTime::now()), environment_name(credential.environment));
            transaction.execute(revoke, params![now, account.0, environment])?;
            put_credential(&transaction, account, credential)?;
            note_withdrawal(&transaction)?;
            transaction.commit()
        };
        replace().map_err(|error| self.failed(error))
    }

    /// Revokes a key, and says whether there is such a key that was good until now.
    pub(crate) fn revoke_credential(&self, account: &AccountId, key: &KeyId) -> Result<bool, StoreError> {
        let mut connection = self.connection();
        let mut revoke = || {
            let transaction = connection.transaction()?;
            let revoke = "UPDATE api_keys SET revoked_at_ms = ? WHERE account = ? AND id = ? AND revoked_at_ms IS NULL";
            let revoked = transaction.execute(revoke, params![unix_millis(SystemTime::now()), account.0, key.0])?;
            note_withdrawal(&transaction)?;
            transaction.commit()?;
            Ok(revoked > 0)
        };
        revoke().map_err(|error| self.failed(error))
    }

    /// Remembers that a key was used now, unless that is known well enough.
    pub(crate) fn note_use(&self, credential: &Credential, now: SystemTime) -> Result<(), StoreError> {
        let now = unix_millis(now);
        if credential.last_used_at_ms.is_some_and(|last| now - last < USED_WITHIN_MS) {
            return Ok(());
        }
        let note = "UPDATE api_keys SET last_used_at_ms = ? WHERE id = ?";
        self.connection().execute(note, params![now, credential.id.0]).map(drop).map_err(|error| self.failed(error))
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
            let mut keys = connection.prepare(
                "SELECT id, environment, strftime('%FT%TZ', created_at_ms / 1000, 'unixepoch'),
                        strftime('%FT%TZ', last_used_at_ms / 1000, 'unixepoch'), strftime('%FT%TZ', revoked_at_ms / 1000, 'unixepoch')
                 FROM api_keys WHERE account = ? ORDER BY created_at_ms, id",
            )?;
            let keys = keys.query_map([&account.0], |row| {
                let (id, environment): (String, String) = (row.get(0)?, row.get(1)?);
                let (created_at, last_used_at, revoked_at) = (row.get(2)?, row.get(3)?, row.get(4)?);
                Ok(environment_named(&environment).map(|environment| KeyRecord {
                    id: KeyId(id),
                    environment,
                    created_at,
                    last_used_at,
                    revoked_at,
                }))
            })?;
            keys.filter_map(Result::transpose).collect::<Result<_, _>>()
        };
        list().map(Some).map_err(|error| self.failed(error))
    }

    /// How often something was withdrawn, to be compared with an earlier answer.
    pub(crate) fn withdrawals(&self) -> Result<i64, StoreError> {
        let number = self.connection().query_row("SELECT number FROM withdrawals", [], |row| row.get(0));
        number.map_err(|error| self.failed(error))
    }

    /// What lets nobody in any more.
    pub(crate) fn withdrawn(&self) -> Result<Withdrawn, StoreError> {
        let connection = self.connection();
        let read = || {
            let mut keys = connection.prepare_cached("SELECT id FROM api_keys WHERE revoked_at_ms IS NOT NULL")?;
            let keys = keys.query_map([], |row| Ok(KeyId(row.get(0)?)))?.collect::<Result<_, _>>()?;
            Ok(Withdrawn { keys, token_keys: removed_token_keys(&connection)?, users: all_blocked(&connection)? })
        };
        read().map_err(|error| self.failed(error))
    }
}

/// The keys of an account that are good.
pub(super) fn credentials_of(connection: &Connection, account: &AccountId) -> rusqlite::Result<Vec<Credential>> {
    let mut keys = connection.prepare_cached(
        "SELECT id, environment, key_hash, last_used_at_ms FROM api_keys WHERE account = ? AND revoked_at_ms IS NULL ORDER BY created_at_ms, id",
    )?;
    let keys = keys.query_map([&account.0], |row| {
        let (id, environment): (String, String) = (row.get(0)?, row.get(1)?);
        let (key_hash, last_used_at_ms) = (row.get(2)?, row.get(3)?);
        Ok(environment_named(&environment).map(|environment| Credential { id: KeyId(id), environment, key_hash, last_used_at_ms }))
    })?;
    keys.filter_map(Result::transpose).collect()
}

pub(super) fn put_credential(connection: &Connection, account: &AccountId, credential: &Credential) -> rusqlite::Result<usize> {
    connection.execute(
        "INSERT INTO api_keys (id, account, environment, key_hash, created_at_ms) VALUES (?, ?, ?, ?, ?)",
        params![credential.id.0, account.0, environment_name(credential.environment), credential.key_hash, unix_millis(SystemTime::now())],
    )
}

/// Lets the running service know that something was withdrawn.
pub(super) fn note_withdrawal(connection: &Connection) -> rusqlite::Result<usize> {
    connection.execute("UPDATE withdrawals SET number = number + 1", [])
}
