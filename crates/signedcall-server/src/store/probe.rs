//! Whether the store can be written to at this moment, and how much room there is for it.

use std::path::Path;
use std::time::Duration;

use super::sql::{Connection, params};
use super::{Location, StoreError};

/// How long somebody else's write may keep the probe waiting: longer, and calls wait too long as well.
const BUSY_FOR: Duration = Duration::from_secs(1);

/// Less room than this on the store's disk is none: it is some ten thousand calls, or a few minutes of a busy service, from being full.
pub(crate) const LEAST_ROOM: u64 = 64 * 1024 * 1024;

/// Writes to the store what is there already, durably, to find out whether that can be done.
#[derive(Debug)]
pub(crate) struct StoreProbe {
    at: Location,
    connection: Connection,
}

impl StoreProbe {
    /// Opens a store that is up to date.
    pub(crate) fn open(at: impl Into<Location>) -> Result<Self, StoreError> {
        let at = at.into();
        let connection = at.open_again()?;
        connection.wait_for_others(BUSY_FOR).map_err(|error| at.failed(error))?;
        Ok(Self { at, connection })
    }

    /// Writes, and waits for the disk.
    pub(crate) fn write(&self) -> Result<(), StoreError> {
        // The number stays what it is, so that nobody takes it for a change.
        let written = self.connection.execute("UPDATE withdrawals SET number = number", params![]);
        written.map(drop).map_err(|error| self.at.failed(error))
    }

    /// The bytes that the disk has room for; `None` where it does not say so, or is a server's.
    pub(crate) fn room(&self) -> Option<u64> {
        match &self.at {
            Location::File(path) => room_at(path).ok(),
            Location::Server(_) => None,
        }
    }

    /// The bytes of the store, with what was written since it was last brought together; `None` while nobody says how many.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match &self.at {
            Location::File(path) => {
                let mut journal = path.clone().into_os_string();
                journal.push("-wal");
                let gathered = std::fs::metadata(journal).map(|file| file.len()).unwrap_or_default();
                std::fs::metadata(path).ok().map(|file| file.len() + gathered)
            }
            Location::Server(_) => {
                let size = self.connection.query_one("SELECT pg_database_size(current_database())", params![], |row| row.get::<i64>(0));
                size.ok().and_then(|size| size.try_into().ok())
            }
        }
    }
}

/// The bytes that a file's or a directory's disk has room for.
pub(crate) fn room_at(path: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::TestStore;
    use crate::store::testing::postgres::Postgres;

    #[test]
    fn a_store_whose_size_nobody_says_has_none_rather_than_nought() {
        let server = Postgres::start();
        let away = TestStore::on(&server);
        for store in [TestStore::in_a_file(), away] {
            drop(store.at().open().expect("a new store"));
            let probe = StoreProbe::open(store.at()).expect("a store");
            assert!(probe.bytes().is_some_and(|bytes| bytes > 0));
            match store.at() {
                Location::File(path) => std::fs::remove_file(path).expect("it is there"),
                Location::Server(_) => server.stop(),
            }
            assert_eq!(probe.bytes(), None);
        }
    }
}
