//! The relay of media: the embedded STUN and TURN server, over UDP, or one that runs elsewhere, such as coturn, which also speaks TCP and TLS. Both take
//! the expiring credentials that coturn's REST scheme describes.
//!
//! Each device has a credential of its own, and may hold some ports and no more. Nothing has to be stored to verify one: its password is computed from
//! its name and a secret. That of the embedded one is made anew at each start: the allocations of the last one are gone too, and devices get fresh
//! credentials with `welcome` and `resumed`. The embedded one knows who is blocked and which api keys are revoked: their credentials are good no more,
//! and what they hold already is theirs for the ten minutes of an allocation at most. A relay that runs elsewhere learns of neither.

mod ports;
#[cfg(test)]
mod tests;

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
