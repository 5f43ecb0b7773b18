//! What the line says of its calls, and how each of them ends.

use std::time::SystemTime;

use signedcall::{CallEvent, CallStatus, LineView, LinkState, Phase};

use super::calls::{is_on, stays_on_screen};
use super::{Controller, Facts, Host, Missed, Session};
use crate::history::{PastCall, unix_milliseconds};
use crate::sdk::LineChange;
use crate::view::{CallPhase, CallView, Direction, EndReason, ProblemCode};

impl<H: Host> Controller<H> {
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
}
