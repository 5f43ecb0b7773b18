//! The computer's own microphone and speaker.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, StreamConfig};
use rtrb::RingBuffer;
use signedcall_voice::{FRAME_SAMPLES, Frame, SAMPLE_RATE};

use super::{Capture, Playback, Sound, SoundError};

/// How long a device may take to open; a sound server that hangs must not hang the call.
const OPEN_PATIENCE: Duration = Duration::from_secs(3);
/// Frames that lie ready for the speaker: what its callback takes next, and one for the time until it is filled up again.
const READY_FRAMES: usize = 2;
/// Samples that a ring holds. It is never full while its reader lives; 200 ms outlast any delay of the audio thread that a call could survive.
const RING: usize = 20 * FRAME_SAMPLES;
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
        Self { input, output, host: SharedHost::default() }
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
        let stream = device
            .build_input_stream::<f32, _, _>(
                config(),
                move |samples, _| {
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
        let stream = device
            .build_output_stream::<f32, _, _>(
                config(),
                move |samples: &mut [f32], _| {
                    let (filled, rest) = consumer.pop_partial_slice(samples);
                    if !rest.is_empty() {
                        if !filled.is_empty() {
                            counted.faults.fetch_add(1, Ordering::Relaxed);
                        }
                        rest.fill(0.0);
                    }
                },
                move |error| watched.report(&error),
                Some(OPEN_PATIENCE),
            )
            .map_err(|error| open_error(&error, SoundError::NoSpeaker))?;
        stream.play().map_err(|error| open_error(&error, SoundError::NoSpeaker))?;
        Ok(Box::new(Speaker { _stream: stream, ring: producer, state }))
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
}

impl Playback for Speaker {
    fn wants(&mut self) -> bool {
        RING - self.ring.slots() < READY_FRAMES * FRAME_SAMPLES
    }

    fn write(&mut self, frame: &Frame) {
        let (_, _did_not_fit) = self.ring.push_partial_slice(frame);
    }

    fn is_lost(&self) -> bool {
        self.state.lost.load(Ordering::Relaxed)
    }

    fn underruns(&self) -> u64 {
        self.state.faults.load(Ordering::Relaxed)
    }
}

/// The engine's own format: the sound server converts where a device has another. 10 ms a callback; the default would be seconds.
fn config() -> StreamConfig {
    StreamConfig { channels: 1, sample_rate: SAMPLE_RATE, buffer_size: BufferSize::Fixed(FRAME_SAMPLES as u32) }
}

/// PulseAudio's protocol, which PipeWire speaks too: it names devices for people, and converts rates and channels.
#[cfg(target_os = "linux")]
fn open_host() -> Result<cpal::Host, SoundError> {
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
