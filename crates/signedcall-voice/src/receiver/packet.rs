//! What a receiver takes and says.

use std::time::Duration;

/// A packet as it came from the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Who sent it: the RTP synchronisation source. Another one begins a new stream.
    pub source: u32,
    /// Its RTP sequence number, wrapping.
    pub sequence: u16,
    /// Its RTP timestamp in samples at 48 kHz, wrapping.
    pub timestamp: u32,
    /// What the payload is.
    pub format: PayloadFormat,
    /// What it carries.
    pub payload: &'a [u8],
    /// When it came, on the clock of [`Receiver::pull`](super::Receiver::pull).
    pub arrived: Duration,
}

/// What the payload of a packet is; on the line its payload type says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PayloadFormat {
    /// One Opus packet.
    #[default]
    Opus,
    /// One Opus packet and copies of earlier ones (RFC 2198, `audio/red`).
    Red,
}

/// How a [`Receiver`](super::Receiver) is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverConfig {
    /// The most by which sound may wait for late packets. Beyond it people talk over each other, and a gap is the lesser evil.
    pub most_wait: Duration,
    /// The RTP payload type of Opus itself, which a packet with copies has to name: another codec, as for tones, is none of ours.
    pub payload_type: u8,
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        // 111 is the payload type that browsers use for Opus.
        Self { most_wait: Duration::from_millis(400), payload_type: 111 }
    }
}

/// What a frame was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// Silence: no packet has come yet.
    Waiting,
    /// What the peer sent.
    Sound,
    /// A likely continuation, at least in part: packets are missing.
    MadeUp,
    /// Silence, or what fades into it: packets have stopped coming.
    Stopped,
}

/// What a [`Receiver`](super::Receiver) has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverStats {
    /// Packets that came, whatever became of them.
    pub packets_received: u64,
    /// Packets that came after they were needed.
    pub packets_late: u64,
    /// Packets that came a second time.
    pub packets_duplicate: u64,
    /// Packets that were no Opus, or contradicted their stream.
    pub packets_rejected: u64,
    /// Packets that had not come when they were needed.
    pub packets_lost: u64,
    /// Packets that were lost and of which a copy came in time and was played; they do not count as lost.
    pub packets_copied: u64,
    /// Those of the lost packets whose sound was taken from the coarse copy in the next one.
    pub packets_recovered: u64,
    /// Packets that were left out because too many of them came at once.
    pub packets_skipped: u64,
    /// Bytes of the packets that came, each once and without the copies beside it.
    pub bytes: u64,
    /// How much sound was made of what a later packet describes.
    pub described: Duration,
    /// How much sound was made up because nothing had come to play.
    pub made_up: Duration,
    /// How much playing faster has saved.
    pub shortened: Duration,
    /// How much playing slower has added.
    pub lengthened: Duration,
    /// How much sound waits to be played now.
    pub buffered: Duration,
    /// How much later than it should be what is played next is played, and how much earlier: one of them is nothing.
    pub late: Duration,
    /// See [`late`](Self::late).
    pub early: Duration,
    /// How much later than the earliest packets the latest come that are waited for.
    pub jitter: Duration,
}
