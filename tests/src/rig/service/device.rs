//! A device that speaks the signalling protocol and nothing else: there is room for thousands of them.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::pem::PemObject as _;
use signedcall_tests::{ACCOUNT, Service};
use signedcall_wire::{
    AccountId, ClientMessage, Credential, DeviceId, Endpoint, Environment, Hello, PROTOCOL_VERSION, Redacted, Request, RequestId, RunId,
    ServiceEvent, ServiceMessage,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use uuid::Uuid;

/// What a device reads at once: the library's own 128 KiB would be gigabytes for all of them.
const READ_BUFFER_BYTES: usize = 1024;
/// As many as the SDK keeps back until there is something to send them with.
const WRITE_BUFFER_BYTES: usize = 1024;

/// Where devices sign in, and with what.
#[derive(Clone)]
pub(super) struct Target {
    address: SocketAddr,
    url: String,
    tls: Connector,
    api_key: String,
}

impl Target {
    pub(super) fn of(service: &Service) -> Result<Self> {
        let tls = match service.root() {
            None => Connector::Plain,
            Some(root) => {
                let mut roots = rustls::RootCertStore::empty();
                roots.add(rustls::pki_types::CertificateDer::from_pem_file(root)?)?;
                Connector::Rustls(Arc::new(rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
            }
        };
        let url = format!("{}{}", service.url(), signedcall_server::SIGNALLING_PATH);
        Ok(Self { address: service.address(), url, tls, api_key: service.api_key().to_owned() })
    }
}

/// A device that is signed in.
pub(super) struct Device {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Where media of its calls would lead to.
    pub(super) endpoint: Endpoint,
    /// The last event that came, where the service is not told yet.
    unacknowledged: Option<u64>,
}

impl Device {
    pub(super) async fn sign_in(target: &Target, cuid: &str) -> Result<Self> {
        let stream = TcpStream::connect(target.address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES).write_buffer_size(WRITE_BUFFER_BYTES);
        let opened = client_async_tls_with_config(&target.url, stream, Some(config), Some(target.tls.clone()));
        let (socket, _) = opened.await.context("opening a WebSocket")?;
        let endpoint = Endpoint { device: DeviceId(Uuid::new_v4()), run: RunId(Uuid::new_v4()) };
        let mut device = Self { socket, endpoint, unacknowledged: None };
        let hello = Hello {
            version: PROTOCOL_VERSION,
            account_id: AccountId(ACCOUNT.to_owned()),
            credential: Credential::ApiKey(Redacted::new(target.api_key.clone())),
            cuid: cuid.to_owned(),
            name: None,
            environment: Environment::Development,
            device: endpoint.device,
            run: endpoint.run,
            device_name: "a telephone".to_owned(),
            second_calls: false,
        };
        device.say(&ClientMessage::Hello(hello)).await?;
        let answer = device.hear().await?;
        ensure!(matches!(answer, ServiceMessage::Welcome(_)), "instead of welcoming {cuid} the service says {answer:?}");
        Ok(device)
    }

    /// Asks for something; the answer is looked at when it comes.
    pub(super) async fn ask(&mut self, request: Request) -> Result<()> {
        if let Some(seq) = self.unacknowledged.take() {
            self.socket.feed(frame(&ClientMessage::Ack { seq })?).await.context("writing to the service")?;
        }
        self.say(&ClientMessage::Request { id: RequestId(Uuid::new_v4()), request }).await
    }

    /// Acknowledges what has come, by itself.
    pub(super) async fn acknowledge(&mut self) -> Result<()> {
        match self.unacknowledged.take() {
            Some(seq) => self.say(&ClientMessage::Ack { seq }).await,
            None => Ok(()),
        }
    }

    /// Waits for an event that is `wanted`. Each that comes is acknowledged together with what is asked for next, as by the SDK.
    pub(super) async fn until(&mut self, what: &str, wanted: impl Fn(&ServiceEvent) -> bool) -> Result<ServiceEvent> {
        loop {
            let message = self.hear().await.with_context(|| format!("waiting for {what}"))?;
            if let ServiceMessage::Event { seq, event } = message {
                self.unacknowledged = Some(seq);
                if wanted(&event) {
                    return Ok(event);
                }
            } else {
                let carried_out = matches!(message, ServiceMessage::Response { error: None, .. } | ServiceMessage::Ice(_));
                ensure!(carried_out, "waiting for {what}: the service says {message:?}");
            }
        }
    }

    /// Stays signed in without asking for anything, until the service ends it.
    pub(super) async fn stay(mut self) {
        while let Some(Ok(_)) = self.socket.next().await {}
    }

    async fn say(&mut self, message: &ClientMessage) -> Result<()> {
        self.socket.send(frame(message)?).await.context("writing to the service")
    }

    async fn hear(&mut self) -> Result<ServiceMessage> {
        loop {
            match self.socket.next().await.context("the service has closed the socket")?? {
                Message::Text(text) => return Ok(serde_json::from_str(text.as_str())?),
                Message::Ping(_) | Message::Pong(_) => {}
                other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => bail!("the service says {other:?}"),
            }
        }
    }
}

fn frame(message: &ClientMessage) -> Result<Message> {
    Ok(Message::text(serde_json::to_string(message)?))
}
