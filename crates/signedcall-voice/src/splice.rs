//! Makes speech a little shorter or longer without changing its pitch: leaves a period out or says it twice, where that is not heard.

/// Samples over which the two sides of a splice cross over: 5 ms.
pub(crate) const OVERLAP: usize = 240;

/// Samples on each side of the splice that are compared: a voice's period or half of it, so that pitch is matched and not only shape.
const COMPARED: usize = 240;

/// The shortest piece worth the trouble: 2.5 ms, the period of a high child's voice.
pub(crate) const SHORTEST: usize = 120;

/// The longest piece: 15 ms, the period of a very low man's voice.
pub(crate) const LONGEST: usize = 720;

/// Samples before the splice that a caller must keep.
pub(crate) const CONTEXT: usize = LONGEST + COMPARED;

/// Loudness (root mean square) under which any splice goes unheard: -56 dBFS, a quiet room.
const QUIET: f32 = 0.0016;

/// Finds the next place to go to from `at` that sounds as if nothing happened, and goes there: `sound` is shorter or longer afterwards.
///
/// `sound[..at]` has been played and stays as it is. At most `most` samples are left out or added, and only where the two sides are at
/// least as alike as `alikeness` (1 is equal, 0 unrelated). Gives back how many samples it were, 0 if there was no such place.
pub(crate) fn splice(sound: &mut Vec<f32>, at: usize, change: Change, most: usize, alikeness: f32) -> usize {
    let ahead = sound.len().saturating_sub(at);
    let longest = match change {
        Change::Shorten => most.min(LONGEST).min(ahead.saturating_sub(OVERLAP)),
        Change::Lengthen if ahead < OVERLAP => 0,
        Change::Lengthen => most.min(LONGEST).min(at.saturating_sub(COMPARED)),
    };
    if longest < SHORTEST || at < COMPARED {
        return 0;
    }
    let target = |lag: usize| match change {
        Change::Shorten => at + lag,
        Change::Lengthen => at - lag,
    };
    let here = &sound[at - COMPARED..at + OVERLAP];
    let there = |lag: usize| &sound[target(lag) - COMPARED..target(lag) + OVERLAP];
    let lag = if loudness(here) < QUIET && loudness(there(longest)) < QUIET {
        longest
    } else {
        // Every fourth lag on every fourth sample finds the neighbourhood, then the neighbours are looked at closely.
        let coarse = most_alike((SHORTEST..=longest).step_by(4), |lag| likeness(here, there(lag), 4));
        let near = coarse.saturating_sub(3).max(SHORTEST)..=(coarse + 3).min(longest);
        let lag = most_alike(near, |lag| likeness(here, there(lag), 1));
        if likeness(here, there(lag), 1) < alikeness {
            return 0;
        }
        lag
    };
    let target = target(lag);
    let crossed: [f32; OVERLAP] = std::array::from_fn(|index| {
        let share = (index as f32 + 0.5) / OVERLAP as f32;
        sound[at + index] * (1.0 - share) + sound[target + index] * share
    });
    match change {
        Change::Shorten => {
            sound.drain(at..target);
        }
        Change::Lengthen => {
            let end = sound.len();
            sound.resize(end + lag, 0.0);
            sound.copy_within(target..end, at);
        }
    }
    sound[at..at + OVERLAP].copy_from_slice(&crossed);
    lag
}

/// Crosses over from the sound that was being made up to the real one, from `at` on, and leaves out as many samples of the real one, up to
/// `most`, as bring the two in step. Gives back how many samples were left out.
pub(crate) fn join(made_up: &[f32], sound: &mut Vec<f32>, at: usize, most: usize) -> usize {
    let overlap = OVERLAP.min(made_up.len()).min(sound.len().saturating_sub(at));
    if overlap == 0 {
        return 0;
    }
    let most = most.min(sound.len() - at - overlap);
    let here = &made_up[..overlap];
    let skip = most_alike((0..=most).step_by(2), |skip| likeness(here, &sound[at + skip..at + skip + overlap], 2));
    sound.drain(at..at + skip);
    for (index, (real, made_up)) in sound[at..].iter_mut().zip(here).enumerate() {
        let share = (index as f32 + 0.5) / overlap as f32;
        *real = made_up * (1.0 - share) + *real * share;
    }
    skip
}

/// Which way a splice goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Leave something out.
    Shorten,
    /// Say something twice.
    Lengthen,
}

fn most_alike(lags: impl Iterator<Item = usize>, likeness: impl Fn(usize) -> f32) -> usize {
    lags.map(|lag| (lag, likeness(lag))).max_by(|one, other| one.1.total_cmp(&other.1)).map_or(0, |(lag, _)| lag)
}

/// Normalised correlation of two pieces, on every `step`-th sample.
fn likeness(one: &[f32], other: &[f32], step: usize) -> f32 {
    let (mut product, mut power_one, mut power_other) = (0.0, 0.0, 0.0);
    for (a, b) in one.iter().zip(other).step_by(step) {
        product += a * b;
        power_one += a * a;
        power_other += b * b;
    }
    product / (power_one * power_other).sqrt().max(1e-9)
}

fn loudness(sound: &[f32]) -> f32 {
    (sound.iter().map(|sample| sample * sample).sum::<f32>() / sound.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A voice-like tone: 125 Hz and its harmonics.
    fn tone(length: usize) -> Vec<f32> {
        (0..length)
            .map(|index| {
                let phase = index as f32 / 384.0 * std::f32::consts::TAU;
                0.2 * phase.sin() + 0.1 * (3.0 * phase).sin() + 0.05 * (7.0 * phase).cos()
            })
            .collect()
    }

    fn steepest(sound: &[f32]) -> f32 {
        sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_is_shortened_by_its_period_without_a_seam() {
        let whole = tone(2_400);
        let mut sound = whole.clone();
        assert_eq!(splice(&mut sound, 960, Change::Shorten, LONGEST, 0.95), 384);
        assert_eq!(sound.len(), 2_400 - 384);
        assert!(sound.iter().zip(&whole).all(|(got, wanted)| (got - wanted).abs() < 0.01));
    }

    #[test]
    fn a_tone_is_lengthened_by_its_period_without_a_seam() {
        let mut sound = tone(1_920);
        assert_eq!(splice(&mut sound, 960, Change::Lengthen, LONGEST, 0.95), 384);
        assert_eq!(sound.len(), 1_920 + 384);
        assert!(sound.iter().zip(&tone(1_920 + 384)).all(|(got, wanted)| (got - wanted).abs() < 0.01));
    }

    #[test]
    fn silence_is_changed_by_as_much_as_is_asked_for() {
        for (change, length) in [(Change::Shorten, 1_420), (Change::Lengthen, 2_420)] {
            let mut sound = vec![0.0; 1_920];
            assert_eq!(splice(&mut sound, 960, change, 500, 0.95), 500);
            assert_eq!(sound.len(), length);
        }
    }

    #[test]
    fn what_is_like_nothing_is_left_alone() {
        let mut seed = 1_u32;
        let noise = (0..2_400).map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / 8_388_608.0 - 1.0
        });
        let mut sound: Vec<f32> = noise.collect();
        assert_eq!(splice(&mut sound, 960, Change::Shorten, LONGEST, 0.8), 0);
        assert_eq!(sound.len(), 2_400);
    }

    #[test]
    fn what_was_played_stays_as_it_was() {
        let whole = tone(2_400);
        let mut sound = whole.clone();
        splice(&mut sound, 960, Change::Lengthen, LONGEST, 0.5);
        assert_eq!(sound[..960], whole[..960]);
    }

    #[test]
    fn too_little_sound_is_left_alone() {
        for length in 0..CONTEXT + OVERLAP {
            let mut sound = vec![0.0; length];
            for at in [0, length / 2, length] {
                for change in [Change::Shorten, Change::Lengthen] {
                    let by = splice(&mut sound.clone(), at, change, 100, 0.0);
                    assert_eq!(by, 0, "less than the shortest piece was allowed");
                    splice(&mut sound, at, change, LONGEST, 0.0);
                    sound.resize(length, 0.0);
                }
            }
        }
    }

    #[test]
    fn joining_brings_the_real_sound_in_step() {
        let whole = tone(2_400);
        // The real sound goes back by 200 samples of what the made-up one has said already.
        let made_up = &whole[500..980];
        let mut sound = [&whole[..500], &whole[300..1_400]].concat();
        assert_eq!(join(made_up, &mut sound, 500, 480), 200);
        assert!(steepest(&sound) <= steepest(&whole) * 1.01);
        assert!(sound.iter().zip(&whole).all(|(got, wanted)| (got - wanted).abs() < 0.01));
    }
}
