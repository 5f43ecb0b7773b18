//! The key file that PulseAudio's protocol wants of each program of a user.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rand::RngCore;

/// How long the key is: a server closes the connection of whoever brings another length, also where it then lets everybody in.
const LENGTH: usize = 256;

/// Makes the key file where there is none, as PulseAudio's own library does in the first program that uses it. Where that has never run, as
/// on a new desktop with PipeWire, every connection would be refused.
pub(super) fn ensure() {
    let (chosen, home) = (std::env::var_os("PULSE_COOKIE"), std::env::var_os("HOME"));
    if let (None, Some(home)) = (chosen, home)
        && let Err(error) = ensure_in(Path::new(&home))
    {
        tracing::debug!(%error, "there is no key file for the sound server, and none can be made");
    }
}

fn ensure_in(home: &Path) -> io::Result<PathBuf> {
    for known in [".config/pulse/cookie", ".pulse-cookie"].map(|name| home.join(name)) {
        if known.exists() {
            return Ok(known);
        }
    }
    let folder = home.join(".config/pulse");
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let path = folder.join("cookie");
    let mut key = [0; LENGTH];
    rand::rng().fill_bytes(&mut key);
    // Another program that makes it at this moment is as good.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => file.write_all(&key)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_for_its_owner_alone() {
        let home = tempfile::tempdir().expect("a folder");
        let path = ensure_in(home.path()).expect("a key");
        let key = std::fs::read(&path).expect("a key");
        assert_eq!(key.len(), LENGTH);
        assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        ensure_in(home.path()).expect("the same key");
        assert_eq!(std::fs::read(&path).expect("a key"), key);
    }

    #[test]
    fn a_key_at_the_old_place_is_enough() {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::write(home.path().join(".pulse-cookie"), [1; LENGTH]).expect("a key");
        assert_eq!(ensure_in(home.path()).expect("a key"), home.path().join(".pulse-cookie"));
        assert!(!home.path().join(".config").exists());
    }
}
