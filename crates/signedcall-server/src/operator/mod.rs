//! What whoever operates the service is told, on a listener of its own: how it works (`/metrics`), whether it lives, and whether devices should be
//! sent to it. No word of it is of a user, a device or an address.

mod readiness;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use self::readiness::Unready;
use crate::cluster::Exchange;
use crate::gate::Gate;
use crate::metrics::{CONTENT_TYPE, Metrics, Page, write_process};
use crate::relay::Quota;
use crate::store::{StoreFigures, StoreProbe};
use crate::switchboard::Figures;

/// Connections at once: those of a few programs that watch.
const MOST_CONNECTIONS: usize = 32;
/// How long a connection may stay without a request.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// How long the hub's task, or the disk, may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Everything that is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Operator {
    exchange: Exchange,
    metrics: Arc<Metrics>,
    gate: Arc<Gate>,
    store: Arc<StoreFigures>,
    quota: Option<Arc<Quota>>,
    probe: Arc<Mutex<StoreProbe>>,
}

impl Operator {
    pub(crate) fn new(
        exchange: Exchange,
        (metrics, gate): (Arc<Metrics>, Arc<Gate>),
        store: Arc<StoreFigures>,
        quota: Option<Arc<Quota>>,
        probe: StoreProbe,
    ) -> Self {
        Self { exchange, metrics, gate, store, quota, probe: Arc::new(Mutex::new(probe)) }
    }

    /// What the hub's task says, or all of them say together, if they answer.
    async fn figures(&self) -> Option<Figures> {
        in_time(self.exchange.figures()).await
    }

    /// Asks the disk, off the asynchronous threads. One of those at most waits for it: whoever asks meanwhile has to be first in time.
    async fn ask_disk<T: Send + 'static>(&self, ask: impl FnOnce(&StoreProbe) -> T + Send + 'static) -> Option<T> {
        let probe = in_time(async { Some(Arc::clone(&self.probe).lock_owned().await) }).await?;
        let asked = tokio::task::spawn_blocking(move || ask(&probe));
        in_time(async { asked.await.ok() }).await
    }

    /// Why no calls can be placed at the moment, as a word.
    pub(crate) async fn unready(&self) -> Option<&'static str> {
        readiness::check(self).await.err().map(|why| why.word())
    }

    /// The page of figures.
    pub(crate) async fn page(&self) -> String {
        let mut page = Page::default();
        self.metrics.write(&mut page);
        self.store.write(&mut page);
        if let Some(Figures { hub, sockets, .. }) = self.figures().await {
            page.value("signedcall_sockets", "WebSockets that are open, signed in or not.", sockets);
            page.value("signedcall_devices", "Devices that are signed in and connected.", hub.devices);
            page.value("signedcall_sessions", "Sessions, also of devices that may come back.", hub.sessions);
            page.value("signedcall_open_calls", "Calls that ring or go on.", hub.calls);
        }
        page.value("signedcall_waiting_connections", "Connections on which nobody has signed in yet.", self.gate.waiting());
        page.value("signedcall_switchboard_queue", "Messages that wait for the hub.", self.exchange.waiting());
        if let Some(cluster) = self.exchange.cluster() {
            cluster.write(&mut page);
        }
        if let Some(quota) = &self.quota {
            page.value("signedcall_relay_ports", "Ports of the relay that devices hold.", quota.held());
            page.counter("signedcall_relay_ports_refused_total", "Ports of the relay that were one too many.", quota.refused());
        }
        if let Some((bytes, room)) = self.ask_disk(|probe| (probe.bytes(), probe.room())).await {
            // What nobody says is left out: nought would be something else.
            if let Some(bytes) = bytes {
                page.value("signedcall_store_bytes", "Size of the store.", bytes);
            }
            if let Some(room) = room {
                page.value("signedcall_disk_free_bytes", "Room on the store's disk.", room);
            }
        }
        write_process(&mut page);
        page.into_text()
    }
}

async fn in_time<T>(asked: impl Future<Output = Option<T>>) -> Option<T> {
    timeout(ANSWER_WITHIN, asked).await.ok().flatten()
}

/// Answers for as long as it is polled.
pub(crate) async fn serve(mut listener: TcpListener, operator: Operator) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(REQUEST_WITHIN);
    let router =
        Router::new().route("/metrics", get(metrics)).route("/healthz", get(health)).route("/readyz", get(readiness)).with_state(operator);
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let (stream, _): (_, SocketAddr) = Listener::accept(&mut listener).await;
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection of the operator's ended");
            }
            drop(place);
        });
    }
}

async fn metrics(State(operator): State<Operator>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], operator.page().await).into_response()
}

/// Whether the service lives: one that does not is to be started again.
async fn health(State(operator): State<Operator>) -> (StatusCode, String) {
    answer(match operator.figures().await {
        Some(figures) if figures.records_are_written => Ok(()),
        Some(_) => Err(Unready::NoWriter),
        None => Err(Unready::HubSilent),
    })
}

/// Whether devices should be sent here.
async fn readiness(State(operator): State<Operator>) -> (StatusCode, String) {
    answer(readiness::check(&operator).await)
}

fn answer(outcome: Result<(), Unready>) -> (StatusCode, String) {
    match outcome {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}
