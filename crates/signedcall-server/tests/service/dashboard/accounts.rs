//! Accounts and what their apps sign in by, made and changed by an operator.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use signedcall_wire::{AccountId, EndReason, Environment, ErrorCode, Hello, Redacted, Refusal, Request, ServiceEvent, ServiceMessage};

use super::browser::{Browser, Dashboard, refusal};
use crate::api::http::Answer;
use crate::support::{Device, hello, in_time, new_call};

fn grocer() -> Value {
    json!({"id": "grocer", "name": "Grocer & Sons", "bg_color": "#102040", "font_color": "#ffffff"})
}

async fn actions(browser: &Browser) -> Vec<String> {
    let log = browser.get("/api/audit").await.json();
    let entries = log["entries"].as_array().expect("entries").iter();
    entries.map(|entry| format!("{} {}", entry["action"].as_str().expect("a word"), entry["outcome"].as_str().expect("a word"))).collect()
}

#[tokio::test]
async fn an_account_is_added_with_keys_that_are_shown_once_and_let_devices_in() {
    let dashboard = Dashboard::start().await;
    let mut browser = dashboard.signed_in().await;
    let keys = browser.post("/api/accounts", &grocer()).await.json();
    let key = keys.as_array().expect("keys").iter().find(|key| key["environment"] == "production").expect("one");
    let secret = Redacted::new(key["key"].as_str().expect("a key").to_owned());
    let hello =
        Hello { account_id: AccountId("grocer".to_owned()), environment: Environment::Production, ..hello(secret.clone(), "courier_1") };
    let device = Device::sign_in(&dashboard.service.service.url(), hello).await;
    assert_eq!(device.welcome.branding.expect("a look").name, "Grocer & Sons");
    let listed = browser.get("/api/accounts/grocer/keys").await;
    assert!(!listed.body.contains(secret.expose().as_str()) && listed.body.contains(key["id"].as_str().expect("an id")), "{listed:?}");
    let names: Vec<Value> =
        browser.get("/api/accounts").await.json().as_array().expect("accounts").iter().map(|it| it["id"].clone()).collect();
    assert_eq!(names, ["demo", "grocer"]);

    assert_eq!(refusal(&browser.post("/api/accounts", &grocer()).await), (409, "taken".to_owned(), Some("id".to_owned())));
    for (field, value) in [("id", json!("a b")), ("name", json!("")), ("bg_color", json!("navy")), ("font_color", Value::Null)] {
        let mut wrong = grocer();
        wrong["id"] = json!("other");
        wrong[field] = value;
        let answer = browser.post("/api/accounts", &wrong).await;
        assert_eq!((answer.status, refusal(&answer).2.as_deref()), (400, Some(field)), "{wrong}");
    }
    assert_eq!(actions(&browser).await[..3], ["add_account refused", "add_account refused", "add_account refused"]);
}

#[tokio::test]
async fn a_key_is_replaced_with_an_overlap_and_the_old_one_signs_out_whoever_has_it() {
    let dashboard = Dashboard::start().await;
    let mut browser = dashboard.signed_in().await;
    let mut old_device = dashboard.service.sign_in("courier_1").await;
    let old = browser.get("/api/accounts/demo/keys").await.json();
    let old = old.as_array().expect("keys").iter().find(|key| key["environment"] == "development").expect("one")["id"].clone();
    let new = browser.post("/api/accounts/demo/environments/development/keys", &json!({})).await.json();
    let with_new = || hello(Redacted::new(new["key"].as_str().expect("a key").to_owned()), "courier_2");
    assert!(Device::is_welcome(&dashboard.service.service.url(), with_new()).await);
    assert!(Device::is_welcome(&dashboard.service.service.url(), dashboard.service.hello("courier_3")).await, "both are good");
    let revoke = format!("/api/accounts/demo/keys/{}", old.as_str().expect("an id"));
    assert_eq!(browser.delete(&revoke).await.status, 204);
    in_time(async { while old_device.socket.hear().await.is_some() {} }).await;
    assert!(Device::is_welcome(&dashboard.service.service.url(), with_new()).await);
    assert_eq!(refusal(&browser.delete(&revoke).await), (404, "not_found".to_owned(), None), "it is revoked already");
    for _ in 0..3 {
        assert_eq!(browser.post("/api/accounts/demo/environments/development/keys", &json!({})).await.status, 200);
    }
    let one_too_many = browser.post("/api/accounts/demo/environments/development/keys", &json!({})).await;
    assert_eq!(refusal(&one_too_many), (409, "too_many".to_owned(), None));
    assert_eq!(browser.post("/api/accounts/nobody/environments/development/keys", &json!({})).await.status, 404);
    assert_eq!(actions(&browser).await[..3], ["add_key refused", "add_key refused", "add_key done"]);
}

#[tokio::test]
async fn what_an_account_sets_for_calls_counts_for_whoever_signs_in() {
    let dashboard = Dashboard::start().await;
    let mut browser = dashboard.signed_in().await;
    let policy = json!({"relay_only": true, "single_device": true, "max_call_seconds": 600, "account_calls_per_minute": 60});
    let set = browser.put("/api/accounts/demo/policy", &policy).await.json();
    assert_eq!((&set["relay_only"], &set["single_device"], &set["max_call_seconds"]), (&json!(true), &json!(true), &json!(600)));
    assert_eq!((&set["user_calls_per_minute"], &set["account_calls_per_minute"]), (&Value::Null, &json!(60)));
    assert_eq!(browser.get("/api/accounts/demo/policy").await.json(), set);
    assert_eq!(browser.get("/api/accounts/demo").await.json()["max_call_seconds"], json!(600));
    let first = dashboard.service.sign_in("courier_1").await;
    assert!(!Device::is_welcome(&dashboard.service.service.url(), dashboard.service.hello("courier_1")).await, "one device at a time");
    drop(first);
    for (wrong, field) in [
        (json!({"relay_only": true, "single_device": true, "max_call_seconds": 0}), "max_call_seconds"),
        (json!({"relay_only": true, "single_device": true, "max_call_seconds": 86_401}), "max_call_seconds"),
        (json!({"relay_only": true, "single_device": true, "user_calls_per_minute": 0}), "user_calls_per_minute"),
        (json!({"relay_only": true, "single_device": true, "user_calls_per_minute": 60_001}), "user_calls_per_minute"),
        (json!({"relay_only": true, "single_device": true, "account_calls_per_minute": 60_001}), "account_calls_per_minute"),
        (json!({"relay_only": "yes", "single_device": true}), "relay_only"),
        (json!({"relay_only": true}), "single_device"),
    ] {
        let answer = browser.put("/api/accounts/demo/policy", &wrong).await;
        assert_eq!((answer.status, refusal(&answer).2.as_deref()), (400, Some(field)), "{wrong}");
    }
    assert_eq!(browser.get("/api/accounts/demo/policy").await.json(), set, "as it was");
    assert_eq!(browser.put("/api/accounts/nobody/policy", &json!({"relay_only": true, "single_device": true})).await.status, 404);
}

#[tokio::test]
async fn what_an_account_sets_for_calls_reaches_whoever_is_signed_in() {
    let dashboard = Dashboard::start().await;
    let mut browser = dashboard.signed_in().await;
    let service = &dashboard.service;
    let (mut caller, mut callee) = (service.sign_in("courier_1").await, service.sign_in("courier_2").await);
    let policy = json!({"relay_only": true, "single_device": false, "max_call_seconds": 600, "user_calls_per_minute": 1});
    assert_eq!(browser.put("/api/accounts/demo/policy", &policy).await.status, 200);
    for device in [&mut caller, &mut callee] {
        let told = device.socket.hear().await;
        assert!(matches!(&told, Some(ServiceMessage::Ice(ice)) if ice.relay_only), "{told:?}");
    }
    let (call, request) = new_call("courier_2");
    caller.ask(request).await.expect("it is placed");
    assert!(matches!(callee.event().await, ServiceEvent::Invite(_)));
    callee.ask(Request::Accept { call }).await.expect("it rings");
    let answered = caller.event().await;
    assert!(matches!(answered, ServiceEvent::Answered { left_ms: Some(left), .. } if left <= 600_000), "{answered:?}");
    assert_eq!(caller.ask(new_call("courier_3").1).await, Err(ErrorCode::StopRetry));

    let mut other = service.sign_in("courier_1").await;
    let policy = json!({"relay_only": true, "single_device": true, "max_call_seconds": 600});
    assert_eq!(browser.put("/api/accounts/demo/policy", &policy).await.status, 200);
    let told = other.socket.hear().await;
    let is_out = |refusal: &Refusal| refusal.code == ErrorCode::CuidAlreadyConnectedElsewhere;
    assert!(matches!(&told, Some(ServiceMessage::Refused(refusal)) if is_out(refusal)), "the one that is in no call: {told:?}");
    assert_eq!(other.socket.hear().await, None);
    caller.ask(Request::Hangup { call, reason: EndReason::HungUp }).await.expect("its call goes on");
}

#[tokio::test]
async fn of_two_operators_the_later_does_not_write_over_what_they_have_not_seen() {
    let dashboard = Dashboard::start().await;
    let (mut one, mut other) = (dashboard.signed_in().await, dashboard.signed_in_as("noor").await);
    let look = json!({"name": "Parcelo", "bg_color": "#102040", "font_color": "#ffffff"});
    for (path, mine, theirs) in [
        (
            "/api/accounts/demo/policy",
            json!({"relay_only": true, "single_device": false}),
            json!({"relay_only": false, "single_device": true}),
        ),
        (
            "/api/accounts/demo/environments/production/v1/branding",
            look.clone(),
            json!({"name": "Other", "bg_color": "#102040", "font_color": "#ffffff"}),
        ),
    ] {
        let version = |answer: &Answer| answer.header("etag").expect("a version").to_owned();
        let seen = version(&other.get(path).await);
        let saved = one.put_over(path, &seen, &mine).await;
        assert_eq!(saved.status, 200, "{saved:?}");
        let refused = other.put_over(path, &seen, &theirs).await;
        assert_eq!((refused.status, refused.json()["code"].clone()), (412, json!("changed")), "{path}");
        assert_eq!(version(&one.get(path).await), version(&saved), "nothing was changed: {path}");
        assert_eq!(other.put_over(path, &version(&saved), &theirs).await.status, 200, "{path}");
    }
    let expected = ["done", "refused", "done"];
    let log = actions(&one).await;
    assert_eq!(log[..3], expected.map(|outcome| format!("set_branding {outcome}")));
    assert_eq!(log[3..6], expected.map(|outcome| format!("set_policy {outcome}")));
}

#[tokio::test]
async fn quiet_hours_and_token_keys_are_set_and_taken_away() {
    let dashboard = Dashboard::start().await;
    let mut browser = dashboard.signed_in().await;
    let path = "/api/accounts/demo/environments/production/quiet-hours";
    let night = json!({"cuid": "courier_1", "from": "22:00", "to": "06:30", "utc_offset": "+05:30"});
    assert_eq!(browser.put(path, &night).await.status, 204);
    let mut shown = night.clone();
    shown["environment"] = json!("production");
    assert_eq!(browser.get("/api/accounts/demo/quiet-hours").await.json(), json!([shown]));
    for (field, value) in [("from", json!("25:00")), ("to", json!("22:00")), ("utc_offset", json!("noon")), ("cuid", json!("x"))] {
        let mut wrong = night.clone();
        wrong[field] = value;
        let answer = browser.put(path, &wrong).await;
        assert_eq!((answer.status, refusal(&answer).2.as_deref()), (400, Some(field)), "{wrong}");
    }
    assert_eq!(browser.put(path, &json!({"cuid": "courier_1"})).await.status, 204);
    assert_eq!(browser.get("/api/accounts/demo/quiet-hours").await.json(), json!([]));

    let keys = "/api/accounts/demo/environments/production/token-keys";
    // RFC 8037, appendix A.2.
    let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "first", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]});
    assert_eq!(browser.put(keys, &set).await.status, 204);
    let listed = browser.get("/api/accounts/demo/token-keys").await.json();
    assert_eq!(listed, json!([{"kid": "first", "environment": "production", "algorithm": "EdDSA"}]));
    let taken = browser.put("/api/accounts/demo/environments/development/token-keys", &set).await;
    assert_eq!(refusal(&taken), (409, "taken".to_owned(), Some("keys".to_owned())));
    let wrong = browser.put(keys, &json!({"keys": [{"kty": "oct", "kid": "k", "k": "AAAA"}]})).await;
    assert_eq!(refusal(&wrong), (400, "invalid_request".to_owned(), Some("keys".to_owned())));
    assert_eq!(browser.put(keys, &json!({"keys": []})).await.status, 204);
    assert_eq!(browser.get("/api/accounts/demo/token-keys").await.json(), json!([]));
}

#[tokio::test]
async fn quiet_hours_are_those_of_the_zone_that_they_were_set_for() {
    let dashboard = Dashboard::start().await;
    let mut browser = dashboard.signed_in().await;
    let (mut caller, mut callee) = (dashboard.service.sign_in("courier_1").await, dashboard.service.sign_in("customer_1").await);
    let minute = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() / 60 % 1_440;
    // An hour before and after what clocks show there at the moment, by nine and a half hours behind UTC.
    let clock = |minute: u64| format!("{:02}:{:02}", minute / 60 % 24, minute % 60);
    let there = minute + 1_440 - 570;
    let hours = |offset: &str| json!({"cuid": "customer_1", "from": clock(there - 60), "to": clock(there + 60), "utc_offset": offset});
    for (offset, is_quiet) in [("-09:30", true), ("+00:00", false), ("+09:30", false), ("-09:30", true)] {
        let set = browser.put("/api/accounts/demo/environments/development/quiet-hours", &hours(offset)).await;
        assert_eq!(set.status, 204, "{offset}");
        // The service looks within a second.
        let known = async {
            loop {
                let (call, request) = new_call("customer_1");
                caller.ask(request).await.expect("a call");
                let found = tokio::select! {
                    event = caller.event() => {
                        assert_eq!(event, ServiceEvent::Ended { call, reason: EndReason::QuietHours, other_device: None });
                        true
                    }
                    event = callee.event() => {
                        assert!(matches!(event, ServiceEvent::Invite(_)), "{event:?}");
                        caller.ask(Request::Hangup { call, reason: EndReason::Cancelled }).await.expect("it rings");
                        for ended in [caller.event().await, callee.event().await] {
                            assert!(matches!(ended, ServiceEvent::Ended { .. }), "{ended:?}");
                        }
                        false
                    }
                };
                if found == is_quiet {
                    break;
                }
            }
        };
        in_time(known).await;
    }
}
