//! What is asked of a PostgreSQL server. A connection that is lost is made again by the next question, and never in the middle of a transaction.

mod dialect;
mod server;
mod tls;
mod wait;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::TlsStream;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Socket, Statement};

pub(in crate::store) use self::dialect::step;
use self::server::CONNECTED_WITHIN;
pub use self::server::{InvalidServer, Server};
use self::wait::wait;
use super::value::{Parameter, Value};
use super::{Result, Row, SqlError};
use crate::store::schema::BUSY_FOR;

/// How long a statement may take unless something else is said: much longer than any does.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// How much longer is waited for a server that should have given up by itself.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(2);
/// What whoever wants to be alone in a transaction holds: "SCal".
const ALONE: i64 = 0x5343_616C;

/// Moves what goes over all connections, by one thread for the whole process: those who wait for it are threads of their own.
static CARRIER: LazyLock<std::io::Result<tokio::runtime::Runtime>> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("postgres").enable_all().build());

/// How a connection behaves.
#[derive(Clone, Copy, Debug)]
struct Manner {
    waits_for_others: Duration,
    answered_within: Duration,
    longest_pause: Duration,
    only_reads: bool,
    waits_for_disk: bool,
}

#[derive(Debug)]
pub(in crate::store) struct Session {
    server: Server,
    manner: Cell<Manner>,
    link: RefCell<Option<Link>>,
    transaction: Cell<Progress>,
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    None,
    Open,
    /// One of its statements has failed, or its connection.
    Broken,
}

#[derive(Debug)]
struct Link {
    client: Client,
    statements: HashMap<String, Statement>,
}

impl Session {
    /// Connects, so that whoever starts learns at once that there is no server.
    pub(in crate::store) fn open(server: &Server) -> Result<Self> {
        let (longest_pause, only_reads, waits_for_disk) = (ANSWERED_WITHIN, false, true);
        let manner = Manner { waits_for_others: BUSY_FOR, answered_within: ANSWERED_WITHIN, longest_pause, only_reads, waits_for_disk };
        let session =
            Self { server: server.clone(), manner: Cell::new(manner), link: RefCell::default(), transaction: Cell::new(Progress::None) };
        *session.link.borrow_mut() = Some(session.connect()?);
        Ok(session)
    }

    pub(super) fn execute(&self, sql: &str, values: &[&dyn Parameter]) -> Result<usize> {
        if values.iter().any(|value| has_nul(value.value())) {
            return Err(SqlError::Nul);
        }
        self.ask(sql, values, async |client, statement, values| client.execute(statement, values).await)
            .map(|changed| usize::try_from(changed).unwrap_or(usize::MAX))
    }

    pub(super) fn query<T>(&self, sql: &str, values: &[&dyn Parameter], mut read: impl FnMut(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
        self.rows(sql, values)?.iter().map(|row| read(&Row::Postgres(row))).collect()
    }

    pub(super) fn query_optional<T>(
        &self,
        sql: &str,
        values: &[&dyn Parameter],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.rows(sql, values)?.first().map(|row| read(&Row::Postgres(row))).transpose()
    }

    fn rows(&self, sql: &str, values: &[&dyn Parameter]) -> Result<Vec<tokio_postgres::Row>> {
        // No text in a database has one, so that nothing is like this one.
        if values.iter().any(|value| has_nul(value.value())) {
            return Ok(Vec::new());
        }
        self.ask(sql, values, async |client, statement, values| client.query(statement, values).await)
    }

    /// Everything that several statements say, which have no values.
    pub(in crate::store) fn run(&self, sql: &str) -> Result<()> {
        self.with_link(|link, within| within_time(link.client.batch_execute(sql), within))
    }

    pub(super) fn begin(&self) -> Result<()> {
        self.begin_with(&format!("; SELECT pg_advisory_xact_lock({ALONE})"))
    }

    pub(super) fn begin_beside_others(&self) -> Result<()> {
        self.begin_with("")
    }

    fn begin_with(&self, more: &str) -> Result<()> {
        self.run(&format!("BEGIN{more}")).inspect_err(|_| self.undo_whatever_was_begun())?;
        self.transaction.set(Progress::Open);
        Ok(())
    }

    pub(super) fn commit(&self) -> Result<()> {
        if self.transaction.get() != Progress::Open {
            return Err(SqlError::Broken);
        }
        let committed = self.run("COMMIT");
        match committed {
            Ok(()) => {
                self.transaction.set(Progress::None);
                Ok(())
            }
            // The server may have done it before it went away.
            Err(error) if self.link.borrow().is_none() => Err(SqlError::OutcomeUnknown(Box::new(error))),
            Err(error) => Err(error),
        }
    }

    pub(super) fn undo(&self) {
        if self.transaction.replace(Progress::None) != Progress::None {
            self.undo_whatever_was_begun();
        }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.transaction.get() != Progress::None
    }

    /// What has failed within the part is undone with it, and the whole goes on.
    pub(super) fn undo_part(&self) {
        if self.run("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part").is_ok() {
            self.transaction.set(Progress::Open);
        } else {
            self.transaction.set(Progress::Broken);
        }
    }

    /// A server undoes what a connection has begun that is gone.
    fn undo_whatever_was_begun(&self) {
        let mut link = self.link.borrow_mut();
        let undone = link.as_ref().map(|link| wait(link.client.batch_execute("ROLLBACK"), CONNECTED_WITHIN));
        match undone {
            None | Some(Some(Ok(()))) => {}
            Some(Some(Err(_)) | None) => *link = None,
        }
    }

    pub(super) fn wait_for_others(&self, patience: Duration) -> Result<()> {
        self.behave(Manner { waits_for_others: patience, ..self.manner.get() })
    }

    pub(super) fn answer_within(&self, within: Duration) -> Result<()> {
        self.behave(Manner { answered_within: within, ..self.manner.get() })
    }

    pub(super) fn pause_within(&self, longest_pause: Duration) -> Result<()> {
        self.behave(Manner { longest_pause, ..self.manner.get() })
    }

    pub(super) fn only_read(&self) -> Result<()> {
        self.behave(Manner { only_reads: true, ..self.manner.get() })
    }

    pub(super) fn do_not_wait_for_the_disk(&self) -> Result<()> {
        self.behave(Manner { waits_for_disk: false, ..self.manner.get() })
    }

    fn behave(&self, manner: Manner) -> Result<()> {
        let before = self.manner.replace(manner);
        if before.words() == manner.words() { Ok(()) } else { self.run(&manner.words()) }
    }

    fn ask<T>(
        &self,
        sql: &str,
        values: &[&dyn Parameter],
        ask: impl AsyncFnOnce(&Client, &Statement, &[&(dyn ToSql + Sync)]) -> std::result::Result<T, tokio_postgres::Error>,
    ) -> Result<T> {
        let values: Vec<Value<'_>> = values.iter().map(|value| value.value()).collect();
        let types: Vec<Type> = values.iter().map(type_of).collect();
        let values: Vec<_> = values.iter().map(given).collect();
        self.with_link(|link, within| {
            if !link.statements.contains_key(sql) {
                let prepared = within_time(link.client.prepare_typed(&dialect::statement(sql), &types), within)?;
                link.statements.insert(sql.to_owned(), prepared);
            }
            let statement = &link.statements[sql];
            within_time(ask(&link.client, statement, &values), within)
        })
    }

    /// Asks over the connection that there is, or over a new one.
    fn with_link<T>(&self, ask: impl FnOnce(&mut Link, Duration) -> Result<T>) -> Result<T> {
        let mut link = self.link.borrow_mut();
        if link.as_ref().is_some_and(|link| link.client.is_closed()) {
            *link = None;
        }
        if link.is_none() {
            match self.transaction.get() {
                Progress::None => *link = Some(self.connect()?),
                Progress::Open | Progress::Broken => {
                    self.transaction.set(Progress::Broken);
                    return Err(SqlError::Broken);
                }
            }
        }
        let Some(there) = link.as_mut() else { return Err(SqlError::Broken) };
        let answer = ask(there, self.manner.get().answered_within + GIVEN_UP_WITHIN);
        if let Err(error) = &answer {
            if self.transaction.get() == Progress::Open {
                self.transaction.set(Progress::Broken);
            }
            // Whatever else the server would answer, it would be the answer to something else.
            if matches!(error, SqlError::NoAnswer) || there.client.is_closed() || error.is_away() {
                *link = None;
            }
        }
        answer
    }

    fn connect(&self) -> Result<Link> {
        let carrier = CARRIER.as_ref().map_err(|error| SqlError::Carrier(error.kind()))?;
        let config = self.server.config.clone();
        // On another machine always: [`Server`] has seen to that.
        let is_private = config.get_ssl_mode() == SslMode::Require;
        let tls = is_private.then(tls::Connector::new).transpose().map_err(SqlError::Tls)?;
        let connecting = carrier.spawn(async move {
            match tls {
                Some(tls) => config.connect(tls).await.map(|(client, connection)| (client, carry(connection))),
                None => config.connect(NoTls).await.map(|(client, connection)| (client, carry(connection))),
            }
        });
        // Each address of a host is tried for as long as that.
        let connected = wait(connecting, 2 * CONNECTED_WITHIN).ok_or(SqlError::NoAnswer)?;
        let (client, _carried) = connected.map_err(|_| SqlError::NoAnswer)??;
        within_time(client.batch_execute(&self.manner.get().words()), CONNECTED_WITHIN)?;
        Ok(Link { client, statements: HashMap::new() })
    }
}

impl Manner {
    /// What is said to the server. Nought would be for ever there.
    fn words(&self) -> String {
        let Self { waits_for_others, answered_within, longest_pause, only_reads, waits_for_disk } = self;
        let (others, within) = (waits_for_others.as_millis().max(1), answered_within.as_millis().max(1));
        let read_only = if *only_reads { "on" } else { "off" };
        // Of what a database waits for besides, such as a second server, its operator decides.
        let disk = if *waits_for_disk {
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        } else {
            "SET synchronous_commit = off"
        };
        let longest_idle = longest_pause.as_millis().max(1);
        format!(
            "SET lock_timeout = {others}; SET statement_timeout = {within}; SET default_transaction_read_only = {read_only};
             SET default_transaction_isolation = 'read committed'; SET idle_in_transaction_session_timeout = {longest_idle}; {disk}"
        )
    }
}

/// Moves what goes over a connection, until it ends with its client.
fn carry<S: TlsStream + Unpin + Send + 'static>(connection: tokio_postgres::Connection<Socket, S>) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to the database is lost");
        }
    })
}

fn within_time<T>(answer: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>, within: Duration) -> Result<T> {
    Ok(wait(answer, within).ok_or(SqlError::NoAnswer)??)
}

fn has_nul(value: Value<'_>) -> bool {
    match value {
        Value::Text(text) => text.is_some_and(|text| text.contains('\0')),
        Value::Integer(_) | Value::Blob(_) => false,
    }
}

const fn type_of(value: &Value<'_>) -> Type {
    match value {
        Value::Integer(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::Blob(_) => Type::BYTEA,
    }
}

fn given<'a>(value: &'a Value<'_>) -> &'a (dyn ToSql + Sync) {
    match value {
        Value::Integer(number) => number,
        Value::Text(text) => text,
        Value::Blob(bytes) => bytes,
    }
}
