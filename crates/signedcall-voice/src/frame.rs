//! The unit in which sound is handed over, and the unit in which this crate counts time.

use std::time::Duration;

/// Samples per second, everywhere in this crate: Opus' own rate and that of nearly every sound card, so nothing is resampled.
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples in a [`Frame`]: 10 ms, the step in which echo cancellation works and a sound card is served.
pub const FRAME_SAMPLES: usize = 480;

/// How long a [`Frame`] sounds.
pub const FRAME_DURATION: Duration = Duration::from_millis(10);

/// 10 ms of mono sound, each sample in `-1.0..=1.0`.
pub type Frame = [f32; FRAME_SAMPLES];

/// A frame in which nothing is heard.
pub const SILENCE: Frame = [0.0; FRAME_SAMPLES];

/// Moments and spans inside the crate: samples at [`SAMPLE_RATE`], signed because differences of moments are.
pub(crate) type Samples = i64;

/// One millisecond in [`Samples`].
pub(crate) const MILLISECOND: Samples = SAMPLE_RATE as Samples / 1_000;

/// Counts a time in samples.
pub(crate) fn samples(time: Duration) -> Samples {
    // A thousand years: far from overflow in every sum below, and no clock gets there.
    const LONGEST: Duration = Duration::from_secs(1_000 * 366 * 86_400);
    let time = time.min(LONGEST);
    time.as_secs() as Samples * SAMPLE_RATE as Samples + Samples::from(time.subsec_micros()) * SAMPLE_RATE as Samples / 1_000_000
}

/// The time that a number of samples sounds; negative spans are zero.
pub(crate) fn duration(span: Samples) -> Duration {
    Duration::from_micros(span.max(0) as u64 * 1_000 / MILLISECOND as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_samples_convert_both_ways() {
        assert_eq!(samples(FRAME_DURATION), FRAME_SAMPLES as Samples);
        assert_eq!(duration(FRAME_SAMPLES as Samples), FRAME_DURATION);
        assert_eq!(duration(-1), Duration::ZERO);
        assert!(samples(Duration::MAX) > 0);
    }
}
