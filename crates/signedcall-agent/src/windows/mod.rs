//! The windows, which are another program: it is started when one is needed, told what to show, and let go when there has been none for a while.
//!
//! What draws a window takes several times as much memory as everything else of the app, even before there is one. So it is in no program that
//! lives in the tray, and calls do not end with it.

mod presence;

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

use self::presence::{Act, Presence};
use crate::arguments::API_KEY;
use crate::border::{Instruction, ToWindows};
use crate::profile::ProfileName;

/// How long the program may take until it comes: many times what it takes on a slow computer. One that hangs would keep another from being started.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many messages may wait for it: a page has this many questions open at most, and is told of a handful of windows.
const QUEUE: usize = 256;

/// The program, and for whom it shows windows.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) profile: ProfileName,
}

/// The windows, wherever they are. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Windows(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    program: Program,
    state: Mutex<State>,
    closed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    presence: Presence,
    /// Where the program that is there is told things.
    to: Option<mpsc::Sender<ToWindows>>,
}

/// What a program that has come is told, and by whom else it may be told things.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) to: mpsc::Sender<ToWindows>,
    pub(crate) queue: mpsc::Receiver<ToWindows>,
}

impl Windows {
    /// Nothing is shown yet, and no program runs that could.
    pub(crate) fn new(program: Program) -> Self {
        Self(Arc::new(Shared { program, state: Mutex::default(), closed: watch::Sender::new(false) }))
    }

    /// Says what is to be seen.
    pub(crate) fn show(&self, instruction: Instruction) {
        let mut state = self.state();
        match state.presence.ask(instruction) {
            Act::Start => drop(tokio::spawn(self.clone().start())),
            Act::Tell(instruction) => {
                let told = state.to.as_ref().is_some_and(|to| to.try_send(ToWindows::Show(instruction)).is_ok());
                if !told {
                    tracing::warn!("the windows do not listen");
                }
            }
            Act::Nothing => {}
        }
    }

    /// Puts everything away, and takes nobody in any more: the app ends.
    pub(crate) fn close(&self) {
        self.show(Instruction::HideAll);
        self.0.closed.send_replace(true);
    }

    /// Waits until the app ends.
    pub(crate) async fn closed(&self) {
        // It does not go while this waits for it.
        let _ = self.0.closed.subscribe().wait_for(|closed| *closed).await;
    }

    /// Takes in a program that shows windows, unless another one has them.
    pub(crate) fn came(&self) -> Option<Visit> {
        let mut state = self.state();
        let first = state.presence.came()?;
        let (to, queue) = mpsc::channel(QUEUE);
        for instruction in first {
            to.try_send(ToWindows::Show(instruction)).expect("an empty queue has room for both windows");
        }
        state.to = Some(to.clone());
        Some(Visit { to, queue })
    }

    /// Lets the program go that shows nothing, unless it has been told something that it has yet to hear.
    pub(crate) fn may_go(&self, heard: u64) -> bool {
        let mut state = self.state();
        let may = state.presence.may_go(heard);
        if may {
            state.to = None;
        }
        may
    }

    /// Takes notice that the program has gone without being let go.
    pub(crate) fn lost(&self) {
        let mut state = self.state();
        state.presence.lost();
        state.to = None;
    }

    /// Starts the program and stays with it to its end: somebody has to be told how that was.
    async fn start(self) {
        let ended = match self.spawn() {
            Ok(mut child) => {
                tracing::debug!("the windows are started");
                let ended = tokio::select! {
                    ended = child.wait() => ended,
                    () = self.is_given_up() => child.kill().await.and_then(|()| child.try_wait()).map(Option::unwrap_or_default),
                };
                ended.map(|status| status.to_string())
            }
            Err(error) => Err(error),
        };
        let waited = self.state().presence.did_not_come();
        match ended {
            Err(error) => tracing::error!(%error, program = %self.0.program.path.display(), "the windows could not be started"),
            Ok(status) if waited => tracing::error!(status, "the windows have not come"),
            Ok(status) => tracing::debug!(status, "the windows have ended"),
        }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let Program { path, profile } = &self.0.program;
        let mut command = Command::new(path);
        // What it has no use for it is not given.
        command.args(["--profile", &profile.to_string(), "--for-agent"]).env_remove(API_KEY).stdin(Stdio::null()).spawn()
    }

    /// Waits until the program has had enough time and has not come; for ever when it has.
    async fn is_given_up(&self) {
        tokio::time::sleep(PATIENCE).await;
        if !matches!(self.state().presence, Presence::Starting { .. }) {
            std::future::pending::<()>().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn windows(path: &str) -> Windows {
        Windows::new(Program { path: path.into(), profile: "alice".parse().expect("a name") })
    }

    #[tokio::test]
    async fn a_program_that_cannot_be_started_is_tried_again_when_a_window_is_needed() {
        let windows = windows("/no/such/program");
        for _ in 0..2 {
            windows.show(Instruction::ShowMain);
            while windows.state().presence != Presence::Absent {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn the_program_learns_the_profile_and_no_secret() {
        let folder = Folder::new();
        let (program, said) = (folder.path().join("windows"), folder.path().join("said"));
        std::fs::write(&program, format!("#!/bin/sh\necho \"$@ [$SIGNEDCALL_API_KEY]\" > {}\n", said.display()))
            .expect("the test's own folder");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&program, mode).expect("the test's own file");
        let windows = windows(program.to_str().expect("a path in Unicode"));
        windows.state().presence = Presence::Starting { main: true, incoming: false };
        windows.clone().start().await;
        assert_eq!(std::fs::read_to_string(&said).expect("it has run"), "--profile alice --for-agent []\n");
        assert_eq!(windows.state().presence, Presence::Absent, "it ended without coming");
    }
}
