//! What is left of an echo lowered, frequency by frequency, where it is not covered by a voice on this side.

use std::f32::consts::FRAC_PI_2;
use std::ops::Range;

use super::room::Echo;
use super::spectrum::{BINS, Bins, Fourier, Spectrum, WINDOW};
use crate::frame::{FRAME_SAMPLES, Frame};

/// Samples over which a frame fades into the next, as what is lowered changes: 2 ms, by which sound is later.
const FADE: usize = 96;

/// How much of what the room doubts is taken for echo. It doubts more than it gets wrong.
const DOUBTED: f32 = 0.2;

/// How much louder than it probably is an echo is taken for.
const CAUTION: f32 = 2.0;

/// What is less echo than the first stays, what is more than the second goes.
const KEPT: f32 = 0.2;
const TAKEN: f32 = 0.8;

/// The same for all frequencies of a voice together: where nobody talks on this side, everything goes.
const ALL_KEPT: f32 = 0.2;
const ALL_TAKEN: f32 = 0.6;

/// The frequencies of a voice, 200 Hz to 6 kHz.
const VOICE: Range<usize> = 4..120;

/// How much of an echo lingers a frame later where a room is longer than the filter that knows it.
const LINGERS: f32 = 0.7;

/// At least this share of what has been taken out is left.
const LEAST_LEFT: f32 = 0.001;

/// The share of a frame in what is learnt of how much of an echo is left. So much of anything else is taken for echo by chance.
const LEARNT: f32 = 0.1;
const CHANCE: f32 = LEARNT / (2.0 - LEARNT);

/// The share of a frame in what is learnt of how much is left of an echo in all of a voice's frequencies: most of that is the last third of a second.
const ALL_LEARNT: f32 = 0.03;

/// Where more than this share of the echo is left, and is more than the other share of all that is left, the room is not what it was, or the clocks of
/// loudspeaker and microphone differ. While both sides talk the second stays under 0.15.
const LOST: f32 = 0.01;
const LOST_IN_ALL: f32 = 0.4;

/// The square of an echo's power that nobody hears. What is learnt of it says nothing.
const INAUDIBLE: f32 = 1e-8;

/// The share of the frame before in what is compared with the echo.
const BEFORE: f32 = 0.3;
const ALL_BEFORE: f32 = 0.7;

/// By how much a frequency may become louder from one frame to the next.
const RISE: f32 = 10.0;

/// The room's own noise stays to this share of its power, so that it does not stop when the other side talks.
const NOISE_KEPT: f32 = 0.5;

/// The power to which a frequency is lowered at most: 80 dB.
const LOWEST: f32 = 1e-8;

/// Lowers what is left of an echo.
pub(super) struct Suppressor {
    fourier: Fourier,
    fade: [f32; FADE],
    /// The ends of the last frame, of its echo, and of what was made of it.
    end: [f32; FADE],
    echo_end: [f32; FADE],
    made_end: [f32; FADE],
    leaks: Leaks,
    lingering: Bins,
    smooth: Bins,
    noise: Bins,
    gains: Bins,
    /// The power of the voice's frequencies, and of the echo in them.
    whole: f32,
    echo: f32,
}

impl Suppressor {
    pub(super) fn new() -> Self {
        Self {
            fourier: Fourier::new(),
            fade: std::array::from_fn(|index| (FRAC_PI_2 * (index as f32 + 0.5) / FADE as f32).sin()),
            end: [0.0; FADE],
            echo_end: [0.0; FADE],
            made_end: [0.0; FADE],
            leaks: Leaks::new(),
            lingering: [0.0; BINS],
            smooth: [0.0; BINS],
            noise: [1e-3; BINS],
            gains: [1.0; BINS],
            whole: 0.0,
            echo: 0.0,
        }
    }

    /// Lowers what is left of `echo` in a frame that it has been taken out of. One that `clipped` has all of it. Says whether so much has been left of
    /// late that what is known of the room has to be doubted.
    #[must_use]
    pub(super) fn process(&mut self, frame: &mut Frame, echo: &Echo, clipped: bool) -> bool {
        let (end, echo_end) = (self.end, self.echo_end);
        let mut spectrum = self.spectrum(&end, frame);
        let power = spectrum.power();
        let taken = self.spectrum(&echo_end, &echo.sound);
        self.end.copy_from_slice(&frame[FRAME_SAMPLES - FADE..]);
        self.echo_end.copy_from_slice(&echo.sound[FRAME_SAMPLES - FADE..]);

        self.leaks.learn(&spectrum, &taken);
        let left = self.left(&taken.power(), &echo.left, clipped);
        self.choose(&power, &left);
        for ((real, imaginary), gain) in spectrum.real.iter_mut().zip(&mut spectrum.imaginary).zip(&self.gains) {
            *real *= gain;
            *imaginary *= gain;
        }

        let mut window = self.fourier.window(&spectrum);
        for (index, fade) in self.fade.iter().enumerate() {
            window[index] = window[index] * fade + self.made_end[index];
        }
        for (index, fade) in self.fade.iter().enumerate() {
            self.made_end[FADE - 1 - index] = window[FRAME_SAMPLES + FADE - 1 - index] * fade;
        }
        frame.copy_from_slice(&window[..FRAME_SAMPLES]);
        self.leaks.are_large()
    }

    /// The frequencies of a frame with the end of the one before it, both faded. The rest of the window is empty, so that what is lowered does
    /// not come in again at the other end.
    fn spectrum(&mut self, end: &[f32; FADE], frame: &Frame) -> Spectrum {
        let mut window = [0.0; WINDOW];
        window[..FADE].copy_from_slice(end);
        window[FADE..FADE + FRAME_SAMPLES].copy_from_slice(frame);
        for (index, fade) in self.fade.iter().enumerate() {
            window[index] *= fade;
            window[FRAME_SAMPLES + FADE - 1 - index] *= fade;
        }
        let mut spectrum = Spectrum::SILENT;
        self.fourier.frequencies(&mut window, &mut spectrum);
        spectrum
    }

    /// The power that is left of an echo, of which so much has been `taken` and so much is `doubted`.
    fn left(&mut self, taken: &Bins, doubted: &Bins, clipped: bool) -> Bins {
        let mut left = [0.0; BINS];
        for bins in together() {
            let share = if clipped { 1.0 } else { self.leaks.share(bins.clone()) };
            for bin in bins {
                self.lingering[bin] = taken[bin].max(LINGERS * self.lingering[bin]);
                left[bin] = (DOUBTED * doubted[bin]).max(share * self.lingering[bin]);
            }
        }
        left
    }

    /// Chooses how much of each frequency stays.
    fn choose(&mut self, power: &Bins, left: &Bins) {
        let keep = |before: f32, now: f32, share: f32| share * before + (1.0 - share) * now;
        self.whole = keep(self.whole, power[VOICE].iter().sum(), ALL_BEFORE);
        self.echo = keep(self.echo, left[VOICE].iter().sum(), ALL_BEFORE);
        let all = stays(CAUTION * self.echo / (self.whole + 1e-12), ALL_KEPT, ALL_TAKEN);
        let mut wanted = [0.0; BINS];
        for bin in 0..BINS {
            self.smooth[bin] = keep(self.smooth[bin], power[bin], BEFORE);
            let share = all * stays(CAUTION * left[bin] / (self.smooth[bin] + 1e-12), KEPT, TAKEN);
            let noise = &mut self.noise[bin];
            // Falls within some frames and rises by a decibel in a second.
            *noise = if power[bin] < *noise { keep(*noise, power[bin], 0.7) } else { *noise * 1.003 };
            wanted[bin] = share.max((NOISE_KEPT * *noise / (power[bin] + 1e-12)).clamp(LOWEST, 1.0)).sqrt();
        }
        for bin in 0..BINS {
            let (below, above) = (wanted[bin.saturating_sub(1)], wanted[(bin + 1).min(BINS - 1)]);
            self.gains[bin] = (0.25 * below + 0.5 * wanted[bin] + 0.25 * above).min(RISE * self.gains[bin] + 0.01);
        }
    }
}

/// How much of a frequency's power stays of which `echo` is the share of echo.
fn stays(echo: f32, kept: f32, taken: f32) -> f32 {
    ((taken - echo) / (taken - kept)).clamp(0.0, 1.0)
}

/// All frequencies, as many together as an ear hears together.
fn together() -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let bins = from..(from + (from / 6).max(4)).min(BINS);
        from = bins.end;
        (!bins.is_empty()).then_some(bins)
    })
}

/// How much of an echo is left, whatever the room says: what a filter cannot know, or not so soon, such as a loudspeaker that rattles. It is told from
/// a voice by its phase, which is that of the echo for longer than chance would have it.
struct Leaks {
    /// The mean product of what is left and of the echo that was taken out.
    product: Spectrum,
    power: Bins,
    taken: Bins,
    /// The [`sums`](Self::sums) over a voice's frequencies.
    all_left: f32,
    all_taken: f32,
    all_power: f32,
}

impl Leaks {
    fn new() -> Self {
        Self { product: Spectrum::SILENT, power: [0.0; BINS], taken: [0.0; BINS], all_left: 0.0, all_taken: 0.0, all_power: 0.0 }
    }

    /// Learns from a frame and from what was taken out of it.
    fn learn(&mut self, left: &Spectrum, taken: &Spectrum) {
        let learn = |mean: &mut f32, now: f32| *mean += LEARNT * (now - *mean);
        for bin in 0..BINS {
            let (real, imaginary) = (left.real[bin], left.imaginary[bin]);
            let (taken_real, taken_imaginary) = (taken.real[bin], taken.imaginary[bin]);
            learn(&mut self.product.real[bin], real * taken_real + imaginary * taken_imaginary);
            learn(&mut self.product.imaginary[bin], imaginary * taken_real - real * taken_imaginary);
            learn(&mut self.power[bin], real * real + imaginary * imaginary);
            learn(&mut self.taken[bin], taken_real * taken_real + taken_imaginary * taken_imaginary);
        }
        let (left, taken, power) = self.sums(VOICE);
        self.all_left += ALL_LEARNT * (left - self.all_left);
        self.all_taken += ALL_LEARNT * (taken - self.all_taken);
        self.all_power += ALL_LEARNT * (power - self.all_power);
    }

    /// The share of the echo's power that is left in some neighbouring frequencies.
    fn share(&self, bins: Range<usize>) -> f32 {
        let (left, taken, _) = self.sums(bins);
        (left / (taken + 1e-12)).clamp(LEAST_LEFT, 1.0)
    }

    /// Whether much of the echo is left, and little else.
    fn are_large(&self) -> bool {
        self.all_left > LOST * self.all_taken + INAUDIBLE && self.all_left > LOST_IN_ALL * self.all_power
    }

    /// What is left of the echo in some frequencies, of how much, and what is left there at all, each times the power of the echo.
    fn sums(&self, bins: Range<usize>) -> (f32, f32, f32) {
        let (mut left, mut taken, mut power) = (0.0, 0.0, 0.0);
        for bin in bins {
            let (real, imaginary) = (self.product.real[bin], self.product.imaginary[bin]);
            let all = self.power[bin] * self.taken[bin];
            left += real * real + imaginary * imaginary - CHANCE * all;
            taken += self.taken[bin] * self.taken[bin];
            power += all;
        }
        (left, taken, power)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::SILENCE;

    /// Noise of a loudness, and what a suppressor makes of some frames of it that may have echo in them.
    fn suppressed(frames: usize, echo: impl Fn(&Frame) -> Echo) -> (Vec<f32>, Vec<f32>) {
        let (mut seed, mut suppressor) = (1_u32, Suppressor::new());
        let (mut said, mut heard) = (Vec::new(), Vec::new());
        for _ in 0..frames {
            let mut frame: Frame = std::array::from_fn(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                0.1 * ((seed >> 8) as f32 / 8_388_608.0 - 1.0)
            });
            said.extend(frame);
            let echo = echo(&frame);
            assert!(!suppressor.process(&mut frame, &echo, false));
            heard.extend(frame);
        }
        (said, heard)
    }

    #[test]
    fn what_has_no_echo_in_it_is_two_milliseconds_later_and_otherwise_the_same() {
        let (said, heard) = suppressed(10, |_| Echo::NONE);
        for (said, heard) in said.iter().zip(&heard[FADE..]) {
            assert!((said - heard).abs() < 1e-5, "{said} {heard}");
        }
    }

    #[test]
    fn what_is_all_echo_goes() {
        let power = |sound: &[f32]| sound.iter().map(|sample| sample * sample).sum::<f32>();
        let (said, heard) = suppressed(100, |_| Echo { sound: SILENCE, left: [100.0; BINS] });
        assert!(power(&heard[4_800..]) < power(&said[4_800..]) / 1_000.0, "{}", power(&heard[4_800..]) / power(&said[4_800..]));
    }

    #[test]
    fn what_has_the_phase_of_the_echo_is_left_of_it() {
        let mut seed = 1_u32;
        let mut noise = || {
            let mut random = || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as f32 / 8_388_608.0 - 1.0
            };
            Spectrum { real: std::array::from_fn(|_| random()), imaginary: std::array::from_fn(|_| random()) }
        };
        let (mut echo, mut voice) = (Leaks::new(), Leaks::new());
        for _ in 0..100 {
            let taken = noise();
            // A fifth as large, a quarter of a turn later.
            let left = Spectrum { real: taken.imaginary.map(|part| -0.2 * part), imaginary: taken.real.map(|part| 0.2 * part) };
            echo.learn(&left, &taken);
            voice.learn(&noise(), &taken);
        }
        assert!((echo.share(0..BINS) - 0.04).abs() < 0.01, "{}", echo.share(0..BINS));
        assert!(voice.share(0..BINS) < 0.01, "{}", voice.share(0..BINS));
        assert!(echo.are_large() && !voice.are_large());
    }

    #[test]
    fn no_frequency_is_left_out() {
        let ranges: Vec<_> = together().collect();
        assert_eq!((ranges[0].start, ranges[ranges.len() - 1].end), (0, BINS));
        assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
    }
}
