//! Receipts of calls, as the apps of both sides get them.

use signedcall::ErrorCode;
use signedcall_server::receipts;
use signedcall_wire::AccountId;

use crate::calls::connect;
use crate::support::{Phone, Service};

async fn refused(phone: &Phone, call: signedcall::CallId) -> ErrorCode {
    phone.line.receipt(call).await.expect_err("there is none for them").code
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_get_the_same_receipt_of_a_call_that_is_over_and_nobody_else_does() {
    let service = Service::start().await;
    let (mut alice, mut bobby, carol) = (service.phone("alice").await, service.phone("bobby").await, service.phone("carol").await);
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    assert_eq!(refused(&alice, call).await, ErrorCode::OngoingCall);
    alice.line.hangup(call).await.expect("the call goes on");
    for phone in [&mut alice, &mut bobby] {
        phone.until_over().await;
    }
    let keys = receipts::keys(&service.accounts(), &AccountId("demo".to_owned())).expect("an account");
    let mut words = Vec::new();
    for phone in [&alice, &bobby] {
        let receipt = phone.line.receipt(call).await.expect("the call is over");
        words.push(receipts::verify(&keys, &receipt).expect("a receipt").to_string());
    }
    for (words, side) in words.iter().zip(["alice", "bobby"]) {
        let said = |line: &str| assert!(words.lines().any(|said| said.starts_with(line)), "{side} has no {line:?} in {words}");
        said(&format!("call       {call}"));
        said("from       alice (device ");
        said("to         bobby (answered on device ");
        said("about      Order 4711 is on its way");
        assert!(words.contains("CALL_OVER (1)"), "{words}");
    }
    assert_eq!(refused(&carol, call).await, ErrorCode::FeatureNotAvailable);
    let other: signedcall::CallId = serde_json::from_str("\"00000000-0000-4000-8000-000000000000\"").expect("an id");
    assert_eq!(refused(&alice, other).await, ErrorCode::FeatureNotAvailable);
}
