use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use signedcall_wire::{ClientMessage, MAX_MESSAGE_BYTES, MAX_UNANSWERED_REQUESTS, ServiceMessage, Timestamp};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::{self, Message, protocol::WebSocketConfig};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::pings::Pings;
use super::{Pace, ServiceAddress};
use crate::clock::Clock;
use crate::line_check::Pong;
use crate::tls;

/// How long one attempt to open a socket may take, with name look-up, TLS and upgrade: longer than three lost SYNs of a slow network.
const CONNECT_PATIENCE: Duration = Duration::from_secs(8);
/// An attempt that has not succeeded by then is slow: it may still be on its way, or have been sent into a network that was down at that moment.
/// It takes less in every network that is good for a call.
const SLOW_AFTER: Duration = Duration::from_millis(1_200);
/// How long one frame may take to leave. A full send buffer for this long is a dead peer.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a peer may take to show that it lives when that is in doubt. A socket is opened as quickly, and loses nothing.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);
/// How long an acknowledgement may wait for something that it can go with: most of what comes is followed by a request, and each frame that goes by itself wakes
/// the radio here and a task over there. The service keeps what is not acknowledged, and a socket that follows says itself what has come.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_millis(200);
/// The most messages that wait to be sent: all that a device may repeat at once on a new socket, and as many acknowledgements. A socket that cannot
/// take them is given up, and what was not sent is repeated on the next.
const OUTBOX: usize = 2 * MAX_UNANSWERED_REQUESTS;
/// Bytes of the read buffer. Signalling frames are small; the library's default of 128 KiB would be most of what an idle device uses.
const READ_BUFFER: usize = 4 * 1024;
/// So many bytes leave before they are to: an acknowledgement and what it goes with fit in one write.
const WRITE_BUFFER: usize = 1024;

pub(super) type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// One socket. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Socket {
    outbox: mpsc::Sender<Outgoing>,
    reader: AbortHandle,
}

#[derive(Debug)]
enum Outgoing {
    Message(ClientMessage),
    /// How often the peer is asked whether it lives, from now on; it is asked at once.
    Pace(Pace),
    /// Asks the peer at once, with little patience.
    Probe,
    /// Asks the peer how long it takes to it and back. Nothing follows from an answer that does not come.
    Ask(oneshot::Sender<Duration>),
}

/// What a socket tells, with its number, since several may be open at once.
#[derive(Debug)]
pub(super) enum News {
    Opened(Socket),
    /// It is being opened, and takes long.
    Slow,
    NotOpened,
    /// Boxed, since the longest is many times the usual one.
    Heard(Box<ServiceMessage>),
    Gone,
}

/// Opens a socket to the service and serves it until it ends; everything that happens is told to `news` under `number`.
pub(super) async fn run(address: &ServiceAddress, number: u64, pace: Pace, clock: Clock, news: mpsc::Sender<(u64, News)>) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(4 * MAX_MESSAGE_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let connecting = connect(address, config);
    tokio::pin!(connecting);
    let quickly = timeout(SLOW_AFTER, &mut connecting).await;
    let connected = match quickly {
        Ok(connected) => Ok(connected),
        Err(_) => {
            if news.send((number, News::Slow)).await.is_err() {
                return;
            }
            timeout(CONNECT_PATIENCE - SLOW_AFTER, connecting).await
        }
    };
    let socket = match connected {
        Ok(Ok(socket)) => socket,
        Ok(Err(reason)) => {
            tracing::debug!(reason, "the service cannot be reached");
            let _ = news.send((number, News::NotOpened)).await;
            return;
        }
        Err(_) => {
            tracing::debug!("the service cannot be reached in time");
            let _ = news.send((number, News::NotOpened)).await;
            return;
        }
    };
    let (write, read) = socket.split();
    let (outbox, outgoing) = mpsc::channel(OUTBOX);
    let heard_at = Arc::new(AtomicU64::new(clock.now().as_millis()));
    let pings = Arc::new(Pings::default());
    let reader = tokio::spawn(read_all(read, number, Arc::clone(&heard_at), clock, Arc::clone(&pings), news.clone()));
    let opened = Socket { outbox, reader: reader.abort_handle() };
    if news.send((number, News::Opened(opened))).await.is_err() {
        return;
    }
    let reason = write_all(Writer { sink: write, acknowledgement: None }, outgoing, pace, &heard_at, clock, &pings).await;
    reader.abort();
    tracing::debug!(reason, "a socket has ended");
    let _ = news.send((number, News::Gone)).await;
}

pub(super) async fn connect(address: &ServiceAddress, config: WebSocketConfig) -> Result<WebSocket, String> {
    let connector = if address.is_encrypted() { Some(Connector::Rustls(tls::config().await.ok_or("there is no TLS")?)) } else { None };
    let opened = connect_async_tls_with_config(address.url.as_str(), Some(config), true, connector).await;
    opened.map(|(socket, _response)| socket).map_err(|error| error.to_string())
}

impl Socket {
    /// Queues a message. `false` when the socket cannot take it, and thus has to be given up.
    pub(super) fn send(&self, message: ClientMessage) -> bool {
        self.outbox.try_send(Outgoing::Message(message)).is_ok()
    }

    /// Changes how often the peer is asked whether it lives.
    pub(super) fn set_pace(&self, pace: Pace) -> bool {
        self.outbox.try_send(Outgoing::Pace(pace)).is_ok()
    }

    /// Asks the peer how long it takes to it and back; nothing when the socket takes no question.
    pub(super) fn ask(&self) -> Pong {
        let (tell, pong) = oneshot::channel();
        self.outbox.try_send(Outgoing::Ask(tell)).is_ok().then_some(pong)
    }

    /// A socket that takes nothing.
    #[cfg(test)]
    pub(super) fn full() -> Self {
        Self { outbox: mpsc::channel(1).0, reader: tokio::spawn(async {}).abort_handle() }
    }

    /// Asks whether the peer still lives; ends when it does not answer at once.
    pub(super) fn probe(&self) -> bool {
        self.outbox.try_send(Outgoing::Probe).is_ok()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read_all(
    mut read: SplitStream<WebSocket>,
    number: u64,
    heard_at: Arc<AtomicU64>,
    clock: Clock,
    pings: Arc<Pings>,
    news: mpsc::Sender<(u64, News)>,
) {
    while let Some(frame) = read.next().await {
        let text = match frame {
            Ok(Message::Text(text)) => text,
            Ok(Message::Pong(payload)) => {
                heard_at.store(clock.now().as_millis(), Ordering::Relaxed);
                pings.answered(&payload);
                continue;
            }
            Ok(Message::Ping(_) | Message::Frame(_)) => {
                heard_at.store(clock.now().as_millis(), Ordering::Relaxed);
                continue;
            }
            Ok(Message::Binary(_)) => {
                tracing::debug!("ignored a binary frame");
                continue;
            }
            Ok(Message::Close(_)) => break,
            Err(error) => {
                tracing::debug!(%error, "a socket broke");
                break;
            }
        };
        heard_at.store(clock.now().as_millis(), Ordering::Relaxed);
        let message = match serde_json::from_str(&text) {
            Ok(ServiceMessage::Unknown) => {
                tracing::debug!("ignored a message of a newer service");
                continue;
            }
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(error = %Shape(&error), "ignored a message that cannot be read");
                continue;
            }
        };
        if news.send((number, News::Heard(Box::new(message)))).await.is_err() {
            return;
        }
    }
    let _ = news.send((number, News::Gone)).await;
}

/// What is wrong with a message, without its words: the parser's own text may quote a name.
struct Shape<'a>(&'a serde_json::Error);

impl std::fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} error at column {}", self.0.classify(), self.0.column())
    }
}

/// A ping that nothing has answered yet: anything the peer says is an answer.
#[derive(Clone, Copy, Debug)]
struct Question {
    asked_at: Timestamp,
    give_up_at: Instant,
}

async fn write_all(
    mut writer: Writer,
    mut outgoing: mpsc::Receiver<Outgoing>,
    mut pace: Pace,
    heard_at: &AtomicU64,
    clock: Clock,
    pings: &Pings,
) -> &'static str {
    let mut ping_at = Instant::now() + pace.ping_every();
    let mut question: Option<Question> = None;
    loop {
        let wake_at = question.map_or(ping_at, |question| question.give_up_at.min(ping_at));
        let wake_at = writer.acknowledge_at().map_or(wake_at, |at| at.min(wake_at));
        let patience = match timeout_at(wake_at, outgoing.recv()).await {
            Ok(Some(Outgoing::Message(message))) => {
                if let Err(reason) = writer.say(message).await {
                    return reason;
                }
                continue;
            }
            Ok(Some(Outgoing::Ask(tell))) => {
                if let Err(reason) = writer.send(Message::Ping(pings.ask(tell).into())).await {
                    return reason;
                }
                continue;
            }
            Ok(Some(Outgoing::Probe)) => PROBE_PATIENCE,
            Ok(Some(Outgoing::Pace(new_pace))) => {
                // What was asked of a socket on which nothing went on is old; what is about to be said must not wait for that.
                let patience = if new_pace.ping_every() < pace.ping_every() { PROBE_PATIENCE } else { new_pace.patience() };
                pace = new_pace;
                patience
            }
            Ok(None) => {
                // The service may be gone already, which comes to the same.
                let _ = writer.close().await;
                return "closed by this side";
            }
            Err(_) => {
                let heard_at = Timestamp::from_millis(heard_at.load(Ordering::Relaxed));
                question = question.filter(|question| heard_at < question.asked_at);
                let now = Instant::now();
                if question.is_some_and(|question| question.give_up_at <= now) {
                    return "nothing was heard for too long";
                }
                if writer.acknowledge_at().is_some_and(|at| at <= now)
                    && let Err(reason) = writer.acknowledge().await
                {
                    return reason;
                }
                if now < ping_at {
                    continue;
                }
                pace.patience()
            }
        };
        let asked = Question { asked_at: clock.now(), give_up_at: Instant::now() + patience };
        question = Some(match question {
            Some(earlier) if heard_at.load(Ordering::Relaxed) < earlier.asked_at.as_millis() => {
                Question { asked_at: earlier.asked_at, give_up_at: earlier.give_up_at.min(asked.give_up_at) }
            }
            Some(_) | None => asked,
        });
        ping_at = Instant::now() + pace.ping_every();
        if let Err(reason) = writer.send(Message::Ping(Vec::new().into())).await {
            return reason;
        }
    }
}

fn frame_of(message: &ClientMessage) -> Option<Message> {
    match serde_json::to_string(message) {
        Ok(text) if text.len() <= MAX_MESSAGE_BYTES => Some(Message::text(text)),
        Ok(_) => {
            tracing::warn!("a message is too long to be sent");
            None
        }
        Err(error) => {
            tracing::error!(%error, "a message cannot be written");
            None
        }
    }
}

/// Writes frames, and lets acknowledgements go with what is said next.
struct Writer {
    sink: SplitSink<WebSocket, Message>,
    /// The last one that has not left, and when it goes by itself at the latest.
    acknowledgement: Option<(Message, Instant)>,
}

impl Writer {
    fn acknowledge_at(&self) -> Option<Instant> {
        self.acknowledgement.as_ref().map(|(_, at)| *at)
    }

    /// Sends a message; an acknowledgement goes later, in place of an earlier one that it contains.
    async fn say(&mut self, message: ClientMessage) -> Result<(), &'static str> {
        let Some(frame) = frame_of(&message) else { return Ok(()) };
        if let ClientMessage::Ack { .. } = message {
            let at = self.acknowledge_at().unwrap_or_else(|| Instant::now() + ACKNOWLEDGE_WITHIN);
            self.acknowledgement = Some((frame, at));
            return Ok(());
        }
        self.send(frame).await
    }

    /// Sends the acknowledgement that waits, if there is one.
    async fn acknowledge(&mut self) -> Result<(), &'static str> {
        match self.acknowledgement.take() {
            Some((frame, _)) => within_patience(self.sink.send(frame)).await,
            None => Ok(()),
        }
    }

    /// Sends a frame, and the acknowledgement that waits in the same write.
    async fn send(&mut self, frame: Message) -> Result<(), &'static str> {
        if let Some((acknowledgement, _)) = self.acknowledgement.take() {
            within_patience(self.sink.feed(acknowledgement)).await?;
        }
        within_patience(self.sink.send(frame)).await
    }

    async fn close(&mut self) -> Result<(), &'static str> {
        self.acknowledge().await?;
        within_patience(self.sink.close()).await
    }
}

async fn within_patience(written: impl Future<Output = Result<(), tungstenite::Error>>) -> Result<(), &'static str> {
    match timeout(WRITE_PATIENCE, written).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed)) => Err("closed by the service"),
        Ok(Err(_)) => Err("broke while writing"),
        Err(_) => Err("nothing could be sent for too long"),
    }
}
