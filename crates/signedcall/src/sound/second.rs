//! One second of a voice in figures.

use std::time::Duration;

use signedcall_voice::{LineReport, ReceiverStats};
use signedcall_wire::CallId;

use super::steering::Steering;
use crate::quality::{HeardStats, Impairments, LineNotice, Noticing, SaidStats, VoiceStats, mos};

/// How loud a frame is at least in which somebody speaks: -50 dB of full scale, by power.
const SPEECH: f32 = 1e-5;
/// In how many frames of a second somebody has to speak before its bits are those of speech: a codec spends few on silence.
const SPOKEN: u32 = 20;
/// What is kept in each second of the bits that speech had: of some seconds, the busiest counts most.
const KEPT_BITS: f32 = 0.8;

/// Counts what a voice does, and sums up each second.
#[derive(Debug, Default)]
pub(super) struct SecondMeter {
    before: ReceiverStats,
    /// Frames with speech in this second.
    spoken: u32,
    /// Bits a second of the other side's speech, once it has spoken.
    bits_per_second: Option<f32>,
    noticing: Noticing,
}

impl SecondMeter {
    /// Takes note of 10 ms of the other side's voice.
    pub(super) fn heard(&mut self, frame: &[f32]) {
        let power = frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len().max(1) as f32;
        self.spoken += u32::from(power > SPEECH);
    }

    /// What the user is told of the line.
    pub(super) fn notice(&self) -> Option<LineNotice> {
        self.noticing.said()
    }

    /// Sums up a second; nothing before the first packet has come.
    pub(super) fn second(&mut self, call: CallId, now: ReceiverStats, line: LineReport, steering: &mut Steering) -> Option<VoiceStats> {
        let before = std::mem::replace(&mut self.before, now);
        let spoken = std::mem::take(&mut self.spoken);
        if now.packets_received == 0 {
            return None;
        }
        if spoken >= SPOKEN {
            let bits = now.bytes.saturating_sub(before.bytes) as f32 * 8.0;
            self.bits_per_second = Some(self.bits_per_second.map_or(bits, |known| bits.max(known * KEPT_BITS)));
        }
        let bits_per_second = self.bits_per_second.map(|bits| bits as u32);
        let made_up = now.made_up.saturating_sub(before.made_up).as_secs_f32().min(1.0);
        let heard = HeardStats {
            packets: line.expected,
            loss: line.loss(),
            burst: burst(line),
            jitter: now.jitter,
            wait: now.buffered,
            made_up,
            bits_per_second: bits_per_second.unwrap_or_default(),
        };
        let (settings, told) = (steering.settings(), steering.take_told());
        let said = SaidStats {
            loss: told.map(|told| told.loss()),
            left: steering.take_left(),
            burst: told.map_or(0.0, burst),
            queued: told.map_or(Duration::ZERO, |told| told.queued),
            bits_per_second: settings.bits_per_second,
            packet_duration: settings.packet_duration.into(),
            copies: u8::try_from(settings.copies.count()).unwrap_or(u8::MAX),
        };
        let mut stats = VoiceStats { call, mos: 0.0, heard, said, round_trip: steering.round_trip() };
        stats.mos = mos(Impairments { bits_per_second, made_up, delay: stats.delay() });
        self.noticing = self.noticing.after(&stats);
        Some(stats)
    }
}

/// How many packets were lost in a row, on average.
fn burst(line: LineReport) -> f32 {
    if line.bursts == 0 { 0.0 } else { line.lost as f32 / line.bursts as f32 }
}

#[cfg(test)]
mod tests {
    use signedcall_voice::{FRAME_SAMPLES, ProcessingConfig, SILENCE};
    use uuid::Uuid;

    use super::*;
    use crate::media::Formats;
    use crate::sound::Treatment;

    const CALL: CallId = CallId(Uuid::nil());

    struct Listening {
        meter: SecondMeter,
        stats: ReceiverStats,
        steering: Steering,
    }

    impl Listening {
        fn new() -> Self {
            let treatment = Treatment { processing: ProcessingConfig::OFF, relax_for_headsets: true, most_bits_per_second: 104_000 };
            let steering = Steering::begin(treatment, &Formats::of(111, 63));
            Self { meter: SecondMeter::default(), stats: ReceiverStats::default(), steering }
        }

        /// A second of speech or of silence, at so many bits, of which so many packets of fifty were lost and so many milliseconds made up.
        fn second(&mut self, speech: bool, bits: u64, lost: u32, made_up: u64) -> Option<VoiceStats> {
            let frame = if speech { [0.1; FRAME_SAMPLES] } else { SILENCE };
            (0..100).for_each(|_| self.meter.heard(&frame));
            self.stats.packets_received += u64::from(50 - lost);
            self.stats.bytes += bits / 8;
            self.stats.made_up += Duration::from_millis(made_up);
            let line = LineReport { expected: 50, lost, bursts: lost.div_ceil(2), ..LineReport::default() };
            self.meter.second(CALL, self.stats, line, &mut self.steering)
        }
    }

    #[test]
    fn nothing_is_said_of_a_voice_that_has_not_come() {
        let mut listening = Listening::new();
        let nothing = listening.meter.second(CALL, ReceiverStats::default(), LineReport::default(), &mut listening.steering);
        assert_eq!(nothing, None);
    }

    #[test]
    fn a_second_is_counted_by_itself() {
        let mut listening = Listening::new();
        listening.second(true, 32_000, 10, 100);
        let second = listening.second(true, 32_000, 5, 20).expect("there is a voice").heard;
        assert_eq!((second.packets, second.loss, second.bits_per_second), (50, 0.1, 32_000));
        assert!((second.burst - 5.0 / 3.0).abs() < 1e-6 && (second.made_up - 0.02).abs() < 1e-6, "{second:?}");
    }

    #[test]
    fn few_bits_of_silence_do_not_make_the_voice_worse_and_few_bits_of_speech_do() {
        let mut listening = Listening::new();
        let spoken = listening.second(true, 32_000, 0, 0).map(|second| second.mos);
        assert_eq!(listening.second(false, 2_000, 0, 0).map(|second| second.mos), spoken);
        for _ in 0..10 {
            listening.second(true, 8_000, 0, 0);
        }
        assert!(listening.second(true, 8_000, 0, 0).map(|second| second.mos) < spoken.map(|spoken| spoken - 0.5));
    }

    #[test]
    fn a_line_that_loses_packets_is_noticed() {
        let mut listening = Listening::new();
        let said: Vec<_> = (0..3)
            .map(|_| {
                listening.second(true, 32_000, 10, 0);
                listening.meter.notice()
            })
            .collect();
        assert_eq!(said, [None, Some(LineNotice::LosingPackets), Some(LineNotice::LosingPackets)]);
    }
}
