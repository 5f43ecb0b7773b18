//! Every way in which a call ends (R20), as both sides report it, and what they say of themselves meanwhile (R21).

use std::time::Duration;

use signedcall::{CallId, CallState, CallStatus, DeviceId, EndReason, Metadata, Options};

use crate::calls::connect;
use crate::network::phone_behind;
use crate::proxy::Proxy;
use crate::support::{Phone, Service, ToneSound};

use CallStatus::{Answered, Ended, InProgress, Placed, Ringing};

const RINGS: [CallStatus; 2] = [Placed, Ringing];
const TALKS: [CallStatus; 2] = [Answered, InProgress];

/// What the callee, or whoever it happens to, does about a call that rings.
#[derive(Clone, Copy, Debug)]
enum Act {
    CallerCancels,
    CalleeDeclines,
    NobodyAnswers,
    CalleeSignsOut,
    CalleeHasNoMicrophone,
    CallerHangsUp,
    CalleeHangsUp,
    TimeRunsOut,
    CallerTransfers,
}

/// What is done, whether the callee answers before, and what both report in the end.
const ROWS: [(Act, bool, EndReason, EndReason); 9] = [
    (Act::CallerCancels, false, EndReason::Cancelled, EndReason::Cancelled),
    (Act::CalleeDeclines, false, EndReason::Declined, EndReason::Declined),
    (Act::NobodyAnswers, false, EndReason::RingTimeout, EndReason::RingTimeout),
    (Act::CalleeSignsOut, false, EndReason::LoggedOut, EndReason::LoggedOut),
    (Act::CalleeHasNoMicrophone, false, EndReason::MicrophoneRefused, EndReason::MicrophoneRefused),
    (Act::CallerHangsUp, true, EndReason::HungUp, EndReason::HungUp),
    (Act::CalleeHangsUp, true, EndReason::HungUp, EndReason::HungUp),
    (Act::TimeRunsOut, true, EndReason::MaxDuration, EndReason::MaxDuration),
    (Act::CallerTransfers, true, EndReason::Transferred, EndReason::Transferred),
];

async fn act(act: Act, call: CallId, alice: &Phone, bobby: &Phone) {
    match act {
        Act::CallerCancels | Act::CallerHangsUp => alice.line.hangup(call).await.expect("the line is open"),
        Act::CalleeDeclines => bobby.line.decline(call).await.expect("the line is open"),
        Act::CalleeHangsUp => bobby.line.hangup(call).await.expect("the line is open"),
        Act::CalleeSignsOut => bobby.line.logout().await,
        Act::CalleeHasNoMicrophone => drop(bobby.line.answer(call).await.expect_err("there is no microphone")),
        Act::CallerTransfers => alice.line.transfer(call, "carol").await.expect("carol is there"),
        Act::NobodyAnswers | Act::TimeRunsOut => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_report_every_end_and_say_what_goes_on() {
    let service = Service::start_with(|settings| settings.hub.ring_for = Duration::from_secs(2)).await;
    for (what, is_answered, by_caller, by_callee) in ROWS {
        let (mut alice, _carol) = (service.phone("alice").await, service.phone("carol").await);
        let has_none = matches!(what, Act::CalleeHasNoMicrophone);
        let sound = if has_none { ToneSound::without_microphone() } else { ToneSound::of(1_500) };
        let mut bobby = Phone::sign_in(service.options("bobby"), sound).await;
        assert_eq!(alice.line.call_state(), CallState::NoCall, "{what:?}");
        let max_duration = matches!(what, Act::TimeRunsOut).then_some(Duration::from_secs(1));
        let metadata = Metadata { max_duration, ..Metadata::default() };
        let call = alice.line.call("bobby", "Your order", metadata).await.expect("bobby is there");
        alice.expect_all(&RINGS).await;
        bobby.expect_all(&RINGS).await;
        assert_eq!((alice.line.call_state(), bobby.line.call_state()), (CallState::OutgoingCall, CallState::IncomingCall), "{what:?}");
        if is_answered {
            bobby.line.answer(call).await.expect("it rings");
            alice.expect_all(&TALKS).await;
            bobby.expect_all(&TALKS).await;
            assert_eq!((alice.line.call_state(), bobby.line.call_state()), (CallState::OngoingCall, CallState::OngoingCall), "{what:?}");
        }
        act(what, call, &alice, &bobby).await;
        let ends = (alice.next().await, bobby.next().await);
        assert_eq!((ends.0.status, ends.1.status), (Ended(by_caller), Ended(by_callee)), "{what:?}");
        assert_eq!((ends.0.call_id, ends.1.call_id), (call, call), "{what:?}");
        for phone in [alice, bobby] {
            phone.line.logout().await;
        }
    }
}

/// A user with two devices: one that is called first may be more than one.
async fn two_devices(service: &Service) -> (Phone, Phone) {
    let device = |name: &str| Options {
        device: Some(DeviceId(uuid::Uuid::new_v4())),
        device_name: Some(name.to_owned()),
        ..service.options("bobby")
    };
    (Phone::sign_in(device("Bobby's desk"), ToneSound::of(1_500)).await, Phone::sign_in(device("laptop"), ToneSound::of(2_000)).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_device_of_the_user_learns_which_has_answered_or_declined_and_nobody_else_does() {
    for (answers, elsewhere) in [(true, EndReason::AnsweredElsewhere), (false, EndReason::DeclinedElsewhere)] {
        let service = Service::start().await;
        let mut alice = service.phone("alice").await;
        let (mut bobby, mut other) = two_devices(&service).await;
        let call = alice.call("bobby").await;
        bobby.expect_all(&RINGS).await;
        other.expect_all(&RINGS).await;
        if answers {
            bobby.line.answer(call).await.expect("it rings");
        } else {
            bobby.line.decline(call).await.expect("it rings");
        }
        let end = other.next().await;
        assert_eq!((end.status, end.other_device.as_deref()), (Ended(elsewhere), Some("Bobby's desk")));
        other.leave_in_silence().await;
        bobby.line.logout().await;
        for phone in [&mut alice, &mut bobby] {
            let event = phone.until_over().await;
            assert_eq!((event.call_id, event.other_device), (call, None));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_whose_callee_cannot_ring_learns_why_and_nothing_is_seen_there() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    bobby.line.allow_notifications(false).await.expect("the line is open");
    alice.call("bobby").await;
    alice.expect_all(&[Placed, Ended(EndReason::NotificationsDisabled)]).await;

    bobby.line.allow_notifications(true).await.expect("the line is open");
    let mut carol = Phone::sign_in(Options { second_calls: false, ..service.options("carol") }, ToneSound::of(2_000)).await;
    let call = carol.call("bobby").await;
    bobby.expect_all(&RINGS).await;
    alice.call("carol").await;
    alice.expect_all(&[Placed, Ended(EndReason::Busy)]).await;
    carol.expect_all(&RINGS).await;
    carol.line.hangup(call).await.expect("it rings");
    carol.expect(Ended(EndReason::Cancelled)).await;
    carol.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_loses_the_network_for_too_long_is_out_and_both_sides_say_whose_it_was() {
    let service = Service::start_with(|settings| settings.hub.call_grace = Duration::from_secs(1)).await;
    let proxy = Proxy::to(service.address()).await;
    let (mut alice, mut bobby) = (service.phone("alice").await, phone_behind(&proxy, &service, "bobby", 1_500).await);
    connect(&mut alice, &mut bobby, "bobby").await;
    proxy.shut();
    alice.expect(Ended(EndReason::RemoteNetworkLoss)).await;
    proxy.open();
    bobby.expect(Ended(EndReason::LocalNetworkLoss)).await;
    alice.leave_in_silence().await;
    bobby.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_over_without_a_word_to_the_device_that_rings_is_missed() {
    let service = Service::start_with(|settings| settings.hub.ring_for = Duration::from_secs(1)).await;
    let proxy = Proxy::to(service.address()).await;
    let (mut alice, mut bobby) = (service.phone("alice").await, phone_behind(&proxy, &service, "bobby", 1_500).await);
    alice.call("bobby").await;
    alice.expect_all(&RINGS).await;
    bobby.expect_all(&RINGS).await;
    proxy.shut();
    alice.expect(Ended(EndReason::RingTimeout)).await;
    bobby.expect(Ended(EndReason::Missed)).await;
    bobby.until("no call", |view| view.state == CallState::NoCall).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_media_does_not_connect_in_time_ends_for_that_on_both_sides() {
    let service = Service::start().await;
    // Whoever has a wrong password answers no check of the other side.
    let proxy = Proxy::changing(service.address(), |message| message.replace("a=ice-pwd:", "a=ice-pwd:wrong")).await;
    let (mut alice, mut bobby) = (service.phone("alice").await, phone_behind(&proxy, &service, "bobby", 1_500).await);
    let call = alice.call("bobby").await;
    alice.expect_all(&RINGS).await;
    bobby.expect_all(&RINGS).await;
    bobby.line.answer(call).await.expect("it rings");
    alice.expect_all(&[Answered, Ended(EndReason::MediaSetupTooSlow)]).await;
    bobby.expect_all(&[Answered, Ended(EndReason::MediaSetupTooSlow)]).await;
    alice.leave_in_silence().await;
    bobby.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_devices_without_a_common_protocol_of_media_end_their_call_for_that_on_both_sides() {
    let service = Service::start().await;
    let changes: [fn(String) -> String; 2] =
        [|message| message.replace("opus/48000", "sonus/48000"), |message| message.replace("\"sdp\":\"v=0", "\"sdp\":\"version=9")];
    for change in changes {
        let proxy = Proxy::changing(service.address(), change).await;
        // The callee's device does not understand the offer: it cannot be answered there.
        let (mut alice, mut bobby) = (service.phone("alice").await, phone_behind(&proxy, &service, "bobby", 1_500).await);
        alice.call("bobby").await;
        for phone in [&mut alice, &mut bobby] {
            phone.expect_all(&RINGS).await;
            phone.expect(Ended(EndReason::ProtocolMismatch)).await;
        }
        // The caller's does not understand the answer to it.
        let call = bobby.call("alice").await;
        bobby.expect_all(&RINGS).await;
        alice.expect_all(&RINGS).await;
        alice.line.answer(call).await.expect("it rings");
        for phone in [&mut alice, &mut bobby] {
            phone.expect_all(&[Answered, Ended(EndReason::ProtocolMismatch)]).await;
        }
        alice.leave_in_silence().await;
        bobby.leave_in_silence().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_does_not_understand_the_caller_leaves_the_call_to_the_users_others() {
    let service = Service::start().await;
    let proxy = Proxy::changing(service.address(), |message| message.replace("opus/48000", "sonus/48000")).await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let mut foreign = phone_behind(&proxy, &service, "bobby", 1_500).await;
    let call = alice.call("bobby").await;
    foreign.expect_all(&RINGS).await;
    foreign.expect(Ended(EndReason::ProtocolMismatch)).await;
    bobby.expect_all(&RINGS).await;
    bobby.line.answer(call).await.expect("it rings");
    bobby.expect_all(&TALKS).await;
    alice.expect_all(&RINGS).await;
    alice.expect_all(&TALKS).await;
}
