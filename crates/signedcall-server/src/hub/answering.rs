//! How a call is answered: the first device wins, and nobody is told before the store has it.

use signedcall_wire::{CallId, EndReason, RequestId, ServiceEvent, SessionId};

use super::call::{Call, Held, Party, Role, State, Telling};
use super::request::DONE;
use super::session::Answer;
use super::timers::Timer;
use super::{Hub, HubCommand, KeptAnswer, Turn, User};

impl Hub {
    /// The first one wins. Nobody is told before the store has it.
    pub(super) fn accept(&mut self, turn: &mut Turn, session: SessionId, request: RequestId, id: CallId) -> Answer {
        let Some(call) = self.calls.get_mut(&id) else {
            return DONE;
        };
        match (call.role(session), &mut call.state) {
            (Some(Role::Ringing), State::Ringing { .. }) => {
                self.give(turn, session, id, vec![request]);
                Answer::Pending
            }
            (Some(Role::Talking), State::Answered { telling: Telling::Waits { waiting, .. }, .. }) => {
                // It may ask again in another session.
                if !waiting.contains(&request) {
                    waiting.push(request);
                }
                Answer::Pending
            }
            (_, State::Recording { .. } | State::Ringing { .. } | State::Answered { .. }) => DONE,
        }
    }

    /// Gives a call that rings to one of the devices, whose requests wait for that.
    pub(super) fn give(&mut self, turn: &mut Turn, session: SessionId, id: CallId, waiting: Vec<RequestId>) {
        let device_name = self.sessions.get(&session).and_then(|session| session.device_name.clone());
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let State::Ringing { give_up_at, awaited, restored, devices, .. } = &call.state else {
            return;
        };
        let (give_up_at, restored) = (*give_up_at, *restored);
        // One that was pushed, and had rung before, may come back in the belief that it rings.
        let absent = awaited.keys().chain(&call.pushed).copied().collect();
        let (winners, losers): (Vec<Party>, Vec<Party>) = devices.iter().partition(|party| party.session == session);
        let Some(winner) = winners.first().copied() else {
            return;
        };
        call.state = State::Answered {
            at: turn.now,
            by: winner,
            device_name,
            caller_has_media: false,
            callee_has_media: false,
            connected_at: None,
            caller_holds: false,
            callee_holds: false,
            held: Held::default(),
            // The time of two whom their company connects begins with their own call.
            ends_at: call.limit.filter(|_| !call.is_by_company()).map(|limit| turn.now + limit),
            telling: Telling::Waits { losers, absent, restored, give_up_at, waiting },
        };
        Self::settle_pushes(turn, call, Some(winner.endpoint.device), EndReason::AnsweredElsewhere);
        self.timers.clear(Timer::PushDue(id));
        self.timers.clear(Timer::RingOver(id));
        if let Some(within) = self.settings.answer_within {
            self.timers.set(Timer::AnswerOverdue(id), turn.now + within);
        }
        self.write_answer(turn, id);
    }

    /// Has what is known of an answered call written down.
    pub(super) fn write_answer(&self, turn: &mut Turn, id: CallId) {
        if let Some(Call {
            state: State::Answered { at, by, device_name, connected_at, caller_holds, callee_holds, ends_at, .. }, ..
        }) = self.calls.get(&id)
        {
            let answer = KeptAnswer {
                by: by.endpoint,
                device_name: device_name.clone(),
                at: *at,
                connected_at: *connected_at,
                caller_holds: *caller_holds,
                callee_holds: *callee_holds,
                ends_at: *ends_at,
            };
            turn.commands.push(HubCommand::WriteAnswer { call: id, answer });
        }
    }

    /// Tells everyone that a call is answered, unless they know.
    pub(super) fn tell_answer(&mut self, turn: &mut Turn, id: CallId) {
        let Some(Call { caller, state: State::Answered { by, device_name, caller_holds, callee_holds, telling, .. }, .. }) =
            self.calls.get_mut(&id)
        else {
            return;
        };
        let (caller, by, holds, device_name) = (*caller, *by, [*callee_holds, *caller_holds], device_name.clone());
        let Telling::Waits { losers, waiting, .. } = std::mem::replace(telling, Telling::Done) else {
            return;
        };
        self.timers.clear(Timer::AnswerOverdue(id));
        let left_ms = self.calls.get(&id).and_then(|call| call.left_ms(turn.now));
        for told in [caller, by] {
            self.tell(turn, told.session, ServiceEvent::Answered { call: id, by: by.endpoint, left_ms });
        }
        // One who answers and holds at once has said so already.
        for (told, other_holds) in [caller, by].into_iter().zip(holds) {
            if other_holds {
                self.tell(turn, told.session, ServiceEvent::Held { call: id, on: true });
            }
        }
        self.limit(turn, id);
        for loser in losers {
            if let Some(session) = self.sessions.get_mut(&loser.session) {
                session.calls.remove(&id);
            }
            let (reason, other_device) = (EndReason::AnsweredElsewhere, device_name.clone());
            self.tell(turn, loser.session, ServiceEvent::Ended { call: id, reason, other_device });
        }
        self.answer_all(turn, by.session, waiting, None);
    }

    /// A device that rang before the service was started again, or was pushed, is back after another has answered, and before it may be told so.
    pub(super) fn join_losers(&mut self, user: &User, loser: Party) {
        let device = loser.endpoint.device;
        for id in self.calls_of_users.get(user).into_iter().flatten() {
            let Some(Call { callee, left, state: State::Answered { by, telling, .. }, .. }) = self.calls.get_mut(id) else {
                continue;
            };
            let Telling::Waits { losers, absent, restored, .. } = telling else {
                continue;
            };
            let has_part = by.endpoint.device == device || losers.iter().any(|party| party.endpoint.device == device);
            if callee == user && (absent.contains(&device) || *restored) && !has_part && !left.contains(&device) {
                losers.push(loser);
                if let Some(session) = self.sessions.get_mut(&loser.session) {
                    session.calls.insert(*id);
                }
            }
        }
    }

    /// A device that has not won leaves before the answer is durable, and thus before it is told.
    pub(super) fn let_loser_go(&mut self, turn: &mut Turn, id: CallId, session: SessionId, told: EndReason) {
        let Some(Call { left, state: State::Answered { telling: Telling::Waits { losers, .. }, .. }, .. }) = self.calls.get_mut(&id) else {
            return;
        };
        let Some(index) = losers.iter().position(|party| party.session == session) else {
            return;
        };
        left.insert(losers.remove(index).endpoint.device);
        if let Some(session) = self.sessions.get_mut(&session) {
            session.calls.remove(&id);
        }
        self.tell(turn, session, ServiceEvent::Ended { call: id, reason: told, other_device: None });
    }
}
