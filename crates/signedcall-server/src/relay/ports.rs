//! Where packets are relayed from, where they may not go to, and how much of it one device may take.

use std::any::Any;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rand::Rng;
use signedcall_wire::MAX_SOCKETS_PER_CUID;
use tokio::net::UdpSocket;
use turn::relay::RelayAddressGenerator;
use webrtc_util::conn::Conn;

use crate::metrics::Counter;

/// Ports that are tried before an allocation fails: with half of a range in use, one in a million fails.
const PORT_ATTEMPTS: usize = 20;
/// The most ports that one device may hold: those of a call that rings on all devices of somebody, from a computer that is on four networks.
pub(super) const MOST_PORTS: usize = 4 * MAX_SOCKETS_PER_CUID;

/// Who holds how many ports, and who is asking for another.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    state: Mutex<State>,
    refused: Counter,
}

#[derive(Debug, Default)]
struct State {
    /// Whose request is being dealt with. The TURN server deals with one at a time, from its credential to its port.
    asking: String,
    held: BTreeMap<String, usize>,
}

impl Quota {
    /// Notes whose request comes next.
    pub(super) fn is_asked_by(&self, device: &str) {
        device.clone_into(&mut self.state().asking);
    }

    /// How many ports are held, by all devices together.
    pub(crate) fn held(&self) -> usize {
        self.state().held.values().sum()
    }

    /// How many ports were refused, since their device held as many as it may.
    pub(crate) const fn refused(&self) -> &Counter {
        &self.refused
    }

    /// One more port for whoever is asking; `None` when that would be too many.
    fn take(self: &Arc<Self>) -> Option<Share> {
        let mut state = self.state();
        let device = state.asking.clone();
        let held = state.held.entry(device.clone()).or_default();
        if *held == MOST_PORTS {
            return None;
        }
        *held += 1;
        Some(Share { quota: Arc::clone(self), device })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A device's right to one port, until it is dropped.
struct Share {
    quota: Arc<Quota>,
    device: String,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut state = self.quota.state();
        if let Some(held) = state.held.get_mut(&self.device) {
            *held -= 1;
            if *held == 0 {
                state.held.remove(&self.device);
            }
        }
    }
}

/// Where packets are relayed from.
pub(super) struct RelayPorts {
    pub(super) bind: IpAddr,
    pub(super) public: IpAddr,
    pub(super) ports: RangeInclusive<u16>,
    pub(super) quota: Arc<Quota>,
}

#[async_trait]
impl RelayAddressGenerator for RelayPorts {
    fn validate(&self) -> Result<(), turn::Error> {
        if self.ports.is_empty() { Err(turn::Error::ErrMaxPortLessThanMinPort) } else { Ok(()) }
    }

    async fn allocate_conn(&self, use_ipv4: bool, requested_port: u16) -> Result<(Arc<dyn Conn + Send + Sync>, SocketAddr), turn::Error> {
        if use_ipv4 != self.bind.is_ipv4() {
            return Err(turn::Error::ErrListeningAddressInvalid);
        }
        let Some(share) = self.quota.take() else {
            self.quota.refused.add_one();
            tracing::warn!(most = MOST_PORTS, "a device asks for more relayed ports than it may hold");
            return Err(turn::Error::ErrMaxRetriesExceeded);
        };
        for _ in 0..PORT_ATTEMPTS {
            let port = if requested_port == 0 { rand::rng().random_range(self.ports.clone()) } else { requested_port };
            if let Ok(socket) = UdpSocket::bind((self.bind, port)).await {
                let address = SocketAddr::new(self.public, port);
                return Ok((Arc::new(Guarded { socket, may_reach_this_machine: self.bind.is_loopback(), _share: Some(share) }), address));
            }
        }
        Err(turn::Error::ErrMaxRetriesExceeded)
    }
}

/// A relaying socket that does not let devices reach what only this machine and its immediate network may.
struct Guarded {
    socket: UdpSocket,
    may_reach_this_machine: bool,
    _share: Option<Share>,
}

/// Whether no device of the outside has any business there: this machine itself, its link's own addresses (among them those at which cloud
/// providers hand out a machine's secrets), and whole groups of receivers.
fn is_off_limits(peer: IpAddr) -> bool {
    match peer.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_unspecified() || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified() || v6.is_unicast_link_local() || v6.is_multicast(),
    }
}

#[async_trait]
impl Conn for Guarded {
    async fn connect(&self, address: SocketAddr) -> Result<(), webrtc_util::Error> {
        Ok(self.socket.connect(address).await?)
    }

    async fn recv(&self, buffer: &mut [u8]) -> Result<usize, webrtc_util::Error> {
        Ok(self.socket.recv(buffer).await?)
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), webrtc_util::Error> {
        Ok(self.socket.recv_from(buffer).await?)
    }

    async fn send(&self, buffer: &[u8]) -> Result<usize, webrtc_util::Error> {
        Ok(self.socket.send(buffer).await?)
    }

    async fn send_to(&self, buffer: &[u8], target: SocketAddr) -> Result<usize, webrtc_util::Error> {
        if !self.may_reach_this_machine && is_off_limits(target.ip()) {
            return Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied).into());
        }
        Ok(self.socket.send_to(buffer, target).await?)
    }

    fn local_addr(&self) -> Result<SocketAddr, webrtc_util::Error> {
        Ok(self.socket.local_addr()?)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        self.socket.peer_addr().ok()
    }

    async fn close(&self) -> Result<(), webrtc_util::Error> {
        Ok(())
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_leaves_a_relay_of_the_outside_for_this_machine() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let itself = socket.local_addr().expect("an address");
        let guarded = Guarded { socket, may_reach_this_machine: false, _share: None };
        assert!(guarded.send_to(b"hello", itself).await.is_err());
    }

    #[test]
    fn nobody_is_relayed_to_the_service_s_own_machine() {
        for off_limits in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254", "fe80::1", "224.0.0.1", "255.255.255.255"]
        {
            assert!(is_off_limits(off_limits.parse().expect("an address")), "{off_limits}");
        }
        for allowed in ["192.0.2.7", "10.0.0.7", "2001:db8::7"] {
            assert!(!is_off_limits(allowed.parse().expect("an address")), "{allowed}");
        }
    }
}
