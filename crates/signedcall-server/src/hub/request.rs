//! What devices ask for.

use signedcall_wire::{
    CallId, EndReason, Endpoint, ErrorCode, MAX_CANDIDATES_PER_CALL, MAX_SDP_BYTES, Request, RequestId, ServiceEvent, SessionId, Signal,
    VoiceReport,
};

use super::call::{Call, Departure, Intent, Role, State, Telling};
use super::reason::{concerns_one_device, reasons_after_answer, reasons_before_answer};
use super::session::{Answer, room_for};
use super::{Hub, HubCommand, KeptReport, NamedDevice, PushOutcome, Turn};

/// The most bytes of one candidate: a real one has under three hundred.
pub(super) const MAX_CANDIDATE_BYTES: usize = 2 * 1024;
/// The most session descriptions from one device of a call to another: one to connect, and one for each change of network in a long call.
pub(super) const MAX_DESCRIPTIONS_PER_CALL: usize = 256;
/// Everything went well, or came too late to matter.
pub(super) const DONE: Answer = Answer::Given(None);

impl Hub {
    /// Carries a request out, or repeats the answer to one that it has carried out.
    pub(super) fn carry_out(&mut self, turn: &mut Turn, session: SessionId, id: RequestId, request: Request) {
        let answer = match self.sessions.get(&session).and_then(|session| session.answers.get(id)) {
            Some(Answer::Pending) => return,
            Some(given @ Answer::Given(_)) => given,
            None => match request {
                Request::Call(new) => self.place(turn, session, id, new),
                Request::Ringing { call } => self.confirm_ringing(turn, session, call),
                Request::Accept { call } => self.accept(turn, session, id, call),
                Request::Decline { call, reason } => self.decline(turn, session, id, call, reason),
                Request::Hangup { call, reason } => self.hang_up(turn, session, id, call, reason),
                Request::MediaConnected { call } => self.connect_media(turn, session, call),
                Request::Hold { call, on } => self.hold(turn, session, call, on),
                Request::Transfer { call, new, to } => self.transfer(turn, session, id, call, new, to),
                Request::Signal { call, to, signal } => self.relay(turn, session, call, to, signal),
                Request::ReportVoice { call, report } => self.keep_report(turn, session, call, report),
                Request::KeepEvents { events } => self.keep_events(turn, session, id, events),
                Request::Receipt { call } => self.ask_receipt(turn, session, id, call),
                Request::TakeSecondCalls { on } => self.take_second_calls(session, on),
                Request::PushTo { target } => self.push_to(turn, session, id, target),
                Request::Logout => return self.log_out(turn, session, id),
                Request::GoIdle => return self.go_idle(turn, session, id),
                Request::Unknown => refused(ErrorCode::FeatureNotAvailable),
            },
        };
        self.answer(turn, session, id, answer);
    }

    fn confirm_ringing(&mut self, turn: &mut Turn, session: SessionId, id: CallId) -> Answer {
        let Some(call) = self.calls.get_mut(&id) else {
            return DONE;
        };
        if let State::Ringing { devices, confirmed, .. } = &mut call.state
            && let Some(party) = devices.iter().find(|party| party.session == session)
            && !confirmed.contains(&party.endpoint)
        {
            let (caller, by) = (call.caller.session, party.endpoint);
            confirmed.push(by);
            if call.pushed.remove(&by.device) {
                call.settled.insert(by.device);
                turn.commands.push(HubCommand::PushSettled { call: id, device: by.device, outcome: PushOutcome::Rings });
            }
            self.tell(turn, caller, ServiceEvent::Ringing { call: id, by });
        }
        DONE
    }

    fn decline(&mut self, turn: &mut Turn, session: SessionId, request: RequestId, id: CallId, reason: EndReason) -> Answer {
        let Some(call) = self.calls.get(&id) else {
            return DONE;
        };
        match call.role(session) {
            Some(Role::Ringing) => {
                if concerns_one_device(reason) {
                    self.drop_device(turn, id, session, reason, reason);
                } else {
                    self.decline_for_all(turn, session, id);
                }
            }
            // It has answered, and finds only then that it cannot talk.
            Some(Role::Talking) => return self.hang_up(turn, session, request, id, reason),
            Some(Role::Caller) => {}
            None if concerns_one_device(reason) => self.let_loser_go(turn, id, session, reason),
            None => {}
        }
        DONE
    }

    fn decline_for_all(&mut self, turn: &mut Turn, session: SessionId, id: CallId) {
        let (Some(session), Some(call)) = (self.sessions.get(&session), self.calls.get_mut(&id)) else {
            return;
        };
        let decliner = session.endpoint.device;
        call.declined_by = Some(NamedDevice { id: decliner, name: session.device_name.clone() });
        self.end(
            turn,
            id,
            EndReason::Declined,
            |device| {
                if device == decliner { EndReason::Declined } else { EndReason::DeclinedElsewhere }
            },
        );
    }

    fn hang_up(&mut self, turn: &mut Turn, session: SessionId, request: RequestId, id: CallId, reason: EndReason) -> Answer {
        let Some(call) = self.calls.get_mut(&id) else {
            self.take_back_early(turn, session, id);
            return DONE;
        };
        let Some(role) = call.role(session) else {
            return DONE;
        };
        match &mut call.state {
            // The caller was told long ago that it has failed.
            State::Recording { intent: Intent::End(EndReason::InternalError), .. } => {}
            // The record can be closed once it is durable, and the caller is told then: a service that takes its place before would find that it rings.
            State::Recording { intent, waiting, .. } => {
                *intent = Intent::End(EndReason::Cancelled);
                waiting.push(request);
                return Answer::Pending;
            }
            State::Ringing { .. } => match role {
                Role::Caller => {
                    let (ours, theirs) = reasons_before_answer(reason);
                    self.end(turn, id, ours, |_| theirs);
                }
                // It was told that the call is answered, by a service that has died since.
                Role::Ringing | Role::Talking => {
                    self.give(turn, session, id, Vec::new());
                    self.end_answered(turn, id, role, reason);
                }
            },
            State::Answered { .. } => self.end_answered(turn, id, role, reason),
        }
        DONE
    }

    fn end_answered(&mut self, turn: &mut Turn, id: CallId, by: Role, reason: EndReason) {
        let (ours, theirs) = reasons_after_answer(reason);
        match by {
            Role::Caller => self.end(turn, id, ours, |_| theirs),
            Role::Ringing | Role::Talking => self.end(turn, id, theirs, |_| ours),
        }
    }

    fn connect_media(&mut self, turn: &mut Turn, session: SessionId, id: CallId) -> Answer {
        if let Some(Call { caller, state: State::Answered { by, caller_has_media, callee_has_media, connected_at, .. }, .. }) =
            self.calls.get_mut(&id)
        {
            *caller_has_media |= caller.session == session;
            *callee_has_media |= by.session == session;
            if *caller_has_media && *callee_has_media && connected_at.is_none() {
                *connected_at = Some(turn.now);
                self.write_answer(turn, id);
            }
        }
        DONE
    }

    /// Notes who holds a call, and tells the other side. One who has done so too often of late is refused, and whoever holds may always go on.
    fn hold(&mut self, turn: &mut Turn, session: SessionId, id: CallId, on: bool) -> Answer {
        if let Some(Call { caller, state: State::Answered { by, caller_holds, callee_holds, held, telling, .. }, .. }) =
            self.calls.get_mut(&id)
        {
            let (holds, budget, other) = if caller.session == session {
                (caller_holds, &mut held.by_caller, by.session)
            } else if by.session == session {
                (callee_holds, &mut held.by_callee, caller.session)
            } else {
                return DONE;
            };
            if on && !*holds && !budget.take(turn.now) {
                return refused(ErrorCode::FailureInMakeCall);
            }
            if std::mem::replace(holds, on) != on {
                let is_told = matches!(telling, Telling::Done);
                self.write_answer(turn, id);
                if is_told {
                    self.tell(turn, other, ServiceEvent::Held { call: id, on });
                }
            }
        }
        DONE
    }

    fn relay(&mut self, turn: &mut Turn, session: SessionId, id: CallId, to: Endpoint, signal: Signal) -> Answer {
        let Some(call) = self.calls.get_mut(&id) else {
            return DONE;
        };
        let receiver = match call.role(session) {
            Some(Role::Caller) => match &call.state {
                State::Recording { .. } => None,
                State::Ringing { devices, .. } => devices.iter().find(|party| party.endpoint == to).copied(),
                State::Answered { by, .. } => (by.endpoint == to).then_some(*by),
            },
            Some(Role::Ringing | Role::Talking) => (call.caller.endpoint == to).then_some(call.caller),
            None => None,
        };
        let Some(receiver) = receiver else {
            return DONE;
        };
        let relayed = call.relayed.entry((session, receiver.session)).or_default();
        let (bytes, most_bytes, count, most) = match &signal {
            Signal::Offer { sdp, .. } | Signal::Answer { sdp, .. } => {
                // What follows describes the paths of another generation.
                relayed.candidates = 0;
                (sdp.expose().len(), MAX_SDP_BYTES, &mut relayed.descriptions, MAX_DESCRIPTIONS_PER_CALL)
            }
            Signal::Candidate { candidate } => {
                (candidate.expose().len(), MAX_CANDIDATE_BYTES, &mut relayed.candidates, MAX_CANDIDATES_PER_CALL)
            }
            Signal::Restart => (0, 0, &mut relayed.descriptions, MAX_DESCRIPTIONS_PER_CALL),
            Signal::Unknown => return refused(ErrorCode::FeatureNotAvailable),
        };
        if bytes > most_bytes || *count == most {
            return refused(ErrorCode::FailureInMakeCall);
        }
        *count += 1;
        let Some(from) = self.sessions.get(&session).map(|session| session.endpoint.device) else {
            return DONE;
        };
        self.tell(turn, receiver.session, ServiceEvent::Signal { call: id, from, signal });
        DONE
    }

    /// Passes on to the store how a call sounded. Whether the device had a part in the call, the record says: the hub has forgotten the call by then.
    fn keep_report(&mut self, turn: &mut Turn, session: SessionId, call: CallId, report: VoiceReport) -> Answer {
        let Some(session) = self.sessions.get_mut(&session) else {
            return DONE;
        };
        if !session.reports.take(turn.now) || !report.is_plausible() {
            // It is of no use to send it again.
            return refused(ErrorCode::StopRetry);
        }
        let (account, environment, cuid) = session.user.clone();
        let device = session.endpoint.device;
        turn.commands.push(HubCommand::KeepReport(KeptReport { call, account, environment, cuid, device, report }));
        DONE
    }

    /// Counts for calls that come from now on.
    fn take_second_calls(&mut self, session: SessionId, on: bool) -> Answer {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.room = room_for(on);
        }
        DONE
    }

    fn go_idle(&mut self, turn: &mut Turn, session: SessionId, id: RequestId) {
        if self.calls_of(session).any(|call| call.occupies(session)) {
            return self.answer(turn, session, id, refused(ErrorCode::OngoingCall));
        }
        self.answer(turn, session, id, DONE);
        self.forget_session(turn, session, Departure::NetworkLoss);
    }

    fn log_out(&mut self, turn: &mut Turn, session: SessionId, id: RequestId) {
        self.leave_calls(turn, session, Departure::Logout);
        self.answer(turn, session, id, DONE);
        self.forget_session(turn, session, Departure::Logout);
    }
}

pub(super) const fn refused(error: ErrorCode) -> Answer {
    Answer::Given(Some(error))
}
