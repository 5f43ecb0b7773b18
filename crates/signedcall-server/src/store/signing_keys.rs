//! The keys by which the service signs user tokens itself. Each is registered like those of the account, so that its tokens are verified and withdrawn alike.

use std::time::SystemTime;

use signedcall_wire::{AccountId, Environment};

use super::api_keys::note_withdrawal;
use super::sql::{self, Connection, params};
use super::token_keys::forget_removed;
use super::{Accounts, StoreError, environment_name, unix_millis};
use crate::tokens::SigningKey;

impl Accounts {
    /// The key of an account in one environment, if there is one.
    pub(crate) fn signing_key(&self, account: &AccountId, environment: Environment) -> Result<Option<SigningKey>, StoreError> {
        find(&self.connection(), account, environment).map_err(|error| self.failed(error))
    }

    /// The key of an account in one environment, which is the new one from now on unless somebody has been quicker.
    pub(crate) fn begin_signing(&self, account: &AccountId, environment: Environment, new: SigningKey) -> Result<SigningKey, StoreError> {
        let connection = self.connection();
        let begin = || {
            let transaction = connection.begin()?;
            if let Some(known) = find(&transaction, account, environment)? {
                return Ok(known);
            }
            let public = new.public();
            transaction.execute(
                "INSERT INTO token_keys (account, kid, environment, algorithm, public_key, seed) VALUES (?, ?, ?, ?, ?, ?)",
                params![account.0, public.kid, environment_name(environment), public.algorithm(), public.public_key, new.seed.expose()],
            )?;
            transaction.commit().map(|()| new.clone())
        };
        begin().map_err(|error| self.failed(error))
    }

    /// Takes the key away, if there is one. Its secret part is gone, and its tokens let nobody in any more.
    pub(crate) fn withdraw_signing_key(&self, account: &AccountId, environment: Environment, now: SystemTime) -> Result<(), StoreError> {
        let connection = self.connection();
        let withdraw = || {
            let transaction = connection.begin()?;
            let withdraw =
                "UPDATE token_keys SET removed_at_ms = ?, seed = NULL WHERE account = ? AND environment = ? AND seed IS NOT NULL";
            if transaction.execute(withdraw, params![unix_millis(now), account.0, environment_name(environment)])? > 0 {
                forget_removed(&transaction, now)?;
                note_withdrawal(&transaction)?;
            }
            transaction.commit()
        };
        withdraw().map_err(|error| self.failed(error))
    }
}

fn find(connection: &Connection, account: &AccountId, environment: Environment) -> sql::Result<Option<SigningKey>> {
    let find = "SELECT kid, seed FROM token_keys WHERE account = ? AND environment = ? AND removed_at_ms IS NULL AND seed IS NOT NULL";
    let values = params![account.0, environment_name(environment)];
    let key = connection.query_optional(find, values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(key.and_then(|(kid, seed)| SigningKey::of(kid, seed)))
}
