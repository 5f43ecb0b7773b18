//! What a sink has not said that it has.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use signedcall_wire::AnalyticsEvent;

/// The most events that wait, on the disk two or three megabytes: a sink that is away for that many calls is away for good.
const MOST_WAITING: usize = 10_000;
/// How many of the oldest go when there is one too many, so that not each one after it writes all the others again.
const LET_GO_AT_ONCE: usize = 1_000;

/// How long it is between two looks whether an earlier line of the same user still writes to the file, which it does for some seconds at most.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How often that is looked for: a file that somebody else keeps for longer is another program's.
const LOOKS: u32 = 150;

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
        let (path, lock) = match path {
            Some(path) => match lock(&path).await {
                Locked::Mine(lock) => (Some(path), lock),
                Locked::Others => (None, None),
            },
            None => (None, None),
        };
        let text = match path.as_deref().map(fs::read) {
            // A line that was torn may end in the middle of a letter.
            Some(Ok(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
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
            tracing::warn!("analytics are not told of the oldest {LET_GO_AT_ONCE} of {MOST_WAITING} events");
            self.waiting.drain(..LET_GO_AT_ONCE);
            return self.rewrite();
        }
        if self.fails {
            // What could not be written may stand there in part, and nothing may follow on it.
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

/// Whose a file is.
enum Locked {
    /// This outbox's, without a lock where the disk knows none.
    Mine(Option<File>),
    /// Another program's, which goes on: what happens here is kept in memory alone.
    Others,
}

async fn lock(path: &Path) -> Locked {
    let open = || {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        for_this_user(OpenOptions::new().create(true).append(true)).open(path.with_extension("lock"))
    };
    let file = match open() {
        Ok(file) => file,
        Err(error) => {
            tracing::warn!(%error, "what analytics are to be told is not kept on the disk");
            return Locked::Mine(None);
        }
    };
    for _ in 0..LOOKS {
        match file.try_lock() {
            Ok(()) => return Locked::Mine(Some(file)),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOOK_AGAIN_AFTER).await,
            Err(TryLockError::Error(error)) => {
                tracing::debug!(%error, "the disk knows no locks");
                return Locked::Mine(None);
            }
        }
    }
    tracing::warn!("another program keeps what analytics are to be told of this user; what happens here is not kept on the disk");
    Locked::Others
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
