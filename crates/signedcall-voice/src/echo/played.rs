//! What the loudspeaker has played of late, frame by frame with the microphone.
//!
//! The two come by different clocks and in bursts: two frames may be played before two are captured, or one fewer. What counts is how many
//! there have been of each.

use super::spectrum::{Bins, Fourier, Spectrum, WINDOW};
use crate::frame::{FRAME_SAMPLES, Frame, SILENCE};

/// Frames played over which an echo may come: 320 ms, wireless loudspeakers and the tail of a room included.
pub(super) const REACH: usize = 32;

/// How many frames may be played before one is captured.
const MOST_AHEAD: usize = 16;

/// Frames that are kept.
const KEPT: usize = REACH + MOST_AHEAD;

/// How many frames may be captured without one that is played, before it is taken for a loudspeaker that is not there.
const STARVING: u32 = 4;

/// Frames after which the loudspeaker's clock is looked at: 2 s.
const LOOK: u32 = 200;

/// The power of a frame that may be heard as an echo: -70 dBFS.
const AUDIBLE: f32 = 1e-7;

/// A frame that has been played, with the one before it.
pub(super) struct Sound {
    pub(super) spectrum: Spectrum,
    pub(super) power: Bins,
}

/// By how many frames what was played must be seen later or earlier than so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slip {
    None,
    Earlier,
    Later(usize),
}

/// The frames that have been played.
pub(super) struct Played {
    sounds: Vec<Sound>,
    newest: usize,
    last: Frame,
    /// Frames played for which none has been captured.
    ahead: usize,
    /// The fewest that were since the last look, and how many frames ago that is.
    fewest_ahead: usize,
    since_look: u32,
    /// Frames captured in a row for which none has been played.
    starved: u32,
    /// Frames since something was audible.
    silent: usize,
}

impl Played {
    pub(super) fn new() -> Self {
        let silent = || Sound { spectrum: Spectrum::SILENT, power: [0.0; super::spectrum::BINS] };
        Self {
            sounds: (0..KEPT).map(|_| silent()).collect(),
            newest: 0,
            last: SILENCE,
            ahead: 0,
            fewest_ahead: MOST_AHEAD,
            since_look: 0,
            starved: 0,
            silent: KEPT,
        }
    }

    /// Takes a frame that goes to the loudspeaker.
    pub(super) fn push(&mut self, frame: &Frame, fourier: &mut Fourier) {
        self.newest = (self.newest + 1) % KEPT;
        self.ahead = (self.ahead + 1).min(MOST_AHEAD);
        let audible = frame.iter().map(|sample| sample * sample).sum::<f32>() > AUDIBLE * FRAME_SAMPLES as f32;
        self.silent = if audible { 0 } else { (self.silent + 1).min(KEPT) };
        let mut window = [0.0; WINDOW];
        window[..FRAME_SAMPLES].copy_from_slice(&self.last);
        window[FRAME_SAMPLES..].copy_from_slice(frame);
        self.last = *frame;
        let sound = &mut self.sounds[self.newest];
        fourier.frequencies(&mut window, &mut sound.spectrum);
        sound.power = sound.spectrum.power();
    }

    /// Goes on to the next frame that is captured.
    pub(super) fn advance(&mut self, fourier: &mut Fourier) -> Slip {
        if let Some(ahead) = self.ahead.checked_sub(1) {
            self.ahead = ahead;
            self.starved = 0;
        } else if self.starved < STARVING {
            self.starved += 1;
            return Slip::Earlier;
        } else {
            self.push(&SILENCE, fourier);
            self.ahead = 0;
        }
        self.fewest_ahead = self.fewest_ahead.min(self.ahead);
        self.since_look += 1;
        if self.since_look < LOOK {
            return Slip::None;
        }
        let fewest = std::mem::replace(&mut self.fewest_ahead, MOST_AHEAD);
        self.since_look = 0;
        self.ahead -= fewest;
        if fewest > 0 { Slip::Later(fewest) } else { Slip::None }
    }

    /// Whether nothing is played whose echo could be heard now.
    pub(super) fn is_silent(&self) -> bool {
        self.silent >= KEPT
    }

    /// What was played with the frame that is captured, then what was before it, as far as an echo reaches.
    pub(super) fn backwards(&self) -> impl Iterator<Item = &Sound> {
        let from = self.newest + 2 * KEPT - self.ahead;
        (0..REACH).map(move |frames| &self.sounds[(from - frames) % KEPT])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays and captures in some order, and says what has slipped and which of the played frames is seen with the last that was captured.
    fn seen(order: &str) -> (Vec<Slip>, f32) {
        let (mut played, mut fourier, mut slips, mut number) = (Played::new(), Fourier::new(), Vec::new(), 0.0);
        for event in order.chars() {
            if event == 'p' {
                number += 1.0;
                // A window's first frequency is the sum of its samples: of this frame and of the one before it.
                played.push(&[number / FRAME_SAMPLES as f32; FRAME_SAMPLES], &mut fourier);
            } else {
                slips.push(played.advance(&mut fourier));
            }
        }
        let sum = played.backwards().next().expect("there is a newest").spectrum.real[0];
        (slips, (sum + 1.0) / 2.0)
    }

    #[test]
    fn frames_are_seen_with_those_captured_whatever_the_order() {
        for order in ["pcpcpc", "ppccpc", "pppccc"] {
            let (slips, number) = seen(order);
            assert_eq!(slips, [Slip::None; 3], "{order}");
            assert!((number - 3.0).abs() < 0.01, "{order}: {number}");
        }
        let (_, number) = seen("ppcpc");
        assert!((number - 2.0).abs() < 0.01, "{number}");
    }

    #[test]
    fn a_frame_that_comes_too_late_is_a_slip() {
        let (slips, number) = seen("pccppc");
        assert_eq!(slips, [Slip::None, Slip::Earlier, Slip::None]);
        assert!((number - 2.0).abs() < 0.01, "{number}");
    }

    #[test]
    fn a_loudspeaker_that_is_ahead_for_two_seconds_is_caught_up_with() {
        let (slips, _) = seen(&format!("ppp{}", "cp".repeat(200)));
        assert_eq!(slips.iter().filter(|slip| **slip != Slip::None).collect::<Vec<_>>(), [&Slip::Later(2)]);
    }

    #[test]
    fn a_loudspeaker_that_is_not_there_is_silent() {
        let (slips, _) = seen(&format!("pc{}", "c".repeat(60)));
        assert_eq!(slips.iter().filter(|slip| **slip == Slip::Earlier).count(), 4);
        let (mut played, mut fourier) = (Played::new(), Fourier::new());
        assert!(played.is_silent());
        played.push(&[0.1; FRAME_SAMPLES], &mut fourier);
        assert!(!played.is_silent());
        for _ in 0..60 {
            played.advance(&mut fourier);
        }
        assert!(played.is_silent());
    }
}
