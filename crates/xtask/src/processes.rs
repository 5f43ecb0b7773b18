//! Child processes: logged, watched, and ended with their parent.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::workspace::on_path;

/// How long a silent step goes on before it says that it is still alive.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// The end of a log that is worth showing: the failure and a screen of what led to it.
const TAIL_LINES: usize = 60;
/// How long a child may take to end after it was asked to: longer than the 5 s that the service gives its devices to leave.
const GRACE: Duration = Duration::from_secs(10);

/// Runs a command to its end with its output added to `log`, showing a line now and then while it runs.
///
/// # Errors
/// The command could not be started or failed; the message ends with the tail of the log.
pub(crate) fn run_logged(command: &mut Command, log: &Path) -> Result<()> {
    let shown = describe(command);
    let file = open_log(log, File::options().append(true))?;
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .with_context(|| format!("`{shown}` could not be started"))?;
    let (ended, end) = mpsc::channel::<()>();
    let status = std::thread::scope(|scope| {
        scope.spawn(move || {
            while end.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                println!("      {:>4} s  {}", started.elapsed().as_secs(), last_line(log));
            }
        });
        let status = child.wait();
        drop(ended);
        status
    })?;
    if status.success() {
        return Ok(());
    }
    bail!("`{shown}` failed: {status}\n--- the end of {} ---\n{}", log.display(), tail(log, TAIL_LINES));
}

/// Answers what a command prints on its standard output.
///
/// # Errors
/// The command could not be started or failed.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let shown = describe(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("`{shown}` could not be started"))?;
    if !output.status.success() {
        bail!("`{shown}` failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A program that runs beside this one and never longer.
#[derive(Debug)]
pub(crate) struct Companion {
    /// What messages call it.
    pub(crate) name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Companion {
    /// Starts a program whose output goes to `log`.
    ///
    /// # Errors
    /// The program could not be started.
    pub(crate) fn start(name: &'static str, command: &Command, log: &Path) -> Result<Self> {
        let file = open_log(log, File::options().write(true).truncate(true))?;
        let (output, errors) = (Stdio::from(file.try_clone()?), Stdio::from(file));
        Self::spawn(name, command, output, errors, log)
    }

    /// Starts a program that tells on the first line of its standard output that it is ready, and answers that line.
    ///
    /// # Errors
    /// The program could not be started, ended, or said nothing within `patience`.
    pub(crate) fn start_until_ready(name: &'static str, command: &Command, log: &Path, patience: Duration) -> Result<(Self, String)> {
        let errors = open_log(log, File::options().write(true).truncate(true))?;
        let mut companion = Self::spawn(name, command, Stdio::piped(), Stdio::from(errors), log)?;
        let output = companion.child.stdout.take().context("standard output is piped")?;
        let (first_line, ready) = mpsc::channel();
        std::thread::spawn(move || {
            // Reads on after the first line, so that the program never blocks on a full pipe.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Only the first line has a receiver.
                let _ = first_line.send(line);
            }
        });
        match ready.recv_timeout(patience) {
            Ok(line) => Ok((companion, line)),
            Err(RecvTimeoutError::Timeout) => {
                bail!("the {name} did not become ready within {} s; see {}", patience.as_secs(), log.display())
            }
            Err(RecvTimeoutError::Disconnected) => {
                bail!("the {name} ended before it was ready\n--- the end of {} ---\n{}", log.display(), tail(log, TAIL_LINES))
            }
        }
    }

    fn spawn(name: &'static str, command: &Command, output: Stdio, errors: Stdio, log: &Path) -> Result<Self> {
        let child = tied_to_this_process(command)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("the {name} could not be started: {}", describe(command)))?;
        Ok(Self { name, child, log: log.to_owned() })
    }

    /// Says how the program ended, if it has.
    ///
    /// # Errors
    /// The operating system does not tell.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The end of what the program logged.
    pub(crate) fn log_tail(&self) -> String {
        format!("--- the end of {} ---\n{}", self.log.display(), tail(&self.log, TAIL_LINES))
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // Asked first, so that the service closes its store; whoever does not listen is ended.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        let deadline = Instant::now() + GRACE;
        while asked.is_ok() && Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // Both fail only when the process is already gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same command, ended by the kernel when this process ends in whatever way, Ctrl-C and a crash included.
///
/// Where `setpriv` is not installed the command runs as it is: Ctrl-C in a terminal reaches it all the same.
fn tied_to_this_process(command: &Command) -> Command {
    let Some(setpriv) = on_path("setpriv") else { return copy_of(command, Command::new(command.get_program())) };
    let mut tied = Command::new(setpriv);
    tied.args(["--pdeathsig", "TERM", "--"]).arg(command.get_program());
    copy_of(command, tied)
}

fn copy_of(command: &Command, mut copy: Command) -> Command {
    copy.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => copy.env(name, value),
            None => copy.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        copy.current_dir(folder);
    }
    copy
}

/// The command as one would type it. The environment, which may hold a key, is left out.
pub(crate) fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The last `count` lines of a log; what cannot be read is empty.
pub(crate) fn tail(log: &Path, count: usize) -> String {
    let text = read_log(log);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn last_line(log: &Path) -> String {
    let text = read_log(log);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("started");
    line.trim().chars().take(110).collect()
}

fn read_log(log: &Path) -> String {
    std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn open_log(log: &Path, options: &mut OpenOptions) -> Result<File> {
    if let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    options.create(true).open(log).with_context(|| format!("cannot write {}", log.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn log(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("xtask-{name}-{}.log", std::process::id()))
    }

    #[test]
    fn a_failure_shows_the_end_of_the_log() {
        let log = log("failure");
        let error = run_logged(&mut shell("seq 1000; echo broken >&2; exit 3"), &log).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.ends_with("1000\nbroken"), "{error}");
        assert!(!error.contains("\n500\n"), "the whole log was shown");
        std::fs::remove_file(&log).unwrap();
    }

    #[test]
    fn a_program_that_cannot_be_started_is_named() {
        let log = log("absent");
        let error = run_logged(&mut Command::new("no-such-program"), &log).unwrap_err().to_string();
        assert!(error.contains("`no-such-program`"), "{error}");
        std::fs::remove_file(&log).unwrap();
    }

    #[test]
    fn a_companion_is_ready_with_its_first_line_and_ends_when_dropped() {
        let log = log("companion");
        let mut command = shell("echo ready $GREETING; echo more; exec tail -f /dev/null");
        command.env("GREETING", "now");
        let (mut companion, line) = Companion::start_until_ready("companion", &command, &log, GRACE).unwrap();
        assert_eq!(line, "ready now");
        assert_eq!(companion.ended().unwrap(), None);
        let process = PathBuf::from(format!("/proc/{}", companion.child.id()));
        assert!(process.exists());
        drop(companion);
        assert!(!process.exists(), "it still runs");
        std::fs::remove_file(&log).unwrap();
    }

    #[test]
    fn a_companion_that_ends_before_it_is_ready_shows_why() {
        let log = log("early");
        let command = shell("echo the port is taken >&2; exit 1");
        let error = Companion::start_until_ready("service", &command, &log, GRACE).unwrap_err().to_string();
        assert!(error.contains("the service ended before it was ready") && error.ends_with("the port is taken"), "{error}");
        std::fs::remove_file(&log).unwrap();
    }

    #[test]
    fn what_is_shown_of_a_command_leaves_out_its_environment() {
        let mut command = shell("true");
        command.env("SIGNEDCALL_API_KEY", "secret");
        assert_eq!(describe(&command), "sh -c true");
    }
}
