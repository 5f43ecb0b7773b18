//! An open microphone or speaker: a ring between the callback of the sound library and the audio thread.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, StreamConfig};
use rtrb::RingBuffer;
use signedcall_voice::{FRAME_SAMPLES, Frame, SAMPLE_RATE};

use super::callback::{Bringing, Taking};
use super::portions::{Ahead, Portions};
use super::{Capture, Playback, SoundError};

/// How long a device may take to open; a sound server that hangs must not hang the call.
const OPEN_PATIENCE: Duration = Duration::from_secs(3);
/// Samples that a ring holds. It is never full while its reader lives; 200 ms outlast any delay of the audio thread that a call could survive.
const RING: usize = 20 * FRAME_SAMPLES;
/// Samples that the sound server brings at once, and takes from a speaker's ring at once and holds twice over: 10 ms where the server keeps its times. With
/// half of it a server on a busy computer runs dry now and then, plays silence meanwhile, and is that much later from then on.
pub(super) const SHORT_PERIOD: u32 = FRAME_SAMPLES as u32;
/// The same, where the server is so slow that it runs dry with less.
const LONG_PERIOD: u32 = 4 * SHORT_PERIOD;
/// Over what time it is judged whether the server takes sound as fast as it plays it. A speaker is opened anew, which is heard, only for a server
/// that has been too slow for two such times in a row: what stumbles once goes on as well as before.
const JUDGED_OVER: Duration = Duration::from_secs(1);
/// What callbacks tell the audio thread without waiting for it.
#[derive(Debug, Default)]
pub(super) struct StreamState {
    pub(super) faults: AtomicU64,
    lost: AtomicBool,
    /// Whether another device should be open by now.
    pub(super) outdated: AtomicBool,
    /// Whether only its user hears it.
    pub(super) worn: AtomicBool,
}

/// What a stream is opened with besides its device.
pub(super) struct Label {
    pub(super) name: Option<Arc<str>>,
    pub(super) state: Arc<StreamState>,
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

pub(super) struct Microphone {
    _stream: cpal::Stream,
    ring: rtrb::Consumer<f32>,
    label: Label,
    /// Who waits for sound.
    reader: Arc<OnceLock<Thread>>,
}

impl Microphone {
    pub(super) fn open(device: &cpal::Device, label: Label) -> Result<Self, SoundError> {
        let (producer, consumer) = RingBuffer::new(RING);
        let reader = Arc::new(OnceLock::new());
        let watched = Arc::clone(&label.state);
        let mut bringing = Bringing::new(producer, Arc::clone(&label.state), Arc::clone(&reader));
        let stream = device
            .build_input_stream::<f32, _, _>(
                config(SHORT_PERIOD),
                move |samples, _| bringing.bring(samples),
                move |error| watched.report(&error),
                Some(OPEN_PATIENCE),
            )
            .map_err(|error| open_error(&error, SoundError::NoMicrophone))?;
        stream.play().map_err(|error| open_error(&error, SoundError::NoMicrophone))?;
        Ok(Self { _stream: stream, ring: consumer, label, reader })
    }
}

impl Capture for Microphone {
    fn read(&mut self, frame: &mut Frame) -> bool {
        self.ring.pop_entire_slice(frame).is_ok()
    }

    fn wake(&mut self, reader: &Thread) -> bool {
        self.reader.get_or_init(|| reader.clone()).id() == reader.id()
    }

    fn is_lost(&self) -> bool {
        self.label.state.lost.load(Ordering::Relaxed)
    }

    fn is_outdated(&self) -> bool {
        self.label.state.outdated.load(Ordering::Relaxed)
    }

    fn name(&self) -> Option<Arc<str>> {
        self.label.name.clone()
    }

    fn overruns(&self) -> u64 {
        self.label.state.faults.load(Ordering::Relaxed)
    }
}

pub(super) struct Speaker {
    _stream: cpal::Stream,
    ring: rtrb::Producer<f32>,
    label: Label,
    portions: Arc<Portions>,
    ahead: Ahead,
    throughput: Throughput,
    period: Arc<AtomicU32>,
}

impl Speaker {
    pub(super) fn open(device: &cpal::Device, label: Label, period: Arc<AtomicU32>) -> Result<Self, SoundError> {
        let (producer, consumer) = RingBuffer::new(RING);
        let portions = Arc::new(Portions::of(period.load(Ordering::Relaxed)));
        let watched = Arc::clone(&label.state);
        let mut taking = Taking::new(consumer, Arc::clone(&label.state), Arc::clone(&portions));
        let stream = device
            .build_output_stream::<f32, _, _>(
                config(portions.samples()),
                move |samples, _| taking.take(samples),
                move |error| watched.report(&error),
                Some(OPEN_PATIENCE),
            )
            .map_err(|error| open_error(&error, SoundError::NoSpeaker))?;
        stream.play().map_err(|error| open_error(&error, SoundError::NoSpeaker))?;
        Ok(Self { _stream: stream, ring: producer, label, portions, ahead: Ahead::new(), throughput: Throughput::new(), period })
    }
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

impl Playback for Speaker {
    fn wants(&mut self) -> bool {
        let now = Instant::now();
        let lying = RING - self.ring.slots();
        let period = self.portions.samples();
        if self.throughput.is_behind(lying, now) && period < LONG_PERIOD {
            tracing::debug!(period, "the sound server is slow; it gets longer portions");
            self.period.store(2 * period, Ordering::Relaxed);
            self.label.state.lost.store(true, Ordering::Relaxed);
        }
        let ahead = self.ahead.follow(self.label.state.faults.load(Ordering::Relaxed), now);
        lying < self.portions.wanted(now, ahead)
    }

    fn wants_in(&self) -> Option<Duration> {
        self.portions.wanted_in(Instant::now(), self.ahead.span(), RING - self.ring.slots())
    }

    fn write(&mut self, frame: &Frame) {
        let (written, _did_not_fit) = self.ring.push_partial_slice(frame);
        self.throughput.written += written.len();
    }

    fn is_lost(&self) -> bool {
        self.label.state.lost.load(Ordering::Relaxed)
    }

    fn is_outdated(&self) -> bool {
        self.label.state.outdated.load(Ordering::Relaxed)
    }

    fn is_worn(&self) -> bool {
        self.label.state.worn.load(Ordering::Relaxed)
    }

    fn name(&self) -> Option<Arc<str>> {
        self.label.name.clone()
    }

    fn underruns(&self) -> u64 {
        self.label.state.faults.load(Ordering::Relaxed)
    }
}

/// The engine's own format: the sound server converts where a device has another. A period is always named; the default would be seconds.
fn config(period: u32) -> StreamConfig {
    StreamConfig { channels: 1, sample_rate: SAMPLE_RATE, buffer_size: BufferSize::Fixed(period) }
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
