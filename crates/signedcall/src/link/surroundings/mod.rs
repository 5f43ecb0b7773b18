//! What makes an open socket doubtful, without any word from it: that the computer has slept, or is in another network.

mod alarm;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use signedcall_wire::Timestamp;

use crate::clock::Clock;
use alarm::Alarm;

/// Clocks that count sleep run this far ahead of those that do not before the computer counts as having slept.
const SLEPT: Duration = Duration::from_secs(2);
/// Addresses kept for documentation, by which the routing table is asked for the way out.
const OUTSIDE: [&str; 2] = ["198.51.100.1:9", "[2001:db8::1]:9"];

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// What was reached before may not be reached now, or the other way round: the computer has slept, or a way out has come or gone.
    Doubtful,
    /// There is a way out, and not by the address that led out before: whatever was connected from there is cut.
    Moved,
}

#[derive(Debug)]
pub(super) struct Surroundings {
    clock: Clock,
    alarm: Alarm,
    seen: Seen,
    /// The addresses by which there was a way out last.
    used: Vec<IpAddr>,
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
        let seen = Seen::now(clock);
        Self { clock, alarm: Alarm::set(), used: seen.ways.clone(), seen }
    }

    /// Waits for a change. Dropping the future loses nothing.
    pub(super) async fn change(&mut self) -> Change {
        loop {
            self.alarm.rings().await;
            if let Some(change) = self.compare(Seen::now(self.clock), is_ours) {
                return change;
            }
        }
    }

    fn compare(&mut self, now: Seen, is_ours: impl Fn(IpAddr) -> bool) -> Option<Change> {
        let doubtful = now.differs_from(&self.seen);
        self.seen = now;
        if self.seen.ways.is_empty() {
            return doubtful.then_some(Change::Doubtful);
        }
        let before = std::mem::replace(&mut self.used, self.seen.ways.clone());
        let moved = before.into_iter().any(|address| !self.used.contains(&address) && !is_ours(address));
        if moved {
            return Some(Change::Moved);
        }
        doubtful.then_some(Change::Doubtful)
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

/// Whether this machine has the address.
fn is_ours(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
    const CAFE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

    fn at_home() -> Surroundings {
        let clock = Clock::start();
        let seen = Seen { ways: vec![HOME], ..Seen::now(clock) };
        Surroundings { clock, alarm: Alarm::never(), used: seen.ways.clone(), seen }
    }

    /// What is seen after so long awake and asleep, with these ways out.
    fn later(surroundings: &Surroundings, awake: Duration, asleep: Duration, ways: &[IpAddr]) -> Seen {
        let seen = &surroundings.seen;
        Seen { counting_sleep: seen.counting_sleep + awake + asleep, without_sleep: seen.without_sleep + awake, ways: ways.to_vec() }
    }

    #[test]
    fn a_computer_that_has_slept_is_told_from_one_that_was_busy() {
        let mut home = at_home();
        let busy = Duration::from_secs(60);
        for (awake, asleep, change) in [
            (busy, Duration::ZERO, None),
            // Two clocks are not read at the same instant.
            (busy, Duration::from_millis(20), None),
            (Duration::from_millis(500), Duration::from_secs(3), Some(Change::Doubtful)),
        ] {
            let seen = later(&home, awake, asleep, &[HOME]);
            assert_eq!(home.compare(seen, |_| true), change, "{awake:?} awake, {asleep:?} asleep");
        }
    }

    #[test]
    fn what_was_connected_from_an_address_that_is_gone_is_cut() {
        let mut surroundings = at_home();
        let mut go = |ways: &[IpAddr], owned: &[IpAddr]| {
            let seen = later(&surroundings, Duration::from_secs(1), Duration::ZERO, ways);
            surroundings.compare(seen, |address| owned.contains(&address))
        };
        assert_eq!(go(&[CAFE], &[CAFE, HOME]), Some(Change::Doubtful), "the address that was used is still there");
        assert_eq!(go(&[CAFE], &[CAFE]), None);
        assert_eq!(go(&[HOME], &[HOME]), Some(Change::Moved));
        assert_eq!(go(&[HOME, CAFE], &[HOME, CAFE]), Some(Change::Doubtful), "one way more");
        assert_eq!(go(&[CAFE], &[CAFE]), Some(Change::Moved));
    }

    #[test]
    fn nothing_is_cut_by_a_network_that_was_away_for_a_while() {
        let mut surroundings = at_home();
        let mut go = |ways: &[IpAddr]| {
            let seen = later(&surroundings, Duration::from_secs(1), Duration::ZERO, ways);
            surroundings.compare(seen, |address| ways.contains(&address))
        };
        assert_eq!((go(&[]), go(&[])), (Some(Change::Doubtful), None));
        assert_eq!(go(&[HOME]), Some(Change::Doubtful));
        assert_eq!((go(&[]), go(&[CAFE])), (Some(Change::Doubtful), Some(Change::Moved)));
    }
}
