//! Tests that run themselves again in a process of its own: what a program is given by its surroundings is settled when it starts.

use std::path::PathBuf;
use std::process::Command;

/// Says to a test that it is the child, and in which role.
pub(crate) const ROLE: &str = "SIGNEDCALL_TEST_ROLE";

/// This program.
pub(crate) fn program() -> PathBuf {
    std::env::current_exe().expect("a running program has a file")
}

/// Whether this process is the child in this role.
pub(crate) fn is_child(role: &str) -> bool {
    std::env::var(ROLE).is_ok_and(|child| child == role)
}

/// Runs the test `name` again, as the child in this role.
pub(crate) fn run(command: &mut Command, name: &str, role: &str) {
    let output = command.args(["--exact", name, "--nocapture"]).env(ROLE, role).output().expect("it can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
}
