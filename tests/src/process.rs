use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::watch;

/// One line that a program has printed, and when it arrived here.
#[derive(Clone, Debug)]
pub struct Line {
    /// When it arrived.
    pub at: Instant,
    /// The line, without its end.
    pub text: String,
}

/// A program that runs in a process group of its own and is ended, with everything it has started, when this is dropped.
///
/// What it prints goes to a file and is kept here, so that a test can wait for a line.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: Output,
    log: PathBuf,
}

/// What a program has printed so far.
#[derive(Clone, Debug)]
struct Output {
    lines: Arc<Mutex<Vec<Line>>>,
    count: watch::Sender<usize>,
    file: Arc<Mutex<File>>,
}

impl Output {
    /// Follows one of the program's two outputs until it is closed. It ends by itself, with the program.
    fn follow(&self, from: impl Read + Send + 'static) {
        let output = self.clone();
        std::thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut bytes = Vec::new();
            while from.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
                let line = Line { at: Instant::now(), text: String::from_utf8_lossy(&bytes).trim_end().to_owned() };
                bytes.clear();
                let mut file = output.file.lock().unwrap_or_else(PoisonError::into_inner);
                // The copy on disk is for whoever looks for the cause of a failure: nothing here depends on it.
                drop(writeln!(file, "{}", line.text));
                drop(file);
                output.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                output.count.send_modify(|count| *count += 1);
            }
            output.count.send_modify(|_| ());
        });
    }
}

impl Process {
    /// Starts a program; what it prints goes to `<folder>/<name>.log`.
    pub fn start(name: &str, command: &mut Command, folder: &Path) -> Result<Self> {
        Self::spawn(name, command.stdin(Stdio::null()), folder)
    }

    /// Starts a program that reads `input`, and nothing else, from its standard input.
    pub fn start_with_input(name: &str, command: &mut Command, folder: &Path, input: &str) -> Result<Self> {
        let mut process = Self::spawn(name, command.stdin(Stdio::piped()), folder)?;
        let mut stdin: ChildStdin = process.child.stdin.take().context("standard input is a pipe")?;
        stdin.write_all(input.as_bytes()).with_context(|| format!("writing to {name}"))?;
        Ok(process)
    }

    /// Starts a program that is told on its standard input what to do: see [`say`](Self::say).
    pub fn start_with_commands(name: &str, command: &mut Command, folder: &Path) -> Result<Self> {
        Self::spawn(name, command.stdin(Stdio::piped()), folder)
    }

    /// Writes a line to the program's standard input.
    pub fn say(&mut self, line: &str) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("the program is not told anything")?;
        writeln!(stdin, "{line}").with_context(|| format!("writing to {}", self.name))
    }

    /// Ends the program without asking it, as a crash would, and waits until it is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL);
        self.child.wait().map(drop).with_context(|| format!("waiting for the end of {}", self.name))
    }

    fn spawn(name: &str, command: &mut Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).with_context(|| format!("opening {}", log.display()))?;
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().with_context(|| format!("starting {}", command.get_program().to_string_lossy()))?;
        let output = Output { lines: Arc::default(), count: watch::Sender::new(0), file: Arc::new(Mutex::new(file)) };
        output.follow(child.stdout.take().context("standard output is a pipe")?);
        output.follow(child.stderr.take().context("standard error is a pipe")?);
        Ok(Self { name: name.to_owned(), child, output, log })
    }

    /// Process id, which is also the id of the group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Every line so far.
    pub fn lines(&self) -> Vec<Line> {
        self.output.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many lines there are: what [`line_after`](Self::line_after) takes.
    pub fn mark(&self) -> usize {
        *self.output.count.borrow()
    }

    /// Waits for a line, from the first one on.
    pub async fn line(&self, what: &str, limit: Duration, accept: impl Fn(&str) -> bool) -> Result<Line> {
        self.line_after(0, what, limit, accept).await
    }

    /// Waits for a line among those after the first `mark`.
    pub async fn line_after(&self, mark: usize, what: &str, limit: Duration, accept: impl Fn(&str) -> bool) -> Result<Line> {
        let mut count = self.output.count.subscribe();
        let found = async {
            let mut seen = mark;
            loop {
                count.mark_unchanged();
                let lines = self.lines();
                if let Some(line) = lines.iter().skip(seen).find(|line| accept(&line.text)) {
                    return line.clone();
                }
                seen = lines.len().max(mark);
                if count.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        match tokio::time::timeout(limit, found).await {
            Ok(line) => Ok(line),
            Err(_) => bail!(
                "{} did not print {what} within {limit:?}; its last lines:\n{}\n(all of it: {})",
                self.name,
                self.tail(),
                self.log.display()
            ),
        }
    }

    /// The last lines, for error messages.
    pub fn tail(&self) -> String {
        let lines = self.lines();
        lines.iter().skip(lines.len().saturating_sub(12)).map(|line| format!("    {}", line.text)).collect::<Vec<_>>().join("\n")
    }

    /// Waits for the end of a program that ends by itself.
    pub async fn finished(&mut self, limit: Duration) -> Result<ExitStatus> {
        // The kernel tells of an end by closing the pipes: the followers wake us, and the status is there at once or very soon.
        let mut count = self.output.count.subscribe();
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            count.mark_unchanged();
            if let Some(status) = self.child.try_wait().context("asking for a program's end")? {
                return Ok(status);
            }
            let next = deadline.min(tokio::time::Instant::now() + Duration::from_millis(20));
            if tokio::time::timeout_at(next, count.changed()).await.is_err() && tokio::time::Instant::now() >= deadline {
                bail!("{} still runs after {limit:?}; its last lines:\n{}", self.name, self.tail());
            }
        }
    }

    /// Asks the program, by SIGTERM, to end, and waits until it has.
    pub async fn end(mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM);
        self.finished(crate::PATIENCE).await
    }

    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // Fails when the whole group has gone already, which is what is wanted.
            kill_process_group(group, signal).unwrap_or_default();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        drop(self.child.wait());
    }
}

/// Runs a program to its end and returns what it printed.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("running {program}"))?;
    if !output.status.success() {
        bail!("{program} failed with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
