//! How long lost sound takes to come after all, learnt from what came.

use crate::frame::{MILLISECOND, Samples};

/// How exactly the wait is learnt: copies lie whole packets back, so finer is of no use.
const BUCKET: Samples = 5 * MILLISECOND;

/// How many of those are told apart: 400 ms, the most that anybody waits.
const BUCKETS: usize = 80;

/// How much of the memory one packet leaves in place: at 50 packets a second, what happened 2 s ago counts a third.
const KEEP: f32 = 0.99;

/// The share of lost sound for which nobody waits: one loss by itself. Waiting all the time costs more than making up something now and then.
const NOT_WAITED_FOR: f32 = 0.012;

/// For how many packets a wait is kept after it was of use, 8 s at 50 a second: bursts that come every few seconds must not make it go to and fro,
/// since every change of it is heard.
const KEPT_FOR: u32 = 400;

/// How much later than the redundancy the sound may be due: less than that would make each late repair a gap.
const MARGIN: Samples = 5 * MILLISECOND;

/// Remembers how much later than the earliest packets lost sound came with a copy or with what a later packet describes.
#[derive(Debug)]
pub(super) struct RepairEstimator {
    /// The share of sound that came as much later; the rest was never lost.
    shares: [f32; BUCKETS],
    worth_waiting: Samples,
    /// For how many packets it has been of no use, and how much would have been enough meanwhile.
    unused_for: u32,
    enough: Samples,
}

impl RepairEstimator {
    pub(super) fn new() -> Self {
        Self { shares: [0.0; BUCKETS], worth_waiting: 0, unused_for: 0, enough: 0 }
    }

    /// Learns that a packet came by itself.
    pub(super) fn was_not_needed(&mut self) {
        for share in &mut self.shares {
            *share *= KEEP;
        }
        self.unused_for += 1;
        if self.unused_for >= KEPT_FOR {
            (self.worth_waiting, self.unused_for, self.enough) = (self.enough, 0, 0);
        }
    }

    /// Learns that a lost packet's sound came `late`.
    pub(super) fn came(&mut self, late: Samples) {
        let bucket = usize::try_from(late.max(0) / BUCKET).unwrap_or(BUCKETS);
        // What comes later than anybody waits is as if it never came.
        let Some(share) = self.shares.get_mut(bucket) else { return };
        *share += 1.0 - KEEP;
        let mut later = 0.0;
        let last = self.shares.iter().rposition(|share| {
            later += share;
            later > NOT_WAITED_FOR
        });
        self.worth_waiting = self.worth_waiting.max(last.map_or(0, wait_for));
        if wait_for(bucket) >= self.worth_waiting {
            (self.unused_for, self.enough) = (0, 0);
        } else {
            self.enough = self.enough.max(wait_for(bucket));
        }
    }

    /// How much later than the earliest packets sound should be due so that most of what is repaired is repaired in time; zero where nothing is lost.
    pub(super) fn worth_waiting(&self) -> Samples {
        self.worth_waiting
    }
}

/// The wait with which what comes in a bucket comes in time.
fn wait_for(bucket: usize) -> Samples {
    (bucket as Samples + 1) * BUCKET + MARGIN
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `packets` of which each `each`-th is lost and comes `late` milliseconds later.
    fn lose(estimator: &mut RepairEstimator, packets: usize, each: usize, late: Samples) {
        for packet in 0..packets {
            if packet % each == 0 { estimator.came(late * MILLISECOND) } else { estimator.was_not_needed() }
        }
    }

    fn wait(estimator: &RepairEstimator) -> Samples {
        estimator.worth_waiting() / MILLISECOND
    }

    #[test]
    fn without_losses_there_is_nothing_to_wait_for() {
        let mut estimator = RepairEstimator::new();
        lose(&mut estimator, 1_000, usize::MAX, 120);
        assert_eq!(wait(&estimator), 0);
    }

    fn pass(estimator: &mut RepairEstimator, packets: u32) {
        (0..packets).for_each(|_| estimator.was_not_needed());
    }

    #[test]
    fn one_loss_is_not_waited_for_and_a_second_one_soon_after_is() {
        let mut estimator = RepairEstimator::new();
        estimator.came(120 * MILLISECOND);
        assert_eq!(wait(&estimator), 0);
        pass(&mut estimator, 40);
        estimator.came(120 * MILLISECOND);
        assert!((125..=130).contains(&wait(&estimator)), "{}", wait(&estimator));
    }

    #[test]
    fn a_wait_ends_when_it_has_been_of_no_use_for_long() {
        let mut estimator = RepairEstimator::new();
        lose(&mut estimator, 51, 10, 120);
        pass(&mut estimator, KEPT_FOR - 1);
        assert!(wait(&estimator) > 0);
        pass(&mut estimator, 1);
        assert_eq!(wait(&estimator), 0);
    }

    #[test]
    fn a_wait_that_is_longer_than_was_needed_becomes_shorter() {
        let mut estimator = RepairEstimator::new();
        lose(&mut estimator, 50, 10, 120);
        lose(&mut estimator, 500, 10, 40);
        assert!((45..=50).contains(&wait(&estimator)), "{}", wait(&estimator));
    }

    #[test]
    fn bursts_that_come_every_few_seconds_leave_the_wait_as_it_is() {
        let mut estimator = RepairEstimator::new();
        lose(&mut estimator, 50, 10, 120);
        for _ in 0..10 {
            lose(&mut estimator, 3, 1, 120);
            for _ in 0..350 {
                estimator.was_not_needed();
                assert!(wait(&estimator) >= 125, "{}", wait(&estimator));
            }
        }
    }

    #[test]
    fn what_is_rarely_needed_is_not_waited_for() {
        let mut estimator = RepairEstimator::new();
        lose(&mut estimator, 4_000, 400, 120);
        assert_eq!(wait(&estimator), 0);
    }

    #[test]
    fn what_comes_too_late_for_anybody_is_as_if_it_never_came() {
        let mut estimator = RepairEstimator::new();
        lose(&mut estimator, 1_000, 3, 1_000);
        assert_eq!(wait(&estimator), 0);
    }
}
