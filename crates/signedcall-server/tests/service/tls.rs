//! A certificate that is renewed while the service runs.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use signedcall_server::{Settings, SocketSettings, TlsError, TlsFiles, serve};
use signedcall_wire::{ClientMessage, ServiceMessage};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::{PATIENCE, hello};

/// A certificate that vouches for itself, and its key in PEM.
struct Pair {
    certificate: CertificateDer<'static>,
    pem: String,
    key: String,
}

impl Pair {
    fn new() -> Self {
        let key = KeyPair::generate().expect("randomness");
        let made = CertificateParams::new(["localhost".to_owned()]).expect("a name").self_signed(&key).expect("its own key");
        Self { certificate: made.der().clone(), pem: made.pem(), key: key.serialize_pem() }
    }

    fn write(&self, files: &TlsFiles) {
        std::fs::write(&files.key, &self.key).expect("a file");
        std::fs::write(&files.certificate, &self.pem).expect("a file");
    }
}

fn files_in(folder: &Path) -> TlsFiles {
    TlsFiles { certificate: folder.join("service.pem"), key: folder.join("service.key") }
}

fn config_of(trusted: &Pair) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.certificate.clone()).expect("a certificate");
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Connects as somebody who trusts one certificate.
async fn connect(address: SocketAddr, trusted: &Pair) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await.expect("the service listens");
    let name = "localhost".try_into().expect("a name");
    TlsConnector::from(config_of(trusted)).connect(name, stream).await
}

async fn hear(socket: &mut WebSocketStream<TlsStream<TcpStream>>) -> ServiceMessage {
    loop {
        let frame = tokio::time::timeout(PATIENCE, socket.next()).await.expect("an answer in time");
        if let Message::Text(text) = frame.expect("an open socket").expect("an open socket") {
            return serde_json::from_str(text.as_str()).expect("a message");
        }
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_for_new_connections_and_those_that_are_open_go_on() {
    let data = tempfile::tempdir().expect("a directory");
    let (files, [first, second]) = (files_in(data.path()), [Pair::new(), Pair::new()]);
    first.write(&files);
    let settings = Settings { tls: Some(files.clone()), ..Settings::on_loopback(data.path().join("data")) };
    let service = serve(settings, None).await.expect("a service");
    let address = service.address();
    let stream = connect(address, &first).await.expect("the first certificate");
    let (mut socket, _) = client_async(service.url(), stream).await.expect("a socket");

    std::fs::write(&files.key, &second.key).expect("a file");
    let refused = service.renew_tls().await.expect_err("the key is of another certificate");
    assert!(matches!(refused, TlsError::Pair { .. }), "{refused}");
    connect(address, &first).await.expect("it goes on");
    std::fs::write(&files.key, "no key").expect("a file");
    assert!(matches!(service.renew_tls().await, Err(TlsError::File { .. })));
    connect(address, &first).await.expect("it goes on");

    second.write(&files);
    service.renew_tls().await.expect("a pair");
    connect(address, &second).await.expect("the second certificate");
    assert!(connect(address, &first).await.is_err(), "the first is used no more");
    let hello = ClientMessage::Hello(hello(service.demo_key().expect("a demo account").clone(), "courier_1"));
    socket.send(Message::text(serde_json::to_string(&hello).expect("JSON"))).await.expect("it is open still");
    assert!(matches!(hear(&mut socket).await, ServiceMessage::Welcome(_)));
}

#[tokio::test]
async fn a_certificate_is_taken_over_on_sighup_and_by_itself() {
    let data = tempfile::tempdir().expect("a directory");
    let (files, [first, second, third]) = (files_in(data.path()), [Pair::new(), Pair::new(), Pair::new()]);
    first.write(&files);
    let mut command = Command::new(env!("CARGO_BIN_EXE_signedcall-server"));
    command.env_clear().arg("--data").arg(data.path().join("data")).args(["--listen", "127.0.0.1:0"]);
    command.arg("--tls-certificate").arg(&files.certificate).arg("--tls-key").arg(&files.key);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().expect("the binary");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).await.expect("a line");
    let ready: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
    let address: SocketAddr = ready["listening"].as_str().expect("an address").parse().expect("an address");
    connect(address, &first).await.expect("the first certificate");

    second.write(&files);
    let pid = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().await.expect("kill").success());
    becomes(address, &second).await;
    third.write(&files);
    becomes(address, &third).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_stops_in_the_middle_of_a_handshake_keeps_nobody_else_waiting_and_is_sent_away() {
    let data = tempfile::tempdir().expect("a directory");
    let (files, pair) = (files_in(data.path()), Pair::new());
    pair.write(&files);
    let sockets = SocketSettings { sign_in_within: Duration::from_secs(3), ..SocketSettings::default() };
    let settings = Settings { tls: Some(files), sockets, ..Settings::on_loopback(data.path().join("data")) };
    let service = serve(settings, None).await.expect("a service");
    let mut stalled = Vec::new();
    for index in 0..300 {
        let mut first = Vec::new();
        let mut client = ClientConnection::new(config_of(&pair), "localhost".try_into().expect("a name")).expect("a client");
        client.write_tls(&mut first).expect("a buffer");
        // Nothing, half of the first message, all of it.
        let said = [&[][..], &first[..first.len() / 2], &first[..]][index % 3];
        let mut stream = TcpStream::connect(service.address()).await.expect("the service listens");
        stream.write_all(said).await.expect("an open connection");
        stalled.push(stream);
    }
    let asked = Instant::now();
    connect(service.address(), &pair).await.expect("a connection");
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    for mut stream in stalled {
        let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
        // Closed or reset, it is over.
        drop(end.expect("the service waits for nobody"));
    }
}

/// Connects until the service shows this certificate.
async fn becomes(address: SocketAddr, pair: &Pair) {
    let connected = async { while connect(address, pair).await.is_err() {} };
    tokio::time::timeout(PATIENCE, connected).await.expect("it is taken over");
}
