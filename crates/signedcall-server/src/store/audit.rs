//! What operators have done by the dashboard. Rows are added, and never changed or taken away.

use std::time::SystemTime;

use super::sql::params;
use super::{Accounts, StoreError, unix_millis};

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
    /// To what: the id of a key, a user, a call.
    pub(crate) subject: Option<String>,
    /// `done`, or the code of the refusal.
    pub(crate) outcome: String,
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
            let page = "SELECT number, at_ms, operator, action, account, environment, subject, outcome FROM audit_log
                        WHERE number < ?1 AND (?2 IS NULL OR account = ?2) ORDER BY number DESC LIMIT ?3";
            connection.query(page, params![before, account, i64::try_from(most).unwrap_or(i64::MAX)], |row| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{TestStore, on_each_store};

    on_each_store![what_was_written_down_is_neither_changed_nor_taken_away];

    fn what_was_written_down_is_neither_changed_nor_taken_away(store: &TestStore) {
        let accounts = Accounts::open(store.at()).expect("a new store");
        let entry = |action| AuditEntry {
            operator: "admin".to_owned(),
            action,
            account: Some("grocer".to_owned()),
            environment: Some("production"),
            subject: None,
            outcome: "done".to_owned(),
        };
        for action in ["key.add", "key.revoke"] {
            accounts.audit(&entry(action), SystemTime::now()).expect("a store");
        }
        for change in ["UPDATE audit_log SET operator = 'somebody else'", "DELETE FROM audit_log", "DELETE FROM audit_log WHERE number = 1"]
        {
            assert!(accounts.connection().execute(change, params![]).is_err(), "{change}");
        }
        let page = |account, before| accounts.audit_page(account, before, 10).expect("a store");
        let actions = |rows: Vec<AuditRow>| rows.into_iter().map(|row| row.action).collect::<Vec<_>>();
        assert_eq!(actions(page(None, i64::MAX)), ["key.revoke", "key.add"]);
        assert_eq!(actions(page(Some("grocer"), 2)), ["key.add"]);
        assert_eq!(actions(page(Some("baker"), i64::MAX)), [""; 0]);
    }
}
