//! Echo, noise and uneven loudness taken out of the microphone's sound.

use sonora::config::{AdaptiveDigital, GainController2, MaxProcessingRate, Pipeline};
use sonora::{AudioProcessing, StreamConfig};

use crate::echo::EchoCanceller;
use crate::frame::{FRAME_SAMPLES, Frame, SAMPLE_RATE};
use crate::high_pass::HighPass;
use crate::noise::NoiseSuppressor;

/// From here on the microphone has cut off the loudest of its sound, which is then no echo that a room makes of what is played.
const CLIPPED: f32 = 0.998;

/// What is done to the microphone's sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessingConfig {
    /// Takes out what the loudspeaker plays.
    pub echo_cancellation: bool,
    /// Lowers steady noise: fans, hum, traffic.
    pub noise_suppression: bool,
    /// Brings quiet and loud talkers to about the same loudness.
    pub gain_control: bool,
    /// Takes out rumble below speech.
    pub high_pass_filter: bool,
}

impl ProcessingConfig {
    /// Everything off: frames pass unchanged, to the bit.
    pub const OFF: Self = Self { echo_cancellation: false, noise_suppression: false, gain_control: false, high_pass_filter: false };
}

impl Default for ProcessingConfig {
    /// Everything on.
    fn default() -> Self {
        Self { echo_cancellation: true, noise_suppression: true, gain_control: true, high_pass_filter: true }
    }
}

/// Cleans the microphone's frames, knowing what the loudspeaker played.
///
/// Call [`render`](Self::render) with each frame as it goes to the loudspeaker and [`capture`](Self::capture) with each that comes from the
/// microphone, in the order in which they happen. An echo may be up to 300 ms late.
#[derive(Default)]
pub struct Processing {
    high_pass: Option<HighPass>,
    echo: Option<EchoCanceller>,
    noise: Option<NoiseSuppressor>,
    gain: Option<AudioProcessing>,
}

impl std::fmt::Debug for Processing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Processing")
            .field("high_pass", &self.high_pass.is_some())
            .field("echo", &self.echo.is_some())
            .field("noise", &self.noise.is_some())
            .field("gain", &self.gain.is_some())
            .finish()
    }
}

impl Processing {
    /// Makes a processing that does what `config` says.
    pub fn new(config: ProcessingConfig) -> Self {
        Self {
            high_pass: config.high_pass_filter.then(HighPass::new),
            echo: config.echo_cancellation.then(EchoCanceller::new),
            noise: config.noise_suppression.then(NoiseSuppressor::new),
            gain: config.gain_control.then(gain_control),
        }
    }

    /// Cancels the echo from now on, or no longer, and leaves everything else as it is. One that was not cancelled is learnt anew, which takes a second or
    /// two.
    pub fn cancel_echo(&mut self, on: bool) {
        if self.echo.is_some() != on {
            self.echo = on.then(EchoCanceller::new);
        }
    }

    /// Takes note of a frame that goes to the loudspeaker.
    pub fn render(&mut self, frame: &Frame) {
        if let Some(echo) = &mut self.echo {
            echo.render(&sound(frame));
        }
    }

    /// Cleans a frame that comes from the microphone, in place.
    pub fn capture(&mut self, frame: &mut Frame) {
        let clipped = frame.iter().any(|sample| sample.abs() >= CLIPPED);
        if let Some(high_pass) = &mut self.high_pass {
            *frame = sound(frame);
            high_pass.process(frame);
        }
        if let Some(echo) = &mut self.echo {
            *frame = sound(frame);
            echo.capture(frame, clipped);
        }
        if let Some(noise) = &mut self.noise {
            *frame = sound(frame);
            noise.process(frame);
        }
        if let Some(gain) = &mut self.gain {
            let quiet = sound(frame);
            gain.process_capture_f32(&[&quiet], &mut [frame]).expect("10 ms at a rate that was set up");
        }
    }
}

/// The frame as far as it is sound: a broken driver's NaN would stay in the filters for the rest of the call.
fn sound(frame: &Frame) -> Frame {
    frame.map(|sample| if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 })
}

fn gain_control() -> AudioProcessing {
    let stream = StreamConfig::new(SAMPLE_RATE, 1);
    debug_assert_eq!(stream.num_frames(), FRAME_SAMPLES);
    let config = sonora::Config {
        // The default of 32 kHz would cut off what Opus and the sound card both carry.
        pipeline: Pipeline { maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz, ..Pipeline::default() },
        gain_controller2: Some(GainController2 {
            adaptive_digital: Some(AdaptiveDigital {
                // A voice that needs no gain must not be heard to be turned down in its first seconds.
                initial_gain_db: 0.0,
                // A voice farther down than this is in another room.
                max_gain_db: 24.0,
                // Slower than a sentence's own rise and fall.
                max_gain_change_db_per_second: 3.0,
                ..AdaptiveDigital::default()
            }),
            ..GainController2::default()
        }),
        ..sonora::Config::default()
    };
    AudioProcessing::builder().config(config).capture_config(stream).render_config(stream).build()
}
