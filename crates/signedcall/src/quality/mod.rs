//! How a call goes: each second in figures, in a word for the user, and as a whole for the service.

mod emodel;
mod notice;
mod score;
mod summary;

use std::time::Duration;

use signedcall_wire::CallId;

pub(crate) use emodel::{Impairments, mos};
pub use notice::LineNotice;
pub(crate) use notice::Noticing;
pub use score::{LineMeasures, LineScore};
pub(crate) use summary::Summary;

/// One second of a call's voice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VoiceStats {
    /// The call.
    pub call: CallId,
    /// How well the other side was heard: a mean opinion score by the E-model in its wideband form (ITU-T G.107.1), from 1 to 4.5.
    pub mos: f32,
    /// The other side's voice.
    pub heard: HeardStats,
    /// This side's voice.
    pub said: SaidStats,
    /// How long it takes to the other side and back, as it was told last.
    pub round_trip: Option<Duration>,
}

/// One second of the other side's voice.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HeardStats {
    /// Packets that were to come.
    pub packets: u32,
    /// The share of them that was lost on the way, 0 to 1, before anything was repaired.
    pub loss: f32,
    /// How many were lost in a row, on average; 0 when none was.
    pub burst: f32,
    /// By how much later than the quickest the latest packets come that are waited for.
    pub jitter: Duration,
    /// How long sound waits for late packets.
    pub wait: Duration,
    /// The share of the sound that was made up, 0 to 1: what is heard of the losses.
    pub made_up: f32,
    /// The bits a second of the sound itself, as of when somebody was speaking.
    pub bits_per_second: u32,
}

/// One second of this side's voice.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SaidStats {
    /// The share of packets that was lost on the way, 0 to 1, as the other side tells; nothing where it does not.
    pub loss: Option<f32>,
    /// The share of packets, 0 to 1, that was lost and of which no copy came either: what the other side has to make up.
    pub left: Option<f32>,
    /// How many were lost in a row, on average; 0 when none was.
    pub burst: f32,
    /// How much longer than before even the quickest packet takes: a queue on the way.
    pub queued: Duration,
    /// The bits a second of the codec, with the redundancy in its packets.
    pub bits_per_second: u32,
    /// How much sound goes into one packet.
    pub packet_duration: Duration,
    /// How many copies of earlier packets each one carries.
    pub copies: u8,
}
