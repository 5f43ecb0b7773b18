//! The hub: the one authority on sessions, presence and calls. Pure, like the SDK's core.
//!
//! [`Hub::handle`] takes a moment and an event and returns a [`HubStep`]: commands to carry out, in order, and when to wake it next. There is no
//! clock, socket, thread or random source in here; the shell has those, and a simulation has virtual ones.
//!
//! ```text
//!            call ──▶ Recording ──recorded──▶ Ringing ──accept──▶ Answered
//!                      │     │                  │                   │
//!          record failed     cancelled          all declined,       hung up,
//!                      │     │                  cancelled, 35 s,    a side gone
//!                      ▼     ▼                  ▼                   ▼
//!                  no record closed             closed              closed
//! ```
//!
//! * **A record is durable before the caller is told that the call is placed**, and closed exactly once. So a call that is cancelled while its record
//!   is being written waits for the store, and is closed then; its device, or company, is answered no earlier, and says it again to a service that goes on with the call.
//! * **A store that cannot be written to** places no calls, which are answered with `ERR_SERVER_FAILURE`; those that there are go on.
//! * **An answer is durable before anybody is told of it**, so that a service which dies in between gives the call to nobody else. A store that cannot
//!   write it down keeps nobody waiting for long, unless it has others beside this service: one of them may have the call by then, as one that rings.
//! * **A call outlives the service** (see `restore`).
//! * **Whoever is called and not back yet**, since another service has had everybody until a moment ago, is waited for (see `early`).
//! * **The first `accept` wins.** An `accept`, `ringing`, `decline`, `hangup` or `signal` that comes too late is answered without an error and
//!   changes nothing: the `ended` that crossed it on the wire says what there is to know.
//! * **Which device** has answered or declined for all is told to the other devices of the same user, by the name that they know it by, and to nobody else.
//! * **How often** a user and an account, in each environment, may place calls can be limited; one too many is answered with `ERR_STOP_RETRY`, whoever it
//!   is to. A call counts once it is begun to be written down, and a transfer as a call of whoever asks for it.
//! * **Push** (see `push`): where no socket of the callee is connected, and where nobody confirms in time, their devices are called by push too. Whoever has
//!   signed out is not: the call is placed and over.
//! * **Quiet hours.** A call to whoever is not called at that hour is placed and over, and no device of the callee hears of it. A call that is under way
//!   when they begin goes on.
//! * **Busy.** A call rings on those devices of the callee that are in fewer calls than they take, one or two; when there are none, the callee is busy. A
//!   device says how many it takes when it signs in, and whenever that changes. It may place another call while it holds the one that it is in.
//! * A device that signs in while its user is called rings too, unless it has declined for itself.
//! * **Glare.** While Y's call to X is placed and unanswered, X's call to Y is answered with `ERR_ONGOING_CALL` and nothing else is done. X's device has Y's
//!   invite, or is about to; its line takes that error as the sign to accept it, and both have one call.
//! * A device that begins a new session keeps its part in the calls of the old one, and the answers to what it has asked; `welcome` lists the calls, and
//!   those that have ended meanwhile.
//!   One whose record was still being written is not listed: it goes on only if the device asks for it again.
//! * **Holding** changes nothing but what the other side is told. The hub remembers who holds, for a device that begins a new session.
//! * **A company connects two of its users** (see `connecting`) by a call to the one that leads to a call to the other, as by a transfer.
//! * **A transfer** (see `transfer`) is a call that somebody else than its caller asks for. It takes the place of another, which ends in the same moment, and
//!   may last as long as that one might have.
//! * **A limited call** (R29) ends by the hub's clock, which starts at the answer. Its sides are told how long it may last when it is answered, when the end
//!   is near, and when they begin a new session.
//! * **A user token** lets a device in until it expires, unless another takes its place. When none does, the session cannot be resumed any more, and its
//!   calls go on as after the loss of a socket: its device signs in anew in time, or has lost its network.
//! * **A policy** that an account changes (see `policy`) counts for calls that are placed from then on, by whoever is signed in, too.
//! * **A right that is withdrawn** while a device is signed in by it signs the device out; its calls end as when its user signs out. Where it is the key
//!   of its user token, that is as if the token had expired.
//! * A device whose program has started again while it rang has lost its media: the caller is told once it rings again, and offers anew. What was meant
//!   for the last run is not passed to the new one.
//! * A deadline fires before an event of the same millisecond.

mod answering;
mod budget;
mod call;
mod company;
mod connecting;
mod early;
mod event;
mod few;
mod figures;
mod kept;
mod limit;
mod past;
mod placing;
mod policy;
mod presence;
mod push;
mod quiet;
mod rate;
mod reason;
mod relay;
mod request;
mod restore;
mod rights;
mod session;
#[cfg(test)]
mod tests;
mod timers;
mod told;
mod told_later;
mod transfer;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use signedcall_wire::{
    AccountId, Branding, CallId, ClientMessage, Cuid, DeviceId, EndReason, Environment, ErrorCode, RequestId, ServiceEvent, ServiceMessage,
    SessionId, Timestamp,
};

use self::call::Call;
pub use self::company::Presence;
pub use self::connecting::{AskId, Connect, Connected, Side};
use self::early::EarlyCalls;
pub use self::event::{HubCommand, HubEvent, HubStep, SignIn, SocketId};
use self::few::Few;
pub(crate) use self::figures::HubFigures;
pub use self::kept::{
    AnsweredBy, AskedReceipt, CloseRecord, KeptAnswer, KeptCall, KeptEnd, KeptEvents, KeptReport, NamedDevice, OpenRecord,
};
pub(crate) use self::past::ENDED_REMEMBERED_FOR;
use self::past::PastCalls;
pub(crate) use self::placing::{MAX_IMAGE_URL_BYTES, MIN_CALL};
use self::policy::Policies;
pub use self::policy::Policy;
use self::push::PushDirectory;
pub use self::push::{ForgetPush, KeepPush, NewPush, PushOutcome, Reach, RenewPush};
pub use self::quiet::{Quiet, QuietHours};
use self::rate::CallBudgets;
pub use self::rate::CallRates;
pub use self::relay::RelayGrant;
pub(crate) use self::relay::{relay_name_of_key, relay_name_of_user, relay_password};
pub(crate) use self::rights::blocked;
pub use self::rights::{Basis, KeyId, Right, TokenKeyId, Withdrawn};
use self::session::{Answer, Session};
use self::timers::{Timer, Timers};

/// How long the hub waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubSettings {
    /// How long a call rings. 35 s is what the reference system does, and longer than most answering machines wait.
    pub ring_for: Duration,
    /// How long a session without a socket keeps its calls: media may still flow, and a change of network takes seconds.
    pub call_grace: Duration,
    /// How long a session without a socket can be resumed.
    pub session_kept_for: Duration,
    /// How long the store may take to write a call down before the caller is told that it failed.
    pub record_within: Duration,
    /// How long the store may take to write an answer down before both sides are told all the same: two users wait for each other's voice. `None`: for as long
    /// as it takes, where somebody else may go on with the calls at any time, and knows what the store has.
    pub answer_within: Option<Duration>,
    /// How many calls may be placed in a minute, where an account has not set that.
    pub call_rates: CallRates,
}

impl Default for HubSettings {
    fn default() -> Self {
        Self {
            ring_for: Duration::from_secs(35),
            call_grace: Duration::from_secs(30),
            session_kept_for: Duration::from_secs(60),
            record_within: Duration::from_secs(5),
            answer_within: Some(Duration::from_secs(1)),
            call_rates: CallRates::default(),
        }
    }
}

/// All sessions and calls of one service.
#[derive(Debug)]
pub struct Hub {
    settings: HubSettings,
    relay: Option<RelayGrant>,
    withdrawn: Withdrawn,
    quiet: Quiet,
    budgets: CallBudgets,
    /// Boxed, since a map has room for half as many again.
    sessions: BTreeMap<SessionId, Box<Session>>,
    sockets: BTreeMap<SocketId, SessionId>,
    presence: BTreeMap<User, Few<DeviceId, SessionId>>,
    calls: BTreeMap<CallId, Call>,
    early: EarlyCalls,
    past: PastCalls,
    /// The companies' backends that wait for the record of a call which they have asked for.
    asks: BTreeMap<CallId, Vec<AskId>>,
    /// Those that have ended a call whose record is being written, and wait for it.
    hang_ups: BTreeMap<CallId, Vec<AskId>>,
    /// The calls of each user that one of their devices may have to learn of when it signs in: those to them, and those that are over.
    calls_of_users: BTreeMap<User, BTreeSet<CallId>>,
    /// Whether no more calls are placed, and no device is given up: the next service goes on with all.
    drains: bool,
    /// How the calls of those accounts look that have changed it since the service was started.
    brandings: BTreeMap<AccountId, Branding>,
    policies: Policies,
    pushes: PushDirectory,
    /// What devices are to show to services that take Web Push.
    push_key: Option<String>,
    timers: Timers,
}

/// A cuid means something within one environment of its account only.
pub type User = (AccountId, Environment, Cuid);

/// When something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// On the hub's own clock, which never goes back and which all deadlines are of.
    pub now: Timestamp,
    /// On the wall, in milliseconds since 1970, UTC: what is said of hours of the day is said of this clock, which may be set at any time.
    pub wall: Timestamp,
}

impl From<Timestamp> for Moment {
    /// The moment on a clock that is the one on the wall.
    fn from(now: Timestamp) -> Self {
        Self { now, wall: now }
    }
}

/// What one event leads to, while it is being worked out.
struct Turn {
    now: Timestamp,
    /// What the clock on the wall shows.
    wall: Timestamp,
    commands: Vec<HubCommand>,
}

impl Turn {
    fn send(&mut self, socket: SocketId, message: ServiceMessage) {
        self.commands.push(HubCommand::Send { socket, message });
    }
}

impl Hub {
    /// Makes a hub that nobody is signed in to.
    pub fn new(settings: HubSettings) -> Self {
        Self {
            settings,
            relay: None,
            withdrawn: Withdrawn::default(),
            quiet: Quiet::default(),
            budgets: CallBudgets::new(settings.call_rates),
            sessions: BTreeMap::new(),
            sockets: BTreeMap::new(),
            presence: BTreeMap::new(),
            calls: BTreeMap::new(),
            early: EarlyCalls::default(),
            past: PastCalls::default(),
            asks: BTreeMap::new(),
            hang_ups: BTreeMap::new(),
            calls_of_users: BTreeMap::new(),
            drains: false,
            brandings: BTreeMap::new(),
            policies: Policies::default(),
            pushes: PushDirectory::default(),
            push_key: None,
            timers: Timers::default(),
        }
    }

    /// Takes one event and says what follows. An event that does not fit changes nothing.
    pub fn handle(&mut self, at: impl Into<Moment>, event: HubEvent) -> HubStep {
        let Moment { now, wall } = at.into();
        let mut turn = Turn { now, wall, commands: Vec::new() };
        self.forget_past(now);
        while let Some(timer) = self.timers.pop_due(now) {
            self.time_is_over(&mut turn, timer);
        }
        match event {
            HubEvent::SignedIn(sign_in) => self.sign_in(&mut turn, sign_in),
            HubEvent::ResumeAsked { socket, resume } => self.resume(&mut turn, socket, &resume),
            HubEvent::Received { socket, message } => self.receive(&mut turn, socket, message),
            HubEvent::SocketLost { socket } => self.lose_socket(&turn, socket),
            HubEvent::Recorded { call } => {
                self.recorded(&mut turn, call);
                self.answer_hang_ups(&mut turn, call, true);
            }
            HubEvent::RecordFailed { call } => self.fail_to_place(&mut turn, call, ErrorCode::FailureInMakeCall),
            HubEvent::StoreFailed { call } => self.fail_to_place(&mut turn, call, ErrorCode::ServerFailure),
            HubEvent::RelayRenewed { grant } => self.renew_relay(&mut turn, grant),
            HubEvent::AnswerWritten { call } => self.answer_is_settled(&mut turn, call),
            HubEvent::Restored { calls, ended } => self.restore(&mut turn, calls, ended),
            HubEvent::TokenRenewed { socket, account, environment, cuid, key, lasts } => {
                self.renew_token(&mut turn, socket, &(account, environment, cuid), key, lasts);
            }
            HubEvent::Withdrawn(withdrawn) => self.withdraw(&mut turn, withdrawn),
            HubEvent::QuietHours(quiet) => self.quiet = quiet,
            HubEvent::Policies(policies) => self.change_policies(&mut turn, policies),
            HubEvent::HangUpAsked { ask, account, environment, call } => {
                self.hang_up_for_company(&mut turn, ask, &account, environment, call);
            }
            HubEvent::ConnectAsked { ask, connect } => self.connect(&mut turn, ask, *connect),
            HubEvent::BrandingChanged { account, branding } => self.change_branding(&mut turn, account, branding),
            HubEvent::EventsKept { session, request, durable } => self.events_kept(&mut turn, session, request, durable),
            HubEvent::ReceiptMade { session, request, receipt } => self.receipt_made(&mut turn, session, request, receipt),
            HubEvent::PushesKnown { key, known } => self.know_pushes(key, known),
            HubEvent::PushKept { session, request, user, device, kept } => {
                self.push_kept(&mut turn, (session, request), &user, device, kept);
            }
            HubEvent::PushFailed { call, account, environment, cuid, device, gone } => {
                self.push_failed(&mut turn, call, &(account, environment, cuid), device, gone);
            }
            HubEvent::ReturnExpected { within } => self.expect_return(&turn, within),
            HubEvent::Draining => self.drains = true,
            HubEvent::Woken => {}
        }
        HubStep { commands: turn.commands, wake_at: self.timers.next() }
    }

    /// The calls whose record is open or being opened.
    pub fn calls(&self) -> impl Iterator<Item = CallId> {
        self.calls.keys().copied()
    }

    fn time_is_over(&mut self, turn: &mut Turn, timer: Timer) {
        match timer {
            Timer::RecordOverdue(call) => self.give_up_placing(turn, call),
            Timer::AnswerOverdue(call) => self.answer_is_settled(turn, call),
            Timer::PushDue(call) => self.push(turn, call),
            Timer::RingOver(call) => self.give_up_ringing(turn, call),
            Timer::EndNears(call) => self.warn_of_end(turn, call),
            Timer::TimeOver(call) => self.end(turn, call, EndReason::MaxDuration, |_| EndReason::MaxDuration),
            // The next service waits anew: a device that is away meanwhile keeps its calls.
            Timer::GraceOver(_) | Timer::KeepOver(_) | Timer::ReturnOver if self.drains => {}
            Timer::ReturnOver => self.end_return(turn),
            Timer::GraceOver(session) => self.give_up_waiting(turn, session),
            Timer::TokenOver(session) => self.expire_token(turn, session),
            Timer::KeepOver(session) => self.forget_session(turn, session, call::Departure::NetworkLoss),
        }
    }

    fn receive(&mut self, turn: &mut Turn, socket: SocketId, message: ClientMessage) {
        let Some(&session) = self.sockets.get(&socket) else {
            return;
        };
        match message {
            ClientMessage::Request { id, request } => self.carry_out(turn, session, id, request),
            ClientMessage::Ack { seq } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.events.acknowledge(seq);
                }
            }
            // The shell verifies what has a credential, and hands in the others as `ResumeAsked`; on a socket that is signed in they mean nothing.
            ClientMessage::Hello(_) | ClientMessage::Resume(_) | ClientMessage::Renew(_) | ClientMessage::Unknown => {}
        }
    }

    /// Keeps an event for a session, and sends it when there is a socket.
    fn tell(&mut self, turn: &mut Turn, session: SessionId, event: ServiceEvent) {
        let Some(session) = self.sessions.get_mut(&session) else {
            return;
        };
        let seq = session.events.push(turn.now, event.clone());
        if let Some(socket) = session.socket() {
            turn.send(socket, ServiceMessage::Event { seq, event });
        }
    }

    /// Keeps the answer to a request, and sends it when it is known and there is a socket.
    fn answer(&mut self, turn: &mut Turn, session: SessionId, id: RequestId, answer: Answer) {
        let Some(session) = self.sessions.get_mut(&session) else {
            return;
        };
        session.answers.set(id, answer);
        if let (Some(socket), Answer::Given(error)) = (session.socket(), answer) {
            turn.send(socket, ServiceMessage::Response { id, error, receipt: None });
        }
    }

    fn answer_all(&mut self, turn: &mut Turn, session: SessionId, ids: Vec<RequestId>, error: Option<ErrorCode>) {
        for id in ids {
            self.answer(turn, session, id, Answer::Given(error));
        }
    }
}
