//! The public keys that accounts sign user tokens with.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use signedcall_wire::{AccountId, Environment};

use super::api_keys::note_withdrawal;
use super::sql::{self, Connection, Row, params};
use super::{Accounts, StoreError, environment_name, environment_named, unix_millis};
use crate::hub::TokenKeyId;
use crate::tokens::{TokenAlgorithm, TokenKey};

/// How long a key is remembered that was taken away: until long after the running service has ended every session that rests on it.
const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 3600);

/// What came of registering keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SetTokenKeys {
    Set,
    /// They are those that there were.
    Same,
    NoAccount,
    /// The other environment has a key of this name, and a token names nothing else.
    Taken(String),
}

/// A key as it is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegisteredKey {
    pub(crate) id: TokenKeyId,
    pub(crate) environment: Environment,
    pub(crate) key: TokenKey,
}

impl Accounts {
    /// Registers the keys that an account signs tokens with in one environment, instead of those before. One that is registered already stays what it is.
    pub(crate) fn set_token_keys(
        &self,
        account: &AccountId,
        environment: Environment,
        keys: &[TokenKey],
    ) -> Result<SetTokenKeys, StoreError> {
        if self.find(account)?.is_none() {
            return Ok(SetTokenKeys::NoAccount);
        }
        let connection = self.connection();
        let set = || {
            let transaction = connection.begin()?;
            let known: Vec<_> =
                registered_keys(&transaction, account)?.into_iter().filter(|known| known.environment == environment).collect();
            let gone: Vec<_> = known.iter().filter(|known| !keys.contains(&known.key)).collect();
            let new: Vec<_> = keys.iter().filter(|key| known.iter().all(|known| known.key != **key)).collect();
            if gone.is_empty() && new.is_empty() {
                return Ok(SetTokenKeys::Same);
            }
            let now = SystemTime::now();
            for known in &gone {
                transaction.execute("UPDATE token_keys SET removed_at_ms = ? WHERE number = ?", params![unix_millis(now), known.id.0])?;
            }
            for key in new {
                let put = "INSERT INTO token_keys (account, kid, environment, algorithm, public_key) VALUES (?, ?, ?, ?, ?)
                           ON CONFLICT DO NOTHING";
                let values = params![account.0, key.kid, environment_name(environment), key.algorithm(), key.public_key];
                if transaction.execute(put, values)? == 0 {
                    return Ok(SetTokenKeys::Taken(key.kid.clone()));
                }
            }
            if !gone.is_empty() {
                forget_removed(&transaction, now)?;
                note_withdrawal(&transaction)?;
            }
            transaction.commit().map(|()| SetTokenKeys::Set)
        };
        set().map_err(|error| self.failed(error))
    }

    /// The key of this name.
    pub(crate) fn token_key(&self, account: &AccountId, kid: &str) -> Result<Option<RegisteredKey>, StoreError> {
        let key = self.connection().query_optional(&format!("{SELECT_GOOD} AND kid = ?"), params![account.0, kid], read_key);
        key.map(Option::flatten).map_err(|error| self.failed(error))
    }

    /// Every key that an account signs tokens with; `None` when there is no such account.
    pub(crate) fn token_keys(&self, account: &AccountId) -> Result<Option<Vec<RegisteredKey>>, StoreError> {
        if self.find(account)?.is_none() {
            return Ok(None);
        }
        registered_keys(&self.connection(), account).map(Some).map_err(|error| self.failed(error))
    }
}

const SELECT_GOOD: &str =
    "SELECT number, kid, environment, algorithm, public_key FROM token_keys WHERE removed_at_ms IS NULL AND account = ?";

/// Those that the account has registered: the service's own are for the service to replace.
fn registered_keys(connection: &Connection, account: &AccountId) -> sql::Result<Vec<RegisteredKey>> {
    let keys = connection.query(&format!("{SELECT_GOOD} AND seed IS NULL ORDER BY environment, kid"), params![account.0], read_key)?;
    Ok(keys.into_iter().flatten().collect())
}

/// Forgets those that were taken away long ago.
pub(super) fn forget_removed(connection: &Connection, now: SystemTime) -> sql::Result<usize> {
    connection.execute("DELETE FROM token_keys WHERE removed_at_ms < ?", params![unix_millis(now - REMEMBERED_FOR)])
}

/// Those that were taken away not long ago, in all accounts.
pub(super) fn removed_token_keys(connection: &Connection) -> sql::Result<BTreeSet<TokenKeyId>> {
    let keys =
        connection.query("SELECT number FROM token_keys WHERE removed_at_ms IS NOT NULL", params![], |row| row.get(0).map(TokenKeyId))?;
    Ok(keys.into_iter().collect())
}

fn read_key(row: &Row<'_>) -> sql::Result<Option<RegisteredKey>> {
    let (id, kid, environment, algorithm): (i64, String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
    let public_key = row.get(4)?;
    let environment = environment_named(&environment);
    let key = TokenAlgorithm::named(&algorithm).map(|algorithm| TokenKey { kid, algorithm, public_key });
    Ok(environment.zip(key).map(|(environment, key)| RegisteredKey { id: TokenKeyId(id), environment, key }))
}
