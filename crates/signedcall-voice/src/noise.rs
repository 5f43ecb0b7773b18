//! Steady noise lowered, where there is any.
//!
//! A suppressor takes some of the voice with the noise. So it runs all the time, to know the noise when it is needed, but is heard only in
//! rooms loud enough for the exchange to be worth it; elsewhere sound passes untouched and without the suppressor's delay.

use sonora::AudioProcessing;
use sonora::config::{NoiseSuppression, NoiseSuppressionLevel};

use crate::frame::{FRAME_SAMPLES, Frame, SILENCE};
use crate::processing::sonora_with;

/// The noise from which on it is suppressed: -43 dBFS, a fan or a street behind an ordinary headset.
const SUPPRESSED_FROM: f32 = 5.0e-5;

/// The noise under which it no longer is: 4 dB lower, so that a noise at the border does not switch to and fro.
const SUPPRESSED_UNTIL: f32 = 2.0e-5;

/// Frames in a span: 1 s. The quietest sound in four of them, in which everybody draws breath, is the noise.
const SPAN: u32 = 100;

/// Lowers noise.
pub(crate) struct NoiseSuppressor {
    sonora: AudioProcessing,
    suppressed: Frame,
    floor: NoiseFloor,
    /// Whether the suppressor is heard.
    heard: bool,
}

impl NoiseSuppressor {
    pub(crate) fn new() -> Self {
        let sonora = sonora_with(|config| {
            config.noise_suppression = Some(NoiseSuppression { level: NoiseSuppressionLevel::High, ..NoiseSuppression::default() });
        });
        Self { sonora, suppressed: SILENCE, floor: NoiseFloor::new(), heard: false }
    }

    /// Cleans a frame in place.
    pub(crate) fn process(&mut self, frame: &mut Frame) {
        self.sonora.process_capture_f32(&[frame], &mut [&mut self.suppressed]).expect("10 ms at a rate that was set up");
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
