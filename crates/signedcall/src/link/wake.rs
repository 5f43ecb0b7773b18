//! A light connection to the service, by which a computer whose app is closed hears of pushes.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::{SinkExt as _, StreamExt as _};
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use ring::digest::{SHA256, digest};
use signedcall_wire::{ErrorCode, Redacted};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};
use url::Url;

use super::ServiceAddress;
use super::backoff::Backoff;
use super::socket::{WebSocket, connect};
use super::surroundings::{Change, Surroundings};
use crate::clock::Clock;
use crate::error::Error;

/// Where lines are held on a service, and below it where their pushes go.
const PATH: &str = "/v1/wake";
const SECRET_BYTES: usize = 32;
/// How long one attempt to connect may take, as for a line for calls.
const CONNECT_PATIENCE: Duration = Duration::from_secs(8);
/// How often the service is asked whether it is there. Each time wakes the computer, and routers remember a connection for some minutes.
const PING_EVERY: Duration = Duration::from_secs(60);
/// How long it may take to answer, also what is sent to it to be written.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same when there is reason to doubt: the computer has slept, or its network has changed.
const DOUBTFUL_PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of a push at most, and of the buffers, which are most of what the connection uses.
const MOST_BYTES: usize = 4 * 1024;
const READ_BUFFER: usize = 1024;

/// What has become of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeAnswer {
    /// It was handed on.
    Taken,
    /// Nobody takes pushes here any more.
    Gone,
}

/// A push as it has come, sealed for the device, and where it is said what becomes of it.
pub type WakePush = (Vec<u8>, oneshot::Sender<WakeAnswer>);

/// A light connection to a service, for a program that starts an app when there is a push for it. It needs nobody to be signed in: a secret of the computer's
/// own is all that it shows, and its pushes go to an endpoint that follows from the secret.
#[derive(Clone, Debug)]
pub struct WakeLine {
    address: ServiceAddress,
    secret: Redacted<String>,
}

impl WakeLine {
    /// Makes a secret for a line; `None` when the system gives no randomness.
    pub fn make_secret() -> Option<Redacted<String>> {
        let mut secret = [0; SECRET_BYTES];
        OsRng.try_fill_bytes(&mut secret).ok()?;
        Some(Redacted::new(BASE64_URL_SAFE_NO_PAD.encode(secret)))
    }

    /// A line to the service at the URL that calls go by.
    ///
    /// # Errors
    /// `ERR_NETWORK_NOT_AVAILABLE` for a URL that leads to no service, `ERR_VOIP_SERVICE_FAILED_TO_REGISTER` for what is no secret.
    pub fn new(service_url: &str, secret: Redacted<String>) -> Result<Self, Error> {
        let address = ServiceAddress::parse_for(service_url, PATH)
            .map_err(|invalid| Error::new(ErrorCode::NetworkNotAvailable, invalid.to_string()))?;
        if BASE64_URL_SAFE_NO_PAD.decode(secret.expose()).map(|secret| secret.len()) != Ok(SECRET_BYTES) {
            return Err(Error::new(ErrorCode::VoipServiceFailedToRegister, "this is no secret of a line"));
        }
        Ok(Self { address, secret })
    }

    /// Where the service is to send pushes that are to come by this line (RFC 8030).
    pub fn endpoint(&self) -> Redacted<String> {
        let secret = BASE64_URL_SAFE_NO_PAD.decode(self.secret.expose()).unwrap_or_default();
        let line = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &secret));
        Redacted::new(format!("{}/{line}", self.http_url()))
    }

    /// Where it is held, as those who send there say it: `ws` becomes `http`, and `wss` becomes `https`.
    fn http_url(&self) -> String {
        self.address.url.as_str().replacen("ws", "http", 1)
    }

    /// What is said first: the secret, and the origin of the endpoint, for which alone pushes are to be taken.
    fn first_words(&self) -> String {
        let origin = Url::parse(&self.http_url()).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        format!("{} {origin}", self.secret.expose())
    }

    /// Holds the line, opening it again whenever it is lost, until nobody takes what it brings. `held` says whether the service holds it at the moment.
    pub async fn hold(self, pushes: mpsc::Sender<WakePush>, held: watch::Sender<bool>) {
        let mut backoff = Backoff::default();
        let mut surroundings = Surroundings::look(Clock::start());
        while !pushes.is_closed() {
            if let Some(socket) = self.open().await {
                backoff.reset();
                tracing::debug!("a line for pushes is held");
                held.send_replace(true);
                let why = serve(socket, &pushes, &mut surroundings).await;
                held.send_replace(false);
                tracing::debug!(why, "a line for pushes is lost");
            }
            tokio::select! {
                () = sleep(backoff.next_wait()) => {}
                _ = surroundings.change() => backoff.reset(),
                () = pushes.closed() => return,
            }
        }
    }

    async fn open(&self) -> Option<WebSocket> {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(MOST_BYTES)
            .max_message_size(Some(MOST_BYTES))
            .max_frame_size(Some(MOST_BYTES));
        let opened = async {
            let mut socket = connect(&self.address, config).await?;
            socket.send(Message::text(self.first_words())).await.map_err(|error| error.to_string())?;
            match socket.next().await {
                Some(Ok(Message::Text(said))) if said.as_str() == "held" => Ok(socket),
                Some(Ok(Message::Close(frame))) => Err(frame.map(|frame| frame.reason.to_string()).unwrap_or_default()),
                Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) | Err(_))
                | None => Err("the service does not say that it holds the line".to_owned()),
            }
        };
        match timeout(CONNECT_PATIENCE, opened).await {
            Ok(Ok(socket)) => Some(socket),
            Ok(Err(reason)) => {
                tracing::debug!(reason, "no line for pushes");
                None
            }
            Err(_) => {
                tracing::debug!("no line for pushes in time");
                None
            }
        }
    }
}

/// Serves a line until it is lost, and says why it is.
async fn serve(mut socket: WebSocket, pushes: &mpsc::Sender<WakePush>, surroundings: &mut Surroundings) -> &'static str {
    let mut ping_at = Instant::now() + PING_EVERY;
    let mut give_up_at = None;
    loop {
        let wake_at = give_up_at.unwrap_or(ping_at);
        let patience = tokio::select! {
            heard = socket.next() => match heard {
                Some(Ok(Message::Binary(sealed))) => {
                    (ping_at, give_up_at) = (Instant::now() + PING_EVERY, None);
                    let Some(answer) = hand_on(pushes, sealed.to_vec()).await else { return "nobody takes pushes" };
                    let answer = match answer {
                        WakeAnswer::Taken => "taken",
                        WakeAnswer::Gone => "gone",
                    };
                    if !write(&mut socket, Message::text(answer)).await {
                        return "nothing could be sent";
                    }
                    continue;
                }
                Some(Ok(Message::Pong(_) | Message::Ping(_) | Message::Text(_) | Message::Frame(_))) => {
                    (ping_at, give_up_at) = (Instant::now() + PING_EVERY, None);
                    continue;
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return "it was closed",
            },
            () = sleep_until(wake_at) => {
                if give_up_at.is_some() {
                    return "nothing was heard for too long";
                }
                PATIENCE
            }
            change = surroundings.change() => match change {
                Change::Moved => return "this computer is in another network",
                Change::Doubtful => DOUBTFUL_PATIENCE,
            },
            () = pushes.closed() => return "nobody takes pushes",
        };
        give_up_at = Some(Instant::now() + patience);
        if !write(&mut socket, Message::Ping(Vec::new().into())).await {
            return "nothing could be sent";
        }
    }
}

/// Hands a push on, and waits for what becomes of it. Whoever drops the question has failed, and the push is tried again.
async fn hand_on(pushes: &mpsc::Sender<WakePush>, sealed: Vec<u8>) -> Option<WakeAnswer> {
    let (answer, answered) = oneshot::channel();
    pushes.send((sealed, answer)).await.ok()?;
    answered.await.ok()
}

async fn write(socket: &mut WebSocket, frame: Message) -> bool {
    matches!(timeout(PATIENCE, socket.send(frame)).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_on_the_service_and_says_nothing_of_the_secret() {
        let secret = Redacted::new(BASE64_URL_SAFE_NO_PAD.encode([7; SECRET_BYTES]));
        let endpoint = |url: &str| WakeLine::new(url, secret.clone()).map(|line| line.endpoint().into_inner()).map_err(|error| error.code);
        let line = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &[7; SECRET_BYTES]));
        for (url, base) in [
            ("wss://calls.example", "https://calls.example"),
            ("wss://ws.example:8443/voice/", "https://ws.example:8443/voice"),
            ("ws://127.0.0.1:7443/v1/signalling", "http://127.0.0.1:7443"),
        ] {
            assert_eq!(endpoint(url), Ok(format!("{base}/v1/wake/{line}")));
        }
        let said = |url: &str| WakeLine::new(url, secret.clone()).expect("a line").first_words();
        assert_eq!(said("wss://Calls.example:443/voice"), format!("{} https://calls.example", secret.expose()));
        assert_eq!(said("ws://127.0.0.1:7443"), format!("{} http://127.0.0.1:7443", secret.expose()));
        assert_eq!(endpoint("https://calls.example"), Err(ErrorCode::NetworkNotAvailable));
        let wrong = WakeLine::new("wss://calls.example", Redacted::new("secret".to_owned()));
        assert_eq!(wrong.map(|_| ()).map_err(|error| error.code), Err(ErrorCode::VoipServiceFailedToRegister));
        assert_ne!(WakeLine::make_secret(), WakeLine::make_secret());
    }
}
