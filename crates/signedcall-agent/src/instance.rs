//! One agent for each profile: it holds a lock and listens beside it. Whoever finds the lock taken passes on what it was started for.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

use tokio::net::UnixListener;

use crate::{border, private};

/// The profile is this program's. The system gives it back when the program ends, in whatever way.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) listener: UnixListener,
    pub(crate) lock: File,
}

/// Claims a profile by its runtime folder; `None` when another program has it.
pub(crate) fn claim(runtime: &Path) -> io::Result<Option<Instance>> {
    private::folder(runtime)?;
    let lock = private::file(&runtime.join("agent.lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let socket = border::socket(runtime);
    match std::fs::remove_file(&socket) {
        // Left by one that was killed.
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(&socket)?;
    std::fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(Some(Instance { listener, lock }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Folder, mode_of};

    #[tokio::test]
    async fn a_profile_belongs_to_one_program_until_that_has_ended() {
        let folder = Folder::new();
        let runtime = folder.path().join("signedcall/alice");
        let first = claim(&runtime).expect("a new folder").expect("nobody has it");
        assert!(claim(&runtime).expect("the same folder").is_none());
        assert_eq!((mode_of(&runtime), mode_of(&border::socket(&runtime))), (0o700, 0o600));
        drop(first);
        assert!(claim(&runtime).expect("the same folder").is_some(), "the socket that was left is no obstacle");
    }
}
