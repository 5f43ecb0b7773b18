//! What a device is told of a call when it rings, or begins a new session.

use signedcall_wire::{CallPhase, CallSnapshot, EndReason, EndedCall, Invite, SessionId, Timestamp};

use super::call::{Call, Role, State, Telling};

impl Call {
    pub(super) fn invite(&self, now: Timestamp) -> Invite {
        let ring_for_ms = match &self.state {
            State::Ringing { give_up_at, .. } | State::Answered { telling: Telling::Waits { give_up_at, .. }, .. } => {
                u64::try_from(give_up_at.since(now).as_millis()).unwrap_or(u64::MAX)
            }
            State::Recording { .. } | State::Answered { .. } => 0,
        };
        Invite { ring_for_ms, ..self.invite.clone() }
    }

    pub(super) fn snapshot(&self, now: Timestamp, session: SessionId) -> Option<CallSnapshot> {
        if self.is_losing(session) {
            // It learns why it is over once the store has it.
            return Some(CallSnapshot::Callee { invite: self.invite(now), phase: CallPhase::Placed });
        }
        let role = self.role(session)?;
        let phase = match &self.state {
            State::Recording { .. } => return None,
            State::Ringing { confirmed, .. } if confirmed.is_empty() => CallPhase::Placed,
            // Nobody is told before the store has it.
            State::Answered { telling: Telling::Waits { .. }, .. } => CallPhase::Placed,
            State::Ringing { confirmed, .. } => CallPhase::Ringing { by: confirmed.clone() },
            State::Answered { by, caller_holds, callee_holds, .. } => {
                let (holds, is_held) = match role {
                    Role::Caller => (*caller_holds, *callee_holds),
                    Role::Ringing | Role::Talking => (*callee_holds, *caller_holds),
                };
                CallPhase::Answered { by: by.endpoint, left_ms: self.left_ms(now), holds, is_held }
            }
        };
        Some(match role {
            Role::Caller => CallSnapshot::Caller { call: self.invite.call, phase, transferred: self.transferred() },
            Role::Ringing | Role::Talking => CallSnapshot::Callee { invite: self.invite(now), phase },
        })
    }

    /// Whether another device has won, and this one may not be told yet.
    fn is_losing(&self, session: SessionId) -> bool {
        match &self.state {
            State::Answered { telling: Telling::Waits { losers, .. }, .. } => losers.iter().any(|party| party.session == session),
            State::Recording { .. } | State::Ringing { .. } | State::Answered { telling: Telling::Done, .. } => false,
        }
    }

    /// What a device of the callee learns of it that has not answered.
    pub(super) fn answered_elsewhere(&self) -> Option<EndedCall> {
        match &self.state {
            State::Answered { device_name, telling: Telling::Done, .. } => {
                let (call, other_device) = (self.invite.call, device_name.clone());
                Some(EndedCall { call, reason: EndReason::AnsweredElsewhere, other_device })
            }
            State::Recording { .. } | State::Ringing { .. } | State::Answered { telling: Telling::Waits { .. }, .. } => None,
        }
    }
}
