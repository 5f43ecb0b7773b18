//! The hub, whose devices have lost their minds; and a call of two others, who must not notice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use signedcall_server::hub::{Hub, HubCommand, HubEvent, HubSettings, HubStep, KeepPush, KeyId, NewPush, Right, SignIn, SocketId};
use signedcall_wire::{
    AccountId, CallId, ClientMessage, Context, Cuid, DeviceId, DeviceName, Endpoint, Environment, ErrorCode, NewCall, PROTOCOL_VERSION,
    Redacted, Request, RequestId, Resume, RunId, ServiceEvent, ServiceMessage, SessionId, Timestamp,
};
use uuid::Uuid;

use crate::made;
use crate::mangled::mangled;

/// Things that happen in one round.
const EVENTS: usize = 120;
/// The sockets of the two others.
const OTHERS: [SocketId; 2] = [SocketId(1), SocketId(2)];
/// Their call: no id that the others would come upon.
const THEIR_CALL: CallId = CallId(Uuid::from_u128(0xCA11));

struct World {
    hub: Hub,
    now: Timestamp,
    wake_at: Option<Timestamp>,
    last_socket: u64,
    /// The sockets of devices, those that the hub has closed not included.
    open: BTreeSet<SocketId>,
    /// What could be resumed.
    tickets: Vec<(SessionId, Redacted<String>)>,
    /// Which calls ring where.
    invited: Vec<(SocketId, CallId)>,
    /// The number of the last event on each socket.
    seqs: BTreeMap<SocketId, u64>,
    /// Records that the store has not written yet, and those that it has.
    opened: BTreeSet<CallId>,
    durable: BTreeSet<CallId>,
    /// The calls whose answers are being written down.
    answers: Vec<CallId>,
    /// Where pushes are to go that the store has not written down, and the pushes that were asked for.
    kept: Vec<KeepPush>,
    pushed: Vec<NewPush>,
    answered: u64,
}

/// Counts the calls that were answered.
pub(crate) fn round(rng: &mut StdRng) -> u64 {
    let mut world = World::with_a_call_of_others();
    for _ in 0..EVENTS {
        world.now = world.now + Duration::from_millis(*[0, 1, 20, 500, 3_000].iter().choose(rng).expect("there are some"));
        // Whoever waits is woken in time, however long it takes until something else happens.
        while let Some(at) = world.wake_at.filter(|at| *at <= world.now) {
            let late = std::mem::replace(&mut world.now, at);
            world.handle(HubEvent::Woken);
            world.now = late;
        }
        let event = world.event(rng);
        world.handle(event);
    }
    world.ends_well();
    world.answered
}

impl World {
    fn with_a_call_of_others() -> Self {
        let mut world = Self {
            hub: Hub::new(HubSettings::default()),
            now: Timestamp::default(),
            wake_at: None,
            last_socket: OTHERS[1].0,
            open: BTreeSet::new(),
            tickets: Vec::new(),
            invited: Vec::new(),
            seqs: BTreeMap::new(),
            opened: BTreeSet::new(),
            durable: BTreeSet::new(),
            answers: Vec::new(),
            kept: Vec::new(),
            pushed: Vec::new(),
            answered: 0,
        };
        let (dina, emil) = (cuid("dina_1"), cuid("emil_1"));
        let asks = |socket, id, request| HubEvent::Received {
            socket,
            message: ClientMessage::Request { id: RequestId(Uuid::from_u128(id)), request },
        };
        let new = NewCall {
            call: THEIR_CALL,
            to: emil.clone(),
            context: Context::new("Your order").expect("a context"),
            remote_context: None,
            initiator_image: None,
            receiver_image: None,
            max_duration_ms: None,
        };
        for event in [
            signed_in(OTHERS[0], dina, 0xD1),
            signed_in(OTHERS[1], emil, 0xE1),
            asks(OTHERS[0], 1, Request::Call(new)),
            HubEvent::Recorded { call: THEIR_CALL },
            asks(OTHERS[1], 1, Request::Accept { call: THEIR_CALL }),
            HubEvent::AnswerWritten { call: THEIR_CALL },
        ] {
            let HubStep { commands, wake_at } = world.hub.handle(world.now, event);
            assert!(!commands.is_empty(), "they get into their call");
            world.wake_at = wake_at;
        }
        world
    }

    fn event(&mut self, rng: &mut StdRng) -> HubEvent {
        let socket = self.open.iter().copied().choose(rng);
        match (rng.random_range(0..20), socket) {
            (0 | 1, _) | (_, None) => {
                let socket = self.new_socket();
                signed_in(socket, made::cuid(rng), rng.random_range(1..=6))
            }
            (2, _) => {
                let socket = self.new_socket();
                let (session, token) = self.tickets.iter().choose(rng).cloned().unwrap_or((SessionId(Uuid::nil()), Redacted::default()));
                let last_seq = made::milliseconds(rng) % 40;
                HubEvent::ResumeAsked { socket, resume: Resume { version: PROTOCOL_VERSION, session, token, last_seq } }
            }
            (3, Some(socket)) => {
                self.open.remove(&socket);
                HubEvent::SocketLost { socket }
            }
            (4..=6, Some(_)) if !self.opened.is_empty() => {
                let call = self.opened.iter().copied().choose(rng).expect("there is one");
                self.opened.remove(&call);
                if rng.random_bool(0.9) {
                    self.durable.insert(call);
                    HubEvent::Recorded { call }
                } else {
                    if rng.random() { HubEvent::RecordFailed { call } } else { HubEvent::StoreFailed { call } }
                }
            }
            (9 | 10, Some(_)) if !self.answers.is_empty() => {
                let call = self.answers.swap_remove(rng.random_range(0..self.answers.len()));
                HubEvent::AnswerWritten { call }
            }
            (11, Some(_)) if !self.kept.is_empty() => {
                let KeepPush { session, request, account, environment, cuid, device, target, .. } =
                    self.kept.swap_remove(rng.random_range(0..self.kept.len()));
                let kept = if rng.random_bool(0.8) { Ok(target.is_some()) } else { Err(ErrorCode::ServerFailure) };
                HubEvent::PushKept { session, request, user: (account, environment, cuid), device, kept }
            }
            (12, Some(_)) if !self.pushed.is_empty() => {
                let NewPush { call, account, environment, cuid, device, .. } =
                    self.pushed.swap_remove(rng.random_range(0..self.pushed.len()));
                HubEvent::PushFailed { call, account, environment, cuid, device, gone: rng.random() }
            }
            (7 | 8, Some(_)) if !self.invited.is_empty() => {
                let (socket, call) = self.invited.swap_remove(rng.random_range(0..self.invited.len()));
                asks(socket, rng.random_range(100..200), Request::Accept { call })
            }
            (_, Some(socket)) => self.message(rng).map_or(HubEvent::Woken, |message| HubEvent::Received { socket, message }),
        }
    }

    /// What a device says, if it can be read. Now and then it means the others' call.
    fn message(&self, rng: &mut StdRng) -> Option<ClientMessage> {
        let message = made::client_message(rng);
        let mut text = serde_json::to_string(&message).expect("a message is JSON");
        if rng.random_bool(0.1) {
            text = text.replace(&made::call(rng).to_string(), &THEIR_CALL.to_string());
        }
        if rng.random_bool(0.2) {
            text = mangled(rng, &text);
        }
        serde_json::from_str(&text).ok()
    }

    fn new_socket(&mut self) -> SocketId {
        self.last_socket += 1;
        let socket = SocketId(self.last_socket);
        self.open.insert(socket);
        socket
    }

    fn handle(&mut self, event: HubEvent) {
        let HubStep { commands, wake_at } = self.hub.handle(self.now, event);
        for command in commands {
            self.carry_out(command);
        }
        self.wake_at = wake_at;
        assert!(wake_at.is_none_or(|at| at > self.now), "it would wake up again and again at {:?}", self.now);
    }

    fn carry_out(&mut self, command: HubCommand) {
        match command {
            HubCommand::Send { socket, message } => {
                assert!(!OTHERS.contains(&socket), "somebody else is told: {message:?}");
                assert!(self.open.contains(&socket), "nobody is there to be told: {message:?}");
                self.heard(socket, message);
            }
            HubCommand::Close { socket } => {
                assert!(!OTHERS.contains(&socket), "somebody else's socket is closed");
                self.open.remove(&socket);
            }
            HubCommand::OpenRecord(record) => assert!(self.opened.insert(record.invite.call), "a record is opened twice at once"),
            HubCommand::WriteAnswer { call, .. } => self.answers.push(call),
            HubCommand::CloseRecord(record) => {
                assert!(self.durable.remove(&record.call), "a record is closed that is not open");
                self.answered += u64::from(record.answered.is_some());
            }
            // Whose it is, is for the store to say.
            HubCommand::KeepReport(_)
            | HubCommand::KeepEvents(_)
            | HubCommand::MakeReceipt(_)
            | HubCommand::AnswerConnect { .. }
            | HubCommand::AnswerHangUp { .. } => {}
            HubCommand::NoteRinging { call, .. } => assert!(self.durable.contains(&call), "a call rings that is not written down"),
            HubCommand::KeepPush(kept) => self.kept.push(kept),
            HubCommand::Push(push) => self.pushed.push(push),
            HubCommand::ForgetPush(_) | HubCommand::RenewPush(_) | HubCommand::PushSettled { .. } => {}
        }
    }

    fn heard(&mut self, socket: SocketId, message: ServiceMessage) {
        match message {
            ServiceMessage::Welcome(welcome) => {
                self.tickets.push((welcome.session, welcome.resume_token));
                self.seqs.insert(socket, 0);
            }
            ServiceMessage::Event { seq, event } => {
                if let ServiceEvent::Invite(invite) = event {
                    self.invited.push((socket, invite.call));
                }
                // The first one after a resume is wherever it was left.
                let last = self.seqs.insert(socket, seq);
                assert!(last.is_none_or(|last| seq == last + 1), "event {seq} follows {last:?}");
            }
            ServiceMessage::Resumed
            | ServiceMessage::SessionExpired
            | ServiceMessage::Refused(_)
            | ServiceMessage::Response { .. }
            | ServiceMessage::Ice(_)
            | ServiceMessage::Renewed { .. }
            | ServiceMessage::NotRenewed(_)
            | ServiceMessage::Goaway { .. }
            | ServiceMessage::Unknown => {}
        }
    }

    /// When everybody has gone and the store has written everything, no record is open but the others'.
    fn ends_well(&mut self) {
        for socket in std::mem::take(&mut self.open) {
            self.handle(HubEvent::SocketLost { socket });
        }
        for call in std::mem::take(&mut self.opened) {
            self.durable.insert(call);
            self.handle(HubEvent::Recorded { call });
        }
        while let Some(at) = self.wake_at {
            self.now = at;
            self.handle(HubEvent::Woken);
        }
        assert_eq!(self.durable, BTreeSet::new(), "these records stay open");
        assert_eq!(self.hub.calls().collect::<Vec<_>>(), [THEIR_CALL]);
    }
}

fn asks(socket: SocketId, id: u128, request: Request) -> HubEvent {
    HubEvent::Received { socket, message: ClientMessage::Request { id: RequestId(Uuid::from_u128(id)), request } }
}

fn cuid(text: &str) -> Cuid {
    Cuid::new(text).expect("a cuid")
}

/// A verified sign-in. Devices come again; sessions and tokens are new each time.
fn signed_in(socket: SocketId, cuid: Cuid, device: u128) -> HubEvent {
    HubEvent::SignedIn(SignIn {
        socket,
        account: AccountId("demo".to_owned()),
        environment: Environment::Development,
        cuid,
        right: Right::ApiKey(KeyId("key".to_owned())),
        name: None,
        endpoint: Endpoint { device: DeviceId(Uuid::from_u128(device)), run: RunId(Uuid::from_u128(u128::from(socket.0 % 3))) },
        device_name: DeviceName::new(format!("device {device}")).ok(),
        second_calls: socket.0.is_multiple_of(2),
        single_device: socket.0.is_multiple_of(7),
        session: SessionId(Uuid::from_u128(u128::from(socket.0))),
        resume_token: Redacted::new(format!("token {}", socket.0)),
        max_call: None,
        relay_only: false,
        branding: None,
    })
}
