//! What crosses the border.

use serde::{Deserialize, Serialize};

use crate::view::{AnswerHow, AppView, PreferencesForm, Problem, ProblemCode, SignInForm};

/// What a program that connects says first. Its form never changes, so that a program of another version can be told so.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) version: String,
    #[serde(default)]
    pub(super) wants: Wants,
    /// Whether it is there to show windows, and does not only pass something on.
    #[serde(default)]
    pub(super) shows_windows: bool,
}

/// What whoever starts the app wants of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wants {
    /// Nothing: it was started to show what it will be told to show, or to be in the tray.
    #[default]
    Nothing,
    /// The main window.
    Main,
    /// The question whether this link is to be followed.
    Link(String),
}

/// How the agent takes a program that connects.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reception {
    /// It shows the windows from now on.
    Welcome {
        /// What the app calls itself.
        app_name: String,
    },
    /// What it wants is done by the program that has the windows already.
    PassedOn,
    /// They do not belong together.
    OtherVersion { version: String },
}

/// What the windows tell the agent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromWindows {
    /// A page asks for something; the answer carries the same number.
    Ask { number: u64, request: Request },
    /// The user has closed the main window.
    MainPutAway,
    /// There has been no window for a while. `heard` is how many instructions have been carried out.
    Idle { heard: u64 },
}

/// What the agent tells the windows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToWindows {
    /// Everything that windows show.
    View(Box<AppView>),
    /// What came of an [`FromWindows::Ask`].
    Answered { number: u64, outcome: Result<(), Problem> },
    /// What is to be seen.
    Show(Instruction),
}

/// What is to be seen of the windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Instruction {
    /// The main window, in front.
    ShowMain,
    /// The pop-up of a call that rings, beside whatever the user does.
    ShowIncoming,
    /// The pop-up no more.
    HideIncoming,
    /// Nothing: the app ends.
    HideAll,
}

/// What a page may ask for: the commands of the web view, by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the web view's commands say what each does")]
pub enum Request {
    SignIn(SignInForm),
    SignOut,
    SetPreferences(PreferencesForm),
    Dial { cuid: String, context: String },
    Answer { id: String, how: AnswerHow },
    Decline { id: String },
    HangUp { id: String },
    Mute { id: String, muted: bool },
    SetVolume { id: String, volume: u32 },
    Hold { id: String, on: bool },
    Swap,
    Transfer { id: String, to: String },
    CallAgain,
    SeeMissed,
    DismissCall,
    DismissNotice(ProblemCode),
    RefreshDevices,
    BeginTrial,
    EndTrial,
    CheckSetup,
    SetAutostart { on: bool },
    DismissLink,
    ShowMain,
}
