//! The public keys that accounts sign user tokens with.

use rusqlite::{OptionalExtension, params};
use signedcall_wire::{AccountId, Environment};

use super::{Accounts, StoreError, environment_name, environment_named};
use crate::tokens::{TokenAlgorithm, TokenKey};

/// What came of registering keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SetTokenKeys {
    Set,
    NoAccount,
    /// The other environment has a key of this name, and a token names nothing else.
    Taken(String),
}

impl Accounts {
    /// Registers the keys that an account signs tokens with in one environment, instead of those before.
    pub(crate) fn set_token_keys(
        &self,
        account: &AccountId,
        environment: Environment,
        keys: &[TokenKey],
    ) -> Result<SetTokenKeys, StoreError> {
        if self.find(account)?.is_none() {
            return Ok(SetTokenKeys::NoAccount);
        }
        let mut connection = self.connection();
        let mut set = || {
            let transaction = connection.transaction()?;
            let environment = environment_name(environment);
            transaction.execute("DELETE FROM token_keys WHERE account = ? AND environment = ?", params![account.0, environment])?;
            for key in keys {
                let put = "INSERT OR IGNORE INTO token_keys (account, kid, environment, algorithm, public_key) VALUES (?, ?, ?, ?, ?)";
                if transaction.execute(put, params![account.0, key.kid, environment, key.algorithm(), key.public_key])? == 0 {
                    return Ok(SetTokenKeys::Taken(key.kid.clone()));
                }
            }
            transaction.commit().map(|()| SetTokenKeys::Set)
        };
        set().map_err(|error| self.failed(error))
    }

    /// The key of this name.
    pub(crate) fn token_key(&self, account: &AccountId, kid: &str) -> Result<Option<(Environment, TokenKey)>, StoreError> {
        let connection = self.connection();
        let find = || {
            let mut key = connection
                .prepare_cached("SELECT kid, environment, algorithm, public_key FROM token_keys WHERE account = ? AND kid = ?")?;
            Ok(key.query_row(params![account.0, kid], read_key).optional()?.flatten())
        };
        find().map_err(|error| self.failed(error))
    }

    /// Every key that an account signs tokens with; `None` when there is no such account.
    pub(crate) fn token_keys(&self, account: &AccountId) -> Result<Option<Vec<(Environment, TokenKey)>>, StoreError> {
        if self.find(account)?.is_none() {
            return Ok(None);
        }
        let connection = self.connection();
        let list = || {
            let mut keys = connection
                .prepare("SELECT kid, environment, algorithm, public_key FROM token_keys WHERE account = ? ORDER BY environment, kid")?;
            keys.query_map([&account.0], read_key)?.filter_map(Result::transpose).collect::<Result<_, _>>()
        };
        list().map(Some).map_err(|error| self.failed(error))
    }
}

fn read_key(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<(Environment, TokenKey)>> {
    let (kid, environment, algorithm): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let public_key = row.get(3)?;
    let environment = environment_named(&environment);
    let key = TokenAlgorithm::named(&algorithm).map(|algorithm| TokenKey { kid, algorithm, public_key });
    Ok(environment.zip(key))
}
