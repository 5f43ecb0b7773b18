//! What is said to the store of a call: its beginning, its answer, its end, and how it sounded.

use std::time::SystemTime;

use signedcall_wire::{CallId, DeviceId, DeviceName, Timestamp};

use super::{Answering, Closing, Opening};
use crate::hub::{KeptReport, OpenRecord};
use crate::store::outbox::put;
use crate::store::sql::{self, Connection, params};
use crate::store::{environment_name, unix_millis};
use crate::webhooks::CallEvent;

pub(super) fn insert(connection: &Connection, record: &OpenRecord, placed_at: SystemTime) -> sql::Result<usize> {
    let invite = serde_json::to_string(&record.invite)?;
    let rings_on = serde_json::to_string(&record.rings_on)?;
    connection.execute(
        "INSERT INTO calls (id, account, environment, caller, caller_device, callee, context, placed_at_ms, invite, instead_of, limit_ms, rings_on,
                            by_company, leads_to)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        params![
            record.invite.call.to_string(),
            record.account.0,
            environment_name(record.environment),
            record.invite.from.as_str(),
            record.invite.endpoint.device.to_string(),
            record.callee.as_str(),
            record.context.as_str(),
            unix_millis(placed_at),
            invite,
            record.instead_of.map(|call| call.to_string()),
            record.limit.map(|limit| i64::try_from(limit.as_millis()).unwrap_or(i64::MAX)),
            rings_on,
            record.by_company,
            record.invite.leads_to.map(|call| call.to_string()),
        ],
    )
}

pub(super) fn update_ringing(connection: &Connection, call: CallId, rings_on: &[DeviceId]) -> sql::Result<usize> {
    let update = "UPDATE calls SET rings_on = ? WHERE id = ? AND ended_at_ms IS NULL";
    connection.execute(update, params![serde_json::to_string(rings_on)?, call.to_string()])
}

pub(super) fn update_answer(connection: &Connection, answering: &Answering) -> sql::Result<usize> {
    let Answering { call, answer, answered_at } = answering;
    connection.execute(
        "UPDATE calls SET answered_by = ?, answered_name = ?, answered_run = ?, answered_at_ms = ?, connected_at_ms = ?, caller_holds = ?,
                          callee_holds = ?, ends_at_ms = ?
         WHERE id = ? AND ended_at_ms IS NULL",
        params![
            answer.by.device.to_string(),
            name_of(answer.device_name.as_ref()),
            answer.by.run.0.to_string(),
            unix_millis(*answered_at),
            answer.connected_at.map(|at| answering.unix_millis(at)),
            answer.caller_holds,
            answer.callee_holds,
            answer.ends_at.map(|at| answering.unix_millis(at)),
            call.to_string(),
        ],
    )
}

fn name_of(name: Option<&DeviceName>) -> Option<&str> {
    name.map(DeviceName::as_str)
}

/// Ends the record of a call that was refused since nobody knew whether it is there, if it is: no other that goes by the same id. Says how many webhooks are told.
pub(super) fn close_refused(connection: &Connection, refused: &Opening) -> sql::Result<usize> {
    let (call, device) = (refused.record.invite.call.to_string(), refused.record.invite.endpoint.device.to_string());
    let find = "SELECT EXISTS (SELECT 1 FROM calls WHERE id = ? AND caller_device = ? AND placed_at_ms = ? AND ended_at_ms IS NULL)";
    if !connection.query_one(find, params![call, device, unix_millis(refused.placed_at)], |row| row.get(0))? {
        return Ok(0);
    }
    let told = put(connection, &call, CallEvent::Ended, refused.placed_at, false)?;
    update_end(connection, &Closing::of_refused(refused)).map(|_| told)
}

/// Nothing stays of how the caller looked or what the devices need of the call.
pub(super) fn update_end(connection: &Connection, Closing { record, ended_at }: &Closing) -> sql::Result<usize> {
    let at = |moment: Timestamp| unix_millis(ended_at.checked_sub(record.ended_at.since(moment)).unwrap_or(*ended_at));
    connection.execute(
        "UPDATE calls SET answered_by = ?, answered_name = ?, answered_at_ms = ?, connected_at_ms = ?, declined_by = ?, declined_name = ?,
                          ended_at_ms = ?, end_reason = ?, invite = NULL, rings_on = NULL, answered_run = NULL, caller_holds = NULL,
                          callee_holds = NULL, ends_at_ms = NULL
         WHERE id = ? AND ended_at_ms IS NULL",
        params![
            record.answered.as_ref().map(|answered| answered.device.id.to_string()),
            record.answered.as_ref().and_then(|answered| name_of(answered.device.name.as_ref())),
            record.answered.as_ref().map(|answered| at(answered.at)),
            record.answered.as_ref().and_then(|answered| answered.connected_at).map(at),
            record.declined_by.as_ref().map(|device| device.id.to_string()),
            record.declined_by.as_ref().and_then(|device| name_of(device.name.as_ref())),
            unix_millis(*ended_at),
            record.reason.number(),
            record.call.to_string(),
        ],
    )
}

/// Writes down what the caller's device says of the caller's side, and the one that answered of the other, each once. What anybody else says is left out.
pub(super) fn update_report(connection: &Connection, kept: &KeptReport) -> sql::Result<()> {
    let report = serde_json::to_string(&kept.report)?;
    for (report_column, user_column, device_column) in
        [("caller_report", "caller", "caller_device"), ("callee_report", "callee", "answered_by")]
    {
        let update = format!(
            "UPDATE calls SET {report_column} = ? WHERE id = ? AND account = ? AND environment = ? AND {user_column} = ? AND {device_column} = ?
             AND answered_at_ms IS NOT NULL AND {report_column} IS NULL"
        );
        let (call, environment, device) = (kept.call.to_string(), environment_name(kept.environment), kept.device.to_string());
        connection.execute(&update, params![report, call, kept.account.0, environment, kept.cuid.as_str(), device])?;
    }
    Ok(())
}
