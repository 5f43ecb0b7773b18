use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// One run of the rig: the folder in which all its parts keep their logs, profiles and recordings.
///
/// It lies in `target/rig` and stays after the run, so that a failure can be looked into; the next run of the same name replaces it.
#[derive(Debug)]
pub struct Rig {
    folder: PathBuf,
    sockets: PathBuf,
}

impl Rig {
    /// Makes the run folder.
    pub fn new(name: &str) -> Result<Self> {
        let folder = target_folder()?.join("rig").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("clearing {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        // A socket's path may have 107 bytes: too few for a folder deep below `target`.
        let sockets = std::env::temp_dir().join(format!("rig-{}-{name}", std::process::id()));
        private_folder(&sockets)?;
        Ok(Self { folder, sockets })
    }

    /// The run folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A new folder with a short path, for the sockets of `who`. It goes with the rig.
    pub(crate) fn sockets(&self, who: &str) -> Result<PathBuf> {
        let folder = self.sockets.join(who);
        private_folder(&folder)?;
        Ok(folder)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.sockets));
    }
}

/// Makes a folder that only its owner may enter: sockets and keyrings want no less.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| format!("making {}", path.display()))
}

/// Where this program and its siblings have been built: `target/debug` or `target/release`.
fn build_folder() -> Result<PathBuf> {
    let this = std::env::current_exe().context("this program's own path")?;
    let folder = this.parent().context("a program lies in a folder")?;
    let folder = if folder.ends_with("deps") { folder.parent().context("deps lies in a folder")? } else { folder };
    Ok(folder.to_path_buf())
}

/// The folder of everything that is built.
pub(crate) fn target_folder() -> Result<PathBuf> {
    Ok(build_folder()?.parent().context("the build folder lies in target")?.to_path_buf())
}

/// One of the project's programs, built beside this one.
pub fn program(name: &str) -> Result<PathBuf> {
    let path = build_folder()?.join(name);
    if !path.is_file() {
        bail!("{} is not built: cargo build -p {name}", path.display());
    }
    Ok(path)
}
