use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::Impairment;

/// How many moments are decided on: two minutes of 20 ms, after which they begin anew.
const MOMENTS: usize = 6_000;

/// What becomes of each moment's packets.
pub(super) struct Fates {
    impairment: Impairment,
    lost: Vec<bool>,
    late: Vec<Duration>,
    /// The timestamp and the moment of the first packet.
    first: Option<(u32, Instant)>,
    /// When the last packet arrives: jitter alone keeps their order.
    last: Option<Instant>,
    /// How many were asked for by [`Self::next`].
    asked: usize,
}

impl Fates {
    /// The losses are those of a line that is good or bad for a while (Gilbert's model): how much it loses and how long it is bad fix how often it changes.
    pub(super) fn new(impairment: Impairment) -> Self {
        let (mut losing, mut delaying) = (StdRng::seed_from_u64(impairment.seed), StdRng::seed_from_u64(!impairment.seed));
        let leaves = 1.0 / impairment.burst.max(1.0);
        let enters = (impairment.loss * leaves / (1.0 - impairment.loss)).min(1.0);
        let mut bad = false;
        let lost = (0..MOMENTS).map(|_| {
            bad = if bad { !losing.random_bool(leaves) } else { losing.random_bool(enters) };
            bad
        });
        let lost = lost.collect();
        let late = (0..MOMENTS).map(|_| impairment.jitter.mul_f64(delaying.random()));
        Self { impairment, lost, late: late.collect(), first: None, last: None, asked: 0 }
    }

    /// When voice of this timestamp arrives, if it does.
    pub(super) fn voice(&mut self, timestamp: u32, slot: u32, now: Instant) -> Option<Instant> {
        let (start, _) = *self.first.get_or_insert((timestamp, now));
        let moment = (timestamp.wrapping_sub(start) / slot) as usize % MOMENTS;
        if self.is_black(now) || self.lost[moment] {
            return None;
        }
        let at = (now + self.late[moment]).max(self.last.unwrap_or(now));
        self.last = Some(at);
        Some(at)
    }

    /// When what controls the voice arrives, if it does: as voice that is sent at the same moment.
    pub(super) fn control(&self, now: Instant) -> Option<Instant> {
        let (_, began) = self.first?;
        let moment = (now.duration_since(began).as_millis() / 20) as usize % MOMENTS;
        (!self.is_black(now) && !self.lost[moment]).then_some(now)
    }

    /// When the next of datagrams that are all alike arrives, if it does.
    pub(super) fn next(&mut self, now: Instant) -> Option<Instant> {
        let slot = self.asked as u32;
        self.asked += 1;
        self.voice(slot, 1, now)
    }

    fn is_black(&self, now: Instant) -> bool {
        let (Some((_, began)), Some((after, long))) = (self.first, self.impairment.black_out) else { return false };
        (after..after + long).contains(&now.duration_since(began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(loss: f64, burst: f64, seed: u64) -> Vec<bool> {
        Fates::new(Impairment { loss, burst, seed, ..Impairment::default() }).lost
    }

    #[test]
    fn losses_are_as_many_and_as_long_as_they_should_be_and_the_same_each_time() {
        for (loss, burst) in [(0.05, 3.0), (0.2, 1.25), (0.3, 3.0), (0.45, 1.0 / 0.55)] {
            let fates = lost(loss, burst, 3);
            let share = fates.iter().filter(|lost| **lost).count() as f64 / MOMENTS as f64;
            let bursts = fates.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
            assert!((share - loss).abs() < 0.15 * loss + 0.01, "{share} of {loss}");
            let mean = share * MOMENTS as f64 / bursts;
            assert!((mean - burst).abs() < 0.15 * burst, "{mean} of {burst}");
            assert_eq!(fates, lost(loss, burst, 3));
            assert_ne!(fates, lost(loss, burst, 4));
        }
        assert!(lost(0.0, 1.0, 3).iter().all(|lost| !lost));
    }

    #[test]
    fn jitter_keeps_the_order_and_a_black_out_takes_everything() {
        let jitter = Duration::from_millis(40);
        let black_out = Some((Duration::from_millis(200), Duration::from_millis(100)));
        let mut fates = Fates::new(Impairment { jitter, black_out, seed: 1, ..Impairment::default() });
        let start = Instant::now();
        let mut last = start;
        for slot in 0..50_u32 {
            let now = start + Duration::from_millis(20) * slot;
            let arrives = fates.voice(slot * 960, 960, now);
            assert_eq!(arrives.is_none(), (10..15).contains(&slot), "{slot}");
            if let Some(at) = arrives {
                assert!(at >= last && at <= now + jitter, "{slot}");
                last = at;
            }
        }
    }
}
