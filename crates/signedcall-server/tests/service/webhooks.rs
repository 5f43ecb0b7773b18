//! Webhooks of the binary: what its commands print, and what outlives its end.

use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use signedcall_server::webhooks::{CallEvent, WebhookSettings, add};
use signedcall_server::{Settings, open_accounts};
use signedcall_wire::{AccountId, CallId, ClientMessage, EndReason, Environment, Request, RequestId, ServiceMessage};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use uuid::Uuid;

use crate::binary::{demo_key, run, start};
use crate::support::{Device, PATIENCE, TestService, hello, new_call};

/// Somebody else's server, that is told of calls.
struct Receiver {
    url: String,
    told: UnboundedReceiver<serde_json::Value>,
    /// Whether it says that it has got something, or leaves whoever has told it waiting.
    answers: Arc<AtomicBool>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/calls", listener.local_addr().expect("it listens"));
        let (tell, told) = unbounded_channel();
        let answers = Arc::new(AtomicBool::new(true));
        let router = Router::new().route("/calls", post(take)).with_state((tell, Arc::clone(&answers)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, told, answers }
    }

    async fn next(&mut self) -> serde_json::Value {
        timeout(PATIENCE, self.told.recv()).await.expect("a delivery").expect("the receiver runs")
    }

    /// Two deliveries, in the order of their ids: in which they come is not promised.
    async fn next_two(&mut self) -> [serde_json::Value; 2] {
        let mut told = [self.next().await, self.next().await];
        told.sort_by_key(|told| told["id"].to_string());
        told
    }
}

async fn take(State((tell, answers)): State<(UnboundedSender<serde_json::Value>, Arc<AtomicBool>)>, body: String) {
    tell.send(serde_json::from_str(&body).expect("JSON")).expect("the test runs");
    if !answers.load(Ordering::SeqCst) {
        pending::<()>().await;
    }
}

/// What a command prints, line by line.
pub(crate) async fn lines(data: &Path, arguments: &[&str]) -> Vec<String> {
    let output = run(data, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

/// Waits until so much of the log of a webhook of the demo account is there: another program writes it, and does not say when.
async fn logged(data: &Path, id: &str, number: usize) -> Vec<String> {
    let look = async {
        loop {
            let log = lines(data, &["webhook", "deliveries", "demo", id]).await;
            if log.len() == number {
                return log;
            }
        }
    };
    timeout(PATIENCE, look).await.expect("it is written down")
}

/// Places a call, and ends it.
async fn call_and_end(caller: &mut Device) -> CallId {
    let (call, request) = new_call("customer_1");
    caller.ask(request).await.expect("a call");
    caller.ask(Request::Hangup { call, reason: EndReason::Cancelled }).await.expect("a call");
    call
}

#[tokio::test]
async fn an_ended_call_is_told_of_though_the_service_was_killed_in_between() {
    let data = tempfile::tempdir().expect("a directory");
    let mut running = start(data.path(), &["--webhooks-to-private-addresses"]).await;
    let mut receiver = Receiver::start().await;
    let near = "--webhooks-to-private-addresses";
    let added = lines(data.path(), &[near, "webhook", "add", "demo", "--environment=development", "--url", &receiver.url]).await;
    let [id, secret] = added[0].split(' ').collect::<Vec<_>>()[..] else { panic!("{added:?}") };
    assert!(id.len() == 12 && secret.starts_with("scw_"), "{added:?}");
    let key = demo_key(data.path());
    let mut caller = Device::sign_in(&running.url, hello(key.clone(), "courier_1")).await;
    let _callee = Device::sign_in(&running.url, hello(key, "customer_1")).await;
    let first = call_and_end(&mut caller).await;
    let ids = |told: &[serde_json::Value; 2]| told.each_ref().map(|told| told["id"].clone());
    let of = |call: CallId| ["call.ended", "call.placed"].map(|event| serde_json::Value::from(format!("{call}:{event}")));
    assert_eq!(ids(&receiver.next_two().await), of(first));
    // What is not written down yet would be told once more.
    logged(data.path(), id, 2).await;

    receiver.answers.store(false, Ordering::SeqCst);
    let second = call_and_end(&mut caller).await;
    let told = receiver.next_two().await;
    running.child.kill().await.expect("it runs");
    receiver.answers.store(true, Ordering::SeqCst);
    let _again = start(data.path(), &[near]).await;
    let again = receiver.next_two().await;
    assert_eq!(again, told, "the same once more, since nobody has said that it has arrived");
    assert_eq!((ids(&again), &again[0]["call"]["end_reason"]["name"]), (of(second), &"CALL_CANCELLED".into()));

    let log = logged(data.path(), id, 4).await;
    assert!(log.iter().all(|line| line.split('\t').nth(2) == Some("200")), "{log:?}");
    lines(data.path(), &["webhook", "redeliver", "demo", id, &format!("{first}:call.ended")]).await;
    assert_eq!(receiver.next().await["id"], format!("{first}:call.ended"));
}

#[tokio::test]
async fn a_call_that_ends_while_the_service_stops_is_told_of_before_it_has_stopped() {
    let near = WebhookSettings { to_private_addresses: true, ..WebhookSettings::default() };
    let service = TestService::start_as(tempfile::tempdir().expect("a directory"), |settings| settings.webhooks = near).await;
    let mut receiver = Receiver::start().await;
    let accounts = open_accounts(&Settings::on_loopback(service.data.path().to_owned())).expect("the store");
    let (demo, environment) = (AccountId("demo".to_owned()), Environment::Development);
    add(&accounts, near, &demo, environment, &receiver.url, &[CallEvent::Ended]).expect("a webhook");
    let (mut caller, callee) = (service.sign_in("courier_1").await, service.sign_in("customer_1").await);
    let (call, request) = new_call("customer_1");
    caller.ask(request).await.expect("a call");
    let stopping = tokio::spawn(service.service.shutdown());
    while !matches!(caller.socket.hear().await, Some(ServiceMessage::Goaway { .. })) {}
    let request = Request::Hangup { call, reason: EndReason::Cancelled };
    caller.socket.say(&ClientMessage::Request { id: RequestId(Uuid::new_v4()), request }).await;
    assert_eq!(receiver.next().await["id"], format!("{call}:call.ended"));
    drop((caller, callee));
    timeout(PATIENCE, stopping).await.expect("everybody has left").expect("a clean stop");
}

#[tokio::test]
async fn webhooks_are_added_listed_changed_and_removed_by_commands() {
    let data = tempfile::tempdir().expect("a directory");
    let grocer = ["account", "add", "grocer", "--name", "Grocer", "--bg-color", "#000000", "--font-color", "#FFFFFF"];
    lines(data.path(), &grocer).await;
    let url = "https://hooks.example/calls";
    let some = ["webhook", "add", "grocer", "--environment", "production", "--url", url, "--events", "call.ended,call.answered"];
    let added = lines(data.path(), &some).await;
    let (id, secret) = added[0].split_once(' ').expect("an id and a secret");
    let listed = lines(data.path(), &["webhook", "list", "grocer"]).await;
    let columns: Vec<_> = listed[0].split('\t').collect();
    assert_eq!((listed.len(), columns[0], columns[1], columns[2]), (1, id, "production", "call.answered,call.ended"));
    assert_eq!(columns[4..], ["-", "-", url], "{listed:?}");
    assert!(!listed[0].contains(secret), "it is shown once");
    let rotated = lines(data.path(), &["webhook", "rotate", "grocer", id]).await;
    assert!(rotated[0].starts_with("scw_") && rotated[0] != secret);
    assert_eq!(lines(data.path(), &["webhook", "deliveries", "grocer", id]).await, [""; 0]);

    let environment = ["--environment", "production", "--url"];
    for (arguments, words) in [
        ([&["webhook", "add", "grocer"][..], &environment, &["http://hooks.example"]].concat(), "https://"),
        ([&["webhook", "add", "grocer"][..], &environment, &["https://10.0.0.1"]].concat(), "public"),
        ([&["webhook", "add", "nobody"][..], &environment, &[url]].concat(), "\"nobody\""),
        ([&["webhook", "add", "grocer"][..], &environment, &[url, "--events", "call.abducted"]].concat(), "call.placed, call.answered"),
        (vec!["webhook", "list", "nobody"], "\"nobody\""),
        (vec!["webhook", "remove", "nobody", id], id),
        (vec!["webhook", "rotate", "grocer", "0123456789ab"], "0123456789ab"),
        (vec!["webhook", "deliveries", "grocer", "0123456789ab"], "0123456789ab"),
        (vec!["webhook", "redeliver", "grocer", id, "3b0c:call.ended"], "3b0c:call.ended"),
    ] {
        let output = run(data.path(), &arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(words), "{arguments:?}: {said}");
    }
    lines(data.path(), &["webhook", "remove", "grocer", id]).await;
    assert_eq!(lines(data.path(), &["webhook", "list", "grocer"]).await, [""; 0]);
}
