//! Brings a delivery to a receiver that somebody else has chosen: bounded in time and in what is read, and to no address that only this service's own
//! network reaches.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::WebhookSettings;
use super::signature::HEADER;
use crate::outward::{ConnectError, Connector, Outward, Stream, Trust};

/// The most bytes of an answer that are read, of its head and of its body.
const MOST_ANSWERED: usize = 16 * 1024;
/// The most characters of a refusal that are kept for the log: enough for a sentence.
const MOST_WORDS: usize = 200;
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
    #[error(transparent)]
    Connect(#[from] ConnectError),
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
    tls: Connector,
    settings: WebhookSettings,
    pub(super) outward: Outward,
}

impl Client {
    /// Trusts whom this computer trusts. Reads files.
    pub(crate) fn new(settings: WebhookSettings) -> Self {
        Self::trusting(&Trust::of_this_computer(Vec::new()), settings)
    }

    pub(super) fn trusting(trust: &Trust, settings: WebhookSettings) -> Self {
        let outward = Outward::new(settings.to_private_addresses, settings.connect_within);
        Self { tls: trust.connector(&[], None), settings, outward }
    }

    /// Sends a body, with its signature.
    pub(super) async fn send(&self, url: &str, signature: &str, body: String) -> Result<Answer, SendError> {
        let until = Instant::now() + self.settings.answer_within;
        let url = Url::parse(url).map_err(|_| ConnectError::Url)?;
        let request = request(&url, signature, body).ok_or(ConnectError::Url)?;
        let stream = self.outward.connect(&url, &self.tls).await?;
        let mut answered = None;
        let asked = timeout_at(until, ask(stream, request, &mut answered)).await;
        // Once it has said yes or no, it does not matter how slowly the rest of it comes.
        match (answered, asked) {
            (Some(answer), _) => Ok(answer),
            (None, Ok(Err(error))) => Err(error),
            (None, Ok(Ok(())) | Err(_)) => Err(SendError::AnswerTooLate),
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}

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
