//! The audio thread: tones, and the voice of the call that is on.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use signedcall_core::Tone;
use signedcall_voice::{Frame, SILENCE};
use signedcall_wire::CallId;
use tokio::sync::mpsc;

use super::priority::go_first;
use super::slot::{Opener, Slot, Taken};
use super::tone::{Playing, ToneSet, mix};
use super::voice::{UsedDevices, Voice, VoiceCondition};
use super::{Capture, Playback, Sound, SoundError, Treatment};
use crate::media::VoicePath;
use crate::quality::VoiceStats;
use crate::timing::{Milestone, Timeline};

/// How often the thread looks at devices that do not say when there is something to do: half a frame, so that a frame waits 2.5 ms on average.
const TICK: Duration = Duration::from_millis(5);
/// How often it looks at those that do, for what they do not say: that they are lost.
const LONG_TICK: Duration = Duration::from_millis(20);
/// How long the speaker stays open with nothing to play. Opening it costs time that the next tone or voice would miss, and what was written
/// last must still be heard.
const LINGER: Duration = Duration::from_millis(500);
/// Of how many calls it is known how loud they are: a device is in two at most.
const MOST_VOLUMES: usize = 4;
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
    /// A second of a call's voice in figures.
    Second(VoiceStats),
}

/// The audio thread, which sleeps while there is nothing to hear or say.
#[derive(Debug)]
pub(crate) struct Engine {
    commands: blocking::Sender<Command>,
    thread: Thread,
    events: mpsc::UnboundedReceiver<SoundEvent>,
}

enum Command {
    Play(Option<Tone>),
    Start { call: CallId, path: VoicePath, timeline: Timeline },
    Stop(CallId),
    Mute(CallId, bool),
    SetVolume(CallId, f32),
    UseSound(Arc<dyn Sound>, Treatment),
    UseTones(ToneSet),
    CaptureOpened(u64, Result<Box<dyn Capture>, SoundError>),
    PlaybackOpened(u64, Result<Box<dyn Playback>, SoundError>),
    RingerOpened(u64, Result<Box<dyn Playback>, SoundError>),
}

impl Engine {
    /// Starts the thread. It ends when the engine is dropped.
    pub(crate) fn start(sound: Arc<dyn Sound>, treatment: Treatment, tones: ToneSet) -> std::io::Result<Self> {
        let (commands, received) = blocking::channel();
        let (tell, events) = mpsc::unbounded_channel();
        let to_self = commands.clone();
        let audio = thread::Builder::new().name("signedcall-audio".to_owned()).spawn(move || {
            tracing::debug!(first = go_first(), "sound goes before other work where the system grants that");
            let mut audio = Audio::new(sound, treatment, tones, Opener::new(to_self), tell);
            // The thread holds a sender itself, for the devices it opens; the engine's end is told by an empty tell channel.
            while !audio.events.is_closed() {
                audio.wait(&received);
            }
        })?;
        Ok(Self { commands, thread: audio.thread().clone(), events })
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

    pub(crate) fn set_volume(&self, call: CallId, volume: f32) {
        self.command(Command::SetVolume(call, volume));
    }

    pub(crate) fn use_sound(&self, sound: Arc<dyn Sound>, treatment: Treatment) {
        self.command(Command::UseSound(sound, treatment));
    }

    pub(crate) fn use_tones(&self, tones: ToneSet) {
        self.command(Command::UseTones(tones));
    }

    fn command(&self, command: Command) {
        if self.commands.send(command).is_err() {
            tracing::error!("the audio thread has stopped");
        }
        self.thread.unpark();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.events.close();
        // It sees the closed channel.
        self.thread.unpark();
    }
}

struct Audio {
    sound: Arc<dyn Sound>,
    treatment: Treatment,
    tones: ToneSet,
    opener: Opener<Command>,
    events: mpsc::UnboundedSender<SoundEvent>,
    capture: Slot<Box<dyn Capture>>,
    /// Whether the microphone wakes the thread.
    capture_wakes: bool,
    playback: Slot<Box<dyn Playback>>,
    /// The speaker that rings, where it is not the same.
    ringer: Slot<Box<dyn Playback>>,
    tone: Option<Playing>,
    /// The tone that the ringer plays.
    ringtone: Option<Playing>,
    /// What sounds once, over the voice and the tone.
    over: Option<Playing>,
    voice: Option<Voice>,
    /// What was asked for a call before its voice started.
    muted: Option<(CallId, bool)>,
    /// How loud calls are that the user has made louder or softer, the latest first.
    volumes: VecDeque<(CallId, f32)>,
    quiet_since: Instant,
}

impl Audio {
    fn new(
        sound: Arc<dyn Sound>,
        treatment: Treatment,
        tones: ToneSet,
        opener: Opener<Command>,
        events: mpsc::UnboundedSender<SoundEvent>,
    ) -> Self {
        Self {
            sound,
            treatment,
            tones,
            opener,
            events,
            capture: Slot::empty(),
            capture_wakes: false,
            playback: Slot::empty(),
            ringer: Slot::empty(),
            tone: None,
            ringtone: None,
            over: None,
            voice: None,
            muted: None,
            volumes: VecDeque::new(),
            quiet_since: Instant::now(),
        }
    }

    /// Waits for a command, a device or the next tick, whichever comes first, and does what is due.
    fn wait(&mut self, received: &blocking::Receiver<Command>) {
        match received.try_recv() {
            Ok(command) => self.obey(command),
            // Whoever sends a command wakes the thread afterwards, also before it sleeps.
            Err(_) if self.is_active() => thread::park_timeout(self.tick_in()),
            Err(_) => thread::park(),
        }
        self.tick();
    }

    /// How long there will be nothing to do for the devices, unless they say so.
    fn tick_in(&self) -> Duration {
        let is_played = self.is_heard() || self.playback.device().is_some();
        let looked_at = [is_played.then_some(&self.playback), self.ringtone.as_ref().map(|_| &self.ringer)];
        let speakers = looked_at.into_iter().flatten().map(|slot| slot.device().and_then(|speaker| speaker.wants_in()).unwrap_or(TICK));
        let microphone = if self.voice.is_none() || (self.capture_wakes && self.capture.device().is_some()) { LONG_TICK } else { TICK };
        speakers.fold(microphone, Duration::min)
    }

    fn is_active(&self) -> bool {
        self.is_heard() || self.ringtone.is_some() || self.playback.device().is_some()
    }

    /// Whether there is anything for the speaker.
    fn is_heard(&self) -> bool {
        self.tone.is_some() || self.over.is_some() || self.voice.is_some()
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Play(Some(tone)) if tone.sounds_once() => self.over = Some(self.tones.play(tone)),
            Command::Play(Some(Tone::Ringtone)) if self.sound.has_ringer() => {
                self.tone = None;
                self.ringtone = Some(self.tones.play(Tone::Ringtone));
            }
            Command::Play(tone) => {
                self.tone = tone.map(|tone| self.tones.play(tone));
                self.ringtone = None;
                self.ringer.close();
            }
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
            Command::UseSound(sound, treatment) => {
                self.sound = sound;
                self.treatment = treatment;
                self.capture.replace();
                self.playback.replace();
                self.ringer.replace();
                if let Some(voice) = &mut self.voice {
                    voice.treat(treatment);
                }
            }
            Command::SetVolume(call, volume) => {
                self.volumes.retain(|(whose, _)| *whose != call);
                self.volumes.truncate(MOST_VOLUMES - 1);
                self.volumes.push_front((call, volume));
                if let Some(voice) = self.voice.as_mut().filter(|voice| voice.call() == call) {
                    voice.set_volume(volume);
                }
            }
            Command::UseTones(tones) => self.tones = tones,
            Command::CaptureOpened(number, opened) => self.take_capture(number, opened),
            Command::PlaybackOpened(number, opened) => self.take_playback(number, opened),
            Command::RingerOpened(number, opened) => self.take_ringer(number, opened),
        }
    }

    fn start(&mut self, call: CallId, path: VoicePath, timeline: Timeline) {
        self.stop();
        let muted = self.muted.is_some_and(|(whose, muted)| whose == call && muted);
        match Voice::start(call, path, timeline, self.treatment, muted) {
            Ok(mut voice) => {
                if let Some((_, volume)) = self.volumes.iter().find(|(whose, _)| *whose == call) {
                    voice.set_volume(*volume);
                }
                self.voice = Some(voice);
            }
            Err(error) => {
                let error = SoundError::Broken(error.to_string());
                let _ = self.events.send(SoundEvent::NoPlayback { call, error });
            }
        }
    }

    fn stop(&mut self) {
        if let Some(voice) = self.voice.take() {
            let overruns = self.capture.device().map_or(0, |capture| capture.overruns());
            let underruns = self.playback.device().map_or(0, |playback| playback.underruns());
            voice.log_end(overruns, underruns);
        }
        self.capture.close();
    }

    fn take_capture(&mut self, number: u64, opened: Result<Box<dyn Capture>, SoundError>) {
        match (self.capture.take(number, opened, Instant::now()), &mut self.voice) {
            (Taken::Opened, Some(voice)) => {
                self.capture_wakes = self.capture.device_mut().is_some_and(|capture| capture.wake(&thread::current()));
                voice.mark(Milestone::CaptureOpened);
                voice.has(true, false);
            }
            (Taken::Opened, None) => self.capture.close(),
            (Taken::Failed(error), voice) => {
                tracing::warn!(%error, "the microphone cannot be opened");
                if let Some(voice) = voice.as_ref().filter(|voice| !voice.had_microphone()) {
                    let _ = self.events.send(SoundEvent::NoCapture { call: voice.call(), error });
                }
            }
            (Taken::Stale, _) => {}
        }
    }

    fn take_playback(&mut self, number: u64, opened: Result<Box<dyn Playback>, SoundError>) {
        match self.playback.take(number, opened, Instant::now()) {
            Taken::Opened => self.quiet_since = Instant::now(),
            Taken::Failed(error) => {
                tracing::warn!(%error, "the speaker cannot be opened");
                if let Some(voice) = self.voice.as_ref().filter(|voice| !voice.had_speaker()) {
                    let _ = self.events.send(SoundEvent::NoPlayback { call: voice.call(), error });
                }
                // A tone that says one thing once says nothing later; without this, the speaker would be tried for ever.
                self.over = None;
            }
            Taken::Stale => {}
        }
    }

    fn take_ringer(&mut self, number: u64, opened: Result<Box<dyn Playback>, SoundError>) {
        match (self.ringer.take(number, opened, Instant::now()), &self.ringtone) {
            (Taken::Opened, None) => self.ringer.close(),
            (Taken::Failed(error), _) => {
                tracing::warn!(%error, "the speaker that rings cannot be opened; the other one rings");
                self.tone = self.ringtone.take();
            }
            (Taken::Opened, Some(_)) | (Taken::Stale, _) => {}
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        self.find_lost();
        if self.is_heard() && self.playback.is_due(now, |playback| playback.is_outdated()) {
            self.playback.await_opened(self.opener.open(&self.sound, |sound| sound.open_playback(), Command::PlaybackOpened));
        }
        if self.ringtone.is_some() && self.ringer.is_due(now, |ringer| ringer.is_outdated()) {
            self.ringer.await_opened(self.opener.open(&self.sound, |sound| sound.open_ringer(), Command::RingerOpened));
        }
        if self.voice.is_some() && self.capture.is_due(now, |capture| capture.is_outdated()) {
            self.capture.await_opened(self.opener.open(&self.sound, |sound| sound.open_capture(), Command::CaptureOpened));
        }
        if let Some(voice) = &mut self.voice {
            voice.receive();
            let (capture, playback) = (self.capture.device(), self.playback.device());
            voice.has(false, playback.is_some());
            voice.use_devices(UsedDevices {
                microphone: capture.and_then(|capture| capture.name()),
                speaker: playback.and_then(|playback| playback.name()),
                headset: playback.is_some_and(|playback| playback.is_worn()),
            });
            if let Some(condition) = voice.news() {
                let _ = self.events.send(SoundEvent::Condition { call: voice.call(), condition });
            }
            if let Some(second) = voice.take_second() {
                let _ = self.events.send(SoundEvent::Second(second));
            }
        }
        self.ring();
        self.play(now);
        self.speak();
        if let Some(voice) = &mut self.voice {
            voice.note_turn(now.elapsed());
        }
    }

    fn find_lost(&mut self) {
        if self.capture.device().is_some_and(|capture| capture.is_lost()) {
            tracing::warn!("the microphone stopped; it is opened again, or another");
            self.capture.close();
        }
        for slot in [&mut self.playback, &mut self.ringer] {
            if slot.device().is_some_and(|playback| playback.is_lost()) {
                tracing::warn!("a speaker stopped; it is opened again, or another");
                slot.close();
            }
        }
    }

    fn ring(&mut self) {
        let (Some(ringer), Some(ringtone)) = (self.ringer.device_mut(), &mut self.ringtone) else { return };
        for _ in 0..MOST_FRAMES {
            if !ringer.wants() {
                break;
            }
            let Some(frame) = ringtone.next_frame() else { break };
            ringer.write(&frame);
        }
    }

    fn play(&mut self, now: Instant) {
        let Some(playback) = self.playback.device_mut() else {
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
            self.playback.close();
        }
    }

    fn speak(&mut self) {
        let Some(voice) = &mut self.voice else { return };
        match self.capture.device_mut() {
            Some(capture) => {
                let mut frame: Frame = SILENCE;
                while capture.read(&mut frame) {
                    voice.say(&mut frame);
                }
            }
            None => voice.has_no_microphone(),
        }
        voice.say_nothing();
    }
}
