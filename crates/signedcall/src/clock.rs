use std::time::{Duration, SystemTime};

use signedcall_wire::Timestamp;

/// The clock that the line and the link are driven by. It goes on while the computer sleeps: a laptop lid must not freeze a ringing call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Duration,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started: since_boot() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let passed = since_boot().saturating_sub(self.started);
        Timestamp::from_millis(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
    }

    /// What the clock on the wall shows at `moment`.
    pub(crate) fn wall(&self, moment: Timestamp) -> SystemTime {
        let now = self.now();
        SystemTime::now() - now.since(moment) + moment.since(now)
    }
}

#[cfg(target_os = "linux")]
fn since_boot() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Where no clock that counts sleep is at hand, the wall clock is the one that does; a user who sets it back stops it for that long.
#[cfg(not(target_os = "linux"))]
fn since_boot() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_begins_at_zero_and_never_goes_back() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(first.as_millis() < 1_000, "{first:?}");
        assert!(clock.now() >= first);
    }

    #[test]
    fn a_moment_that_has_passed_is_earlier_on_the_wall_and_one_to_come_is_later() {
        let clock = Clock { started: Duration::ZERO };
        assert!(clock.wall(Timestamp::from_millis(0)) < SystemTime::now());
        assert!(clock.wall(clock.now() + Duration::from_secs(60)) > SystemTime::now() + Duration::from_secs(30));
    }
}
