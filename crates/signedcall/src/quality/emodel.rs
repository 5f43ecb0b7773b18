//! How well a voice is heard, by the E-model in its wideband form (ITU-T G.107.1): impairments add up on a scale that people's marks follow.
//!
//! What a codec costs is tabulated by the ITU for other codecs than Opus, so it is taken from this project's own measurements here (`docs/voice.md`),
//! led back through the model's own curve. Losses enter as what is left to be heard of them after all repairs, so their bursts are in it already.

use std::time::Duration;

/// The rating of a connection without any impairment, in the wideband form: 1.29 times that of a telephone.
const BEST: f32 = 129.0;

/// What the wideband scale is divided by to be read as marks.
const SCALE: f32 = 1.29;

/// The most that losses can cost, of which a codec's own impairment is a part.
const MOST: f32 = 95.0;

/// How robust a codec is against losses (Bpl): with this one, a tenth of the sound made up costs what `bench voice` measures for it.
const ROBUSTNESS: f32 = 3.4;

/// What Opus costs by bits a second of speech.
const CODEC: [(u32, f32); 8] =
    [(6_000, 64.0), (8_000, 49.0), (10_500, 37.0), (13_000, 27.0), (19_000, 19.5), (24_000, 15.7), (32_000, 12.9), (48_000, 9.0)];

/// Up to what delay from mouth to ear nobody minds.
const UNNOTICED: f32 = 0.1;

/// What keeps a connection from being perfect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Impairments {
    /// Bits a second of the sound itself; nothing when nobody has spoken yet.
    pub(crate) bits_per_second: Option<u32>,
    /// The share of the sound that was made up.
    pub(crate) made_up: f32,
    /// From mouth to ear.
    pub(crate) delay: Duration,
}

/// The mean opinion score of a connection: 1 is bad, 4.5 the most that people give.
pub(crate) fn mos(impairments: Impairments) -> f32 {
    let codec = impairments.bits_per_second.map_or(CODEC[CODEC.len() - 1].1, of_codec);
    let lost = impairments.made_up.clamp(0.0, 1.0) * 100.0;
    let equipment = codec + (MOST - codec) * lost / (lost + ROBUSTNESS);
    marks((BEST - equipment - of_delay(impairments.delay)) / SCALE)
}

/// What delay alone costs (Idd of G.107).
fn of_delay(delay: Duration) -> f32 {
    let delay = delay.as_secs_f32();
    if delay <= UNNOTICED {
        return 0.0;
    }
    let doublings = (delay / UNNOTICED).log2();
    25.0 * ((1.0 + doublings.powi(6)).powf(1.0 / 6.0) - 3.0 * (1.0 + (doublings / 3.0).powi(6)).powf(1.0 / 6.0) + 2.0)
}

fn of_codec(bits: u32) -> f32 {
    let above = CODEC.partition_point(|(point, _)| *point <= bits);
    match (above.checked_sub(1).map(|below| CODEC[below]), CODEC.get(above)) {
        (None, _) => CODEC[0].1,
        (Some((_, cost)), None) => cost,
        (Some((from, high)), Some((to, low))) => high + (low - high) * (bits - from) as f32 / (to - from) as f32,
    }
}

/// The mark that people give for a rating (G.107, annex B).
fn marks(rating: f32) -> f32 {
    if rating <= 0.0 {
        1.0
    } else if rating >= 100.0 {
        4.5
    } else {
        // Between 0 and 6.5 the curve dips under the lowest mark.
        (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(bits: u32, made_up: f32, delay: u64) -> f32 {
        mos(Impairments { bits_per_second: Some(bits), made_up, delay: Duration::from_millis(delay) })
    }

    #[test]
    fn the_curve_is_that_of_the_recommendation() {
        // Table B.1 of G.107.
        for (rating, mark) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!((marks(rating) - mark).abs() < 0.01, "{rating}: {}", marks(rating));
        }
        assert_eq!([marks(-5.0), marks(3.0), marks(100.0), marks(129.0)], [1.0, 1.0, 4.5, 4.5]);
    }

    #[test]
    fn delay_costs_nothing_at_first_and_then_what_the_recommendation_says() {
        assert_eq!((of_delay(Duration::ZERO), of_delay(Duration::from_millis(100))), (0.0, 0.0));
        // Values of Idd by the formula of G.107, clause 7.4.
        for (delay, cost) in [(200, 3.0), (300, 14.5), (400, 24.0), (500, 30.7)] {
            assert!((of_delay(Duration::from_millis(delay)) - cost).abs() < 1.5, "{delay}: {}", of_delay(Duration::from_millis(delay)));
        }
    }

    #[test]
    fn speech_without_losses_has_the_marks_that_were_measured() {
        for (bits, mark) in [(6_000, 2.6), (8_000, 3.2), (13_000, 3.98), (24_000, 4.28), (32_000, 4.33), (48_000, 4.4)] {
            assert!((heard(bits, 0.0, 60) - mark).abs() < 0.03, "{bits}: {}", heard(bits, 0.0, 60));
        }
        assert_eq!((heard(1_000, 0.0, 0), heard(500_000, 0.0, 0)), (heard(6_000, 0.0, 0), heard(48_000, 0.0, 0)));
    }

    #[test]
    fn whatever_gets_worse_costs() {
        let marks: Vec<f32> = [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 1.0].map(|made_up| heard(32_000, made_up, 60)).to_vec();
        assert!(marks.windows(2).all(|pair| pair[0] > pair[1]), "{marks:?}");
        assert!((1.9..2.5).contains(&marks[4]), "a tenth made up: {}", marks[4]);
        assert!(heard(32_000, 0.0, 400) < heard(32_000, 0.0, 200));
        let silent = mos(Impairments { bits_per_second: None, made_up: 0.0, delay: Duration::ZERO });
        assert_eq!(silent, heard(48_000, 0.0, 0), "nothing is known of the codec");
    }
}
