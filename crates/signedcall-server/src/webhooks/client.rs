//! Brings a delivery to a receiver that somebody else has chosen: bounded in time and in what is read, and to no address that only this service's own
//! network reaches.

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use tokio::time::Instant;
use url::Url;

use super::WebhookSettings;
use super::signature::HEADER;
use crate::outward::{Answer, ConnectError, Connector, NoAnswer, Outward, Trust, ask_once};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
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
        let no_url = || NoAnswer::from(ConnectError::Url);
        let url = Url::parse(url).map_err(|_| no_url())?;
        let request = request(&url, signature, body).ok_or_else(no_url)?;
        let stream = self.outward.connect(&url, &self.tls).await.map_err(NoAnswer::from)?;
        Ok(ask_once(stream, request, until).await?)
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
