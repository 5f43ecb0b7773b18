//! The life of a call, from its record to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use signedcall_wire::{CallId, Context, DeviceId, DeviceName, EndReason, Endpoint, Invite, RequestId, ServiceEvent, SessionId, Timestamp};

use super::budget::Budget;
use super::past::PastCall;
use super::timers::Timer;
use super::{AnsweredBy, CloseRecord, Hub, HubCommand, NamedDevice, Turn, User};

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) caller: Party,
    pub(super) callee: User,
    /// Why, as the caller sees it.
    pub(super) context: Context,
    /// As sent to the callee's devices; `ring_for_ms` is filled in when it is.
    pub(super) invite: Invite,
    /// The call that its caller was in, when somebody has transferred it.
    pub(super) instead_of: Option<CallId>,
    /// The longest that it may last from its answer.
    pub(super) limit: Option<Duration>,
    /// The callee's devices that it can ring on, as its record says.
    pub(super) rings_on: BTreeSet<DeviceId>,
    /// The callee's devices that have declined for themselves, so that they do not ring again.
    pub(super) left: BTreeSet<DeviceId>,
    /// The callee's devices that are called by push, and of whose push it is not said yet what has become of it.
    pub(super) pushed: BTreeSet<DeviceId>,
    /// Those of which it is said: they are not called by push again.
    pub(super) settled: BTreeSet<DeviceId>,
    /// That of those that have left which has declined for all, with which the call ends.
    pub(super) declined_by: Option<NamedDevice>,
    /// What has been relayed, by sender and receiver.
    pub(super) relayed: BTreeMap<(SessionId, SessionId), Relayed>,
    pub(super) state: State,
}

/// One device with a part in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) endpoint: Endpoint,
    pub(super) session: SessionId,
}

/// How much one device has passed to another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Relayed {
    pub(super) descriptions: usize,
    pub(super) candidates: usize,
}

/// How often each side may still begin to hold a call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    pub(super) by_caller: Budget,
    pub(super) by_callee: Budget,
}

/// How far a call has come.
#[derive(Debug)]
pub(super) enum State {
    /// The store is writing it down.
    Recording {
        /// The device that is to be answered: the caller's, or one that transfers it.
        asked_by: SessionId,
        /// The requests that wait for it.
        waiting: Vec<RequestId>,
        /// What then.
        intent: Intent,
    },
    /// The callee's devices are told.
    Ringing {
        give_up_at: Timestamp,
        /// Those that may have rung before the service was started again and are not back, and until when each is waited for. Those that a push may wake are
        /// waited for as well.
        awaited: BTreeMap<DeviceId, Timestamp>,
        /// Whether it rang before the service was started again: also on devices that have come since its record was written, and that nobody knows of.
        restored: bool,
        /// Those that may still answer.
        devices: Vec<Party>,
        /// Those of them that have confirmed in this run of their program, in that order.
        confirmed: Vec<Endpoint>,
    },
    /// One device has answered.
    Answered {
        at: Timestamp,
        by: Party,
        /// What its user's other devices call the one that has answered.
        device_name: Option<DeviceName>,
        caller_has_media: bool,
        callee_has_media: bool,
        /// When both had.
        connected_at: Option<Timestamp>,
        caller_holds: bool,
        callee_holds: bool,
        held: Held,
        /// When its time is over.
        ends_at: Option<Timestamp>,
        telling: Telling,
    },
}

/// Whether those who have a part in a call know of its answer.
#[derive(Debug)]
pub(super) enum Telling {
    /// The store is writing it down.
    Waits {
        /// Those that have not won, and still believe that it rings.
        losers: Vec<Party>,
        /// Those that rang before the service was started again, or were pushed, and are not back: they have not won either.
        absent: BTreeSet<DeviceId>,
        /// Whether there may be more of them, that nobody knows of.
        restored: bool,
        /// Until when it would have rung.
        give_up_at: Timestamp,
        /// The winner's requests that wait for it.
        waiting: Vec<RequestId>,
    },
    /// They have been told.
    Done,
}

/// What becomes of a call once its record is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// It rings.
    Ring,
    /// Its device has begun a new session, and does not know of it unless it asks again.
    AwaitRepeat,
    /// It ends.
    End(EndReason),
}

/// Why a device leaves its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departure {
    /// It has been away for too long.
    NetworkLoss,
    /// Its user has signed out.
    Logout,
}

/// What a device is in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It placed the call.
    Caller,
    /// It may answer.
    Ringing,
    /// It has answered.
    Talking,
}

impl Party {
    fn named(self, name: Option<DeviceName>) -> NamedDevice {
        NamedDevice { id: self.endpoint.device, name }
    }
}

impl Call {
    /// What a session is in this call; `None` when it has no part in it (any more), or is to have one once the call is written down.
    pub(super) fn role(&self, session: SessionId) -> Option<Role> {
        let is_caller = self.caller.session == session;
        match &self.state {
            State::Recording { .. } if self.instead_of.is_some() => None,
            State::Recording { .. } | State::Ringing { .. } | State::Answered { .. } if is_caller => Some(Role::Caller),
            State::Recording { .. } => None,
            State::Ringing { devices, .. } => devices.iter().any(|party| party.session == session).then_some(Role::Ringing),
            State::Answered { by, .. } => (by.session == session).then_some(Role::Talking),
        }
    }

    /// Whether it will ring or rings, and nobody has answered.
    pub(super) fn is_being_made(&self) -> bool {
        match &self.state {
            State::Recording { intent, .. } => *intent == Intent::Ring,
            State::Ringing { .. } => true,
            State::Answered { .. } => false,
        }
    }

    pub(super) fn is_answered(&self) -> bool {
        match self.state {
            State::Answered { .. } => true,
            State::Recording { .. } | State::Ringing { .. } => false,
        }
    }

    /// Whether a session's side holds it.
    pub(super) fn is_held_by(&self, session: SessionId) -> bool {
        match &self.state {
            State::Answered { by, caller_holds, callee_holds, .. } => {
                (self.caller.session == session && *caller_holds) || (by.session == session && *callee_holds)
            }
            State::Recording { .. } | State::Ringing { .. } => false,
        }
    }

    /// Whether it rings, and a device may yet come that does not ring: since it rang before the service was started again, or by a push.
    pub(super) fn awaits(&self, now: Timestamp) -> bool {
        match &self.state {
            State::Ringing { awaited, devices, .. } => {
                let may_come =
                    |device: &DeviceId| !self.left.contains(device) && devices.iter().all(|party| party.endpoint.device != *device);
                let is_back_soon = |(device, until): (&DeviceId, &Timestamp)| *until > now && may_come(device);
                awaited.iter().any(is_back_soon) || self.pushed.iter().any(may_come)
            }
            State::Recording { .. } | State::Answered { .. } => false,
        }
    }

    /// Whether a session is in it, or may yet be.
    pub(super) fn occupies(&self, session: SessionId) -> bool {
        match self.role(session) {
            Some(Role::Caller) => self.is_being_made() || self.is_answered(),
            Some(Role::Ringing | Role::Talking) => true,
            None => false,
        }
    }

    /// Puts a device's new session in the place of its old one. What rang in a run of its program that is over has to confirm again.
    pub(super) fn change_session(&mut self, old: SessionId, new: Party) {
        let parties: Vec<&mut Party> = match &mut self.state {
            State::Recording { asked_by, waiting, intent } => {
                *asked_by = new.session;
                waiting.clear();
                if *intent == Intent::Ring {
                    *intent = Intent::AwaitRepeat;
                }
                vec![]
            }
            State::Ringing { devices, confirmed, .. } => {
                confirmed.retain(|confirmed| confirmed.device != new.endpoint.device || confirmed.run == new.endpoint.run);
                devices.iter_mut().collect()
            }
            State::Answered { by, telling: Telling::Waits { losers, .. }, .. } => losers.iter_mut().chain([by]).collect(),
            State::Answered { by, telling: Telling::Done, .. } => vec![by],
        };
        for party in parties.into_iter().chain([&mut self.caller]).filter(|party| party.session == old) {
            *party = new;
        }
    }
}

impl Hub {
    pub(super) fn give_up_ringing(&mut self, turn: &mut Turn, id: CallId) {
        self.end(turn, id, EndReason::RingTimeout, |_| EndReason::RingTimeout);
    }

    /// Takes a device out of a ringing call, which ends with it when no other may still answer. While others may come back, or be called by push, it goes on.
    pub(super) fn drop_device(&mut self, turn: &mut Turn, id: CallId, session: SessionId, told: EndReason, if_last: EndReason) {
        let Some(Call { state: State::Ringing { devices, .. }, .. }) = self.calls.get(&id) else {
            return;
        };
        let Some((index, leaves)) = devices.iter().enumerate().find(|(_, party)| party.session == session) else {
            return;
        };
        let is_last = devices.len() == 1 && !self.calls.get(&id).is_some_and(|call| call.awaits(turn.now));
        let others_may_be_pushed = self.to_be_pushed(id).iter().any(|device| *device != leaves.endpoint.device);
        if is_last && !others_may_be_pushed {
            return self.end(turn, id, if_last, |_| told);
        }
        let Some(Call { left, state: State::Ringing { devices, confirmed, .. }, .. }) = self.calls.get_mut(&id) else {
            return;
        };
        let gone = devices.remove(index);
        left.insert(gone.endpoint.device);
        confirmed.retain(|confirmed| *confirmed != gone.endpoint);
        if let Some(session) = self.sessions.get_mut(&session) {
            session.calls.remove(&id);
        }
        self.tell(turn, session, ServiceEvent::Ended { call: id, reason: told, other_device: None });
        if is_last {
            // Nobody confirms any more, so that the others are called at once.
            self.push(turn, id);
        }
    }

    /// Takes a session out of all its calls.
    pub(super) fn leave_calls(&mut self, turn: &mut Turn, session: SessionId, departure: Departure) {
        let calls = self.sessions.get(&session).map(|session| session.calls.clone()).unwrap_or_default();
        for id in calls {
            let Some(call) = self.calls.get_mut(&id) else {
                continue;
            };
            let role = call.role(session);
            let answered = match &mut call.state {
                State::Recording { intent, .. } => {
                    *intent = Intent::End(match departure {
                        Departure::NetworkLoss => EndReason::LocalNetworkLoss,
                        Departure::Logout => EndReason::Cancelled,
                    });
                    continue;
                }
                State::Ringing { .. } => false,
                State::Answered { .. } => true,
            };
            let (ours, theirs) = match departure {
                Departure::NetworkLoss => (EndReason::LocalNetworkLoss, EndReason::RemoteNetworkLoss),
                Departure::Logout if answered => (EndReason::HungUp, EndReason::HungUp),
                Departure::Logout => (EndReason::Cancelled, EndReason::Cancelled),
            };
            match role {
                Some(Role::Caller) => self.end(turn, id, ours, |_| theirs),
                Some(Role::Talking) => self.end(turn, id, theirs, |_| ours),
                Some(Role::Ringing) => match departure {
                    Departure::NetworkLoss if self.await_pushed(id, session) => {}
                    Departure::NetworkLoss => self.drop_device(turn, id, session, EndReason::Missed, EndReason::RemoteNetworkLoss),
                    Departure::Logout => self.drop_device(turn, id, session, EndReason::LoggedOut, EndReason::LoggedOut),
                },
                None => match departure {
                    Departure::NetworkLoss => self.let_loser_go(turn, id, session, EndReason::Missed),
                    Departure::Logout => self.let_loser_go(turn, id, session, EndReason::LoggedOut),
                },
            }
        }
    }

    /// Ends a call: closes its record and tells everyone who has a part in it.
    pub(super) fn end(&mut self, turn: &mut Turn, id: CallId, to_caller: EndReason, to_callee: impl Fn(DeviceId) -> EndReason) {
        // Its answer comes first, also when the store has not confirmed it: the store takes both in this order.
        self.tell_answer(turn, id);
        let Some(call) = self.close(turn, id, to_caller) else {
            return;
        };
        let callees = match call.state {
            State::Recording { .. } => vec![],
            State::Ringing { devices, .. } => devices,
            State::Answered { by, .. } => vec![by],
        };
        self.tell(turn, call.caller.session, ServiceEvent::Ended { call: id, reason: to_caller, other_device: None });
        let decliner = call.declined_by.and_then(|by| by.name);
        for party in callees {
            let reason = to_callee(party.endpoint.device);
            let other_device = decliner.clone().filter(|_| reason == EndReason::DeclinedElsewhere);
            self.tell(turn, party.session, ServiceEvent::Ended { call: id, reason, other_device });
        }
    }

    /// Removes a call and closes its record, which must be durable.
    pub(super) fn close(&mut self, turn: &mut Turn, id: CallId, reason: EndReason) -> Option<Call> {
        let call = self.remove(turn, id, reason)?;
        let (answered, ended_at) = match &call.state {
            State::Recording { .. } | State::Ringing { .. } => (None, turn.now),
            State::Answered { at, by, device_name, connected_at, ends_at, .. } => (
                Some(AnsweredBy { device: by.named(device_name.clone()), at: *at, connected_at: *connected_at }),
                // Its time may have ended while the service was not there to say so.
                ends_at.map_or(turn.now, |ends_at| ends_at.min(turn.now)),
            ),
        };
        let declined_by = call.declined_by.clone();
        turn.commands.push(HubCommand::CloseRecord(CloseRecord { call: id, answered, declined_by, ended_at, reason }));
        Some(call)
    }

    pub(super) fn remove(&mut self, turn: &mut Turn, id: CallId, reason: EndReason) -> Option<Call> {
        let mut call = self.calls.remove(&id)?;
        Self::settle_pushes(turn, &mut call, None, reason);
        let others: Vec<SessionId> = match &call.state {
            State::Recording { asked_by, .. } => vec![*asked_by],
            State::Ringing { devices, .. } => devices.iter().map(|party| party.session).collect(),
            State::Answered { by, .. } => vec![by.session],
        };
        let (answered_by, reason) = match &call.state {
            State::Recording { .. } => (None, None),
            State::Ringing { .. } => (None, Some(reason)),
            State::Answered { by, device_name, .. } => (Some(by.named(device_name.clone())), Some(reason)),
        };
        let (account, environment, _) = call.callee.clone();
        let caller = ((account, environment, call.invite.from.clone()), call.caller.endpoint.device);
        for session in others.into_iter().chain([call.caller.session]) {
            if let Some(session) = self.sessions.get_mut(&session) {
                session.calls.remove(&id);
            }
        }
        self.timers.clear(Timer::RecordOverdue(id));
        self.timers.clear(Timer::AnswerOverdue(id));
        self.timers.clear(Timer::PushDue(id));
        self.timers.clear(Timer::RingOver(id));
        self.timers.clear(Timer::EndNears(id));
        self.timers.clear(Timer::TimeOver(id));
        let (callee, declined_by) = (call.callee.clone(), call.declined_by.clone());
        self.remember(PastCall { at: turn.now, call: id, caller, callee, answered_by, declined_by, reason });
        Some(call)
    }
}
