//! What happens to the app, and the way by which the controller hears of it.

use signedcall::{AnswerHow, CallId, LineScore, SoundDevices};
use tokio::sync::{mpsc, oneshot};

use super::account::{Keyring, SignedIn};
use super::dialling::Dialled;
use super::preferences::Changed;
use super::wake::WakeEvent;
use crate::doctor::SetupFacts;
use crate::pictures::{Picture, Request};
use crate::sdk::LineChange;
use crate::settings::Preferences;
use crate::view::{Problem, ProblemCode, SignInForm, TrialView};

/// Everything that happens to the app.
#[derive(Debug)]
pub(crate) enum Event {
    SignIn(SignInForm, Reply),
    SignOut(Reply),
    SetPreferences(Preferences, Reply),
    Dial {
        cuid: String,
        context: String,
        reply: Reply,
    },
    Answer(CallId, AnswerHow, Reply),
    Decline(CallId, Reply),
    HangUp(CallId, Reply),
    Mute(CallId, bool, Reply),
    /// Makes the other side louder or softer, in parts of a hundred.
    SetVolume(CallId, u32, Reply),
    /// Holds a call, or goes on with it.
    Hold(CallId, bool, Reply),
    Swap(Reply),
    /// Hands the other side of a call over to somebody else.
    Transfer {
        call: CallId,
        to: String,
        reply: Reply,
    },
    CallAgain(Reply),
    /// Calls whoever was missed, from the notification.
    CallBack {
        cuid: String,
        context: String,
    },
    SeeMissed(Reply),
    DismissCall(Reply),
    DismissNotice(ProblemCode, Reply),
    RefreshDevices(Reply),
    /// Lets the user try microphone and speaker.
    BeginTrial(Reply),
    EndTrial(Reply),
    CheckSetup(Reply),
    SetAutostart(bool, Reply),
    /// A link from outside, as it was written.
    Link(String),
    DismissLink(Reply),
    ShowMain(Reply),
    /// The user has closed the main window, which only puts it away.
    MainPutAway,

    /// Something that cannot be answered went wrong elsewhere: the user is told.
    Noticed(Problem),
    /// The tray's "Hang up".
    HangUpCurrent,
    Quit,

    /// What the controller itself waited for.
    SignedIn(Box<SignedIn>),
    TryAgain {
        attempt: u64,
        tries: u32,
    },
    Kept {
        session: u64,
        outcome: Keyring,
    },
    SignedOut {
        session: u64,
        outcome: Keyring,
        reply: Reply,
    },
    Line {
        session: u64,
        change: LineChange,
    },
    Dialled {
        dialled: Dialled,
        outcome: Result<CallId, signedcall::Error>,
        reply: Reply,
    },
    TransferAsked {
        call: CallId,
        outcome: Result<(), signedcall::Error>,
        reply: Reply,
    },
    Asked {
        outcome: Result<(), signedcall::Error>,
        reply: Reply,
    },
    PreferencesSet {
        preferences: Preferences,
        outcome: Changed,
        reply: Reply,
    },
    DevicesListed {
        devices: SoundDevices,
        reply: Option<Reply>,
    },
    Trial {
        number: u64,
        view: TrialView,
    },
    SetupLooked(Box<SetupFacts>, LineScore),
    PictureCame {
        request: Request,
        picture: Option<Picture>,
    },
    /// About calls that come while the app is closed.
    Wake(WakeEvent),
}

/// Where a request's outcome goes. Nobody waits where the request came from the notification or the tray: a problem becomes a notice then.
#[derive(Debug)]
pub(crate) struct Reply(Option<oneshot::Sender<Result<(), Problem>>>);

impl Reply {
    /// Makes a reply, and where its outcome arrives.
    pub(crate) fn new() -> (Self, oneshot::Receiver<Result<(), Problem>>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(sender)), receiver)
    }

    /// For requests that nobody waits for.
    pub(crate) fn nobody() -> Self {
        Self(None)
    }

    /// Hands the outcome over; gives back a problem that nobody waits for.
    pub(crate) fn give(self, outcome: Result<(), Problem>) -> Option<Problem> {
        match self.0 {
            Some(waiting) => {
                // Whoever asked may have closed the window since.
                drop(waiting.send(outcome));
                None
            }
            None => outcome.err(),
        }
    }
}

/// Sends events to the controller.
#[derive(Clone, Debug)]
pub(crate) struct Inbox(mpsc::UnboundedSender<Event>);

impl Inbox {
    /// Hands an event in; `false` when the app is closing.
    pub(crate) fn send(&self, event: Event) -> bool {
        self.0.send(event).is_ok()
    }
}

/// Makes the way to a controller that is still to be made, since the windows and the tray need it first.
pub(crate) fn inbox() -> (Inbox, mpsc::UnboundedReceiver<Event>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Inbox(sender), receiver)
}
