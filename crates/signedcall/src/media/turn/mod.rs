//! TURN over TCP and TLS (RFC 8656, section 2.1), for networks that let nothing else out. The WebRTC library speaks to relays by UDP only, so each of these
//! relays is brought near: the library sends its datagrams to a socket on this machine, from which they go on over a connection to the real relay. So is a relay
//! that is named by an address of IPv6, which the library does not understand.
//!
//! **Invariant:** nothing goes to a relay over TLS before its certificate has been checked.

mod framing;
mod line;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use signedcall_wire::{IceConfig, TurnTransport, TurnUrl};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Instrument;

/// How many relays are used at once. A service that names more is no better reached by them.
const MAX_RELAYS: usize = 16;
/// How many sockets of the library may use one relay: one for each network that this machine is on, and those of before a network changed.
const MAX_LINES: usize = 16;
/// Datagrams that wait for a connection: what does not fit is lost, as it would be on a line that is too thin.
const WAITING: usize = 64;
/// How long a connection that failed is not tried again.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The longest datagram: what an Ethernet carries, and some more.
const DATAGRAM: usize = 2_048;

/// Relays that are reached by connections. Dropping it closes them all.
#[derive(Debug, Default)]
pub(crate) struct NearRelays {
    /// Where each is near, by its URL: one that goes on to be used keeps its place, and what goes by it is not interrupted.
    places: BTreeMap<String, SocketAddr>,
    tasks: JoinSet<()>,
}

impl NearRelays {
    /// Brings every relay near that the library cannot reach by itself, and says how it reaches them then.
    pub(crate) async fn bring(&mut self, mut ice: IceConfig) -> IceConfig {
        for url in ice.servers.iter_mut().flat_map(|server| &mut server.urls) {
            let Some((relay, way)) = to_be_brought_near(url) else { continue };
            match self.place(relay, way).await {
                Ok(near) => *url = format!("turn:{near}?transport=udp"),
                Err(error) => tracing::warn!(%error, "a relay cannot be brought near"),
            }
        }
        ice
    }

    async fn place(&mut self, relay: TurnUrl, way: Way) -> io::Result<SocketAddr> {
        let url = relay.to_string();
        if let Some(place) = self.places.get(&url) {
            return Ok(*place);
        }
        if self.places.len() >= MAX_RELAYS {
            return Err(io::Error::other("there are too many of them"));
        }
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let place = socket.local_addr()?;
        let span = tracing::debug_span!("relay", ?way);
        self.tasks.spawn(
            Relay { socket: Arc::new(socket), address: (relay.host, relay.port), way, lines: BTreeMap::new() }.run().instrument(span),
        );
        self.places.insert(url, place);
        Ok(place)
    }
}

/// How a relay is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Udp,
    Tcp,
    Tls,
}

/// The relay, if it is one that the library cannot reach.
fn to_be_brought_near(url: &str) -> Option<(TurnUrl, Way)> {
    let relay: TurnUrl = url.parse().ok()?;
    match relay.transport {
        TurnTransport::Udp => relay.host.parse::<Ipv6Addr>().is_ok().then_some((relay, Way::Udp)),
        TurnTransport::Tcp => Some((relay, Way::Tcp)),
        TurnTransport::Tls => Some((relay, Way::Tls)),
    }
}

/// One relay, and the connections to it: one for each of the library's sockets, since a relay tells its clients apart by theirs.
struct Relay {
    socket: Arc<UdpSocket>,
    address: (String, u16),
    way: Way,
    lines: BTreeMap<SocketAddr, Line>,
}

struct Line {
    outgoing: mpsc::Sender<Bytes>,
    opened: Instant,
}

impl Relay {
    async fn run(mut self) {
        // The connections end with the relay.
        let mut connections = JoinSet::new();
        let mut buffer = vec![0; DATAGRAM];
        loop {
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => match received {
                    Ok((length, from)) => self.pass_on(&buffer[..length], from, &mut connections),
                    Err(error) => tracing::debug!(%error, "a datagram for a relay was lost"),
                },
                Some(_ended) = connections.join_next() => {}
            }
        }
    }

    fn pass_on(&mut self, datagram: &[u8], from: SocketAddr, connections: &mut JoinSet<()>) {
        // Whatever else some program sends here is not for the relay.
        let Some((message, padding)) = framing::on_stream(datagram) else { return };
        if self.lines.get(&from).is_none_or(|line| line.outgoing.is_closed() && line.opened.elapsed() >= TRY_AGAIN_AFTER) {
            if self.lines.len() >= MAX_LINES {
                self.lines.retain(|_, line| !line.outgoing.is_closed());
            }
            if self.lines.len() >= MAX_LINES && !self.lines.contains_key(&from) {
                return;
            }
            let (outgoing, waiting) = mpsc::channel(WAITING);
            let back = line::Back { socket: Arc::clone(&self.socket), to: from };
            connections.spawn(line::run(self.address.clone(), self.way, waiting, back).in_current_span());
            self.lines.insert(from, Line { outgoing, opened: Instant::now() });
        }
        let Some(line) = self.lines.get(&from) else { return };
        let padding = match self.way {
            Way::Udp => 0,
            Way::Tcp | Way::Tls => padding,
        };
        let mut padded = Vec::with_capacity(message.len() + padding);
        padded.extend_from_slice(message);
        padded.resize(message.len() + padding, 0);
        if line.outgoing.try_send(padded.into()).is_err() {
            tracing::trace!("a datagram for a relay was lost");
        }
    }
}
