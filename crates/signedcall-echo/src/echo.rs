//! Sound that says a greeting and then what it has heard.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use signedcall::{Capture, Frame, Pace, Playback, SAMPLE_RATE, SILENCE, Sound, SoundError};

/// How long what was heard is kept before it is returned: long enough to be told from one's own voice, short enough to tell the delay of the
/// line.
const DELAY: usize = SAMPLE_RATE as usize * 3 / 10;
/// What is kept at most; the oldest is lost beyond it.
const MOST: usize = 2 * SAMPLE_RATE as usize;

/// A microphone that says what the speaker hears.
#[derive(Clone, Default)]
pub(crate) struct EchoSound {
    heard: Arc<Mutex<VecDeque<f32>>>,
}

impl fmt::Debug for EchoSound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EchoSound")
    }
}

impl Sound for EchoSound {
    fn check_microphone(&self) -> Result<(), SoundError> {
        Ok(())
    }

    fn open_capture(&self) -> Result<Box<dyn Capture>, SoundError> {
        Ok(Box::new(Mouth { greeting: greeting().into(), heard: self.clone(), pace: Pace::start() }))
    }

    fn open_playback(&self) -> Result<Box<dyn Playback>, SoundError> {
        Ok(Box::new(Ear { heard: self.clone(), pace: Pace::start() }))
    }
}

impl EchoSound {
    fn with<T>(&self, act: impl FnOnce(&mut VecDeque<f32>) -> T) -> T {
        act(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets what was heard, and begins anew with the delay.
    fn restart(&self) {
        self.with(|heard| {
            heard.clear();
            heard.resize(DELAY, 0.0);
        });
    }
}

struct Mouth {
    greeting: VecDeque<f32>,
    heard: EchoSound,
    pace: Pace,
}

impl Capture for Mouth {
    fn read(&mut self, frame: &mut Frame) -> bool {
        if !self.pace.is_due() {
            return false;
        }
        *frame = SILENCE;
        if self.greeting.is_empty() {
            self.heard.with(|heard| say(heard, frame));
        } else {
            say(&mut self.greeting, frame);
            // What is said into the greeting is not returned.
            self.heard.restart();
        }
        true
    }
}

fn say(samples: &mut VecDeque<f32>, frame: &mut Frame) {
    let count = samples.len().min(frame.len());
    for (sample, said) in frame.iter_mut().zip(samples.drain(..count)) {
        *sample = said;
    }
}

struct Ear {
    heard: EchoSound,
    pace: Pace,
}

impl Playback for Ear {
    fn wants(&mut self) -> bool {
        self.pace.is_due()
    }

    fn write(&mut self, frame: &Frame) {
        self.heard.with(|heard| {
            heard.extend(frame);
            let too_many = heard.len().saturating_sub(MOST);
            heard.drain(..too_many);
        });
    }
}

/// "This is the echo test …", and a tone.
const GREETING: &[u8] = include_bytes!("../../../assets/greeting.wav");

fn greeting() -> Vec<f32> {
    signedcall::decode_sound(GREETING).expect("the greeting is a sound file; a test reads it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mouth(sound: &EchoSound) -> Mouth {
        Mouth { greeting: vec![0.5; 480].into(), heard: sound.clone(), pace: Pace::start() }
    }

    /// Reads as many frames as there are, without waiting for the clock.
    fn read(mouth: &mut Mouth) -> Frame {
        mouth.pace = Pace::start();
        let mut frame = SILENCE;
        assert!(mouth.read(&mut frame));
        frame
    }

    #[test]
    fn the_greeting_comes_first_and_then_what_was_heard_after_it() {
        let sound = EchoSound::default();
        let (mut mouth, mut ear) = (mouth(&sound), Ear { heard: sound.clone(), pace: Pace::start() });
        ear.write(&[0.9; 480]);
        assert_eq!(read(&mut mouth), [0.5; 480]);
        ear.write(&[0.25; 480]);
        let said: Vec<Frame> = (0..=DELAY / 480).map(|_| read(&mut mouth)).collect();
        assert!(said[..DELAY / 480].iter().all(|frame| *frame == SILENCE));
        assert_eq!(said[DELAY / 480], [0.25; 480]);
    }

    #[test]
    fn the_greeting_can_be_read() {
        assert!(greeting().iter().any(|sample| sample.abs() > 0.05));
    }

    #[test]
    fn a_caller_who_is_never_answered_fills_no_memory() {
        let sound = EchoSound::default();
        let mut ear = Ear { heard: sound.clone(), pace: Pace::start() };
        for _ in 0..1_000 {
            ear.write(&SILENCE);
        }
        assert_eq!(sound.with(|heard| heard.len()), MOST);
    }
}
