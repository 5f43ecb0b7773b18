use std::collections::BTreeSet;

use super::*;
use crate::store::{Alarm, Due, Tried};

on_each_store_at_once![
    each_webhook_is_told_once_of_what_it_wants_to_know,
    the_end_of_a_call_waits_three_seconds_for_how_it_sounded,
    a_record_and_what_is_told_of_it_are_written_together_or_not_at_all,
    what_has_failed_is_due_again_later_and_what_is_done_is_not,
    somebody_is_told_of_a_webhook_that_keeps_failing_and_when_it_works_again,
    a_receiver_that_is_gone_is_told_nothing_more,
    the_last_thousand_tries_are_kept_and_what_they_were_about,
    what_a_webhook_was_not_told_for_a_day_is_let_go_if_it_has_failed_for_as_long,
    what_is_given_up_alone_is_said_too_unless_nobody_is_told_anything_any_more,
    what_is_too_old_is_let_go_in_portions,
    a_secret_is_signed_with_for_a_day_after_the_next,
    an_account_has_eight_webhooks_in_an_environment,
];

/// What is due at a moment for all webhooks, by the names of its events.
fn due_at(store: &Store, now: SystemTime) -> Vec<Due> {
    let outbox = open_outbox(&store.at);
    let webhooks = outbox.with_something_due(now).expect("a good store");
    webhooks.iter().flat_map(|webhook| outbox.due(webhook, now, 99, &BTreeSet::new()).expect("a good store")).collect()
}

fn kind(due: &Due) -> String {
    let body: serde_json::Value = serde_json::from_str(&due.body).expect("JSON");
    format!("{} {}", due.webhook.0, body["type"].as_str().expect("a type"))
}

fn kinds_at(store: &Store, now: SystemTime) -> Vec<String> {
    due_at(store, now).iter().map(kind).collect()
}

fn tried(due: &Due, at: SystemTime, status: u16, next: Next) -> Tried {
    let (number, webhook, took) = (due.number, due.webhook.clone(), Duration::from_millis(20));
    Tried { number, webhook, at, took, status: Some(status), error: Some("in words".to_owned()), next }
}

const AGAIN: Next = Next::Again { after: Duration::from_secs(60), rest: false };

async fn each_webhook_is_told_once_of_what_it_wants_to_know(store: &TestStore) {
    let mut store = Store::begin(store);
    let now = SystemTime::now();
    let (all, _) = store.add("https://all.example", &CallEvent::ALL);
    let (ends, _) = store.add("https://ends.example", &[CallEvent::Ended]);
    let elsewhere = add(&store.accounts, NEAR, &demo_account().id, Environment::Development, "https://else.example", &CallEvent::ALL);
    elsewhere.expect("a webhook");
    store.place(1, now).await;
    assert_eq!(kinds_at(&store, now), [format!("{} call.placed", all.0)]);
    store.answer(1, now).await;
    // As when it is held.
    store.answer(1, now).await;
    assert_eq!(kinds_at(&store, now), ["placed", "answered"].map(|what| format!("{} call.{what}", all.0)));
    store.end(1, true, now).await;
    store.end(1, true, now).await;
    let mut expected: Vec<_> = ["placed", "answered", "ended"].map(|what| format!("{} call.{what}", all.0)).to_vec();
    expected.push(format!("{} call.ended", ends.0));
    expected.sort();
    let mut told = kinds_at(&store, now + Duration::from_secs(3));
    told.sort();
    assert_eq!(told, expected);
}

async fn the_end_of_a_call_waits_three_seconds_for_how_it_sounded(store: &TestStore) {
    let mut store = Store::begin(store);
    let now = SystemTime::now();
    store.add("https://ends.example", &[CallEvent::Ended]);
    for call in 1..=3 {
        store.place(call, now).await;
    }
    store.end(1, false, now).await;
    assert_eq!(due_at(&store, now).len(), 1, "nobody has talked in it");
    store.end(2, true, now).await;
    store.end(3, true, now).await;
    store.records.keep_report(report(2, "courier_1", 1));
    store.settle().await;
    assert_eq!(due_at(&store, now).len(), 1, "the other side has not said so");
    store.records.keep_report(report(2, "customer_1", 2));
    store.settle().await;
    let due = due_at(&store, now);
    assert_eq!(due.len(), 2);
    assert!(due.iter().any(|due| due.body.contains("caller_quality") && due.body.contains("callee_quality")), "{due:?}");
    assert_eq!(due_at(&store, now + Duration::from_millis(2_999)).len(), 2);
    assert_eq!(due_at(&store, now + Duration::from_secs(3)).len(), 3);
}

async fn a_record_and_what_is_told_of_it_are_written_together_or_not_at_all(store: &TestStore) {
    let (data, mut store) = (store, Store::begin(store));
    let now = SystemTime::now();
    store.add("https://ends.example", &[CallEvent::Ended]);
    store.place(1, now).await;
    data.run("ALTER TABLE deliveries RENAME TO hidden");
    store.records.close(closing(1, false), now);
    store.records.open(opening(2), now);
    assert_eq!(store.written.recv().await, Some(Written::NotOpened { call: id(2) }), "written together with the end");
    let ended = || data.number("SELECT count(*) FROM calls WHERE ended_at_ms IS NOT NULL");
    assert_eq!(ended(), 0);
    data.run("ALTER TABLE hidden RENAME TO deliveries");
    store.settle().await;
    assert_eq!((ended(), due_at(&store, now).len()), (1, 1));
}

async fn what_has_failed_is_due_again_later_and_what_is_done_is_not(store: &TestStore) {
    let mut store = Store::begin(store);
    let now = SystemTime::now();
    store.add("https://all.example", &[CallEvent::Placed]);
    store.place(1, now).await;
    store.place(2, now).await;
    let due = due_at(&store, now);
    let outbox = open_outbox(&store.at);
    let written = [tried(&due[0], now, 200, Next::Done), tried(&due[1], now, 500, AGAIN)];
    assert_eq!(outbox.write(&written, now).expect("a good store"), []);
    let again = now + Duration::from_secs(60) + Duration::from_millis(20);
    assert_eq!(due_at(&store, again - Duration::from_millis(1)), []);
    let later = due_at(&store, again);
    assert_eq!(later.iter().map(|due| (due.number, due.tries)).collect::<Vec<_>>(), [(due[1].number, 1)]);
    assert_eq!(later[0].left(now), KEPT_TRYING_FOR);
}

async fn somebody_is_told_of_a_webhook_that_keeps_failing_and_when_it_works_again(store: &TestStore) {
    let mut store = Store::begin(store);
    let now = SystemTime::now();
    let (id, _) = store.add("https://all.example", &[CallEvent::Placed]);
    store.place(1, now).await;
    let due = due_at(&store, now).remove(0);
    let outbox = open_outbox(&store.at);
    let fail = |at| outbox.write(&[tried(&due, at, 500, AGAIN)], at).expect("a good store");
    for _ in 0..4 {
        assert_eq!(fail(now), []);
    }
    let told = fail(now);
    let [Alarm::Failing { webhook, failures: 5, error, .. }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((webhook, error.as_str()), (&id, "it answers 500"));
    assert_eq!(fail(now + Duration::from_secs(3600) - Duration::from_millis(1)), []);
    assert_eq!(fail(now + Duration::from_secs(3600)).len(), 1, "told again each hour");
    assert!(list(&store.accounts, &demo_account().id).expect("an account")[0].failing_since.is_some());
    let recovered = outbox.write(&[tried(&due, now, 200, Next::Done)], now).expect("a good store");
    assert_eq!(recovered, [Alarm::Recovered { webhook: id, failures: 7 }]);
    assert_eq!(list(&store.accounts, &demo_account().id).expect("an account")[0].failing_since, None);
}

async fn a_receiver_that_is_gone_is_told_nothing_more(store: &TestStore) {
    let (data, mut store) = (store, Store::begin(store));
    let now = SystemTime::now();
    let (id, _) = store.add("https://all.example", &[CallEvent::Placed]);
    for call in 1..=3 {
        store.place(call, now).await;
    }
    let due = due_at(&store, now);
    let outbox = open_outbox(&store.at);
    // One of them is still under way when another is answered so.
    let told = outbox.write(&[tried(&due[0], now, 410, Next::SwitchOff), tried(&due[1], now, 500, AGAIN)], now);
    assert_eq!(told.expect("a good store"), [Alarm::Off { webhook: id.clone() }]);
    store.place(4, now).await;
    let day = now + KEPT_TRYING_FOR;
    assert_eq!(due_at(&store, day), []);
    let waiting = "SELECT count(*) FROM deliveries WHERE due_at_ms IS NOT NULL OR call LIKE '%4'";
    assert_eq!(data.number(waiting), 0);
    let account = demo_account().id;
    assert!(list(&store.accounts, &account).expect("an account")[0].off_since.is_some());
    let logged = deliveries(&store.accounts, &account, &id).expect("a webhook");
    let refused = redeliver(&store.accounts, &account, &id, &logged[0].id).expect_err("it is off");
    assert!(matches!(refused, WebhookError::Off), "{refused}");
}

async fn the_last_thousand_tries_are_kept_and_what_they_were_about(store: &TestStore) {
    let mut store = Store::begin(store);
    let now = SystemTime::now();
    let (id, _) = store.add("https://all.example", &[CallEvent::Placed]);
    store.place(1, now).await;
    store.place(2, now).await;
    let due = due_at(&store, now);
    let outbox = open_outbox(&store.at);
    let mut done = vec![tried(&due[0], now, 200, Next::Done)];
    done.extend((0..1_000).map(|_| tried(&due[1], now, 500, AGAIN)));
    outbox.write(&done, now).expect("a good store");
    let account = demo_account().id;
    let logged = deliveries(&store.accounts, &account, &id).expect("a webhook");
    assert_eq!(logged.len(), 1_000);
    let last = logged.last().expect("a thousand");
    assert_eq!((last.status, last.took, last.error.as_deref()), (Some(500), Duration::from_millis(20), Some("in words")));
    let of = |call: u128| format!("{}:call.placed", super::id(call));
    assert_eq!(last.id, of(2));
    let refused = redeliver(&store.accounts, &account, &id, &of(1)).expect_err("it is not in the log any more");
    assert!(matches!(refused, WebhookError::UnknownDelivery(_)), "{refused}");
    redeliver(&store.accounts, &account, &id, &of(2)).expect("it is in the log");
    assert_eq!(due_at(&store, SystemTime::now()).iter().map(|due| due.tries).collect::<Vec<_>>(), [0]);
}

async fn what_a_webhook_was_not_told_for_a_day_is_let_go_if_it_has_failed_for_as_long(store: &TestStore) {
    let mut store = Store::begin(store);
    let now = SystemTime::now();
    let (id, _) = store.add("https://all.example", &[CallEvent::Placed]);
    for call in 1..=3 {
        store.place(call, now).await;
    }
    let due = due_at(&store, now);
    let outbox = open_outbox(&store.at);
    let day = now + KEPT_TRYING_FOR;
    assert_eq!(outbox.write(&[tried(&due[0], now + Duration::from_millis(1), 500, AGAIN)], day).expect("a good store"), []);
    assert_eq!(due_at(&store, day).len(), 3, "a service that was stopped for a day tells it late");
    let told = outbox.write(&[tried(&due[0], day, 500, Next::GiveUp)], day + Duration::from_millis(1)).expect("a good store");
    assert_eq!(told, [Alarm::Lost { webhook: id, deliveries: 3 }]);
    assert_eq!(due_at(&store, day + KEPT_TRYING_FOR), []);
}

async fn what_is_given_up_alone_is_said_too_unless_nobody_is_told_anything_any_more(store: &TestStore) {
    let mut store = Store::begin(store);
    let now = SystemTime::now();
    let (id, _) = store.add("https://all.example", &[CallEvent::Placed]);
    for call in 1..=2 {
        store.place(call, now).await;
    }
    let due = due_at(&store, now);
    let outbox = open_outbox(&store.at);
    let told = outbox.write(&[tried(&due[0], now, 500, Next::GiveUp), tried(&due[1], now, 200, Next::Done)], now);
    assert_eq!(told.expect("a good store"), [Alarm::Lost { webhook: id.clone(), deliveries: 1 }]);
    remove(&store.accounts, &demo_account().id, &id).expect("a webhook");
    assert_eq!(outbox.write(&[tried(&due[1], now, 500, Next::GiveUp)], now).expect("a good store"), []);
}

async fn what_is_too_old_is_let_go_in_portions(store: &TestStore) {
    let (data, mut store) = (store, Store::begin(store));
    let now = SystemTime::now();
    let (id, _) = store.add("https://all.example", &[CallEvent::Placed]);
    store.place(1, now).await;
    let due = due_at(&store, now).remove(0);
    let many = "WITH RECURSIVE many (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 1300)";
    let log = "INSERT INTO delivery_log (webhook, delivery, at_ms, took_ms) SELECT webhook, number, 1, 1 FROM deliveries, many";
    let deliveries = "INSERT INTO deliveries (webhook, call, event, due_at_ms, until_ms)
                      SELECT webhook, call, 'call.' || n, 1, 2 FROM deliveries, many WHERE n <= 300";
    for insert in [log, deliveries] {
        data.run(&format!("{many} {insert}"));
    }
    data.run("UPDATE webhooks SET failing_since_ms = 1");
    let count = |table: &str| data.number(&format!("SELECT count(*) FROM {table}"));
    let outbox = open_outbox(&store.at);
    for (lost, deliveries, logged) in [(200, 101, 1_101), (100, 1, 1_000)] {
        let told = outbox.write(&[tried(&due, now, 500, AGAIN)], now).expect("a good store");
        assert_eq!(told, [Alarm::Lost { webhook: id.clone(), deliveries: lost }]);
        assert_eq!((count("deliveries"), count("delivery_log")), (deliveries, logged));
    }
}

#[tokio::test]
async fn a_webhook_is_removed_without_a_look_at_what_others_were_told() {
    let store = Store::new();
    let sql = store.sql();
    for table in ["deliveries", "delivery_log"] {
        let plan = format!("EXPLAIN QUERY PLAN DELETE FROM {table} WHERE webhook = ?");
        let plan: String = sql.query_row(&plan, ["a"], |row| row.get("detail")).expect("a plan");
        assert!(plan.starts_with("SEARCH"), "{plan}");
    }
}

async fn a_secret_is_signed_with_for_a_day_after_the_next(store: &TestStore) {
    let mut store = Store::begin(store);
    let now = SystemTime::now();
    let (id, first) = store.add("https://all.example", &[CallEvent::Placed]);
    store.place(1, now).await;
    let account = demo_account().id;
    assert_eq!(due_at(&store, now)[0].secrets, std::slice::from_ref(&first));
    let second = rotate(&store.accounts, &account, &id).expect("a webhook");
    assert_eq!(due_at(&store, now)[0].secrets, [second.clone(), first]);
    assert_eq!(due_at(&store, SystemTime::now() + KEPT_TRYING_FOR)[0].secrets, [second]);
    remove(&store.accounts, &account, &id).expect("a webhook");
    assert_eq!(due_at(&store, now), []);
    let refused = rotate(&store.accounts, &account, &id).expect_err("it is gone");
    assert!(matches!(refused, WebhookError::Unknown { .. }), "{refused}");
}

async fn an_account_has_eight_webhooks_in_an_environment(store: &TestStore) {
    let accounts = Accounts::open(store.at()).expect("a new store");
    account::add(&accounts, &demo_account()).expect("a new account");
    let one = |environment| add(&accounts, NEAR, &demo_account().id, environment, "https://all.example", &CallEvent::ALL);
    for _ in 0..MAX_WEBHOOKS {
        one(Environment::Production).expect("room");
    }
    assert!(matches!(one(Environment::Production), Err(WebhookError::TooMany)));
    one(Environment::Development).expect("room");
}

#[tokio::test]
async fn of_two_services_one_has_a_delivery_at_a_time_and_the_other_should_the_first_not_come_back() {
    let data = TestStore::on_postgres();
    let mut store = Store::begin(&data);
    let now = SystemTime::now();
    store.add("https://ends.example", &[CallEvent::Ended]);
    store.place(1, now).await;
    store.answer(1, now).await;
    store.end(1, true, now).await;
    let later = now + Duration::from_secs(3);
    let due = due_at(&store, later);
    assert_eq!(due.len(), 1);
    let services = [open_outbox(&store.at), open_outbox(&store.at)];
    let taken = services.map(|outbox| outbox.take(due.clone(), later).expect("a good store").len());
    assert_eq!(taken, [1, 0]);
    // What devices say meanwhile comes too late to be told with it.
    for report in [report(1, "courier_1", 1), report(1, "customer_1", 2)] {
        store.records.keep_report(report);
    }
    store.settle().await;
    assert_eq!(due_at(&store, later + Duration::from_secs(59)), []);
    assert_eq!(due_at(&store, later + Duration::from_secs(60)).len(), 1);
}
