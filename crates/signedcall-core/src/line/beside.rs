//! Calls beside calls: which of them the user is in, what is heard of both, and what becomes of one when the user turns to the other.

use super::*;

impl Line {
    /// What goes on (R21), of the call in front.
    pub fn call_state(&self) -> CallState {
        self.shown().map_or(CallState::NoCall, Call::state)
    }

    /// The call in front: the one that the user is in, or else one that rings, or else one that is held; or the one that has just ended until its end
    /// is confirmed.
    pub fn view(&self) -> Option<CallView> {
        self.shown().and_then(Call::view)
    }

    /// The call behind the one in front: it waits, or is held.
    pub fn other_view(&self) -> Option<CallView> {
        let front = self.shown().map(Call::id);
        let behind = self.on().filter(|call| Some(call.id()) != front);
        behind.min_by_key(|call| rank(call)).and_then(Call::view)
    }

    /// Whether a call may wait while the user is in another one: what a greeting that signs in is to say.
    pub fn takes_second_calls(&self) -> bool {
        self.room > 1
    }

    /// Counts here at once. The service hears of it as soon as it can be reached: by the request, or by the greeting of a new session.
    pub(super) fn take_second_calls(&mut self, turn: &mut Turn, on: bool) {
        let room = room_for(on);
        if std::mem::replace(&mut self.room, room) != room {
            self.ask(turn, Request::TakeSecondCalls { on });
        }
    }

    fn shown(&self) -> Option<&Call> {
        self.on().min_by_key(|call| rank(call)).or(self.calls.last())
    }

    /// The calls that neither are over nor end.
    pub(super) fn on(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|call| call.is_on())
    }

    /// Whether another call may be placed: this side holds the one that there is, or there is none.
    pub(super) fn is_free(&self) -> bool {
        self.on().count() < self.room && self.on().all(Call::holds)
    }

    /// What goes on to be heard: a device has one ear, so that all its calls together have one tone.
    fn tone(&self) -> Option<Tone> {
        if self.on().any(Call::rings) {
            let alone = self.on().all(Call::rings);
            return Some(if alone { Tone::Ringtone } else { Tone::CallWaiting });
        }
        self.on().find_map(Call::tone)
    }

    pub(super) fn play(&mut self, turn: &mut Turn) {
        let tone = self.tone();
        if std::mem::replace(&mut self.playing, tone) != tone {
            turn.commands.push(Command::PlayTone(tone));
        }
    }

    /// Answers a call that rings, after the others have been set aside. One that rings too is left ringing.
    pub(super) fn answer(&mut self, turn: &mut Turn, id: CallId, how: AnswerHow) {
        if !self.calls.iter().any(|call| call.id() == id && call.rings()) {
            return;
        }
        let aside: Vec<(CallId, CallEvent)> = self
            .on()
            .filter(|call| !call.rings())
            .map(|call| match how {
                AnswerHow::HoldCurrent if call.is_answered() => (call.id(), CallEvent::UserHeld(true)),
                AnswerHow::HoldCurrent | AnswerHow::EndCurrent => (call.id(), CallEvent::UserHungUp),
            })
            .collect();
        for (other, event) in aside {
            self.pass(turn, other, event);
        }
        self.pass(turn, id, CallEvent::UserAnswered);
    }

    /// Holds a call, or goes on with it and holds the other.
    pub(super) fn hold(&mut self, turn: &mut Turn, id: CallId, on: bool) {
        if !on {
            let is_held = self.on().any(|call| call.id() == id && call.holds());
            if !is_held || self.on().any(Call::is_being_made) {
                return;
            }
            self.hold_others(turn, id);
        }
        self.pass(turn, id, CallEvent::UserHeld(on));
    }

    pub(super) fn hold_others(&mut self, turn: &mut Turn, id: CallId) {
        let others: Vec<CallId> = self.on().map(Call::id).filter(|other| *other != id).collect();
        for other in others {
            self.pass(turn, other, CallEvent::UserHeld(true));
        }
    }

    /// Goes on with the call that is held, and holds the other.
    pub(super) fn swap(&mut self, turn: &mut Turn) {
        let held = self.on().find(|call| call.holds()).map(Call::id);
        let talks = self.on().any(|call| call.is_answered() && !call.holds());
        if let Some(held) = held.filter(|_| talks) {
            self.hold(turn, held, false);
        }
    }

    /// Hands the other side of a call over to somebody else.
    pub(super) fn transfer(&mut self, turn: &mut Turn, id: CallId, to: Cuid, new: CallId) {
        let call = self.on().find(|call| call.id() == id && call.is_told_answered());
        let refusal = match call {
            None => Some(ErrorCode::FailureInMakeCall),
            Some(call) if to == self.me || to == *call.peer() => Some(ErrorCode::CanNotCallSelf),
            Some(_) => self.session.readiness().err(),
        };
        match refusal {
            Some(error) => turn.commands.push(Command::NotTransferred { call: id, error }),
            None => self.pass(turn, id, CallEvent::UserTransferred { to, new }),
        }
    }

    /// The other side has transferred this one, or the company has connected it. Who has left the call meanwhile does not take part in the next.
    pub(super) fn replace(&mut self, turn: &mut Turn, transferred: Transferred) {
        let (old, new) = (transferred.instead_of, transferred.call);
        if self.knows(new) {
            return;
        }
        let before = self.on().find(|call| call.id() == old).map(|call| call.card().clone());
        if let Some(before) = before {
            self.pass(turn, old, CallEvent::Replaced);
            let begun = Call::transferred(turn.now, self.me.clone(), self.device, &before, transferred);
            self.begin(turn, begun);
        } else {
            self.pass(turn, old, CallEvent::Ended(EndReason::Transferred, None));
            self.ask(turn, Request::Hangup { call: new, reason: EndReason::Cancelled });
        }
    }
}

/// How far a call is from the user's ear.
fn rank(call: &Call) -> u8 {
    if call.rings() {
        1
    } else if call.holds() {
        2
    } else {
        0
    }
}
