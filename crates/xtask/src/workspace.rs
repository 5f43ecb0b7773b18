//! Where things lie, and how cargo is called.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The work tree and its target folder.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// The folder of everything that is built.
    pub(crate) target: PathBuf,
}

/// Cargo's optimisation profiles that the commands build with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Profile {
    Debug,
    Release,
}

impl Workspace {
    /// Finds the work tree from what cargo told this process, so that a moved or copied tree still works.
    pub(crate) fn find() -> Result<Self> {
        let package = std::env::var_os("CARGO_MANIFEST_DIR").context("start this tool as `cargo xtask`")?;
        let root = Path::new(&package).ancestors().nth(2).context("the package `xtask` lies in crates/xtask")?.to_owned();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => std::path::absolute(folder)?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The program `name` as built with `profile`.
    pub(crate) fn program(&self, name: &str, profile: Profile) -> PathBuf {
        let folder = match profile {
            Profile::Debug => "debug",
            Profile::Release => "release",
        };
        self.target.join(folder).join(name)
    }

    /// An empty log file of this name in the target folder.
    pub(crate) fn fresh_log(&self, name: &str) -> Result<PathBuf> {
        std::fs::create_dir_all(&self.target)?;
        let log = self.target.join(name);
        std::fs::write(&log, "").with_context(|| format!("cannot write {}", log.display()))?;
        Ok(log)
    }

    /// A cargo call in the root of the workspace, which sees the environment that the developer's own cargo call would see.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(&self.root).env("CARGO_TERM_COLOR", "never");
        // `cargo xtask` describes the package xtask to this process. Build scripts that watch these variables would run again, and
        // with them everything above, each time that cargo is called here after it was called by hand.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST_")
                || name == "CARGO_BIN_NAME"
                || name == "CARGO_CRATE_NAME"
                || name == "LD_LIBRARY_PATH"
            {
                command.env_remove(name.as_ref());
            }
        }
        command
    }
}

/// Finds a program on the search path.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}
