//! What devices ask for.

use std::collections::BTreeMap;
use std::time::Duration;

use signedcall_wire::{
    CallId, EndReason, Endpoint, ErrorCode, Invite, MAX_CANDIDATES_PER_CALL, MAX_SDP_BYTES, NewCall, Request, RequestId, ServiceEvent,
    SessionId, Signal,
};

use super::call::{Call, Departure, Intent, Party, Role, State};
use super::session::Answer;
use super::timers::Timer;
use super::{Hub, HubCommand, OpenRecord, Turn, User};

/// The most bytes of one candidate: a real one has under three hundred.
pub(super) const MAX_CANDIDATE_BYTES: usize = 2 * 1024;
/// The most session descriptions from one device of a call to another: one to connect, and one for each change of network in a long call.
pub(super) const MAX_DESCRIPTIONS_PER_CALL: usize = 256;
/// The most bytes of a picture's URL. It is copied to every device that rings.
pub(super) const MAX_IMAGE_URL_BYTES: usize = 2 * 1024;

/// The shortest time that a caller may set for a call: less is no talk.
pub(super) const MIN_CALL: Duration = Duration::from_secs(1);

/// Everything went well, or came too late to matter.
const DONE: Answer = Answer::Given(None);

impl Hub {
    /// Carries a request out, or repeats the answer to one that it has carried out.
    pub(super) fn carry_out(&mut self, turn: &mut Turn, session: SessionId, id: RequestId, request: Request) {
        let answer = match self.sessions.get(&session).and_then(|session| session.answers.get(id)) {
            Some(Answer::Pending) => return,
            Some(given @ Answer::Given(_)) => given,
            None => match request {
                Request::Call(new) => self.place(turn, session, id, new),
                Request::Ringing { call } => self.confirm_ringing(turn, session, call),
                Request::Accept { call } => self.accept(turn, session, call),
                Request::Decline { call, reason } => self.decline(turn, session, call, reason),
                Request::Hangup { call, reason } => self.hang_up(turn, session, call, reason),
                Request::MediaConnected { call } => self.connect_media(turn, session, call),
                Request::Hold { call, on } => self.hold(turn, session, call, on),
                Request::Signal { call, to, signal } => self.relay(turn, session, call, to, signal),
                Request::Logout => return self.log_out(turn, session, id),
                Request::Unknown => refused(ErrorCode::FeatureNotAvailable),
            },
        };
        self.answer(turn, session, id, answer);
    }

    fn place(&mut self, turn: &mut Turn, session: SessionId, id: RequestId, new: NewCall) -> Answer {
        if let Some(call) = self.calls.get_mut(&new.call) {
            return call.place_again(session, id);
        }
        if self.ended.iter().any(|(_, ended)| *ended == new.call) {
            return refused(ErrorCode::FailureInMakeCall);
        }
        let Some(caller) = self.sessions.get(&session) else {
            return refused(ErrorCode::FailureInMakeCall);
        };
        let (account, environment, cuid) = caller.user.clone();
        if new.to == cuid {
            return refused(ErrorCode::CanNotCallSelf);
        }
        let images = [&new.initiator_image, &new.receiver_image];
        if images.into_iter().flatten().any(|url| url.len() > MAX_IMAGE_URL_BYTES) {
            return refused(ErrorCode::FailureInMakeCall);
        }
        let asked = new.max_duration_ms.map(Duration::from_millis);
        if asked.is_some_and(|limit| limit < MIN_CALL) {
            return refused(ErrorCode::FailureInMakeCall);
        }
        let limit = asked.into_iter().chain(caller.max_call).min();
        let callee = (account.clone(), environment, new.to.clone());
        if !self.may_place(session) || self.would_be_glare(session, &callee) {
            return refused(ErrorCode::OngoingCall);
        }
        if self.reachable(&callee).is_empty() {
            return refused(ErrorCode::ContactNotReachable);
        }
        turn.commands.push(HubCommand::OpenRecord(OpenRecord {
            call: new.call,
            account,
            environment,
            caller: cuid.clone(),
            caller_device: caller.endpoint.device,
            callee: new.to,
            context: new.context.clone(),
            placed_at: turn.now,
        }));
        let invite = Invite {
            call: new.call,
            from: cuid,
            endpoint: caller.endpoint,
            from_name: caller.name.clone(),
            context: new.remote_context.unwrap_or(new.context),
            initiator_image: new.initiator_image,
            receiver_image: new.receiver_image,
            ring_for_ms: 0,
        };
        let call = Call {
            caller: Party { endpoint: caller.endpoint, session },
            callee,
            invite,
            limit,
            relayed: BTreeMap::new(),
            state: State::Recording { waiting: vec![id], intent: Intent::Ring },
        };
        self.calls.insert(new.call, call);
        self.timers.set(Timer::RecordOverdue(new.call), turn.now + self.settings.record_within);
        if let Some(caller) = self.sessions.get_mut(&session) {
            caller.calls.insert(new.call);
        }
        Answer::Pending
    }

    /// Whether a device may place another call: it holds the one that it is in, or is in none. One that merely rings may call somebody else.
    fn may_place(&self, session: SessionId) -> bool {
        let mut engaged = 0;
        for call in self.calls_of(session) {
            let is_free = match call.role(session) {
                Some(Role::Caller) if call.is_being_made() => false,
                Some(Role::Caller | Role::Talking) if call.is_answered() => {
                    engaged += 1;
                    call.is_held_by(session)
                }
                Some(Role::Caller | Role::Talking | Role::Ringing) | None => true,
            };
            if !is_free {
                return false;
            }
        }
        self.sessions.get(&session).is_some_and(|session| engaged < session.room)
    }

    /// Whether the callee is calling the caller at this moment.
    fn would_be_glare(&self, caller: SessionId, callee: &User) -> bool {
        let Some(me) = self.sessions.get(&caller) else {
            return false;
        };
        let mut sessions = self.presence.get(callee).into_iter().flatten().map(|(_, session)| *session);
        sessions.any(|session| {
            self.calls_of(session).any(|call| call.role(session) == Some(Role::Caller) && call.callee == me.user && call.is_being_made())
        })
    }

    pub(super) fn calls_of(&self, session: SessionId) -> impl Iterator<Item = &Call> {
        let calls = self.sessions.get(&session).into_iter().flat_map(|session| &session.calls);
        calls.filter_map(|id| self.calls.get(id))
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
            self.tell(turn, caller, ServiceEvent::Ringing { call: id, by });
        }
        DONE
    }

    fn accept(&mut self, turn: &mut Turn, session: SessionId, id: CallId) -> Answer {
        let Some(call) = self.calls.get_mut(&id) else {
            return DONE;
        };
        let caller = call.caller.session;
        let (winner, losers) = match &call.state {
            State::Ringing { devices, .. } => {
                let (winners, losers): (Vec<Party>, Vec<Party>) = devices.iter().partition(|party| party.session == session);
                let Some(winner) = winners.first().copied() else {
                    return DONE;
                };
                (winner, losers)
            }
            State::Recording { .. } | State::Answered { .. } => return DONE,
        };
        call.state = State::Answered {
            at: turn.now,
            by: winner,
            caller_has_media: false,
            callee_has_media: false,
            connected_at: None,
            caller_holds: false,
            callee_holds: false,
            ends_at: call.limit.map(|limit| turn.now + limit),
        };
        let left_ms = call.left_ms(turn.now);
        self.timers.clear(Timer::RingOver(id));
        for told in [caller, winner.session] {
            self.tell(turn, told, ServiceEvent::Answered { call: id, by: winner.endpoint, left_ms });
        }
        self.limit(turn, id);
        for loser in losers {
            if let Some(session) = self.sessions.get_mut(&loser.session) {
                session.calls.remove(&id);
            }
            self.tell(turn, loser.session, ServiceEvent::Ended { call: id, reason: EndReason::AnsweredElsewhere });
        }
        DONE
    }

    fn decline(&mut self, turn: &mut Turn, session: SessionId, id: CallId, reason: EndReason) -> Answer {
        let Some(call) = self.calls.get(&id) else {
            return DONE;
        };
        match call.role(session) {
            Some(Role::Ringing) => {
                if concerns_one_device(reason) {
                    self.drop_device(turn, id, session, reason, reason);
                } else {
                    let decliner = self.sessions.get(&session).map(|session| session.endpoint.device);
                    self.end(turn, id, EndReason::Declined, |device| {
                        if Some(device) == decliner { EndReason::Declined } else { EndReason::DeclinedElsewhere }
                    });
                }
            }
            // It has answered, and finds only then that it cannot talk.
            Some(Role::Talking) => return self.hang_up(turn, session, id, reason),
            Some(Role::Caller) | None => {}
        }
        DONE
    }

    fn hang_up(&mut self, turn: &mut Turn, session: SessionId, id: CallId, reason: EndReason) -> Answer {
        let Some(call) = self.calls.get_mut(&id) else {
            return DONE;
        };
        let Some(role) = call.role(session) else {
            return DONE;
        };
        match &mut call.state {
            // The record can be closed once it is durable, and the caller is told then.
            State::Recording { intent, .. } => *intent = Intent::End(EndReason::Cancelled),
            State::Ringing { .. } => match role {
                Role::Caller => self.end(turn, id, EndReason::Cancelled, |_| EndReason::Cancelled),
                Role::Ringing | Role::Talking => return self.decline(turn, session, id, reason),
            },
            State::Answered { .. } => {
                let (ours, theirs) = reasons_after_answer(reason);
                match role {
                    Role::Caller => self.end(turn, id, ours, |_| theirs),
                    Role::Ringing | Role::Talking => self.end(turn, id, theirs, |_| ours),
                }
            }
        }
        DONE
    }

    fn connect_media(&mut self, turn: &Turn, session: SessionId, id: CallId) -> Answer {
        if let Some(Call { caller, state: State::Answered { by, caller_has_media, callee_has_media, connected_at, .. }, .. }) =
            self.calls.get_mut(&id)
        {
            *caller_has_media |= caller.session == session;
            *callee_has_media |= by.session == session;
            if *caller_has_media && *callee_has_media {
                connected_at.get_or_insert(turn.now);
            }
        }
        DONE
    }

    /// Notes who holds a call, and tells the other side.
    fn hold(&mut self, turn: &mut Turn, session: SessionId, id: CallId, on: bool) -> Answer {
        if let Some(Call { caller, state: State::Answered { by, caller_holds, callee_holds, .. }, .. }) = self.calls.get_mut(&id) {
            let (holds, other) = if caller.session == session {
                (caller_holds, by.session)
            } else if by.session == session {
                (callee_holds, caller.session)
            } else {
                return DONE;
            };
            if std::mem::replace(holds, on) != on {
                self.tell(turn, other, ServiceEvent::Held { call: id, on });
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
            Signal::Offer { sdp } | Signal::Answer { sdp } => {
                (sdp.expose().len(), MAX_SDP_BYTES, &mut relayed.descriptions, MAX_DESCRIPTIONS_PER_CALL)
            }
            Signal::Candidate { candidate } => {
                (candidate.expose().len(), MAX_CANDIDATE_BYTES, &mut relayed.candidates, MAX_CANDIDATES_PER_CALL)
            }
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

    fn log_out(&mut self, turn: &mut Turn, session: SessionId, id: RequestId) {
        self.leave_calls(turn, session, Departure::Logout);
        self.answer(turn, session, id, DONE);
        self.forget_session(turn, session, Departure::Logout);
    }
}

impl Call {
    /// Whether a session's side holds it.
    fn is_held_by(&self, session: SessionId) -> bool {
        match &self.state {
            State::Answered { by, caller_holds, callee_holds, .. } => {
                (self.caller.session == session && *caller_holds) || (by.session == session && *callee_holds)
            }
            State::Recording { .. } | State::Ringing { .. } => false,
        }
    }

    pub(super) fn is_answered(&self) -> bool {
        match self.state {
            State::Answered { .. } => true,
            State::Recording { .. } | State::Ringing { .. } => false,
        }
    }

    /// The same call is asked for under another request: by the same device in a new session, or by somebody who must not.
    fn place_again(&mut self, session: SessionId, id: RequestId) -> Answer {
        if self.caller.session != session {
            return refused(ErrorCode::FailureInMakeCall);
        }
        match &mut self.state {
            State::Recording { waiting, intent } => match intent {
                Intent::Ring | Intent::AwaitRepeat => {
                    *intent = Intent::Ring;
                    waiting.push(id);
                    Answer::Pending
                }
                Intent::End(_) => refused(ErrorCode::FailureInMakeCall),
            },
            State::Ringing { .. } | State::Answered { .. } => DONE,
        }
    }
}

const fn refused(error: ErrorCode) -> Answer {
    Answer::Given(Some(error))
}

/// Whether a reason to decline says something of one device only, so that the user's others go on ringing.
const fn concerns_one_device(reason: EndReason) -> bool {
    match reason {
        EndReason::Busy
        | EndReason::MicrophoneRefused
        | EndReason::NotificationsDisabled
        | EndReason::ProtocolMismatch
        | EndReason::LoggedOut
        | EndReason::InternalError => true,
        EndReason::Unknown
        | EndReason::HungUp
        | EndReason::Cancelled
        | EndReason::Declined
        | EndReason::Missed
        | EndReason::RingTimeout
        | EndReason::LocalNetworkLoss
        | EndReason::RemoteNetworkLoss
        | EndReason::MediaSetupTooSlow
        | EndReason::AnsweredElsewhere
        | EndReason::DeclinedElsewhere
        | EndReason::MaxDuration => false,
    }
}

/// What the side that ends an answered call is told, and the other.
///
/// A reason that belongs to an unanswered call has crossed the answer on the wire: to both, somebody hung up. That the time is over is for the hub to say.
const fn reasons_after_answer(reason: EndReason) -> (EndReason, EndReason) {
    match reason {
        EndReason::LocalNetworkLoss => (EndReason::LocalNetworkLoss, EndReason::RemoteNetworkLoss),
        EndReason::RemoteNetworkLoss => (EndReason::RemoteNetworkLoss, EndReason::LocalNetworkLoss),
        EndReason::MicrophoneRefused | EndReason::InternalError | EndReason::ProtocolMismatch | EndReason::MediaSetupTooSlow => {
            (reason, reason)
        }
        EndReason::Unknown
        | EndReason::HungUp
        | EndReason::Cancelled
        | EndReason::Declined
        | EndReason::Missed
        | EndReason::RingTimeout
        | EndReason::Busy
        | EndReason::LoggedOut
        | EndReason::NotificationsDisabled
        | EndReason::AnsweredElsewhere
        | EndReason::DeclinedElsewhere
        | EndReason::MaxDuration => (EndReason::HungUp, EndReason::HungUp),
    }
}
