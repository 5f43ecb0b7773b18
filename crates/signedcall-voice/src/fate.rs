//! What a sender learns of the line from what the other side tells of each packet.

use std::collections::VecDeque;
use std::time::Duration;

use crate::frame::{duration, samples};
use crate::red::History;
use crate::report::{LineReport, Runs, Ways};
use crate::settings::SendSettings;

/// What became of a packet that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketFate {
    /// When it was sent, on this side's clock.
    pub sent: Duration,
    /// Whether it came.
    pub came: bool,
    /// When it came, on the other side's clock, if that is known.
    pub arrived: Option<Duration>,
}

/// Makes reports on the line of what became of each packet.
#[derive(Debug, Default)]
pub struct FateMeter {
    runs: Runs,
    ways: Ways,
    /// Packets that may still be repaired by one that was sent later, oldest first.
    repairable: VecDeque<Sent>,
    /// What packets carry of earlier ones, as they are sent now: bit `n` for the one that lies `n` before.
    carried: u32,
    /// The same as `runs`, of what is lost after repair.
    left: Runs,
}

/// A packet that was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    came: bool,
    carries: u32,
}

impl FateMeter {
    /// Says how the packets are sent whose fates follow.
    pub fn sent_as(&mut self, settings: &SendSettings) {
        self.carried = settings.carried();
    }

    /// Takes note of the next packet's fate, in the order in which they were sent.
    pub fn learn(&mut self, fate: PacketFate) {
        self.runs.count(fate.came);
        self.repairable.push_back(Sent { came: fate.came, carries: self.carried });
        if self.repairable.len() > History::PACKETS
            && let Some(oldest) = self.repairable.pop_front()
        {
            let repaired = self.repairable.iter().zip(1..).any(|(later, back)| later.came && later.carries >> back & 1 == 1);
            self.left.count(oldest.came || repaired);
        }
        if let Some(arrived) = fate.arrived {
            self.ways.learn(samples(arrived), samples(arrived) - samples(fate.sent));
        }
    }

    /// What has happened since the last report; nothing when no packet's fate is known.
    pub fn report(&mut self) -> Option<LineReport> {
        let report = self.runs.take();
        (report.expected > 0).then(|| LineReport { queued: duration(self.ways.longer_by()), ..report })
    }

    /// The share of packets, 0 to 1, that were lost and of which nothing was sent again that came, since this was asked last; nothing when none has been
    /// judged. A packet is judged once all has been sent that may repair it.
    pub fn left(&mut self) -> Option<f32> {
        let left = self.left.take();
        (left.expected > 0).then(|| left.loss())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Copies;

    fn learn(meter: &mut FateMeter, packets: std::ops::Range<u64>, took: impl Fn(u64) -> Option<u64>) {
        for packet in packets {
            let sent = Duration::from_millis(20 * packet);
            // The other side's clock began long before.
            let arrived = took(packet).map(|took| sent + Duration::from_millis(1_000_000 + took));
            meter.learn(PacketFate { sent, came: arrived.is_some(), arrived });
        }
    }

    #[test]
    fn losses_and_their_runs_are_counted_since_the_last_report() {
        let mut meter = FateMeter::default();
        assert_eq!(meter.report(), None, "nothing is known");
        learn(&mut meter, 0..30, |packet| (!matches!(packet, 5 | 6 | 10)).then_some(30));
        assert_eq!(meter.report(), Some(LineReport { expected: 30, lost: 3, bursts: 2, queued: Duration::ZERO }));
        learn(&mut meter, 30..40, |_| Some(30));
        assert_eq!(meter.report(), Some(LineReport { expected: 10, ..LineReport::default() }));
    }

    #[test]
    fn a_run_that_lasts_from_one_report_to_the_next_is_one() {
        let mut meter = FateMeter::default();
        learn(&mut meter, 0..5, |packet| (packet < 3).then_some(30));
        learn(&mut meter, 5..10, |packet| (packet > 6).then_some(30));
        assert_eq!(meter.report().map(|report| (report.lost, report.bursts)), Some((4, 1)));
    }

    /// The share that is left after two seconds in which packets are sent like this and each `each`-th run of so many is lost.
    fn left(settings: &SendSettings, each: u64, run: u64) -> Option<f32> {
        let mut meter = FateMeter::default();
        meter.sent_as(settings);
        learn(&mut meter, 0..100 + History::PACKETS as u64, |packet| (packet % each >= run || packet < each).then_some(30));
        meter.left()
    }

    #[test]
    fn what_copies_repair_is_not_left_and_what_they_do_not_is() {
        let plain = SendSettings { coarse_copy: false, ..SendSettings::default() };
        let copied = |backs: &[u8]| SendSettings { copies: Copies::of(backs), ..plain };
        assert_eq!(left(&plain, 10, 1), Some(0.09));
        assert_eq!(left(&SendSettings::default(), 10, 1), Some(0.0), "the next packet has a coarse copy");
        assert_eq!(left(&SendSettings::default(), 10, 2), Some(0.09), "of the last of a run alone");
        assert_eq!(left(&copied(&[2]), 10, 2), Some(0.0));
        assert_eq!(left(&copied(&[2]), 10, 3), Some(0.09));
        assert_eq!(left(&copied(&[2, 4]), 10, 3), Some(0.0));
    }

    #[test]
    fn nothing_is_left_of_packets_that_may_still_be_repaired_nor_of_a_dead_line() {
        let mut meter = FateMeter::default();
        learn(&mut meter, 0..History::PACKETS as u64, |_| None);
        assert_eq!(meter.left(), None);
        let mut meter = FateMeter::default();
        learn(&mut meter, 0..100, |packet| (!(10..60).contains(&packet)).then_some(30));
        assert_eq!(meter.left(), Some(0.0));
    }

    #[test]
    fn what_is_lost_while_the_line_is_dead_says_nothing_of_its_losses() {
        for (lost, told) in [(49, (51, 49, 1)), (50, (2, 0, 0))] {
            let mut meter = FateMeter::default();
            learn(&mut meter, 0..lost + 2, |packet| (packet == 0 || packet > lost).then_some(30));
            assert_eq!(meter.report().map(|report| (report.expected, report.lost, report.bursts)), Some(told));
        }
    }

    #[test]
    fn a_clock_of_the_other_side_that_begins_anew_is_no_queue() {
        for step in [-1_000_000_i64, 1_000_000] {
            let mut meter = FateMeter::default();
            for packet in 0..200_u64 {
                let sent = Duration::from_millis(20 * packet);
                let clock = 2_000_000 + if packet < 100 { 0 } else { step };
                let arrived = Duration::from_millis((clock + 20 * packet as i64 + 30) as u64);
                meter.learn(PacketFate { sent, came: true, arrived: Some(arrived) });
                if packet % 25 == 24 {
                    assert_eq!(meter.report().map(|report| report.queued), Some(Duration::ZERO), "{step} ms, packet {packet}");
                }
            }
        }
    }

    #[test]
    fn a_way_that_has_become_longer_for_every_packet_is_a_queue() {
        let mut meter = FateMeter::default();
        learn(&mut meter, 0..25, |packet| Some(if packet % 4 == 0 { 30 } else { 70 }));
        assert_eq!(meter.report().map(|report| report.queued), Some(Duration::ZERO), "jitter is none");
        learn(&mut meter, 25..50, |_| Some(130));
        assert_eq!(meter.report().map(|report| report.queued), Some(Duration::from_millis(100)));
    }
}
