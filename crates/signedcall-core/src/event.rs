use std::time::Duration;

use signedcall_wire::{AnalyticsEvent, CallId, Context, Cuid, DeviceId, EndReason, PushTarget, ServiceMessage, Signal, VoiceReport};

/// Something that happened to this device's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The user asks to call somebody. Ids come from outside, since nothing random is made here.
    UserDialled(Dial),
    /// The user answers an incoming call.
    UserAnswered {
        /// The call.
        call: CallId,
        /// What becomes of the call that the user is in, if any.
        how: AnswerHow,
    },
    /// The user declines an incoming call.
    UserDeclined {
        /// The call.
        call: CallId,
    },
    /// The user ends a call: cancels it before the answer, hangs up after.
    UserHungUp {
        /// The call.
        call: CallId,
    },
    /// The user's microphone is to be heard, or not.
    UserMuted {
        /// The call.
        call: CallId,
        /// Whether the microphone is silenced.
        muted: bool,
    },
    /// The user holds an answered call, or goes on with it.
    UserHeld {
        /// The call.
        call: CallId,
        /// Whether it is held from now on.
        on: bool,
    },
    /// The user hands the other side of an answered call over to somebody else.
    UserTransferred {
        /// The call.
        call: CallId,
        /// Who is to be called.
        to: Cuid,
        /// The call that takes the place of this one; made by whoever asks, at random.
        new: CallId,
    },
    /// These events are to be kept by the service, for the account's analytics.
    EventsNoted(Vec<AnalyticsEvent>),
    /// The user asks for the receipt of a call that is over.
    UserAskedReceipt {
        /// The call.
        call: CallId,
    },
    /// The user goes to the call that is held, and holds the other.
    UserSwapped,
    /// Whether a call may wait while the user is in another one. A call that waits already goes on to do so.
    UserTakesSecondCalls {
        /// Whether it may.
        on: bool,
    },
    /// Pushes to this device go there from now on, or nowhere (R25). [`Command::PushSet`](crate::Command::PushSet) follows, once.
    UserSetPush(Option<PushTarget>),
    /// The user signs out. Calls end; the service is told.
    UserLoggedOut,
    /// Whether this device may show that somebody calls. It is so until this says otherwise.
    NotificationsChanged {
        /// Whether it may.
        allowed: bool,
    },
    /// Whether this device's network is good enough for whoever calls. It is so until this says otherwise.
    NetworkJudged {
        /// Whether it is.
        fit: bool,
    },
    /// The user wants this device to be called by push alone, and to place no calls (R23).
    UserWentIdle,

    /// A push has come that is about a call (R25). [`Command::PushHandled`](crate::Command::PushHandled) follows, once for each.
    PushCame(Push),

    /// A socket to the service is open; it waits for the first frame. From here on nothing of an earlier socket is handed in.
    LinkOpened,
    /// The socket is gone. Also right after [`Command::ReopenLink`](crate::Command::ReopenLink), where it changes nothing.
    LinkLost,
    /// The service said something. When to change sockets after a `goaway` is the driver's to choose, since that takes a random number.
    Received(ServiceMessage),

    /// Media has a session description or candidate for the other side.
    MediaSignal {
        /// The call.
        call: CallId,
        /// The other side's device.
        device: DeviceId,
        /// What is to be passed.
        signal: Signal,
    },
    /// ICE and DTLS towards one device of the other side are up: for the first time, or again after an interruption.
    MediaConnected {
        /// The call.
        call: CallId,
        /// The other side's device.
        device: DeviceId,
    },
    /// Nothing has come from the other side for some seconds; it may come back.
    MediaInterrupted {
        /// The call.
        call: CallId,
        /// The other side's device.
        device: DeviceId,
    },
    /// Media towards one device cannot be had: set-up failed, or it stayed interrupted too long.
    MediaFailed {
        /// The call.
        call: CallId,
        /// The other side's device.
        device: DeviceId,
    },
    /// Media towards one device cannot be had since the two have nothing in common: what that one says of itself cannot be understood, or it knows no
    /// codec that this one knows.
    MediaMismatched {
        /// The call.
        call: CallId,
        /// The other side's device.
        device: DeviceId,
    },
    /// This device is in another network: what led to the other sides leads there no more.
    NetworkChanged,
    /// The microphone or speaker could not be opened when the voice was to start.
    VoiceFailed {
        /// The call.
        call: CallId,
        /// Why: [`EndReason::MicrophoneRefused`] or [`EndReason::InternalError`].
        reason: EndReason,
    },
    /// A call is over, and this is how it sounded.
    VoiceReported {
        /// The call.
        call: CallId,
        /// How it sounded.
        report: VoiceReport,
    },

    /// The moment that the last [`Step`](crate::Step) asked for has come.
    Woken,
}

/// A call that the user wants to make, already validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Made by whoever asks, at random.
    pub call: CallId,
    /// Whom to call.
    pub to: Cuid,
    /// Why.
    pub context: Context,
    /// Why, as the callee is to see it; `context` when absent.
    pub remote_context: Option<Context>,
    /// URL of the caller's picture, shown to the callee.
    pub initiator_image: Option<String>,
    /// URL of the callee's picture, shown to the caller.
    pub receiver_image: Option<String>,
    /// How long it may last from the answer on, when that is limited.
    pub max_duration: Option<Duration>,
}

/// A push: somebody calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Chosen by the driver, another one for each.
    pub number: u64,
    /// The call.
    pub call: CallId,
    /// Who is called.
    pub to: Cuid,
    /// How long it may still be answered.
    pub left: Duration,
}

/// What becomes of the call that the user is in when another one is answered (R27).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerHow {
    /// It is held. One that the other side has not answered yet is given up: there is nobody to hold.
    #[default]
    HoldCurrent,
    /// It ends.
    EndCurrent,
}
