//! The agent's side of the border.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use signedcall::CallId;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, watch};

use super::VERSION;
use super::frames::{self, BorderError, MOST_ASKED};
use super::messages::{FromWindows, Hello, Reception, Request, ToWindows, Wants};
use crate::controller::{Event, Inbox, Reply};
use crate::view::{AppView, Problem, ProblemCode};
use crate::windows::{Visit, Windows};

/// How long whoever connects may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many questions of the pages may be open at once: nobody clicks so much.
const MOST_QUESTIONS: usize = 64;
/// How long nobody is taken in after the system could not: it lacks something, which does not come back in a moment.
const PAUSE: Duration = Duration::from_secs(1);

/// What the windows need of the agent.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) inbox: Inbox,
    pub(crate) views: watch::Receiver<AppView>,
    pub(crate) app_name: String,
}

/// Takes in whoever connects, until the app ends: a program that is started meanwhile finds nobody, and waits for its own turn.
pub(crate) async fn serve(listener: UnixListener, windows: Windows, desk: Desk) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = windows.closed() => return,
        };
        match accepted {
            Ok((stream, _)) if is_of_this_user(&stream) => {
                let (windows, desk) = (windows.clone(), desk.clone());
                tokio::spawn(async move {
                    if let Err(error) = receive(stream, &windows, &desk).await {
                        tracing::warn!(%error, "a program is cut off");
                    }
                });
            }
            Ok(_) => tracing::warn!("a program of another user is not taken in"),
            Err(error) => {
                tracing::warn!(%error, "nobody can be taken in for a moment");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_of_this_user(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw())
}

/// The part of a [`Hello`] that is read first: of another version nothing else is known.
#[derive(Deserialize)]
struct Spoken {
    version: String,
}

pub(super) async fn receive(stream: UnixStream, windows: &Windows, desk: &Desk) -> Result<(), BorderError> {
    let (mut from, mut to) = stream.into_split();
    let Ok(hello) = tokio::time::timeout(PATIENCE, frames::read_bytes(&mut from, MOST_ASKED)).await else { return Ok(()) };
    let Some(hello) = hello? else { return Ok(()) };
    let Spoken { version } = frames::parse(&hello)?;
    if version != VERSION {
        tracing::warn!(version, "a program of another version is turned away: this one has been updated meanwhile");
        return frames::write(&mut to, &Reception::OtherVersion { version: VERSION.to_owned() }).await;
    }
    let Hello { wants, shows_windows, .. } = frames::parse(&hello)?;
    let visit = if shows_windows { windows.came() } else { None };
    match wants {
        Wants::Nothing => true,
        Wants::Main => desk.inbox.send(Event::ShowMain(Reply::nobody())),
        Wants::Link(link) => desk.inbox.send(Event::Link(link)),
    };
    let Some(Visit { to: sender, queue }) = visit else { return frames::write(&mut to, &Reception::PassedOn).await };
    let talk = async {
        frames::write(&mut to, &Reception::Welcome { app_name: desk.app_name.clone() }).await?;
        tokio::select! {
            outcome = tell(&mut to, queue, desk.views.clone()) => outcome.map(|()| false),
            outcome = hear(&mut from, windows, desk, sender) => outcome,
        }
    };
    let outcome = talk.await;
    if !matches!(outcome, Ok(true)) {
        windows.lost();
        // As if the user had closed it: whoever is in a call is led back to it.
        desk.inbox.send(Event::MainPutAway);
    }
    outcome.map(drop)
}

/// Tells the windows what they are to show. A view goes before what asks for a window, so that there is something to be seen in it.
async fn tell(
    to: &mut OwnedWriteHalf,
    mut queue: mpsc::Receiver<ToWindows>,
    mut views: watch::Receiver<AppView>,
) -> Result<(), BorderError> {
    views.mark_changed();
    loop {
        tokio::select! {
            biased;
            changed = views.changed() => match changed {
                Ok(()) => {
                    let view = views.borrow_and_update().clone();
                    frames::write(to, &ToWindows::View(Box::new(view))).await?;
                }
                // The app ends, and with it the border.
                Err(_) => return Ok(()),
            },
            message = queue.recv() => match message {
                Some(message) => frames::write(to, &message).await?,
                None => return Ok(()),
            },
        }
    }
}

/// Does what the windows ask for; whether they have been let go.
async fn hear(from: &mut OwnedReadHalf, windows: &Windows, desk: &Desk, to: mpsc::Sender<ToWindows>) -> Result<bool, BorderError> {
    let questions = Arc::new(Semaphore::new(MOST_QUESTIONS));
    while let Some(message) = frames::read(from, MOST_ASKED).await? {
        match message {
            FromWindows::Ask { number, request } => {
                let question = Arc::clone(&questions).acquire_owned().await.expect("nobody closes it");
                let (inbox, to) = (desk.inbox.clone(), to.clone());
                tokio::spawn(async move {
                    let outcome = ask(&inbox, request).await;
                    // Whoever asked may have gone.
                    let _ = to.send(ToWindows::Answered { number, outcome }).await;
                    drop(question);
                });
            }
            FromWindows::MainPutAway => drop(desk.inbox.send(Event::MainPutAway)),
            FromWindows::Idle { heard } => {
                if windows.may_go(heard) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

async fn ask(inbox: &Inbox, request: Request) -> Result<(), Problem> {
    let (reply, answer) = Reply::new();
    let closing = || Problem::new(ProblemCode::NotInitialized, "the app is closing");
    if !inbox.send(event(request, reply)?) {
        return Err(closing());
    }
    answer.await.map_err(|_| closing())?
}

fn event(request: Request, reply: Reply) -> Result<Event, Problem> {
    Ok(match request {
        Request::SignIn(form) => Event::SignIn(form, reply),
        Request::SignOut => Event::SignOut(reply),
        Request::SetPreferences(form) => Event::SetPreferences(form.into(), reply),
        Request::Dial { cuid, context } => Event::Dial { cuid, context, reply },
        Request::Answer { id, how } => Event::Answer(call_id(&id)?, how.into(), reply),
        Request::Decline { id } => Event::Decline(call_id(&id)?, reply),
        Request::HangUp { id } => Event::HangUp(call_id(&id)?, reply),
        Request::Mute { id, muted } => Event::Mute(call_id(&id)?, muted, reply),
        Request::SetVolume { id, volume } => Event::SetVolume(call_id(&id)?, volume, reply),
        Request::Hold { id, on } => Event::Hold(call_id(&id)?, on, reply),
        Request::Swap => Event::Swap(reply),
        Request::Transfer { id, to } => Event::Transfer { call: call_id(&id)?, to, reply },
        Request::CallAgain => Event::CallAgain(reply),
        Request::SeeMissed => Event::SeeMissed(reply),
        Request::DismissCall => Event::DismissCall(reply),
        Request::DismissNotice(code) => Event::DismissNotice(code, reply),
        Request::RefreshDevices => Event::RefreshDevices(reply),
        Request::BeginTrial => Event::BeginTrial(reply),
        Request::EndTrial => Event::EndTrial(reply),
        Request::CheckSetup => Event::CheckSetup(reply),
        Request::SetAutostart { on } => Event::SetAutostart(on, reply),
        Request::DismissLink => Event::DismissLink(reply),
        Request::ShowMain => Event::ShowMain(reply),
    })
}

/// Reads the id of a call as the views give it.
fn call_id(text: &str) -> Result<CallId, Problem> {
    text.parse().map(CallId).map_err(|_| Problem::new(ProblemCode::FailureInMakeCall, "that is no call's id"))
}
