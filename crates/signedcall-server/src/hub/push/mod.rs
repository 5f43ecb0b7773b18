//! Devices that are called by push (R25): where no socket of a user is connected, and where none confirms in time that it rings.
//!
//! ```text
//!   rings ──▶ no socket is connected ────────────▶ pushed ──▶ signs in or resumes, and rings
//!        └──▶ nobody confirms within two seconds ───▲   └──▶ nobody comes until the call is over
//! ```
//!
//! A push only wakes a device: the call itself comes by the socket that it opens, and until then nothing of the call hangs on the push but that the call
//! waits for it. What becomes of each push is said once (R36): its device rings, or why it does not.

mod directory;
mod words;

use std::collections::BTreeSet;
use std::time::Duration;

use signedcall_wire::{CallId, DeviceId, EndReason, ErrorCode, PushService, PushTarget, RequestId, ServiceEvent, SessionId};

pub(super) use self::directory::PushDirectory;
pub use self::directory::Reach;
pub use self::words::{ForgetPush, KeepPush, NewPush, PushOutcome};
use super::call::{Awaited, Call, Party, State};
use super::request::refused;
use super::session::{Answer, Link, Session};
use super::{Hub, HubCommand, Turn, User};

/// How long the devices that have a socket may take to confirm that they ring. It is ten round trips of a slow network, and somebody who waits for the other
/// side to pick up does not notice it.
pub(super) const CONFIRM_WITHIN: Duration = Duration::from_secs(2);

impl Hub {
    /// The service has been started: these devices have said before where their pushes go.
    pub(super) fn know_pushes(&mut self, key: String, known: Vec<(User, DeviceId, Reach)>) {
        self.push_key = Some(key);
        for (user, device, reach) in known {
            self.pushes.set(&user, device, reach);
        }
    }

    /// Has it written down where a device is reached by push, unless it cannot be there.
    pub(super) fn push_to(&mut self, turn: &mut Turn, session: SessionId, request: RequestId, target: Option<PushTarget>) -> Answer {
        let Some(of) = self.sessions.get_mut(&session) else {
            return refused(ErrorCode::NotInitialized);
        };
        if !of.push_changes.take(turn.now) {
            return refused(ErrorCode::StopRetry);
        }
        let (account, environment, cuid) = of.user.clone();
        match target.as_ref().map(|target| &target.by) {
            Some(PushService::Apns { environment: theirs, .. }) if *theirs != environment => {
                return refused(ErrorCode::ProductionFieldRequired);
            }
            Some(PushService::Unknown) => return refused(ErrorCode::FeatureNotAvailable),
            Some(PushService::Apns { .. } | PushService::WebPush { .. }) | None => {}
        }
        if target.as_ref().is_some_and(|target| !target.is_bounded()) {
            return refused(ErrorCode::VoipServiceFailedToRegister);
        }
        let device = of.endpoint.device;
        turn.commands.push(HubCommand::KeepPush(KeepPush { session, request, account, environment, cuid, device, target }));
        Answer::Pending
    }

    /// It is written down, or cannot be. A session that is gone meanwhile asks again in its next one, if it still wants to.
    pub(super) fn push_kept(&mut self, turn: &mut Turn, session: SessionId, request: RequestId, kept: Result<bool, ErrorCode>) {
        let Some((user, device)) = self.sessions.get(&session).map(|session| (session.user.clone(), session.endpoint.device)) else {
            return;
        };
        match kept {
            Ok(true) => {
                self.pushes.set(&user, device, Reach::Push);
                if let Some(oldest) = self.pushes.too_many(&user) {
                    self.forget_push(turn, &user, oldest, false);
                }
            }
            Ok(false) => drop(self.pushes.remove(&user, device)),
            Err(_) => {}
        }
        self.answer(turn, session, request, Answer::Given(kept.err()));
    }

    /// Sends no more pushes to a device, and remembers that its user has signed out there, if so.
    fn forget_push(&mut self, turn: &mut Turn, user: &User, device: DeviceId, logged_out: bool) {
        if self.pushes.remove(user, device).is_none() {
            return;
        }
        if logged_out {
            self.pushes.set(user, device, Reach::LoggedOut);
        }
        let (account, environment, cuid) = user.clone();
        turn.commands.push(HubCommand::ForgetPush(ForgetPush { account, environment, cuid, device, logged_out }));
    }

    /// A user signs out on a device, or is signed out.
    pub(super) fn push_no_more(&mut self, turn: &mut Turn, user: &User, device: DeviceId) {
        if self.pushes.of(user, Reach::Push).any(|known| known == device) {
            self.forget_push(turn, user, device, true);
        }
    }

    /// A user signs in on a device: they have not signed out there any more. Where they are on one device at a time, no other is called.
    pub(super) fn push_again(&mut self, turn: &mut Turn, user: &User, device: DeviceId, single_device: bool) {
        let mut over: Vec<DeviceId> = self.pushes.of(user, Reach::LoggedOut).filter(|known| *known == device).collect();
        if single_device {
            over.extend(self.pushes.of(user, Reach::Push).filter(|known| *known != device));
        }
        for device in over {
            self.forget_push(turn, user, device, false);
        }
    }

    /// The devices of a user that are reached by push.
    pub(super) fn reached_by_push(&self, user: &User) -> BTreeSet<DeviceId> {
        if self.withdrawn.users.contains(user) {
            return BTreeSet::new();
        }
        self.pushes.of(user, Reach::Push).collect()
    }

    /// Whether a user has signed out on a device that was reached by push.
    pub(super) fn has_logged_out(&self, user: &User) -> bool {
        self.pushes.of(user, Reach::LoggedOut).next().is_some()
    }

    /// Whether a call to a user has somebody to wait for.
    pub(super) fn may_be_reached(&self, user: &User, reachable: &[Party]) -> bool {
        !reachable.is_empty() || !self.reached_by_push(user).is_empty()
    }

    /// Calls a user by push at once where no socket of theirs is connected, and in a moment where nobody confirms by then.
    pub(super) fn push_unless_confirmed(&mut self, turn: &mut Turn, id: CallId) {
        let Some(Call { callee, state: State::Ringing { devices, .. }, .. }) = self.calls.get(&id) else {
            return;
        };
        if self.reached_by_push(callee).is_empty() {
            return;
        }
        let is_connected = |party: &Party| self.sessions.get(&party.session).and_then(Session::socket).is_some();
        if devices.iter().any(is_connected) {
            self.timers.set(super::timers::Timer::PushDue(id), turn.now + CONFIRM_WITHIN);
        } else {
            self.push(turn, id);
        }
    }

    /// Calls a user by push, if nobody has confirmed.
    pub(super) fn push(&mut self, turn: &mut Turn, id: CallId) {
        let Some(targets) = self.calls.get(&id).map(|call| self.reached_by_push(&call.callee)) else {
            return;
        };
        let Some(Call { callee, left, pushed, state: State::Ringing { give_up_at, awaited, devices, confirmed }, .. }) =
            self.calls.get_mut(&id)
        else {
            return;
        };
        if !confirmed.is_empty() {
            return;
        }
        let until = *give_up_at;
        for device in targets.into_iter().filter(|device| !left.contains(device)) {
            if !pushed.insert(device) {
                continue;
            }
            if devices.iter().all(|party| party.endpoint.device != device) {
                let awaited = awaited.get_or_insert_with(|| Awaited { devices: BTreeSet::new(), until });
                awaited.until = awaited.until.max(until);
                awaited.devices.insert(device);
            }
            let (account, environment, cuid) = callee.clone();
            let left_ms = u64::try_from(until.since(turn.now).as_millis()).unwrap_or(u64::MAX);
            let expires_at_ms = turn.wall.as_millis().saturating_add(left_ms);
            turn.commands.push(HubCommand::Push(NewPush { call: id, account, environment, cuid, device, expires_at_ms }));
        }
    }

    /// A push could not be brought. Where that was the last hope for the call, it ends.
    pub(super) fn push_failed(&mut self, turn: &mut Turn, id: CallId, user: &User, device: DeviceId, gone: bool) {
        if gone {
            self.pushes.remove(user, device);
        }
        let Some(Call { pushed, state: State::Ringing { awaited, devices, .. }, .. }) = self.calls.get_mut(&id) else {
            return;
        };
        if !pushed.remove(&device) {
            return;
        }
        turn.commands.push(HubCommand::PushSettled { call: id, device, outcome: PushOutcome::NotBrought });
        if let Some(awaited) = awaited {
            awaited.devices.remove(&device);
        }
        if devices.is_empty() && awaited.as_ref().is_none_or(|awaited| awaited.devices.is_empty()) {
            self.end(turn, id, EndReason::RemoteNetworkLoss, |_| EndReason::Missed);
        }
    }

    /// Says what has become of the pushes of a call that are not settled yet, but for one device.
    pub(super) fn settle_pushes(turn: &mut Turn, call: &mut Call, rings: Option<DeviceId>, reason: EndReason) {
        let id = call.invite.call;
        for device in std::mem::take(&mut call.pushed) {
            let outcome = if rings == Some(device) { PushOutcome::Rings } else { PushOutcome::Ended(reason) };
            turn.commands.push(HubCommand::PushSettled { call: id, device, outcome });
        }
    }

    /// A device that was pushed has left without a word: it may come back by the push. Says whether it was pushed.
    pub(super) fn await_pushed(&mut self, id: CallId, session: SessionId) -> bool {
        let Some(Call { pushed, state: State::Ringing { awaited, devices, confirmed, give_up_at }, .. }) = self.calls.get_mut(&id) else {
            return false;
        };
        let until = *give_up_at;
        let Some(index) = devices.iter().position(|party| party.session == session && pushed.contains(&party.endpoint.device)) else {
            return false;
        };
        let gone = devices.remove(index);
        confirmed.retain(|confirmed| *confirmed != gone.endpoint);
        let awaited = awaited.get_or_insert_with(|| Awaited { devices: BTreeSet::new(), until });
        awaited.devices.insert(gone.endpoint.device);
        if let Some(session) = self.sessions.get_mut(&session) {
            session.calls.remove(&id);
        }
        true
    }

    /// A device goes on with a session that had been away for too long to ring. `told` are the calls that it has just been told of.
    pub(super) fn ring_resumed(&mut self, turn: &mut Turn, id: SessionId, was: Link, told: &BTreeSet<CallId>) {
        match was {
            Link::Up { .. } | Link::Missing { .. } => return,
            Link::Gone { .. } => {}
        }
        let Some((user, party)) =
            self.sessions.get(&id).map(|session| (session.user.clone(), Party { endpoint: session.endpoint, session: id }))
        else {
            return;
        };
        for call in self.ring_late(&user, party) {
            if let Some(invite) = self.calls.get(&call).map(|call| call.invite(turn.now)).filter(|_| !told.contains(&call)) {
                self.tell(turn, id, ServiceEvent::Invite(invite));
            }
        }
    }
}
