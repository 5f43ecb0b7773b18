//! Looking through the records of calls, beside the thread that writes them: a reader in WAL mode waits for nobody, and nobody for a reader.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use signedcall_wire::{AccountId, CallId, Cuid, EndReason, Environment};

use super::records::{RECORD_COLUMNS, read_record};
use super::sql::{self, Connection, Parameter, params};
use super::{CallRecord, Location, StoreError, environment_name};

/// How long one question may take: a page takes some milliseconds, unless what is asked for is rare among very many calls. Others wait meanwhile.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

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
    at: Location,
    connection: Mutex<Connection>,
    answered_within: Duration,
}

impl History {
    /// Opens a store that is up to date.
    pub(crate) fn open(at: impl Into<Location>) -> Result<Self, StoreError> {
        let at = at.into();
        let connection = at.open_again()?;
        connection.only_read().map_err(|error| at.failed(error))?;
        Ok(Self { at, connection: Mutex::new(connection), answered_within: ANSWERED_WITHIN })
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
        let values: Vec<&dyn Parameter> = values.iter().map(|value| &**value).collect();
        self.read(|connection| connection.query(&query, &values, read_record))
    }

    /// One call.
    pub(crate) fn call(&self, scope: &Scope, call: CallId) -> Result<Option<CallRecord>, StoreError> {
        let query = format!("SELECT {RECORD_COLUMNS} FROM calls WHERE id = ? AND account = ? AND environment = ?");
        let values = params![call.to_string(), scope.account.0, environment_name(scope.environment)];
        self.read(|connection| connection.query_optional(&query, values, read_record))
    }

    /// When a user last placed or answered a call, in milliseconds since 1970.
    pub(crate) fn last_seen(&self, scope: &Scope, cuid: &Cuid) -> Result<Option<i64>, StoreError> {
        const LAST_SEEN: &str = "
            SELECT max(at) FROM (
                SELECT at FROM (
                    SELECT placed_at_ms AS at FROM calls INDEXED BY calls_by_caller
                    WHERE account = ?1 AND environment = ?2 AND caller = ?3 AND leads_to IS NULL
                    ORDER BY placed_at_ms DESC LIMIT 1
                ) AS placed
                UNION ALL
                SELECT at FROM (
                    SELECT answered_at_ms AS at FROM calls INDEXED BY calls_by_callee
                    WHERE account = ?1 AND environment = ?2 AND callee = ?3 AND answered_at_ms IS NOT NULL
                    ORDER BY placed_at_ms DESC LIMIT 1
                ) AS answered
            ) AS seen";
        let values = params![scope.account.0, environment_name(scope.environment), cuid.as_str()];
        self.read(|connection| connection.query_one(LAST_SEEN, values, |row| row.get(0)))
    }

    pub(super) fn read<T>(&self, ask: impl FnOnce(&Connection) -> sql::Result<T>) -> Result<T, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.answer_within(self.answered_within).and_then(|()| ask(&connection)).map_err(|error| self.at.failed(error))
    }
}

/// Values of several kinds.
type Values = Vec<Box<dyn Parameter>>;

/// Which index leads to the calls in their order is said, and not left to be guessed: a service of one account has no use for the others.
fn select(scope: &Scope, filter: &CallFilter, from: Option<&Place>, most: usize) -> (String, Values) {
    let CallFilter { cuid, since, until, reason, is_open } = filter;
    let mut values: Values = vec![
        Box::new(scope.account.0.clone()),
        Box::new(environment_name(scope.environment)),
        Box::new(i64::try_from(most).unwrap_or(i64::MAX)),
    ];
    let mut conditions = "account = ?1 AND environment = ?2".to_owned();
    // By what a value is called in the text.
    let mut named = |value: Box<dyn Parameter>| {
        values.push(value);
        format!("?{}", values.len())
    };
    if let Some(since) = since {
        conditions += &format!(" AND placed_at_ms >= {}", named(Box::new(*since)));
    }
    if let Some(until) = until {
        conditions += &format!(" AND placed_at_ms < {}", named(Box::new(*until)));
    }
    if let Some(Place { placed_at_ms, call }) = from {
        conditions += &format!(" AND (placed_at_ms, id) < ({}, {})", named(Box::new(*placed_at_ms)), named(Box::new(call.clone())));
    }
    if let Some(reason) = reason {
        conditions += &format!(" AND end_reason = {}", named(Box::new(reason.number())));
    }
    match is_open {
        Some(true) => conditions += " AND ended_at_ms IS NULL",
        Some(false) => conditions += " AND ended_at_ms IS NOT NULL",
        None => {}
    }
    let by = |index: &str, user: &str| format!("SELECT {RECORD_COLUMNS} FROM calls INDEXED BY {index} WHERE {conditions}{user}");
    let cuid = cuid.as_ref().map(|cuid| named(Box::new(cuid.as_str().to_owned())));
    let found = match cuid {
        // Few of all calls go on, also of those of one user.
        Some(cuid) if *is_open == Some(true) => by("calls_that_go_on", &format!(" AND {cuid} IN (caller, callee)")),
        None if *is_open == Some(true) => by("calls_that_go_on", ""),
        // Nobody calls themselves, so that no call is in both.
        Some(cuid) => {
            let (placed, taken) = (format!(" AND caller = {cuid}"), format!(" AND callee = {cuid}"));
            format!("{} UNION ALL {}", by("calls_by_caller", &placed), by("calls_by_callee", &taken))
        }
        None if reason.is_some() => by("calls_by_reason", ""),
        None => by("calls_by_time", ""),
    };
    (format!("{found} ORDER BY placed_at_ms DESC, id DESC LIMIT ?3"), values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{TestStore, on_each_store};

    on_each_store![a_question_that_takes_too_long_is_given_up_and_the_next_one_is_answered, a_reader_writes_nothing];

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
        let connection = Location::from(&data.path().join("store.sqlite")).open().expect("a new store");
        let place = Place { placed_at_ms: 15, call: "call".to_owned() };
        for filter in filters() {
            for from in [None, Some(&place)] {
                let (query, values) = select(&scope(), &filter, from, 50);
                let values: Vec<&dyn Parameter> = values.iter().map(|value| &**value).collect();
                let plan: Vec<String> =
                    connection.query(&format!("EXPLAIN QUERY PLAN {query}"), &values, |row| row.get(3)).expect("a plan");
                assert!(!plan.iter().any(|step| step.starts_with("SCAN") || step.contains("TEMP B-TREE")), "{filter:?}: {plan:#?}");
                let among_few = plan.iter().all(|step| step.contains("calls_that_go_on"));
                assert_eq!(among_few, filter.is_open == Some(true), "{filter:?}: {plan:#?}");
            }
        }
    }

    fn a_question_that_takes_too_long_is_given_up_and_the_next_one_is_answered(store: &TestStore) {
        drop(store.at().open().expect("a new store"));
        let history = History { answered_within: Duration::from_millis(50), ..History::open(store.at()).expect("a store") };
        let count = |most: &str| {
            let count = format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n {most}) SELECT max(i) FROM n");
            history.read(|connection| connection.query_one(&count, params![], |row| row.get::<i64>(0)))
        };
        let given_up = count("").expect_err("it never ends");
        assert!(given_up.is_too_slow(), "{given_up}");
        assert_eq!(count("WHERE i < 10").ok(), Some(10));
    }

    fn a_reader_writes_nothing(store: &TestStore) {
        drop(store.at().open().expect("a new store"));
        let history = History::open(store.at()).expect("a store");
        assert!(history.read(|connection| connection.execute("DELETE FROM calls", params![])).is_err());
    }
}
