//! What webhooks are still to be told. It is put down in the transaction that changes the record of a call, so that the one is there if and only if the
//! other is; whoever sends it writes down what has become of it by a connection of its own.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use signedcall_wire::Redacted;

use super::erasures::PORTION;
use super::facts::{CallFacts, FACTS, FACTS_COLUMNS, read_facts};
use super::sql::{self, Connection, Row, SqlError, params};
use super::{Location, StoreError, text_of, unix_millis};
use crate::webhooks::{CallEvent, KEPT_TRYING_FOR, Next, WebhookId, body};

/// How long the end of a call that was answered is kept for how it sounded, which its devices say once it is over.
const REPORTS_WITHIN: Duration = Duration::from_secs(3);
/// For how long a delivery is a service's that sends it: several times as long as that may take.
const TAKEN_FOR: Duration = Duration::from_secs(60);
/// What is kept of what was sent to a webhook.
const MOST_LOGGED: u32 = 1000;
/// How often a webhook has to fail in a row before somebody is told: less may be a receiver that is started again.
const ALARM_FROM: u32 = 5;
/// How long until they are told again.
const ALARM_EVERY: Duration = Duration::from_secs(3600);

/// Whether any webhook is told of calls.
pub(super) fn is_anybody_told(connection: &Connection) -> sql::Result<bool> {
    connection.query_one("SELECT EXISTS (SELECT 1 FROM webhooks WHERE off_since_ms IS NULL)", params![], |row| row.get(0))
}

/// Puts what happens to a call down for each webhook that is told of it, and says for how many. Of what has happened already, once: before the record
/// says so.
pub(super) fn put(connection: &Connection, call: &str, event: CallEvent, at: SystemTime, is_answered: bool) -> sql::Result<usize> {
    let not_before = match event {
        // Called once, since the record of a call is opened once.
        CallEvent::Placed => "TRUE",
        CallEvent::Answered => "calls.answered_at_ms IS NULL AND calls.ended_at_ms IS NULL",
        CallEvent::Ended => "calls.ended_at_ms IS NULL",
    };
    let due_at = if event == CallEvent::Ended && is_answered { at + REPORTS_WITHIN } else { at };
    connection.execute(
        &format!(
            "INSERT INTO deliveries (webhook, call, event, due_at_ms, until_ms)
             SELECT webhooks.id, calls.id, ?1, ?2, ?3
             FROM calls JOIN webhooks ON webhooks.account = calls.account AND webhooks.environment = calls.environment
             WHERE calls.id = ?4 AND {not_before} AND webhooks.off_since_ms IS NULL AND ',' || webhooks.events || ',' LIKE '%,' || ?1 || ',%'
             ON CONFLICT (call, event, webhook) DO NOTHING"
        ),
        params![event.name(), unix_millis(due_at), unix_millis(at + KEPT_TRYING_FOR), call],
    )
}

/// Lets the end of a call go once both sides have said how it sounded, and says whether it was waited for. One that is under way is not to be begun again.
pub(super) fn hasten(connection: &Connection, call: &str) -> sql::Result<usize> {
    connection.execute(
        "UPDATE deliveries SET due_at_ms = until_ms - ?1 WHERE call = ?2 AND event = ?3 AND tries = 0 AND due_at_ms = until_ms - ?1 + ?4
         AND EXISTS (SELECT 1 FROM calls WHERE id = ?2 AND caller_report IS NOT NULL AND callee_report IS NOT NULL)",
        params![millis(KEPT_TRYING_FOR), call, CallEvent::Ended.name(), millis(REPORTS_WITHIN)],
    )
}

/// A webhook that something is due for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebhookState {
    pub(crate) id: WebhookId,
    /// How often it has failed in a row.
    pub(crate) failures: u32,
    pub(crate) url: String,
    pub(crate) secrets: Vec<Redacted<String>>,
}

/// Something that is to be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) number: i64,
    pub(crate) webhook: WebhookId,
    pub(crate) url: String,
    /// What it is signed with, the newest first.
    pub(crate) secrets: Vec<Redacted<String>>,
    pub(crate) body: String,
    /// How often it was tried before.
    pub(crate) tries: u32,
    pub(crate) until_ms: i64,
}

impl Due {
    /// How long it is still to be tried.
    pub(crate) fn left(&self, now: SystemTime) -> Duration {
        Duration::from_millis(u64::try_from(self.until_ms - unix_millis(now)).unwrap_or_default())
    }
}

/// What has become of something that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tried {
    pub(crate) number: i64,
    pub(crate) webhook: WebhookId,
    pub(crate) at: SystemTime,
    pub(crate) took: Duration,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) next: Next,
}

/// What whoever runs the service should know of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    Failing {
        webhook: WebhookId,
        failures: u32,
        /// UTC, in the form of RFC 3339.
        since: String,
        error: String,
    },
    Recovered {
        webhook: WebhookId,
        failures: u32,
    },
    Off {
        webhook: WebhookId,
    },
    /// It has failed for so long that it is not told of some calls.
    Lost {
        webhook: WebhookId,
        deliveries: usize,
    },
}

/// What webhooks are still to be told, for whoever sends it.
#[derive(Debug)]
pub(crate) struct Outbox {
    at: Location,
    connection: Connection,
}

impl Outbox {
    /// Opens a store that is up to date.
    pub(crate) fn open(at: impl Into<Location>) -> Result<Self, StoreError> {
        let at = at.into();
        let connection = at.open_again()?;
        // What has become of a delivery may be lost with the computer's power: then it is sent once more. Calls do not wait for the disk because of it.
        connection.do_not_wait_for_the_disk().map_err(|error| at.failed(error))?;
        Ok(Self { at, connection })
    }

    /// Every webhook that something is due for.
    pub(crate) fn with_something_due(&self, now: SystemTime) -> Result<Vec<WebhookState>, StoreError> {
        let webhooks = self.connection.query(
            "SELECT id, failures, url, secret, CASE WHEN old_until_ms > ?1 THEN old_secret END FROM webhooks
             WHERE off_since_ms IS NULL AND EXISTS (SELECT 1 FROM deliveries WHERE webhook = webhooks.id AND due_at_ms <= ?1)",
            params![unix_millis(now)],
            |row| {
                let secrets = [Some(row.get::<String>(3)?), row.get(4)?];
                let secrets = secrets.into_iter().flatten().map(Redacted::new).collect();
                Ok(WebhookState { id: WebhookId(row.get(0)?), failures: row.get(1)?, url: row.get(2)?, secrets })
            },
        );
        webhooks.map_err(|error| self.failed(error))
    }

    /// What is due for a webhook, the oldest first and no more than there is room for, without what is under way.
    pub(crate) fn due(
        &self,
        webhook: &WebhookState,
        now: SystemTime,
        room: usize,
        under_way: &BTreeSet<i64>,
    ) -> Result<Vec<Due>, StoreError> {
        // What is under way is due still, and may be first.
        let most = i64::try_from(room.saturating_add(under_way.len())).unwrap_or(i64::MAX);
        let due = self.connection.query(
            &format!(
                "SELECT {FACTS}, deliveries.number, deliveries.event, deliveries.tries, deliveries.until_ms
                 FROM deliveries JOIN calls ON calls.id = deliveries.call
                 WHERE deliveries.webhook = ? AND deliveries.due_at_ms <= ? ORDER BY deliveries.due_at_ms, deliveries.number LIMIT ?"
            ),
            params![webhook.id.0, unix_millis(now), most],
            |row| read_due(row, webhook),
        );
        let due = due.map_err(|error| self.failed(error))?;
        Ok(due.into_iter().flatten().filter(|due| !under_way.contains(&due.number)).take(room).collect())
    }

    /// Takes what is due, so that no other service sends it at the same time; it is due again should this one not come back to it. Gives what nobody else has
    /// taken. A file has one service, which knows itself what is under way.
    pub(crate) fn take(&self, due: Vec<Due>, now: SystemTime) -> Result<Vec<Due>, StoreError> {
        match &self.at {
            Location::File(_) => Ok(due),
            Location::Server(_) => {
                let take = "UPDATE deliveries SET due_at_ms = ?1 WHERE number = ?2 AND due_at_ms <= ?3";
                let (until, now) = (unix_millis(now + TAKEN_FOR), unix_millis(now));
                let is_ours = |due: &Due| self.connection.execute(take, params![until, due.number, now]).map(|taken| taken > 0);
                let taken = due.into_iter().filter_map(|due| is_ours(&due).map(|ours| ours.then_some(due)).transpose());
                taken.collect::<sql::Result<_>>().map_err(|error| self.failed(error))
            }
        }
    }

    /// Writes down what has become of deliveries, all of them or none, and says what somebody should know.
    pub(crate) fn write(&self, tried: &[Tried], now: SystemTime) -> Result<Vec<Alarm>, StoreError> {
        let write = || {
            let mut alarms = Vec::new();
            let transaction = self.connection.begin()?;
            for tried in tried {
                write_one(&transaction, tried)?;
                alarms.extend(note_health(&transaction, tried, now)?);
            }
            let webhooks: BTreeSet<_> = tried.iter().map(|tried| &tried.webhook).collect();
            for webhook in webhooks {
                let given_up = tried.iter().filter(|tried| tried.webhook == *webhook && tried.next == Next::GiveUp).count();
                let lost = let_go(&transaction, webhook, now)? + given_up;
                if lost > 0 && is_on(&transaction, webhook)? {
                    alarms.push(Alarm::Lost { webhook: webhook.clone(), deliveries: lost });
                }
            }
            transaction.commit().map(|()| alarms)
        };
        write().map_err(|error| self.failed(error))
    }

    fn failed(&self, source: SqlError) -> StoreError {
        self.at.failed(source)
    }
}

/// `None` for what no version of the service has written.
fn read_due(row: &Row<'_>, webhook: &WebhookState) -> sql::Result<Option<Due>> {
    let (facts, event): (CallFacts, String) = (read_facts(row)?, row.get(FACTS_COLUMNS + 1)?);
    let (number, tries, until_ms) = (row.get(FACTS_COLUMNS)?, row.get(FACTS_COLUMNS + 2)?, row.get(FACTS_COLUMNS + 3)?);
    let body = CallEvent::named(&event).and_then(|event| body(event, &facts));
    let WebhookState { id, url, secrets, failures: _ } = webhook.clone();
    Ok(body.map(|body| Due { number, webhook: id, url, secrets, body, tries, until_ms }))
}

fn write_one(connection: &Connection, tried: &Tried) -> sql::Result<()> {
    let due_at = match tried.next {
        Next::Again { after, rest: _ } => Some(unix_millis(tried.at + tried.took + after)),
        Next::Done | Next::GiveUp | Next::SwitchOff => None,
    };
    // Its webhook may have been removed, or switched off by another delivery.
    let finish = "UPDATE deliveries SET tries = tries + 1,
                      due_at_ms = CASE WHEN EXISTS (SELECT 1 FROM webhooks WHERE id = webhook AND off_since_ms IS NULL) THEN ? END
                  WHERE number = ?";
    connection.execute(finish, params![due_at, tried.number])?;
    let log = "INSERT INTO delivery_log (webhook, delivery, at_ms, took_ms, status, error)
               SELECT webhook, number, ?, ?, ?, ? FROM deliveries WHERE number = ?";
    let values = params![unix_millis(tried.at), millis(tried.took), tried.status, tried.error, tried.number];
    connection.execute(log, values)?;
    Ok(())
}

/// Counts how often a webhook has failed in a row, and says when somebody should know.
fn note_health(connection: &Connection, tried: &Tried, now: SystemTime) -> sql::Result<Option<Alarm>> {
    let (id, now) = (&tried.webhook, unix_millis(now));
    let select = "SELECT failures, alarmed_at_ms, failing_since_ms FROM webhooks WHERE id = ? AND off_since_ms IS NULL";
    let known = connection.query_optional(select, params![id.0], |row| {
        Ok((row.get::<u32>(0)?, row.get::<Option<i64>>(1)?, row.get::<Option<i64>>(2)?.unwrap_or_else(|| unix_millis(tried.at))))
    });
    let Some((failures, alarmed_at, since)) = known? else { return Ok(None) };
    match tried.next {
        Next::Done if failures == 0 => Ok(None),
        Next::Done => {
            let recover = "UPDATE webhooks SET failures = 0, failing_since_ms = NULL, alarmed_at_ms = NULL WHERE id = ?";
            connection.execute(recover, params![id.0])?;
            Ok(alarmed_at.map(|_| Alarm::Recovered { webhook: id.clone(), failures }))
        }
        Next::Again { .. } | Next::GiveUp => {
            let failures = failures.saturating_add(1);
            let is_told = alarmed_at.is_some_and(|at| now - at < millis(ALARM_EVERY));
            let alarm = failures >= ALARM_FROM && !is_told;
            let fail = "UPDATE webhooks SET failures = ?, failing_since_ms = coalesce(failing_since_ms, ?), alarmed_at_ms = ? WHERE id = ?";
            let alarmed_at = if alarm { Some(now) } else { alarmed_at };
            connection.execute(fail, params![failures, unix_millis(tried.at), alarmed_at, id.0])?;
            let error = tried.status.map(|status| format!("it answers {status}")).or_else(|| tried.error.clone()).unwrap_or_default();
            Ok(alarm.then(|| Alarm::Failing { webhook: id.clone(), failures, since: text_of(since), error }))
        }
        Next::SwitchOff => {
            connection.execute("UPDATE webhooks SET off_since_ms = ? WHERE id = ?", params![now, id.0])?;
            connection.execute("UPDATE deliveries SET due_at_ms = NULL WHERE webhook = ? AND due_at_ms IS NOT NULL", params![id.0])?;
            Ok(Some(Alarm::Off { webhook: id.clone() }))
        }
    }
}

/// Whether a webhook is there, and not switched off.
fn is_on(connection: &Connection, webhook: &WebhookId) -> sql::Result<bool> {
    let find = "SELECT EXISTS (SELECT 1 FROM webhooks WHERE id = ? AND off_since_ms IS NULL)";
    connection.query_one(find, params![webhook.0], |row| row.get(0))
}

/// Lets go of a portion of what is too old: of a log all but the latest, and what a webhook that fails was not told for a day. Says how much it was not told.
fn let_go(connection: &Connection, webhook: &WebhookId, now: SystemTime) -> sql::Result<usize> {
    let lost = "DELETE FROM deliveries WHERE number IN (
                    SELECT number FROM deliveries WHERE webhook = ?1 AND due_at_ms IS NOT NULL AND until_ms <= ?2
                    AND EXISTS (SELECT 1 FROM webhooks WHERE id = ?1 AND failing_since_ms <= ?2 - ?3) LIMIT ?4)";
    let most = i64::try_from(PORTION).unwrap_or(i64::MAX);
    let deliveries = connection.execute(lost, params![webhook.0, unix_millis(now), millis(KEPT_TRYING_FOR), most])?;
    let old = "SELECT max(number) FROM (
                   SELECT number FROM delivery_log WHERE webhook = ?1
                   AND number <= (SELECT number FROM delivery_log WHERE webhook = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)
                   ORDER BY number LIMIT ?3) AS oldest";
    let old: Option<i64> = connection.query_one(old, params![webhook.0, MOST_LOGGED, most], |row| row.get(0))?;
    if let Some(old) = old {
        // What is in the log may be sent once more, and nothing else that is done.
        let forget = "DELETE FROM deliveries WHERE due_at_ms IS NULL
                      AND number IN (SELECT delivery FROM delivery_log WHERE webhook = ?1 AND number <= ?2)
                      AND NOT EXISTS (SELECT 1 FROM delivery_log WHERE delivery = deliveries.number AND number > ?2)";
        connection.execute(forget, params![webhook.0, old])?;
        connection.execute("DELETE FROM delivery_log WHERE webhook = ? AND number <= ?", params![webhook.0, old])?;
    }
    Ok(deliveries)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
