//! Calls: what the user asks of them, and what is left of them when they are over.

use std::sync::Arc;
use std::time::SystemTime;

use signedcall::{AnswerHow, CallId, ErrorCode};

use super::devices::CallDevices;
use super::{Controller, Event, Facts, Host, Reply, Session, nobody_is_signed_in};
use crate::history::PastCall;
use crate::view::{Answering, CallPhase, CallView, EndReason, Problem, ProblemCode};

/// Twice as loud as it comes, in parts of a hundred.
const LOUDEST: u32 = 200;

impl<H: Host> Controller<H> {
    pub(super) fn answer(&mut self, call: CallId, how: AnswerHow, reply: Reply) {
        self.show_main();
        if how == AnswerHow::EndCurrent {
            for other in self.calls_taken_part_in().into_iter().filter(|other| *other != call) {
                self.leaves(other);
            }
        }
        self.ask_line(reply, async move |line| line.answer(call, how).await);
    }

    pub(super) fn hang_up(&mut self, call: CallId, reply: Reply) {
        self.leaves(call);
        self.ask_line(reply, async move |line| line.hang_up(call).await);
    }

    /// Whoever ends a call knows that it is over.
    fn leaves(&mut self, call: CallId) {
        if let Some(facts) = self.facts.get_mut(&call) {
            facts.left = true;
        }
    }

    pub(super) fn hang_up_current(&mut self) {
        let Some(call) = self.call.as_ref() else { return };
        let Ok(id) = call.id.parse().map(CallId) else { return };
        let event = if call.rings_here() { Event::Decline(id, Reply::nobody()) } else { Event::HangUp(id, Reply::nobody()) };
        self.handle(event);
    }

    pub(super) fn transfer(&mut self, call: CallId, to: String, reply: Reply) {
        let Session::Open { line, .. } = &self.session else {
            return self.answer_to(reply, Err(nobody_is_signed_in()));
        };
        let line = Arc::clone(line);
        if let Some(facts) = self.facts.get_mut(&call) {
            if facts.transfer_to.is_some() {
                return self.answer_to(reply, Err(Problem::new(ProblemCode::OngoingCall, "the call is being transferred")));
            }
            // The end of the call may be told before the answer.
            facts.transfer_to = Some(to.clone());
        }
        self.later(async move { Event::TransferAsked { call, outcome: line.transfer(call, &to).await, reply } });
    }

    pub(super) fn transfer_asked(&mut self, call: CallId, outcome: Result<(), signedcall::Error>, reply: Reply) {
        if let Err(error) = &outcome
            && let Some(facts) = self.facts.get_mut(&call)
        {
            let to = facts.transfer_to.take();
            // The service may have heard of it all the same, and only its answer is lost.
            if error.code == ErrorCode::NetworkLatency {
                facts.transfer_in_doubt = to;
            }
        }
        self.answer_to(reply, outcome.map_err(|error| error.into()));
    }

    pub(super) fn set_volume(&mut self, call: CallId, volume: u32, reply: Reply) {
        let volume = volume.min(LOUDEST);
        if let Some(facts) = self.facts.get_mut(&call) {
            facts.volume = Some(volume);
        }
        let id = call.to_string();
        if let Some(shown) = [&mut self.call, &mut self.other].into_iter().flatten().find(|shown| shown.id == id) {
            shown.volume = volume;
        }
        // At most 200, which an `f32` holds exactly.
        let part = volume as f32 / 100.0;
        self.ask_line(reply, async move |line| line.set_volume(call, part).await);
    }

    pub(super) fn dismiss_call(&mut self, reply: Reply) {
        if let Some(call) = self.call.take_if(|call| !call.is_on()) {
            self.put_away = Some(call.id);
        }
        self.other.take_if(|call| !call.is_on());
        self.answer_to(reply, Ok(()));
    }

    /// Shows how a call has ended: beside the one that goes on, or by itself.
    pub(super) fn show_end(&mut self, ended: CallView) {
        self.bring_to_front();
        if !self.is_in_call() {
            self.other = None;
            self.call = Some(ended);
        } else if self.other.as_ref().is_none_or(|other| !other.is_on()) {
            self.other = Some(ended);
        }
    }

    /// Brings the call that is left to front.
    pub(super) fn bring_to_front(&mut self) {
        if self.call.is_some() {
            return;
        }
        self.call = self.other.take_if(|call| call.is_on());
        if let Some(call) = &mut self.call {
            call.answering = call.answering.map(|_| Answering::Simply);
        }
    }

    /// Ends what is on the screen when the line is gone before it could say how the call ended.
    pub(super) fn close_call(&mut self) {
        self.dialling = false;
        self.facts.clear();
        self.other = None;
        if let Some(call) = self.call.as_mut().filter(|call| call.is_on()) {
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
        self.call.as_ref().is_some_and(CallView::is_on)
    }

    /// The calls that go on or ring.
    pub(super) fn calls_on(&self) -> impl Iterator<Item = &CallView> {
        [&self.call, &self.other].into_iter().flatten().filter(|call| call.is_on())
    }

    /// The calls that this user takes part in. One that only rings here is nobody's yet: it may ring on at the user's other devices.
    pub(super) fn calls_taken_part_in(&self) -> Vec<CallId> {
        let part = self.calls_on().filter(|call| !call.rings_here());
        part.filter_map(|call| call.id.parse().map(CallId).ok()).filter(|id| self.facts.contains_key(id)).collect()
    }

    /// What a user is called, as far as anybody has said.
    pub(super) fn name_of(&self, cuid: &str) -> String {
        let shown = self.calls_on().find(|call| call.peer == cuid).and_then(|call| call.peer_name.clone());
        shown.or_else(|| self.history.name_of(cuid)).unwrap_or_else(|| cuid.to_owned())
    }
}

impl Facts {
    /// What is known of a call when it is first heard of.
    pub(super) fn of_new(began: SystemTime) -> Self {
        Self {
            began,
            talking_since: None,
            peer_name: None,
            transferred_by: None,
            is_by_company: false,
            transfer_to: None,
            transfer_in_doubt: None,
            devices: CallDevices::default(),
            volume: None,
            left: false,
        }
    }

    /// Whom this user has transferred the other side to, if that is how the call has ended.
    pub(super) fn handed_to(&self) -> Option<&str> {
        self.transfer_to.as_deref().or(self.transfer_in_doubt.as_deref())
    }

    /// Seconds of talk, when there was any.
    pub(super) fn seconds_until(&self, end: SystemTime) -> Option<u32> {
        // A clock that was set back during the call makes it zero, not huge.
        self.talking_since.map(|since| end.duration_since(since).map_or(0, |talk| u32::try_from(talk.as_secs()).unwrap_or(u32::MAX)))
    }
}
