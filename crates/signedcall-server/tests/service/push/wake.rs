//! Pushes that come by a light connection to the service itself.

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::{SinkExt, StreamExt};
use ring::digest::{SHA256, digest};
use signedcall_wire::{EndReason, ErrorCode, Request, ServiceEvent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::receiver::Receiver;
use super::stand_in::StandIn;
use super::{idle, service_with};
use crate::support::{Device, TestService, in_time, new_call};

async fn service() -> TestService {
    let data = tempfile::tempdir().expect("a directory");
    TestService::start_as(data, |settings| settings.push.to_private_addresses = true).await
}

/// A computer whose app is closed.
pub(crate) struct Computer(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Computer {
    /// Says first what a computer does that knows the service by this address.
    async fn connect(service: SocketAddr, known_by: SocketAddr, secret: &str) -> Self {
        let (mut stream, _) = connect_async(format!("ws://{service}/v1/wake")).await.expect("the service listens");
        stream.send(Message::text(format!("{secret} http://{known_by}"))).await.expect("an open socket");
        Self(stream)
    }

    /// Holds a line.
    pub(crate) async fn hold(service: SocketAddr, secret: &str) -> Self {
        Self::hold_of(service, service, secret).await
    }

    /// Holds a line by one node of a service that is known by another's address.
    pub(crate) async fn hold_of(service: SocketAddr, known_by: SocketAddr, secret: &str) -> Self {
        let mut computer = Self::connect(service, known_by, secret).await;
        assert_eq!(computer.hear().await, Some(Message::text("held")));
        computer
    }

    /// What the service says next; `None` when it has closed the line.
    async fn hear(&mut self) -> Option<Message> {
        in_time(self.0.next()).await.and_then(Result::ok).filter(|message| !message.is_close())
    }

    /// With which code the service closes the line.
    async fn hear_close(&mut self) -> Option<u16> {
        match in_time(self.0.next()).await {
            Some(Ok(Message::Close(frame))) => frame.map(|frame| frame.code.into()),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn push(&mut self) -> Vec<u8> {
        let Some(Message::Binary(sealed)) = self.hear().await else { panic!("no push comes") };
        sealed.to_vec()
    }

    pub(crate) async fn say(&mut self, word: &'static str) {
        self.0.send(Message::text(word)).await.expect("an open socket");
    }
}

pub(crate) fn secret_of(number: u8) -> String {
    BASE64_URL_SAFE_NO_PAD.encode([number; 32])
}

pub(crate) fn endpoint_of(service: SocketAddr, number: u8) -> String {
    let line = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &[number; 32]));
    format!("http://{service}/v1/wake/{line}")
}

#[tokio::test]
async fn a_push_comes_by_the_line_that_a_computer_holds_and_is_sealed_for_the_device() {
    let (service, receiver) = (service().await, Receiver::new());
    let mut computer = Computer::hold(service.service.address(), &secret_of(1)).await;
    let mut other = Computer::hold(service.service.address(), &secret_of(2)).await;
    idle(&service, "courier_2", receiver.web(&endpoint_of(service.service.address(), 1))).await;
    let mut caller = service.sign_in("courier_1").await;
    let (call, request) = new_call("courier_2");
    caller.ask(request).await.expect("it is placed");
    let payload = receiver.open(&computer.push().await);
    assert_eq!((payload.call, payload.to.as_str()), (call, "courier_2"));
    computer.say("taken").await;
    // Nothing has come to anybody else, who is still there.
    drop(caller);
    service.service.shutdown().await;
    assert_eq!(other.hear().await, None);
}

#[tokio::test]
async fn a_computer_that_comes_back_while_it_rings_gets_the_push() {
    let (service, receiver) = (service().await, Receiver::new());
    idle(&service, "courier_2", receiver.web(&endpoint_of(service.service.address(), 1))).await;
    let mut caller = service.sign_in("courier_1").await;
    let (call, request) = new_call("courier_2");
    caller.ask(request).await.expect("it is placed");
    let mut silent = Computer::hold(service.service.address(), &secret_of(1)).await;
    assert_eq!(receiver.open(&silent.push().await).call, call);
    // It does not say what has become of it.
    drop(silent);
    let mut computer = Computer::hold(service.service.address(), &secret_of(1)).await;
    assert_eq!(receiver.open(&computer.push().await).call, call);
}

#[tokio::test]
async fn a_computer_on_which_nobody_takes_pushes_any_more_is_not_pushed_again() {
    let (service, receiver) = (service().await, Receiver::new());
    let mut computer = Computer::hold(service.service.address(), &secret_of(1)).await;
    idle(&service, "courier_2", receiver.web(&endpoint_of(service.service.address(), 1))).await;
    let mut caller = service.sign_in("courier_1").await;
    let (call, request) = new_call("courier_2");
    caller.ask(request).await.expect("it is placed");
    computer.push().await;
    computer.say("gone").await;
    let ended = ServiceEvent::Ended { call, reason: EndReason::RemoteNetworkLoss, other_device: None };
    assert_eq!(caller.event().await, ended);
    assert_eq!(caller.ask(new_call("courier_2").1).await, Err(ErrorCode::ContactNotReachable));
}

/// A service that has room for few lines.
async fn small_service() -> TestService {
    let data = tempfile::tempdir().expect("a directory");
    TestService::start_as(data, |settings| {
        settings.push.to_private_addresses = true;
        settings.wake_lines = NonZeroUsize::new(24).expect("some");
    })
    .await
}

/// More computers that nobody has registered than there are places.
async fn crowd(service: &TestService, first: u8) -> Vec<Computer> {
    let mut crowd = Vec::new();
    for number in first..first + 30 {
        crowd.push(Computer::hold(service.service.address(), &secret_of(number)).await);
    }
    crowd
}

/// Calls somebody whose app is closed, who is pushed, and hangs up again.
async fn call_by(computer: &mut Computer, caller: &mut Device, receiver: &Receiver) {
    let (call, request) = new_call("courier_2");
    caller.ask(request).await.expect("it is placed");
    assert_eq!(receiver.open(&computer.push().await).call, call);
    computer.say("taken").await;
    caller.ask(Request::Hangup { call, reason: EndReason::Cancelled }).await.expect("it rings");
}

#[tokio::test]
async fn a_crowd_that_nobody_knows_keeps_no_registered_computer_from_its_line_nor_from_its_push() {
    let (service, receiver) = (small_service().await, Receiver::new());
    let address = service.service.address();
    idle(&service, "courier_2", receiver.web(&endpoint_of(address, 1))).await;
    let mut earlier = crowd(&service, 100).await;
    let mut computer = Computer::hold(address, &secret_of(1)).await;
    let _later = crowd(&service, 150).await;
    assert_eq!(earlier[0].hear_close().await, Some(1013), "it makes room for another of the crowd");
    call_by(&mut computer, &mut service.sign_in("courier_1").await, &receiver).await;
}

#[tokio::test]
async fn a_computer_that_is_registered_while_it_holds_its_line_is_known_once_a_push_has_come() {
    let (service, receiver) = (small_service().await, Receiver::new());
    let address = service.service.address();
    let mut computer = Computer::hold(address, &secret_of(1)).await;
    idle(&service, "courier_2", receiver.web(&endpoint_of(address, 1))).await;
    let mut caller = service.sign_in("courier_1").await;
    call_by(&mut computer, &mut caller, &receiver).await;
    // What has come by the first one is settled before it gets another.
    call_by(&mut computer, &mut caller, &receiver).await;
    let _crowd = crowd(&service, 100).await;
    call_by(&mut computer, &mut caller, &receiver).await;
}

#[tokio::test]
async fn a_line_is_held_by_its_secret_and_by_one_connection() {
    let service = service().await;
    for wrong in ["", "held", "{}", &secret_of(1)[1..]] {
        assert_eq!(Computer::connect(service.service.address(), service.service.address(), wrong).await.hear().await, None, "{wrong}");
    }
    let mut first = Computer::hold(service.service.address(), &secret_of(1)).await;
    let _second = Computer::hold(service.service.address(), &secret_of(1)).await;
    assert_eq!(first.hear().await, None);
}

#[tokio::test]
async fn nobody_but_the_service_itself_sends_by_a_line() {
    let service = service().await;
    let mut computer = Computer::hold(service.service.address(), &secret_of(1)).await;
    for proof in ["", "authorization: vapid t=a.b.c, k=BP\r\n", "authorization: Bearer key\r\n"] {
        let answer = send(&service, 1, proof).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    service.service.shutdown().await;
    assert_eq!(computer.hear().await, None, "nothing has come by it");
}

/// Sends something by a line, with a line of a head by which it is proved, and gives what is answered.
async fn send(service: &TestService, number: u8, proof: &str) -> String {
    let endpoint = endpoint_of(service.service.address(), number);
    let path = &endpoint[endpoint.find("/v1/").expect("a path")..];
    let mut stream = TcpStream::connect(service.service.address()).await.expect("the service listens");
    let request = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{proof}content-length: 4\r\n\r\nspam");
    stream.write_all(request.as_bytes()).await.expect("an open socket");
    let mut answer = String::new();
    in_time(stream.read_to_string(&mut answer)).await.expect("an answer");
    answer
}

#[tokio::test]
async fn what_another_push_service_was_shown_leads_to_no_line() {
    let mut elsewhere = StandIn::web().await;
    let (service, receiver) = (service_with(&elsewhere).await, Receiver::new());
    let mut computer = Computer::hold(service.service.address(), &secret_of(1)).await;
    idle(&service, "courier_2", receiver.web(&elsewhere.url("/push/1"))).await;
    let mut caller = service.sign_in("courier_1").await;
    caller.ask(new_call("courier_2").1).await.expect("it is placed");
    // It keeps what it is shown, and has heard of an endpoint.
    let shown = format!("authorization: {}\r\n", elsewhere.next().await.header("authorization"));
    let answer = send(&service, 1, &shown).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    service.service.shutdown().await;
    assert_eq!(computer.hear().await, None, "nothing has come by it");
}
