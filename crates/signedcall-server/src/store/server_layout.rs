//! The layout of a database on a server, and how an older one is brought up to date.
//!
//! It goes by the same numbers as that of a file: a new database begins with one layout as a whole (`layouts/postgres.sql`), and takes the steps behind it as
//! [`steps::MIGRATIONS`] has them. These make tables, columns, indexes and triggers that refuse a change, or take such triggers
//! away, and nothing else: they are the same in both.

use std::time::Duration;

use super::sql::{self, Connection, Server, params, step};
use super::{Location, StoreError, steps};
use crate::store::LAYOUT;

/// What a new database begins with.
const BASE: &str = include_str!("layouts/postgres.sql");
/// Which layout that is.
const BASE_LAYOUT: u32 = 18;
/// What a service holds that changes the layout, so that of two that start at once one does: "SClt".
const CHANGING: i64 = 0x5343_6C74;
/// How long it may take, or is waited for: a step may go through all records.
const CHANGED_WITHIN: Duration = Duration::from_secs(3600);

/// Connects to a database, lays a new one out, and brings an older one up to date.
pub(super) fn open(server: &Server) -> Result<Connection, StoreError> {
    let at = Location::Server(server.clone());
    let connection = open_again(server)?;
    if examine(&connection, &at)? != Some(LAYOUT) {
        // By a connection of its own, which may take its time.
        change(open_again(server)?, &at)?;
    }
    Ok(connection)
}

/// Connects to a database without a look at what is in it.
pub(super) fn open_again(server: &Server) -> Result<Connection, StoreError> {
    Connection::to_server(server).map_err(|error| Location::Server(server.clone()).failed(error))
}

/// Looks whether a database is a store of this version or an earlier one, and says of which layout; `None` where there is nothing in it.
pub(super) fn examine(connection: &Connection, at: &Location) -> Result<Option<u32>, StoreError> {
    let version = match version(connection).map_err(|error| at.failed(error))? {
        Found::Nothing => return Ok(None),
        Found::Foreign => return Err(StoreError::Foreign(at.clone())),
        Found::Layout(version) => version,
    };
    if version > LAYOUT { Err(StoreError::Newer { store: at.clone(), version }) } else { Ok(Some(version)) }
}

enum Found {
    Nothing,
    /// Tables of another program.
    Foreign,
    Layout(u32),
}

fn version(connection: &Connection) -> sql::Result<Found> {
    const TABLES: &str =
        "SELECT to_regclass('signedcall_layout') IS NOT NULL, EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema())";
    let (is_ours, has_tables) = connection.query_one(TABLES, params![], |row| Ok((row.get(0)?, row.get(1)?)))?;
    match (is_ours, has_tables) {
        (false, false) => Ok(Found::Nothing),
        (false, true) => Ok(Found::Foreign),
        (true, _) => connection.query_one("SELECT version FROM signedcall_layout", params![], |row| row.get(0).map(Found::Layout)),
    }
}

/// Takes the steps that are missing, all of them or none.
fn change(mut connection: Connection, at: &Location) -> Result<(), StoreError> {
    let failed = |error| at.failed(error);
    connection.wait_for_others(CHANGED_WITHIN).and_then(|()| connection.answer_within(CHANGED_WITHIN)).map_err(failed)?;
    let transaction = connection.begin_beside_others().map_err(failed)?;
    transaction.run(&format!("SELECT pg_advisory_xact_lock({CHANGING})")).map_err(failed)?;
    // Another service may have taken the same steps meanwhile.
    let version = examine(&transaction, at)?;
    let change = || {
        if version.is_none() {
            transaction.run(BASE)?;
        }
        let from = version.unwrap_or(BASE_LAYOUT);
        let steps = usize::try_from(from).ok().and_then(|from| steps::MIGRATIONS.get(from..)).unwrap_or_default();
        steps.iter().try_for_each(|text| transaction.run(&step(text)))?;
        transaction.run(&format!("DELETE FROM signedcall_layout; INSERT INTO signedcall_layout VALUES ({LAYOUT})"))
    };
    change().map_err(failed)?;
    transaction.commit().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::TestStore;

    #[test]
    fn a_step_that_sqlite_takes_is_taken_by_a_database_as_well() {
        const STEP: &str = "
            CREATE TABLE diary (
                number INTEGER PRIMARY KEY AUTOINCREMENT,
                day    TEXT NOT NULL UNIQUE,
                secret BLOB
            ) STRICT;
            ALTER TABLE diary ADD COLUMN pages INTEGER NOT NULL DEFAULT 0;
            CREATE INDEX diary_by_pages ON diary (pages) WHERE pages > 0;
            CREATE INDEX diary_by_end ON diary (substr(day, instr(day, 'day'))) WHERE instr(day, 'day') > 0;
            CREATE TRIGGER diary_stays BEFORE DELETE ON diary BEGIN SELECT RAISE(ABORT, 'it''s only added to'); END;
            CREATE TRIGGER no_day BEFORE UPDATE ON diary BEGIN SELECT RAISE(ABORT, 'nothing is changed'); END;
            DROP TRIGGER no_day;
            CREATE TRIGGER no_day BEFORE UPDATE OF day ON diary WHEN NEW.day IS DISTINCT FROM 'a day' BEGIN SELECT RAISE(ABORT, 'it was another day'); END;
        ";
        for (store, text) in [(TestStore::in_a_file(), STEP.to_owned()), (TestStore::on_postgres(), step(STEP))] {
            let connection = store.at().open().expect("a new store");
            connection.run(&text).expect("a step");
            connection.execute("INSERT INTO diary (day, secret) VALUES (?, ?)", params!["Monday", [1_u8]]).expect("a table");
            assert_eq!(store.number("SELECT number FROM diary"), 1);
            let refused = connection.execute("DELETE FROM diary", params![]).expect_err("it is only added to");
            assert!(refused.to_string().contains("it's only added to"), "{refused}");
            let refused = connection.execute("UPDATE diary SET day = 'Tuesday'", params![]).expect_err("it is another day");
            assert!(refused.to_string().contains("it was another day"), "{refused}");
            connection.execute("UPDATE diary SET day = 'a day', pages = 1", params![]).expect("that may be said");
        }
    }
}
