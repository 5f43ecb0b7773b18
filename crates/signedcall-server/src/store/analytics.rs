//! What devices have told of calls for their account's analytics.

use std::time::Duration;

use serde::Serialize;
use signedcall_wire::{AccountId, AnalyticsKind, EndReason};

use super::schema::BUSY_FOR;
use super::sql::{self, Connection, Trouble, params};
use super::{Accounts, StoreError, environment_name};
use crate::hub::KeptEvents;

/// An event as it is exported: what R8 names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptEvent {
    /// `SCOutgoing`, `SCIncoming` or `SCEnd`.
    pub event: String,
    /// The account.
    pub account_id: String,
    /// Its environment.
    pub environment: String,
    /// The call.
    pub call_id: String,
    /// The user on whose side it happened.
    pub cuid: String,
    /// The device.
    pub device: String,
    /// When, in seconds since 1970.
    pub epoch: i64,
    /// Why the call was placed, as that side saw it.
    pub context: String,
    /// What the call had come to.
    pub call_status: &'static str,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// That as a number: 1001 for a busy callee, 1002 for one without a microphone, or else the reason's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<u16>,
}

/// How long is waited for others who write: calls wait meanwhile, and whoever has told of an event tells of it again.
const BUSY_FOR_EVENTS: Duration = Duration::from_millis(20);

/// Writes events down, all of them or none, and says whether they are durable.
pub(super) fn commit_events(connection: &Connection, events: &[Box<KeptEvents>]) -> bool {
    let commit = || {
        connection.wait_for_others(BUSY_FOR_EVENTS)?;
        let transaction = connection.begin_beside_others()?;
        for kept in events {
            put_events(&transaction, kept)?;
        }
        transaction.commit()
    };
    let committed = commit();
    let patient = connection.wait_for_others(BUSY_FOR);
    let committed = committed.and(patient);
    match &committed {
        Ok(()) => {}
        Err(error) if error.trouble() == Trouble::Busy => {
            tracing::debug!("events for analytics have to be told again")
        }
        Err(error) => tracing::error!(%error, "events for analytics could not be written"),
    }
    committed.is_ok()
}

/// Writes down what is not there yet, of calls that the user had a part in. What a call was about is gone once somebody was erased from it.
fn put_events(connection: &Connection, kept: &KeptEvents) -> sql::Result<()> {
    for event in &kept.events {
        let Some(name) = event.happened.name() else { continue };
        let reason = match event.happened {
            AnalyticsKind::End { reason } => Some(reason.number()),
            AnalyticsKind::Outgoing | AnalyticsKind::Incoming | AnalyticsKind::Unknown => None,
        };
        connection.execute(
            "INSERT INTO analytics_events (account, environment, call, cuid, device, event, epoch, context, end_reason)
             SELECT account, environment, id, ?1, ?2, ?3, ?4, CASE WHEN calls.context = '' THEN '' ELSE ?5 END, ?6 FROM calls
             WHERE id = ?7 AND account = ?8 AND environment = ?9 AND ?1 IN (caller, callee)
             ON CONFLICT (call, cuid, device, event) DO NOTHING",
            params![
                kept.cuid.as_str(),
                kept.device.to_string(),
                name,
                i64::try_from(event.epoch).unwrap_or(i64::MAX),
                event.context.as_str(),
                reason,
                event.call.to_string(),
                kept.account.0,
                environment_name(kept.environment),
            ],
        )?;
    }
    Ok(())
}

impl Accounts {
    /// What devices have told of an account's calls, in the order in which it was written down; `None` when there is no such account.
    pub(crate) fn analytics_events(&self, account: &AccountId) -> Result<Option<Vec<KeptEvent>>, StoreError> {
        if self.find(account)?.is_none() {
            return Ok(None);
        }
        let connection = self.connection();
        let events = connection.query(
            "SELECT event, account, environment, call, cuid, device, epoch, context, end_reason FROM analytics_events
             WHERE account = ? ORDER BY number",
            params![account.0],
            |row| {
                let reason = row.get::<Option<u8>>(8)?.and_then(|number| EndReason::ALL.get(usize::from(number)).copied());
                let happened = reason.map_or(AnalyticsKind::Outgoing, |reason| AnalyticsKind::End { reason });
                Ok(KeptEvent {
                    event: row.get(0)?,
                    account_id: row.get(1)?,
                    environment: row.get(2)?,
                    call_id: row.get(3)?,
                    cuid: row.get(4)?,
                    device: row.get(5)?,
                    epoch: row.get(6)?,
                    context: row.get(7)?,
                    call_status: happened.status().name(),
                    reason: reason.map(EndReason::name),
                    reason_code: reason.map(|reason| happened.reason_code().unwrap_or_else(|| reason.number().into())),
                })
            },
        );
        events.map(Some).map_err(|error| self.failed(error))
    }
}
