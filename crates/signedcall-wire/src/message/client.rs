use serde::{Deserialize, Serialize};

use crate::{
    AccountId, AnalyticsEvent, CallId, Context, Cuid, DeviceId, EndReason, Endpoint, PushTarget, Redacted, RequestId, RunId, SessionId,
    VoiceReport,
};

/// What a device says to the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Signs in. The first frame of a socket.
    Hello(Hello),
    /// Goes on with a session. The first frame of a socket.
    Resume(Resume),
    /// Stays signed in by another user token, since the one that it has signed in with expires. Answered by
    /// [`ServiceMessage::Renewed`](crate::ServiceMessage::Renewed) or [`ServiceMessage::NotRenewed`](crate::ServiceMessage::NotRenewed), and not
    /// repeated: a token is good once.
    Renew(Renew),
    /// Asks for something; answered by one [`ServiceMessage::Response`](crate::ServiceMessage::Response).
    Request {
        /// Chosen by the device.
        id: RequestId,
        /// What is asked for.
        request: Request,
    },
    /// Has received every event up to this one.
    Ack {
        /// The sequence number of the last event received.
        seq: u64,
    },
    /// A message of a newer device, ignored with a log line.
    #[serde(other)]
    Unknown,
}

/// Who signs in, and by what right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) of the device.
    pub version: u32,
    /// The company.
    pub account_id: AccountId,
    /// By what right.
    #[serde(flatten)]
    pub credential: Credential,
    /// The user. Not yet validated, so that the service can refuse it by name.
    pub cuid: String,
    /// What other users see; the cuid when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which environment the device believes the credential is for (R13).
    pub environment: Environment,
    /// This installation.
    pub device: DeviceId,
    /// This run of its program.
    pub run: RunId,
    /// What the user's other devices call this one, such as the host's name. Not yet validated: one that is no [`DeviceName`](crate::DeviceName) is
    /// passed over.
    pub device_name: String,
    /// Whether it rings while it is in a call (R26). A device that does not say so takes one call at a time, and is busy meanwhile.
    #[serde(default)]
    pub second_calls: bool,
}

/// By what right a device signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// The company's key for this environment.
    ApiKey(Redacted<String>),
    /// What the company's backend has signed for this user: a JWT, good for one sign-in within minutes.
    UserToken(Redacted<String>),
}

impl Credential {
    /// The key or token itself.
    pub const fn secret(&self) -> &Redacted<String> {
        match self {
            Self::ApiKey(secret) | Self::UserToken(secret) => secret,
        }
    }
}

/// Another user token for a session that has begun with one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renew {
    /// The company.
    pub account_id: AccountId,
    /// The user.
    pub cuid: String,
    /// The token.
    pub user_token: Redacted<String>,
}

/// Which of an account's environments a credential belongs to (R13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Real users.
    Production,
    /// Trials.
    Development,
}

/// Which session goes on, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) of the device.
    pub version: u32,
    /// The session, from its [`Welcome`](crate::Welcome).
    pub session: SessionId,
    /// The right to resume it, from its [`Welcome`](crate::Welcome).
    pub token: Redacted<String>,
    /// The last event received; 0 for none.
    pub last_seq: u64,
}

/// What a device may ask for. Each is safe to repeat under the same [`RequestId`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// Places a call. Answered once its record is durable: the call *is placed*.
    Call(NewCall),
    /// Confirms that this device rings.
    Ringing {
        /// The call.
        call: CallId,
    },
    /// Answers. The first device wins; all others get `ended` with `answered_elsewhere`.
    Accept {
        /// The call.
        call: CallId,
    },
    /// Will not take the call: `declined` (for all devices of the user), or `busy`, `microphone_refused`, `notifications_disabled`,
    /// `poor_network`, `protocol_mismatch`, `logged_out` (for this device; the call goes on ringing on the others).
    Decline {
        /// The call.
        call: CallId,
        /// Why.
        reason: EndReason,
    },
    /// Ends the call for both: `cancelled` before an answer, `hung_up` after, or what went wrong. The service has the last word on the reason. A device of
    /// the callee asks for it only once it was told that it has answered; until then it declines.
    Hangup {
        /// The call.
        call: CallId,
        /// Why.
        reason: EndReason,
    },
    /// Media is connected on this side.
    MediaConnected {
        /// The call.
        call: CallId,
    },
    /// Holds an answered call, or goes on with it. As long as either side holds it, neither is heard.
    Hold {
        /// The call.
        call: CallId,
        /// Whether this side holds it from now on.
        on: bool,
    },
    /// Hands the other side of an answered call over to somebody else, and is out of it. Answered once the new call is placed: the other side is its
    /// caller. Refused, nothing has changed.
    Transfer {
        /// The call that is left.
        call: CallId,
        /// The call that takes its place, chosen by this device.
        new: CallId,
        /// Who is called.
        to: Cuid,
    },
    /// Passes a session description or candidate to one device of the other side, unread. Nothing is passed to a device whose program has started
    /// again meanwhile.
    Signal {
        /// The call.
        call: CallId,
        /// Which.
        to: Endpoint,
        /// What is passed.
        signal: Signal,
    },
    /// How a call sounded here, for its record: once it is over, and once from each device that talked. The service keeps it with the record, and nothing
    /// of a device that had no part in the call.
    ReportVoice {
        /// The call.
        call: CallId,
        /// How it sounded.
        report: VoiceReport,
    },
    /// Asks for the receipt of a call that is over: what the service says of it, signed. Whoever had no part in the call, and an older service, gets
    /// `ERR_FEATURE_NOT_AVAILABLE`; of a call that goes on there is none yet, `ERR_ONGOING_CALL`.
    Receipt {
        /// The call.
        call: CallId,
    },
    /// What happened to calls on this side, for the account's analytics: [`MAX_EVENTS_PER_REQUEST`](crate::MAX_EVENTS_PER_REQUEST) at most. Answered once
    /// they are written down. Those that were before, and those of calls that this user had no part in, are passed over.
    KeepEvents {
        /// The events, in the order in which they happened.
        events: Vec<AnalyticsEvent>,
    },
    /// Whether this device rings while it is in a call, from now on; at first it is as its `hello` says.
    TakeSecondCalls {
        /// Whether it does.
        on: bool,
    },
    /// Where this device is reached by push (R25): here from now on, or nowhere. Answered once it is written down; refused with
    /// `ERR_VOIP_SERVICE_FAILED_TO_REGISTER`, or with `ERR_PRODUCTION_FIELD_REQUIRED` where it belongs to the other environment.
    PushTo {
        /// Where; `None`: nowhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<PushTarget>,
    },
    /// Signs this device out, which is reached by push no more; its session is over once answered (R33).
    Logout,
    /// Closes the socket on purpose (R23): this device places no calls from then on, and no socket brings it any. Refused with `ERR_ONGOING_CALL` while it
    /// is in a call or rings. Its session is over once answered.
    GoIdle,
    /// A request of a newer device, answered with `ERR_FEATURE_NOT_AVAILABLE`.
    #[serde(other)]
    Unknown,
}

/// The call that is to be placed (R16).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCall {
    /// Chosen by the caller's device.
    pub call: CallId,
    /// Whom to call.
    pub to: Cuid,
    /// Why, as the caller sees it, and the callee too unless `remote_context` is set.
    pub context: Context,
    /// Why, as the callee sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_context: Option<Context>,
    /// URL of the caller's picture, shown to the callee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator_image: Option<String>,
    /// URL of the callee's picture, shown to the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiver_image: Option<String>,
    /// Milliseconds from the answer after which the service ends the call (R29), at least 1,000. The account's own limit counts when it is shorter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_ms: Option<u64>,
}

/// What one device's media passes to the other's. The service relays it unread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Signal {
    /// An SDP offer (RFC 8829), from the caller to each device that rings, and again whenever media is to take another path.
    Offer {
        /// The session description.
        sdp: Redacted<String>,
        /// How often media between the two has been restarted before (RFC 8445, section 9).
        #[serde(default)]
        generation: u32,
    },
    /// The SDP answer to it. It says nothing of whether the *user* has answered.
    Answer {
        /// The session description.
        sdp: Redacted<String>,
        /// That of the offer. An answer to an offer that has been replaced counts for nothing.
        #[serde(default)]
        generation: u32,
    },
    /// The callee's device has to be reached by another path: the caller's is to offer anew.
    Restart,
    /// One ICE candidate (RFC 8838), in the JSON form of `RTCIceCandidateInit`.
    Candidate {
        /// The candidate.
        candidate: Redacted<String>,
    },
    /// A signal of a newer peer, ignored.
    #[serde(other)]
    Unknown,
}
