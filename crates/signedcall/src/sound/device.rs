//! The computer's own microphone and speaker.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, StreamConfig};
use rtrb::RingBuffer;
use signedcall_voice::{FRAME_SAMPLES, Frame, SAMPLE_RATE};

use super::priority::go_first;
use super::{Capture, Playback, Sound, SoundError};

/// How long a device may take to open; a sound server that hangs must not hang the call.
const OPEN_PATIENCE: Duration = Duration::from_secs(3);
/// Frames that lie ready for the speaker at least: what its callback takes next, and one for the time until it is filled up again.
const LEAST_READY: usize = 2;
/// Frames that lie ready at most: a sound server that takes more at once is no good for calls.
const MOST_READY: usize = 12;
/// A speaker that has not run dry for this long is tried with one frame less: every frame is delay.
const CALM: Duration = Duration::from_secs(10);
/// Samples that a ring holds. It is never full while its reader lives; 200 ms outlast any delay of the audio thread that a call could survive.
const RING: usize = 20 * FRAME_SAMPLES;
/// Samples that the sound server takes from a speaker's ring at once, and holds twice over: 10 ms where the server keeps its times.
const SHORT_PERIOD: u32 = FRAME_SAMPLES as u32;
/// The same, where the server is so slow that it runs dry with less.
const LONG_PERIOD: u32 = 4 * SHORT_PERIOD;
/// Over what time it is judged whether the server takes sound as fast as it plays it. A speaker is opened anew, which is heard, only for a server
/// that has been too slow for two such times in a row: what stumbles once goes on as well as before.
const JUDGED_OVER: Duration = Duration::from_secs(1);
/// What PulseAudio calls the sources that bring what a speaker plays: no microphones.
const MONITOR: &str = ".monitor";

/// One microphone or speaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundDevice {
    /// What [`VoiceOptions`](crate::VoiceOptions) takes.
    pub id: String,
    /// What a user reads.
    pub name: String,
    /// Whether the system uses it unless told otherwise.
    pub is_default: bool,
}

/// The computer's microphones and speakers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SoundDevices {
    /// Microphones; what only repeats a speaker is none.
    pub microphones: Vec<SoundDevice>,
    /// Speakers.
    pub speakers: Vec<SoundDevice>,
}

/// Lists the computer's microphones and speakers.
///
/// # Errors
/// [`SoundError::NoSoundSystem`].
pub async fn devices() -> Result<SoundDevices, SoundError> {
    tokio::task::spawn_blocking(list).await.unwrap_or_else(|stopped| Err(SoundError::NoSoundSystem(stopped.to_string())))
}

fn list() -> Result<SoundDevices, SoundError> {
    let host = open_host()?;
    let default_input = host.default_input_device().and_then(|device| id_of(&device));
    let default_output = host.default_output_device().and_then(|device| id_of(&device));
    let mut found = SoundDevices::default();
    for device in host.devices().map_err(no_sound_system)? {
        let Some(id) = id_of(&device) else { continue };
        let name = device.description().map_or_else(|_| id.clone(), |description| description.name().to_owned());
        if is_microphone(&device) {
            let is_default = default_input.as_ref() == Some(&id);
            found.microphones.push(SoundDevice { id, name, is_default });
        } else if device.supports_output() {
            let is_default = default_output.as_ref() == Some(&id);
            found.speakers.push(SoundDevice { id, name, is_default });
        }
    }
    Ok(found)
}

/// The devices that the user has chosen, or the system's.
#[derive(Debug)]
pub(crate) struct Devices {
    input: Option<String>,
    output: Option<String>,
    host: SharedHost,
    /// What the last speaker has taught about the sound server.
    period: Arc<AtomicU32>,
}

/// The connection to the sound server, kept: making one takes longer than anything else on the way to the first sound.
#[derive(Clone, Default)]
struct SharedHost(Arc<Mutex<Option<Arc<cpal::Host>>>>);

impl std::fmt::Debug for SharedHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedHost")
    }
}

impl Devices {
    pub(crate) fn new(input: Option<String>, output: Option<String>) -> Self {
        Self { input, output, host: SharedHost::default(), period: Arc::new(AtomicU32::new(SHORT_PERIOD)) }
    }

    fn microphone(&self) -> Result<cpal::Device, SoundError> {
        self.host.with(|host| {
            let chosen = self.input.as_ref().and_then(|id| find(host, id)).filter(is_microphone);
            chosen
                .or_else(|| host.default_input_device().filter(is_microphone))
                .or_else(|| host.devices().ok().and_then(|mut devices| devices.find(is_microphone)))
                .ok_or(SoundError::NoMicrophone)
        })
    }

    fn speaker(&self) -> Result<cpal::Device, SoundError> {
        self.host.with(|host| {
            let chosen = self.output.as_ref().and_then(|id| find(host, id)).filter(DeviceTrait::supports_output);
            chosen.or_else(|| host.default_output_device()).ok_or(SoundError::NoSpeaker)
        })
    }
}

impl SharedHost {
    /// Uses the connection, or a new one when the sound server has been restarted since.
    fn with<T>(&self, look: impl Fn(&cpal::Host) -> Result<T, SoundError>) -> Result<T, SoundError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = kept.as_ref()
            && let Ok(found) = look(host)
        {
            return Ok(found);
        }
        let host = Arc::new(open_host()?);
        let found = look(&host);
        *kept = Some(host);
        found
    }
}

impl Sound for Devices {
    fn check_microphone(&self) -> Result<(), SoundError> {
        self.microphone().map(drop)
    }

    fn open_capture(&self) -> Result<Box<dyn Capture>, SoundError> {
        let device = self.microphone()?;
        let (mut producer, consumer) = RingBuffer::new(RING);
        let state = Arc::new(StreamState::default());
        let (counted, watched) = (Arc::clone(&state), Arc::clone(&state));
        // The library's thread is known only once it calls; that it does so once in its life is all that a callback here ever does but move samples.
        let once = Once::new();
        let stream = device
            .build_input_stream::<f32, _, _>(
                config(SHORT_PERIOD),
                move |samples, _| {
                    once.call_once(go_first);
                    let (_, rest) = producer.push_partial_slice(samples);
                    if !rest.is_empty() {
                        counted.faults.fetch_add(1, Ordering::Relaxed);
                    }
                },
                move |error| watched.report(&error),
                Some(OPEN_PATIENCE),
            )
            .map_err(|error| open_error(&error, SoundError::NoMicrophone))?;
        stream.play().map_err(|error| open_error(&error, SoundError::NoMicrophone))?;
        Ok(Box::new(Microphone { _stream: stream, ring: consumer, state }))
    }

    fn open_playback(&self) -> Result<Box<dyn Playback>, SoundError> {
        let device = self.speaker()?;
        let (producer, mut consumer) = RingBuffer::<f32>::new(RING);
        let state = Arc::new(StreamState::default());
        let (counted, watched) = (Arc::clone(&state), Arc::clone(&state));
        // The library's thread is known only once it calls; that it does so once in its life is all that a callback here ever does but move samples.
        let once = Once::new();
        // Before the first frame there is nothing to miss.
        let mut begun = false;
        let stream = device
            .build_output_stream::<f32, _, _>(
                config(self.period.load(Ordering::Relaxed)),
                move |samples: &mut [f32], _| {
                    once.call_once(go_first);
                    let (filled, rest) = consumer.pop_partial_slice(samples);
                    begun |= !filled.is_empty();
                    if begun && !rest.is_empty() {
                        counted.faults.fetch_add(1, Ordering::Relaxed);
                    }
                    rest.fill(0.0);
                },
                move |error| watched.report(&error),
                Some(OPEN_PATIENCE),
            )
            .map_err(|error| open_error(&error, SoundError::NoSpeaker))?;
        stream.play().map_err(|error| open_error(&error, SoundError::NoSpeaker))?;
        let (ready, throughput) = (Ready::new(), Throughput::new());
        Ok(Box::new(Speaker { _stream: stream, ring: producer, state, ready, throughput, period: Arc::clone(&self.period) }))
    }
}

/// What callbacks tell the audio thread without waiting for it.
#[derive(Debug, Default)]
struct StreamState {
    faults: AtomicU64,
    lost: AtomicBool,
}

impl StreamState {
    /// Runs on a thread of the sound library that moves no samples.
    fn report(&self, error: &cpal::Error) {
        tracing::debug!(kind = ?error.kind(), "a sound stream reports an error");
        if matches!(error.kind(), ErrorKind::DeviceNotAvailable | ErrorKind::StreamInvalidated | ErrorKind::HostUnavailable) {
            self.lost.store(true, Ordering::Relaxed);
        }
    }
}

struct Microphone {
    _stream: cpal::Stream,
    ring: rtrb::Consumer<f32>,
    state: Arc<StreamState>,
}

impl Capture for Microphone {
    fn read(&mut self, frame: &mut Frame) -> bool {
        self.ring.pop_entire_slice(frame).is_ok()
    }

    fn is_lost(&self) -> bool {
        self.state.lost.load(Ordering::Relaxed)
    }

    fn overruns(&self) -> u64 {
        self.state.faults.load(Ordering::Relaxed)
    }
}

struct Speaker {
    _stream: cpal::Stream,
    ring: rtrb::Producer<f32>,
    state: Arc<StreamState>,
    ready: Ready,
    throughput: Throughput,
    period: Arc<AtomicU32>,
}

/// How fast the sound server takes what it plays. One that takes less than a clock's worth has run dry itself, and has played silence.
struct Throughput {
    written: usize,
    /// When the server had begun in earnest, or was judged last, and how much it had taken by then.
    since: Option<(Instant, usize)>,
    /// Whether it was too slow when it was judged last.
    was_slow: bool,
}

impl Throughput {
    fn new() -> Self {
        Self { written: 0, since: None, was_slow: false }
    }

    /// Whether the server has been falling behind for a while; `lying` is what it has not taken yet.
    fn is_behind(&mut self, lying: usize, now: Instant) -> bool {
        let taken = self.written.saturating_sub(lying);
        let Some((since, before)) = self.since else {
            // What it takes first only fills its buffers.
            if taken > 2 * LONG_PERIOD as usize {
                self.since = Some((now, taken));
            }
            return false;
        };
        let passed = now.duration_since(since);
        if passed < JUDGED_OVER {
            return false;
        }
        self.since = Some((now, taken));
        let is_slow = ((taken - before) as f64) < 0.85 * passed.as_secs_f64() * f64::from(SAMPLE_RATE);
        let was_slow = std::mem::replace(&mut self.was_slow, is_slow);
        is_slow && was_slow
    }
}

/// How many frames lie ready: sound servers take sound in portions of their own, and a busy computer wakes the audio thread late.
struct Ready {
    frames: usize,
    faults: u64,
    since: Instant,
}

impl Ready {
    fn new() -> Self {
        Self { frames: LEAST_READY, faults: 0, since: Instant::now() }
    }

    /// One more frame for each time that the speaker has run dry, one less after a calm while.
    fn follow(&mut self, faults: u64, now: Instant) -> usize {
        if faults > self.faults {
            self.frames = (self.frames + usize::try_from(faults - self.faults).unwrap_or(MOST_READY)).min(MOST_READY);
            self.faults = faults;
            self.since = now;
        } else if now.duration_since(self.since) > CALM {
            self.frames = (self.frames - 1).max(LEAST_READY);
            self.since = now;
        }
        self.frames
    }
}

impl Playback for Speaker {
    fn wants(&mut self) -> bool {
        let ready = self.ready.follow(self.state.faults.load(Ordering::Relaxed), Instant::now());
        let lying = RING - self.ring.slots();
        let period = self.period.load(Ordering::Relaxed);
        if self.throughput.is_behind(lying, Instant::now()) && period < LONG_PERIOD {
            tracing::debug!(period, "the sound server is slow; it gets longer portions");
            self.period.store(2 * period, Ordering::Relaxed);
            self.state.lost.store(true, Ordering::Relaxed);
        }
        lying < ready * FRAME_SAMPLES
    }

    fn write(&mut self, frame: &Frame) {
        let (written, _did_not_fit) = self.ring.push_partial_slice(frame);
        self.throughput.written += written.len();
    }

    fn is_lost(&self) -> bool {
        self.state.lost.load(Ordering::Relaxed)
    }

    fn underruns(&self) -> u64 {
        self.state.faults.load(Ordering::Relaxed)
    }
}

/// The engine's own format: the sound server converts where a device has another. A period is always named; the default would be seconds.
fn config(period: u32) -> StreamConfig {
    StreamConfig { channels: 1, sample_rate: SAMPLE_RATE, buffer_size: BufferSize::Fixed(period) }
}

/// PulseAudio's protocol, which PipeWire speaks too: it names devices for people, and converts rates and channels.
#[cfg(target_os = "linux")]
fn open_host() -> Result<cpal::Host, SoundError> {
    super::cookie::ensure();
    cpal::host_from_id(cpal::HostId::PulseAudio).map_err(no_sound_system)
}

#[cfg(not(target_os = "linux"))]
fn open_host() -> Result<cpal::Host, SoundError> {
    Ok(cpal::default_host())
}

fn find(host: &cpal::Host, id: &str) -> Option<cpal::Device> {
    host.devices().ok()?.find(|device| id_of(device).as_deref() == Some(id))
}

fn id_of(device: &cpal::Device) -> Option<String> {
    device.id().ok().map(|id| id.to_string())
}

fn is_microphone(device: &cpal::Device) -> bool {
    device.supports_input() && id_of(device).is_some_and(|id| !id.ends_with(MONITOR))
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn no_sound_system(error: cpal::Error) -> SoundError {
    SoundError::NoSoundSystem(error.to_string())
}

fn open_error(error: &cpal::Error, absent: SoundError) -> SoundError {
    if error.kind() == ErrorKind::DeviceNotAvailable {
        absent
    } else if error.kind() == ErrorKind::PermissionDenied {
        SoundError::Refused
    } else if error.kind() == ErrorKind::HostUnavailable {
        SoundError::NoSoundSystem(error.to_string())
    } else {
        SoundError::Broken(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speaker_that_runs_dry_gets_more_ahead_and_gives_it_back_when_calm() {
        let mut ready = Ready::new();
        let start = ready.since;
        assert_eq!(ready.follow(0, start), 2);
        assert_eq!(ready.follow(1, start), 3);
        assert_eq!(ready.follow(1, start + CALM), 3);
        assert_eq!(ready.follow(500, start + CALM), MOST_READY);
        assert_eq!(ready.follow(500, start + 2 * CALM + Duration::from_millis(1)), MOST_READY - 1);
    }

    #[test]
    fn a_server_that_takes_less_than_it_plays_is_behind() {
        let start = Instant::now();
        let at = |milliseconds: u64| start + Duration::from_millis(milliseconds);
        let mut throughput = Throughput { written: 4_800, ..Throughput::new() };
        assert!(!throughput.is_behind(0, at(0)), "it begins");
        throughput.written += 48_000;
        assert!(!throughput.is_behind(0, at(1_000)), "it keeps up");
        throughput.written += 24_000;
        assert!(!throughput.is_behind(0, at(2_000)), "it stumbles");
        throughput.written += 48_000;
        assert!(!throughput.is_behind(0, at(3_000)), "it has caught itself");
        throughput.written += 24_000;
        assert!(!throughput.is_behind(0, at(4_000)), "it stumbles again");
        throughput.written += 24_000;
        assert!(throughput.is_behind(0, at(5_000)), "it is slow");
    }
}
