//! How calls went, and how the service works.

use serde_json::json;

use super::browser::{Dashboard, refusal};
use crate::support::{in_time, new_call};

/// Writes down a call that is over.
fn have_called(dashboard: &Dashboard, second: i64, reason: i64, answered: Option<(i64, i64)>, lost: Option<i64>) {
    let (placed, answered_at) = (second * 1_000, answered.map(|(after, _)| second * 1_000 + after));
    let connected_at = answered.map(|(after, connecting)| second * 1_000 + after + connecting);
    let report = lost.map(|lost| json!({"lost_per_mille": lost}).to_string());
    let add = "INSERT INTO calls (id, account, environment, caller, caller_device, callee, context, placed_at_ms, answered_at_ms, connected_at_ms,
                                  ended_at_ms, end_reason, caller_report)
               VALUES (?, 'demo', 'production', 'courier_1', '', 'customer_1', 'Your order', ?, ?, ?, ?, ?, ?)";
    let values = rusqlite::params![uuid::Uuid::new_v4().to_string(), placed, answered_at, connected_at, placed + 60_000, reason, report];
    dashboard.store().execute(add, values).expect("a record");
}

#[tokio::test]
async fn calls_are_counted_by_the_hour_and_by_the_day_with_how_they_ended_and_sounded() {
    let dashboard = Dashboard::start().await;
    let browser = dashboard.signed_in().await;
    have_called(&dashboard, 60, 0, Some((1_000, 100)), Some(10));
    have_called(&dashboard, 120, 0, Some((1_000, 300)), Some(30));
    have_called(&dashboard, 180, 3, None, None);
    have_called(&dashboard, 7_200, 3, None, None);
    have_called(&dashboard, 100_000, 3, None, None);
    let path = "/api/accounts/demo/environments/production/figures?since=1970-01-01T00:00:00Z&until=1970-01-02T00:00:00Z";
    let hours = browser.get(&format!("{path}&every=hour")).await.json();
    assert_eq!(hours.as_array().map(Vec::len), Some(24));
    let first = &hours[0];
    assert_eq!((&first["calls"], &first["answered"]), (&json!(3), &json!(2)), "{first}");
    assert_eq!((&first["connecting_ms"], &first["lost_per_mille"]), (&json!(200.0), &json!(20.0)));
    assert_eq!(first["ended"].as_object().expect("reasons").values().filter_map(serde_json::Value::as_i64).sum::<i64>(), 3);
    assert_eq!((&hours[1]["calls"], &hours[2]["calls"], &hours[2]["connecting_ms"]), (&json!(0), &json!(1), &json!(null)));
    let days = browser.get(&format!("{path}&every=day")).await.json();
    assert_eq!((days.as_array().map(Vec::len), &days[0]["calls"]), (Some(1), &json!(4)));
    let nobody =
        browser.get("/api/accounts/nobody/environments/production/figures?since=1970-01-01T00:00:00Z&until=1970-01-02T00:00:00Z&every=day");
    assert_eq!(nobody.await.status, 404);
    assert_eq!(refusal(&browser.get(&format!("{path}&every=minute")).await).2.as_deref(), Some("every"));
}

#[tokio::test]
async fn the_health_page_knows_what_the_operator_s_pages_know() {
    let dashboard = Dashboard::start_as(|settings| settings.keep_records = Some(std::time::Duration::from_secs(90 * 24 * 3600))).await;
    let browser = dashboard.signed_in().await;
    let health = browser.get("/api/health").await.json();
    assert_eq!((&health["unready"], &health["limits"]["keep_records_days"]), (&json!(null), &json!(90)));
    let metrics = health["metrics"].as_str().expect("a text");
    for figure in ["signedcall_devices 0", "signedcall_open_calls 0", "signedcall_store_bytes ", "process_open_fds "] {
        assert!(metrics.contains(figure), "{figure}");
    }
    let other = dashboard.store();
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    let unready = async {
        loop {
            let health = browser.get("/api/health").await.json();
            // It cannot be written to, or its disk has not said so in time.
            if health["unready"] == "store" || health["unready"] == "disk_silent" {
                break;
            }
        }
    };
    in_time(unready).await;
    other.execute_batch("ROLLBACK").expect("it has begun");
}

#[tokio::test]
async fn a_webhook_is_added_rotated_and_removed() {
    let dashboard = Dashboard::start_as(|settings| settings.webhooks.to_private_addresses = true).await;
    let mut browser = dashboard.signed_in().await;
    let path = "/api/accounts/demo/environments/development/webhooks";
    let new = json!({"url": "http://127.0.0.1:9/calls", "events": ["call.ended"]});
    let added = browser.post(path, &new).await.json();
    let (id, secret) = (added["id"].as_str().expect("an id"), added["secret"].as_str().expect("a secret"));
    let listed = browser.get("/api/accounts/demo/webhooks").await;
    assert!(!listed.body.contains(secret), "it is shown once");
    assert_eq!((&listed.json()[0]["id"], &listed.json()[0]["events"]), (&json!(id), &json!(["call.ended"])));
    let rotated = browser.post(&format!("/api/accounts/demo/webhooks/{id}/secret"), &json!({})).await.json();
    assert!(rotated["secret"] != added["secret"] && rotated["secret"].as_str().is_some_and(|secret| secret.starts_with("scw_")));
    assert_eq!(browser.get(&format!("/api/accounts/demo/webhooks/{id}/deliveries")).await.json(), json!([]));
    let again = browser.post(&format!("/api/accounts/demo/webhooks/{id}/redeliver"), &json!({"delivery": "nothing"})).await;
    assert_eq!(again.status, 404);
    for (field, value) in [("url", json!("ftp://example.com")), ("events", json!([])), ("events", json!(["call.lost"]))] {
        let mut wrong = new.clone();
        wrong[field] = value;
        let answer = browser.post(path, &wrong).await;
        assert_eq!((answer.status, refusal(&answer).2.as_deref()), (400, Some(field)), "{wrong}");
    }
    let remove = format!("/api/accounts/demo/webhooks/{id}");
    assert_eq!((browser.delete(&remove).await.status, browser.delete(&remove).await.status), (204, 404));
}

#[tokio::test]
async fn a_delivery_that_has_failed_is_in_the_log_and_is_sent_again() {
    let dashboard = Dashboard::start_as(|settings| settings.webhooks.to_private_addresses = true).await;
    let mut browser = dashboard.signed_in().await;
    // Nobody listens there.
    let new = json!({"url": "http://127.0.0.1:9/calls", "events": ["call.placed"]});
    let added = browser.post("/api/accounts/demo/environments/development/webhooks", &new).await.json();
    let webhook = format!("/api/accounts/demo/webhooks/{}", added["id"].as_str().expect("an id"));
    let mut courier = dashboard.service.sign_in("courier_1").await;
    let _customer = dashboard.service.sign_in("customer_1").await;
    courier.ask(new_call("customer_1").1).await.expect("a call");
    let tried = async {
        loop {
            let log = browser.get(&format!("{webhook}/deliveries")).await.json();
            if let Some(first) = log.get(0) {
                break first.clone();
            }
        }
    };
    let tried = in_time(tried).await;
    assert!(tried["status"].is_null() && tried["error"].as_str().is_some_and(|error| !error.is_empty()), "{tried}");
    let again = browser.post(&format!("{webhook}/redeliver"), &json!({"delivery": tried["id"]})).await;
    assert_eq!(again.status, 204, "{again:?}");
    let log = browser.get("/api/audit").await.json();
    assert_eq!((&log["entries"][0]["action"], &log["entries"][0]["subject"]), (&json!("redeliver"), &tried["id"]));
}

#[tokio::test]
async fn calls_leave_as_a_table_and_that_is_written_down() {
    let dashboard = Dashboard::start().await;
    let browser = dashboard.signed_in().await;
    have_called(&dashboard, 60, 0, Some((1_000, 100)), None);
    let table = browser.get("/api/accounts/demo/environments/production/v1/calls.csv").await;
    assert_eq!((table.status, table.body.lines().count()), (200, 2), "{table:?}");
    let log = browser.get("/api/audit").await.json();
    assert_eq!(log["entries"][0]["action"], "export_calls");
    // Page by page, the newest first. Each is there twice: when it was asked for, and when it had left.
    for _ in 0..30 {
        browser.get("/api/accounts/demo/environments/production/v1/calls.csv").await;
    }
    let first = browser.get("/api/audit").await.json();
    assert_eq!(first["entries"].as_array().map(Vec::len), Some(50));
    let next = first["next"].as_i64().expect("more");
    let second = browser.get(&format!("/api/audit?before={next}")).await.json();
    assert!(second["next"].is_null() && second["entries"][0]["number"].as_i64().expect("a number") < next);
}
