//! Who of several services on one database decides on which calls.
//!
//! Calls are divided into partitions. A service claims a partition and has it for a tenure, which it renews; each tenure of a partition has a higher epoch than the
//! one before. Whoever writes the records of a partition's calls states its tenure ([`Records::start`](super::Records::start)), and the store compares it with
//! the latest one in the same transaction: what a service writes that has lost a partition without noticing is fenced off, and
//! [`Written::Fenced`](super::Written::Fenced) says so.
//!
//! All moments are those of the database's clock. A store in a file is one service's, which has every partition as soon as it says so.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::sql::{self, Connection, params};
use super::{Location, StoreError};

/// For how long a partition is a service's that does not renew its tenure: several times as long as a database takes that is started again.
pub(crate) const LEASE: Duration = Duration::from_secs(6);
/// How often a tenure is to be renewed.
pub(crate) const RENEW_EVERY: Duration = Duration::from_secs(1);

/// Milliseconds since 1970, by the clock that all services share.
const NOW: &str = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";

/// A share of the calls: one service at a time decides on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Partition(pub(crate) u16);

/// What a running service calls itself. No two that run at once have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(pub(crate) String);

/// Which tenure of a partition: each has a higher one than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Epoch(pub(crate) i64);

/// That a service has a partition. Whoever writes for it states this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tenure {
    pub(crate) partition: Partition,
    pub(crate) node: NodeId,
    pub(crate) epoch: Epoch,
}

/// Who has a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The service.
    pub(crate) node: NodeId,
    /// Its tenure.
    pub(crate) epoch: Epoch,
    /// How long ago it was renewed. Once that is longer than a lease, anybody may claim the partition.
    pub(crate) renewed_ago: Duration,
}

/// Why a partition was not claimed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClaimError {
    /// Somebody else has it.
    #[error("the service {} has it, and has said so {} ms ago", .0.node.0, .0.renewed_ago.as_millis())]
    Held(Owner),
    /// Somebody else is claiming it, or giving it up, at the same moment.
    #[error("somebody else claims it at the same moment")]
    Contended,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a tenure was not renewed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenewError {
    /// It is over: somebody else has the partition, or a later tenure of the same service.
    #[error("partition {} is not this service's any more", .0.partition.0)]
    Fenced(Tenure),
    /// The store failed, and the tenure may go on still.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who has which partition.
#[derive(Debug)]
pub(crate) struct Owners {
    at: Location,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    /// In the database, where others look as well.
    Shared(Box<Mutex<Connection>>),
    /// Nobody else has the store.
    Alone(Mutex<BTreeMap<Partition, NodeId>>),
}

impl Owners {
    /// Opens a store that is up to date.
    pub(crate) fn open(at: impl Into<Location>) -> Result<Self, StoreError> {
        let at = at.into();
        let kept = match &at {
            Location::File(_) => Kept::Alone(Mutex::default()),
            Location::Server(_) => Kept::Shared(Box::new(Mutex::new(at.open_again()?))),
        };
        Ok(Self { at, kept })
    }

    /// Begins a tenure of a partition that is nobody's: that nobody has had, that this service has itself, or whose owner has let its lease run out. Of two
    /// that claim it at once one has it.
    pub(crate) fn claim(&self, partition: Partition, node: &NodeId) -> Result<Tenure, ClaimError> {
        let granted = |epoch| Tenure { partition, node: node.clone(), epoch };
        let connection = match &self.kept {
            Kept::Shared(connection) => lock(connection),
            Kept::Alone(owners) => {
                lock(owners).insert(partition, node.clone());
                return Ok(granted(Epoch(1)));
            }
        };
        let claim = format!(
            "INSERT INTO owners (partition, node, epoch, renewed_at_ms) VALUES (?1, ?2, 1, {NOW})
             ON CONFLICT (partition) DO UPDATE SET node = excluded.node, epoch = owners.epoch + 1, renewed_at_ms = {NOW}
             WHERE owners.node = excluded.node OR owners.renewed_at_ms <= {NOW} - ?3
             RETURNING epoch"
        );
        let claimed =
            connection.query_optional(&claim, params![partition.0, node.0, LEASE.as_millis() as i64], |row| row.get(0).map(Epoch));
        drop(connection);
        match claimed.map_err(|error| self.at.failed(error))? {
            Some(epoch) => Ok(granted(epoch)),
            // Should it be released in between, the next claim is granted.
            None => Err(self.owner_of(partition)?.map_or(ClaimError::Contended, ClaimError::Held)),
        }
    }

    /// Says that the service is still there.
    pub(crate) fn renew(&self, tenure: &Tenure) -> Result<(), RenewError> {
        if self.note(tenure, NOW)? { Ok(()) } else { Err(RenewError::Fenced(tenure.clone())) }
    }

    /// Ends a tenure, so that nobody has to wait for the lease to run out.
    pub(crate) fn release(&self, tenure: &Tenure) -> Result<(), StoreError> {
        self.note(tenure, "0").map(drop)
    }

    /// Who has a partition, or has had it last.
    pub(crate) fn owner_of(&self, partition: Partition) -> Result<Option<Owner>, StoreError> {
        let connection = match &self.kept {
            Kept::Shared(connection) => lock(connection),
            Kept::Alone(owners) => {
                let owner = |node: &NodeId| Owner { node: node.clone(), epoch: Epoch(1), renewed_ago: Duration::ZERO };
                return Ok(lock(owners).get(&partition).map(owner));
            }
        };
        let find = format!("SELECT node, epoch, {NOW} - renewed_at_ms FROM owners WHERE partition = ?");
        let owner = connection.query_optional(&find, params![partition.0], |row| {
            let renewed_ago = Duration::from_millis(row.get::<i64>(2)?.try_into().unwrap_or_default());
            Ok(Owner { node: NodeId(row.get(0)?), epoch: Epoch(row.get(1)?), renewed_ago })
        });
        owner.map_err(|error| self.at.failed(error))
    }

    /// Says whether the tenure goes on.
    fn note(&self, tenure: &Tenure, renewed_at: &str) -> Result<bool, StoreError> {
        let Kept::Shared(connection) = &self.kept else { return Ok(true) };
        let note = format!("UPDATE owners SET renewed_at_ms = {renewed_at} WHERE partition = ? AND node = ? AND epoch = ?");
        let noted = lock(connection).execute(&note, params![tenure.partition.0, tenure.node.0, tenure.epoch.0]);
        noted.map(|noted| noted > 0).map_err(|error| self.at.failed(error))
    }
}

/// Whether a tenure goes on, and goes on until the transaction is over: whoever claims the partition waits for that.
pub(super) fn goes_on(connection: &Connection, tenure: &Tenure) -> sql::Result<bool> {
    let find = "SELECT 1 FROM owners WHERE partition = ? AND node = ? AND epoch = ? FOR SHARE";
    let found = connection.query_optional(find, params![tenure.partition.0, tenure.node.0, tenure.epoch.0], |_| Ok(()));
    found.map(|found| found.is_some())
}

fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{TestStore, on_each_store};

    on_each_store![a_partition_is_whose_it_was_claimed_for];

    fn a_partition_is_whose_it_was_claimed_for(store: &TestStore) {
        drop(store.at().open().expect("a new store"));
        let owners = Owners::open(store.at()).expect("a store");
        let (one, another) = (Partition(1), Partition(2));
        assert_eq!(owners.owner_of(one).expect("a good store"), None);
        let tenure = owners.claim(one, &NodeId("first".to_owned())).expect("it is nobody's");
        owners.renew(&tenure).expect("it goes on");
        let owner = owners.owner_of(one).expect("a good store").expect("somebody's");
        assert_eq!((owner.node, owner.epoch), (tenure.node.clone(), tenure.epoch));
        assert_eq!(owners.owner_of(another).expect("a good store"), None);
        owners.release(&tenure).expect("a good store");
        owners.claim(one, &NodeId("second".to_owned())).expect("it was given up");
        assert_eq!(owners.owner_of(one).expect("a good store").map(|owner| owner.node.0), Some("second".to_owned()));
    }
}
