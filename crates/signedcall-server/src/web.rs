//! What is served over HTTP: the signalling WebSocket, the API of companies' backends, and the answer to whether the service works.

use std::future::pending;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{any, get};
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use signedcall_wire::MAX_MESSAGE_BYTES;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::admission::Admission;
use crate::cluster::Exchange;
use crate::gate::{Gate, Ticket};
use crate::metrics::{Limit, Metrics};
use crate::socket::{self, SocketSettings};
use crate::tls;

/// The path of the signalling WebSocket.
pub const SIGNALLING_PATH: &str = "/v1/signalling";
/// What a socket reads at once. An idle socket keeps it, and most frames are shorter; the library's 128 KiB would be most of a socket's memory.
const READ_BUFFER_BYTES: usize = 512;
/// What is gathered for a socket before it is written: an answer and what follows from it. It is made room for only when there is something to write.
const WRITE_BUFFER_BYTES: usize = 2048;
/// What a socket holds while the network is slow: one frame of any size, written at once.
const MAX_WRITE_BUFFER_BYTES: usize = 4 * MAX_MESSAGE_BYTES;
/// TLS handshakes that go on at once: each costs a fifth of a millisecond of a processor, and when everybody comes back after a restart, those who
/// are signed in must not be kept waiting by them.
const HANDSHAKES: usize = 64;
/// The most bytes of a request's head: ours have under a thousand, with what proxies add.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// For how many times as long as a request may take a connection may stay on which nobody has shown who they are: whoever asks again and again how the service
/// does opens another then.
const UNKNOWN_FOR: u32 = 6;
/// How long the hub's task may take to say that it works.
const HEALTHY_WITHIN: Duration = Duration::from_secs(1);

/// What every connection needs.
#[derive(Clone)]
pub(crate) struct Web {
    exchange: Exchange,
    admission: Arc<Admission>,
    sockets: SocketSettings,
    metrics: Arc<Metrics>,
    gate: Arc<Gate>,
}

impl Web {
    pub(crate) fn new(
        exchange: Exchange,
        admission: Arc<Admission>,
        sockets: SocketSettings,
        (metrics, gate): (Arc<Metrics>, Arc<Gate>),
    ) -> Self {
        Self { exchange, admission, sockets, metrics, gate }
    }
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// How connections are let in, whatever is asked on them.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) tls: Option<tls::Current>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) metrics: Arc<Metrics>,
    /// How long a connection may take for each of its steps.
    pub(crate) patience: Duration,
}

/// Serves devices and companies' backends.
pub(crate) async fn serve(listener: TcpListener, tls: Option<tls::Current>, web: Web, api: Router) {
    let (metrics, gate) = (Arc::clone(&web.metrics), Arc::clone(&web.gate));
    let door = Door { tls, gate, metrics, patience: web.sockets.sign_in_within };
    let router = Router::new().route(SIGNALLING_PATH, any(open_socket)).route("/healthz", get(health)).with_state(web).merge(api);
    let_in(listener, door, router).await;
}

/// Accepts connections for as long as it is polled. Those that are open go on by themselves.
pub(crate) async fn let_in(mut listener: TcpListener, door: Door, router: Router) {
    let Door { tls, gate, metrics, patience } = door;
    let mut http = http1::Builder::new();
    // Whoever connects and then says nothing holds one of the files that the process may have open.
    http.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(MAX_HEAD_BYTES);
    let unknown_for = patience * UNKNOWN_FOR;
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    loop {
        // Axum's, which waits and goes on when there are too many open files.
        let (stream, from) = Listener::accept(&mut listener).await;
        metrics.connections.add_one();
        let ticket = match gate.enter(from.ip()) {
            Ok(entered) => {
                if entered.another_goes {
                    metrics.refused.add_one(Limit::Waiting);
                }
                entered.ticket
            }
            Err(limit) => {
                metrics.refused.add_one(limit);
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a socket may be slow");
        }
        let (http, router, from) = (http.clone(), router.clone(), Peer(from.ip()));
        match tls.as_ref().map(|tls| Arc::clone(&tls.borrow())) {
            None => drop(tokio::spawn(serve_connection(http, router, (stream, from), (ticket, unknown_for, Arc::clone(&metrics))))),
            Some(tls) => {
                let (handshakes, metrics) = (Arc::clone(&handshakes), Arc::clone(&metrics));
                tokio::spawn(async move {
                    let shaken = tokio::select! {
                        shaken = timeout(patience, tls::shake_hands(stream, tls, &handshakes)) => shaken,
                        () = ticket.sent_away() => return,
                    };
                    match shaken {
                        Ok(Ok(stream)) => serve_connection(http, router, (stream, from), (ticket, unknown_for, metrics)).await,
                        Ok(Err(error)) => tracing::debug!(%error, "a connection without TLS"),
                        Err(_) => metrics.refused.add_one(Limit::HandshakeTime),
                    }
                });
            }
        }
    }
}

/// Serves one connection until it ends or is a socket. It has a place among those that wait until somebody has shown on it who they are.
async fn serve_connection(
    http: http1::Builder,
    router: Router,
    (stream, from): (impl AsyncRead + AsyncWrite + Send + Unpin + 'static, Peer),
    (ticket, unknown_for, metrics): (Arc<Ticket>, Duration, Arc<Metrics>),
) {
    let (service, place) = (TowerToHyperService::new(router), Arc::clone(&ticket));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&place));
        request.extensions_mut().insert(from);
        service.call(request)
    });
    let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::select! {
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        },
        () = ticket.sent_away() => tracing::debug!("a connection goes for another"),
        () = stays_unknown(&ticket, unknown_for) => metrics.refused.add_one(Limit::SignInTime),
    }
}

/// Returns when nobody has shown in time who they are.
async fn stays_unknown(ticket: &Ticket, unknown_for: Duration) {
    sleep(unknown_for).await;
    if ticket.is_released() {
        pending().await
    }
}

async fn open_socket(State(web): State<Web>, Extension(ticket): Extension<Arc<Ticket>>, upgrade: WebSocketUpgrade) -> Response {
    let socket = web.exchange.new_socket();
    upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES)
        .on_upgrade(move |web_socket| {
            socket::serve(web_socket, socket, web.sockets, web.exchange, web.admission, (web.metrics, ticket));
            std::future::ready(())
        })
}

async fn health(State(web): State<Web>) -> (StatusCode, &'static str) {
    match web.exchange.live(HEALTHY_WITHIN).await {
        true => (StatusCode::OK, "ok\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the hub does not answer\n"),
    }
}
