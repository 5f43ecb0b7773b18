//! Devices by letters, and what the hub says in one line each, so that a table reads like a protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use signedcall_wire::{
    AccountId, CallId, CallPhase, CallSnapshot, ClientMessage, Context, Cuid, DeviceId, DeviceName, EndReason, Endpoint, Environment,
    Invite, NewCall, Redacted, Request, RequestId, Resume, RunId, ServiceEvent, ServiceMessage, SessionId, Signal, Timestamp, Transferred,
};
use uuid::Uuid;

use crate::hub::{
    AskId, Basis, CloseRecord, Connect, Hub, HubCommand, HubEvent, HubSettings, HubStep, KeptAnswer, KeptCall, KeptEnd, KeyId, OpenRecord,
    Reach, RelayGrant, Right, SignIn, SocketId, TokenKeyId, User, Withdrawn,
};

/// A device. `a` and `b` are the caller's; `x`, `y` and `z` the callee's; `o` and `q` are of two others; `p` is the callee's in the other environment.
pub(super) type Who = char;

/// What happens.
#[derive(Clone, Debug)]
pub(super) enum Do {
    /// A device signs in on a new socket.
    SignIn(Who),
    /// A device's program starts again, and signs in on a new socket.
    Restart(Who),
    /// A device goes on with its session on a new socket, having received so many events.
    Resume(Who, u64),
    /// A device's socket is lost.
    Lose(Who),
    /// A device asks for something.
    Ask(Who, Request),
    /// A device asks for the same again, under the same id.
    AskAgain(Who),
    /// A device acknowledges.
    Ack(Who, u64),
    /// A device brings another user token, made for the user of a device, which is good for so many milliseconds.
    RenewToken(Who, Who, u64),
    /// The api key of a device is revoked.
    RevokeKey(Who),
    /// A key that user tokens are signed with is registered no more.
    UnregisterKey(i64),
    /// The user of a device is blocked.
    BlockUser(Who),
    /// Nobody is blocked any more.
    UnblockAll,
    /// The record of the call is durable.
    Recorded,
    /// The record of another call is durable.
    RecordedOf(CallId),
    /// The record of the call is not written, since its id is taken.
    RecordFailed,
    /// The store cannot write the record of the call.
    StoreFailed,
    /// The store cannot write the record of another call.
    StoreFailedOf(CallId),
    /// The answer of the call is durable, when the store waits.
    AnswerWritten,
    /// The company's backend ends the call.
    CompanyHangsUp,
    /// The company's backend connects the user of one device with that of another: by the call, which leads to the third.
    CompanyConnects(Who, Who),
    /// Devices that another service has had are about to come back, within so many milliseconds.
    ReturnExpected(u64),
    /// The service is about to stop.
    Drain,
    /// Relay credentials are renewed.
    Renewed,
    /// The time has come.
    Wake,
}

pub(super) const CALL: CallId = CallId(Uuid::from_u128(0xCA11));
pub(super) const BACK: CallId = CallId(Uuid::from_u128(0xBACC));
pub(super) const THIRD: CallId = CallId(Uuid::from_u128(0x3333));
pub(super) const FOURTH: CallId = CallId(Uuid::from_u128(0x4444));

pub(super) fn call_to(call: CallId, to: Who) -> Request {
    Request::Call(NewCall {
        call,
        to: cuid(to),
        context: Context::new("Your order").expect("a context"),
        remote_context: None,
        initiator_image: None,
        receiver_image: None,
        max_duration_ms: None,
    })
}

pub(super) fn call() -> Request {
    call_to(CALL, 'x')
}

pub(super) fn ringing() -> Request {
    Request::Ringing { call: CALL }
}

pub(super) fn accept() -> Request {
    Request::Accept { call: CALL }
}

pub(super) fn decline(reason: EndReason) -> Request {
    Request::Decline { call: CALL, reason }
}

pub(super) fn hang_up(reason: EndReason) -> Request {
    Request::Hangup { call: CALL, reason }
}

pub(super) fn connected() -> Request {
    Request::MediaConnected { call: CALL }
}

pub(super) fn hold(on: bool) -> Request {
    Request::Hold { call: CALL, on }
}

/// Hands the other side of the call over to somebody.
pub(super) fn transfer(new: CallId, to: Who) -> Request {
    Request::Transfer { call: CALL, new, to: cuid(to) }
}

/// Connects the user of one device with that of another.
pub(super) fn connect(from: Who, to: Who) -> Connect {
    let context = |text: &str| Context::new(text).expect("a context");
    Connect {
        account: AccountId("parcelo".to_owned()),
        environment: Environment::Development,
        call: CALL,
        leads_to: THIRD,
        from: cuid(from),
        to: cuid(to),
        context: context("Your courier"),
        remote_context: Some(context("Your customer")),
        initiator_image: Some("from.png".to_owned()),
        receiver_image: Some("to.png".to_owned()),
        limit: None,
    }
}

pub(super) fn signal(to: Who) -> Request {
    signal_to(endpoint(to, 1))
}

pub(super) fn signal_to(to: Endpoint) -> Request {
    Request::Signal { call: CALL, to, signal: Signal::Candidate { candidate: Redacted::new("candidate".to_owned()) } }
}

pub(super) fn device(who: Who) -> DeviceId {
    DeviceId(Uuid::from_u128(u128::from(u32::from(who))))
}

/// What a device is called, when it says so.
fn name(who: Who) -> DeviceName {
    DeviceName::new(format!("device {who}")).expect("a name")
}

/// A device in the nth run of its program.
pub(super) fn endpoint(who: Who, run: u128) -> Endpoint {
    Endpoint { device: device(who), run: RunId(Uuid::from_u128(run)) }
}

pub(super) fn cuid(who: Who) -> Cuid {
    let name = match who {
        'a' | 'b' => "caller",
        'o' => "other",
        'q' => "quincy",
        _ => "callee",
    };
    Cuid::new(name).expect("a cuid")
}

pub(super) fn grant() -> RelayGrant {
    let (stun_urls, turn_urls) = (vec!["stun:192.0.2.1:3478".to_owned()], vec!["turn:192.0.2.1:3478".to_owned()]);
    RelayGrant { stun_urls, turn_urls, secret: Redacted::new("secret".to_owned()), expiry: 1 }
}

/// A hub and the devices around it.
pub(super) struct Stage {
    pub(super) hub: Hub,
    sockets: BTreeMap<Who, SocketId>,
    /// Each socket by its device's letter, and a number from the second on.
    names: BTreeMap<SocketId, String>,
    pub(super) sessions: BTreeMap<Who, (SessionId, Redacted<String>)>,
    /// How often a device's program has started again.
    restarts: BTreeMap<Who, u128>,
    /// Whether whoever signs in says what its device is called.
    pub(super) named: bool,
    /// Whether whoever signs in takes second calls.
    pub(super) second_calls: bool,
    /// The longest call of the account of whoever signs in.
    pub(super) max_call: Option<Duration>,
    /// Whether the store says nothing of answers by itself.
    pub(super) store_waits: bool,
    /// Whether whoever signs in may do so on one device at a time.
    pub(super) single_device: bool,
    /// How long the user token of whoever signs in is good; they have api keys otherwise.
    pub(super) token_lasts: Option<Duration>,
    /// Which key signs user tokens.
    pub(super) token_key: TokenKeyId,
    /// What the store was asked to write, and what is durable.
    opening: BTreeMap<CallId, OpenRecord>,
    open: BTreeMap<CallId, (OpenRecord, Option<KeptAnswer>)>,
    ended: Vec<KeptEnd>,
    /// Who is known to be reached by push when the service is started again.
    pub(super) pushes_known: Vec<(User, DeviceId, Reach)>,
    /// The pushes of which it is known what has become of them.
    settled: BTreeSet<(CallId, DeviceId)>,
    pub(super) asked: BTreeMap<Who, ClientMessage>,
    made: u64,
}

impl Stage {
    /// A hub with some devices signed in at 0.
    pub(super) fn with(devices: &str) -> Self {
        let mut stage = Self::empty();
        stage.sign_all_in(devices);
        stage
    }

    /// A hub with some devices that take second calls.
    pub(super) fn with_second_calls(devices: &str) -> Self {
        let mut stage = Self { second_calls: true, ..Self::empty() };
        stage.sign_all_in(devices);
        stage
    }

    /// A hub with some devices that say what they are called.
    pub(super) fn with_names(devices: &str) -> Self {
        let mut stage = Self { named: true, ..Self::empty() };
        stage.sign_all_in(devices);
        stage
    }

    fn sign_all_in(&mut self, devices: &str) {
        for who in devices.chars() {
            self.run(0, Do::SignIn(who));
        }
    }

    pub(super) fn empty() -> Self {
        let hub = Hub::new(HubSettings::default());
        let (sockets, names, sessions) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self {
            hub,
            sockets,
            names,
            sessions,
            restarts: BTreeMap::new(),
            named: false,
            second_calls: false,
            max_call: None,
            store_waits: false,
            single_device: false,
            token_lasts: None,
            token_key: TokenKeyId(1),
            opening: BTreeMap::new(),
            open: BTreeMap::new(),
            ended: Vec::new(),
            pushes_known: Vec::new(),
            settled: BTreeSet::new(),
            asked: BTreeMap::new(),
            made: 0,
        }
    }

    /// Lets something happen, and tells what follows.
    pub(super) fn run(&mut self, at: u64, what: Do) -> Vec<String> {
        let event = self.event(what);
        self.handle(at, event)
    }

    /// The service dies, and is started again on what is durable.
    pub(super) fn restart_service(&mut self, at: u64) -> Vec<String> {
        self.hub = Hub::new(HubSettings::default());
        self.opening.clear();
        let open: Vec<_> = self.open.values().cloned().collect();
        let calls = open.into_iter().map(|(record, answer)| {
            let (call, sessions) = (record.invite.call, [SessionId(self.make()), SessionId(self.make())]);
            let settled = self.settled.iter().filter(|(of, _)| *of == call).map(|(_, device)| *device).collect();
            KeptCall { record, answer, sessions, settled }
        });
        let calls = calls.collect();
        if !self.pushes_known.is_empty() {
            let known = self.pushes_known.clone();
            self.handle(at, HubEvent::PushesKnown { key: "key".to_owned(), known });
        }
        self.handle(at, HubEvent::Restored { calls, ended: self.ended.clone() })
    }

    /// The store has written a call down, and the hub has not heard of it yet.
    pub(super) fn make_durable(&mut self, call: CallId) {
        if let Some(record) = self.opening.remove(&call) {
            self.open.insert(call, (record, None));
        }
    }

    pub(super) fn wake_at(&mut self, at: u64) -> Option<u64> {
        self.hub.handle(Timestamp::from_millis(at), HubEvent::Woken).wake_at.map(Timestamp::as_millis)
    }

    /// Makes the event, for a test that hands it in later.
    pub(super) fn event(&mut self, what: Do) -> HubEvent {
        match what {
            Do::SignIn(who) => self.sign_in(who, device(who)),
            Do::Restart(who) => {
                *self.restarts.entry(who).or_default() += 1;
                self.sign_in(who, device(who))
            }
            Do::Resume(who, last_seq) => {
                let (session, token) = self.sessions[&who].clone();
                let resume = Resume { version: signedcall_wire::PROTOCOL_VERSION, session, token, last_seq };
                HubEvent::ResumeAsked { socket: self.open(who), resume }
            }
            Do::Lose(who) => HubEvent::SocketLost { socket: self.sockets[&who] },
            Do::Ask(who, request) => {
                let message = ClientMessage::Request { id: RequestId(self.make()), request };
                self.asked.insert(who, message.clone());
                HubEvent::Received { socket: self.sockets[&who], message }
            }
            Do::AskAgain(who) => HubEvent::Received { socket: self.sockets[&who], message: self.asked[&who].clone() },
            Do::Ack(who, seq) => HubEvent::Received { socket: self.sockets[&who], message: ClientMessage::Ack { seq } },
            Do::Recorded => HubEvent::Recorded { call: CALL },
            Do::RecordedOf(call) => HubEvent::Recorded { call },
            Do::RecordFailed => HubEvent::RecordFailed { call: CALL },
            Do::StoreFailed => HubEvent::StoreFailed { call: CALL },
            Do::StoreFailedOf(call) => HubEvent::StoreFailed { call },
            Do::AnswerWritten => HubEvent::AnswerWritten { call: CALL },
            Do::CompanyHangsUp => {
                let account = AccountId("parcelo".to_owned());
                HubEvent::HangUpAsked { ask: AskId(0), account, environment: Environment::Development, call: CALL }
            }
            Do::CompanyConnects(from, to) => HubEvent::ConnectAsked { ask: AskId(0), connect: Box::new(connect(from, to)) },
            Do::ReturnExpected(within) => HubEvent::ReturnExpected { within: Duration::from_millis(within) },
            Do::Drain => HubEvent::Draining,
            Do::Renewed => HubEvent::RelayRenewed { grant: grant() },
            Do::RenewToken(who, of, lasts) => {
                let (account, cuid) = (AccountId("parcelo".to_owned()), cuid(of));
                let (environment, lasts) = (Environment::Development, Duration::from_millis(lasts));
                HubEvent::TokenRenewed { socket: self.sockets[&who], account, environment, cuid, key: self.token_key, lasts }
            }
            Do::RevokeKey(who) => HubEvent::Withdrawn(Withdrawn { keys: [key(who)].into(), ..Withdrawn::default() }),
            Do::UnregisterKey(key) => HubEvent::Withdrawn(Withdrawn { token_keys: [TokenKeyId(key)].into(), ..Withdrawn::default() }),
            Do::BlockUser(who) => {
                let user = (AccountId("parcelo".to_owned()), Environment::Development, cuid(who));
                HubEvent::Withdrawn(Withdrawn { users: [user].into(), ..Withdrawn::default() })
            }
            Do::UnblockAll => HubEvent::Withdrawn(Withdrawn::default()),
            Do::Wake => HubEvent::Woken,
        }
    }

    /// Signs a device in that need not be the one that the letter stands for.
    pub(super) fn sign_in(&mut self, who: Who, device: DeviceId) -> HubEvent {
        let (session, resume_token) = (SessionId(self.make()), Redacted::new(self.made.to_string()));
        self.sessions.insert(who, (session, resume_token.clone()));
        let run = RunId(Uuid::from_u128(1 + self.restarts.get(&who).copied().unwrap_or_default()));
        HubEvent::SignedIn(SignIn {
            socket: self.open(who),
            account: AccountId("parcelo".to_owned()),
            environment: if who == 'p' { Environment::Production } else { Environment::Development },
            cuid: cuid(who),
            right: self.token_lasts.map_or_else(|| Right::ApiKey(key(who)), |lasts| Right::UserToken { key: self.token_key, lasts }),
            name: None,
            endpoint: Endpoint { device, run },
            device_name: self.named.then(|| name(who)),
            second_calls: self.second_calls,
            session,
            resume_token,
            max_call: self.max_call,
            single_device: self.single_device,
            relay_only: false,
            branding: None,
        })
    }

    pub(super) fn handle(&mut self, at: u64, event: HubEvent) -> Vec<String> {
        if let HubEvent::Recorded { call } = &event {
            self.make_durable(*call);
        }
        let HubStep { commands, wake_at: _ } = self.hub.handle(Timestamp::from_millis(at), event);
        let mut told = Vec::new();
        for command in commands {
            match &command {
                HubCommand::WriteAnswer { call, .. } if !self.store_waits => {
                    self.store(&command);
                    told.extend(self.handle(at, HubEvent::AnswerWritten { call: *call }));
                }
                // Nobody is told anything by it.
                HubCommand::NoteRinging { .. } => self.store(&command),
                HubCommand::Send { .. }
                | HubCommand::Close { .. }
                | HubCommand::OpenRecord(_)
                | HubCommand::CloseRecord(_)
                | HubCommand::KeepReport(_)
                | HubCommand::MakeReceipt(_)
                | HubCommand::KeepEvents(_)
                | HubCommand::KeepPush(_)
                | HubCommand::ForgetPush(_)
                | HubCommand::RenewPush(_)
                | HubCommand::Push(_)
                | HubCommand::PushSettled { .. }
                | HubCommand::AnswerConnect { .. }
                | HubCommand::AnswerHangUp { .. }
                | HubCommand::WriteAnswer { .. } => {
                    self.store(&command);
                    told.push(self.describe(&command));
                }
            }
        }
        told
    }

    fn store(&mut self, command: &HubCommand) {
        match command {
            HubCommand::KeepReport(_)
            | HubCommand::KeepEvents(_)
            | HubCommand::MakeReceipt(_)
            | HubCommand::KeepPush(_)
            | HubCommand::ForgetPush(_)
            | HubCommand::RenewPush(_)
            | HubCommand::Push(_)
            | HubCommand::AnswerConnect { .. }
            | HubCommand::AnswerHangUp { .. }
            | HubCommand::Send { .. }
            | HubCommand::Close { .. } => {}
            HubCommand::PushSettled { call, device, .. } => drop(self.settled.insert((*call, *device))),
            HubCommand::OpenRecord(record) => drop(self.opening.insert(record.invite.call, record.clone())),
            HubCommand::NoteRinging { call, rings_on } => {
                if let Some((record, _)) = self.open.get_mut(call) {
                    record.rings_on.clone_from(rings_on);
                }
            }
            HubCommand::WriteAnswer { call, answer } => {
                if let Some((_, kept)) = self.open.get_mut(call).filter(|_| !self.store_waits) {
                    *kept = Some(answer.clone());
                }
            }
            HubCommand::CloseRecord(CloseRecord { call, answered, declined_by, ended_at, reason }) => {
                let (record, _) = self.open.remove(call).expect("a record is closed that is open");
                self.ended.push(KeptEnd {
                    call: *call,
                    account: record.account,
                    environment: record.environment,
                    caller: (record.invite.from, record.invite.endpoint.device),
                    callee: record.callee,
                    answered_by: answered.as_ref().map(|answered| answered.device.clone()),
                    declined_by: declined_by.clone(),
                    ended_at: *ended_at,
                    reason: *reason,
                });
            }
        }
    }

    fn open(&mut self, who: Who) -> SocketId {
        let socket = SocketId(self.made);
        self.made += 1;
        let earlier = self.names.values().filter(|name| name.starts_with(who)).count();
        self.names.insert(socket, if earlier == 0 { who.to_string() } else { format!("{who}{}", earlier + 1) });
        self.sockets.insert(who, socket);
        socket
    }

    fn make(&mut self) -> Uuid {
        self.made += 1;
        Uuid::from_u128(u128::from(self.made))
    }

    fn describe(&self, command: &HubCommand) -> String {
        match command {
            HubCommand::Send { socket, message } => format!("{} {}", self.names[socket], describe_message(message)),
            HubCommand::Close { socket } => format!("{} close", self.names[socket]),
            HubCommand::OpenRecord(record) if record.by_company => "open record by company".to_owned(),
            HubCommand::OpenRecord(_) => "open record".to_owned(),
            HubCommand::AnswerConnect { outcome, .. } => format!("company {outcome:?}"),
            HubCommand::AnswerHangUp { went_on, .. } => format!("company {}", if *went_on { "has hung up" } else { "finds no call" }),
            HubCommand::WriteAnswer { .. } => "write answer".to_owned(),
            HubCommand::NoteRinging { rings_on, .. } => {
                format!("rings on {}", rings_on.iter().map(|device| letter(*device)).collect::<String>())
            }
            HubCommand::KeepEvents(kept) => format!("keep {} events of {}", kept.events.len(), kept.cuid),
            HubCommand::MakeReceipt(asked) => format!("make receipt for {}", asked.cuid),
            HubCommand::KeepReport(kept) => format!("keep report {}", letter(kept.device)),
            HubCommand::KeepPush(kept) => {
                format!("keep push {} {}", letter(kept.device), if kept.target.is_some() { "here" } else { "nowhere" })
            }
            HubCommand::ForgetPush(forgotten) => {
                format!("forget push {}{}", letter(forgotten.device), if forgotten.logged_out { " logged out" } else { "" })
            }
            HubCommand::RenewPush(renewed) => format!("renew push {}", letter(renewed.device)),
            HubCommand::Push(push) => format!("push {} until {}", letter(push.device), push.expires_at_ms),
            HubCommand::PushSettled { device, outcome, .. } => format!("push {} {outcome:?}", letter(*device)),
            HubCommand::CloseRecord(close) => match &close.answered {
                None => format!("close record {:?}", close.reason),
                Some(answered) => {
                    let talked = if answered.connected_at.is_some() { "talked" } else { "never connected" };
                    format!("close record {:?} {} {talked}", close.reason, letter(answered.device.id))
                }
            },
        }
    }
}

/// A device by its letter; with a number in another run of its program than the first.
fn label(endpoint: Endpoint) -> String {
    match endpoint.run.0.as_u128() {
        1 => letter(endpoint.device).to_string(),
        run => format!("{}/{run}", letter(endpoint.device)),
    }
}

fn letter(device: DeviceId) -> char {
    u32::try_from(device.0.as_u128()).ok().and_then(char::from_u32).unwrap_or('?')
}

/// What a device signs in by, where that is an api key.
pub(super) fn basis(who: Who) -> Basis {
    Basis::ApiKey(key(who))
}

/// The api key that a device signs in with.
fn key(who: Who) -> KeyId {
    KeyId(format!("key of {who}"))
}

fn describe_message(message: &ServiceMessage) -> String {
    match message {
        ServiceMessage::Welcome(welcome) => {
            let calls: Vec<_> = welcome.calls.iter().map(describe_snapshot).collect();
            let lasts = welcome.token_lasts_ms.map(|lasts| format!(" for {lasts}")).unwrap_or_default();
            let ended: Vec<_> =
                welcome.ended.iter().map(|ended| format!(" {}", describe_end(ended.reason, ended.other_device.as_ref()))).collect();
            format!("welcome{lasts}{}{}", calls.concat(), ended.concat())
        }
        ServiceMessage::Resumed => "resumed".to_owned(),
        ServiceMessage::SessionExpired => "session expired".to_owned(),
        ServiceMessage::Renewed { token_lasts_ms } => format!("renewed for {token_lasts_ms}"),
        ServiceMessage::NotRenewed(refusal) => format!("not renewed {}", refusal.code.name()),
        ServiceMessage::Refused(refusal) => format!("refused {}", refusal.code.name()),
        ServiceMessage::Response { receipt: Some(_), .. } => "receipt".to_owned(),
        ServiceMessage::Response { error: None, .. } => "ok".to_owned(),
        ServiceMessage::Response { error: Some(error), .. } => error.name().to_owned(),
        ServiceMessage::Event { seq, event } => format!("#{seq} {}", describe_event(event)),
        ServiceMessage::Ice(_) => "ice".to_owned(),
        ServiceMessage::Goaway { .. } | ServiceMessage::Unknown => unreachable!("the hub does not say this"),
    }
}

fn describe_event(event: &ServiceEvent) -> String {
    match event {
        ServiceEvent::Invite(Invite { ring_for_ms, from, leads_to: Some(_), context, .. }) => {
            format!("invite {ring_for_ms} to be connected with {from} for {context}")
        }
        ServiceEvent::Invite(Invite { ring_for_ms, transferred_by: None, .. }) => format!("invite {ring_for_ms}"),
        ServiceEvent::Invite(Invite { ring_for_ms, from, transferred_by: Some(by), context, initiator_image, .. }) => {
            let picture = initiator_image.as_ref().map(|url| format!(" with {url}")).unwrap_or_default();
            format!("invite {ring_for_ms} of {from} by {by} for {context}{picture}")
        }
        ServiceEvent::Ringing { by, .. } => format!("ringing {}", label(*by)),
        ServiceEvent::Answered { by, left_ms, .. } => format!("answered {}{}", label(*by), describe_left(*left_ms)),
        ServiceEvent::Held { on, .. } => if *on { "held" } else { "resumed" }.to_owned(),
        ServiceEvent::Transferred(Transferred { to, context, .. }) => format!("transferred to {to} for {context}"),
        ServiceEvent::TimeLeft { left_ms, .. } => format!("time left {left_ms}"),
        ServiceEvent::Ended { reason, other_device, .. } => describe_end(*reason, other_device.as_ref()),
        ServiceEvent::Signal { from, .. } => format!("signal {}", letter(*from)),
        ServiceEvent::Branding(branding) => format!("branding {}", branding.name),
        ServiceEvent::Unknown => unreachable!("the hub does not say this"),
    }
}

fn describe_end(reason: EndReason, other_device: Option<&DeviceName>) -> String {
    let on = other_device.map(|name| format!(" on {name}")).unwrap_or_default();
    format!("ended {reason:?}{on}")
}

fn describe_left(left_ms: Option<u64>) -> String {
    left_ms.map(|left_ms| format!(" for {left_ms}")).unwrap_or_default()
}

fn describe_snapshot(snapshot: &CallSnapshot) -> String {
    let (side, phase) = match snapshot {
        CallSnapshot::Caller { phase, transferred: None, .. } => ("caller", phase),
        CallSnapshot::Caller { phase, transferred: Some(_), .. } => ("transferred", phase),
        CallSnapshot::Callee { phase, .. } => ("callee", phase),
        CallSnapshot::Unknown => unreachable!("the hub does not say this"),
    };
    match phase {
        CallPhase::Placed => format!(" {side} placed"),
        CallPhase::Ringing { by } => format!(" {side} ringing {}", by.iter().map(|by| label(*by)).collect::<String>()),
        CallPhase::Answered { by, left_ms, holds, is_held } => {
            let who = match (holds, is_held) {
                (false, false) => "",
                (true, false) => " holds",
                (false, true) => " is held",
                (true, true) => " holds and is held",
            };
            format!(" {side} answered {}{}{who}", label(*by), describe_left(*left_ms))
        }
    }
}
