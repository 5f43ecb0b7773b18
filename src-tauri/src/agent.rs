//! The agent, as this program finds it: one that runs already, or one that is started.

use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use signedcall_agent::arguments::Arguments;
use signedcall_agent::border::{self, Connected};
use signedcall_agent::profile::Folders;
use signedcall_agent::programs;

/// How long an agent that has been started may take until it listens, which is the first thing that it does.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked for meanwhile: far less than it takes to get ready to show a window.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Runs the agent in the place of this program, for what needs no window. Comes back only when that cannot be done.
pub(crate) fn instead_of_this() -> anyhow::Error {
    match programs::beside(programs::AGENT) {
        Ok(agent) => {
            let error = std::process::Command::new(&agent).args(std::env::args_os().skip(1)).exec();
            anyhow::Error::new(error).context(format!("{}", agent.display()))
        }
        Err(error) => error.into(),
    }
}

/// Looks for an agent that runs.
pub(crate) async fn find(arguments: &Arguments, folders: &Folders) -> anyhow::Result<Connected> {
    border::connect(&folders.runtime, arguments.wants(), true).await.context("the app that runs is not understood")
}

/// Starts the agent and waits until it listens.
///
/// It stays in this program's group of processes and writes to the same outputs: what ends the one at a terminal ends the other, until the windows
/// are closed and the terminal is free again. What is to be signed in with it finds in the environment, as this program does.
pub(crate) async fn start(arguments: Arguments, folders: Folders) -> anyhow::Result<Connected> {
    let program = programs::beside(programs::AGENT)?;
    let mut command = tokio::process::Command::new(&program);
    command.args(["--profile", &arguments.profile.to_string(), "--app-name", &arguments.app_name.to_string(), "--hidden"]);
    if arguments.log_file {
        command.arg("--log-file");
    }
    let mut agent = command.stdin(Stdio::null()).spawn().with_context(|| format!("{}", program.display()))?;
    let limit = Instant::now() + PATIENCE;
    loop {
        match find(&arguments, &folders).await? {
            Connected::Nobody => {}
            connected @ (Connected::Windows { .. } | Connected::PassedOn | Connected::OtherVersion(_)) => return Ok(connected),
        }
        // One that has ended well has found another one.
        if let Some(status) = agent.try_wait()?.filter(|status| !status.success()) {
            bail!("the app's agent has ended: {status}");
        }
        if Instant::now() > limit {
            bail!("the app's agent does not listen");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
