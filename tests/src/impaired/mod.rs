//! A line between two peers that loses, delays and holds up what goes from the first to the second, the same way each time.

mod between;
mod fate;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

pub use self::between::Between;
use self::fate::Fates;

/// RTP timestamps in 20 ms: the fate of voice is that of its moment, so that it is the same for whoever sends more packets, or fewer.
const SLOT: u32 = 960;
/// The payload type that browsers use for copies, as this SDK does.
const RED: u8 = 63;
/// IPv4 and UDP headers.
const HEADERS: usize = 28;

/// What a line does to voice. Everything but RTP and RTCP passes as it is, so that every call connects.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Impairment {
    /// The share of packets that is lost, from 0 to under 1.
    pub loss: f64,
    /// How many packets in a row are lost on average, at least 1; 1/(1 − loss) is what chance does.
    pub burst: f64,
    /// Packets come up to as much later, evenly, and in their order.
    pub jitter: Duration,
    /// Nothing passes from so long after the first packet of voice, for so long.
    pub black_out: Option<(Duration, Duration)>,
    /// Another one is another network of the same kind.
    pub seed: u64,
}

/// The line. It ends when it is dropped.
#[derive(Debug)]
pub struct ImpairedLine {
    entries: [SocketAddr; 2],
    counted: Arc<Mutex<Counted>>,
    pump: AbortHandle,
}

/// What has gone from the first peer to the second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counted {
    /// Packets of voice that were sent.
    pub packets: u64,
    /// Those of them that were lost.
    pub lost: u64,
    /// Those of them that carry copies of earlier ones.
    pub with_copies: u64,
    /// Bytes of voice that were sent, with RTP, UDP and IP headers.
    pub bytes: u64,
    /// The moments of the first and the last of them.
    pub between: Option<(Instant, Instant)>,
}

impl Counted {
    /// Thousands of bits a second that were sent.
    pub fn kilobits_per_second(&self) -> f64 {
        let seconds = self.between.map_or(0.0, |(first, last)| last.duration_since(first).as_secs_f64());
        if seconds > 0.0 { self.bytes as f64 * 8.0 / seconds / 1_000.0 } else { 0.0 }
    }
}

impl ImpairedLine {
    /// Opens a line on an address of this machine.
    pub async fn open(address: IpAddr, impairment: Impairment) -> Result<Self> {
        Self::open_for(address, impairment, Passing::Calls).await
    }

    /// Opens a line to somebody who answers questions of STUN, whoever asks them. It does to every question what others do to voice.
    pub async fn open_for_questions(address: IpAddr, impairment: Impairment) -> Result<Self> {
        Self::open_for(address, impairment, Passing::Questions).await
    }

    async fn open_for(address: IpAddr, impairment: Impairment, passing: Passing) -> Result<Self> {
        let sockets = [UdpSocket::bind((address, 0)).await.context("a port")?, UdpSocket::bind((address, 0)).await.context("a port")?];
        for socket in &sockets {
            // Until it is known to take datagrams, those that it is given would be lost.
            socket.writable().await?;
        }
        let entries = [sockets[0].local_addr()?, sockets[1].local_addr()?];
        let counted = Arc::<Mutex<Counted>>::default();
        let pump = Pump {
            sockets,
            passing,
            peers: [None; 2],
            askers: HashMap::new(),
            fates: Fates::new(impairment),
            counted: Arc::clone(&counted),
            held: BinaryHeap::new(),
            taken: 0,
        };
        Ok(Self { entries, counted, pump: tokio::spawn(pump.run()).abort_handle() })
    }

    /// Where the first peer sends what is for the second.
    pub const fn for_first(&self) -> SocketAddr {
        self.entries[0]
    }

    /// Where the second peer sends what is for the first.
    pub const fn for_second(&self) -> SocketAddr {
        self.entries[1]
    }

    /// What has gone from the first to the second so far.
    pub fn counted(&self) -> Counted {
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ImpairedLine {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// What passes over a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passing {
    /// Calls, of which voice is impaired.
    Calls,
    /// Questions of STUN, all of which are, and their answers.
    Questions,
}

struct Pump {
    sockets: [UdpSocket; 2],
    passing: Passing,
    /// From where each peer sends: what somebody else sends is not for this line.
    peers: [Option<SocketAddr>; 2],
    /// Who asked what: a phone has several sockets, each of which asks.
    askers: HashMap<TransactionId, SocketAddr>,
    fates: Fates,
    counted: Arc<Mutex<Counted>>,
    held: BinaryHeap<Reverse<OnItsWay>>,
    taken: u64,
}

/// A datagram on its way, in the order in which they arrive.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct OnItsWay {
    arrives: Instant,
    /// How many were sent before it.
    number: u64,
    /// At which peer.
    side: usize,
    /// At which of its sockets, if it has several.
    to: Option<SocketAddr>,
    datagram: Vec<u8>,
}

impl Pump {
    async fn run(mut self) {
        let (mut one, mut other) = (vec![0; 65_536], vec![0; 65_536]);
        loop {
            let next = self.held.peek().map_or_else(|| Instant::now() + Duration::from_secs(3_600), |Reverse(first)| first.arrives);
            let [first, second] = &self.sockets;
            tokio::select! {
                Ok((length, from)) = first.recv_from(&mut one) => self.take(0, from, &one[..length]),
                Ok((length, from)) = second.recv_from(&mut other) => self.take(1, from, &other[..length]),
                () = tokio::time::sleep_until(next.into()) => {}
            }
            self.deliver();
        }
    }

    fn take(&mut self, side: usize, from: SocketAddr, datagram: &[u8]) {
        let to = match self.passing {
            Passing::Calls if *self.peers[side].get_or_insert(from) != from => return,
            Passing::Calls => None,
            Passing::Questions if side == 0 => {
                if let Some(id) = transaction(datagram) {
                    self.askers.insert(id, from);
                }
                None
            }
            Passing::Questions => {
                self.peers[side] = Some(from);
                transaction(datagram).and_then(|id| self.askers.get(&id).copied())
            }
        };
        let now = Instant::now();
        let at = if side == 0 { self.fate(datagram, now) } else { Some(now) };
        let Some(at) = at else { return };
        self.taken += 1;
        self.held.push(Reverse(OnItsWay { arrives: at, number: self.taken, side: 1 - side, to, datagram: datagram.to_vec() }));
    }

    /// When a datagram of the first peer arrives, if it does.
    fn fate(&mut self, datagram: &[u8], now: Instant) -> Option<Instant> {
        if self.passing == Passing::Questions {
            return self.fates.next(now);
        }
        match kind(datagram) {
            Kind::Voice { timestamp, copies } => {
                let at = self.fates.voice(timestamp, SLOT, now);
                let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
                counted.packets += 1;
                counted.lost += u64::from(at.is_none());
                counted.with_copies += u64::from(copies);
                counted.bytes += (datagram.len() + HEADERS) as u64;
                counted.between = Some((counted.between.map_or(now, |(first, _)| first), now));
                at
            }
            Kind::Control => self.fates.control(now),
            Kind::Other => Some(now),
        }
    }

    fn deliver(&mut self) {
        let now = Instant::now();
        while self.held.peek().is_some_and(|Reverse(first)| first.arrives <= now) {
            let Some(Reverse(OnItsWay { side, to, datagram, .. })) = self.held.pop() else { return };
            if let Some(peer) = to.or(self.peers[side]) {
                // A full buffer loses it, as a network would.
                let _ = self.sockets[side].try_send_to(&datagram, peer);
            }
        }
    }
}

/// What an answer has in common with its question (RFC 8489, section 5).
type TransactionId = [u8; 12];

fn transaction(datagram: &[u8]) -> Option<TransactionId> {
    datagram.get(8..20)?.try_into().ok()
}

/// What a datagram is (RFC 7983, RFC 5761).
enum Kind {
    Voice { timestamp: u32, copies: bool },
    Control,
    Other,
}

fn kind(datagram: &[u8]) -> Kind {
    match datagram {
        [128..=191, 192..=223, ..] => Kind::Control,
        [128..=191, marked_type, _, _, a, b, c, d, ..] => {
            Kind::Voice { timestamp: u32::from_be_bytes([*a, *b, *c, *d]), copies: marked_type & 0x7f == RED }
        }
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than anything takes on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// The next datagram's length.
    async fn hear(peer: &UdpSocket, buffer: &mut [u8], what: &str) -> usize {
        let heard = tokio::time::timeout(PATIENCE, peer.recv(buffer)).await;
        heard.unwrap_or_else(|_| panic!("not in 20 s: {what}")).expect("the line is open")
    }

    async fn peers(line: &ImpairedLine) -> [UdpSocket; 2] {
        let first = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let second = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        first.connect(line.for_first()).await.expect("an address");
        second.connect(line.for_second()).await.expect("an address");
        // Each is known from its first datagram on, and which of two is taken first is not.
        second.send(b"here").await.expect("sent");
        let mut greeting = [0; 8];
        loop {
            first.send(b"here").await.expect("sent");
            if let Ok(heard) = tokio::time::timeout(Duration::from_millis(20), second.recv(&mut greeting)).await {
                assert_eq!(heard.expect("it arrives"), 4);
                break;
            }
        }
        [first, second]
    }

    fn voice(slot: u32) -> Vec<u8> {
        let mut packet = vec![0x80, 111, 0, slot as u8];
        packet.extend((slot * SLOT).to_be_bytes());
        packet.extend([0; 40]);
        packet
    }

    #[tokio::test]
    async fn voice_is_lost_as_often_as_it_should_be_and_nothing_else_is() {
        let impairment = Impairment { loss: 0.3, burst: 3.0, seed: 7, ..Impairment::default() };
        let line = ImpairedLine::open([127, 0, 0, 1].into(), impairment).await.expect("a line");
        let [first, second] = peers(&line).await;
        let mut buffer = [0; 128];
        for slot in 0..2_000 {
            first.send(&voice(slot)).await.expect("sent");
            first.send(&[22, slot as u8]).await.expect("sent");
            // Whatever happens to the voice, what follows it arrives.
            while hear(&second, &mut buffer, "what follows the voice").await != 2 {}
        }
        let counted = line.counted();
        assert_eq!(counted.packets, 2_000);
        assert!((500..700).contains(&counted.lost), "{counted:?}");
        second.send(&voice(1)).await.expect("sent");
        while hear(&first, &mut buffer, "voice on the way back, where nothing is lost").await != voice(1).len() {}
    }
}
