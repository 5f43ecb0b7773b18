//! What operators have done by the dashboard. Rows are added, and never changed or taken away, but for the name of a user who was erased.

use std::time::SystemTime;

use super::sql::{self, Connection, params};
use super::{Accounts, StoreError, unix_millis};

/// What stands in the place of a user who was erased. No user, key or call is called so, and the store takes no other word there.
const ERASED: &str = "(erased)";

/// Something that an operator has done, or was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditEntry {
    /// Who.
    pub(crate) operator: String,
    /// What, as a word that stays.
    pub(crate) action: &'static str,
    /// In which account.
    pub(crate) account: Option<String>,
    /// In which of its environments.
    pub(crate) environment: Option<&'static str>,
    /// To what: the id of a key, a user, a call. Nothing else of an entry says who a user is, so that they can be erased from it.
    pub(crate) subject: Option<String>,
    /// What has come of it, likewise.
    pub(crate) outcome: &'static str,
}

/// The same as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditRow {
    /// Greater than that of every row before.
    pub(crate) number: i64,
    pub(crate) at_ms: i64,
    pub(crate) operator: String,
    pub(crate) action: String,
    pub(crate) account: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) outcome: String,
}

impl Accounts {
    /// Writes down what was done.
    pub(crate) fn audit(&self, entry: &AuditEntry, at: SystemTime) -> Result<(), StoreError> {
        let AuditEntry { operator, action, account, environment, subject, outcome } = entry;
        let add = "INSERT INTO audit_log (at_ms, operator, action, account, environment, subject, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let values = params![unix_millis(at), operator, action, account, environment, subject, outcome];
        self.connection().execute(add, values).map(drop).map_err(|error| self.failed(error))
    }

    /// So many rows at most, the newest first, from before one.
    pub(crate) fn audit_page(&self, account: Option<&str>, before: i64, most: usize) -> Result<Vec<AuditRow>, StoreError> {
        let connection = self.connection();
        let read = || {
            // Without an account the parameter has to be there all the same. In two texts, since only one of them is found by the index of accounts.
            let of_account = if account.is_some() { "account = ?2" } else { "?2 IS NULL" };
            let page = format!(
                "SELECT number, at_ms, operator, action, account, environment, subject, outcome FROM audit_log
                 WHERE number < ?1 AND {of_account} ORDER BY number DESC LIMIT ?3"
            );
            connection.query(&page, params![before, account, i64::try_from(most).unwrap_or(i64::MAX)], |row| {
                Ok(AuditRow {
                    number: row.get(0)?,
                    at_ms: row.get(1)?,
                    operator: row.get(2)?,
                    action: row.get(3)?,
                    account: row.get(4)?,
                    environment: row.get(5)?,
                    subject: row.get(6)?,
                    outcome: row.get(7)?,
                })
            })
        };
        read().map_err(|error| self.failed(error))
    }
}

/// Takes a user out of a portion of the entries from before a moment, and says how many these are. Who has done what and when stays.
pub(super) fn take_out(
    connection: &Connection,
    [account, environment, cuid]: [&str; 3],
    before_ms: i64,
    portion: usize,
) -> sql::Result<usize> {
    let take = "UPDATE audit_log SET subject = ? WHERE number IN (
                    SELECT number FROM audit_log INDEXED BY audit_log_by_subject
                    WHERE account = ? AND environment = ? AND subject = ? AND at_ms < ? LIMIT ?)";
    connection.execute(take, params![ERASED, account, environment, cuid, before_ms, portion as i64])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{TestStore, on_each_store};

    on_each_store![
        what_was_written_down_is_neither_changed_nor_taken_away,
        what_is_done_together_is_done_with_its_entry_or_not_at_all,
        what_fails_in_a_part_leaves_the_whole_as_it_was_before_the_part,
    ];

    fn entry(action: &'static str) -> AuditEntry {
        AuditEntry {
            operator: "admin".to_owned(),
            action,
            account: Some("grocer".to_owned()),
            environment: Some("production"),
            subject: None,
            outcome: "done",
        }
    }

    /// Two transactions, and a statement that is one by itself.
    fn do_two_things(accounts: &Accounts, operator: &str) -> Result<(), StoreError> {
        accounts.put_link(operator, [7; 32], SystemTime::now())?;
        accounts.use_link([7; 32], "hash", SystemTime::UNIX_EPOCH)?.expect("it is good");
        accounts.audit(&entry("use_link"), SystemTime::now())
    }

    /// Who is an operator, and how many entries there are: as somebody else sees it.
    fn seen(store: &TestStore) -> (Option<String>, i64) {
        (store.text("SELECT max(name) FROM operators"), store.number("SELECT count(*) FROM audit_log"))
    }

    fn what_is_done_together_is_done_with_its_entry_or_not_at_all(store: &TestStore) {
        let mut accounts = Accounts::open(store.at()).expect("a new store");
        let failed = accounts.together(|accounts| {
            do_two_things(accounts, "one")?;
            Err::<(), _>(StoreError::Foreign(accounts.location().clone()))
        });
        assert!(matches!(failed, Err(StoreError::Foreign(_))), "{failed:?}");
        assert_eq!(seen(store), (None, 0));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            accounts.together(|accounts| {
                do_two_things(accounts, "one")?;
                assert!(accounts.operators()?.is_empty(), "a bug");
                Ok::<_, StoreError>(())
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(seen(store), (None, 0));
        accounts.together(|accounts| do_two_things(accounts, "one")).expect("a store");
        assert_eq!(seen(store), (Some("one".to_owned()), 1));
        do_two_things(&accounts, "two").expect("each is a transaction of its own again");
        assert_eq!(seen(store), (Some("two".to_owned()), 2));
    }

    fn what_fails_in_a_part_leaves_the_whole_as_it_was_before_the_part(store: &TestStore) {
        let mut accounts = Accounts::open(store.at()).expect("a new store");
        let done = accounts.together(|accounts| {
            accounts.put_link("one", [1; 32], SystemTime::now())?;
            {
                let connection = accounts.connection();
                let part = connection.begin().expect("a part");
                part.execute("INSERT INTO operators (name, created_at_ms) VALUES ('two', 1)", params![]).expect("a row");
                part.execute("INSERT INTO operators (name, created_at_ms) VALUES ('two', 1)", params![]).expect_err("there is one");
            }
            assert!(!accounts.change_password("one", "never chosen", "hash")?, "a part that does nothing");
            accounts.audit(&entry("use_link"), SystemTime::now())
        });
        done.expect("the whole goes on");
        assert_eq!(seen(store), (Some("one".to_owned()), 1));
    }

    fn what_was_written_down_is_neither_changed_nor_taken_away(store: &TestStore) {
        let accounts = Accounts::open(store.at()).expect("a new store");
        for action in ["key.add", "key.revoke"] {
            let entry = AuditEntry { subject: Some("0123456789ab".to_owned()), ..entry(action) };
            accounts.audit(&entry, SystemTime::now()).expect("a store");
        }
        accounts.audit(&AuditEntry { account: None, ..entry("sign_in") }, SystemTime::now()).expect("a store");
        for change in [
            "UPDATE audit_log SET operator = 'somebody else'",
            "UPDATE audit_log SET subject = 'something else'",
            "UPDATE audit_log SET subject = NULL",
            "UPDATE audit_log SET subject = '(erased)', outcome = 'refused'",
            "UPDATE audit_log SET subject = '(erased)' WHERE action = 'sign_in'",
            "DELETE FROM audit_log",
            "DELETE FROM audit_log WHERE number = 1",
        ] {
            assert!(accounts.connection().execute(change, params![]).is_err(), "{change}");
        }
        let page = |account, before| accounts.audit_page(account, before, 10).expect("a store");
        let actions = |rows: Vec<AuditRow>| rows.into_iter().map(|row| row.action).collect::<Vec<_>>();
        assert_eq!(actions(page(None, i64::MAX)), ["sign_in", "key.revoke", "key.add"]);
        assert_eq!(actions(page(Some("grocer"), 2)), ["key.add"]);
        assert_eq!(actions(page(Some("baker"), i64::MAX)), [""; 0]);
    }
}
