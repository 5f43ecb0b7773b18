//! What the loudspeaker plays taken out of what the microphone picks up.
//!
//! The [`Room`] learns what becomes of sound on its way from the one to the other and subtracts it, without any delay. What it cannot know, or
//! not yet, is left: that the [`Suppressor`] lowers, knowing how unsure the room is, and as little as it can of a voice on this side.

mod played;
mod room;
mod spectrum;
mod suppressor;

use crate::frame::Frame;
use room::Room;
use suppressor::Suppressor;

/// Takes out echo.
pub(crate) struct EchoCanceller {
    room: Room,
    suppressor: Suppressor,
}

impl EchoCanceller {
    pub(crate) fn new() -> Self {
        Self { room: Room::new(), suppressor: Suppressor::new() }
    }

    /// Takes note of a frame that goes to the loudspeaker.
    pub(crate) fn render(&mut self, frame: &Frame) {
        self.room.render(frame);
    }

    /// Cleans a frame that comes from the microphone, in place. `clipped` says that the loudest of it was cut off.
    pub(crate) fn capture(&mut self, frame: &mut Frame, clipped: bool) {
        let echo = self.room.capture(frame, clipped);
        if self.suppressor.process(frame, &echo, clipped) {
            self.room.doubt();
        }
    }
}
