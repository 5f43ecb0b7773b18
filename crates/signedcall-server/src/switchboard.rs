//! The one task that owns the hub. Sockets, store and relay talk to it by messages; it hands the hub one event at a time and carries out
//! what follows.

mod outbox;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use signedcall_wire::{AccountId, CallId, ClientMessage, DeviceId, Environment, Request, ServiceMessage, SessionId, Timestamp};
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedReceiver};
use tokio::sync::oneshot;
use uuid::Uuid;

pub(crate) use self::outbox::{NotTaken, OUTBOX, Outbox, Outgoing};
pub(crate) use self::waiting::{Taker, waiting};
use crate::clock::Clock;
use crate::hub::{
    AskId, Connect, Connected, Hub, HubCommand, HubEvent, HubFigures, HubSettings, KeptCall, KeyId, Moment, Policy, Presence, Quiet, Reach,
    SocketId, User, Withdrawn,
};
use crate::metrics::{Limit, Metrics, PushFate};
use crate::push::PushKeeper;
use crate::receipts::{MadeReceipt, ReceiptMaker};
use crate::relay::Relay;
use crate::store::{Legacy, OpenCall, Records, Written};

/// Messages that wait for the hub: enough for a moment's burst; after that sockets wait, and with them their devices.
const INBOX: usize = 1024;

/// The longest sleep towards a deadline. The runtime's timers stand still while the computer sleeps; after waking up, a deadline that has passed
/// meanwhile is noticed within this time.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// What others tell the task.
#[derive(Debug)]
pub(crate) enum Note {
    /// There is a new socket, which is not signed in yet.
    Opened { socket: SocketId, outbox: Outbox },
    /// Something happened to the hub. Boxed, since the longest is many times the usual one.
    Event(Box<HubEvent>),
    /// Somebody asks which api keys are in use.
    KeysInUse(oneshot::Sender<BTreeSet<KeyId>>),
    /// Somebody asks how much there is of everything.
    Figures(oneshot::Sender<Figures>),
    /// A company's backend asks where a user is signed in, and until when one of their devices was known to be connected.
    Presence { user: User, tell: oneshot::Sender<(usize, Option<SystemTime>)> },
    /// A company's backend ends a call, and is told whether it went on until then.
    HangUp { account: AccountId, environment: Environment, call: CallId, tell: oneshot::Sender<bool> },
    /// A company's backend connects two of its users, and is told what has come of it; nothing, where another service has the calls meanwhile.
    Connect { connect: Box<Connect>, tell: oneshot::Sender<Connected> },
    /// Somebody asks whether calls can be made.
    Ping(oneshot::Sender<()>),
    /// The service is about to stop: tell everyone, and come back once all sockets are gone or the time is up.
    Drain { within: Duration, next: Next, done: oneshot::Sender<()> },
}

/// Who goes on with the calls of a service that stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Whoever is started next: whoever wants to place a call is told at once that it cannot be.
    AtSomeTime,
    /// Another node, in a moment: it is left to that one, of which devices ask again whatever has no answer.
    AtOnce,
}

/// How much there is of what the task knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) hub: HubFigures,
    /// WebSockets that are open, signed in or not.
    pub(crate) sockets: usize,
    /// Whether the service is about to stop.
    pub(crate) drains: bool,
    /// Whether there is somebody who writes records of calls.
    pub(crate) records_are_written: bool,
}

impl Figures {
    /// Adds what another task knows.
    pub(crate) fn add(&mut self, other: Self) {
        self.hub.add(other.hub);
        self.sockets += other.sockets;
        self.drains |= other.drains;
        self.records_are_written &= other.records_are_written;
    }
}

/// The hub with everything that it needs to act.
#[derive(Debug)]
pub(crate) struct Switchboard {
    hub: Hub,
    clock: Clock,
    wake_at: Option<Timestamp>,
    outboxes: BTreeMap<SocketId, Outbox>,
    records: Records,
    metrics: Arc<Metrics>,
    receipts: ReceiptMaker,
    pushes: PushKeeper,
    /// The companies' backends that are still to be answered.
    asks: BTreeMap<AskId, oneshot::Sender<Connected>>,
    hang_ups: BTreeMap<AskId, oneshot::Sender<bool>>,
    last_ask: AskId,
    draining: Option<(Instant, Next, oneshot::Sender<()>)>,
}

impl Switchboard {
    /// Makes the task's state, and the way to reach it.
    pub(crate) fn new(
        settings: HubSettings,
        records: Records,
        metrics: Arc<Metrics>,
        receipts: ReceiptMaker,
        pushes: PushKeeper,
    ) -> (Self, Sender<Note>, Receiver<Note>) {
        let (notes, inbox) = mpsc::channel(INBOX);
        let new = Self {
            hub: Hub::new(settings),
            clock: Clock::start(),
            wake_at: None,
            outboxes: BTreeMap::new(),
            records,
            metrics,
            receipts,
            pushes,
            asks: BTreeMap::new(),
            hang_ups: BTreeMap::new(),
            last_ask: AskId(0),
            draining: None,
        };
        (new, notes, inbox)
    }

    /// Goes on from where an earlier process has stopped.
    pub(crate) fn restore(&mut self, Legacy { open, ended }: Legacy) {
        let fresh = || SessionId(Uuid::new_v4());
        let kept = |OpenCall { record, answer, settled }| KeptCall { record, answer, sessions: [fresh(), fresh()], settled };
        self.handle(HubEvent::Restored { calls: open.into_iter().map(kept).collect(), ended });
    }

    /// Waits for whoever is called and was signed in where these calls were until a moment ago.
    pub(crate) fn expect_return(&mut self, within: Duration) {
        self.handle(HubEvent::ReturnExpected { within });
    }

    /// Calls by push who was called so before. Comes before the calls of an earlier process.
    pub(crate) fn know_pushes(&mut self, key: String, known: Vec<(User, DeviceId, Reach)>) {
        self.handle(HubEvent::PushesKnown { key, known });
    }

    /// Lets nobody in by what was withdrawn before.
    pub(crate) fn withdraw(&mut self, withdrawn: Withdrawn) {
        self.handle(HubEvent::Withdrawn(withdrawn));
    }

    /// Calls nobody at an hour at which they are not called.
    pub(crate) fn quieten(&mut self, quiet: Quiet) {
        self.handle(HubEvent::QuietHours(quiet));
    }

    /// Goes by what accounts have set.
    pub(crate) fn know_policies(&mut self, policies: BTreeMap<AccountId, Policy>) {
        self.handle(HubEvent::Policies(policies));
    }

    /// Runs until everyone who could send a note is gone or a drain is over, then writes what is left to be written. Calls that go on stay open in the
    /// store, for the next process.
    pub(crate) async fn run(mut self, mut inbox: Receiver<Note>, mut written: UnboundedReceiver<Written>, relay: Arc<Relay>) {
        self.handle(HubEvent::RelayRenewed { grant: relay.grant(SystemTime::now()) });
        let mut renewals = relay.renewals();
        loop {
            tokio::select! {
                note = inbox.recv() => match note {
                    Some(note) => self.take(note),
                    None => break,
                },
                Some(written) = written.recv() => self.handle(match written {
                    Written::Opened { call, durable: true } => HubEvent::Recorded { call },
                    Written::Opened { call, durable: false } => HubEvent::RecordFailed { call },
                    Written::NotOpened { call } => HubEvent::StoreFailed { call },
                    Written::Answered { call } => HubEvent::AnswerWritten { call },
                    Written::EventsKept { session, request, durable } => HubEvent::EventsKept { session, request, durable },
                    // The calls go on at another service, and devices find it once this one is gone.
                    Written::Fenced => break,
                }),
                _ = renewals.tick() => self.handle(HubEvent::RelayRenewed { grant: relay.grant(SystemTime::now()) }),
                () = sleep_until(self.next_deadline()) => self.handle(HubEvent::Woken),
                Some(event) = self.pushes.told() => self.handle(event),
                Some(MadeReceipt { session, request, receipt }) = self.receipts.made() => {
                    self.handle(HubEvent::ReceiptMade { session, request, receipt });
                }
            }
            let is_drained = |(until, _, _): &(Instant, _, _)| self.outboxes.is_empty() || Instant::now() >= *until;
            if self.draining.as_ref().is_some_and(is_drained) {
                break;
            }
        }
        drop(inbox);
        self.outboxes.clear();
        let records = self.records;
        if tokio::task::spawn_blocking(move || records.finish()).await.is_err() {
            tracing::error!("the records of calls could not be finished");
        }
        if let Some((_, _, done)) = self.draining {
            // Whoever asked may have stopped waiting.
            let _ = done.send(());
        }
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Opened { socket, outbox } => {
                self.outboxes.insert(socket, outbox);
            }
            Note::Event(event) if self.leaves_to_next(&event) => {}
            Note::Event(event) => {
                if let HubEvent::SocketLost { socket } = *event {
                    self.outboxes.remove(&socket);
                }
                self.handle(*event);
            }
            Note::KeysInUse(tell) => {
                // Whoever asked may have stopped waiting.
                let _ = tell.send(self.hub.keys_in_use());
            }
            Note::Figures(tell) => {
                let (hub, drains) = (self.hub.figures(), self.draining.is_some());
                let figures = Figures { hub, sockets: self.outboxes.len(), drains, records_are_written: self.records.are_written() };
                // Whoever asked may have stopped waiting.
                let _ = tell.send(figures);
            }
            Note::Presence { user, tell } => {
                let now = self.clock.now().now;
                let Presence { devices, last_seen } = self.hub.presence_of(now, &user);
                // Whoever asked may have stopped waiting.
                let _ = tell.send((devices, last_seen.map(|at| on_the_wall(now, at))));
            }
            Note::HangUp { account, environment, call, tell } => {
                self.last_ask = AskId(self.last_ask.0 + 1);
                self.hang_ups.insert(self.last_ask, tell);
                self.handle(HubEvent::HangUpAsked { ask: self.last_ask, account, environment, call });
            }
            // Whoever has the calls next is asked for it again.
            Note::Connect { .. } if self.draining.as_ref().is_some_and(|(_, next, _)| *next == Next::AtOnce) => {}
            Note::Connect { connect, tell } => {
                self.last_ask = AskId(self.last_ask.0 + 1);
                self.asks.insert(self.last_ask, tell);
                self.handle(HubEvent::ConnectAsked { ask: self.last_ask, connect });
            }
            Note::Ping(alive) => {
                if self.records.are_written() {
                    // Whoever asked may have stopped waiting.
                    let _ = alive.send(());
                }
            }
            Note::Drain { within, next, done } => {
                self.handle(HubEvent::Draining);
                for outbox in self.outboxes.values() {
                    // A socket that is too slow even for this learns of it when it is closed.
                    let _ = outbox.try_send(Box::new(goaway(within)));
                }
                self.draining = Some((Instant::now() + within, next, done));
            }
        }
    }

    /// Whether something is asked for that another node can do, and this one cannot any more.
    fn leaves_to_next(&self, event: &HubEvent) -> bool {
        let places_call = |message: &ClientMessage| match message {
            ClientMessage::Request { request: Request::Call(_) | Request::Transfer { .. }, .. } => true,
            ClientMessage::Request { .. }
            | ClientMessage::Hello(_)
            | ClientMessage::Resume(_)
            | ClientMessage::Renew(_)
            | ClientMessage::Ack { .. }
            | ClientMessage::Unknown => false,
        };
        let is_over = self.draining.as_ref().is_some_and(|(_, next, _)| *next == Next::AtOnce);
        is_over && matches!(event, HubEvent::Received { message, .. } if places_call(message))
    }

    /// Hands the hub an event, carries out what follows, and hands it what follows from that.
    fn handle(&mut self, event: HubEvent) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let moment @ Moment { now, .. } = self.clock.now();
            let step = self.hub.handle(moment, event);
            self.wake_at = step.wake_at;
            for command in step.commands {
                if let Some(lost) = self.carry_out(now, command) {
                    events.push_back(HubEvent::SocketLost { socket: lost });
                }
            }
        }
    }

    /// Carries out one command, and names the socket that was lost by it.
    fn carry_out(&mut self, now: Timestamp, command: HubCommand) -> Option<SocketId> {
        match command {
            HubCommand::Send { socket, message } => match self.outboxes.get(&socket)?.try_send(Box::new(message)) {
                Ok(()) => return None,
                Err(NotTaken::Full) => {
                    tracing::warn!(socket = socket.0, "a device reads too slowly and has to resume");
                    self.metrics.refused.add_one(Limit::Outbox);
                    self.outboxes.remove(&socket);
                    return Some(socket);
                }
                // Its task ends, and says so itself.
                Err(NotTaken::Gone) => {}
            },
            // The socket's task writes what is in its outbox, and closes the socket when there is no more.
            HubCommand::Close { socket } => drop(self.outboxes.remove(&socket)),
            HubCommand::OpenRecord(record) => {
                tracing::info!(call = %record.invite.call, "call placed");
                let placed_at = on_the_wall(now, record.placed_at);
                self.records.open(record, placed_at);
            }
            HubCommand::NoteRinging { call, rings_on } => self.records.note_ringing(call, rings_on),
            HubCommand::AnswerConnect { ask, outcome } => {
                if let Some(tell) = self.asks.remove(&ask) {
                    // Whoever asked may have stopped waiting.
                    let _ = tell.send(outcome);
                }
            }
            HubCommand::AnswerHangUp { ask, went_on } => {
                if let Some(tell) = self.hang_ups.remove(&ask) {
                    // Whoever asked may have stopped waiting.
                    let _ = tell.send(went_on);
                }
            }
            HubCommand::WriteAnswer { call, answer } => {
                // What becomes of the call later is written down in the same manner.
                if answer.at == now && answer.connected_at.is_none() {
                    self.metrics.calls_answered.add_one();
                }
                let answered_at = on_the_wall(now, answer.at);
                self.records.answer(call, answer, answered_at);
            }
            HubCommand::CloseRecord(record) => {
                tracing::info!(call = %record.call, reason = record.reason.name(), answered = record.answered.is_some(), "call ended");
                self.metrics.calls_ended.add_one(record.reason);
                if let Some((answered, connected)) = record.answered.as_ref().and_then(|answer| Some((answer.at, answer.connected_at?))) {
                    self.metrics.call_connecting.observe_duration(connected.since(answered));
                }
                let ended_at = on_the_wall(now, record.ended_at);
                self.records.close(record, ended_at);
            }
            HubCommand::KeepReport(kept) => {
                tracing::debug!(call = %kept.call, "how a call sounded is kept");
                self.records.keep_report(kept);
            }
            HubCommand::KeepEvents(kept) => self.records.keep_events(kept),
            HubCommand::MakeReceipt(asked) => self.receipts.ask(asked),
            HubCommand::KeepPush(kept) => self.pushes.keep(kept),
            HubCommand::ForgetPush(forgotten) => self.pushes.forget(forgotten),
            HubCommand::RenewPush(renewed) => self.pushes.renew(renewed),
            HubCommand::Push(new) => {
                tracing::info!(call = %new.call, device = %new.device, "a device is called by push");
                self.metrics.pushes.add_one();
                self.pushes.push(new);
            }
            HubCommand::PushSettled { call, device, outcome } => {
                tracing::info!(%call, %device, ?outcome, "a push has come to its end");
                self.metrics.pushes_settled.add_one(PushFate::from(outcome));
                self.pushes.settle(call, device);
            }
        }
        None
    }

    fn next_deadline(&self) -> Option<Instant> {
        let wake = self.wake_at.map(|at| Instant::now() + at.since(self.clock.now().now).min(LONGEST_SLEEP));
        let drained = self.draining.as_ref().map(|(until, _, _)| *until);
        wake.into_iter().chain(drained).min()
    }
}

/// What devices are told that are to go to another socket in time, each at another moment.
pub(crate) fn goaway(within: Duration) -> ServiceMessage {
    let milliseconds = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    ServiceMessage::Goaway { deadline_ms: milliseconds, spread_ms: milliseconds }
}

/// What the clock on the wall showed at a moment that has passed.
fn on_the_wall(now: Timestamp, moment: Timestamp) -> SystemTime {
    SystemTime::now().checked_sub(now.since(moment)).unwrap_or_else(SystemTime::now)
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
