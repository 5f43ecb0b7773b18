//! Where sound comes from and goes to: devices, or code.

mod callback;
#[cfg(target_os = "linux")]
mod changes;
#[cfg(target_os = "linux")]
mod cookie;
mod device;
mod engine;
#[cfg(target_os = "linux")]
mod headset;
mod portions;
mod priority;
mod probe;
mod second;
mod slot;
mod steering;
mod stream;
mod tone;
mod trial;
mod turns;
mod voice;

use std::fmt;
use std::sync::Arc;
use std::thread::Thread;
use std::time::{Duration, Instant};

use signedcall_voice::{FRAME_DURATION, Frame, ProcessingConfig};
use signedcall_wire::ErrorCode;

pub(crate) use device::Devices;
pub use device::{SoundDevice, SoundDevices, devices};
pub(crate) use engine::{Engine, SoundEvent};
pub use probe::{MicrophoneCheck, SoundCheck, check_sound};
pub(crate) use tone::ToneSet;
pub use tone::{InvalidTone, NoSoundFile, decode_sound};
pub use trial::{SoundTrial, SoundTrialStep, SoundTrialView};
pub use voice::{UsedDevices, VoiceCondition};

use crate::Error;

/// How the voice is treated, beside which devices it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Treatment {
    /// What is done to the microphone's sound, with a speaker that both sides may hear.
    pub(crate) processing: ProcessingConfig,
    /// Whether echo is not cancelled where only this user hears the speaker.
    pub(crate) relax_for_headsets: bool,
    /// The most that is sent, with all headers.
    pub(crate) most_bits_per_second: u32,
}

/// Where a call's sound comes from and goes to. The SDK's own is the computer's microphone and speaker; an echo contact or a test brings another.
///
/// All methods may block; none is called on an async thread.
pub trait Sound: fmt::Debug + Send + Sync + 'static {
    /// Looks whether there is a microphone, without opening it.
    ///
    /// # Errors
    /// [`SoundError::NoMicrophone`], or why nobody can know.
    fn check_microphone(&self) -> Result<(), SoundError>;

    /// Opens the microphone, which runs until the returned value is dropped.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open_capture(&self) -> Result<Box<dyn Capture>, SoundError>;

    /// Opens the speaker, which runs until the returned value is dropped.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open_playback(&self) -> Result<Box<dyn Playback>, SoundError>;

    /// Whether ringtones are heard from another speaker than calls.
    fn has_ringer(&self) -> bool {
        false
    }

    /// Opens the speaker that rings, which runs until the returned value is dropped.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open_ringer(&self) -> Result<Box<dyn Playback>, SoundError> {
        self.open_playback()
    }
}

/// An open microphone. It is asked by one thread, every few milliseconds or when it [says](Self::wake) that there is more.
pub trait Capture: Send {
    /// Writes the next 10 ms into `frame`, if they are there.
    fn read(&mut self, frame: &mut Frame) -> bool;

    /// Asks it to [unpark](Thread::unpark) this thread from now on whenever it has more to read, which spares the thread to look. Says whether it will; one
    /// that does not is asked every few milliseconds.
    fn wake(&mut self, _reader: &Thread) -> bool {
        false
    }

    /// Whether nothing more will come, since the device is gone.
    fn is_lost(&self) -> bool {
        false
    }

    /// Whether another device should be used by now. That one is opened, and takes this one's place when it is there.
    fn is_outdated(&self) -> bool {
        false
    }

    /// What a user calls the device, if it is one.
    fn name(&self) -> Option<Arc<str>> {
        None
    }

    /// Frames that were dropped because nobody took them in time.
    fn overruns(&self) -> u64 {
        0
    }
}

/// An open speaker. It is asked by one thread, every few milliseconds or when it will [want](Self::wants_in) more.
pub trait Playback: Send {
    /// Whether another 10 ms would be played soon.
    fn wants(&mut self) -> bool;

    /// How long it will want nothing, where that can be foreseen. Asked after [`wants`](Self::wants) has said no.
    fn wants_in(&self) -> Option<Duration> {
        None
    }

    /// Takes the next 10 ms.
    fn write(&mut self, frame: &Frame);

    /// Whether nothing more will be played, since the device is gone.
    fn is_lost(&self) -> bool {
        false
    }

    /// Whether another device should be used by now. That one is opened, and takes this one's place when it is there.
    fn is_outdated(&self) -> bool {
        false
    }

    /// What a user calls the device, if it is one.
    fn name(&self) -> Option<Arc<str>> {
        None
    }

    /// Whether only its user hears it, as far as is known: headphones, or a headset.
    fn is_worn(&self) -> bool {
        false
    }

    /// How often the speaker had nothing to play.
    fn underruns(&self) -> u64 {
        0
    }
}

/// Why sound cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoundError {
    /// The sound system does not answer.
    #[error("the sound system cannot be reached: {0}")]
    NoSoundSystem(String),
    /// There is no microphone, or not the chosen one and no other.
    #[error("there is no microphone")]
    NoMicrophone,
    /// There is no speaker, or not the chosen one and no other.
    #[error("there is no speaker")]
    NoSpeaker,
    /// The system does not let this program use the device.
    #[error("the use of the device is refused")]
    Refused,
    /// The device is there and does not work.
    #[error("the device cannot be opened: {0}")]
    Broken(String),
}

impl From<SoundError> for Error {
    /// Each is `ERR_MICROPHONE_PERMISSION_NOT_GRANTED` but for the speaker's: what matters to the user is that they cannot be heard.
    fn from(error: SoundError) -> Self {
        let code = match error {
            SoundError::NoSoundSystem(_) | SoundError::NoMicrophone | SoundError::Refused | SoundError::Broken(_) => {
                ErrorCode::MicrophonePermissionNotGranted
            }
            SoundError::NoSpeaker => ErrorCode::FailureInMakeCall,
        };
        Self::new(code, error.to_string())
    }
}

/// Says when each 10 ms of a sound without a device are due.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    next: Instant,
}

impl Pace {
    /// How far sound without a device may fall behind before the rest is skipped: what nobody asked for in time is of no use later.
    const MOST_BEHIND: Duration = Duration::from_millis(200);

    /// A pace whose first frame is due now.
    #[must_use]
    pub fn start() -> Self {
        Self { next: Instant::now() }
    }

    /// Whether a frame is due; each is said once.
    pub fn is_due(&mut self) -> bool {
        let now = Instant::now();
        if now < self.next {
            return false;
        }
        self.go_on(now);
        true
    }

    /// Whether a frame is due or is the next to be: who brings one each 10 ms may be a little ahead, and not more.
    pub(crate) fn is_nearly_due(&mut self) -> bool {
        let now = Instant::now();
        if now + FRAME_DURATION < self.next {
            return false;
        }
        self.go_on(now);
        true
    }

    fn go_on(&mut self, now: Instant) {
        self.next = (self.next + FRAME_DURATION).max(now - Self::MOST_BEHIND);
    }
}
