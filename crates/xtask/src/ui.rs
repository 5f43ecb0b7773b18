//! The web UI: building it when it changed, and going through the dashboard.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::npm::{Npm, UI, browser, is_current};
use crate::workspace::{self, Workspace};

/// Folders of `ui` that the app is neither built from nor embeds: installed packages, and the pages that screens are drawn from.
const NOT_IN_THE_APP: &[&str] = &["node_modules", "dist-fake"];

/// Installs the UI's packages and builds `ui/dist`, which the app embeds, and `ui/dist-dashboard`, which the service does.
///
/// Nothing is written when nothing changed: both are compiled again whenever their pages are touched.
///
/// # Errors
/// Node.js, a package or the build fails.
pub(crate) fn build(workspace: &Workspace, log: &Path) -> Result<()> {
    let npm = Npm::find(workspace)?;
    npm.install(workspace, UI, log)?;
    let ui = workspace.root.join(UI);
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

/// The test that goes through the service's dashboard in a browser.
///
/// # Errors
/// Node.js or a package cannot be had.
pub(crate) fn dashboard_tour(workspace: &Workspace, log: &Path) -> Result<Command> {
    let npm = Npm::find(workspace)?;
    npm.install(workspace, UI, log)?;
    let mut command = workspace.cargo(&["test", "--locked", "--workspace", "--test", "browser", "--", "--nocapture"]);
    npm.lend(&mut command)?;
    if let Some(browser) = browser() {
        command.env("CHROMIUM", browser);
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ui_is_built_again_when_a_source_or_the_result_changes_and_not_otherwise() {
        let ui = std::env::temp_dir().join(format!("xtask-state-{}", std::process::id()));
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
}
