//! The records of calls, as they are read.

use signedcall_wire::VoiceReport;

use super::sql::{self, Row, params};
use super::{Location, StoreError};

/// One call, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// The call's id.
    pub call: String,
    /// Who called.
    pub caller: String,
    /// Who was called.
    pub callee: String,
    /// Why, as the caller saw it; empty once one of the two was erased.
    pub context: String,
    /// When the caller asked, in milliseconds since 1970.
    pub placed_at_ms: i64,
    /// When it was answered, in milliseconds since 1970.
    pub answered_at_ms: Option<i64>,
    /// When both sides had media, in milliseconds since 1970.
    pub connected_at_ms: Option<i64>,
    /// When it ended, in milliseconds since 1970; `None` while it goes on.
    pub ended_at_ms: Option<i64>,
    /// Why it ended: the number of an [`EndReason`](signedcall_wire::EndReason); `None` while it goes on.
    pub end_reason: Option<u8>,
    /// Whether the company's backend has asked for it.
    pub by_company: bool,
    /// The call that it took the place of.
    pub instead_of: Option<String>,
    /// The call that it was to lead to: the company connects the callee with `caller`, who has not called.
    pub leads_to: Option<String>,
    /// How the caller's device says that it sounded, if it has said so.
    pub caller_report: Option<VoiceReport>,
    /// How the device that answered says that it sounded, likewise.
    pub callee_report: Option<VoiceReport>,
}

/// Reads every record in a store, oldest first.
///
/// # Errors
/// The store cannot be opened or read.
pub fn read_records(at: impl Into<Location>) -> Result<Vec<CallRecord>, StoreError> {
    let at = at.into();
    let records = at.open()?.query(&format!("SELECT {RECORD_COLUMNS} FROM calls ORDER BY placed_at_ms, id"), params![], read_record);
    records.map_err(|error| at.failed(error))
}

/// What [`read_record`] reads, in this order.
pub(super) const RECORD_COLUMNS: &str = "id, caller, callee, context, placed_at_ms, answered_at_ms, connected_at_ms, ended_at_ms, end_reason, \
                                         by_company, instead_of, leads_to, caller_report, callee_report";

pub(super) fn read_record(row: &Row<'_>) -> sql::Result<CallRecord> {
    Ok(CallRecord {
        call: row.get(0)?,
        caller: row.get(1)?,
        callee: row.get(2)?,
        context: row.get(3)?,
        placed_at_ms: row.get(4)?,
        answered_at_ms: row.get(5)?,
        connected_at_ms: row.get(6)?,
        ended_at_ms: row.get(7)?,
        end_reason: row.get(8)?,
        by_company: row.get(9)?,
        instead_of: row.get(10)?,
        leads_to: row.get(11)?,
        caller_report: read_report(row, 12)?,
        callee_report: read_report(row, 13)?,
    })
}

/// A report that another version has written, and that this one does not understand, is none.
pub(super) fn read_report(row: &Row<'_>, column: usize) -> sql::Result<Option<VoiceReport>> {
    Ok(row.get::<Option<String>>(column)?.and_then(|report| serde_json::from_str(&report).ok()))
}
