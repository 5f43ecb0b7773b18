//! A synthetic room, from loudspeaker to microphone.

/// What a microphone picks up of what a loudspeaker plays: `decibels` louder, 40 ms later, with 50 ms of reverberation.
pub(crate) fn echo(played: &[f32], decibels: f32) -> Vec<f32> {
    const DELAY: usize = 1_920;
    const TAIL: usize = 2_400;
    let gain = 10_f32.powf(decibels / 20.0);
    let mut seed = 1_u32;
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
            taps.iter().filter(|(tap, _)| index >= DELAY + tap).map(|(tap, weight)| gain * weight * played[index - DELAY - tap]).sum()
        })
        .collect()
}
