use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use signedcall_tests::{Desktop, PATIENCE, Process};
use tokio::process::{Child, Command};

/// What the browser is called on this machine.
const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A call between pages of two browsers, which is up: with echo cancellation and all else that a page gets unless it says otherwise.
pub(super) struct Call {
    caller: Process,
    _callee: Process,
    /// Ends with this, and with it the pages.
    _driver: Child,
}

impl Call {
    pub(super) async fn start(caller: &Desktop, callee: &Desktop) -> Result<Self> {
        let ((caller, caller_port), (callee, callee_port)) =
            tokio::try_join!(open(caller), open(callee)).context("starting the browser")?;
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/chromium/call.js");
        let mut command = Command::new("node");
        command.arg(program).args([caller_port, callee_port]).kill_on_drop(true);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut driver = command.spawn().context("starting node")?;
        let mut said = tokio::io::BufReader::new(driver.stdout.take().context("standard output is a pipe")?);
        let mut line = String::new();
        tokio::time::timeout(PATIENCE, tokio::io::AsyncBufReadExt::read_line(&mut said, &mut line))
            .await
            .context("waiting for the call")??;
        anyhow::ensure!(line.trim() == "connected", "the pages do not call each other: {line:?}");
        Ok(Self { caller, _callee: callee, _driver: driver })
    }

    pub(super) fn caller(&self) -> &Process {
        &self.caller
    }
}

/// Opens a browser on a desktop, and says by which port it is told what to do.
async fn open(desktop: &Desktop) -> Result<(Process, String)> {
    let profile = desktop.folder().join("browser");
    let is_there = |browser: &&&str| Path::new("/usr/bin").join(browser).exists();
    let browser = BROWSERS.iter().find(is_there).context("there is no Chromium")?;
    let mut command = desktop.command(browser);
    command.args(["--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]);
    command.args(["--disable-sync", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required"]);
    command.arg("--remote-debugging-port=0").arg(format!("--user-data-dir={}", profile.display())).arg("about:blank");
    let process = Process::start("browser", &mut command, desktop.folder())?;
    let limit = Instant::now() + PATIENCE;
    loop {
        let told = std::fs::read_to_string(profile.join("DevToolsActivePort")).unwrap_or_default();
        if let Some(port) = told.lines().next() {
            return Ok((process, port.to_owned()));
        }
        anyhow::ensure!(Instant::now() < limit, "the browser does not start; its last lines:\n{}", process.tail());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
