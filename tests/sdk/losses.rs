//! Voices over a line that loses packets.

use signedcall_tests::{Between, ImpairedLine, Impairment};

use crate::calls::connect;
use crate::network::phone_behind;
use crate::proxy::Proxy;
use crate::support::{Phone, Service, ToneSound};

/// Each packet of the caller's voice is lost with this probability, whatever became of the one before.
const LOSSES: Impairment = Impairment { loss: 0.3, burst: 1.0 / 0.7, jitter: std::time::Duration::ZERO, black_out: None, seed: 3 };

/// A caller whose voice is lost in part, before the service.
pub(crate) async fn caller_over(line: &ImpairedLine, service: &Service) -> (Between, Phone) {
    let url = format!("ws://{}", service.address());
    let between = Between::open(&url, line.for_second(), line.for_first()).await.expect("a free port");
    let mut options = service.options("alice");
    options.service_url = between.url().to_owned();
    let phone = Phone::sign_in(options, ToneSound::of(1_000)).await;
    (between, phone)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_are_answered_with_copies_and_the_voice_stays() {
    let service = Service::start().await;
    let line = ImpairedLine::open([127, 0, 0, 1].into(), LOSSES).await.expect("a free port");
    let (_between, mut alice) = caller_over(&line, &service).await;
    let mut bobby = service.phone("bobby").await;
    connect(&mut alice, &mut bobby, "bobby").await;
    while line.counted().with_copies < 50 {
        // Until the other side has told of the losses. It is a fault that takes longer than this test may.
        alice.sound.says_frames(10).await;
        assert!(line.counted().packets < 1_000, "{:?}", line.counted());
    }
    bobby.sound.hears_tone(1_000).await;
    alice.sound.hears_tone(1_500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_takes_no_copies_is_sent_none_and_both_are_heard() {
    let service = Service::start().await;
    let line = ImpairedLine::open([127, 0, 0, 1].into(), LOSSES).await.expect("a free port");
    let (_between, mut alice) = caller_over(&line, &service).await;
    let proxy = Proxy::changing(service.address(), without_copies).await;
    let mut bobby = phone_behind(&proxy, &service, "bobby", 1_500).await;
    connect(&mut alice, &mut bobby, "bobby").await;
    while line.counted().packets < 300 {
        alice.sound.says_frames(10).await;
    }
    assert_eq!(line.counted().with_copies, 0);
    bobby.sound.hears_tone(1_000).await;
    alice.sound.hears_tone(1_500).await;
}

/// What the service says, as if the other side had never heard of copies.
pub(crate) fn without_copies(message: String) -> String {
    let lines = ["a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111", "a=rtcp-fb:63 transport-cc"];
    let without = lines.iter().fold(message.replace(" 111 63", " 111"), |left, line| left.replace(&format!(r"{line}\r\n"), ""));
    assert!(!without.contains(":63 "), "{without}");
    without
}
