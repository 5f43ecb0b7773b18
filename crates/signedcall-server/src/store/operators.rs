//! Who may sign in to the dashboard: operators, the links by which they choose a password, and their sessions. Of every secret there is a hash.

use std::time::SystemTime;

use super::sql::{self, Connection, params};
use super::{Accounts, StoreError, text_of, unix_millis};

/// Sessions of one operator at once: on every computer of somebody's, and few enough to be ended one by one.
const MAX_SESSIONS: i64 = 16;

/// What is kept of a secret that is too random to be guessed.
pub(crate) type SecretHash = [u8; 32];

/// Somebody who may sign in to the dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorRecord {
    /// What they sign in as.
    pub name: String,
    /// Since when: UTC, in the form of RFC 3339.
    pub created_at: String,
    /// Whether they have chosen a password.
    pub has_password: bool,
}

/// A session of the dashboard, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptSession {
    pub(crate) operator: String,
    /// When it was last used, in milliseconds since 1970.
    pub(crate) seen_at_ms: i64,
    pub(crate) until_ms: i64,
}

impl Accounts {
    /// Whether anybody can sign in to the dashboard.
    pub(crate) fn has_operator(&self) -> Result<bool, StoreError> {
        let exists = "SELECT EXISTS (SELECT 1 FROM operators WHERE password_hash IS NOT NULL)";
        self.connection().query_one(exists, params![], |row| row.get(0)).map_err(|error| self.failed(error))
    }

    /// Everybody who may sign in, by name.
    pub(crate) fn operators(&self) -> Result<Vec<OperatorRecord>, StoreError> {
        let connection = self.connection();
        let list = || {
            let operators = "SELECT name, created_at_ms, password_hash IS NOT NULL FROM operators ORDER BY name";
            connection.query(operators, params![], |row| {
                Ok(OperatorRecord { name: row.get(0)?, created_at: text_of(row.get(1)?), has_password: row.get(2)? })
            })
        };
        list().map_err(|error| self.failed(error))
    }

    /// Removes an operator with all their sessions, and says whether there was one.
    pub(crate) fn remove_operator(&self, name: &str) -> Result<bool, StoreError> {
        let removed = self.connection().execute("DELETE FROM operators WHERE name = ?", params![name]);
        removed.map(|removed| removed > 0).map_err(|error| self.failed(error))
    }

    /// Keeps a link by which an operator, who need not be known yet, chooses a password. One that was made before is good for nothing more.
    pub(crate) fn put_link(&self, operator: &str, link: SecretHash, until: SystemTime) -> Result<(), StoreError> {
        let connection = self.connection();
        let put = || {
            let transaction = connection.begin()?;
            let add = "INSERT INTO operators (name, created_at_ms) VALUES (?, ?) ON CONFLICT (name) DO NOTHING";
            transaction.execute(add, params![operator, unix_millis(SystemTime::now())])?;
            let put = "INSERT INTO operator_links (operator, hash, until_ms) VALUES (?, ?, ?)
                       ON CONFLICT (operator) DO UPDATE SET hash = excluded.hash, until_ms = excluded.until_ms";
            transaction.execute(put, params![operator, link, unix_millis(until)])?;
            transaction.commit()
        };
        put().map_err(|error| self.failed(error))
    }

    /// Whose link this is, while it is good.
    pub(crate) fn link(&self, link: SecretHash, now: SystemTime) -> Result<Option<String>, StoreError> {
        find_link(&self.connection(), link, now).map_err(|error| self.failed(error))
    }

    /// Uses a link up: its operator has this password from then on, and all their sessions are over. `None` when it is not good.
    pub(crate) fn use_link(&self, link: SecretHash, password_hash: &str, now: SystemTime) -> Result<Option<String>, StoreError> {
        let connection = self.connection();
        let take = || {
            // Begun for writing, so that of two who come with it at once the second finds it gone.
            let transaction = connection.begin()?;
            let Some(operator) = find_link(&transaction, link, now)? else {
                return Ok(None);
            };
            set_password(&transaction, &operator, password_hash)?;
            transaction.commit().map(|()| Some(operator))
        };
        take().map_err(|error| self.failed(error))
    }

    /// What is kept of an operator's password.
    pub(crate) fn password_hash(&self, operator: &str) -> Result<Option<String>, StoreError> {
        let find = "SELECT password_hash FROM operators WHERE name = ?";
        let found = self.connection().query_optional(find, params![operator], |row| row.get(0));
        found.map(Option::flatten).map_err(|error| self.failed(error))
    }

    /// Changes a password, unless it was changed by somebody else meanwhile. All sessions of the operator are over then, and so is a link that was not used.
    pub(crate) fn change_password(&self, operator: &str, before: &str, password_hash: &str) -> Result<bool, StoreError> {
        let connection = self.connection();
        let change = || {
            let transaction = connection.begin()?;
            let same = "SELECT EXISTS (SELECT 1 FROM operators WHERE name = ? AND password_hash = ?)";
            if !transaction.query_one(same, params![operator, before], |row| row.get::<bool>(0))? {
                return Ok(false);
            }
            set_password(&transaction, operator, password_hash)?;
            transaction.commit().map(|()| true)
        };
        change().map_err(|error| self.failed(error))
    }

    /// Begins a session of an operator whose password is still this one. The one of theirs that was not used for longest goes for one too many.
    pub(crate) fn begin_session(
        &self,
        session: SecretHash,
        operator: &str,
        password_hash: &str,
        [now, until]: [SystemTime; 2],
    ) -> Result<bool, StoreError> {
        let connection = self.connection();
        let begin = || {
            let transaction = connection.begin()?;
            transaction.execute("DELETE FROM operator_sessions WHERE until_ms <= ?", params![unix_millis(now)])?;
            let begin = "INSERT INTO operator_sessions (hash, operator, seen_at_ms, until_ms)
                         SELECT ?, name, ?, ? FROM operators WHERE name = ? AND password_hash = ?";
            let values = params![session, unix_millis(now), unix_millis(until), operator, password_hash];
            let begun = transaction.execute(begin, values)? > 0;
            let too_many = "DELETE FROM operator_sessions WHERE hash IN (
                                SELECT hash FROM operator_sessions WHERE operator = ?1 AND hash <> ?2
                                ORDER BY seen_at_ms DESC LIMIT 1000 OFFSET ?3)";
            transaction.execute(too_many, params![operator, session, MAX_SESSIONS - 1])?;
            transaction.commit().map(|()| begun)
        };
        begin().map_err(|error| self.failed(error))
    }

    /// A session that is not over.
    pub(crate) fn session(&self, session: SecretHash, now: SystemTime) -> Result<Option<KeptSession>, StoreError> {
        let find = "SELECT operator, seen_at_ms, until_ms FROM operator_sessions WHERE hash = ? AND until_ms > ?";
        let found = self.connection().query_optional(find, params![session, unix_millis(now)], |row| {
            Ok(KeptSession { operator: row.get(0)?, seen_at_ms: row.get(1)?, until_ms: row.get(2)? })
        });
        found.map_err(|error| self.failed(error))
    }

    /// Notes that a session is used.
    pub(crate) fn see_session(&self, session: SecretHash, now: SystemTime) -> Result<(), StoreError> {
        let see = "UPDATE operator_sessions SET seen_at_ms = ?1 WHERE hash = ?2 AND seen_at_ms < ?1";
        self.connection().execute(see, params![unix_millis(now), session]).map(drop).map_err(|error| self.failed(error))
    }

    /// Ends a session.
    pub(crate) fn end_session(&self, session: SecretHash) -> Result<(), StoreError> {
        let ended = self.connection().execute("DELETE FROM operator_sessions WHERE hash = ?", params![session]);
        ended.map(drop).map_err(|error| self.failed(error))
    }
}

fn find_link(connection: &Connection, link: SecretHash, now: SystemTime) -> sql::Result<Option<String>> {
    let find = "SELECT operator FROM operator_links WHERE hash = ? AND until_ms > ?";
    connection.query_optional(find, params![link, unix_millis(now)], |row| row.get(0))
}

/// Nothing stays that was let in by the password before, or could take the place of the new one.
fn set_password(connection: &Connection, operator: &str, password_hash: &str) -> sql::Result<()> {
    connection.execute("UPDATE operators SET password_hash = ? WHERE name = ?", params![password_hash, operator])?;
    connection.execute("DELETE FROM operator_links WHERE operator = ?", params![operator])?;
    connection.execute("DELETE FROM operator_sessions WHERE operator = ?", params![operator]).map(drop)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::testing::{TestStore, on_each_store};

    on_each_store![
        a_link_is_good_once_until_it_expires_or_another_is_made,
        every_session_is_over_once_the_password_is_another,
        an_operator_has_so_many_sessions_and_the_one_that_rested_longest_goes_for_another,
    ];

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    fn a_link_is_good_once_until_it_expires_or_another_is_made(store: &TestStore) {
        let accounts = Accounts::open(store.at()).expect("a new store");
        accounts.put_link("admin", [1; 32], at(100)).expect("a store");
        assert_eq!(accounts.link([1; 32], at(99)).expect("a store").as_deref(), Some("admin"));
        assert_eq!(accounts.link([1; 32], at(100)).expect("a store"), None, "it has expired");
        assert_eq!(accounts.use_link([1; 32], "hash", at(100)).expect("a store"), None);
        accounts.put_link("admin", [2; 32], at(200)).expect("a store");
        assert_eq!(accounts.link([1; 32], at(50)).expect("a store"), None, "another was made");
        assert!(!accounts.has_operator().expect("a store"));
        assert_eq!(accounts.use_link([2; 32], "hash", at(150)).expect("a store").as_deref(), Some("admin"));
        assert_eq!(accounts.use_link([2; 32], "other", at(150)).expect("a store"), None, "it was used");
        assert_eq!(accounts.password_hash("admin").expect("a store").as_deref(), Some("hash"));
    }

    fn every_session_is_over_once_the_password_is_another(store: &TestStore) {
        let accounts = Accounts::open(store.at()).expect("a new store");
        let chosen = |link: u8, hash| {
            accounts.put_link("admin", [link; 32], at(100)).expect("a store");
            accounts.use_link([link; 32], hash, at(1)).expect("a store").expect("it is good");
        };
        chosen(1, "one");
        assert!(!accounts.begin_session([1; 32], "admin", "another", [at(1), at(50)]).expect("a store"), "it was changed meanwhile");
        let begin = |session: u8, hash| assert!(accounts.begin_session([session; 32], "admin", hash, [at(1), at(50)]).expect("a store"));
        begin(1, "one");
        assert!(accounts.session([1; 32], at(49)).expect("a store").is_some());
        assert_eq!(accounts.session([1; 32], at(50)).expect("a store"), None, "its time is over");
        chosen(2, "two");
        assert_eq!(accounts.session([1; 32], at(2)).expect("a store"), None);
        begin(2, "two");
        assert!(!accounts.change_password("admin", "one", "three").expect("a store"), "that is not the password any more");
        assert!(accounts.change_password("admin", "two", "three").expect("a store"));
        assert_eq!(accounts.session([2; 32], at(2)).expect("a store"), None);
        begin(3, "three");
        assert!(accounts.remove_operator("admin").expect("a store"));
        assert_eq!(accounts.session([3; 32], at(2)).expect("a store"), None);
    }

    fn an_operator_has_so_many_sessions_and_the_one_that_rested_longest_goes_for_another(store: &TestStore) {
        let accounts = Accounts::open(store.at()).expect("a new store");
        accounts.put_link("admin", [0; 32], at(100)).expect("a store");
        accounts.use_link([0; 32], "hash", at(1)).expect("a store").expect("it is good");
        for session in 1..=20_u8 {
            accounts.begin_session([session; 32], "admin", "hash", [at(session.into()), at(90)]).expect("a store");
        }
        let there = |session: u8| accounts.session([session; 32], at(30)).expect("a store").is_some();
        assert_eq!((1..=20).filter(|session| there(*session)).collect::<Vec<_>>(), (5..=20).collect::<Vec<_>>());
        accounts.see_session([5; 32], at(40)).expect("a store");
        accounts.begin_session([21; 32], "admin", "hash", [at(41), at(90)]).expect("a store");
        assert!(there(5) && !there(6) && there(21));
    }
}
