//! A service, and devices that speak the protocol by hand.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use signedcall_server::{Service, Settings, SocketSettings, serve};
use signedcall_wire::{
    AccountId, CallId, ClientMessage, Context, Credential, Cuid, DeviceId, DeviceName, EndReason, Endpoint, Environment, ErrorCode, Hello,
    NewCall, PROTOCOL_VERSION, Redacted, Request, RequestId, Resume, RunId, ServiceEvent, ServiceMessage, Welcome,
};
use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};
use uuid::Uuid;

/// Nothing that a test waits for takes this long, even on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for what becomes so a moment later.
pub(crate) async fn in_time<F: Future>(it: F) -> F::Output {
    tokio::time::timeout(PATIENCE, it).await.expect("it becomes so in time")
}

/// Says why a test proves nothing on this machine, where that is allowed: not where everything is to be proved.
pub(crate) fn proves_nothing(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("{why}");
}

/// A service on loopback with a directory of its own.
pub(crate) struct TestService {
    pub(crate) service: Service,
    pub(crate) data: TempDir,
}

impl TestService {
    pub(crate) async fn start() -> Self {
        Self::start_with(SocketSettings::default()).await
    }

    pub(crate) async fn start_with(sockets: SocketSettings) -> Self {
        Self::start_both(sockets, tempfile::tempdir().expect("a directory")).await
    }

    /// Starts a service on what an earlier one has left.
    pub(crate) async fn start_on(data: TempDir) -> Self {
        Self::start_both(SocketSettings::default(), data).await
    }

    async fn start_both(sockets: SocketSettings, data: TempDir) -> Self {
        Self::start_as(data, |settings| settings.sockets = sockets).await
    }

    pub(crate) async fn start_as(data: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings { drain_for: Duration::from_secs(20), ..Settings::on_loopback(data.path().to_owned()) };
        change(&mut settings);
        Self { service: serve(settings, None).await.expect("a service"), data }
    }

    pub(crate) fn hello(&self, cuid: &str) -> Hello {
        hello(self.service.demo_key().expect("a demo account").clone(), cuid)
    }

    pub(crate) async fn sign_in(&self, cuid: &str) -> Device {
        Device::sign_in(&self.service.url(), self.hello(cuid)).await
    }
}

pub(crate) fn hello(api_key: Redacted<String>, cuid: &str) -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        account_id: AccountId("demo".to_owned()),
        credential: Credential::ApiKey(api_key),
        cuid: cuid.to_owned(),
        name: Some(format!("Name of {cuid}")),
        environment: Environment::Development,
        device: DeviceId(Uuid::new_v4()),
        run: RunId(Uuid::new_v4()),
        device_name: "test".to_owned(),
        second_calls: false,
    }
}

/// A socket that speaks the protocol.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(crate) async fn open(url: &str) -> Self {
        let (stream, _) = connect_async(url).await.expect("the service listens");
        Self(stream)
    }

    /// Opens one from an address of this machine's.
    pub(crate) async fn open_from(url: &str, from: Ipv4Addr) -> Self {
        let address = url.trim_start_matches("ws://").split('/').next().and_then(|address| address.parse().ok()).expect("an address");
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from((from, 0))).expect("an address of this machine");
        let stream = socket.connect(address).await.expect("the service listens");
        let (stream, _) = client_async(url, MaybeTlsStream::Plain(stream)).await.expect("a web socket");
        Self(stream)
    }

    pub(crate) async fn say(&mut self, message: &ClientMessage) {
        self.say_text(serde_json::to_string(message).expect("a message is JSON")).await.expect("an open socket");
    }

    pub(crate) async fn say_text(&mut self, text: String) -> Result<(), Error> {
        self.0.send(Message::text(text)).await
    }

    /// The next message, or `None` when the service has closed the socket.
    pub(crate) async fn hear(&mut self) -> Option<ServiceMessage> {
        // Over all frames: a service that only pings says nothing.
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let frame = tokio::time::timeout_at(deadline, self.0.next()).await;
            let frame = frame.expect("the service says something or closes the socket");
            match frame {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(text.as_str()).expect("a message")),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            }
        }
    }

    /// Sends a frame as it is, whether it follows the rules or not.
    pub(crate) async fn say_frame(&mut self, frame: Message) -> Result<(), Error> {
        self.0.send(frame).await
    }

    /// With which code and reason the service closes the socket, whatever it says before.
    pub(crate) async fn hear_close(&mut self) -> Option<(u16, String)> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("the service closes the socket");
            match frame {
                Some(Ok(Message::Close(Some(close)))) => return Some((close.code.into(), close.reason.as_str().to_owned())),
                Some(Ok(Message::Close(None)) | Err(_)) | None => return None,
                Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            }
        }
    }

    /// Answers so many pings of the service.
    pub(crate) async fn answer_pings(&mut self, number: usize) {
        let mut answered = 0;
        while answered < number {
            let frame = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("the service pings").expect("an open socket");
            // Reading a ping answers it.
            answered += usize::from(frame.expect("an open socket").is_ping());
        }
    }
}

/// A device that is signed in.
pub(crate) struct Device {
    pub(crate) socket: Socket,
    pub(crate) endpoint: Endpoint,
    pub(crate) welcome: Welcome,
    /// The number of the last event.
    pub(crate) last_seq: u64,
    /// Heard while waiting for something else.
    waiting: VecDeque<ServiceEvent>,
}

impl Device {
    pub(crate) async fn sign_in(url: &str, hello: Hello) -> Self {
        let mut socket = Socket::open(url).await;
        socket.say(&ClientMessage::Hello(hello.clone())).await;
        let Some(ServiceMessage::Welcome(welcome)) = socket.hear().await else { panic!("not welcome") };
        Self::welcomed(socket, &hello, welcome)
    }

    /// The device that has said `hello` on a socket, and was let in.
    pub(crate) fn welcomed(socket: Socket, hello: &Hello, welcome: Welcome) -> Self {
        let endpoint = Endpoint { device: hello.device, run: hello.run };
        Self { socket, endpoint, welcome, last_seq: 0, waiting: VecDeque::new() }
    }

    /// Whether a device is let in.
    pub(crate) async fn is_welcome(url: &str, hello: Hello) -> bool {
        let mut socket = Socket::open(url).await;
        socket.say(&ClientMessage::Hello(hello)).await;
        matches!(socket.hear().await, Some(ServiceMessage::Welcome(_)))
    }

    pub(crate) fn resume_message(&self) -> ClientMessage {
        let (session, token) = (self.welcome.session, self.welcome.resume_token.clone());
        ClientMessage::Resume(Resume { version: PROTOCOL_VERSION, session, token, last_seq: self.last_seq })
    }

    /// Cuts the connection without a word, and goes on with the session on a new one.
    pub(crate) async fn cut_and_resume(&mut self, url: &str) {
        self.socket = Socket::open(url).await;
        self.socket.say(&self.resume_message()).await;
        assert_eq!(self.socket.hear().await, Some(ServiceMessage::Resumed));
    }

    pub(crate) async fn ask(&mut self, request: Request) -> Result<(), ErrorCode> {
        self.ask_as(RequestId(Uuid::new_v4()), request).await
    }

    pub(crate) async fn ask_as(&mut self, id: RequestId, request: Request) -> Result<(), ErrorCode> {
        self.socket.say(&ClientMessage::Request { id, request }).await;
        loop {
            let message = self.socket.hear().await.expect("an answer");
            if let ServiceMessage::Response { id: answered, error, receipt: _ } = message {
                assert_eq!(answered, id);
                return error.map_or(Ok(()), Err);
            }
            self.keep(message);
        }
    }

    /// The next event, each once and in order.
    pub(crate) async fn event(&mut self) -> ServiceEvent {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return event;
            }
            let message = self.socket.hear().await.expect("an event");
            self.keep(message);
        }
    }

    /// Makes sure that no event is on its way.
    pub(crate) async fn assert_no_event(&mut self) {
        // The hub answers in order, so whatever came before this answer has been heard.
        assert_eq!(self.ask(Request::Unknown).await, Err(ErrorCode::FeatureNotAvailable));
        assert_eq!(self.waiting, []);
    }

    fn keep(&mut self, message: ServiceMessage) {
        if let ServiceMessage::Event { seq, event } = message {
            assert_eq!(seq, self.last_seq + 1, "events are numbered without a gap");
            self.last_seq = seq;
            self.waiting.push_back(event);
        } else {
            assert!(matches!(message, ServiceMessage::Ice(_)), "unexpected: {message:?}");
        }
    }
}

/// Has three devices of a user answer a call at the same moment, and makes sure that one of them wins, of which everybody is told the same. Gives
/// the call, and the winner's place.
pub(crate) async fn contest(caller: &mut Device, devices: &mut [Device; 3], callee: &str) -> (CallId, usize) {
    let (call, request) = new_call(callee);
    caller.ask(request).await.expect("a call");
    for device in devices.iter_mut() {
        assert!(matches!(device.event().await, ServiceEvent::Invite(invite) if invite.call == call));
    }
    let [first, second, third] = devices;
    let accept = || Request::Accept { call };
    let answers = tokio::join!(first.ask(accept()), second.ask(accept()), third.ask(accept()));
    assert_eq!(answers, (Ok(()), Ok(()), Ok(())), "coming late is no error");
    let ServiceEvent::Answered { by: winner, .. } = caller.event().await else { panic!("an answer comes next") };
    for device in devices.iter_mut() {
        let expected = if device.endpoint == winner {
            ServiceEvent::Answered { call, by: winner, left_ms: None }
        } else {
            ServiceEvent::Ended { call, reason: EndReason::AnsweredElsewhere, other_device: DeviceName::new("test").ok() }
        };
        assert_eq!(device.event().await, expected);
    }
    (call, devices.iter().position(|device| device.endpoint == winner).expect("one of them"))
}

pub(crate) fn new_call(to: &str) -> (CallId, Request) {
    let call = CallId(Uuid::new_v4());
    let new = NewCall {
        call,
        to: Cuid::new(to).expect("a cuid"),
        context: Context::new("Your order").expect("a context"),
        remote_context: Some(Context::new("Delivery partner is calling").expect("a context")),
        initiator_image: None,
        receiver_image: None,
        max_duration_ms: None,
    };
    (call, Request::Call(new))
}
