//! A side of an answered call hands the other over to a third user (B6): the third is asked with the other side as caller.
//!
//! ```text
//!                transfer ──▶ Recording ──recorded──▶ the new call rings, the old one is over
//!                  │              │
//!               refused      store failed, the old call is over, or the third user cannot be asked (any more)
//!                  ▼              ▼
//!              the old call goes on, or has ended as it would have anyway
//! ```
//!
//! Until the new call is written down only the side that transfers knows of it. The third user stands where that side stood, and sees what it saw as the
//! reason of the call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use signedcall_wire::{CallId, Cuid, EndReason, ErrorCode, Invite, RequestId, ServiceEvent, SessionId, Transferred};

use super::call::{Call, Intent, Party, Role, State, Telling};
use super::request::refused;
use super::session::Answer;
use super::{Hub, Turn, User};

/// Why a transfer is not done: what its device is told, and the record of the call that was to be.
type NotNow = (ErrorCode, EndReason);

impl Hub {
    /// Begins to write down the call that is to take the place of `old`.
    pub(super) fn transfer(&mut self, turn: &mut Turn, session: SessionId, id: RequestId, old: CallId, new: CallId, to: Cuid) -> Answer {
        if let Some(known) = self.asked_before(session, id, new) {
            return known;
        }
        if self.drains {
            return refused(ErrorCode::ServerFailure);
        }
        if !self.may_call(turn.now, session) {
            return refused(ErrorCode::StopRetry);
        }
        if self.calls_of(session).any(|call| call.instead_of == Some(old) && call.is_being_made()) {
            return refused(ErrorCode::OngoingCall);
        }
        let Some((call, stays)) = self.other_side(old, session) else {
            return refused(ErrorCode::FailureInMakeCall);
        };
        let (Some(leaves), Some(other)) = (self.sessions.get(&session), self.sessions.get(&stays.session)) else {
            return refused(ErrorCode::FailureInMakeCall);
        };
        let (account, environment, leaver) = leaves.user.clone();
        if to == leaver || to == other.user.2 {
            return refused(ErrorCode::CanNotCallSelf);
        }
        let callee = (account, environment, to);
        let reachable = match self.may_take_over(turn, old, stays.session, &callee) {
            Ok(devices) => devices,
            Err((error, _)) => return refused(error),
        };
        let (seen_by_other, seen_by_leaver, picture) = if stays == call.caller {
            (&call.context, &call.invite.context, call.invite.initiator_image.clone())
        } else {
            // Its picture is one that the side which leaves has chosen: the third user's app would fetch it from wherever that side likes.
            (&call.invite.context, &call.context, None)
        };
        let invite = Invite {
            call: new,
            from: other.user.2.clone(),
            endpoint: stays.endpoint,
            from_name: other.name.clone(),
            context: seen_by_leaver.clone(),
            initiator_image: picture,
            receiver_image: None,
            transferred_by: Some(leaver),
            leads_to: None,
            ring_for_ms: 0,
        };
        let limit = call.left(turn.now);
        let call = Call {
            caller: stays,
            callee,
            context: seen_by_other.clone(),
            invite,
            instead_of: Some(old),
            // Worked out anew when it takes the place of the old one; this is what a service that dies meanwhile is left with.
            limit,
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

    /// The new call is written down: it rings, and the old one is over. Unless something has changed meanwhile: then the old one goes on as it was.
    pub(super) fn take_over(&mut self, turn: &mut Turn, new: CallId, old: CallId, asked_by: SessionId, waiting: Vec<RequestId>) {
        let (stays, left, devices) = match self.ready_to_take_over(turn, new, old, asked_by) {
            Ok(ready) => ready,
            Err((error, reason)) => {
                self.close(turn, new, reason);
                self.give_up_connecting(turn, old, reason);
                return self.answer_all(turn, asked_by, waiting, Some(error));
            }
        };
        self.answer_all(turn, asked_by, waiting, None);
        self.close(turn, old, EndReason::Transferred);
        self.tell(turn, asked_by, ServiceEvent::Ended { call: old, reason: EndReason::Transferred, other_device: None });
        if let Some(session) = self.sessions.get_mut(&asked_by) {
            session.calls.remove(&new);
        }
        if let Some(session) = self.sessions.get_mut(&stays.session) {
            session.calls.insert(new);
        }
        if let Some(call) = self.calls.get_mut(&new) {
            // It may have begun a new session since.
            call.caller = stays;
            call.invite.endpoint = stays.endpoint;
            call.limit = left;
            if let Some(transferred) = call.transferred() {
                self.tell(turn, stays.session, ServiceEvent::Transferred(transferred));
            }
        }
        self.ring(turn, new, devices);
    }

    /// Who stays, how long it may still talk when the time is limited, and whom the new call rings on.
    fn ready_to_take_over(
        &self,
        turn: &Turn,
        new: CallId,
        old: CallId,
        asked_by: SessionId,
    ) -> Result<(Party, Option<Duration>, Vec<Party>), NotNow> {
        let gone = (ErrorCode::FailureInMakeCall, EndReason::Cancelled);
        let (call, stays) = self.other_side(old, asked_by).ok_or(gone)?;
        let new = self.calls.get(&new).ok_or(gone)?;
        let devices = self.may_take_over(turn, old, stays.session, &new.callee)?;
        // A call that only leads to the other has no time of its own.
        let left = if call.is_by_company() { new.limit } else { call.left(turn.now) };
        Ok((stays, left, devices))
    }

    /// The devices of a third user that a side of `old` may be transferred to.
    pub(super) fn may_take_over(&self, turn: &Turn, old: CallId, stays: SessionId, callee: &User) -> Result<Vec<Party>, NotNow> {
        if !self.may_place(stays, Some(old)) || self.would_be_glare(stays, callee) {
            return Err((ErrorCode::OngoingCall, EndReason::Cancelled));
        }
        let reachable = self.reachable(callee);
        if !self.may_be_reached(callee, &reachable) {
            return Err((ErrorCode::ContactNotReachable, EndReason::RemoteNetworkLoss));
        }
        if self.is_quiet(turn, callee) {
            return Err((ErrorCode::ContactNotReachable, EndReason::QuietHours));
        }
        let is_connected = !reachable.is_empty();
        let devices = self.with_room(reachable);
        if is_connected && devices.is_empty() { Err((ErrorCode::OngoingCall, EndReason::Busy)) } else { Ok(devices) }
    }

    /// An answered call that a session is in, and who is on its other side.
    fn other_side(&self, id: CallId, session: SessionId) -> Option<(&Call, Party)> {
        let call = self.calls.get(&id)?;
        match (&call.state, call.role(session)?) {
            (State::Answered { telling: Telling::Waits { .. }, .. }, _) => None,
            (State::Answered { by, .. }, Role::Caller) => Some((call, *by)),
            (State::Answered { .. }, Role::Talking) => Some((call, call.caller)),
            (State::Recording { .. } | State::Ringing { .. } | State::Answered { .. }, Role::Caller | Role::Ringing | Role::Talking) => {
                None
            }
        }
    }
}

impl Call {
    /// What its caller has to know of it, when somebody has transferred the caller.
    pub(super) fn transferred(&self) -> Option<Transferred> {
        Some(Transferred {
            instead_of: self.instead_of?,
            call: self.invite.call,
            to: self.callee.2.clone(),
            context: self.context.clone(),
            initiator_image: self.invite.initiator_image.clone(),
        })
    }
}
