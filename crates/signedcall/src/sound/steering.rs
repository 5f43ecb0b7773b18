//! How the voice is sent, by what the other side tells of what has come.

use std::time::Duration;

use signedcall_voice::{Controller, ControllerConfig, FateMeter, LineReport, PACKET_HEADERS, SendSettings};

use super::Treatment;
use crate::media::{Formats, Told};

/// How often it is looked at: what has come is told each quarter of a second, and two of them tell losses from chance.
const EVERY: Duration = Duration::from_millis(500);

/// Bytes of the number in each packet by which the other side reports on it, an RTP header extension.
const NUMBER: u32 = 8;

/// Turns what the other side tells into what is to be sent.
#[derive(Debug)]
pub(super) struct Steering {
    controller: Controller,
    fates: FateMeter,
    round_trip: Option<Duration>,
    looked: Duration,
    /// What was told since it was asked for last.
    told: Option<LineReport>,
}

impl Steering {
    /// Begins with what nearly every line takes.
    pub(super) fn begin(treatment: Treatment, formats: &Formats) -> Self {
        // Whoever takes no copies is no device of ours, and would not know what is described either.
        let config = ControllerConfig {
            most_bits_per_second: treatment.most_bits_per_second,
            headers: PACKET_HEADERS + NUMBER,
            copies: formats.allow_copies(),
            described: false,
        };
        let (controller, mut fates) = (Controller::new(config), FateMeter::default());
        fates.sent_as(&controller.settings());
        Self { controller, fates, round_trip: None, looked: Duration::ZERO, told: None }
    }

    /// What is to be sent now.
    pub(super) fn settings(&self) -> SendSettings {
        self.controller.settings()
    }

    /// How long it takes to there and back, as far as that is known.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// What the line has done to this side's packets since this was asked last, if anything is known of it.
    pub(super) fn take_told(&mut self) -> Option<LineReport> {
        self.told.take()
    }

    /// The share of this side's packets that was lost and not repaired since this was asked last, as far as it is known.
    pub(super) fn take_left(&mut self) -> Option<f32> {
        self.fates.left()
    }

    /// Takes what the other side tells.
    pub(super) fn learn(&mut self, told: Told) {
        told.fates.into_iter().for_each(|fate| self.fates.learn(fate));
        self.round_trip = told.round_trip.or(self.round_trip);
    }

    /// What is to be sent from now on, if that has changed.
    pub(super) fn steer(&mut self, now: Duration) -> Option<SendSettings> {
        if now.saturating_sub(self.looked) < EVERY {
            return None;
        }
        self.looked = now;
        let report = self.fates.report()?;
        let told = self.told.get_or_insert_default();
        *told = LineReport {
            expected: told.expected + report.expected,
            lost: told.lost + report.lost,
            bursts: told.bursts + report.bursts,
            queued: report.queued,
        };
        let changed = self.controller.report(now, report, self.round_trip);
        if let Some(settings) = &changed {
            self.fates.sent_as(settings);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use signedcall_voice::{Copies, PacketFate, ProcessingConfig};

    use super::*;

    const TREATMENT: Treatment = Treatment { processing: ProcessingConfig::OFF, relax_for_headsets: true, most_bits_per_second: 104_000 };

    /// What is sent after ten seconds on a line that loses each third packet.
    fn sent_on_a_bad_line(formats: &Formats) -> SendSettings {
        let mut steering = Steering::begin(TREATMENT, formats);
        let mut settings = steering.settings();
        for packet in 0..500_u64 {
            let sent = Duration::from_millis(20 * packet);
            let came = !packet.is_multiple_of(3);
            steering.learn(Told { fates: vec![PacketFate { sent, came, arrived: came.then_some(sent) }], round_trip: None });
            settings = steering.steer(sent).unwrap_or(settings);
        }
        assert_eq!(settings, steering.settings());
        settings
    }

    #[test]
    fn a_bad_line_is_answered_with_copies_where_the_other_side_takes_them() {
        let with_red = sent_on_a_bad_line(&Formats::of(111, 63));
        assert!(with_red.copies.count() > 0 && with_red.described.is_zero(), "{with_red:?}");
        let without = sent_on_a_bad_line(&Formats::of(111, 0));
        assert_eq!(without.copies, Copies::NONE);
        assert!(without.coarse_copy && without.expected_loss_percent > 20 && without.described.is_zero(), "{without:?}");
    }

    #[test]
    fn it_is_looked_at_twice_a_second_and_only_when_something_was_told() {
        let mut steering = Steering::begin(TREATMENT, &Formats::of(111, 63));
        let bad = || Told {
            fates: (0..60)
                .map(|number| PacketFate { sent: Duration::from_millis(number), came: !number.is_multiple_of(2), arrived: None })
                .collect(),
            round_trip: None,
        };
        assert_eq!(steering.steer(Duration::from_secs(1)), None, "nothing was told");
        steering.learn(bad());
        assert_eq!(steering.steer(Duration::from_millis(1_499)), None, "it was looked at just before");
        assert!(steering.steer(Duration::from_millis(1_500)).is_some());
    }

    #[test]
    fn what_was_told_is_summed_up_until_it_is_asked_for() {
        let mut steering = Steering::begin(TREATMENT, &Formats::of(111, 63));
        for half in 0..2_u64 {
            let fate = |number: u64| PacketFate { sent: Duration::from_millis(number), came: number != 5, arrived: None };
            steering.learn(Told { fates: (0..25).map(fate).collect(), round_trip: None });
            let _ = steering.steer(Duration::from_millis(500 * (half + 1)));
        }
        let told = steering.take_told().map(|told| (told.expected, told.lost, told.bursts));
        assert_eq!((told, steering.take_told()), (Some((50, 2, 2)), None));
    }

    #[test]
    fn the_last_way_there_and_back_counts() {
        let mut steering = Steering::begin(TREATMENT, &Formats::of(111, 63));
        for told in [Some(80), None] {
            steering.learn(Told { fates: Vec::new(), round_trip: told.map(Duration::from_millis) });
        }
        assert_eq!(steering.round_trip(), Some(Duration::from_millis(80)));
    }
}
