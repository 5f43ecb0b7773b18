//! From the microphone's frames to packets.

use std::time::Duration;

use crate::codec::{CodecError, Encoder, EncoderSettings, MAX_PAYLOAD_BYTES};
use crate::frame::{FRAME_DURATION, FRAME_SAMPLES, Frame};

/// Samples over which muting fades out and unmuting fades in: 4 ms, too short to hear a word in, long enough not to click.
const MUTE_RAMP: usize = 192;

/// How a [`Sender`] is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderConfig {
    /// Bits per second of the sound itself, without packet headers.
    ///
    /// 32 kbit/s is where Opus speech stops gaining audibly, and leaves room for its redundancy at the losses expected below.
    pub bits_per_second: u32,
    /// How much sound goes into one packet.
    pub packet_duration: PacketDuration,
    /// How many packets of a hundred the line is expected to lose, until [`Sender::set_expected_loss`] knows better.
    ///
    /// Without any, Opus makes no redundancy at all and the first loss of a call is heard; 5 % makes the first one recoverable.
    pub expected_loss_percent: u8,
    /// Opus' effort, 0 to 10. 9 is the last step that measurably improves speech; it costs about 1 % of a desktop core.
    pub complexity: u8,
}

impl Default for SenderConfig {
    fn default() -> Self {
        Self { bits_per_second: 32_000, packet_duration: PacketDuration::TwentyMilliseconds, expected_loss_percent: 5, complexity: 9 }
    }
}

/// How much sound goes into one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PacketDuration {
    /// 10 ms: the shorter delay, for twice the headers.
    TenMilliseconds,
    /// 20 ms: the usual choice.
    #[default]
    TwentyMilliseconds,
}

impl PacketDuration {
    const fn frames(self) -> usize {
        match self {
            Self::TenMilliseconds => 1,
            Self::TwentyMilliseconds => 2,
        }
    }
}

/// A packet's worth of sound, ready for the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodedPacket<'a> {
    /// The Opus packet.
    pub payload: &'a [u8],
    /// Samples from the first frame to the first of this packet, wrapping: the RTP timestamp but for its random start.
    pub timestamp: u32,
    /// How long it sounds.
    pub duration: Duration,
}

/// Turns frames into packets.
///
/// A muted sender goes on sending, silence: the peer's jitter buffer and the firewalls on the way stay as they are, and unmuting is heard
/// at once.
#[derive(Debug)]
pub struct Sender {
    encoder: Encoder,
    frames_per_packet: usize,
    /// Frames of the packet being filled.
    filling: Vec<f32>,
    /// Timestamp of the packet being filled.
    timestamp: u32,
    muted: bool,
    /// Loudness of the last sample taken: 0 muted, 1 not, between them while a ramp runs.
    gain: f32,
    payload: [u8; MAX_PAYLOAD_BYTES],
}

impl Sender {
    /// Makes a sender whose first packet has timestamp 0.
    ///
    /// # Errors
    /// When Opus cannot be set up: out of memory, or a bit rate it does not take.
    pub fn new(config: SenderConfig) -> Result<Self, CodecError> {
        let encoder = Encoder::new(EncoderSettings {
            bits_per_second: config.bits_per_second,
            expected_loss_percent: config.expected_loss_percent,
            complexity: config.complexity,
        })?;
        let frames_per_packet = config.packet_duration.frames();
        Ok(Self {
            encoder,
            frames_per_packet,
            filling: Vec::with_capacity(frames_per_packet * FRAME_SAMPLES),
            timestamp: 0,
            muted: false,
            gain: 1.0,
            payload: [0; MAX_PAYLOAD_BYTES],
        })
    }

    /// Takes the next frame and gives back a packet whenever one is full.
    pub fn push(&mut self, frame: &Frame) -> Option<EncodedPacket<'_>> {
        let (goal, step) = if self.muted { (0.0, -1.0 / MUTE_RAMP as f32) } else { (1.0, 1.0 / MUTE_RAMP as f32) };
        for &sample in frame {
            if self.gain != goal {
                self.gain = (self.gain + step).clamp(0.0, 1.0);
            }
            // A broken driver's NaN would stay in the encoder's filters for the rest of the call.
            let sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
            self.filling.push(sample * self.gain);
        }
        if self.filling.len() < self.frames_per_packet * FRAME_SAMPLES {
            return None;
        }
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(self.filling.len() as u32);
        let length = self.encoder.encode(&self.filling, &mut self.payload);
        self.filling.clear();
        // A packet that Opus could not make is one lost packet to the peer, who conceals it: the timestamp has moved on.
        let payload = &self.payload[..length?];
        Some(EncodedPacket { payload, timestamp, duration: FRAME_DURATION * self.frames_per_packet as u32 })
    }

    /// Mutes or unmutes from the next frame on.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Says how many packets of a hundred the line loses: the more, the more of the bit rate goes into redundancy.
    ///
    /// More than 100 counts as 100.
    pub fn set_expected_loss(&mut self, percent: u8) {
        self.encoder.set_expected_loss(percent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(packet_duration: PacketDuration) -> Sender {
        Sender::new(SenderConfig { packet_duration, ..SenderConfig::default() }).unwrap()
    }

    #[test]
    fn two_frames_make_a_packet_of_twenty_milliseconds() {
        let mut sender = sender(PacketDuration::TwentyMilliseconds);
        assert!(sender.push(&[0.1; FRAME_SAMPLES]).is_none());
        let first = sender.push(&[0.1; FRAME_SAMPLES]).unwrap();
        assert_eq!((first.timestamp, first.duration), (0, Duration::from_millis(20)));
        assert!(sender.push(&[0.1; FRAME_SAMPLES]).is_none());
        assert_eq!(sender.push(&[0.1; FRAME_SAMPLES]).unwrap().timestamp, 960);
    }

    #[test]
    fn one_frame_makes_a_packet_of_ten_milliseconds() {
        let mut sender = sender(PacketDuration::TenMilliseconds);
        assert_eq!(sender.push(&[0.1; FRAME_SAMPLES]).unwrap().timestamp, 0);
        assert_eq!(sender.push(&[0.1; FRAME_SAMPLES]).unwrap().timestamp, 480);
    }

    #[test]
    fn a_muted_frame_is_silent_after_its_first_five_milliseconds() {
        let mut sender = sender(PacketDuration::TwentyMilliseconds);
        sender.push(&[0.5; FRAME_SAMPLES]);
        sender.set_muted(true);
        // Look at the frame before it goes into the encoder: fill the packet's first half again.
        sender.push(&[0.5; FRAME_SAMPLES]);
        sender.push(&[0.5; FRAME_SAMPLES]);
        assert!(sender.filling.iter().all(|&sample| sample == 0.0));
    }

    #[test]
    fn muting_and_unmuting_ramp_instead_of_clicking() {
        let mut sender = sender(PacketDuration::TwentyMilliseconds);
        for muted in [true, false] {
            sender.set_muted(muted);
            sender.push(&[0.5; FRAME_SAMPLES]);
            let steps = sender.filling.windows(2).map(|pair| (pair[1] - pair[0]).abs());
            assert!(steps.fold(0.0, f32::max) < 0.004, "a jump is heard as a click");
            let settled = if muted { 0.0 } else { 0.5 };
            assert!(sender.filling[MUTE_RAMP..].iter().all(|&sample| sample == settled));
            sender.push(&[0.5; FRAME_SAMPLES]);
        }
    }

    #[test]
    fn packets_go_on_while_muted() {
        let mut sender = sender(PacketDuration::TenMilliseconds);
        sender.set_muted(true);
        for _ in 0..200 {
            assert!(sender.push(&[0.5; FRAME_SAMPLES]).is_some_and(|packet| !packet.payload.is_empty()));
        }
    }

    #[test]
    fn numbers_that_are_no_sound_are_taken_as_silence() {
        let mut sender = sender(PacketDuration::TwentyMilliseconds);
        sender.push(&[f32::NAN; FRAME_SAMPLES]);
        assert!(sender.filling.iter().all(|&sample| sample == 0.0));
        assert!(sender.push(&[f32::INFINITY; FRAME_SAMPLES]).is_some());
    }
}
