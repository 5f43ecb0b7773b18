//! The service on a PostgreSQL database, also while its server is away.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;

use rcgen::{CertificateParams, KeyPair};
use signedcall_server::store::{Location, Server, read_records};
use signedcall_server::{Service, Settings, StartError, serve};
use signedcall_wire::{CallId, EndReason, ErrorCode, Request, ServiceEvent};

use crate::binary::{command, run};
use crate::operator::get;
use crate::rig::Postgres;
use crate::support::{Device, hello, in_time, new_call};

fn settings(data: &std::path::Path, url: &str) -> Settings {
    let operator_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let store = Some(Server::parse(url).expect("a server"));
    Settings { operator_listen, store, ..Settings::on_loopback(data.to_owned()) }
}

async fn sign_in(service: &Service, cuid: &str) -> Device {
    Device::sign_in(&service.url(), hello(service.demo_key().expect("a demo account").clone(), cuid)).await
}

/// Places a call and takes it back, and says which it was, unless the service has refused it.
async fn try_call(caller: &mut Device) -> Result<CallId, ErrorCode> {
    let (call, request) = new_call("customer_2");
    caller.ask(request).await?;
    caller.ask(Request::Hangup { call, reason: EndReason::Cancelled }).await.expect("it rings");
    while !matches!(caller.event().await, ServiceEvent::Ended { call: ended, .. } if ended == call) {}
    Ok(call)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_refuses_calls_in_words_ends_none_and_loses_none() {
    let (server, data) = (Postgres::start(), tempfile::tempdir().expect("a directory"));
    let settings = settings(data.path(), &server.new_database());
    let service = serve(settings.clone(), None).await.expect("a service");
    let operator = service.operator_address().expect("it was asked for");
    let (mut caller, mut callee) = (sign_in(&service, "courier_1").await, sign_in(&service, "customer_1").await);
    let (mut other, _called) = (sign_in(&service, "courier_2").await, sign_in(&service, "customer_2").await);
    let (talk, request) = new_call("customer_1");
    caller.ask(request).await.expect("a call");
    callee.ask(Request::Accept { call: talk }).await.expect("it rings");
    let mut reasons = BTreeMap::from([(talk.to_string(), Some(EndReason::HungUp.number()))]);
    let before = in_time(try_call(&mut other)).await.expect("a call");
    reasons.insert(before.to_string(), Some(EndReason::Cancelled.number()));
    assert_eq!(get(operator, "/readyz").await.0, 200);

    server.stop();
    assert_eq!(in_time(try_call(&mut other)).await, Err(ErrorCode::ServerFailure));
    assert_eq!(get(operator, "/readyz").await.0, 503);
    caller.ask(Request::Hold { call: talk, on: true }).await.expect("it goes on");
    while !matches!(callee.event().await, ServiceEvent::Held { call, .. } if call == talk) {}
    caller.ask(Request::Hangup { call: talk, reason: EndReason::HungUp }).await.expect("it goes on");
    while !matches!(callee.event().await, ServiceEvent::Ended { call, .. } if call == talk) {}

    let mut until_it_is_back = async || loop {
        match in_time(try_call(&mut other)).await {
            Ok(call) => break call,
            Err(code) => assert_eq!(code, ErrorCode::ServerFailure),
        }
    };
    server.start_again();
    let call = in_time(until_it_is_back()).await;
    reasons.insert(call.to_string(), Some(EndReason::Cancelled.number()));
    server.kill();
    server.start_again();
    let call = in_time(until_it_is_back()).await;
    reasons.insert(call.to_string(), Some(EndReason::Cancelled.number()));
    assert_eq!(get(operator, "/readyz").await.0, 200);
    service.shutdown().await;
    let records = read_records(settings.location()).expect("a good store");
    assert_eq!(records.len(), reasons.len(), "each is there once");
    assert_eq!(records.into_iter().map(|record| (record.call, record.end_reason)).collect::<BTreeMap<_, _>>(), reasons);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_calls_of_a_database_are_one_service_s_and_go_on_with_the_next_one() {
    let url = Postgres::shared().new_database();
    let (data, elsewhere) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let first = serve(settings(data.path(), &url), None).await.expect("a service");
    let mut caller = sign_in(&first, "courier_1").await;
    let _callee = sign_in(&first, "customer_1").await;
    let (call, request) = new_call("customer_1");
    caller.ask(request).await.expect("a call");

    let beside = Settings { demo: false, ..settings(elsewhere.path(), &url) };
    let refused = serve(beside.clone(), None).await.expect_err("they are the first one's");
    assert!(matches!(refused, StartError::Owned { .. }), "{refused}");
    first.shutdown().await;
    let second = serve(beside.clone(), None).await.expect("the first one has given them up");
    second.shutdown().await;
    let records = read_records(beside.location()).expect("a good store");
    assert_eq!(records.iter().map(|record| (record.call.clone(), record.end_reason)).collect::<Vec<_>>(), [(call.to_string(), None)]);
}

#[tokio::test]
async fn a_server_is_reached_by_tls_if_its_certificate_is_trusted() {
    let own_key = KeyPair::generate().expect("a key");
    let certificate =
        CertificateParams::new(["localhost".to_owned()]).and_then(|params| params.self_signed(&own_key)).expect("a certificate");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port().to_string();
    let server = Postgres::start_as(
        &[
            "listen_addresses = '127.0.0.1'",
            &format!("port = {port}"),
            "ssl = on",
            "ssl_cert_file = 'DIRECTORY/certificate.pem'",
            "ssl_key_file = 'DIRECTORY/key.pem'",
        ],
        |directory| {
            std::fs::write(directory.join("certificate.pem"), certificate.pem()).expect("a file");
            let key = directory.join("key.pem");
            std::fs::write(&key, own_key.serialize_pem()).expect("a file");
            std::fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("a file");
        },
    );
    let data = tempfile::tempdir().expect("a directory");
    let trusted = data.path().join("trusted.pem");
    std::fs::write(&trusted, certificate.pem()).expect("a file");
    let url = format!("postgres://postgres@localhost:{port}/postgres?sslmode=require");
    let arguments = ["--store", &url, "--listen", "127.0.0.1:0", "check-config"];
    let good = command(data.path(), &arguments).env("SSL_CERT_FILE", &trusted).output().await.expect("the binary");
    let words = String::from_utf8([good.stdout, good.stderr].concat()).expect("text");
    assert!(good.status.success() && words.contains("there is nothing in postgres://"), "{words}");
    let refused = run(data.path(), &arguments).await;
    let words = String::from_utf8([refused.stdout, refused.stderr].concat()).expect("text");
    assert!(!refused.status.success() && words.contains("certificate"), "{words}");
    drop(server);
}

#[tokio::test]
async fn the_operator_s_commands_say_what_is_so_of_a_database() {
    let url = Postgres::shared().new_database();
    let data = tempfile::tempdir().expect("a directory");
    let command = async |arguments: &[&str]| {
        let output = run(data.path(), &[&["--store", &url], arguments].concat()).await;
        let words = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(words).expect("text"))
    };
    let check = ["--listen", "127.0.0.1:0", "check-config"];
    let (good, words) = command(&check).await;
    assert!(good && words.contains("there is nothing in postgres://postgres@"), "{words}");
    let add = ["account", "add", "grocer", "--name", "Grocer", "--bg-color", "#000000", "--font-color", "#FFFFFF"];
    assert!(command(&add).await.0);
    assert_eq!(command(&["account", "list"]).await, (true, "grocer\tGrocer\n".to_owned()));
    let (good, words) = command(&check).await;
    assert!(good && words.contains("can be reached, and has layout"), "{words}");
    let file = data.path().join("copy");
    let file = file.to_str().expect("a name");
    for (arguments, tool) in [(["backup", "--to", file], "pg_dump"), (["restore", "--from", file], "pg_restore")] {
        let (good, words) = command(&arguments).await;
        assert!(!good && words.contains(tool), "{words}");
    }
    for (store, why) in [
        ("postgres://me:geheim@db.example/db?sslmode=disable", "another machine"),
        ("postgres://me:geheim@/db", "on which host"),
        ("postgres://postgres@/nowhere?host=/no/such/socket", "No such file"),
    ] {
        let output = run(data.path(), &["--store", store, "--listen", "127.0.0.1:0", "check-config"]).await;
        let words = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        assert!(!output.status.success() && words.contains(why) && !words.contains("geheim"), "{words}");
    }
    assert!(matches!(settings(data.path(), &url).location(), Location::Server(_)));
}
