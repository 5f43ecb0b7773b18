//! All calls of one device.
//!
//! At most one call is *on*; those that end beside it wait for the service's last word. What another caller gets is *busy*, and nothing of it is
//! heard or seen here.
//!
//! **Glare.** When two users call each other at the same moment, the service places the call that came first and refuses the other with
//! [`ErrorCode::OngoingCall`]. Whoever is refused has the other side's invite already, or is about to have it: an invite from whom this side is calling
//! is held until the service has said whether it places this side's call, and is answered if it does not.

mod service;
#[cfg(test)]
mod tests;

use std::time::Duration;

use signedcall_wire::{CallId, Cuid, DeviceId, EndReason, ErrorCode, Invite, Request, ServiceMessage, Timestamp};

use crate::call::{Action, Call, CallEvent};
use crate::session::{Asked, Overdue, Session};
use crate::{CallState, CallView, Command, Dial, Event, Tone};

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
    held: Option<Held>,
    /// The tone that goes on until another is asked for.
    playing: Option<Tone>,
}

/// An invite from whom this side is calling, while the service has not answered this side's call.
#[derive(Debug)]
struct Held {
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
    pub fn new(me: Cuid, device: DeviceId, nonce: u64) -> Self {
        Self { me, device, session: Session::new(nonce), calls: Vec::new(), held: None, playing: None }
    }

    /// Takes one event and says what follows. An event that does not fit the state changes nothing and yields no command.
    ///
    /// A deadline fires before an event of the same millisecond, so that an event that comes late finds what it would have found in time.
    pub fn handle(&mut self, now: Timestamp, event: Event) -> Step {
        let mut turn = Turn { now, commands: Vec::new() };
        self.expire(&mut turn);
        match event {
            Event::UserDialled(dial) => self.dial(&mut turn, dial),
            Event::UserAnswered { call } => self.pass(&mut turn, call, CallEvent::UserAnswered),
            Event::UserDeclined { call } => self.pass(&mut turn, call, CallEvent::UserDeclined),
            Event::UserHungUp { call } => self.pass(&mut turn, call, CallEvent::UserHungUp),
            Event::UserMuted { call, muted } => self.pass(&mut turn, call, CallEvent::UserMuted(muted)),
            Event::UserHeld { call, on } => self.pass(&mut turn, call, CallEvent::UserHeld(on)),
            Event::UserLoggedOut => self.log_out(&mut turn),

            Event::LinkOpened => self.greet(&mut turn),
            Event::LinkLost => self.lose_link(&mut turn),
            Event::Received(message) => self.hear(&mut turn, message),

            Event::MediaSignal { call, device, signal } => self.pass(&mut turn, call, CallEvent::SignalMade { to: device, signal }),
            Event::MediaConnected { call, device } => self.pass(&mut turn, call, CallEvent::MediaConnected(device)),
            Event::MediaInterrupted { call, device } => self.pass(&mut turn, call, CallEvent::MediaInterrupted(device)),
            Event::MediaFailed { call, device } => self.pass(&mut turn, call, CallEvent::MediaFailed(device)),
            Event::VoiceFailed { call, reason } => self.pass(&mut turn, call, CallEvent::VoiceFailed(reason)),

            Event::Woken => {}
        }
        self.release(&mut turn);
        self.play(&mut turn);
        Step { commands: turn.commands, wake_at: self.deadline() }
    }

    /// What goes on (R21).
    pub fn call_state(&self) -> CallState {
        self.shown().map_or(CallState::NoCall, Call::state)
    }

    /// The call that a screen should show: the current one, or the one that has just ended until its end is confirmed.
    pub fn view(&self) -> Option<CallView> {
        self.shown().and_then(Call::view)
    }

    fn shown(&self) -> Option<&Call> {
        self.current().or(self.calls.last())
    }

    /// The call that the user is in.
    fn current(&self) -> Option<&Call> {
        self.calls.iter().find(|call| call.is_on())
    }

    /// What goes on to be heard: a device has one ear, so that all its calls together have one tone.
    fn tone(&self) -> Option<Tone> {
        if self.calls.iter().any(Call::rings) {
            return Some(Tone::Ringtone);
        }
        self.calls.iter().find_map(Call::tone)
    }

    fn play(&mut self, turn: &mut Turn) {
        let tone = self.tone();
        if std::mem::replace(&mut self.playing, tone) != tone {
            turn.commands.push(Command::PlayTone(tone));
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.calls.iter().filter_map(Call::deadline).chain(self.session.deadline()).min()
    }

    fn expire(&mut self, turn: &mut Turn) {
        match self.session.overdue(turn.now) {
            Some(Overdue::Greeting) => self.reopen(turn, Duration::ZERO),
            Some(Overdue::Logout) => self.close(turn),
            None => {}
        }
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
        } else if self.current().is_some() {
            Some(ErrorCode::OngoingCall)
        } else {
            self.session.readiness().err()
        };
        if let Some(error) = refusal {
            turn.commands.push(Command::NotPlaced { call, error });
            if let Some(crossing) = self.current().filter(|current| current.rings() && current.card().caller == dial.to).map(Call::id) {
                self.pass(turn, crossing, CallEvent::UserAnswered);
            }
            return;
        }
        let begun = Call::dial(turn.now, self.me.clone(), self.device, dial);
        self.begin(turn, begun);
    }

    /// Somebody calls.
    fn invited(&mut self, turn: &mut Turn, invite: Invite) {
        if self.session.is_logging_out() || self.knows(invite.call) {
            return;
        }
        match self.current() {
            None => {
                let begun = Call::invited(turn.now, self.me.clone(), self.device, invite);
                self.begin(turn, begun);
            }
            Some(current) if current.is_placing() && current.card().callee == invite.from && self.held.is_none() => {
                self.held = Some(Held { invite, since: turn.now });
            }
            Some(current) if current.is_crossed() && current.card().callee == invite.from => {
                let crossed = current.id();
                self.pass(turn, crossed, CallEvent::Superseded);
                let begun = Call::crossing(turn.now, self.me.clone(), self.device, invite);
                self.begin(turn, begun);
            }
            Some(_) => self.ask(turn, Request::Decline { call: invite.call, reason: EndReason::Busy }),
        }
    }

    /// Lets go of a held invite once the call that it crossed is placed, refused or given up.
    fn release(&mut self, turn: &mut Turn) {
        if self.current().is_some_and(Call::is_placing) {
            return;
        }
        if let Some(Held { mut invite, since }) = self.held.take() {
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
        self.held = None;
        self.pass_to_all(turn, &CallEvent::UserLoggedOut);
        if self.session.log_out(turn.now) {
            self.ask(turn, Request::Logout);
        } else {
            self.close(turn);
        }
    }

    /// Signed out: nothing more comes from the service.
    fn close(&mut self, turn: &mut Turn) {
        self.held = None;
        self.pass_to_all(turn, &CallEvent::SignedOut);
        self.session.close();
        turn.commands.push(Command::CloseLink);
    }

    fn greet(&mut self, turn: &mut Turn) {
        let greeting = self.session.open(turn.now);
        turn.commands.push(Command::Greet(greeting));
        self.pass_to_all(turn, &CallEvent::LinkLost);
    }

    fn lose_link(&mut self, turn: &mut Turn) {
        self.session.lose_link();
        self.pass_to_all(turn, &CallEvent::LinkLost);
    }

    fn reopen(&mut self, turn: &mut Turn, after: Duration) {
        self.lose_link(turn);
        turn.commands.push(Command::ReopenLink { after });
    }

    fn knows(&self, id: CallId) -> bool {
        self.calls.iter().any(|call| call.id() == id) || self.held.as_ref().is_some_and(|held| held.invite.call == id)
    }

    fn pass(&mut self, turn: &mut Turn, id: CallId, event: CallEvent) {
        if let Some(call) = self.calls.iter_mut().find(|call| call.id() == id) {
            let actions = call.handle(turn.now, event);
            self.calls.retain(|call| !call.is_over());
            self.carry_out(turn, actions);
        }
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
