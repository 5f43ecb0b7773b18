//! What a recording shows. Everything here is arithmetic on samples at 48 kHz.

use crate::sound::{RATE, Recording};

/// 10 ms: the step in which sound is looked at.
const STEP: usize = RATE as usize / 100;

/// Root mean square, 0 to 1.
pub fn level(samples: &[f32]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
}

/// Where a tone begins that is louder than everything else: ringing and speech are not taken for it.
pub fn first_tone(samples: &[f32], hertz: f32) -> Option<usize> {
    let step = std::f32::consts::TAU * hertz / RATE as f32;
    (0..samples.len().saturating_sub(STEP)).step_by(STEP / 2).find(|start| {
        let window = &samples[*start..*start + STEP];
        let (cosine, sine) = window.iter().enumerate().fold((0.0, 0.0), |(cosine, sine), (index, sample)| {
            let angle = step * index as f32;
            (cosine + sample * angle.cos(), sine + sample * angle.sin())
        });
        let tone = std::f32::consts::SQRT_2 * (cosine * cosine + sine * sine).sqrt() / STEP as f32;
        let all = level(window);
        all > 0.01 && tone > 0.6 * all
    })
}

/// The loudest sample, 0 to 1, of what a tone leaves that is always the same: of a step, its height. A tone that swells or fades within milliseconds leaves nothing.
pub fn click_beside_tone(samples: &[f32], hertz: f32) -> f32 {
    let next = 2.0 * (std::f32::consts::TAU * hertz / RATE as f32).cos();
    // Each sample of a sine follows from the two before it.
    samples.windows(3).map(|three| (three[2] - next * three[1] + three[0]).abs()).fold(0.0, f32::max)
}

/// Where the last sound ends, in windows of 1 ms: everything after it is quieter than `threshold`.
pub fn silence_from(samples: &[f32], threshold: f32) -> usize {
    let window = RATE as usize / 1000;
    let loud = samples.chunks(window).rposition(|chunk| level(chunk) >= threshold);
    loud.map_or(0, |index| ((index + 1) * window).min(samples.len()))
}

/// How much later one recording has what another has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay {
    /// Milliseconds.
    pub ms: f64,
    /// How alike the two are there, 0 to 1.
    pub likeness: f32,
}

/// The delay of each second in which `said` has speech; seconds that cannot be found again in `heard` are left out.
pub fn delay(said: &Recording, heard: &Recording) -> Vec<Delay> {
    let (Some(from), Some(to)) = (said.origin(), heard.origin()) else { return Vec::new() };
    let offset = if to >= from { (to - from).as_secs_f64() } else { -(from - to).as_secs_f64() };
    let second = RATE as usize;
    let mut found = Vec::new();
    for start in (0..said.samples.len().saturating_sub(second)).step_by(second) {
        let piece = &said.samples[start..start + second];
        if level(piece) < 0.01 {
            continue;
        }
        let at = start as f64 - offset * f64::from(RATE);
        let at = if at < 0.0 { 0 } else { at as usize };
        let Some(place) = heard.samples.get(at..at + 2 * second) else { continue };
        let (lag, likeness) = lag_of(piece, place);
        if likeness >= 0.3 {
            let ms = ((at + lag) as f64 / f64::from(RATE) + offset - start as f64 / f64::from(RATE)) * 1000.0;
            found.push(Delay { ms, likeness });
        }
    }
    found
}

/// Where `piece` lies in `place`: coarsely on every twelfth sample of a smoothed copy, then to the sample.
fn lag_of(piece: &[f32], place: &[f32]) -> (usize, f32) {
    const COARSE: usize = 12;
    let smooth =
        |samples: &[f32]| -> Vec<f32> { samples.chunks(COARSE).map(|chunk| chunk.iter().sum::<f32>() / chunk.len() as f32).collect() };
    let (small, wide) = (smooth(piece), smooth(place));
    let (rough, _) = best_lag(&small, &wide, 0..=wide.len().saturating_sub(small.len()));
    let last = place.len().saturating_sub(piece.len());
    best_lag(piece, place, (rough * COARSE).saturating_sub(2 * COARSE)..=(rough * COARSE + 2 * COARSE).min(last))
}

fn best_lag(piece: &[f32], place: &[f32], lags: std::ops::RangeInclusive<usize>) -> (usize, f32) {
    let own: f32 = piece.iter().map(|sample| sample * sample).sum();
    let mut best = (*lags.start(), 0.0_f32);
    for lag in lags {
        let Some(window) = place.get(lag..lag + piece.len()) else { break };
        let (product, energy) = piece.iter().zip(window).fold((0.0, 0.0), |(product, energy), (a, b)| (product + a * b, energy + b * b));
        let likeness = if own * energy > 0.0 { product.abs() / (own * energy).sqrt() } else { 0.0 };
        if likeness > best.1 {
            best = (lag, likeness);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f32, samples: usize) -> Vec<f32> {
        (0..samples).map(|index| 0.3 * (std::f32::consts::TAU * hertz * index as f32 / RATE as f32).sin()).collect()
    }

    #[test]
    fn a_tone_is_found_where_it_begins_and_no_other_is_taken_for_it() {
        let mut samples = tone(440.0, 4800);
        samples.extend(tone(1230.0, 4800));
        let found = first_tone(&samples, 1230.0).expect("the tone");
        assert!((4800 - STEP..=4800 + STEP).contains(&found), "{found}");
        assert_eq!(first_tone(&samples[..4800], 1230.0), None);
    }

    #[test]
    fn a_step_in_a_tone_is_a_click_and_a_fade_is_none() {
        let samples = tone(1_000.0, 4800);
        assert!(click_beside_tone(&samples, 1_000.0) < 0.001);
        let faded: Vec<f32> = samples.iter().enumerate().map(|(index, sample)| sample * (1.0 - (index as f32 / 192.0).min(1.0))).collect();
        assert!(click_beside_tone(&faded, 1_000.0) < 0.003, "{}", click_beside_tone(&faded, 1_000.0));
        // A quarter of a period after the tone's zero it is as far from silence as it gets.
        let mut torn = samples[..4800 - 36].to_vec();
        torn.extend([0.0; 480]);
        let click = click_beside_tone(&torn, 1_000.0);
        assert!((0.25..0.35).contains(&click), "{click}");
    }

    #[test]
    fn silence_begins_after_the_last_sound() {
        let mut samples = tone(300.0, 960);
        samples.extend(vec![0.0; 4800]);
        assert_eq!(silence_from(&samples, 0.001), 960);
        assert_eq!(silence_from(&samples[960..], 0.001), 0);
    }

    #[test]
    fn a_piece_is_found_to_the_sample() {
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 - 0.5
        };
        let mut place: Vec<f32> = (0..2000).map(|_| noise() * 0.01).collect();
        // Noise that changes slowly, as voices do.
        let mut value = 0.0;
        let piece: Vec<f32> = (0..9600)
            .map(|_| {
                value = 0.95 * value + 0.3 * noise();
                value
            })
            .collect();
        place[1234..].fill(0.0);
        place.truncate(1234);
        place.extend(&piece);
        place.extend(vec![0.0; 1000]);
        let (lag, likeness) = lag_of(&piece, &place);
        assert_eq!(lag, 1234);
        assert!(likeness > 0.99);
    }
}
