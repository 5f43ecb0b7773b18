//! What tests of several modules need.

mod host;
mod sdk;

use std::path::{Path, PathBuf};

pub(crate) use self::host::{RecordingHost, Told};
pub(crate) use self::sdk::{FakeLine, FakeSdk, KeyringState, nothing_heard};

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

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind is no reason to fail.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
