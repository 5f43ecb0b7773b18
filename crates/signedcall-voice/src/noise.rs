//! Steady noise lowered, where there is any.
//!
//! A suppressor takes some of the voice with the noise. So it runs all the time, to know the noise when it is needed, but is heard only in
//! rooms loud enough for the exchange to be worth it; elsewhere sound passes untouched and without the suppressor's delay.

use sonora::three_band_filter_bank::{NUM_BANDS, SPLIT_BAND_SIZE, ThreeBandFilterBank};
use sonora_ns::config::{NsConfig, OVERLAP_SIZE, SuppressionLevel};
use sonora_ns::noise_suppressor::NoiseSuppressor as Suppressor;

use crate::frame::{FRAME_SAMPLES, Frame, SILENCE};

/// The noise from which on it is suppressed: -43 dBFS, a fan or a street behind an ordinary headset.
const SUPPRESSED_FROM: f32 = 5.0e-5;

/// The noise under which it no longer is: 4 dB lower, so that a noise at the border does not switch to and fro.
const SUPPRESSED_UNTIL: f32 = 2.0e-5;

/// Frames in a span: 1 s. The quietest sound in four of them, in which everybody draws breath, is the noise.
const SPAN: u32 = 100;

/// Full scale of the 16-bit numbers that the suppressor's thresholds are written in.
const FULL_SCALE: f32 = 32_768.0;

/// Sound in three bands of 8 kHz: what carries the voice is in the lowest.
type Bands = [[f32; SPLIT_BAND_SIZE]; NUM_BANDS];

/// Lowers noise.
pub(crate) struct NoiseSuppressor {
    filter_bank: ThreeBandFilterBank,
    suppressor: Suppressor,
    suppressed: Frame,
    pause: Pause,
    floor: NoiseFloor,
    /// Whether the suppressor is heard.
    heard: bool,
}

impl NoiseSuppressor {
    pub(crate) fn new() -> Self {
        let config = NsConfig { target_level: SuppressionLevel::K18dB };
        Self {
            filter_bank: ThreeBandFilterBank::new(),
            suppressor: Suppressor::new_with_bands(config, NUM_BANDS),
            suppressed: SILENCE,
            pause: Pause::new(),
            floor: NoiseFloor::new(),
            heard: false,
        }
    }

    /// Cleans a frame in place.
    pub(crate) fn process(&mut self, frame: &mut Frame) {
        self.suppress(frame);
        let noise = self.floor.observe(frame);
        let was_heard = self.heard;
        self.heard = noise > if was_heard { SUPPRESSED_UNTIL } else { SUPPRESSED_FROM };
        if !was_heard && !self.heard {
            return;
        }
        for (index, (plain, suppressed)) in frame.iter_mut().zip(&self.suppressed).enumerate() {
            let ramp = (index + 1) as f32 / FRAME_SAMPLES as f32;
            let share = match (was_heard, self.heard) {
                (true, true) => 1.0,
                (false, _) => ramp,
                (true, false) => 1.0 - ramp,
            };
            *plain += (suppressed - *plain) * share;
        }
    }

    /// Makes `suppressed` of a frame.
    fn suppress(&mut self, frame: &Frame) {
        let mut bands = [[0.0; SPLIT_BAND_SIZE]; NUM_BANDS];
        self.filter_bank.analysis(&frame.map(|sample| sample * FULL_SCALE), &mut bands);
        let plain = bands[0];
        let [lowest, higher @ ..] = &mut bands;
        self.suppressor.analyze(lowest);
        self.suppressor.process(lowest);
        let gain = self.suppressor.upper_band_gain();
        for (index, band) in higher.iter_mut().enumerate() {
            self.suppressor.process_upper_band(band, index, gain);
        }
        self.pause.lower(&plain, &mut bands);
        self.filter_bank.synthesis(&bands, &mut self.suppressed);
        self.suppressed.iter_mut().for_each(|sample| *sample /= FULL_SCALE);
    }
}

/// Lowers what the suppressor leaves a little more, where it has found no voice for a while: voices of others are much like one's own, and it takes
/// less of them than of a fan.
struct Pause {
    /// The end of the frame before, which the suppressor hands over with this one.
    last: [f32; OVERLAP_SIZE],
    gain: f32,
}

impl Pause {
    /// A frame of which the suppressor keeps more than this many decibels has a voice in it.
    const VOICE: f32 = -2.0;
    /// How many decibels are taken at most.
    const DEEPEST: f32 = -3.0;
    /// By how much the gain may rise and fall within a frame: at once where a voice begins, and over 300 ms after it, so that what is soft
    /// within a word stays.
    const RISE: f32 = 10.0;
    const FALL: f32 = 0.99;

    fn new() -> Self {
        Self { last: [0.0; OVERLAP_SIZE], gain: 1.0 }
    }

    /// Lowers a frame of which `plain` was the lowest band.
    fn lower(&mut self, plain: &[f32; SPLIT_BAND_SIZE], bands: &mut Bands) {
        let power = |sound: &[f32]| sound.iter().map(|sample| sample * sample).sum::<f32>();
        let (now, next) = plain.split_at(SPLIT_BAND_SIZE - OVERLAP_SIZE);
        let kept = 10.0 * ((power(&bands[0]) + 1.0) / (power(&self.last) + power(now) + 1.0)).log10();
        self.last.copy_from_slice(next);
        let target = 10_f32.powf((kept - Self::VOICE).clamp(Self::DEEPEST, 0.0) / 20.0);
        let before = self.gain;
        self.gain = target.clamp(before * Self::FALL, before * Self::RISE);
        for band in bands {
            for (index, sample) in band.iter_mut().enumerate() {
                *sample *= before + (self.gain - before) * (index + 1) as f32 / SPLIT_BAND_SIZE as f32;
            }
        }
    }
}

/// Learns the power of the noise between words.
#[derive(Debug)]
struct NoiseFloor {
    /// Power of the last frames, smoothed.
    power: f32,
    /// The quietest of each of the last spans, the newest last.
    quietest: [f32; 4],
    frames: u32,
}

impl NoiseFloor {
    fn new() -> Self {
        Self { power: 0.0, quietest: [0.0; 4], frames: 0 }
    }

    /// Takes a frame and says how loud the noise is, as far as it is known.
    fn observe(&mut self, frame: &Frame) -> f32 {
        /// How much of the power so far stays: the silence before a `p` or a `t` lasts 50 ms and shows the noise, too.
        const KEEP: f32 = 0.5;
        let power = frame.iter().map(|sample| sample * sample).sum::<f32>() / FRAME_SAMPLES as f32;
        self.power = KEEP * self.power + (1.0 - KEEP) * power;
        if self.frames.is_multiple_of(SPAN) {
            self.quietest.rotate_left(1);
            self.quietest[3] = f32::INFINITY;
        }
        self.frames = self.frames.wrapping_add(1);
        self.quietest[3] = self.quietest[3].min(self.power);
        // Before the first spans are over nothing is known, and the zeros of the beginning say so.
        self.quietest.iter().copied().fold(f32::INFINITY, f32::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second of noise of a loudness in decibels below full scale, and how loud it is after the suppressor has known it for six.
    fn suppressed(decibels: f32) -> (f32, f32) {
        let mut seed = 1_u32;
        let mut suppressor = NoiseSuppressor::new();
        let amplitude = 10_f32.powf(decibels / 20.0) * 3_f32.sqrt();
        let (mut before, mut after) = (0.0, 0.0);
        for index in 0..700 {
            let mut frame = std::array::from_fn(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                amplitude * ((seed >> 8) as f32 / 8_388_608.0 - 1.0)
            });
            let power = |frame: &Frame| frame.iter().map(|sample| sample * sample).sum::<f32>();
            let plain = power(&frame);
            suppressor.process(&mut frame);
            if index >= 600 {
                before += plain;
                after += power(&frame);
            }
        }
        (before, after)
    }

    #[test]
    fn loud_noise_is_lowered_by_ten_decibels() {
        let (before, after) = suppressed(-35.0);
        assert!(after < before / 10.0, "{}", after / before);
    }

    #[test]
    fn the_noise_of_a_quiet_room_passes_untouched() {
        let (before, after) = suppressed(-55.0);
        assert_eq!(before, after);
    }
}
