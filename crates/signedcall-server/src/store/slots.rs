//! Calls counted by the hour or the day in which they were placed.

use rusqlite::named_params;

use super::history::{History, Scope};
use super::{StoreError, environment_name};

/// Calls of one slot that ended for one reason, or go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SlotRow {
    /// Which slot, counted from the first.
    pub(crate) slot: i64,
    /// The reason's number; `None` for those that go on.
    pub(crate) end_reason: Option<u8>,
    pub(crate) calls: i64,
    pub(crate) answered: i64,
    /// Milliseconds from the answer until both sides had media, all together, and of how many calls.
    pub(crate) connecting: (f64, i64),
    /// Of a thousand packets, how many were lost, as devices have said, all together, and how many have said so.
    pub(crate) lost: (f64, i64),
}

impl History {
    /// Counts the calls of a company that were placed in a span, in slots of so many milliseconds each.
    pub(crate) fn by_slot(&self, scope: &Scope, since: i64, until: i64, every: i64) -> Result<Vec<SlotRow>, StoreError> {
        const COUNT: &str = "
            SELECT (placed_at_ms - :since) / :every AS slot, end_reason, count(*), count(answered_at_ms),
                   total(connected_at_ms - answered_at_ms), count(connected_at_ms - answered_at_ms),
                   total(caller_report ->> 'lost_per_mille') + total(callee_report ->> 'lost_per_mille'),
                   count(caller_report ->> 'lost_per_mille') + count(callee_report ->> 'lost_per_mille')
            FROM calls INDEXED BY calls_by_time
            WHERE account = :account AND environment = :environment AND placed_at_ms >= :since AND placed_at_ms < :until
            GROUP BY slot, end_reason ORDER BY slot, end_reason";
        self.read(|connection| {
            let mut count = connection.prepare_cached(COUNT)?;
            let environment = environment_name(scope.environment);
            let values = named_params! {
                ":account": scope.account.0, ":environment": environment, ":since": since, ":until": until, ":every": every,
            };
            let rows = count.query_map(values, |row| {
                Ok(SlotRow {
                    slot: row.get(0)?,
                    end_reason: row.get(1)?,
                    calls: row.get(2)?,
                    answered: row.get(3)?,
                    connecting: (row.get(4)?, row.get(5)?),
                    lost: (row.get(6)?, row.get(7)?),
                })
            })?;
            rows.collect::<Result<_, _>>()
        })
    }
}
