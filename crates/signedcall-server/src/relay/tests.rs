//! What holds of every relay that devices are sent to, and what of the embedded one.

use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use signedcall_wire::{AccountId, Cuid, DeviceId, Environment, IceServer};
use turn::client::{Client, ClientConfig};
use uuid::Uuid;
use webrtc_util::conn::Conn;

use self::rig::Coturn;
use super::ports::MOST_PORTS;
use super::*;
use crate::hub::{KeyId, Right};

#[path = "../../tests/rig/coturn.rs"]
mod rig;

const SECRET: &str = "a secret of coturn's and the service's";
/// Nothing here takes this long, even on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// A relay of one kind, which is gone with this.
struct TestRelay {
    relay: Relay,
    address: SocketAddr,
    _coturn: Option<Coturn>,
}

impl TestRelay {
    async fn embedded() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let settings = RelaySettings::Embedded(EmbeddedRelay { listen, public_address: None, ports: 49152..=65535 });
        let relay = Relay::start(&settings, Duration::from_secs(3600)).await.expect("a relay");
        let address = relay.address().expect("the embedded one");
        Self { relay, address, _coturn: None }
    }

    async fn coturn() -> Self {
        let coturn = Coturn::start(SECRET);
        let urls = vec![format!("turn:{}", coturn.address).parse().expect("a URL")];
        let external = ExternalRelay { urls, secret: Redacted::new(SECRET.to_owned()) };
        let relay = Relay::start(&RelaySettings::External(external), Duration::from_secs(3600)).await.expect("nothing has to be started");
        Self { relay, address: coturn.address, _coturn: Some(coturn) }
    }
}

/// The contract of a relay, whichever it is: each test of it is one of the embedded one and one of coturn.
macro_rules! on_each_relay {
    ($($test:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test] async fn $test() { super::in_time(super::$test(super::TestRelay::embedded().await)).await; })+
        }
        mod coturn {
            $(#[tokio::test] async fn $test() { super::in_time(super::$test(super::TestRelay::coturn().await)).await; })+
        }
    };
}

on_each_relay![
    what_is_relayed_goes_both_ways_and_only_between_those_who_have_permitted_it,
    what_is_said_often_goes_over_a_channel_both_ways,
    a_credential_that_is_wrong_or_has_expired_opens_nothing,
];

async fn in_time(test: impl Future<Output = ()>) {
    tokio::time::timeout(PATIENCE, test).await.expect("nothing of it takes this long");
}

/// The credential that a device gets at this moment.
fn credential(relay: &Relay, device: u128, now: SystemTime) -> IceServer {
    relay.grant(now).servers(&courier(), DeviceId(Uuid::from_u128(device)), Some(&Right::ApiKey(key()))).remove(1)
}

fn courier() -> (AccountId, Environment, Cuid) {
    (AccountId("parcelo".to_owned()), Environment::Production, Cuid::new("courier_1").expect("a cuid"))
}

fn key() -> KeyId {
    KeyId("key".to_owned())
}

async fn allocate(address: SocketAddr, username: &str, password: &str) -> Result<impl Conn + use<>, turn::Error> {
    let (conn, _) = Watched::bind().await;
    allocate_on(conn, address, username, password).await
}

async fn allocate_on(conn: Arc<Watched>, address: SocketAddr, username: &str, password: &str) -> Result<impl Conn + use<>, turn::Error> {
    let text = String::new;
    let config = ClientConfig {
        stun_serv_addr: address.to_string(),
        turn_serv_addr: address.to_string(),
        username: username.to_owned(),
        password: password.to_owned(),
        realm: text(),
        software: text(),
        rto_in_ms: 0,
        conn,
        vnet: None,
    };
    let client = Client::new(config).await?;
    client.listen().await?;
    client.allocate().await
}

/// A client's socket that counts what goes over channels: such a datagram begins with a number from 0x4000 on (RFC 8656, section 12), any other with zero bits.
struct Watched {
    socket: UdpSocket,
    channels: Arc<Channels>,
}

#[derive(Default)]
struct Channels {
    sent: AtomicUsize,
    received: AtomicUsize,
}

impl Watched {
    async fn bind() -> (Arc<Self>, Arc<Channels>) {
        let channels = Arc::<Channels>::default();
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        (Arc::new(Self { socket, channels: Arc::clone(&channels) }), channels)
    }
}

fn count(counter: &AtomicUsize, datagram: &[u8]) {
    if datagram.first().is_some_and(|first| (0x40..0x50).contains(first)) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Conn for Watched {
    async fn connect(&self, address: SocketAddr) -> Result<(), webrtc_util::Error> {
        Ok(self.socket.connect(address).await?)
    }

    async fn recv(&self, buffer: &mut [u8]) -> Result<usize, webrtc_util::Error> {
        Ok(self.socket.recv(buffer).await?)
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), webrtc_util::Error> {
        let (length, from) = self.socket.recv_from(buffer).await?;
        count(&self.channels.received, &buffer[..length]);
        Ok((length, from))
    }

    async fn send(&self, datagram: &[u8]) -> Result<usize, webrtc_util::Error> {
        Ok(self.socket.send(datagram).await?)
    }

    async fn send_to(&self, datagram: &[u8], to: SocketAddr) -> Result<usize, webrtc_util::Error> {
        count(&self.channels.sent, datagram);
        Ok(self.socket.send_to(datagram, to).await?)
    }

    fn local_addr(&self) -> Result<SocketAddr, webrtc_util::Error> {
        Ok(self.socket.local_addr()?)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn close(&self) -> Result<(), webrtc_util::Error> {
        Ok(())
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}

/// Somebody whom a device talks to over the relay.
async fn peer(ip: &str) -> UdpSocket {
    UdpSocket::bind((ip, 0)).await.expect("a socket")
}

async fn what_is_relayed_goes_both_ways_and_only_between_those_who_have_permitted_it(TestRelay { relay, address, _coturn }: TestRelay) {
    let good = credential(&relay, 1, SystemTime::now());
    let relayed = allocate(address, &good.username, good.credential.expose()).await.expect("an allocation");
    let at = relayed.local_addr().expect("an address");
    assert_eq!(at.ip(), address.ip());
    let (permitted, stranger) = (peer("127.0.0.1").await, peer("127.0.0.2").await);
    relayed.send_to(b"over the relay", permitted.local_addr().expect("an address")).await.expect("a permission");
    let mut buffer = [0; 64];
    let (length, from) = permitted.recv_from(&mut buffer).await.expect("a packet");
    assert_eq!((&buffer[..length], from), (&b"over the relay"[..], at));
    // A permission is of an address (RFC 8656, section 9). Both go to the same socket, which is read in order.
    stranger.send_to(b"let me in", at).await.expect("a socket");
    permitted.send_to(b"and back", at).await.expect("a socket");
    let (length, from) = relayed.recv_from(&mut buffer).await.expect("a packet");
    assert_eq!((&buffer[..length], from), (&b"and back"[..], permitted.local_addr().expect("an address")));
    relay.stop().await;
}

async fn what_is_said_often_goes_over_a_channel_both_ways(TestRelay { relay, address, _coturn }: TestRelay) {
    let good = credential(&relay, 1, SystemTime::now());
    let (conn, channels) = Watched::bind().await;
    let relayed = allocate_on(conn, address, &good.username, good.credential.expose()).await.expect("an allocation");
    let other = peer("127.0.0.1").await;
    let (to, mut buffer) = (other.local_addr().expect("an address"), [0; 64]);
    for turn in 0_u32.. {
        relayed.send_to(&turn.to_be_bytes(), to).await.expect("a permission");
        let (length, from) = other.recv_from(&mut buffer).await.expect("a packet");
        assert_eq!(buffer[..length], turn.to_be_bytes());
        other.send_to(&buffer[..length], from).await.expect("a socket");
        let (length, from) = relayed.recv_from(&mut buffer).await.expect("a packet");
        assert_eq!((&buffer[..length], from), (&turn.to_be_bytes()[..], to));
        // The client asks for a channel beside what it sends.
        if channels.sent.load(Ordering::Relaxed) > 1 && channels.received.load(Ordering::Relaxed) > 1 {
            break;
        }
    }
    relay.stop().await;
}

async fn a_credential_that_is_wrong_or_has_expired_opens_nothing(TestRelay { relay, address, _coturn }: TestRelay) {
    let now = SystemTime::now();
    let good = credential(&relay, 1, now);
    allocate(address, &good.username, good.credential.expose()).await.expect("an allocation");
    assert!(allocate(address, &good.username, "wrong").await.is_err());
    let expired = credential(&relay, 1, now - Duration::from_secs(3601));
    assert!(allocate(address, &expired.username, expired.credential.expose()).await.is_err());
    let prolonged = expired.username.replace(|c: char| c.is_ascii_digit(), "9");
    assert!(allocate(address, &prolonged, expired.credential.expose()).await.is_err(), "the expiry is signed");
    assert!(allocate(address, "no expiry", good.credential.expose()).await.is_err());
    relay.stop().await;
}

#[tokio::test]
async fn devices_learn_every_way_to_a_relay_elsewhere() {
    let urls = ["turn:relay.example", "turn:relay.example:443?transport=tcp", "turns:[2001:db8::1]:443"];
    let urls = urls.map(|url| url.parse().expect("a URL")).to_vec();
    let external = ExternalRelay { urls, secret: Redacted::new("secret".to_owned()) };
    let relay = Relay::start(&RelaySettings::External(external), Duration::from_secs(3600)).await.expect("nothing has to be started");
    assert_eq!(relay.address(), None);
    let grant = relay.grant(UNIX_EPOCH);
    assert_eq!((grant.expiry, grant.secret.expose().as_str()), (3600, "secret"));
    assert_eq!(grant.stun_urls, ["stun:relay.example:3478"]);
    let ways = ["turn:relay.example:3478?transport=udp", "turn:relay.example:443?transport=tcp", "turns:[2001:db8::1]:443?transport=tcp"];
    assert_eq!(grant.turn_urls, ways);
}

#[tokio::test]
async fn a_credential_is_good_no_more_once_its_user_is_blocked_or_its_key_is_revoked() {
    let TestRelay { relay, address, .. } = TestRelay::embedded().await;
    let of = credential(&relay, 1, SystemTime::now());
    let ask = async || allocate(address, &of.username, of.credential.expose()).await;
    let (blocked, revoked) =
        (Withdrawn { users: [courier()].into(), ..Withdrawn::default() }, Withdrawn { keys: [key()].into(), ..Withdrawn::default() });
    let other = Withdrawn { keys: [KeyId("other".to_owned())].into(), ..Withdrawn::default() };
    for (withdrawn, is_good) in [(blocked, false), (Withdrawn::default(), true), (revoked, false), (other, true)] {
        relay.withdraw(&withdrawn);
        assert_eq!(ask().await.is_ok(), is_good, "{withdrawn:?}");
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_device_holds_so_many_ports_and_no_more_and_takes_none_from_another() {
    let TestRelay { relay, address, .. } = TestRelay::embedded().await;
    let (one, other) = (credential(&relay, 1, SystemTime::now()), credential(&relay, 2, SystemTime::now()));
    let ask = async |of: &IceServer| allocate(address, &of.username, of.credential.expose()).await;
    let mut held = Vec::new();
    for _ in 0..MOST_PORTS {
        assert!(allocate(address, &one.username, "wrong").await.is_err());
        held.push(ask(&one).await.expect("a port"));
    }
    assert!(ask(&one).await.is_err(), "that is one too many");
    let renewed = credential(&relay, 1, SystemTime::now() + Duration::from_secs(1));
    assert!(ask(&renewed).await.is_err(), "a fresh credential gives no more");
    ask(&other).await.expect("another device has its own");
    held.pop().expect("it holds some").close().await.expect("a relay that listens");
    let given_back = async { while ask(&one).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(20), given_back).await.expect("a port that is given back can be had again");
    relay.stop().await;
}
