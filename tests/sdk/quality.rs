//! How a call goes, in figures while it goes on and in its record afterwards.

use std::time::Duration;

use signedcall::{LineNotice, VoiceStats};
use signedcall_tests::{ImpairedLine, Impairment};
use tokio::time::timeout;

use crate::calls::connect;
use crate::losses::{caller_over, without_copies};
use crate::network::phone_behind;
use crate::proxy::Proxy;
use crate::support::{PATIENCE, Phone, Service};

/// Waits for a second of a phone's call that is like this.
async fn second(phone: &Phone, what: &str, fits: impl Fn(&VoiceStats) -> bool) -> VoiceStats {
    let mut stats = phone.line.voice_stats();
    let seen = timeout(PATIENCE, stats.wait_for(|second| second.as_ref().is_some_and(&fits))).await;
    let seen = seen.unwrap_or_else(|_| panic!("not in time: {what}; it is {:?}", phone.line.voice_stats().borrow()));
    seen.expect("the line is open").expect("there is a second")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_are_told_to_both_sides_in_figures_and_in_a_word() {
    let service = Service::start().await;
    let impairment = Impairment { loss: 0.2, burst: 1.25, jitter: Duration::ZERO, black_out: None, seed: 3 };
    let line = ImpairedLine::open([127, 0, 0, 1].into(), impairment).await.expect("a free port");
    let (_between, mut alice) = caller_over(&line, &service).await;
    let mut bobby = service.phone("bobby").await;
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    let heard = second(&bobby, "losses", |second| second.heard.loss > 0.05).await;
    assert!(heard.call == call && heard.heard.burst >= 1.0 && heard.heard.packets > 20, "{heard:?}");
    let said = second(&alice, "losses", |second| second.said.loss.is_some_and(|loss| loss > 0.05)).await;
    assert!((1.0..=4.5).contains(&said.mos) && said.heard.loss < 0.05, "{said:?}");
    second(&alice, "copies and a way there and back", |second| second.said.copies > 0 && second.round_trip.is_some()).await;
    bobby.until("a notice", |view| view.voice.notice == Some(LineNotice::LosingPackets)).await;
    let repaired =
        |second: &VoiceStats| second.said.loss.is_some_and(|loss| loss > 0.05) && second.said.left.is_some_and(|left| left < 0.03);
    second(&alice, "losses that copies make up for", repaired).await;
    alice.until("nothing to say of it", |view| view.voice.notice != Some(LineNotice::NotAllIsHeard)).await;
    bobby.line.hangup(call).await.expect("the call goes on");
    timeout(PATIENCE, bobby.line.voice_stats().wait_for(Option::is_none)).await.expect("the voice is closed").expect("the line is open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_that_nothing_makes_up_for_are_told_to_whoever_is_not_heard() {
    let service = Service::start().await;
    let impairment = Impairment { loss: 0.45, burst: 3.0, jitter: Duration::ZERO, black_out: None, seed: 3 };
    let line = ImpairedLine::open([127, 0, 0, 1].into(), impairment).await.expect("a free port");
    let (_between, mut alice) = caller_over(&line, &service).await;
    let proxy = Proxy::changing(service.address(), without_copies).await;
    let mut bobby = phone_behind(&proxy, &service, "bobby", 1_500).await;
    connect(&mut alice, &mut bobby, "bobby").await;
    alice.until("a notice", |view| view.voice.notice == Some(LineNotice::NotAllIsHeard)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_a_call_sounded_to_each_side_is_kept_with_its_record() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    for phone in [&alice, &bobby] {
        second(phone, "a voice", |second| second.heard.packets > 20).await;
    }
    // What was heard before a call is held counts as much as what is heard after.
    alice.line.hold(call, true).await.expect("the call goes on");
    timeout(PATIENCE, bobby.line.voice_stats().wait_for(Option::is_none)).await.expect("the voice is closed").expect("the line is open");
    alice.line.hold(call, false).await.expect("the call goes on");
    second(&bobby, "a voice again", |second| second.heard.packets > 20).await;
    alice.line.hangup(call).await.expect("the call goes on");
    for phone in [&mut alice, &mut bobby] {
        phone.until_over().await;
        phone.line.logout().await;
    }
    let record = service.records().await.remove(0);
    for report in [record.caller_report, record.callee_report] {
        let report = report.expect("each side has reported");
        assert!(report.seconds >= 1 && (100..=450).contains(&report.mos) && report.said_kbps > 0, "{report:?}");
    }
    assert!(record.callee_report.is_some_and(|report| report.seconds >= 2), "{record:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_nobody_answers_has_no_report() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let call = alice.call("bobby").await;
    bobby.expect(signedcall::CallStatus::Placed).await;
    alice.line.hangup(call).await.expect("it rings");
    for phone in [&mut alice, &mut bobby] {
        phone.until_over().await;
        phone.line.logout().await;
    }
    let record = service.records().await.remove(0);
    assert_eq!((record.caller_report, record.callee_report), (None, None));
}
