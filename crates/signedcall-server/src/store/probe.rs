//! Whether the store can be written to at this moment, and how much room there is for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::{StoreError, schema};

/// How long somebody else's write may keep the probe waiting: longer, and calls wait too long as well.
const BUSY_FOR: Duration = Duration::from_secs(1);

/// Less room than this on the store's disk is none: it is some ten thousand calls, or a few minutes of a busy service, from being full.
pub(crate) const LEAST_ROOM: u64 = 64 * 1024 * 1024;

/// Writes to the store what is there already, durably, to find out whether that can be done.
#[derive(Debug)]
pub(crate) struct StoreProbe {
    path: PathBuf,
    connection: Connection,
}

impl StoreProbe {
    /// Opens the store in `path`, which is up to date.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = schema::open_again(path)?;
        connection.busy_timeout(BUSY_FOR).map_err(|source| StoreError::Sqlite { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), connection })
    }

    /// Writes, and waits for the disk.
    pub(crate) fn write(&self) -> Result<(), StoreError> {
        // The number stays what it is, so that nobody takes it for a change.
        let written = self.connection.execute("UPDATE withdrawals SET number = number", []);
        written.map(drop).map_err(|source| StoreError::Sqlite { path: self.path.clone(), source })
    }

    /// The bytes that the disk has room for.
    pub(crate) fn room(&self) -> std::io::Result<u64> {
        room_at(&self.path)
    }

    /// The bytes of the store, with what was written since it was last brought together.
    pub(crate) fn bytes(&self) -> u64 {
        let journal = PathBuf::from({
            let mut name = self.path.clone().into_os_string();
            name.push("-wal");
            name
        });
        [&self.path, &journal].into_iter().filter_map(|file| std::fs::metadata(file).ok()).map(|file| file.len()).sum()
    }
}

/// The bytes that a file's or a directory's disk has room for.
pub(crate) fn room_at(path: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
