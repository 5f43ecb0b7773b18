//! Calls to somebody who may be about to come back.
//!
//! When another service goes on with the calls of this one's, all devices have to come back, and begin their sessions anew. Of two that call each other, one is
//! there before the other: its call waits for a moment whether the other comes, instead of being refused since nobody is there. Nothing is written down of it
//! until then, and its device is answered when it is placed or refused.

use std::collections::BTreeMap;
use std::time::Duration;

use signedcall_wire::{CallId, ErrorCode, NewCall, RequestId, SessionId, Timestamp};

use super::request::refused;
use super::session::Answer;
use super::timers::Timer;
use super::{Hub, Turn, User};

/// Those that wait.
#[derive(Debug, Default)]
pub(super) struct EarlyCalls {
    /// Until when somebody may be about to come back.
    until: Option<Timestamp>,
    by_callee: BTreeMap<User, Vec<EarlyCall>>,
}

#[derive(Debug)]
struct EarlyCall {
    session: SessionId,
    request: RequestId,
    new: NewCall,
}

impl EarlyCalls {
    fn has_one_of(&self, session: SessionId) -> bool {
        self.by_callee.values().flatten().any(|early| early.session == session)
    }
}

impl Hub {
    /// Devices that another service has had until now are about to come back.
    pub(super) fn expect_return(&mut self, turn: &Turn, within: Duration) {
        let until = turn.now + within;
        self.early.until = Some(until);
        self.timers.set(Timer::ReturnOver, until);
    }

    /// Whether somebody who is not there may be about to come back.
    pub(super) fn may_come_back(&self, now: Timestamp) -> bool {
        self.returns_until(now).is_some()
    }

    /// Until when somebody who is not there may be about to come back, if that is to come.
    pub(super) fn returns_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.early.until.filter(|until| now < *until)
    }

    /// Has a call wait for its callee. As of any that is being placed, a device has one of them.
    pub(super) fn wait_for_callee(&mut self, session: SessionId, request: RequestId, callee: User, new: NewCall) -> Answer {
        if self.early.has_one_of(session) {
            return refused(ErrorCode::OngoingCall);
        }
        self.early.by_callee.entry(callee).or_default().push(EarlyCall { session, request, new });
        Answer::Pending
    }

    /// Somebody is back: whoever has called them meanwhile need not wait any more.
    pub(super) fn place_early(&mut self, turn: &mut Turn, callee: &User) {
        let waiting = self.early.by_callee.remove(callee).unwrap_or_default();
        self.place_again(turn, waiting);
    }

    /// Whoever is not back now does not come.
    pub(super) fn end_return(&mut self, turn: &mut Turn) {
        self.early.until = None;
        let waiting = std::mem::take(&mut self.early.by_callee).into_values().flatten().collect();
        self.place_again(turn, waiting);
    }

    fn place_again(&mut self, turn: &mut Turn, waiting: Vec<EarlyCall>) {
        for EarlyCall { session, request, new } in waiting {
            let answer = self.place(turn, session, request, new);
            self.answer(turn, session, request, answer);
        }
    }

    /// A device takes back a call that waits for its callee: it never was.
    pub(super) fn take_back_early(&mut self, turn: &mut Turn, session: SessionId, call: CallId) {
        let mut taken = Vec::new();
        for waiting in self.early.by_callee.values_mut() {
            taken.extend(waiting.extract_if(.., |early| early.session == session && early.new.call == call).map(|early| early.request));
        }
        self.early.by_callee.retain(|_, waiting| !waiting.is_empty());
        self.answer_all(turn, session, taken, Some(ErrorCode::ContactNotReachable));
    }
}
