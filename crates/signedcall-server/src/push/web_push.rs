//! Web Push (RFC 8030): a push service of the device's own choice, which knows where the device is and cannot read what it brings.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use signedcall_wire::PushService;
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use super::{PushSender, PushSettings, SendError, VapidKey, jwt};
use crate::outward::{Answer, ConnectError, Connector, NoAnswer, Outward, Trust, ask_once};
use crate::store::{DuePush, unix_millis};

/// Brings pushes to whoever takes Web Push.
pub(super) struct WebPush {
    key: Arc<VapidKey>,
    tls: Connector,
    outward: Outward,
    settings: PushSettings,
}

impl std::fmt::Debug for WebPush {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebPush").field("key", &self.key).finish_non_exhaustive()
    }
}

impl WebPush {
    pub(super) fn new(settings: PushSettings, trust: &Trust, key: Arc<VapidKey>) -> Self {
        Self { key, tls: trust.connector(&[], None), outward: settings.outward(), settings }
    }

    fn request(&self, url: &Url, push: &DuePush, sealed: Vec<u8>, now: SystemTime) -> Result<Request<Full<Bytes>>, SendError> {
        let authorization = self.key.authorization(url, self.settings.contact.as_deref(), now).ok_or(SendError::NotSigned)?;
        // It is of no use once the call does not ring any more. Another push of the same call takes its place.
        let seconds = u64::try_from(push.expires_at_ms - unix_millis(now)).unwrap_or_default().div_ceil(1_000);
        let topic = Uuid::try_parse(&push.call).map(|call| jwt::encode(call.as_bytes())).unwrap_or_default();
        let request = Request::post(&url[url::Position::BeforePath..url::Position::AfterQuery])
            .header(HOST, &url[url::Position::BeforeHost..url::Position::AfterPort])
            .header(USER_AGENT, concat!("signedcall-server/", env!("CARGO_PKG_VERSION")))
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_ENCODING, "aes128gcm")
            .header("ttl", seconds)
            .header("urgency", "high")
            .header("topic", topic);
        request.body(Full::new(Bytes::from(sealed))).map_err(|_| no_url())
    }
}

#[async_trait]
impl PushSender for WebPush {
    async fn send(&self, push: &DuePush, sealed: Vec<u8>) -> Result<Answer, SendError> {
        let endpoint = match &push.target.by {
            PushService::WebPush { endpoint } => endpoint,
            PushService::Apns { .. } | PushService::Unknown => return Err(SendError::Bug),
        };
        let url = Url::parse(endpoint.expose()).map_err(|_| no_url())?;
        let request = self.request(&url, push, sealed, SystemTime::now())?;
        let stream = self.outward.connect(&url, &self.tls).await.map_err(NoAnswer::from)?;
        Ok(ask_once(stream, request, Instant::now() + self.settings.answer_within).await?)
    }
}

fn no_url() -> SendError {
    NoAnswer::from(ConnectError::Url).into()
}
