//! What is said of the voices while they go on.

use signedcall::{MicrophoneNote, VoiceCondition};

use crate::calls::connect;
use crate::support::{Phone, Service, ToneSound};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_well_the_other_side_is_heard_is_said_while_both_talk() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    // Which it is depends on what else this machine does.
    alice.until("a quality", |view| view.voice.quality.is_some()).await;
    bobby.line.hangup(call).await.expect("the call goes on");
    alice.until("nothing to say", |view| view.voice == VoiceCondition::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_microphone_from_which_nothing_comes_is_told_until_something_does() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    connect(&mut alice, &mut bobby, "bobby").await;
    alice.sound.say(0);
    alice.until("silent", |view| view.voice.microphone == Some(MicrophoneNote::Silent)).await;
    alice.sound.say(1_000);
    alice.until("no longer", |view| view.voice.microphone.is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_microphone_that_is_too_loud_is_told_until_it_is_turned_down() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    connect(&mut alice, &mut bobby, "bobby").await;
    alice.sound.shout(true);
    alice.until("too loud", |view| view.voice.microphone == Some(MicrophoneNote::Clipping)).await;
    alice.sound.shout(false);
    alice.until("no longer", |view| view.voice.microphone.is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_app_is_called_is_in_its_view() {
    let service = Service::start().await;
    let mut options = service.options("alice");
    options.app_name = Some("Parcelo Courier".to_owned());
    let alice = Phone::sign_in(options, ToneSound::of(1_000)).await;
    assert_eq!(alice.line.view().borrow().app_name.as_deref(), Some("Parcelo Courier"));
}
