//! What the services of a cluster say to each other by: messages on subjects, which reach whoever listens at that moment, and nobody later.
//!
//! What one says on a subject is heard in the order in which it was said. A message may be lost, when the bus is away or somebody listens too slowly: who
//! needs to know numbers its messages. Whoever listens goes on with that when the bus has been away and is there again.
//!
//! One bus is a NATS server, the other lies within the process, and the same contract holds of both (`tests`).

mod nats;
#[cfg(test)]
#[path = "../../tests/rig/nats.rs"]
pub(crate) mod nats_server;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod within;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use axum::body::Bytes;
use url::{Host, Url};

use self::nats::{NatsBus, NatsSubscription};
#[cfg(test)]
pub(crate) use self::within::BusWithin;
#[cfg(test)]
use self::within::SubscriptionWithin;

/// The port that NATS listens on unless told otherwise.
const PORT: u16 = 4222;

/// Why something was not said, or not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BusError {
    /// There is no connection to the bus at the moment.
    #[error("the bus is away")]
    Away,
    /// Nobody listens on the subject.
    #[error("nobody listens")]
    NobodyListens,
    /// Nobody has answered in time.
    #[error("nobody has answered in time")]
    TooSlow,
}

/// What was said on a subject.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) payload: Bytes,
    /// Where an answer is waited for.
    reply: Option<String>,
}

/// A bus. Cloning gives another way to the same one.
#[derive(Clone, Debug)]
pub(crate) enum Bus {
    Nats(NatsBus),
    #[cfg(test)]
    Within(BusWithin),
}

impl Bus {
    /// Goes to a server, now or as soon as it is there.
    pub(crate) async fn connect(server: &BusServer, name: &str) -> Result<Self, ConnectBusError> {
        NatsBus::connect(server, name).await.map(Self::Nats)
    }

    /// Whether it is there at the moment.
    pub(crate) fn is_there(&self) -> bool {
        match self {
            Self::Nats(bus) => bus.is_there(),
            #[cfg(test)]
            Self::Within(bus) => bus.is_there(),
        }
    }

    /// Says something to whoever listens.
    pub(crate) async fn publish(&self, subject: &str, payload: Vec<u8>) -> Result<(), BusError> {
        match self {
            Self::Nats(bus) => bus.publish(subject, payload).await,
            #[cfg(test)]
            Self::Within(bus) => bus.publish(subject, payload.into(), None),
        }
    }

    /// Listens from now on to what is said on a subject, until the subscription is dropped.
    pub(crate) async fn subscribe(&self, subject: &str) -> Result<Subscription, BusError> {
        match self {
            Self::Nats(bus) => bus.subscribe(subject).await.map(Subscription::Nats),
            #[cfg(test)]
            Self::Within(bus) => Ok(Subscription::Within(bus.subscribe(subject))),
        }
    }

    /// Asks whoever listens, and takes the first answer.
    pub(crate) async fn request(&self, subject: &str, payload: Vec<u8>, within: Duration) -> Result<Bytes, BusError> {
        match self {
            Self::Nats(bus) => bus.request(subject, payload, within).await,
            #[cfg(test)]
            Self::Within(bus) => bus.request(subject, payload.into(), within).await,
        }
    }

    /// Answers what was asked. What nobody asked has no answer.
    pub(crate) async fn answer(&self, asked: &Message, payload: Vec<u8>) -> Result<(), BusError> {
        match &asked.reply {
            Some(reply) => self.publish(reply, payload).await,
            None => Ok(()),
        }
    }
}

/// What is heard on a subject.
#[derive(Debug)]
pub(crate) enum Subscription {
    Nats(NatsSubscription),
    #[cfg(test)]
    Within(SubscriptionWithin),
}

impl Subscription {
    /// The next message; `None` when there will be no more. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        match self {
            Self::Nats(heard) => heard.next().await,
            #[cfg(test)]
            Self::Within(heard) => heard.next().await,
        }
    }
}

/// Why there is no bus.
#[derive(Debug, thiserror::Error)]
#[error("the bus {server} cannot be used: {why}")]
pub struct ConnectBusError {
    server: BusServer,
    why: String,
}

/// Where a bus is: a NATS server.
#[derive(Clone, PartialEq, Eq)]
pub struct BusServer(Url);

/// Why a bus cannot be there.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBusServer {
    /// It is no URL of a server.
    #[error("it has to be a URL such as nats://host:4222, or tls://host:4222 for a server on another machine")]
    NoUrl,
    /// Everything would cross the network in plain text.
    #[error("{0} is another machine, and with nats:// what gives access to sessions could be read on the way: use tls://")]
    PlainText(String),
    /// Whoever reaches it could speak for any device.
    #[error(
        "{0} is another machine, and whoever reaches a bus without a password could speak for any device: tls://user:password@{0}:4222"
    )]
    NoPassword(String),
}

impl BusServer {
    /// Reads a URL. Other machines are reached by TLS only, with a user and a password.
    ///
    /// # Errors
    /// [`InvalidBusServer`] says what is wrong with it.
    pub fn parse(url: &str) -> Result<Self, InvalidBusServer> {
        let mut url = Url::parse(url).map_err(|_| InvalidBusServer::NoUrl)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidBusServer::NoUrl)?.to_owned();
        match url.scheme() {
            "tls" if is_here(&url) || has_password(&url) => {}
            "tls" => return Err(InvalidBusServer::NoPassword(host)),
            "nats" if is_here(&url) => {}
            "nats" => return Err(InvalidBusServer::PlainText(host)),
            _ => return Err(InvalidBusServer::NoUrl),
        }
        if url.port().is_none() && url.set_port(Some(PORT)).is_err() {
            return Err(InvalidBusServer::NoUrl);
        }
        Ok(Self(url))
    }
}

fn has_password(url: &Url) -> bool {
    !url.username().is_empty() && url.password().is_some_and(|password| !password.is_empty())
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        // The host of a scheme that the library does not know is a name, whatever it looks like.
        Some(Host::Domain(name)) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Without the password.
impl fmt::Display for BusServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.0.scheme(), self.0.host_str().unwrap_or_default(), self.0.port().unwrap_or(PORT))
    }
}

impl fmt::Debug for BusServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
