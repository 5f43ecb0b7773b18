//! A disk that fills up under a running service, and has room again.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use signedcall_server::store::read_records;
use signedcall_server::{STORE_FILE, Settings, serve};
use signedcall_wire::{CallId, EndReason, ErrorCode, Request, ServiceEvent};

use crate::dashboard::browser::{Browser, PASSWORD, refusal};
use crate::operator::get;
use crate::support::{Device, PATIENCE, hello, new_call, proves_nothing};

/// A disk of a few megabytes, which only root can make.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a directory");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=96m", "none"]).arg(folder.path()).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that there is.
    fn fill(&self) {
        let mut filler = std::fs::File::create(self.path().join("filler")).expect("a file");
        for size in [1 << 20, 1 << 12, 1] {
            while filler.write(&vec![0; size]).is_ok_and(|written| written > 0) {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.path().join("filler")).expect("a file");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whatever a failed test has left open there goes with it.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Places a call and takes it back, and says which it was, unless the service has refused it.
async fn try_call(caller: &mut Device) -> Result<CallId, ErrorCode> {
    let (call, request) = new_call("customer_2");
    caller.ask(request).await?;
    caller.ask(Request::Hangup { call, reason: EndReason::Cancelled }).await.expect("it rings");
    while !matches!(caller.event().await, ServiceEvent::Ended { call: ended, .. } if ended == call) {}
    Ok(call)
}

#[tokio::test]
async fn a_full_disk_refuses_calls_in_words_ends_none_and_loses_none() {
    let Some(disk) = Disk::new() else {
        return proves_nothing("only root can mount a small disk, so that it is not filled up here");
    };
    let data = disk.path().join("data");
    let operator_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let service = serve(Settings { operator_listen, ..Settings::on_loopback(data.clone()) }, None).await.expect("a service");
    let operator = service.operator_address().expect("it was asked for");
    let sign_in = async |cuid| Device::sign_in(&service.url(), hello(service.demo_key().expect("a demo account").clone(), cuid)).await;
    let (mut caller, mut callee) = (sign_in("courier_1").await, sign_in("customer_1").await);
    let (mut other, _called) = (sign_in("courier_2").await, sign_in("customer_2").await);
    let (talk, request) = new_call("customer_1");
    caller.ask(request).await.expect("a call");
    callee.ask(Request::Accept { call: talk }).await.expect("it rings");
    let mut reasons = BTreeMap::from([(talk.to_string(), Some(EndReason::HungUp.number()))]);

    disk.fill();
    // There may be room left within the store's own files.
    let full = async {
        loop {
            match try_call(&mut other).await {
                Ok(call) => drop(reasons.insert(call.to_string(), Some(EndReason::Cancelled.number()))),
                Err(code) => break code,
            }
        }
    };
    let code = tokio::time::timeout(PATIENCE, full).await.expect("the disk is full");
    assert_eq!(code, ErrorCode::ServerFailure);
    let (status, _, words) = get(operator, "/readyz").await;
    assert!(status == 503 && words.contains("bytes of room left"), "{status} {words}");
    caller.ask(Request::Hold { call: talk, on: true }).await.expect("it goes on");
    while !matches!(callee.event().await, ServiceEvent::Held { call, .. } if call == talk) {}
    caller.ask(Request::Hangup { call: talk, reason: EndReason::HungUp }).await.expect("it goes on");
    while !matches!(callee.event().await, ServiceEvent::Ended { call, .. } if call == talk) {}

    disk.make_room();
    let again = async {
        loop {
            match try_call(&mut other).await {
                Ok(call) => break call,
                Err(code) => assert_eq!(code, ErrorCode::ServerFailure),
            }
        }
    };
    let call = tokio::time::timeout(PATIENCE, again).await.expect("there is room");
    reasons.insert(call.to_string(), Some(EndReason::Cancelled.number()));
    assert_eq!(get(operator, "/readyz").await.0, 200);
    service.shutdown().await;
    let records = read_records(&data.join(STORE_FILE)).expect("a good store");
    assert_eq!(records.len(), reasons.len(), "each is there once");
    assert_eq!(records.into_iter().map(|record| (record.call, record.end_reason)).collect::<BTreeMap<_, _>>(), reasons);
}

#[tokio::test]
async fn a_full_disk_leaves_the_dashboard_s_pages_readable_and_refuses_in_words_what_writes() {
    let Some(disk) = Disk::new() else {
        return proves_nothing("only root can mount a small disk, so that it is not filled up here");
    };
    let data = disk.path().join("data");
    let dashboard_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let service = serve(Settings { dashboard_listen, ..Settings::on_loopback(data.clone()) }, None).await.expect("a service");
    let link = service.first_link().expect("nobody can sign in").expose().rsplit_once("/#/link/").expect("a link").1.to_owned();
    let mut browser = Browser { address: service.dashboard_address().expect("it was asked for"), cookie: None, familiar: None };
    assert_eq!(browser.post("/api/link/password", &json!({"link": link, "password": PASSWORD})).await.status, 200);
    // So long ago that it is to be noted that somebody does something.
    let store = rusqlite::Connection::open(data.join(STORE_FILE)).expect("the store");
    store.execute("UPDATE operator_sessions SET seen_at_ms = seen_at_ms - 600000", []).expect("a session");
    drop(store);

    disk.fill();
    let (keys, policy) = ("/api/accounts/demo/environments/production/keys", "/api/accounts/demo/policy");
    let full = async {
        let mut last = 0;
        loop {
            last += 1;
            let body = json!({"relay_only": last % 2 == 0, "single_device": false});
            let answer = browser.put(policy, &body).await;
            if answer.status != 200 {
                break refusal(&answer);
            }
        }
    };
    let refused = tokio::time::timeout(PATIENCE, full).await.expect("the disk is full");
    assert_eq!(refused, (507, "no_room".to_owned(), None));
    assert_eq!(refusal(&browser.post(keys, &json!({})).await).1, "no_room");
    let blocked = browser.put("/api/accounts/demo/environments/production/v1/blocked/courier_1", &json!({})).await;
    assert_eq!(refusal(&blocked).1, "no_room");
    let mut other = Browser { cookie: None, ..browser.clone() };
    let sign_in = json!({"name": "admin", "password": PASSWORD});
    assert_eq!(refusal(&other.post("/api/sign-in", &sign_in).await).1, "no_room");
    for path in [
        "/",
        "/api/me",
        "/api/accounts",
        "/api/accounts/demo/keys",
        "/api/accounts/demo/webhooks",
        "/api/accounts/demo/environments/production/v1/calls",
        "/api/accounts/demo/environments/production/v1/branding",
        "/api/accounts/demo/environments/production/figures?since=2026-11-26T00:00:00Z&until=2026-11-27T00:00:00Z&every=hour",
        "/api/audit",
        "/api/health",
    ] {
        let answer = browser.get(path).await;
        assert!(answer.status == 200 || path == "/", "{path}: {answer:?}");
    }
    let kept = browser.clone();
    assert_eq!(browser.post("/api/sign-out", &json!({})).await.status, 204);
    assert!(!kept.is_signed_in().await, "a session is over though that cannot be written down");

    disk.make_room();
    let again = async { while browser.post("/api/sign-in", &sign_in).await.status != 200 {} };
    tokio::time::timeout(PATIENCE, again).await.expect("there is room");
    assert_eq!(browser.post(keys, &json!({})).await.status, 200);
    service.shutdown().await;
}
