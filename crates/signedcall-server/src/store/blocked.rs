//! The users whom accounts let in no more.

use std::collections::BTreeSet;
use std::time::SystemTime;

use signedcall_wire::{AccountId, Cuid, Environment};

use super::api_keys::note_withdrawal;
use super::sql::{self, Connection, params};
use super::{Accounts, Outcome, StoreError, environment_name, environment_named, text_of, unix_millis};

/// A user who is blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockedUser {
    /// Who.
    pub cuid: Cuid,
    /// In which environment.
    pub environment: Environment,
    /// Since when: UTC, in the form of RFC 3339.
    pub blocked_at: String,
}

impl Accounts {
    /// Blocks a user, or lets them in again.
    pub(crate) fn block(&self, account: &AccountId, environment: Environment, cuid: &Cuid, blocked: bool) -> Result<Outcome, StoreError> {
        if self.find(account)?.is_none() {
            return Ok(Outcome::NoAccount);
        }
        let connection = self.connection();
        let block = || {
            let transaction = connection.begin()?;
            let environment = environment_name(environment);
            let changed = if blocked {
                let put = "INSERT INTO blocked_users (account, environment, cuid, blocked_at_ms) VALUES (?, ?, ?, ?)
                           ON CONFLICT (account, environment, cuid) DO NOTHING";
                transaction.execute(put, params![account.0, environment, cuid.as_str(), unix_millis(SystemTime::now())])?
            } else {
                let remove = "DELETE FROM blocked_users WHERE account = ? AND environment = ? AND cuid = ?";
                transaction.execute(remove, params![account.0, environment, cuid.as_str()])?
            };
            if changed == 0 {
                return Ok(Outcome::Same);
            }
            note_withdrawal(&transaction)?;
            transaction.commit().map(|()| Outcome::Done)
        };
        block().map_err(|error| self.failed(error))
    }

    pub(crate) fn is_blocked(&self, account: &AccountId, environment: Environment, cuid: &Cuid) -> Result<bool, StoreError> {
        Ok(self.blocked_since(account, environment, cuid)?.is_some())
    }

    /// Since when a user is blocked, in milliseconds since 1970.
    pub(crate) fn blocked_since(&self, account: &AccountId, environment: Environment, cuid: &Cuid) -> Result<Option<i64>, StoreError> {
        let find = "SELECT blocked_at_ms FROM blocked_users WHERE account = ? AND environment = ? AND cuid = ?";
        let values = params![account.0, environment_name(environment), cuid.as_str()];
        self.connection().query_optional(find, values, |row| row.get(0)).map_err(|error| self.failed(error))
    }

    /// So many at most of those whom an account has blocked in one environment, by their ids, from behind one: who, and since when, in milliseconds since 1970.
    pub(crate) fn blocked_page(
        &self,
        account: &AccountId,
        environment: Environment,
        behind: &str,
        most: usize,
    ) -> Result<Vec<(String, i64)>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let users = self.connection().query(
            "SELECT cuid, blocked_at_ms FROM blocked_users WHERE account = ? AND environment = ? AND cuid > ? ORDER BY cuid LIMIT ?",
            params![account.0, environment_name(environment), behind, most],
            |row| Ok((row.get(0)?, row.get(1)?)),
        );
        users.map_err(|error| self.failed(error))
    }

    /// Everybody whom an account has blocked; `None` when there is no such account.
    pub(crate) fn blocked(&self, account: &AccountId) -> Result<Option<Vec<BlockedUser>>, StoreError> {
        if self.find(account)?.is_none() {
            return Ok(None);
        }
        let users = self.connection().query(
            "SELECT cuid, environment, blocked_at_ms FROM blocked_users WHERE account = ? ORDER BY environment, cuid",
            params![account.0],
            |row| {
                let (user, blocked_at) = (read_user(row.get(0)?, &row.get::<String>(1)?), row.get(2)?);
                Ok(user.map(|(environment, cuid)| BlockedUser { cuid, environment, blocked_at: text_of(blocked_at) }))
            },
        );
        users.map(|users| Some(users.into_iter().flatten().collect())).map_err(|error| self.failed(error))
    }
}

/// Everybody who is blocked, in all accounts.
pub(super) fn all_blocked(connection: &Connection) -> sql::Result<BTreeSet<(AccountId, Environment, Cuid)>> {
    let users = connection.query("SELECT cuid, environment, account FROM blocked_users", params![], |row| {
        let (user, account) = (read_user(row.get(0)?, &row.get::<String>(1)?), row.get(2)?);
        Ok(user.map(|(environment, cuid)| (AccountId(account), environment, cuid)))
    })?;
    Ok(users.into_iter().flatten().collect())
}

/// `None` for a row that no version of the service has written.
fn read_user(cuid: String, environment: &str) -> Option<(Environment, Cuid)> {
    environment_named(environment).zip(Cuid::new(cuid).ok())
}
