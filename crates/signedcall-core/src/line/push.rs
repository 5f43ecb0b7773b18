//! Pushes (R25, R36): each brings a call that rings, or ends in a reason.
//!
//! A push says nothing but that there is a call: whoever calls, and why, comes by the socket, which the push has woken or is to wake. So a call that comes
//! by both is one call, and one that is over never rings.

use std::time::Duration;

use signedcall_wire::{CallId, Channel, PushTarget, Request, Timestamp};

use super::{Line, Turn};
use crate::{Command, Push, PushOutcome};

/// How long the call of a push may take to come by the socket once the session is up: the welcome lists it, or it is a moment behind its push.
pub(crate) const PUSH_PATIENCE: Duration = Duration::from_secs(10);

/// The longest that a call rings, whatever a push says: until then a link is waited for.
const LONGEST_RING: Duration = Duration::from_secs(120);

/// A push whose call has not come by the socket yet.
#[derive(Debug)]
pub(super) struct AwaitedPush {
    number: u64,
    call: CallId,
    /// When its call is over anyway.
    expires_at: Timestamp,
    /// When the patience with it is over; `None` without a session that is up, when nothing can come.
    patience_over: Option<Timestamp>,
}

impl AwaitedPush {
    pub(super) fn give_up_at(&self) -> Timestamp {
        self.patience_over.map_or(self.expires_at, |over| over.min(self.expires_at))
    }
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
            let expires_at = turn.now + left.min(LONGEST_RING);
            let patience_over = self.session.is_up().then(|| turn.now + PUSH_PATIENCE);
            self.pushes.push(AwaitedPush { number, call, expires_at, patience_over });
            return turn.commands.push(Command::SeekService);
        };
        turn.commands.push(Command::PushHandled { number, outcome });
    }

    /// How a call that has come by the socket has reached this device.
    pub(super) fn channel_of(&mut self, turn: &mut Turn, call: CallId) -> Channel {
        if self.settle_pushes(turn, call, PushOutcome::Rings) { Channel::Push } else { Channel::Socket }
    }

    /// Has the service send pushes somewhere. It waits for no socket: whoever knows where comes again with the next session.
    pub(super) fn set_push(&mut self, turn: &mut Turn, target: Option<PushTarget>) {
        match self.session.readiness() {
            Ok(()) => self.ask(turn, Request::PushTo { target }),
            Err(error) => turn.commands.push(Command::PushSet { target, error: Some(error) }),
        }
    }

    /// Says what has become of the push of a call, if there was one.
    pub(super) fn settle_pushes(&mut self, turn: &mut Turn, call: CallId, outcome: PushOutcome) -> bool {
        let Some(index) = self.pushes.iter().position(|push| push.call == call) else { return false };
        let AwaitedPush { number, .. } = self.pushes.remove(index);
        turn.commands.push(Command::PushHandled { number, outcome });
        true
    }

    pub(super) fn expire_pushes(&mut self, turn: &mut Turn) {
        while let Some(push) = self.pushes.iter().find(|push| push.give_up_at() <= turn.now) {
            let call = push.call;
            self.settle_pushes(turn, call, PushOutcome::NoSuchCall);
        }
    }

    /// The session is up: what it brings comes now.
    pub(super) fn begin_patience(&mut self, now: Timestamp) {
        for push in &mut self.pushes {
            push.patience_over = Some(now + PUSH_PATIENCE);
        }
    }

    /// Nothing comes until the session is up again.
    pub(super) fn suspend_patience(&mut self) {
        for push in &mut self.pushes {
            push.patience_over = None;
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
