use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use signedcall_wire::{ClientMessage, MAX_MESSAGE_BYTES, ServiceMessage, Timestamp};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, Message, protocol::WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::Pace;
use crate::clock::Clock;

/// How long one attempt to open a socket may take, with name look-up, TLS and upgrade: longer than three lost SYNs of a slow network.
const CONNECT_PATIENCE: Duration = Duration::from_secs(8);
/// How long one frame may take to leave. A full send buffer for this long is a dead peer.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// The most messages that wait to be sent. One call makes some seventy; a socket that cannot take three times as many is given up, and what
/// was not sent is repeated on the next.
const OUTBOX: usize = 256;
/// Bytes of the read buffer. Signalling frames are small; the library's default of 128 KiB would be most of what an idle device uses.
const READ_BUFFER: usize = 4 * 1024;

type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// One socket. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Socket {
    outbox: mpsc::Sender<Outgoing>,
    reader: AbortHandle,
}

#[derive(Debug)]
enum Outgoing {
    Message(ClientMessage),
    Ping(Pace),
}

/// What a socket tells, with its number, since several may be open at once.
#[derive(Debug)]
pub(super) enum News {
    Opened(Socket),
    NotOpened,
    Heard(ServiceMessage),
    Gone,
}

/// Opens a socket to `url` and serves it until it ends; everything that happens is told to `news` under `number`.
pub(super) async fn run(url: String, number: u64, pace: Pace, clock: Clock, news: mpsc::Sender<(u64, News)>) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MAX_MESSAGE_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let socket = match timeout(CONNECT_PATIENCE, connect_async_with_config(url, Some(config), true)).await {
        Ok(Ok((socket, _response))) => socket,
        Ok(Err(error)) => {
            tracing::debug!(%error, "the service cannot be reached");
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
    let reader = tokio::spawn(read_all(read, number, Arc::clone(&heard_at), clock, news.clone()));
    let opened = Socket { outbox, reader: reader.abort_handle() };
    if news.send((number, News::Opened(opened))).await.is_err() {
        return;
    }
    let reason = write_all(write, outgoing, pace, &heard_at, clock).await;
    reader.abort();
    tracing::debug!(reason, "a socket has ended");
    let _ = news.send((number, News::Gone)).await;
}

impl Socket {
    /// Queues a message. `false` when the socket cannot take it, and thus has to be given up.
    pub(super) fn send(&self, message: ClientMessage) -> bool {
        self.outbox.try_send(Outgoing::Message(message)).is_ok()
    }

    /// Changes how often the peer is asked whether it lives.
    pub(super) fn set_pace(&self, pace: Pace) -> bool {
        self.outbox.try_send(Outgoing::Ping(pace)).is_ok()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read_all(mut read: SplitStream<WebSocket>, number: u64, heard_at: Arc<AtomicU64>, clock: Clock, news: mpsc::Sender<(u64, News)>) {
    while let Some(frame) = read.next().await {
        let text = match frame {
            Ok(Message::Text(text)) => text,
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {
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
        if news.send((number, News::Heard(message))).await.is_err() {
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

async fn write_all(
    mut write: SplitSink<WebSocket, Message>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    mut pace: Pace,
    heard_at: &AtomicU64,
    clock: Clock,
) -> &'static str {
    loop {
        let frame = match timeout(pace.ping_every(), outgoing.recv()).await {
            Ok(Some(Outgoing::Message(message))) => match serde_json::to_string(&message) {
                Ok(text) if text.len() <= MAX_MESSAGE_BYTES => Message::text(text),
                Ok(_) => {
                    tracing::warn!("a message is too long to be sent");
                    continue;
                }
                Err(error) => {
                    tracing::error!(%error, "a message cannot be written");
                    continue;
                }
            },
            Ok(Some(Outgoing::Ping(new_pace))) => {
                pace = new_pace;
                Message::Ping(Vec::new().into())
            }
            Ok(None) => {
                let _ = timeout(WRITE_PATIENCE, write.close()).await;
                return "closed by this side";
            }
            Err(_) => {
                let heard_at = Timestamp::from_millis(heard_at.load(Ordering::Relaxed));
                if clock.now().since(heard_at) > pace.patience() {
                    return "nothing was heard for too long";
                }
                Message::Ping(Vec::new().into())
            }
        };
        match timeout(WRITE_PATIENCE, write.send(frame)).await {
            Ok(Ok(())) => {}
            Ok(Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed)) => return "closed by the service",
            Ok(Err(_)) => return "broke while writing",
            Err(_) => return "nothing could be sent for too long",
        }
    }
}
