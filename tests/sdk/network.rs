//! Networks that fail: events come exactly once all the same.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use signedcall::{CallState, CallStatus, Credentials, DeviceId, EndReason, ErrorCode, Holding, LinkState, Metadata, Options, Phase};

use crate::calls::connect;
use crate::proxy::Proxy;
use crate::support::{Phone, Service, ToneSound};

use CallStatus::{Answered, Ended, InProgress, Placed, Ringing};

pub(crate) async fn phone_behind(proxy: &Proxy, service: &Service, cuid: &str, says: u32) -> Phone {
    let mut options = service.options(cuid);
    options.service_url = proxy.url();
    Phone::sign_in(options, ToneSound::of(says)).await
}

/// Waits until a phone has lost its socket and has another.
async fn reconnected(phone: &Phone, cut: impl FnOnce()) -> Duration {
    let mut view = phone.line.view();
    view.mark_unchanged();
    let lost = async {
        view.wait_for(|view| view.link == LinkState::Reconnecting).await.expect("the line is open");
        Instant::now()
    };
    let (since, ()) = tokio::join!(lost, async { cut() });
    phone.until("reconnected", |view| view.link == LinkState::Ready).await;
    since.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_is_cut_while_it_rings_changes_no_event() {
    let service = Service::start().await;
    let (near, far) = (Proxy::to(service.address()).await, Proxy::to(service.address()).await);
    let mut alice = phone_behind(&near, &service, "alice", 1_000).await;
    let mut bobby = phone_behind(&far, &service, "bobby", 1_500).await;
    let call = alice.call("bobby").await;
    bobby.expect_all(&[Placed, Ringing]).await;
    alice.expect_all(&[Placed, Ringing]).await;
    reconnected(&bobby, || far.cut()).await;
    reconnected(&alice, || near.cut()).await;
    bobby.line.answer(call).await.expect("the call rings");
    bobby.expect_all(&[Answered, InProgress]).await;
    alice.expect_all(&[Answered, InProgress]).await;
    alice.line.hangup(call).await.expect("the call goes on");
    alice.expect(Ended(EndReason::HungUp)).await;
    bobby.expect(Ended(EndReason::HungUp)).await;
    alice.leave_in_silence().await;
    bobby.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_talk_goes_on_while_the_socket_is_away_and_the_session_is_back_within_two_seconds() {
    let service = Service::start().await;
    let proxy = Proxy::to(service.address()).await;
    let mut alice = phone_behind(&proxy, &service, "alice", 1_000).await;
    let mut bobby = phone_behind(&proxy, &service, "bobby", 1_500).await;
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    alice.sound.hears_tone(1_500).await;
    let away = reconnected(&alice, || proxy.cut()).await;
    assert!(away < Duration::from_secs(2), "{away:?}");
    alice.sound.hears_tone(1_500).await;
    bobby.line.hangup(call).await.expect("the call goes on");
    alice.expect(Ended(EndReason::HungUp)).await;
    bobby.expect(Ended(EndReason::HungUp)).await;
    alice.leave_in_silence().await;
    bobby.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_up_without_a_socket_arrives_on_the_next() {
    let service = Service::start().await;
    let proxy = Proxy::to(service.address()).await;
    let mut alice = phone_behind(&proxy, &service, "alice", 1_000).await;
    let mut bobby = service.phone("bobby").await;
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    proxy.cut();
    alice.line.hangup(call).await.expect("the call goes on");
    alice.expect(Ended(EndReason::HungUp)).await;
    bobby.expect(Ended(EndReason::HungUp)).await;
    alice.leave_in_silence().await;
    bobby.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_a_socket_that_is_dead_goes_over_another_within_two_seconds() {
    let service = Service::start().await;
    let proxy = Proxy::to(service.address()).await;
    let alice = phone_behind(&proxy, &service, "alice", 1_000).await;
    let mut bobby = service.phone("bobby").await;
    proxy.go_dead();
    let dialled = Instant::now();
    alice.call("bobby").await;
    assert!(dialled.elapsed() < Duration::from_secs(2), "{:?}", dialled.elapsed());
    bobby.expect_all(&[Placed, Ringing]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_service_finds_everybody_back() {
    let mut service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let (mut of_alice, mut of_bobby) = (alice.line.view(), bobby.line.view());
    let lost = async {
        of_alice.wait_for(|view| view.link == LinkState::Reconnecting).await.expect("the line is open");
        of_bobby.wait_for(|view| view.link == LinkState::Reconnecting).await.expect("the line is open");
    };
    tokio::join!(service.restart(), lost);
    alice.until("back", |view| view.link == LinkState::Ready).await;
    bobby.until("back", |view| view.link == LinkState::Ready).await;
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    alice.line.hangup(call).await.expect("the call goes on");
    bobby.expect(Ended(EndReason::HungUp)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_outlives_a_service_that_is_restarted_which_places_no_calls_meanwhile() {
    let mut service = Service::start().await;
    let (mut alice, mut bobby, carol) = (service.phone("alice").await, service.phone("bobby").await, service.phone("carol").await);
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    let mut views = [alice.line.view(), bobby.line.view()];
    let lost = async {
        for view in &mut views {
            view.wait_for(|view| view.link == LinkState::Reconnecting).await.expect("the line is open");
        }
    };
    let (_, refused, ()) = tokio::join!(service.restart(), carol.line.call("alice", "Your order", Metadata::default()), lost);
    assert_eq!(refused.expect_err("the service is about to stop").code, ErrorCode::ServerFailure);
    for phone in [&alice, &bobby] {
        phone.until("back", |view| view.link == LinkState::Ready).await;
        assert_eq!(phone.line.call_state(), CallState::OngoingCall);
    }
    alice.sound.hears_tone(1_500).await;
    bobby.sound.hears_tone(1_000).await;
    alice.line.hold(call, true).await.expect("the call goes on");
    bobby.until("held", |view| view.call.as_ref().is_some_and(|call| call.holding == Holding::OtherSide)).await;
    bobby.line.hangup(call).await.expect("the call goes on");
    alice.expect(Ended(EndReason::HungUp)).await;
    bobby.expect(Ended(EndReason::HungUp)).await;
    alice.leave_in_silence().await;
    bobby.leave_in_silence().await;
    let ends: Vec<_> = service.records().await.into_iter().map(|record| (record.call, record.end_reason)).collect();
    assert_eq!(ends, [(call.to_string(), Some(EndReason::HungUp.number()))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_outlives_the_service_that_has_relayed_it() {
    let (mut service, key) = Service::start_with_account("private", |account| account.relay_only = true).await;
    let private =
        |cuid: &str| Options { account_id: "private".to_owned(), credentials: Credentials::ApiKey(key.clone()), ..service.options(cuid) };
    let mut alice = Phone::sign_in(private("alice"), ToneSound::of(1_000)).await;
    let mut bobby = Phone::sign_in(private("bobby"), ToneSound::of(1_500)).await;
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    bobby.sound.hears_tone(1_000).await;
    service.restart().await;
    alice.sound.say(2_000);
    bobby.sound.hears_tone(2_000).await;
    bobby.sound.say(1_000);
    alice.sound.hears_tone(1_000).await;
    alice.line.hangup(call).await.expect("the call goes on");
    alice.expect(Ended(EndReason::HungUp)).await;
    bobby.expect(Ended(EndReason::HungUp)).await;
}

/// What the service has said to a device whose calls are relayed only.
static SAID_TO_BOBBY: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn note(message: String) -> String {
    SAID_TO_BOBBY.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
    message
}

/// Each candidate in it (RFC 8839, section 5.1), up to where its JSON ends.
fn candidates(message: &str) -> impl Iterator<Item = &str> {
    message.split("candidate:").skip(1).map(|rest| rest.split(['\\', '"']).next().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_may_have_its_calls_relayed_only() {
    let (service, key) = Service::start_with_account("private", |account| account.relay_only = true).await;
    let private =
        |cuid: &str| Options { account_id: "private".to_owned(), credentials: Credentials::ApiKey(key.clone()), ..service.options(cuid) };
    let mut alice = Phone::sign_in(private("alice"), ToneSound::of(1_000)).await;
    let noting = Proxy::changing(service.address(), note).await;
    let mut bobby = Phone::sign_in(Options { service_url: noting.url(), ..private("bobby") }, ToneSound::of(1_500)).await;
    // More calls than a device may hold ports of the relay: each gives its own back.
    for _ in 0..40 {
        let call = alice.call("bobby").await;
        bobby.expect_all(&[Placed, Ringing]).await;
        alice.expect_all(&[Placed, Ringing]).await;
        alice.line.hangup(call).await.expect("the call rings");
        alice.expect(Ended(EndReason::Cancelled)).await;
        bobby.expect(Ended(EndReason::Cancelled)).await;
    }
    connect(&mut alice, &mut bobby, "bobby").await;
    alice.sound.hears_tone(1_500).await;
    bobby.sound.hears_tone(1_000).await;
    let said = SAID_TO_BOBBY.lock().unwrap_or_else(PoisonError::into_inner);
    let shown: Vec<&str> = said.iter().flat_map(|message| candidates(message)).collect();
    assert!(!shown.is_empty(), "she has shown where the relay is");
    for candidate in shown {
        assert!(candidate.contains(" typ relay raddr 0.0.0.0 rport 0"), "it says where she is herself: {candidate}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_whose_program_dies_while_it_rings_rings_again_and_is_heard() {
    let service = Service::start().await;
    let proxy = Proxy::to(service.address()).await;
    let mut alice = service.phone("alice").await;
    let device = Some(DeviceId(uuid::Uuid::new_v4()));
    let mut options = Options { device, ..service.options("bobby") };
    let again = options.clone();
    options.service_url = proxy.url();
    let mut bobby = Phone::sign_in(options, ToneSound::of(1_500)).await;
    let call = alice.call("bobby").await;
    bobby.expect_all(&[Placed, Ringing]).await;
    alice.expect_all(&[Placed, Ringing]).await;
    // Nothing is heard of this run any more.
    proxy.shut();
    let bobby = Phone::sign_in(again, ToneSound::of(2_000)).await;
    bobby.until("ringing", |view| view.call.as_ref().is_some_and(|call| call.phase == Phase::Ringing)).await;
    bobby.line.answer(call).await.expect("the call rings");
    alice.expect_all(&[Answered, InProgress]).await;
    alice.sound.hears_tone(2_000).await;
    bobby.sound.hears_tone(1_000).await;
}
