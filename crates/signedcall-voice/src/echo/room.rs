//! What a room makes of what is played in it, learnt and taken out.
//!
//! The way from the loudspeaker to the microphone is a filter, which is cut into parts of a frame each and is learnt frequency by frequency by
//! a Kalman filter. That one knows how sure it is of each part: it learns fast what it does not know yet, and hardly at all while somebody
//! talks on this side, so that both may talk at once. What it is not sure of is what it leaves in the sound, and so the
//! [`Suppressor`](super::suppressor::Suppressor) is told.

use super::played::{Played, REACH, Slip, Sound};
use super::spectrum::{BINS, Bins, Fourier, Spectrum, WINDOW};
use crate::frame::{FRAME_SAMPLES, Frame, SILENCE};

/// How much of a room stays as it is from frame to frame.
const STAYS: f32 = 0.9998 * 0.9998;

/// How much is not known of each part at first: a room gives back less than what is played in it.
const UNKNOWN: f32 = 0.1;

/// How much of that is still not known after a filter has been wrong that was never right: there may be no echo, and only a voice on this side was
/// learnt. And how little of it is at least.
const WRONG_AGAIN: f32 = 0.25;
const LEAST_UNKNOWN: f32 = UNKNOWN / 64.0;

/// From this share of itself in the microphone on an echo is right.
const RIGHT: f32 = 0.85;

/// By how much doubts grow in a frame in which they have to.
const MORE_DOUBT: f32 = 1.3;

/// How much of the power of what is on this side stays from frame to frame.
const NEAR_KEEPS: f32 = 0.6;

/// What is on this side counts for so much more than it is, because half of a window is silence.
const NEAR_COUNTS: f32 = 2.0;

/// The share of a frame in what tells whether the filter is right: most of that is the last third of a second.
const RIGHT_LEARNT: f32 = 0.03;

/// How many samples of a frame have nothing to do with each other, in a voice.
const INDEPENDENT: f32 = 50.0;

/// Under this share of itself in the microphone an echo is none: the way is another one.
const WRONG: f32 = 0.6;

/// The power of echo, in a frame, from which on that can be told.
const TELLING: f32 = 1e-4;

/// Frames after it has begun anew in which a filter is not judged: it has to learn first, through a voice on this side if need be.
const LEARNING: u32 = 100;

/// Parts of the filter that are made short again in each frame: a part that is learnt frequency by frequency becomes longer than its frame.
const SHORTENED: usize = 2;

/// A frame's share of the filter.
struct Part {
    weights: Spectrum,
    /// How much may be wrong with each weight.
    doubt: Bins,
}

impl Part {
    const UNKNOWN: Self = Self::of(UNKNOWN);

    const fn of(unknown: f32) -> Self {
        Self { weights: Spectrum::SILENT, doubt: [unknown; BINS] }
    }
}

/// The echo of a frame, as far as it is known.
pub(super) struct Echo {
    pub(super) sound: Frame,
    /// The power that may be left of it after it has been taken out.
    pub(super) left: Bins,
}

impl Echo {
    pub(super) const NONE: Self = Self { sound: SILENCE, left: [0.0; BINS] };
}

/// A room.
pub(super) struct Room {
    fourier: Fourier,
    played: Played,
    parts: Vec<Part>,
    /// The power of what is no echo.
    near: Bins,
    shortened: usize,
    /// How much of the echo that is expected is in the microphone, and how much is expected.
    found: f32,
    expected: f32,
    /// The variance of what is found by chance, as a voice on this side is like any other now and then.
    chance: f32,
    /// Frames since the filter has begun anew.
    since_anew: u32,
    /// How much is not known of a part when the filter begins anew.
    unknown: f32,
}

impl Room {
    pub(super) fn new() -> Self {
        Self {
            fourier: Fourier::new(),
            played: Played::new(),
            parts: (0..REACH).map(|_| Part::UNKNOWN).collect(),
            near: [0.0; BINS],
            shortened: 0,
            found: 0.0,
            expected: 0.0,
            chance: 0.0,
            since_anew: 0,
            unknown: UNKNOWN,
        }
    }

    /// Takes note of a frame that goes to the loudspeaker.
    pub(super) fn render(&mut self, frame: &Frame) {
        self.played.push(frame, &mut self.fourier);
    }

    /// Takes the echo out of a frame and learns from it, if it is not one that `clipped`.
    pub(super) fn capture(&mut self, frame: &mut Frame, clipped: bool) -> Echo {
        let slip = self.played.advance(&mut self.fourier);
        self.slip(slip);
        if self.played.is_silent() {
            return Echo::NONE;
        }
        let (expected, mut doubted) = self.expect();
        let mut echo = Echo::NONE;
        echo.sound.copy_from_slice(&self.fourier.window(&expected)[FRAME_SAMPLES..]);
        if self.is_wrong(frame, &echo.sound) {
            self.forget();
            echo.sound = SILENCE;
            doubted = self.expect().1;
        }
        echo.left = doubted.map(|power| power / 2.0);
        for (sample, echo) in frame.iter_mut().zip(&echo.sound) {
            *sample -= echo;
        }
        if !clipped {
            self.learn(frame, &doubted);
        }
        echo
    }

    /// Doubts what is known a little more, so that it is learnt anew within some frames.
    pub(super) fn doubt(&mut self) {
        for Part { weights, doubt } in &mut self.parts {
            for (doubt, weight) in doubt.iter_mut().zip(weights.power()) {
                *doubt = (MORE_DOUBT * *doubt).min(weight.max(UNKNOWN));
            }
        }
    }

    /// Moves the parts with what was played. Those that come in anew know nothing.
    fn slip(&mut self, slip: Slip) {
        let anew = match slip {
            Slip::None => return,
            Slip::Earlier => {
                self.parts.rotate_left(1);
                REACH - 1..REACH
            }
            Slip::Later(frames) => {
                self.parts.rotate_right(frames);
                0..frames
            }
        };
        self.parts[anew].fill_with(|| Part::UNKNOWN);
    }

    /// The echo that is expected, and how much power may be wrong with it.
    fn expect(&self) -> (Spectrum, Bins) {
        let (mut expected, mut doubted) = (Spectrum::SILENT, [0.0; BINS]);
        for (part, sound) in self.parts.iter().zip(self.played.backwards()) {
            let Part { weights, doubt } = part;
            let Sound { spectrum, power } = sound;
            for bin in 0..BINS {
                expected.real[bin] += weights.real[bin] * spectrum.real[bin] - weights.imaginary[bin] * spectrum.imaginary[bin];
                expected.imaginary[bin] += weights.real[bin] * spectrum.imaginary[bin] + weights.imaginary[bin] * spectrum.real[bin];
                doubted[bin] += doubt[bin] * power[bin];
            }
        }
        (expected, doubted)
    }

    /// Whether what has been expected of late is not what came.
    fn is_wrong(&mut self, captured: &Frame, echo: &Frame) -> bool {
        let product = |one: &Frame, other: &Frame| one.iter().zip(other).map(|(one, other)| one * other).sum::<f32>();
        let expected = product(echo, echo);
        self.found += RIGHT_LEARNT * (product(captured, echo) - self.found);
        self.expected += RIGHT_LEARNT * (expected - self.expected);
        let chance = RIGHT_LEARNT * RIGHT_LEARNT * product(captured, captured) * expected / INDEPENDENT;
        self.chance += chance - (2.0 * RIGHT_LEARNT - RIGHT_LEARNT * RIGHT_LEARNT) * self.chance;
        self.since_anew = self.since_anew.saturating_add(1);
        if self.since_anew <= LEARNING || self.expected <= TELLING {
            return false;
        }
        if self.found > RIGHT * self.expected {
            self.unknown = UNKNOWN;
        }
        self.found + 2.0 * self.chance.sqrt() < WRONG * self.expected
    }

    /// Begins anew.
    fn forget(&mut self) {
        (self.found, self.expected, self.chance, self.since_anew) = (0.0, 0.0, 0.0, 0);
        self.parts.fill_with(|| Part::of(self.unknown));
        self.unknown = (WRONG_AGAIN * self.unknown).max(LEAST_UNKNOWN);
    }

    /// Learns from what was left of a frame.
    fn learn(&mut self, left: &Frame, doubted: &Bins) {
        let mut window = [0.0; WINDOW];
        window[FRAME_SAMPLES..].copy_from_slice(left);
        let mut error = Spectrum::SILENT;
        self.fourier.frequencies(&mut window, &mut error);
        let mut scale = [0.0; BINS];
        for (bin, power) in error.power().into_iter().enumerate() {
            self.near[bin] = NEAR_KEEPS * self.near[bin] + (1.0 - NEAR_KEEPS) * power;
            scale[bin] = 1.0 / (doubted[bin] + NEAR_COUNTS * self.near[bin] + 1e-9);
        }
        for (part, sound) in self.parts.iter_mut().zip(self.played.backwards()) {
            let Part { weights, doubt } = part;
            let Sound { spectrum, power } = sound;
            for bin in 0..BINS {
                let step = doubt[bin] * scale[bin];
                weights.real[bin] += step * (spectrum.real[bin] * error.real[bin] + spectrum.imaginary[bin] * error.imaginary[bin]);
                weights.imaginary[bin] += step * (spectrum.real[bin] * error.imaginary[bin] - spectrum.imaginary[bin] * error.real[bin]);
                let weight = weights.real[bin] * weights.real[bin] + weights.imaginary[bin] * weights.imaginary[bin];
                let known = (1.0 - 0.5 * step * power[bin]).max(0.0) * doubt[bin];
                doubt[bin] = STAYS * known + (1.0 - STAYS) * weight;
            }
        }
        for _ in 0..SHORTENED {
            let part = &mut self.parts[self.shortened];
            let mut window = self.fourier.window(&part.weights);
            window[FRAME_SAMPLES..].fill(0.0);
            self.fourier.frequencies(&mut window, &mut part.weights);
            self.shortened = (self.shortened + 1) % REACH;
        }
    }
}
