//! Who is signed in, from where, and what becomes of a session whose socket is lost.

use std::collections::BTreeSet;

use signedcall_wire::{
    CallId, CallSnapshot, DeviceId, EndReason, EndedCall, ErrorCode, MAX_SOCKETS_PER_CUID, PROTOCOL_VERSION, Refusal, Resume, ServiceEvent,
    ServiceMessage, SessionId, Timestamp, Welcome,
};

use super::budget::Budget;
use super::call::{Departure, Party, State};
use super::session::{Answers, EventRing, Link, Session, room_for};
use super::timers::Timer;
use super::{Hub, HubCommand, Policy, SignIn, SocketId, Turn, User};

/// The most ends of calls that a welcome lists, the newest: whoever calls and cancels without end must not make it longer than a device takes. A line has
/// two calls on at most, and a few that end.
pub(super) const MAX_ENDS_PER_WELCOME: usize = 16;

impl Hub {
    /// Begins a session. It takes the place of the same device's old one, and its part in calls.
    pub(super) fn sign_in(&mut self, turn: &mut Turn, sign_in: SignIn) {
        let SignIn {
            socket,
            account,
            environment,
            cuid,
            right,
            name,
            endpoint,
            device_name,
            second_calls,
            session: id,
            resume_token,
            max_call,
            single_device,
            relay_only,
            branding,
        } = sign_in;
        let device = endpoint.device;
        self.lose_socket(turn, socket);
        // It may have been changed since the shell looked.
        let looked_up = Policy { relay_only, max_call, single_device, ..Policy::default() };
        let Policy { relay_only, max_call, single_device, call_rates: _ } = self.policies.changed(&account).unwrap_or(looked_up);
        let user: User = (account, environment, cuid);
        // It may have been withdrawn since the shell looked.
        if let Some(refusal) = self.withdrawn.sign_in_refusal(&user, &right) {
            return turn.refuse(socket, refusal);
        }
        if single_device && !self.leave_alone(turn, &user, device) {
            let detail = "this user is signed in on another device, and the account allows one".to_owned();
            return turn.refuse(socket, signed_in_elsewhere(detail));
        }
        if !self.make_room(turn, &user, device) {
            let detail = format!("this user is signed in on {MAX_SOCKETS_PER_CUID} devices, which is the most");
            return turn.refuse(socket, signed_in_elsewhere(detail));
        }
        let replaced = self.presence.get(&user).and_then(|devices| devices.get(&device)).copied();
        if replaced.is_some_and(|old| self.is_overtaken(socket, old)) {
            return turn.commands.push(HubCommand::Close { socket });
        }
        let left_alone = self.push_again(turn, &user, device, single_device);
        self.renew_push(turn, &user, device, &right);
        let Inherited { calls, answers, mut ended } =
            replaced.map(|old| self.hand_over(turn, old, Party { endpoint, session: id })).unwrap_or_default();
        let session = Session {
            user: user.clone(),
            right: Some(right.clone()),
            name,
            endpoint,
            device_name,
            room: room_for(second_calls),
            token: Some(resume_token.clone()),
            relay_only,
            max_call,
            link: Link::Up { socket },
            events: EventRing::default(),
            answers,
            calls,
            reports: Budget::default(),
            receipts: Budget::default(),
            push_changes: Budget::default(),
            events_told: Budget::default(),
        };
        let ice = self.ice(&session);
        self.sessions.insert(id, Box::new(session));
        self.time_right(turn, id, &right);
        self.sockets.insert(socket, id);
        self.presence.entry(user.clone()).or_default().insert(device, id);
        // It finds them in its welcome.
        drop(self.ring_late(turn, &user, Party { endpoint, session: id }));
        self.end_if_nobody_comes_for(turn, left_alone, EndReason::RemoteNetworkLoss, EndReason::Missed);
        self.join_losers(&user, Party { endpoint, session: id });
        let snapshots = self.snapshots(turn, id);
        for missed in self.missed_ends(&user, id, device) {
            if ended.iter().all(|known| known.call != missed.call) {
                ended.push(missed);
            }
        }
        ended.retain(|ended| !snapshots.iter().any(|snapshot| concerns(snapshot, ended.call)));
        ended.sort_by_key(|ended| self.settled_at(ended.call));
        ended.drain(..ended.len().saturating_sub(MAX_ENDS_PER_WELCOME));
        let token_lasts_ms = right.lasts_ms();
        let branding = self.changed_branding(&user.0).or(branding);
        let (version, push_key, calls) = (PROTOCOL_VERSION, self.push_key.clone(), snapshots);
        let welcome = Welcome { version, session: id, resume_token, token_lasts_ms, ice, branding, push_key, calls, ended };
        turn.send(socket, ServiceMessage::Welcome(welcome));
        self.place_early(turn, &user);
    }

    /// Goes on with a session on a new socket, or says that it cannot be done.
    pub(super) fn resume(&mut self, turn: &mut Turn, socket: SocketId, resume: &Resume) {
        self.lose_socket(turn, socket);
        if self.is_overtaken(socket, resume.session) {
            return turn.commands.push(HubCommand::Close { socket });
        }
        let session = self.sessions.get_mut(&resume.session).filter(|session| session.may_be_resumed_by(&resume.token));
        let Some(session) = session else {
            return turn.send(socket, ServiceMessage::SessionExpired);
        };
        let Some(missed) = session.events.replay(turn.now, resume.last_seq) else {
            return turn.send(socket, ServiceMessage::SessionExpired);
        };
        if let Some(old) = session.socket() {
            self.sockets.remove(&old);
            turn.commands.push(HubCommand::Close { socket: old });
        }
        let was = std::mem::replace(&mut session.link, Link::Up { socket });
        self.sockets.insert(socket, resume.session);
        self.timers.clear(Timer::GraceOver(resume.session));
        self.timers.clear(Timer::KeepOver(resume.session));
        turn.send(socket, ServiceMessage::Resumed);
        if self.relay.is_some()
            && let Some(session) = self.sessions.get(&resume.session)
        {
            turn.send(socket, ServiceMessage::Ice(self.ice(session)));
        }
        let mut told = Told::default();
        for (seq, event) in missed {
            let event = self.as_of_now(turn.now, event);
            told.note(&event);
            turn.send(socket, ServiceMessage::Event { seq, event });
        }
        match was {
            Link::Up { .. } | Link::Missing { .. } => {}
            Link::Gone { since } => self.catch_up(turn, resume.session, since, &told),
        }
    }

    /// A device goes on with a session that had been away for too long for calls: it rings for those that go on, and learns what it was not told of others,
    /// which it may have been invited to or pushed for.
    fn catch_up(&mut self, turn: &mut Turn, id: SessionId, away_since: Timestamp, told: &Told) {
        let Some(Session { user, endpoint, .. }) = self.sessions.get(&id).map(Box::as_ref) else {
            return;
        };
        let (user, party) = (user.clone(), Party { endpoint: *endpoint, session: id });
        self.ring_resumed(turn, &user, party, &told.invited);
        self.join_losers(&user, party);
        for EndedCall { call, reason, other_device } in self.missed_ends(&user, id, party.endpoint.device) {
            let is_new = !told.ended.contains(&call) && self.settled_at(call).is_some_and(|at| at > away_since);
            if is_new {
                self.tell(turn, id, ServiceEvent::Ended { call, reason, other_device });
            }
        }
    }

    /// Whether a device that says its first frame on `socket` has turned to another since: frames of two sockets may arrive in either order. A
    /// late `hello` would sign out whom the newer one has signed in.
    fn is_overtaken(&self, socket: SocketId, session: SessionId) -> bool {
        self.sessions.get(&session).and_then(|session| session.socket()).is_some_and(|current| current > socket)
    }

    /// Waits for the session of a lost socket to be resumed on another.
    pub(super) fn lose_socket(&mut self, turn: &Turn, socket: SocketId) {
        let Some(id) = self.sockets.remove(&socket) else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.link = Link::Missing { since: turn.now };
            self.timers.set(Timer::GraceOver(id), turn.now + self.settings.call_grace);
            self.timers.set(Timer::KeepOver(id), turn.now + self.settings.session_kept_for);
        }
    }

    /// Takes a session that stays away out of its calls. It may still come back, and learns then how they ended.
    pub(super) fn give_up_waiting(&mut self, turn: &mut Turn, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id)
            && let Link::Missing { since } = session.link
        {
            session.link = Link::Gone { since };
            self.leave_calls(turn, id, Departure::NetworkLoss);
        }
    }

    /// Ends a session and its part in calls.
    pub(super) fn forget_session(&mut self, turn: &mut Turn, id: SessionId, departure: Departure) {
        self.leave_calls(turn, id, departure);
        self.timers.clear(Timer::GraceOver(id));
        self.timers.clear(Timer::KeepOver(id));
        self.timers.clear(Timer::TokenOver(id));
        let Some(session) = self.sessions.remove(&id) else {
            return;
        };
        match departure {
            Departure::NetworkLoss => {}
            Departure::Logout => self.push_no_more(turn, &session.user, session.endpoint.device),
        }
        if let Some(socket) = session.socket() {
            self.sockets.remove(&socket);
            turn.commands.push(HubCommand::Close { socket });
        }
        if let Some(devices) = self.presence.get_mut(&session.user) {
            devices.remove(&session.endpoint.device);
            if devices.is_empty() {
                self.presence.remove(&session.user);
            }
        }
    }

    /// Makes sure that a device is the only one of its user, unless another is there or was a moment ago.
    fn leave_alone(&mut self, turn: &mut Turn, user: &User, device: DeviceId) -> bool {
        let others = self.presence.get(user).into_iter().flatten().filter(|(other, _)| **other != device);
        let others: Vec<SessionId> = others.map(|(_, session)| *session).collect();
        if others.iter().any(|other| self.sessions.get(other).is_some_and(|session| session.is_reachable())) {
            return false;
        }
        for other in others {
            self.forget_session(turn, other, Departure::NetworkLoss);
        }
        true
    }

    /// Makes sure that one more device of a user may sign in, at the cost of the session that has been away longest and is in no call.
    fn make_room(&mut self, turn: &mut Turn, user: &User, device: DeviceId) -> bool {
        let others = self.presence.get(user).into_iter().flatten().filter(|(other, _)| **other != device);
        let others: Vec<SessionId> = others.map(|(_, session)| *session).collect();
        if others.len() < MAX_SOCKETS_PER_CUID {
            return true;
        }
        let away = others.into_iter().filter_map(|id| {
            let session = self.sessions.get(&id).filter(|session| session.calls.is_empty())?;
            match session.link {
                Link::Missing { since } | Link::Gone { since } => Some((since, id)),
                Link::Up { .. } => None,
            }
        });
        let Some((_, longest)) = away.min() else {
            return false;
        };
        self.forget_session(turn, longest, Departure::NetworkLoss);
        true
    }

    /// Ends the old session of a device that has begun a new one, which takes over its calls, and the answers to what it has asked: a device repeats
    /// what it has heard no answer to in the new session.
    fn hand_over(&mut self, turn: &mut Turn, old: SessionId, new: Party) -> Inherited {
        let calls = self.sessions.get(&old).map(|session| session.calls.clone()).unwrap_or_default();
        // What may not be told yet is told in the new session.
        if self.settings.answer_within.is_some() {
            for id in calls {
                self.tell_answer(turn, id);
            }
        }
        let Some(session) = self.sessions.get_mut(&old) else {
            return Inherited::default();
        };
        let (calls, answers) = (std::mem::take(&mut session.calls), std::mem::take(&mut session.answers));
        let ended = session.events.ends().collect();
        for id in &calls {
            if let Some(call) = self.calls.get_mut(id) {
                call.change_session(old, new);
            }
        }
        if let Some(session) = self.sessions.get(&old)
            && let Some(socket) = session.socket()
            && session.endpoint.run != new.endpoint.run
        {
            // A copy of this installation that is still running must not take the place back, and so on for ever. The same program may: which of two sockets
            // on two nodes is the older one is known but for the moment that it takes to say so.
            turn.send(socket, ServiceMessage::Refused(signed_in_elsewhere("this device has signed in again".to_owned())));
        }
        self.forget_session(turn, old, Departure::NetworkLoss);
        Inherited { calls, answers: answers.without_pending(), ended }
    }

    fn snapshots(&self, turn: &Turn, session: SessionId) -> Vec<CallSnapshot> {
        self.calls_of(session).filter_map(|call| call.snapshot(turn.now, session)).collect()
    }

    /// The calls that a device may still ring for or be in, although they are answered elsewhere or over.
    fn missed_ends(&self, user: &User, session: SessionId, device: DeviceId) -> Vec<EndedCall> {
        let missed = self.calls_involving(user).filter_map(|id| match self.calls.get(&id) {
            Some(call) if call.callee == *user && call.role(session).is_none() => call.answered_elsewhere(),
            Some(_) => None,
            None => self.past.get(id)?.as_seen_by(user, device),
        });
        missed.collect()
    }

    /// When it was settled that a call is over for a device: it ended, or was answered elsewhere; `None` when that is forgotten.
    fn settled_at(&self, id: CallId) -> Option<Timestamp> {
        match self.calls.get(&id).map(|call| &call.state) {
            Some(State::Answered { at, .. }) => Some(*at),
            Some(State::Recording { .. } | State::Ringing { .. }) | None => self.past.get(id).map(|past| past.at),
        }
    }
}

/// What a new session has from the old one.
#[derive(Default)]
struct Inherited {
    calls: BTreeSet<CallId>,
    answers: Answers,
    /// The calls whose end was told there, and perhaps not heard.
    ended: Vec<EndedCall>,
}

/// The calls that a device has just been told of.
#[derive(Default)]
struct Told {
    invited: BTreeSet<CallId>,
    ended: BTreeSet<CallId>,
}

impl Told {
    fn note(&mut self, event: &ServiceEvent) {
        match event {
            ServiceEvent::Invite(invite) => drop(self.invited.insert(invite.call)),
            ServiceEvent::Ended { call, .. } => drop(self.ended.insert(*call)),
            ServiceEvent::Ringing { .. }
            | ServiceEvent::Answered { .. }
            | ServiceEvent::Held { .. }
            | ServiceEvent::TimeLeft { .. }
            | ServiceEvent::Transferred(_)
            | ServiceEvent::Signal { .. }
            | ServiceEvent::Branding(_)
            | ServiceEvent::Unknown => {}
        }
    }
}

/// Whether a snapshot says what became of a call.
fn concerns(snapshot: &CallSnapshot, id: CallId) -> bool {
    match snapshot {
        CallSnapshot::Caller { call, transferred, .. } => {
            *call == id || transferred.as_ref().is_some_and(|transferred| transferred.instead_of == id)
        }
        CallSnapshot::Callee { invite, .. } => invite.call == id,
        CallSnapshot::Unknown => false,
    }
}

impl Turn {
    fn refuse(&mut self, socket: SocketId, refusal: Refusal) {
        self.send(socket, ServiceMessage::Refused(refusal));
        self.commands.push(HubCommand::Close { socket });
    }
}

pub(super) fn signed_in_elsewhere(detail: String) -> Refusal {
    Refusal { code: ErrorCode::CuidAlreadyConnectedElsewhere, detail, retry_after_ms: None }
}
