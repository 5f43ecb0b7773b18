//! A company connects two of its users.

use std::num::NonZeroU32;

use serde_json::{Value, json};
use signedcall_server::hub::CallRates;
use signedcall_wire::{EndReason, Invite, Request, ServiceEvent, Transferred};

use super::backend::Backend;
use crate::support::{Device, in_time, new_call};

fn order(from: &str, to: &str) -> Value {
    json!({"from": from, "to": to, "context": "Your courier", "remote_context": "Your customer"})
}

async fn invite(device: &mut Device) -> Invite {
    let event = device.event().await;
    let ServiceEvent::Invite(invite) = event else { panic!("not called: {event:?}") };
    invite
}

/// What the backend is told of a call once it is over.
async fn closed(backend: &Backend, call: &Value) -> Value {
    let path = format!("/v1/calls/{}", call.as_str().expect("an id"));
    in_time(async {
        loop {
            // The record is closed by a thread of its own.
            let found = backend.get(&path).await.json();
            if found["state"] == "closed" {
                return found;
            }
        }
    })
    .await
}

#[tokio::test]
async fn the_first_user_s_devices_ring_and_the_second_is_called_once_one_has_answered() {
    let backend = Backend::start().await;
    let mut desk = backend.sign_in("customer_1").await;
    let mut phone = backend.sign_in("customer_1").await;
    let mut courier = backend.sign_in("courier_1").await;
    let answer = backend.connect("order-17", &order("customer_1", "courier_1")).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let first = answer.json();
    assert_eq!((&first["caller"], &first["callee"], &first["asked_by"]), (&json!("courier_1"), &json!("customer_1"), &json!("company")));
    for device in [&mut desk, &mut phone] {
        let invite = invite(device).await;
        assert_eq!(json!([invite.call, invite.leads_to]), json!([first["id"], first["leads_to"]]));
        assert_eq!((invite.from.as_str(), invite.from_name.as_deref()), ("courier_1", Some("Name of courier_1")));
        assert_eq!(invite.context.as_str(), "Your courier");
    }
    courier.assert_no_event().await;

    let call = serde_json::from_value(first["id"].clone()).expect("an id");
    desk.ask(Request::Accept { call }).await.expect("an answer");
    assert!(matches!(desk.event().await, ServiceEvent::Answered { .. }));
    assert!(matches!(phone.event().await, ServiceEvent::Ended { reason: EndReason::AnsweredElsewhere, .. }));
    let ServiceEvent::Transferred(Transferred { instead_of, call: second, to, .. }) = desk.event().await else { panic!("not connected") };
    assert_eq!((instead_of, json!(second), to.as_str()), (call, first["leads_to"].clone(), "courier_1"));
    let called = invite(&mut courier).await;
    assert_eq!((called.call, called.from.as_str(), called.context.as_str()), (second, "customer_1", "Your customer"));
    assert_eq!((called.endpoint, called.leads_to), (desk.endpoint, None), "its media leads to the device that has answered");

    courier.ask(Request::Accept { call: second }).await.expect("an answer");
    for device in [&mut desk, &mut courier] {
        assert!(matches!(device.event().await, ServiceEvent::Answered { call, .. } if call == second));
    }
    assert_eq!(backend.post(&format!("/v1/calls/{second}/hangup")).await.status, 204);
    for device in [&mut desk, &mut courier] {
        assert_eq!(device.event().await, ServiceEvent::Ended { call: second, reason: EndReason::HungUp, other_device: None });
    }
    assert_eq!(closed(&backend, &first["id"]).await["end_reason"], "transferred");
    let talked = closed(&backend, &json!(second)).await;
    assert_eq!((&talked["caller"], &talked["callee"]), (&json!("customer_1"), &json!("courier_1")));
    assert_eq!((&talked["asked_by"], &talked["instead_of"]), (&json!("company"), &first["id"]));
    // The courier has not called anybody, and the first call is not theirs.
    let seen = backend.get("/v1/users/courier_1").await.json();
    assert_eq!(seen["signed_in"], true);
}

#[tokio::test]
async fn the_same_request_again_is_the_same_call_for_as_long_as_its_record_is_there() {
    let backend = Backend::start().await;
    let mut customer = backend.sign_in("customer_1").await;
    let _courier = backend.sign_in("courier_1").await;
    let first = backend.connect("order-17", &order("customer_1", "courier_1")).await.json();
    invite(&mut customer).await;
    assert_eq!(backend.connect("order-17", &order("customer_1", "courier_1")).await.json()["id"], first["id"]);
    let _other = backend.sign_in("courier_2").await;
    let answer = backend.connect("order-17", &order("customer_1", "courier_2")).await;
    assert_eq!(answer.problem(), (409, "conflict".to_owned(), None));

    let call = serde_json::from_value(first["id"].clone()).expect("an id");
    customer.ask(Request::Decline { call, reason: EndReason::Declined }).await.expect("it rings");
    assert!(matches!(customer.event().await, ServiceEvent::Ended { reason: EndReason::Declined, .. }));
    let declined = closed(&backend, &first["id"]).await;
    assert_eq!((&declined["end_reason"], &declined["asked_by"]), (&json!("declined"), &json!("company")));
    let again = backend.connect("order-17", &order("customer_1", "courier_1")).await;
    assert_eq!((again.status, &again.json()["state"]), (201, &json!("closed")));
    customer.assert_no_event().await;
    assert_ne!(backend.connect("order-18", &order("customer_1", "courier_1")).await.json()["id"], first["id"]);
    invite(&mut customer).await;
}

#[tokio::test]
async fn an_earlier_run_of_the_service_has_used_the_key() {
    let backend = Backend::start().await;
    let mut customer = backend.sign_in("customer_1").await;
    let courier = backend.sign_in("courier_1").await;
    let first = backend.connect("order-17", &order("customer_1", "courier_1")).await.json();
    let call = serde_json::from_value(first["id"].clone()).expect("an id");
    customer.ask(Request::Decline { call, reason: EndReason::Declined }).await.expect("it rings");
    closed(&backend, &first["id"]).await;
    // Longer ago than the service remembers a call by itself.
    backend.store().execute("UPDATE calls SET ended_at_ms = ended_at_ms - 120000", []).expect("a record");
    drop((customer, courier));
    let backend = backend.restart().await;
    let mut customer = backend.sign_in("customer_1").await;
    let _courier = backend.sign_in("courier_1").await;
    let again = backend.connect("order-17", &order("customer_1", "courier_1")).await;
    assert_eq!((again.status, &again.json()["id"]), (201, &first["id"]));
    assert_eq!(backend.connect("order-17", &order("courier_1", "customer_1")).await.problem().1, "conflict");
    customer.assert_no_event().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_said_with_the_member_that_stands_in_the_way() {
    let backend = Backend::start().await;
    let _customer = backend.sign_in("customer_1").await;
    for (change, field) in [
        (json!({"from": "x"}), "from"),
        (json!({"to": 7}), "to"),
        (json!({"to": "customer_1"}), "to"),
        (json!({"context": ""}), "context"),
        (json!({"context": null}), "context"),
        (json!({"remote_context": "<b>"}), "remote_context"),
        (json!({"initiator_image": "u".repeat(2_049)}), "initiator_image"),
        (json!({"max_duration_seconds": 0}), "max_duration_seconds"),
        (json!({"max_duration_seconds": 604_801}), "max_duration_seconds"),
        (json!({"why": "because"}), "why"),
    ] {
        let mut new = order("customer_1", "courier_1");
        new.as_object_mut().expect("members").extend(change.as_object().expect("members").clone());
        assert_eq!(backend.connect("key", &new).await.problem(), (400, "invalid_request".to_owned(), Some(field.to_owned())), "{change}");
    }
    let without_key = backend.ask_by(&backend.production, "POST", "/v1/calls", Some(&order("customer_1", "courier_1").to_string())).await;
    assert_eq!(without_key.problem().2.as_deref(), Some("Idempotency-Key"));
    let away = |field: &str| (409, "not_reachable".to_owned(), Some(field.to_owned()));
    assert_eq!(backend.connect("key", &order("customer_1", "courier_1")).await.problem(), away("to"));
    let _courier = backend.sign_in("courier_1").await;
    assert_eq!(backend.connect("key", &order("customer_2", "courier_1")).await.problem(), away("from"));
    assert_eq!(backend.put("/v1/blocked/courier_1", None).await.status, 200);
    let blocked = async { while backend.get("/v1/users/courier_1").await.json()["signed_in"] == true {} };
    in_time(blocked).await;
    assert_eq!(backend.connect("key", &order("customer_1", "courier_1")).await.problem(), away("to"));
}

#[tokio::test]
async fn a_user_who_has_placed_enough_calls_is_connected_with_nobody_either() {
    let rates = CallRates { per_user: NonZeroU32::new(1), per_account: None };
    let backend = Backend::start_as(|settings| settings.hub.call_rates = rates).await;
    let mut customer = backend.sign_in("customer_1").await;
    let _courier = backend.sign_in("courier_1").await;
    customer.ask(new_call("courier_1").1).await.expect("a call");
    let answer = backend.connect("key", &order("customer_1", "courier_1")).await;
    assert_eq!((answer.problem().0, answer.problem().1.as_str()), (429, "too_many_requests"));
    assert!(answer.header("retry-after").is_some());
}
