//! Where devices are reached by push, what is still to be pushed to them, and what the service shows to those who bring it.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use signedcall_wire::{AccountId, Cuid, DeviceId, Environment, PushTarget};
use uuid::Uuid;

use super::owners::{Partition, Tenure, goes_on, lies_in};
use super::sql::{self, Connection, Row, SqlError, params};
use super::{Accounts, Location, StoreError, environment_name, environment_named, unix_millis};
use crate::hub::{Basis, ForgetPush, KeepPush, KeyId, NewPush, Reach, RenewPush, TokenKeyId, User};
use crate::push::{ApnsCredential, Next};

/// For how long a push is a service's that sends it: longer than it takes to be connected and answered.
const TAKEN_FOR: Duration = Duration::from_secs(15);

/// Whether pushes may still go by the right that a target rests on. A key that was taken away is remembered for a day, and its number never given again.
const BY_A_RIGHT: &str =
    "NOT EXISTS (SELECT 1 FROM api_keys WHERE api_keys.id = push_targets.api_key AND api_keys.revoked_at_ms IS NOT NULL)
     AND (push_targets.token_key IS NULL
          OR EXISTS (SELECT 1 FROM token_keys WHERE token_keys.number = push_targets.token_key AND token_keys.removed_at_ms IS NULL))";
/// Whether a target's user is not blocked.
const NOT_BLOCKED: &str = "NOT EXISTS (SELECT 1 FROM blocked_users WHERE blocked_users.account = push_targets.account
                 AND blocked_users.environment = push_targets.environment AND blocked_users.cuid = push_targets.cuid)";

/// What came of putting a push down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutPush {
    /// It is due.
    Put,
    /// It was put down before, and is due or was brought.
    Known,
    /// It was put down before, and nothing comes of it any more.
    Settled,
    /// Nobody knows where it would go.
    Nowhere,
}

/// A push that is to be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DuePush {
    pub(crate) number: i64,
    pub(crate) call: String,
    pub(crate) user: User,
    pub(crate) device: DeviceId,
    pub(crate) target: PushTarget,
    pub(crate) expires_at_ms: i64,
    /// How often it was tried before.
    pub(crate) tries: u32,
}

/// Where a device of a user is reached by push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PushDevice {
    pub(crate) device: DeviceId,
    /// `None` once the user has signed out there.
    pub(crate) target: Option<PushTarget>,
    /// Since when, in milliseconds since 1970.
    pub(crate) kept_at_ms: i64,
}

/// What has become of a push that was sent.
#[derive(Clone, Debug)]
pub(crate) struct TriedPush {
    pub(crate) due: DuePush,
    pub(crate) next: Next,
}

/// What came of writing down what has become of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WrittenPush {
    /// It is as it was said.
    Written,
    /// Its device is forgotten, too.
    Forgotten,
    /// It was settled meanwhile, or is forgotten: nothing more is sent of it.
    Over,
}

/// The most pushes that are looked at, so that those of one user or account do not hide those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Most {
    pub(crate) of_user: u32,
    /// In one environment.
    pub(crate) of_account: u32,
}

/// A store, for one who writes pushes down or sends them.
#[derive(Debug)]
pub(crate) struct Pushes {
    at: Location,
    connection: Connection,
}

impl Pushes {
    /// Opens a store that is up to date.
    pub(crate) fn open(at: impl Into<Location>) -> Result<Self, StoreError> {
        let at = at.into();
        Ok(Self { connection: at.open_again()?, at })
    }

    /// The key by which the service signs what it gives to Web Push services: the new one, unless there is one already.
    pub(crate) fn key(&self, new: &[u8]) -> Result<Vec<u8>, StoreError> {
        let keep = || {
            let transaction = self.connection.begin()?;
            let known = transaction.query_optional("SELECT secret FROM push_key", params![], |row| row.get(0))?;
            let key = match known {
                Some(known) => known,
                None => {
                    transaction.execute("INSERT INTO push_key (secret) VALUES (?)", params![new])?;
                    new.to_vec()
                }
            };
            transaction.commit().map(|()| key)
        };
        keep().map_err(|error| self.failed(error))
    }

    /// Does something in one transaction for whoever decides on calls by a tenure, if that goes on; says whether it does. A file has nobody else.
    pub(crate) fn by<T>(&self, tenure: Option<&Tenure>, write: impl FnOnce() -> Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        let Some(tenure) = tenure else { return write().map(Some) };
        let transaction = self.connection.begin_beside_others().map_err(|error| self.failed(error))?;
        if !goes_on(&transaction, tenure).map_err(|error| self.failed(error))? {
            return Ok(None);
        }
        let written = write()?;
        transaction.commit().map_err(|error| self.failed(error))?;
        Ok(Some(written))
    }

    /// All devices of a partition, or of all, that have said where their pushes go, in that order.
    pub(crate) fn known(&self, partition: Option<Partition>) -> Result<Vec<(User, DeviceId, Reach)>, StoreError> {
        let read = || {
            let known = format!(
                "SELECT account, environment, cuid, device, target IS NOT NULL, api_key, token_key, {BY_A_RIGHT} FROM push_targets
                 WHERE {} ORDER BY kept_at_ms, account, cuid, device",
                lies_in("account", partition),
            );
            self.connection.query(&known, params![], |row| {
                let (is_reached, is_good): (bool, bool) = (row.get(4)?, row.get(7)?);
                let reach = match (is_reached, read_basis(row, 5)?.filter(|_| is_good)) {
                    (false, _) => Reach::LoggedOut,
                    (true, Some(by)) => Reach::Push(by),
                    (true, None) => Reach::Withdrawn,
                };
                Ok(read_device(row, 0)?.map(|(user, device)| (user, device, reach)))
            })
        };
        read().map(|known| known.into_iter().flatten().collect()).map_err(|error| self.failed(error))
    }

    /// Writes down where a device is reached.
    pub(crate) fn keep(&self, kept: &KeepPush) -> Result<(), StoreError> {
        let whose = (&kept.account.0, environment_name(kept.environment), kept.cuid.as_str(), kept.device.to_string());
        let written = match &kept.target {
            None => self.forget_target(whose),
            Some(target) => {
                let put = "INSERT INTO push_targets (account, environment, cuid, device, target, api_key, token_key, kept_at_ms)
                           VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                           ON CONFLICT (account, environment, cuid, device)
                           DO UPDATE SET target = excluded.target, api_key = excluded.api_key, token_key = excluded.token_key,
                                         kept_at_ms = excluded.kept_at_ms";
                let (account, environment, cuid, device) = whose;
                let (now, (api_key, token_key)) = (unix_millis(SystemTime::now()), columns(&kept.by));
                let values = params![account, environment, cuid, device, text_of_target(target), api_key, token_key, now];
                self.connection.execute(put, values).map(drop)
            }
        };
        written.map_err(|error| self.failed(error))
    }

    /// Writes down by what right a device is reached.
    pub(crate) fn renew(&self, renewed: &RenewPush) -> Result<(), StoreError> {
        let RenewPush { account, environment, cuid, device, by } = renewed;
        let (api_key, token_key) = columns(by);
        let renew = "UPDATE push_targets SET api_key = ?, token_key = ?
                     WHERE account = ? AND environment = ? AND cuid = ? AND device = ? AND target IS NOT NULL";
        let values = params![api_key, token_key, account.0, environment_name(*environment), cuid.as_str(), device.to_string()];
        self.connection.execute(renew, values).map(drop).map_err(|error| self.failed(error))
    }

    /// Forgets where a device was reached, and notes that its user has signed out there, if so.
    pub(crate) fn forget(&self, forgotten: &ForgetPush) -> Result<(), StoreError> {
        let ForgetPush { account, environment, cuid, device, logged_out } = forgotten;
        let whose = (&account.0, environment_name(*environment), cuid.as_str(), device.to_string());
        let write = || {
            if !logged_out {
                return self.forget_target(whose.clone());
            }
            let (account, environment, cuid, device) = &whose;
            let note = "UPDATE push_targets SET target = NULL, api_key = NULL, token_key = NULL
                        WHERE account = ? AND environment = ? AND cuid = ? AND device = ?";
            self.connection.execute(note, params![account, environment, cuid, device])?;
            let stop = "DELETE FROM pushes WHERE account = ? AND environment = ? AND cuid = ? AND device = ?";
            self.connection.execute(stop, params![account, environment, cuid, device]).map(drop)
        };
        write().map_err(|error| self.failed(error))
    }

    fn forget_target(&self, (account, environment, cuid, device): (&String, &str, &str, String)) -> sql::Result<()> {
        let forget = "DELETE FROM push_targets WHERE account = ? AND environment = ? AND cuid = ? AND device = ?";
        self.connection.execute(forget, params![account, environment, cuid, device]).map(drop)
    }

    /// Puts a push down, once for each call and device.
    pub(crate) fn put(&self, new: &NewPush) -> Result<PutPush, StoreError> {
        let NewPush { call, account, environment, cuid, device, expires_at_ms } = new;
        let write = || {
            let (call, device) = (call.to_string(), device.to_string());
            let known = "SELECT settled FROM pushes WHERE call = ? AND device = ?";
            if let Some(settled) = self.connection.query_optional(known, params![call, device], |row| row.get(0))? {
                return Ok(if settled { PutPush::Settled } else { PutPush::Known });
            }
            let put = "INSERT INTO pushes (call, account, environment, cuid, device, due_at_ms, expires_at_ms)
                       SELECT calls.id, push_targets.account, push_targets.environment, cuid, device, ?, ? FROM push_targets JOIN calls ON calls.id = ?
                       WHERE push_targets.account = ? AND push_targets.environment = ? AND cuid = ? AND device = ? AND target IS NOT NULL";
            let (now, expires) = (unix_millis(SystemTime::now()), i64::try_from(*expires_at_ms).unwrap_or(i64::MAX));
            let whose = params![now, expires, call, account.0, environment_name(*environment), cuid.as_str(), device];
            Ok(if self.connection.execute(put, whose)? == 0 { PutPush::Nowhere } else { PutPush::Put })
        };
        write().map_err(|error| self.failed(error))
    }

    /// Nothing more is to be sent of a push, nor by the next service.
    pub(crate) fn settle(&self, call: &str, device: DeviceId) -> Result<(), StoreError> {
        let settle = "UPDATE pushes SET settled = 1, due_at_ms = NULL WHERE call = ? AND device = ?";
        let settled = self.connection.execute(settle, params![call, device.to_string()]);
        settled.map(drop).map_err(|error| self.failed(error))
    }

    /// What is due, the oldest first, without what is under way, and nothing to whoever is not to be pushed any more.
    pub(crate) fn due(&self, now: SystemTime, most: Most, under_way: &BTreeSet<i64>) -> Result<Vec<DuePush>, StoreError> {
        let due = format!(
            "SELECT account, environment, cuid, device, number, call, target, expires_at_ms, tries FROM (
                 SELECT of_users.*, row_number() OVER (PARTITION BY account, environment ORDER BY nth, due_at_ms, number) AS nth_of_account FROM (
                     SELECT pushes.account, pushes.environment, pushes.cuid, pushes.device, number, call, target, due_at_ms, expires_at_ms, tries,
                            row_number() OVER (PARTITION BY pushes.account, pushes.environment, pushes.cuid ORDER BY due_at_ms, number) AS nth
                     FROM pushes JOIN push_targets ON push_targets.account = pushes.account AND push_targets.environment = pushes.environment
                                                  AND push_targets.cuid = pushes.cuid AND push_targets.device = pushes.device
                     WHERE due_at_ms <= ?1 AND expires_at_ms > ?1 AND settled = 0 AND target IS NOT NULL AND {BY_A_RIGHT} AND {NOT_BLOCKED}
                 ) AS of_users WHERE nth <= ?2
             ) AS of_accounts WHERE nth_of_account <= ?3 ORDER BY due_at_ms, number"
        );
        let values = params![unix_millis(now), most.of_user, most.of_account];
        let due = self.connection.query(&due, values, read_due).map_err(|error| self.failed(error))?;
        Ok(due.into_iter().flatten().filter(|due| !under_way.contains(&due.number)).collect())
    }

    /// Takes what is due, so that no other service sends it at the same time; it is due again should this one not come back to it. Gives what nobody else has
    /// taken. A file has one service, which knows itself what is under way.
    pub(crate) fn take(&self, due: Vec<DuePush>, now: SystemTime) -> Result<Vec<DuePush>, StoreError> {
        match &self.at {
            Location::File(_) => Ok(due),
            Location::Server(_) => {
                let take = "UPDATE pushes SET due_at_ms = ?1 WHERE number = ?2 AND due_at_ms <= ?3";
                let (until, now) = (unix_millis(now + TAKEN_FOR), unix_millis(now));
                let is_ours = |due: &DuePush| self.connection.execute(take, params![until, due.number, now]).map(|taken| taken > 0);
                let taken = due.into_iter().filter_map(|due| is_ours(&due).map(|ours| ours.then_some(due)).transpose());
                taken.collect::<sql::Result<_>>().map_err(|error| self.failed(error))
            }
        }
    }

    /// Lets go of pushes whose calls do not ring any more, and says how many of them were not settled, since the service was not there to do so.
    pub(crate) fn let_go(&self, now: SystemTime) -> Result<usize, StoreError> {
        let let_go = || {
            let now = unix_millis(now);
            let open = self.connection.execute("DELETE FROM pushes WHERE expires_at_ms <= ? AND settled = 0", params![now])?;
            self.connection.execute("DELETE FROM pushes WHERE expires_at_ms <= ?", params![now]).map(|_| open)
        };
        let_go().map_err(|error| self.failed(error))
    }

    /// Writes down what has become of a push.
    pub(crate) fn write(&self, tried: &TriedPush, now: SystemTime) -> Result<WrittenPush, StoreError> {
        let TriedPush { due, next } = tried;
        let write = || {
            let transaction = self.connection.begin()?;
            let (due_at, is_settled) = match next {
                Next::Again { after } => (Some(unix_millis(now + *after)), false),
                Next::Done => (None, false),
                Next::GiveUp | Next::Gone { .. } => (None, true),
            };
            // What was settled meanwhile stays so.
            let finish = "UPDATE pushes SET due_at_ms = ?, tries = tries + 1, settled = ? WHERE number = ? AND settled = 0";
            let is_open = transaction.execute(finish, params![due_at, is_settled, due.number])? > 0;
            let is_forgotten = match next {
                Next::Gone { since_ms } => forget_gone(&transaction, due, *since_ms)?,
                Next::Done | Next::GiveUp | Next::Again { .. } => false,
            };
            transaction.commit()?;
            Ok(match (is_forgotten, is_open) {
                (true, _) => WrittenPush::Forgotten,
                (false, true) => WrittenPush::Written,
                (false, false) => WrittenPush::Over,
            })
        };
        write().map_err(|error| self.failed(error))
    }

    /// What an account shows to Apple, if it has entered something.
    pub(crate) fn apns(&self, account: &AccountId, environment: Environment) -> Result<Option<ApnsCredential>, StoreError> {
        read_apns(&self.connection, account, environment).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: SqlError) -> StoreError {
        self.at.failed(error)
    }
}

impl Accounts {
    /// What an account shows to Apple in one environment, if it has entered something.
    pub(crate) fn apns(&self, account: &AccountId, environment: Environment) -> Result<Option<ApnsCredential>, StoreError> {
        read_apns(&self.connection(), account, environment).map_err(|error| self.failed(error))
    }

    /// Keeps what an account shows to Apple, in place of what it has before; says whether there is such an account.
    pub(crate) fn set_apns(&self, account: &AccountId, environment: Environment, new: &ApnsCredential) -> Result<bool, StoreError> {
        if self.find(account)?.is_none() {
            return Ok(false);
        }
        let text = serde_json::to_string(new).unwrap_or_default();
        let put = "INSERT INTO apns_credentials (account, environment, credential, created_at_ms) VALUES (?, ?, ?, ?)
                   ON CONFLICT (account, environment) DO UPDATE SET credential = excluded.credential, created_at_ms = excluded.created_at_ms";
        let values = params![account.0, environment_name(environment), text, unix_millis(SystemTime::now())];
        self.connection().execute(put, values).map_err(|error| self.failed(error))?;
        Ok(true)
    }

    /// Forgets what an account shows to Apple, and says whether there was something.
    pub(crate) fn remove_apns(&self, account: &AccountId, environment: Environment) -> Result<bool, StoreError> {
        let remove = "DELETE FROM apns_credentials WHERE account = ? AND environment = ?";
        let removed = self.connection().execute(remove, params![account.0, environment_name(environment)]);
        removed.map(|removed| removed > 0).map_err(|error| self.failed(error))
    }

    /// The devices of a user that have said where their pushes go, the latest first.
    pub(crate) fn push_devices(&self, (account, environment, cuid): &User) -> Result<Vec<PushDevice>, StoreError> {
        let devices = "SELECT account, environment, cuid, device, target, kept_at_ms FROM push_targets
                       WHERE account = ? AND environment = ? AND cuid = ? ORDER BY kept_at_ms DESC, device";
        let whose = params![account.0, environment_name(*environment), cuid.as_str()];
        let read = |row: &Row<'_>| {
            let target: Option<PushTarget> = row.get::<Option<String>>(4)?.and_then(|text| serde_json::from_str(&text).ok());
            let kept_at_ms = row.get(5)?;
            Ok(read_device(row, 0)?.map(|(_, device)| PushDevice { device, target, kept_at_ms }))
        };
        let found = self.connection().query(devices, whose, read);
        found.map(|found| found.into_iter().flatten().collect()).map_err(|error| self.failed(error))
    }

    /// The key by which the service signs what it gives to Web Push services, if it was made.
    pub(crate) fn push_key(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let key = self.connection().query_optional("SELECT secret FROM push_key", params![], |row| row.get(0));
        key.map_err(|error| self.failed(error))
    }
}

/// Of which pushes of a call it is known what has become of them.
pub(super) fn settled_pushes(connection: &Connection, call: &str) -> sql::Result<Vec<DeviceId>> {
    let settled = "SELECT device FROM pushes WHERE call = ? AND settled = 1 ORDER BY number";
    let devices = connection.query(settled, params![call], |row| row.get::<String>(0))?;
    Ok(devices.iter().filter_map(|device| Uuid::try_parse(device).ok().map(DeviceId)).collect())
}

/// Forgets a device that is not where it has said, unless it has said another place meanwhile, or the same after it was gone.
fn forget_gone(connection: &Connection, due: &DuePush, since_ms: Option<i64>) -> sql::Result<bool> {
    let forget = "DELETE FROM push_targets
                  WHERE account = ? AND environment = ? AND cuid = ? AND device = ? AND target = ? AND kept_at_ms <= ?";
    let (account, environment, cuid) = &due.user;
    let (environment, device, target) = (environment_name(*environment), due.device.to_string(), text_of_target(&due.target));
    let whose = params![account.0, environment, cuid.as_str(), device, target, since_ms.unwrap_or(i64::MAX)];
    connection.execute(forget, whose).map(|forgotten| forgotten > 0)
}

/// The two columns for a right.
fn columns(by: &Basis) -> (Option<&str>, Option<i64>) {
    match by {
        Basis::ApiKey(KeyId(key)) => (Some(key.as_str()), None),
        Basis::TokenKey(TokenKeyId(key)) => (None, Some(*key)),
    }
}

/// Reads a right from two columns.
fn read_basis(row: &Row<'_>, from: usize) -> sql::Result<Option<Basis>> {
    let api_key = row.get::<Option<String>>(from)?.map(|key| Basis::ApiKey(KeyId(key)));
    Ok(api_key.or(row.get::<Option<i64>>(from + 1)?.map(|key| Basis::TokenKey(TokenKeyId(key)))))
}

fn read_apns(connection: &Connection, account: &AccountId, environment: Environment) -> sql::Result<Option<ApnsCredential>> {
    let credential = "SELECT credential FROM apns_credentials WHERE account = ? AND environment = ?";
    let text: Option<String> =
        connection.query_optional(credential, params![account.0, environment_name(environment)], |row| row.get(0))?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

fn text_of_target(target: &PushTarget) -> String {
    serde_json::to_string(target).unwrap_or_default()
}

/// Reads a device from four columns, beginning with that of its account; `None` for what no version of the service has written.
fn read_device(row: &Row<'_>, from: usize) -> sql::Result<Option<(User, DeviceId)>> {
    let (account, environment, cuid): (String, String, String) = (row.get(from)?, row.get(from + 1)?, row.get(from + 2)?);
    let device: String = row.get(from + 3)?;
    let user = environment_named(&environment).zip(Cuid::new(cuid).ok()).map(|(environment, cuid)| (AccountId(account), environment, cuid));
    Ok(user.zip(Uuid::try_parse(&device).ok().map(DeviceId)))
}

fn read_due(row: &Row<'_>) -> sql::Result<Option<DuePush>> {
    let (number, call, expires_at_ms, tries) = (row.get(4)?, row.get(5)?, row.get(7)?, row.get(8)?);
    let target: Option<PushTarget> = serde_json::from_str(&row.get::<String>(6)?).ok();
    let known = read_device(row, 0)?.zip(target);
    Ok(known.map(|((user, device), target)| DuePush { number, call, user, device, target, expires_at_ms, tries }))
}
