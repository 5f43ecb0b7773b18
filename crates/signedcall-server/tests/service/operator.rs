//! What whoever operates the service is told of it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use signedcall_server::store::Accounts;
use signedcall_server::{STORE_FILE, Service, Settings, account, serve};
use signedcall_wire::{AccountId, ClientMessage, EndReason, Environment, ErrorCode, Redacted, Request, ServiceEvent, ServiceMessage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::http::ask;
use crate::support::{Device, PATIENCE, Socket, TestService, hello, new_call};

/// A service with a listener for its operator.
pub(crate) async fn start() -> (TestService, SocketAddr) {
    let data = tempfile::tempdir().expect("a directory");
    let operator_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let settings = Settings { operator_listen, drain_for: PATIENCE, ..Settings::on_loopback(data.path().to_owned()) };
    let service = serve(settings, None).await.expect("a service");
    let address = service.operator_address().expect("it was asked for");
    (TestService { service, data }, address)
}

/// Asks for a page: its status, its head and what it says.
pub(crate) async fn get(address: SocketAddr, path: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.expect("the service listens");
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes()).await.expect("a request");
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an answer in time").expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_lowercase(), body.to_owned())
}

/// The value of one line of the page.
pub(crate) fn value(page: &str, series: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in\n{page}")).parse().expect("a number")
}

#[tokio::test]
async fn the_page_counts_what_has_happened_and_names_nobody() {
    let (service, operator) = start().await;
    let mut caller = service.sign_in("courier_1").await;
    let mut callee = service.sign_in("customer_1").await;
    let mut refused = Socket::open(&service.service.url()).await;
    refused.say(&ClientMessage::Hello(hello(Redacted::new("wrong".to_owned()), "courier_1"))).await;
    assert!(matches!(refused.hear().await, Some(ServiceMessage::Refused(_))));
    assert_eq!(refused.hear().await, None);
    let (call, request) = new_call("customer_1");
    caller.ask(request).await.expect("a call");
    callee.ask(Request::Accept { call }).await.expect("it rings");
    for device in [&mut caller, &mut callee] {
        device.ask(Request::MediaConnected { call }).await.expect("it goes on");
    }
    assert_eq!(caller.ask(new_call("nobody_1").1).await, Err(ErrorCode::OngoingCall));
    let page = get(operator, "/metrics").await.2;
    assert_eq!(value(&page, "signedcall_open_calls"), 1.0);
    caller.ask(Request::Hangup { call, reason: EndReason::HungUp }).await.expect("the end");
    while !matches!(callee.event().await, ServiceEvent::Ended { .. }) {}
    caller.cut_and_resume(&service.service.url()).await;

    let (status, head, page) = get(operator, "/metrics").await;
    assert!(status == 200 && head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    for (series, expected) in [
        ("signedcall_devices", 2.0),
        ("signedcall_sessions", 2.0),
        ("signedcall_open_calls", 0.0),
        ("signedcall_sign_ins_total{outcome=\"welcome\"}", 2.0),
        ("signedcall_sign_ins_total{outcome=\"resumed\"}", 1.0),
        ("signedcall_sign_ins_total{outcome=\"ERR_APIKEY_REQUIRED\"}", 1.0),
        ("signedcall_connections_total", 4.0),
        ("signedcall_calls_placed_total", 1.0),
        ("signedcall_calls_answered_total", 1.0),
        ("signedcall_calls_ended_total{reason=\"hung_up\"}", 1.0),
        ("signedcall_calls_ended_total{reason=\"busy\"}", 0.0),
        ("signedcall_call_setup_seconds_count", 1.0),
        ("signedcall_call_connecting_seconds_count", 1.0),
        ("signedcall_requests_total{kind=\"call\",outcome=\"done\"}", 1.0),
        ("signedcall_requests_total{kind=\"call\",outcome=\"ERR_ONGOING_CALL\"}", 1.0),
        ("signedcall_requests_total{kind=\"accept\",outcome=\"done\"}", 1.0),
        ("signedcall_requests_total{kind=\"media_connected\",outcome=\"done\"}", 2.0),
        ("signedcall_requests_total{kind=\"hangup\",outcome=\"done\"}", 1.0),
        ("signedcall_relay_ports", 0.0),
        ("signedcall_store_commits_failed_total", 0.0),
    ] {
        assert_eq!(value(&page, series), expected, "{series}");
    }
    for more_than_none in
        ["signedcall_store_commit_seconds_count", "process_open_fds", "process_resident_memory_bytes", "process_cpu_seconds_total"]
    {
        assert!(value(&page, more_than_none) > 0.0, "{more_than_none}");
    }
    for secret in ["courier_1", "customer_1", "127.0.0.1", "Your order", "demo"] {
        assert!(!page.contains(secret), "{secret:?} is on the page");
    }
    let mut series: Vec<_> = page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' ')).collect();
    let before = series.len();
    series.sort_unstable();
    series.dedup_by_key(|(name, _)| *name);
    assert_eq!(series.len(), before, "each number is there once");
}

#[tokio::test]
async fn requests_of_backends_are_counted_by_their_route_and_how_they_were_answered_and_name_nobody() {
    let (service, operator) = start().await;
    let accounts = Accounts::open(&service.data.path().join(STORE_FILE)).expect("the store");
    let (_, key) = account::add_key(&accounts, &AccountId("demo".to_owned()), Environment::Development).expect("there is room");
    let address = service.service.address();
    for (method, path, key, status) in [
        ("GET", "/v1/calls", Some(key.expose().as_str()), 200),
        ("GET", "/v1/calls?limit=7", Some(key.expose().as_str()), 200),
        ("GET", "/v1/calls", None, 401),
        ("GET", "/v1/users/courier_1", Some(key.expose().as_str()), 200),
        ("PATCH", "/v1/calls", None, 405),
        ("GET", "/v1/made/up", None, 404),
    ] {
        assert_eq!(ask(address, method, path, key, None).await.status, status, "{method} {path}");
    }
    let page = get(operator, "/metrics").await.2;
    for (labels, expected) in [
        (r#"method="GET",route="/v1/calls",status="2xx""#, 2.0),
        (r#"method="GET",route="/v1/calls",status="4xx""#, 1.0),
        (r#"method="GET",route="/v1/users/{cuid}",status="2xx""#, 1.0),
        (r#"method="other",route="other",status="4xx""#, 2.0),
    ] {
        assert_eq!(value(&page, &format!("signedcall_api_request_seconds_count{{{labels}}}")), expected, "{labels}");
    }
    for outside in ["courier_1", "made", "PATCH"] {
        assert!(!page.contains(outside), "{outside} is on the page");
    }
}

#[tokio::test]
async fn a_service_that_works_is_ready_and_one_that_stops_is_not() {
    let (TestService { service, data }, operator) = start().await;
    assert_eq!(get(operator, "/healthz").await.0, 200);
    let ready = get(operator, "/readyz").await;
    assert_eq!((ready.0, ready.2.as_str()), (200, "ok\n"));
    assert_eq!(get(operator, "/other").await.0, 404);
    let mut device = Device::sign_in(&service.url(), hello(service.demo_key().expect("a demo account").clone(), "courier_1")).await;
    let stopping = tokio::spawn(Service::shutdown(service));
    assert!(matches!(device.socket.hear().await, Some(ServiceMessage::Goaway { .. })));
    let stops = get(operator, "/readyz").await;
    assert_eq!((stops.0, stops.2.as_str()), (503, "the service is about to stop\n"));
    assert_eq!(get(operator, "/healthz").await.0, 200, "it does what it should");
    drop(device);
    stopping.await.expect("no bug");
    assert!(TcpStream::connect(operator).await.is_err());
    drop(data);
}

#[tokio::test]
async fn a_service_that_cannot_write_to_its_store_is_not_ready_until_it_can() {
    let (service, operator) = start().await;
    let other = rusqlite::Connection::open(service.data.path().join(STORE_FILE)).expect("a store");
    other.busy_timeout(Duration::from_secs(5)).expect("a store");
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    let (status, _, words) = get(operator, "/readyz").await;
    assert!(status == 503 && words.contains("store"), "{words}");
    assert_eq!(get(operator, "/healthz").await.0, 200, "to start it again would not help");
    other.execute_batch("ROLLBACK").expect("it has begun");
    // The probe that was given up may be waiting still.
    let ready = async { while get(operator, "/readyz").await.0 != 200 {} };
    tokio::time::timeout(PATIENCE, ready).await.expect("it can write again");
}

#[tokio::test]
async fn nobody_is_told_anything_unless_that_is_asked_for() {
    let service = TestService::start().await;
    assert_eq!(service.service.operator_address(), None);
    for path in ["/metrics", "/readyz"] {
        assert_eq!(get(service.service.address(), path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn every_figure_that_the_operators_page_speaks_of_is_there() {
    let (_service, operator) = start().await;
    let page = get(operator, "/metrics").await.2;
    let document = include_str!("../../../../docs/operation.md");
    let words = document.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let names: BTreeSet<_> = words.filter(|word| word.starts_with("signedcall_")).collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        // Of a histogram there are both.
        let name = name.strip_suffix("_bucket").or_else(|| name.strip_suffix("_count")).unwrap_or(name);
        assert!(page.lines().any(|line| line.strip_prefix("# TYPE ").is_some_and(|line| line.split(' ').next() == Some(name))), "{name}");
    }
}
