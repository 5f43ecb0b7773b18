use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use signedcall_wire::{AccountId, Branding, ButtonTheme, Color};

use super::api_keys::{Credential, credentials_of, note_withdrawal, put_credential};
use super::sql::{self, Connection, Row, SqlError, params};
use super::{LAYOUT, Location, StoreError, schema, unix_millis};
use crate::hub::{CallRates, Policy};

/// A company that uses the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What its apps sign in with.
    pub id: AccountId,
    /// How its calls look.
    pub branding: Branding,
    /// Whether media goes through a relay only, so that no side learns the other's address.
    pub relay_only: bool,
    /// The longest that a call may last from its answer (R29), in whole seconds; `None` for no limit.
    pub max_call: Option<Duration>,
    /// Whether a user is signed in on one device at a time (R35); a second one is refused.
    pub single_device: bool,
    /// How many calls may be placed in a minute; where nothing is set, what the service has set counts.
    pub call_rates: CallRates,
}

impl Account {
    /// What it has set for calls of its users.
    pub const fn policy(&self) -> Policy {
        Policy { relay_only: self.relay_only, max_call: self.max_call, single_device: self.single_device, call_rates: self.call_rates }
    }
}

/// Why an account was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddAccountError {
    /// Its id is taken.
    #[error("there is an account {0:?} already")]
    Exists(AccountId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The accounts in a store. May be used by several processes at once.
#[derive(Debug)]
pub struct Accounts {
    at: Location,
    connection: Mutex<Connection>,
}

impl Accounts {
    /// Opens a store, making it when it is missing, and bringing it up to date when it is of an older version. No service of that version may
    /// be running on it; [`open_accounts`](crate::open_accounts) makes sure of that.
    ///
    /// # Errors
    /// [`StoreError`] names the file and what is wrong with it.
    pub fn open(at: impl Into<Location>) -> Result<Self, StoreError> {
        let at = at.into();
        Ok(Self { connection: Mutex::new(at.open()?), at })
    }

    /// Opens the same store once more, for somebody who must not wait for the others.
    pub(crate) fn open_again(&self) -> Result<Self, StoreError> {
        Ok(Self { at: self.at.clone(), connection: Mutex::new(self.at.open_again()?) })
    }

    /// Does several things in one transaction: all of them are durable once it returns, or none was done. What is asked of `self` meanwhile takes part in it.
    #[expect(clippy::needless_pass_by_ref_mut, reason = "what somebody else asks meanwhile would take part in it as well")]
    pub(crate) fn together<T, E: From<StoreError>>(&mut self, work: impl FnOnce(&Self) -> Result<T, E>) -> Result<T, E> {
        self.connection().begin_whole().map_err(|error| self.failed(error))?;
        let whole = Whole(self);
        let done = work(whole.0)?;
        whole.0.connection().commit_whole().map_err(|error| whole.0.failed(error))?;
        Ok(done)
    }

    pub(crate) fn location(&self) -> &Location {
        &self.at
    }

    /// Whether there is a store that [`open`](Self::open) does not change.
    pub(crate) fn are_current(at: &Location) -> Result<bool, StoreError> {
        match at {
            Location::File(path) => schema::is_current(path),
            Location::Server(_) => Ok(at.layout()? == Some(LAYOUT)),
        }
    }

    /// Adds an account, or leaves the store as it was.
    pub(crate) fn add(&self, account: &Account, credentials: &[Credential]) -> Result<(), AddAccountError> {
        let connection = self.connection();
        let transaction = connection.begin().map_err(|error| self.failed(error))?;
        let (branding, now) = (&account.branding, unix_millis(SystemTime::now()));
        let added = transaction
            .execute(
                "INSERT INTO accounts (id, name, bg_color, font_color, logo, button_theme, relay_only, max_call_seconds, single_device,
                                                 user_calls_per_minute, account_calls_per_minute, created_at_ms)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                params![
                    account.id.0,
                    branding.name,
                    String::from(branding.bg_color),
                    String::from(branding.font_color),
                    branding.logo,
                    theme_name(branding.button_theme),
                    account.relay_only,
                    account.max_call.map(seconds),
                    account.single_device,
                    account.call_rates.per_user.map(NonZeroU32::get),
                    account.call_rates.per_account.map(NonZeroU32::get),
                    now,
                ],
            )
            .map_err(|error| self.failed(error))?;
        if added == 0 {
            return Err(AddAccountError::Exists(account.id.clone()));
        }
        for credential in credentials {
            put_credential(&transaction, &account.id, credential).map_err(|error| self.failed(error))?;
        }
        note_withdrawal(&transaction).map_err(|error| self.failed(error))?;
        Ok(transaction.commit().map_err(|error| self.failed(error))?)
    }

    /// Changes the longest that a call of an account may last.
    pub(crate) fn limit_calls(&self, id: &AccountId, max_call: Option<Duration>) -> Result<(), StoreError> {
        let limit = "UPDATE accounts SET max_call_seconds = ? WHERE id = ?";
        self.connection().execute(limit, params![max_call.map(seconds), id.0]).map(drop).map_err(|error| self.failed(error))
    }

    /// Changes what an account has set for calls of its users, and says whether there is such an account.
    pub(crate) fn set_policy(&self, id: &AccountId, policy: Policy) -> Result<bool, StoreError> {
        let Policy { relay_only, max_call, single_device, call_rates: CallRates { per_user, per_account } } = policy;
        let connection = self.connection();
        let write = || {
            let transaction = connection.begin()?;
            let set = "UPDATE accounts SET relay_only = ?, max_call_seconds = ?, single_device = ?, user_calls_per_minute = ?, account_calls_per_minute = ?
                       WHERE id = ?";
            let (per_user, per_account) = (per_user.map(NonZeroU32::get), per_account.map(NonZeroU32::get));
            let values = params![relay_only, max_call.map(seconds), single_device, per_user, per_account, id.0];
            let is_there = transaction.execute(set, values)? > 0;
            if is_there {
                note_withdrawal(&transaction)?;
            }
            transaction.commit().map(|()| is_there)
        };
        write().map_err(|error| self.failed(error))
    }

    /// What all accounts have set for calls of their users.
    pub(crate) fn policies(&self) -> Result<BTreeMap<AccountId, Policy>, StoreError> {
        Ok(self.list()?.into_iter().map(|account| (account.id.clone(), account.policy())).collect())
    }

    /// Changes how the calls of an account look, and says whether they looked otherwise.
    pub(crate) fn set_branding(&self, id: &AccountId, branding: &Branding) -> Result<bool, StoreError> {
        let Branding { name, bg_color, font_color, logo, button_theme } = branding;
        let set = "UPDATE accounts SET name = ?1, bg_color = ?2, font_color = ?3, logo = ?4, button_theme = ?5
                   WHERE id = ?6 AND (name, bg_color, font_color, logo, button_theme) IS DISTINCT FROM (?1, ?2, ?3, ?4, ?5)";
        let values = params![name, String::from(*bg_color), String::from(*font_color), logo, theme_name(*button_theme), id.0];
        self.connection().execute(set, values).map(|changed| changed > 0).map_err(|error| self.failed(error))
    }

    /// Looks an account up, and its api keys that are not revoked.
    pub(crate) fn find(&self, id: &AccountId) -> Result<Option<(Account, Vec<Credential>)>, StoreError> {
        let connection = self.connection();
        let find = || {
            let found = connection.query_optional(&format!("{SELECT_ACCOUNTS} WHERE id = ?"), params![id.0], read_account)?;
            let Some(account) = found else {
                return Ok(None);
            };
            let found = credentials_of(&connection, id)?;
            Ok(Some((account, found)))
        };
        find().map_err(|error| self.failed(error))
    }

    /// Every account, by id.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn list(&self) -> Result<Vec<Account>, StoreError> {
        let accounts = self.connection().query(&format!("{SELECT_ACCOUNTS} ORDER BY id"), params![], read_account);
        accounts.map_err(|error| self.failed(error))
    }

    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        // A transaction that a panic interrupted has been rolled back: the connection is as good as before.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failed(&self, source: SqlError) -> StoreError {
        self.at.failed(source)
    }
}

/// A transaction that is undone, also by a panic, unless it was committed.
struct Whole<'a>(&'a Accounts);

impl Drop for Whole<'_> {
    fn drop(&mut self) {
        self.0.connection().undo_whole();
    }
}

const SELECT_ACCOUNTS: &str =
    "SELECT id, name, bg_color, font_color, logo, button_theme, relay_only, max_call_seconds, single_device, user_calls_per_minute,
            account_calls_per_minute FROM accounts";

fn read_account(row: &Row<'_>) -> sql::Result<Account> {
    let color = |column: usize| Color::try_from(row.get::<String>(column)?).map_err(|_| SqlError::Unreadable(column));
    let button_theme = if row.get::<String>(5)? == theme_name(ButtonTheme::Dark) { ButtonTheme::Dark } else { ButtonTheme::Light };
    let branding = Branding { name: row.get(1)?, bg_color: color(2)?, font_color: color(3)?, logo: row.get(4)?, button_theme };
    let max_call = row.get::<Option<u32>>(7)?.map(|seconds| Duration::from_secs(seconds.into()));
    let rate = |column: usize| row.get::<Option<u32>>(column).map(|rate| rate.and_then(NonZeroU32::new));
    let call_rates = CallRates { per_user: rate(9)?, per_account: rate(10)? };
    Ok(Account { id: AccountId(row.get(0)?), branding, relay_only: row.get(6)?, max_call, single_device: row.get(8)?, call_rates })
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

const fn theme_name(theme: ButtonTheme) -> &'static str {
    match theme {
        ButtonTheme::Light => "light",
        ButtonTheme::Dark => "dark",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{add, set_policy};
    use crate::demo::demo_account;
    use crate::store::testing::{TestStore, on_each_store};

    on_each_store![what_accounts_have_set_is_read_back_and_whoever_goes_by_it_is_told];

    fn what_accounts_have_set_is_read_back_and_whoever_goes_by_it_is_told(store: &TestStore) {
        let accounts = Accounts::open(store.at()).expect("a new store");
        let noted = || accounts.withdrawals().expect("a good store");
        let rates = |rate| CallRates { per_user: NonZeroU32::new(rate), per_account: None };
        let before = noted();
        let account = Account { call_rates: rates(7), ..demo_account() };
        add(&accounts, &account).expect("a new account");
        assert!(noted() > before, "it has limits of its own");
        let known = || accounts.policies().expect("a good store");
        assert_eq!(known(), [(account.id.clone(), account.policy())].into());
        let (before, all) = (noted(), CallRates { per_user: None, per_account: NonZeroU32::new(CallRates::MOST) });
        let policy = Policy { relay_only: true, max_call: Some(Duration::from_secs(60)), single_device: true, call_rates: all };
        set_policy(&accounts, &account.id, policy).expect("an account");
        assert_eq!((noted(), known()), (before + 1, [(account.id, policy)].into()));
        set_policy(&accounts, &AccountId("nobody".to_owned()), policy).expect_err("there is no such account");
        assert_eq!(noted(), before + 1);
    }
}
