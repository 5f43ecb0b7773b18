//! What is below every voice taken out: rumble, and the constant part that cheap microphones add.

use std::f32::consts::{FRAC_1_SQRT_2, TAU};

use crate::frame::{Frame, SAMPLE_RATE};

/// The frequency from which sound passes: a fifth below the lowest voices. The 100 Hz usual in telephony takes the ground tone from men.
const CUTOFF: f32 = 50.0;

/// A Butterworth filter of second order.
#[derive(Debug)]
pub(crate) struct HighPass {
    /// What the last two samples add to the next.
    memory: [f32; 2],
}

impl HighPass {
    pub(crate) fn new() -> Self {
        Self { memory: [0.0; 2] }
    }

    /// Filters a frame in place.
    pub(crate) fn process(&mut self, frame: &mut Frame) {
        let angle = TAU * CUTOFF / SAMPLE_RATE as f32;
        let alpha = angle.sin() * FRAC_1_SQRT_2;
        let scale = 1.0 / (1.0 + alpha);
        let outer = (1.0 + angle.cos()) / 2.0 * scale;
        let (back_one, back_two) = (-2.0 * angle.cos() * scale, (1.0 - alpha) * scale);
        let [mut one, mut two] = self.memory;
        for sample in frame {
            let input = *sample;
            let output = outer * input + one;
            one = -2.0 * outer * input - back_one * output + two;
            two = outer * input - back_two * output;
            *sample = output;
        }
        self.memory = [one, two];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FRAME_SAMPLES;

    /// How much of a tone is left after a second.
    fn gain(frequency: f32) -> f32 {
        let mut filter = HighPass::new();
        let mut loudest = 0.0_f32;
        for index in 0..200 {
            let at = |sample: usize| (index * FRAME_SAMPLES + sample) as f32 / SAMPLE_RATE as f32;
            let mut frame = std::array::from_fn(|sample| (TAU * frequency * at(sample)).cos());
            filter.process(&mut frame);
            if index >= 100 {
                loudest = frame.iter().fold(loudest, |loudest, sample| loudest.max(sample.abs()));
            }
        }
        loudest
    }

    #[test]
    fn a_constant_part_goes_and_a_low_voice_stays() {
        assert!(gain(0.0) < 0.001);
        assert!(gain(15.0) < 0.1);
        assert!(gain(90.0) > 0.94);
        assert!((gain(1_000.0) - 1.0).abs() < 0.01);
    }
}
