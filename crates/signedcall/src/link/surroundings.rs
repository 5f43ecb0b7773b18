use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use signedcall_wire::Timestamp;

use crate::clock::Clock;

/// Clocks that count sleep run this far ahead of those that do not before the computer counts as having slept.
const SLEPT: Duration = Duration::from_secs(2);
/// Addresses kept for documentation, by which the routing table is asked for the way out.
const OUTSIDE: [&str; 2] = ["198.51.100.1:9", "[2001:db8::1]:9"];

/// What makes an open socket doubtful, without any word from it: that the computer has slept, or is in another network.
#[derive(Debug)]
pub(super) struct Surroundings {
    clock: Clock,
    seen: Seen,
}

#[derive(Clone, Debug)]
struct Seen {
    counting_sleep: Timestamp,
    without_sleep: Instant,
    /// This machine's own addresses on the ways out.
    ways: Vec<IpAddr>,
}

impl Surroundings {
    pub(super) fn look(clock: Clock) -> Self {
        Self { clock, seen: Seen::now(clock) }
    }

    /// Whether they have changed since the last look so that what was reached before may not be reached now, or the other way round.
    pub(super) fn have_changed(&mut self) -> bool {
        let now = Seen::now(self.clock);
        let changed = now.differs_from(&self.seen);
        self.seen = now;
        changed
    }
}

impl Seen {
    fn now(clock: Clock) -> Self {
        let ways = OUTSIDE.iter().filter_map(|outside| way_to(outside)).collect();
        Self { counting_sleep: clock.now(), without_sleep: Instant::now(), ways }
    }

    fn differs_from(&self, before: &Self) -> bool {
        let awake = self.without_sleep.duration_since(before.without_sleep);
        let passed = self.counting_sleep.since(before.counting_sleep);
        passed > awake + SLEPT || self.ways != before.ways
    }
}

/// The address from which this machine would send to `outside`. Connecting a UDP socket sends nothing; it only asks the routing table.
fn way_to(outside: &str) -> Option<IpAddr> {
    let outside: SocketAddr = outside.parse().ok()?;
    let any: SocketAddr = if outside.is_ipv4() { ([0; 4], 0).into() } else { ([0; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(outside).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(seen: &Seen, awake: Duration, asleep: Duration) -> Seen {
        Seen { counting_sleep: seen.counting_sleep + awake + asleep, without_sleep: seen.without_sleep + awake, ways: seen.ways.clone() }
    }

    #[test]
    fn a_computer_that_has_slept_is_told_from_one_that_was_busy() {
        let seen = Seen::now(Clock::start());
        let busy = Duration::from_secs(60);
        assert!(!later(&seen, busy, Duration::ZERO).differs_from(&seen));
        assert!(!later(&seen, busy, Duration::from_millis(20)).differs_from(&seen), "two clocks are not read at the same instant");
        assert!(later(&seen, Duration::from_millis(500), Duration::from_secs(3)).differs_from(&seen));
    }

    #[test]
    fn another_network_is_a_change_and_so_is_none() {
        let at_home = Seen { ways: vec![[192, 0, 2, 7].into()], ..Seen::now(Clock::start()) };
        let elsewhere = Seen { ways: vec![[203, 0, 113, 9].into()], ..at_home.clone() };
        let nowhere = Seen { ways: Vec::new(), ..at_home.clone() };
        assert!(elsewhere.differs_from(&at_home));
        assert!(nowhere.differs_from(&at_home) && at_home.differs_from(&nowhere));
        assert!(!at_home.clone().differs_from(&at_home));
    }

    #[test]
    fn nothing_changes_from_one_look_to_the_next() {
        assert!(!Surroundings::look(Clock::start()).have_changed());
    }
}
