//! `cargo xtask fuzz`: feeds what others send to us with what nobody would send, for longer than a run of all tests does.

use anyhow::{Context, Result, bail};

use crate::processes::describe;
use crate::workspace::Workspace;

/// How long unless told otherwise.
pub(crate) const SECONDS: u64 = 600;

/// Feeds one target, or all at once.
///
/// # Errors
/// Something broke. What, and how to see it again, is on the screen.
pub(crate) fn fuzz(workspace: &Workspace, target: Option<&str>, seconds: u64) -> Result<()> {
    let mut command = workspace.cargo(&["test", "--locked", "--workspace", "--test", "fuzz", "--"]);
    command.args(target).arg("--nocapture").env("SIGNEDCALL_FUZZ_SECONDS", seconds.to_string());
    let status = command.status().with_context(|| format!("`{}` could not be started", describe(&command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", describe(&command));
    }
    Ok(())
}
