//! A NATS server as the bus.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event, RequestErrorKind, Subscriber};
use axum::body::Bytes;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{BusError, BusServer, ConnectBusError, Message};

/// How long is waited between two attempts to connect again: those that wait for the bus wait for a second or two.
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// How long it may take to hand something to the connection. It takes longer only while the connection is full, or about to break.
const TAKEN_WITHIN: Duration = Duration::from_secs(1);
/// How often the server is asked whether it is there: a connection that was cut without a word is noticed after two of these.
const PING_EVERY: Duration = Duration::from_secs(1);
/// Messages that wait for the connection: all that a thousand calls say in a moment.
const CAPACITY: usize = 8192;
/// Where nobody listens.
const NOBODY: &str = "signedcall.nobody";

/// The way to a server.
#[derive(Clone, Debug)]
pub(crate) struct NatsBus {
    client: Client,
}

/// What is heard on a subject.
#[derive(Debug)]
pub(crate) struct NatsSubscription(Subscriber);

impl NatsBus {
    pub(super) async fn connect(server: &BusServer, name: &str) -> Result<Self, ConnectBusError> {
        let failed = |why: String| ConnectBusError { server: server.clone(), why };
        let url = &server.0;
        let mut options = ConnectOptions::new()
            .name(name)
            .retry_on_initial_connect()
            .ignore_discovered_servers()
            .ping_interval(PING_EVERY)
            .client_capacity(CAPACITY)
            .require_tls(url.scheme() == "tls")
            .reconnect_delay_callback(|_| AGAIN_AFTER)
            .event_callback(|event| async move { tell(&event) });
        if !url.username().is_empty() {
            options = options.user_and_password(decoded(url.username()), url.password().map(decoded).unwrap_or_default());
        }
        let client = options.connect(server.to_string()).await.map_err(|error| failed(error.to_string()))?;
        Ok(Self { client })
    }

    pub(super) fn is_there(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    pub(super) async fn publish(&self, subject: &str, payload: Vec<u8>) -> Result<(), BusError> {
        if !self.is_there() {
            return Err(BusError::Away);
        }
        match timeout(TAKEN_WITHIN, self.client.publish(subject.to_owned(), payload.into())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(BusError::Away),
        }
    }

    pub(super) async fn subscribe(&self, subject: &str) -> Result<NatsSubscription, BusError> {
        let subscribed = timeout(TAKEN_WITHIN, self.client.subscribe(subject.to_owned())).await;
        let subscriber = subscribed.map_err(|_| BusError::Away)?.map_err(|_| BusError::Away)?;
        if self.is_there() {
            // What is said after this is heard: the server takes in what comes on a connection in its order, and has an answer to this, that nobody listens.
            // While there is no connection, it is what is said after there is one.
            let _ = timeout(TAKEN_WITHIN, self.client.request(NOBODY, Default::default())).await;
        }
        Ok(NatsSubscription(subscriber))
    }

    pub(super) async fn request(&self, subject: &str, payload: Vec<u8>, within: Duration) -> Result<Bytes, BusError> {
        if !self.is_there() {
            return Err(BusError::Away);
        }
        let asked = timeout(within, self.client.request(subject.to_owned(), payload.into())).await.map_err(|_| BusError::TooSlow)?;
        asked.map(|answer| answer.payload).map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => BusError::NobodyListens,
            RequestErrorKind::TimedOut => BusError::TooSlow,
            RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded | RequestErrorKind::Other => BusError::Away,
        })
    }
}

impl NatsSubscription {
    pub(super) async fn next(&mut self) -> Option<Message> {
        let message = self.0.next().await?;
        Some(Message { payload: message.payload, reply: message.reply.map(|reply| reply.to_string()) })
    }
}

/// What stands in a URL for something that may contain anything.
fn decoded(text: &str) -> String {
    let value = format!("={}", text.replace('&', "%26").replace('+', "%2B"));
    form_urlencoded::parse(value.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn tell(event: &Event) {
    match event {
        Event::Connected => tracing::info!("the bus is there"),
        Event::Disconnected => tracing::warn!("the bus is away; looking for it again"),
        Event::SlowConsumer(_) => tracing::warn!("the bus has lost messages that were not read in time"),
        Event::ServerError(_) => tracing::warn!(%event, "the bus has a complaint"),
        // One for each attempt to connect again.
        Event::ClientError(_) => tracing::debug!(%event, "the bus cannot be reached"),
        Event::LameDuckMode | Event::Draining | Event::Closed => tracing::debug!(%event, "the bus"),
    }
}
