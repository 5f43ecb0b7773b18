//! What the record of a call says of it to others than devices.

use signedcall_wire::VoiceReport;

use super::records::read_report;
use super::sql::{self, Row};

/// The record of a call, as it is read for whoever is told of it. Moments are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallFacts {
    pub(crate) call: String,
    pub(crate) account: String,
    pub(crate) environment: String,
    pub(crate) caller: String,
    pub(crate) caller_device: String,
    pub(crate) callee: String,
    /// As the caller saw it.
    pub(crate) context: String,
    /// The call that it took the place of.
    pub(crate) instead_of: Option<String>,
    /// Whether the company's backend has asked for it.
    pub(crate) by_company: bool,
    /// The call that it was to lead to: the company connects the callee with the caller, who has not called.
    pub(crate) leads_to: Option<String>,
    pub(crate) placed_at_ms: i64,
    pub(crate) answered_by: Option<String>,
    pub(crate) answered_at_ms: Option<i64>,
    pub(crate) connected_at_ms: Option<i64>,
    pub(crate) ended_at_ms: Option<i64>,
    pub(crate) end_reason: Option<u8>,
    pub(crate) caller_report: Option<VoiceReport>,
    pub(crate) callee_report: Option<VoiceReport>,
}

/// The columns that [`read_facts`] reads from.
pub(super) const FACTS: &str = "calls.id, calls.account, calls.environment, calls.caller, calls.caller_device, calls.callee, calls.context,
     calls.instead_of, calls.placed_at_ms, calls.answered_by, calls.answered_at_ms, calls.connected_at_ms, calls.ended_at_ms, calls.end_reason,
     calls.caller_report, calls.callee_report, calls.by_company, calls.leads_to";

/// How many these are.
pub(super) const FACTS_COLUMNS: usize = 18;

/// Reads a row that begins with [`FACTS`].
pub(super) fn read_facts(row: &Row<'_>) -> sql::Result<CallFacts> {
    Ok(CallFacts {
        call: row.get(0)?,
        account: row.get(1)?,
        environment: row.get(2)?,
        caller: row.get(3)?,
        caller_device: row.get(4)?,
        callee: row.get(5)?,
        context: row.get(6)?,
        instead_of: row.get(7)?,
        placed_at_ms: row.get(8)?,
        answered_by: row.get(9)?,
        answered_at_ms: row.get(10)?,
        connected_at_ms: row.get(11)?,
        ended_at_ms: row.get(12)?,
        end_reason: row.get(13)?,
        caller_report: read_report(row, 14)?,
        callee_report: read_report(row, 15)?,
        by_company: row.get(16)?,
        leads_to: row.get(17)?,
    })
}
