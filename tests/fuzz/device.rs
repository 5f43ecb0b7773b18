//! A device's line and its session, whose service has lost its mind.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use signedcall_core::{AnswerHow, Command, Dial, Event, Line, Phase};
use signedcall_wire::{CallId, ClientMessage, DeviceId, Direction, RequestId, ServiceEvent, ServiceMessage, Timestamp};

use crate::made;
use crate::mangled::mangled;

/// Things that happen in one round.
const EVENTS: usize = 120;
/// More than a line that comes to rest wakes up.
const WAKES: usize = 1_000;

struct Device {
    line: Line,
    id: DeviceId,
    now: Timestamp,
    wake_at: Option<Timestamp>,
    /// The next event's number, as an honest service would count.
    seq: u64,
    /// What a network and a service that mean well would do next.
    due: Due,
    asked: Vec<RequestId>,
    /// The peer connections that were opened.
    prepared: Vec<(CallId, DeviceId)>,
    voice: Option<CallId>,
    talks: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    Link,
    Welcome,
}

/// Counts the talks that were got into.
pub(crate) fn round(rng: &mut StdRng) -> u64 {
    let id = made::device(rng);
    let line = Line::new(made::cuid(rng), id, rng.random(), rng.random());
    let (now, asked, prepared) = (Timestamp::default(), Vec::new(), Vec::new());
    let mut device = Device { line, id, now, wake_at: None, seq: 1, due: Due::Link, asked, prepared, voice: None, talks: 0 };
    for _ in 0..EVENTS {
        device.wait(rng);
        let event = device.event(rng);
        device.handle(event);
    }
    device.comes_to_rest();
    device.talks
}

impl Device {
    /// Until it wants to wake up, or not so long, or far longer.
    fn wait(&mut self, rng: &mut StdRng) {
        let until_wake = self.wake_at.map_or(0, |at| at.since(self.now).as_millis() as u64);
        let wait = match rng.random_range(0..60) {
            0 => until_wake,
            1 => until_wake.saturating_sub(1),
            2 => rng.random_range(0..200_000),
            _ => rng.random_range(0..50),
        };
        self.now = self.now + Duration::from_millis(wait.min(86_400_000));
    }

    fn event(&mut self, rng: &mut StdRng) -> Event {
        if rng.random_bool(0.8) {
            match self.due {
                Due::Nothing => {}
                Due::Link => return Event::LinkOpened,
                Due::Welcome => return Event::Received(made::welcomed(rng)),
            }
        }
        let (call, device) = self.aimed_at(rng);
        if let Some(view) = self.line.view()
            && rng.random_bool(0.2)
        {
            // What a user and a network that mean well would do next.
            match (view.phase, view.direction) {
                (Phase::Ringing, Direction::Incoming) => return Event::UserAnswered { call: view.call, how: AnswerHow::HoldCurrent },
                (Phase::Connecting, _) => return Event::MediaConnected { call, device },
                (Phase::Calling | Phase::Ringing | Phase::Talking { .. } | Phase::Ended { .. }, _) => {}
            }
        }
        match rng.random_range(0..40) {
            0 | 1 => Event::UserDialled(Dial {
                call,
                to: made::cuid(rng),
                context: made::context(rng),
                remote_context: None,
                initiator_image: None,
                receiver_image: None,
                max_duration: rng.random_bool(0.2).then(|| Duration::from_millis(made::milliseconds(rng))),
            }),
            2 | 3 => Event::UserAnswered { call, how: if rng.random() { AnswerHow::HoldCurrent } else { AnswerHow::EndCurrent } },
            4 => Event::UserDeclined { call },
            5 => Event::UserHungUp { call },
            6 => Event::UserMuted { call, muted: rng.random() },
            7 => Event::UserHeld { call, on: rng.random() },
            8 => Event::UserTransferred { call, to: made::cuid(rng), new: made::call(rng) },
            9 if rng.random_bool(0.2) => Event::UserTakesSecondCalls { on: rng.random() },
            9 => Event::UserSwapped,
            10 if rng.random_bool(0.1) => Event::UserLoggedOut,
            11 if rng.random_bool(0.3) => Event::LinkOpened,
            12 if rng.random_bool(0.3) => Event::LinkLost,
            13 => Event::MediaSignal { call, device, signal: made::signal(rng) },
            14 | 15 => Event::MediaConnected { call, device },
            16 => Event::MediaInterrupted { call, device },
            17 if rng.random_bool(0.2) => Event::MediaMismatched { call, device },
            17 => Event::MediaFailed { call, device },
            18 => Event::VoiceFailed { call, reason: made::reason(rng) },
            19 => Event::Woken,
            22 => Event::VoiceReported { call, report: made::report(rng) },
            23 => Event::UserAskedReceipt { call },
            20 => Event::NetworkChanged,
            21 if rng.random_bool(0.1) => Event::UserWentIdle,
            _ => self.message(rng).map_or(Event::Woken, Event::Received),
        }
    }

    /// A call and a device, mostly such as there are.
    fn aimed_at(&self, rng: &mut StdRng) -> (CallId, DeviceId) {
        if let Some(prepared) = self.prepared.iter().copied().choose(rng).filter(|_| rng.random_bool(0.6)) {
            return prepared;
        }
        let shown = self.line.view().map(|view| view.call).filter(|_| rng.random_bool(0.7));
        (shown.unwrap_or_else(|| made::call(rng)), made::device(rng))
    }

    /// What the service says, if it can be read.
    fn message(&mut self, rng: &mut StdRng) -> Option<ServiceMessage> {
        let mut message = made::service_message(rng, self.seq);
        if let ServiceMessage::Response { id, .. } = &mut message
            && !self.asked.is_empty()
            && rng.random_bool(0.9)
        {
            // Answers to what was asked, and not always in that order.
            *id = self.asked.swap_remove(rng.random_range(0..self.asked.len()));
        }
        if let ServiceMessage::Event { event: ServiceEvent::Ringing { call, by } | ServiceEvent::Answered { call, by, .. }, .. } =
            &mut message
            && rng.random_bool(0.7)
        {
            (*call, by.device) = self.aimed_at(rng);
            let rings_here = self.line.view().is_some_and(|view| view.direction == Direction::Incoming && view.phase == Phase::Connecting);
            by.device = if rings_here { self.id } else { by.device };
        }
        if rng.random_bool(0.8) {
            return Some(message);
        }
        let text = serde_json::to_string(&message).expect("a message is JSON");
        serde_json::from_str(&mangled(rng, &text)).ok()
    }

    fn handle(&mut self, event: Event) {
        if let Event::LinkLost = event {
            self.due = Due::Link;
        }
        if let Event::Received(ServiceMessage::Welcome(_)) = event {
            self.seq = 1;
        }
        let step = self.line.handle(self.now, event);
        for command in step.commands {
            self.carry_out(command);
        }
        self.wake_at = step.wake_at;
        assert!(self.wake_at.is_none_or(|at| at > self.now), "it would wake up again and again at {:?}", self.now);
        let views = [self.line.view(), self.line.other_view()];
        assert!(views.iter().flatten().count() <= signedcall_wire::MAX_CALLS_PER_DEVICE);
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Send(ClientMessage::Request { id, .. }) => self.asked.push(id),
            Command::Send(ClientMessage::Ack { seq }) => self.seq = seq.saturating_add(1),
            Command::ReopenLink { .. } => self.due = Due::Link,
            Command::Greet(_) => self.due = Due::Welcome,
            Command::SignedIn => self.due = Due::Nothing,
            Command::PrepareMedia { call, device, .. } => self.prepared.push((call, device)),
            Command::RestartMedia { call, device } => {
                assert!(self.prepared.contains(&(call, device)), "another path is looked for where there is none");
            }
            Command::DropMedia { call, device } => self.prepared.retain(|prepared| *prepared != (call, device)),
            Command::StartVoice { call, .. } => {
                assert_eq!(self.voice, None, "a second voice is opened beside the first");
                self.voice = Some(call);
                self.talks += 1;
            }
            Command::StopVoice { call } => {
                assert_eq!(self.voice, Some(call), "a voice is closed that is not open");
                self.voice = None;
            }
            Command::Send(_)
            | Command::CloseLink
            | Command::Refused { .. }
            | Command::UseIce(_)
            | Command::UseBranding(_)
            | Command::Placed { .. }
            | Command::NotPlaced { .. }
            | Command::Transferred { .. }
            | Command::NotTransferred { .. }
            | Command::EventsKept { .. }
            | Command::ReceiptCame { .. }
            | Command::NotIdle { .. }
            | Command::SeekService
            | Command::UsePushKey(_)
            | Command::PushSet { .. }
            | Command::PushHandled { .. }
            | Command::Report(_)
            | Command::PlayTone(_)
            | Command::ApplySignal { .. }
            | Command::SetMuted { .. } => {}
        }
    }

    /// Left alone by everybody and signed out, it has no call and no voice in the end.
    fn comes_to_rest(&mut self) {
        self.handle(Event::LinkLost);
        self.handle(Event::UserLoggedOut);
        let mut wakes = 0;
        while let Some(at) = self.wake_at {
            self.now = at;
            self.handle(Event::Woken);
            wakes += 1;
            assert!(wakes < WAKES, "it does not come to rest");
        }
        assert_eq!((self.line.view(), self.voice), (None, None));
    }
}
