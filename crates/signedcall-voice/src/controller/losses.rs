use std::time::Duration;

use crate::report::LineReport;
use crate::settings::PacketDuration;

/// How much of what was reported before stays with each report: of reports each half second, two seconds' worth counts most.
const QUICK: f32 = 0.7;

/// The same of the slow memory, which counts ten seconds: a line that has been bad will be again.
const SLOW: f32 = 0.95;

/// From what share of losses on something is done about them. Below, the coarse copy alone makes up for them.
const CARED_FOR: f32 = 0.004;

/// Of how many packets no more than a trace of a loss has to be remembered for the line to be taken for one that loses none: five seconds' worth.
const SEEN: f32 = 200.0;
const TRACE: f32 = 0.0005;

/// How many losses by themselves are counted from the beginning, so that the first two in a row do not make the line one of bursts.
const FIRST_SINGLE: f32 = 2.0;

/// How much rarer than once in a thousand times it is chance what is taken for no chance: three standard deviations.
const NO_CHANCE: f32 = 3.0;

/// Packets, and what became of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    expected: f32,
    lost: f32,
    bursts: f32,
}

impl Counted {
    pub(super) fn learn(&mut self, report: LineReport, keep: f32) {
        self.expected = self.expected * keep + report.expected as f32;
        self.lost = self.lost * keep + report.lost as f32;
        self.bursts = self.bursts * keep + report.bursts as f32;
    }

    fn share(self) -> f32 {
        if self.expected > 0.0 { self.lost / self.expected } else { 0.0 }
    }

    /// How many packets are lost in a row.
    fn burst(self) -> f32 {
        // Losses are taken for single ones until some have shown that they are not.
        ((self.lost + FIRST_SINGLE) / (self.bursts + FIRST_SINGLE)).max(1.0)
    }

    /// Whether a greater share is lost than of `before`, by `more` at least, and not by chance.
    pub(super) fn is_worse_than(self, before: Self, more: f32) -> bool {
        let both = Self { expected: self.expected + before.expected, lost: self.lost + before.lost, bursts: self.bursts + before.bursts };
        let difference = self.share() - before.share();
        if difference < more {
            return false;
        }
        let deviation = (both.variance() * (1.0 / self.expected.max(1.0) + 1.0 / before.expected.max(1.0))).sqrt();
        difference > NO_CHANCE * deviation
    }

    /// How much the share that is lost of a packet differs from the mean; the variance of the mean is that of one packet by their number.
    fn variance(self) -> f32 {
        let share = self.share();
        // Losses that come in runs are as if there were fewer packets to count.
        share * (1.0 - share) * (2.0 * self.burst() - 1.0)
    }

    /// By how much the share that was counted usually differs from the one that was meant.
    fn deviation(self) -> f32 {
        (self.variance() / self.expected.max(1.0)).sqrt()
    }

    /// The same in packets of another length, as for a line that is good or bad for a while each.
    fn in_packets_of(self, from: PacketDuration, to: PacketDuration) -> Self {
        let longer = to.samples() as f32 / from.samples() as f32;
        let share = self.share();
        let leave = (1.0 - memory(share, self.lost / self.bursts.max(1.0)).powf(longer)) * (1.0 - share);
        Self { expected: self.expected / longer, lost: self.lost / longer, bursts: self.lost / longer * leave }
    }
}

/// How much a packet's fate says of the next one's, 0 to 1, if that share of packets is lost, so many in a row.
fn memory(share: f32, burst: f32) -> f32 {
    let leave = 1.0 / burst.max(1.0);
    (1.0 - leave - share * leave / (1.0 - share).max(0.01)).clamp(0.0, 1.0)
}

/// What is known of the losses on the line: quick to grow, steady to shrink.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Losses {
    quick: Counted,
    slow: Counted,
    packet: PacketDuration,
}

impl Losses {
    pub(super) fn learn(&mut self, report: LineReport) {
        self.quick.learn(report, QUICK);
        self.slow.learn(report, SLOW);
    }

    /// Counts in packets of another length from now on.
    pub(super) fn count_in(&mut self, packet: PacketDuration) {
        if packet != self.packet {
            self.quick = self.quick.in_packets_of(self.packet, packet);
            self.slow = self.slow.in_packets_of(self.packet, packet);
            self.packet = packet;
        }
    }

    /// What was counted in the last ten seconds.
    pub(super) fn counted(&self) -> Counted {
        self.slow
    }

    /// The share of packets that are lost, 0 to less than 1.
    pub(super) fn share(&self) -> f32 {
        let share = if self.are_growing() { self.quick.share() } else { self.slow.share() };
        share.min(0.9)
    }

    /// The share that may well be lost where that was counted by chance in better moments: too many copies cost less than too few.
    pub(super) fn share_to_expect(&self) -> f32 {
        (self.share() + self.slow.deviation()).min(0.9)
    }

    /// For how long packets are lost in a row, on average.
    pub(super) fn burst(&self) -> Duration {
        self.packet.duration().mul_f32(self.slow.burst())
    }

    /// Whether there are enough of them for something to be done.
    pub(super) fn are_cared_for(&self) -> bool {
        self.share() >= CARED_FOR
    }

    /// Whether the line has lost nothing for so long that it is taken for one that never does.
    pub(super) fn are_ruled_out(&self) -> bool {
        self.slow.expected >= SEEN && self.slow.share() < TRACE
    }

    /// Whether more has been lost of late than before, and not by chance.
    pub(super) fn are_growing(&self) -> bool {
        self.quick.share() > 1.8 * self.slow.share() + 0.04
    }

    /// How probable it is that a packet is lost if one that was sent so long before it was, as for a line that is good or bad for a while each.
    pub(super) fn again_after(&self, apart: Duration) -> f32 {
        let share = self.share_to_expect();
        let packets = apart.as_secs_f32() / self.packet.duration().as_secs_f32();
        share + (1.0 - share) * memory(share, self.slow.burst()).powf(packets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

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
    fn losses_are_ruled_out_after_five_seconds_without_any_and_fifteen_after_the_last() {
        let mut losses = Losses::default();
        let reports_until_ruled_out = |losses: &mut Losses| {
            (1..100).find(|_| {
                losses.learn(line(25, 0, 0));
                losses.are_ruled_out()
            })
        };
        assert_eq!(reports_until_ruled_out(&mut losses), Some(10));
        losses.learn(line(25, 1, 1));
        assert!(!losses.are_ruled_out());
        let reports = reports_until_ruled_out(&mut losses).expect("it is forgotten");
        assert!((25..35).contains(&reports), "{reports}");
    }

    #[test]
    fn a_packet_long_after_a_lost_one_is_lost_as_often_as_any() {
        let mut losses = Losses::default();
        losses.learn(line(100_000, 20_000, 6_600));
        assert!((losses.again_after(ms(20)) - 0.67).abs() < 0.02, "two thirds of a run of three");
        assert!((losses.again_after(ms(300)) - 0.2).abs() < 0.01);
        let mut random = Losses::default();
        random.learn(line(100_000, 20_000, 16_000));
        assert!((random.again_after(ms(20)) - 0.2).abs() < 0.01);
    }

    #[test]
    fn a_line_is_the_same_in_packets_of_another_length() {
        for bursts in [6_600, 16_000] {
            let mut losses = Losses::default();
            losses.learn(line(100_000, 20_000, bursts));
            let before = [40, 80, 160].map(|apart| losses.again_after(ms(apart)));
            losses.count_in(PacketDuration::FortyMilliseconds);
            let after = [40, 80, 160].map(|apart| losses.again_after(ms(apart)));
            assert!(before.iter().zip(after).all(|(before, after)| (before - after).abs() < 0.02), "{before:?} {after:?}");
            assert!((losses.share() - 0.2).abs() < 1e-3);
        }
    }

    #[test]
    fn what_chance_alone_may_do_is_not_worse() {
        let counted = |expected, lost, bursts| Counted { expected, lost, bursts };
        let before = counted(200.0, 40.0, 14.0);
        assert!(!counted(50.0, 20.0, 5.0).is_worse_than(before, 0.05), "a bad second of a line of bursts");
        assert!(counted(200.0, 110.0, 30.0).is_worse_than(before, 0.05));
        assert!(counted(25.0, 8.0, 6.0).is_worse_than(counted(100.0, 0.0, 0.0), 0.05));
        assert!(!counted(25.0, 5.0, 1.0).is_worse_than(counted(100.0, 0.0, 0.0), 0.05), "one stumble");
        assert!(!counted(4_000.0, 130.0, 130.0).is_worse_than(counted(4_000.0, 40.0, 40.0), 0.05), "too little to care for");
    }

    #[test]
    fn nothing_reported_is_nothing_lost() {
        assert_eq!((Losses::default().share(), Losses::default().burst()), (0.0, ms(20)));
    }
}
