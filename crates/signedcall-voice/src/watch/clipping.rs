//! Whether a microphone's sound is cut off because it is too loud.

use crate::frame::Frame;

/// Full scale, less what sound servers take from it or add to it when they change the sample rate.
const FULL_SCALE: f32 = 0.99;
/// Samples at full scale that make a frame cut off. A loud voice that just fits has one or two of them at its peak.
const CUT_OFF: usize = 5;
/// Frames that are looked at as one, a tenth of a second. A knock, however loud, is over within two or three of them.
const TENTH: usize = 10;
/// The last three seconds, in tenths: a sentence.
const SENTENCE: usize = 30;
/// Tenths cut off in a sentence that make the microphone too loud: about as many as it has stressed vowels, and more than two knocks have.
const MANY: usize = 8;
/// Tenths cut off that may be left when it no longer is. A single loud word does not keep the note, and a pause does not take it away.
const FEW: usize = 2;

/// Counts in which tenths of the last three seconds the sound was cut off.
#[derive(Debug, Default)]
pub(super) struct Clipping {
    /// Which of the last tenths were cut off, as a ring.
    tenths: [bool; SENTENCE],
    at: usize,
    /// Frames of the present tenth.
    frames: usize,
    is_told: bool,
}

impl Clipping {
    /// Takes a frame as it comes from the microphone.
    pub(super) fn take(&mut self, frame: &Frame) {
        self.tenths[self.at] |= frame.iter().filter(|sample| sample.abs() >= FULL_SCALE).count() >= CUT_OFF;
        self.frames += 1;
        let cut_off = self.tenths.iter().filter(|tenth| **tenth).count();
        self.is_told = cut_off > if self.is_told { FEW } else { MANY - 1 };
        if self.frames == TENTH {
            self.frames = 0;
            self.at = (self.at + 1) % SENTENCE;
            self.tenths[self.at] = false;
        }
    }

    /// Whether the user should know that it is too loud.
    pub(super) fn is_told(&self) -> bool {
        self.is_told
    }
}
