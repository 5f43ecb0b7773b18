//! The webhooks of accounts, and what was sent to them lately.

use std::time::{Duration, SystemTime};

use signedcall_wire::{AccountId, Environment, Redacted};

use super::sql::{self, Connection, params};
use super::{Accounts, StoreError, environment_name, environment_named, text_of, unix_millis};
use crate::webhooks::{CallEvent, EventId, KEPT_TRYING_FOR, MAX_WEBHOOKS, WebhookId};

/// How long the secret before the last one is signed with as well: time to give a receiver the new one.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);

/// A webhook that is to be added.
#[derive(Clone, Debug)]
pub(crate) struct NewWebhook {
    pub(crate) id: WebhookId,
    pub(crate) environment: Environment,
    pub(crate) url: String,
    pub(crate) events: Vec<CallEvent>,
    pub(crate) secret: Redacted<String>,
}

/// What came of adding a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddedWebhook {
    Added,
    NoAccount,
    /// There are [`MAX_WEBHOOKS`] already.
    TooMany,
}

/// What came of asking for a delivery once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redelivery {
    Due,
    NoWebhook,
    Off,
    NoDelivery,
}

/// A webhook as its operator sees it. Moments are UTC, in the form of RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// What it is called.
    pub id: WebhookId,
    /// Of which environment's calls it is told.
    pub environment: Environment,
    /// Where it lies.
    pub url: String,
    /// What it is told.
    pub events: Vec<CallEvent>,
    /// When it was added.
    pub created_at: String,
    /// Since when each delivery has failed; `None` while it works.
    pub failing_since: Option<String>,
    /// Since when it is switched off; `None` while it is told of calls.
    pub off_since: Option<String>,
}

/// A try to tell a webhook something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What was told: the id in what was sent.
    pub id: String,
    /// When: UTC, in the form of RFC 3339.
    pub at: String,
    /// How long it took until the answer.
    pub took: Duration,
    /// What the receiver has answered, if it has.
    pub status: Option<u16>,
    /// What was wrong.
    pub error: Option<String>,
}

impl Accounts {
    pub(crate) fn add_webhook(&self, account: &AccountId, new: &NewWebhook) -> Result<AddedWebhook, StoreError> {
        if self.find(account)?.is_none() {
            return Ok(AddedWebhook::NoAccount);
        }
        let connection = self.connection();
        let environment = environment_name(new.environment);
        let events: Vec<_> = CallEvent::ALL.into_iter().filter(|event| new.events.contains(event)).map(CallEvent::name).collect();
        let add = || {
            let transaction = connection.begin()?;
            let count = "SELECT count(*) FROM webhooks WHERE account = ? AND environment = ?";
            let known: u32 = transaction.query_one(count, params![account.0, environment], |row| row.get(0))?;
            if known >= MAX_WEBHOOKS {
                return Ok(AddedWebhook::TooMany);
            }
            let (secret, now) = (new.secret.expose(), unix_millis(SystemTime::now()));
            transaction.execute(
                "INSERT INTO webhooks (id, account, environment, url, events, secret, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
                params![new.id.0, account.0, environment, new.url, events.join(","), secret, now],
            )?;
            transaction.commit().map(|()| AddedWebhook::Added)
        };
        add().map_err(|error| self.failed(error))
    }

    /// Every webhook of an account, the oldest first; `None` when there is no such account.
    pub(crate) fn webhooks(&self, account: &AccountId) -> Result<Option<Vec<Webhook>>, StoreError> {
        if self.find(account)?.is_none() {
            return Ok(None);
        }
        let connection = self.connection();
        let list = || {
            let select = "SELECT id, environment, url, events, created_at_ms, failing_since_ms, off_since_ms FROM webhooks
                          WHERE account = ? ORDER BY created_at_ms, id";
            connection.query(select, params![account.0], |row| {
                let (environment, events): (String, String) = (row.get(1)?, row.get(3)?);
                let (id, url, created_at) = (WebhookId(row.get(0)?), row.get(2)?, text_of(row.get(4)?));
                let (failing_since, off_since): (Option<i64>, Option<i64>) = (row.get(5)?, row.get(6)?);
                let (failing_since, off_since) = (failing_since.map(text_of), off_since.map(text_of));
                let events = events.split(',').filter_map(CallEvent::named).collect();
                let environment = environment_named(&environment);
                Ok(environment.map(|environment| Webhook { id, environment, url, events, created_at, failing_since, off_since }))
            })
        };
        list().map(|webhooks| Some(webhooks.into_iter().flatten().collect())).map_err(|error| self.failed(error))
    }

    /// Removes a webhook with all that it was still to be told, and says whether the account has had it.
    pub(crate) fn remove_webhook(&self, account: &AccountId, webhook: &WebhookId) -> Result<bool, StoreError> {
        let remove = "DELETE FROM webhooks WHERE account = ? AND id = ?";
        let removed = self.connection().execute(remove, params![account.0, webhook.0]);
        removed.map(|removed| removed > 0).map_err(|error| self.failed(error))
    }

    /// Gives a webhook another secret, and says whether the account has it.
    pub(crate) fn rotate_webhook(&self, account: &AccountId, webhook: &WebhookId, secret: &Redacted<String>) -> Result<bool, StoreError> {
        let rotate = "UPDATE webhooks SET old_secret = secret, old_until_ms = ?, secret = ? WHERE account = ? AND id = ?";
        let until = unix_millis(SystemTime::now() + OVERLAP);
        let rotated = self.connection().execute(rotate, params![until, secret.expose(), account.0, webhook.0]);
        rotated.map(|rotated| rotated > 0).map_err(|error| self.failed(error))
    }

    /// What is in the log of a webhook, the oldest first; `None` when the account has no such webhook.
    pub(crate) fn deliveries(&self, account: &AccountId, webhook: &WebhookId) -> Result<Option<Vec<Delivery>>, StoreError> {
        let connection = self.connection();
        let list = || {
            if find(&connection, account, webhook)?.is_none() {
                return Ok(None);
            }
            let select =
                "SELECT call, event, at_ms, took_ms, status, error
                 FROM delivery_log JOIN deliveries ON deliveries.number = delivery WHERE delivery_log.webhook = ? ORDER BY delivery_log.number";
            let log = connection.query(select, params![webhook.0], |row| {
                let (call, event): (String, String) = (row.get(0)?, row.get(1)?);
                let took = Duration::from_millis(row.get::<i64>(3)?.try_into().unwrap_or_default());
                let (at, status, error) = (text_of(row.get(2)?), row.get(4)?, row.get(5)?);
                let event = CallEvent::named(&event);
                Ok(event.map(|event| Delivery { id: EventId { call, event }.to_string(), at, took, status, error }))
            })?;
            Ok(Some(log.into_iter().flatten().collect()))
        };
        list().map_err(|error| self.failed(error))
    }

    /// Has something sent once more, with as much time as at first.
    pub(crate) fn redeliver(&self, account: &AccountId, webhook: &WebhookId, id: EventId) -> Result<Redelivery, StoreError> {
        let connection = self.connection();
        let redeliver = || {
            let transaction = connection.begin()?;
            match find(&transaction, account, webhook)? {
                None => return Ok(Redelivery::NoWebhook),
                Some(OffSince(Some(_))) => return Ok(Redelivery::Off),
                Some(OffSince(None)) => {}
            }
            let now = SystemTime::now();
            let due = "UPDATE deliveries SET due_at_ms = ?, until_ms = ?, tries = 0 WHERE webhook = ? AND call = ? AND event = ?";
            let values = params![unix_millis(now), unix_millis(now + KEPT_TRYING_FOR), webhook.0, id.call, id.event.name()];
            if transaction.execute(due, values)? == 0 {
                return Ok(Redelivery::NoDelivery);
            }
            transaction.commit().map(|()| Redelivery::Due)
        };
        redeliver().map_err(|error| self.failed(error))
    }
}

/// Since when a webhook is switched off, in milliseconds since 1970.
struct OffSince(Option<i64>);

fn find(connection: &Connection, account: &AccountId, webhook: &WebhookId) -> sql::Result<Option<OffSince>> {
    let find = "SELECT off_since_ms FROM webhooks WHERE account = ? AND id = ?";
    connection.query_optional(find, params![account.0, webhook.0], |row| row.get(0).map(OffSince))
}
