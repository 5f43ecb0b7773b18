//! Tools that come as Python packages, each set in a virtual environment of its own under the target folder.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::processes::run_logged;
use crate::workspace::Workspace;

/// Answers the Python that scores recorded speech, for the rig.
///
/// # Errors
/// As [`environment`].
pub(crate) fn scoring(workspace: &Workspace) -> Result<PathBuf> {
    environment(workspace, "score-venv", "score")
}

/// Answers the virtual environment `name` under the target folder with everything of `crates/xtask/requirements/<requirements>.txt` in it.
///
/// A copy of the requirements stays inside, so that it is made again only when they change.
///
/// # Errors
/// Python has no `venv`, or the packages cannot be had.
pub(crate) fn environment(workspace: &Workspace, name: &str, requirements: &str) -> Result<PathBuf> {
    let wanted = workspace.root.join(format!("crates/xtask/requirements/{requirements}.txt"));
    let wanted_text = std::fs::read_to_string(&wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    let folder = workspace.target.join(name);
    let stamp = folder.join("requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted_text) {
        return Ok(folder);
    }
    println!("    will install into {}: the Python packages of crates/xtask/requirements/{requirements}.txt", folder.display());
    let log = workspace.target.join("install.log");
    run_logged(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder), &log)?;
    run_logged(
        Command::new(folder.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(&wanted),
        &log,
    )?;
    std::fs::write(&stamp, wanted_text)?;
    Ok(folder)
}
