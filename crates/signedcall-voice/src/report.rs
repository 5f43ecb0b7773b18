//! What a receiver can tell the sender of the line between them.

use std::time::Duration;

use crate::frame::{MILLISECOND, Samples, duration, samples};
use crate::receiver::Packet;

/// How much later a packet was sent that has come when one that has not come is lost: those that were merely overtaken have come by then.
const GIVEN_UP_AFTER: Samples = 100 * MILLISECOND;

/// How many packets later it is at least, and at most.
const LEAST_GIVEN_UP_AFTER: i64 = 3;
const MOST_GIVEN_UP_AFTER: i64 = 40;

/// How far a number may jump before it begins a new count: a minute's worth of packets.
const FARTHEST_JUMP: i64 = 3_000;

/// How many packets in a row, half a second of them at least, are lost because the line is dead: nothing that is sent otherwise would have come. Both sides
/// leave them out, so that they tell the same of one line.
const DEAD_AFTER: u32 = 50;

/// For how long the line is looked at together: even a line with jitter brings some packet by the quickest way in that time.
const SPAN: Samples = 240 * MILLISECOND;

/// In how many of those the quickest way is remembered: 16 s. A route that has become longer is no queue after that.
const REMEMBERED: usize = 66;

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

/// Counts packets in the order in which they were sent, and those of them that were lost by their runs. A run counts once it is over.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Runs {
    /// How many in a row are lost so far.
    losing: u32,
    report: LineReport,
}

impl Runs {
    /// Takes note of the next packet.
    pub(crate) fn count(&mut self, came: bool) {
        if !came {
            self.losing = self.losing.saturating_add(1);
            return;
        }
        self.report.expected += 1;
        let lost = std::mem::take(&mut self.losing);
        if (1..DEAD_AFTER).contains(&lost) {
            self.report.expected += lost;
            self.report.lost += lost;
            self.report.bursts += 1;
        }
    }

    /// What was counted since it was taken last.
    pub(crate) fn take(&mut self) -> LineReport {
        std::mem::take(&mut self.report)
    }
}

/// Counts what comes and what does not.
#[derive(Debug, Default)]
pub(crate) struct LineMeter {
    stream: Option<Stream>,
    runs: Runs,
    ways: Ways,
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
}

impl LineMeter {
    /// Takes note of a packet that has come and sounds for `span`, if it is known.
    pub(crate) fn came(&mut self, packet: Packet<'_>, span: Option<Samples>) {
        let Some(mut stream) = self.stream.filter(|stream| stream.source == packet.source) else { return self.begin(packet, span) };
        let ahead = i64::from(packet.sequence.wrapping_sub(stream.newest as u16) as i16);
        if ahead.abs() > FARTHEST_JUMP {
            return self.begin(packet, span);
        }
        let sequence = stream.newest + ahead;
        let timestamp = stream.timestamp + Samples::from(packet.timestamp.wrapping_sub(stream.timestamp as u32) as i32);
        self.note_way(packet, timestamp, span);
        if ahead > 0 {
            stream.newest = sequence;
            stream.timestamp = timestamp;
            let given_up_after = span.filter(|span| *span > 0).map_or(0, |span| GIVEN_UP_AFTER / span);
            while stream.newest - stream.next >= given_up_after.clamp(LEAST_GIVEN_UP_AFTER, MOST_GIVEN_UP_AFTER) {
                self.judge(&mut stream);
            }
        }
        if sequence >= stream.next {
            stream.came |= 1 << (sequence - stream.next);
        }
        self.stream = Some(stream);
    }

    fn begin(&mut self, packet: Packet<'_>, span: Option<Samples>) {
        let (sequence, timestamp) = (i64::from(packet.sequence), Samples::from(packet.timestamp));
        let stream = Stream { source: packet.source, newest: sequence, timestamp, next: sequence, came: 1 };
        *self = Self { stream: Some(stream), ..Self::default() };
        self.note_way(packet, timestamp, span);
    }

    fn note_way(&mut self, packet: Packet<'_>, timestamp: Samples, span: Option<Samples>) {
        // A packet is sent when its sound is over. Without its length, another length would look like a longer way.
        if let Some(span) = span {
            let arrived = samples(packet.arrived);
            self.ways.learn(arrived, arrived - timestamp - span);
        }
    }

    fn judge(&mut self, stream: &mut Stream) {
        self.runs.count(stream.came & 1 == 1);
        stream.came >>= 1;
        stream.next += 1;
    }

    /// What has happened since the last report.
    pub(crate) fn report(&mut self) -> LineReport {
        LineReport { queued: duration(self.ways.longer_by()), ..self.runs.take() }
    }
}

/// The quickest ways of late and before.
#[derive(Debug)]
pub(crate) struct Ways {
    /// The quickest of each span, as a ring; the newest is at `at`.
    quickest: [Option<Samples>; REMEMBERED],
    at: usize,
    began: Option<Samples>,
    newest: Samples,
}

impl Default for Ways {
    fn default() -> Self {
        Self { quickest: [None; REMEMBERED], at: 0, began: None, newest: 0 }
    }
}

impl Ways {
    /// Takes note of a packet that has come then, and of how long it took by clocks that need not agree.
    pub(crate) fn learn(&mut self, arrived: Samples, way: Samples) {
        // A clock that was set, or that counts to its end and begins anew, says nothing of the way.
        let since = arrived - self.newest;
        if self.began.is_some() && !(-SPAN..SPAN * REMEMBERED as Samples).contains(&since) {
            *self = Self::default();
        }
        let began = *self.began.get_or_insert(arrived);
        if arrived - began >= SPAN {
            self.at = (self.at + 1) % REMEMBERED;
            self.quickest[self.at] = None;
            self.began = Some(arrived);
        }
        let quickest = &mut self.quickest[self.at];
        *quickest = Some(quickest.map_or(way, |quickest| quickest.min(way)));
        self.newest = arrived;
    }

    /// How much longer the quickest way of late is than the quickest of all.
    pub(crate) fn longer_by(&self) -> Samples {
        // A span that has just begun says little yet.
        let is_young = self.began.is_none_or(|began| self.newest - began < SPAN / 2);
        let late = (self.at + REMEMBERED - usize::from(is_young)) % REMEMBERED;
        let quickest = self.quickest.iter().flatten().min();
        self.quickest[late].zip(quickest).map_or(0, |(late, quickest)| late - quickest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::PayloadFormat;

    const SPAN_OF_PACKET: Option<Samples> = Some(20 * MILLISECOND);

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
            meter.came(packet(sequence, 0), SPAN_OF_PACKET);
        }
        meter.report()
    }

    #[test]
    fn a_packet_is_lost_when_one_has_come_that_was_sent_100_milliseconds_later() {
        assert_eq!(report((0..3).chain(4..8)), LineReport { expected: 3, ..LineReport::default() });
        assert_eq!(report((0..3).chain(4..10)), LineReport { expected: 5, lost: 1, bursts: 1, queued: Duration::ZERO });
    }

    #[test]
    fn packets_that_become_longer_are_no_queue() {
        let mut meter = LineMeter::default();
        (0..50).for_each(|sequence| meter.came(packet(sequence, 0), SPAN_OF_PACKET));
        for sequence in 50..80 {
            let begins = 1_000 + u64::from(sequence - 50) * 40;
            let long = Packet { timestamp: begins as u32 * 48, arrived: Duration::from_millis(begins + 20), ..packet(sequence, 0) };
            meter.came(long, Some(40 * MILLISECOND));
        }
        assert_eq!(meter.report().queued, Duration::ZERO);
    }

    #[test]
    fn what_was_overtaken_is_not_lost() {
        let overtaken = report([0, 1, 3, 4, 5, 2].into_iter().chain(6..30));
        assert_eq!((overtaken.expected, overtaken.lost), (25, 0));
    }

    #[test]
    fn runs_of_losses_are_told_apart() {
        let line = report((0..5).chain(8..10).chain(11..40));
        assert_eq!((line.lost, line.bursts), (4, 2));
        assert!((line.loss() - 4.0 / 35.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_lost_while_the_line_is_dead_says_nothing_of_its_losses() {
        for (lost, told) in [(49, (64, 49, 1)), (50, (15, 0, 0))] {
            let line = report((0..1).chain(lost + 1..lost + 20));
            assert_eq!((line.expected, line.lost, line.bursts), told, "{lost} packets");
        }
    }

    #[test]
    fn a_report_begins_where_the_last_one_ended() {
        let mut meter = LineMeter::default();
        (0..30).filter(|sequence| sequence % 7 != 3).for_each(|sequence| meter.came(packet(sequence, 0), SPAN_OF_PACKET));
        assert_eq!((meter.report().expected, meter.report().expected), (24, 0));
    }

    #[test]
    fn a_way_that_grows_for_all_packets_is_a_queue_and_jitter_is_none() {
        let mut meter = LineMeter::default();
        (0..50).for_each(|sequence| meter.came(packet(sequence, if sequence % 3 == 0 { 0 } else { 40 }), SPAN_OF_PACKET));
        meter.report();
        (50..75).for_each(|sequence| meter.came(packet(sequence, if sequence % 3 == 0 { 0 } else { 40 }), SPAN_OF_PACKET));
        assert_eq!(meter.report().queued, Duration::ZERO);
        (75..100).for_each(|sequence| meter.came(packet(sequence, 120), SPAN_OF_PACKET));
        assert_eq!(meter.report().queued, Duration::from_millis(120));
    }

    #[test]
    fn another_source_and_a_jump_begin_anew() {
        let mut meter = LineMeter::default();
        (0..30).for_each(|sequence| meter.came(packet(sequence, 0), SPAN_OF_PACKET));
        meter.came(Packet { source: 8, ..packet(31, 0) }, SPAN_OF_PACKET);
        assert_eq!(meter.report(), LineReport::default());
        meter.came(Packet { source: 8, ..packet(20_000, 0) }, SPAN_OF_PACKET);
        assert_eq!(meter.report(), LineReport::default());
    }
}
