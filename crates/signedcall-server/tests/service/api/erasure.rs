//! Users who are erased, and records that are not kept.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use signedcall_server::STORE_FILE;
use signedcall_wire::{EndReason, Request};

use super::backend::Backend;
use crate::support::{PATIENCE, TestService, in_time};

/// Every call of a user, the newest first.
async fn calls_of(backend: &Backend, cuid: &str) -> Vec<Value> {
    let page = backend.get(&format!("/v1/calls?limit=200&cuid={cuid}")).await.json();
    page["calls"].as_array().expect("calls").clone()
}

/// Everything of a call but who was in it.
fn figures(call: &Value) -> [&Value; 4] {
    [&call["id"], &call["placed_at"], &call["ended_at"], &call["end_reason"]]
}

#[tokio::test]
async fn nothing_says_any_more_who_an_erased_user_was_and_all_figures_stay() {
    let backend = Backend::start().await;
    backend.have_called("courier_8842", "customer_1", EndReason::HungUp, 1_000, 120);
    backend.have_called("customer_1", "courier_8842", EndReason::Missed, 2_000, 60);
    backend.have_called("courier_2", "customer_1", EndReason::Busy, 3_000, 1);
    let before = calls_of(&backend, "customer_1").await;
    let elsewhere = "UPDATE calls SET environment = 'development' WHERE id = ?";
    let other = backend.have_called("courier_8842", "customer_1", EndReason::HungUp, 4_000, 1)[0];
    backend.store().execute(elsewhere, [other.to_string()]).expect("a record");

    assert_eq!(backend.delete("/v1/users/courier_8842").await.status, 202);
    in_time(async { while !calls_of(&backend, "courier_8842").await.is_empty() {} }).await;
    let after = calls_of(&backend, "customer_1").await;
    assert_eq!(after.iter().map(figures).collect::<Vec<_>>(), before.iter().map(figures).collect::<Vec<_>>());
    let mut pseudonyms = BTreeSet::new();
    for (before, after) in before.iter().zip(&after) {
        let side = if before["caller"] == "customer_1" { "callee" } else { "caller" };
        if before[side] == "courier_8842" {
            pseudonyms.insert(after[side].as_str().expect("a pseudonym"));
            assert_eq!(after["context"], Value::Null);
        } else {
            assert_eq!(after, before, "another user's");
        }
    }
    let pseudonym = pseudonyms.pop_first().expect("one");
    assert!(pseudonyms.is_empty() && pseudonym.starts_with("erased_"), "{pseudonym}");
    assert_eq!(calls_of(&backend, pseudonym).await.len(), 180, "they are still one user's");
    let found = backend.ask_by(&backend.development, "GET", "/v1/calls?cuid=courier_8842", None).await.json();
    assert_eq!(found["calls"][0]["id"], json!(other.to_string()), "the other environment's user of the same id is another");
}

#[tokio::test]
async fn the_file_holds_nothing_of_an_erased_user_either() {
    let backend = Backend::start().await;
    backend.have_called("courier_8842", "customer_1", EndReason::HungUp, 1_000, 300);
    let note = "INSERT INTO audit_log (at_ms, operator, action, account, environment, subject, outcome)
                VALUES (1, 'admin', 'block_user', ?, 'production', 'courier_8842', 'done')";
    backend.store().execute(note, [&backend.account.0]).expect("an entry");
    assert_eq!(backend.delete("/v1/users/courier_8842").await.status, 202);
    in_time(async { while !calls_of(&backend, "courier_8842").await.is_empty() {} }).await;
    // The note of what is to be done is there for half a minute longer.
    backend.store().execute_batch("UPDATE erasures SET until_ms = 0").expect("the store");
    let left = || backend.store().query_row("SELECT count(*) FROM erasures", [], |row| row.get::<_, u32>(0)).expect("a number");
    let done = async {
        while left() > 0 {
            tokio::task::yield_now().await;
        }
    };
    in_time(done).await;
    let Backend { service: TestService { service, data }, accounts, .. } = backend;
    service.shutdown().await;
    drop(accounts);
    let store = rusqlite::Connection::open(data.path().join(STORE_FILE)).expect("the store");
    // Somebody may be about to read still, or to close the store, which empties its log as well: that is not waited for by itself.
    store.busy_timeout(PATIENCE).expect("the store");
    let is_busy = || store.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0)).expect("a checkpoint");
    in_time(async {
        while is_busy() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(store);
    for file in std::fs::read_dir(data.path()).expect("the directory") {
        let path = file.expect("a file").path();
        let bytes = std::fs::read(&path).expect("a file");
        assert!(!bytes.windows(12).any(|part| part == b"courier_8842"), "{}", path.display());
    }
}

#[tokio::test]
async fn a_call_that_goes_on_is_erased_once_it_is_over() {
    let backend = Backend::start().await;
    let mut courier = backend.sign_in("courier_1").await;
    let mut customer = backend.sign_in("customer_1").await;
    let call = backend.answered_call(&mut courier, &mut customer, "customer_1").await;
    backend.have_called("courier_1", "customer_1", EndReason::Missed, 1_000, 1);
    assert_eq!(backend.delete("/v1/users/courier_1").await.status, 202);
    in_time(async { while calls_of(&backend, "courier_1").await.len() > 1 {} }).await;
    assert_eq!(calls_of(&backend, "courier_1").await[0]["id"], json!(call.to_string()));
    courier.ask(Request::Hangup { call, reason: EndReason::HungUp }).await.expect("it goes on until then");
    in_time(async { while calls_of(&backend, "courier_1").await[0]["state"] == "open" {} }).await;
    // Its devices may say for half a minute longer how it sounded.
    backend.store().execute_batch("UPDATE calls SET ended_at_ms = ended_at_ms - 30000").expect("the store");
    in_time(async { while !calls_of(&backend, "courier_1").await.is_empty() {} }).await;
    assert_eq!(calls_of(&backend, "customer_1").await.len(), 2);
}

#[tokio::test]
async fn records_are_kept_for_as_long_as_the_operator_says_and_calls_go_on_meanwhile() {
    let day = Duration::from_secs(24 * 3600);
    let backend = Backend::start_as(|settings| settings.keep_records = Some(day)).await;
    let mut courier = backend.sign_in("courier_1").await;
    let mut customer = backend.sign_in("customer_1").await;
    backend.have_called("courier_1", "customer_1", EndReason::HungUp, 1_000, 2_000);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let recent = backend.have_called("courier_1", "customer_1", EndReason::HungUp, (now - day / 2).as_secs() as i64, 1);
    let call = backend.answered_call(&mut courier, &mut customer, "customer_1").await;
    let forgotten = async {
        loop {
            let calls = calls_of(&backend, "courier_1").await;
            if calls.len() == 2 {
                assert_eq!([&calls[0]["id"], &calls[1]["id"]], [&json!(call.to_string()), &json!(recent[0].to_string())]);
                break;
            }
        }
    };
    in_time(forgotten).await;
}
