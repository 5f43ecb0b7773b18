//! The store as the API asks it: by connections of its own, so that neither the writer of records nor whoever signs in waits for it, and one request at a
//! time of each kind, so that whoever waits does so here and not on a thread. What only reads does not wait for what changes something either, and not for another
//! process that writes.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use tokio::sync::Semaphore;

use super::problem::Problem;
use crate::store::{Accounts, AuditEntry, History, StoreError};

/// The ways to the store. A clone is the same ways.
#[derive(Clone, Debug)]
pub(crate) struct Stores {
    history: Arc<History>,
    known: Arc<Accounts>,
    changed: Arc<Mutex<Accounts>>,
    look_ups: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    changes: Arc<Semaphore>,
}

impl Stores {
    /// Opens the store of some accounts three times more.
    pub(crate) fn open(accounts: &Accounts) -> Result<Self, StoreError> {
        let turn = || Arc::new(Semaphore::new(1));
        Ok(Self {
            history: Arc::new(History::open(accounts.location())?),
            known: Arc::new(accounts.open_again()?),
            changed: Arc::new(Mutex::new(accounts.open_again()?)),
            look_ups: turn(),
            reads: turn(),
            changes: turn(),
        })
    }

    /// Looks something up in the records of calls.
    pub(crate) async fn look_up<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&History) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let history = Arc::clone(&self.history);
        in_turn(&self.look_ups, move || ask(&history)).await
    }

    /// Looks something up in what is known of accounts.
    pub(crate) async fn known<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Accounts) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let accounts = Arc::clone(&self.known);
        in_turn(&self.reads, move || ask(&accounts)).await
    }

    /// Changes what is known of accounts.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Accounts) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let accounts = Arc::clone(&self.changed);
        in_turn(&self.changes, move || change(&accounts.lock().unwrap_or_else(PoisonError::into_inner))).await
    }

    /// Changes what is known of accounts in a transaction that also has what is written down of it, where something is.
    pub(crate) async fn change_on_record<T: Send + 'static>(
        &self,
        record: Option<Record>,
        change: impl FnOnce(&Accounts) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        if record.is_none() {
            return self.change(change).await;
        }
        self.change_on_record_unless_refused(record, move |accounts| change(accounts).map(Ok)).await
    }

    /// The same for a change that may be refused by what is found in that transaction, which is undone then, with what was to be written down.
    pub(crate) async fn change_on_record_unless_refused<T: Send + 'static>(
        &self,
        record: Option<Record>,
        change: impl FnOnce(&Accounts) -> Result<Result<T, Problem>, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let accounts = Arc::clone(&self.changed);
        let changed = move || {
            let mut accounts = accounts.lock().unwrap_or_else(PoisonError::into_inner);
            let done: Result<T, Undone> = accounts.together(|accounts| {
                let done = change(accounts)?.map_err(Undone::Refused)?;
                if let Some(Record { entry, .. }) = &record {
                    accounts.audit(entry, SystemTime::now())?;
                }
                Ok(done)
            });
            let fate = match &done {
                Ok(_) => Some(Fate::Written),
                Err(Undone::Store(error)) if error.is_full() => Some(Fate::NoRoom),
                Err(Undone::Store(_) | Undone::Refused(_)) => None,
            };
            if let (Some(record), Some(fate)) = (&record, fate) {
                // It is set once.
                let _ = record.fate.set(fate);
            }
            match done {
                Ok(done) => Ok(Ok(done)),
                Err(Undone::Refused(problem)) => Ok(Err(problem)),
                Err(Undone::Store(error)) => Err(error),
            }
        };
        in_turn(&self.changes, changed).await?
    }

    /// Has the store to itself for several changes, and says by itself what is wrong.
    pub(crate) async fn change_alone<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Accounts) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let accounts = Arc::clone(&self.changed);
        // What a panic interrupted was undone.
        in_turn(&self.changes, move || Ok(change(&mut accounts.lock().unwrap_or_else(PoisonError::into_inner)))).await
    }
}

/// Why a transaction was undone.
enum Undone {
    Store(StoreError),
    Refused(Problem),
}

impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What is to be written down of a change, as part of it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    entry: AuditEntry,
    fate: Arc<OnceLock<Fate>>,
}

/// What has become of a record, as far as the store has said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is written, and what it is about is done.
    Written,
    /// The store has no room, and nothing was done.
    NoRoom,
}

impl Record {
    pub(crate) fn new(entry: AuditEntry) -> Self {
        Self { entry, fate: Arc::default() }
    }

    pub(crate) fn fate(&self) -> Option<Fate> {
        self.fate.get().copied()
    }
}

/// Whoever gives up waiting gives the turn to the next only once the store is done with what was begun.
async fn in_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let Ok(turn) = Arc::clone(turns).acquire_owned().await else {
        return Err(Problem::unavailable());
    };
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    let failed = match done.await {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(error)) if error.is_too_slow() => {
            tracing::debug!(%error, "a request of a company's backend was given up");
            return Err(Problem::too_slow());
        }
        Ok(Err(error)) => error.to_string(),
        Err(panicked) => panicked.to_string(),
    };
    tracing::error!(error = failed, "a request of a company's backend failed");
    Err(Problem::unavailable())
}

#[cfg(test)]
mod tests {
    use signedcall_wire::AccountId;

    use super::*;

    #[tokio::test]
    async fn what_is_known_of_accounts_does_not_wait_for_a_slow_look_into_the_records() {
        let data = tempfile::tempdir().expect("a directory");
        let accounts = Accounts::open(&data.path().join("store.sqlite")).expect("a new store");
        let stores = Stores::open(&accounts).expect("the same store");
        let _slow = Arc::clone(&stores.look_ups).acquire_owned().await.expect("it is open");
        let known = stores.known(|accounts| accounts.find(&AccountId("grocer".to_owned()))).await;
        assert!(matches!(known, Ok(None)), "{known:?}");
    }
}
