use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::receiver::{Answer, Received, Receiver};
use super::*;
use crate::webhooks::sender::deliver_by;
use crate::webhooks::signature::signature;

fn start(store: &Store) -> JoinHandle<()> {
    start_with(store, NEAR)
}

fn start_with(store: &Store, settings: WebhookSettings) -> JoinHandle<()> {
    let client = Client::trusting(&crate::outward::Trust::of(rustls::RootCertStore::empty()), settings);
    tokio::spawn(deliver_by(client, open_outbox(&store.at), Arc::clone(&store.filled)))
}

fn json(received: &Received) -> serde_json::Value {
    serde_json::from_str(&received.body).expect("JSON")
}

/// Waits until so much of the log of a webhook is there.
async fn logged(store: &Store, id: &WebhookId, at_least: usize) -> Vec<Delivery> {
    let look = async {
        loop {
            let log = deliveries(&store.accounts, &demo_account().id, id).expect("a webhook");
            if log.len() >= at_least {
                return log;
            }
            // Nobody says when the other connection has written.
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), look).await.expect("it is written down")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_told_of_from_its_beginning_to_its_end() {
    let mut store = Store::new();
    let mut receiver = Receiver::start(Answer::status(200)).await;
    let (id, secret) = store.add(&receiver.url(), &CallEvent::ALL);
    let sending = start(&store);
    store.place(1, SystemTime::now()).await;
    assert_eq!(json(&receiver.next().await)["type"], "call.placed");
    store.answer(1, SystemTime::now()).await;
    assert_eq!(json(&receiver.next().await)["type"], "call.answered");
    store.end(1, true, SystemTime::now()).await;
    store.records.keep_report(report(1, "courier_1", 1));
    store.records.keep_report(report(1, "customer_1", 2));
    let end = receiver.next().await;
    let told = json(&end);
    assert_eq!((&told["type"], &told["call"]["end_reason"]["name"]), (&"call.ended".into(), &"CALL_OVER".into()));
    assert_eq!(told["call"]["callee_quality"]["mos"], 430);
    let header = end.header("signed-call-signature");
    let at = header.split(',').next().and_then(|t| t.strip_prefix("t=")?.parse().ok()).expect("a moment");
    assert_eq!(header, signature(&[secret], at, &end.body));
    let log = logged(&store, &id, 3).await;
    assert!(log.iter().all(|delivery| delivery.status == Some(200) && delivery.error.is_none()), "{log:?}");
    sending.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_receiver_has_four_deliveries_at_once_and_holds_nobody_up() {
    let mut store = Store::new();
    let permitted = Arc::new(Semaphore::new(0));
    let mut slow = Receiver::start(Answer::When(Arc::clone(&permitted))).await;
    let mut quick = Receiver::start(Answer::status(200)).await;
    let (slow_id, _) = store.add(&slow.url(), &[CallEvent::Placed]);
    store.add(&quick.url(), &[CallEvent::Placed]);
    // Some are held for as long as all the others take.
    let sending = start_with(&store, WebhookSettings { answer_within: Duration::from_secs(60), ..NEAR });
    for call in 1..=20 {
        store.place(call, SystemTime::now()).await;
    }
    for _ in 1..=20 {
        quick.next().await;
    }
    for _ in 0..4 {
        slow.next().await;
    }
    assert!(slow.received.try_recv().is_err(), "the others wait for one of these to be answered");
    permitted.add_permits(20);
    for _ in 4..20 {
        slow.next().await;
    }
    let log = logged(&store, &slow_id, 20).await;
    let different: std::collections::BTreeSet<_> = log.iter().map(|delivery| &delivery.id).collect();
    assert_eq!((log.len(), different.len()), (20, 20), "each once");
    sending.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_asks_to_be_left_alone_is() {
    let mut store = Store::new();
    let rest = "HTTP/1.1 429 So\r\nretry-after: 600\r\ncontent-length: 0\r\n\r\n";
    let mut busy = Receiver::start(Answer::Text(rest.to_owned())).await;
    let mut other = Receiver::start(Answer::status(200)).await;
    let (id, _) = store.add(&busy.url(), &[CallEvent::Placed]);
    let (other_id, _) = store.add(&other.url(), &[CallEvent::Placed]);
    let sending = start(&store);
    store.place(1, SystemTime::now()).await;
    busy.next().await;
    logged(&store, &id, 1).await;
    other.next().await;
    // By the time that the third is told of, both might have been told of the second.
    for call in 2..=3 {
        store.place(call, SystemTime::now()).await;
        other.next().await;
        logged(&store, &other_id, call as usize).await;
    }
    assert!(busy.received.try_recv().is_err());
    let untried = "SELECT count(*) FROM deliveries WHERE webhook = ? AND tries = 0 AND due_at_ms IS NOT NULL";
    assert_eq!(store.sql().query_row(untried, [&id.0], |row| row.get::<_, u32>(0)).expect("a store"), 2);
    let due: i64 = store
        .sql()
        .query_row("SELECT due_at_ms - until_ms + 86400000 FROM deliveries WHERE tries = 1 AND due_at_ms IS NOT NULL", [], |row| row.get(0))
        .expect("it is due again");
    assert!((600_000..630_000).contains(&due), "{due}");
    sending.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_failed_is_told_again_under_the_same_id() {
    let mut store = Store::new();
    let mut receiver = Receiver::start(Answer::status(500)).await;
    let (id, _) = store.add(&receiver.url(), &[CallEvent::Placed]);
    let sending = start(&store);
    store.place(1, SystemTime::now()).await;
    let first = receiver.next().await;
    logged(&store, &id, 1).await;
    receiver.answer.send_replace(Answer::status(200));
    // As if the minute were over.
    store.sql().execute_batch("UPDATE deliveries SET due_at_ms = 0").expect("a store");
    assert_eq!(receiver.next().await.body, first.body);
    let log = logged(&store, &id, 2).await;
    assert_eq!(log.iter().map(|delivery| delivery.status).collect::<Vec<_>>(), [Some(500), Some(200)]);
    redeliver(&store.accounts, &demo_account().id, &id, &log[0].id).expect("it is in the log");
    assert_eq!(receiver.next().await.body, first.body);
    sending.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_down_is_not_sent_again_and_again() {
    let mut store = Store::new();
    let mut receiver = Receiver::start(Answer::status(200)).await;
    let (id, _) = store.add(&receiver.url(), &[CallEvent::Placed]);
    store
        .sql()
        .execute_batch("CREATE TRIGGER full BEFORE INSERT ON delivery_log BEGIN SELECT RAISE(ABORT, 'no room'); END")
        .expect("a store");
    let sending = start(&store);
    for call in 1..=3 {
        store.place(call, SystemTime::now()).await;
        assert_eq!(json(&receiver.next().await)["call"]["id"], super::id(call).to_string());
    }
    assert!(receiver.received.try_recv().is_err());
    store.sql().execute_batch("DROP TRIGGER full").expect("a store");
    assert_eq!(logged(&store, &id, 3).await.len(), 3);
    sending.abort();
}
