//! Pushes (R25, R36): each brings a call that rings, or ends in a reason.
//!
//! A push says nothing but that there is a call: whoever calls, and why, comes by the socket, which the push has woken or is to wake. So a call that comes
//! by both is one call, and one that is over never rings.

use std::time::Duration;

use signedcall_wire::{CallId, Channel, Timestamp};

use super::{Line, Turn};
use crate::{Command, Push, PushOutcome};

/// How long the call of a push may take to come by the socket: a socket has to be opened and a session begun, on a network that has just woken up.
pub(crate) const PUSH_PATIENCE: Duration = Duration::from_secs(10);

/// A push whose call has not come by the socket yet.
#[derive(Debug)]
pub(super) struct AwaitedPush {
    number: u64,
    call: CallId,
    pub(super) give_up_at: Timestamp,
}

impl Line {
    pub(super) fn take_push(&mut self, turn: &mut Turn, Push { number, call, to, left }: Push) {
        let outcome = if to != self.me {
            PushOutcome::OtherUser
        } else if self.session.is_logging_out() {
            PushOutcome::SignedOut
        } else if self.knows(call) || self.pushes.iter().any(|push| push.call == call) {
            PushOutcome::AlreadyKnown
        } else if self.past_end(call).is_some() {
            PushOutcome::CallOver
        } else if left.is_zero() {
            PushOutcome::Expired
        } else {
            self.pushes.push(AwaitedPush { number, call, give_up_at: turn.now + left.min(PUSH_PATIENCE) });
            return turn.commands.push(Command::SeekService);
        };
        turn.commands.push(Command::PushHandled { number, outcome });
    }

    /// How a call that has come by the socket has reached this device.
    pub(super) fn channel_of(&mut self, turn: &mut Turn, call: CallId) -> Channel {
        if self.settle_pushes(turn, call, PushOutcome::Rings) { Channel::Push } else { Channel::Socket }
    }

    /// Says what has become of the push of a call, if there was one.
    pub(super) fn settle_pushes(&mut self, turn: &mut Turn, call: CallId, outcome: PushOutcome) -> bool {
        let Some(index) = self.pushes.iter().position(|push| push.call == call) else { return false };
        let AwaitedPush { number, .. } = self.pushes.remove(index);
        turn.commands.push(Command::PushHandled { number, outcome });
        true
    }

    pub(super) fn expire_pushes(&mut self, turn: &mut Turn) {
        while let Some(push) = self.pushes.iter().find(|push| push.give_up_at <= turn.now) {
            let call = push.call;
            self.settle_pushes(turn, call, PushOutcome::NoSuchCall);
        }
    }

    /// Nothing comes by the socket any more.
    pub(super) fn give_up_pushes(&mut self, turn: &mut Turn) {
        while let Some(push) = self.pushes.first() {
            let call = push.call;
            self.settle_pushes(turn, call, PushOutcome::SignedOut);
        }
    }
}
