//! Whole calls: what both sides report, exactly and in order.

use std::time::{Duration, SystemTime};

use signedcall::{CallState, CallStatus, Direction, EndReason, ErrorCode, LinkState, Metadata};

use crate::support::{Phone, Service, ToneSound};

use CallStatus::{Answered, Ended, InProgress, Placed, Ringing};

/// What both sides of an answered call report until somebody hangs up.
const TALK: [CallStatus; 4] = [Placed, Ringing, Answered, InProgress];

/// Brings two phones into a call.
pub(crate) async fn connect(caller: &mut Phone, callee: &mut Phone, callee_cuid: &str) -> signedcall::CallId {
    let call = caller.call(callee_cuid).await;
    callee.expect_all(&[Placed, Ringing]).await;
    callee.line.answer(call).await.expect("the call rings");
    caller.expect_all(&TALK).await;
    callee.expect_all(&TALK[2..]).await;
    call
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_call_is_reported_the_same_on_both_sides() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let metadata = Metadata {
        initiator_image: Some("https://pictures.example/alice.png".to_owned()),
        receiver_image: Some("https://pictures.example/bobby.png".to_owned()),
        remote_context: Some("आपका पार्सल".to_owned()),
        max_duration: None,
    };
    let call = alice.line.call("bobby", "Your parcel", metadata).await.expect("the call is placed");
    assert_eq!(alice.line.call_state(), CallState::OutgoingCall);

    let placed = bobby.next().await;
    assert_eq!((placed.call_id, placed.status, placed.direction), (call, Placed, Direction::Incoming));
    assert_eq!((placed.caller.as_str(), placed.callee.as_str()), ("alice", "bobby"));
    assert_eq!(placed.context.as_str(), "आपका पार्सल");
    assert_eq!(placed.initiator_image.as_deref(), Some("https://pictures.example/alice.png"));
    bobby.expect(Ringing).await;
    assert_eq!(bobby.line.call_state(), CallState::IncomingCall);

    let placed = alice.next().await;
    assert_eq!((placed.call_id, placed.status, placed.direction), (call, Placed, Direction::Outgoing));
    assert_eq!(placed.context.as_str(), "Your parcel");
    alice.expect(Ringing).await;

    bobby.line.answer(call).await.expect("the call rings");
    alice.expect_all(&[Answered, InProgress]).await;
    bobby.expect_all(&[Answered, InProgress]).await;
    assert_eq!((alice.line.call_state(), bobby.line.call_state()), (CallState::OngoingCall, CallState::OngoingCall));

    bobby.line.hangup(call).await.expect("the call goes on");
    alice.expect(Ended(EndReason::HungUp)).await;
    bobby.expect(Ended(EndReason::HungUp)).await;
    alice.until("no call", |view| view.state == CallState::NoCall).await;
    alice.leave_in_silence().await;
    bobby.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declined_call_ends_declined_on_both_sides() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let call = alice.call("bobby").await;
    bobby.expect_all(&[Placed, Ringing]).await;
    alice.expect_all(&[Placed, Ringing]).await;
    bobby.line.decline(call).await.expect("the call rings");
    alice.expect(Ended(EndReason::Declined)).await;
    bobby.expect(Ended(EndReason::Declined)).await;
    alice.leave_in_silence().await;
    bobby.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_call_stops_ringing() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let call = alice.call("bobby").await;
    bobby.expect_all(&[Placed, Ringing]).await;
    alice.expect_all(&[Placed, Ringing]).await;
    alice.line.hangup(call).await.expect("the call rings");
    alice.expect(Ended(EndReason::Cancelled)).await;
    bobby.expect(Ended(EndReason::Cancelled)).await;
    alice.leave_in_silence().await;
    bobby.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_nobody_answers_times_out_on_both_sides() {
    let service = Service::start_with(|settings| settings.hub.ring_for = Duration::from_millis(700)).await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    alice.call("bobby").await;
    alice.expect_all(&[Placed, Ringing, Ended(EndReason::RingTimeout)]).await;
    bobby.expect_all(&[Placed, Ringing, Ended(EndReason::RingTimeout)]).await;
    alice.leave_in_silence().await;
    bobby.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limited_call_is_warned_of_and_ended_in_time_on_both_sides() {
    let service = Service::start_with(|settings| settings.demo_max_call = Some(Duration::from_secs(60))).await;
    let mut alice = service.phone("alice").await;
    let mut bobby = Phone::sign_in(service.options("bobby"), ToneSound::of(2_000)).await;
    let limit = Duration::from_secs(3);
    let metadata = Metadata { max_duration: Some(limit), ..Metadata::default() };
    let call = alice.line.call("bobby", "Your parcel", metadata).await.expect("the call is placed");
    bobby.expect_all(&[Placed, Ringing]).await;
    let asked_at = SystemTime::now();
    bobby.line.answer(call).await.expect("the call rings");
    alice.expect_all(&TALK).await;
    bobby.expect_all(&TALK[2..]).await;
    for phone in [&alice, &bobby] {
        let ends_at = phone.line.view().borrow().ends_at.expect("it was told");
        assert!(ends_at >= asked_at + limit - Duration::from_millis(100), "{:?} after the answer", ends_at.duration_since(asked_at));
    }
    for phone in [&mut alice, &mut bobby] {
        phone.expect(Ended(EndReason::MaxDuration)).await;
        assert!(asked_at.elapsed().is_ok_and(|talked| talked >= limit - Duration::from_millis(100)), "{:?}", asked_at.elapsed());
    }
    let warning = alice.sound.loudest(1_046);
    assert!(warning > 0.05, "{warning}");
    alice.leave_in_silence().await;
    bobby.leave_in_silence().await;
    let records = service.records().await;
    assert_eq!(records.iter().map(|record| record.end_reason).collect::<Vec<_>>(), [Some(EndReason::MaxDuration.number())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_call_each_other_are_in_one_call() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let metadata = Metadata::default;
    let (one, other) = tokio::join!(alice.line.call("bobby", "Parcel", metadata()), bobby.line.call("alice", "Address", metadata()));
    let placed = [one, other].into_iter().filter(Result::is_ok).count();
    assert!(placed <= 1, "the service places one of two calls that cross");
    alice.until("talking", |view| view.talking_since.is_some()).await;
    bobby.until("talking", |view| view.talking_since.is_some()).await;
    let call = |phone: &Phone| phone.line.view().borrow().call.as_ref().map(|call| call.call);
    assert_eq!(call(&alice), call(&bobby));
    let mut begun = Vec::new();
    for phone in [&mut alice, &mut bobby] {
        phone.expect_all(&TALK).await;
        begun.push(call(phone).expect("a call"));
    }
    alice.line.hangup(begun[0]).await.expect("the call goes on");
    for phone in [&mut alice, &mut bobby] {
        phone.expect(Ended(EndReason::HungUp)).await;
    }
    alice.leave_in_silence().await;
    bobby.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_users_other_device_learns_that_the_call_was_answered_elsewhere() {
    let service = Service::start().await;
    let (mut alice, mut desk) = (service.phone("alice").await, service.phone("bobby").await);
    let mut laptop = Phone::sign_in(service.options("bobby"), ToneSound::of(2_000)).await;
    let call = alice.call("bobby").await;
    desk.expect_all(&[Placed, Ringing]).await;
    laptop.expect_all(&[Placed, Ringing]).await;
    laptop.line.answer(call).await.expect("the call rings");
    laptop.expect_all(&[Answered, InProgress]).await;
    alice.expect_all(&TALK).await;
    desk.expect(Ended(EndReason::AnsweredElsewhere)).await;
    alice.sound.hears_tone(2_000).await;
    alice.line.hangup(call).await.expect("the call goes on");
    laptop.expect(Ended(EndReason::HungUp)).await;
    desk.leave_in_silence().await;
    laptop.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_ends_the_call_and_everything_after_is_refused() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    connect(&mut alice, &mut bobby, "bobby").await;
    bobby.line.logout().await;
    alice.expect(Ended(EndReason::HungUp)).await;
    bobby.until("closed", |view| view.link == LinkState::Closed).await;
    let refused = bobby.line.call("alice", "Again", Metadata::default()).await.expect_err("nobody is signed in");
    assert_eq!(refused.code, ErrorCode::NotInitialized);
    let unreachable = alice.line.call("bobby", "Again", Metadata::default()).await.expect_err("bobby has left");
    assert_eq!(unreachable.code, ErrorCode::ContactNotReachable);
    alice.leave_in_silence().await;
}
