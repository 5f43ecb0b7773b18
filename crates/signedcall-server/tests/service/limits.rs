use std::time::{Duration, Instant};

use signedcall_server::SocketSettings;
use signedcall_wire::{
    AccountId, ClientMessage, ErrorCode, MAX_MESSAGE_BYTES, MAX_SOCKETS_PER_CUID, PROTOCOL_VERSION, Redacted, Renew, Resume,
    ServiceMessage, SessionId,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::support::{Device, Socket, TestService};

#[tokio::test]
async fn a_message_of_sixty_four_kibibytes_is_read_and_a_longer_one_ends_the_socket() {
    let service = TestService::start().await;
    let mut device = service.sign_in("courier_1").await;
    let of_length = |length: usize| {
        let newer = r#"{"type":"something newer"}"#;
        newer.to_owned() + &" ".repeat(length - newer.len())
    };
    device.socket.say_text(of_length(MAX_MESSAGE_BYTES)).await.expect("an open socket");
    device.assert_no_event().await;
    // The service may close the socket before all of it is written.
    let _ = device.socket.say_text(of_length(MAX_MESSAGE_BYTES + 1)).await;
    assert_eq!(device.socket.hear().await, None);
    device.cut_and_resume(&service.service.url()).await;
}

#[tokio::test]
async fn the_ninth_device_of_a_user_is_refused_and_the_others_stay() {
    let service = TestService::start().await;
    let mut devices: Vec<Device> = Vec::new();
    for _ in 0..MAX_SOCKETS_PER_CUID {
        devices.push(service.sign_in("courier_1").await);
    }
    let mut ninth = Socket::open(&service.service.url()).await;
    ninth.say(&ClientMessage::Hello(service.hello("courier_1"))).await;
    let Some(ServiceMessage::Refused(refusal)) = ninth.hear().await else { panic!("not refused") };
    assert_eq!(refusal.code, ErrorCode::CuidAlreadyConnectedElsewhere);
    assert_eq!(ninth.hear().await, None);
    for device in &mut devices {
        device.assert_no_event().await;
    }
    service.sign_in("courier_2").await;
}

#[tokio::test]
async fn health_is_told_to_whoever_asks() {
    let service = TestService::start().await;
    let mut stream = TcpStream::connect(service.service.address()).await.expect("the service listens");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
}

#[tokio::test]
async fn a_socket_on_which_nobody_signs_in_is_closed() {
    let service = TestService::start_with(SocketSettings { sign_in_within: Duration::from_secs(1), ..SocketSettings::default() }).await;
    let mut device = service.sign_in("courier_1").await;
    assert_eq!(Socket::open(&service.service.url()).await.hear().await, None);
    device.assert_no_event().await;
}

#[tokio::test]
async fn a_connection_on_which_no_request_comes_is_closed() {
    let service = TestService::start_with(SocketSettings { sign_in_within: Duration::from_secs(1), ..SocketSettings::default() }).await;
    for beginning in ["", "GET /v1/signalling HTTP/1.1\r\nHost: "] {
        let mut stream = TcpStream::connect(service.service.address()).await.expect("the service listens");
        stream.write_all(beginning.as_bytes()).await.expect("an open connection");
        let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut Vec::new())).await;
        // Reset or closed, it is gone.
        let _ = closed.expect("the service waits for nobody");
    }
}

#[tokio::test]
async fn a_socket_on_which_sessions_are_only_guessed_is_closed_as_well() {
    let sign_in_within = Duration::from_secs(1);
    let service = TestService::start_with(SocketSettings { sign_in_within, ..SocketSettings::default() }).await;
    let guess = Resume { version: PROTOCOL_VERSION, session: SessionId(Uuid::nil()), token: Redacted::default(), last_seq: 0 };
    let mut socket = Socket::open(&service.service.url()).await;
    let opened = Instant::now();
    // Each guess follows the answer to the last, so that the socket is never silent.
    while socket.say_text(serde_json::to_string(&ClientMessage::Resume(guess.clone())).expect("JSON")).await.is_ok() {
        match socket.hear().await {
            Some(heard) => assert_eq!(heard, ServiceMessage::SessionExpired),
            None => break,
        }
        assert!(opened.elapsed() < 10 * sign_in_within, "guessing keeps the socket open");
    }
}

#[tokio::test]
async fn a_silent_device_is_asked_whether_it_is_there_and_is_gone_when_it_does_not_answer() {
    let (ping_after, gone_after) = (Duration::from_millis(50), Duration::from_secs(2));
    let service = TestService::start_with(SocketSettings { ping_after, gone_after, ..SocketSettings::default() }).await;
    let mut device = service.sign_in("courier_1").await;
    device.socket.answer_pings(5).await;
    device.assert_no_event().await;

    let mut other = service.sign_in("customer_1").await;
    let mut stream = TcpStream::connect(service.service.address()).await.expect("the service listens");
    stream
        .write_all(
            b"GET /v1/signalling HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await
        .expect("a request");
    // This one takes whatever comes, and never answers.
    let mut heard = Vec::new();
    tokio::select! {
        () = other.socket.answer_pings(usize::MAX) => unreachable!("it has not been asked so often"),
        read = stream.read_to_end(&mut heard) => drop(read.expect("the service closes the socket")),
    }
    let ping = [0x89, 0x00];
    assert!(heard.windows(2).any(|frame| frame == ping), "it was asked before");
    other.assert_no_event().await;
}

#[tokio::test]
async fn a_socket_that_brings_one_user_token_after_the_other_is_asked_to_come_back() {
    let service = TestService::start().await;
    let mut device = service.sign_in("courier_1").await;
    let renew = || {
        let user_token = Redacted::new("no.token.atall".to_owned());
        ClientMessage::Renew(Renew { account_id: AccountId("demo".to_owned()), cuid: "courier_1".to_owned(), user_token })
    };
    for code in [ErrorCode::ApiKeyRequired; 4].into_iter().chain([ErrorCode::ServerFailure]) {
        device.socket.say(&renew()).await;
        let told = device.socket.hear().await;
        assert!(matches!(&told, Some(ServiceMessage::NotRenewed(refusal)) if refusal.code == code), "{told:?}");
        let comes_back = matches!(&told, Some(ServiceMessage::NotRenewed(refusal)) if refusal.retry_after_ms == Some(10_000));
        assert_eq!(comes_back, code == ErrorCode::ServerFailure);
    }
}
