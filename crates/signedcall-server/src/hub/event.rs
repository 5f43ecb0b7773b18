use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use signedcall_wire::{
    AccountId, Branding, CallId, ClientMessage, Cuid, DeviceId, DeviceName, Endpoint, Environment, ErrorCode, Redacted, RequestId, Resume,
    ServiceMessage, SessionId, Timestamp,
};

use super::connecting::{AskId, Connect, Connected};
use super::kept::{AskedReceipt, CloseRecord, KeptAnswer, KeptCall, KeptEnd, KeptEvents, KeptReport, OpenRecord};
use super::policy::Policy;
use super::push::{ForgetPush, KeepPush, NewPush, PushOutcome, Reach, RenewPush};
use super::quiet::Quiet;
use super::rights::{Right, TokenKeyId, Withdrawn};
use super::{RelayGrant, User};

/// One open socket. The shell numbers them in the order in which they open, and never uses a number again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SocketId(pub u64);

/// Something that happened to the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubEvent {
    /// The shell has verified a `hello`.
    SignedIn(SignIn),
    /// A socket asks to go on with a session.
    ResumeAsked {
        /// The socket.
        socket: SocketId,
        /// Which session, and from where.
        resume: Resume,
    },
    /// A signed-in device said something.
    Received {
        /// The socket.
        socket: SocketId,
        /// What it said.
        message: ClientMessage,
    },
    /// A socket is gone, for whatever reason.
    SocketLost {
        /// The socket.
        socket: SocketId,
    },
    /// The record that [`HubCommand::OpenRecord`] asked for is durable.
    Recorded {
        /// The call.
        call: CallId,
    },
    /// The record that [`HubCommand::OpenRecord`] asked for is not written, and never will be: there has been a call with this id.
    RecordFailed {
        /// The call.
        call: CallId,
    },
    /// The record that [`HubCommand::OpenRecord`] asked for could not be written, and never will be, since nothing can be written at the moment: no call can be
    /// placed.
    StoreFailed {
        /// The call.
        call: CallId,
    },
    /// What [`HubCommand::WriteAnswer`] asked for is durable, or cannot be written.
    AnswerWritten {
        /// The call.
        call: CallId,
    },
    /// The service has been started again: these calls go on from before. Comes first, if at all.
    Restored {
        /// Those whose records are open.
        calls: Vec<KeptCall>,
        /// Those that had ended shortly before, oldest first: not everybody may have been told.
        ended: Vec<KeptEnd>,
    },
    /// Another service has had these calls until a moment ago: the devices that were signed in there come back within this time, and whoever is called is waited
    /// for as long.
    ReturnExpected {
        /// The time.
        within: Duration,
    },
    /// There are fresh relay credentials to be had, for those who are connected and for everyone who comes.
    RelayRenewed {
        /// What they are made with.
        grant: RelayGrant,
    },
    /// The shell has verified another user token for the session on a socket.
    TokenRenewed {
        /// The socket.
        socket: SocketId,
        /// The company that has signed it.
        account: AccountId,
        /// For which of its environments.
        environment: Environment,
        /// For which user.
        cuid: Cuid,
        /// By which of its keys.
        key: TokenKeyId,
        /// How long it is good.
        lasts: Duration,
    },
    /// These rights are withdrawn, and no others: what was withdrawn before and is not named gives rights again.
    Withdrawn(Withdrawn),
    /// Users are not called at these hours, and at no others.
    QuietHours(Quiet),
    /// These are the policies of all accounts. What is not as it was told before has changed.
    Policies(BTreeMap<AccountId, Policy>),
    /// A company's backend ends a call. [`HubCommand::AnswerHangUp`] follows.
    HangUpAsked {
        /// By what it is answered.
        ask: AskId,
        /// The company.
        account: AccountId,
        /// For which of its environments it asks.
        environment: Environment,
        /// The call.
        call: CallId,
    },
    /// A company's backend connects two of its users.
    ConnectAsked {
        /// By what it is answered.
        ask: AskId,
        /// Whom, and how.
        connect: Box<Connect>,
    },
    /// Calls of an account look like this from now on.
    BrandingChanged {
        /// The company.
        account: AccountId,
        /// How its calls look.
        branding: Branding,
    },
    /// What has come of [`HubCommand::KeepEvents`].
    EventsKept {
        /// The session that has told them.
        session: SessionId,
        /// Its request.
        request: RequestId,
        /// Whether they are durable.
        durable: bool,
    },
    /// What has come of [`HubCommand::MakeReceipt`].
    ReceiptMade {
        /// The session that has asked.
        session: SessionId,
        /// Its request.
        request: RequestId,
        /// The receipt, or why there is none.
        receipt: Result<Redacted<String>, ErrorCode>,
    },
    /// The service has been started: these devices have said before where their pushes go.
    PushesKnown {
        /// What devices are told that Web Push services are to take pushes of.
        key: String,
        /// The devices, in the order in which they have said so.
        known: Vec<(User, DeviceId, Reach)>,
    },
    /// What has come of [`HubCommand::KeepPush`].
    PushKept {
        /// The session that has asked.
        session: SessionId,
        /// Its request.
        request: RequestId,
        /// Its user.
        user: User,
        /// The device.
        device: DeviceId,
        /// Whether the device is reached by push now, or why it is not known.
        kept: Result<bool, ErrorCode>,
    },
    /// A push that [`HubCommand::Push`] asked for could not be brought.
    PushFailed {
        /// The call.
        call: CallId,
        /// The company.
        account: AccountId,
        /// Which of its environments.
        environment: Environment,
        /// The user.
        cuid: Cuid,
        /// The device.
        device: DeviceId,
        /// Whether it was said that the device is not there any more; where its pushes go is forgotten.
        gone: bool,
    },
    /// The service is about to stop: no more calls are placed. Those that there are outlive it, and no device that is away is taken
    /// out of one.
    Draining,
    /// The moment that the last [`HubStep`] asked for has come.
    Woken,
}

/// A verified sign-in. Session id and token come from outside, since nothing random is made in the hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// Where the `hello` came from.
    pub socket: SocketId,
    /// The company.
    pub account: AccountId,
    /// Which of its environments: users of one cannot reach those of the other.
    pub environment: Environment,
    /// The user.
    pub cuid: Cuid,
    /// What lets it in.
    pub right: Right,
    /// What other users see.
    pub name: Option<String>,
    /// The installation, and the run of its program.
    pub endpoint: Endpoint,
    /// What the user's other devices call it.
    pub device_name: Option<DeviceName>,
    /// Whether it rings while it is in a call.
    pub second_calls: bool,
    /// A fresh id.
    pub session: SessionId,
    /// A fresh secret.
    pub resume_token: Redacted<String>,
    /// The longest that a call of the account may last from its answer.
    pub max_call: Option<Duration>,
    /// Whether the account's users are on one device at a time.
    pub single_device: bool,
    /// The account's policy on media, for [`IceConfig`](signedcall_wire::IceConfig).
    pub relay_only: bool,
    /// How the account's calls look.
    pub branding: Option<Branding>,
}

/// What follows from one event.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HubStep {
    /// To be carried out in this order.
    pub commands: Vec<HubCommand>,
    /// When to hand in [`HubEvent::Woken`], unless another event comes first; `None` when nothing waits.
    pub wake_at: Option<Timestamp>,
}

/// Something the shell has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubCommand {
    /// Send a message. A socket that is gone, or too slow to take it, loses it; the session's events are replayed when it resumes.
    Send {
        /// The socket.
        socket: SocketId,
        /// The message.
        message: ServiceMessage,
    },
    /// Close a socket once everything sent before is written.
    Close {
        /// The socket.
        socket: SocketId,
    },
    /// Write a call down durably, then say [`HubEvent::Recorded`], [`HubEvent::RecordFailed`] or [`HubEvent::StoreFailed`]: always one of
    /// them, and once.
    OpenRecord(OpenRecord),
    /// Write down on which of the callee's devices a call can ring by now. Nobody waits for it.
    NoteRinging {
        /// The call.
        call: CallId,
        /// All of them.
        rings_on: Vec<DeviceId>,
    },
    /// Write down durably how an answered call goes on, then say [`HubEvent::AnswerWritten`], whether or not it could be written.
    WriteAnswer {
        /// The call.
        call: CallId,
        /// What there is to know of it.
        answer: KeptAnswer,
    },
    /// Tell a company's backend what has come of [`HubEvent::ConnectAsked`]. Comes once for each, unless the service stops before.
    AnswerConnect {
        /// What it has asked by.
        ask: AskId,
        /// What has come of it.
        outcome: Connected,
    },
    /// Tell a company's backend what has come of [`HubEvent::HangUpAsked`]. Comes once for each, unless the service stops before.
    AnswerHangUp {
        /// What it has asked by.
        ask: AskId,
        /// Whether the call went on until then.
        went_on: bool,
    },
    /// Close the record of a call. Comes once for each record that was opened and became durable.
    CloseRecord(CloseRecord),
    /// Keep with the record of a call how it sounded for one side, if it was a side of that call and has not said so before.
    KeepReport(KeptReport),
    /// Keep events durably, of those calls that their user had a part in, each once, then say [`HubEvent::EventsKept`].
    KeepEvents(KeptEvents),
    /// Make the receipt of a call, if it is over and the user had a part in it, then say [`HubEvent::ReceiptMade`].
    MakeReceipt(AskedReceipt),
    /// Write down durably where a device is reached by push, then say [`HubEvent::PushKept`].
    KeepPush(KeepPush),
    /// Send no more pushes to a device.
    ForgetPush(ForgetPush),
    /// Write down by what right a device is reached by push.
    RenewPush(RenewPush),
    /// Call a device by push, once for each call, and say [`HubEvent::PushFailed`] if that cannot be done.
    Push(NewPush),
    /// It is known what has become of a push (R36). One that is not brought yet is not wanted any more.
    PushSettled {
        /// The call.
        call: CallId,
        /// The device.
        device: DeviceId,
        /// What has become of it.
        outcome: PushOutcome,
    },
}
