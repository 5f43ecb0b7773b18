use crate::settings::Preferences;
use crate::view::{Problem, SignInForm};
use signedcall::CallId;
use tokio::sync::oneshot;

pub(crate) enum Event {
    SignIn(SignInForm, Reply),
    SignOut(Reply),
    SetPreferences(Preferences, Reply),
    Dial { cuid: String, context: String, reply: Reply },
    Answer(CallId, Reply),
    Decline(CallId, Reply),
    HangUp(CallId, Reply),
    Mute(CallId, bool, Reply),
    CallAgain(Reply),
    DismissCall(Reply),
    DismissNotice(crate::view::ProblemCode, Reply),
    RefreshDevices(Reply),
    ShowMain(Reply),
}

/// Where a request's outcome goes.
#[derive(Debug)]
pub(crate) struct Reply(pub(crate) oneshot::Sender<Result<(), Problem>>);
