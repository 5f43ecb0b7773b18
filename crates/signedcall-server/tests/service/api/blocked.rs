//! Users whom a company lets in no more.

use signedcall_wire::{EndReason, ErrorCode, ServiceEvent, ServiceMessage};

use super::backend::Backend;
use crate::sign_in::refused;
use crate::support::{Device, in_time};

#[tokio::test]
async fn a_user_is_blocked_and_out_at_once_and_let_in_again() {
    let backend = Backend::start().await;
    let mut courier = backend.sign_in("courier_1").await;
    let mut customer = backend.sign_in("customer_1").await;
    let call = backend.answered_call(&mut courier, &mut customer, "customer_1").await;
    assert_eq!(backend.get("/v1/blocked/courier_1").await.problem().1, "not_found");

    let blocked = backend.put("/v1/blocked/courier_1", None).await;
    assert_eq!((blocked.status, &blocked.json()["cuid"]), (200, &"courier_1".into()));
    assert_eq!(backend.put("/v1/blocked/courier_1", None).await.body, blocked.body, "since the first time");
    assert_eq!(backend.get("/v1/blocked/courier_1").await.body, blocked.body);
    let told = courier.socket.hear().await;
    assert!(matches!(&told, Some(ServiceMessage::Refused(refusal)) if refusal.code == ErrorCode::ContactRegistrationFailed), "{told:?}");
    assert_eq!(customer.event().await, ServiceEvent::Ended { call, reason: EndReason::HungUp, other_device: None });
    assert_eq!(refused(&backend.service, backend.hello("courier_1")).await.code, ErrorCode::ContactRegistrationFailed);
    let elsewhere = backend.ask_by(&backend.development, "GET", "/v1/blocked/courier_1", None).await;
    assert_eq!(elsewhere.status, 404, "the other environment's user of the same id is another");

    for _ in 0..2 {
        assert_eq!(backend.delete("/v1/blocked/courier_1").await.status, 204);
    }
    assert_eq!(backend.get("/v1/blocked/courier_1").await.status, 404);
    // The running service notices it a moment later.
    in_time(async { while !Device::is_welcome(&backend.service.service.url(), backend.hello("courier_1")).await {} }).await;
}

#[tokio::test]
async fn blocked_users_are_listed_page_by_page() {
    let backend = Backend::start().await;
    for number in 0..5 {
        backend.put(&format!("/v1/blocked/courier_{number}"), None).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    let all_pages = async {
        loop {
            let page = backend.get(&format!("/v1/blocked?limit=2{cursor}")).await.json();
            seen.extend(page["users"].as_array().expect("users").iter().map(|user| user["cuid"].as_str().expect("a cuid").to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
    };
    in_time(all_pages).await;
    assert_eq!(seen, ["courier_0", "courier_1", "courier_2", "courier_3", "courier_4"]);
    let elsewhere = backend.ask_by(&backend.development, "GET", "/v1/blocked", None).await.json();
    assert_eq!(elsewhere["users"].as_array().map(Vec::len), Some(0));
    for (query, field) in [("cursor=%C2%A7", "cursor"), ("limit=0", "limit"), ("cuid=courier_1", "cuid")] {
        assert_eq!(backend.get(&format!("/v1/blocked?{query}")).await.problem().2.as_deref(), Some(field));
    }
}
