//! A device that comes back whenever its socket is closed, by another node if need be, and does what it is told.

use std::net::SocketAddr;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use signedcall_wire::{
    AccountId, CallId, ClientMessage, Context, Credential, Cuid, DeviceId, Environment, ErrorCode, Hello, NewCall, PROTOCOL_VERSION,
    Redacted, Request, RequestId, Resume, RunId, ServiceMessage, Welcome,
};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_with_config};
use uuid::Uuid;

use super::nodes::Ways;
use super::seen::Seen;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a device reads at once: the library's own 128 KiB would be gigabytes for all of them.
const READ_BUFFER_BYTES: usize = 1024;
/// How long a node may take to answer before another is tried.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// How long is waited at first, and then twice as long each time, before another attempt; with chance, so that a crowd spreads.
const AGAIN_AFTER: Duration = Duration::from_millis(50);
/// How long anything may take that one waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why somebody calls where it does not matter.
const REASON: &str = "Your order is on its way";

/// A device, which a task keeps signed in.
pub(super) struct Guest {
    cuid: String,
    device: DeviceId,
    orders: UnboundedSender<(RequestId, Request)>,
    seen: watch::Receiver<Seen>,
}

impl Guest {
    pub(super) async fn sign_in(ways: Ways, (account, key): &(String, Key), environment: Environment, cuid: String) -> Result<Self> {
        let device = DeviceId(Uuid::new_v4());
        let hello = Hello {
            version: PROTOCOL_VERSION,
            account_id: AccountId(account.clone()),
            credential: Credential::ApiKey(key.clone()),
            cuid: cuid.clone(),
            name: Some(cuid.replace('_', " ")),
            environment,
            device,
            run: RunId(Uuid::new_v4()),
            device_name: "a telephone".to_owned(),
            second_calls: false,
        };
        let (orders, taken) = unbounded_channel();
        let (tell, seen) = watch::channel(Seen::default());
        let keeper = Keeper { ways, hello, session: None, last_seq: 0, unanswered: Vec::new(), tell };
        tokio::spawn(keeper.run(taken));
        let guest = Self { cuid, device, orders, seen };
        guest.until("a sign-in", Seen::is_signed_in).await?;
        Ok(guest)
    }

    pub(super) fn cuid(&self) -> &str {
        &self.cuid
    }

    pub(super) fn device(&self) -> DeviceId {
        self.device
    }

    /// Has the device ask for something, again until it is answered.
    pub(super) fn ask(&self, request: Request) -> RequestId {
        let id = RequestId(Uuid::new_v4());
        // The task ends with this.
        let _ = self.orders.send((id, request));
        id
    }

    /// Waits for what a request is answered.
    pub(super) async fn answer_to(&self, request: RequestId) -> Result<Option<ErrorCode>> {
        self.until("an answer", |seen| seen.answer_to(request)).await
    }

    /// Calls somebody, and fails if the service says no.
    pub(super) async fn call(&self, to: &str) -> Result<CallId> {
        self.call_about(to, REASON).await
    }

    /// As [`call`](Self::call), for a reason of its own.
    pub(super) async fn call_about(&self, to: &str, reason: &str) -> Result<CallId> {
        let (call, refused) = self.try_call_about(to, reason).await?;
        match refused {
            None => Ok(call),
            Some(error) => bail!("{} may not call {to}: {error:?}", self.cuid),
        }
    }

    /// Calls somebody, and says why the service has said no, if it has.
    pub(super) async fn try_call(&self, to: &str) -> Result<(CallId, Option<ErrorCode>)> {
        self.try_call_about(to, REASON).await
    }

    /// As [`try_call`](Self::try_call), for a reason of its own.
    pub(super) async fn try_call_about(&self, to: &str, reason: &str) -> Result<(CallId, Option<ErrorCode>)> {
        let (call, request) = new_call_about(to, reason)?;
        let asked = self.ask(request);
        Ok((call, self.answer_to(asked).await?))
    }

    /// Makes sure that whoever has the device's calls answers it.
    pub(super) async fn is_served(&self) -> Result<()> {
        self.until("the way back", Seen::is_signed_in).await?;
        // Nobody knows such a call, which is no error.
        let asked = self.ask(Request::Ringing { call: CallId(Uuid::new_v4()) });
        self.answer_to(asked).await.map(drop)
    }

    pub(super) async fn until<T>(&self, what: &str, is_so: impl Fn(&Seen) -> Option<T>) -> Result<T> {
        let mut seen = self.seen.clone();
        let found = tokio::time::timeout(PATIENCE, seen.wait_for(|seen| is_so(seen).is_some())).await;
        let found = found.with_context(|| format!("{} waits for {what}: {:?}", self.cuid, *self.seen.borrow()))??;
        is_so(&found).context("it has just been so")
    }

    /// Looks at what the device knows.
    pub(super) fn seen<T>(&self, look: impl Fn(&Seen) -> T) -> T {
        look(&self.seen.borrow())
    }
}

struct Keeper {
    ways: Ways,
    hello: Hello,
    session: Option<Welcome>,
    last_seq: u64,
    /// In the order in which they were asked for.
    unanswered: Vec<(RequestId, Request)>,
    tell: watch::Sender<Seen>,
}

impl Keeper {
    async fn run(mut self, mut orders: UnboundedReceiver<(RequestId, Request)>) {
        let mut wait = AGAIN_AFTER;
        let mut away_since = Instant::now();
        loop {
            let Some(mut socket) = self.come_in().await else {
                tokio::time::sleep(wait.mul_f64(rand::random_range(0.5..1.5))).await;
                wait = (wait * 2).min(Duration::from_secs(2));
                continue;
            };
            wait = AGAIN_AFTER;
            self.tell.send_modify(|seen| seen.come_back(away_since));
            if self.stay(&mut socket, &mut orders).await.is_none() {
                return;
            }
            away_since = Instant::now();
            self.tell.send_modify(Seen::leave);
        }
    }

    /// Opens a socket to any node, and goes on with its session, or begins another.
    async fn come_in(&mut self) -> Option<Socket> {
        let ways: Vec<SocketAddr> = self.ways.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let way = *ways.get(rand::random_range(0..ways.len().max(1)))?;
        let mut socket = tokio::time::timeout(ANSWERED_WITHIN, open(way)).await.ok()?.ok()?;
        if let Some(Welcome { session, resume_token, .. }) = &self.session {
            let resume = Resume { version: PROTOCOL_VERSION, session: *session, token: resume_token.clone(), last_seq: self.last_seq };
            say(&mut socket, &ClientMessage::Resume(resume)).await.ok()?;
            let answer = self.answer(&mut socket).await?;
            if answer == ServiceMessage::Resumed {
                return self.ask_again(socket).await;
            }
            if answer != ServiceMessage::SessionExpired {
                return None;
            }
        }
        say(&mut socket, &ClientMessage::Hello(self.hello.clone())).await.ok()?;
        let ServiceMessage::Welcome(welcome) = self.answer(&mut socket).await? else { return None };
        self.tell.send_modify(|seen| seen.welcome(&welcome));
        (self.session, self.last_seq) = (Some(welcome), 0);
        self.ask_again(socket).await
    }

    async fn answer(&self, socket: &mut Socket) -> Option<ServiceMessage> {
        tokio::time::timeout(ANSWERED_WITHIN, hear(socket)).await.ok()?
    }

    async fn ask_again(&self, mut socket: Socket) -> Option<Socket> {
        for (id, request) in &self.unanswered {
            say(&mut socket, &ClientMessage::Request { id: *id, request: request.clone() }).await.ok()?;
        }
        Some(socket)
    }

    /// Does what it is told until the socket is closed; `None` when nobody tells it anything any more.
    async fn stay(&mut self, socket: &mut Socket, orders: &mut UnboundedReceiver<(RequestId, Request)>) -> Option<()> {
        let mut leave_at = None;
        loop {
            let leave = async {
                match leave_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let is_open = tokio::select! {
                order = orders.recv() => {
                    let (id, request) = order?;
                    self.unanswered.push((id, request.clone()));
                    if let Request::Call(new) = &request {
                        let call = new.call;
                        self.tell.send_modify(|seen| seen.begin(call));
                    }
                    say(socket, &ClientMessage::Request { id, request }).await.is_ok()
                }
                message = hear(socket) => match message {
                    Some(ServiceMessage::Goaway { spread_ms, .. }) => {
                        // Whoever waits until it has a way waits for the next one.
                        self.tell.send_modify(Seen::leave);
                        let within = Duration::from_millis(spread_ms).mul_f64(rand::random());
                        leave_at = Some(tokio::time::Instant::now() + within);
                        true
                    }
                    Some(message) => self.take(socket, message).await,
                    None => false,
                },
                () = leave => false,
            };
            if !is_open {
                return Some(());
            }
        }
    }

    /// Takes note of what it is told. Says whether the socket is open still.
    async fn take(&mut self, socket: &mut Socket, message: ServiceMessage) -> bool {
        match message {
            ServiceMessage::Response { id, error, .. } => {
                self.unanswered.retain(|(unanswered, _)| *unanswered != id);
                self.tell.send_modify(|seen| seen.note_answer(id, error));
                true
            }
            ServiceMessage::Event { seq, event } => {
                self.last_seq = seq;
                self.tell.send_modify(|seen| seen.note(event));
                say(socket, &ClientMessage::Ack { seq }).await.is_ok()
            }
            ServiceMessage::Welcome(_)
            | ServiceMessage::Resumed
            | ServiceMessage::SessionExpired
            | ServiceMessage::Refused(_)
            | ServiceMessage::Renewed { .. }
            | ServiceMessage::NotRenewed(_)
            | ServiceMessage::Ice(_)
            | ServiceMessage::Goaway { .. }
            | ServiceMessage::Unknown => true,
        }
    }
}

async fn open(address: SocketAddr) -> Result<Socket> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES).write_buffer_size(0);
    let url = format!("ws://{address}{}", signedcall_server::SIGNALLING_PATH);
    Ok(client_async_with_config(url, MaybeTlsStream::Plain(stream), Some(config)).await?.0)
}

async fn say(socket: &mut Socket, message: &ClientMessage) -> Result<()> {
    Ok(socket.send(Message::text(serde_json::to_string(message)?)).await?)
}

/// The next message; `None` when the socket is closed.
async fn hear(socket: &mut Socket) -> Option<ServiceMessage> {
    loop {
        match socket.next().await?.ok()? {
            Message::Text(text) => return serde_json::from_str(text.as_str()).ok(),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Binary(_) | Message::Close(_) | Message::Frame(_) => return None,
        }
    }
}

fn new_call_about(to: &str, reason: &str) -> Result<(CallId, Request)> {
    let call = CallId(Uuid::new_v4());
    let new = NewCall {
        call,
        to: Cuid::new(to).context("a cuid")?,
        context: Context::new(reason).context("a context")?,
        remote_context: None,
        initiator_image: None,
        receiver_image: None,
        max_duration_ms: None,
    };
    Ok((call, Request::Call(new)))
}

/// A key that one signs in with.
pub(super) type Key = Redacted<String>;
