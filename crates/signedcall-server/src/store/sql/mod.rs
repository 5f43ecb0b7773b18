//! One text of SQL for every kind of store: connections, transactions, values and rows, in the words that modules of the store use.
//!
//! # How a module asks its questions
//!
//! ```text
//! let connection = self.connection();
//! connection.execute("UPDATE accounts SET name = ? WHERE id = ?", params![name, id.0])?;           // how many rows
//! connection.query("SELECT id FROM accounts", params![], |row| row.get::<String>(0))?;              // Vec
//! connection.query_optional("SELECT name FROM accounts WHERE id = ?", params![id.0], read)?;        // Option
//! connection.query_one("SELECT count(*) FROM accounts", params![], |row| row.get::<u32>(0))?;       // the first
//! let transaction = connection.begin()?;                                                            // alone, until it is dropped
//! transaction.execute(…)?; transaction.commit()?;
//! ```
//!
//! Code in the words of `rusqlite` is moved by replacing `prepare_cached(sql)?.execute(values)` with `execute(sql, values)`, `prepare_cached(sql)?.query_map(values,
//! read)?.collect()` with `query(sql, values, read)`, `query_row(sql, values, read).optional()` with `query_optional`, `query_row` with `query_one`, any transaction
//! with `begin()`, `row.get::<_, T>` with `row.get::<T>`, arrays of values and named ones with `params![…]`, `rusqlite::Result` with [`Result`], and
//! `StoreError::Sqlite` with `StoreError::Failed`. Every statement is prepared once for a connection.
//!
//! # What a text may say
//!
//! What SQLite and PostgreSQL both understand: `?` and `?1` for values; `ON CONFLICT (…) DO NOTHING` and `DO UPDATE`, and not `INSERT OR IGNORE`; the table's name before a column that
//! `excluded` has too; `named = 1` for a flag, since flags are integers; `IS DISTINCT FROM` for what may be null; a name for whatever is selected from. No `rowid`, `strftime`, `instr`, nor `max(a, b)`: moments are
//! written as text by [`super::text_of`]. `INDEXED BY` is for SQLite, and left out elsewhere.

mod error;
mod postgres;
mod row;
mod sqlite;
mod value;

use std::time::Duration;

pub use self::error::SqlError;
pub(crate) use self::error::Trouble;
pub(super) use self::postgres::step;
pub use self::postgres::{InvalidServer, Server};
pub(super) use self::row::Row;
pub(super) use self::value::{Parameter, params};

/// What comes of a statement.
pub(super) type Result<T> = std::result::Result<T, SqlError>;

/// A connection to a store. Only one thread at a time uses it.
#[derive(Debug)]
pub(super) enum Connection {
    Sqlite(sqlite::Session),
    Postgres(postgres::Session),
}

impl Connection {
    pub(super) fn of_file(connection: rusqlite::Connection) -> Self {
        Self::Sqlite(sqlite::Session::new(connection))
    }

    /// Carries several statements out, which have no values.
    pub(super) fn run(&self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(session) => session.run(sql),
            Self::Postgres(session) => session.run(sql),
        }
    }

    pub(super) fn to_server(server: &Server) -> Result<Self> {
        Ok(Self::Postgres(postgres::Session::open(server)?))
    }

    /// Carries a statement out, and says how many rows it has changed.
    pub(super) fn execute(&self, sql: &str, values: &[&dyn Parameter]) -> Result<usize> {
        match self {
            Self::Sqlite(session) => session.execute(sql, values),
            Self::Postgres(session) => session.execute(sql, values),
        }
    }

    /// Reads all rows.
    pub(super) fn query<T>(&self, sql: &str, values: &[&dyn Parameter], read: impl FnMut(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
        match self {
            Self::Sqlite(session) => session.query(sql, values, read),
            Self::Postgres(session) => session.query(sql, values, read),
        }
    }

    /// Reads the first row, if there is one.
    pub(super) fn query_optional<T>(
        &self,
        sql: &str,
        values: &[&dyn Parameter],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        match self {
            Self::Sqlite(session) => session.query_optional(sql, values, read),
            Self::Postgres(session) => session.query_optional(sql, values, read),
        }
    }

    /// Reads the first row, which is there.
    pub(super) fn query_one<T>(&self, sql: &str, values: &[&dyn Parameter], read: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<T> {
        self.query_optional(sql, values, read)?.ok_or(SqlError::NoRow)
    }

    /// Begins a transaction that is alone: whoever else begins one waits until it is over, so that what it has read stays true. Within another it is a part of
    /// that one, which can be undone by itself, and is as durable as the whole.
    pub(super) fn begin(&self) -> Result<Transaction<'_>> {
        if self.has_begun() {
            return self.begin_part();
        }
        self.begin_whole()?;
        Ok(Transaction { connection: self, part: Part::Whole })
    }

    /// Begins a transaction that others may be beside: for what only writes rows of its own, and what they have set aside for it.
    pub(super) fn begin_beside_others(&self) -> Result<Transaction<'_>> {
        match self {
            Self::Sqlite(session) => session.begin()?,
            Self::Postgres(session) => session.begin_beside_others()?,
        }
        Ok(Transaction { connection: self, part: Part::Whole })
    }

    /// Begins a transaction of which those that begin until it is over are parts. Whoever begins it sees to it that nobody else uses the connection meanwhile.
    pub(super) fn begin_whole(&self) -> Result<()> {
        match self {
            Self::Sqlite(session) => session.begin(),
            Self::Postgres(session) => session.begin(),
        }
    }

    /// Makes everything durable that was done since [`begin_whole`](Self::begin_whole).
    pub(super) fn commit_whole(&self) -> Result<()> {
        match self {
            Self::Sqlite(session) => session.commit(),
            Self::Postgres(session) => session.commit(),
        }
    }

    /// Undoes everything that was done since [`begin_whole`](Self::begin_whole), unless it is durable.
    pub(super) fn undo_whole(&self) {
        match self {
            Self::Sqlite(session) => session.undo(),
            Self::Postgres(session) => session.undo(),
        }
    }

    fn has_begun(&self) -> bool {
        match self {
            Self::Sqlite(session) => session.has_begun(),
            Self::Postgres(session) => session.has_begun(),
        }
    }

    fn begin_part(&self) -> Result<Transaction<'_>> {
        self.run("SAVEPOINT part")?;
        Ok(Transaction { connection: self, part: Part::Open })
    }

    /// What leaves rows out of a query for a change that somebody else has changed, and not yet committed.
    pub(super) const fn unless_locked(&self) -> &'static str {
        match self {
            // Nobody else writes.
            Self::Sqlite(_) => "",
            Self::Postgres(_) => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// What reads a number from a field of an object that a column has as JSON; null where there is none.
    pub(super) fn json_number(&self, column: &str, field: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("CAST({column} ->> '{field}' AS INTEGER)"),
            Self::Postgres(_) => format!("CAST({column}::json ->> '{field}' AS BIGINT)"),
        }
    }

    /// What says where a text begins in a column, from 1; 0 where it is not in it. `text` is not from outside.
    pub(super) fn place_in(&self, column: &str, text: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("instr({column}, '{text}')"),
            Self::Postgres(_) => format!("strpos({column}, '{text}')"),
        }
    }

    /// How long whoever else writes is waited for.
    pub(super) fn wait_for_others(&self, patience: Duration) -> Result<()> {
        match self {
            Self::Sqlite(session) => session.wait_for_others(patience),
            Self::Postgres(session) => session.wait_for_others(patience),
        }
    }

    /// Gives whatever is asked from now on up when it takes longer.
    pub(super) fn answer_within(&mut self, within: Duration) -> Result<()> {
        match self {
            Self::Sqlite(session) => session.answer_within(within),
            Self::Postgres(session) => session.answer_within(within),
        }
    }

    /// Has a server undo from now on what is begun and not gone on with for longer: by somebody who is asleep, for whom others must not wait.
    pub(super) fn pause_within(&self, longest: Duration) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(session) => session.pause_within(longest),
        }
    }

    /// Refuses from now on whatever would change something.
    pub(super) fn only_read(&self) -> Result<()> {
        match self {
            Self::Sqlite(session) => session.only_read(),
            Self::Postgres(session) => session.only_read(),
        }
    }

    /// Is done with a transaction from now on before it is safe from a loss of power.
    pub(super) fn do_not_wait_for_the_disk(&self) -> Result<()> {
        match self {
            Self::Sqlite(session) => session.do_not_wait_for_the_disk(),
            Self::Postgres(session) => session.do_not_wait_for_the_disk(),
        }
    }

    /// Takes what was erased out of what is kept besides the tables, as well as that can be done at the moment.
    pub(super) fn forget_what_was_erased(&self, patience: Duration) -> Result<()> {
        match self {
            Self::Sqlite(session) => session.empty_log(patience),
            // A server overwrites it in its own time, and keeps a log that is its operator's.
            Self::Postgres(_) => Ok(()),
        }
    }
}

/// A transaction, undone when it is dropped before it is committed. Statements are carried out by what it dereferences to.
#[derive(Debug)]
pub(super) struct Transaction<'a> {
    connection: &'a Connection,
    part: Part,
}

/// What a transaction is of the one that its connection is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// A part that may still be undone by itself.
    Open,
    Kept,
}

impl Transaction<'_> {
    /// Makes everything durable at once, or leaves it to the transaction that this one is a part of.
    pub(super) fn commit(mut self) -> Result<()> {
        match self.part {
            Part::Whole => self.connection.commit_whole(),
            Part::Open | Part::Kept => {
                self.connection.run("RELEASE SAVEPOINT part")?;
                self.part = Part::Kept;
                Ok(())
            }
        }
    }
}

impl std::ops::Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        match (self.part, self.connection) {
            (Part::Whole, connection) => connection.undo_whole(),
            (Part::Open, Connection::Sqlite(session)) => session.undo_part(),
            (Part::Open, Connection::Postgres(session)) => session.undo_part(),
            (Part::Kept, _) => {}
        }
    }
}
