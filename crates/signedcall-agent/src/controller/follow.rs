//! What the line says of its calls, and how each of them ends.

use std::time::SystemTime;

use signedcall::{CallEvent, CallId, CallStatus, LineScore, LineView, LinkState, Phase, VoiceCondition};

use super::{Controller, Elsewhere, Facts, Host, Missed, Session};
use crate::history::{PastCall, unix_milliseconds};
use crate::sdk::LineChange;
use crate::view::{Answering, CallPhase, CallView, Direction, EndReason, ProblemCode};
use crate::words;

/// One call as the line shows it.
#[derive(Clone, Copy)]
struct Seen<'a> {
    call: &'a signedcall::CallView,
    talking_since: Option<SystemTime>,
    voice: Option<&'a VoiceCondition>,
    /// This device's line, as it was found to be.
    line: LineScore,
}

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
        self.drop_crossed_call(&view);
        if let Some(call) = &view.call {
            self.show_calls(call, &view);
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

    /// Shows the calls of the line. The one that the user is in stays in its place when another rings, also while it is held.
    fn show_calls(&mut self, call: &signedcall::CallView, line: &LineView) {
        let front = Seen { call, talking_since: line.talking_since, voice: Some(&line.voice), line: line.line_score };
        let other = line.other.as_deref();
        let behind = other.map(|other| Seen { call: &other.call, talking_since: other.talking_since, voice: None, line: line.line_score });
        let (first, second) = match behind {
            Some(behind) if rings_here(front.call) && !rings_here(behind.call) => (behind, Some(front)),
            Some(_) | None => (front, behind),
        };
        let shown = self.view_of(first, second);
        let beside = second.and_then(|second| self.view_of(second, Some(first)));
        let Some(shown) = shown else { return };
        let ended = self.other.take_if(|ended| !ended.is_on() && shown.is_on() && ended.id != shown.id);
        self.other = beside.or(ended);
        self.call = Some(shown).filter(CallView::stays_on_screen);
    }

    /// A call as the windows show it, beside another.
    fn view_of(&mut self, seen: Seen<'_>, beside: Option<Seen<'_>>) -> Option<CallView> {
        let Seen { call, talking_since, voice, line } = seen;
        let id = call.call.to_string();
        // The view may be older than the event that said how the call ended.
        if self.history.contains(call.call) || self.put_away.as_ref() == Some(&id) {
            return None;
        }
        let phase = match call.phase {
            Phase::Calling => CallPhase::Calling,
            Phase::Ringing => CallPhase::Ringing,
            Phase::Connecting => CallPhase::Connecting,
            Phase::Talking { interrupted, .. } => {
                CallPhase::Talking { since: unix_milliseconds(talking_since.unwrap_or_else(SystemTime::now)), interrupted }
            }
            Phase::Ended { reason } => {
                let seconds = self.facts.get(&call.call).and_then(|facts| facts.seconds_until(SystemTime::now()));
                CallPhase::Ended { reason: self.reason_of(call.call, reason), seconds }
            }
        };
        if let Some(facts) = self.facts.get_mut(&call.call) {
            facts.peer_name.clone_from(&call.peer_name);
            facts.transferred_by.clone_from(&call.transferred_by);
            facts.is_by_company = call.is_by_company;
        }
        let used = voice.filter(|_| goes_both_ways(call)).map(|voice| &*voice.devices);
        let devices = self.facts.get_mut(&call.call).map(|facts| facts.devices.see(used));
        let (peer, context) = (String::from(call.peer.clone()), call.context.as_str().to_owned());
        let mut view = CallView::new(id, call.direction.into(), peer, context, phase);
        view.peer_name.clone_from(&call.peer_name);
        view.image.clone_from(&call.peer_image);
        view.muted = call.muted;
        view.quality = voice.and_then(|voice| voice.quality).map(Into::into);
        view.poor_network = line.quality() == Some(signedcall::Quality::Poor) && is_before_talk(&view.phase);
        view.notice = voice.and_then(|voice| voice.notice).map(Into::into);
        view.microphone = voice.and_then(|voice| voice.microphone).map(Into::into);
        view.devices = devices.unwrap_or_default();
        if let Some(volume) = self.facts.get(&call.call).and_then(|facts| facts.volume) {
            view.volume = volume;
        }
        view.holding = call.holding.into();
        view.answering = rings_here(call).then(|| answering(beside.map(|beside| beside.call)));
        view.transferred_by = call.transferred_by.as_ref().map(|by| self.name_of(by.as_str()));
        view.connected_by = call.is_by_company.then(|| self.company());
        view.transferred_to = self.transferred_to(call.call, &view.phase);
        view.can_call_again = !view.is_on();
        Some(view)
    }

    fn call_event(&mut self, event: CallEvent) {
        // One line for each change that a user would notice, without who it was.
        tracing::info!(call = %event.call_id, status = %event.status, "call");
        let facts = self.facts.entry(event.call_id).or_insert_with(|| Facts::of_new(event.time));
        match event.status {
            CallStatus::Placed | CallStatus::Ringing | CallStatus::Answered => {}
            CallStatus::InProgress => facts.talking_since = Some(event.time),
            CallStatus::Ended(reason) => self.call_ended(event, reason),
        }
    }

    fn call_ended(&mut self, event: CallEvent, reason: signedcall::EndReason) {
        let reason = self.reason_of(event.call_id, reason);
        let Some(facts) = self.facts.get(&event.call_id) else { return };
        let id = event.call_id.to_string();
        let seconds = facts.seconds_until(event.time);
        let phase = CallPhase::Ended { reason, seconds };
        let by = facts.transferred_by.clone().map(|by| self.name_of(by.as_str()));
        let to = self.transferred_to(event.call_id, &phase);
        let Some(facts) = self.facts.remove(&event.call_id) else { return };
        let shown = self.call.take_if(|call| call.id == id).or_else(|| self.other.take_if(|call| call.id == id));
        if facts.is_by_company && reason == EndReason::Transferred {
            // It has done what it was for: the user is the caller of the call that follows, which says all there is to say.
            return self.bring_to_front();
        }
        let by = by.or_else(|| shown.as_ref()?.transferred_by.clone());
        // Somebody who has called in vain without being seen has no face here.
        let picture = shown.as_ref().and_then(|call| self.picture_of(call));
        let direction = Direction::from(event.direction);
        let (peer, peer_name, image) = match direction {
            Direction::Incoming => (event.caller, event.caller_name, event.initiator_image),
            Direction::Outgoing => (event.callee, shown.and_then(|call| call.peer_name).or(facts.peer_name), event.receiver_image),
        };
        let mut view = CallView::new(id.clone(), direction, String::from(peer), event.context.as_str().to_owned(), phase);
        (view.peer_name, view.image, view.can_call_again) = (peer_name, image, true);
        (view.transferred_by, view.transferred_to, view.other_device) = (by, to, event.other_device);
        view.connected_by = facts.is_by_company.then(|| self.company());
        let past = PastCall {
            id: event.call_id,
            direction,
            peer: view.peer.clone(),
            peer_name: view.peer_name.clone(),
            context: view.context.clone(),
            at: facts.began,
            seconds,
            reason,
            is_new: false,
            transferred_by: view.transferred_by.clone(),
            transferred_to: view.transferred_to.clone(),
            other_device: view.other_device.clone(),
        };
        let caller = words::caller(&view.shown_name(), None, view.connected_by.as_deref());
        let (whose, context) = (self.whose(), view.context.clone());
        let is_missed = past.is_missed();
        if is_missed {
            self.host.missed(&Missed { whose, caller, peer: view.peer.clone(), context, picture });
        } else if matches!(reason, EndReason::AnsweredElsewhere | EndReason::DeclinedElsewhere) {
            let answered = reason == EndReason::AnsweredElsewhere;
            self.host.taken_elsewhere(&Elsewhere { whose, caller, context, answered, device: view.other_device.clone(), picture });
        }
        self.remember(past);
        let put_away = self.put_away.take_if(|put_away| *put_away == id).is_some();
        self.bring_to_front();
        // Beside a call that goes on, only what the user does not know.
        let is_news = !self.is_in_call() || !(facts.left || is_missed);
        if !put_away && is_news && view.stays_on_screen() {
            self.show_end(view);
        }
    }

    /// Why a call has ended, as this side sees it: which of the two has transferred the other is known by who has asked for it.
    fn reason_of(&self, call: CallId, reason: signedcall::EndReason) -> EndReason {
        let asked_here = self.facts.get(&call).is_some_and(|facts| facts.handed_to().is_some());
        if asked_here && reason == signedcall::EndReason::Transferred { EndReason::HandedOver } else { reason.into() }
    }

    fn transferred_to(&self, call: CallId, phase: &CallPhase) -> Option<String> {
        let CallPhase::Ended { reason: EndReason::HandedOver, .. } = phase else { return None };
        self.facts.get(&call)?.handed_to().map(|to| self.name_of(to))
    }
}

/// Whether there is a voice to be heard of it, here and there.
fn goes_both_ways(call: &signedcall::CallView) -> bool {
    matches!(call.phase, Phase::Talking { .. }) && call.holding == signedcall::Holding::Nobody
}

/// Whether how the line was found to be still says something: in a talk, how the talk goes says more.
const fn is_before_talk(phase: &CallPhase) -> bool {
    match phase {
        CallPhase::Calling | CallPhase::Ringing | CallPhase::Connecting => true,
        CallPhase::Talking { .. } | CallPhase::Ended { .. } => false,
    }
}

fn rings_here(call: &signedcall::CallView) -> bool {
    call.direction == signedcall::Direction::Incoming && matches!(call.phase, Phase::Ringing)
}

/// What becomes of the other call when one that rings here is answered.
fn answering(beside: Option<&signedcall::CallView>) -> Answering {
    match beside.map(|other| (other.phase, rings_here(other))) {
        None | Some((Phase::Ended { .. }, _) | (_, true)) => Answering::Simply,
        Some((Phase::Calling | Phase::Ringing, false)) => Answering::End,
        Some((Phase::Connecting | Phase::Talking { .. }, false)) => Answering::HoldOrEnd,
    }
}
