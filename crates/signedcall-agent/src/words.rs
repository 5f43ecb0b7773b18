//! The words that the system shows for the app, outside of its windows: in the notification and the tray. The windows' are in `ui/src/catalogue`.

use crate::view::{AppView, CallPhase, CallView, Direction, Holding, SessionView};

/// What the app is called unless whoever starts it says otherwise.
pub const APP: &str = "Signed Call";
pub(crate) const ANSWER: &str = "Answer";
pub(crate) const DECLINE: &str = "Decline";
pub(crate) const HOLD_AND_ANSWER: &str = "Hold and answer";
pub(crate) const END_AND_ANSWER: &str = "End and answer";
pub(crate) const RETURN_TO_CALL: &str = "Return to call";
pub(crate) const HANG_UP: &str = "Hang up";
pub(crate) const SIGN_OUT: &str = "Sign out";
pub(crate) const QUIT: &str = "Quit";
/// The pop-up's title, and what the tray says while a call rings.
pub const INCOMING_CALL: &str = "Incoming call";
pub(crate) const MISSED_CALL: &str = "Missed call";
pub(crate) const CALL_BACK: &str = "Call back";
pub(crate) const CALL_GOES_ON: &str = "The call goes on";
/// What the program is called in the desktop's list of what starts with the session.
pub(crate) const CALLS_WHEN_CLOSED: &str = "Signed Call: calls when the app is closed";
pub(crate) const IN_A_CALL: &str = "A call is on";

/// Brings the app's window, in a notification and the tray.
pub(crate) fn open(app: &str) -> String {
    format!("Open {app}")
}

/// Which of this user's devices has answered a call, or else declined it.
pub(crate) fn taken_elsewhere(answered: bool, device: Option<&str>) -> String {
    let what = if answered { "Answered" } else { "Declined" };
    format!("{what} on {}", device.unwrap_or("another device"))
}

/// How many calls were missed since anybody looked, in the tray's menu.
pub(crate) fn missed_calls(count: u32) -> String {
    match count {
        0 => "No missed calls".to_owned(),
        1 => "1 missed call".to_owned(),
        _ => format!("{count} missed calls"),
    }
}

/// Whose call it is: the company's, in this app.
pub(crate) fn whose(company: &str, app: &str) -> String {
    if company.is_empty() || company == app { app.to_owned() } else { format!("{company} · {app}") }
}

/// Who calls, and who has put them through; or with whom the company connects this user.
pub(crate) fn caller(name: &str, transferred_by: Option<&str>, connected_by: Option<&str>) -> String {
    match (connected_by, transferred_by) {
        (Some(company), _) => format!("{company} connects you with {name}"),
        (None, Some(by)) => format!("{name} · put through by {by}"),
        (None, None) => name.to_owned(),
    }
}

/// What goes on, in the first line of the tray's menu.
pub(crate) fn status(view: &AppView) -> &'static str {
    if view.call.as_ref().is_some_and(CallView::is_on) && view.other.as_ref().is_some_and(CallView::rings_here) {
        return "Another call waits";
    }
    if let Some(call) = &view.call {
        match (&call.phase, call.direction) {
            (CallPhase::Calling, _) => return "Calling…",
            (CallPhase::Ringing, Direction::Outgoing) => return "Ringing…",
            (CallPhase::Ringing, Direction::Incoming) => return INCOMING_CALL,
            (CallPhase::Connecting, _) => return "Connecting…",
            (CallPhase::Talking { .. }, _) => {
                return match call.holding {
                    Holding::Nobody => "In a call",
                    Holding::ThisSide | Holding::OtherSide | Holding::Both => "Call on hold",
                };
            }
            (CallPhase::Ended { .. }, _) => {}
        }
    }
    match &view.session {
        SessionView::SignedOut { .. } => "Signed out",
        SessionView::SigningIn => "Signing in…",
        SessionView::Ready { .. } => "Ready for calls",
        SessionView::Reconnecting { .. } => "Reconnecting…",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_says_who_calls_and_by_whose_doing() {
        assert_eq!(caller("Anna", None, None), "Anna");
        assert_eq!(caller("Anna", Some("Bella"), None), "Anna · put through by Bella");
        assert_eq!(caller("Anna", None, Some("Parcelo")), "Parcelo connects you with Anna");
    }

    #[test]
    fn a_device_that_has_taken_a_call_is_named_where_its_name_is_known() {
        assert_eq!(taken_elsewhere(true, Some("Kitchen laptop")), "Answered on Kitchen laptop");
        assert_eq!(taken_elsewhere(false, Some("Kitchen laptop")), "Declined on Kitchen laptop");
        assert_eq!(
            [true, false].map(|answered| taken_elsewhere(answered, None)),
            ["Answered on another device", "Declined on another device"]
        );
    }
}
