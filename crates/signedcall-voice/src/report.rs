//! What a receiver can tell the sender of the line between them.

use std::time::Duration;

use crate::frame::{Samples, duration, samples};
use crate::receiver::Packet;

/// How many packets later a packet that has not come is lost: those that were merely overtaken have come by then, even where packets are 100 ms apart
/// from their turn.
const GIVEN_UP_AFTER: i64 = 10;

/// How far a number may jump before it begins a new count: a minute's worth of packets.
const FARTHEST_JUMP: i64 = 3_000;

/// In how many reports the quickest way is remembered: with two reports a second, 16 s. A route that has become longer is no queue after that.
const REMEMBERED: usize = 32;

/// What the line has done to packets since the report before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineReport {
    /// Packets that were sent.
    pub expected: u32,
    /// Those of them that never came.
    pub lost: u32,
    /// In how many runs without one between they were lost.
    pub bursts: u32,
    /// How much longer than in the last seconds even the quickest packet took: a queue that grows somewhere on the way.
    pub queued: Duration,
}

impl LineReport {
    /// The share of packets that were lost, 0 to 1.
    pub fn loss(&self) -> f32 {
        if self.expected == 0 { 0.0 } else { self.lost as f32 / self.expected as f32 }
    }
}

/// Counts what comes and what does not.
#[derive(Debug, Default)]
pub(crate) struct LineMeter {
    stream: Option<Stream>,
    report: LineReport,
    way: Way,
}

/// How long packets take, by clocks that need not agree: beside the quickest of the last seconds.
#[derive(Debug, Default)]
pub(crate) struct Way {
    /// The quickest since the last report, and those of the reports before.
    quickest: Option<Samples>,
    quickest_before: [Option<Samples>; REMEMBERED],
    reports: usize,
}

impl Way {
    /// Takes note of how long a packet took.
    pub(crate) fn took(&mut self, way: Samples) {
        self.quickest = Some(self.quickest.map_or(way, |quickest| quickest.min(way)));
    }

    /// How much longer than in the last seconds even the quickest packet since the last report took.
    pub(crate) fn queued(&mut self) -> Duration {
        let quickest = self.quickest.take();
        let before = self.quickest_before.iter().flatten().min().copied();
        if quickest.is_some() {
            self.quickest_before[self.reports % REMEMBERED] = quickest;
            self.reports += 1;
        }
        duration(quickest.zip(before).map_or(0, |(now, before)| now - before))
    }
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    source: u32,
    newest: i64,
    /// The timestamp of the newest without wrapping.
    timestamp: Samples,
    /// The packet to be judged next; bit `n` of `came` stands for the one `n` later.
    next: i64,
    came: u64,
    losing: bool,
}

impl LineMeter {
    /// Takes note of a packet that has come.
    pub(crate) fn came(&mut self, packet: Packet<'_>) {
        let Some(mut stream) = self.stream.filter(|stream| stream.source == packet.source) else { return self.begin(packet) };
        let ahead = i64::from(packet.sequence.wrapping_sub(stream.newest as u16) as i16);
        if ahead.abs() > FARTHEST_JUMP {
            return self.begin(packet);
        }
        let sequence = stream.newest + ahead;
        let timestamp = stream.timestamp + Samples::from(packet.timestamp.wrapping_sub(stream.timestamp as u32) as i32);
        self.way.took(samples(packet.arrived) - timestamp);
        if ahead > 0 {
            stream.newest = sequence;
            stream.timestamp = timestamp;
            while stream.newest - stream.next >= GIVEN_UP_AFTER {
                self.judge(&mut stream);
            }
        }
        if sequence >= stream.next {
            stream.came |= 1 << (sequence - stream.next);
        }
        self.stream = Some(stream);
    }

    fn begin(&mut self, packet: Packet<'_>) {
        let (sequence, timestamp) = (i64::from(packet.sequence), Samples::from(packet.timestamp));
        let stream = Stream { source: packet.source, newest: sequence, timestamp, next: sequence, came: 1, losing: false };
        *self = Self { stream: Some(stream), ..Self::default() };
        self.way.took(samples(packet.arrived) - timestamp);
    }

    fn judge(&mut self, stream: &mut Stream) {
        let came = stream.came & 1 == 1;
        self.report.expected += 1;
        if !came {
            self.report.lost += 1;
            self.report.bursts += u32::from(!stream.losing);
        }
        stream.losing = !came;
        stream.came >>= 1;
        stream.next += 1;
    }

    /// What has happened since the last report.
    pub(crate) fn report(&mut self) -> LineReport {
        LineReport { queued: self.way.queued(), ..std::mem::take(&mut self.report) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::PayloadFormat;

    fn packet(sequence: u16, late: u64) -> Packet<'static> {
        Packet {
            source: 7,
            sequence,
            timestamp: u32::from(sequence).wrapping_mul(960),
            format: PayloadFormat::Opus,
            payload: &[],
            arrived: Duration::from_millis(u64::from(sequence) * 20 + late),
        }
    }

    fn report(sequences: impl IntoIterator<Item = u16>) -> LineReport {
        let mut meter = LineMeter::default();
        for sequence in sequences {
            meter.came(packet(sequence, 0));
        }
        meter.report()
    }

    #[test]
    fn a_packet_is_lost_when_ten_later_ones_were_sent() {
        assert_eq!(report((0..3).chain(4..13)), LineReport { expected: 3, ..LineReport::default() });
        assert_eq!(report((0..3).chain(4..14)), LineReport { expected: 4, lost: 1, bursts: 1, queued: Duration::ZERO });
    }

    #[test]
    fn what_was_overtaken_is_not_lost() {
        let overtaken = report([0, 1, 3, 4, 5, 2].into_iter().chain(6..30));
        assert_eq!((overtaken.expected, overtaken.lost), (20, 0));
    }

    #[test]
    fn runs_of_losses_are_told_apart() {
        let line = report((0..5).chain(8..10).chain(11..40));
        assert_eq!((line.lost, line.bursts), (4, 2));
        assert!((line.loss() - 4.0 / 30.0).abs() < 1e-6);
    }

    #[test]
    fn a_report_begins_where_the_last_one_ended() {
        let mut meter = LineMeter::default();
        (0..30).filter(|sequence| sequence % 7 != 3).for_each(|sequence| meter.came(packet(sequence, 0)));
        assert_eq!((meter.report().expected, meter.report().expected), (20, 0));
    }

    #[test]
    fn a_way_that_grows_for_all_packets_is_a_queue_and_jitter_is_none() {
        let mut meter = LineMeter::default();
        (0..50).for_each(|sequence| meter.came(packet(sequence, if sequence % 3 == 0 { 0 } else { 40 })));
        meter.report();
        (50..75).for_each(|sequence| meter.came(packet(sequence, if sequence % 3 == 0 { 0 } else { 40 })));
        assert_eq!(meter.report().queued, Duration::ZERO);
        (75..100).for_each(|sequence| meter.came(packet(sequence, 120)));
        assert_eq!(meter.report().queued, Duration::from_millis(120));
    }

    #[test]
    fn another_source_and_a_jump_begin_anew() {
        let mut meter = LineMeter::default();
        (0..30).for_each(|sequence| meter.came(packet(sequence, 0)));
        meter.came(Packet { source: 8, ..packet(31, 0) });
        assert_eq!(meter.report(), LineReport::default());
        meter.came(Packet { source: 8, ..packet(20_000, 0) });
        assert_eq!(meter.report(), LineReport::default());
    }
}
