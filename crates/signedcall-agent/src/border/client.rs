//! The windows' side of the border.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};

use super::frames::{self, BorderError, MOST_TOLD};
use super::messages::{FromWindows, Hello, Instruction, Reception, Request, ToWindows, Wants};
use super::{VERSION, socket};
use crate::view::{AppView, Problem, ProblemCode};

/// How the agent has taken this program.
#[derive(Debug)]
pub enum Connected {
    /// It has the windows from now on.
    Windows {
        /// What the app calls itself.
        app_name: String,
        /// The way to the agent, and its latest view.
        client: Client,
        /// What it wants to be seen.
        instructions: Instructions,
    },
    /// What was wanted is done by the program that has the windows.
    PassedOn,
    /// The agent that runs is of this version.
    OtherVersion(String),
    /// No agent runs.
    Nobody,
}

/// The way to the agent. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    told: mpsc::UnboundedSender<FromWindows>,
    waiting: Arc<Mutex<Waiting>>,
    views: watch::Receiver<AppView>,
}

/// What the agent wants to be seen, one thing after the other, until the agent closes the border.
pub type Instructions = mpsc::UnboundedReceiver<Instruction>;

/// Who waits for an answer.
#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// None once the agent has gone.
    answers: Option<HashMap<u64, oneshot::Sender<Result<(), Problem>>>>,
}

/// Connects to the agent of a profile.
///
/// # Errors
/// What answers does not speak as an agent does.
pub async fn connect(runtime: &Path, wants: Wants, shows_windows: bool) -> Result<Connected, BorderError> {
    let Ok(stream) = UnixStream::connect(socket(runtime)).await else { return Ok(Connected::Nobody) };
    greet(stream, Hello { version: VERSION.to_owned(), wants, shows_windows }).await
}

/// Says who this is, and takes up what comes of it.
pub(super) async fn greet(stream: UnixStream, hello: Hello) -> Result<Connected, BorderError> {
    let (mut from, mut to) = stream.into_split();
    // One that is just ending takes nobody in: there is none in a moment.
    if frames::write(&mut to, &hello).await.is_err() {
        return Ok(Connected::Nobody);
    }
    let Ok(Some(reception)) = frames::read(&mut from, MOST_TOLD).await else { return Ok(Connected::Nobody) };
    match reception {
        Reception::PassedOn => Ok(Connected::PassedOn),
        Reception::OtherVersion { version } => Ok(Connected::OtherVersion(version)),
        Reception::Welcome { app_name } => {
            // Windows may be asked for what they show as soon as they are there.
            let Some(ToWindows::View(view)) = frames::read(&mut from, MOST_TOLD).await? else { return Err(BorderError::Malformed) };
            let (client, instructions) = start(from, to, *view);
            Ok(Connected::Windows { app_name, client, instructions })
        }
    }
}

fn start(from: OwnedReadHalf, to: OwnedWriteHalf, view: AppView) -> (Client, Instructions) {
    let (views, seen) = watch::channel(view);
    let (told, to_tell) = mpsc::unbounded_channel();
    let (show, instructions) = mpsc::unbounded_channel();
    let waiting = Arc::new(Mutex::new(Waiting { next: 0, answers: Some(HashMap::new()) }));
    tokio::spawn(tell(to, to_tell));
    let answered = Arc::clone(&waiting);
    tokio::spawn(async move {
        if let Err(error) = hear(from, &views, &show, &answered).await {
            tracing::warn!(%error, "the agent is not understood");
        }
        // Whoever waits will hear nothing more.
        held(&answered).answers = None;
    });
    (Client { told, waiting, views: seen }, instructions)
}

async fn tell(mut to: OwnedWriteHalf, mut to_tell: mpsc::UnboundedReceiver<FromWindows>) {
    while let Some(message) = to_tell.recv().await {
        if frames::write(&mut to, &message).await.is_err() {
            // That it has gone is heard by the other half.
            return;
        }
    }
}

async fn hear(
    mut from: OwnedReadHalf,
    views: &watch::Sender<AppView>,
    show: &mpsc::UnboundedSender<Instruction>,
    waiting: &Mutex<Waiting>,
) -> Result<(), BorderError> {
    while let Some(message) = frames::read(&mut from, MOST_TOLD).await? {
        match message {
            ToWindows::View(view) => drop(views.send_replace(*view)),
            ToWindows::Show(instruction) => {
                if show.send(instruction).is_err() {
                    break;
                }
            }
            ToWindows::Answered { number, outcome } => {
                let asked = held(waiting).answers.as_mut().and_then(|answers| answers.remove(&number));
                if let Some(asked) = asked {
                    // Whoever asked may have closed the window since.
                    let _ = asked.send(outcome);
                }
            }
        }
    }
    Ok(())
}

impl Client {
    /// Every view from now on, and the latest.
    pub fn views(&self) -> watch::Receiver<AppView> {
        self.views.clone()
    }

    /// Asks the agent for something and waits for its answer.
    ///
    /// # Errors
    /// What the agent says is in the way, or that it has gone.
    pub async fn ask(&self, request: Request) -> Result<(), Problem> {
        let closing = || Problem::new(ProblemCode::NotInitialized, "the app is closing");
        let (answer, answered) = oneshot::channel();
        let number = held(&self.waiting).wait(answer).ok_or_else(closing)?;
        self.told.send(FromWindows::Ask { number, request }).map_err(|_| closing())?;
        answered.await.map_err(|_| closing())?
    }

    /// Says that the user has closed the main window.
    pub fn main_put_away(&self) {
        self.tell(FromWindows::MainPutAway);
    }

    /// Says that there has been no window for a while, and how many instructions have been carried out: the agent lets this program go, unless it
    /// has asked for a window meanwhile.
    pub fn idle(&self, heard: u64) {
        self.tell(FromWindows::Idle { heard });
    }

    fn tell(&self, message: FromWindows) {
        // An agent that has gone needs to know nothing.
        let _ = self.told.send(message);
    }
}

impl Waiting {
    fn wait(&mut self, answer: oneshot::Sender<Result<(), Problem>>) -> Option<u64> {
        let answers = self.answers.as_mut()?;
        let number = self.next;
        self.next += 1;
        answers.insert(number, answer);
        Some(number)
    }
}

fn held(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
