//! One device: a line, and what its driver keeps.

use std::collections::BTreeSet;

use signedcall_core::{CallState, CallView, Line, Tone};
use signedcall_server::hub::SocketId;
use signedcall_wire::{CallId, Cuid, DeviceId};
use uuid::Uuid;

/// A device of the simulation, by its place in the world.
pub(crate) type Place = usize;

/// One device.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) cuid: Cuid,
    pub(crate) id: DeviceId,
    /// Whether it takes second calls.
    pub(crate) second_calls: bool,
    /// How many calls were on after the last event.
    pub(crate) calls_on: usize,
    pub(crate) line: Line,
    /// How many lines it has had: one for each time its program was started or its user signed in.
    pub(crate) run: u64,
    pub(crate) wake_at: Option<u64>,
    pub(crate) link: Link,
    /// Until when it has no network.
    pub(crate) no_network_until: u64,
    pub(crate) tone: Option<Tone>,
    pub(crate) voice: Option<(CallId, DeviceId)>,
    /// Since when its voice is open while the other side's is not.
    pub(crate) alone_since: Option<u64>,
    /// What was said last of a microphone: of which call, and whether it is silenced.
    pub(crate) muted: Option<(CallId, bool)>,
    /// Whether the microphone of the open voice is silenced.
    pub(crate) voice_muted: bool,
    /// Whether its session is up, as far as it was told.
    pub(crate) signed_in: bool,
    /// The calls that its user has answered.
    pub(crate) answered: BTreeSet<CallId>,
    /// Pushes that it has not said the outcome of.
    pub(crate) pushes: BTreeSet<u64>,
    /// In which run it has said where its pushes go.
    pub(crate) reached_in: Option<u64>,
    /// Whom its user has dialled.
    pub(crate) dialled: BTreeSet<Cuid>,
}

/// The driver's end of the signalling link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Signed out, or not yet signed in.
    Closed,
    /// A socket is being opened; the number says which attempt.
    Opening(u64),
    /// A socket is open.
    Open(SocketId),
}

impl Device {
    pub(crate) fn new(place: Place, cuid: Cuid, second_calls: bool) -> Self {
        let id = device_id(place);
        Self {
            second_calls,
            calls_on: 0,
            line: Line::new(cuid.clone(), id, second_calls, 0),
            cuid,
            id,
            run: 0,
            wake_at: None,
            link: Link::Closed,
            no_network_until: 0,
            tone: None,
            voice: None,
            alone_since: None,
            muted: None,
            voice_muted: false,
            signed_in: false,
            answered: BTreeSet::new(),
            pushes: BTreeSet::new(),
            reached_in: None,
            dialled: BTreeSet::new(),
        }
    }

    /// All calls that it shows.
    pub(crate) fn views(&self) -> impl Iterator<Item = CallView> {
        self.line.view().into_iter().chain(self.line.other_view())
    }

    /// Whether it rings, and is in no call beside.
    pub(crate) fn only_rings(&self) -> bool {
        self.line.call_state() == CallState::IncomingCall && self.line.other_view().is_none()
    }

    /// The program starts again, or the user signs in again: all that is left is who it was.
    pub(crate) fn restart(&mut self, nonce: u64) {
        self.line = Line::new(self.cuid.clone(), self.id, self.second_calls, nonce);
        self.run += 1;
        self.calls_on = 0;
        self.wake_at = None;
        self.link = Link::Closed;
        self.tone = None;
        self.voice = None;
        self.alone_since = None;
        self.muted = None;
        self.signed_in = false;
        self.pushes.clear();
    }
}

/// The id of the device at `place`.
pub(crate) fn device_id(place: Place) -> DeviceId {
    DeviceId(Uuid::from_u128(0xD000 + place as u128))
}

/// The device with this id.
pub(crate) fn place_of(id: DeviceId) -> Option<Place> {
    usize::try_from(id.0.as_u128().checked_sub(0xD000)?).ok()
}
