use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use signedcall_wire::{IceServer, Redacted};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// What a TURN client begins with: a STUN header, and four bytes of an attribute.
const REQUEST: [u8; 24] = [0, 3, 0, 4, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0];
/// Two bytes on a channel.
const CHANNEL_DATA: [u8; 6] = [0x40, 1, 0, 2, 0xaa, 0xbb];

fn ice(url: &str) -> IceConfig {
    let server = IceServer { urls: vec![url.to_owned()], username: "1:ann".to_owned(), credential: Redacted::new("secret".to_owned()) };
    IceConfig { servers: vec![server], relay_only: true }
}

/// A socket of the library's, which sends to where the relay is near.
async fn client(near: &IceConfig) -> UdpSocket {
    let url = &near.servers[0].urls[0];
    let place = url.strip_prefix("turn:").and_then(|rest| rest.strip_suffix("?transport=udp")).expect("the library reaches it by UDP");
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    socket.connect(place).await.expect("an address");
    socket
}

async fn received(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; DATAGRAM];
    let length = socket.recv(&mut buffer).await.expect("a datagram");
    buffer.truncate(length);
    buffer
}

#[tokio::test]
async fn messages_go_both_ways_whole_and_each_socket_has_a_connection_of_its_own() {
    let relay = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut relays = NearRelays::default();
    let near = relays.bring(ice(&format!("turn:{}?transport=tcp", relay.local_addr().expect("bound")))).await;
    assert_eq!((near.servers[0].username.as_str(), near.relay_only), ("1:ann", true), "nothing else is changed");
    let (one, other) = (client(&near).await, client(&near).await);
    one.send(b"no TURN").await.expect("sent");
    one.send(&REQUEST).await.expect("sent");
    let (mut of_one, _) = relay.accept().await.expect("the first socket's");
    one.send(&CHANNEL_DATA).await.expect("sent");
    let mut heard = [0; 32];
    of_one.read_exact(&mut heard).await.expect("both messages");
    assert_eq!(heard[..24], REQUEST, "what is no TURN has not come");
    assert_eq!(heard[24..], [0x40, 1, 0, 2, 0xaa, 0xbb, 0, 0], "padded to four bytes");
    other.send(&REQUEST).await.expect("sent");
    let (mut of_other, _) = relay.accept().await.expect("the second socket's");
    // In pieces, and two messages in the last of them.
    for piece in [&REQUEST[..3], &REQUEST[3..22], &[0, 0, 0x40, 1, 0, 2, 0xaa, 0xbb, 0, 0]] {
        of_one.write_all(piece).await.expect("written");
        of_one.flush().await.expect("written");
    }
    assert_eq!(received(&one).await, REQUEST);
    assert_eq!(received(&one).await, CHANNEL_DATA, "without the padding");
    of_other.write_all(&CHANNEL_DATA[..4]).await.expect("written");
    of_other.write_all(&[1, 2, 0, 0]).await.expect("written");
    assert_eq!(received(&other).await, [0x40, 1, 0, 2, 1, 2]);
}

#[tokio::test]
async fn a_relay_that_is_named_by_an_address_of_ipv6_is_reached_by_datagrams() {
    let relay = UdpSocket::bind("[::1]:0").await.expect("a port");
    let mut relays = NearRelays::default();
    let near = relays.bring(ice(&format!("turn:{}?transport=udp", relay.local_addr().expect("bound")))).await;
    let client = client(&near).await;
    client.send(&CHANNEL_DATA).await.expect("sent");
    let mut heard = [0; 32];
    let (length, from) = relay.recv_from(&mut heard).await.expect("a datagram");
    assert_eq!(heard[..length], CHANNEL_DATA, "as it is");
    relay.send_to(&REQUEST, from).await.expect("sent");
    assert_eq!(received(&client).await, REQUEST);
    let four = ice("turn:192.0.2.1:3478?transport=udp");
    assert_eq!(relays.bring(four.clone()).await, four, "the library reaches it by itself");
}

#[tokio::test]
async fn a_relay_that_goes_on_to_be_used_keeps_its_place_and_all_connections_end_with_it() {
    let relay = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("turn:{}?transport=tcp", relay.local_addr().expect("bound"));
    let mut relays = NearRelays::default();
    let near = relays.bring(ice(&url)).await;
    assert_eq!(relays.bring(ice(&url)).await, near);
    client(&near).await.send(&REQUEST).await.expect("sent");
    let (mut connection, _) = relay.accept().await.expect("a connection");
    let mut heard = [0; REQUEST.len()];
    connection.read_exact(&mut heard).await.expect("the message");
    drop(relays);
    assert_eq!(connection.read(&mut heard).await.expect("an end in order"), 0);
}

#[tokio::test]
async fn a_connection_on_which_garbage_comes_is_closed() {
    let relay = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut relays = NearRelays::default();
    let near = relays.bring(ice(&format!("turn:{}?transport=tcp", relay.local_addr().expect("bound")))).await;
    client(&near).await.send(&REQUEST).await.expect("sent");
    let (mut connection, _) = relay.accept().await.expect("a connection");
    let mut heard = [0; REQUEST.len()];
    connection.read_exact(&mut heard).await.expect("the message");
    connection.write_all(&[0x16, 3, 1, 0xff]).await.expect("written");
    // A reset is an end as well: bytes were left unread.
    assert_eq!(connection.read(&mut heard).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_relay_whose_certificate_nobody_vouches_for_hears_nothing() {
    let key = KeyPair::generate().expect("randomness");
    let certificate = CertificateParams::new(["localhost".to_owned()]).expect("a name").self_signed(&key).expect("a key of its own");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).expect("they fit");
    let relay = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut relays = NearRelays::default();
    let url = format!("turns:localhost:{}", relay.local_addr().expect("bound").port());
    client(&relays.bring(ice(&url)).await).await.send(&REQUEST).await.expect("sent");
    let (connection, _) = relay.accept().await.expect("it is tried");
    let refused = TlsAcceptor::from(Arc::new(config)).accept(connection).await.expect_err("the client does not trust it");
    assert!(refused.to_string().contains("UnknownCA"), "{refused}");
}
