//! All calls of one device.
//!
//! At most two calls are *on*, and one on a device that takes no second calls; what the next caller gets is *busy*, and nothing of it is heard or seen
//! here. Those that end beside them wait for the service's last word.
//!
//! **Two calls.** Of two answered calls this side holds one at least, so that one voice is open at most:
//!
//! ```text
//!   nothing ── dials ──▶ calling ── answered ──▶ talking ── a call waits ──▶ talking, and one waits ──┬── is declined, or given up ──▶ talking
//!      ▲                    ▲                     │    ▲                                              ├── ends the current and accepts ──▶ talking
//!      │                    │                  holds  resumes                                         │
//!      │                    │                     ▼    │                          one talks and ◀─────┴── holds the current and accepts
//!      │                    └─────── dials ────── held ◀── the other ends ──────  one is held
//!      │                                                                          ▲         │
//!      └── all end                                                                └─ swap ──┘
//! ```
//!
//! A call that waits is no different from one that rings, but for the tone. A call that this side has placed and nobody has answered cannot be held: who
//! accepts another meanwhile gives it up, and the held call is not resumed meanwhile. What the *other* side holds is its own affair, and changes
//! nothing here but the voice.
//!
//! **Glare.** When two users call each other at the same moment, the service places the call that came first and refuses the other with
//! [`ErrorCode::OngoingCall`]. Whoever is refused has the other side's invite already, or is about to have it: an invite from whom this side is calling
//! is put off until the service has said whether it places this side's call, and is answered if it does not.

mod beside;
mod push;
mod service;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use signedcall_wire::{
    AnalyticsEvent, CallId, CallStatus, Cuid, DeviceId, EndReason, ErrorCode, Invite, MAX_CALLS_PER_DEVICE, Request, ServiceMessage,
    Timestamp, Transferred, VoiceReport,
};

use crate::call::{Action, Call, CallEvent};
use crate::session::{Asked, Overdue, Session};
use crate::{AnswerHow, CallState, CallView, Command, Dial, Event, PushOutcome, StatusReport, Tone};
use push::AwaitedPush;

/// How many calls that are over are remembered. The service forgets within a moment how a call ended only when it dies in that moment, and a device is in
/// two calls at most.
const PAST_CALLS: usize = 8;

/// What follows from one event.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// To be carried out in this order.
    pub commands: Vec<Command>,
    /// When to hand in [`Event::Woken`], unless another event comes first; `None` when nothing waits.
    pub wake_at: Option<Timestamp>,
}

/// All calls of one device of one user.
#[derive(Debug)]
pub struct Line {
    me: Cuid,
    device: DeviceId,
    session: Session,
    /// Those that are not over, oldest first.
    calls: Vec<Call>,
    /// How many of them may be on.
    room: usize,
    put_off: Option<PutOff>,
    /// How calls ended here, oldest first: a service that was started again may not know.
    past: VecDeque<(CallId, EndReason)>,
    /// Pushes whose call has not come yet.
    pushes: Vec<AwaitedPush>,
    /// Whether this device may show that somebody calls.
    may_notify: bool,
    /// Whether its network is good enough for whoever calls.
    is_network_fit: bool,
    /// Whether the service has been asked to let this device go idle.
    goes_idle: bool,
    /// The tone that goes on until another is asked for.
    playing: Option<Tone>,
}

/// An invite from whom this side is calling, while the service has not answered this side's call.
#[derive(Debug)]
struct PutOff {
    invite: Invite,
    since: Timestamp,
}

/// What one event leads to, while it is being worked out.
struct Turn {
    now: Timestamp,
    commands: Vec<Command>,
}

impl Line {
    /// Makes the line of `me` on `device`. `nonce` is random; request ids are derived from it, so that two runs of a device never share one.
    pub fn new(me: Cuid, device: DeviceId, second_calls: bool, nonce: u64) -> Self {
        Self {
            me,
            device,
            session: Session::new(nonce),
            calls: Vec::new(),
            room: room_for(second_calls),
            put_off: None,
            past: VecDeque::new(),
            pushes: Vec::new(),
            may_notify: true,
            is_network_fit: true,
            goes_idle: false,
            playing: None,
        }
    }

    /// Takes one event and says what follows. An event that does not fit the state changes nothing and yields no command.
    ///
    /// A deadline fires before an event of the same millisecond, so that an event that comes late finds what it would have found in time.
    pub fn handle(&mut self, now: Timestamp, event: Event) -> Step {
        let mut turn = Turn { now, commands: Vec::new() };
        self.expire(&mut turn);
        match event {
            Event::UserDialled(dial) => self.dial(&mut turn, dial),
            Event::UserAnswered { call, how } => self.answer(&mut turn, call, how),
            Event::UserDeclined { call } => self.pass(&mut turn, call, CallEvent::UserDeclined),
            Event::UserHungUp { call } => self.pass(&mut turn, call, CallEvent::UserHungUp),
            Event::UserMuted { call, muted } => self.pass(&mut turn, call, CallEvent::UserMuted(muted)),
            Event::UserHeld { call, on } => self.hold(&mut turn, call, on),
            Event::UserTransferred { call, to, new } => self.transfer(&mut turn, call, to, new),
            Event::EventsNoted(events) => self.note_events(&mut turn, events),
            Event::UserAskedReceipt { call } => self.ask_receipt(&mut turn, call),
            Event::UserSwapped => self.swap(&mut turn),
            Event::UserTakesSecondCalls { on } => self.take_second_calls(&mut turn, on),
            Event::UserSetPush(target) => self.set_push(&mut turn, target),
            Event::UserLoggedOut => self.log_out(&mut turn),
            Event::UserWentIdle => self.go_idle(&mut turn),
            Event::NotificationsChanged { allowed } => self.may_notify = allowed,
            Event::NetworkJudged { fit } => self.is_network_fit = fit,

            Event::PushCame(push) => self.take_push(&mut turn, push),

            Event::LinkOpened => self.greet(&mut turn),
            Event::LinkLost => self.lose_link(&mut turn),
            Event::Received(message) => self.hear(&mut turn, message),

            Event::MediaSignal { call, device, signal } => self.pass(&mut turn, call, CallEvent::SignalMade { to: device, signal }),
            Event::MediaConnected { call, device } => self.pass(&mut turn, call, CallEvent::MediaConnected(device)),
            Event::MediaInterrupted { call, device } => self.pass(&mut turn, call, CallEvent::MediaInterrupted(device)),
            Event::MediaFailed { call, device } => self.pass(&mut turn, call, CallEvent::MediaFailed(device)),
            Event::MediaMismatched { call, device } => self.pass(&mut turn, call, CallEvent::MediaMismatched(device)),
            Event::NetworkChanged => self.pass_to_all(&mut turn, &CallEvent::NetworkChanged),
            Event::VoiceFailed { call, reason } => self.pass(&mut turn, call, CallEvent::VoiceFailed(reason)),

            Event::VoiceReported { call, report } => self.report_voice(&mut turn, call, report),

            Event::Woken => {}
        }
        self.release(&mut turn);
        self.play(&mut turn);
        Step { commands: turn.commands, wake_at: self.deadline() }
    }

    fn deadline(&self) -> Option<Timestamp> {
        let pushes = self.pushes.iter().map(AwaitedPush::give_up_at);
        self.calls.iter().filter_map(Call::deadline).chain(self.session.deadline()).chain(pushes).min()
    }

    fn expire(&mut self, turn: &mut Turn) {
        match self.session.overdue(turn.now) {
            Some(Overdue::Greeting) => self.reopen(turn, Duration::ZERO),
            Some(Overdue::Logout) => self.close(turn),
            None => {}
        }
        self.expire_pushes(turn);
        self.pass_to_all(turn, &CallEvent::Woken);
    }

    /// Places a call. To dial whoever is calling this user at this moment is to answer.
    fn dial(&mut self, turn: &mut Turn, dial: Dial) {
        let call = dial.call;
        if self.knows(call) {
            return;
        }
        let refusal = if dial.to == self.me {
            Some(ErrorCode::CanNotCallSelf)
        } else if self.is_free() {
            self.session.readiness().err()
        } else {
            Some(ErrorCode::OngoingCall)
        };
        if let Some(error) = refusal {
            turn.commands.push(Command::NotPlaced { call, error });
            if let Some(crossing) = self.calls.iter().find(|call| call.rings() && call.card().caller == dial.to).map(Call::id) {
                self.answer(turn, crossing, AnswerHow::HoldCurrent);
            }
            return;
        }
        let begun = Call::dial(turn.now, self.me.clone(), self.device, dial);
        self.begin(turn, begun);
    }

    /// Somebody calls.
    fn invited(&mut self, turn: &mut Turn, invite: Invite) {
        if self.session.is_logging_out() || self.knows(invite.call) || self.past_end(invite.call).is_some() {
            return;
        }
        let calling = self.calls.iter().find(|call| call.is_being_made() && call.card().callee == invite.from);
        match calling {
            Some(calling) if calling.is_placing() && self.put_off.is_none() => {
                self.put_off = Some(PutOff { invite, since: turn.now });
            }
            Some(calling) if calling.is_crossed() => {
                let crossed = calling.id();
                self.pass(turn, crossed, CallEvent::Superseded);
                let channel = self.channel_of(turn, invite.call);
                let begun = Call::crossing(turn.now, self.me.clone(), self.device, invite, channel);
                self.begin(turn, begun);
            }
            None if !self.may_notify => self.turn_away(turn, &invite, PushOutcome::NotificationsDisabled, EndReason::NotificationsDisabled),
            None if !self.is_network_fit => self.turn_away(turn, &invite, PushOutcome::PoorNetwork, EndReason::PoorNetwork),
            None if self.on().count() < self.room => {
                let channel = self.channel_of(turn, invite.call);
                let begun = Call::invited(turn.now, self.me.clone(), self.device, invite, channel);
                self.begin(turn, begun);
            }
            Some(_) | None => self.turn_away(turn, &invite, PushOutcome::Busy, EndReason::Busy),
        }
    }

    /// Declines for this device alone, and nothing of it is heard or seen.
    fn turn_away(&mut self, turn: &mut Turn, invite: &Invite, outcome: PushOutcome, reason: EndReason) {
        self.settle_pushes(turn, invite.call, outcome);
        self.ask(turn, Request::Decline { call: invite.call, reason });
    }

    /// Lets go of an invite that was put off, once the call that it crossed is placed, refused or given up.
    fn release(&mut self, turn: &mut Turn) {
        let Some(PutOff { invite, .. }) = &self.put_off else { return };
        if self.calls.iter().any(|call| call.is_placing() && call.card().callee == invite.from) {
            return;
        }
        if let Some(PutOff { mut invite, since }) = self.put_off.take() {
            let waited = u64::try_from(turn.now.since(since).as_millis()).unwrap_or(u64::MAX);
            invite.ring_for_ms = invite.ring_for_ms.saturating_sub(waited);
            self.invited(turn, invite);
        }
    }

    fn begin(&mut self, turn: &mut Turn, (mut call, actions): (Call, Vec<Action>)) {
        if !self.session.is_up() {
            let _nothing_follows = call.handle(turn.now, CallEvent::LinkLost);
        }
        self.calls.push(call);
        self.carry_out(turn, actions);
    }

    fn log_out(&mut self, turn: &mut Turn) {
        if self.session.is_logging_out() {
            return;
        }
        self.put_off = None;
        self.pass_to_all(turn, &CallEvent::UserLoggedOut);
        if self.session.log_out(turn.now) {
            self.ask(turn, Request::Logout);
        } else {
            self.close(turn);
        }
    }

    /// Tells the service how a call sounded. Whoever signs out leaves without it.
    fn report_voice(&mut self, turn: &mut Turn, call: CallId, report: VoiceReport) {
        if !self.session.is_logging_out() {
            self.ask(turn, Request::ReportVoice { call, report });
        }
    }

    /// Has the service keep events for analytics. They wait for no socket: whoever notes them comes again.
    fn note_events(&mut self, turn: &mut Turn, events: Vec<AnalyticsEvent>) {
        match self.session.readiness() {
            Ok(()) => self.ask(turn, Request::KeepEvents { events }),
            Err(error) => turn.commands.push(Command::EventsKept { events, error: Some(error) }),
        }
    }

    /// Asks the service what it says of a call that is over.
    fn ask_receipt(&mut self, turn: &mut Turn, call: CallId) {
        match self.session.readiness() {
            Ok(()) => self.ask(turn, Request::Receipt { call }),
            Err(error) => turn.commands.push(Command::ReceiptCame { call, receipt: Err(error) }),
        }
    }

    /// The user wants neither to call nor to be called over this socket (R23). What is going on comes first.
    fn go_idle(&mut self, turn: &mut Turn) {
        if !self.calls.is_empty() {
            turn.commands.push(Command::NotIdle { error: ErrorCode::OngoingCall });
        } else if self.session.readiness().is_ok() {
            self.goes_idle = true;
            self.ask(turn, Request::GoIdle);
        } else {
            // Without a link there is nobody to tell, and the service notices by itself.
            self.close(turn);
        }
    }

    /// Signed out: nothing more comes from the service.
    fn close(&mut self, turn: &mut Turn) {
        self.put_off = None;
        self.give_up_pushes(turn);
        self.pass_to_all(turn, &CallEvent::SignedOut);
        self.session.close();
        turn.commands.push(Command::CloseLink);
    }

    fn greet(&mut self, turn: &mut Turn) {
        let greeting = self.session.open(turn.now);
        self.suspend_patience();
        turn.commands.push(Command::Greet(greeting));
        self.pass_to_all(turn, &CallEvent::LinkLost);
    }

    fn lose_link(&mut self, turn: &mut Turn) {
        if std::mem::take(&mut self.goes_idle) {
            if self.calls.is_empty() {
                return self.close(turn);
            }
            // A call has crossed the wish, and the answer to the wish is lost: the service does not let a device in a call go.
            turn.commands.push(Command::NotIdle { error: ErrorCode::OngoingCall });
        }
        self.session.lose_link();
        self.suspend_patience();
        self.pass_to_all(turn, &CallEvent::LinkLost);
    }

    /// Goes to another socket. Whoever is about to go idle needs none.
    fn reopen(&mut self, turn: &mut Turn, after: Duration) {
        let closes = self.goes_idle && self.calls.is_empty();
        self.lose_link(turn);
        if !closes {
            turn.commands.push(Command::ReopenLink { after });
        }
    }

    fn knows(&self, id: CallId) -> bool {
        self.calls.iter().any(|call| call.id() == id) || self.put_off.as_ref().is_some_and(|put_off| put_off.invite.call == id)
    }

    fn pass(&mut self, turn: &mut Turn, id: CallId, event: CallEvent) {
        if let Some(call) = self.calls.iter_mut().find(|call| call.id() == id) {
            let actions = call.handle(turn.now, event);
            self.calls.retain(|call| !call.is_over());
            self.remember_end(&actions);
            self.carry_out(turn, actions);
        }
    }

    fn remember_end(&mut self, actions: &[Action]) {
        for action in actions {
            if let Action::Do(Command::Report(StatusReport { call, status: CallStatus::Ended(reason), .. })) = action {
                if self.past.len() == PAST_CALLS {
                    self.past.pop_front();
                }
                self.past.push_back((*call, *reason));
            }
        }
    }

    /// How a call ended here, if it did so lately.
    fn past_end(&self, id: CallId) -> Option<EndReason> {
        self.past.iter().rev().find(|(call, _)| *call == id).map(|(_, reason)| *reason)
    }

    fn pass_to_all(&mut self, turn: &mut Turn, event: &CallEvent) {
        let calls: Vec<CallId> = self.calls.iter().map(Call::id).collect();
        for call in calls {
            self.pass(turn, call, event.clone());
        }
    }

    fn carry_out(&mut self, turn: &mut Turn, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Do(command) => turn.commands.push(command),
                Action::Ask(request) => self.ask(turn, request),
            }
        }
    }

    fn ask(&mut self, turn: &mut Turn, request: Request) {
        match self.session.ask(request) {
            Asked::Now(message) => turn.commands.push(Command::Send(message)),
            Asked::Later => {}
            Asked::Unheard => self.reopen(turn, Duration::ZERO),
        }
    }
}

/// How many calls of a device may be on.
const fn room_for(second_calls: bool) -> usize {
    if second_calls { MAX_CALLS_PER_DEVICE } else { 1 }
}
