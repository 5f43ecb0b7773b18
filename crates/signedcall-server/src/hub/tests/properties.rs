//! What holds whatever devices do, in whatever order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use proptest::prelude::*;
use signedcall_wire::{
    AccountId, CallId, ClientMessage, Context, Cuid, DeviceId, DeviceName, EndReason, Endpoint, Environment, MAX_CALLS_PER_DEVICE,
    MAX_SOCKETS_PER_CUID, NewCall, PROTOCOL_VERSION, Redacted, Request, RequestId, Resume, RunId, ServiceEvent, ServiceMessage, SessionId,
    Signal, Timestamp, VoiceReport,
};
use uuid::Uuid;

use crate::hub::{
    AskId, Connect, Hub, HubCommand, HubEvent, HubSettings, KeptAnswer, KeptCall, KeyId, OpenRecord, Right, SignIn, SocketId,
};

const DEVICES: usize = 7;
const CALLS: u128 = 4;

/// One thing that happens; numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Op {
    SignIn {
        device: usize,
        /// Whether its program has started again.
        restarts: bool,
    },
    /// `forgotten`: how many of the events that were sent did not arrive.
    Resume {
        device: usize,
        forgotten: u64,
    },
    Lose {
        device: usize,
    },
    Ask {
        device: usize,
        what: Ask,
    },
    Repeat {
        device: usize,
    },
    Ack {
        device: usize,
    },
    /// The company connects the users of two devices.
    Connect {
        call: u128,
        leads_to: u128,
        from: usize,
        to: usize,
    },
    /// The company ends a call.
    HangUp {
        call: u128,
    },
    Store {
        durable: bool,
    },
    Wait {
        milliseconds: u64,
    },
    /// The service dies, and is started again on what its store has.
    RestartService,
    /// Waits until the hub wants to be woken, or almost.
    Due {
        early: bool,
    },
}

#[derive(Clone, Debug)]
enum Ask {
    Call { call: u128, to: usize },
    Ringing { call: u128 },
    Accept { call: u128 },
    Decline { call: u128, reason: EndReason },
    Hangup { call: u128, reason: EndReason },
    Connected { call: u128 },
    Hold { call: u128, on: bool },
    Transfer { call: u128, new: u128, to: usize },
    Signal { call: u128, to: usize },
    Logout,
    GoIdle,
    TakeSecondCalls { on: bool },
    ReportVoice { call: u128 },
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let device = || 0..DEVICES;
    let call = || 0..CALLS;
    let reason = || proptest::sample::select(&EndReason::ALL[..]);
    let ask = prop_oneof![
        6 => (call(), device()).prop_map(|(call, to)| Ask::Call { call, to }),
        3 => call().prop_map(|call| Ask::Ringing { call }),
        4 => call().prop_map(|call| Ask::Accept { call }),
        2 => (call(), reason()).prop_map(|(call, reason)| Ask::Decline { call, reason }),
        2 => (call(), reason()).prop_map(|(call, reason)| Ask::Hangup { call, reason }),
        2 => call().prop_map(|call| Ask::Connected { call }),
        2 => (call(), any::<bool>()).prop_map(|(call, on)| Ask::Hold { call, on }),
        4 => (call(), call(), device()).prop_map(|(call, new, to)| Ask::Transfer { call, new, to }),
        3 => (call(), device()).prop_map(|(call, to)| Ask::Signal { call, to }),
        1 => Just(Ask::Logout),
        1 => Just(Ask::GoIdle),
        2 => any::<bool>().prop_map(|on| Ask::TakeSecondCalls { on }),
        1 => call().prop_map(|call| Ask::ReportVoice { call }),
    ];
    let op = prop_oneof![
        3 => (device(), any::<bool>()).prop_map(|(device, restarts)| Op::SignIn { device, restarts }),
        3 => (device(), 0..4_u64).prop_map(|(device, forgotten)| Op::Resume { device, forgotten }),
        2 => device().prop_map(|device| Op::Lose { device }),
        12 => (device(), ask).prop_map(|(device, what)| Op::Ask { device, what }),
        2 => device().prop_map(|device| Op::Repeat { device }),
        2 => device().prop_map(|device| Op::Ack { device }),
        2 => (call(), call(), device(), device()).prop_map(|(call, leads_to, from, to)| Op::Connect { call, leads_to, from, to }),
        1 => call().prop_map(|call| Op::HangUp { call }),
        6 => proptest::bool::weighted(0.9).prop_map(|durable| Op::Store { durable }),
        1 => (0..40_000_u64).prop_map(|milliseconds| Op::Wait { milliseconds }),
        1 => any::<bool>().prop_map(|early| Op::Due { early }),
        1 => Just(Op::RestartService),
    ];
    proptest::collection::vec(op, 1..120)
}

/// A device as the test sees it.
#[derive(Default)]
struct Device {
    run: u64,
    socket: Option<SocketId>,
    session: Option<(SessionId, Redacted<String>)>,
    received: u64,
    acknowledged: u64,
    last_request: Option<ClientMessage>,
}

struct World {
    hub: Hub,
    now: u64,
    wake_at: Option<u64>,
    made: u128,
    devices: Vec<Device>,
    /// Whose a socket is, while the hub may use it.
    sockets: BTreeMap<SocketId, usize>,
    pending: BTreeSet<CallId>,
    /// What was asked to be written of each call.
    records: BTreeMap<CallId, OpenRecord>,
    kept: BTreeMap<CallId, KeptAnswer>,
    /// Answers that the store has written, and of which the hub has not heard.
    answers: VecDeque<CallId>,
    durable: BTreeSet<CallId>,
    closed: BTreeSet<CallId>,
    winners: BTreeMap<CallId, DeviceId>,
    /// The devices that have changed how many calls they take, and may be in one more from before.
    changed: BTreeSet<DeviceId>,
    /// The company's requests that are not answered.
    asks: BTreeSet<AskId>,
}

fn cuid(device: usize) -> Cuid {
    Cuid::new(["alice", "bobby", "carol"][device % 3]).expect("a cuid")
}

fn call_id(call: u128) -> CallId {
    CallId(Uuid::from_u128(call))
}

fn device_id(device: usize) -> DeviceId {
    DeviceId(Uuid::from_u128(device as u128))
}

impl World {
    fn new() -> Self {
        Self {
            hub: Hub::new(HubSettings::default()),
            now: 0,
            wake_at: None,
            made: 100,
            devices: std::iter::repeat_with(Device::default).take(DEVICES).collect(),
            sockets: BTreeMap::new(),
            pending: BTreeSet::new(),
            records: BTreeMap::new(),
            kept: BTreeMap::new(),
            answers: VecDeque::new(),
            durable: BTreeSet::new(),
            closed: BTreeSet::new(),
            winners: BTreeMap::new(),
            changed: BTreeSet::new(),
            asks: BTreeSet::new(),
        }
    }

    fn endpoint(&self, device: usize) -> Endpoint {
        Endpoint { device: device_id(device), run: RunId(Uuid::from_u64_pair(device as u64, self.devices[device].run)) }
    }

    fn make(&mut self) -> Uuid {
        self.made += 1;
        Uuid::from_u128(self.made)
    }

    fn open(&mut self, device: usize) -> SocketId {
        self.made += 1;
        let socket = SocketId(u64::try_from(self.made).expect("few"));
        // The device turns to the new socket. The hub may use the old one still.
        self.devices[device].socket = Some(socket);
        self.sockets.insert(socket, device);
        socket
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::SignIn { device, restarts } => {
                self.devices[device].run += u64::from(restarts);
                let (session, resume_token) = (SessionId(self.make()), Redacted::new(self.made.to_string()));
                let sign_in = SignIn {
                    socket: self.open(device),
                    account: AccountId("parcelo".to_owned()),
                    environment: Environment::Development,
                    cuid: cuid(device),
                    right: Right::ApiKey(KeyId("key".to_owned())),
                    name: None,
                    endpoint: self.endpoint(device),
                    device_name: DeviceName::new(format!("device {device}")).ok(),
                    second_calls: device % 2 == 0,
                    session,
                    resume_token: resume_token.clone(),
                    max_call: (device % 3 == 0).then_some(Duration::from_secs(20)),
                    single_device: device % 3 == 2,
                    relay_only: false,
                    branding: None,
                };
                self.devices[device].session = Some((session, resume_token));
                (self.devices[device].received, self.devices[device].acknowledged) = (0, 0);
                self.handle(HubEvent::SignedIn(sign_in));
            }
            Op::Resume { device, forgotten } => {
                let Some((session, token)) = self.devices[device].session.clone() else { return };
                let socket = self.open(device);
                let state = &mut self.devices[device];
                state.received = state.received.saturating_sub(forgotten).max(state.acknowledged);
                let resume = Resume { version: PROTOCOL_VERSION, session, token, last_seq: state.received };
                self.handle(HubEvent::ResumeAsked { socket, resume });
            }
            Op::Lose { device } => {
                if let Some(socket) = self.devices[device].socket {
                    self.sockets.remove(&socket);
                    self.handle_lost(socket);
                }
            }
            Op::Ask { device, what } => {
                if let Ask::TakeSecondCalls { .. } = what {
                    self.changed.insert(device_id(device));
                }
                let message = ClientMessage::Request { id: RequestId(self.make()), request: self.request(what) };
                self.devices[device].last_request = Some(message.clone());
                self.say(device, message);
            }
            Op::Repeat { device } => {
                if let Some(message) = self.devices[device].last_request.clone() {
                    self.say(device, message);
                }
            }
            Op::Ack { device } => {
                self.devices[device].acknowledged = self.devices[device].received;
                self.say(device, ClientMessage::Ack { seq: self.devices[device].received });
            }
            // Nobody is connected with themselves, nor by one id with another.
            Op::Connect { call, leads_to, from, to } if call == leads_to || cuid(from) == cuid(to) => {}
            Op::Connect { call, leads_to, from, to } => {
                let connect = Connect {
                    account: AccountId("parcelo".to_owned()),
                    environment: Environment::Development,
                    call: call_id(call),
                    leads_to: call_id(leads_to),
                    from: cuid(from),
                    to: cuid(to),
                    context: Context::new("Your order").expect("a context"),
                    remote_context: None,
                    initiator_image: None,
                    receiver_image: None,
                    limit: (call % 2 == 0).then_some(Duration::from_secs(45)),
                };
                self.made += 1;
                let ask = AskId(u64::try_from(self.made).expect("few"));
                self.asks.insert(ask);
                self.handle(HubEvent::ConnectAsked { ask, connect: Box::new(connect) });
            }
            Op::HangUp { call } => {
                let (account, environment) = (AccountId("parcelo".to_owned()), Environment::Development);
                self.made += 1;
                let ask = AskId(u64::try_from(self.made).expect("few"));
                self.asks.insert(ask);
                self.handle(HubEvent::HangUpAsked { ask, account, environment, call: call_id(call) });
            }
            Op::Store { durable } => {
                if let Some(call) = self.answers.pop_front() {
                    self.handle(HubEvent::AnswerWritten { call });
                } else if let Some(call) = self.pending.pop_first() {
                    // The store takes each id once.
                    let outcome = match (durable, durable && self.durable.insert(call)) {
                        (true, true) => HubEvent::Recorded { call },
                        (true, false) => HubEvent::RecordFailed { call },
                        (false, _) => HubEvent::StoreFailed { call },
                    };
                    self.handle(outcome);
                }
            }
            Op::Wait { milliseconds } => {
                self.now += milliseconds;
                self.handle(HubEvent::Woken);
            }
            Op::RestartService => self.restart_service(),
            Op::Due { early } => {
                if let Some(at) = self.wake_at {
                    self.now = self.now.max(at - u64::from(early));
                    self.handle(HubEvent::Woken);
                }
            }
        }
    }

    fn restart_service(&mut self) {
        self.hub = Hub::new(HubSettings::default());
        self.sockets.clear();
        for device in &mut self.devices {
            device.socket = None;
        }
        self.pending.clear();
        self.answers.clear();
        self.asks.clear();
        let open: Vec<CallId> = self.durable.difference(&self.closed).copied().collect();
        let mut calls = Vec::new();
        for call in open {
            let answer = self.kept.get(&call).cloned();
            if let Some(answer) = &answer {
                self.winners.entry(call).or_insert(answer.by.device);
            }
            let sessions = [SessionId(self.make()), SessionId(self.make())];
            calls.push(KeptCall { record: self.records[&call].clone(), answer, sessions, settled: vec![] });
        }
        self.handle(HubEvent::Restored { calls, ended: vec![] });
    }

    fn request(&self, what: Ask) -> Request {
        match what {
            Ask::Call { call, to } => Request::Call(NewCall {
                call: call_id(call),
                to: cuid(to),
                context: Context::new("Your order").expect("a context"),
                remote_context: None,
                initiator_image: None,
                receiver_image: None,
                max_duration_ms: (call % 2 == 0).then_some(45_000),
            }),
            Ask::Ringing { call } => Request::Ringing { call: call_id(call) },
            Ask::Accept { call } => Request::Accept { call: call_id(call) },
            Ask::Decline { call, reason } => Request::Decline { call: call_id(call), reason },
            Ask::Hangup { call, reason } => Request::Hangup { call: call_id(call), reason },
            Ask::Connected { call } => Request::MediaConnected { call: call_id(call) },
            Ask::Hold { call, on } => Request::Hold { call: call_id(call), on },
            Ask::Transfer { call, new, to } => Request::Transfer { call: call_id(call), new: call_id(new), to: cuid(to) },
            Ask::Signal { call, to } => {
                let signal = Signal::Candidate { candidate: Redacted::new("candidate".to_owned()) };
                Request::Signal { call: call_id(call), to: self.endpoint(to), signal }
            }
            Ask::Logout => Request::Logout,
            Ask::GoIdle => Request::GoIdle,
            Ask::TakeSecondCalls { on } => Request::TakeSecondCalls { on },
            Ask::ReportVoice { call } => Request::ReportVoice {
                call: call_id(call),
                report: VoiceReport { seconds: 1, mos: 430, worst_mos: 400, ..VoiceReport::default() },
            },
        }
    }

    fn say(&mut self, device: usize, message: ClientMessage) {
        if let Some(socket) = self.devices[device].socket {
            self.handle(HubEvent::Received { socket, message });
        }
    }

    fn handle_lost(&mut self, socket: SocketId) {
        for device in &mut self.devices {
            device.socket.take_if(|open| *open == socket);
        }
        self.handle(HubEvent::SocketLost { socket });
    }

    fn handle(&mut self, event: HubEvent) {
        let step = self.hub.handle(Timestamp::from_millis(self.now), event);
        self.wake_at = step.wake_at.map(Timestamp::as_millis);
        assert!(self.wake_at.is_none_or(|at| at > self.now), "a deadline that has passed is still waited for");
        for command in step.commands {
            match command {
                HubCommand::Send { socket, message } => {
                    let device = *self.sockets.get(&socket).expect("a message goes to a socket that is open");
                    self.receive(device, socket, message);
                }
                HubCommand::Close { socket } => {
                    let device = self.sockets.remove(&socket).expect("a socket is closed once");
                    if self.devices[device].socket == Some(socket) {
                        self.devices[device].socket = None;
                    }
                }
                HubCommand::OpenRecord(record) => {
                    assert!(self.pending.insert(record.invite.call), "a record is opened once at a time");
                    self.records.insert(record.invite.call, record);
                }
                HubCommand::NoteRinging { call, rings_on } => {
                    assert!(self.durable.contains(&call), "a call rings once its record is durable");
                    if let Some(record) = self.records.get_mut(&call) {
                        record.rings_on = rings_on;
                    }
                }
                HubCommand::WriteAnswer { call, answer } => {
                    self.kept.insert(call, answer);
                    assert!(self.durable.contains(&call), "an answer belongs to a record that is durable");
                    self.answers.push_back(call);
                }
                HubCommand::CloseRecord(record) => {
                    assert!(self.durable.contains(&record.call), "a record is closed once it is durable");
                    assert!(self.closed.insert(record.call), "a record is closed once");
                    let written = self.kept.get(&record.call).map(|answer| answer.by.device);
                    assert_eq!(record.answered.map(|answered| answered.device.id), written);
                    assert!(self.winners.get(&record.call).is_none_or(|told| Some(*told) == written), "who was told has won");
                }
                HubCommand::KeepEvents(_) | HubCommand::MakeReceipt(_) => {}
                HubCommand::AnswerConnect { ask, .. } | HubCommand::AnswerHangUp { ask, .. } => {
                    assert!(self.asks.remove(&ask), "a request is answered once")
                }
                HubCommand::KeepPush(_)
                | HubCommand::ForgetPush(_)
                | HubCommand::RenewPush(_)
                | HubCommand::Push(_)
                | HubCommand::PushSettled { .. } => {
                    unreachable!("no device has said where its pushes go")
                }
                HubCommand::KeepReport(kept) => assert!(kept.report.seconds > 0, "what was said is passed on"),
            }
        }
        let expected: BTreeSet<_> = self.pending.iter().chain(self.durable.difference(&self.closed)).copied().collect();
        assert_eq!(self.hub.calls().collect::<BTreeSet<_>>(), expected, "a call lives as long as its record is open");
        self.check_limits();
    }

    fn receive(&mut self, device: usize, socket: SocketId, message: ServiceMessage) {
        match message {
            ServiceMessage::Event { seq, event } => {
                if self.devices[device].socket == Some(socket) {
                    assert_eq!(seq, self.devices[device].received + 1, "events are numbered without a gap");
                    self.devices[device].received = seq;
                }
                if let ServiceEvent::Answered { call, by, .. } = event {
                    assert_eq!(*self.winners.entry(call).or_insert(by.device), by.device, "one device wins");
                }
            }
            ServiceMessage::SessionExpired => self.devices[device].session = None,
            ServiceMessage::Welcome(_)
            | ServiceMessage::Resumed
            | ServiceMessage::Refused(_)
            | ServiceMessage::Response { .. }
            | ServiceMessage::Ice(_)
            | ServiceMessage::Renewed { .. }
            | ServiceMessage::NotRenewed(_)
            | ServiceMessage::Goaway { .. }
            | ServiceMessage::Unknown => {}
        }
    }

    fn check_limits(&self) {
        for devices in self.hub.presence.values() {
            assert!((1..=MAX_SOCKETS_PER_CUID).contains(&devices.len()));
        }
        assert!(self.hub.sockets.len() <= self.hub.sessions.len());
        for (id, session) in &self.hub.sessions {
            let occupied = session.calls.iter().filter_map(|call| self.hub.calls.get(call)).filter(|call| call.occupies(*id)).count();
            let room = if self.changed.contains(&session.endpoint.device) { MAX_CALLS_PER_DEVICE } else { session.room };
            assert!(occupied <= room + 1, "a device is in no more calls than it takes, but for one that rings while it calls");
            assert!(session.calls.iter().all(|call| self.hub.calls.contains_key(call)), "a session forgets a call that is over");
        }
    }

    /// Everyone leaves, the store does what it still has to, and time passes.
    fn wind_down(&mut self) {
        while let Some((socket, _)) = self.sockets.pop_first() {
            self.handle_lost(socket);
        }
        loop {
            // What is due may have something written down.
            while !self.pending.is_empty() || !self.answers.is_empty() {
                self.apply(Op::Store { durable: true });
            }
            if self.wake_at.is_none() {
                break;
            }
            self.apply(Op::Due { early: false });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn every_record_is_closed_once_and_every_event_numbered_whatever_devices_do(ops in ops()) {
        let mut world = World::new();
        // Everybody is there to begin with, so that calls are made at all.
        for device in 0..DEVICES {
            world.apply(Op::SignIn { device, restarts: false });
        }
        for op in ops {
            world.apply(op);
        }
        world.wind_down();
        prop_assert_eq!(&world.durable, &world.closed);
        prop_assert!(world.asks.is_empty(), "every request is answered");
        world.now += 61_000;
        world.handle(HubEvent::Woken);
        prop_assert!(world.hub.calls_of_users.is_empty());
        prop_assert!(world.hub.sessions.is_empty() && world.hub.sockets.is_empty() && world.hub.presence.is_empty());
    }
}
