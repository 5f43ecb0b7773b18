//! The computer's own microphone and speaker.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use cpal::traits::{DeviceTrait, HostTrait};

#[cfg(target_os = "linux")]
use super::changes::{Changed, Changes};
#[cfg(target_os = "linux")]
use super::headset::is_worn;
use super::stream::{Label, Microphone, SHORT_PERIOD, Speaker, StreamState};
use super::{Capture, Playback, Sound, SoundError};

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
        let name = name_of(&device).unwrap_or_else(|| id.clone());
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

/// What a device is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Microphone,
    Speaker,
    /// The speaker that rings.
    Ringer,
}

/// The devices that the user has chosen, or the system's. What is opened is told when it should be another one: the chosen one has come back, the one in use
/// has gone, or the system has chosen another.
pub(crate) struct Devices {
    found: Arc<Found>,
    #[cfg(target_os = "linux")]
    changes: Mutex<Option<Changes>>,
    /// What the last speaker has taught about the sound server.
    period: Arc<AtomicU32>,
}

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Devices").finish_non_exhaustive()
    }
}

/// Which devices there are, and which of them are open.
struct Found {
    input: Option<String>,
    output: Option<String>,
    ring: Option<String>,
    host: SharedHost,
    open: Mutex<Vec<Open>>,
    /// How often devices have changed.
    changed: AtomicU64,
}

/// A device that is open as long as its stream lives.
struct Open {
    used: Use,
    id: Option<String>,
    /// What the sound server calls it.
    name: Option<String>,
    stream: Weak<StreamState>,
}

/// The connection to the sound server, kept: making one takes longer than anything else on the way to the first sound.
#[derive(Default)]
struct SharedHost(Mutex<Option<Arc<cpal::Host>>>);

impl Found {
    /// The device for this use, as of now.
    fn device(&self, used: Use) -> Result<cpal::Device, SoundError> {
        self.host.with(|host| self.device_on(host, used))
    }

    /// The same, on a connection to the sound server that it shares with no other speaker if one is open: those of one connection play in step, which the
    /// server allows only on one and the same device.
    fn device_apart(&self, used: Use) -> Result<cpal::Device, SoundError> {
        let is_shared = match used {
            Use::Microphone => false,
            Use::Speaker | Use::Ringer => self.has_open_speaker(),
        };
        let device = self.device(used)?;
        if !is_shared {
            return Ok(device);
        }
        // PipeWire does not know on a new connection at once what the system has chosen, and names another.
        let host = open_host()?;
        id_of(&device).and_then(|id| find(&host, &id)).map_or_else(|| self.device_on(&host, used), Ok)
    }

    fn has_open_speaker(&self) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().any(|open| open.used != Use::Microphone && open.stream.strong_count() > 0)
    }

    fn device_on(&self, host: &cpal::Host, used: Use) -> Result<cpal::Device, SoundError> {
        match used {
            Use::Microphone => {
                let chosen = self.input.as_ref().and_then(|id| find(host, id)).filter(is_microphone);
                chosen
                    .or_else(|| host.default_input_device().filter(is_microphone))
                    .or_else(|| host.devices().ok().and_then(|mut devices| devices.find(is_microphone)))
                    .ok_or(SoundError::NoMicrophone)
            }
            Use::Speaker => self.speaker(host, &self.output),
            Use::Ringer => self.speaker(host, &self.ring),
        }
    }

    fn speaker(&self, host: &cpal::Host, chosen: &Option<String>) -> Result<cpal::Device, SoundError> {
        let chosen = chosen.as_ref().and_then(|id| find(host, id)).filter(DeviceTrait::supports_output);
        chosen.or_else(|| host.default_output_device()).ok_or(SoundError::NoSpeaker)
    }

    /// Looks whether only their user hears the speakers that are open.
    fn look_who_hears(&self) {
        let speakers: Vec<_> = {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let speakers = open.iter().filter(|open| open.used != Use::Microphone);
            speakers.filter_map(|open| Some((open.name.clone()?, open.stream.upgrade()?))).collect()
        };
        for (name, stream) in speakers {
            stream.worn.store(is_worn(&name), Ordering::Relaxed);
        }
    }

    /// Tells every stream whether it should be another by now.
    fn look_again(&self) {
        self.changed.fetch_add(1, Ordering::AcqRel);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|open| open.stream.strong_count() > 0);
        for open in open.iter() {
            let Some(stream) = open.stream.upgrade() else { continue };
            // Without any device for it the one in use cannot be replaced.
            if let Ok(device) = self.device(open.used) {
                stream.outdated.store(id_of(&device) != open.id, Ordering::Relaxed);
            }
        }
    }
}

impl SharedHost {
    /// Has a new connection made for whoever asks next. What is open goes on over the one that it has.
    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

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

impl Devices {
    pub(crate) fn new(input: Option<String>, output: Option<String>, ring: Option<String>) -> Self {
        let (host, open, changed) = (SharedHost::default(), Mutex::default(), AtomicU64::new(0));
        Self {
            found: Arc::new(Found { input, output, ring, host, open, changed }),
            #[cfg(target_os = "linux")]
            changes: Mutex::default(),
            period: Arc::new(AtomicU32::new(SHORT_PERIOD)),
        }
    }

    /// Opens a device for this use, and sees to it that its stream learns when it should be another.
    fn open<T>(&self, used: Use, open: impl FnOnce(&cpal::Device, Label) -> Result<T, SoundError>) -> Result<T, SoundError> {
        self.hear_of_changes();
        let changed = self.found.changed.load(Ordering::Acquire);
        let device = self.found.device_apart(used)?;
        let (state, id) = (Arc::new(StreamState::default()), id_of(&device));
        let name = name_of(&device).or_else(|| id.clone());
        let server_name = device.id().ok().map(|id| id.id().to_owned());
        if used != Use::Microphone {
            state.worn.store(server_name.as_deref().is_some_and(is_worn), Ordering::Relaxed);
        }
        let opened = open(&device, Label { name: name.map(Into::into), state: Arc::clone(&state) })?;
        let open = Open { used, id, name: server_name, stream: Arc::downgrade(&state) };
        self.found.open.lock().unwrap_or_else(PoisonError::into_inner).push(open);
        if self.found.changed.load(Ordering::Acquire) != changed {
            self.found.look_again();
        }
        Ok(opened)
    }

    #[cfg(target_os = "linux")]
    fn hear_of_changes(&self) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if changes.as_ref().is_some_and(|changes| !changes.has_ended()) {
            return;
        }
        let found = Arc::downgrade(&self.found);
        let heard = Changes::hear(move |changed| {
            let Some(found) = found.upgrade() else { return };
            match changed {
                Changed::Devices => found.look_again(),
                Changed::Settled => {
                    found.host.forget();
                    found.look_again();
                }
                Changed::Speaker => found.look_who_hears(),
            }
        });
        match heard {
            Ok(heard) => *changes = Some(heard),
            Err(error) => tracing::debug!(%error, "changes of sound devices are not heard of"),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn hear_of_changes(&self) {}

    fn open_output(&self, used: Use) -> Result<Box<dyn Playback>, SoundError> {
        let open = |device: &cpal::Device, label| Speaker::open(device, label, Arc::clone(&self.period));
        Ok(Box::new(self.open(used, open)?))
    }
}

impl Sound for Devices {
    fn check_microphone(&self) -> Result<(), SoundError> {
        self.found.device(Use::Microphone).map(drop)
    }

    fn open_capture(&self) -> Result<Box<dyn Capture>, SoundError> {
        Ok(Box::new(self.open(Use::Microphone, Microphone::open)?))
    }

    fn open_playback(&self) -> Result<Box<dyn Playback>, SoundError> {
        self.open_output(Use::Speaker)
    }

    fn has_ringer(&self) -> bool {
        self.found.ring.is_some() && self.found.ring != self.found.output
    }

    fn open_ringer(&self) -> Result<Box<dyn Playback>, SoundError> {
        self.open_output(Use::Ringer)
    }
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

/// Other systems are not asked yet.
#[cfg(not(target_os = "linux"))]
fn is_worn(_speaker: &str) -> bool {
    false
}

fn find(host: &cpal::Host, id: &str) -> Option<cpal::Device> {
    host.devices().ok()?.find(|device| id_of(device).as_deref() == Some(id))
}

fn id_of(device: &cpal::Device) -> Option<String> {
    device.id().ok().map(|id| id.to_string())
}

/// What a user reads.
fn name_of(device: &cpal::Device) -> Option<String> {
    device.description().ok().map(|description| description.name().to_owned())
}

fn is_microphone(device: &cpal::Device) -> bool {
    device.supports_input() && id_of(device).is_some_and(|id| !id.ends_with(MONITOR))
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn no_sound_system(error: cpal::Error) -> SoundError {
    SoundError::NoSoundSystem(error.to_string())
}
