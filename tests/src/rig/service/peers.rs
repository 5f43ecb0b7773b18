//! Other people's servers, and the least that a client says to them to be connected.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use signedcall_tests::{PATIENCE, Process, Rig, Usage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// For how many seconds SIPp makes calls through Kamailio.
const SIP_SECONDS: u32 = 20;
/// How many of them a second: far fewer than the two manage, and as many as the service here does.
pub(super) const SIP_RATE: u32 = 500;

/// Starts Mosquitto, a broker of MQTT.
pub(super) async fn mosquitto(rig: &Rig) -> Result<(Process, SocketAddr)> {
    let address = free_address()?;
    let file = rig.folder().join("mosquitto.conf");
    std::fs::write(&file, format!("listener {} 127.0.0.1\nallow_anonymous true\nmax_connections -1\npersistence false\n", address.port()))?;
    let mut command = Command::new("mosquitto");
    let process = Process::start("mosquitto", command.arg("-c").arg(file), rig.folder())?;
    reached(address).await.map(|()| (process, address))
}

/// Starts NATS.
pub(super) async fn nats_server(rig: &Rig) -> Result<(Process, SocketAddr)> {
    let address = free_address()?;
    let mut command = Command::new("nats-server");
    let process = Process::start("nats-server", command.args(["-a", "127.0.0.1", "-p", &address.port().to_string()]), rig.folder())?;
    reached(address).await.map(|()| (process, address))
}

/// Starts a server of WebSockets on Bun.
pub(super) async fn bun(rig: &Rig) -> Result<(Process, SocketAddr)> {
    let address = free_address()?;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/bun");
    let mut command = Command::new(folder.join("node_modules/.bin/bun"));
    let process = Process::start("bun", command.arg(folder.join("server.js")).arg(address.port().to_string()), rig.folder())?;
    reached(address).await.map(|()| (process, address))
}

/// Connects to a broker of MQTT and subscribes to what is said to a user (MQTT 3.1.1, sections 3.1 and 3.8).
pub(super) async fn mqtt(address: SocketAddr, cuid: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let text = |text: &str| [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat();
    let packet = |kind: u8, body: &[u8]| [&[kind, body.len() as u8][..], body].concat();
    // Protocol level 4, a clean session, no keep-alive.
    let connect = packet(0x10, &[text("MQTT"), vec![4, 2, 0, 0], text(cuid)].concat());
    let subscribe = packet(0x82, &[vec![0, 1], text(&format!("calls/{cuid}")), vec![0]].concat());
    stream.write_all(&[connect, subscribe].concat()).await?;
    let mut accepted = [0; 4 + 5];
    stream.read_exact(&mut accepted).await?;
    ensure!(accepted[..4] == [0x20, 2, 0, 0], "the broker answers {accepted:?}");
    Ok(stream)
}

/// Connects to NATS and subscribes to what is said to a user.
pub(super) async fn nats(address: SocketAddr, cuid: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("CONNECT {{\"verbose\":false}}\r\nSUB calls.{cuid} 1\r\nPING\r\n").as_bytes()).await?;
    let mut said = Vec::new();
    while !said.ends_with(b"PONG\r\n") {
        ensure!(stream.read_buf(&mut said).await? > 0, "it has closed the connection");
    }
    Ok(stream)
}

/// Opens a WebSocket.
pub(super) async fn web_socket(address: SocketAddr) -> Result<TcpStream> {
    let (socket, _) = tokio_tungstenite::client_async(format!("ws://{address}/"), TcpStream::connect(address).await?).await?;
    Ok(socket.into_inner())
}

/// Stays connected, whatever is said.
pub(super) async fn hold(mut stream: TcpStream) {
    let mut said = [0; 64];
    while stream.read(&mut said).await.is_ok_and(|read| read > 0) {}
}

/// Has SIPp make calls through Kamailio, and returns the time of a processor that Kamailio takes for each, in microseconds. It keeps no records, knows who
/// is where from memory, and asks nobody who they are.
pub(super) async fn kamailio(rig: &Rig, rate: u32) -> Result<f64> {
    let (proxy, callee) = (free_udp()?, free_udp()?);
    let file = rig.folder().join("kamailio.cfg");
    std::fs::write(&file, kamailio_settings(proxy))?;
    let kamailio = Process::start("kamailio", Command::new("kamailio").args(["-DD", "-E", "-f"]).arg(&file), rig.folder())?;
    register(proxy, callee)?;
    let port = callee.port().to_string();
    let _answers = Process::start("sipp-uas", sipp().args(["-sn", "uas", "-p", &port]), rig.folder())?;
    let count = rate * SIP_SECONDS;
    let (calls, rate) = (count.to_string(), rate.to_string());
    let mut uac = sipp();
    uac.args(["-sn", "uac", "-s", "callee", "-d", "0", "-m", &calls, "-r", &rate]).arg(proxy.to_string());
    let before = Usage::of(&kamailio)?;
    let began = Instant::now();
    let output = tokio::process::Command::from(uac).current_dir(rig.folder()).output().await.context("starting SIPp")?;
    ensure!(output.status.success(), "SIPp's calls failed: {}", output.status);
    let busy = Usage::of(&kamailio)?.cpu_percent_since(&before, |_| true) / 100.0 * began.elapsed().as_secs_f64();
    Ok(busy * 1e6 / f64::from(count))
}

fn sipp() -> Command {
    let mut command = Command::new("sipp");
    command.args(["-i", "127.0.0.1", "-nostdin"]);
    command
}

/// Says to a registrar where the callee is (RFC 3261, section 10), until it has understood.
fn register(registrar: SocketAddr, callee: SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    let from = socket.local_addr()?;
    let request = format!(
        "REGISTER sip:{registrar} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK1\r\nFrom: <sip:callee@{registrar}>;tag=1\r\n\
         To: <sip:callee@{registrar}>\r\nCall-ID: 1@{from}\r\nCSeq: 1 REGISTER\r\nContact: <sip:callee@{callee}>\r\nExpires: 3600\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    let limit = Instant::now() + PATIENCE;
    loop {
        let mut answer = [0; 2048];
        let heard = socket.send_to(request.as_bytes(), registrar).and_then(|_| socket.recv(&mut answer));
        if heard.is_ok_and(|length| answer[..length].starts_with(b"SIP/2.0 200")) {
            return Ok(());
        }
        ensure!(Instant::now() < limit, "the registrar does not answer");
    }
}

/// A registrar and proxy, and nothing else. One process takes all packets: of two that take one each the second may be ahead, which SIPp counts as a call that
/// failed.
fn kamailio_settings(address: SocketAddr) -> String {
    format!(
        r#"debug=0
log_stderror=yes
children=1
disable_tcp=yes
listen=udp:{address}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("REGISTER")) {{ save("location"); exit; }}
    if (has_totag()) {{
        if (!loose_route()) {{ exit; }}
        t_relay();
        exit;
    }}
    if (is_method("INVITE")) {{ record_route(); }}
    if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
    t_relay();
}}
"#
    )
}

/// An address that nobody listens on, for programs that cannot say which they have taken.
fn free_address() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn free_udp() -> Result<SocketAddr> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Waits until somebody listens there.
async fn reached(address: SocketAddr) -> Result<()> {
    let limit = Instant::now() + PATIENCE;
    while let Err(error) = TcpStream::connect(address).await {
        ensure!(Instant::now() < limit, "nobody listens at {address}: {error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
