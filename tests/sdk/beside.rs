//! Two calls on one device: what its user hears, and what the others see.

use signedcall::{AnswerHow, CallId, CallState, CallStatus, Cuid, EndReason, ErrorCode, Holding, LinkState, Metadata, Options, Phase};

use crate::calls::connect;
use crate::proxy::Proxy;
use crate::support::{Phone, Service, ToneSound};

use CallStatus::{Answered, Ended, InProgress, Placed, Ringing};

/// Alice talks with bobby, and carol's call to him waits.
async fn waiting(service: &Service) -> ([Phone; 3], [CallId; 2]) {
    let (mut alice, mut bobby, mut carol) = (service.phone("alice").await, service.phone("bobby").await, service.phone("carol").await);
    let first = connect(&mut alice, &mut bobby, "bobby").await;
    bobby.sound.hears_tone(1_000).await;
    let second = carol.call("bobby").await;
    carol.expect_all(&[Placed, Ringing]).await;
    bobby.expect_all(&[Placed, Ringing]).await;
    assert_eq!((bobby.line.call_state(), shown(&bobby)), (CallState::OngoingCall, [Some(first), Some(second)]));
    ([alice, bobby, carol], [first, second])
}

/// The call in front, and the other.
fn shown(phone: &Phone) -> [Option<CallId>; 2] {
    let view = phone.line.view();
    let view = view.borrow();
    [view.call.as_ref().map(|call| call.call), view.other.as_ref().map(|other| other.call.call)]
}

async fn until_held(phone: &Phone, by: Holding) {
    phone.until(&format!("held by {by:?}"), |view| view.call.as_ref().is_some_and(|call| call.holding == by)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_takes_one_call_at_a_time_notices_nothing_of_the_second_caller() {
    let service = Service::start().await;
    let (mut alice, mut carol) = (service.phone("alice").await, service.phone("carol").await);
    let options = Options { second_calls: false, ..service.options("bobby") };
    let mut bobby = Phone::sign_in(options, ToneSound::of(1_500)).await;
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    carol.call("bobby").await;
    carol.expect_all(&[Placed, Ended(EndReason::Busy)]).await;
    assert_eq!(bobby.line.call_state(), CallState::OngoingCall);
    alice.line.hangup(call).await.expect("the call goes on");
    bobby.expect(Ended(EndReason::HungUp)).await;
    bobby.leave_in_silence().await;
    carol.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_a_second_call_may_wait_is_changed_within_a_session_and_outlives_it() {
    let mut service = Service::start().await;
    let proxy = Proxy::to(service.address()).await;
    let (mut alice, mut carol) = (service.phone("alice").await, service.phone("carol").await);
    let options = Options { second_calls: false, service_url: proxy.url(), ..service.options("bobby") };
    let mut bobby = Phone::sign_in(options, ToneSound::of(1_500)).await;
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    // Nobody can be told at first: it is said once there is a link.
    proxy.shut();
    bobby.until("cut off", |view| view.link == LinkState::Reconnecting).await;
    bobby.line.set_second_calls(true).await.expect("the line is open");
    proxy.open();
    bobby.until("back", |view| view.link == LinkState::Ready).await;
    // What is asked later on the same link and has reached the other side says that the service has taken what was asked before.
    for (on, holding) in [(true, Holding::OtherSide), (false, Holding::Nobody)] {
        bobby.line.hold(call, on).await.expect("the call goes on");
        alice.until("told", |view| view.call.as_ref().is_some_and(|call| call.holding == holding)).await;
    }
    waits(&mut carol, &mut bobby).await;

    let (mut views, service_restarts) = ([alice.line.view(), bobby.line.view(), carol.line.view()], service.restart());
    let lost = async {
        for view in &mut views {
            view.wait_for(|view| view.link == LinkState::Reconnecting).await.expect("the line is open");
        }
    };
    tokio::join!(service_restarts, lost);
    for phone in [&alice, &bobby, &carol] {
        phone.until("back", |view| view.link == LinkState::Ready).await;
    }
    waits(&mut carol, &mut bobby).await;

    bobby.line.set_second_calls(false).await.expect("the line is open");
    carol.call("bobby").await;
    carol.expect_all(&[Placed, Ended(EndReason::Busy)]).await;
    alice.line.logout().await;
    bobby.expect(Ended(EndReason::HungUp)).await;
    bobby.leave_in_silence().await;
}

/// A call of one waits at the other, and is given up.
async fn waits(caller: &mut Phone, callee: &mut Phone) {
    let call = caller.call("bobby").await;
    for phone in [&mut *caller, &mut *callee] {
        phone.expect_all(&[Placed, Ringing]).await;
    }
    caller.line.hangup(call).await.expect("it waits");
    for phone in [caller, callee] {
        phone.expect(Ended(EndReason::Cancelled)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_call_is_heard_over_the_voice_and_can_be_declined() {
    let service = Service::start().await;
    let ([mut alice, mut bobby, mut carol], [first, second]) = waiting(&service).await;
    let david = Phone::sign_in(service.options("david"), ToneSound::of(2_000)).await;
    david.line.call("bobby", "A third", Metadata::default()).await.expect("the call is placed");
    david.until("over", |view| view.call.is_none()).await;
    // What is looked for is far from what alice says now.
    alice.sound.say(2_000);
    bobby.sound.hears_tone(2_000).await;
    bobby.sound.forget();
    bobby.sound.hears("the waiting call", |_| bobby.sound.loudest(880) > 0.03).await;
    bobby.sound.hears_tone(2_000).await;
    bobby.line.decline(second).await.expect("the call waits");
    carol.expect(Ended(EndReason::Declined)).await;
    bobby.expect(Ended(EndReason::Declined)).await;
    assert_eq!(shown(&bobby), [Some(first), None]);
    bobby.sound.hears_tone(2_000).await;
    alice.line.hangup(first).await.expect("the call goes on");
    alice.expect(Ended(EndReason::HungUp)).await;
    bobby.expect(Ended(EndReason::HungUp)).await;
    bobby.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_current_call_is_held_for_the_one_that_waits_and_swapped_with_it() {
    let service = Service::start().await;
    let ([mut alice, mut bobby, mut carol], [first, second]) = waiting(&service).await;
    bobby.line.answer_with(second, AnswerHow::HoldCurrent).await.expect("the call waits");
    bobby.expect_all(&[Answered, InProgress]).await;
    carol.expect_all(&[Answered, InProgress]).await;
    bobby.sound.hears_tone(2_000).await;
    carol.sound.hears_tone(1_500).await;
    until_held(&alice, Holding::OtherSide).await;
    alice.sound.hears("music", |heard| heard.level > 0.01 && heard.tone.is_none()).await;
    assert_eq!(shown(&bobby), [Some(second), Some(first)]);

    bobby.line.swap().await.expect("there are two calls");
    assert_eq!(shown(&bobby), [Some(first), Some(second)]);
    bobby.sound.hears_tone(1_000).await;
    alice.sound.hears_tone(1_500).await;
    until_held(&carol, Holding::OtherSide).await;

    alice.line.hangup(first).await.expect("the call goes on");
    alice.expect(Ended(EndReason::HungUp)).await;
    bobby.expect(Ended(EndReason::HungUp)).await;
    bobby.until("one call, held", |view| view.call.as_ref().is_some_and(|call| call.call == second) && view.other.is_none()).await;
    bobby.line.hold(second, false).await.expect("the call goes on");
    bobby.sound.hears_tone(2_000).await;
    carol.sound.hears_tone(1_500).await;
    carol.line.hangup(second).await.expect("the call goes on");
    bobby.expect(Ended(EndReason::HungUp)).await;
    bobby.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_current_call_is_ended_for_the_one_that_waits() {
    let service = Service::start().await;
    let ([mut alice, bobby, mut carol], [_, second]) = waiting(&service).await;
    bobby.line.answer_with(second, AnswerHow::EndCurrent).await.expect("the call waits");
    alice.expect(Ended(EndReason::HungUp)).await;
    carol.expect_all(&[Answered, InProgress]).await;
    bobby.sound.hears_tone(2_000).await;
    bobby.until("one call", |view| view.call.as_ref().is_some_and(|call| call.call == second) && view.other.is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_a_call_may_place_another() {
    let service = Service::start().await;
    let (mut alice, mut bobby, mut carol) = (service.phone("alice").await, service.phone("bobby").await, service.phone("carol").await);
    let first = connect(&mut alice, &mut bobby, "bobby").await;
    let refused = alice.line.call("carol", "Meanwhile", Metadata::default()).await.expect_err("the first is not held");
    assert_eq!(refused.code, ErrorCode::OngoingCall);
    alice.line.hold(first, true).await.expect("the call goes on");
    let second = connect(&mut alice, &mut carol, "carol").await;
    alice.sound.hears_tone(2_000).await;
    assert_eq!(shown(&alice), [Some(second), Some(first)]);
    let held = alice.line.view().borrow().other.clone().expect("the first call");
    assert!(matches!(held.call.phase, Phase::Talking { .. }) && held.talking_since.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_handed_over_to_a_third_user() {
    let service = Service::start().await;
    let (mut alice, mut bobby, mut carol) = (service.phone("alice").await, service.phone("bobby").await, service.phone("carol").await);
    let first = connect(&mut alice, &mut bobby, "bobby").await;
    for (to, error) in [
        ("david", ErrorCode::ContactNotReachable),
        ("alice", ErrorCode::CanNotCallSelf),
        ("bobby", ErrorCode::CanNotCallSelf),
        ("x", ErrorCode::InvalidLengthCuid),
    ] {
        let refused = bobby.line.transfer(first, to).await.expect_err(to);
        assert_eq!(refused.code, error, "{to}");
    }
    bobby.sound.hears_tone(1_000).await;
    bobby.line.transfer(first, "carol").await.expect("carol is there");
    bobby.expect(Ended(EndReason::Transferred)).await;
    alice.expect_all(&[Ended(EndReason::Transferred), Placed, Ringing]).await;
    carol.expect_all(&[Placed, Ringing]).await;
    let next = carol.line.view().borrow().call.clone().expect("a call rings");
    let named = (next.peer.as_str(), next.transferred_by.as_ref().map(Cuid::as_str), next.context.as_str());
    assert_eq!(named, ("alice", Some("bobby"), "Order 4711 is on its way"));
    assert_eq!(shown(&alice), [Some(next.call), None]);
    carol.line.answer(next.call).await.expect("the call rings");
    alice.expect_all(&[Answered, InProgress]).await;
    carol.expect_all(&[Answered, InProgress]).await;
    alice.sound.hears_tone(2_000).await;
    carol.sound.hears_tone(1_000).await;
    alice.line.hangup(next.call).await.expect("the call goes on");
    alice.expect(Ended(EndReason::HungUp)).await;
    carol.expect(Ended(EndReason::HungUp)).await;
    for phone in [alice, bobby, carol] {
        phone.leave_in_silence().await;
    }
    let records = service.records().await;
    let written: Vec<_> = records.iter().map(|record| (record.caller.as_str(), record.callee.as_str(), record.end_reason)).collect();
    let number = |reason: EndReason| Some(reason.number());
    assert_eq!(written, [("alice", "bobby", number(EndReason::Transferred)), ("alice", "carol", number(EndReason::HungUp))]);
}
