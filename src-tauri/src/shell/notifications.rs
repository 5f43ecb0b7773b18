//! Native notifications: a call that rings, with Answer and Decline, and a call that was missed.

use std::sync::{Mutex, PoisonError};

use notify_rust::{Hint, Notification, NotificationResponse, Timeout, Urgency};
use signedcall::CallId;
use tauri::image::Image;
use tokio::sync::oneshot;

use crate::controller::{Event, Inbox, Missed, Reply, Ringing};
use crate::view::{Problem, ProblemCode};
use crate::words;

const ANSWER: &str = "answer";
const DECLINE: &str = "decline";
/// What a click on the notification itself is called in the desktop notifications specification.
const CLICK: &str = "default";

/// Shows notifications and hands in what the user presses.
#[derive(Debug)]
pub(super) struct Notifier {
    picture: Option<notify_rust::Image>,
    inbox: Inbox,
    /// Dropped to take the ringing notification away.
    ringing: Mutex<Option<oneshot::Sender<()>>>,
}

impl Notifier {
    /// Makes a notifier whose notifications carry this picture.
    pub(super) fn new(icon: Option<&Image<'_>>, inbox: Inbox) -> Self {
        let picture = icon.and_then(|icon| {
            let (width, height) = (i32::try_from(icon.width()).ok()?, i32::try_from(icon.height()).ok()?);
            notify_rust::Image::from_rgba(width, height, icon.rgba().to_vec()).ok()
        });
        Self { picture, inbox, ringing: Mutex::new(None) }
    }

    /// Shows that a call rings, until [`stop_ringing`](Self::stop_ringing). Dismissing the notification lets it ring on.
    pub(super) fn ring(&self, ringing: &Ringing) {
        let mut notification = self.notification(&ringing.brand, &ringing.context, &ringing.caller);
        notification
            .action(ANSWER, words::ANSWER)
            .action(DECLINE, words::DECLINE)
            .urgency(Urgency::Critical)
            .timeout(Timeout::Never)
            .hint(Hint::Category("call.incoming".to_owned()));
        let (hold, released) = oneshot::channel();
        *self.ringing.lock().unwrap_or_else(PoisonError::into_inner) = Some(hold);
        let (inbox, call) = (self.inbox.clone(), ringing.call);
        tauri::async_runtime::spawn(async move {
            let handle = match notification.show_async().await {
                Ok(handle) => handle,
                Err(error) => return no_notifications(&inbox, &error),
            };
            let pressed = handle.wait_for_action_async(|response: &NotificationResponse| call_action(&inbox, call, response));
            tokio::select! {
                () = pressed => {}
                _ = released => {}
            }
            // Some daemons leave a notification on the screen after one of its actions was chosen.
            handle.close_async().await;
        });
    }

    /// Takes the notification of [`ring`](Self::ring) away, if it is still there.
    pub(super) fn stop_ringing(&self) {
        self.ringing.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Tells of a call that was not answered.
    pub(super) fn missed(&self, missed: &Missed) {
        let mut notification = self.notification(&missed.brand, words::MISSED_CALL, &format!("{} · {}", missed.caller, missed.context));
        notification.hint(Hint::Category("call.unanswered".to_owned()));
        let inbox = self.inbox.clone();
        tauri::async_runtime::spawn(async move {
            match notification.show_async().await {
                Ok(handle) => {
                    let open = |response: &NotificationResponse| {
                        if matches!(response, NotificationResponse::Default) {
                            inbox.send(Event::ShowMain(Reply::nobody()));
                        }
                    };
                    handle.wait_for_action_async(open).await;
                }
                Err(error) => no_notifications(&inbox, &error),
            }
        });
    }

    fn notification(&self, brand: &str, headline: &str, text: &str) -> Notification {
        let mut notification = Notification::new();
        notification
            .appname(brand)
            .summary(headline)
            .body(&without_markup(text))
            .action(CLICK, words::OPEN)
            .hint(Hint::DesktopEntry("signedcall-desktop".to_owned()));
        if let Some(picture) = &self.picture {
            notification.image_data(picture.clone());
        }
        notification
    }
}

fn call_action(inbox: &Inbox, call: CallId, response: &NotificationResponse) {
    match response {
        NotificationResponse::Action(action) if action == ANSWER => inbox.send(Event::Answer(call, Reply::nobody())),
        NotificationResponse::Action(action) if action == DECLINE => inbox.send(Event::Decline(call, Reply::nobody())),
        NotificationResponse::Default => inbox.send(Event::ShowMain(Reply::nobody())),
        // Put away by the user or the desktop: pop-up and ringtone go on.
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
    fn a_name_is_shown_as_it_is_written() {
        assert_eq!(without_markup("<b>Bold & Sons</b>"), "&lt;b&gt;Bold &amp; Sons&lt;/b&gt;");
    }
}
