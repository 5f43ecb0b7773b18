//! What outlives the service: accounts, what they sign in with and the records of calls, in one SQLite file, or in a database on a
//! PostgreSQL server. What is asked is written once for both (`sql`).
//!
//! Accounts are few and read at each sign-in; records are many and written by one thread that commits whatever has gathered meanwhile at once.

mod accounts;
mod analytics;
mod api_keys;
mod audit;
mod backlog;
mod blocked;
mod call_record;
mod copy;
mod erasures;
mod facts;
mod figures;
mod history;
mod location;
mod open;
mod operators;
mod outbox;
pub(crate) mod owners;
mod probe;
mod pushes;
mod quiet;
mod receipts;
mod records;
mod schema;
mod server_layout;
mod signing_keys;
mod slots;
mod sql;
mod steps;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod token_keys;
mod used_tokens;
mod wake_targets;
mod webhooks;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use signedcall_wire::Environment;

use crate::moment;

pub use self::accounts::{Account, Accounts, AddAccountError};
pub use self::analytics::KeptEvent;
pub use self::api_keys::KeyRecord;
pub(crate) use self::api_keys::{AddedKey, Credential, MAX_KEYS, ReplacedKey, USE_NOTED_EVERY};
pub(crate) use self::audit::{AuditEntry, AuditRow};
pub use self::blocked::BlockedUser;
pub use self::call_record::{CallRecord, read_records};
pub(crate) use self::copy::{copy, put_back};
pub(crate) use self::facts::CallFacts;
pub(crate) use self::figures::StoreFigures;
pub(crate) use self::history::{CallFilter, History, Place, Scope};
pub use self::location::Location;
pub(crate) use self::open::{Legacy, OpenCall};
pub use self::operators::OperatorRecord;
pub(crate) use self::operators::{KeptSession, SecretHash};
pub(crate) use self::outbox::{Alarm, Due, Outbox, Tried, WebhookState};
pub(crate) use self::probe::{LEAST_ROOM, StoreProbe, room_at};
pub(crate) use self::pushes::{DuePush, Most, PushDevice, Pushes, PutPush, TriedPush, WrittenPush};
pub use self::quiet::QuietUser;
pub(crate) use self::records::{Records, Written};
#[cfg(test)]
pub(crate) use self::schema::make_earlier;
pub(crate) use self::schema::{LAYOUT, create_private_directory, give_to_owner_of_folder};
pub(crate) use self::slots::SlotRow;
pub(crate) use self::sql::Trouble;
pub use self::sql::{InvalidServer, Server, SqlError};
pub(crate) use self::token_keys::{RegisteredKey, SetTokenKeys};
pub(crate) use self::used_tokens::UsedTokens;
pub(crate) use self::wake_targets::WakeTargets;
pub(crate) use self::webhooks::{AddedWebhook, NewWebhook, Redelivery};
pub use self::webhooks::{Delivery, Webhook};

/// Why the store cannot be used, with the file's name.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be made or opened.
    #[error("the store {path} cannot be opened: {source}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file, or the database, belongs to another program.
    #[error("{0} is not a store of the Signed Call service")]
    Foreign(Location),
    /// The file is damaged.
    #[error("the store {path} is damaged ({verdict}); restore it from a copy, or move it away to begin anew", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        verdict: String,
    },
    /// It was written by a newer version of the service.
    #[error("the store {store} has layout {version}, of a newer version of the service")]
    Newer {
        /// The store.
        store: Location,
        /// Its layout.
        version: u32,
    },
    /// A thread cannot be started.
    #[error("the store has no thread to be used by: {0}")]
    Thread(std::io::Error),
    /// A statement was not carried out.
    #[error("the store {store} failed: {source}")]
    Failed {
        /// The store.
        store: Location,
        /// Why not.
        source: SqlError,
    },
}

impl StoreError {
    /// Whether it was given up what takes too long.
    pub(crate) fn is_too_slow(&self) -> bool {
        matches!(self, Self::Failed { source, .. } if source.trouble() == Trouble::TooSlow)
    }

    /// Whether there is no room for what was to be written.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Failed { source, .. } if source.trouble() == Trouble::Full)
    }

    /// Whether what failed may have been done.
    pub(crate) const fn may_be_done(&self) -> bool {
        matches!(self, Self::Failed { source, .. } if source.may_be_done())
    }
}

/// What came of a change to what an account has set for its users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// It was so already.
    Same,
    NoAccount,
}

/// A moment that is stored, in seconds: UTC, in the form of RFC 3339.
fn text_of(unix_millis: i64) -> String {
    let text = moment::to_text(unix_millis);
    text.split_once('.').map_or(text.clone(), |(seconds, _)| format!("{seconds}Z"))
}

/// Milliseconds since 1970, as they are stored.
pub(crate) fn unix_millis(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) const fn environment_name(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => "production",
        Environment::Development => "development",
    }
}

pub(crate) fn environment_named(name: &str) -> Option<Environment> {
    [Environment::Production, Environment::Development].into_iter().find(|environment| environment_name(*environment) == name)
}
