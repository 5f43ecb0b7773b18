//! What tests of several modules need.

mod distributors;
mod host;
mod pictures;
mod sdk;
mod site;
mod surroundings;

use std::path::{Path, PathBuf};

pub(crate) use self::distributors::FakeDistributors;
pub(crate) use self::host::{RecordingHost, Told};
pub(crate) use self::pictures::FakePictures;
pub(crate) use self::sdk::{FakeLine, FakeSdk, KeyringState, nothing_heard};
pub(crate) use self::site::{Answer, Site, png};
pub(crate) use self::surroundings::FakeSurroundings;

/// A folder of its own that goes away with the test.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("signedcall-test-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path).expect("the system has a folder for such things");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// Who may read and write a file or a folder.
#[cfg(unix)]
pub(crate) fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind is no reason to fail.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
