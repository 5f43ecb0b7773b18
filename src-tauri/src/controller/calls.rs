//! Calls: what the user asks of them, and what is left of them when they are over.

use std::time::SystemTime;

use signedcall::CallId;

use super::{Controller, Event, Facts, Host, Reply};
use crate::history::PastCall;
use crate::view::{CallPhase, CallView, Direction, EndReason};

impl<H: Host> Controller<H> {
    pub(super) fn answer(&mut self, call: CallId, reply: Reply) {
        self.show_main();
        self.ask_line(reply, async move |line| line.answer(call).await);
    }

    pub(super) fn hang_up_current(&mut self) {
        let Some((id, direction, phase)) = self.call.as_ref().map(|call| (call.id.clone(), call.direction, call.phase.clone())) else {
            return;
        };
        let Ok(call) = id.parse().map(CallId) else { return };
        let ringing_here = direction == Direction::Incoming && phase == CallPhase::Ringing;
        let event = if ringing_here { Event::Decline(call, Reply::nobody()) } else { Event::HangUp(call, Reply::nobody()) };
        self.handle(event);
    }

    pub(super) fn dismiss_call(&mut self, reply: Reply) {
        if let Some(call) = self.call.take_if(|call| !is_on(call)) {
            self.put_away = Some(call.id);
        }
        self.answer_to(reply, Ok(()));
    }

    /// Ends what is on the screen when the line is gone before it could say how the call ended.
    pub(super) fn close_call(&mut self) {
        self.dialling = false;
        self.facts.clear();
        if let Some(call) = self.call.as_mut().filter(|call| is_on(call)) {
            call.phase = CallPhase::Ended { reason: EndReason::HungUp, seconds: None };
        }
        if let Some(call) = self.call.as_mut() {
            // Nobody is signed in who could call.
            call.can_call_again = false;
        }
    }

    pub(super) fn see_missed(&mut self, reply: Reply) {
        if self.history.see_missed() {
            self.save_history();
        }
        self.answer_to(reply, Ok(()));
    }

    pub(super) fn remember(&mut self, call: PastCall) {
        self.history.add(call);
        self.save_history();
    }

    pub(super) fn is_in_call(&self) -> bool {
        self.call.as_ref().is_some_and(is_on)
    }
}

impl Facts {
    /// Seconds of talk, when there was any.
    pub(super) fn seconds_until(&self, end: SystemTime) -> Option<u32> {
        // A clock that was set back during the call makes it zero, not huge.
        self.talking_since.map(|since| end.duration_since(since).map_or(0, |talk| u32::try_from(talk.as_secs()).unwrap_or(u32::MAX)))
    }
}

/// Whether the call goes on or rings.
pub(super) fn is_on(call: &CallView) -> bool {
    !matches!(call.phase, CallPhase::Ended { .. })
}

/// Whether a call that is over keeps the screen: not when this user has just decided so, here or on another device.
pub(super) fn stays_on_screen(call: &CallView) -> bool {
    let CallPhase::Ended { reason, .. } = call.phase else { return true };
    let decided = matches!(reason, EndReason::Declined | EndReason::AnsweredElsewhere | EndReason::DeclinedElsewhere);
    !(decided && call.direction == Direction::Incoming)
}
