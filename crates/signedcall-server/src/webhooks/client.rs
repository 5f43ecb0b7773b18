//! Brings a delivery to a receiver that somebody else has chosen: bounded in time and in what is read, and to no address that only this service's own
//! network reaches.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::WebhookSettings;
use super::signature::HEADER;
use super::url::{is_near, may_be_reached};

/// The most bytes of an answer that are read, of its head and of its body.
const MOST_ANSWERED: usize = 16 * 1024;
/// The most characters of a refusal that are kept for the log: enough for a sentence.
const MOST_WORDS: usize = 200;
/// The most addresses of a name that are tried, so that each has a fair part of the time.
const MOST_ADDRESSES: usize = 4;
/// The most names that are looked up at once. Each takes a thread, of which there are so many for the whole process, until its resolver gives up: long after
/// anybody waits for it.
const MOST_LOOKUPS: usize = 32;

/// What a receiver has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The status of HTTP.
    pub(super) status: u16,
    /// For how long it wants to be left alone.
    pub(super) rest: Option<Duration>,
    /// What it says, if it has refused.
    pub(super) words: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
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
    ConnectedTooLate,
    #[error("it did not answer in time")]
    AnswerTooLate,
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    #[error("this service has a bug")]
    Bug,
}

/// What deliveries are sent with.
#[derive(Clone)]
pub(crate) struct Client {
    tls: Result<TlsConnector, String>,
    settings: WebhookSettings,
    pub(super) lookups: Arc<Semaphore>,
}

impl Client {
    /// Trusts whom this computer trusts. Reads files.
    pub(crate) fn new(settings: WebhookSettings) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .map(|builder| builder.with_no_client_auth());
        Self::by(config.map(|config| TlsConnector::from(Arc::new(config))).map_err(|error| error.to_string()), settings)
    }

    /// Trusts these alone.
    #[cfg(test)]
    pub(super) fn trusting(roots: rustls::RootCertStore, settings: WebhookSettings) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the versions of its own")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self::by(Ok(TlsConnector::from(Arc::new(config))), settings)
    }

    fn by(tls: Result<TlsConnector, String>, settings: WebhookSettings) -> Self {
        Self { tls, settings, lookups: Arc::new(Semaphore::new(MOST_LOOKUPS)) }
    }

    /// Sends a body, with its signature.
    pub(super) async fn send(&self, url: &str, signature: &str, body: String) -> Result<Answer, SendError> {
        let until = Instant::now() + self.settings.answer_within;
        let url = Url::parse(url).map_err(|_| SendError::Url)?;
        let request = request(&url, signature, body).ok_or(SendError::Url)?;
        let stream = timeout(self.settings.connect_within, self.connect(&url)).await.map_err(|_| SendError::ConnectedTooLate)??;
        let mut answered = None;
        let asked = timeout_at(until, ask(stream, request, &mut answered)).await;
        // Once it has said yes or no, it does not matter how slowly the rest of it comes.
        match (answered, asked) {
            (Some(answer), _) => Ok(answer),
            (None, Ok(Err(error))) => Err(error),
            (None, Ok(Ok(())) | Err(_)) => Err(SendError::AnswerTooLate),
        }
    }

    async fn connect(&self, url: &Url) -> Result<Box<dyn Stream>, SendError> {
        let encrypted = url.scheme() == "https";
        let addresses = self.addresses(url, encrypted).await?;
        let each = self.settings.connect_within / u32::try_from(addresses.len()).unwrap_or(1);
        let mut failed = SendError::NotPublic;
        for address in addresses {
            let stream = match timeout(each, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    failed = SendError::Unconnected(error);
                    continue;
                }
                Err(_) => {
                    failed = SendError::ConnectedTooLate;
                    continue;
                }
            };
            if !encrypted {
                return Ok(Box::new(stream));
            }
            let tls = self.tls.as_ref().map_err(|error| SendError::NoTls(error.clone()))?;
            let name = match url.host().ok_or(SendError::Url)? {
                Host::Domain(name) => ServerName::try_from(name.to_owned()).map_err(|_| SendError::Url)?,
                Host::Ipv4(address) => ServerName::from(IpAddr::V4(address)),
                Host::Ipv6(address) => ServerName::from(IpAddr::V6(address)),
            };
            return Ok(Box::new(tls.connect(name, stream).await.map_err(|error| SendError::NoTls(error.to_string()))?));
        }
        Err(failed)
    }

    /// Finds the addresses of a URL, and of those only the ones that may be connected to: what is connected to is what was looked at here.
    async fn addresses(&self, url: &Url, encrypted: bool) -> Result<Vec<SocketAddr>, SendError> {
        let port = url.port_or_known_default().ok_or(SendError::Url)?;
        let found: Vec<SocketAddr> = match url.host().ok_or(SendError::Url)? {
            Host::Domain(name) => self.look_up(name.to_owned(), port).await.map_err(SendError::Nowhere)?,
            Host::Ipv4(address) => vec![SocketAddr::from((address, port))],
            Host::Ipv6(address) => vec![SocketAddr::from((address, port))],
        };
        let near_too = self.settings.to_private_addresses;
        let mut allowed: Vec<_> = found.into_iter().filter(|found| may_be_reached(found.ip(), near_too)).collect();
        if allowed.is_empty() {
            return Err(SendError::NotPublic);
        }
        allowed.retain(|address| encrypted || is_near(address.ip()));
        allowed.truncate(MOST_ADDRESSES);
        if allowed.is_empty() { Err(SendError::Unencrypted) } else { Ok(allowed) }
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

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

fn request(url: &Url, signature: &str, body: String) -> Option<Request<Full<Bytes>>> {
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let request = Request::post(path)
        .header(HOST, host)
        .header(USER_AGENT, concat!("signedcall-server/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header(HEADER, HeaderValue::from_str(signature).ok()?);
    request.body(Full::new(Bytes::from(body))).ok()
}

/// Asks, and says what is answered as soon as it is known. What follows is read only as far as it is for the log.
async fn ask(stream: Box<dyn Stream>, request: Request<Full<Bytes>>, answered: &mut Option<Answer>) -> Result<(), SendError> {
    let (mut sender, connection) = http1::Builder::new().max_buf_size(MOST_ANSWERED).handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let answer = answered.insert(Answer { status: response.status().as_u16(), rest: rest(response.headers()), words: String::new() });
        if !response.status().is_success() {
            answer.words = words(response).await;
        }
        Ok(())
    };
    let carrying = async {
        // How it ends is said to whoever waits for the answer.
        let _ = connection.await;
        pending::<Infallible>().await
    };
    tokio::select! {
        asked = exchange => asked,
        never = carrying => match never {},
    }
}

fn rest(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn words(response: Response<Incoming>) -> String {
    let most = usize::try_from(response.body().size_hint().lower()).unwrap_or(usize::MAX);
    if most > MOST_ANSWERED {
        return String::new();
    }
    let read = Limited::new(response.into_body(), MOST_ANSWERED).collect().await;
    let bytes = read.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    // It is shown on a terminal.
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    String::from_utf8_lossy(&bytes).trim().chars().map(plain).take(MOST_WORDS).collect()
}
