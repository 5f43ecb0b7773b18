//! Who of several services on one database decides on which calls.
//!
//! Calls are divided into partitions. A service claims a partition and has it for a tenure, which it renews; each tenure of a partition has a higher epoch than the
//! one before. Whoever writes the records of a partition's calls states its tenure ([`Records::start_beside`](super::Records::start_beside)), and the store compares it with
//! the latest one in the same transaction: what a service writes that has lost a partition without noticing is fenced off, and
//! [`Written::Fenced`](super::Written::Fenced) says so.
//!
//! All moments are those of the database's clock. A store in a file is one service's, which has every partition as soon as it says so.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use signedcall_wire::AccountId;

use super::sql::{self, Connection, Row, Trouble, params};
use super::{Location, StoreError};

/// For how long a partition is a service's that does not renew its tenure: devices wait for another one meanwhile. A database that is started again may take
/// longer, which is nobody's fault: no lease runs out until it has been there for as long as that.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// How often a tenure is to be renewed.
pub(crate) const RENEW_EVERY: Duration = Duration::from_millis(500);

/// How long whoever claims a partition waits for somebody who is writing by the tenure before, until it is tried again: meanwhile no other is claimed.
const CLAIMED_WITHIN: Duration = Duration::from_secs(1);

/// Milliseconds since 1970, by the clock that all services share.
const NOW: &str = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
/// When the database was started, by the same clock.
const STARTED: &str = "CAST(extract(epoch FROM pg_postmaster_start_time()) * 1000 AS BIGINT)";
/// As of when a partition that was given up was renewed.
const GIVEN_UP: &str = "0";

/// A share of the calls: one service at a time decides on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Partition(pub(crate) u16);

/// Into how many partitions accounts are divided: several for each node of a cluster that anybody has, and few enough that one node can have all.
pub(crate) const PARTITIONS: u8 = 16;
/// The first one. What lies before is all calls of a database, which are a service's that is alone.
pub(crate) const FIRST: u16 = 1;

/// Where everything is known of an account.
pub(crate) fn partition_of(account: &AccountId) -> Partition {
    numbered(Sha256::digest(account.0.as_bytes())[0])
}

/// The partition of something that has a byte of its own.
pub(crate) fn numbered(byte: u8) -> Partition {
    Partition(FIRST + u16::from(byte % PARTITIONS))
}

/// What is so of rows whose column has the name of an account that lies in a partition, as [`partition_of`] says; of all rows, where a service has all calls. Only
/// a server's store is divided.
pub(super) fn lies_in(column: &str, partition: Option<Partition>) -> String {
    match partition.and_then(|partition| partition.0.checked_sub(FIRST)) {
        Some(number) => format!("get_byte(sha256(convert_to({column}, 'UTF8')), 0) % {PARTITIONS} = {number}"),
        None => "1 = 1".to_owned(),
    }
}

/// What a running service calls itself. No two that run at once have the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct NodeId(pub(crate) String);

/// Which tenure of a partition: each has a higher one than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// How long ago it was renewed.
    pub(crate) renewed_ago: Duration,
    /// How long it takes, unless it is renewed, until anybody may claim the partition.
    pub(crate) free_in: Duration,
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
    Shared(Box<Shared>),
    /// Nobody else has the store.
    Alone(Mutex<BTreeMap<Partition, NodeId>>),
}

/// The connections to it: who claims may have to wait for others, and must not keep anybody from saying in time that they are there.
#[derive(Debug)]
struct Shared {
    renewing: Mutex<Connection>,
    claiming: Mutex<Connection>,
}

impl Owners {
    /// Opens a store that is up to date.
    pub(crate) fn open(at: impl Into<Location>) -> Result<Self, StoreError> {
        let at = at.into();
        let kept = match &at {
            Location::File(_) => Kept::Alone(Mutex::default()),
            Location::Server(_) => {
                let claiming = at.open_again()?;
                claiming.wait_for_others(CLAIMED_WITHIN).map_err(|error| at.failed(error))?;
                Kept::Shared(Box::new(Shared { renewing: Mutex::new(at.open_again()?), claiming: Mutex::new(claiming) }))
            }
        };
        Ok(Self { at, kept })
    }

    /// Begins a tenure of a partition that is nobody's: that nobody has had, that this service has itself, or whose owner has let its lease run out. Of two
    /// that claim it at once one has it.
    pub(crate) fn claim(&self, partition: Partition, node: &NodeId) -> Result<Tenure, ClaimError> {
        let granted = |epoch| Tenure { partition, node: node.clone(), epoch };
        let shared = match &self.kept {
            Kept::Shared(shared) => shared,
            Kept::Alone(owners) => {
                lock(owners).insert(partition, node.clone());
                return Ok(granted(Epoch(1)));
            }
        };
        // Nobody is kept from renewing a tenure that goes on.
        match self.owner_of(partition)? {
            Some(owner) if owner.node != *node && !owner.free_in.is_zero() => return Err(ClaimError::Held(owner)),
            Some(_) | None => {}
        }
        let claim = format!(
            "INSERT INTO owners (partition, node, epoch, renewed_at_ms) VALUES (?1, ?2, 1, {NOW})
             ON CONFLICT (partition) DO UPDATE SET node = excluded.node, epoch = owners.epoch + 1, renewed_at_ms = {NOW}
             WHERE owners.node = excluded.node OR ({free_in}) <= 0
             RETURNING epoch",
            free_in = free_in(),
        );
        let claiming = lock(&shared.claiming);
        let claim = || {
            let transaction = claiming.begin_beside_others()?;
            wait_for_writers(&transaction, "partition = ?", partition)?;
            let claimed = transaction.query_optional(&claim, params![partition.0, node.0], |row| row.get(0).map(Epoch))?;
            transaction.commit().map(|()| claimed)
        };
        match claim() {
            Ok(Some(epoch)) => Ok(granted(epoch)),
            // Should it be released in between, the next claim is granted.
            Ok(None) => Err(self.owner_of(partition)?.map_or(ClaimError::Contended, ClaimError::Held)),
            Err(error) if error.trouble() == Trouble::Busy => Err(ClaimError::Contended),
            Err(error) => Err(self.at.failed(error).into()),
        }
    }

    /// Says that the service is still there.
    pub(crate) fn renew(&self, tenure: &Tenure) -> Result<(), RenewError> {
        if self.note(tenure, NOW)? { Ok(()) } else { Err(RenewError::Fenced(tenure.clone())) }
    }

    /// Says of all tenures of a service that it is still there, and which those are. Then says of each partition that somebody has had who that is.
    pub(crate) fn renew_all(&self, node: &NodeId) -> Result<(Vec<Tenure>, BTreeMap<Partition, Owner>), StoreError> {
        let connection = match &self.kept {
            Kept::Shared(shared) => lock(&shared.renewing),
            Kept::Alone(owners) => {
                let owners = lock(owners);
                let mine = owners.iter().filter(|(_, owner)| *owner == node).map(|(partition, _)| *partition);
                let mine = mine.map(|partition| Tenure { partition, node: node.clone(), epoch: Epoch(1) }).collect();
                return Ok((mine, owners.iter().map(|(partition, node)| (*partition, always(node))).collect()));
            }
        };
        let renew =
            format!("UPDATE owners SET renewed_at_ms = {NOW} WHERE node = ? AND renewed_at_ms <> {GIVEN_UP} RETURNING partition, epoch");
        let look = format!("SELECT {}, partition FROM owners", owner_columns());
        let read = || -> sql::Result<_> {
            let mine = connection.query(&renew, params![node.0], |row| {
                Ok(Tenure { partition: Partition(row.get(0)?), node: node.clone(), epoch: Epoch(row.get(1)?) })
            })?;
            let all = connection.query(&look, params![], |row| Ok((Partition(row.get(4)?), read_owner(row)?)))?;
            Ok((mine, all.into_iter().collect()))
        };
        read().map_err(|error| self.at.failed(error))
    }

    /// Ends the tenures of all other partitions, whoever has them: what lies in them is whose this tenure is.
    pub(crate) fn end_others(&self, tenure: &Tenure) -> Result<(), StoreError> {
        let Kept::Shared(shared) = &self.kept else { return Ok(()) };
        let end = format!("UPDATE owners SET epoch = epoch + 1, renewed_at_ms = {GIVEN_UP} WHERE partition <> ?");
        let claiming = lock(&shared.claiming);
        let end = || {
            let transaction = claiming.begin_beside_others()?;
            wait_for_writers(&transaction, "partition <> ?", tenure.partition)?;
            transaction.execute(&end, params![tenure.partition.0])?;
            transaction.commit()
        };
        end().map_err(|error| self.at.failed(error))
    }

    /// Ends a tenure, so that nobody has to wait for the lease to run out.
    pub(crate) fn release(&self, tenure: &Tenure) -> Result<(), StoreError> {
        self.note(tenure, GIVEN_UP).map(drop)
    }

    /// Who has a partition, or has had it last.
    pub(crate) fn owner_of(&self, partition: Partition) -> Result<Option<Owner>, StoreError> {
        let connection = match &self.kept {
            Kept::Shared(shared) => lock(&shared.renewing),
            Kept::Alone(owners) => {
                return Ok(lock(owners).get(&partition).map(always));
            }
        };
        let find = format!("SELECT {} FROM owners WHERE partition = ?", owner_columns());
        let owner = connection.query_optional(&find, params![partition.0], read_owner);
        owner.map_err(|error| self.at.failed(error))
    }

    /// Says whether the tenure goes on.
    fn note(&self, tenure: &Tenure, renewed_at: &str) -> Result<bool, StoreError> {
        let Kept::Shared(shared) = &self.kept else { return Ok(true) };
        let note = format!("UPDATE owners SET renewed_at_ms = {renewed_at} WHERE partition = ? AND node = ? AND epoch = ?");
        let noted = lock(&shared.renewing).execute(&note, params![tenure.partition.0, tenure.node.0, tenure.epoch.0]);
        noted.map(|noted| noted > 0).map_err(|error| self.at.failed(error))
    }
}

/// How many milliseconds it takes, unless the tenure is renewed, until anybody may claim a partition. While the database was away nobody could renew anything.
fn free_in() -> String {
    let lease = LEASE.as_millis();
    format!("CASE owners.renewed_at_ms WHEN {GIVEN_UP} THEN 0 ELSE greatest(owners.renewed_at_ms, {STARTED}) + {lease} - {NOW} END")
}

/// What [`read_owner`] reads.
fn owner_columns() -> String {
    format!("node, epoch, {NOW} - renewed_at_ms, CAST({} AS BIGINT)", free_in())
}

fn read_owner(row: &Row<'_>) -> sql::Result<Owner> {
    let milliseconds = |number: i64| Duration::from_millis(number.try_into().unwrap_or_default());
    let (renewed_ago, free_in) = (milliseconds(row.get(2)?), milliseconds(row.get(3)?));
    Ok(Owner { node: NodeId(row.get(0)?), epoch: Epoch(row.get(1)?), renewed_ago, free_in })
}

/// Who has a store alone.
fn always(node: &NodeId) -> Owner {
    Owner { node: node.clone(), epoch: Epoch(1), renewed_ago: Duration::ZERO, free_in: LEASE }
}

/// Whether a tenure goes on, and goes on until the transaction is over: whoever claims the partition waits for that, and whoever renews it does not.
pub(super) fn goes_on(connection: &Connection, tenure: &Tenure) -> sql::Result<bool> {
    let find = "SELECT 1 FROM owners WHERE partition = ? AND node = ? AND epoch = ? FOR KEY SHARE";
    let found = connection.query_optional(find, params![tenure.partition.0, tenure.node.0, tenure.epoch.0], |_| Ok(()));
    found.map(|found| found.is_some())
}

/// Waits until nobody writes by tenures of some partitions any more, and lets nobody begin to.
fn wait_for_writers(connection: &Connection, which: &str, partition: Partition) -> sql::Result<()> {
    let find = format!("SELECT 1 FROM owners WHERE {which} ORDER BY partition FOR UPDATE");
    connection.query(&find, params![partition.0], |_| Ok(())).map(drop)
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
