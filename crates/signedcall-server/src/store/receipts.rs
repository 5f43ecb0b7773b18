//! The keys that receipts are signed with, and what these say.

use std::time::SystemTime;

use signedcall_wire::{AccountId, Environment};

use super::facts::{CallFacts, FACTS, read_facts};
use super::sql::params;
use super::{Accounts, StoreError, environment_name, unix_millis};
use crate::receipts::ReceiptKey;

const SELECT_KEY: &str = "SELECT id, secret FROM receipt_keys WHERE account = ? AND environment = ?";

impl Accounts {
    /// The key of an account and environment, if it was made.
    pub(crate) fn receipt_key(&self, account: &AccountId, environment: Environment) -> Result<Option<ReceiptKey>, StoreError> {
        let key = self.connection().query_optional(SELECT_KEY, params![account.0, environment_name(environment)], |row| {
            Ok(ReceiptKey { id: row.get(0)?, environment, secret: row.get(1)? })
        });
        key.map_err(|error| self.failed(error))
    }

    /// Keeps a new key, unless another has come first, and gives the one that is kept; `None` when there is no such account.
    pub(crate) fn keep_receipt_key(&self, account: &AccountId, new: ReceiptKey) -> Result<Option<ReceiptKey>, StoreError> {
        if self.find(account)?.is_none() {
            return Ok(None);
        }
        let environment = new.environment;
        let connection = self.connection();
        let keep = || {
            let transaction = connection.begin()?;
            let put = "INSERT INTO receipt_keys (id, account, environment, secret, created_at_ms) VALUES (?, ?, ?, ?, ?)
                       ON CONFLICT DO NOTHING";
            let now = unix_millis(SystemTime::now());
            transaction.execute(put, params![new.id, account.0, environment_name(environment), new.secret, now])?;
            transaction.commit()
        };
        keep().map_err(|error| self.failed(error))?;
        drop(connection);
        self.receipt_key(account, environment)
    }

    /// The record of a call of an account.
    pub(crate) fn call(&self, account: &AccountId, call: &str) -> Result<Option<CallFacts>, StoreError> {
        let find = format!("SELECT {FACTS} FROM calls WHERE id = ? AND account = ?");
        self.connection().query_optional(&find, params![call, account.0], read_facts).map_err(|error| self.failed(error))
    }
}
