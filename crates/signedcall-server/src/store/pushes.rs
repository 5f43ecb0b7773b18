//! Where devices are reached by push, what is still to be pushed to them, and what the service shows to those who bring it.

use std::time::SystemTime;

use signedcall_wire::{AccountId, Cuid, DeviceId, Environment, PushTarget};
use uuid::Uuid;

use super::sql::{self, Connection, Row, SqlError, params};
use super::{Accounts, Location, StoreError, environment_name, environment_named, unix_millis};
use crate::hub::{ForgetPush, KeepPush, NewPush, Reach, User};
use crate::push::{ApnsCredential, Next};

/// What came of putting a push down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutPush {
    /// It is due.
    Put,
    /// It was put down before.
    Known,
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

/// What has become of a push that was sent.
#[derive(Clone, Debug)]
pub(crate) struct TriedPush {
    pub(crate) due: DuePush,
    pub(crate) next: Next,
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

    /// All devices that have said where their pushes go, in that order.
    pub(crate) fn known(&self) -> Result<Vec<(User, DeviceId, Reach)>, StoreError> {
        let read = || {
            let known = "SELECT account, environment, cuid, device, target IS NOT NULL FROM push_targets ORDER BY kept_at_ms, account, cuid, device";
            self.connection.query(known, params![], |row| {
                let reach = if row.get(4)? { Reach::Push } else { Reach::LoggedOut };
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
                let put = "INSERT INTO push_targets (account, environment, cuid, device, target, kept_at_ms) VALUES (?, ?, ?, ?, ?, ?)
                           ON CONFLICT (account, environment, cuid, device)
                           DO UPDATE SET target = excluded.target, kept_at_ms = excluded.kept_at_ms";
                let (account, environment, cuid, device) = whose;
                let now = unix_millis(SystemTime::now());
                self.connection.execute(put, params![account, environment, cuid, device, text_of_target(target), now]).map(drop)
            }
        };
        written.map_err(|error| self.failed(error))
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
            let note = "UPDATE push_targets SET target = NULL WHERE account = ? AND environment = ? AND cuid = ? AND device = ?";
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
            let known = "SELECT EXISTS (SELECT 1 FROM pushes WHERE call = ? AND device = ?)";
            if self.connection.query_one(known, params![call, device], |row| row.get(0))? {
                return Ok(PutPush::Known);
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

    /// Nothing more is to be sent of a push.
    pub(crate) fn settle(&self, call: &str, device: DeviceId) -> Result<(), StoreError> {
        let settled = self.connection.execute("DELETE FROM pushes WHERE call = ? AND device = ?", params![call, device.to_string()]);
        settled.map(drop).map_err(|error| self.failed(error))
    }

    /// What is due of what is wanted, the oldest first.
    pub(crate) fn due(&self, now: SystemTime, most: usize, is_wanted: impl Fn(&DuePush) -> bool) -> Result<Vec<DuePush>, StoreError> {
        let due = "SELECT account, environment, cuid, device, number, call, target, expires_at_ms, tries FROM pushes
                   JOIN push_targets USING (account, environment, cuid, device)
                   WHERE due_at_ms <= ?1 AND expires_at_ms > ?1 AND target IS NOT NULL ORDER BY due_at_ms, number";
        let due = self.connection.query(due, params![unix_millis(now)], read_due).map_err(|error| self.failed(error))?;
        Ok(due.into_iter().flatten().filter(is_wanted).take(most).collect())
    }

    /// Lets go of pushes whose calls do not ring any more. They are settled already, unless the service was not there.
    pub(crate) fn let_go(&self, now: SystemTime) -> Result<usize, StoreError> {
        let let_go = self.connection.execute("DELETE FROM pushes WHERE expires_at_ms <= ?", params![unix_millis(now)]);
        let_go.map_err(|error| self.failed(error))
    }

    /// Writes down what has become of a push, and says whether its device is forgotten.
    pub(crate) fn write(&self, tried: &TriedPush, now: SystemTime) -> Result<bool, StoreError> {
        let TriedPush { due, next } = tried;
        let write = || {
            let transaction = self.connection.begin()?;
            let due_at = match next {
                Next::Again { after } => Some(unix_millis(now + *after)),
                Next::Done | Next::GiveUp | Next::Gone => None,
            };
            let finish = "UPDATE pushes SET due_at_ms = ?, tries = tries + 1 WHERE number = ?";
            transaction.execute(finish, params![due_at, due.number])?;
            let forgotten = match next {
                Next::Gone => {
                    // It may have said another place meanwhile.
                    let forget =
                        "DELETE FROM push_targets WHERE account = ? AND environment = ? AND cuid = ? AND device = ? AND target = ?";
                    let (account, environment, cuid) = &due.user;
                    let whose = params![
                        account.0,
                        environment_name(*environment),
                        cuid.as_str(),
                        due.device.to_string(),
                        text_of_target(&due.target)
                    ];
                    transaction.execute(forget, whose)? > 0
                }
                Next::Done | Next::GiveUp | Next::Again { .. } => false,
            };
            transaction.commit().map(|()| forgotten)
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

    /// The key by which the service signs what it gives to Web Push services, if it was made.
    pub(crate) fn push_key(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let key = self.connection().query_optional("SELECT secret FROM push_key", params![], |row| row.get(0));
        key.map_err(|error| self.failed(error))
    }
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
