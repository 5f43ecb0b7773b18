//! From packets to an unbroken row of frames.

mod deep;
mod intake;
mod pace;
mod packet;
mod sound;
#[cfg(test)]
mod tests;

use std::time::Duration;

use self::deep::Deep;
pub use self::packet::{Packet, PayloadFormat, Pulled, ReceiverConfig, ReceiverStats};
use self::sound::{FADED_AT, fade};
use crate::codec::{CodecError, Decoder};
use crate::frame::{FRAME_SAMPLES, Frame, SILENCE, Samples, duration, samples};
use crate::jitter::JitterBuffer;
use crate::report::{LineMeter, LineReport};
use crate::splice::{CONTEXT, OVERLAP};

/// One frame, as a span of time.
const FRAME: Samples = FRAME_SAMPLES as Samples;

/// Room for all the sound that is ever kept, in samples, since memory may not be asked for where it is used.
const ROOM: usize = 65_536;

/// Turns packets, whenever and in whatever order they come, into an unbroken row of frames.
///
/// [`push`](Self::push) each packet as it comes and [`pull`](Self::pull) a frame whenever the sound card needs one. Both say when, on one clock
/// that may begin anywhere and never goes back. Once the first packets have been held, neither allocates.
#[derive(Debug)]
pub struct Receiver {
    jitter: JitterBuffer,
    decoder: Decoder,
    deep: Deep,
    line: LineMeter,
    /// The payload type of Opus itself.
    payload_type: u8,
    /// Sound that was played, as far as a splice looks back, and from `at` on sound to play.
    sound: Vec<f32>,
    at: usize,
    /// The timestamp at which `sound` ends; nothing before a stream's first packet was played.
    end: Option<Samples>,
    /// How much of the end of `sound` was made up.
    made_up: Samples,
    /// Where the sound began that goes on now: at the beginning, or after the line was dead.
    began: Samples,
    /// For how much longer the sender is taken to be silent on purpose.
    resting: Samples,
    /// How the made-up sound would have gone on, to cross over from.
    continuation: Vec<f32>,
    since_splice: Samples,
    /// For how long the playout has been behind its due time all the time.
    behind_for: Samples,
    /// Whether the packets that wait come from another encoder than the decoder knows.
    restarted: bool,
    stats: ReceiverStats,
}

impl Receiver {
    /// Makes a receiver that plays silence until packets come.
    ///
    /// # Errors
    /// When Opus cannot be set up: out of memory.
    pub fn new(config: ReceiverConfig) -> Result<Self, CodecError> {
        Ok(Self {
            jitter: JitterBuffer::new(samples(config.most_wait)),
            decoder: Decoder::new()?,
            deep: Deep::new()?,
            line: LineMeter::default(),
            payload_type: config.payload_type,
            sound: with_room(vec![0.0; CONTEXT]),
            at: CONTEXT,
            end: None,
            made_up: FADED_AT,
            began: Samples::MIN,
            resting: 0,
            continuation: with_room(Vec::new()),
            since_splice: 0,
            behind_for: 0,
            restarted: false,
            stats: ReceiverStats::default(),
        })
    }

    /// Fills the next frame to be played, and says what with. `now` is when the sound card asks for it.
    pub fn pull(&mut self, frame: &mut Frame, now: Duration) -> Pulled {
        self.jitter.ask(samples(now));
        if self.restarted {
            self.restart();
        }
        if self.end.is_none() && self.jitter.len() == 0 && self.ahead() < FRAME {
            *frame = SILENCE;
            self.jitter.advance(FRAME);
            return Pulled::Waiting;
        }
        self.skip_backlog();
        let made_up_before = self.stats.made_up;
        while self.ahead() < FRAME {
            self.extend();
        }
        self.keep_pace();
        frame.copy_from_slice(&self.sound[self.at..self.at + FRAME_SAMPLES]);
        self.at += FRAME_SAMPLES;
        self.jitter.advance(FRAME);
        self.forget_played();
        if self.made_up >= FADED_AT {
            Pulled::Stopped
        } else if self.stats.made_up != made_up_before {
            Pulled::MadeUp
        } else {
            Pulled::Sound
        }
    }

    /// What the line has done to packets since this was asked last, for the sender's [`Controller`](crate::Controller): some times in a second.
    pub fn line_report(&mut self) -> LineReport {
        self.line.report()
    }

    /// What was done so far, and how much is buffered now.
    pub fn stats(&self) -> ReceiverStats {
        let (waiting, early) = self.end.map_or((0, 0), |end| (self.jitter.waiting(end), self.jitter.due_in(end - self.ahead())));
        ReceiverStats {
            buffered: duration(self.ahead() + waiting),
            late: duration((-early).max(0)),
            early: duration(early.max(0)),
            jitter: duration(self.jitter.spread()),
            ..self.stats
        }
    }

    /// Sound that is ready to play.
    fn ahead(&self) -> Samples {
        (self.sound.len() - self.at) as Samples
    }

    /// How long until the sound at `timestamp` should be the next to be appended.
    fn due_in(&self, timestamp: Samples) -> Samples {
        self.jitter.due_in(timestamp) - self.ahead()
    }

    /// Fades the old stream's sound out and prepares for the new one.
    fn restart(&mut self) {
        self.restarted = false;
        if self.made_up < FADED_AT {
            let from = self.sound.len();
            self.decoder.conceal(OVERLAP, &mut self.sound);
            fade(&mut self.sound[from..], 1.0, 0.0);
        }
        self.decoder.reset();
        self.deep.of = None;
        self.end = None;
        self.made_up = FADED_AT;
        self.resting = 0;
    }

    /// Drops played sound that no splice looks back to.
    fn forget_played(&mut self) {
        if self.at > 4 * CONTEXT {
            self.sound.drain(..self.at - CONTEXT);
            self.at = CONTEXT;
        }
    }
}

fn with_room(mut sound: Vec<f32>) -> Vec<f32> {
    sound.reserve_exact(ROOM);
    sound
}
