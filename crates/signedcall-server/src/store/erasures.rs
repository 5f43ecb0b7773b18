//! What is taken out of the records of calls and of the audit log: who a user was, once their company asks for that. And whole records when they are old.
//!
//! It is done a little at a time: nobody who writes has to wait for more than a portion. What is asked for is kept until it is done, so that a service that
//! is stopped goes on with it, and then nothing is left that says who the pseudonym was.

use std::time::{Duration, SystemTime};

use signedcall_wire::{AccountId, Cuid, Environment};

use super::api_keys::note_withdrawal;
use super::audit;
use super::schema::BUSY_FOR;
use super::sql::{self, Connection, Row, params};
use super::{Accounts, StoreError, environment_name, unix_millis};

/// How many records are changed at once: some milliseconds, in which no call is written down.
pub(super) const PORTION: usize = 200;
/// How long after it was asked for an erasure is done at the earliest: a call that was placed before, and what an operator had begun before, may be written down
/// as late as that.
const NOT_DONE_BEFORE: Duration = Duration::from_secs(30);

/// How long after its end a call keeps who was in it: their devices say how it sounded, which is written down by who they are.
const REPORTED_WITHIN: Duration = Duration::from_secs(30);

/// The identity of one user that is to be gone.
struct Erasure {
    number: i64,
    account: String,
    environment: String,
    cuid: String,
    pseudonym: String,
    /// Of the calls that were placed before.
    until_ms: i64,
}

impl Accounts {
    /// Notes that a user is to be erased, and what they are called then. One that is noted already is called as it was said first.
    pub(crate) fn ask_to_erase(
        &self,
        account: &AccountId,
        environment: Environment,
        cuid: &Cuid,
        pseudonym: &str,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let connection = self.connection();
        let note = || {
            let transaction = connection.begin()?;
            let whose = params![account.0, environment_name(environment), cuid.as_str(), pseudonym, unix_millis(now)];
            transaction.execute(
                "INSERT INTO erasures (account, environment, cuid, pseudonym, until_ms) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT (account, environment, cuid) DO UPDATE SET until_ms = excluded.until_ms",
                whose,
            )?;
            let pushed = "DELETE FROM push_targets WHERE account = ? AND environment = ? AND cuid = ?";
            transaction.execute(pushed, params![account.0, environment_name(environment), cuid.as_str()])?;
            let hours = "DELETE FROM quiet_hours WHERE account = ? AND environment = ? AND cuid = ?";
            if transaction.execute(hours, params![account.0, environment_name(environment), cuid.as_str()])? > 0 {
                note_withdrawal(&transaction)?;
            }
            transaction.commit()
        };
        note().map_err(|error| self.failed(error))
    }

    /// Erases a portion, and says whether there may be more to erase at once. A call that goes on, or has just ended, is waited for: its devices need what
    /// its record has.
    ///
    /// Each statement is by itself, and may be done again, so that many who wait keep nobody from writing.
    pub(crate) fn erase_some(&self, now: SystemTime) -> Result<bool, StoreError> {
        const OF_CALLEE: &str = "answered_by = NULL, answered_name = NULL, declined_by = NULL, declined_name = NULL";
        let connection = self.connection();
        let over_since = unix_millis(now.checked_sub(REPORTED_WITHIN).unwrap_or(SystemTime::UNIX_EPOCH));
        let erase = || {
            for erasure in erasures(&connection)? {
                let placed = erasure.replace(&connection, "caller", "calls_by_caller", "caller_device = ''", over_since)?;
                let taken = erasure.replace(&connection, "callee", "calls_by_callee", OF_CALLEE, over_since)?;
                let noted = erasure.take_out_of_log(&connection)?;
                if placed + taken + noted > 0 {
                    return Ok(true);
                }
                if erasure.may_be_done(now) && !erasure.waits(&connection)? {
                    connection.execute("DELETE FROM erasures WHERE number = ?", params![erasure.number])?;
                    if let Err(error) = connection.forget_what_was_erased(BUSY_FOR) {
                        tracing::debug!(%error, "what was erased is in the log for longer");
                    }
                }
            }
            Ok(false)
        };
        erase().map_err(|error| self.failed(error))
    }

    /// Deletes a portion of the records of calls that ended before a moment, and says whether there may be more.
    pub(crate) fn forget_calls(&self, before: SystemTime) -> Result<bool, StoreError> {
        const OLD: &str = "SELECT id FROM calls INDEXED BY ended_calls WHERE ended_at_ms < ?1 LIMIT ?2";
        let connection = self.connection();
        let forget = || {
            let before = unix_millis(before);
            // Looking first keeps nobody from writing.
            if !connection.query_one(&format!("SELECT EXISTS ({OLD})"), params![before, 1_i64], |row| row.get(0))? {
                return Ok(false);
            }
            let deleted = connection.execute(&format!("DELETE FROM calls WHERE id IN ({OLD})"), params![before, PORTION as i64])?;
            Ok(deleted == PORTION)
        };
        forget().map_err(|error| self.failed(error))
    }
}

impl Erasure {
    fn may_be_done(&self, now: SystemTime) -> bool {
        now.checked_sub(NOT_DONE_BEFORE).is_some_and(|asked| unix_millis(asked) >= self.until_ms)
    }

    /// Puts the pseudonym into a portion of the records that have the user on one side, and takes out what else says who they were.
    fn replace(&self, connection: &Connection, side: &str, index: &str, more: &str, over_since: i64) -> sql::Result<usize> {
        let replace = format!(
            "UPDATE calls SET {side} = ?, {more}, context = '', invite = NULL, rings_on = NULL WHERE id IN (
                 SELECT id FROM calls INDEXED BY {index}
                 WHERE account = ? AND environment = ? AND {side} = ? AND placed_at_ms < ? AND ended_at_ms <= ? LIMIT ?)"
        );
        let Self { number: _, account, environment, cuid, pseudonym, until_ms } = self;
        connection.execute(&replace, params![pseudonym, account, environment, cuid, until_ms, over_since, PORTION as i64])
    }

    /// Takes them out of a portion of what operators have done to them.
    fn take_out_of_log(&self, connection: &Connection) -> sql::Result<usize> {
        let later = i64::try_from(NOT_DONE_BEFORE.as_millis()).unwrap_or(i64::MAX);
        audit::take_out(connection, [&self.account, &self.environment, &self.cuid], self.until_ms.saturating_add(later), PORTION)
    }

    /// Whether a call of theirs has who they are, since it goes on or has just ended.
    fn waits(&self, connection: &Connection) -> sql::Result<bool> {
        let Self { account, environment, cuid, until_ms, .. } = self;
        connection.query_one(
            "SELECT EXISTS (SELECT 1 FROM calls INDEXED BY calls_by_caller
                            WHERE account = ?1 AND environment = ?2 AND caller = ?4 AND placed_at_ms < ?3)
                 OR EXISTS (SELECT 1 FROM calls INDEXED BY calls_by_callee
                            WHERE account = ?1 AND environment = ?2 AND callee = ?4 AND placed_at_ms < ?3)",
            params![account, environment, until_ms, cuid],
            |row| row.get(0),
        )
    }
}

fn erasures(connection: &Connection) -> sql::Result<Vec<Erasure>> {
    connection.query("SELECT number, account, environment, cuid, pseudonym, until_ms FROM erasures ORDER BY number", params![], read)
}

fn read(row: &Row<'_>) -> sql::Result<Erasure> {
    Ok(Erasure {
        number: row.get(0)?,
        account: row.get(1)?,
        environment: row.get(2)?,
        cuid: row.get(3)?,
        pseudonym: row.get(4)?,
        until_ms: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::add;
    use crate::demo::demo_account;
    use crate::store::testing::{TestStore, on_each_store};
    use crate::store::{Account, AuditEntry};

    const CUID: &str = "courier_1";

    on_each_store![
        an_erasure_is_done_in_portions_and_waits_for_calls_that_go_on_and_then_nobody_knows_who_it_was,
        a_call_that_has_just_ended_keeps_who_was_in_it_until_their_devices_have_said_how_it_sounded,
        calls_are_forgotten_once_they_are_old_and_no_sooner,
        the_audit_log_says_what_was_done_to_an_erased_user_and_not_who_that_was,
    ];

    struct Store {
        accounts: Accounts,
    }

    impl Store {
        fn new(store: &TestStore) -> Self {
            let accounts = Accounts::open(store.at()).expect("a new store");
            let grocer = Account { id: AccountId("grocer".to_owned()), ..demo_account() };
            add(&accounts, &grocer).expect("a new account");
            Self { accounts }
        }

        /// Writes down so many calls of one user, which were placed then, and are over unless they go on.
        fn have_called(&self, placed_at_ms: i64, ended_at_ms: Option<i64>, number: usize) {
            for _ in 0..number {
                let add = "INSERT INTO calls (id, account, environment, caller, caller_device, callee, context, placed_at_ms, ended_at_ms, end_reason)
                           VALUES (?, 'grocer', 'production', ?, 'device', 'customer_1', 'Your order', ?, ?, 1)";
                let values = params![uuid::Uuid::new_v4().to_string(), CUID, placed_at_ms, ended_at_ms];
                self.accounts.connection().execute(add, values).expect("a record");
            }
        }

        fn ask(&self, pseudonym: &str, at_ms: u64) {
            let (grocer, cuid) = (AccountId("grocer".to_owned()), Cuid::new(CUID).expect("a cuid"));
            self.accounts.ask_to_erase(&grocer, Environment::Production, &cuid, pseudonym, at(at_ms)).expect("a good store");
        }

        fn count(&self, what: &str) -> usize {
            let count = format!("SELECT count(*) FROM {what}");
            self.accounts.connection().query_one(&count, params![], |row| row.get::<u32>(0)).expect("a number") as usize
        }
    }

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }

    fn an_erasure_is_done_in_portions_and_waits_for_calls_that_go_on_and_then_nobody_knows_who_it_was(store: &TestStore) {
        let store = Store::new(store);
        store.have_called(1_000, Some(2_000), PORTION + 1);
        store.have_called(1_000, None, 1);
        store.have_called(5_000, Some(6_000), 1);
        store.ask("erased_one", 5_000);
        store.ask("erased_two", 5_000);
        let erase = |at_ms| store.accounts.erase_some(at(at_ms)).expect("a good store");
        let left = || store.count("calls WHERE caller = 'courier_1'");
        assert!(erase(33_000) && left() == 3, "a portion");
        assert!(erase(33_000) && left() == 2, "the rest, but for the call that goes on and that which was placed since");
        assert_eq!(store.count("calls WHERE caller = 'erased_one' AND context = '' AND caller_device = ''"), PORTION + 1);
        assert!(!erase(100_000) && store.count("erasures") == 1, "it waits");
        store.accounts.connection().execute("UPDATE calls SET ended_at_ms = 7000 WHERE ended_at_ms IS NULL", params![]).expect("a record");
        assert!(erase(100_000) && left() == 1);
        assert!(!erase(34_999) && store.count("erasures") == 1);
        assert!(!erase(35_000) && store.count("erasures") == 0);
    }

    #[test]
    fn the_log_of_a_file_says_nothing_either_of_whom_was_erased() {
        let file = TestStore::in_a_file();
        let store = Store::new(&file);
        store.have_called(1_000, Some(2_000), 1);
        store.ask("erased_one", 5_000);
        let erase = |at_ms| store.accounts.erase_some(at(at_ms)).expect("a good store");
        let log = file.data().join("store.sqlite-wal");
        let length = || std::fs::metadata(&log).expect("a log").len();
        assert!(erase(34_999) && length() > 0);
        assert!(!erase(35_000) && store.count("erasures") == 0);
        assert_eq!(length(), 0);
    }

    fn a_call_that_has_just_ended_keeps_who_was_in_it_until_their_devices_have_said_how_it_sounded(store: &TestStore) {
        let store = Store::new(store);
        store.have_called(1_000, Some(70_000), 1);
        store.ask("erased_one", 5_000);
        let erase = |at_ms| store.accounts.erase_some(at(at_ms)).expect("a good store");
        let left = || store.count("calls WHERE caller = 'courier_1'");
        assert!(!erase(99_999) && left() == 1 && store.count("erasures") == 1);
        assert!(erase(100_000) && left() == 0);
        assert!(!erase(100_000) && store.count("erasures") == 0);
    }

    fn calls_are_forgotten_once_they_are_old_and_no_sooner(store: &TestStore) {
        let store = Store::new(store);
        store.have_called(1_000, Some(2_000), PORTION + 1);
        store.have_called(1_000, Some(2_001), 1);
        store.have_called(1_000, None, 1);
        let forget = |before| store.accounts.forget_calls(at(before)).expect("a good store");
        assert!(!forget(2_000) && store.count("calls") == PORTION + 3);
        assert!(forget(2_001) && store.count("calls") == 3);
        assert!(!forget(2_001) && store.count("calls") == 2);
        assert!(!forget(2_002) && store.count("calls") == 1, "that which goes on stays");
    }

    fn the_audit_log_says_what_was_done_to_an_erased_user_and_not_who_that_was(store: &TestStore) {
        let store = Store::new(store);
        let note = |operator: &str, action, environment, subject: &str, at_ms| {
            let (operator, account, subject) = (operator.to_owned(), Some("grocer".to_owned()), Some(subject.to_owned()));
            let entry = AuditEntry { operator, action, account, environment: Some(environment), subject, outcome: "done" };
            store.accounts.audit(&entry, at(at_ms)).expect("a good store");
        };
        for _ in 0..PORTION {
            note("admin", "set_quiet_hours", "production", CUID, 1_000);
        }
        note(CUID, "block_user", "production", CUID, 2_000);
        note("admin", "block_user", "production", "courier_2", 3_000);
        note("admin", "block_user", "development", CUID, 4_000);
        note("admin", "erase_user", "production", CUID, 5_001);
        // It was begun before.
        note("admin", "test_push", "production", CUID, 34_999);
        note("admin", "let_user_in", "production", CUID, 35_000);
        store.ask("erased_one", 5_000);
        while store.accounts.erase_some(at(35_000)).expect("a good store") {}
        assert_eq!(store.count("erasures"), 0);
        let log = store.accounts.audit_page(None, i64::MAX, PORTION * 2).expect("a good store");
        let said: Vec<_> =
            log.iter().map(|row| (row.at_ms, row.operator.as_str(), row.action.as_str(), row.subject.as_deref())).take(7).collect();
        let known = [
            (35_000, "admin", "let_user_in", Some(CUID)),
            (34_999, "admin", "test_push", Some("(erased)")),
            (5_001, "admin", "erase_user", Some("(erased)")),
            (4_000, "admin", "block_user", Some(CUID)),
            (3_000, "admin", "block_user", Some("courier_2")),
            (2_000, CUID, "block_user", Some("(erased)")),
            (1_000, "admin", "set_quiet_hours", Some("(erased)")),
        ];
        assert_eq!(said, known);
        assert_eq!(store.count("audit_log WHERE subject = '(erased)' AND outcome = 'done' AND account = 'grocer'"), PORTION + 3);
    }
}
