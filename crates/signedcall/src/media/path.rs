//! Where the voice of a connection goes in and comes out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc as blocking;
use std::time::Instant;

use bytes::Bytes;
use rtc::peer_connection::configuration::media_engine::MIME_TYPE_OPUS;
use rtc::rtp_transceiver::rtp_sender::RTCRtpCodecParameters;
use signedcall_voice::PayloadFormat;
use tokio::sync::mpsc;

use super::feedback::Told;
use super::outlet::Outlet;
use super::settings::MIME_TYPE_RED;

/// Packets on their way between the audio thread and a connection: 1.2 s of voice, after which the oldest is of no use to anybody.
pub(super) const PACKETS: usize = 64;
/// What the other side tells that waits for the audio thread: three seconds of it.
const TOLD: usize = 16;

/// A packet of voice that has come.
#[derive(Debug)]
pub(crate) struct IncomingPacket {
    pub(crate) source: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) format: PayloadFormat,
    pub(crate) payload: Bytes,
    pub(crate) arrived: Instant,
}

/// A packet of voice that is to leave.
#[derive(Debug)]
pub(crate) struct OutgoingPacket {
    /// Samples since the voice began.
    pub(crate) timestamp: u32,
    pub(crate) format: PayloadFormat,
    pub(crate) payload: Bytes,
}

/// Where the voice of one connection goes in and comes out. The audio thread holds it; neither end ever waits for the other.
#[derive(Debug)]
pub(crate) struct VoicePath {
    pub(crate) outgoing: mpsc::Sender<OutgoingPacket>,
    pub(crate) incoming: Incoming,
    pub(crate) formats: Arc<Formats>,
}

#[cfg(test)]
impl VoicePath {
    /// A path, and what is at its other end: what leaves, and where packets and reports come from.
    pub(crate) fn between(
        formats: Formats,
    ) -> (Self, mpsc::Receiver<OutgoingPacket>, blocking::SyncSender<IncomingPacket>, blocking::SyncSender<Told>) {
        let (outgoing, sent) = mpsc::channel(PACKETS);
        let (comes, packets) = blocking::sync_channel(PACKETS);
        let (tells, told) = blocking::sync_channel(TOLD);
        (Self { outgoing, incoming: Incoming { packets, told }, formats: Arc::new(formats) }, sent, comes, tells)
    }
}

/// What comes from the other side.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) packets: blocking::Receiver<IncomingPacket>,
    pub(crate) told: blocking::Receiver<Told>,
}

/// By which RTP payload types the two sides send what; 0 stands for what they have not agreed on.
#[derive(Debug, Default)]
pub(crate) struct Formats {
    opus: AtomicU8,
    /// Opus with copies of earlier packets (RFC 2198).
    red: AtomicU8,
}

impl Formats {
    /// What has been agreed on by payload types.
    #[cfg(test)]
    pub(crate) fn of(opus: u8, red: u8) -> Self {
        Self { opus: opus.into(), red: red.into() }
    }

    /// Opus' own, which copies are labelled with.
    pub(crate) fn opus(&self) -> u8 {
        self.opus.load(Ordering::Relaxed)
    }

    /// Whether the other side takes copies.
    pub(crate) fn allow_copies(&self) -> bool {
        self.red.load(Ordering::Relaxed) != 0
    }

    /// Takes note of what was agreed on.
    pub(super) fn agree(&self, codecs: &[RTCRtpCodecParameters]) {
        let number_of = |mime_type: &str| {
            let found = codecs.iter().find(|codec| codec.rtp_codec.mime_type.eq_ignore_ascii_case(mime_type));
            found.map_or(0, |codec| codec.payload_type)
        };
        self.opus.store(number_of(MIME_TYPE_OPUS), Ordering::Relaxed);
        self.red.store(number_of(MIME_TYPE_RED), Ordering::Relaxed);
    }

    pub(super) fn payload_type(&self, format: PayloadFormat) -> u8 {
        match format {
            PayloadFormat::Opus => self.opus.load(Ordering::Relaxed),
            PayloadFormat::Red => self.red.load(Ordering::Relaxed),
        }
    }

    /// What a packet with this payload type is. One that is neither is taken for Opus, whose decoder knows better.
    pub(super) fn format(&self, payload_type: u8) -> PayloadFormat {
        if self.allow_copies() && payload_type == self.red.load(Ordering::Relaxed) { PayloadFormat::Red } else { PayloadFormat::Opus }
    }
}

/// A connection's end of the voice, which lasts while voices open and close.
#[derive(Debug)]
pub(super) struct VoiceEnd {
    outgoing: mpsc::Sender<OutgoingPacket>,
    packets: Outlet<IncomingPacket>,
    told: Outlet<Told>,
    formats: Arc<Formats>,
}

impl VoiceEnd {
    pub(super) fn new(outgoing: mpsc::Sender<OutgoingPacket>) -> Self {
        Self { outgoing, packets: Outlet::default(), told: Outlet::default(), formats: Arc::default() }
    }

    /// Where packets go that have come, and what the other side tells of those that were sent.
    pub(super) fn outlets(&self) -> (Outlet<IncomingPacket>, Outlet<Told>) {
        (self.packets.clone(), self.told.clone())
    }

    pub(super) fn formats(&self) -> Arc<Formats> {
        Arc::clone(&self.formats)
    }

    /// Hears what comes from now on. Whoever listened before hears nothing more.
    pub(super) fn listen(&self) -> Incoming {
        Incoming { packets: self.packets.listen(PACKETS), told: self.told.listen(TOLD) }
    }

    /// The path for a voice.
    pub(super) fn path(&self, incoming: Incoming) -> VoicePath {
        VoicePath { outgoing: self.outgoing.clone(), incoming, formats: Arc::clone(&self.formats) }
    }
}
