use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use signedcall_wire::{CallId, SessionId, Timestamp};

/// When a deadline fires that had passed while the service was not there.
pub(super) const SOONEST: Duration = Duration::from_millis(1);

/// Everything the hub ever waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The store has not said that a record is durable.
    RecordOverdue(CallId),
    /// The store has not said that an answer is durable.
    AnswerOverdue(CallId),
    /// Nobody has confirmed that a call rings.
    PushDue(CallId),
    /// Whoever was about to come back is back, or does not come.
    ReturnOver,
    /// Nobody has answered a call.
    RingOver(CallId),
    /// The time of a call is nearly over.
    EndNears(CallId),
    /// The time of a call is over.
    TimeOver(CallId),
    /// A session has been without a socket for too long to keep its calls.
    GraceOver(SessionId),
    /// A session has been without a socket for too long to be resumed.
    KeepOver(SessionId),
    /// The user token of a session has expired.
    TokenOver(SessionId),
}

/// The pending deadlines, at most one for each [`Timer`].
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeMap<Timer, Timestamp>,
    order: BTreeSet<(Timestamp, Timer)>,
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Timestamp) {
        self.clear(timer);
        self.due.insert(timer, at);
        self.order.insert((at, timer));
    }

    pub(super) fn clear(&mut self, timer: Timer) {
        if let Some(at) = self.due.remove(&timer) {
            self.order.remove(&(at, timer));
        }
    }

    /// Takes the earliest timer whose moment has come.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let (at, timer) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }
}
