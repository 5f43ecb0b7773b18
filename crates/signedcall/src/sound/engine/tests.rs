use std::sync::Mutex;

use signedcall_voice::{FRAME_SAMPLES, ProcessingConfig};
use signedcall_wire::DeviceId;
use uuid::Uuid;

use super::*;
use crate::Tones;
use crate::media::Formats;

const TREATMENT: Treatment = Treatment { processing: ProcessingConfig::OFF, relax_for_headsets: true, most_bits_per_second: 104_000 };

/// A computer without any sound device.
#[derive(Debug)]
struct NoSound;

impl Sound for NoSound {
    fn check_microphone(&self) -> Result<(), SoundError> {
        Err(SoundError::NoMicrophone)
    }

    fn open_capture(&self) -> Result<Box<dyn Capture>, SoundError> {
        Err(SoundError::NoMicrophone)
    }

    fn open_playback(&self) -> Result<Box<dyn Playback>, SoundError> {
        Err(SoundError::NoSpeaker)
    }
}

/// A speaker that keeps so many frames.
struct Keeps(Arc<Mutex<Vec<f32>>>, usize);

impl Playback for Keeps {
    fn wants(&mut self) -> bool {
        self.0.lock().expect("nobody panics").len() < self.1 * FRAME_SAMPLES
    }

    fn write(&mut self, frame: &Frame) {
        self.0.lock().expect("nobody panics").extend_from_slice(frame);
    }
}

/// The first frames that are heard after these commands.
fn heard_after(commands: impl IntoIterator<Item = Command>) -> Vec<f32> {
    let (to_self, _received) = blocking::channel();
    let (tell, _events) = mpsc::unbounded_channel();
    let tones = ToneSet::load(&Tones::default()).expect("the SDK's own tones");
    let mut audio = Audio::new(Arc::new(NoSound), TREATMENT, tones, Opener::new(to_self), tell);
    let kept = Arc::new(Mutex::new(Vec::new()));
    audio.playback.await_opened(1);
    audio.obey(Command::PlaybackOpened(1, Ok(Box::new(Keeps(Arc::clone(&kept), MOST_FRAMES)))));
    for command in commands {
        audio.obey(command);
    }
    audio.play(Instant::now());
    let kept = kept.lock().expect("nobody panics");
    kept.clone()
}

fn voice() -> Command {
    let (call, device) = (CallId(Uuid::nil()), DeviceId(Uuid::nil()));
    Command::Start { call, path: VoicePath::between(Formats::default()).0, timeline: Timeline::begin(call, device) }
}

#[test]
fn a_warning_sounds_over_the_voice_and_over_a_tone() {
    let play = |tone| Command::Play(Some(tone));
    let warning = heard_after([play(Tone::Warning)]);
    assert!(warning.iter().any(|sample| sample.abs() > 0.05));
    assert_eq!(heard_after([voice(), play(Tone::Warning)]), warning, "nobody speaks");
    let both = heard_after([play(Tone::Ringback), play(Tone::Warning)]);
    let ringback = heard_after([play(Tone::Ringback)]);
    assert!(both.iter().zip(ringback.iter().zip(&warning)).all(|(both, (one, other))| (both - one - other).abs() < 1e-6));
    let stopped = heard_after([play(Tone::Ringback), play(Tone::Warning), Command::Play(None)]);
    assert_eq!(stopped, warning);
}

/// Whether the thread goes on trying after the speaker could not be opened for this tone.
fn goes_on_with(tone: Tone) -> bool {
    let (to_self, received) = blocking::channel();
    let (tell, _events) = mpsc::unbounded_channel();
    let tones = ToneSet::load(&Tones::default()).expect("the SDK's own tones");
    let mut audio = Audio::new(Arc::new(NoSound), TREATMENT, tones, Opener::new(to_self), tell);
    audio.obey(Command::Play(Some(tone)));
    audio.tick();
    audio.obey(received.recv_timeout(Duration::from_secs(20)).expect("the speaker is tried"));
    audio.is_active()
}

#[test]
fn without_a_speaker_a_ringtone_waits_for_one_and_the_tone_of_an_end_does_not() {
    assert!(goes_on_with(Tone::Ringtone));
    assert!(!goes_on_with(Tone::Ended));
}

/// What is told of a microphone that could be opened at first, or not, and cannot be opened now.
fn told_without_microphone(had_one: bool) -> Option<SoundEvent> {
    let (to_self, _received) = blocking::channel();
    let (tell, mut events) = mpsc::unbounded_channel();
    let tones = ToneSet::load(&Tones::default()).expect("the SDK's own tones");
    let mut audio = Audio::new(Arc::new(NoSound), TREATMENT, tones, Opener::new(to_self), tell);
    audio.obey(voice());
    if had_one {
        audio.capture.await_opened(1);
        audio.obey(Command::CaptureOpened(1, Ok(Box::new(Gone))));
        audio.find_lost();
    }
    audio.capture.await_opened(2);
    audio.obey(Command::CaptureOpened(2, Err(SoundError::NoMicrophone)));
    events.try_recv().ok()
}

/// A microphone that is gone before it has brought anything.
struct Gone;

impl Capture for Gone {
    fn read(&mut self, _: &mut Frame) -> bool {
        false
    }

    fn is_lost(&self) -> bool {
        true
    }
}

#[test]
fn a_microphone_that_cannot_be_opened_ends_a_call_and_one_that_is_lost_is_waited_for() {
    assert!(matches!(told_without_microphone(false), Some(SoundEvent::NoCapture { .. })));
    assert!(told_without_microphone(true).is_none());
}

#[test]
fn each_of_two_calls_keeps_its_loudness() {
    let (to_self, _received) = blocking::channel();
    let (tell, _events) = mpsc::unbounded_channel();
    let tones = ToneSet::load(&Tones::default()).expect("the SDK's own tones");
    let mut audio = Audio::new(Arc::new(NoSound), TREATMENT, tones, Opener::new(to_self), tell);
    let call = |number| CallId(Uuid::from_u128(number));
    for (number, volume) in [(1, 0.5), (2, 2.0), (1, 0.25), (3, 1.5)] {
        audio.obey(Command::SetVolume(call(number), volume));
    }
    let known: Vec<_> = audio.volumes.iter().copied().collect();
    assert_eq!(known, [(call(3), 1.5), (call(1), 0.25), (call(2), 2.0)]);
    for number in 4..20 {
        audio.obey(Command::SetVolume(call(number), 1.0));
    }
    assert_eq!(audio.volumes.len(), MOST_VOLUMES);
}
