//! How long lost sound takes to come after all, learnt from what came.

use crate::frame::{MILLISECOND, SAMPLE_RATE, Samples};

/// How exactly the wait is learnt: copies lie whole packets back, so finer is of no use.
const BUCKET: Samples = 5 * MILLISECOND;

/// How many of those are told apart: 400 ms, the most that anybody waits.
const BUCKETS: usize = 80;

/// How much of the memory one packet leaves in place: at 50 packets a second, what happened 2 s ago counts a third.
const KEEP: f32 = 0.99;

/// The share of lost sound for which nobody waits: one loss by itself. Waiting all the time costs more than making up something now and then.
const NOT_WAITED_FOR: f32 = 0.012;

/// For how long the longest wait is kept while losses go on, in slots of a second, since every change of it is heard.
const KEPT_FOR: usize = 30;
/// For how long without a loss that was worth any wait: bursts that come every few seconds must not make it go to and fro.
const OF_NO_USE_FOR: usize = 7;
const SLOT: Samples = SAMPLE_RATE as Samples;

/// Remembers how far from lost sound what repairs it was sent: the copies of it, or what describes it.
#[derive(Debug)]
pub(super) struct RepairEstimator {
    /// The share of sound that was repaired from as far; the rest was never lost.
    shares: [f32; BUCKETS],
    /// The longest wait that was worth it in each of the last seconds, the newest last.
    worth_waiting: [Samples; KEPT_FOR],
    /// The second of the stream that the newest stands for.
    second: Option<Samples>,
}

impl RepairEstimator {
    pub(super) fn new() -> Self {
        Self { shares: [0.0; BUCKETS], worth_waiting: [0; KEPT_FOR], second: None }
    }

    /// Learns that the packet of `timestamp` came by itself.
    pub(super) fn was_not_needed(&mut self, timestamp: Samples) {
        for share in &mut self.shares {
            *share *= KEEP;
        }
        let second = timestamp.div_euclid(SLOT);
        // Whatever the timestamps of a stream do, all is forgotten after as many steps as are kept.
        for _ in 0..(second - self.second.unwrap_or(second)).clamp(0, KEPT_FOR as Samples) {
            self.worth_waiting.rotate_left(1);
            self.worth_waiting[KEPT_FOR - 1] = 0;
        }
        self.second = Some(second);
    }

    /// Learns that lost sound came with what was sent `later`.
    pub(super) fn came(&mut self, later: Samples) {
        let bucket = usize::try_from((later.max(0) + BUCKET - 1) / BUCKET).unwrap_or(BUCKETS);
        // What comes later than anybody waits is as if it never came.
        let Some(share) = self.shares.get_mut(bucket) else { return };
        *share += 1.0 - KEEP;
        let mut farther = 0.0;
        let last = self.shares.iter().rposition(|share| {
            farther += share;
            farther > NOT_WAITED_FOR
        });
        let wait = last.map_or(0, |bucket| bucket as Samples * BUCKET);
        let newest = &mut self.worth_waiting[KEPT_FOR - 1];
        *newest = wait.max(*newest);
    }

    /// For how long what repairs losses should be waited for, beyond the usual wait for packets; zero where nothing is lost.
    pub(super) fn worth_waiting(&self) -> Samples {
        let is_of_use = self.worth_waiting[KEPT_FOR - OF_NO_USE_FOR..].iter().any(|wait| *wait > 0);
        if is_of_use { self.worth_waiting.iter().copied().max().unwrap_or(0) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: Samples = 20 * MILLISECOND;

    struct Stream {
        estimator: RepairEstimator,
        timestamp: Samples,
    }

    impl Stream {
        fn new() -> Self {
            Self { estimator: RepairEstimator::new(), timestamp: 0 }
        }

        fn pass(&mut self, packets: usize) {
            for _ in 0..packets {
                self.estimator.was_not_needed(self.timestamp);
                self.timestamp += PACKET;
            }
        }

        /// `packets` of which each `each`-th is lost and comes with one sent as many milliseconds later.
        fn lose(&mut self, packets: usize, each: usize, later: Samples) {
            for packet in 0..packets {
                if packet % each == 0 {
                    self.estimator.came(later * MILLISECOND);
                    self.timestamp += PACKET;
                } else {
                    self.pass(1);
                }
            }
        }

        fn wait(&self) -> Samples {
            self.estimator.worth_waiting() / MILLISECOND
        }
    }

    #[test]
    fn without_losses_there_is_nothing_to_wait_for() {
        let mut stream = Stream::new();
        stream.lose(1_000, usize::MAX, 120);
        assert_eq!(stream.wait(), 0);
    }

    #[test]
    fn one_loss_is_not_waited_for_and_a_second_one_soon_after_is() {
        let mut stream = Stream::new();
        stream.estimator.came(120 * MILLISECOND);
        assert_eq!(stream.wait(), 0);
        stream.pass(40);
        stream.estimator.came(120 * MILLISECOND);
        assert_eq!(stream.wait(), 120);
    }

    #[test]
    fn a_wait_ends_when_it_has_been_of_no_use_for_seven_seconds() {
        let mut stream = Stream::new();
        stream.lose(41, 10, 120);
        stream.timestamp = SLOT;
        stream.lose(11, 10, 120);
        stream.timestamp = 8 * SLOT - PACKET;
        stream.pass(1);
        assert_eq!(stream.wait(), 120);
        stream.pass(1);
        assert_eq!(stream.wait(), 0);
    }

    #[test]
    fn a_wait_that_is_longer_than_was_needed_becomes_shorter_after_half_a_minute() {
        let mut stream = Stream::new();
        stream.lose(50, 10, 120);
        stream.lose(28 * 50, 10, 40);
        assert_eq!(stream.wait(), 120);
        stream.lose(6 * 50, 10, 40);
        assert_eq!(stream.wait(), 40);
    }

    #[test]
    fn bursts_that_come_every_few_seconds_leave_the_wait_as_it_is() {
        let mut stream = Stream::new();
        stream.lose(50, 10, 120);
        for _ in 0..10 {
            stream.lose(3, 1, 120);
            for _ in 0..290 {
                stream.pass(1);
                assert_eq!(stream.wait(), 120);
            }
        }
    }

    #[test]
    fn what_is_rarely_needed_is_not_waited_for() {
        let mut stream = Stream::new();
        stream.lose(4_000, 400, 120);
        assert_eq!(stream.wait(), 0);
    }

    #[test]
    fn what_comes_too_late_for_anybody_is_as_if_it_never_came() {
        let mut stream = Stream::new();
        stream.lose(1_000, 3, 1_000);
        assert_eq!(stream.wait(), 0);
    }

    #[test]
    fn a_clock_that_jumps_makes_nothing_be_kept_for_longer() {
        let mut stream = Stream::new();
        stream.lose(50, 10, 120);
        stream.timestamp -= 500 * SLOT;
        stream.pass(8 * 50);
        assert_eq!(stream.wait(), 0);
    }
}
