//! Light connections (*wake lines*), by which computers whose app is closed hear of a push: for whoever has no push service of their own.
//!
//! A computer makes a secret and shows it in the first frame of a WebSocket, with the origin by which it knows the service. Its pushes go to an endpoint on this
//! service that ends in a hash of the secret, and come out of the connection as they are: sealed for the device. So there is nothing to enter and nothing to keep,
//! and who knows the endpoint can neither read what is sent there nor take it. Whoever sends shows what this service signs for its pushes (RFC 8292), which is no
//! secret from those whom it sends pushes to. It says for which origin it was signed: what another push service was shown leads to no line. The origin is the
//! computer's to say, since a service behind a proxy does not know how it is called.
//!
//! ```text
//!  computer                       service
//!  GET /v1/wake, secret, origin ▶
//!       ◀──────────────── "held"
//!                                   POST /v1/wake/<hash> ◀── this service, as to any push service (RFC 8030)
//!       ◀──────── a push, binary
//!  "taken" or "gone" ───────────▶   201 or 410; 503 when nobody holds the line, or does not answer
//! ```
//!
//! Whoever holds a line shows nothing that somebody has given to them, so most places are for lines that are registered: some device's pushes go to them, as is looked
//! up when one is opened (`registered`), and again when a push has come by it. The others share the rest, and the one of them that is held longest is closed for a new
//! one (`lines`): a crowd sends itself away.
//!
//! Of several nodes any may hold the line, and any may be the one that the push comes to: they bring it to each other by the bus (`elsewhere`).

mod elsewhere;
mod lines;
mod proof;
mod registered;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{DefaultBodyLimit, Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use tokio::time::timeout;

use self::elsewhere::Heard;
use self::lines::{Brought, FirstWords, Held, LineId, Taken};
pub(crate) use self::lines::{WakeLines, most_by_files};
pub(crate) use self::registered::Registered;
use crate::bus::Message as BusMessage;
use crate::gate::Ticket;
use crate::web::Peer;

/// Where lines are held, and below it where pushes go.
const PATH: &str = "/v1/wake";
/// The most bytes of a push (RFC 8030, section 7.2). Ours have a tenth of it.
const MOST_BYTES: usize = 4_096;
/// The longest frame of a computer: its secret, and an origin with a host of 253 characters at most.
const MOST_SAID: usize = 320;
/// What a line reads at once. Most of a line's memory would be this otherwise, and next to nothing is said on it.
const READ_BUFFER_BYTES: usize = 256;
/// How long a computer may take until it shows its secret.
const SECRET_WITHIN: Duration = Duration::from_secs(10);
/// The silence after which a computer is gone: it pings every minute.
const GONE_AFTER: Duration = Duration::from_secs(150);
/// How long a computer may take to hand a push on, which may have to start its app: less than whoever sends the push waits for the answer.
const TAKEN_WITHIN: Duration = Duration::from_secs(4);
/// Why a line is not held, or not any more.
const TOO_MANY: &str = "there are too many lines";
/// How long a frame may take to be written.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// Both ends of the lines.
pub(crate) fn router(lines: Arc<WakeLines>, registered: Registered) -> Router {
    let endpoint = post(bring).layer(DefaultBodyLimit::max(MOST_BYTES)).with_state(Arc::clone(&lines));
    Router::new().route(PATH, get(hold)).with_state((lines, registered)).route(&format!("{PATH}/{{line}}"), endpoint)
}

async fn hold(
    State((lines, registered)): State<(Arc<WakeLines>, Registered)>,
    Extension(ticket): Extension<Arc<Ticket>>,
    Extension(Peer(from)): Extension<Peer>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .max_message_size(MOST_SAID)
        .max_frame_size(MOST_SAID)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MOST_BYTES)
        .on_upgrade(async move |mut socket| {
            let shown = tokio::select! {
                shown = timeout(SECRET_WITHIN, socket.recv()) => shown,
                () = ticket.sent_away() => return close(socket, close_code::AGAIN, "too many wait").await,
            };
            let Ok(Some(Ok(Message::Text(said)))) = shown else { return };
            let Some(said) = FirstWords::read(&said) else { return close(socket, close_code::POLICY, "this is no secret").await };
            let is_known = registered.has(&said).await;
            let Some(line) = lines.hold(said.id, is_known, from) else { return close(socket, close_code::AGAIN, TOO_MANY).await };
            // It has a place among the lines now.
            ticket.release();
            drop(ticket);
            let heard = lines.hear(said.id).await;
            serve(socket, line, heard, (&said, &registered)).await;
        })
}

async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    // The computer may be gone already, which comes to the same.
    let _ = timeout(WRITE_WITHIN, socket.send(Message::Close(Some(frame)))).await;
}

/// Serves a line until its computer is gone, holds it by another connection, or has to make room for another one.
async fn serve(mut socket: WebSocket, mut line: Held, mut heard: Option<Heard>, (said, registered): (&FirstWords, &Registered)) {
    if !write(&mut socket, Message::text("held")).await {
        return;
    }
    loop {
        tokio::select! {
            brought = line.next() => {
                let Some(Brought { sealed, answer }) = brought else {
                    if line.is_given_away() {
                        close(socket, close_code::AGAIN, TOO_MANY).await;
                    }
                    return;
                };
                // Whoever has sent it has given it up, and sends it once more.
                if answer.is_closed() {
                    continue;
                }
                let Some(taken) = hand_over(&mut socket, sealed).await else { return };
                // Whoever has sent it may have waited for too long.
                let _ = answer.send(taken);
                get_known(&line, said, registered).await;
            }
            Some(push) = heard_elsewhere(&mut heard) => {
                let Some(taken) = hand_over(&mut socket, push.payload.clone()).await else { return };
                if let Some(heard) = &heard {
                    heard.answer(&push, taken).await;
                }
                get_known(&line, said, registered).await;
            }
            said = timeout(GONE_AFTER, socket.recv()) => match said {
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                Ok(Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Close(_)) | Err(_)) | None) | Err(_) => return,
            },
        }
    }
}

/// What this service has signed has come by a line: it was registered after it was opened, as a rule. That is looked up all the same, since whoever is sent pushes
/// elsewhere can bring what was signed for that to lines of their own.
async fn get_known(line: &Held, said: &FirstWords, registered: &Registered) {
    if line.is_stranger() && registered.has(said).await {
        line.know();
    }
}

/// Waits for what comes to another node, where there are some.
async fn heard_elsewhere(heard: &mut Option<Heard>) -> Option<BusMessage> {
    match heard {
        Some(heard) => heard.next().await,
        None => std::future::pending().await,
    }
}

/// Hands a push to the computer; nothing where it does not say what has become of it.
async fn hand_over(socket: &mut WebSocket, sealed: Bytes) -> Option<Taken> {
    if !write(socket, Message::Binary(sealed)).await {
        return None;
    }
    let answered = async {
        loop {
            match socket.recv().await? {
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(Message::Text(said)) => return Taken::of_word(said.as_str()),
                Ok(Message::Binary(_) | Message::Close(_)) | Err(_) => return None,
            }
        }
    };
    timeout(TAKEN_WITHIN, answered).await.ok().flatten()
}

async fn write(socket: &mut WebSocket, frame: Message) -> bool {
    matches!(timeout(WRITE_WITHIN, socket.send(frame)).await, Ok(Ok(())))
}

async fn bring(State(lines): State<Arc<WakeLines>>, Path(line): Path<String>, headers: HeaderMap, sealed: Bytes) -> StatusCode {
    let proof = headers.get(header::AUTHORIZATION).and_then(|said| said.to_str().ok());
    let Some(origin) = proof.and_then(|proof| proof::audience(proof, lines.key(), SystemTime::now())) else { return StatusCode::FORBIDDEN };
    let Some(id) = LineId::of_endpoint(&line, &origin) else { return StatusCode::NOT_FOUND };
    if sealed.is_empty() {
        return StatusCode::BAD_REQUEST;
    }
    match lines.bring(id, sealed).await {
        Some(Taken::Taken) => StatusCode::CREATED,
        Some(Taken::Gone) => StatusCode::GONE,
        // The computer may be about to come back: whoever sends tries again for as long as the call rings.
        None => StatusCode::SERVICE_UNAVAILABLE,
    }
}
