//! Sound that is none: whoever signs in only to see whether it works must not ring.

use signedcall::{Capture, Frame, Playback, Sound, SoundError};

#[derive(Debug)]
pub(super) struct Silence;

impl Sound for Silence {
    fn check_microphone(&self) -> Result<(), SoundError> {
        Ok(())
    }

    fn open_capture(&self) -> Result<Box<dyn Capture>, SoundError> {
        Ok(Box::new(Self))
    }

    fn open_playback(&self) -> Result<Box<dyn Playback>, SoundError> {
        Ok(Box::new(Self))
    }
}

impl Capture for Silence {
    fn read(&mut self, _: &mut Frame) -> bool {
        false
    }
}

impl Playback for Silence {
    fn wants(&mut self) -> bool {
        false
    }

    fn write(&mut self, _: &Frame) {}
}
