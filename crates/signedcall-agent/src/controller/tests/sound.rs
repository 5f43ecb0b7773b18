//! What a call's screen shows of its sound: through which devices it goes, and how loud it is.

use std::sync::Arc;

use signedcall::{Direction, LineView, UsedDevices, VoiceCondition};

use super::bench::{Bench, call, held, seen, talking};
use crate::controller::Event;
use crate::sdk::LineChange;
use crate::testing::nothing_heard;
use crate::view::{DeviceNews, DevicesView, UsedDevice};

async fn in_call() -> Bench {
    let bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.talks(call(1), Direction::Incoming, 5);
    bench
}

/// The line goes on through these.
async fn shown_with(bench: &Bench, microphone: Option<&str>, speaker: Option<&str>) -> DevicesView {
    let used = UsedDevices { microphone: microphone.map(Into::into), speaker: speaker.map(Into::into), headset: false };
    let voice = VoiceCondition { devices: Arc::new(used), ..VoiceCondition::default() };
    let call = Some(seen(call(1), Direction::Incoming, talking()));
    bench.line().tell(LineChange::View(LineView { call, voice, ..nothing_heard() }));
    bench.view().await.call.expect("it goes on").devices
}

fn device(name: Option<&str>, news: Option<DeviceNews>) -> UsedDevice {
    UsedDevice { name: name.map(str::to_owned), news }
}

#[tokio::test]
async fn a_device_that_comes_or_goes_during_the_call_is_news() {
    let bench = in_call().await;
    assert_eq!(shown_with(&bench, None, None).await, DevicesView::default(), "they are being opened");
    let first = DevicesView { microphone: device(Some("Built-in"), None), speaker: device(Some("Speakers"), None) };
    assert_eq!(shown_with(&bench, Some("Built-in"), Some("Speakers")).await, first);
    let other = DevicesView { microphone: device(Some("Headset"), Some(DeviceNews::Changed)), ..first };
    assert_eq!(shown_with(&bench, Some("Headset"), Some("Speakers")).await, other);
    let gone = DevicesView { microphone: device(None, Some(DeviceNews::Gone)), ..other };
    assert_eq!(shown_with(&bench, None, Some("Speakers")).await, gone);
}

#[tokio::test]
async fn a_held_call_goes_through_no_device_and_lacks_none() {
    let bench = in_call().await;
    shown_with(&bench, Some("Built-in"), Some("Speakers")).await;
    bench.show(held(call(1)));
    assert_eq!(bench.view().await.call.expect("it is held").devices, DevicesView::default());
    assert_eq!(shown_with(&bench, None, None).await, DevicesView::default(), "they are opened again");
}

#[tokio::test]
async fn a_call_keeps_its_volume() {
    let bench = in_call().await;
    let volume = async || bench.view().await.call.expect("it goes on").volume;
    assert_eq!(volume().await, 100);
    bench.ask(|reply| Event::SetVolume(call(1), 150, reply)).await.expect("it goes on");
    assert_eq!(volume().await, 150);
    bench.show(held(call(1)));
    assert_eq!(volume().await, 150);
    bench.ask(|reply| Event::SetVolume(call(1), 900, reply)).await.expect("it goes on");
    assert_eq!(volume().await, 200);
    assert_eq!(bench.line().asked(), [format!("volume {} 1.5", call(1)), format!("volume {} 2", call(1))]);
}
