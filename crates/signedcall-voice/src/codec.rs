//! Opus as this crate uses it: what comes from outside leaves as sound.

use signedcall_opus as opus;
use thiserror::Error;

/// The most bytes a packet may have: an Ethernet frame's worth. Speech needs a tenth of it, and what is larger was not made by a call.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 1_500;

pub(crate) use signedcall_opus::MAX_PACKET_SAMPLES;

/// The most that a packet describes of the sound before it, in steps of 10 ms: the limit of the format.
const MOST_DEEP_STEPS: u8 = 104;

/// The decoder's effort. With this one, neural networks continue the voice where a packet is missing, and clean what few bits have left of it (LACE). The next
/// step (NoLACE) takes a further half percent of a desktop core, and `cargo xtask bench voice` finds no difference.
const DECODER_COMPLEXITY: u8 = 6;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EncoderSettings {
    /// With the redundancy inside the packets, without copies beside them.
    pub(crate) bits_per_second: u32,
    pub(crate) expected_loss_percent: u8,
    pub(crate) complexity: u8,
    /// Whether each packet carries a coarse copy of the one before it.
    pub(crate) redundant: bool,
    /// How much of the sound before it each packet describes, in steps of 10 ms.
    pub(crate) deep_steps: u8,
}

impl Encoder {
    pub(crate) fn new(settings: EncoderSettings) -> Result<Self, CodecError> {
        let set_up = || -> Result<opus::Encoder, opus::Error> {
            let mut opus = opus::Encoder::new()?;
            // A silent line and a dead one must look different to the peer, and the packets carry the other side's clock.
            opus.set_discontinuous(false)?;
            Ok(opus)
        };
        let mut encoder = Self { opus: set_up().map_err(CodecError::Encoder)? };
        encoder.apply(settings).map_err(CodecError::Encoder)?;
        Ok(encoder)
    }

    /// Takes other settings for the packets from now on.
    pub(crate) fn apply(&mut self, settings: EncoderSettings) -> Result<(), opus::Error> {
        self.opus.set_bits_per_second(settings.bits_per_second)?;
        self.opus.set_complexity(settings.complexity.min(10))?;
        self.opus.set_redundancy(settings.redundant)?;
        self.opus.set_expected_loss(settings.expected_loss_percent.min(100))?;
        self.opus.set_deep_redundancy(settings.deep_steps.min(MOST_DEEP_STEPS))
    }

    /// Encodes one packet's worth of sound and says how many bytes it took, or nothing if Opus failed.
    pub(crate) fn encode(&mut self, sound: &[f32], payload: &mut [u8]) -> Option<usize> {
        self.opus.encode(sound, payload).ok()
    }
}

/// Makes sound of packets, and a likely continuation where one is missing.
#[derive(Debug)]
pub(crate) struct Decoder {
    opus: opus::Decoder,
}

impl Decoder {
    pub(crate) fn new() -> Result<Self, CodecError> {
        let set_up = || -> Result<opus::Decoder, opus::Error> {
            let mut opus = opus::Decoder::new()?;
            opus.set_complexity(DECODER_COMPLEXITY)?;
            Ok(opus)
        };
        Ok(Self { opus: set_up().map_err(CodecError::Decoder)? })
    }

    /// Forgets the stream so far: the next packet comes from another encoder.
    pub(crate) fn reset(&mut self) {
        self.opus.reset();
    }

    /// Appends the sound of a packet and says how many samples it was; none if the packet was damaged.
    pub(crate) fn decode(&mut self, payload: &[u8], sound: &mut Vec<f32>) -> usize {
        append(sound, MAX_PACKET_SAMPLES, |room| self.opus.decode(payload, room))
    }

    /// Appends `span` samples of the packet *before* `following`, from the redundancy that `following` carries for it. Without
    /// redundancy in it, this is the same as [`Self::conceal`].
    pub(crate) fn recover(&mut self, following: &[u8], span: usize, sound: &mut Vec<f32>) -> usize {
        append(sound, span, |room| self.opus.recover(following, room))
    }

    /// Appends `span` samples from what a later packet describes, which begins `before` samples later.
    pub(crate) fn recover_deep(&mut self, deep: &opus::DeepRedundancy, before: usize, span: usize, sound: &mut Vec<f32>) -> usize {
        append(sound, span, |room| self.opus.recover_deep(deep, before, room))
    }

    /// Appends `span` samples of what probably came next.
    pub(crate) fn conceal(&mut self, span: usize, sound: &mut Vec<f32>) -> usize {
        append(sound, span, |room| self.opus.conceal(room))
    }
}

/// Appends at most `most` samples, as many as `fill` says that it has made.
fn append(sound: &mut Vec<f32>, most: usize, fill: impl FnOnce(&mut [f32]) -> Result<usize, opus::Error>) -> usize {
    let before = sound.len();
    sound.resize(before + most.min(MAX_PACKET_SAMPLES), 0.0);
    let decoded = fill(&mut sound[before..]).unwrap_or(0);
    sound.truncate(before + decoded);
    for sample in &mut sound[before..] {
        // A packet from outside may hold anything; what leaves here is sound.
        *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
    }
    decoded
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
        let span = opus::packet::samples(payload).ok()?;
        let frame = opus::packet::samples_per_frame(payload).ok()?;
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

    const SETTINGS: EncoderSettings =
        EncoderSettings { bits_per_second: 32_000, expected_loss_percent: 10, complexity: 5, redundant: true, deep_steps: 0 };

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
