//! Tones from sound files, or the SDK's own.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};
use signedcall_core::Tone;
use signedcall_voice::{Frame, SAMPLE_RATE, SILENCE};
use symphonia::core::audio::SampleBuffer;
use symphonia::core::codecs::{CODEC_TYPE_NULL, DecoderOptions};
use symphonia::core::errors::Error as DecodeError;
use symphonia::core::formats::FormatOptions;
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::probe::Hint;

use crate::Tones;

/// The largest sound file that is taken. A minute of uncompressed stereo is about this; a tone is some seconds.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// What of a file is played; then it begins again.
const MAX_SAMPLES: usize = 60 * SAMPLE_RATE as usize;
/// Frames of one step of the resampler.
const RESAMPLER_STEP: usize = 1_024;

/// The SDK's own tones, decoded once for all lines of a process.
static OWN: LazyLock<ToneSet> = LazyLock::new(|| ToneSet {
    ringback: read_own(include_bytes!("../../../../assets/ringback.wav")),
    ringtone: read_own(include_bytes!("../../../../assets/ringtone.wav")),
    busy: read_own(include_bytes!("../../../../assets/busy.wav")),
    ended: read_own(include_bytes!("../../../../assets/ended.wav")),
    warning: read_own(include_bytes!("../../../../assets/warning.wav")),
    hold_music: read_own(include_bytes!("../../../../assets/hold.wav")),
    call_waiting: read_own(include_bytes!("../../../../assets/waiting.wav")),
});

/// Why a sound file is no tone.
#[derive(Debug, thiserror::Error)]
#[error("{file} cannot be used as a tone: {why}", file = .file.display())]
pub struct InvalidTone {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it, in English.
    pub why: String,
}

/// Why bytes are no sound file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoSoundFile(String);

/// Decodes a `.wav`, `.ogg` or `.mp3` file to what the SDK sounds in: mono at [`SAMPLE_RATE`]. At most the first minute of it.
///
/// # Errors
/// What is wrong with the file.
pub fn decode_sound(file: &[u8]) -> Result<Vec<f32>, NoSoundFile> {
    decode(file.to_vec(), None).map_err(NoSoundFile)
}

/// All tones, ready to play.
#[derive(Clone, Debug)]
pub(crate) struct ToneSet {
    ringback: Arc<[f32]>,
    ringtone: Arc<[f32]>,
    busy: Arc<[f32]>,
    ended: Arc<[f32]>,
    warning: Arc<[f32]>,
    hold_music: Arc<[f32]>,
    call_waiting: Arc<[f32]>,
}

/// A tone that plays.
#[derive(Debug)]
pub(crate) struct Playing {
    samples: Arc<[f32]>,
    at: usize,
    looped: bool,
}

impl ToneSet {
    /// Reads the user's sound files; the SDK's own stand where there is none. Blocks.
    pub(crate) fn load(tones: &Tones) -> Result<Self, InvalidTone> {
        let read_or = |file: &Option<PathBuf>, own: &Arc<[f32]>| file.as_deref().map_or_else(|| Ok(Arc::clone(own)), read);
        Ok(Self {
            ringback: read_or(&tones.outgoing_tone, &OWN.ringback)?,
            ringtone: read_or(&tones.ringtone, &OWN.ringtone)?,
            ..OWN.clone()
        })
    }

    /// Begins to play one.
    pub(crate) fn play(&self, tone: Tone) -> Playing {
        let samples = match tone {
            Tone::Ringback => &self.ringback,
            Tone::Ringtone => &self.ringtone,
            Tone::HoldMusic => &self.hold_music,
            Tone::CallWaiting => &self.call_waiting,
            Tone::Busy => &self.busy,
            Tone::Ended => &self.ended,
            Tone::Warning => &self.warning,
        };
        Playing { samples: Arc::clone(samples), at: 0, looped: !tone.sounds_once() }
    }
}

impl Playing {
    /// The next 10 ms; nothing once it is over.
    pub(crate) fn next_frame(&mut self) -> Option<Frame> {
        if self.at == self.samples.len() && !self.looped {
            return None;
        }
        let mut frame = SILENCE;
        for sample in &mut frame {
            if self.at == self.samples.len() {
                if !self.looped {
                    break;
                }
                self.at = 0;
            }
            *sample = self.samples[self.at];
            self.at += 1;
        }
        Some(frame)
    }
}

/// Adds one sound to another.
pub(super) fn mix(frame: &mut Frame, other: &Frame) {
    for (sample, added) in frame.iter_mut().zip(other) {
        *sample = (*sample + added).clamp(-1.0, 1.0);
    }
}

fn read_own(bytes: &'static [u8]) -> Arc<[f32]> {
    decode(bytes.to_vec(), None).expect("the SDK's own tones are sound files; a test reads them").into()
}

fn read(file: &Path) -> Result<Arc<[f32]>, InvalidTone> {
    let invalid = |why: String| InvalidTone { file: file.to_owned(), why };
    let length = std::fs::metadata(file).map_err(|error| invalid(error.to_string()))?.len();
    if length > MAX_FILE_BYTES {
        return Err(invalid(format!("it has {length} bytes; {MAX_FILE_BYTES} are the most")));
    }
    let bytes = std::fs::read(file).map_err(|error| invalid(error.to_string()))?;
    let extension = file.extension().and_then(|extension| extension.to_str());
    decode(bytes, extension).map(Into::into).map_err(invalid)
}

/// Decodes a sound file to mono at the engine's rate.
fn decode(bytes: Vec<u8>, extension: Option<&str>) -> Result<Vec<f32>, String> {
    let mut hint = Hint::new();
    if let Some(extension) = extension {
        hint.with_extension(extension);
    }
    let source = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let mut format = symphonia::default::get_probe()
        .format(&hint, source, &FormatOptions::default(), &MetadataOptions::default())
        .map_err(|_| "it is no .wav, .ogg or .mp3 file".to_owned())?
        .format;
    let track = format.tracks().iter().find(|track| track.codec_params.codec != CODEC_TYPE_NULL).ok_or("it has no sound")?;
    let id = track.id;
    let mut decoder =
        symphonia::default::get_codecs().make(&track.codec_params, &DecoderOptions::default()).map_err(|error| error.to_string())?;

    let mut mono = Vec::new();
    let mut rate = SAMPLE_RATE;
    // An error is the end of the file, or of the part of it that makes sense.
    while let Ok(packet) = format.next_packet() {
        if packet.track_id() != id {
            continue;
        }
        let decoded = match decoder.decode(&packet) {
            Ok(decoded) => decoded,
            Err(DecodeError::DecodeError(_)) => continue,
            Err(error) => return Err(error.to_string()),
        };
        let spec = *decoded.spec();
        rate = spec.rate;
        let channels = spec.channels.count().max(1);
        let mut samples = SampleBuffer::<f32>::new(decoded.capacity() as u64, spec);
        samples.copy_interleaved_ref(decoded);
        mono.extend(samples.samples().chunks_exact(channels).map(|sounds| sounds.iter().sum::<f32>() / channels as f32));
        if mono.len() > MAX_SAMPLES {
            mono.truncate(MAX_SAMPLES);
            break;
        }
    }
    if mono.is_empty() {
        return Err("it has no sound".to_owned());
    }
    if rate == SAMPLE_RATE { Ok(mono) } else { resample(&mono, rate) }
}

fn resample(mono: &[f32], rate: u32) -> Result<Vec<f32>, String> {
    let mut resampler = Fft::<f32>::new(rate as usize, SAMPLE_RATE as usize, RESAMPLER_STEP, 1, FixedSync::Both)
        .map_err(|error| format!("its rate of {rate} Hz cannot be converted: {error}"))?;
    let input = InterleavedSlice::new(mono, 1, mono.len()).map_err(|error| error.to_string())?;
    let output = resampler.process_all(&input, mono.len(), None).map_err(|error| error.to_string())?;
    Ok(output.take_data())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(rate: u32, channels: u16, samples: impl Iterator<Item = i16>) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let spec = hound::WavSpec { channels, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("a writer");
        for sample in samples {
            writer.write_sample(sample).expect("memory");
        }
        writer.finalize().expect("memory");
        bytes.into_inner()
    }

    #[test]
    fn a_stereo_file_of_another_rate_becomes_mono_at_the_engines() {
        let file = wav(44_100, 2, (0..44_100).flat_map(|_| [8_192, 0]));
        let mono = decode(file, Some("wav")).expect("a sound file");
        assert!(mono.len().abs_diff(48_000) <= 1, "{}", mono.len());
        assert!(mono[4_800..43_200].iter().all(|sample| (sample - 0.125).abs() < 0.01));
    }

    #[test]
    fn a_file_that_is_no_sound_is_refused_by_its_name() {
        let tones = Tones { ringtone: Some(PathBuf::from("/nowhere/ring.ogg")), ..Tones::default() };
        let error = ToneSet::load(&tones).expect_err("no such file").to_string();
        assert!(error.starts_with("/nowhere/ring.ogg cannot be used as a tone"), "{error}");
        assert!(decode(b"not a sound".to_vec(), Some("mp3")).is_err());
        assert!(decode(wav(48_000, 1, std::iter::empty()), None).is_err());
    }

    #[test]
    fn ringing_goes_on_and_the_end_is_said_once() {
        let tones = ToneSet::load(&Tones::default()).expect("the SDK's own");
        let mut ringback = tones.play(Tone::Ringback);
        assert!((0..2_000).all(|_| ringback.next_frame().is_some()));
        let mut ended = tones.play(Tone::Ended);
        let frames = std::iter::from_fn(|| ended.next_frame()).count();
        assert!((10..500).contains(&frames), "{frames}");
    }
}
