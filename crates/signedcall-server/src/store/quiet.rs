//! The hours in which users are not called.

use signedcall_wire::{AccountId, Cuid, Environment};

use super::api_keys::note_withdrawal;
use super::sql::{self, Connection, Parameter, Row, params};
use super::{Accounts, Outcome, StoreError, environment_name, environment_named};
use crate::hub::{Quiet, QuietHours};

/// Whose quiet hours are when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietUser {
    /// Who; `None` for all users of the account who have no hours of their own.
    pub cuid: Option<Cuid>,
    /// In which environment.
    pub environment: Environment,
    /// When.
    pub hours: QuietHours,
}

impl Accounts {
    /// Sets the quiet hours of a user, or of all who have none of their own, or takes them away.
    pub(crate) fn set_quiet_hours(
        &self,
        account: &AccountId,
        environment: Environment,
        cuid: Option<&Cuid>,
        hours: Option<QuietHours>,
    ) -> Result<Outcome, StoreError> {
        if self.find(account)?.is_none() {
            return Ok(Outcome::NoAccount);
        }
        let (environment, cuid) = (environment_name(environment), cuid.map_or("", Cuid::as_str));
        let connection = self.connection();
        let set = || {
            let transaction = connection.begin()?;
            let changed = match hours {
                Some(QuietHours { from, to, ahead }) => {
                    let put =
                        "INSERT INTO quiet_hours (account, environment, cuid, from_minute, to_minute, ahead) VALUES (?, ?, ?, ?, ?, ?)
                               ON CONFLICT (account, environment, cuid)
                               DO UPDATE SET from_minute = excluded.from_minute, to_minute = excluded.to_minute, ahead = excluded.ahead
                               WHERE (quiet_hours.from_minute, quiet_hours.to_minute, quiet_hours.ahead)
                                  <> (excluded.from_minute, excluded.to_minute, excluded.ahead)";
                    transaction.execute(put, params![account.0, environment, cuid, from, to, ahead])?
                }
                None => {
                    let remove = "DELETE FROM quiet_hours WHERE account = ? AND environment = ? AND cuid = ?";
                    transaction.execute(remove, params![account.0, environment, cuid])?
                }
            };
            if changed == 0 {
                return Ok(Outcome::Same);
            }
            note_withdrawal(&transaction)?;
            transaction.commit().map(|()| Outcome::Done)
        };
        set().map_err(|error| self.failed(error))
    }

    /// Every user of an account who has quiet hours; `None` when there is no such account.
    pub(crate) fn quiet_users(&self, account: &AccountId) -> Result<Option<Vec<QuietUser>>, StoreError> {
        if self.find(account)?.is_none() {
            return Ok(None);
        }
        let rows = rows(&self.connection(), "WHERE account = ? ORDER BY environment, cuid", params![account.0]);
        let users = rows.map(|rows| rows.into_iter().map(|(_, user)| user).collect());
        users.map(Some).map_err(|error| self.failed(error))
    }

    /// The quiet hours of all accounts.
    pub(crate) fn quiet_hours(&self) -> Result<Quiet, StoreError> {
        let mut quiet = Quiet::default();
        for (account, QuietUser { cuid, environment, hours }) in
            rows(&self.connection(), "", params![]).map_err(|error| self.failed(error))?
        {
            match cuid {
                Some(cuid) => drop(quiet.users.insert((account, environment, cuid), hours)),
                None => drop(quiet.accounts.insert((account, environment), hours)),
            }
        }
        Ok(quiet)
    }
}

fn rows(connection: &Connection, which: &str, values: &[&dyn Parameter]) -> sql::Result<Vec<(AccountId, QuietUser)>> {
    let select = format!("SELECT account, environment, cuid, from_minute, to_minute, ahead FROM quiet_hours {which}");
    Ok(connection.query(&select, values, read)?.into_iter().flatten().collect())
}

/// `None` for a row that no version of the service has written: others are not to be called at night for its sake.
fn read(row: &Row<'_>) -> sql::Result<Option<(AccountId, QuietUser)>> {
    let (account, environment, cuid): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (from, to, ahead): (i64, i64, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
    let user = || {
        let hours = QuietHours { from: minute(from)?, to: minute(to)?, ahead: i16::try_from(ahead).ok()? };
        let cuid = if cuid.is_empty() { None } else { Some(Cuid::new(cuid).ok()?) };
        Some(QuietUser { cuid, environment: environment_named(&environment)?, hours })
    };
    let user = user();
    if user.is_none() {
        tracing::warn!(account, environment, from, to, ahead, "quiet hours that make no sense are left out");
    }
    Ok(user.map(|user| (AccountId(account), user)))
}

/// A minute of the day.
fn minute(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|minute| *minute < 24 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::add;
    use crate::demo::demo_account;
    use crate::store::testing::{TestStore, on_each_store};

    on_each_store![hours_that_make_no_sense_are_left_out_and_the_others_count];

    fn hours_that_make_no_sense_are_left_out_and_the_others_count(store: &TestStore) {
        let accounts = Accounts::open(store.at()).expect("a new store");
        let account = demo_account();
        add(&accounts, &account).expect("a new account");
        let hours = QuietHours { from: 0, to: 1_439, ahead: -720 };
        accounts.set_quiet_hours(&account.id, Environment::Production, None, Some(hours)).expect("a good store");
        for (cuid, environment, [from, to, ahead]) in [
            ("courier_1", "production", [0, 1_440, 0_i64]),
            ("courier_2", "production", [-1, 60, 0]),
            ("courier_3", "production", [0, 60, 1_i64 << 40]),
            ("courier_4", "elsewhere", [0, 60, 0]),
            ("!", "production", [0, 60, 0]),
        ] {
            let put = "INSERT INTO quiet_hours VALUES (?, ?, ?, ?, ?, ?)";
            accounts.connection().execute(put, params![account.id.0, environment, cuid, from, to, ahead]).expect("a row");
        }
        let Quiet { users, accounts: of_all } = accounts.quiet_hours().expect("a good store");
        assert_eq!((users, of_all), ([].into(), [((account.id.clone(), Environment::Production), hours)].into()));
        assert_eq!(accounts.quiet_users(&account.id).expect("a good store").map(|users| users.len()), Some(1));
    }
}
