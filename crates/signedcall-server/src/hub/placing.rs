//! How a call comes about: who may place one, its record, and whom it rings on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use signedcall_wire::{CallId, DeviceId, EndReason, ErrorCode, Invite, NewCall, RequestId, ServiceEvent, SessionId};

use super::call::{Call, Intent, Party, Role, State};
use super::few::Few;
use super::request::{DONE, refused};
use super::session::Answer;
use super::timers::Timer;
use super::{Connected, Hub, HubCommand, OpenRecord, Turn, User};

/// The most bytes of a picture's URL. It is copied to every device that rings.
pub(crate) const MAX_IMAGE_URL_BYTES: usize = 2 * 1024;
/// The shortest time that a caller may set for a call: less is no talk.
pub(crate) const MIN_CALL: Duration = Duration::from_secs(1);

impl Hub {
    pub(super) fn place(&mut self, turn: &mut Turn, session: SessionId, id: RequestId, new: NewCall) -> Answer {
        if let Some(known) = self.asked_before(session, id, new.call) {
            return known;
        }
        if self.drains {
            return refused(ErrorCode::ServerFailure);
        }
        if !self.may_call(turn.now, session) {
            return refused(ErrorCode::StopRetry);
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
        let callee = (account, environment, new.to.clone());
        if !self.may_place(session, None) || self.would_be_glare(session, &callee) {
            return refused(ErrorCode::OngoingCall);
        }
        let reachable = self.reachable(&callee);
        if !self.may_be_reached(&callee, &reachable) && !self.has_logged_out(&callee) {
            return if self.may_come_back(turn.now) {
                self.wait_for_callee(session, id, callee, new)
            } else {
                refused(ErrorCode::ContactNotReachable)
            };
        }
        let invite = Invite {
            call: new.call,
            from: cuid,
            endpoint: caller.endpoint,
            from_name: caller.name.clone(),
            context: new.remote_context.unwrap_or_else(|| new.context.clone()),
            initiator_image: new.initiator_image,
            receiver_image: new.receiver_image,
            transferred_by: None,
            leads_to: None,
            ring_for_ms: 0,
        };
        let call = Call {
            caller: Party { endpoint: caller.endpoint, session },
            callee,
            context: new.context,
            invite,
            instead_of: None,
            limit: asked.into_iter().chain(caller.max_call).min(),
            rings_on: BTreeSet::new(),
            left: BTreeSet::new(),
            pushed: BTreeSet::new(),
            settled: BTreeSet::new(),
            declined_by: None,
            relayed: BTreeMap::new(),
            state: State::Recording { asked_by: session, waiting: vec![id], intent: Intent::Ring },
        };
        self.write_down(turn, session, call, &reachable);
        Answer::Pending
    }

    /// What there is to say of a call that is not new: its device asks for it again, or somebody who must not.
    pub(super) fn asked_before(&mut self, session: SessionId, id: RequestId, call: CallId) -> Option<Answer> {
        match self.calls.get_mut(&call) {
            Some(call) => Some(call.ask_again(session, id)),
            None => self.past.get(call).map(|_| refused(ErrorCode::FailureInMakeCall)),
        }
    }

    /// Keeps a new call, counts it, and has its record opened.
    pub(super) fn write_down(&mut self, turn: &mut Turn, asked_by: SessionId, mut call: Call, reachable: &[Party]) {
        self.count_call(turn.now, asked_by);
        let id = call.invite.call;
        let (account, environment, callee) = call.callee.clone();
        let devices = reachable.iter().map(|party| party.endpoint.device);
        call.rings_on = devices.chain(self.reached_by_push(&call.callee)).collect();
        let leads_here = |before: &CallId| self.calls.get(before).is_some_and(|before| before.invite.leads_to == Some(id));
        let by_company = call.is_by_company() || call.instead_of.as_ref().is_some_and(leads_here);
        turn.commands.push(HubCommand::OpenRecord(OpenRecord {
            account,
            environment,
            callee,
            context: call.context.clone(),
            invite: call.invite.clone(),
            instead_of: call.instead_of,
            limit: call.limit,
            by_company,
            rings_on: call.rings_on.iter().copied().collect(),
            placed_at: turn.now,
        }));
        self.involve(call.callee.clone(), id);
        self.calls.insert(id, call);
        self.timers.set(Timer::RecordOverdue(id), turn.now + self.settings.record_within);
        if let Some(session) = self.sessions.get_mut(&asked_by) {
            session.calls.insert(id);
        }
    }

    /// The record is durable: the call is placed, and rings.
    pub(super) fn recorded(&mut self, turn: &mut Turn, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let State::Recording { asked_by, waiting, intent } = &mut call.state else {
            return;
        };
        let (asked_by, waiting, intent) = (*asked_by, std::mem::take(waiting), *intent);
        let (user, instead_of) = (call.callee.clone(), call.instead_of);
        self.timers.clear(Timer::RecordOverdue(id));
        self.answer_asks(turn, id, Connected::Placed);
        match (intent, instead_of) {
            (Intent::AwaitRepeat, _) => {
                self.close(turn, id, EndReason::LocalNetworkLoss);
            }
            (Intent::End(reason), Some(old)) => {
                self.close(turn, id, reason);
                self.give_up_connecting(turn, old, reason);
                self.answer_all(turn, asked_by, waiting, Some(ErrorCode::FailureInMakeCall));
            }
            (Intent::End(reason), None) => {
                self.close(turn, id, reason);
                // Whoever was answered already that it failed knows nothing of it any more.
                if !waiting.is_empty() {
                    self.answer_all(turn, asked_by, waiting, None);
                    self.tell(turn, asked_by, ServiceEvent::Ended { call: id, reason, other_device: None });
                }
            }
            (Intent::Ring, Some(old)) => self.take_over(turn, id, old, asked_by, waiting),
            (Intent::Ring, None) => {
                let reachable = self.reachable(&user);
                if !self.may_be_reached(&user, &reachable) {
                    if self.has_logged_out(&user) {
                        self.answer_all(turn, asked_by, waiting, None);
                        return self.end(turn, id, EndReason::LoggedOut, |_| EndReason::LoggedOut);
                    }
                    self.close(turn, id, EndReason::RemoteNetworkLoss);
                    return self.answer_all(turn, asked_by, waiting, Some(ErrorCode::ContactNotReachable));
                }
                self.answer_all(turn, asked_by, waiting, None);
                if self.is_quiet(turn, &user) {
                    return self.end(turn, id, EndReason::QuietHours, |_| EndReason::QuietHours);
                }
                let is_connected = !reachable.is_empty();
                let devices = self.with_room(reachable);
                if is_connected && devices.is_empty() {
                    return self.end(turn, id, EndReason::Busy, |_| EndReason::Busy);
                }
                self.ring(turn, id, devices);
            }
        }
    }

    /// Rings some devices of the callee.
    pub(super) fn ring(&mut self, turn: &mut Turn, id: CallId, devices: Vec<Party>) {
        let give_up_at = turn.now + self.settings.ring_for;
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.state =
            State::Ringing { give_up_at, awaited: BTreeMap::new(), restored: false, devices: devices.clone(), confirmed: Vec::new() };
        let invite = call.invite(turn.now);
        note_ringing(turn, call, &devices);
        self.timers.set(Timer::RingOver(id), give_up_at);
        for party in devices {
            if let Some(session) = self.sessions.get_mut(&party.session) {
                session.calls.insert(id);
            }
            self.tell(turn, party.session, ServiceEvent::Invite(invite.clone()));
        }
        self.push_unless_confirmed(turn, id);
    }

    /// A device signs in while its user is called: it rings too, and finds the call in its welcome. Says which calls these are.
    pub(super) fn ring_late(&mut self, turn: &mut Turn, user: &User, party: Party) -> Vec<CallId> {
        let device = party.endpoint.device;
        self.await_no_more(user, device);
        let may_ring = |call: &Call| match &call.state {
            State::Ringing { devices, .. } => {
                call.callee == *user && !call.left.contains(&device) && devices.iter().all(|known| known.endpoint.device != device)
            }
            State::Recording { .. } | State::Answered { .. } => false,
        };
        let ringing: Vec<CallId> = self.calls_involving(user).filter(|id| self.calls.get(id).is_some_and(may_ring)).collect();
        let mut rings = Vec::new();
        for id in ringing {
            if self.with_room(vec![party]).is_empty() {
                self.pushed_in_vain(turn, id, device);
                continue;
            }
            if let Some(call) = self.calls.get_mut(&id) {
                note_ringing(turn, call, &[party]);
                if let State::Ringing { devices, .. } = &mut call.state {
                    devices.push(party);
                }
            }
            if let Some(session) = self.sessions.get_mut(&party.session) {
                session.calls.insert(id);
            }
            rings.push(id);
        }
        rings
    }

    /// A device is back since the service was started again.
    fn await_no_more(&mut self, user: &User, device: DeviceId) {
        for id in self.calls_of_users.get(user).into_iter().flatten() {
            if let Some(Call { callee, state: State::Ringing { awaited, .. }, .. }) = self.calls.get_mut(id)
                && callee == user
            {
                awaited.remove(&device);
            }
        }
    }

    /// The call is not written down: it never was.
    pub(super) fn fail_to_place(&mut self, turn: &mut Turn, id: CallId, error: ErrorCode) {
        let Some(Call { instead_of, state: State::Recording { asked_by, waiting, .. }, .. }) = self.calls.get_mut(&id) else {
            return;
        };
        let (asked_by, waiting, instead_of) = (*asked_by, std::mem::take(waiting), *instead_of);
        self.remove(turn, id, EndReason::InternalError);
        self.answer_asks(turn, id, if error == ErrorCode::ServerFailure { Connected::Unavailable } else { Connected::Before });
        self.answer_hang_ups(turn, id, false);
        if let Some(old) = instead_of {
            self.give_up_connecting(turn, old, EndReason::InternalError);
        }
        self.answer_all(turn, asked_by, waiting, Some(error));
    }

    /// The store takes too long: whoever asked is told, and the record closed should it become durable after all.
    pub(super) fn give_up_placing(&mut self, turn: &mut Turn, id: CallId) {
        let Some(Call { instead_of, state: State::Recording { asked_by, waiting, intent }, .. }) = self.calls.get_mut(&id) else {
            return;
        };
        *intent = Intent::End(EndReason::InternalError);
        let (asked_by, waiting, instead_of) = (*asked_by, std::mem::take(waiting), *instead_of);
        self.answer_asks(turn, id, Connected::Unavailable);
        if let Some(old) = instead_of {
            self.give_up_connecting(turn, old, EndReason::InternalError);
        }
        self.answer_all(turn, asked_by, waiting, Some(ErrorCode::ServerFailure));
    }

    /// Whether a device may have another call that it is the caller of, besides those that it has without `left`: it holds the one that it is in, or is in
    /// none. One that merely rings may call somebody else.
    pub(super) fn may_place(&self, session: SessionId, left: Option<CallId>) -> bool {
        let mut engaged = 0;
        for call in self.calls_of(session).filter(|call| Some(call.invite.call) != left) {
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
    pub(super) fn would_be_glare(&self, caller: SessionId, callee: &User) -> bool {
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

    /// Those of some devices that are not in as many calls as they take. They are not told of another, so that nothing of it is heard or seen there.
    pub(super) fn with_room(&self, devices: Vec<Party>) -> Vec<Party> {
        let has_room = |party: &Party| {
            let calls = self.calls_of(party.session).filter(|call| call.occupies(party.session)).count();
            self.sessions.get(&party.session).is_some_and(|session| calls < session.room)
        };
        devices.into_iter().filter(has_room).collect()
    }

    /// The devices of a user that a call can ring on.
    pub(super) fn reachable(&self, user: &User) -> Vec<Party> {
        let sessions = self.presence.get(user).into_iter().flat_map(Few::values);
        let reachable = sessions.filter_map(|id| Some((*id, self.sessions.get(id).filter(|session| session.is_reachable())?)));
        reachable.map(|(session, of)| Party { endpoint: of.endpoint, session }).collect()
    }
}

/// Has it written down where a call rings, unless its record says so: after a restart these devices are waited for.
fn note_ringing(turn: &mut Turn, call: &mut Call, parties: &[Party]) {
    let known = call.rings_on.len();
    call.rings_on.extend(parties.iter().map(|party| party.endpoint.device));
    if call.rings_on.len() > known {
        turn.commands.push(HubCommand::NoteRinging { call: call.invite.call, rings_on: call.rings_on.iter().copied().collect() });
    }
}

impl Call {
    /// The same call is asked for under another request: by the same device in a new session, or by somebody who must not.
    fn ask_again(&mut self, session: SessionId, id: RequestId) -> Answer {
        match &mut self.state {
            State::Recording { asked_by, .. } if *asked_by != session => refused(ErrorCode::FailureInMakeCall),
            State::Recording { waiting, intent, .. } => match intent {
                Intent::Ring | Intent::AwaitRepeat => {
                    *intent = Intent::Ring;
                    waiting.push(id);
                    Answer::Pending
                }
                Intent::End(_) => refused(ErrorCode::FailureInMakeCall),
            },
            State::Ringing { .. } | State::Answered { .. } if self.caller.session == session => DONE,
            State::Ringing { .. } | State::Answered { .. } => refused(ErrorCode::FailureInMakeCall),
        }
    }
}
