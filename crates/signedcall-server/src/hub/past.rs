//! Calls that are over, remembered for a while.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use signedcall_wire::{CallId, DeviceId, EndReason, EndedCall, Timestamp};

use super::{Hub, NamedDevice, User};

/// How long an ended call is remembered, so that a `call` repeated late (by a device that has begun a new session) places no second one, and a device
/// that was cut off learns how it ended.
pub(crate) const ENDED_REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// All of them.
#[derive(Debug, Default)]
pub(super) struct PastCalls {
    all: BTreeMap<CallId, PastCall>,
    /// In the order in which they ended.
    order: VecDeque<(Timestamp, CallId)>,
}

/// A call that is over, for those who ask for it late or learn of it late.
#[derive(Debug)]
pub(super) struct PastCall {
    pub(super) at: Timestamp,
    pub(super) call: CallId,
    pub(super) caller: (User, DeviceId),
    pub(super) callee: User,
    /// Which of the callee's devices had answered.
    pub(super) answered_by: Option<NamedDevice>,
    /// Which of them had declined for all.
    pub(super) declined_by: Option<NamedDevice>,
    /// As the caller was told; `None` when nobody was told that it is placed.
    pub(super) reason: Option<EndReason>,
}

impl PastCall {
    /// What a device of a user learns of it that had a part in it, or may have rung.
    pub(super) fn as_seen_by(&self, user: &User, device: DeviceId) -> Option<EndedCall> {
        let reason = self.reason?;
        let (caller, caller_device) = &self.caller;
        let (reason, other_device) = if caller == user && *caller_device == device {
            (reason, None)
        } else if self.callee == *user {
            match (&self.answered_by, &self.declined_by) {
                (Some(by), _) if by.id == device => (seen_by_winner(reason), None),
                (Some(by), _) => (EndReason::AnsweredElsewhere, by.name.clone()),
                (None, Some(by)) if by.id == device => (reason, None),
                (None, Some(by)) => (seen_elsewhere(reason), by.name.clone()),
                (None, None) => (seen_elsewhere(reason), None),
            }
        } else {
            return None;
        };
        Some(EndedCall { call: self.call, reason, other_device })
    }
}

impl PastCalls {
    pub(super) fn get(&self, call: CallId) -> Option<&PastCall> {
        self.all.get(&call)
    }

    /// Forgets one that was not written down, and is to be after all.
    pub(super) fn forget(&mut self, call: CallId) {
        self.order.retain(|(_, known)| *known != call);
        self.all.remove(&call);
    }
}

impl Hub {
    /// Notes that a user's devices may have to learn of a call.
    pub(super) fn involve(&mut self, user: User, call: CallId) {
        self.calls_of_users.entry(user).or_default().insert(call);
    }

    /// The calls that a user's devices may have to learn of.
    pub(super) fn calls_involving(&self, user: &User) -> impl Iterator<Item = CallId> {
        self.calls_of_users.get(user).into_iter().flatten().copied()
    }

    pub(super) fn remember(&mut self, past: PastCall) {
        self.involve(past.caller.0.clone(), past.call);
        self.involve(past.callee.clone(), past.call);
        self.past.order.push_back((past.at, past.call));
        self.past.all.insert(past.call, past);
    }

    pub(super) fn forget_past(&mut self, now: Timestamp) {
        while let Some(&(at, call)) = self.past.order.front()
            && now.since(at) > ENDED_REMEMBERED_FOR
        {
            self.past.order.pop_front();
            let Some(PastCall { caller: (caller, _), callee, .. }) = self.past.all.remove(&call) else {
                continue;
            };
            for user in [caller, callee] {
                if let Some(calls) = self.calls_of_users.get_mut(&user) {
                    calls.remove(&call);
                    if calls.is_empty() {
                        self.calls_of_users.remove(&user);
                    }
                }
            }
        }
    }
}

/// How an answered call ended for who has answered, when the caller was told `reason`: each side sees the other's network from its own.
const fn seen_by_winner(reason: EndReason) -> EndReason {
    match reason {
        EndReason::LocalNetworkLoss => EndReason::RemoteNetworkLoss,
        EndReason::RemoteNetworkLoss => EndReason::LocalNetworkLoss,
        EndReason::Unknown
        | EndReason::HungUp
        | EndReason::Cancelled
        | EndReason::Declined
        | EndReason::Missed
        | EndReason::RingTimeout
        | EndReason::Busy
        | EndReason::LoggedOut
        | EndReason::NotificationsDisabled
        | EndReason::PoorNetwork
        | EndReason::MicrophoneRefused
        | EndReason::InternalError
        | EndReason::ProtocolMismatch
        | EndReason::MediaSetupTooSlow
        | EndReason::AnsweredElsewhere
        | EndReason::DeclinedElsewhere
        | EndReason::MaxDuration
        | EndReason::Transferred
        | EndReason::QuietHours => reason,
    }
}

/// How a call that nobody has answered ended for a device of the callee that was cut off meanwhile, when its caller was told `reason`.
const fn seen_elsewhere(reason: EndReason) -> EndReason {
    match reason {
        EndReason::Declined => EndReason::DeclinedElsewhere,
        EndReason::LocalNetworkLoss => EndReason::RemoteNetworkLoss,
        EndReason::Cancelled | EndReason::RingTimeout => reason,
        EndReason::Unknown
        | EndReason::HungUp
        | EndReason::Missed
        | EndReason::Busy
        | EndReason::LoggedOut
        | EndReason::NotificationsDisabled
        | EndReason::PoorNetwork
        | EndReason::MicrophoneRefused
        | EndReason::InternalError
        | EndReason::RemoteNetworkLoss
        | EndReason::ProtocolMismatch
        | EndReason::MediaSetupTooSlow
        | EndReason::AnsweredElsewhere
        | EndReason::DeclinedElsewhere
        | EndReason::MaxDuration
        | EndReason::Transferred
        | EndReason::QuietHours => EndReason::Missed,
    }
}
