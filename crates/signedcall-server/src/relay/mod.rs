//! The relay of media: the embedded STUN and TURN server, over UDP, or one that runs elsewhere, such as coturn, which also speaks TCP and TLS. Both take
//! the expiring credentials that coturn's REST scheme describes.
//!
//! Each device has a credential of its own, and may hold some ports and no more. Nothing has to be stored to verify one: its password is computed from
//! its name and a secret. That of the embedded one is made anew at each start: the allocations of the last one are gone too, and devices get fresh
//! credentials with `welcome` and `resumed`. The embedded one knows who is blocked and which api keys are revoked: their credentials are good no more,
//! and what they hold already is theirs for the ten minutes of an allocation at most. A relay that runs elsewhere learns of neither.

mod ports;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use signedcall_wire::{Redacted, TurnTransport, TurnUrl};
use tokio::net::UdpSocket;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use turn::auth::{AuthHandler, generate_auth_key};
use turn::server::Server;
use turn::server::config::{ConnConfig, ServerConfig};

pub(crate) use self::ports::Quota;
use self::ports::RelayPorts;
use crate::hub::{RelayGrant, Withdrawn, relay_name_of_key, relay_name_of_user, relay_password};
use crate::keys::{NoRandomness, random_secret};

/// What a password is bound to besides. Clients echo it, and it says nothing about anybody.
const REALM: &str = "signedcall";

/// Which relay there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelaySettings {
    /// This program is one.
    Embedded(EmbeddedRelay),
    /// Another program is one.
    External(ExternalRelay),
}

/// How the embedded relay is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedRelay {
    /// Where it listens, over UDP.
    pub listen: SocketAddr,
    /// The address that devices reach it at, when that is not the one it listens on.
    pub public_address: Option<IpAddr>,
    /// The ports that it relays from.
    pub ports: RangeInclusive<u16>,
}

/// How a relay is reached that runs elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalRelay {
    /// All the ways to it.
    pub urls: Vec<TurnUrl>,
    /// What it shares with this service, to verify credentials: coturn's `static-auth-secret`.
    pub secret: Redacted<String>,
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

/// A relay that is used.
pub(crate) struct Relay {
    /// The embedded one, if it is that.
    embedded: Option<(Server, SocketAddr)>,
    /// Who holds how many ports of the embedded one; of a relay elsewhere nothing is known.
    quota: Option<Arc<Quota>>,
    stun_urls: Vec<String>,
    turn_urls: Vec<String>,
    secret: Redacted<String>,
    /// What the names of those have in them whom the embedded one serves no more.
    refused: Refused,
    /// How long a credential is good for. Devices that are connected get another when half of it has passed.
    credentials_for: Duration,
}

impl Relay {
    pub(crate) async fn start(settings: &RelaySettings, credentials_for: Duration) -> Result<Self, StartRelayError> {
        match settings {
            RelaySettings::Embedded(settings) => Self::start_embedded(settings, credentials_for).await,
            RelaySettings::External(settings) => Ok(Self {
                embedded: None,
                quota: None,
                stun_urls: settings.urls.iter().filter_map(stun_url).collect(),
                turn_urls: settings.urls.iter().map(TurnUrl::to_string).collect(),
                secret: settings.secret.clone(),
                refused: Refused::default(),
                credentials_for,
            }),
        }
    }

    async fn start_embedded(settings: &EmbeddedRelay, credentials_for: Duration) -> Result<Self, StartRelayError> {
        let listen = |source| StartRelayError::Listen { address: settings.listen, source };
        let socket = UdpSocket::bind(settings.listen).await.map_err(listen)?;
        let local = socket.local_addr().map_err(listen)?;
        let public = settings.public_address.unwrap_or(local.ip());
        let secret = random_secret()?;
        let (quota, refused) = (Arc::<Quota>::default(), Refused::default());
        let ports = RelayPorts { bind: local.ip(), public, ports: settings.ports.clone(), quota: Arc::clone(&quota) };
        let server = Server::new(ServerConfig {
            conn_configs: vec![ConnConfig { conn: Arc::new(socket), relay_addr_generator: Box::new(ports) }],
            realm: REALM.to_owned(),
            auth_handler: Arc::new(Credentials { secret: secret.clone(), quota: Arc::clone(&quota), refused: Arc::clone(&refused) }),
            // Zero stands for the ten minutes of RFC 8656.
            channel_bind_timeout: Duration::ZERO,
            alloc_close_notify: None,
        })
        .await?;
        let address = SocketAddr::new(public, local.port());
        let url = TurnUrl { host: public.to_string(), port: local.port(), transport: TurnTransport::Udp };
        let (stun_urls, turn_urls) = (stun_url(&url).into_iter().collect(), vec![url.to_string()]);
        let (embedded, quota) = (Some((server, address)), Some(quota));
        Ok(Self { embedded, quota, stun_urls, turn_urls, secret, refused, credentials_for })
    }

    /// Where devices reach the embedded one.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.embedded.as_ref().map(|(_, address)| *address)
    }

    /// Who holds how many ports of the embedded one.
    pub(crate) fn quota(&self) -> Option<Arc<Quota>> {
        self.quota.clone()
    }

    /// Serves nobody any more whose right is withdrawn, and everybody else again.
    pub(crate) fn withdraw(&self, withdrawn: &Withdrawn) {
        let keys = withdrawn.keys.iter().map(|key| relay_name_of_key(&self.secret, key));
        let users = withdrawn.users.iter().map(|user| relay_name_of_user(&self.secret, user));
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = keys.chain(users).collect();
    }

    /// Ticks whenever connected devices are due for fresh credentials.
    pub(crate) fn renewals(&self) -> Interval {
        let period = self.credentials_for / 2;
        let mut interval = interval_at(tokio::time::Instant::now() + period, period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        interval
    }

    /// What devices' credentials are made with, good from now on.
    pub(crate) fn grant(&self, now: SystemTime) -> RelayGrant {
        let expiry = now + self.credentials_for;
        RelayGrant {
            stun_urls: self.stun_urls.clone(),
            turn_urls: self.turn_urls.clone(),
            secret: self.secret.clone(),
            expiry: expiry.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        }
    }

    /// Frees its ports.
    pub(crate) async fn stop(&self) {
        let Some((server, _)) = &self.embedded else { return };
        if let Err(error) = server.close().await {
            tracing::warn!(%error, "the relay did not stop cleanly");
        }
    }
}

/// Where a relay tells devices their address: at the same place, by datagrams (RFC 8656, section 2).
fn stun_url(relay: &TurnUrl) -> Option<String> {
    match relay.transport {
        TurnTransport::Udp => relay.to_string().strip_prefix("turn:").and_then(|url| Some(format!("stun:{}", url.split_once('?')?.0))),
        TurnTransport::Tcp | TurnTransport::Tls => None,
    }
}

/// Parts of names.
type Refused = Arc<Mutex<BTreeSet<String>>>;

struct Credentials {
    secret: Redacted<String>,
    quota: Arc<Quota>,
    refused: Refused,
}

impl Credentials {
    fn refuses(&self, name: &str) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        !refused.is_empty() && name.split('.').any(|part| refused.contains(part))
    }
}

impl AuthHandler for Credentials {
    fn auth_handle(&self, username: &str, realm: &str, _from: SocketAddr) -> Result<Vec<u8>, turn::Error> {
        let credential = username.split_once(':').and_then(|(expiry, name)| Some((Duration::from_secs(expiry.parse().ok()?), name)));
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let Some((_, name)) = credential.filter(|(expiry, _)| *expiry > now) else {
            return Err(turn::Error::Other("the credential has expired".to_owned()));
        };
        if self.refuses(name) {
            return Err(turn::Error::Other("the credential is withdrawn".to_owned()));
        }
        // Another key gives a device no more.
        let mut parts = name.split('.');
        self.quota.is_asked_by(&format!("{}.{}", parts.next().unwrap_or_default(), parts.next().unwrap_or_default()));
        Ok(generate_auth_key(username, realm, &relay_password(&self.secret, username)))
    }
}

#[cfg(test)]
mod tests {
    use signedcall_wire::{AccountId, Cuid, DeviceId, Environment, IceServer};
    use turn::client::{Client, ClientConfig};
    use uuid::Uuid;
    use webrtc_util::conn::Conn;

    use super::ports::MOST_PORTS;
    use super::*;
    use crate::hub::{KeyId, Right};

    async fn embedded() -> Relay {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let settings = RelaySettings::Embedded(EmbeddedRelay { listen, public_address: None, ports: 49152..=65535 });
        Relay::start(&settings, Duration::from_secs(3600)).await.expect("a relay")
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

    async fn allocate(relay: &Relay, username: &str, password: &str) -> Result<impl Conn + use<>, turn::Error> {
        let conn = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a socket"));
        let (address, text) = (relay.address().expect("the embedded one").to_string(), String::new);
        let config = ClientConfig {
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
        let client = Client::new(config).await?;
        client.listen().await?;
        client.allocate().await
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
        let ways =
            ["turn:relay.example:3478?transport=udp", "turn:relay.example:443?transport=tcp", "turns:[2001:db8::1]:443?transport=tcp"];
        assert_eq!(grant.turn_urls, ways);
    }

    #[tokio::test]
    async fn a_good_credential_relays_and_a_wrong_or_expired_one_does_not() {
        let relay = embedded().await;
        let turn_of = |now| credential(&relay, 1, now);
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
    async fn a_credential_is_good_no_more_once_its_user_is_blocked_or_its_key_is_revoked() {
        let relay = embedded().await;
        let of = credential(&relay, 1, SystemTime::now());
        let ask = async || allocate(&relay, &of.username, of.credential.expose()).await;
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
        let relay = embedded().await;
        let (one, other) = (credential(&relay, 1, SystemTime::now()), credential(&relay, 2, SystemTime::now()));
        let ask = async |of: &IceServer| allocate(&relay, &of.username, of.credential.expose()).await;
        let mut held = Vec::new();
        for _ in 0..MOST_PORTS {
            assert!(allocate(&relay, &one.username, "wrong").await.is_err());
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
}
