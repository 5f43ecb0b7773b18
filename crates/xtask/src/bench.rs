//! `cargo xtask bench`: measures a release build.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::npm::{BUN, LIBWEBRTC, Npm};
use crate::packages::{self, Need};
use crate::processes::{describe, run_logged};
use crate::python;
use crate::ui;
use crate::workspace::{Profile, Workspace};

/// The benches that measure other programs beside the app.
const WITH_PEERS: &[&str] = &["call", "idle"];

/// The one that calls by libwebrtc too.
const WITH_LIBWEBRTC: &str = "peer";

/// The one that measures other servers beside the service.
const WITH_SERVERS: &str = "service";

/// The one that measures several services, with the servers that they need.
const CLUSTER: &str = "cluster";

/// Builds everything optimised, measures, prints the figures and keeps them in `target/bench`.
///
/// # Errors
/// Something cannot be installed, built or measured, or the rig does not know the bench.
pub(crate) fn bench(workspace: &Workspace, name: Option<&str>) -> Result<()> {
    println!("[1/3] packages and the web UI");
    let mut needs = vec![Need::Build, Need::VirtualDesktop, Need::Python, Need::Scoring];
    if name.is_none_or(|name| WITH_PEERS.contains(&name)) {
        needs.extend([Need::Peers, Need::Browser]);
    }
    if name.is_none_or(|name| name == WITH_SERVERS) {
        needs.push(Need::PeerServers);
    }
    if name.is_none_or(|name| [WITH_SERVERS, CLUSTER].contains(&name)) {
        needs.push(Need::Servers);
    }
    packages::ensure(workspace, &needs)?;
    python::scoring(workspace)?;
    let log = workspace.fresh_log("bench.log")?;
    ui::build(workspace, &log)?;
    let npm = Npm::find(workspace)?;
    if name.is_none_or(|name| name == WITH_LIBWEBRTC) {
        npm.install(workspace, LIBWEBRTC, &log)?;
    }
    if name.is_none_or(|name| name == WITH_SERVERS) {
        npm.install(workspace, BUN, &log)?;
    }
    println!("[2/3] release build of the workspace");
    run_logged(&mut workspace.cargo(&["build", "--locked", "--release", "--workspace", "--exclude", "xtask", "--bins"]), &log)?;
    println!("[3/3] measuring");
    let rig = workspace.program("rig", Profile::Release);
    let names = match name {
        Some(name) => vec![name.to_owned()],
        None => crate::processes::output_of(Command::new(&rig).args(["bench", "--list"]))?.lines().map(str::to_owned).collect(),
    };
    let folder = workspace.target.join("bench");
    std::fs::create_dir_all(&folder)?;
    for name in names {
        let mut command = Command::new(&rig);
        command.args(["bench", &name]).current_dir(&workspace.root);
        npm.lend(&mut command)?;
        let output = command
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("`{}` could not be started", describe(&command)))?;
        if !output.status.success() {
            bail!("`{}` failed: {}", describe(&command), output.status);
        }
        let report: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("`{}` did not print its figures as JSON", describe(&command)))?;
        let file = folder.join(format!("{name}.json"));
        std::fs::write(&file, serde_json::to_string_pretty(&report)? + "\n")?;
        println!("\n{}{}", table(&report)?, file.display());
    }
    Ok(())
}

/// The figures of a report, a line each.
///
/// # Errors
/// A figure lacks a field; the message names it.
fn table(report: &Value) -> Result<String> {
    let figures = report["figures"].as_array().context("the report has no `figures`")?;
    let text = |figure: &Value, field: &str| {
        figure[field].as_str().map(str::to_owned).with_context(|| format!("a figure has no `{field}`: {figure}"))
    };
    let number = |figure: &Value, field: &str| figure[field].as_f64().with_context(|| format!("a figure has no `{field}`: {figure}"));
    let names = figures.iter().map(|figure| text(figure, "name")).collect::<Result<Vec<_>>>()?;
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("figure".len());
    let mut lines = format!("{:<width$} {:>6} {:>5} {:>10} {:>10} {:>10} {:>10}\n", "figure", "unit", "n", "median", "p95", "min", "max");
    for (figure, name) in figures.iter().zip(&names) {
        lines += &format!("{name:<width$} {:>6} {:>5}", text(figure, "unit")?, number(figure, "n")?);
        for field in ["median", "p95", "min", "max"] {
            lines += &format!(" {:>10.2}", number(figure, field)?);
        }
        lines.push('\n');
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_shown_as_a_table() {
        let report = json!({"bench": "call", "figures": [
            {"name": "answer to first sound", "unit": "ms", "n": 15, "median": 61.25, "p95": 80, "min": 55, "max": 91.5},
        ]});
        let shown = table(&report).unwrap();
        assert!(shown.lines().nth(1).unwrap().starts_with("answer to first sound     ms    15      61.25      80.00"), "{shown}");
    }

    #[test]
    fn a_figure_without_a_field_is_an_error_that_names_it() {
        let report = json!({"bench": "call", "figures": [{"name": "delay", "unit": "ms", "n": 1, "median": 1, "min": 1, "max": 1}]});
        assert!(table(&report).unwrap_err().to_string().contains("`p95`"));
    }
}
