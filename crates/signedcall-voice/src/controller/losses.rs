use crate::report::LineReport;

/// How much of what was reported before stays with each report: of reports each half second, two seconds' worth counts most.
const QUICK: f32 = 0.7;

/// The same of the slow memory, which counts ten seconds: a line that has been bad will be again.
const SLOW: f32 = 0.95;

/// From what share of losses on something is done about them. Below, the coarse copy alone makes up for them.
const CARED_FOR: f32 = 0.004;

/// How many losses by themselves are counted from the beginning, so that the first two in a row do not make the line one of bursts.
const FIRST_SINGLE: f32 = 2.0;

/// What is known of the losses on the line: quick to grow, steady to shrink.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Losses {
    quick: Counted,
    slow: Counted,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    expected: f32,
    lost: f32,
    bursts: f32,
}

impl Counted {
    fn learn(&mut self, report: LineReport, keep: f32) {
        self.expected = self.expected * keep + report.expected as f32;
        self.lost = self.lost * keep + report.lost as f32;
        self.bursts = self.bursts * keep + report.bursts as f32;
    }

    fn share(self) -> f32 {
        if self.expected > 0.0 { self.lost / self.expected } else { 0.0 }
    }
}

impl Losses {
    pub(super) fn learn(&mut self, report: LineReport) {
        self.quick.learn(report, QUICK);
        self.slow.learn(report, SLOW);
    }

    /// The share of packets that are lost, 0 to less than 1.
    pub(super) fn share(&self) -> f32 {
        let share = if self.are_growing() { self.quick.share() } else { self.slow.share() };
        share.min(0.9)
    }

    /// How many packets are lost in a row, on average.
    pub(super) fn burst(&self) -> f32 {
        // Losses are taken for single ones until some have shown that they are not.
        ((self.slow.lost + FIRST_SINGLE) / (self.slow.bursts + FIRST_SINGLE)).max(1.0)
    }

    /// Whether there are enough of them for something to be done.
    pub(super) fn are_cared_for(&self) -> bool {
        self.share() >= CARED_FOR
    }

    /// Whether more has been lost of late than before, and not by chance.
    pub(super) fn are_growing(&self) -> bool {
        self.quick.share() > 1.8 * self.slow.share() + 0.04
    }

    /// How probable it is that a packet is lost if one `apart` packets before it was, as for a line that is good or bad for a while each.
    pub(super) fn again_after(&self, apart: u8) -> f32 {
        let share = self.share();
        let leave = 1.0 / self.burst();
        let enter = share * leave / (1.0 - share);
        let memory = (1.0 - leave - enter).clamp(0.0, 1.0);
        share + (1.0 - share) * memory.powi(i32::from(apart))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(expected: u32, lost: u32, bursts: u32) -> LineReport {
        LineReport { expected, lost, bursts, ..LineReport::default() }
    }

    #[test]
    fn losses_count_at_once_and_are_forgotten_in_ten_seconds() {
        let mut losses = Losses::default();
        for _ in 0..40 {
            losses.learn(line(25, 0, 0));
        }
        losses.learn(line(25, 10, 4));
        assert!(losses.share() > 0.08 && losses.are_growing(), "{losses:?}");
        for _ in 0..40 {
            losses.learn(line(25, 0, 0));
        }
        assert!(losses.share() < 0.01, "{losses:?}");
    }

    #[test]
    fn a_packet_long_after_a_lost_one_is_lost_as_often_as_any() {
        let mut losses = Losses::default();
        losses.learn(line(1_000, 200, 66));
        assert!((losses.again_after(1) - 0.67).abs() < 0.02, "two thirds of a run of three");
        assert!((losses.again_after(15) - 0.2).abs() < 0.01);
        let mut random = Losses::default();
        random.learn(line(1_000, 200, 160));
        assert!((random.again_after(1) - 0.2).abs() < 0.01);
    }

    #[test]
    fn nothing_reported_is_nothing_lost() {
        assert_eq!((Losses::default().share(), Losses::default().burst()), (0.0, 1.0));
    }
}
