//! A company's backend connects two of its users.

use signedcall::{CallStatus, Credentials, EndReason, Options, Phase};
use signedcall_wire::Redacted;

use crate::support::{Phone, Service, ToneSound, ask_api};

use CallStatus::{Answered, Ended, InProgress, Placed, Ringing};

async fn phone(service: &Service, key: &Redacted<String>, cuid: &str, hertz: u32) -> Phone {
    let options = Options { account_id: "private".to_owned(), credentials: Credentials::ApiKey(key.clone()), ..service.options(cuid) };
    Phone::sign_in(options, ToneSound::of(hertz)).await
}

/// The company connects alice with bobby.
async fn connect(service: &Service, key: &Redacted<String>, order: u32) {
    let headers = format!("Idempotency-Key: order-{order}\r\n");
    let new = r#"{"from":"alice","to":"bobby","context":"Your courier","remote_context":"Your customer"}"#;
    let answer = ask_api(service.address(), "POST /v1/calls", key.expose(), &headers, new).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_agrees_is_connected_and_both_hear_each_other() {
    let (service, key) = Service::start_with_account("private", |_| {}).await;
    let mut alice = phone(&service, &key, "alice", 1_000).await;
    let mut bobby = phone(&service, &key, "bobby", 1_500).await;
    connect(&service, &key, 1).await;
    alice.expect_all(&[Placed, Ringing]).await;
    let first = alice.line.view().borrow().call.clone().expect("a call rings");
    assert_eq!((first.peer.as_str(), first.context.as_str(), first.is_by_company), ("bobby", "Your courier", true));
    alice.line.answer(first.call).await.expect("the call rings");
    alice.expect_all(&[Answered, Ended(EndReason::Transferred), Placed]).await;

    bobby.expect_all(&[Placed, Ringing]).await;
    alice.expect(Ringing).await;
    let called = bobby.line.view().borrow().call.clone().expect("a call rings");
    assert_eq!((called.peer.as_str(), called.context.as_str(), called.is_by_company), ("alice", "Your customer", false));
    let calling = alice.line.view().borrow().call.clone().expect("she calls");
    assert_eq!((calling.call, calling.phase, calling.is_by_company), (called.call, Phase::Ringing, true));
    assert_eq!((alice.sound.said_so_far(), bobby.sound.said_so_far()), (0, 0), "no microphone is open yet");

    bobby.line.answer(called.call).await.expect("the call rings");
    for phone in [&mut alice, &mut bobby] {
        phone.expect_all(&[Answered, InProgress]).await;
    }
    alice.sound.hears_tone(1_500).await;
    bobby.sound.hears_tone(1_000).await;
    alice.line.hangup(called.call).await.expect("the call goes on");
    for phone in [&mut alice, &mut bobby] {
        phone.expect(Ended(EndReason::HungUp)).await;
    }
    for phone in [alice, bobby] {
        phone.leave_in_silence().await;
    }
    let written: Vec<_> = service.records().await;
    assert!(written.iter().all(|record| record.by_company), "{written:?}");
    assert_eq!(written.len(), 2);
    assert_eq!((&written[0].leads_to, &written[1].instead_of), (&Some(written[1].call.clone()), &Some(written[0].call.clone())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_declines_keeps_the_microphone_shut_and_nobody_else_hears_of_it() {
    let (service, key) = Service::start_with_account("private", |_| {}).await;
    let mut alice = phone(&service, &key, "alice", 1_000).await;
    let bobby = phone(&service, &key, "bobby", 1_500).await;
    connect(&service, &key, 1).await;
    alice.expect_all(&[Placed, Ringing]).await;
    let call = alice.line.view().borrow().call.clone().expect("a call rings").call;
    alice.line.decline(call).await.expect("the call rings");
    alice.expect(Ended(EndReason::Declined)).await;
    assert_eq!(alice.sound.said_so_far(), 0);
    for phone in [alice, bobby] {
        phone.leave_in_silence().await;
    }
}
