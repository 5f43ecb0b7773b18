//! Calls: what the line says of them, what the user asks of them, and what is left of them when they are over.

use std::sync::Arc;
use std::time::SystemTime;

use signedcall::{CallEvent, CallId, CallStatus, LineView, LinkState, Phase};
use uuid::Uuid;

use super::{Controller, Event, Facts, Host, Missed, Reply, Session, nobody_is_signed_in};
use crate::history::{PastCall, unix_milliseconds};
use crate::sdk::LineChange;
use crate::view::{CallPhase, CallView, Direction, EndReason, Problem, ProblemCode};

impl<H: Host> Controller<H> {
    pub(super) fn dial(&mut self, cuid: String, context: String, reply: Reply) {
        if self.is_in_call() || self.dialling {
            return self.answer_to(reply, Err(Problem::new(ProblemCode::OngoingCall, "there is a call already")));
        }
        let Session::Open { line, .. } = &self.session else {
            return self.answer_to(reply, Err(nobody_is_signed_in()));
        };
        self.dialling = true;
        let (line, session) = (Arc::clone(line), self.attempt);
        self.later(async move {
            let outcome = line.call(&cuid, &context).await;
            Event::Dialled { session, peer: cuid, context, outcome, reply }
        });
    }

    pub(super) fn dialled(
        &mut self,
        session: u64,
        peer: String,
        context: String,
        outcome: Result<CallId, signedcall::Error>,
        reply: Reply,
    ) {
        self.dialling = false;
        let Err(error) = outcome else { return self.answer_to(reply, Ok(())) };
        // Both have called each other at the same moment, and the other one's call has won: that is the call that was wanted.
        if self.call.as_ref().is_some_and(|call| call.peer == peer && is_on(call)) && error.code == signedcall::ErrorCode::OngoingCall {
            return self.answer_to(reply, Ok(()));
        }
        let problem = Problem::from(error);
        if session != self.attempt {
            return self.answer_to(reply, Err(problem));
        }
        let shown = self.call.take_if(|call| call.direction == Direction::Outgoing && is_on(call));
        if is_about_the_entry(problem.code) {
            return self.answer_to(reply, Err(problem));
        }
        let call = shown.unwrap_or_else(|| CallView {
            id: CallId(Uuid::new_v4()).to_string(),
            direction: Direction::Outgoing,
            peer,
            peer_name: None,
            context,
            image: None,
            phase: CallPhase::Calling,
            muted: false,
            quality: None,
            microphone: None,
            can_call_again: false,
        });
        self.call_not_placed(call, problem.code);
        self.answer_to(reply, Ok(()));
    }

    /// Shows and remembers a call that never began. One that rings here meanwhile stays on the screen.
    fn call_not_placed(&mut self, mut call: CallView, code: ProblemCode) {
        tracing::info!(?code, "the call could not be placed");
        let reason = EndReason::NotPlaced { code };
        let id = call.id.parse().map_or_else(|_| CallId(Uuid::new_v4()), CallId);
        self.facts.remove(&id);
        self.remember(PastCall {
            id,
            direction: call.direction,
            peer: call.peer.clone(),
            peer_name: call.peer_name.clone(),
            context: call.context.clone(),
            at: SystemTime::now(),
            seconds: None,
            reason,
            is_new: false,
        });
        if !self.is_in_call() {
            call.phase = CallPhase::Ended { reason, seconds: None };
            call.can_call_again = true;
            self.call = Some(call);
        }
    }

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

    pub(super) fn call_again(&mut self, reply: Reply) {
        match self.call.clone() {
            Some(call) if call.can_call_again => self.dial(call.peer, call.context, reply),
            Some(_) | None => {
                self.answer_to(reply, Err(Problem::new(ProblemCode::FailureInMakeCall, "there is no ended call to repeat")));
            }
        }
    }

    pub(super) fn dismiss_call(&mut self, reply: Reply) {
        if let Some(call) = self.call.take_if(|call| !is_on(call)) {
            self.put_away = Some(call.id);
        }
        self.answer_to(reply, Ok(()));
    }

    pub(super) fn line_changed(&mut self, session: u64, change: LineChange) {
        if session != self.attempt {
            return;
        }
        match change {
            LineChange::View(view) => self.line_view(view),
            LineChange::Call(event) => self.call_event(event),
        }
    }

    fn line_view(&mut self, view: LineView) {
        if view.link == LinkState::Closed {
            return self.line_closed();
        }
        self.show_microphone_problem(&view);
        match &view.call {
            Some(call) => self.show_call(call, &view),
            None => self.drop_crossed_call(),
        }
        if let Session::Open { view: kept, .. } = &mut self.session {
            *kept = Some(Box::new(view));
        }
    }

    fn show_microphone_problem(&mut self, view: &LineView) {
        let before = match &self.session {
            Session::Open { view: Some(before), .. } => before.microphone_problem.clone(),
            Session::Open { view: None, .. } | Session::Nobody { .. } | Session::SigningIn => None,
        };
        // Only what is new: the user may have put the notice away.
        if view.microphone_problem == before {
            return;
        }
        self.notices.retain(|notice| notice.code != ProblemCode::MicrophonePermissionNotGranted);
        if let Some(error) = &view.microphone_problem {
            self.notice(error.clone().into());
        }
    }

    /// A call that crossed the other side's, which then did not come after all, goes without an event: it was never placed.
    fn drop_crossed_call(&mut self) {
        let never_placed = |call: &CallView| {
            call.direction == Direction::Outgoing && is_on(call) && !self.facts.keys().any(|id| id.to_string() == call.id)
        };
        if !self.dialling
            && let Some(call) = self.call.take_if(|call| never_placed(call))
        {
            self.call_not_placed(call, ProblemCode::OngoingCall);
        }
    }

    fn show_call(&mut self, call: &signedcall::CallView, line: &LineView) {
        let id = call.call.to_string();
        // The view may be older than the event that said how the call ended.
        if self.history.contains(call.call) || self.put_away.as_ref() == Some(&id) {
            return;
        }
        let phase = match call.phase {
            Phase::Calling => CallPhase::Calling,
            Phase::Ringing => CallPhase::Ringing,
            Phase::Connecting => CallPhase::Connecting,
            Phase::Talking { interrupted, .. } => {
                CallPhase::Talking { since: unix_milliseconds(line.talking_since.unwrap_or_else(SystemTime::now)), interrupted }
            }
            Phase::Ended { reason } => {
                let seconds = self.facts.get(&call.call).and_then(|facts| facts.seconds_until(SystemTime::now()));
                CallPhase::Ended { reason: reason.into(), seconds }
            }
        };
        if let Some(facts) = self.facts.get_mut(&call.call) {
            facts.peer_name.clone_from(&call.peer_name);
        }
        let ended = matches!(phase, CallPhase::Ended { .. });
        let view = CallView {
            id,
            direction: call.direction.into(),
            peer: String::from(call.peer.clone()),
            peer_name: call.peer_name.clone(),
            context: call.context.as_str().to_owned(),
            image: call.peer_image.clone(),
            phase,
            muted: call.muted,
            quality: line.voice.quality.map(Into::into),
            microphone: line.voice.microphone.map(Into::into),
            can_call_again: ended,
        };
        self.call = Some(view).filter(stays_on_screen);
    }

    fn call_event(&mut self, event: CallEvent) {
        // One line for each change that a user would notice, without who it was.
        tracing::info!(call = %event.call_id, status = %event.status, "call");
        let facts = self.facts.entry(event.call_id).or_insert(Facts { began: event.time, talking_since: None, peer_name: None });
        match event.status {
            CallStatus::Placed | CallStatus::Ringing | CallStatus::Answered => {}
            CallStatus::InProgress => facts.talking_since = Some(event.time),
            CallStatus::Ended(reason) => self.call_ended(event, reason.into()),
        }
    }

    fn call_ended(&mut self, event: CallEvent, reason: EndReason) {
        let Some(facts) = self.facts.remove(&event.call_id) else { return };
        let id = event.call_id.to_string();
        let seconds = facts.seconds_until(event.time);
        let shown = self.call.take_if(|call| call.id == id);
        // Somebody who calls while another call is on has no face here.
        let picture = if shown.is_some() { self.picture() } else { None };
        let direction = Direction::from(event.direction);
        let (peer, peer_name, image) = match direction {
            Direction::Incoming => (event.caller, event.caller_name, event.initiator_image),
            Direction::Outgoing => (event.callee, shown.and_then(|call| call.peer_name).or(facts.peer_name), event.receiver_image),
        };
        let (peer, context) = (String::from(peer), event.context.as_str().to_owned());
        let past = PastCall {
            id: event.call_id,
            direction,
            peer: peer.clone(),
            peer_name: peer_name.clone(),
            context: context.clone(),
            at: facts.began,
            seconds,
            reason,
            is_new: false,
        };
        if past.is_missed() {
            let caller = peer_name.clone().unwrap_or_else(|| peer.clone());
            self.host.missed(&Missed { whose: self.whose(), caller, peer: peer.clone(), context: context.clone(), picture });
        }
        self.remember(past);
        let put_away = self.put_away.take_if(|put_away| *put_away == id).is_some();
        // Somebody who called while another call is on does not push that call off the screen.
        if put_away || self.call.as_ref().is_some_and(is_on) {
            return;
        }
        let phase = CallPhase::Ended { reason, seconds };
        let view = CallView {
            id,
            direction,
            peer,
            peer_name,
            context,
            image,
            phase,
            muted: false,
            quality: None,
            microphone: None,
            can_call_again: true,
        };
        self.call = Some(view).filter(stays_on_screen);
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

    fn remember(&mut self, call: PastCall) {
        self.history.add(call);
        self.save_history();
    }

    pub(super) fn is_in_call(&self) -> bool {
        self.call.as_ref().is_some_and(is_on)
    }
}

impl Facts {
    /// Seconds of talk, when there was any.
    fn seconds_until(&self, end: SystemTime) -> Option<u32> {
        // A clock that was set back during the call makes it zero, not huge.
        self.talking_since.map(|since| end.duration_since(since).map_or(0, |talk| u32::try_from(talk.as_secs()).unwrap_or(u32::MAX)))
    }
}

/// Whether the call goes on or rings.
pub(super) fn is_on(call: &CallView) -> bool {
    !matches!(call.phase, CallPhase::Ended { .. })
}

/// Whether a call that is over keeps the screen: not when this user has just decided so, here or on another device.
fn stays_on_screen(call: &CallView) -> bool {
    let CallPhase::Ended { reason, .. } = call.phase else { return true };
    let decided = matches!(reason, EndReason::Declined | EndReason::AnsweredElsewhere | EndReason::DeclinedElsewhere);
    !(decided && call.direction == Direction::Incoming)
}

/// Whether the user can mend it in the form that is still open; anything else is told by the call's screen, with "call again".
fn is_about_the_entry(code: ProblemCode) -> bool {
    matches!(
        code,
        ProblemCode::CallContextInvalid
            | ProblemCode::CuidMissing
            | ProblemCode::InvalidLengthCuid
            | ProblemCode::InvalidCuid
            | ProblemCode::CanNotCallSelf
            | ProblemCode::OngoingCall
            | ProblemCode::NotInitialized
    )
}
