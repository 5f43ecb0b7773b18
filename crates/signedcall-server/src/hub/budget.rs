use std::time::Duration;

use signedcall_wire::Timestamp;

/// How many times a side may begin to hold a call in one go: more than anybody does who looks for the right button. Likewise for a device's reports on
/// calls.
pub(super) const AT_ONCE: u32 = 32;
/// How long it takes until it may do so once more: nobody turns from one call to the other more often for long.
pub(super) const ONE_EVERY: Duration = Duration::from_secs(1);

/// How often a side may begin to hold a call, and a device report on calls: each time is written down.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    /// When all of it is there again.
    full_at: Timestamp,
}

impl Budget {
    /// Takes one of it, if there is one.
    pub(super) fn take(&mut self, now: Timestamp) -> bool {
        let full_at = self.full_at.max(now) + ONE_EVERY;
        let is_there = full_at.since(now) <= ONE_EVERY * AT_ONCE;
        if is_there {
            self.full_at = full_at;
        }
        is_there
    }
}
