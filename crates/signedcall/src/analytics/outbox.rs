//! What a sink has not said that it has.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use signedcall_wire::AnalyticsEvent;

/// The most events that wait, on the disk two or three megabytes: a sink that is away for that many calls is away for good.
const MOST_WAITING: usize = 10_000;

/// How long it is between two looks whether an earlier line of the same user still writes to the file, which it does for some seconds at most.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Events in the order in which they happened. With a file they outlive the program.
#[derive(Debug)]
pub(super) struct Outbox {
    path: Option<PathBuf>,
    /// Held for as long as the file is this outbox's.
    _lock: Option<File>,
    waiting: VecDeque<AnalyticsEvent>,
    /// Whether the disk has failed the last time, so that it is said once.
    fails: bool,
}

impl Outbox {
    /// Takes up what an earlier run has left. Waits until nobody else writes to the file.
    pub(super) async fn open(path: Option<PathBuf>) -> Self {
        let lock = match path.as_deref() {
            Some(path) => lock(path).await,
            None => None,
        };
        let text = path.as_deref().map(fs::read_to_string);
        let text = match text {
            Some(Ok(text)) => text,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "what analytics were not told cannot be read");
                String::new()
            }
            Some(Err(_)) | None => String::new(),
        };
        let waiting = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let mut outbox = Self { path, _lock: lock, waiting, fails: false };
        if !text.is_empty() && !text.ends_with('\n') {
            // A line that was being written when the program was killed is none, and nothing may follow on it.
            outbox.rewrite();
        }
        outbox
    }

    /// Keeps an event, at the end.
    pub(super) fn put(&mut self, event: AnalyticsEvent) {
        self.waiting.push_back(event);
        if self.waiting.len() > MOST_WAITING {
            tracing::warn!("analytics are not told of the oldest of {MOST_WAITING} events");
            self.waiting.pop_front();
            return self.rewrite();
        }
        let event = self.waiting.back();
        let kept = self.path.as_deref().zip(event).map_or(Ok(()), |(path, event)| append(path, event));
        self.heed(kept);
    }

    /// The first events, as many as that.
    pub(super) fn first(&self, most: usize) -> Vec<AnalyticsEvent> {
        self.waiting.iter().take(most).cloned().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Lets go of events that the sink has.
    pub(super) fn remove(&mut self, sent: &[AnalyticsEvent]) {
        self.waiting.retain(|event| !sent.contains(event));
        self.rewrite();
    }

    fn rewrite(&mut self) {
        let kept = self.path.as_deref().map_or(Ok(()), |path| replace(path, &self.waiting));
        self.heed(kept);
    }

    fn heed(&mut self, kept: io::Result<()>) {
        match kept {
            Ok(()) => self.fails = false,
            Err(error) if !std::mem::replace(&mut self.fails, true) => {
                tracing::warn!(%error, "what analytics are to be told is not kept on the disk");
            }
            Err(_) => {}
        }
    }
}

/// `None` where the disk does not allow it: then it does not allow the rest either.
async fn lock(path: &Path) -> Option<File> {
    let open = || {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        for_this_user(OpenOptions::new().create(true).append(true)).open(path.with_extension("lock"))
    };
    let file = open().inspect_err(|error| tracing::warn!(%error, "what analytics are to be told is not kept on the disk")).ok()?;
    loop {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOOK_AGAIN_AFTER).await,
            Err(TryLockError::Error(error)) => {
                tracing::debug!(%error, "the disk knows no locks");
                return None;
            }
        }
    }
}

fn append(path: &Path, event: &AnalyticsEvent) -> io::Result<()> {
    let mut file = for_this_user(OpenOptions::new().create(true).append(true)).open(path)?;
    write_line(&mut file, event)?;
    file.sync_data()
}

/// All of it or nothing, whenever the program is killed.
fn replace(path: &Path, events: &VecDeque<AnalyticsEvent>) -> io::Result<()> {
    if events.is_empty() {
        return fs::remove_file(path).or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) });
    }
    let fresh = path.with_extension("new");
    let mut file = for_this_user(OpenOptions::new().create(true).write(true).truncate(true)).open(&fresh)?;
    for event in events {
        write_line(&mut file, event)?;
    }
    file.sync_data()?;
    fs::rename(&fresh, path)
}

/// It says who was called about what.
fn for_this_user(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn write_line(file: &mut File, event: &AnalyticsEvent) -> io::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    file.write_all(&line)
}
