//! The clock that the hub is driven by. It goes on while the computer sleeps, and no step of the clock on the wall moves its deadlines.

use std::time::{Duration, SystemTime};

use signedcall_wire::Timestamp;

use crate::hub::Moment;

/// A clock that was started at a moment on the wall.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Duration,
    /// What it showed then: milliseconds since 1970, so that what happened before has a moment too.
    showed: Timestamp,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started: since_boot(), showed: since_1970(SystemTime::now()) }
    }

    pub(crate) fn now(&self) -> Moment {
        self.moment(since_boot(), SystemTime::now())
    }

    fn moment(&self, since_boot: Duration, wall: SystemTime) -> Moment {
        Moment { now: self.showed + since_boot.saturating_sub(self.started), wall: since_1970(wall) }
    }
}

fn since_1970(wall: SystemTime) -> Timestamp {
    Timestamp::default() + wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(target_os = "linux")]
fn since_boot() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Where no clock that counts sleep is at hand, the wall clock is the one that does; whoever sets it back stops it for that long.
#[cfg(not(target_os = "linux"))]
fn since_boot() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_count_sleep_and_no_step_of_the_wall_clock_and_quiet_hours_the_other_way_round() {
        let seconds = Duration::from_secs;
        let wall = |since_1970| SystemTime::UNIX_EPOCH + seconds(since_1970);
        let at = |second: u64| Timestamp::from_millis(second * 1_000);
        let clock = Clock { started: seconds(100), showed: at(50_000) };
        for (since_boot, on_the_wall, now) in [
            (100, 50_000, 50_000),
            // It has slept for an hour.
            (3_700, 53_600, 53_600),
            // The wall clock was set ahead by two hours, or back by three.
            (101, 57_201, 50_001),
            (101, 39_201, 50_001),
        ] {
            let moment = clock.moment(seconds(since_boot), wall(on_the_wall));
            assert_eq!(moment, Moment { now: at(now), wall: at(on_the_wall) });
        }
    }

    #[test]
    fn the_clock_begins_at_the_wall_s_and_never_goes_back() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(first.now.since(first.wall) < Duration::from_secs(1) && first.wall.since(first.now) < Duration::from_secs(1), "{first:?}");
        assert!(clock.now().now >= first.now);
    }
}
