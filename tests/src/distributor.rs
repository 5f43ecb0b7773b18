use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use zbus::Connection;
use zbus::zvariant::{OwnedValue, Value};

use crate::PATIENCE;
use crate::desktop::{Desktop, connect};

const NAME: &str = "org.unifiedpush.Distributor.rig";

type Fields = HashMap<String, OwnedValue>;

/// A push as it has come to the distributor's push service, for whom it is.
#[derive(Clone, Debug)]
pub struct HeldPush {
    /// When the whole of it was there.
    pub at: Instant,
    service: String,
    token: String,
    message: Vec<u8>,
}

/// A distributor of pushes on a desktop, which is its own Web Push service as well. It holds what comes until it is told to hand it over.
#[derive(Debug)]
pub struct Distributor {
    connection: Connection,
    pushes: mpsc::UnboundedReceiver<HeldPush>,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    /// The names and tokens that are registered. The token's place is the path of its endpoint.
    registered: Mutex<Vec<(String, String)>>,
    unregistered: watch::Sender<usize>,
    given: mpsc::UnboundedSender<HeldPush>,
    /// zbus carries out calls on a thread of its own, which is none of the runtime's.
    runtime: tokio::runtime::Handle,
}

struct Distributor2(Arc<Shared>);

#[zbus::interface(name = "org.unifiedpush.Distributor2")]
impl Distributor2 {
    fn register(&self, #[zbus(connection)] bus: &Connection, fields: Fields) -> HashMap<&'static str, Value<'static>> {
        let text = |name: &str| fields.get(name).and_then(|value| value.try_clone().ok()).and_then(|value| String::try_from(value).ok());
        // As distributors do that take pushes of those alone who can show who they are.
        let (Some(service), Some(token), Some(_)) = (text("service"), text("token"), text("vapid")) else {
            return HashMap::from([("success", "REGISTRATION_FAILED".into()), ("reason", "VAPID_REQUIRED".into())]);
        };
        let place = {
            let mut registered = self.0.registered.lock().unwrap_or_else(PoisonError::into_inner);
            registered.iter().position(|(_, known)| *known == token).unwrap_or_else(|| {
                registered.push((service.clone(), token.clone()));
                registered.len() - 1
            })
        };
        let endpoint = format!("http://{}/{place}", self.0.address);
        let fields = HashMap::from([("token", Value::from(token)), ("endpoint", Value::from(endpoint))]);
        let bus = bus.clone();
        self.0.runtime.spawn(async move { say(&bus, &service, "NewEndpoint", &fields).await });
        HashMap::from([("success", "REGISTRATION_SUCCEEDED".into())])
    }

    fn unregister(&self, fields: Fields) -> HashMap<&'static str, Value<'static>> {
        let token = fields.get("token").and_then(|value| value.try_clone().ok()).and_then(|value| String::try_from(value).ok());
        let mut registered = self.0.registered.lock().unwrap_or_else(PoisonError::into_inner);
        for (service, known) in registered.iter_mut() {
            if Some(&*known) == token.as_ref() {
                // Its endpoint is not given to anybody else.
                service.clear();
                self.0.unregistered.send_modify(|count| *count += 1);
            }
        }
        HashMap::new()
    }
}

async fn say(bus: &Connection, service: &str, what: &str, fields: &HashMap<&str, Value<'_>>) -> zbus::Result<()> {
    bus.call_method(Some(service), "/org/unifiedpush/Connector", Some("org.unifiedpush.Connector2"), what, fields).await.map(drop)
}

impl Distributor {
    /// Appears on a desktop.
    pub async fn appear(desktop: &Desktop) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a free port")?;
        let (given, pushes) = mpsc::unbounded_channel();
        let (address, unregistered) = (listener.local_addr()?, watch::Sender::new(0));
        let shared =
            Arc::new(Shared { address, registered: Mutex::default(), unregistered, given, runtime: tokio::runtime::Handle::current() });
        let connection = connect(desktop.bus_address()).await?;
        connection.object_server().at("/org/unifiedpush/Distributor", Distributor2(Arc::clone(&shared))).await?;
        connection.request_name(NAME).await?;
        let serving = Arc::clone(&shared);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = Arc::clone(&serving);
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        Ok(Self { connection, pushes, shared, server })
    }

    /// Waits for the next push.
    pub async fn push(&mut self) -> Result<HeldPush> {
        let push = tokio::time::timeout(PATIENCE, self.pushes.recv()).await.context("no push comes")?;
        push.context("the push service is there")
    }

    /// Hands a push over. The bus starts whom it is for, if that is not there and can be started; an error where it cannot.
    pub async fn deliver(&self, push: &HeldPush) -> Result<()> {
        let fields = HashMap::from([("token", Value::from(&*push.token)), ("message", Value::from(&push.message))]);
        say(&self.connection, &push.service, "Message", &fields).await.context("handing a push over")
    }

    /// Waits until somebody wants no more pushes.
    pub async fn unregistered(&self) -> Result<()> {
        let mut unregistered = self.shared.unregistered.subscribe();
        let waited = tokio::time::timeout(PATIENCE, unregistered.wait_for(|count| *count > 0)).await;
        waited.context("nobody unregisters")?.map(drop).context("the distributor is there")
    }
}

impl Drop for Distributor {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    /// Takes one push as RFC 8030 has it.
    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while stream.read_line(&mut head).await? > 2 {}
        let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut message = vec![0; length.unwrap_or_default()];
        stream.read_exact(&mut message).await?;
        let place = head.strip_prefix("POST /").and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
        let registered = place.and_then(|place| self.registered.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned());
        let known = registered.filter(|(service, _)| !service.is_empty());
        let status = if known.is_some() { "201 Created" } else { "410 Gone" };
        stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await?;
        if let Some((service, token)) = known {
            // A case that has seen enough takes no more.
            let _ = self.given.send(HeldPush { at: Instant::now(), service, token, message });
        }
        Ok(())
    }
}
