use signedcall_wire::{ErrorCode, MAX_MESSAGE_BYTES, MAX_SOCKETS_PER_CUID, ServiceMessage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
    ninth.say(&signedcall_wire::ClientMessage::Hello(service.hello("courier_1"))).await;
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
