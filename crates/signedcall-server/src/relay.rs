//! The embedded STUN and TURN server, over UDP, with the expiring credentials that coturn's REST scheme describes.
//!
//! A credential is `expiry:user` with base64(HMAC-SHA1(secret, `expiry:user`)) as its password, so nothing has to be stored to verify one. The secret is
//! made anew at each start: the allocations of the last one are gone too, and devices get fresh credentials with `welcome` and `resumed`.

use std::any::Any;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use rand::Rng;
use sha1::Sha1;
use signedcall_wire::{IceServer, Redacted};
use tokio::net::UdpSocket;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use turn::auth::{AuthHandler, generate_auth_key};
use turn::relay::RelayAddressGenerator;
use turn::server::Server;
use turn::server::config::{ConnConfig, ServerConfig};
use webrtc_util::conn::Conn;

use crate::keys::{NoRandomness, random_secret};

/// What a credential is bound to, besides its expiry. Clients echo it, and it says nothing about anybody.
const REALM: &str = "signedcall";
/// Ports that are tried before an allocation fails: with half of a range in use, one in a million fails.
const PORT_ATTEMPTS: usize = 20;

/// How the relay is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelaySettings {
    /// Where it listens, over UDP.
    pub listen: SocketAddr,
    /// The address that devices reach it at, when that is not the one it listens on.
    pub public_address: Option<IpAddr>,
    /// The ports that it relays from.
    pub ports: RangeInclusive<u16>,
    /// How long a credential is good for. Devices that are connected get another when half of it has passed.
    pub credentials_for: Duration,
}

/// Why the relay did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartRelayError {
    /// Its socket cannot be opened.
    #[error("the relay cannot listen on {address}: {source}")]
    Listen {
        /// Where it should have listened.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The TURN server refused its configuration.
    #[error("the relay did not start: {0}")]
    Turn(#[from] turn::Error),
    /// There is no secret to sign credentials with.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// A running relay.
pub(crate) struct Relay {
    server: Server,
    address: SocketAddr,
    secret: Redacted<String>,
    credentials_for: Duration,
}

impl Relay {
    pub(crate) async fn start(settings: &RelaySettings) -> Result<Self, StartRelayError> {
        let listen = |source| StartRelayError::Listen { address: settings.listen, source };
        let socket = UdpSocket::bind(settings.listen).await.map_err(listen)?;
        let local = socket.local_addr().map_err(listen)?;
        let public = settings.public_address.unwrap_or(local.ip());
        let secret = random_secret()?;
        let relay_addr_generator = Box::new(RelayPorts { bind: local.ip(), public, ports: settings.ports.clone() });
        let server = Server::new(ServerConfig {
            conn_configs: vec![ConnConfig { conn: Arc::new(socket), relay_addr_generator }],
            realm: REALM.to_owned(),
            auth_handler: Arc::new(Credentials { secret: secret.clone() }),
            // Zero stands for the ten minutes of RFC 8656.
            channel_bind_timeout: Duration::ZERO,
            alloc_close_notify: None,
        })
        .await?;
        Ok(Self { server, address: SocketAddr::new(public, local.port()), secret, credentials_for: settings.credentials_for })
    }

    /// Where devices reach it.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ticks whenever connected devices are due for fresh credentials.
    pub(crate) fn renewals(&self) -> Interval {
        let period = self.credentials_for / 2;
        let mut interval = interval_at(tokio::time::Instant::now() + period, period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        interval
    }

    /// What devices are told, with credentials that are good from now on.
    pub(crate) fn servers(&self, now: SystemTime) -> Vec<IceServer> {
        let expiry = now + self.credentials_for;
        let username = format!("{}:{REALM}", expiry.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
        let credential = Redacted::new(password(&self.secret, &username));
        let turn = IceServer { urls: vec![format!("turn:{}?transport=udp", self.address)], username, credential };
        let stun = IceServer { urls: vec![format!("stun:{}", self.address)], username: String::new(), credential: Redacted::default() };
        vec![stun, turn]
    }

    /// Frees its ports.
    pub(crate) async fn stop(self) {
        if let Err(error) = self.server.close().await {
            tracing::warn!(%error, "the relay did not stop cleanly");
        }
    }
}

fn password(secret: &Redacted<String>, username: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes()).expect("a MAC takes a key of any length");
    mac.update(username.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

struct Credentials {
    secret: Redacted<String>,
}

impl AuthHandler for Credentials {
    fn auth_handle(&self, username: &str, realm: &str, _from: SocketAddr) -> Result<Vec<u8>, turn::Error> {
        let expiry = username.split_once(':').and_then(|(expiry, _)| expiry.parse().ok()).map(Duration::from_secs);
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        if expiry.is_none_or(|expiry| expiry <= now) {
            return Err(turn::Error::Other("the credential has expired".to_owned()));
        }
        Ok(generate_auth_key(username, realm, &password(&self.secret, username)))
    }
}

/// Where packets are relayed from, and where they may not go to.
struct RelayPorts {
    bind: IpAddr,
    public: IpAddr,
    ports: RangeInclusive<u16>,
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
        for _ in 0..PORT_ATTEMPTS {
            let port = if requested_port == 0 { rand::rng().random_range(self.ports.clone()) } else { requested_port };
            if let Ok(socket) = UdpSocket::bind((self.bind, port)).await {
                let address = SocketAddr::new(self.public, port);
                return Ok((Arc::new(Guarded { socket, may_reach_this_machine: self.bind.is_loopback() }), address));
            }
        }
        Err(turn::Error::ErrMaxRetriesExceeded)
    }
}

/// A relaying socket that does not let devices reach what only this machine and its immediate network may.
struct Guarded {
    socket: UdpSocket,
    may_reach_this_machine: bool,
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

    #[test]
    fn a_password_is_what_coturn_computes() {
        // From `printf '1700000000:signedcall' | openssl dgst -sha1 -hmac secret -binary | base64`.
        let password = password(&Redacted::new("secret".to_owned()), "1700000000:signedcall");
        assert_eq!(password, "wKgRei9nQDiNSvm8EEemR3t3/rI=");
    }

    fn settings() -> RelaySettings {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        RelaySettings { listen, public_address: None, ports: 49152..=65535, credentials_for: Duration::from_secs(3600) }
    }

    async fn allocate(relay: &Relay, username: &str, password: &str) -> Result<impl Conn + use<>, turn::Error> {
        let conn = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a socket"));
        let (address, text) = (relay.address.to_string(), String::new);
        let config = turn::client::ClientConfig {
            stun_serv_addr: address.clone(),
            turn_serv_addr: address,
            username: username.to_owned(),
            password: password.to_owned(),
            realm: text(),
            software: text(),
            rto_in_ms: 0,
            conn,
            vnet: None,
        };
        let client = turn::client::Client::new(config).await?;
        client.listen().await?;
        client.allocate().await
    }

    #[tokio::test]
    async fn a_good_credential_relays_and_a_wrong_or_expired_one_does_not() {
        let relay = Relay::start(&settings()).await.expect("a relay");
        let turn_of = |now| relay.servers(now).remove(1);
        let now = SystemTime::now();
        let good = turn_of(now);
        let relayed = allocate(&relay, &good.username, good.credential.expose()).await.expect("an allocation");
        let peer = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        relayed.send_to(b"over the relay", peer.local_addr().expect("an address")).await.expect("a permission");
        let mut buffer = [0; 64];
        let (length, from) = peer.recv_from(&mut buffer).await.expect("a packet");
        assert_eq!((&buffer[..length], from), (&b"over the relay"[..], relayed.local_addr().expect("an address")));

        assert!(allocate(&relay, &good.username, "wrong").await.is_err());
        let expired = turn_of(now - Duration::from_secs(3601));
        assert!(allocate(&relay, &expired.username, expired.credential.expose()).await.is_err());
        let prolonged = expired.username.replace(|c: char| c.is_ascii_digit(), "9");
        assert!(allocate(&relay, &prolonged, expired.credential.expose()).await.is_err(), "the expiry is signed");
        assert!(allocate(&relay, "no expiry", good.credential.expose()).await.is_err());
        relay.stop().await;
    }

    #[tokio::test]
    async fn nothing_leaves_a_relay_of_the_outside_for_this_machine() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let itself = socket.local_addr().expect("an address");
        let guarded = Guarded { socket, may_reach_this_machine: false };
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
