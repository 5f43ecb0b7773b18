//! Calls counted by the hour or the day in which they were placed.

use super::history::{History, Scope};
use super::sql::params;
use super::{StoreError, environment_name};

/// Calls of one slot that ended for one reason, or go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotRow {
    /// Which slot, counted from the first.
    pub(crate) slot: i64,
    /// The reason's number; `None` for those that go on.
    pub(crate) end_reason: Option<u8>,
    pub(crate) calls: i64,
    pub(crate) answered: i64,
    /// Milliseconds from the answer until both sides had media, all together, and of how many calls.
    pub(crate) connecting: (i64, i64),
    /// Of a thousand packets, how many were lost, as devices have said, all together, and how many have said so.
    pub(crate) lost: (i64, i64),
}

impl History {
    /// Counts the calls of a company that were placed in a span, in slots of so many milliseconds each.
    pub(crate) fn by_slot(&self, scope: &Scope, since: i64, until: i64, every: i64) -> Result<Vec<SlotRow>, StoreError> {
        self.read(|connection| {
            let [by_caller, by_callee] = ["caller_report", "callee_report"].map(|report| connection.json_number(report, "lost_per_mille"));
            let count = format!(
                "SELECT (placed_at_ms - ?1) / ?2 AS slot, end_reason, count(*), count(answered_at_ms),
                        CAST(coalesce(sum(connected_at_ms - answered_at_ms), 0) AS BIGINT), count(connected_at_ms - answered_at_ms),
                        CAST(coalesce(sum({by_caller}), 0) + coalesce(sum({by_callee}), 0) AS BIGINT), count({by_caller}) + count({by_callee})
                 FROM calls INDEXED BY calls_by_time
                 WHERE account = ?3 AND environment = ?4 AND placed_at_ms >= ?1 AND placed_at_ms < ?5
                 GROUP BY slot, end_reason ORDER BY slot, end_reason"
            );
            let environment = environment_name(scope.environment);
            connection.query(&count, params![since, every, scope.account.0, environment, until], |row| {
                Ok(SlotRow {
                    slot: row.get(0)?,
                    end_reason: row.get(1)?,
                    calls: row.get(2)?,
                    answered: row.get(3)?,
                    connecting: (row.get(4)?, row.get(5)?),
                    lost: (row.get(6)?, row.get(7)?),
                })
            })
        })
    }
}
