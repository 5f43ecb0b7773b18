//! From the microphone's frames to packets.

use std::time::Duration;

use crate::codec::{CodecError, Encoder, EncoderSettings, MAX_PAYLOAD_BYTES};
use crate::frame::{FRAME_DURATION, Frame};
use crate::receiver::PayloadFormat;
use crate::red::History;
use crate::settings::{Copies, PacketDuration, SendSettings};

/// Samples over which muting fades out and unmuting fades in: 4 ms, too short to hear a word in, long enough not to click.
const MUTE_RAMP: usize = 192;

/// How a [`Sender`] is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderConfig {
    /// How the voice is sent, until [`Sender::apply`] says otherwise.
    pub settings: SendSettings,
    /// The RTP payload type that was agreed on for Opus: copies are labelled with it.
    pub payload_type: u8,
    /// Opus' effort, 0 to 10. 9 is the last step that measurably improves speech; it costs about 1 % of a desktop core.
    pub complexity: u8,
}

impl Default for SenderConfig {
    fn default() -> Self {
        // 111 is the payload type that browsers use for Opus.
        Self { settings: SendSettings::default(), payload_type: 111, complexity: 9 }
    }
}

/// A packet's worth of sound, ready for the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodedPacket<'a> {
    /// What the payload is: with copies where they were asked for, and by another RTP payload type then.
    pub format: PayloadFormat,
    /// What goes on the line.
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
    config: SenderConfig,
    /// Settings for the next packet.
    wanted: SendSettings,
    /// Frames of the packet being filled.
    filling: Vec<f32>,
    /// Timestamp of the packet being filled.
    timestamp: u32,
    muted: bool,
    /// Loudness of the last sample taken: 0 muted, 1 not, between them while a ramp runs.
    gain: f32,
    payload: [u8; MAX_PAYLOAD_BYTES],
    history: History,
    with_copies: Vec<u8>,
}

impl Sender {
    /// Makes a sender whose first packet has timestamp 0.
    ///
    /// # Errors
    /// When Opus cannot be set up: out of memory, or a bit rate it does not take.
    pub fn new(config: SenderConfig) -> Result<Self, CodecError> {
        Ok(Self {
            encoder: Encoder::new(encoder_settings(config))?,
            config,
            wanted: config.settings,
            filling: Vec::with_capacity(PacketDuration::FortyMilliseconds.samples()),
            timestamp: 0,
            muted: false,
            gain: 1.0,
            payload: [0; MAX_PAYLOAD_BYTES],
            history: History::new(),
            with_copies: Vec::with_capacity(MAX_PAYLOAD_BYTES),
        })
    }

    /// Takes the next frame and gives back a packet whenever one is full.
    pub fn push(&mut self, frame: &Frame) -> Option<EncodedPacket<'_>> {
        if self.filling.is_empty() {
            self.turn_to_what_is_wanted();
        }
        let (goal, step) = if self.muted { (0.0, -1.0 / MUTE_RAMP as f32) } else { (1.0, 1.0 / MUTE_RAMP as f32) };
        for &sample in frame {
            if self.gain != goal {
                self.gain = (self.gain + step).clamp(0.0, 1.0);
            }
            // A broken driver's NaN would stay in the encoder's filters for the rest of the call.
            let sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
            self.filling.push(sample * self.gain);
        }
        if self.filling.len() < self.config.settings.packet_duration.samples() {
            return None;
        }
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(self.filling.len() as u32);
        let duration = FRAME_DURATION * self.config.settings.packet_duration.frames() as u32;
        let length = self.encoder.encode(&self.filling, &mut self.payload);
        self.filling.clear();
        // A packet that Opus could not make is one lost packet to the peer, who conceals it: the timestamp has moved on.
        let payload = &self.payload[..length?];
        let copies = self.config.settings.copies;
        let (format, payload) = if copies == Copies::NONE {
            (PayloadFormat::Opus, payload)
        } else {
            self.history.write(self.config.payload_type, timestamp, payload, copies.backs(), &mut self.with_copies);
            (PayloadFormat::Red, &self.with_copies[..])
        };
        self.history.keep(timestamp, &self.payload[..length?]);
        Some(EncodedPacket { format, payload, timestamp, duration })
    }

    /// Sends otherwise from the next packet on.
    pub fn apply(&mut self, settings: SendSettings) {
        self.wanted = settings;
    }

    fn turn_to_what_is_wanted(&mut self) {
        if self.wanted == self.config.settings {
            return;
        }
        if self.wanted.packet_duration != self.config.settings.packet_duration {
            self.history.clear();
        }
        self.config.settings = self.wanted;
        // Settings that Opus refuses leave the encoder as it is, which goes on being heard.
        let applied = self.encoder.apply(encoder_settings(self.config));
        debug_assert!(applied.is_ok(), "{applied:?}: {:?}", self.wanted);
    }

    /// Mutes or unmutes from the next frame on.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }
}

fn encoder_settings(config: SenderConfig) -> EncoderSettings {
    let settings = config.settings;
    EncoderSettings {
        bits_per_second: settings.bits_per_second,
        expected_loss_percent: settings.expected_loss_percent,
        complexity: config.complexity,
        redundant: settings.coarse_copy,
        deep_steps: settings.described_steps(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FRAME_SAMPLES;

    fn sender(packet_duration: PacketDuration) -> Sender {
        let settings = SendSettings { packet_duration, ..SendSettings::default() };
        Sender::new(SenderConfig { settings, ..SenderConfig::default() }).unwrap()
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
