use futures_util::StreamExt as _;
use signedcall_wire::{Request, RequestId};
use uuid::Uuid;

use super::*;

#[tokio::test]
async fn a_socket_that_takes_no_more_is_told_to_be_lost() {
    let address = ServiceAddress::parse("ws://127.0.0.1:9").expect("a URL");
    let mut link = Link::open(&address, Clock::start());
    link.current = Some((0, Socket::full()));
    link.send(ClientMessage::Ack { seq: 1 });
    let told = tokio::time::timeout(Duration::from_secs(20), link.next()).await.expect("the link tells");
    assert!(matches!(told, LinkEvent::Lost), "{told:?}");
}

#[tokio::test]
async fn a_link_that_is_held_opens_no_socket_until_it_is_released() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = ServiceAddress::parse(&format!("ws://{}", listener.local_addr().expect("an address"))).expect("a URL");
    let mut link = Link::open(&address, Clock::start());
    link.hold();
    link.reopen(Duration::ZERO);
    link.move_within(Duration::ZERO);
    link.doubt();
    assert!(link.opening.is_empty());
    link.release();
    listener.accept().await.expect("a socket is opened");
    link.release();
    assert_eq!(link.opening.len(), 1, "there is nothing to release");
}

#[tokio::test]
async fn acknowledgements_go_with_what_is_said_next_and_by_themselves_before_long() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = ServiceAddress::parse(&format!("ws://{}", listener.local_addr().expect("an address"))).expect("a URL");
    let mut link = Link::open(&address, Clock::start());
    let (service, opened) = tokio::join!(
        async { tokio_tungstenite::accept_async(listener.accept().await.expect("a socket").0).await.expect("a WebSocket") },
        link.next()
    );
    assert!(matches!(opened, LinkEvent::Opened), "{opened:?}");
    let said = service.filter_map(async |frame| frame.expect("a frame").into_text().ok().filter(|text| !text.is_empty()));
    tokio::pin!(said);
    let mut next = async || tokio::time::timeout(Duration::from_secs(20), said.next()).await.expect("in time").expect("a socket");

    let logout = ClientMessage::Request { id: RequestId(Uuid::nil()), request: Request::Logout };
    for message in [ClientMessage::Ack { seq: 1 }, ClientMessage::Ack { seq: 2 }, logout, ClientMessage::Ack { seq: 3 }] {
        link.send(message);
    }
    assert_eq!(next().await, r#"{"type":"ack","seq":2}"#, "the last one contains the others");
    assert!(next().await.contains("logout"));
    assert_eq!(next().await, r#"{"type":"ack","seq":3}"#, "nothing else is said");
    link.send(ClientMessage::Ack { seq: 4 });
    link.close();
    assert_eq!(next().await, r#"{"type":"ack","seq":4}"#, "the last words");
}

#[test]
fn a_service_url_leads_to_the_signalling_path() {
    let address = ServiceAddress::parse("ws://127.0.0.1:7443").expect("a URL");
    assert_eq!(address.url.as_str(), "ws://127.0.0.1:7443/v1/signalling");
    let whole = ServiceAddress::parse(address.url.as_str()).expect("a URL");
    assert_eq!(whole.url, address.url);
    let address = ServiceAddress::parse("wss://calls.example/company/?key=1#x").expect("a URL");
    assert_eq!(address.url.as_str(), "wss://calls.example/company/v1/signalling");
}

#[test]
fn a_url_of_another_kind_is_refused_by_name() {
    assert!(matches!(ServiceAddress::parse("https://calls.example"), Err(InvalidServiceUrl::Scheme(scheme)) if scheme == "https"));
    assert!(matches!(ServiceAddress::parse("calls.example"), Err(InvalidServiceUrl::Unreadable(_))));
    assert!(ServiceAddress::parse("ws://").is_err());
}

#[test]
fn a_key_leaves_this_machine_encrypted_only() {
    for url in ["ws://calls.example", "ws://localhost.example", "ws://192.0.2.1", "ws://[2001:db8::1]:7443", "ws://0.0.0.0"] {
        let refused = ServiceAddress::parse(url).expect_err(url);
        assert!(matches!(refused, InvalidServiceUrl::Unencrypted) && refused.to_string().contains("use wss:"), "{url}: {refused}");
    }
}

#[test]
fn this_machine_is_told_from_others() {
    for (url, loopback) in [
        ("ws://127.0.0.1:1", true),
        ("ws://localhost", true),
        ("ws://[::1]:7443", true),
        ("wss://calls.example", false),
        ("wss://localhost.example", false),
        ("wss://192.0.2.1", false),
    ] {
        assert_eq!(ServiceAddress::parse(url).expect("a URL").is_loopback(), loopback, "{url}");
    }
}
