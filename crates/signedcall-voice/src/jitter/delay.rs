//! How late packets come, learnt from those that came.

use std::collections::VecDeque;

use crate::frame::{MILLISECOND, Samples};

/// How many transit times of 1 ms each the memory tells apart. A packet later than the earliest by more than this is too late to wait for.
const BUCKETS: usize = 600;

/// How much of the memory 20 ms leave in place: what happened 3.3 s ago counts a third. A burst of late packets is forgotten in about 10 s.
const KEEP: f32 = 0.994;

/// The share of packets that should come in time. Those beyond it are what the margin is for.
const IN_TIME: f32 = 0.97;

/// The share of packets taken for the earliest, below which are only strays.
const EARLIEST: f32 = 0.03;

/// The least margin behind the packets that count as in time: a packet whose sound begins within a frame is needed when the frame begins.
const LEAST_MARGIN: Samples = 10 * MILLISECOND;

/// Remembers transit times (arrival minus timestamp, so only their differences mean anything) and says which one to be ready for.
#[derive(Debug)]
pub(super) struct DelayEstimator {
    /// The weight of each transit time, from `floor` on; they sum to 1 once anything was observed.
    weights: VecDeque<f32>,
    /// The transit time of the first bucket, in buckets.
    floor: Samples,
    observed: u32,
    /// The most to be ready for beyond the earliest packets.
    most_wait: Samples,
    ready_for: Option<Samples>,
    earliest: Option<Samples>,
    spread: Samples,
}

impl DelayEstimator {
    pub(super) fn new(most_wait: Samples) -> Self {
        Self { weights: VecDeque::from(vec![0.0; BUCKETS]), floor: 0, observed: 0, most_wait, ready_for: None, earliest: None, spread: 0 }
    }

    /// Forgets everything: the stream starts anew, or its clock has jumped.
    pub(super) fn restart(&mut self) {
        self.weights.iter_mut().for_each(|weight| *weight = 0.0);
        self.observed = 0;
        self.ready_for = None;
        self.earliest = None;
        self.spread = 0;
    }

    /// Learns from the arrival of a packet that sounds for `span`.
    pub(super) fn observe(&mut self, transit: Samples, span: Samples) {
        let bucket = transit.div_euclid(MILLISECOND);
        if self.observed == 0 {
            // In the middle, so that neither an earlier nor a later packet has to move the window.
            self.floor = bucket - BUCKETS as Samples / 2;
        }
        self.move_window_to(bucket);
        // The first packets count equally, or the very first would be remembered for seconds.
        let keep = KEEP.powf(span as f32 / (20 * MILLISECOND) as f32).min(self.observed as f32 / (self.observed + 1) as f32);
        for weight in &mut self.weights {
            *weight *= keep;
        }
        self.weights[(bucket - self.floor) as usize] += 1.0 - keep;
        self.observed = self.observed.saturating_add(1);
        let earliest = self.quantile(EARLIEST);
        let in_time = self.quantile(IN_TIME) + MILLISECOND;
        let margin = LEAST_MARGIN.max((in_time - earliest) / 4);
        self.ready_for = Some((in_time + margin).min(earliest + self.most_wait));
        self.earliest = Some(earliest);
        self.spread = in_time - MILLISECOND - earliest;
    }

    /// The transit time of the earliest packets, but for strays; nothing before the first packet.
    pub(super) fn earliest(&self) -> Option<Samples> {
        self.earliest
    }

    /// The transit time to be ready for, margin included; nothing before the first packet.
    pub(super) fn ready_for(&self) -> Option<Samples> {
        self.ready_for
    }

    /// How far the packets that count are apart.
    pub(super) fn spread(&self) -> Samples {
        self.spread
    }

    /// The lower edge of the bucket below which `share` of the packets came.
    fn quantile(&self, share: f32) -> Samples {
        let mut below = 0.0;
        let bucket = self.weights.iter().position(|weight| {
            below += weight;
            below >= share
        });
        // Rounding may leave the sum a hair under the share that was asked for.
        let bucket = bucket.unwrap_or(BUCKETS - 1);
        (self.floor + bucket as Samples) * MILLISECOND
    }

    /// Moves the window so that it holds `bucket`; weights that fall out collect at its edge.
    fn move_window_to(&mut self, bucket: Samples) {
        let top = self.floor + BUCKETS as Samples - 1;
        if (bucket - self.floor).abs() >= 2 * BUCKETS as Samples {
            // Nothing of the memory would be left at its place.
            self.weights.iter_mut().for_each(|weight| *weight = 0.0);
            self.observed = 0;
            self.floor = bucket - BUCKETS as Samples / 2;
            return;
        }
        for _ in top..bucket {
            let out = self.weights.pop_front().unwrap_or_default();
            self.weights.push_back(0.0);
            self.weights[0] += out;
            self.floor += 1;
        }
        for _ in bucket..self.floor {
            let out = self.weights.pop_back().unwrap_or_default();
            self.weights.push_front(0.0);
            self.weights[BUCKETS - 1] += out;
            self.floor -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of packets, each `late[i % late.len()]` milliseconds behind a transit time of an hour.
    fn observe(estimator: &mut DelayEstimator, packets: usize, late: &[Samples]) {
        for packet in 0..packets {
            estimator.observe(3_600_000 * MILLISECOND + late[packet % late.len()] * MILLISECOND, 20 * MILLISECOND);
        }
    }

    fn wait(estimator: &DelayEstimator) -> Samples {
        estimator.ready_for().unwrap() / MILLISECOND - 3_600_000
    }

    #[test]
    fn nothing_is_known_before_the_first_packet() {
        assert_eq!(DelayEstimator::new(400 * MILLISECOND).ready_for(), None);
    }

    #[test]
    fn a_steady_line_needs_the_least_margin() {
        let mut estimator = DelayEstimator::new(400 * MILLISECOND);
        observe(&mut estimator, 100, &[0]);
        assert_eq!(wait(&estimator), 1 + LEAST_MARGIN / MILLISECOND);
    }

    #[test]
    fn the_first_late_packet_counts_at_once() {
        let mut estimator = DelayEstimator::new(400 * MILLISECOND);
        observe(&mut estimator, 20, &[0]);
        observe(&mut estimator, 1, &[60]);
        assert!(wait(&estimator) > 60);
    }

    #[test]
    fn one_straggler_among_hundreds_does_not_count() {
        let mut estimator = DelayEstimator::new(400 * MILLISECOND);
        observe(&mut estimator, 500, &[0]);
        observe(&mut estimator, 1, &[200]);
        assert!(wait(&estimator) < 12);
    }

    #[test]
    fn jitter_is_covered_while_it_lasts_and_forgotten_after() {
        let mut estimator = DelayEstimator::new(400 * MILLISECOND);
        observe(&mut estimator, 500, &[0]);
        observe(&mut estimator, 150, &[0, 35, 80, 12]);
        assert!((80..=110).contains(&wait(&estimator)), "{}", wait(&estimator));
        observe(&mut estimator, 600, &[0]);
        assert!(wait(&estimator) < 12, "{}", wait(&estimator));
    }

    #[test]
    fn long_packets_are_forgotten_as_soon_as_short_ones() {
        let mut estimator = DelayEstimator::new(400 * MILLISECOND);
        (0..50).for_each(|_| estimator.observe(80 * MILLISECOND, 40 * MILLISECOND));
        (0..300).for_each(|_| estimator.observe(0, 40 * MILLISECOND));
        assert!(estimator.ready_for().is_some_and(|wait| wait < 12 * MILLISECOND));
    }

    #[test]
    fn a_longer_way_is_followed_and_a_shorter_one_too() {
        let mut estimator = DelayEstimator::new(400 * MILLISECOND);
        for way in [0, 250, 500, 900, 50, -400] {
            observe(&mut estimator, 1_200, &[way]);
            assert!((way..way + 12).contains(&wait(&estimator)), "{way}: {}", wait(&estimator));
        }
    }

    #[test]
    fn a_clock_that_jumps_by_hours_starts_over() {
        let mut estimator = DelayEstimator::new(400 * MILLISECOND);
        observe(&mut estimator, 500, &[0]);
        observe(&mut estimator, 1, &[7_200_000]);
        assert!((7_200_000..7_200_012).contains(&wait(&estimator)));
    }
}
