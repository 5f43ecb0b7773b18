use std::time::Duration;

use signedcall_wire::{
    AnalyticsEvent, Branding, CallId, CallStatus, Channel, ClientMessage, Context, Cuid, DeviceId, DeviceName, Direction, ErrorCode,
    IceConfig, PushTarget, Redacted, SessionId, Signal,
};

/// Something the driver has to do. Commands of one step are carried out in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Say the first frame on the socket that has just opened.
    Greet(Greeting),
    /// Send a message on the open socket.
    Send(ClientMessage),
    /// Close the socket and open no other: signed out, or refused for good.
    CloseLink,
    /// Close the socket, if there is one, and open another: what it brought was broken, or the service cannot take this device now.
    ReopenLink {
        /// Wait at least this long first; nothing more than the usual back-off when zero.
        after: Duration,
    },
    /// Signing in has been refused; nothing else comes of it.
    Refused {
        /// The error of R37.
        code: ErrorCode,
        /// What exactly is wrong, in English.
        detail: String,
    },
    /// The session is up: signed in, or resumed on another socket. Calls can be placed as long as this socket lasts.
    SignedIn,
    /// Use these STUN and TURN servers from now on, for peer connections that are open as well when they look for another path.
    UseIce(IceConfig),
    /// Calls look like this from now on; `None` when the account has no branding of its own.
    UseBranding(Option<Branding>),

    /// The answer to `UserDialled`: the call is placed.
    Placed {
        /// The call.
        call: CallId,
    },
    /// The answer to `UserDialled`: the call is not placed, and nothing of it remains.
    ///
    /// With [`ErrorCode::OngoingCall`] it may have crossed a call of the callee to this user: that one is answered in its place, as an incoming call.
    NotPlaced {
        /// The call.
        call: CallId,
        /// Why.
        error: ErrorCode,
    },
    /// The answer to `UserTransferred`: the other side is handed over, and this side is out of the call.
    Transferred {
        /// The call.
        call: CallId,
    },
    /// The answer to `UserTransferred`: the call is as it was, or over. With [`ErrorCode::NetworkLatency`] the service has not answered in time, and may do
    /// it still; with any other error it never does.
    NotTransferred {
        /// The call.
        call: CallId,
        /// Why.
        error: ErrorCode,
    },
    /// The answer to `EventsNoted`.
    EventsKept {
        /// The events.
        events: Vec<AnalyticsEvent>,
        /// Why the service has not kept them; it may do so later.
        error: Option<ErrorCode>,
    },
    /// The answer to `UserAskedReceipt`.
    ReceiptCame {
        /// The call.
        call: CallId,
        /// A JWS in its compact form, or why there is none.
        receipt: Result<Redacted<String>, ErrorCode>,
    },
    /// The answer to `UserWentIdle`, unless the link is closed: this device stays where it is.
    NotIdle {
        /// Why.
        error: ErrorCode,
    },
    /// What devices are to show to whoever takes Web Push for them: the service's public key (RFC 8292).
    UsePushKey(String),
    /// The answer to `UserSetPush`.
    PushSet {
        /// Where pushes were to go.
        target: Option<PushTarget>,
        /// Why they do not.
        error: Option<ErrorCode>,
    },
    /// Find out at once whether the service can be reached: a call is to come by the socket.
    SeekService,
    /// The answer to `PushCame`.
    PushHandled {
        /// Which push.
        number: u64,
        /// What has become of it.
        outcome: PushOutcome,
    },
    /// Tell the embedder what a call has come to.
    Report(StatusReport),

    /// Play a tone. One that [sounds once](Tone::sounds_once) does so over whatever else is heard; any other goes on until this command says what plays
    /// instead of it, which may be nothing.
    PlayTone(Option<Tone>),
    /// Open a peer connection to one device of the other side and start connecting it. No microphone is opened, no media flows.
    PrepareMedia {
        /// The call.
        call: CallId,
        /// The other side's device.
        device: DeviceId,
        /// Whether this side offers or answers (RFC 3264).
        role: Role,
    },
    /// Hand a session description or candidate to a peer connection.
    ApplySignal {
        /// The call.
        call: CallId,
        /// The other side's device.
        device: DeviceId,
        /// What was passed.
        signal: Signal,
    },
    /// Look for another path to one device of the other side (RFC 8445, section 9), from whatever addresses this device has by then: the path that there
    /// was is given up.
    RestartMedia {
        /// The call.
        call: CallId,
        /// The other side's device.
        device: DeviceId,
    },
    /// Close a peer connection, if it is open.
    DropMedia {
        /// The call.
        call: CallId,
        /// The other side's device.
        device: DeviceId,
    },
    /// Open microphone and speaker and connect them to this peer connection: for the first time, or again after [`StopVoice`](Self::StopVoice). At most one
    /// voice is open at a time.
    StartVoice {
        /// The call.
        call: CallId,
        /// The other side's device.
        device: DeviceId,
    },
    /// Close microphone and speaker. The peer connection stays as it is.
    StopVoice {
        /// The call.
        call: CallId,
    },
    /// Let the microphone be heard, or not. Also valid before `StartVoice`, which then starts muted.
    SetMuted {
        /// The call.
        call: CallId,
        /// Whether the microphone is silenced.
        muted: bool,
    },
}

/// The first frame of a socket; the driver adds credentials where they are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// Sign in: `hello`.
    SignIn,
    /// Go on with a session: `resume`.
    Resume {
        /// The session.
        session: SessionId,
        /// The right to resume it.
        token: Redacted<String>,
        /// The last event received.
        last_seq: u64,
    },
}

/// Which side of the SDP offer/answer exchange this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The caller.
    Offerer,
    /// The callee.
    Answerer,
}

/// What a device plays beside the voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// To the caller, from the moment the call is placed until it is answered or over (R6 `outgoing_tone`).
    Ringback,
    /// To the callee, while the call rings (R6 `ringtone`).
    Ringtone,
    /// Quietly, while a call rings beside another one (R27).
    CallWaiting,
    /// To who is held, until the other side goes on (R28).
    HoldMusic,
    /// Once, when the callee is busy.
    Busy,
    /// Once, when a call ends.
    Ended,
    /// Once: the time of the call is nearly over (R29).
    Warning,
}

impl Tone {
    /// Whether it says something once, rather than for as long as something lasts.
    pub const fn sounds_once(self) -> bool {
        match self {
            Self::Ringback | Self::Ringtone | Self::CallWaiting | Self::HoldMusic => false,
            Self::Busy | Self::Ended | Self::Warning => true,
        }
    }
}

/// What has become of a push (R36): a device that rings, or a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// The call rings.
    Rings,
    /// The call had come by the socket, or by an earlier push.
    AlreadyKnown,
    /// The user is in as many calls as this device takes, and the caller is told so.
    Busy,
    /// This device may not show that somebody calls, and the caller is told so.
    NotificationsDisabled,
    /// This device takes no call over a network as poor as its own is at the moment, and the caller is told so.
    PoorNetwork,
    /// The call was over.
    CallOver,
    /// The push says itself that it comes too late.
    Expired,
    /// The service did not bring such a call.
    NoSuchCall,
    /// It is for a user who is not signed in on this device.
    OtherUser,
    /// Nobody is signed in on this device any more.
    SignedOut,
    /// It says nothing that can be understood.
    Unreadable,
}

/// One status of one call (R19), without the wall-clock time, which the driver adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReport {
    /// The call.
    pub call: CallId,
    /// Which way it goes.
    pub direction: Direction,
    /// What it has come to.
    pub status: CallStatus,
    /// Who calls.
    pub caller: Cuid,
    /// The caller's name, when it was given.
    pub caller_name: Option<String>,
    /// Who is called.
    pub callee: Cuid,
    /// The reason, as this side sees it.
    pub context: Context,
    /// URL of the caller's picture.
    pub initiator_image: Option<String>,
    /// URL of the callee's picture.
    pub receiver_image: Option<String>,
    /// How the signalling came.
    pub channel: Channel,
    /// Which other device of this user has answered or declined, when the call has ended so and the device has a name.
    pub other_device: Option<DeviceName>,
}
