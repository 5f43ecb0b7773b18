//! Voice between two devices: one peer connection for each device of the other side.

mod feedback;
mod outlet;
mod path;
mod peer;
mod remote;
mod rtp_clock;
mod settings;
mod shown;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::BTreeMap;
use std::time::Instant;

use signedcall_core::Role;
use signedcall_wire::{CallId, DeviceId, IceConfig, Signal};
use tokio::sync::mpsc;

pub(crate) use feedback::Told;
#[cfg(test)]
pub(crate) use path::IncomingPacket;
pub(crate) use path::{Formats, Incoming, OutgoingPacket, VoicePath};
pub(crate) use settings::Reach;
pub(crate) use turn::NearRelays;

use crate::timing::{Milestone, Timeline};
use path::VoiceEnd;
use peer::Input;

/// How much peer connections may tell before they have to wait for the driver: the candidates and states of several set-ups at once.
const NEWS: usize = 256;

/// What one peer connection tells the driver.
#[derive(Debug)]
pub(crate) struct MediaEvent {
    pub(crate) call: CallId,
    pub(crate) device: DeviceId,
    /// Which of the connections to that device it comes from.
    number: u64,
    pub(crate) news: MediaNews,
}

#[derive(Debug)]
pub(crate) enum MediaNews {
    /// To be passed to the other side.
    Signal(Signal),
    /// ICE and DTLS are up, or up again.
    Connected,
    /// Nothing has come for some seconds.
    Interrupted,
    /// Cannot be had.
    Failed,
    /// Cannot be had, since what the other side says of itself cannot be understood, or it does not know Opus.
    Mismatched,
}

/// How one peer connection tells the driver.
#[derive(Clone, Debug)]
struct Teller {
    call: CallId,
    device: DeviceId,
    number: u64,
    news: mpsc::Sender<MediaEvent>,
}

impl Teller {
    async fn tell(&self, news: MediaNews) {
        let _ = self.news.send(MediaEvent { call: self.call, device: self.device, number: self.number, news }).await;
    }
}

/// Who has answered a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answerer {
    /// The user of this device.
    ThisUser,
    /// A device of the other side.
    Other(DeviceId),
}

/// The peer connections of this device.
#[derive(Debug)]
pub(crate) struct Media {
    reach: Reach,
    ice: IceConfig,
    peers: BTreeMap<(CallId, DeviceId), Peer>,
    /// How many connections have been opened.
    opened: u64,
    sender: mpsc::Sender<MediaEvent>,
    news: mpsc::Receiver<MediaEvent>,
}

#[derive(Debug)]
struct Peer {
    number: u64,
    input: mpsc::Sender<Input>,
    voice: VoiceEnd,
    /// Where what comes before the voice opens is kept for it.
    early: Option<Incoming>,
    timeline: Timeline,
}

impl Media {
    pub(crate) fn new(reach: Reach) -> Self {
        let (sender, news) = mpsc::channel(NEWS);
        Self { reach, ice: IceConfig::default(), peers: BTreeMap::new(), opened: 0, sender, news }
    }

    /// Waits for the next thing to happen. Dropping the future loses nothing. What comes from a connection that has been closed is skipped, also when
    /// another to the same device has been opened since.
    pub(crate) async fn next(&mut self) -> MediaEvent {
        loop {
            let event = self.news.recv().await.expect("the media hold a sender themselves");
            if self.peers.get(&(event.call, event.device)).is_some_and(|peer| peer.number == event.number) {
                return event;
            }
        }
    }

    /// Uses these servers from now on: connections that are open, when they look for another path. A service that was started again knows nothing of what
    /// an earlier one has handed out.
    pub(crate) fn use_ice(&mut self, ice: IceConfig) {
        for peer in self.peers.values() {
            if peer.input.try_send(Input::UseIce(ice.clone())).is_err() {
                tracing::warn!("a peer connection is too busy to learn of other servers");
            }
        }
        self.ice = ice;
    }

    /// Opens a peer connection and starts connecting it.
    pub(crate) fn prepare(&mut self, call: CallId, device: DeviceId, role: Role) {
        let timeline = Timeline::begin(call, device);
        let setup = settings::Setup { reach: self.reach, ice: self.ice.clone() };
        self.opened += 1;
        let teller = Teller { call, device, number: self.opened, news: self.sender.clone() };
        let (input, voice) = peer::open(role, setup, timeline.clone(), teller);
        let early = Some(voice.listen());
        self.peers.insert((call, device), Peer { number: self.opened, input, voice, early, timeline });
    }

    /// Hands over what the other side's device has passed.
    pub(crate) fn apply(&self, call: CallId, device: DeviceId, signal: Signal) {
        let Some(peer) = self.peers.get(&(call, device)) else {
            tracing::debug!("a signal for a peer connection that is not open");
            return;
        };
        if peer.input.try_send(Input::Signal(signal)).is_err() {
            tracing::warn!("a peer connection takes no more signals");
        }
    }

    /// Looks for another path to a device of the other side.
    pub(crate) fn restart(&self, call: CallId, device: DeviceId) {
        let Some(peer) = self.peers.get(&(call, device)) else { return };
        if peer.input.try_send(Input::Restart).is_err() {
            tracing::warn!("a peer connection is too busy to look for another path");
        }
    }

    /// Notes when the call was answered: by this user, or as this side learned by that device of the other side.
    pub(crate) fn note_answer(&self, answered: CallId, by: Answerer, moment: Instant) {
        for ((call, device), peer) in &self.peers {
            let fits = match by {
                Answerer::ThisUser => true,
                Answerer::Other(winner) => winner == *device,
            };
            if *call == answered && fits {
                peer.timeline.mark_at(Milestone::Answered, moment);
            }
        }
    }

    /// Opens a path for the voice. The one that was opened before, if any, carries nothing any more.
    pub(crate) fn open_path(&mut self, call: CallId, device: DeviceId) -> Option<(VoicePath, Timeline)> {
        let peer = self.peers.get_mut(&(call, device))?;
        // A call that was answered while this side was cut off, or to which this side gave way, has no earlier moment.
        peer.timeline.mark(Milestone::Answered);
        let incoming = peer.early.take().unwrap_or_else(|| peer.voice.listen());
        Some((peer.voice.path(incoming), peer.timeline.clone()))
    }

    /// Closes a peer connection, if it is open.
    pub(crate) fn drop_peer(&mut self, call: CallId, device: DeviceId) {
        self.peers.remove(&(call, device));
    }
}
