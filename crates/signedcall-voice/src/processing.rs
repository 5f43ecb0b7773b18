//! Echo, noise and uneven loudness taken out of the microphone's sound.

use sonora::config::{
    AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate, NoiseSuppression, NoiseSuppressionLevel, Pipeline,
};
use sonora::{AudioProcessing, StreamConfig};

use crate::frame::{FRAME_SAMPLES, Frame, SAMPLE_RATE, SILENCE};

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
/// microphone, in the order in which they happen. The delay between the two is found by itself.
pub struct Processing {
    /// Absent when everything is off.
    sonora: Option<AudioProcessing>,
    /// Where results are put that sonora cannot put in place.
    scratch: Frame,
}

impl std::fmt::Debug for Processing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Processing").field("config", &self.sonora.as_ref().map(AudioProcessing::config)).finish_non_exhaustive()
    }
}

impl Processing {
    /// Makes a processing that does what `config` says.
    pub fn new(config: ProcessingConfig) -> Self {
        Self { sonora: (config != ProcessingConfig::OFF).then(|| build(config)), scratch: SILENCE }
    }

    /// Takes note of a frame that goes to the loudspeaker.
    pub fn render(&mut self, frame: &Frame) {
        if let Some(sonora) = &mut self.sonora {
            sonora.process_render_f32(&[frame], &mut [&mut self.scratch]).expect("10 ms at a rate that was set up");
        }
    }

    /// Cleans a frame that comes from the microphone, in place.
    pub fn capture(&mut self, frame: &mut Frame) {
        if let Some(sonora) = &mut self.sonora {
            // A broken driver's NaN would stay in the filters for the rest of the call.
            for sample in frame.iter_mut() {
                *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
            }
            sonora.process_capture_f32(&[frame], &mut [&mut self.scratch]).expect("10 ms at a rate that was set up");
            *frame = self.scratch;
        }
    }
}

fn build(config: ProcessingConfig) -> AudioProcessing {
    let stream = StreamConfig::new(SAMPLE_RATE, 1);
    debug_assert_eq!(stream.num_frames(), FRAME_SAMPLES);
    AudioProcessing::builder()
        .config(sonora::Config {
            // The default of 32 kHz would cut off what Opus and the sound card both carry.
            pipeline: Pipeline { maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz, ..Pipeline::default() },
            high_pass_filter: config.high_pass_filter.then(HighPassFilter::default),
            echo_canceller: config
                .echo_cancellation
                .then(|| EchoCanceller { enforce_high_pass_filtering: config.high_pass_filter, ..EchoCanceller::default() }),
            noise_suppression: config
                .noise_suppression
                .then(|| NoiseSuppression { level: NoiseSuppressionLevel::Moderate, ..NoiseSuppression::default() }),
            gain_controller2: config
                .gain_control
                .then(|| GainController2 { adaptive_digital: Some(AdaptiveDigital::default()), ..GainController2::default() }),
            ..sonora::Config::default()
        })
        .capture_config(stream)
        .render_config(stream)
        .build()
}
