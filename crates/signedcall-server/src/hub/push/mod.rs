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
pub use self::words::{ForgetPush, KeepPush, NewPush, PushOutcome, RenewPush};
use super::call::{Call, Party, State};
use super::request::refused;
use super::session::Answer;
use super::timers::Timer;
use super::{Hub, HubCommand, Right, Turn, User};

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
        // Whoever asks on a socket has shown a right.
        let Some(by) = of.right.as_ref().map(Right::basis) else {
            return refused(ErrorCode::NotInitialized);
        };
        let device = of.endpoint.device;
        let keep = KeepPush { session, request, account, environment, cuid, device, target, by };
        self.pushes.ask(&keep);
        turn.commands.push(HubCommand::KeepPush(keep));
        Answer::Pending
    }

    /// It is written down, or cannot be. What was said since, by signing out for one, has the last word.
    pub(super) fn push_kept(
        &mut self,
        turn: &mut Turn,
        (session, request): (SessionId, RequestId),
        user: &User,
        device: DeviceId,
        kept: Result<bool, ErrorCode>,
    ) {
        match (self.pushes.come_to(user, device, session, request), kept) {
            (Some(by), Ok(true)) => {
                let reach = if self.withdrawn.has(&by) { Reach::Withdrawn } else { Reach::Push(by) };
                self.pushes.set(user, device, reach);
                // It may have brought another token meanwhile.
                if let Some(right) = self.sessions.get(&session).and_then(|session| session.right.clone()) {
                    self.renew_push(turn, user, device, &right);
                }
                if let Some(oldest) = self.pushes.too_many(user) {
                    let left_alone = self.forget_push(turn, user, oldest, false);
                    self.end_if_nobody_comes_for(turn, left_alone, EndReason::RemoteNetworkLoss, EndReason::Missed);
                }
            }
            (Some(_), Ok(false)) => self.pushes.unset(user, device),
            (Some(_), Err(_)) | (None, Ok(_) | Err(_)) => {}
        }
        self.answer(turn, session, request, Answer::Given(kept.err()));
    }

    /// Sends no more pushes to a device, and remembers that its user has signed out there, if so. Says which calls do not wait for it any more.
    #[must_use]
    fn forget_push(&mut self, turn: &mut Turn, user: &User, device: DeviceId, logged_out: bool) -> Vec<CallId> {
        let mut left_alone = Vec::new();
        if !self.pushes.remove(user, device) {
            return left_alone;
        }
        if logged_out {
            self.pushes.set(user, device, Reach::LoggedOut);
        }
        let outcome = if logged_out { PushOutcome::Ended(EndReason::LoggedOut) } else { PushOutcome::NotBrought };
        for id in self.calls_of_users.get(user).into_iter().flatten() {
            if let Some(call) = self.calls.get_mut(id).filter(|call| call.callee == *user)
                && settle(turn, call, device, outcome)
            {
                left_alone.push(*id);
            }
        }
        let (account, environment, cuid) = user.clone();
        turn.commands.push(HubCommand::ForgetPush(ForgetPush { account, environment, cuid, device, logged_out }));
        left_alone
    }

    /// A user signs out on a device, or is signed out. The store may still be about to write down where it is reached.
    pub(super) fn push_no_more(&mut self, turn: &mut Turn, user: &User, device: DeviceId) {
        let known = self.pushes.not_logged_out(user).find(|(known, _)| *known == device);
        if let Some((_, is_wanted)) = known {
            let left_alone = self.forget_push(turn, user, device, is_wanted);
            let (to_caller, to_callee) =
                if is_wanted { (EndReason::LoggedOut, EndReason::LoggedOut) } else { (EndReason::RemoteNetworkLoss, EndReason::Missed) };
            self.end_if_nobody_comes_for(turn, left_alone, to_caller, to_callee);
        }
    }

    /// A user signs in on a device: they have not signed out there any more. Where they are on one device at a time, no other is called. Says which calls
    /// do not wait for those any more: they may ring on this one.
    #[must_use]
    pub(super) fn push_again(&mut self, turn: &mut Turn, user: &User, device: DeviceId, single_device: bool) -> Vec<CallId> {
        let mut over: Vec<DeviceId> = self.pushes.logged_out(user).filter(|known| *known == device).collect();
        if single_device {
            over.extend(self.pushes.not_logged_out(user).map(|(known, _)| known).filter(|known| *known != device));
        }
        over.into_iter().flat_map(|device| self.forget_push(turn, user, device, false)).collect()
    }

    /// A user is on one device at a time from now on: no other is called by push, but for calls that wait for it already.
    pub(super) fn push_to_no_other(&mut self, turn: &mut Turn, user: &User, device: DeviceId) {
        let is_awaited = |known: &DeviceId| {
            let mut calls = self.calls_involving(user).filter_map(|id| self.calls.get(&id));
            calls.any(|call| call.callee == *user && call.pushed.contains(known))
        };
        let others = self.pushes.not_logged_out(user).map(|(known, _)| known);
        let others: Vec<DeviceId> = others.filter(|known| *known != device && !is_awaited(known)).collect();
        for other in others {
            let left_alone = self.forget_push(turn, user, other, false);
            self.end_if_nobody_comes_for(turn, left_alone, EndReason::RemoteNetworkLoss, EndReason::Missed);
        }
    }

    /// A device is let in by a right: its pushes rest on that from now on, and not on what may be withdrawn of before.
    pub(super) fn renew_push(&mut self, turn: &mut Turn, user: &User, device: DeviceId, right: &Right) {
        let by = right.basis();
        if self.pushes.renew(user, device, &by) {
            let (account, environment, cuid) = user.clone();
            turn.commands.push(HubCommand::RenewPush(RenewPush { account, environment, cuid, device, by }));
        }
    }

    /// Pushes of whoever is blocked, and those by a right that is withdrawn, are not sent any more, nor waited for.
    pub(super) fn push_no_more_by_what_is_withdrawn(&mut self, turn: &mut Turn) {
        self.pushes.withdraw(&self.withdrawn);
        let pushed = self.calls.iter().flat_map(|(id, call)| call.pushed.iter().map(|device| (*id, call.callee.clone(), *device)));
        let over: Vec<_> = pushed.filter(|(_, user, device)| !self.reached_by_push(user).contains(device)).collect();
        for (id, user, device) in over {
            self.push_failed(turn, id, &user, device, false);
        }
    }

    /// The devices of a user that are reached by push.
    pub(super) fn reached_by_push(&self, user: &User) -> BTreeSet<DeviceId> {
        if self.withdrawn.users.contains(user) {
            return BTreeSet::new();
        }
        self.pushes.reached(user).collect()
    }

    /// Whether a user has signed out on a device that was reached by push.
    pub(super) fn has_logged_out(&self, user: &User) -> bool {
        self.pushes.logged_out(user).next().is_some()
    }

    /// Whether a call to a user has somebody to wait for.
    pub(super) fn may_be_reached(&self, user: &User, reachable: &[Party]) -> bool {
        !reachable.is_empty() || !self.reached_by_push(user).is_empty()
    }

    /// The devices that a call could still be pushed to. One that is known to be busy would only say so.
    pub(super) fn to_be_pushed(&self, id: CallId) -> Vec<DeviceId> {
        let Some(Call { callee, left, pushed, settled, state: State::Ringing { devices, .. }, .. }) = self.calls.get(&id) else {
            return Vec::new();
        };
        let is_new = |device: &DeviceId| !left.contains(device) && !pushed.contains(device) && !settled.contains(device);
        let is_busy = |device: &DeviceId| {
            let session = self.presence.get(callee).and_then(|known| known.get(device)).and_then(|id| Some((*id, self.sessions.get(id)?)));
            let rings = devices.iter().any(|party| party.endpoint.device == *device);
            session.is_some_and(|(session, of)| !rings && self.with_room(vec![Party { endpoint: of.endpoint, session }]).is_empty())
        };
        self.reached_by_push(callee).into_iter().filter(|device| is_new(device) && !is_busy(device)).collect()
    }

    /// Calls a user by push at once where no socket of theirs is connected, and in a moment where nobody confirms by then.
    pub(super) fn push_unless_confirmed(&mut self, turn: &mut Turn, id: CallId) {
        let Some(Call { state: State::Ringing { devices, .. }, .. }) = self.calls.get(&id) else {
            return;
        };
        if self.to_be_pushed(id).is_empty() {
            return;
        }
        let is_connected = |party: &Party| self.sessions.get(&party.session).and_then(|session| session.socket()).is_some();
        if devices.iter().any(is_connected) {
            self.timers.set(Timer::PushDue(id), turn.now + CONFIRM_WITHIN);
        } else {
            self.push(turn, id);
        }
    }

    /// Calls a user by push, if nobody has confirmed.
    pub(super) fn push(&mut self, turn: &mut Turn, id: CallId) {
        let targets = self.to_be_pushed(id);
        let Some(Call { callee, pushed, state: State::Ringing { give_up_at, confirmed, .. }, .. }) = self.calls.get_mut(&id) else {
            return;
        };
        if !confirmed.is_empty() {
            return;
        }
        self.timers.clear(Timer::PushDue(id));
        for device in targets {
            pushed.insert(device);
            let (account, environment, cuid) = callee.clone();
            let left_ms = u64::try_from(give_up_at.since(turn.now).as_millis()).unwrap_or(u64::MAX);
            let expires_at_ms = turn.wall.as_millis().saturating_add(left_ms);
            turn.commands.push(HubCommand::Push(NewPush { call: id, account, environment, cuid, device, expires_at_ms }));
        }
    }

    /// A push could not be brought. Where that was the last hope for the call, it ends.
    pub(super) fn push_failed(&mut self, turn: &mut Turn, id: CallId, user: &User, device: DeviceId, gone: bool) {
        if gone {
            self.pushes.unset(user, device);
        }
        if self.calls.get_mut(&id).is_some_and(|call| settle(turn, call, device, PushOutcome::NotBrought)) {
            self.end_if_nobody_comes(turn, id, EndReason::RemoteNetworkLoss, EndReason::Missed);
        }
    }

    /// A device that was pushed has come, and is in as many calls as it takes: another call was quicker.
    pub(super) fn pushed_in_vain(&mut self, turn: &mut Turn, id: CallId, device: DeviceId) {
        if self.calls.get_mut(&id).is_some_and(|call| settle(turn, call, device, PushOutcome::Ended(EndReason::Busy))) {
            self.end_if_nobody_comes(turn, id, EndReason::Busy, EndReason::Busy);
        }
    }

    /// Ends a call that rings nowhere and that no device may come for any more, unless there are some that were not called yet.
    fn end_if_nobody_comes(&mut self, turn: &mut Turn, id: CallId, to_caller: EndReason, to_callee: EndReason) {
        let rings = |call: &Call| match &call.state {
            State::Ringing { devices, .. } => !devices.is_empty() || call.awaits(turn.now),
            State::Recording { .. } | State::Answered { .. } => true,
        };
        if self.calls.get(&id).is_none_or(rings) {
            return;
        }
        self.push(turn, id);
        if self.calls.get(&id).is_some_and(|call| !call.awaits(turn.now)) {
            self.end(turn, id, to_caller, |_| to_callee);
        }
    }

    /// The same for several.
    pub(super) fn end_if_nobody_comes_for(&mut self, turn: &mut Turn, calls: Vec<CallId>, to_caller: EndReason, to_callee: EndReason) {
        for id in calls {
            self.end_if_nobody_comes(turn, id, to_caller, to_callee);
        }
    }

    /// Says what has become of the pushes of a call that are not settled yet, but for one device.
    pub(super) fn settle_pushes(turn: &mut Turn, call: &mut Call, rings: Option<DeviceId>, reason: EndReason) {
        for device in call.pushed.clone() {
            let outcome = if rings == Some(device) { PushOutcome::Rings } else { PushOutcome::Ended(reason) };
            settle(turn, call, device, outcome);
        }
    }

    /// A device that was pushed has left without a word: it may come back by the push, which is waited for. Says whether it was pushed.
    pub(super) fn await_pushed(&mut self, id: CallId, session: SessionId) -> bool {
        let Some(Call { pushed, state: State::Ringing { devices, confirmed, .. }, .. }) = self.calls.get_mut(&id) else {
            return false;
        };
        let Some(index) = devices.iter().position(|party| party.session == session && pushed.contains(&party.endpoint.device)) else {
            return false;
        };
        let gone = devices.remove(index);
        confirmed.retain(|confirmed| *confirmed != gone.endpoint);
        if let Some(session) = self.sessions.get_mut(&session) {
            session.calls.remove(&id);
        }
        true
    }

    /// A device goes on with a session that had been away for too long to ring. `told` are the calls that it has just been invited to.
    pub(super) fn ring_resumed(&mut self, turn: &mut Turn, user: &User, party: Party, told: &BTreeSet<CallId>) {
        for call in self.ring_late(turn, user, party) {
            if let Some(invite) = self.calls.get(&call).map(|call| call.invite(turn.now)).filter(|_| !told.contains(&call)) {
                self.tell(turn, party.session, ServiceEvent::Invite(invite));
            }
        }
    }
}

/// Says what has become of a push, if it is not said yet. Says whether it was not.
fn settle(turn: &mut Turn, call: &mut Call, device: DeviceId, outcome: PushOutcome) -> bool {
    let is_open = call.pushed.remove(&device);
    if is_open {
        call.settled.insert(device);
        turn.commands.push(HubCommand::PushSettled { call: call.invite.call, device, outcome });
    }
    is_open
}
