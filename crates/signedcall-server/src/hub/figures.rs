//! How much there is of what the hub knows, for whoever operates the service.

use super::Hub;

/// How many there are of something at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HubFigures {
    /// Sessions, with or without a socket.
    pub(crate) sessions: usize,
    /// Sessions that have a socket: devices that are signed in and there.
    pub(crate) devices: usize,
    /// Calls whose record is open or being opened.
    pub(crate) calls: usize,
}

impl HubFigures {
    /// Adds what another hub knows.
    pub(crate) fn add(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.devices += other.devices;
        self.calls += other.calls;
    }
}

impl Hub {
    /// Counts what there is.
    pub(crate) fn figures(&self) -> HubFigures {
        HubFigures { sessions: self.sessions.len(), devices: self.sockets.len(), calls: self.calls.len() }
    }
}
