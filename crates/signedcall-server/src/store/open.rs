//! What an earlier process has left behind: calls that go on, and the ends that not everybody may have been told of.

use std::time::{Duration, SystemTime};

use signedcall_wire::{AccountId, CallId, Context, Cuid, DeviceId, DeviceName, EndReason, Endpoint, Invite, RunId, Timestamp};
use uuid::Uuid;

use super::outbox::put;
use super::owners::{Partition, lies_in};
use super::pushes::settled_pushes;
use super::sql::{self, Connection, Row, params};
use super::{environment_named, unix_millis};
use crate::hub::{ENDED_REMEMBERED_FOR, KeptAnswer, KeptEnd, NamedDevice, OpenRecord};
use crate::webhooks::CallEvent;

/// A call whose record is open. Its moments are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenCall {
    pub(crate) record: OpenRecord,
    pub(crate) answer: Option<KeptAnswer>,
    /// The devices that were called by push, where it is known what has become of that.
    pub(crate) settled: Vec<DeviceId>,
}

/// What an earlier process has left behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Legacy {
    /// Oldest first.
    pub(crate) open: Vec<OpenCall>,
    /// Those that ended within the last minute, oldest first.
    pub(crate) ended: Vec<KeptEnd>,
}

impl Legacy {
    /// Reads what lies in a partition, or everything; nothing of others is looked at, nor changed.
    pub(super) fn read(connection: &Connection, now: SystemTime, partition: Option<Partition>) -> sql::Result<Self> {
        let is_ours = lies_in("account", partition);
        let ended = read_ended(connection, now, &is_ours)?;
        Ok(Self { open: read_open(connection, now, &is_ours)?, ended })
    }
}

/// Those that go on, which are few: by the index of them.
const OPEN: &str = "
    SELECT id, account, environment, callee, context, placed_at_ms, invite, instead_of, limit_ms,
           answered_by, answered_run, answered_at_ms, connected_at_ms, caller_holds, callee_holds, ends_at_ms, answered_name, rings_on, by_company
    FROM calls INDEXED BY calls_that_go_on WHERE ended_at_ms IS NULL";

/// Those that have ended since a moment.
const ENDED: &str = "
    SELECT id, account, environment, caller, caller_device, callee, answered_by, answered_name, declined_by, declined_name, ended_at_ms, end_reason
    FROM calls INDEXED BY ended_calls WHERE ended_at_ms >= ?";

/// Reads every open call. A record that does not say enough, since an older version of the service has written it, is closed: nobody knows how that call
/// ended.
fn read_open(connection: &Connection, now: SystemTime, is_ours: &str) -> sql::Result<Vec<OpenCall>> {
    let open = format!("{OPEN} AND {is_ours} ORDER BY placed_at_ms, id");
    let rows = connection.query(&open, params![], |row| Ok((row.get::<String>(0)?, read(row)?)))?;
    let mut open = Vec::new();
    for (id, call) in rows {
        match call {
            Some(call) => open.push(OpenCall { settled: settled_pushes(connection, &id)?, ..call }),
            None => {
                put(connection, &id, CallEvent::Ended, now, false)?;
                tracing::warn!(call = id, "closed the record of a call that an earlier version has left open");
                connection.execute(
                    "UPDATE calls SET ended_at_ms = CASE WHEN placed_at_ms > ?1 THEN placed_at_ms ELSE ?1 END, end_reason = ?2 WHERE id = ?3",
                    params![unix_millis(now), EndReason::InternalError.number(), id],
                )?;
            }
        }
    }
    Ok(open)
}

fn read(row: &Row<'_>) -> sql::Result<Option<OpenCall>> {
    let (environment, callee, context): (String, String, String) = (row.get(2)?, row.get(3)?, row.get(4)?);
    let (invite, instead_of): (Option<String>, Option<String>) = (row.get(6)?, row.get(7)?);
    let (answer, rings_on, by_company) = (read_answer(row)?, row.get::<Option<String>>(17)?, row.get(18)?);
    let (account, placed_at, limit) = (AccountId(row.get(1)?), moment(row.get(5)?), row.get::<Option<i64>>(8)?);
    let record = || {
        Some(OpenRecord {
            account,
            environment: environment_named(&environment)?,
            callee: Cuid::new(callee).ok()?,
            context: Context::new(context).ok()?,
            invite: serde_json::from_str::<Invite>(&invite?).ok()?,
            instead_of: instead_of.map(|call| Uuid::parse_str(&call).ok().map(CallId)).unwrap_or_default(),
            limit: limit.map(|limit| Duration::from_millis(u64::try_from(limit).unwrap_or_default())),
            by_company,
            // An older version has not written it: nobody is waited for then.
            rings_on: rings_on.and_then(|devices| serde_json::from_str(&devices).ok()).unwrap_or_default(),
            placed_at,
        })
    };
    Ok(record().map(|record| OpenCall { record, answer, settled: Vec::new() }))
}

fn read_answer(row: &Row<'_>) -> sql::Result<Option<KeptAnswer>> {
    let (device, run): (Option<String>, Option<String>) = (row.get(9)?, row.get(10)?);
    let id = |text: Option<String>| text.and_then(|text| Uuid::parse_str(&text).ok());
    let (Some(device), Some(run), Some(at)) = (id(device), id(run), row.get::<Option<i64>>(11)?) else {
        return Ok(None);
    };
    Ok(Some(KeptAnswer {
        by: Endpoint { device: DeviceId(device), run: RunId(run) },
        device_name: row.get::<Option<String>>(16)?.and_then(|name| DeviceName::new(name).ok()),
        at: moment(at),
        connected_at: row.get::<Option<i64>>(12)?.map(moment),
        caller_holds: row.get::<Option<bool>>(13)?.unwrap_or_default(),
        callee_holds: row.get::<Option<bool>>(14)?.unwrap_or_default(),
        ends_at: row.get::<Option<i64>>(15)?.map(moment),
    }))
}

fn moment(unix_millis: i64) -> Timestamp {
    Timestamp::from_millis(u64::try_from(unix_millis).unwrap_or_default())
}

fn read_ended(connection: &Connection, now: SystemTime, is_ours: &str) -> sql::Result<Vec<KeptEnd>> {
    let since = now.checked_sub(ENDED_REMEMBERED_FOR).unwrap_or(now);
    let ended = format!("{ENDED} AND {is_ours} ORDER BY ended_at_ms, id");
    let ended = connection.query(&ended, params![unix_millis(since)], read_end)?;
    Ok(ended.into_iter().flatten().collect())
}

fn read_end(row: &Row<'_>) -> sql::Result<Option<KeptEnd>> {
    let text = |column: usize| row.get::<String>(column);
    let (id, environment, caller, device, callee) = (text(0)?, text(2)?, text(3)?, text(4)?, text(5)?);
    let (answered_by, declined_by) = (read_device(row, 6)?, read_device(row, 8)?);
    let (account, ended_at, reason) = (AccountId(text(1)?), moment(row.get(10)?), row.get::<u8>(11)?);
    let end = || {
        Some(KeptEnd {
            call: CallId(Uuid::parse_str(&id).ok()?),
            account,
            environment: environment_named(&environment)?,
            caller: (Cuid::new(caller).ok()?, DeviceId(Uuid::parse_str(&device).ok()?)),
            callee: Cuid::new(callee).ok()?,
            answered_by,
            declined_by,
            ended_at,
            reason: EndReason::ALL.get(usize::from(reason)).copied()?,
        })
    };
    Ok(end())
}

/// Reads a device from one column, and its name from the next.
fn read_device(row: &Row<'_>, column: usize) -> sql::Result<Option<NamedDevice>> {
    let (id, name): (Option<String>, Option<String>) = (row.get(column)?, row.get(column + 1)?);
    let id = id.and_then(|id| Uuid::parse_str(&id).ok()).map(DeviceId);
    Ok(id.map(|id| NamedDevice { id, name: name.and_then(|name| DeviceName::new(name).ok()) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Location;
    use crate::store::testing::{TestStore, on_each_store};

    on_each_store![an_earlier_process_s_calls_are_found_by_an_index_however_many_others_there_are];

    fn an_earlier_process_s_calls_are_found_by_an_index_however_many_others_there_are(store: &TestStore) {
        let connection = store.at().open().expect("a new store");
        for (query, index) in [(OPEN, "calls_that_go_on"), (ENDED, "ended_calls")] {
            // A server explains no question with something left open, and goes through a table with no rows as it is.
            let query = query.replace('?', "7");
            let plan: Vec<String> = if matches!(store.at(), Location::File(_)) {
                connection.query(&format!("EXPLAIN QUERY PLAN {query}"), params![], |row| row.get(3)).expect("a plan")
            } else {
                connection.run("SET enable_seqscan = off").expect("a setting");
                connection.query(&format!("EXPLAIN {query}"), params![], |row| row.get(0)).expect("a plan")
            };
            assert!(plan.iter().any(|step| step.contains(index)), "{query}: {plan:#?}");
        }
    }
}
