//! Native notifications: a call that rings, with the ways to answer it and Decline, and a call that was missed, with Call back.

use std::sync::{Mutex, PoisonError};

use notify_rust::{Hint, Notification, NotificationHandle, NotificationResponse, Timeout, Urgency};
use signedcall::{AnswerHow, CallId};
use tokio::sync::{mpsc, oneshot};

use super::icons;
use crate::controller::{Elsewhere, Event, Inbox, Missed, Ongoing, Reply, Ringing};
use crate::pictures::Pixels;
use crate::view::{Answering, Problem, ProblemCode};
use crate::words;

const ANSWER: &str = "answer";
const HOLD_AND_ANSWER: &str = "hold-and-answer";
const END_AND_ANSWER: &str = "end-and-answer";
const DECLINE: &str = "decline";
const CALL_BACK: &str = "call-back";
const RETURN: &str = "return";
const HANG_UP: &str = "hang-up";
/// What a click on the notification itself is called in the desktop notifications specification.
const CLICK: &str = "default";

/// How long what passes is shown, in milliseconds: long enough to read a line, and nothing that has to be put away.
const PASSING: u32 = 8_000;

/// The name of the bundle's `.desktop` file, which the bundler takes from the product's name: the desktop finds icon and settings by it.
const DESKTOP_ENTRY: &str = "Signed Call";

/// Shows notifications and hands in what the user presses.
#[derive(Debug)]
pub(super) struct Notifier {
    app_name: String,
    icon: Option<notify_rust::Image>,
    inbox: Inbox,
    /// Where the caller's picture goes when it comes later than the call; dropped to take the notification away.
    ringing: Mutex<Option<mpsc::UnboundedSender<Pixels>>>,
    /// Dropped to take the reminder of a call away.
    reminder: Mutex<Option<oneshot::Sender<()>>>,
}

impl Notifier {
    /// Makes a notifier whose notifications carry the app's icon where there is nothing better.
    pub(super) fn new(app_name: String, inbox: Inbox) -> Self {
        Self { app_name, icon: image_of(&icons::app()), inbox, ringing: Mutex::new(None), reminder: Mutex::new(None) }
    }

    /// Shows that a call rings, until [`stop_ringing`](Self::stop_ringing). Dismissing the notification lets it ring on.
    pub(super) fn ring(&self, ringing: &Ringing) {
        let caller = words::caller(&ringing.caller, ringing.transferred_by.as_deref(), ringing.connected_by.as_deref());
        let mut notification = self.notification(&ringing.whose, &ringing.context, &caller, ringing.picture.as_ref());
        for (key, label) in choices(ringing.answering) {
            notification.action(key, label);
        }
        notification.urgency(Urgency::Critical).timeout(Timeout::Never).hint(Hint::Category("call.incoming".to_owned()));
        let (sender, mut pictures) = mpsc::unbounded_channel();
        *self.ringing.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        let (inbox, call) = (self.inbox.clone(), ringing.call);
        tokio::spawn(async move {
            let mut handle = match notification.show_async().await {
                Ok(handle) => handle,
                Err(error) => return no_notifications(&inbox, &error),
            };
            loop {
                let pressed = handle.wait_for_action_async(|response: &NotificationResponse| call_action(&inbox, call, response));
                let picture = tokio::select! {
                    () = pressed => None,
                    picture = pictures.recv() => picture,
                };
                let Some(picture) = picture else { break };
                handle = show_with(handle, picture).await;
            }
            // Some daemons leave a notification on the screen after one of its actions was chosen.
            handle.close_async().await;
        });
    }

    /// Puts the caller's picture on the notification of [`ring`](Self::ring).
    pub(super) fn show_caller(&self, picture: &Pixels) {
        if let Some(ringing) = self.ringing.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            // The user may have put the notification away.
            let _ = ringing.send(picture.clone());
        }
    }

    /// Takes the notification of [`ring`](Self::ring) away, if it is still there.
    pub(super) fn stop_ringing(&self) {
        self.ringing.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Leads back to a call that goes on, until [`stop_reminding`](Self::stop_reminding).
    pub(super) fn remind(&self, ongoing: &Ongoing) {
        let text = format!("{} · {}", ongoing.peer, ongoing.context);
        let mut notification = self.notification(&ongoing.whose, words::CALL_GOES_ON, &text, ongoing.picture.as_ref());
        notification
            .action(RETURN, words::RETURN_TO_CALL)
            .action(HANG_UP, words::HANG_UP)
            .timeout(Timeout::Never)
            .hint(Hint::Resident(true))
            .hint(Hint::Category("call".to_owned()));
        let (hold, released) = oneshot::channel();
        *self.reminder.lock().unwrap_or_else(PoisonError::into_inner) = Some(hold);
        let (inbox, call) = (self.inbox.clone(), ongoing.call);
        tokio::spawn(async move {
            match notification.show_async().await {
                Ok(handle) => {
                    let pressed = handle.wait_for_action_async(|response: &NotificationResponse| ongoing_action(&inbox, call, response));
                    tokio::select! {
                        () = pressed => {}
                        _ = released => {}
                    }
                    handle.close_async().await;
                }
                Err(error) => no_notifications(&inbox, &error),
            }
        });
    }

    /// Takes the notification of [`remind`](Self::remind) away, if it is still there.
    pub(super) fn stop_reminding(&self) {
        self.reminder.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Tells of a call that was not answered, until the user does something about it.
    pub(super) fn missed(&self, missed: &Missed) {
        let text = format!("{} · {}", missed.caller, missed.context);
        let mut notification = self.notification(&missed.whose, words::MISSED_CALL, &text, missed.picture.as_ref());
        notification.action(CALL_BACK, words::CALL_BACK).hint(Hint::Category("call.unanswered".to_owned()));
        let (inbox, peer, context) = (self.inbox.clone(), missed.peer.clone(), missed.context.clone());
        tokio::spawn(async move {
            match notification.show_async().await {
                Ok(handle) => {
                    let chosen = |response: &NotificationResponse| missed_action(&inbox, &peer, &context, response);
                    handle.wait_for_action_async(chosen).await;
                    handle.close_async().await;
                }
                Err(error) => no_notifications(&inbox, &error),
            }
        });
    }

    /// Says for a moment why a call rings no more.
    pub(super) fn taken_elsewhere(&self, elsewhere: &Elsewhere) {
        let text = format!("{} · {}", elsewhere.caller, elsewhere.context);
        let headline = words::taken_elsewhere(elsewhere.answered, elsewhere.device.as_deref());
        let mut notification = self.notification(&elsewhere.whose, &headline, &text, elsewhere.picture.as_ref());
        notification
            .urgency(Urgency::Low)
            .hint(Hint::Transient(true))
            .hint(Hint::Category("call".to_owned()))
            .timeout(Timeout::Milliseconds(PASSING));
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            match notification.show_async().await {
                Ok(handle) => {
                    let chosen = |response: &NotificationResponse| {
                        if matches!(response, NotificationResponse::Default) {
                            inbox.send(Event::ShowMain(Reply::nobody()));
                        }
                    };
                    handle.wait_for_action_async(chosen).await;
                }
                Err(error) => no_notifications(&inbox, &error),
            }
        });
    }

    fn notification(&self, whose: &str, headline: &str, text: &str, picture: Option<&Pixels>) -> Notification {
        let mut notification = Notification::new();
        notification
            .appname(whose)
            .summary(headline)
            .body(&without_markup(text))
            .action(CLICK, &words::open(&self.app_name))
            .hint(Hint::DesktopEntry(DESKTOP_ENTRY.to_owned()));
        if let Some(image) = picture.and_then(image_of).or_else(|| self.icon.clone()) {
            notification.image_data(image);
        }
        notification
    }
}

/// Shows a notification anew, with another picture, in its place.
async fn show_with(mut handle: NotificationHandle, picture: Pixels) -> NotificationHandle {
    let Some(image) = image_of(&picture) else { return handle };
    // The same connection: some daemons signal to no other. It can only do this by blocking.
    let shown = tokio::task::spawn_blocking(move || {
        handle.image_data(image);
        if let Err(error) = handle.update() {
            tracing::debug!(%error, "the notification keeps the picture that it has");
        }
        handle
    });
    shown.await.expect("showing a notification does not panic")
}

/// What a notification offers: *Decline* is second in each, so that no answer is ever where it was.
fn choices(answering: Answering) -> Vec<(&'static str, &'static str)> {
    const NO: (&str, &str) = (DECLINE, words::DECLINE);
    match answering {
        Answering::Simply => vec![(ANSWER, words::ANSWER), NO],
        Answering::HoldOrEnd => vec![(HOLD_AND_ANSWER, words::HOLD_AND_ANSWER), NO, (END_AND_ANSWER, words::END_AND_ANSWER)],
        Answering::End => vec![(END_AND_ANSWER, words::END_AND_ANSWER), NO],
    }
}

fn image_of(picture: &Pixels) -> Option<notify_rust::Image> {
    let (width, height) = (i32::try_from(picture.width()).ok()?, i32::try_from(picture.height()).ok()?);
    notify_rust::Image::from_rgba(width, height, picture.rgba().to_vec()).ok()
}

fn call_action(inbox: &Inbox, call: CallId, response: &NotificationResponse) {
    match response {
        NotificationResponse::Action(action) if action == ANSWER || action == HOLD_AND_ANSWER => {
            inbox.send(Event::Answer(call, AnswerHow::HoldCurrent, Reply::nobody()))
        }
        NotificationResponse::Action(action) if action == END_AND_ANSWER => {
            inbox.send(Event::Answer(call, AnswerHow::EndCurrent, Reply::nobody()))
        }
        NotificationResponse::Action(action) if action == DECLINE => inbox.send(Event::Decline(call, Reply::nobody())),
        NotificationResponse::Default => inbox.send(Event::ShowMain(Reply::nobody())),
        // Put away by the user or the desktop: pop-up and ringtone go on.
        NotificationResponse::Action(_) | NotificationResponse::Reply(_) | NotificationResponse::Closed(_) => return,
    };
}

fn ongoing_action(inbox: &Inbox, call: CallId, response: &NotificationResponse) {
    match response {
        NotificationResponse::Action(action) if action == RETURN => inbox.send(Event::ShowMain(Reply::nobody())),
        NotificationResponse::Action(action) if action == HANG_UP => inbox.send(Event::HangUp(call, Reply::nobody())),
        NotificationResponse::Default => inbox.send(Event::ShowMain(Reply::nobody())),
        NotificationResponse::Action(_) | NotificationResponse::Reply(_) | NotificationResponse::Closed(_) => return,
    };
}

fn missed_action(inbox: &Inbox, peer: &str, context: &str, response: &NotificationResponse) {
    match response {
        NotificationResponse::Action(action) if action == CALL_BACK => {
            inbox.send(Event::CallBack { cuid: peer.to_owned(), context: context.to_owned() })
        }
        NotificationResponse::Default => inbox.send(Event::ShowMain(Reply::nobody())),
        NotificationResponse::Action(_) | NotificationResponse::Reply(_) | NotificationResponse::Closed(_) => return,
    };
}

fn no_notifications(inbox: &Inbox, error: &notify_rust::error::Error) {
    inbox.send(Event::Noticed(Problem::new(ProblemCode::NotificationsAbsent, error.to_string())));
}

/// The body of a notification may be read as markup, and a name must not become any.
fn without_markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_desktop_finds_the_app_that_notifies() {
        let config: serde_json::Value = serde_json::from_str(include_str!("../../../../src-tauri/tauri.conf.json")).expect("it is JSON");
        assert_eq!(config["productName"], DESKTOP_ENTRY);
    }

    #[test]
    fn declining_is_always_at_the_same_place() {
        for answering in [Answering::Simply, Answering::HoldOrEnd, Answering::End] {
            assert_eq!(choices(answering)[1].0, DECLINE, "{answering:?}");
        }
    }

    #[test]
    fn a_name_is_shown_as_it_is_written() {
        assert_eq!(without_markup("<b>Bold & Sons</b>"), "&lt;b&gt;Bold &amp; Sons&lt;/b&gt;");
    }
}
