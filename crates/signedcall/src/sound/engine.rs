//! The audio thread: tones, and the voice of the call that is on.

use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::thread;
use std::time::{Duration, Instant};

use signedcall_core::Tone;
use signedcall_voice::{Frame, SILENCE};
use signedcall_wire::CallId;
use tokio::sync::mpsc;

use super::priority::go_first;
use super::tone::{Playing, ToneSet, mix};
use super::voice::{Voice, VoiceCondition};
use super::{Capture, Playback, Sound, SoundError};
use crate::media::VoicePath;
use crate::timing::{Milestone, Timeline};

/// How often the thread looks at the devices' rings while there is something to do: half a frame, so that a frame waits 2.5 ms on average.
const TICK: Duration = Duration::from_millis(5);
/// How long the speaker stays open with nothing to play. Opening it costs time that the next tone or voice would miss, and what was written
/// last must still be heard.
const LINGER: Duration = Duration::from_millis(500);
/// How long a lost device is given before it is opened again, each time.
const REOPEN_AFTER: Duration = Duration::from_millis(500);
/// The most frames that are written in one tick: a speaker that always wants more would starve the microphone.
const MOST_FRAMES: usize = 10;

/// What the audio thread tells the driver.
#[derive(Debug)]
pub(crate) enum SoundEvent {
    /// The microphone could not be opened for this call.
    NoCapture { call: CallId, error: SoundError },
    /// The speaker could not be opened for this call.
    NoPlayback { call: CallId, error: SoundError },
    /// What there is to say of this call's voice has changed.
    Condition { call: CallId, condition: VoiceCondition },
}

/// The audio thread, which sleeps while there is nothing to hear or say.
#[derive(Debug)]
pub(crate) struct Engine {
    commands: blocking::Sender<Command>,
    events: mpsc::UnboundedReceiver<SoundEvent>,
}

enum Command {
    Play(Option<Tone>),
    Start { call: CallId, path: VoicePath, timeline: Timeline },
    Stop(CallId),
    Mute(CallId, bool),
    UseSound(Arc<dyn Sound>, bool),
    UseTones(ToneSet),
    CaptureOpened(u64, Result<Box<dyn Capture>, SoundError>),
    PlaybackOpened(u64, Result<Box<dyn Playback>, SoundError>),
}

impl Engine {
    /// Starts the thread. It ends when the engine is dropped.
    pub(crate) fn start(sound: Arc<dyn Sound>, processing: bool, tones: ToneSet) -> std::io::Result<Self> {
        let (commands, received) = blocking::channel();
        let (tell, events) = mpsc::unbounded_channel();
        let to_self = commands.clone();
        thread::Builder::new().name("signedcall-audio".to_owned()).spawn(move || {
            go_first();
            let mut audio = Audio::new(sound, processing, tones, OpenedBy { to_self, number: 0 }, tell);
            // The thread holds a sender itself, for the devices it opens; the engine's end is told by an empty tell channel.
            while !audio.events.is_closed() {
                audio.wait(&received);
            }
        })?;
        Ok(Self { commands, events })
    }

    /// Waits for the next thing to happen. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> SoundEvent {
        match self.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    pub(crate) fn play(&self, tone: Option<Tone>) {
        self.command(Command::Play(tone));
    }

    pub(crate) fn start_voice(&self, call: CallId, path: VoicePath, timeline: Timeline) {
        self.command(Command::Start { call, path, timeline });
    }

    pub(crate) fn stop_voice(&self, call: CallId) {
        self.command(Command::Stop(call));
    }

    pub(crate) fn mute(&self, call: CallId, muted: bool) {
        self.command(Command::Mute(call, muted));
    }

    pub(crate) fn use_sound(&self, sound: Arc<dyn Sound>, processing: bool) {
        self.command(Command::UseSound(sound, processing));
    }

    pub(crate) fn use_tones(&self, tones: ToneSet) {
        self.command(Command::UseTones(tones));
    }

    fn command(&self, command: Command) {
        if self.commands.send(command).is_err() {
            tracing::error!("the audio thread has stopped");
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.events.close();
        // Wakes the thread, which sees the closed channel.
        let _ = self.commands.send(Command::Play(None));
    }
}

/// A device on its way: closed, being opened by a thread of its own, or open.
enum Slot<T> {
    Closed { retry_at: Option<Instant> },
    Opening(u64),
    Open(T),
}

impl<T> Slot<T> {
    const CLOSED: Self = Self::Closed { retry_at: None };

    fn is_due(&self, now: Instant) -> bool {
        match self {
            Self::Closed { retry_at } => retry_at.is_none_or(|at| at <= now),
            Self::Opening(_) | Self::Open(_) => false,
        }
    }
}

/// Opens devices beside the audio thread, which must not wait for them.
struct OpenedBy {
    to_self: blocking::Sender<Command>,
    number: u64,
}

impl OpenedBy {
    fn open<T: 'static>(
        &mut self,
        sound: &Arc<dyn Sound>,
        open: fn(&dyn Sound) -> Result<T, SoundError>,
        opened: fn(u64, Result<T, SoundError>) -> Command,
    ) -> u64 {
        self.number += 1;
        let (number, sound, to_self) = (self.number, Arc::clone(sound), self.to_self.clone());
        thread::spawn(move || {
            let _ = to_self.send(opened(number, open(sound.as_ref())));
        });
        number
    }
}

struct Audio {
    sound: Arc<dyn Sound>,
    processing: bool,
    tones: ToneSet,
    opener: OpenedBy,
    events: mpsc::UnboundedSender<SoundEvent>,
    capture: Slot<Box<dyn Capture>>,
    playback: Slot<Box<dyn Playback>>,
    tone: Option<Playing>,
    /// What sounds once, over the voice and the tone.
    over: Option<Playing>,
    voice: Option<Voice>,
    /// What was asked for a call before its voice started.
    muted: Option<(CallId, bool)>,
    quiet_since: Instant,
}

impl Audio {
    fn new(sound: Arc<dyn Sound>, processing: bool, tones: ToneSet, opener: OpenedBy, events: mpsc::UnboundedSender<SoundEvent>) -> Self {
        Self {
            sound,
            processing,
            tones,
            opener,
            events,
            capture: Slot::CLOSED,
            playback: Slot::CLOSED,
            tone: None,
            over: None,
            voice: None,
            muted: None,
            quiet_since: Instant::now(),
        }
    }

    /// Waits for a command or the next tick, whichever comes first, and does what is due.
    fn wait(&mut self, received: &blocking::Receiver<Command>) {
        let command = if self.is_active() {
            match received.recv_timeout(TICK) {
                Ok(command) => Some(command),
                Err(blocking::RecvTimeoutError::Timeout) => None,
                Err(blocking::RecvTimeoutError::Disconnected) => return,
            }
        } else {
            received.recv().ok()
        };
        if let Some(command) = command {
            self.obey(command);
        }
        self.tick();
    }

    fn is_active(&self) -> bool {
        self.is_heard() || matches!(self.playback, Slot::Open(_))
    }

    /// Whether there is anything for the speaker.
    fn is_heard(&self) -> bool {
        self.tone.is_some() || self.over.is_some() || self.voice.is_some()
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Play(Some(tone)) if tone.sounds_once() => self.over = Some(self.tones.play(tone)),
            Command::Play(tone) => self.tone = tone.map(|tone| self.tones.play(tone)),
            Command::Start { call, path, timeline } => self.start(call, path, timeline),
            Command::Stop(call) => {
                if self.voice.as_ref().is_some_and(|voice| voice.call() == call) {
                    self.stop();
                }
            }
            Command::Mute(call, muted) => {
                self.muted = Some((call, muted));
                if let Some(voice) = self.voice.as_mut().filter(|voice| voice.call() == call) {
                    voice.set_muted(muted);
                }
            }
            Command::UseSound(sound, processing) => {
                self.sound = sound;
                self.processing = processing;
                close(&mut self.capture);
                close(&mut self.playback);
                if let Some(voice) = &mut self.voice {
                    voice.use_processing(processing);
                }
            }
            Command::UseTones(tones) => self.tones = tones,
            Command::CaptureOpened(number, opened) => self.take_capture(number, opened),
            Command::PlaybackOpened(number, opened) => self.take_playback(number, opened),
        }
    }

    fn start(&mut self, call: CallId, path: VoicePath, timeline: Timeline) {
        self.stop();
        let muted = self.muted.is_some_and(|(whose, muted)| whose == call && muted);
        match Voice::start(call, path, timeline, self.processing, muted) {
            Ok(voice) => self.voice = Some(voice),
            Err(error) => {
                let error = SoundError::Broken(error.to_string());
                let _ = self.events.send(SoundEvent::NoPlayback { call, error });
            }
        }
    }

    fn stop(&mut self) {
        if let Some(voice) = self.voice.take() {
            let overruns = if let Slot::Open(capture) = &self.capture { capture.overruns() } else { 0 };
            let underruns = if let Slot::Open(playback) = &self.playback { playback.underruns() } else { 0 };
            voice.log_end(overruns, underruns);
        }
        close(&mut self.capture);
    }

    fn take_capture(&mut self, number: u64, opened: Result<Box<dyn Capture>, SoundError>) {
        if !matches!(self.capture, Slot::Opening(wanted) if wanted == number) {
            return thread_drop(opened);
        }
        self.capture = match (opened, &mut self.voice) {
            (Ok(capture), Some(voice)) => {
                voice.mark(Milestone::CaptureOpened);
                Slot::Open(capture)
            }
            (Ok(capture), None) => {
                thread_drop(capture);
                Slot::CLOSED
            }
            (Err(error), voice) => {
                tracing::warn!(%error, "the microphone cannot be opened");
                if let Some(voice) = voice.as_ref().filter(|voice| !voice.was_heard()) {
                    let _ = self.events.send(SoundEvent::NoCapture { call: voice.call(), error });
                }
                Slot::Closed { retry_at: Some(Instant::now() + REOPEN_AFTER) }
            }
        };
    }

    fn take_playback(&mut self, number: u64, opened: Result<Box<dyn Playback>, SoundError>) {
        if !matches!(self.playback, Slot::Opening(wanted) if wanted == number) {
            return thread_drop(opened);
        }
        self.playback = match opened {
            Ok(playback) => {
                self.quiet_since = Instant::now();
                Slot::Open(playback)
            }
            Err(error) => {
                tracing::warn!(%error, "the speaker cannot be opened");
                if let Some(voice) = self.voice.as_ref().filter(|voice| !voice.has_sounded()) {
                    let _ = self.events.send(SoundEvent::NoPlayback { call: voice.call(), error });
                }
                // A tone that says one thing once says nothing later; without this, the speaker would be tried for ever.
                self.over = None;
                Slot::Closed { retry_at: Some(Instant::now() + REOPEN_AFTER) }
            }
        };
    }

    fn tick(&mut self) {
        let now = Instant::now();
        self.find_lost(now);
        if self.is_heard() && self.playback.is_due(now) {
            let number = self.opener.open(&self.sound, |sound| sound.open_playback(), Command::PlaybackOpened);
            self.playback = Slot::Opening(number);
        }
        if self.voice.is_some() && self.capture.is_due(now) {
            let number = self.opener.open(&self.sound, |sound| sound.open_capture(), Command::CaptureOpened);
            self.capture = Slot::Opening(number);
        }
        if let Some(voice) = &mut self.voice {
            voice.receive();
            if let Some(condition) = voice.news() {
                let _ = self.events.send(SoundEvent::Condition { call: voice.call(), condition });
            }
        }
        self.play(now);
        self.speak();
    }

    fn find_lost(&mut self, now: Instant) {
        if let Slot::Open(capture) = &self.capture
            && capture.is_lost()
        {
            tracing::warn!("the microphone stopped; it is opened again, or another");
            close(&mut self.capture);
            self.capture = Slot::Closed { retry_at: Some(now) };
        }
        if let Slot::Open(playback) = &self.playback
            && playback.is_lost()
        {
            tracing::warn!("the speaker stopped; it is opened again, or another");
            close(&mut self.playback);
            self.playback = Slot::Closed { retry_at: Some(now) };
        }
    }

    fn play(&mut self, now: Instant) {
        let Slot::Open(playback) = &mut self.playback else {
            if let Some(voice) = &mut self.voice {
                voice.hear_nothing();
            }
            return;
        };
        for _ in 0..MOST_FRAMES {
            if !playback.wants() {
                break;
            }
            let mut frame: Frame = SILENCE;
            for slot in [&mut self.tone, &mut self.over] {
                let Some(tone) = slot else { continue };
                match tone.next_frame() {
                    Some(next) => mix(&mut frame, &next),
                    None => *slot = None,
                }
                self.quiet_since = now;
            }
            if let Some(voice) = &mut self.voice {
                let tones = frame;
                voice.next_frame(&mut frame, &tones);
                self.quiet_since = now;
            }
            playback.write(&frame);
        }
        if !self.is_heard() && now.duration_since(self.quiet_since) > LINGER {
            close(&mut self.playback);
        }
    }

    fn speak(&mut self) {
        let Some(voice) = &mut self.voice else { return };
        match &mut self.capture {
            Slot::Open(capture) => {
                let mut frame: Frame = SILENCE;
                while capture.read(&mut frame) {
                    voice.say(&mut frame);
                }
            }
            Slot::Closed { .. } | Slot::Opening(_) => voice.say_nothing(),
        }
    }
}

/// Closes a device beside the audio thread: it may wait for a sound server that hangs.
fn close<T: Send + 'static>(slot: &mut Slot<T>) {
    if let Slot::Open(device) = std::mem::replace(slot, Slot::CLOSED) {
        thread_drop(device);
    }
}

fn thread_drop<T: Send + 'static>(value: T) {
    thread::spawn(move || drop(value));
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use signedcall_voice::FRAME_SAMPLES;
    use signedcall_wire::DeviceId;
    use uuid::Uuid;

    use super::*;
    use crate::Tones;

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
        let mut audio = Audio::new(Arc::new(NoSound), false, tones, OpenedBy { to_self, number: 0 }, tell);
        let kept = Arc::new(Mutex::new(Vec::new()));
        audio.playback = Slot::Open(Box::new(Keeps(Arc::clone(&kept), MOST_FRAMES)));
        for command in commands {
            audio.obey(command);
        }
        audio.play(Instant::now());
        let kept = kept.lock().expect("nobody panics");
        kept.clone()
    }

    fn voice() -> Command {
        let (outgoing, _sent) = mpsc::channel(1);
        let (_heard, incoming) = blocking::sync_channel(1);
        let (call, device) = (CallId(Uuid::nil()), DeviceId(Uuid::nil()));
        Command::Start { call, path: VoicePath { outgoing, incoming }, timeline: Timeline::begin(call, device) }
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
        let mut audio = Audio::new(Arc::new(NoSound), false, tones, OpenedBy { to_self, number: 0 }, tell);
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
}
