//! A synthetic room, from loudspeaker to microphone.

/// How a room gives back what is played in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// How much louder the echo is than what was played; usually negative.
    pub(crate) decibels: f32,
    /// How late it comes.
    pub(crate) milliseconds: usize,
    /// Which of all rooms it is.
    pub(crate) seed: u32,
}

impl Room {
    /// A room whose echo comes after 40 ms.
    pub(crate) fn with(decibels: f32) -> Self {
        Self { decibels, milliseconds: 40, seed: 1 }
    }

    /// What a microphone picks up of what a loudspeaker plays, with 50 ms of reverberation.
    pub(crate) fn echo(self, played: &[f32]) -> Vec<f32> {
        const TAIL: usize = 2_400;
        let gain = 10_f32.powf(self.decibels / 20.0);
        let delay = self.milliseconds * 48;
        let mut seed = self.seed;
        // Every eleventh tap: as dense as a small room, and a quick convolution.
        let taps: Vec<(usize, f32)> = (0..TAIL)
            .step_by(11)
            .map(|tap| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let random = (seed >> 8) as f32 / 8_388_608.0 - 1.0;
                (tap, if tap == 0 { 1.0 } else { 0.4 * random * (-(tap as f32) / 480.0).exp() })
            })
            .collect();
        (0..played.len())
            .map(|index| {
                taps.iter().filter(|(tap, _)| index >= delay + tap).map(|(tap, weight)| gain * weight * played[index - delay - tap]).sum()
            })
            .collect()
    }
}
