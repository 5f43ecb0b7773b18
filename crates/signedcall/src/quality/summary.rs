//! A whole call in a few figures.

use std::collections::VecDeque;
use std::time::Duration;

use signedcall_wire::VoiceReport;

use super::VoiceStats;

/// The worst of how many seconds in a row is told: long enough to be remembered.
const WORST_OF: usize = 10;

/// Sums up the seconds of a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    seconds: u32,
    mos: f64,
    last: VecDeque<f32>,
    worst: Option<f32>,
    packets: f64,
    lost: f64,
    bursts: f64,
    made_up: f64,
    jitter: Duration,
    wait: Duration,
    round_trip: Mean,
    said_lost: Mean,
    said_bits: f64,
}

/// The mean of what is not always known.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1;
        }
    }

    fn get(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

impl Summary {
    pub(crate) fn add(&mut self, second: &VoiceStats) {
        self.seconds += 1;
        self.mos += f64::from(second.mos);
        self.last.push_back(second.mos);
        if self.last.len() > WORST_OF {
            self.last.pop_front();
        }
        if self.last.len() == WORST_OF {
            let mean = self.last.iter().sum::<f32>() / WORST_OF as f32;
            self.worst = Some(self.worst.map_or(mean, |worst| worst.min(mean)));
        }
        let (packets, loss) = (f64::from(second.heard.packets), f64::from(second.heard.loss));
        self.packets += packets;
        self.lost += packets * loss;
        if second.heard.burst > 0.0 {
            self.bursts += packets * loss / f64::from(second.heard.burst);
        }
        self.made_up += f64::from(second.heard.made_up);
        self.jitter += second.heard.jitter;
        self.wait += second.heard.wait;
        self.round_trip.add(second.round_trip.map(|way| way.as_secs_f64() * 1_000.0));
        self.said_lost.add(second.said.loss.map(f64::from));
        self.said_bits += f64::from(second.said.bits_per_second) * f64::from(second.said.copies + 1);
    }

    /// The report on the call; nothing when nothing was heard of it.
    pub(crate) fn report(&self) -> Option<VoiceReport> {
        if self.seconds == 0 {
            return None;
        }
        let seconds = f64::from(self.seconds);
        let mos = self.mos / seconds;
        let share = |part: f64, of: f64| if of > 0.0 { part / of } else { 0.0 };
        let mean_ms = |sum: Duration| (sum.as_secs_f64() * 1_000.0 / seconds).round() as u32;
        Some(VoiceReport {
            seconds: self.seconds,
            mos: hundredths(mos),
            worst_mos: hundredths(self.worst.map_or(mos, f64::from)),
            lost_per_mille: per_mille(share(self.lost, self.packets)),
            burst_tenths: (share(self.lost, self.bursts) * 10.0).round() as u16,
            made_up_per_mille: per_mille(self.made_up / seconds),
            jitter_ms: mean_ms(self.jitter),
            wait_ms: mean_ms(self.wait),
            round_trip_ms: self.round_trip.get().map(|way| way.round() as u32),
            said_lost_per_mille: self.said_lost.get().map(per_mille),
            said_kbps: (self.said_bits / seconds / 1_000.0).round() as u32,
        })
    }
}

fn hundredths(mos: f64) -> u16 {
    (mos * 100.0).round() as u16
}

fn per_mille(share: f64) -> u16 {
    (share * 1_000.0).round() as u16
}

#[cfg(test)]
mod tests {
    use signedcall_wire::CallId;
    use uuid::Uuid;

    use super::*;
    use crate::quality::{HeardStats, SaidStats};

    fn second(mos: f32) -> VoiceStats {
        VoiceStats {
            call: CallId(Uuid::nil()),
            mos,
            heard: HeardStats { packets: 50, wait: Duration::from_millis(60), jitter: Duration::from_millis(10), ..HeardStats::default() },
            said: SaidStats { bits_per_second: 20_000, copies: 1, ..SaidStats::default() },
            round_trip: None,
        }
    }

    fn report(seconds: impl IntoIterator<Item = VoiceStats>) -> Option<VoiceReport> {
        let mut summary = Summary::default();
        seconds.into_iter().for_each(|second| summary.add(&second));
        summary.report()
    }

    #[test]
    fn a_call_of_which_nothing_was_heard_has_no_report() {
        assert_eq!(report([]), None);
    }

    #[test]
    fn figures_are_means_over_what_they_are_of() {
        let bad = VoiceStats {
            heard: HeardStats { packets: 50, loss: 0.2, burst: 2.5, made_up: 0.1, ..second(2.0).heard },
            said: SaidStats { loss: Some(0.1), ..second(2.0).said },
            round_trip: Some(Duration::from_millis(80)),
            ..second(2.0)
        };
        let told = report([second(4.0), bad, second(4.0), second(4.0)]);
        let expected = VoiceReport {
            seconds: 4,
            mos: 350,
            worst_mos: 350,
            lost_per_mille: 50,
            burst_tenths: 25,
            made_up_per_mille: 25,
            jitter_ms: 10,
            wait_ms: 60,
            round_trip_ms: Some(80),
            said_lost_per_mille: Some(100),
            said_kbps: 40,
        };
        assert_eq!(told, Some(expected));
    }

    #[test]
    fn the_worst_ten_seconds_are_told_wherever_they_are() {
        let marks = [[4.0; 15].as_slice(), [2.0; 10].as_slice(), [4.0; 15].as_slice()].concat();
        let told = report(marks.into_iter().map(second)).map(|report| (report.seconds, report.mos, report.worst_mos));
        assert_eq!(told, Some((40, 350, 200)));
    }
}
