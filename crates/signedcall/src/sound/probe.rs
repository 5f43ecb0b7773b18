//! A short look at microphone and speaker, outside of any call.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use signedcall_voice::{Frame, SILENCE};

use super::{Sound, SoundError};
use crate::VoiceOptions;

/// How long a microphone may take to bring its first sound: one that talks to its headset by radio needs a second.
const FIRST_SOUND: Duration = Duration::from_secs(3);
/// How long silence is listened to before the microphone is called silent: some begin with a few zeros.
const LISTEN: Duration = Duration::from_millis(600);
/// How long a speaker may take to play: as long as one that talks to its headset by radio needs.
const FIRST_PLAYED: Duration = Duration::from_secs(3);
/// Frames of silence that a speaker takes when it plays. The first few only fill its buffers; one that plays asks for more.
const PLAYED: usize = 30;
/// How often the devices are asked meanwhile: a frame lasts twice as long.
const TICK: Duration = Duration::from_millis(5);

/// What a look at the sound devices has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundCheck {
    /// What came from the microphone.
    pub microphone: Result<MicrophoneCheck, SoundError>,
    /// Whether the speaker plays.
    pub speaker: Result<(), SoundError>,
}

/// What came from a microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MicrophoneCheck {
    /// Sound, and be it the noise of the room.
    Sound,
    /// Nothing but silence: it is switched off somewhere.
    Silence,
}

/// Opens the microphone and the speaker that `voice` chooses for a moment, and says what came of it. Nothing is heard, kept or sent.
pub async fn check_sound(voice: &VoiceOptions) -> SoundCheck {
    let sound = voice.devices();
    let looked = tokio::task::spawn_blocking(move || look(&sound)).await;
    looked.unwrap_or_else(|stopped| {
        let broken = SoundError::Broken(stopped.to_string());
        SoundCheck { microphone: Err(broken.clone()), speaker: Err(broken) }
    })
}

fn look(sound: &Arc<dyn Sound>) -> SoundCheck {
    SoundCheck { microphone: listen(sound.as_ref()), speaker: play(sound.as_ref()) }
}

fn listen(sound: &dyn Sound) -> Result<MicrophoneCheck, SoundError> {
    let mut capture = sound.open_capture()?;
    let mut frame: Frame = SILENCE;
    let opened = Instant::now();
    let mut first = None;
    while opened.elapsed() < FIRST_SOUND && !capture.is_lost() {
        if !capture.read(&mut frame) {
            thread::sleep(TICK);
            continue;
        }
        if frame.iter().any(|sample| *sample != 0.0) {
            return Ok(MicrophoneCheck::Sound);
        }
        if first.get_or_insert_with(Instant::now).elapsed() > LISTEN {
            return Ok(MicrophoneCheck::Silence);
        }
    }
    Err(SoundError::Broken("it brings no sound".to_owned()))
}

fn play(sound: &dyn Sound) -> Result<(), SoundError> {
    let mut playback = sound.open_playback()?;
    let opened = Instant::now();
    let mut taken = 0;
    while taken < PLAYED && opened.elapsed() < FIRST_PLAYED && !playback.is_lost() {
        while playback.wants() {
            playback.write(&SILENCE);
            taken += 1;
        }
        thread::sleep(TICK);
    }
    if taken < PLAYED { Err(SoundError::Broken("it plays no sound".to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::{Capture, Pace, Playback};

    /// Devices that bring what a test says, at their own pace.
    #[derive(Debug)]
    struct Room {
        brings: Option<f32>,
        plays: bool,
    }

    struct Device(Pace, Option<f32>);

    impl Sound for Room {
        fn check_microphone(&self) -> Result<(), SoundError> {
            Ok(())
        }

        fn open_capture(&self) -> Result<Box<dyn Capture>, SoundError> {
            Ok(Box::new(Device(Pace::start(), self.brings)))
        }

        fn open_playback(&self) -> Result<Box<dyn Playback>, SoundError> {
            if self.plays { Ok(Box::new(Device(Pace::start(), None))) } else { Err(SoundError::NoSpeaker) }
        }
    }

    impl Capture for Device {
        fn read(&mut self, frame: &mut Frame) -> bool {
            let Some(level) = self.1.filter(|_| self.0.is_due()) else { return false };
            *frame = [level; signedcall_voice::FRAME_SAMPLES];
            true
        }

        fn is_lost(&self) -> bool {
            self.1.is_none()
        }
    }

    impl Playback for Device {
        fn wants(&mut self) -> bool {
            self.0.is_due()
        }

        fn write(&mut self, _: &Frame) {}
    }

    fn found(brings: Option<f32>, plays: bool) -> SoundCheck {
        look(&(Arc::new(Room { brings, plays }) as Arc<dyn Sound>))
    }

    #[test]
    fn a_microphone_is_told_from_one_that_is_switched_off_and_one_that_does_not_work() {
        assert_eq!(found(Some(0.001), true).microphone, Ok(MicrophoneCheck::Sound));
        assert_eq!(found(Some(0.0), true).microphone, Ok(MicrophoneCheck::Silence));
        assert!(matches!(found(None, true).microphone, Err(SoundError::Broken(_))));
    }

    #[test]
    fn a_speaker_plays_or_is_not_there() {
        assert_eq!(found(Some(0.0), true).speaker, Ok(()));
        assert_eq!(found(Some(0.0), false).speaker, Err(SoundError::NoSpeaker));
    }
}
