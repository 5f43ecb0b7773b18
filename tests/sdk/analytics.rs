//! What the service's own store is told of calls for analytics (R8).

use std::time::{SystemTime, UNIX_EPOCH};

use signedcall::{Analytics, CallId, CleverTap, EndReason, ErrorCode, SignedCall};
use signedcall_server::account;
use signedcall_server::store::KeptEvent;
use signedcall_wire::AccountId;
use tokio::time::timeout;

use crate::calls::connect;
use crate::support::{PATIENCE, Phone, Service, ToneSound};

/// Waits until so many events are in the store, and gives them by user and name.
async fn told(service: &Service, number: usize) -> Vec<KeptEvent> {
    let accounts = service.accounts();
    let look = async {
        loop {
            let told = account::analytics_events(&accounts, &AccountId("demo".to_owned())).expect("an account");
            if told.len() >= number {
                return told;
            }
            tokio::task::yield_now().await;
        }
    };
    let mut told = timeout(PATIENCE, look).await.expect("the store is told");
    told.sort_by_key(|told| (told.cuid.clone(), told.epoch, told.event == "SCEnd"));
    told
}

fn names(told: &[KeptEvent]) -> Vec<(&str, &str)> {
    told.iter().map(|told| (told.cuid.as_str(), told.event.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_side_tells_of_a_call_s_beginning_and_of_its_end() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let call: CallId = connect(&mut alice, &mut bobby, "bobby").await;
    alice.line.hangup(call).await.expect("the call goes on");
    let told = told(&service, 4).await;
    assert_eq!(names(&told), [("alice", "SCOutgoing"), ("alice", "SCEnd"), ("bobby", "SCIncoming"), ("bobby", "SCEnd")]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    for event in &told {
        assert_eq!((event.account_id.as_str(), &event.call_id), ("demo", &call.to_string()));
        assert_eq!(event.context, "Order 4711 is on its way");
        assert!(u64::try_from(event.epoch).is_ok_and(|epoch| (now - 60..=now).contains(&epoch)), "{event:?}");
    }
    assert_eq!((told[0].call_status, told[0].reason, told[0].reason_code), ("CALL_IS_PLACED", None, None));
    assert_eq!((told[1].call_status, told[1].reason, told[1].reason_code), ("CALL_OVER", Some("CALL_OVER"), Some(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_told_is_told_once_when_the_user_is_signed_in_again() {
    let mut service = Service::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = service.options("alice");
    options.analytics_folder = Some(folder.path().to_owned());
    let mut alice = Phone::sign_in(options.clone(), ToneSound::of(1_000)).await;
    let bobby = service.phone("bobby").await;
    let call = alice.call("bobby").await;
    told(&service, 2).await;
    alice.line.hangup(call).await.expect("the call goes on");
    // Signed out in the same moment: nobody is there who could tell of the end.
    alice.line.logout().await;
    assert_eq!(alice.until_over().await.status, signedcall::CallStatus::Ended(EndReason::Cancelled));
    service.restart().await;
    let _again = Phone::sign_in(options, ToneSound::of(1_000)).await;
    let told = told(&service, 4).await;
    let of_alice: Vec<_> = told.iter().filter(|told| told.cuid == "alice").map(|told| told.event.as_str()).collect();
    assert_eq!(of_alice, ["SCOutgoing", "SCEnd"]);
    drop(bobby);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_analytics_nobody_is_signed_in() {
    let service = Service::start().await;
    let nowhere = Analytics::CleverTap(CleverTap { account_id: "ACC".to_owned(), ..CleverTap::default() });
    for (analytics, code) in [(None, ErrorCode::ClevertapInstanceRequired), (Some(nowhere), ErrorCode::ClevertapUrlNotAvailable)] {
        let mut options = service.options("alice");
        options.analytics = analytics;
        assert_eq!(SignedCall::init(options).await.expect_err("it is required").code, code);
    }
}
