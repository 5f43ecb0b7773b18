//! How servers are connected to, and asked, that somebody else has chosen: in bounded time, and at no address that only this service's own network reaches.

mod exchange;
mod trust;
mod url;

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use ::url::{Host, Url};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

pub(crate) use self::exchange::{Answer, NoAnswer, answer_to, ask_once, read_once};
pub(crate) use self::trust::{Connector, Trust};
pub use self::url::InvalidUrl;
pub(crate) use self::url::check;
use self::url::{is_near, may_be_reached};

/// The most addresses of a name that are tried, so that each has a fair part of the time.
const MOST_ADDRESSES: usize = 4;
/// The most names that are looked up at once. Each takes a thread, of which there are so many for the whole process, until its resolver gives up: long after
/// anybody waits for it.
const MOST_LOOKUPS: usize = 32;

/// Why nobody is connected to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("its URL is not one that can be sent to")]
    Url,
    #[error("its name leads nowhere: {0}")]
    Nowhere(io::Error),
    #[error("its name leads to no address of the public network")]
    NotPublic,
    #[error("without https:// nothing is sent beyond this service's own network")]
    Unencrypted,
    #[error("it cannot be connected to: {0}")]
    Unconnected(io::Error),
    #[error("no TLS: {0}")]
    NoTls(String),
    #[error("it could not be connected to in time")]
    TooLate,
}

/// What connections are made by.
#[derive(Clone, Debug)]
pub(crate) struct Outward {
    to_private_addresses: bool,
    within: Duration,
    pub(crate) lookups: Arc<Semaphore>,
}

/// A connection, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Outward {
    /// Connects within so long, and to this machine and its own network only where that is set.
    pub(crate) fn new(to_private_addresses: bool, within: Duration) -> Self {
        Self { to_private_addresses, within, lookups: Arc::new(Semaphore::new(MOST_LOOKUPS)) }
    }

    /// Connects to whoever a URL names.
    pub(crate) async fn connect(&self, url: &Url, tls: &Connector) -> Result<Box<dyn Stream>, ConnectError> {
        timeout(self.within, self.try_all(url, tls)).await.map_err(|_| ConnectError::TooLate)?
    }

    async fn try_all(&self, url: &Url, tls: &Connector) -> Result<Box<dyn Stream>, ConnectError> {
        let encrypted = url.scheme() == "https";
        let addresses = self.addresses(url, encrypted).await?;
        let each = self.within / u32::try_from(addresses.len()).unwrap_or(1);
        let mut failed = ConnectError::NotPublic;
        for address in addresses {
            let stream = match timeout(each, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    failed = ConnectError::Unconnected(error);
                    continue;
                }
                Err(_) => {
                    failed = ConnectError::TooLate;
                    continue;
                }
            };
            if !encrypted {
                return Ok(Box::new(stream));
            }
            let tls = tls.as_ref().map_err(|error| ConnectError::NoTls(error.clone()))?;
            let name = match url.host().ok_or(ConnectError::Url)? {
                Host::Domain(name) => ServerName::try_from(name.to_owned()).map_err(|_| ConnectError::Url)?,
                Host::Ipv4(address) => ServerName::from(IpAddr::V4(address)),
                Host::Ipv6(address) => ServerName::from(IpAddr::V6(address)),
            };
            return Ok(Box::new(tls.connect(name, stream).await.map_err(|error| ConnectError::NoTls(error.to_string()))?));
        }
        Err(failed)
    }

    /// Finds the addresses of a URL, and of those only the ones that may be connected to: what is connected to is what was looked at here.
    async fn addresses(&self, url: &Url, encrypted: bool) -> Result<Vec<SocketAddr>, ConnectError> {
        let port = url.port_or_known_default().ok_or(ConnectError::Url)?;
        let found: Vec<SocketAddr> = match url.host().ok_or(ConnectError::Url)? {
            Host::Domain(name) => self.look_up(name.to_owned(), port).await.map_err(ConnectError::Nowhere)?,
            Host::Ipv4(address) => vec![SocketAddr::from((address, port))],
            Host::Ipv6(address) => vec![SocketAddr::from((address, port))],
        };
        let mut allowed: Vec<_> = found.into_iter().filter(|found| may_be_reached(found.ip(), self.to_private_addresses)).collect();
        if allowed.is_empty() {
            return Err(ConnectError::NotPublic);
        }
        allowed.retain(|address| encrypted || is_near(address.ip()));
        allowed.truncate(MOST_ADDRESSES);
        if allowed.is_empty() { Err(ConnectError::Unencrypted) } else { Ok(allowed) }
    }

    /// Asks this computer's resolver, which cannot be stopped: the room is given back when it has really ended.
    async fn look_up(&self, name: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        let permit = Arc::clone(&self.lookups).acquire_owned().await.map_err(io::Error::other)?;
        let looking = spawn_blocking(move || {
            let _permit = permit;
            Ok((name.as_str(), port).to_socket_addrs()?.collect())
        });
        looking.await.map_err(io::Error::other)?
    }
}
