use std::fmt;

use serde::{Deserialize, Serialize};

/// Which way a call goes, seen from one of its sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Direction {
    /// This side is the callee.
    Incoming,
    /// This side is the caller.
    Outgoing,
}

/// How a call's signalling reached this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Over the open signalling socket.
    Socket,
    /// Woken by a push.
    Push,
}

/// What a call has come to (R20). Both sides of a call report the same list, each once and in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallStatus {
    /// The service has written the call down and is looking for the callee.
    Placed,
    /// A device of the callee has confirmed that it rings.
    Ringing,
    /// The callee has answered.
    Answered,
    /// Media is connected: both sides can talk.
    InProgress,
    /// The call is over, for this reason.
    Ended(EndReason),
}

impl CallStatus {
    /// Whether nothing follows it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Ended(_))
    }

    /// The name of R20.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Placed => "CALL_IS_PLACED",
            Self::Ringing => "CALL_RINGING",
            Self::Answered => "CALL_ANSWERED",
            Self::InProgress => "CALL_IN_PROGRESS",
            Self::Ended(reason) => reason.name(),
        }
    }
}

impl fmt::Display for CallStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a call is over. The number is for records and analytics; once shipped it is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum EndReason {
    /// Somebody hung up after the call was answered.
    HungUp = 1,
    /// The caller gave up before an answer.
    Cancelled = 2,
    /// The callee declined.
    Declined = 3,
    /// The call rang on a device that learned only later that it was over.
    Missed = 4,
    /// Nobody answered in time.
    RingTimeout = 5,
    /// The callee is in another call and takes no second one.
    Busy = 6,
    /// The call came for a cuid that has logged out.
    LoggedOut = 7,
    /// The callee's device may not show notifications.
    NotificationsDisabled = 8,
    /// The callee answered, but has no microphone or may not use it.
    MicrophoneRefused = 9,
    /// A bug, here or at the service.
    InternalError = 10,
    /// This side lost its network for longer than the grace time.
    LocalNetworkLoss = 11,
    /// The other side lost its network for longer than the grace time.
    RemoteNetworkLoss = 12,
    /// The two devices have no protocol of media in common: one does not understand what the other says of itself, or knows no codec that it knows.
    ProtocolMismatch = 13,
    /// Answered, but media did not connect in time.
    MediaSetupTooSlow = 14,
    /// Another device of this user answered.
    AnsweredElsewhere = 15,
    /// Another device of this user declined.
    DeclinedElsewhere = 16,
    /// The time that the account or the caller has set for the call is over.
    MaxDuration = 17,
    /// One side has transferred the other to somebody else, and both have left this call.
    Transferred = 18,
    /// The app of the callee's device takes no call over a network as poor as its own is at the moment.
    PoorNetwork = 19,
    /// The callee is not called at this hour.
    QuietHours = 20,
    /// A reason from a newer peer, shown as an ordinary end.
    #[serde(other)]
    Unknown = 0,
}

impl EndReason {
    /// Every reason there is.
    pub const ALL: [Self; 21] = [
        Self::Unknown,
        Self::HungUp,
        Self::Cancelled,
        Self::Declined,
        Self::Missed,
        Self::RingTimeout,
        Self::Busy,
        Self::LoggedOut,
        Self::NotificationsDisabled,
        Self::MicrophoneRefused,
        Self::InternalError,
        Self::LocalNetworkLoss,
        Self::RemoteNetworkLoss,
        Self::ProtocolMismatch,
        Self::MediaSetupTooSlow,
        Self::AnsweredElsewhere,
        Self::DeclinedElsewhere,
        Self::MaxDuration,
        Self::Transferred,
        Self::PoorNetwork,
        Self::QuietHours,
    ];

    /// The name of R20.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown | Self::HungUp => "CALL_OVER",
            Self::Cancelled => "CALL_CANCELLED",
            Self::Declined => "CALL_DECLINED",
            Self::Missed => "CALL_MISSED",
            Self::RingTimeout => "CALL_CANCELLED_DUE_TO_RING_TIMEOUT",
            Self::Busy => "CALLEE_BUSY_ON_ANOTHER_CALL",
            Self::LoggedOut => "CALL_DECLINED_DUE_TO_LOGGED_OUT_CUID",
            Self::NotificationsDisabled => "CALL_DECLINED_DUE_TO_NOTIFICATIONS_DISABLED",
            Self::MicrophoneRefused => "CALLEE_MICROPHONE_PERMISSION_NOT_GRANTED",
            Self::InternalError => "CALL_FAILED_DUE_TO_INTERNAL_ERROR",
            Self::LocalNetworkLoss => "CALL_OVER_DUE_TO_LOCAL_NETWORK_LOSS",
            Self::RemoteNetworkLoss => "CALL_OVER_DUE_TO_REMOTE_NETWORK_LOSS",
            Self::ProtocolMismatch => "CALL_OVER_DUE_TO_PROTOCOL_MISMATCH",
            Self::MediaSetupTooSlow => "CALL_OVER_DUE_TO_NETWORK_DELAY_IN_MEDIA_SETUP",
            Self::AnsweredElsewhere => "CALL_ANSWERED_ELSEWHERE",
            Self::DeclinedElsewhere => "CALL_DECLINED_ELSEWHERE",
            Self::MaxDuration => "CALL_OVER_DUE_TO_MAX_DURATION",
            Self::Transferred => "CALL_OVER_DUE_TO_TRANSFER",
            Self::PoorNetwork => "CALL_DECLINED_DUE_TO_NETWORK_QUALITY",
            Self::QuietHours => "CALL_DECLINED_DUE_TO_QUIET_HOURS",
        }
    }

    /// The number for records and analytics.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_listed_once_each_by_number() {
        for (number, reason) in EndReason::ALL.iter().enumerate() {
            assert_eq!(usize::from(reason.number()), number);
        }
    }

    #[test]
    fn a_reason_of_a_newer_peer_is_an_ordinary_end() {
        let reason: EndReason = serde_json::from_str("\"abducted\"").expect("a text");
        assert_eq!((reason, reason.name()), (EndReason::Unknown, "CALL_OVER"));
    }
}
