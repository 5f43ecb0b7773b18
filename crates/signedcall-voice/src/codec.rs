//! Opus, narrowed to what a call uses: mono speech with redundancy for the packet before.

use opus::{Application, Bitrate, Channels, Signal};
use thiserror::Error;

use crate::frame::SAMPLE_RATE;

/// The most bytes a packet may have: an Ethernet frame's worth. Speech needs a tenth of it, and what is larger was not made by a call.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 1_500;

/// The most samples a packet may hold: 120 ms, the limit of the format.
pub(crate) const MAX_PACKET_SAMPLES: usize = 5_760;

/// Says that the codec could not be set up.
#[derive(Debug, Error)]
pub enum CodecError {
    /// Opus refused the set-up of an encoder.
    #[error("cannot make an Opus encoder")]
    Encoder(#[source] opus::Error),
    /// Opus refused the set-up of a decoder.
    #[error("cannot make an Opus decoder")]
    Decoder(#[source] opus::Error),
}

/// Makes packets of speech.
#[derive(Debug)]
pub(crate) struct Encoder {
    opus: opus::Encoder,
}

/// How an [`Encoder`] is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EncoderSettings {
    pub(crate) bits_per_second: u32,
    pub(crate) expected_loss_percent: u8,
    pub(crate) complexity: u8,
}

impl Encoder {
    pub(crate) fn new(settings: EncoderSettings) -> Result<Self, CodecError> {
        let set_up = || -> Result<opus::Encoder, opus::Error> {
            let mut opus = opus::Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Voip)?;
            opus.set_bitrate(Bitrate::Bits(i32::try_from(settings.bits_per_second).unwrap_or(i32::MAX)))?;
            opus.set_signal(Signal::Voice)?;
            opus.set_complexity(i32::from(settings.complexity.min(10)))?;
            opus.set_inband_fec(true)?;
            opus.set_packet_loss_perc(i32::from(settings.expected_loss_percent.min(100)))?;
            // A silent line and a dead one must look different to the peer, and the packets carry the other side's clock.
            opus.set_dtx(false)?;
            Ok(opus)
        };
        Ok(Self { opus: set_up().map_err(CodecError::Encoder)? })
    }

    /// Says how many packets of a hundred the line loses: the more, the more of the bit rate goes into redundancy.
    pub(crate) fn set_expected_loss(&mut self, percent: u8) {
        self.opus.set_packet_loss_perc(i32::from(percent.min(100))).expect("0 to 100 is the range Opus documents");
    }

    /// Encodes one packet's worth of sound and says how many bytes it took, or nothing if Opus failed.
    pub(crate) fn encode(&mut self, sound: &[f32], payload: &mut [u8]) -> Option<usize> {
        self.opus.encode_float(sound, payload).ok()
    }
}

/// Makes sound of packets, and a likely continuation where one is missing.
#[derive(Debug)]
pub(crate) struct Decoder {
    opus: opus::Decoder,
}

impl Decoder {
    pub(crate) fn new() -> Result<Self, CodecError> {
        Ok(Self { opus: opus::Decoder::new(SAMPLE_RATE, Channels::Mono).map_err(CodecError::Decoder)? })
    }

    /// Forgets the stream so far: the next packet comes from another encoder.
    pub(crate) fn reset(&mut self) {
        self.opus.reset_state().expect("a decoder that exists can be reset");
    }

    /// Appends the sound of a packet and says how many samples it was; none if the packet was damaged.
    pub(crate) fn decode(&mut self, payload: &[u8], sound: &mut Vec<f32>) -> usize {
        self.append(payload, MAX_PACKET_SAMPLES, false, sound)
    }

    /// Appends `span` samples of the packet *before* `following`, from the redundancy that `following` carries for it. Without
    /// redundancy in it, this is the same as [`Self::conceal`].
    pub(crate) fn recover(&mut self, following: &[u8], span: usize, sound: &mut Vec<f32>) -> usize {
        self.append(following, span, true, sound)
    }

    /// Appends `span` samples of what probably came next.
    pub(crate) fn conceal(&mut self, span: usize, sound: &mut Vec<f32>) -> usize {
        self.append(&[], span, false, sound)
    }

    fn append(&mut self, payload: &[u8], room: usize, redundancy: bool, sound: &mut Vec<f32>) -> usize {
        let before = sound.len();
        sound.resize(before + room.min(MAX_PACKET_SAMPLES), 0.0);
        let decoded = self.opus.decode_float(payload, &mut sound[before..], redundancy).unwrap_or(0);
        sound.truncate(before + decoded);
        for sample in &mut sound[before..] {
            // A packet from outside may hold anything; what leaves here is sound.
            *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        }
        decoded
    }
}

/// How a payload is divided, read from its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PayloadShape {
    /// Samples in the whole packet.
    pub(crate) span: usize,
    /// Samples in each of its frames: what its redundancy for the packet before covers.
    pub(crate) frame: usize,
    /// Whether it carries redundancy for the packet before.
    pub(crate) redundant: bool,
}

impl PayloadShape {
    /// Reads the shape of a payload; nothing if it cannot be an Opus packet.
    pub(crate) fn of(payload: &[u8]) -> Option<Self> {
        if payload.is_empty() || payload.len() > MAX_PAYLOAD_BYTES {
            return None;
        }
        let span = opus::packet::get_nb_samples(payload, SAMPLE_RATE).ok()?;
        let frame = opus::packet::get_samples_per_frame(payload, SAMPLE_RATE).ok()?;
        (span > 0 && span <= MAX_PACKET_SAMPLES).then_some(Self { span, frame, redundant: is_redundant(payload, frame) })
    }
}

/// Whether a packet of one frame carries redundancy. Of packets of several frames, which no call sends, it is taken that they do not.
fn is_redundant(payload: &[u8], frame: usize) -> bool {
    // RFC 6716: configurations from 16 on have no SILK layer, which alone is redundant; its first bits are one for the voice activity of
    // each 20 ms and then the flag.
    let &[head, first, ..] = payload else { return false };
    let (configuration, frames_code) = (head >> 3, head & 0b11);
    let spans = (frame / 960).max(1);
    configuration < 16 && frames_code == 0 && spans < 8 && (first >> (7 - spans)) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: EncoderSettings = EncoderSettings { bits_per_second: 32_000, expected_loss_percent: 10, complexity: 5 };

    #[test]
    fn a_packet_tells_its_length() {
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        let length = Encoder::new(SETTINGS).unwrap().encode(&[0.0; 960], &mut payload).unwrap();
        assert_eq!(PayloadShape::of(&payload[..length]), Some(PayloadShape { span: 960, frame: 960, redundant: false }));
    }

    #[test]
    fn what_is_no_packet_has_no_shape() {
        assert_eq!(PayloadShape::of(&[]), None);
        assert_eq!(PayloadShape::of(&[0; MAX_PAYLOAD_BYTES + 1]), None);
        // Code 3 with 63 frames of 20 ms is longer than any packet may be.
        assert_eq!(PayloadShape::of(&[0b0000_1011, 63, 0]), None);
    }

    #[test]
    fn a_damaged_packet_decodes_to_nothing() {
        let mut sound = vec![0.5];
        assert_eq!(Decoder::new().unwrap().decode(&[0b0000_1011, 63, 0], &mut sound), 0);
        assert_eq!(sound, [0.5]);
    }

    #[test]
    fn a_gap_is_filled_to_length() {
        let mut sound = Vec::new();
        let mut decoder = Decoder::new().unwrap();
        assert_eq!(decoder.conceal(480, &mut sound), 480);
        assert_eq!(decoder.conceal(960, &mut sound), 960);
        assert_eq!(sound.len(), 1_440);
    }
}
