use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use signedcall_wire::{CallId, DeviceId};

/// Where the way of one call towards one device has come to, for measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Milestone {
    /// The session description of the offerer is on its way.
    OfferMade,
    /// The answerer has received it.
    OfferReceived,
    /// A pair of addresses works.
    IceConnected,
    /// Keys are agreed: media can flow.
    DtlsConnected,
    /// Callee: the user answers. Caller: this side learns that the call is answered.
    Answered,
    /// The microphone is open.
    CaptureOpened,
    /// The first packet of voice has left.
    FirstRtpSent,
    /// The first packet of voice has come.
    FirstRtpReceived,
    /// The first frame decoded from the other side's packets has been handed to the speaker.
    FirstSoundPlayed,
}

impl fmt::Display for Milestone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OfferMade => "offer_made",
            Self::OfferReceived => "offer_received",
            Self::IceConnected => "ice_connected",
            Self::DtlsConnected => "dtls_connected",
            Self::Answered => "answered",
            Self::CaptureOpened => "capture_opened",
            Self::FirstRtpSent => "first_rtp_sent",
            Self::FirstRtpReceived => "first_rtp_received",
            Self::FirstSoundPlayed => "first_sound_played",
        })
    }
}

/// Logs each [`Milestone`] once, as a `debug` line of target `signedcall::timing` with the fields `call`, `device`, `milestone` and
/// `elapsed_us`: microseconds since the peer connection was prepared.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    call: CallId,
    device: DeviceId,
    began: Instant,
    reached: AtomicU32,
}

impl Timeline {
    pub(crate) fn begin(call: CallId, device: DeviceId) -> Self {
        Self { shared: Arc::new(Shared { call, device, began: Instant::now(), reached: AtomicU32::new(0) }) }
    }

    /// When the peer connection was prepared: before anything else of it.
    pub(crate) fn began(&self) -> Instant {
        self.shared.began
    }

    pub(crate) fn mark(&self, milestone: Milestone) {
        self.mark_at(milestone, Instant::now());
    }

    pub(crate) fn mark_at(&self, milestone: Milestone, moment: Instant) {
        let bit = 1 << milestone as u8;
        if self.shared.reached.fetch_or(bit, Ordering::Relaxed) & bit != 0 {
            return;
        }
        let elapsed = u64::try_from(moment.saturating_duration_since(self.shared.began).as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(
            target: "signedcall::timing",
            call = %self.shared.call,
            device = %self.shared.device,
            milestone = %milestone,
            elapsed_us = elapsed,
        );
    }
}
