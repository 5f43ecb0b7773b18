use signedcall_wire::{EndReason, ErrorCode, PROTOCOL_VERSION, Redacted, Request, RequestId, Resume, ServiceEvent, ServiceMessage, Signal};
use uuid::Uuid;

use crate::support::{Socket, TestService, new_call};

#[tokio::test]
async fn what_was_missed_during_a_cut_is_replayed_exactly_once() {
    let service = TestService::start().await;
    let url = service.service.url();
    let mut caller = service.sign_in("courier_1").await;
    let mut callee = service.sign_in("customer_1").await;
    let (call, request) = new_call("customer_1");
    caller.ask(request).await.expect("a call");
    assert!(matches!(callee.event().await, ServiceEvent::Invite(_)));
    // The callee's old socket stays open and unread, as after a change of network.
    let candidate = |number: u32| Signal::Candidate { candidate: Redacted::new(number.to_string()) };
    for number in 0..5 {
        caller.ask(Request::Signal { call, to: callee.endpoint, signal: candidate(number) }).await.expect("a candidate");
    }
    callee.cut_and_resume(&url).await;
    for number in 0..5 {
        assert_eq!(callee.event().await, ServiceEvent::Signal { call, from: caller.endpoint.device, signal: candidate(number) });
    }
    callee.assert_no_event().await;
    callee.cut_and_resume(&url).await;
    callee.assert_no_event().await;
    callee.ask(Request::Accept { call }).await.expect("an answer");
    assert_eq!(caller.event().await, ServiceEvent::Answered { call, by: callee.endpoint, left_ms: None });
}

#[tokio::test]
async fn a_request_that_is_repeated_after_a_cut_is_answered_as_before_and_done_once() {
    let service = TestService::start().await;
    let url = service.service.url();
    let mut caller = service.sign_in("courier_1").await;
    let mut callee = service.sign_in("customer_1").await;
    let (call, request) = new_call("customer_1");
    let id = RequestId(Uuid::new_v4());
    caller.ask_as(id, request.clone()).await.expect("a call");
    caller.cut_and_resume(&url).await;
    caller.ask_as(id, request).await.expect("the same answer");
    assert!(matches!(callee.event().await, ServiceEvent::Invite(_)));
    callee.assert_no_event().await;
    let declined = RequestId(Uuid::new_v4());
    let decline = Request::Decline { call, reason: EndReason::Declined };
    callee.ask_as(declined, decline.clone()).await.expect("declined");
    callee.ask_as(declined, decline).await.expect("the same answer");
    assert_eq!(caller.event().await, ServiceEvent::Ended { call, reason: EndReason::Declined, other_device: None });
    caller.assert_no_event().await;
}

#[tokio::test]
async fn a_session_that_cannot_be_resumed_begins_anew_on_the_same_socket() {
    let service = TestService::start().await;
    let hello = service.hello("courier_1");
    let device = crate::support::Device::sign_in(&service.service.url(), hello.clone()).await;
    let (session, right) = (device.welcome.session, device.welcome.resume_token.clone());
    let wrong = Redacted::new(right.expose().to_lowercase());
    for (version, token) in [(PROTOCOL_VERSION, wrong), (PROTOCOL_VERSION + 1, right)] {
        let mut socket = Socket::open(&service.service.url()).await;
        socket.say(&signedcall_wire::ClientMessage::Resume(Resume { version, session, token, last_seq: 0 })).await;
        match socket.hear().await {
            Some(ServiceMessage::SessionExpired) => {
                socket.say(&signedcall_wire::ClientMessage::Hello(hello.clone())).await;
                assert!(matches!(socket.hear().await, Some(ServiceMessage::Welcome(_))));
            }
            Some(ServiceMessage::Refused(refusal)) => assert_eq!(refusal.code, ErrorCode::FeatureNotAvailable),
            other => panic!("unexpected: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_device_that_signs_out_is_no_longer_reachable_and_its_session_is_over() {
    let service = TestService::start().await;
    let mut caller = service.sign_in("courier_1").await;
    let mut callee = service.sign_in("customer_1").await;
    callee.ask(Request::Logout).await.expect("signed out");
    assert_eq!(callee.socket.hear().await, None, "the socket is closed");
    assert_eq!(caller.ask(new_call("customer_1").1).await, Err(ErrorCode::ContactNotReachable));
    let mut socket = Socket::open(&service.service.url()).await;
    socket.say(&callee.resume_message()).await;
    assert_eq!(socket.hear().await, Some(ServiceMessage::SessionExpired));
}

#[tokio::test]
async fn a_service_that_stops_says_so_and_ends_when_everyone_has_left() {
    let service = TestService::start().await;
    let mut device = service.sign_in("courier_1").await;
    let stopping = tokio::spawn(service.service.shutdown());
    let goaway = device.socket.hear().await;
    assert_eq!(goaway, Some(ServiceMessage::Goaway { deadline_ms: 20_000, spread_ms: 20_000 }));
    drop(device);
    let before_the_deadline = tokio::time::timeout(std::time::Duration::from_secs(15), stopping).await;
    before_the_deadline.expect("nobody is waited for").expect("a clean stop");
}
