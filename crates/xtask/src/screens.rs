//! `cargo xtask screens`: the pictures of the app and of the dashboard that documents show.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cluster;
use crate::npm::{Npm, UI, browser};
use crate::packages::{self, Need};
use crate::processes::run_logged;
use crate::workspace::Workspace;

/// Draws the screens of the app, the pages of the dashboard, or both.
///
/// # Errors
/// The browser or the service is missing, or something could not be drawn.
pub(crate) fn draw(workspace: &Workspace, app: bool, dashboard: bool) -> Result<()> {
    packages::ensure(workspace, &[Need::Browser, Need::Pictures])?;
    let log = workspace.fresh_log("screens.log")?;
    let npm = Npm::find(workspace)?;
    npm.install(workspace, UI, &log)?;
    if app {
        npm.script(workspace, &["shots"], &log)?;
        let folder = workspace.root.join("assets/screens");
        shrink(&folder, &log)?;
        println!("the pictures of the app are in {}", folder.display());
    }
    if dashboard {
        let folder = workspace.root.join("assets/dashboard");
        draw_dashboard(workspace, &npm, &folder, &log)?;
        shrink(&folder, &log)?;
        println!("the pictures of the dashboard are in {}", folder.display());
    }
    Ok(())
}

/// Takes pictures of every page, of a service on which four companies call, by two operators.
fn draw_dashboard(workspace: &Workspace, npm: &Npm, folder: &Path, log: &Path) -> Result<()> {
    let cluster = cluster::start_one(workspace, log)?;
    let mut draw = Command::new("node");
    npm.lend(&mut draw)?;
    draw.arg(workspace.root.join(UI).join("scripts/dashboard-pictures.mjs")).env("DASHBOARD_URL", &cluster.dashboard);
    draw.env("DASHBOARD_LINK", cluster.link(workspace, "admin")?).env("DASHBOARD_LINK_OF_NOOR", cluster.link(workspace, "noor")?);
    draw.env("DASHBOARD_PICTURES", folder);
    if let Some(browser) = browser() {
        draw.env("CHROMIUM", browser);
    }
    println!("      drawing");
    run_logged(&mut draw, log)
}

/// Has each picture use 256 colours at most, of which flat screens need no more: a third of the size.
fn shrink(folder: &Path, log: &Path) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut pictures: Vec<_> = entries.collect::<std::io::Result<Vec<_>>>()?.into_iter().map(|entry| entry.path()).collect();
    pictures.retain(|path| path.extension().is_some_and(|extension| extension == "png"));
    if pictures.is_empty() {
        bail!("there is no picture in {}", folder.display());
    }
    // In the order of their names, so that the log is the same each time.
    pictures.sort();
    run_logged(Command::new("pngquant").args(["--force", "--ext", ".png", "--speed", "1", "--strip", "256", "--"]).args(pictures), log)
}
