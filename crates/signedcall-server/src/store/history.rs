//! Looking through the records of calls, beside the thread that writes them: a reader in WAL mode waits for nobody, and nobody for a reader.

use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};
use signedcall_wire::{AccountId, CallId, Cuid, EndReason, Environment};

use super::records::{RECORD_COLUMNS, read_record};
use super::{CallRecord, StoreError, environment_name, schema};

/// How long one question may take: a page takes some milliseconds, unless what is asked for is rare among very many calls. Others wait meanwhile.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// After how many steps of SQLite's machine it is looked at the clock: less than a millisecond.
const LOOK_EVERY: c_int = 10_000;

/// Whose calls are looked through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) account: AccountId,
    pub(crate) environment: Environment,
}

/// Which calls are asked for; all, where nothing is said. Moments are milliseconds since 1970, of when a call was placed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallFilter {
    /// Those that this user has placed, or was called in.
    pub(crate) cuid: Option<Cuid>,
    pub(crate) since: Option<i64>,
    /// Those before it.
    pub(crate) until: Option<i64>,
    pub(crate) reason: Option<EndReason>,
    /// Those that go on, or those that are over.
    pub(crate) is_open: Option<bool>,
}

/// A place among calls, the newest first: right behind this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) placed_at_ms: i64,
    pub(crate) call: String,
}

/// The records of calls, to be read.
#[derive(Debug)]
pub(crate) struct History {
    path: PathBuf,
    connection: Mutex<Connection>,
    answered_within: Duration,
}

impl History {
    /// Opens a store that is up to date.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = schema::open_again(path)?;
        let path = path.to_owned();
        match connection.pragma_update(None, "query_only", true) {
            Ok(()) => Ok(Self { path, connection: Mutex::new(connection), answered_within: ANSWERED_WITHIN }),
            Err(source) => Err(StoreError::Sqlite { path, source }),
        }
    }

    /// So many calls at most, the newest first, from a place on.
    pub(crate) fn page(
        &self,
        scope: &Scope,
        filter: &CallFilter,
        from: Option<&Place>,
        most: usize,
    ) -> Result<Vec<CallRecord>, StoreError> {
        let (query, values) = select(scope, filter, from, most);
        let values: Vec<(&str, &dyn rusqlite::ToSql)> = values.iter().map(|(name, value)| (*name, value as _)).collect();
        self.read(|connection| connection.prepare_cached(&query)?.query_map(values.as_slice(), read_record)?.collect())
    }

    /// One call.
    pub(crate) fn call(&self, scope: &Scope, call: CallId) -> Result<Option<CallRecord>, StoreError> {
        let query = format!("SELECT {RECORD_COLUMNS} FROM calls WHERE id = ? AND account = ? AND environment = ?");
        let values = params![call.to_string(), scope.account.0, environment_name(scope.environment)];
        self.read(|connection| connection.prepare_cached(&query)?.query_row(values, read_record).optional())
    }

    /// When a user last placed or answered a call, in milliseconds since 1970.
    pub(crate) fn last_seen(&self, scope: &Scope, cuid: &Cuid) -> Result<Option<i64>, StoreError> {
        const LAST_SEEN: &str = "
            SELECT max(at) FROM (
                SELECT max(placed_at_ms) AS at FROM calls INDEXED BY calls_by_caller WHERE account = ?1 AND environment = ?2 AND caller = ?3
                UNION ALL
                SELECT at FROM (
                    SELECT answered_at_ms AS at FROM calls INDEXED BY calls_by_callee
                    WHERE account = ?1 AND environment = ?2 AND callee = ?3 AND answered_at_ms IS NOT NULL
                    ORDER BY placed_at_ms DESC LIMIT 1
                )
            )";
        let values = params![scope.account.0, environment_name(scope.environment), cuid.as_str()];
        self.read(|connection| connection.prepare_cached(LAST_SEEN)?.query_row(values, |row| row.get(0)))
    }

    pub(super) fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let (begun, within) = (Instant::now(), self.answered_within);
        let bound = connection.progress_handler(LOOK_EVERY, Some(move || begun.elapsed() > within));
        bound.and_then(|()| ask(&connection)).map_err(|source| StoreError::Sqlite { path: self.path.clone(), source })
    }
}

/// Which index leads to the calls in their order is said, and not left to be guessed: a service of one account has no use for the others.
fn select(scope: &Scope, filter: &CallFilter, from: Option<&Place>, most: usize) -> (String, Vec<(&'static str, Value)>) {
    let CallFilter { cuid, since, until, reason, is_open } = filter;
    let mut values = vec![
        (":account", Value::from(scope.account.0.clone())),
        (":environment", environment_name(scope.environment).to_owned().into()),
        (":most", i64::try_from(most).unwrap_or(i64::MAX).into()),
    ];
    let mut conditions = "account = :account AND environment = :environment".to_owned();
    if let Some(since) = since {
        conditions += " AND placed_at_ms >= :since";
        values.push((":since", (*since).into()));
    }
    if let Some(until) = until {
        conditions += " AND placed_at_ms < :until";
        values.push((":until", (*until).into()));
    }
    if let Some(Place { placed_at_ms, call }) = from {
        conditions += " AND (placed_at_ms, id) < (:place, :call)";
        values.extend([(":place", (*placed_at_ms).into()), (":call", call.clone().into())]);
    }
    if let Some(reason) = reason {
        conditions += " AND end_reason = :reason";
        values.push((":reason", i64::from(reason.number()).into()));
    }
    match is_open {
        Some(true) => conditions += " AND ended_at_ms IS NULL",
        Some(false) => conditions += " AND ended_at_ms IS NOT NULL",
        None => {}
    }
    let by = |index: &str, user: &str| format!("SELECT {RECORD_COLUMNS} FROM calls INDEXED BY {index} WHERE {conditions}{user}");
    if let Some(cuid) = cuid {
        values.push((":cuid", cuid.as_str().to_owned().into()));
    }
    let found = if *is_open == Some(true) {
        // Few of all calls go on, also of those of one user.
        by("calls_that_go_on", if cuid.is_some() { " AND :cuid IN (caller, callee)" } else { "" })
    } else if cuid.is_some() {
        // Nobody calls themselves, so that no call is in both.
        let [placed, taken] = [("calls_by_caller", " AND caller = :cuid"), ("calls_by_callee", " AND callee = :cuid")];
        format!("{} UNION ALL {}", by(placed.0, placed.1), by(taken.0, taken.1))
    } else if reason.is_some() {
        by("calls_by_reason", "")
    } else {
        by("calls_by_time", "")
    };
    (format!("{found} ORDER BY placed_at_ms DESC, id DESC LIMIT :most"), values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope { account: AccountId("grocer".to_owned()), environment: Environment::Production }
    }

    /// Every set of filters that can be asked for.
    fn filters() -> impl Iterator<Item = CallFilter> {
        (0..48_usize).map(|bits| CallFilter {
            cuid: (bits & 1 > 0).then(|| Cuid::new("courier_1").expect("a cuid")),
            since: (bits & 2 > 0).then_some(10),
            until: (bits & 4 > 0).then_some(20),
            reason: (bits & 8 > 0).then_some(EndReason::HungUp),
            is_open: [None, Some(true), Some(false)][bits / 16],
        })
    }

    #[test]
    fn every_page_is_found_in_its_order_by_an_index() {
        let data = tempfile::tempdir().expect("a directory");
        let connection = schema::open(&data.path().join("store.sqlite")).expect("a new store");
        let place = Place { placed_at_ms: 15, call: "call".to_owned() };
        for filter in filters() {
            for from in [None, Some(&place)] {
                let (query, values) = select(&scope(), &filter, from, 50);
                let values: Vec<(&str, &dyn rusqlite::ToSql)> = values.iter().map(|(name, value)| (*name, value as _)).collect();
                let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).expect("a query");
                let plan = plan.query_map(values.as_slice(), |row| row.get(3)).expect("a plan");
                let plan: Vec<String> = plan.map(|step| step.expect("a step")).collect();
                assert!(!plan.iter().any(|step| step.starts_with("SCAN") || step.contains("TEMP B-TREE")), "{filter:?}: {plan:#?}");
                let among_few = plan.iter().all(|step| step.contains("calls_that_go_on"));
                assert_eq!(among_few, filter.is_open == Some(true), "{filter:?}: {plan:#?}");
            }
        }
    }

    #[test]
    fn a_question_that_takes_too_long_is_given_up_and_the_next_one_is_answered() {
        let data = tempfile::tempdir().expect("a directory");
        let path = data.path().join("store.sqlite");
        drop(schema::open(&path).expect("a new store"));
        let history = History { answered_within: Duration::from_millis(50), ..History::open(&path).expect("a store") };
        let count = |most: &str| {
            let count = format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n {most}) SELECT max(i) FROM n");
            history.read(|connection| connection.query_row(&count, [], |row| row.get::<_, i64>(0)))
        };
        let given_up = count("").expect_err("it never ends");
        assert!(given_up.is_too_slow(), "{given_up}");
        assert_eq!(count("WHERE i < 10").ok(), Some(10));
    }

    #[test]
    fn a_reader_writes_nothing() {
        let data = tempfile::tempdir().expect("a directory");
        let path = data.path().join("store.sqlite");
        drop(schema::open(&path).expect("a new store"));
        let history = History::open(&path).expect("a store");
        assert!(history.read(|connection| connection.execute("DELETE FROM calls", [])).is_err());
    }
}
