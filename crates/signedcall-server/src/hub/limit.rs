//! Calls whose time is limited (R29).

use std::time::Duration;

use signedcall_wire::{CallId, ServiceEvent, Timestamp, WARNING_BEFORE_END};

use super::call::{Call, State};
use super::timers::{SOONEST, Timer};
use super::{Hub, Turn};

impl Call {
    /// How long an answered call may still last, when its time is limited.
    pub(super) fn left(&self, now: Timestamp) -> Option<Duration> {
        match &self.state {
            State::Recording { .. } | State::Ringing { .. } => None,
            State::Answered { ends_at, .. } => ends_at.map(|ends_at| ends_at.since(now)),
        }
    }

    /// The same in milliseconds.
    pub(super) fn left_ms(&self, now: Timestamp) -> Option<u64> {
        self.left(now).map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Hub {
    /// Starts the clock of a call that has just been answered.
    pub(super) fn limit(&mut self, turn: &mut Turn, id: CallId) {
        let Some(Call { state: State::Answered { ends_at: Some(ends_at), .. }, .. }) = self.calls.get(&id) else {
            return;
        };
        let ends_at = *ends_at;
        self.timers.set(Timer::TimeOver(id), ends_at.max(turn.now + SOONEST));
        match ends_at.since(turn.now).checked_sub(WARNING_BEFORE_END) {
            None | Some(Duration::ZERO) => self.warn_of_end(turn, id),
            Some(until_then) => self.timers.set(Timer::EndNears(id), turn.now + until_then),
        }
    }

    /// Tells both sides that the end is near.
    pub(super) fn warn_of_end(&mut self, turn: &mut Turn, id: CallId) {
        if let Some(call @ Call { caller, state: State::Answered { by, .. }, .. }) = self.calls.get(&id)
            && let Some(left_ms) = call.left_ms(turn.now)
        {
            for session in [caller.session, by.session] {
                self.tell(turn, session, ServiceEvent::TimeLeft { call: id, left_ms });
            }
        }
    }

    /// An event as it is true now, for a device that was away when it happened.
    pub(super) fn as_of_now(&self, now: Timestamp, event: ServiceEvent) -> ServiceEvent {
        let left_ms = |call| self.calls.get(&call).and_then(|call| call.left_ms(now));
        match event {
            ServiceEvent::Answered { call, by, left_ms: Some(then) } => {
                ServiceEvent::Answered { call, by, left_ms: Some(left_ms(call).unwrap_or(then)) }
            }
            ServiceEvent::TimeLeft { call, left_ms: then } => ServiceEvent::TimeLeft { call, left_ms: left_ms(call).unwrap_or(then) },
            event @ (ServiceEvent::Invite(_)
            | ServiceEvent::Ringing { .. }
            | ServiceEvent::Answered { left_ms: None, .. }
            | ServiceEvent::Held { .. }
            | ServiceEvent::Transferred(_)
            | ServiceEvent::Ended { .. }
            | ServiceEvent::Signal { .. }
            | ServiceEvent::Branding(_)
            | ServiceEvent::Unknown) => event,
        }
    }
}
