use serde::{Deserialize, Serialize};

use crate::{CallId, CallStatus, Context, EndReason};

/// The most events in one request.
pub const MAX_EVENTS_PER_REQUEST: usize = 20;

/// Something that happened to a call on one side of it, for the account's analytics (R8). Whose side it is, the session says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalyticsEvent {
    /// The call. With what happened it tells the event from all others of this device.
    pub call: CallId,
    /// What happened.
    #[serde(flatten)]
    pub happened: AnalyticsKind,
    /// When, in seconds since 1970.
    pub epoch: u64,
    /// Why the call was placed, as this side saw it.
    pub context: Context,
}

/// What analytics are told of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event")]
pub enum AnalyticsKind {
    /// This user has called.
    #[serde(rename = "SCOutgoing")]
    Outgoing,
    /// This user is called.
    #[serde(rename = "SCIncoming")]
    Incoming,
    /// The call is over.
    #[serde(rename = "SCEnd")]
    End {
        /// Why.
        reason: EndReason,
    },
    /// Something that a newer device tells.
    #[serde(other)]
    Unknown,
}

impl AnalyticsKind {
    /// The name of R8; `None` for what this version does not know.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Outgoing => Some("SCOutgoing"),
            Self::Incoming => Some("SCIncoming"),
            Self::End { .. } => Some("SCEnd"),
            Self::Unknown => None,
        }
    }

    /// What the call has come to (R20).
    pub const fn status(self) -> CallStatus {
        match self {
            Self::Outgoing | Self::Incoming | Self::Unknown => CallStatus::Placed,
            Self::End { reason } => CallStatus::Ended(reason),
        }
    }

    /// What R8 has numbers for: 1001, the callee was busy; 1002, the callee had no microphone.
    pub const fn reason_code(self) -> Option<u16> {
        match self {
            Self::End { reason: EndReason::Busy } => Some(1001),
            Self::End { reason: EndReason::MicrophoneRefused } => Some(1002),
            Self::Outgoing | Self::Incoming | Self::End { .. } | Self::Unknown => None,
        }
    }
}
