//! The outbox and its task, with a sink that speaks HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use signedcall_core::StatusReport;
use signedcall_wire::{
    AccountId, CallId, CallStatus, Channel, Context, Credential, Cuid, DeviceId, Direction, EndReason, PROTOCOL_VERSION, Redacted, RunId,
};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::clevertap::{CleverTap, Uploader};
use super::outbox::Outbox;
use super::sink::{Sink, run};
use super::*;
use crate::events::Listeners;

/// A CleverTap on this machine, that answers with what it is given and tells what it was sent.
struct Site {
    url: String,
    /// A status, and behind a line's end what else is said than that all went well.
    answers: std::sync::mpsc::Sender<&'static str>,
    told: mpsc::UnboundedReceiver<(String, Value)>,
}

impl Site {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let (answers, next_answer) = std::sync::mpsc::channel::<&str>();
        let (tell, told) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut stream = BufReader::new(stream);
                let mut head = String::new();
                while stream.read_line(&mut head).is_ok_and(|length| length > 2) {}
                let head = head.to_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or_default();
                let mut body = vec![0; length];
                stream.read_exact(&mut body).expect("a body");
                drop(tell.send((head, serde_json::from_slice(&body).expect("JSON"))));
                let Ok(status) = next_answer.recv() else { return };
                let (status, answer) =
                    status.split_once('\n').unwrap_or((status, r#"{"status":"success","processed":1,"unprocessed":[]}"#));
                let text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
                drop(stream.get_mut().write_all(text.as_bytes()));
            }
        });
        Self { url, answers, told }
    }

    fn sink(&self) -> Sink {
        let account = CleverTap {
            account_id: "ACC".to_owned(),
            passcode: Redacted::new("PASS".to_owned()),
            region: None,
            base_url: Some(self.url.clone()),
        };
        Sink::CleverTap(Box::new(Uploader::new(&account, &AccountId("acme".to_owned()), "courier_1").expect("an account")))
    }

    async fn next(&mut self) -> (String, Value) {
        tokio::time::timeout(Duration::from_secs(30), self.told.recv()).await.expect("an upload").expect("the site runs")
    }
}

fn report(call: u128, direction: Direction, status: CallStatus) -> StatusReport {
    StatusReport {
        call: CallId(Uuid::from_u128(call)),
        direction,
        status,
        caller: Cuid::new("courier_1").expect("a cuid"),
        caller_name: None,
        callee: Cuid::new("customer_1").expect("a cuid"),
        context: Context::new("Your order").expect("a context"),
        initiator_image: None,
        receiver_image: None,
        channel: Channel::Socket,
        other_device: None,
    }
}

fn event(number: u64) -> AnalyticsEvent {
    AnalyticsEvent {
        call: CallId(Uuid::from_u128(number.into())),
        happened: AnalyticsKind::Outgoing,
        epoch: number,
        context: Context::new("Your order").expect("a context"),
    }
}

fn hello(account: &str, cuid: &str) -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        account_id: AccountId(account.to_owned()),
        credential: Credential::ApiKey(Redacted::default()),
        cuid: cuid.to_owned(),
        name: None,
        environment: Environment::Production,
        device: DeviceId(Uuid::nil()),
        run: RunId(Uuid::nil()),
        device_name: "desk".to_owned(),
        second_calls: false,
    }
}

fn names(body: &Value) -> Vec<String> {
    let records = body["d"].as_array().expect("records");
    records.iter().map(|record| record["evtName"].as_str().expect("a name").to_owned()).collect()
}

fn waiting(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_told_of_in_order_and_what_fails_is_told_again_the_same() {
    let mut site = Site::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("analytics").join("events.jsonl");
    let listeners = Listeners::new();
    let task = tokio::spawn(run(Some(path.clone()), site.sink(), listeners.listen(), watch::channel(()).0));
    listeners.tell(report(1, Direction::Outgoing, CallStatus::Placed));
    let (head, first) = site.next().await;
    assert!(head.starts_with("post /1/upload "), "{head}");
    assert!(head.contains("x-clevertap-account-id: acc\r\n") && head.contains("x-clevertap-passcode: pass\r\n"), "{head}");
    let record = &first["d"][0];
    assert_eq!((&record["identity"], &record["type"], &record["evtName"]), (&"courier_1".into(), &"event".into(), &"SCOutgoing".into()));
    assert_eq!((&record["ts"], &record["evtData"]["callStatus"]), (&record["evtData"]["epoch"], &"CALL_IS_PLACED".into()));
    assert_eq!((&record["evtData"]["accountId"], &record["evtData"]["context"]), (&"acme".into(), &"Your order".into()));
    site.answers.send("503 So").expect("the site runs");
    let (_, again) = site.next().await;
    assert_eq!(again, first);
    for status in [CallStatus::Ringing, CallStatus::Ended(EndReason::Busy)] {
        listeners.tell(report(1, Direction::Outgoing, status));
    }
    site.answers.send("200 So").expect("the site runs");
    let (_, end) = site.next().await;
    assert_eq!(names(&end), ["SCEnd"]);
    let data = &end["d"][0]["evtData"];
    assert_eq!((&data["reason"], &data["reasonCode"]), (&"CALLEE_BUSY_ON_ANOTHER_CALL".into(), &1001.into()));
    site.answers.send("200 So").expect("the site runs");
    listeners.close();
    task.await.expect("the task ends with the line");
    assert_eq!(waiting(&path), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_told_outlives_the_program() {
    let mut site = Site::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    let listeners = Listeners::new();
    let task = tokio::spawn(run(Some(path.clone()), site.sink(), listeners.listen(), watch::channel(()).0));
    listeners.tell(report(1, Direction::Incoming, CallStatus::Placed));
    let (_, first) = site.next().await;
    listeners.tell(report(1, Direction::Incoming, CallStatus::Ended(EndReason::MicrophoneRefused)));
    while waiting(&path) < 2 {
        tokio::task::yield_now().await;
    }
    // As if it were killed in the middle of an upload, and of writing a line.
    task.abort();
    let mut torn = std::fs::OpenOptions::new().append(true).open(&path).expect("the outbox");
    torn.write_all(b"{\"context\":\"Caf\xc3").expect("a disk");

    let mut site = Site::start();
    let listeners = Listeners::new();
    let task = tokio::spawn(run(Some(path.clone()), site.sink(), listeners.listen(), watch::channel(()).0));
    let (_, both) = site.next().await;
    assert_eq!(names(&both), ["SCIncoming", "SCEnd"]);
    assert_eq!(both["d"][0], first["d"][0], "the same key");
    assert_eq!(both["d"][1]["evtData"]["reasonCode"], 1002);
    site.answers.send("200 So").expect("the site runs");
    listeners.close();
    task.await.expect("the task ends with the line");
    assert!(!path.exists());
}

/// Tells of four events, the first of which came first, and gives how many were told each time, beginning with which.
async fn told_with(answers: &[&'static str]) -> (Vec<(u64, usize)>, usize) {
    let mut site = Site::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    let mut outbox = Outbox::open(Some(path.clone())).await;
    (1..=4).for_each(|number| outbox.put(event(number)));
    drop(outbox);
    let listeners = Listeners::new();
    let task = tokio::spawn(run(Some(path.clone()), site.sink(), listeners.listen(), watch::channel(()).0));
    let mut told = Vec::new();
    for answer in answers {
        let (_, body) = site.next().await;
        let records = body["d"].as_array().expect("records");
        told.push((records[0]["ts"].as_u64().expect("a moment"), records.len()));
        site.answers.send(answer).expect("the site runs");
    }
    listeners.close();
    task.await.expect("the task ends with the line");
    (told, waiting(&path))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_wrong_keeps_no_other_back() {
    let wrong = "400 No";
    let (told, left) = told_with(&[wrong, wrong, "200 So", wrong, wrong, "200 So", "200 So"]).await;
    assert_eq!((told, left), (vec![(1, 4), (1, 2), (1, 1), (2, 2), (2, 1), (3, 1), (4, 1)], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_met_an_error_is_told_again_alone() {
    let partial = concat!(
        "200 So\n",
        r#"{"status":"partial","processed":2,"unprocessed":[{"status":"fail","code":512,"record":{}},"#,
        r#"{"status":"fail","code":555,"record":{"evtData":{"idempotencyKey":"00000000-0000-0000-0000-000000000003:SCOutgoing:courier_1"}}}]}"#
    );
    let (told, left) = told_with(&[partial, "200 So"]).await;
    assert_eq!((told, left), (vec![(1, 4), (3, 1)], 0));
}

#[tokio::test]
async fn an_outbox_holds_ten_thousand_events_and_lets_the_oldest_go() {
    let mut outbox = Outbox::open(None).await;
    for number in 0..10_001 {
        outbox.put(event(number));
    }
    let kept = outbox.first(usize::MAX);
    assert_eq!((kept.len(), kept[0].epoch), (9_001, 1_000));
    outbox.remove(&kept[..9_000]);
    assert_eq!(outbox.first(9), [event(10_000)]);
}

#[tokio::test]
async fn what_a_disk_has_not_taken_is_written_as_soon_as_it_takes_something() {
    let folder = tempfile::tempdir().expect("a folder");
    let (inner, path) = (folder.path().join("analytics"), folder.path().join("analytics").join("events.jsonl"));
    let mut outbox = Outbox::open(Some(path.clone())).await;
    std::fs::remove_dir_all(&inner).expect("a disk");
    outbox.put(event(1));
    assert_eq!(waiting(&path), 0);
    std::fs::create_dir(&inner).expect("a disk");
    outbox.put(event(2));
    drop(outbox);
    assert_eq!(Outbox::open(Some(path)).await.first(9), [event(1), event(2)]);
}

#[test]
fn who_tells_whom_of_whom_has_a_file_of_their_own() {
    let sink = |url: &str| ["service".to_owned(), url.to_owned(), String::new()];
    let names = [
        file_name(&sink("wss://a.example"), &hello("acme", "courier_1")),
        file_name(&sink("wss://b.example"), &hello("acme", "courier_1")),
        file_name(&sink("wss://a.example"), &hello("acme", "Courier_1")),
        file_name(&sink("wss://a.example"), &hello("acm", "ecourier_1")),
    ];
    assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{names:?}");
    assert_eq!(names[0], file_name(&sink("wss://a.example"), &hello("acme", "courier_1")));
}

#[test]
fn without_analytics_nothing_is_initialised() {
    assert_eq!(Analytics::check(None).expect_err("it is required").code, ErrorCode::ClevertapInstanceRequired);
    let nowhere = Analytics::CleverTap(CleverTap::default());
    assert_eq!(Analytics::check(Some(&nowhere)).expect_err("it lies nowhere").code, ErrorCode::ClevertapUrlNotAvailable);
    assert!(Analytics::check(Some(&Analytics::Local)).is_ok());
}
