use signedcall_core::Event;
use signedcall_wire::{CallId, ServiceEvent, ServiceMessage};

/// Which call an event is about, for the log.
pub(super) fn call_of(event: &Event) -> Option<CallId> {
    match event {
        Event::UserDialled(dial) => Some(dial.call),
        Event::PushCame(push) => Some(push.call),
        Event::UserAnswered { call, .. }
        | Event::UserDeclined { call }
        | Event::UserHungUp { call }
        | Event::UserMuted { call, .. }
        | Event::UserHeld { call, .. }
        | Event::UserTransferred { call, .. }
        | Event::UserAskedReceipt { call }
        | Event::MediaSignal { call, .. }
        | Event::MediaConnected { call, .. }
        | Event::MediaInterrupted { call, .. }
        | Event::MediaFailed { call, .. }
        | Event::MediaMismatched { call, .. }
        | Event::VoiceFailed { call, .. }
        | Event::VoiceReported { call, .. } => Some(*call),
        Event::Received(ServiceMessage::Event { event, .. }) => match event {
            ServiceEvent::Invite(invite) => Some(invite.call),
            ServiceEvent::Transferred(transferred) => Some(transferred.instead_of),
            ServiceEvent::Ringing { call, .. }
            | ServiceEvent::Answered { call, .. }
            | ServiceEvent::Held { call, .. }
            | ServiceEvent::TimeLeft { call, .. }
            | ServiceEvent::Ended { call, .. }
            | ServiceEvent::Signal { call, .. } => Some(*call),
            ServiceEvent::Branding(_) | ServiceEvent::Unknown => None,
        },
        Event::Received(
            ServiceMessage::Welcome(_)
            | ServiceMessage::Resumed
            | ServiceMessage::SessionExpired
            | ServiceMessage::Refused(_)
            | ServiceMessage::Response { .. }
            | ServiceMessage::Ice(_)
            | ServiceMessage::Renewed { .. }
            | ServiceMessage::NotRenewed(_)
            | ServiceMessage::Goaway { .. }
            | ServiceMessage::Unknown,
        )
        | Event::EventsNoted(_)
        | Event::UserSwapped
        | Event::UserTakesSecondCalls { .. }
        | Event::NetworkChanged
        | Event::UserSetPush(_)
        | Event::UserLoggedOut
        | Event::UserWentIdle
        | Event::NotificationsChanged { .. }
        | Event::NetworkJudged { .. }
        | Event::LinkOpened
        | Event::LinkLost
        | Event::Woken => None,
    }
}
