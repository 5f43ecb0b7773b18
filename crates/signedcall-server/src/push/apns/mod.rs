//! Apple's push service, for VoIP pushes: HTTP/2 with a proof of who sends that the account has entered.
//!
//! One connection to Apple serves all pushes of an account in an environment, for Apple takes many that come and go for an attack. It is made when it is
//! needed, and again when it is gone: when Apple says so, when it breaks, or when nothing comes back on it any more. An answer that is late is one push's affair.

mod credential;

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde_json::json;
use signedcall_wire::{AccountId, Environment, PushService};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

pub use self::credential::{ApnsCredential, ApnsProof, InvalidCredential};
use super::schedule::reason;
use super::{PushSender, PushSettings, SendError, jwt};
use crate::outward::{Answer, ConnectError, NoAnswer, Outward, Trust, answer_to};
use crate::store::{DuePush, Pushes};
use crate::tokens::unix_seconds;

/// How long a signed proof is used: Apple takes none that is older than an hour, and no other one within twenty minutes.
const PROOF_LASTS: Duration = Duration::from_secs(40 * 60);
/// How often a connection is tried on which nothing comes, so that it is known to be gone before a call waits for it, or long before that call is over.
const TRIED_EVERY: Duration = Duration::from_secs(15);
/// How long it may take until something comes then.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

type Whose = (AccountId, Environment);
/// The one who makes a connection has it locked, so that others wait and have it then.
type Place = Arc<Mutex<Option<Connection>>>;

/// Brings pushes to Apple.
pub(super) struct Apns {
    settings: PushSettings,
    trust: Trust,
    outward: Outward,
    pushes: Arc<Lock<Pushes>>,
    connections: Lock<HashMap<Whose, Place>>,
    proofs: Lock<HashMap<Whose, SignedProof>>,
}

impl std::fmt::Debug for Apns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Apns").field("settings", &self.settings).finish_non_exhaustive()
    }
}

struct Connection {
    /// What it was made with.
    credential: ApnsCredential,
    sender: SendRequest<Full<Bytes>>,
}

struct SignedProof {
    /// What it was signed with.
    credential: ApnsCredential,
    text: String,
    at: Instant,
}

impl Apns {
    pub(super) fn new(settings: PushSettings, trust: Trust, pushes: Arc<Lock<Pushes>>) -> Self {
        let outward = settings.outward();
        Self { settings, trust, outward, pushes, connections: Lock::default(), proofs: Lock::default() }
    }

    async fn credential(&self, (account, environment): &Whose) -> Result<ApnsCredential, SendError> {
        let (pushes, account, environment) = (Arc::clone(&self.pushes), account.clone(), *environment);
        let read = spawn_blocking(move || pushes.lock().unwrap_or_else(PoisonError::into_inner).apns(&account, environment));
        let credential = read.await.map_err(|_| SendError::Bug)?.map_err(|error| {
            tracing::error!(%error, "what an account has entered for Apple's pushes cannot be read");
            SendError::Bug
        })?;
        credential.ok_or(SendError::NoCredential)
    }

    /// A connection that is there already, or a new one. Others of the account wait meanwhile.
    async fn connection(&self, whose: &Whose, credential: &ApnsCredential) -> Result<SendRequest<Full<Bytes>>, NoAnswer> {
        let place = Arc::clone(self.connections.lock().unwrap_or_else(PoisonError::into_inner).entry(whose.clone()).or_default());
        let mut place = place.lock().await;
        if let Some(known) = place.as_ref()
            && known.credential == *credential
            && !known.sender.is_closed()
        {
            return Ok(known.sender.clone());
        }
        let tls = self.trust.connector(&[b"h2"], credential.certificate());
        let stream = self.outward.connect(self.settings.apns(whose.1), &tls).await?;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).keep_alive_interval(TRIED_EVERY).keep_alive_timeout(HEARD_WITHIN);
        builder.keep_alive_while_idle(true);
        let (sender, carried) = builder.handshake(TokioIo::new(stream)).await?;
        // How it ends is noticed by the next who sends.
        tokio::spawn(carried);
        *place = Some(Connection { credential: credential.clone(), sender: sender.clone() });
        Ok(sender)
    }

    /// A proof that was signed before, or a new one; `None` where the certificate is the proof.
    fn proof(&self, whose: &Whose, credential: &ApnsCredential) -> Result<Option<String>, SendError> {
        let ApnsProof::Key { team_id, key_id, .. } = &credential.proof else { return Ok(None) };
        let mut proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = proofs.get(whose)
            && known.credential == *credential
            && known.at.elapsed() < PROOF_LASTS
        {
            return Ok(Some(known.text.clone()));
        }
        let pair = credential.pair().ok_or(SendError::NoCredential)?;
        let claims = json!({"iss": team_id, "iat": unix_seconds(SystemTime::now())});
        let text = jwt::sign(&pair, &json!({"alg": "ES256", "kid": key_id}), &claims).ok_or(SendError::NotSigned)?;
        let proof = SignedProof { credential: credential.clone(), text: text.clone(), at: Instant::now() };
        proofs.insert(whose.clone(), proof);
        Ok(Some(text))
    }

    fn request(
        &self,
        whose: &Whose,
        push: &DuePush,
        sealed: &[u8],
        credential: &ApnsCredential,
    ) -> Result<Request<Full<Bytes>>, SendError> {
        let (token, topic) = match &push.target.by {
            PushService::Apns { token, topic, environment: _ } => (token.expose(), topic),
            PushService::WebPush { .. } | PushService::Unknown => return Err(SendError::Bug),
        };
        // The account may have entered those of another app since the device has said where it is.
        if *topic != credential.topic() {
            return Err(SendError::NoCredential);
        }
        let url = self.settings.apns(whose.1).join(&format!("/3/device/{token}")).map_err(|_| no_url())?;
        let mut request = Request::post(url.as_str())
            .header(USER_AGENT, concat!("signedcall-server/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header("apns-push-type", "voip")
            .header("apns-topic", topic)
            .header("apns-priority", "10")
            .header("apns-expiration", push.expires_at_ms / 1_000)
            .header("apns-collapse-id", &push.call);
        if let Some(proof) = self.proof(whose, credential)? {
            request = request.header(AUTHORIZATION, bearer(&proof));
        }
        let body = json!({"aps": {}, "signedcall": BASE64_STANDARD.encode(sealed)});
        request.body(Full::new(Bytes::from(body.to_string()))).map_err(|_| no_url())
    }

    async fn ask(&self, whose: &Whose, credential: &ApnsCredential, request: Request<Full<Bytes>>) -> Result<Answer, SendError> {
        let shown = request.headers().get(AUTHORIZATION).cloned();
        // Whoever waits for somebody else's connection waits no longer than for one of its own.
        let connection = timeout(self.settings.connect_within, self.connection(whose, credential)).await;
        let mut sender = connection.map_err(|_| NoAnswer::from(ConnectError::TooLate))??;
        let asked = async {
            sender.ready().await?;
            sender.send_request(request).await
        };
        let answer = answer_to(asked, Instant::now() + self.settings.answer_within).await?;
        if reason(&answer.words).as_deref() == Some("ExpiredProviderToken") {
            self.forget_proof(whose, shown.as_ref());
        }
        Ok(answer)
    }

    /// Has another proof signed for the next push, unless somebody else has had one signed already: Apple takes too many for an attack.
    fn forget_proof(&self, whose: &Whose, shown: Option<&HeaderValue>) {
        let mut proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = |known: &SignedProof| shown.is_some_and(|shown| shown.as_bytes() == bearer(&known.text).as_bytes());
        if proofs.get(whose).is_some_and(is_current) {
            proofs.remove(whose);
        }
    }
}

#[async_trait]
impl PushSender for Apns {
    async fn send(&self, push: &DuePush, sealed: Vec<u8>) -> Result<Answer, SendError> {
        let whose = (push.user.0.clone(), push.user.1);
        let credential = self.credential(&whose).await?;
        let request = self.request(&whose, push, &sealed, &credential)?;
        self.ask(&whose, &credential, request).await
    }
}

fn bearer(proof: &str) -> String {
    format!("bearer {proof}")
}

fn no_url() -> SendError {
    NoAnswer::from(ConnectError::Url).into()
}
