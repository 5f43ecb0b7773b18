use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, params};
use signedcall_wire::{CallId, EndReason};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{StoreError, environment_name, schema, unix_millis};
use crate::hub::{CloseRecord, OpenRecord};

/// The most jobs in one commit: by then its cost is shared well enough, and nobody waits longer.
const MOST_AT_ONCE: usize = 256;
/// How long to wait before closing records again that could not be closed, when nothing else is to be written.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The thread that writes the records of calls.
///
/// It commits what has gathered while the last commit was being made durable, all at once: the more there is to do, the less each record costs.
#[derive(Debug)]
pub(crate) struct Records {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

/// The outcome of [`Records::open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) call: CallId,
    /// `false`: it is not written, and never will be.
    pub(crate) durable: bool,
}

#[derive(Debug)]
enum Job {
    Open {
        record: OpenRecord,
        placed_at: SystemTime,
    },
    Close(Closing),
    /// Closes what is open, and ends the thread.
    Finish,
}

#[derive(Debug)]
struct Closing {
    record: CloseRecord,
    ended_at: SystemTime,
}

impl Records {
    /// Opens the store, closes what an earlier process left open, and starts the thread.
    pub(crate) fn start(path: &Path) -> Result<(Self, UnboundedReceiver<Written>), StoreError> {
        let mut connection = schema::open(path)?;
        let failed = |source| StoreError::Sqlite { path: path.to_owned(), source };
        let left_open = close_open(&connection, SystemTime::now()).map_err(failed)?;
        if left_open > 0 {
            tracing::warn!(left_open, "closed the records of calls that an earlier process left open");
        }
        let (jobs, inbox) = mpsc::channel();
        let (told, written) = unbounded_channel();
        let thread = std::thread::Builder::new().name("records".to_owned()).spawn(move || write(&mut connection, &inbox, &told));
        let thread = thread.map_err(|source| StoreError::File { path: PathBuf::from(path), source })?;
        Ok((Self { jobs, thread }, written))
    }

    /// Writes the beginning of a call down; [`Written`] follows, once.
    pub(crate) fn open(&self, record: OpenRecord, placed_at: SystemTime) {
        self.send(Job::Open { record, placed_at });
    }

    /// Writes the end of a call down, however often it takes.
    pub(crate) fn close(&self, record: CloseRecord, ended_at: SystemTime) {
        self.send(Job::Close(Closing { record, ended_at }));
    }

    /// Whether the thread is there still.
    pub(crate) fn are_written(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Writes everything that was handed in, closes what is open as an internal error, and returns when it is durable. Blocks.
    pub(crate) fn finish(self) {
        self.send(Job::Finish);
        if self.thread.join().is_err() {
            tracing::error!("the writer of call records panicked");
        }
    }

    fn send(&self, job: Job) {
        if self.jobs.send(job).is_err() {
            // The hub learns of it by its own deadline for a record.
            tracing::error!("the writer of call records is gone");
        }
    }
}

fn write(connection: &mut Connection, inbox: &Receiver<Job>, told: &UnboundedSender<Written>) {
    let mut unclosed: Vec<Closing> = Vec::new();
    let mut finish = false;
    while !finish {
        let mut opening = Vec::new();
        let first =
            if unclosed.is_empty() { inbox.recv().map_err(|_| RecvTimeoutError::Disconnected) } else { inbox.recv_timeout(RETRY_AFTER) };
        let first = match first {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Job::Finish),
        };
        for job in first.into_iter().chain(inbox.try_iter().take(MOST_AT_ONCE)) {
            match job {
                Job::Open { record, placed_at } => opening.push((record, placed_at)),
                Job::Close(closing) => unclosed.push(closing),
                Job::Finish => finish = true,
            }
        }
        let outcomes = match commit(connection, &opening, &unclosed, finish) {
            Ok(outcomes) => {
                unclosed.clear();
                outcomes
            }
            Err(error) => {
                tracing::error!(%error, opening = opening.len(), closing = unclosed.len(), "the records of calls could not be written");
                opening.iter().map(|(record, _)| Written { call: record.call, durable: false }).collect()
            }
        };
        for outcome in outcomes {
            // Nobody listens any more while the service stops.
            let _ = told.send(outcome);
        }
    }
}

fn commit(
    connection: &mut Connection,
    opening: &[(OpenRecord, SystemTime)],
    closing: &[Closing],
    finish: bool,
) -> rusqlite::Result<Vec<Written>> {
    let transaction = connection.transaction()?;
    let mut outcomes = Vec::with_capacity(opening.len());
    {
        let mut insert = transaction.prepare_cached(
            "INSERT OR IGNORE INTO calls (id, account, environment, caller, caller_device, callee, context, placed_at_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        for (record, placed_at) in opening {
            let inserted = insert.execute(params![
                record.call.to_string(),
                record.account.0,
                environment_name(record.environment),
                record.caller.as_str(),
                record.caller_device.to_string(),
                record.callee.as_str(),
                record.context.as_str(),
                unix_millis(*placed_at),
            ])?;
            // A device may not use the id of an earlier call again.
            outcomes.push(Written { call: record.call, durable: inserted == 1 });
        }
        let mut update = transaction.prepare_cached(
            "UPDATE calls SET answered_by = ?, answered_at_ms = ?, connected_at_ms = ?, ended_at_ms = ?, end_reason = ?
             WHERE id = ? AND ended_at_ms IS NULL",
        )?;
        for Closing { record, ended_at } in closing {
            let at =
                |moment: signedcall_wire::Timestamp| unix_millis(ended_at.checked_sub(record.ended_at.since(moment)).unwrap_or(*ended_at));
            update.execute(params![
                record.answered.as_ref().map(|answered| answered.device.to_string()),
                record.answered.as_ref().map(|answered| at(answered.at)),
                record.answered.as_ref().and_then(|answered| answered.connected_at).map(at),
                unix_millis(*ended_at),
                record.reason.number(),
                record.call.to_string(),
            ])?;
        }
    }
    if finish {
        close_open(&transaction, SystemTime::now())?;
    }
    transaction.commit()?;
    Ok(outcomes)
}

/// Nobody knows how these calls ended: the process that would have written it down is gone.
fn close_open(connection: &Connection, now: SystemTime) -> rusqlite::Result<usize> {
    connection.execute(
        "UPDATE calls SET ended_at_ms = max(placed_at_ms, ?), end_reason = ? WHERE ended_at_ms IS NULL",
        params![unix_millis(now), EndReason::InternalError.number()],
    )
}

/// One call, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// The call's id.
    pub call: String,
    /// Who called.
    pub caller: String,
    /// Who was called.
    pub callee: String,
    /// When the caller asked, in milliseconds since 1970.
    pub placed_at_ms: i64,
    /// When it was answered, in milliseconds since 1970.
    pub answered_at_ms: Option<i64>,
    /// When both sides had media, in milliseconds since 1970.
    pub connected_at_ms: Option<i64>,
    /// When it ended, in milliseconds since 1970; `None` while it goes on.
    pub ended_at_ms: Option<i64>,
    /// Why it ended: the number of an [`EndReason`]; `None` while it goes on.
    pub end_reason: Option<u8>,
}

/// Reads every record in the store in `path`, oldest first.
///
/// # Errors
/// The store cannot be opened or read.
pub fn read_records(path: &Path) -> Result<Vec<CallRecord>, StoreError> {
    let connection = schema::open(path)?;
    let read = || {
        let mut statement = connection.prepare(
            "SELECT id, caller, callee, placed_at_ms, answered_at_ms, connected_at_ms, ended_at_ms, end_reason FROM calls
             ORDER BY placed_at_ms, id",
        )?;
        let records = statement.query_map([], |row| {
            Ok(CallRecord {
                call: row.get(0)?,
                caller: row.get(1)?,
                callee: row.get(2)?,
                placed_at_ms: row.get(3)?,
                answered_at_ms: row.get(4)?,
                connected_at_ms: row.get(5)?,
                ended_at_ms: row.get(6)?,
                end_reason: row.get(7)?,
            })
        })?;
        records.collect::<Result<_, _>>()
    };
    read().map_err(|source| StoreError::Sqlite { path: path.to_owned(), source })
}
