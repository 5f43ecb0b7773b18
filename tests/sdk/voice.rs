//! What is heard.

use signedcall::Holding;

use crate::calls::connect;
use crate::support::Service;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_side_hears_the_other() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    connect(&mut alice, &mut bobby, "bobby").await;
    alice.sound.hears_tone(1_500).await;
    bobby.sound.hears_tone(1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_caller_hears_ringback_until_the_answer() {
    let service = Service::start().await;
    let (alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let call = alice.call("bobby").await;
    alice.sound.hears("ringback", |heard| heard.level > 0.02 && heard.tone.is_none()).await;
    bobby.expect(signedcall::CallStatus::Placed).await;
    bobby.sound.hears("the ringtone", |heard| heard.level > 0.02 && heard.tone.is_none()).await;
    bobby.line.answer(call).await.expect("the call rings");
    alice.sound.hears_tone(1_500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_muted_microphone_is_silent_and_comes_back() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    bobby.sound.hears_tone(1_000).await;
    alice.line.mute(call, true).await.expect("the call goes on");
    alice.until("muted", |view| view.call.as_ref().is_some_and(|call| call.muted)).await;
    bobby.sound.hears_nothing().await;
    alice.sound.hears_tone(1_500).await;
    alice.line.mute(call, false).await.expect("the call goes on");
    bobby.sound.hears_tone(1_000).await;
}

/// What the microphone brings later than 40 ms after muting is a tone of its own, and not a frame of it reaches the other side.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_heard_that_was_said_later_than_four_frames_after_muting() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    bobby.sound.hears_tone(1_000).await;
    bobby.sound.forget();
    alice.line.mute(call, true).await.expect("the call goes on");
    alice.sound.says_frames(4).await;
    alice.sound.say(2_000);
    alice.sound.says_frames(50).await;
    bobby.sound.hears_nothing().await;
    let leaked = bobby.sound.loudest(2_000);
    assert!(leaked < 0.03, "{leaked}");
    alice.line.mute(call, false).await.expect("the call goes on");
    bobby.sound.hears_tone(2_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_call_is_heard_and_then_nothing() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    alice.sound.hears_tone(1_500).await;
    bobby.line.hangup(call).await.expect("the call goes on");
    alice.sound.hears("the ended tone", |heard| heard.level > 0.01 && heard.tone.is_none()).await;
    alice.sound.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_call_is_silent_both_ways_but_for_music_and_is_heard_again() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    alice.sound.hears_tone(1_500).await;
    for _ in 0..2 {
        alice.line.hold(call, true).await.expect("the call goes on");
        bobby.until("held", |view| view.call.as_ref().is_some_and(|call| call.holding == Holding::OtherSide)).await;
        bobby.sound.hears("music", |heard| heard.level > 0.01 && heard.tone.is_none()).await;
        alice.sound.hears_nothing().await;
        alice.line.hold(call, false).await.expect("the call goes on");
        alice.sound.hears_tone(1_500).await;
        bobby.sound.hears_tone(1_000).await;
    }
    alice.line.hold(call, true).await.expect("the call goes on");
    bobby.line.hold(call, true).await.expect("the call goes on");
    alice.until("held by both", |view| view.call.as_ref().is_some_and(|call| call.holding == Holding::Both)).await;
    alice.line.hold(call, false).await.expect("the call goes on");
    alice.sound.hears("music", |heard| heard.level > 0.01 && heard.tone.is_none()).await;
    bobby.line.hold(call, false).await.expect("the call goes on");
    alice.sound.hears_tone(1_500).await;
    bobby.sound.hears_tone(1_000).await;
}
