//! What the web view may ask for. Each command only hands its request to the agent and waits for the answer.

use signedcall_agent::border::{Client, Request};
use signedcall_agent::view::{AnswerHow, AppView, PreferencesForm, Problem, ProblemCode, SignInForm};
use tauri::State;

/// Gives everything that the windows show, for a window that has just opened.
#[tauri::command]
#[specta::specta]
pub(crate) fn view(agent: State<'_, Client>) -> AppView {
    agent.views().borrow().clone()
}

/// Signs in with what the form says, and keeps it for the next start.
#[tauri::command]
#[specta::specta]
pub(crate) async fn sign_in(agent: State<'_, Client>, form: SignInForm) -> Result<(), Problem> {
    agent.ask(Request::SignIn(form)).await
}

/// Signs out: ends calls, and forgets the api key.
#[tauri::command]
#[specta::specta]
pub(crate) async fn sign_out(agent: State<'_, Client>) -> Result<(), Problem> {
    agent.ask(Request::SignOut).await
}

/// Changes devices, voice processing and tones.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_preferences(agent: State<'_, Client>, form: PreferencesForm) -> Result<(), Problem> {
    agent.ask(Request::SetPreferences(form)).await
}

/// Calls somebody. An error is about what was entered; everything later is told by the call's screen.
#[tauri::command]
#[specta::specta]
pub(crate) async fn dial(agent: State<'_, Client>, cuid: String, context: String) -> Result<(), Problem> {
    agent.ask(Request::Dial { cuid, context }).await
}

/// Answers an incoming call, and holds or ends the one that the user is in.
#[tauri::command]
#[specta::specta]
pub(crate) async fn answer(agent: State<'_, Client>, id: String, how: AnswerHow) -> Result<(), Problem> {
    agent.ask(Request::Answer { id, how }).await
}

/// Declines an incoming call.
#[tauri::command]
#[specta::specta]
pub(crate) async fn decline(agent: State<'_, Client>, id: String) -> Result<(), Problem> {
    agent.ask(Request::Decline { id }).await
}

/// Ends a call, or cancels it before the answer.
#[tauri::command]
#[specta::specta]
pub(crate) async fn hang_up(agent: State<'_, Client>, id: String) -> Result<(), Problem> {
    agent.ask(Request::HangUp { id }).await
}

/// Silences the microphone, or not.
#[tauri::command]
#[specta::specta]
pub(crate) async fn mute(agent: State<'_, Client>, id: String, muted: bool) -> Result<(), Problem> {
    agent.ask(Request::Mute { id, muted }).await
}

/// Makes the other side of a call louder or softer for this user, in parts of a hundred: up to 200.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_volume(agent: State<'_, Client>, id: String, volume: u32) -> Result<(), Problem> {
    agent.ask(Request::SetVolume { id, volume }).await
}

/// Holds a call, or goes on with it and holds the other.
#[tauri::command]
#[specta::specta]
pub(crate) async fn hold(agent: State<'_, Client>, id: String, on: bool) -> Result<(), Problem> {
    agent.ask(Request::Hold { id, on }).await
}

/// Goes on with the call that is held, and holds the other.
#[tauri::command]
#[specta::specta]
pub(crate) async fn swap(agent: State<'_, Client>) -> Result<(), Problem> {
    agent.ask(Request::Swap).await
}

/// Hands the other side of a call over to somebody else. After an error the call is as it was.
#[tauri::command]
#[specta::specta]
pub(crate) async fn transfer(agent: State<'_, Client>, id: String, to: String) -> Result<(), Problem> {
    agent.ask(Request::Transfer { id, to }).await
}

/// Calls the other side of the call that has ended, for the same reason.
#[tauri::command]
#[specta::specta]
pub(crate) async fn call_again(agent: State<'_, Client>) -> Result<(), Problem> {
    agent.ask(Request::CallAgain).await
}

/// Notes that the user has seen which calls were missed.
#[tauri::command]
#[specta::specta]
pub(crate) async fn see_missed(agent: State<'_, Client>) -> Result<(), Problem> {
    agent.ask(Request::SeeMissed).await
}

/// Puts the ended call's screen away.
#[tauri::command]
#[specta::specta]
pub(crate) async fn dismiss_call(agent: State<'_, Client>) -> Result<(), Problem> {
    agent.ask(Request::DismissCall).await
}

/// Puts a notice away.
#[tauri::command]
#[specta::specta]
pub(crate) async fn dismiss_notice(agent: State<'_, Client>, code: ProblemCode) -> Result<(), Problem> {
    agent.ask(Request::DismissNotice(code)).await
}

/// Looks again for microphones and speakers.
#[tauri::command]
#[specta::specta]
pub(crate) async fn refresh_devices(agent: State<'_, Client>) -> Result<(), Problem> {
    agent.ask(Request::RefreshDevices).await
}

/// Lets the user hear what the microphone hears: the view says how far that is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn begin_trial(agent: State<'_, Client>) -> Result<(), Problem> {
    agent.ask(Request::BeginTrial).await
}

/// Ends that, or puts away what came of it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn end_trial(agent: State<'_, Client>) -> Result<(), Problem> {
    agent.ask(Request::EndTrial).await
}

/// Looks whether everything that calls need is there.
#[tauri::command]
#[specta::specta]
pub(crate) async fn check_setup(agent: State<'_, Client>) -> Result<(), Problem> {
    agent.ask(Request::CheckSetup).await
}

/// Starts the app with the session, or no longer.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_autostart(agent: State<'_, Client>, on: bool) -> Result<(), Problem> {
    agent.ask(Request::SetAutostart { on }).await
}

/// Puts away what a link from outside asked for.
#[tauri::command]
#[specta::specta]
pub(crate) async fn dismiss_link(agent: State<'_, Client>) -> Result<(), Problem> {
    agent.ask(Request::DismissLink).await
}

/// Brings the main window to front.
#[tauri::command]
#[specta::specta]
pub(crate) async fn show_main(agent: State<'_, Client>) -> Result<(), Problem> {
    agent.ask(Request::ShowMain).await
}
