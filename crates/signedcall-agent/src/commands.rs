//! What the web view may ask for. Each command only hands its request to the controller and waits for the answer.

use signedcall::CallId;
use tauri::State;

use crate::controller::Event;
use crate::shell::Desk;
use crate::view::{AnswerHow, AppView, PreferencesForm, Problem, ProblemCode, SignInForm};

/// Gives everything that the windows show, for a window that has just opened.
#[tauri::command]
#[specta::specta]
pub(crate) fn view(desk: State<'_, Desk>) -> AppView {
    desk.view()
}

/// Signs in with what the form says, and keeps it for the next start.
#[tauri::command]
#[specta::specta]
pub(crate) async fn sign_in(desk: State<'_, Desk>, form: SignInForm) -> Result<(), Problem> {
    desk.ask(|reply| Event::SignIn(form, reply)).await
}

/// Signs out: ends calls, and forgets the api key.
#[tauri::command]
#[specta::specta]
pub(crate) async fn sign_out(desk: State<'_, Desk>) -> Result<(), Problem> {
    desk.ask(Event::SignOut).await
}

/// Changes devices, voice processing and tones.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_preferences(desk: State<'_, Desk>, form: PreferencesForm) -> Result<(), Problem> {
    desk.ask(|reply| Event::SetPreferences(form.into(), reply)).await
}

/// Calls somebody. An error is about what was entered; everything later is told by the call's screen.
#[tauri::command]
#[specta::specta]
pub(crate) async fn dial(desk: State<'_, Desk>, cuid: String, context: String) -> Result<(), Problem> {
    desk.ask(|reply| Event::Dial { cuid, context, reply }).await
}

/// Answers an incoming call, and holds or ends the one that the user is in.
#[tauri::command]
#[specta::specta]
pub(crate) async fn answer(desk: State<'_, Desk>, id: String, how: AnswerHow) -> Result<(), Problem> {
    let call = call_id(&id)?;
    desk.ask(|reply| Event::Answer(call, how.into(), reply)).await
}

/// Declines an incoming call.
#[tauri::command]
#[specta::specta]
pub(crate) async fn decline(desk: State<'_, Desk>, id: String) -> Result<(), Problem> {
    let call = call_id(&id)?;
    desk.ask(|reply| Event::Decline(call, reply)).await
}

/// Ends a call, or cancels it before the answer.
#[tauri::command]
#[specta::specta]
pub(crate) async fn hang_up(desk: State<'_, Desk>, id: String) -> Result<(), Problem> {
    let call = call_id(&id)?;
    desk.ask(|reply| Event::HangUp(call, reply)).await
}

/// Silences the microphone, or not.
#[tauri::command]
#[specta::specta]
pub(crate) async fn mute(desk: State<'_, Desk>, id: String, muted: bool) -> Result<(), Problem> {
    let call = call_id(&id)?;
    desk.ask(|reply| Event::Mute(call, muted, reply)).await
}

/// Holds a call, or goes on with it and holds the other.
#[tauri::command]
#[specta::specta]
pub(crate) async fn hold(desk: State<'_, Desk>, id: String, on: bool) -> Result<(), Problem> {
    let call = call_id(&id)?;
    desk.ask(|reply| Event::Hold(call, on, reply)).await
}

/// Goes on with the call that is held, and holds the other.
#[tauri::command]
#[specta::specta]
pub(crate) async fn swap(desk: State<'_, Desk>) -> Result<(), Problem> {
    desk.ask(Event::Swap).await
}

/// Hands the other side of a call over to somebody else. After an error the call is as it was.
#[tauri::command]
#[specta::specta]
pub(crate) async fn transfer(desk: State<'_, Desk>, id: String, to: String) -> Result<(), Problem> {
    let call = call_id(&id)?;
    desk.ask(|reply| Event::Transfer { call, to, reply }).await
}

/// Calls the other side of the call that has ended, for the same reason.
#[tauri::command]
#[specta::specta]
pub(crate) async fn call_again(desk: State<'_, Desk>) -> Result<(), Problem> {
    desk.ask(Event::CallAgain).await
}

/// Notes that the user has seen which calls were missed.
#[tauri::command]
#[specta::specta]
pub(crate) async fn see_missed(desk: State<'_, Desk>) -> Result<(), Problem> {
    desk.ask(Event::SeeMissed).await
}

/// Puts the ended call's screen away.
#[tauri::command]
#[specta::specta]
pub(crate) async fn dismiss_call(desk: State<'_, Desk>) -> Result<(), Problem> {
    desk.ask(Event::DismissCall).await
}

/// Puts a notice away.
#[tauri::command]
#[specta::specta]
pub(crate) async fn dismiss_notice(desk: State<'_, Desk>, code: ProblemCode) -> Result<(), Problem> {
    desk.ask(|reply| Event::DismissNotice(code, reply)).await
}

/// Looks again for microphones and speakers.
#[tauri::command]
#[specta::specta]
pub(crate) async fn refresh_devices(desk: State<'_, Desk>) -> Result<(), Problem> {
    desk.ask(Event::RefreshDevices).await
}

/// Looks whether everything that calls need is there.
#[tauri::command]
#[specta::specta]
pub(crate) async fn check_setup(desk: State<'_, Desk>) -> Result<(), Problem> {
    desk.ask(Event::CheckSetup).await
}

/// Starts the app with the session, or no longer.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_autostart(desk: State<'_, Desk>, on: bool) -> Result<(), Problem> {
    desk.ask(|reply| Event::SetAutostart(on, reply)).await
}

/// Puts away what a link from outside asked for.
#[tauri::command]
#[specta::specta]
pub(crate) async fn dismiss_link(desk: State<'_, Desk>) -> Result<(), Problem> {
    desk.ask(Event::DismissLink).await
}

/// Brings the main window to front.
#[tauri::command]
#[specta::specta]
pub(crate) async fn show_main(desk: State<'_, Desk>) -> Result<(), Problem> {
    desk.ask(Event::ShowMain).await
}

/// Reads the id of a call as the views give it.
fn call_id(text: &str) -> Result<CallId, Problem> {
    text.parse().map(CallId).map_err(|_| Problem::new(ProblemCode::FailureInMakeCall, "that is no call's id"))
}
