//! Whoever connects and does not do what devices do: what becomes of them, and that nobody else notices.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use signedcall_server::{GateSettings, Settings, SocketSettings, serve};
use signedcall_wire::{ClientMessage, EndReason, Hello, Request, ServiceEvent, ServiceMessage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::binary::{demo_key, start, start_with_files};
use crate::operator::get;
use crate::support::{Device, PATIENCE, Socket, TestService, hello, new_call, proves_nothing};

/// What a call may take to ring, with whatever goes on: a device that waits this long says so on its screen.
pub(crate) const RINGS_WITHIN: Duration = Duration::from_secs(2);
/// The connections of one who means harm.
const MANY: usize = 200;
const UPGRADE: &[u8] = b"GET /v1/signalling HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// The head of a frame of 65,535 bytes of text, with a mask of zeroes, and the first of those bytes.
const HALF_A_FRAME: &[u8] = &[0x81, 0xFE, 0xFF, 0xFF, 0, 0, 0, 0, b'{'];

/// A call from one to the other and its end, and how long it took to ring.
pub(crate) async fn call(caller: &mut Device, callee: &mut Device, to: &str) -> Duration {
    let (call, request) = new_call(to);
    let asked = Instant::now();
    caller.ask(request).await.expect("a call");
    while !matches!(callee.event().await, ServiceEvent::Invite(invite) if invite.call == call) {}
    let rang = asked.elapsed();
    caller.ask(Request::Hangup { call, reason: EndReason::Cancelled }).await.expect("it rings");
    while !matches!(callee.event().await, ServiceEvent::Ended { call: ended, .. } if ended == call) {}
    rang
}

/// Reads until the service closes the connection, and returns all that it said.
async fn heard(mut stream: TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("the service waits for nobody");
    match read {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_slow_on_purpose_is_sent_away_in_time_and_calls_go_on() {
    let sign_in_within = Duration::from_secs(2);
    let service = TestService::start_with(SocketSettings { sign_in_within, ..SocketSettings::default() }).await;
    let (mut caller, mut callee) = (service.sign_in("courier_1").await, service.sign_in("customer_1").await);
    let half_a_frame = [UPGRADE, HALF_A_FRAME].concat();
    // A head that never ends, no first frame, one that never ends: what it begins with, whether more of it drips in, and what it is told.
    for (what, beginning, drips, answer) in [
        ("a head", &b"GET /v1/signalling HTTP/1.1\r\nHost: "[..], true, None),
        ("no frame", UPGRADE, false, Some("not signed in in time")),
        ("a frame", half_a_frame.as_slice(), true, Some("not signed in in time")),
    ] {
        let begun = Instant::now();
        let mut streams = Vec::new();
        for _ in 0..MANY {
            let mut stream = TcpStream::connect(service.service.address()).await.expect("the service listens");
            stream.write_all(beginning).await.expect("an open connection");
            streams.push(stream);
        }
        let ends = tokio::spawn(async move {
            let mut ends = tokio::task::JoinSet::new();
            for stream in streams {
                ends.spawn(async move {
                    let (mut read, mut write) = stream.into_split();
                    // One byte after the other, so that it is never silent.
                    let mut tick = tokio::time::interval(Duration::from_millis(100));
                    let drip = async {
                        while drips && write.write_all(b"a").await.is_ok() {
                            tick.tick().await;
                        }
                        std::future::pending::<()>().await;
                    };
                    let mut heard = Vec::new();
                    tokio::select! {
                        () = drip => {}
                        // Closed or reset, it is over.
                        end = read.read_to_end(&mut heard) => drop(end),
                    }
                    heard
                });
            }
            ends.join_all().await
        });
        for _ in 0..5 {
            let rang = call(&mut caller, &mut callee, "customer_1").await;
            assert!(rang < RINGS_WITHIN, "{what}: {rang:?}");
        }
        let ended = timeout(PATIENCE, ends).await.expect("they are sent away").expect("no bug");
        assert!(begun.elapsed() < 10 * sign_in_within, "{what}: {:?}", begun.elapsed());
        if let Some(answer) = answer {
            let told = ended.iter().filter(|heard| String::from_utf8_lossy(heard).contains(answer)).count();
            assert_eq!(told, MANY, "{what}: each is told why");
        }
    }
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused_by_its_number() {
    let service = TestService::start().await;
    for head in [format!("X-Long: {}\r\n", "a".repeat(64 * 1024)), "X-Many: a\r\n".repeat(1_000)] {
        let mut stream = TcpStream::connect(service.service.address()).await.expect("the service listens");
        // It may be refused before all of it is written.
        let _ = stream.write_all(format!("GET /v1/signalling HTTP/1.1\r\nHost: localhost\r\n{head}\r\n").as_bytes()).await;
        let mut first = [0; 12];
        let read = timeout(PATIENCE, stream.read_exact(&mut first)).await.expect("an answer in time");
        if read.is_ok() {
            assert_eq!(&first, b"HTTP/1.1 431");
        }
    }
    let mut device = service.sign_in("courier_1").await;
    device.assert_no_event().await;
}

#[tokio::test]
async fn one_address_may_have_so_many_connections_waiting_and_those_who_sign_in_are_not_counted() {
    let data = tempfile::tempdir().expect("a directory");
    let gate = GateSettings { of_one_address: NonZeroUsize::new(3), ..GateSettings::default() };
    let service = serve(Settings { gate, ..Settings::on_loopback(data.path().to_owned()) }, None).await.expect("a service");
    let key = service.demo_key().expect("a demo account").clone();
    let mut devices = Vec::new();
    for number in 0..5 {
        devices.push(Device::sign_in(&service.url(), hello(key.clone(), &format!("courier_{number}"))).await);
    }
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(service.address()).await.expect("the service listens");
        stream.write_all(UPGRADE).await.expect("an open connection");
        stream.read_exact(&mut [0; 12]).await.expect("an answer");
        waiting.push(stream);
    }
    assert_eq!(heard(TcpStream::connect(service.address()).await.expect("the service listens")).await, b"", "one too many");
    let elsewhere = TcpSocket::new_v4().expect("a socket");
    elsewhere.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0))).expect("an address");
    let mut other = elsewhere.connect(service.address()).await.expect("the service listens");
    other.write_all(UPGRADE).await.expect("an open connection");
    other.read_exact(&mut [0; 12]).await.expect("another address has room");
    drop(waiting);
    let signed_in = async {
        loop {
            // The service has to notice first that they are gone.
            let url = service.url();
            if let Ok((stream, _)) = tokio_tungstenite::connect_async(url.as_str()).await {
                break stream;
            }
        }
    };
    timeout(PATIENCE, signed_in).await.expect("there is room again");
    for device in &mut devices {
        device.assert_no_event().await;
    }
}

#[tokio::test]
async fn the_socket_that_has_waited_longest_is_told_that_it_goes_for_another() {
    let data = tempfile::tempdir().expect("a directory");
    let gate = GateSettings { most: NonZeroUsize::new(2).expect("two"), ..GateSettings::default() };
    let service = serve(Settings { gate, ..Settings::on_loopback(data.path().to_owned()) }, None).await.expect("a service");
    let key = service.demo_key().expect("a demo account").clone();
    let mut device = Device::sign_in(&service.url(), hello(key.clone(), "courier_1")).await;
    let (mut first, mut second) = (Socket::open(&service.url()).await, Socket::open(&service.url()).await);
    let mut third = Socket::open(&service.url()).await;
    assert_eq!(first.hear_close().await, Some((1013, "too many wait to sign in".to_owned())));
    for (socket, cuid) in [(&mut second, "customer_1"), (&mut third, "customer_2")] {
        socket.say(&ClientMessage::Hello(hello(key.clone(), cuid))).await;
        assert!(matches!(socket.hear().await, Some(ServiceMessage::Welcome(_))), "{cuid}");
    }
    device.assert_no_event().await;
}

/// Signs in as a device does: one that is told to come back does so.
async fn insist(url: &str, hello: Hello) -> Device {
    loop {
        let mut socket = Socket::open(url).await;
        socket.say(&ClientMessage::Hello(hello.clone())).await;
        match socket.hear().await {
            Some(ServiceMessage::Welcome(welcome)) => return Device::welcomed(socket, &hello, welcome),
            Some(ServiceMessage::Refused(refusal)) => {
                let after = refusal.retry_after_ms.expect("it is told when to come back");
                tokio::time::sleep(Duration::from_millis(after)).await;
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_everybody_comes_back_at_once_all_are_let_in_and_calls_go_on() {
    let service = TestService::start().await;
    let (mut caller, mut callee) = (service.sign_in("courier_1").await, service.sign_in("customer_1").await);
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..500 {
        let (url, hello) = (service.service.url(), service.hello(&format!("crowd_of_{number}x")));
        crowd.spawn(async move { insist(&url, hello).await });
    }
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    while !crowd.is_empty() {
        slowest = call(&mut caller, &mut callee, "customer_1").await.max(slowest);
        while let Some(device) = crowd.try_join_next() {
            let mut device = device.expect("no bug");
            device.assert_no_event().await;
        }
        assert!(begun.elapsed() < PATIENCE, "{} are not let in", crowd.len());
    }
    assert!(slowest < RINGS_WITHIN, "{slowest:?}");
}

/// Has as many files as this process may have, and says how many that are.
pub(crate) fn raise_files() -> Option<u64> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let raised = rustix::process::Rlimit { current: limit, maximum: limit };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).expect("as many as are allowed");
    limit
}

/// What the system says of a process's memory, in bytes.
fn memory_of(page: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    line.expect("it is on the page").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_half_open_connections_keep_nobody_from_calling_or_signing_in() {
    let limit = raise_files();
    // As many as this machine lets one process have, where that is less.
    let number = limit.map_or(10_000, |limit| usize::try_from(limit.saturating_sub(500)).expect("few").min(10_000));
    if number < 10_000 {
        proves_nothing("a process may have too few files here for ten thousand connections");
    }
    let data = tempfile::tempdir().expect("a directory");
    let running = start(data.path(), &["--operator-listen", "127.0.0.1:0", "--waiting-connections-per-address", "256"]).await;
    let operator = running.operator.expect("it was asked for");
    let key = demo_key(data.path());
    let mut caller = Device::sign_in(&running.url, hello(key.clone(), "courier_1")).await;
    let mut callee = Device::sign_in(&running.url, hello(key.clone(), "customer_1")).await;
    let mut usual = Vec::new();
    for _ in 0..20 {
        usual.push(call(&mut caller, &mut callee, "customer_1").await);
    }
    let before = memory_of(&get(operator, "/metrics").await.2);

    let address: SocketAddr = running.url.trim_start_matches("ws://").trim_end_matches("/v1/signalling").parse().expect("an address");
    let (mut held, mut meanwhile, mut most) = (Vec::with_capacity(number), Vec::new(), before);
    for index in 0..number {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Two hundred of each address, which none of the others has.
        let source = Ipv4Addr::new(127, 1, u8::try_from(index / 200).expect("few"), 1);
        socket.bind(SocketAddr::from((source, 0))).expect("an address");
        let mut stream = socket.connect(address).await.expect("the service listens");
        let beginning: &[u8] = if index % 2 == 0 { b"GET /v1/sig" } else { UPGRADE };
        // It may have been sent away already.
        let _ = stream.write_all(beginning).await;
        held.push(stream);
        if index % 500 == 499 {
            meanwhile.push(call(&mut caller, &mut callee, "customer_1").await);
            most = memory_of(&get(operator, "/metrics").await.2).max(most);
        }
    }
    let asked = Instant::now();
    let mut late = Device::sign_in(&running.url, hello(key, "customer_2")).await;
    let signed_in = asked.elapsed();
    meanwhile.push(call(&mut caller, &mut late, "customer_2").await);
    let page = get(operator, "/metrics").await.2;
    let (of_each, slowest) = ((most - before) / 4096.0, meanwhile.iter().max().copied().unwrap_or_default());
    usual.sort_unstable();
    println!(
        "{number} half-open connections: a call rings after {:?} at most (usually {:?}), a sign-in takes {signed_in:?}, and each that waits {of_each:.0} bytes",
        slowest,
        usual[usual.len() / 2]
    );
    assert!(slowest < RINGS_WITHIN && signed_in < RINGS_WITHIN, "{meanwhile:?}, {signed_in:?}");
    assert!(of_each < 48.0 * 1024.0, "each that waits takes {of_each} bytes");
    let waiting: f64 =
        page.lines().find_map(|line| line.strip_prefix("signedcall_waiting_connections ")).expect("a line").parse().expect("a number");
    assert!(waiting <= 4096.0, "{waiting} wait");
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_files_are_few_those_who_only_connect_leave_half_of_them_to_others() {
    let data = tempfile::tempdir().expect("a directory");
    let running = start_with_files(data.path(), 200).await;
    let key = demo_key(data.path());
    let mut caller = Device::sign_in(&running.url, hello(key.clone(), "courier_1")).await;
    let address: SocketAddr = running.url.trim_start_matches("ws://").trim_end_matches("/v1/signalling").parse().expect("an address");
    let mut held = Vec::new();
    for _ in 0..500 {
        held.push(TcpStream::connect(address).await.expect("the service listens"));
    }
    let asked = Instant::now();
    let mut callee = Device::sign_in(&running.url, hello(key, "customer_1")).await;
    assert!(asked.elapsed() < RINGS_WITHIN, "{:?}", asked.elapsed());
    let rang = call(&mut caller, &mut callee, "customer_1").await;
    assert!(rang < RINGS_WITHIN, "{rang:?}");
    drop(held);
}
