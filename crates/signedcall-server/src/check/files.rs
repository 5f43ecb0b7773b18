//! The files that are read, and the directory that is written to.

use std::fs::TryLockError;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::Access;

use super::Findings;
use crate::settings::Settings;
use crate::store::{self, LAYOUT, LEAST_ROOM, Location, StoreError};
use crate::tls;

/// Says what is wrong, and whether a service is running on the data.
pub(super) fn check(settings: &Settings, findings: &mut Findings) -> bool {
    if let Some(files) = &settings.tls {
        match tls::Renewal::start(files.clone()) {
            Ok(_) if is_for_everybody(&files.key) => {
                findings.warn(format_args!("{} can be read by everybody on this machine", files.key.display()));
            }
            Ok(_) => {}
            Err(error) => findings.fault(format_args!("no TLS: {error}")),
        }
    }
    if let Err(error) = settings.push.trust() {
        findings.fault(error);
    }
    check_directory(&settings.data, findings);
    let runs = is_in_use(&settings.data);
    if runs {
        findings.note(format_args!("a service is running with the data directory {}; its ports are not tried", settings.data.display()));
    }
    check_store(&settings.location(), findings);
    runs
}

fn is_for_everybody(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}

/// A directory that is not there has to be made: the one that it is in counts then.
fn check_directory(data: &Path, findings: &mut Findings) {
    let data = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
    let Some(there) = data.ancestors().find(|path| path.exists()) else { return };
    if !there.is_dir() {
        return findings.fault(format_args!("data = {}: {} is no directory", data.display(), there.display()));
    }
    if let Err(error) = rustix::fs::access(there, Access::WRITE_OK | Access::EXEC_OK) {
        return findings.fault(format_args!("data = {}: {} cannot be written to: {error}", data.display(), there.display()));
    }
    match store::room_at(there) {
        Ok(room) if room < LEAST_ROOM => {
            findings.warn(format_args!("data = {}: the disk has room for {room} bytes, and there should be {LEAST_ROOM}", data.display()));
        }
        Ok(_) => {}
        Err(error) => findings.warn(format_args!("data = {}: how much room the disk has cannot be found out: {error}", data.display())),
    }
}

fn is_in_use(data: &Path) -> bool {
    let Ok(lock) = std::fs::File::open(data.join("lock")) else { return false };
    matches!(lock.try_lock(), Err(TryLockError::WouldBlock))
}

fn check_store(store: &Location, findings: &mut Findings) {
    match store.layout() {
        Ok(None) => findings.note(format_args!("there is nothing in {store} yet, and it will be laid out")),
        Ok(Some(LAYOUT)) => match store {
            Location::File(_) => {}
            Location::Server(_) => findings.note(format_args!("{store} can be reached, and has layout {LAYOUT}")),
        },
        Ok(Some(earlier)) => findings
            .note(format_args!("{store} has layout {earlier}, and will be brought to {LAYOUT}, which cannot be undone: back it up first")),
        Err(error @ StoreError::Newer { .. }) => findings.fault(format_args!("{error}: use that version, or restore an earlier copy")),
        Err(error) => findings.fault(error),
    }
}
