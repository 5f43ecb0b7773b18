//! A device that comes back whenever its socket is closed, by another node if need be, and does what it is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::{SinkExt as _, StreamExt as _};
use signedcall_wire::{
    AccountId, CallId, CallPhase, CallSnapshot, ClientMessage, Context, Credential, Cuid, DeviceId, EndReason, Environment, Hello, NewCall,
    PROTOCOL_VERSION, Redacted, Request, RequestId, Resume, RunId, ServiceEvent, ServiceMessage, Welcome,
};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_with_config};
use uuid::Uuid;

use super::nodes::Ways;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a device reads at once: the library's own 128 KiB would be gigabytes for all of them.
const READ_BUFFER_BYTES: usize = 1024;
/// How long a node may take to answer before another is tried.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// How long is waited at first, and then twice as long each time, before another attempt; with chance, so that a crowd spreads.
const AGAIN_AFTER: Duration = Duration::from_millis(50);
/// How long anything may take that one waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a device knows.
#[derive(Debug, Default)]
pub(super) struct Seen {
    signed_in: bool,
    /// When it was not, and when it was again.
    away: Vec<(Instant, Instant)>,
    calls: BTreeMap<CallId, Phase>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Known,
    Answered,
    Ended(EndReason),
}

impl Seen {
    pub(super) fn is_signed_in(&self) -> Option<()> {
        self.signed_in.then_some(())
    }

    pub(super) fn knows(&self, call: CallId) -> Option<()> {
        self.calls.contains_key(&call).then_some(())
    }

    pub(super) fn is_answered(&self, call: CallId) -> Option<()> {
        (self.calls.get(&call) == Some(&Phase::Answered)).then_some(())
    }

    pub(super) fn end_of(&self, call: CallId) -> Option<EndReason> {
        match self.calls.get(&call) {
            Some(Phase::Ended(reason)) => Some(*reason),
            Some(Phase::Known | Phase::Answered) | None => None,
        }
    }

    fn note(&mut self, event: ServiceEvent) {
        match event {
            ServiceEvent::Invite(invite) => drop(self.calls.insert(invite.call, Phase::Known)),
            ServiceEvent::Answered { call, .. } => drop(self.calls.insert(call, Phase::Answered)),
            ServiceEvent::Ended { call, reason, .. } => drop(self.calls.insert(call, Phase::Ended(reason))),
            ServiceEvent::Ringing { .. }
            | ServiceEvent::Held { .. }
            | ServiceEvent::TimeLeft { .. }
            | ServiceEvent::Transferred(_)
            | ServiceEvent::Signal { .. }
            | ServiceEvent::Branding(_)
            | ServiceEvent::Unknown => {}
        }
    }

    fn welcome(&mut self, welcome: &Welcome) {
        for call in &welcome.calls {
            let (call, phase) = match call {
                CallSnapshot::Caller { call, phase, .. } => (*call, phase),
                CallSnapshot::Callee { invite, phase } => (invite.call, phase),
                CallSnapshot::Unknown => continue,
            };
            let phase = if matches!(phase, CallPhase::Answered { .. }) { Phase::Answered } else { Phase::Known };
            self.calls.insert(call, phase);
        }
        for ended in &welcome.ended {
            self.calls.insert(ended.call, Phase::Ended(ended.reason));
        }
    }
}

/// A device, which a task keeps signed in.
pub(super) struct Guest {
    cuid: String,
    orders: UnboundedSender<Request>,
    seen: watch::Receiver<Seen>,
}

impl Guest {
    pub(super) async fn sign_in(ways: Ways, (account, key): &(String, Key), environment: Environment, cuid: String) -> Result<Self> {
        let hello = Hello {
            version: PROTOCOL_VERSION,
            account_id: AccountId(account.clone()),
            credential: Credential::ApiKey(key.clone()),
            cuid: cuid.clone(),
            name: Some(cuid.replace('_', " ")),
            environment,
            device: DeviceId(Uuid::new_v4()),
            run: RunId(Uuid::new_v4()),
            device_name: "a telephone".to_owned(),
            second_calls: false,
        };
        let (orders, taken) = unbounded_channel();
        let (tell, seen) = watch::channel(Seen::default());
        let keeper = Keeper { ways, hello, session: None, last_seq: 0, unanswered: BTreeMap::new(), tell };
        tokio::spawn(keeper.run(taken));
        let guest = Self { cuid, orders, seen };
        guest.until("a sign-in", Seen::is_signed_in).await?;
        Ok(guest)
    }

    pub(super) fn cuid(&self) -> &str {
        &self.cuid
    }

    /// Has the device ask for something, again until it is answered.
    pub(super) fn ask(&self, request: Request) {
        // The task ends with this.
        let _ = self.orders.send(request);
    }

    pub(super) async fn until<T>(&self, what: &str, is_so: impl Fn(&Seen) -> Option<T>) -> Result<T> {
        let mut seen = self.seen.clone();
        let found = tokio::time::timeout(PATIENCE, seen.wait_for(|seen| is_so(seen).is_some())).await;
        let found = found.with_context(|| format!("{} waits for {what}: {:?}", self.cuid, *self.seen.borrow()))??;
        is_so(&found).context("it has just been so")
    }

    /// For how long it was away after a moment, at most, if it was.
    pub(super) fn was_away_since(&self, moment: Instant) -> Option<Duration> {
        let seen = self.seen.borrow();
        let away = seen.away.iter().filter(|(_, back)| *back > moment).map(|(from, back)| back.duration_since((*from).max(moment)));
        away.max()
    }
}

struct Keeper {
    ways: Ways,
    hello: Hello,
    session: Option<Welcome>,
    last_seq: u64,
    unanswered: BTreeMap<RequestId, Request>,
    tell: watch::Sender<Seen>,
}

impl Keeper {
    async fn run(mut self, mut orders: UnboundedReceiver<Request>) {
        let mut wait = AGAIN_AFTER;
        let mut away_since = Instant::now();
        loop {
            let Some(mut socket) = self.come_in().await else {
                tokio::time::sleep(wait.mul_f64(rand::random_range(0.5..1.5))).await;
                wait = (wait * 2).min(Duration::from_secs(2));
                continue;
            };
            wait = AGAIN_AFTER;
            self.tell.send_modify(|seen| {
                seen.signed_in = true;
                seen.away.push((away_since, Instant::now()));
            });
            let stays = self.stay(&mut socket, &mut orders).await;
            away_since = Instant::now();
            self.tell.send_modify(|seen| seen.signed_in = false);
            if stays.is_none() {
                return;
            }
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
    async fn stay(&mut self, socket: &mut Socket, orders: &mut UnboundedReceiver<Request>) -> Option<()> {
        let mut leave_at = None;
        loop {
            let leave = async {
                match leave_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                order = orders.recv() => {
                    let (id, request) = (RequestId(Uuid::new_v4()), order?);
                    self.unanswered.insert(id, request.clone());
                    if let Request::Call(new) = &request {
                        let call = new.call;
                        self.tell.send_modify(|seen| seen.calls.extend([(call, Phase::Known)]));
                    }
                    if say(socket, &ClientMessage::Request { id, request }).await.is_err() {
                        return Some(());
                    }
                }
                message = hear(socket) => {
                    let Some(message) = message else { return Some(()) };
                    if let ServiceMessage::Goaway { spread_ms, .. } = message {
                        let within = Duration::from_millis(spread_ms).mul_f64(rand::random());
                        leave_at = Some(tokio::time::Instant::now() + within);
                    } else if let ServiceMessage::Response { id, .. } = message {
                        self.unanswered.remove(&id);
                    } else if let ServiceMessage::Event { seq, event } = message {
                        self.last_seq = seq;
                        self.tell.send_modify(|seen| seen.note(event));
                        if say(socket, &ClientMessage::Ack { seq }).await.is_err() {
                            return Some(());
                        }
                    }
                }
                () = leave => return Some(()),
            }
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

pub(super) fn new_call(to: &str) -> Result<(CallId, Request)> {
    new_call_about(to, "Your order is on its way")
}

pub(super) fn new_call_about(to: &str, reason: &str) -> Result<(CallId, Request)> {
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
