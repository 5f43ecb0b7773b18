//! Push settings in the dashboard, and pushes that ring nobody.

use rcgen::KeyPair;
use serde_json::{Value, json};
use signedcall_server::{Settings, open_accounts, push};
use signedcall_wire::{AccountId, Environment, PushService, Redacted};
use tempfile::TempDir;

use super::idle;
use super::receiver::Receiver;
use super::stand_in::StandIn;
use crate::dashboard::browser::{Browser, Dashboard};

const V1: &str = "/api/accounts/demo/environments/development/v1";
const TOPIC: &str = "com.example.courier.voip";

/// A dashboard of a service that believes a stand-in, and what vouches for that.
async fn dashboard_with(stand_in: &StandIn) -> (Dashboard, TempDir) {
    let folder = tempfile::tempdir().expect("a directory");
    let certificate = stand_in.certificate_in(folder.path());
    let url = stand_in.url("").parse().expect("a URL");
    let dashboard = Dashboard::start_as(|settings| {
        settings.push.to_private_addresses = true;
        settings.push.certificates = Some(certificate);
        settings.push.apns_development = url;
    });
    (dashboard.await, folder)
}

/// The only device of a user that is reached by push.
async fn device_of(browser: &Browser, cuid: &str) -> Value {
    let devices = browser.get(&format!("{V1}/push/devices/{cuid}")).await.json()["devices"].clone();
    assert_eq!(devices.as_array().map(Vec::len), Some(1), "{devices}");
    devices[0].clone()
}

async fn log(browser: &Browser, entries: usize) -> Vec<(String, String, Option<String>)> {
    let log = browser.get("/api/audit").await.json();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let entry = |it: &Value| (text(&it["action"]).expect("a word"), text(&it["outcome"]).expect("a word"), text(&it["subject"]));
    log["entries"].as_array().expect("entries")[..entries].iter().map(entry).collect()
}

fn key() -> Value {
    json!({"environment": "development", "bundle_id": "com.example.courier", "team_id": "TEAM567890", "key_id": "KEY4567890",
           "key": KeyPair::generate().expect("a key").serialize_pem()})
}

#[tokio::test]
async fn a_test_push_rings_nobody_and_tells_what_the_push_service_has_answered() {
    let (mut push_service, receiver) = (StandIn::web().await, Receiver::new());
    let (dashboard, _certificate) = dashboard_with(&push_service).await;
    let mut browser = dashboard.signed_in().await;
    idle(&dashboard.service, "courier_2", receiver.web(&push_service.url("/device/1?x=y"))).await;
    let device = device_of(&browser, "courier_2").await;
    assert_eq!(device["by"], "web_push");
    let test = format!("{V1}/push/devices/courier_2/{}/test", device["device"].as_str().expect("an id"));
    push_service.answer([(201, None, ""), (410, None, "no /device/1?x=y any more"), (429, Some(1), "slower"), (403, None, "who are you")]);
    let told = browser.post(&test, &json!({})).await.json();
    assert_eq!((&told["verdict"], &told["status"], &told["said"]), (&json!("taken"), &json!(201), &Value::Null));
    let given = push_service.next().await;
    let payload = receiver.open(&given.body);
    assert_eq!((payload.to.as_str(), payload.expires_at_ms), ("courier_2", 0), "the call that it tells of is over by any clock");
    let lives_for: u64 = given.header("ttl").parse().expect("a number");
    assert!((1..=60).contains(&lives_for), "{lives_for}");
    for (verdict, status, said) in [("gone", 410, "no /… any more"), ("not_now", 429, "slower"), ("refused", 403, "who are you")] {
        let told = browser.post(&test, &json!({})).await.json();
        assert_eq!((&told["verdict"], &told["status"], &told["said"]), (&json!(verdict), &json!(status), &json!(said)));
        push_service.next().await;
    }
    assert_eq!(device_of(&browser, "courier_2").await, device, "a trial changes nothing");
    assert!(push_service.is_left_alone(), "none is tried again");
    assert_eq!(browser.get(&format!("{V1}/calls")).await.json()["calls"], json!([]));
    let done = |outcome: &str| ("test_push".to_owned(), outcome.to_owned(), Some("courier_2".to_owned()));
    assert_eq!(log(&browser, 2).await, [done("done"), done("asked")]);
}

#[tokio::test]
async fn a_test_push_goes_to_nobody_who_is_not_pushed() {
    let (mut push_service, receiver) = (StandIn::web().await, Receiver::new());
    let (dashboard, _certificate) = dashboard_with(&push_service).await;
    let mut browser = dashboard.signed_in().await;
    idle(&dashboard.service, "courier_2", receiver.web(&push_service.url("/1"))).await;
    let device = device_of(&browser, "courier_2").await["device"].as_str().expect("an id").to_owned();
    assert_eq!(browser.get(&format!("{V1}/push/devices/courier_3")).await.json()["devices"], json!([]));
    let elsewhere = V1.replace("development", "production");
    let nowhere = "00000000-0000-0000-0000-000000000001";
    for path in [
        format!("{V1}/push/devices/courier_3/{device}/test"),
        format!("{V1}/push/devices/courier_2/{nowhere}/test"),
        format!("{elsewhere}/push/devices/courier_2/{device}/test"),
    ] {
        assert_eq!(browser.post(&path, &json!({})).await.problem().1, "not_found", "{path}");
    }
    let no_id = browser.post(&format!("{V1}/push/devices/courier_2/first/test"), &json!({})).await;
    assert_eq!(no_id.problem(), (400, "invalid_request".to_owned(), Some("device".to_owned())));
    browser.put(&format!("{V1}/blocked/courier_2"), &json!({})).await;
    let blocked = browser.post(&format!("{V1}/push/devices/courier_2/{device}/test"), &json!({})).await;
    assert_eq!(blocked.problem().1, "not_found", "whoever is blocked is not pushed");
    assert!(push_service.is_left_alone());
}

#[tokio::test]
async fn what_is_shown_to_apple_is_entered_replaced_and_removed_and_tried_out() {
    let (mut apple, receiver) = (StandIn::apple(None).await, Receiver::new());
    let (dashboard, _certificate) = dashboard_with(&apple).await;
    let mut browser = dashboard.signed_in().await;
    let (apns, entered) = (format!("{V1}/push/apns"), key());
    assert_eq!(browser.put(&apns, &entered).await.status, 200);
    let shown = browser.get(&apns).await;
    assert!(!shown.body.contains("PRIVATE") && shown.json()["key_id"] == "KEY4567890", "{shown:?}");
    let mut wrong = key();
    wrong["key"] = json!("-----BEGIN PRIVATE KEY-----");
    assert_eq!(browser.put(&apns, &wrong).await.problem(), (400, "invalid_request".to_owned(), Some("key".to_owned())));
    assert_eq!(browser.get(&apns).await.json(), shown.json(), "as it was");
    let mut other = key();
    other["key_id"] = json!("KEY9999999");
    assert_eq!(browser.put(&apns, &other).await.json()["key_id"], "KEY9999999");

    let token = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0".to_owned();
    let by = PushService::Apns { token: Redacted::new(token.clone()), topic: TOPIC.to_owned(), environment: Environment::Development };
    idle(&dashboard.service, "courier_2", receiver.target(by)).await;
    let device = device_of(&browser, "courier_2").await;
    assert_eq!(device["by"], "apns");
    let test = format!("{V1}/push/devices/courier_2/{}/test", device["device"].as_str().expect("an id"));
    apple.answer([(200, None, ""), (400, None, r#"{"reason":"BadDeviceToken"}"#), (403, None, r#"{"reason":"InvalidProviderToken"}"#)]);
    for (verdict, status, reason) in
        [("taken", 200, Value::Null), ("gone", 400, json!("BadDeviceToken")), ("refused", 403, json!("InvalidProviderToken"))]
    {
        let told = browser.post(&test, &json!({})).await;
        assert!(!told.body.contains(&token), "{told:?}");
        let told = told.json();
        assert_eq!((&told["verdict"], &told["status"], &told["reason"]), (&json!(verdict), &json!(status), &reason));
        let given = apple.next().await;
        assert_eq!((given.header("apns-topic"), given.header("apns-push-type")), (TOPIC, "voip"));
    }
    assert_eq!(browser.delete(&apns).await.status, 204);
    let told = browser.post(&test, &json!({})).await.json();
    assert_eq!((&told["verdict"], &told["status"]), (&json!("not_asked"), &Value::Null), "{told}");
    assert!(told["said"].as_str().is_some_and(|said| said.contains("Apple")), "{told}");
    let accounts = open_accounts(&Settings::on_loopback(dashboard.service.data.path().to_owned())).expect("the store");
    let kept = push::apns(&accounts, &AccountId("demo".to_owned()), Environment::Development);
    assert_eq!(kept.expect("the store"), None);
    // Eight are of the trials, each of which is there twice.
    let log = log(&browser, 12).await;
    let of_apns = log.iter().filter(|(action, ..)| action != "test_push").map(|(action, outcome, _)| (action.as_str(), outcome.as_str()));
    assert_eq!(of_apns.collect::<Vec<_>>(), [("remove_apns", "done"), ("set_apns", "done"), ("set_apns", "refused"), ("set_apns", "done")]);
}
