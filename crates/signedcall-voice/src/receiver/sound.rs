//! What is played: packets, what repairs lost ones, and what is made up for the rest.

use super::Receiver;
use super::deep::FARTHEST_REPAIRED;
use crate::frame::{FRAME_SAMPLES, MILLISECOND, Samples, duration};
use crate::jitter::Next;
use crate::splice::{OVERLAP, SHORTEST, join};

use super::FRAME;

/// How long made-up sound stays at full loudness: longer than the usual burst of losses.
const FADE_FROM: Samples = 80 * MILLISECOND;

/// When made-up sound has faded out: any vowel would be unnatural if held longer.
pub(super) const FADED_AT: Samples = 300 * MILLISECOND;

/// A packet of no more bytes than this says that nothing is said, and that no packets follow until something is (discontinuous transmission).
pub(super) const SILENT_BYTES: usize = 2;

/// How long such a silence is believed in: it is said again each 400 ms.
const LONGEST_REST: Samples = 1_000 * MILLISECOND;

impl Receiver {
    /// Appends the next piece of sound to be played, whatever it can be made of.
    pub(super) fn extend(&mut self) {
        let Some(Next { timestamp, repairs, after_loss }) = self.jitter.next() else {
            if !self.linger() {
                self.make_up(FRAME);
            }
            return;
        };
        // Where at least half of a lost packet has still to be played, its coarse copy is better than what was made up.
        let repairs = repairs.zip(self.end).and_then(|(repaired, end)| ((repaired + timestamp) / 2 >= end).then_some(repaired));
        let start = repairs.unwrap_or(timestamp);
        let gap = self.end.map_or(Samples::MAX, |end| start - end);
        let wait = gap.min(self.due_in(start));
        if wait > 0 {
            let span = wait.min(FRAME);
            if !(after_loss && self.describe(timestamp, span)) {
                self.make_up(span);
            }
        } else if repairs.is_some() {
            self.append_repaired(start);
        } else {
            self.append_packet();
        }
    }

    /// Plays `span` samples of lost sound as the packet at `timestamp`, the next one, describes it. Says whether it could.
    fn describe(&mut self, timestamp: Samples, span: Samples) -> bool {
        let (Some(end), Some(next)) = (self.end, self.jitter.first()) else { return false };
        let before = timestamp - end;
        if before <= 0 || before > self.deep.reach(timestamp, &next.payload, FARTHEST_REPAIRED) {
            return false;
        }
        let from = self.sound.len();
        let made = (span as usize).next_multiple_of(SHORTEST);
        if self.decoder.recover_deep(&self.deep.read, before as usize, made, &mut self.sound) != made {
            self.sound.truncate(from);
            return false;
        }
        self.sound.truncate(from + span as usize);
        // What was made up before goes over into it by itself, since the decoder has made both; only its fading is taken back.
        fade(&mut self.sound[from..], loudness_of_made_up(self.made_up), 1.0);
        self.made_up = 0;
        self.end = Some(end + span);
        self.stats.described += duration(span);
        true
    }

    /// Plays a packet's redundancy for the one before it.
    fn append_repaired(&mut self, start: Samples) {
        self.continue_made_up(start);
        let from = self.sound.len();
        let Some(following) = self.jitter.first() else { return };
        let wanted = following.shape.frame;
        let got = self.decoder.recover(&following.payload, wanted, &mut self.sound);
        self.stats.packets_recovered += 1;
        self.attach(start, from, wanted, got);
    }

    /// Plays the next packet.
    pub(super) fn append_packet(&mut self) {
        let Some(start) = self.jitter.next().map(|next| next.timestamp) else { return };
        self.continue_made_up(start);
        let from = self.sound.len();
        let Some((held, missing)) = self.jitter.take() else { return };
        self.stats.packets_lost += missing;
        self.stats.packets_copied += u64::from(held.copied_until.is_some());
        self.note_repairs(&held, missing);
        let wanted = held.shape.span;
        let got = self.decoder.decode(&held.payload, &mut self.sound);
        self.resting = if held.payload.len() <= SILENT_BYTES { LONGEST_REST } else { 0 };
        self.jitter.recycle(held);
        self.attach(start, from, wanted, got);
    }

    /// Makes up a little more than was played, to cross over from, if the sound that begins at `start` does not follow the last.
    fn continue_made_up(&mut self, start: Samples) {
        self.continuation.clear();
        if self.made_up > 0 || self.end != Some(start) {
            self.decoder.conceal(OVERLAP, &mut self.continuation);
            let loudness = loudness_of_made_up(self.made_up);
            fade(&mut self.continuation, loudness, loudness);
        }
    }

    /// Fits sound from `start` on, which was put at `from`, to what is before it. It should be `wanted` samples long, and is `got`.
    fn attach(&mut self, start: Samples, from: usize, wanted: usize, got: usize) {
        self.end = Some(start + wanted as Samples);
        if self.made_up >= FADED_AT {
            self.began = start;
        }
        if got == 0 {
            // The packet was damaged: what it stands for is made up.
            for _ in 0..wanted.div_ceil(FRAME_SAMPLES) {
                self.append_made_up(FRAME.min(wanted as Samples));
            }
            return;
        }
        if !self.continuation.is_empty() {
            let behind = self.jitter.due_in(start) - (from - self.at) as Samples;
            join(&self.continuation, &mut self.sound, from, (-behind).clamp(0, FRAME) as usize);
        }
        self.made_up = 0;
    }

    /// Makes `span` more samples up, which stand for as much of the stream.
    pub(super) fn make_up(&mut self, span: Samples) {
        self.append_made_up(span);
        if let Some(end) = &mut self.end {
            *end += span;
        }
    }

    fn append_made_up(&mut self, span: Samples) {
        let from = self.sound.len();
        let to = from + span as usize;
        if self.resting > 0 {
            // Nothing is missing: the decoder goes on with the noise of the room.
            self.resting -= span;
            self.decoder.conceal((span as usize).next_multiple_of(SHORTEST), &mut self.sound);
            self.sound.resize(to, 0.0);
            return;
        }
        if self.made_up < FADED_AT {
            // Opus makes sound up in steps of 2.5 ms.
            self.decoder.conceal((span as usize).next_multiple_of(SHORTEST), &mut self.sound);
        }
        self.sound.resize(to, 0.0);
        fade(&mut self.sound[from..], loudness_of_made_up(self.made_up), loudness_of_made_up(self.made_up + span));
        self.made_up = (self.made_up + span).min(FADED_AT);
        self.stats.made_up += duration(span);
    }
}

fn loudness_of_made_up(made_up: Samples) -> f32 {
    1.0 - ((made_up - FADE_FROM) as f32 / (FADED_AT - FADE_FROM) as f32).clamp(0.0, 1.0)
}

/// Scales sound by what goes evenly from `start` to `end`.
pub(super) fn fade(sound: &mut [f32], start: f32, end: f32) {
    let step = (end - start) / sound.len().max(1) as f32;
    for (index, sample) in sound.iter_mut().enumerate() {
        *sample *= start + step * index as f32;
    }
}
