//! Web Push: RFC 8030, RFC 8291, RFC 8292.

use hyper::Version;
use serde_json::json;
use signedcall_wire::{CallSnapshot, ClientMessage, EndReason, ErrorCode, Request, RequestId, ServiceEvent};
use uuid::Uuid;

use super::receiver::Receiver;
use super::stand_in::StandIn;
use super::{claims, decode, idle, service_with, unix_seconds};
use crate::support::{Device, TestService, new_call};

#[tokio::test]
async fn a_device_that_has_gone_idle_is_woken_by_web_push_and_answers() {
    let (mut push_service, receiver) = (StandIn::web().await, Receiver::new());
    let service = service_with(&push_service).await;
    let hello = idle(&service, "courier_2", receiver.web(&push_service.url("/device/1?x=y"))).await;
    let mut caller = service.sign_in("courier_1").await;
    let (call, request) = new_call("courier_2");
    let asked = unix_seconds();
    caller.ask(request).await.expect("it is placed");

    let given = push_service.next().await;
    assert_eq!((given.version, given.method.as_str(), given.path.as_str()), (Version::HTTP_11, "POST", "/device/1?x=y"));
    assert_eq!((given.header("urgency"), given.header("content-encoding")), ("high", "aes128gcm"));
    assert_eq!(given.header("content-type"), "application/octet-stream");
    let lives_for: u64 = given.header("ttl").parse().expect("a number");
    assert!((1..=35).contains(&lives_for), "{lives_for}");
    assert_eq!(decode(given.header("topic")), call.0.as_bytes());
    let key = caller.welcome.push_key.clone().expect("the service sends pushes");
    let (token, shown) = given.header("authorization").strip_prefix("vapid t=").and_then(|said| said.split_once(", k=")).expect("two");
    assert_eq!(shown, key);
    let (header, said) = claims(token, &decode(&key));
    assert_eq!(header, json!({"alg": "ES256", "typ": "JWT"}));
    assert_eq!((&said["aud"], &said["sub"]), (&json!(push_service.url("")), &json!("mailto:ops@example.com")));
    let expires = said["exp"].as_u64().expect("a number");
    assert!((asked..=asked + 24 * 3600).contains(&expires));
    let payload = receiver.open(&given.body);
    assert_eq!((payload.call, payload.to.as_str()), (call, "courier_2"));
    assert!((asked + 34..=asked + 37).contains(&(payload.expires_at_ms / 1_000)), "{payload:?}");
    assert!(!given.body.windows(9).any(|text| text == b"courier_2"), "nobody on the way reads who is called");

    let mut woken = Device::sign_in(&service.service.url(), hello).await;
    assert!(matches!(woken.welcome.calls.as_slice(), [CallSnapshot::Callee { .. }]), "{:?}", woken.welcome);
    woken.ask(Request::Ringing { call }).await.expect("it rings");
    assert!(matches!(caller.event().await, ServiceEvent::Ringing { .. }));
    woken.ask(Request::Accept { call }).await.expect("it is answered");
    assert!(matches!(caller.event().await, ServiceEvent::Answered { .. }));
    assert!(push_service.is_left_alone());
}

#[tokio::test]
async fn a_push_service_that_is_busy_is_asked_again_when_it_says() {
    let (mut push_service, receiver) = (StandIn::web().await, Receiver::new());
    push_service.answer([(503, None, "busy"), (429, Some(1), "slower")]);
    let service = service_with(&push_service).await;
    idle(&service, "courier_2", receiver.web(&push_service.url("/1"))).await;
    let mut caller = service.sign_in("courier_1").await;
    let (call, request) = new_call("courier_2");
    caller.ask(request).await.expect("it is placed");
    for _ in 0..3 {
        assert_eq!(receiver.open(&push_service.next().await.body).call, call);
    }
}

#[tokio::test]
async fn a_device_that_is_not_there_any_more_is_forgotten_and_the_caller_told() {
    let (mut push_service, receiver) = (StandIn::web().await, Receiver::new());
    push_service.answer([(410, None, "gone")]);
    let service = service_with(&push_service).await;
    idle(&service, "courier_2", receiver.web(&push_service.url("/1"))).await;
    let mut caller = service.sign_in("courier_1").await;
    let (call, request) = new_call("courier_2");
    caller.ask(request).await.expect("it is placed");
    let ended = ServiceEvent::Ended { call, reason: EndReason::RemoteNetworkLoss, other_device: None };
    assert_eq!(caller.event().await, ended);
    assert_eq!(caller.ask(new_call("courier_2").1).await, Err(ErrorCode::ContactNotReachable));
    push_service.next().await;
    // It is not known again either when the service is started again.
    let TestService { service, data } = service;
    drop(caller);
    service.shutdown().await;
    let again = TestService::start_on(data).await;
    let mut caller = again.sign_in("courier_1").await;
    assert_eq!(caller.ask(new_call("courier_2").1).await, Err(ErrorCode::ContactNotReachable));
}

#[tokio::test]
async fn a_service_that_is_started_again_sends_what_is_left_and_nothing_twice() {
    let (mut push_service, receiver) = (StandIn::web().await, Receiver::new());
    let service = service_with(&push_service).await;
    idle(&service, "courier_2", receiver.web(&push_service.url("/2"))).await;
    idle(&service, "courier_3", receiver.web(&push_service.url("/3"))).await;
    let mut caller = service.sign_in("courier_1").await;
    let mut other = service.sign_in("courier_4").await;
    caller.ask(new_call("courier_2").1).await.expect("it is placed");
    assert_eq!(push_service.next().await.path, "/2");
    push_service.answer([(503, Some(6), "")]);
    other.ask(new_call("courier_3").1).await.expect("it is placed");
    assert_eq!(push_service.next().await.path, "/3");
    let certificate = push_service.certificate_in(service.data.path());
    let TestService { service, data } = service;
    drop((caller, other));
    service.shutdown().await;
    let _again = TestService::start_as(data, |settings| {
        settings.push.to_private_addresses = true;
        settings.push.certificates = Some(certificate);
    })
    .await;
    assert_eq!(push_service.next().await.path, "/3", "which was not brought before");
    assert!(push_service.is_left_alone());
}

#[tokio::test]
async fn who_signs_out_is_not_pushed_and_the_caller_is_told() {
    let (mut push_service, receiver) = (StandIn::web().await, Receiver::new());
    let service = service_with(&push_service).await;
    let mut device = service.sign_in("courier_2").await;
    device.ask(Request::PushTo { target: Some(receiver.web(&push_service.url("/1"))) }).await.expect("it is kept");
    device.ask(Request::Logout).await.expect("it is signed out");
    let mut caller = service.sign_in("courier_1").await;
    let (call, request) = new_call("courier_2");
    caller.ask(request).await.expect("it is placed");
    assert_eq!(caller.event().await, ServiceEvent::Ended { call, reason: EndReason::LoggedOut, other_device: None });
    assert!(push_service.is_left_alone());
    // That is remembered.
    let TestService { service, data } = service;
    drop(caller);
    service.shutdown().await;
    let again = TestService::start_on(data).await;
    let mut caller = again.sign_in("courier_1").await;
    let (call, request) = new_call("courier_2");
    caller.ask(request).await.expect("it is placed");
    assert_eq!(caller.event().await, ServiceEvent::Ended { call, reason: EndReason::LoggedOut, other_device: None });
}

#[tokio::test]
async fn nothing_is_pushed_to_addresses_of_this_network_unless_it_is_set() {
    let service = TestService::start().await;
    let mut device = service.sign_in("courier_2").await;
    let receiver = Receiver::new();
    for url in
        ["https://127.0.0.1/1", "https://169.254.169.254/", "http://push.example/1", "push.example", "https://me:secret@push.example/"]
    {
        let asked = device.ask(Request::PushTo { target: Some(receiver.web(url)) }).await;
        assert_eq!(asked, Err(ErrorCode::VoipServiceFailedToRegister), "{url}");
    }
    // A name that leads there is found out when something is to be sent.
    let mut caller = service.sign_in("courier_1").await;
    device.ask(Request::PushTo { target: Some(receiver.web("https://localhost:1/1")) }).await.expect("it is kept");
    device.ask(Request::GoIdle).await.expect("it is in no call");
    let (call, request) = new_call("courier_2");
    caller.ask(request).await.expect("it is placed");
    let ended = ServiceEvent::Ended { call, reason: EndReason::RemoteNetworkLoss, other_device: None };
    assert_eq!(caller.event().await, ended);
    let mut wrong = receiver.web("https://push.example/1");
    wrong.p256dh = "BF".to_owned();
    assert_eq!(caller.ask(Request::PushTo { target: Some(wrong) }).await, Err(ErrorCode::VoipServiceFailedToRegister));
}

#[tokio::test]
async fn who_signs_out_right_after_saying_where_they_are_is_not_pushed_by_the_next_service_either() {
    let (mut push_service, receiver) = (StandIn::web().await, Receiver::new());
    let service = service_with(&push_service).await;
    let mut device = service.sign_in("courier_2").await;
    // Both at once: the store is told of the one when the other is there already.
    for request in [Request::PushTo { target: Some(receiver.web(&push_service.url("/1"))) }, Request::Logout] {
        device.socket.say(&ClientMessage::Request { id: RequestId(Uuid::new_v4()), request }).await;
    }
    while device.socket.hear().await.is_some() {}
    let certificate = push_service.certificate_in(service.data.path());
    let TestService { service, data } = service;
    service.shutdown().await;
    let again = TestService::start_as(data, |settings| {
        settings.push.to_private_addresses = true;
        settings.push.certificates = Some(certificate);
    })
    .await;
    let mut caller = again.sign_in("courier_1").await;
    let (call, request) = new_call("courier_2");
    caller.ask(request).await.expect("it is placed");
    assert_eq!(caller.event().await, ServiceEvent::Ended { call, reason: EndReason::LoggedOut, other_device: None });
    assert!(push_service.is_left_alone());
}

#[tokio::test]
async fn a_push_that_was_given_up_is_not_sent_by_the_next_service() {
    let (mut push_service, receiver) = (StandIn::web().await, Receiver::new());
    let service = service_with(&push_service).await;
    idle(&service, "courier_2", receiver.web(&push_service.url("/2"))).await;
    idle(&service, "courier_2", receiver.web(&push_service.url("/3"))).await;
    push_service.answer([(400, None, "no"), (503, Some(6), "")]);
    let mut caller = service.sign_in("courier_1").await;
    caller.ask(new_call("courier_2").1).await.expect("it is placed");
    let (_given_up, tried_again) = (push_service.next().await, push_service.next().await);
    let certificate = push_service.certificate_in(service.data.path());
    let TestService { service, data } = service;
    drop(caller);
    service.shutdown().await;
    let _again = TestService::start_as(data, |settings| {
        settings.push.to_private_addresses = true;
        settings.push.certificates = Some(certificate);
    })
    .await;
    assert_eq!(push_service.next().await.path, tried_again.path);
}
