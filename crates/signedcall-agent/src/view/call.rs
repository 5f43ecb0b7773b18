//! Calls as screens, lists and pop-up show them.

use serde::{Deserialize, Serialize};
use specta::Type;
use specta_typescript::Number;

use super::ProblemCode;

/// The volume of a call that nobody has changed.
const AS_IT_COMES: u32 = 100;

/// One call, as call screens, pop-up and ended screen show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct CallView {
    pub id: String,
    pub direction: Direction,
    /// The other side's cuid.
    pub peer: String,
    /// The other side's name, when it was given.
    pub peer_name: Option<String>,
    /// Why: the headline.
    pub context: String,
    /// The other side's picture, as a `data:` URL.
    pub image: Option<String>,
    pub phase: CallPhase,
    pub muted: bool,
    /// How well the other side is heard, while both talk and once it is known.
    pub quality: Option<Quality>,
    /// This device's network is poor for a call, as was found before anybody talks.
    pub poor_network: bool,
    /// What is odd about the line, while both talk.
    pub notice: Option<LineNotice>,
    /// What the user should know of their microphone now.
    pub microphone: Option<MicrophoneNote>,
    /// Who holds it, once it is answered.
    pub holding: Holding,
    /// The ways to answer it, while it rings here.
    pub answering: Option<Answering>,
    /// Who has brought it about by a transfer: the name, or the cuid.
    pub transferred_by: Option<String>,
    /// The company that connects this user with the other side, where neither has called.
    pub connected_by: Option<String>,
    /// Whom this user has transferred the other side to: the name, or the cuid.
    pub transferred_to: Option<String>,
    /// Which other device of this user has answered or declined it, where that is known.
    pub other_device: Option<String>,
    /// The devices that it goes through.
    pub devices: DevicesView,
    /// How loud the other side is for this user: 100 as it comes, 0 silent, 200 the most.
    pub volume: u32,
    /// What `call_again` would do exists (an ended outgoing or incoming call).
    pub can_call_again: bool,
}

impl CallView {
    /// Makes a call of which no more is known.
    pub fn new(id: String, direction: Direction, peer: String, context: String, phase: CallPhase) -> Self {
        Self {
            id,
            direction,
            peer,
            peer_name: None,
            context,
            image: None,
            phase,
            muted: false,
            quality: None,
            poor_network: false,
            notice: None,
            microphone: None,
            holding: Holding::Nobody,
            answering: None,
            transferred_by: None,
            connected_by: None,
            transferred_to: None,
            other_device: None,
            devices: DevicesView::default(),
            volume: AS_IT_COMES,
            can_call_again: false,
        }
    }

    /// What the other side is called.
    pub fn shown_name(&self) -> String {
        self.peer_name.clone().unwrap_or_else(|| self.peer.clone())
    }

    /// Whether it goes on or rings.
    pub fn is_on(&self) -> bool {
        !matches!(self.phase, CallPhase::Ended { .. })
    }

    /// Whether this device rings with it.
    pub fn rings_here(&self) -> bool {
        self.phase == CallPhase::Ringing && self.direction == Direction::Incoming
    }

    /// Whether it keeps the screen when it is over: not when this user has just decided so, here or on another device.
    pub fn stays_on_screen(&self) -> bool {
        let CallPhase::Ended { reason, .. } = self.phase else { return true };
        let decided = matches!(reason, EndReason::Declined | EndReason::AnsweredElsewhere | EndReason::DeclinedElsewhere);
        !(decided && self.direction == Direction::Incoming)
    }
}

/// Who holds a call. As long as somebody does, neither side is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Holding {
    Nobody,
    ThisSide,
    OtherSide,
    Both,
}

/// The ways to answer a call that rings here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Answering {
    /// There is no other call to do anything with.
    Simply,
    /// The other call is held or ended.
    HoldOrEnd,
    /// The other call, which nobody has answered, is given up.
    End,
}

/// What becomes of the other call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum AnswerHow {
    HoldCurrent,
    EndCurrent,
}

/// The devices of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct DevicesView {
    pub microphone: UsedDevice,
    pub speaker: UsedDevice,
}

/// A device of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct UsedDevice {
    /// As the system calls it; nothing while there is none, or while nobody talks.
    pub name: Option<String>,
    pub news: Option<DeviceNews>,
}

/// What has become of a device since the call has first used one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum DeviceNews {
    /// Another one is used than before.
    Changed,
    /// There is none any more.
    Gone,
}

/// How well the other side is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Quality {
    Poor,
    Weak,
    Good,
}

/// What is odd about the line; goes away by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum LineNotice {
    /// The other side's voice comes with gaps, which are filled as far as can be.
    LosingPackets,
    /// This side's does.
    NotAllIsHeard,
    Late,
    Unsteady,
}

/// What is odd about the microphone; goes away by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum MicrophoneNote {
    TalkingWhileMuted,
    Silent,
    Clipping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    Incoming,
    Outgoing,
}

/// How far a call has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum CallPhase {
    /// Outgoing: not ringing anywhere yet.
    Calling,
    /// Outgoing: rings over there. Incoming: rings here.
    Ringing,
    /// Answered; media connects.
    Connecting,
    /// Talking. `since` is Unix time in milliseconds; `interrupted` says that nothing has come for some seconds.
    Talking {
        #[specta(type = Number)]
        since: f64,
        interrupted: bool,
    },
    /// Over. `seconds` of talk, when there was any.
    Ended { reason: EndReason, seconds: Option<u32> },
}

/// Why a call is over, as the catalogue has words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum EndReason {
    HungUp,
    Cancelled,
    Declined,
    Missed,
    RingTimeout,
    Busy,
    LoggedOut,
    NotificationsDisabled,
    MicrophoneRefused,
    InternalError,
    LocalNetworkLoss,
    RemoteNetworkLoss,
    ProtocolMismatch,
    MediaSetupTooSlow,
    AnsweredElsewhere,
    DeclinedElsewhere,
    MaxDuration,
    /// The other side has transferred this user to somebody else.
    Transferred,
    /// The device that was called takes no call over a network as poor as its own.
    PoorNetwork,
    /// This user has transferred the other side to somebody else.
    HandedOver,
    /// The callee is not called at this hour.
    QuietHours,
    /// The call could not be placed at all.
    NotPlaced {
        code: ProblemCode,
    },
}

/// One earlier call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct RecentCall {
    pub id: String,
    pub direction: Direction,
    pub peer: String,
    pub peer_name: Option<String>,
    pub context: String,
    /// Unix time in milliseconds.
    #[specta(type = Number)]
    pub at: f64,
    /// Seconds of talk, when it was answered.
    pub seconds: Option<u32>,
    pub reason: EndReason,
    /// Whether somebody called in vain.
    pub is_missed: bool,
    /// Who had brought it about by a transfer: the name, or the cuid.
    pub transferred_by: Option<String>,
    /// Whom this user has transferred the other side to: the name, or the cuid.
    pub transferred_to: Option<String>,
    /// Which other device of this user has answered or declined it, where that is known.
    pub other_device: Option<String>,
}
