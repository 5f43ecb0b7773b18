use serde::{Deserialize, Serialize};

use crate::device_name::read_if_valid;
use crate::{
    Branding, CallId, Context, Cuid, DeviceId, DeviceName, EndReason, Endpoint, ErrorCode, Redacted, RequestId, SessionId, Signal,
};

/// What the service says to a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServiceMessage {
    /// Signed in: a new session begins.
    Welcome(Welcome),
    /// The session goes on; what was missed follows as events.
    Resumed,
    /// The session is unknown or too long ago, or its user token has expired; the device sends `hello` on this socket.
    SessionExpired,
    /// Not signed in, and why. The socket closes.
    Refused(Refusal),
    /// The session goes on by another user token.
    Renewed {
        /// Milliseconds until that one expires.
        token_lasts_ms: u64,
    },
    /// It does not, and why. The session goes on until the token that it has expires.
    NotRenewed(Refusal),
    /// The answer to one request.
    Response {
        /// The request.
        id: RequestId,
        /// Why it was refused; nothing when it was carried out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ErrorCode>,
        /// The receipt that was asked for: a JWS in its compact form.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        receipt: Option<Redacted<String>>,
    },
    /// Something happened.
    Event {
        /// 1, 2, 3 … within the session.
        seq: u64,
        /// What.
        event: ServiceEvent,
    },
    /// Fresh relay credentials, before the old ones expire.
    Ice(IceConfig),
    /// The service is about to restart: go to a new socket at a random moment within `spread_ms`, at the latest after `deadline_ms`.
    Goaway {
        /// Milliseconds until the socket is closed.
        deadline_ms: u64,
        /// Milliseconds over which devices spread their return.
        spread_ms: u64,
    },
    /// A message of a newer service, ignored with a log line.
    #[serde(other)]
    Unknown,
}

/// The beginning of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) of the service.
    pub version: u32,
    /// The session.
    pub session: SessionId,
    /// The right to resume it.
    pub resume_token: Redacted<String>,
    /// Milliseconds until the user token expires that this device has signed in with; by then it [renews](crate::ClientMessage::Renew) its right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_lasts_ms: Option<u64>,
    /// STUN and TURN servers.
    pub ice: IceConfig,
    /// How calls of this account look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branding: Option<Branding>,
    /// The public key by which the service signs what it gives to Web Push services (RFC 8292), uncompressed, in base64url: they take pushes of nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_key: Option<String>,
    /// The calls that this device has a part in: all others it knows of are over.
    #[serde(default)]
    pub calls: Vec<CallSnapshot>,
    /// The calls that have ended while this device was away. It may have heard of some, and may never have known others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<EndedCall>,
}

/// A call that has ended, for a device that begins a new session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedCall {
    /// The call.
    pub call: CallId,
    /// Why, as this device is to see it.
    pub reason: EndReason,
    /// Which other device of the same user has answered or declined, when one has and has a name. Nobody else is told.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "read_if_valid")]
    pub other_device: Option<DeviceName>,
}

/// Where media finds its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceConfig {
    /// STUN and TURN servers.
    pub servers: Vec<IceServer>,
    /// The account's policy: media goes through a relay only, so that no side learns the other's address.
    #[serde(default)]
    pub relay_only: bool,
}

/// One STUN or TURN server (the fields of `RTCIceServer`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:host:port`, or what a [`TurnUrl`](crate::TurnUrl) is.
    pub urls: Vec<String>,
    /// `expiry:user`, expiry in Unix seconds; empty for STUN.
    #[serde(default)]
    pub username: String,
    /// base64(HMAC-SHA1(shared secret, username)); empty for STUN.
    #[serde(default)]
    pub credential: Redacted<String>,
}

/// Why a device is not signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The error of R37.
    pub code: ErrorCode,
    /// What exactly is wrong, in English, for logs and for developers.
    pub detail: String,
    /// Do not try again before this many milliseconds have passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// Whether the same may be tried again: the fault is the service's own, or it says when to come back.
    pub fn is_passing(&self) -> bool {
        let is_its_own = matches!(self.code, ErrorCode::ServerFailure | ErrorCode::NetworkNotAvailable);
        (is_its_own || self.retry_after_ms.is_some()) && self.code != ErrorCode::StopRetry
    }
}

/// What happens to a call, as told to a device that has a part in it, or to what all calls of an account have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ServiceEvent {
    /// To a callee's device: somebody calls.
    Invite(Invite),
    /// To the caller: a device rings. The caller's media may now be offered to it; to one that rings again in another run of its program, anew.
    Ringing {
        /// The call.
        call: CallId,
        /// What rings.
        by: Endpoint,
    },
    /// To the caller and to the device that won: the call is answered.
    Answered {
        /// The call.
        call: CallId,
        /// What answered first.
        by: Endpoint,
        /// Milliseconds until the service ends the call, when its time is limited (R29).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left_ms: Option<u64>,
    },
    /// The other side holds the call, or goes on with it.
    Held {
        /// The call.
        call: CallId,
        /// Whether it is held from now on.
        on: bool,
    },
    /// To both sides of a call whose time is limited (R29): the end is near.
    TimeLeft {
        /// The call.
        call: CallId,
        /// Milliseconds until the service ends it.
        left_ms: u64,
    },
    /// The other side has transferred this device to somebody else: the call is over, and another one, of which this device is the caller, is placed.
    Transferred(Transferred),
    /// To everyone who had a part in it: the call is over. Final; the service has forgotten it.
    Ended {
        /// The call.
        call: CallId,
        /// Why.
        reason: EndReason,
        /// Which other device of the same user has answered or declined, when one has and has a name. Nobody else is told.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "read_if_valid")]
        other_device: Option<DeviceName>,
    },
    /// A session description or candidate from one device of the other side.
    Signal {
        /// The call.
        call: CallId,
        /// The sending device.
        from: DeviceId,
        /// What is passed.
        signal: Signal,
    },
    /// To every device of an account: its calls look like this from now on (R30).
    Branding(Branding),
    /// An event of a newer service; counted, acknowledged and otherwise ignored.
    #[serde(other)]
    Unknown,
}

/// Who calls, and why (R16, R19).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// The call.
    pub call: CallId,
    /// The caller.
    pub from: Cuid,
    /// The caller's device, which media leads to.
    pub endpoint: Endpoint,
    /// The caller's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_name: Option<String>,
    /// The reason, as the callee is to see it.
    pub context: Context,
    /// URL of the caller's picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator_image: Option<String>,
    /// URL of the callee's picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiver_image: Option<String>,
    /// Who has transferred the caller to this user, if anybody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transferred_by: Option<Cuid>,
    /// The call that this one leads to once it is answered, when `from` has not called: their company connects this user with `from`, who is called then. That
    /// call takes the place of this one as after a transfer, so that a device which does not know of it does the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leads_to: Option<CallId>,
    /// Milliseconds left until the service gives up ringing.
    pub ring_for_ms: u64,
}

/// A call that this device is the caller of since the other side of an earlier one has transferred it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transferred {
    /// The earlier call, which is over.
    pub instead_of: CallId,
    /// The call.
    pub call: CallId,
    /// Who is called.
    pub to: Cuid,
    /// The reason of the earlier call, as this side saw it.
    pub context: Context,
    /// URL of this user's picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator_image: Option<String>,
}

/// One call as the service knows it, for a device that begins a new session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "side", rename_all = "snake_case")]
pub enum CallSnapshot {
    /// This device placed the call, or was transferred to it.
    Caller {
        /// The call.
        call: CallId,
        /// How far it has come.
        phase: CallPhase,
        /// What there is to know of it when it was transferred.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transferred: Option<Transferred>,
    },
    /// This device is called, or took the call.
    Callee {
        /// Who calls, and why.
        invite: Invite,
        /// How far it has come.
        phase: CallPhase,
    },
    /// A part that only a newer service knows; ignored.
    #[serde(other)]
    Unknown,
}

/// How far a call has come, as the service knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum CallPhase {
    /// Written down; no device has confirmed that it rings.
    Placed,
    /// These devices ring.
    Ringing {
        /// In the order in which they confirmed.
        by: Vec<Endpoint>,
    },
    /// Answered by this device.
    Answered {
        /// Which.
        by: Endpoint,
        /// Milliseconds until the service ends the call, when its time is limited (R29).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left_ms: Option<u64>,
        /// Whether this device holds it, as far as it has said.
        #[serde(default, skip_serializing_if = "is_false")]
        holds: bool,
        /// Whether the other side holds it.
        #[serde(default, skip_serializing_if = "is_false")]
        is_held: bool,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}
