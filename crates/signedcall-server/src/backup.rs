//! Copies of everything that a service has written, for the operator: made while it runs, and put back while it does not.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::service::{STORE_FILE, StartError, lock_data};
use crate::store;

/// Copies the store of a data directory to the file `to`, which only its owner may read, and returns how many bytes that are. The copy is of one moment: all that
/// the service had acknowledged when it was begun is in it. It is checked, and durable, before it gets its name.
///
/// # Errors
/// There is no store, it is not whole, or the file cannot be written.
pub fn back_up(data: &Path, to: &Path) -> Result<u64, StartError> {
    Ok(store::copy(&data.join(STORE_FILE), to)?)
}

/// Puts a copy in the place of a data directory's store, which no service may be running on, and returns under which name the one before is kept, if there was one.
/// A copy of an earlier version's store is brought up to date by the next start.
///
/// # Errors
/// A service is running on the data, the copy is of a newer version's store or not whole, or something cannot be written: then all is as before.
pub fn restore(from: &Path, data: &Path) -> Result<Option<PathBuf>, StartError> {
    let _lock = lock_data(data)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let kept = data.join(format!("{STORE_FILE}.before-{now}"));
    Ok(store::put_back(from, &data.join(STORE_FILE), &kept)?.then_some(kept))
}
