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

#[cfg(test)]
mod tests {
    use signedcall_wire::{AccountId, Environment};

    use super::*;
    use crate::store::Accounts;
    use crate::store::testing::{TestStore, on_each_store};

    on_each_store![calls_are_counted_by_the_slot_that_they_were_placed_in];

    fn calls_are_counted_by_the_slot_that_they_were_placed_in(store: &TestStore) {
        let _accounts = Accounts::open(store.at()).expect("a new store");
        let call = |id: &str, placed: i64, rest: &str| {
            store.run(&format!(
                "INSERT INTO calls (id, account, environment, caller, caller_device, callee, context, placed_at_ms, answered_at_ms, connected_at_ms, ended_at_ms,
                                    end_reason, caller_report, callee_report)
                 VALUES ('{id}', 'grocer', 'production', 'a', 'd', 'b', 'c', {placed}, {rest})"
            ));
        };
        call("before", 999, "NULL, NULL, NULL, NULL, NULL, NULL");
        call("goes on", 1_000, "1100, 1150, NULL, NULL, NULL, NULL");
        call("one side", 1_999, "2000, 2100, 3000, 1, '{\"lost_per_mille\": 30}', NULL");
        call("both sides", 1_500, "1600, 1700, 3000, 1, '{\"lost_per_mille\": 10}', '{\"lost_per_mille\": 20}'");
        call("next slot", 2_000, "NULL, NULL, 2500, 5, NULL, NULL");
        call("behind", 3_000, "NULL, NULL, 3500, 5, NULL, NULL");
        let scope = Scope { account: AccountId("grocer".to_owned()), environment: Environment::Production };
        let mut slots = History::open(store.at()).expect("a store").by_slot(&scope, 1_000, 3_000, 1_000).expect("a store");
        slots.sort_by_key(|slot| (slot.slot, slot.end_reason));
        let slot = |slot, end_reason, calls, answered, connecting, lost| SlotRow { slot, end_reason, calls, answered, connecting, lost };
        assert_eq!(
            slots,
            [slot(0, None, 1, 1, (50, 1), (0, 0)), slot(0, Some(1), 2, 2, (200, 2), (60, 3)), slot(1, Some(5), 1, 0, (0, 0), (0, 0))]
        );
    }
}
