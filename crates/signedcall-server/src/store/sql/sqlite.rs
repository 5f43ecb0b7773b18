//! What is asked of a file of SQLite.

use std::ffi::c_int;
use std::time::{Duration, Instant};

use rusqlite::params_from_iter;

use super::value::Parameter;
use super::{Result, Row};

/// After how many steps of SQLite's machine it is looked at the clock: less than a millisecond.
const LOOK_EVERY: c_int = 10_000;
/// How many statements a connection keeps prepared: more than any has.
const PREPARED: usize = 64;

#[derive(Debug)]
pub(in crate::store) struct Session(rusqlite::Connection);

impl Session {
    pub(in crate::store) fn new(connection: rusqlite::Connection) -> Self {
        connection.set_prepared_statement_cache_capacity(PREPARED);
        Self(connection)
    }

    pub(super) fn execute(&self, sql: &str, values: &[&dyn Parameter]) -> Result<usize> {
        Ok(self.0.prepare_cached(sql)?.execute(params_from_iter(values.iter().map(|value| value.value())))?)
    }

    pub(super) fn query<T>(&self, sql: &str, values: &[&dyn Parameter], mut read: impl FnMut(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(values.iter().map(|value| value.value())))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(read(&Row::Sqlite(row))?);
        }
        Ok(all)
    }

    pub(super) fn query_optional<T>(
        &self,
        sql: &str,
        values: &[&dyn Parameter],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(values.iter().map(|value| value.value())))?;
        rows.next()?.map(|row| read(&Row::Sqlite(row))).transpose()
    }

    pub(super) fn run(&self, sql: &str) -> Result<()> {
        Ok(self.0.execute_batch(sql)?)
    }

    /// For writing from the beginning: what has read before cannot wait for others who write.
    pub(super) fn begin(&self) -> Result<()> {
        Ok(self.0.execute_batch("BEGIN IMMEDIATE")?)
    }

    pub(super) fn commit(&self) -> Result<()> {
        Ok(self.0.execute_batch("COMMIT")?)
    }

    pub(super) fn undo(&self) {
        if !self.0.is_autocommit()
            && let Err(error) = self.0.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be undone");
        }
    }

    pub(super) fn has_begun(&self) -> bool {
        !self.0.is_autocommit()
    }

    /// Where that fails, the whole is undone: nothing of it may become durable.
    pub(super) fn undo_part(&self) {
        if self.has_begun()
            && let Err(error) = self.0.execute_batch("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
        {
            tracing::error!(%error, "a part of a transaction could not be undone");
            self.undo();
        }
    }

    pub(super) fn wait_for_others(&self, patience: Duration) -> Result<()> {
        Ok(self.0.busy_timeout(patience)?)
    }

    pub(super) fn answer_within(&mut self, within: Duration) -> Result<()> {
        let begun = Instant::now();
        Ok(self.0.progress_handler(LOOK_EVERY, Some(move || begun.elapsed() > within))?)
    }

    pub(super) fn only_read(&self) -> Result<()> {
        Ok(self.0.pragma_update(None, "query_only", true)?)
    }

    pub(super) fn do_not_wait_for_the_disk(&self) -> Result<()> {
        Ok(self.0.pragma_update(None, "synchronous", "NORMAL")?)
    }

    /// Where somebody reads or writes at the moment, it is overwritten later, by what others write.
    pub(super) fn empty_log(&self, patience: Duration) -> Result<()> {
        let empty = || {
            // Nobody else is to wait for it.
            self.0.busy_timeout(Duration::ZERO)?;
            self.0.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        };
        let (emptied, patient_again) = (empty(), self.0.busy_timeout(patience));
        Ok(emptied.and(patient_again)?)
    }
}
