//! The line is measured before a call, on both sides, and the embedder has a say in whether the call goes ahead.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use signedcall::{CallStatus, Direction, EndReason, ErrorCode, LineCheck, LineGate, LineScore, Metadata, Options};
use signedcall_server::{ExternalRelay, RelaySettings};
use signedcall_tests::{ImpairedLine, Impairment};
use signedcall_wire::Redacted;
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use crate::support::{PATIENCE, Phone, Service, ToneSound};

use CallStatus::{Ended, Placed, Ringing};

/// What answers the questions of STUN as every relay does, behind a line that loses some of them.
struct Relay {
    line: ImpairedLine,
    answers: AbortHandle,
}

impl Relay {
    async fn behind(loss: f64, jitter: Duration) -> Self {
        let impairment = Impairment { loss, burst: 1.0 / (1.0 - loss), jitter, black_out: None, seed: 5 };
        let line = ImpairedLine::open_for_questions([127, 0, 0, 1].into(), impairment).await.expect("a free port");
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        socket.connect(line.for_second()).await.expect("an address");
        socket.send(b"here").await.expect("it is sent");
        let answers = tokio::spawn(async move {
            let mut buffer = [0; 1_500];
            while let Ok(length) = socket.recv(&mut buffer).await {
                buffer[0] = 1;
                let _ = socket.send(&buffer[..length]).await;
            }
        });
        Self { line, answers: answers.abort_handle() }
    }

    /// A service whose devices are told of this relay.
    async fn service(&self) -> Service {
        let urls = vec![format!("turn:{}?transport=udp", self.line.for_first()).parse().expect("a URL")];
        let relay = RelaySettings::External(ExternalRelay { urls, secret: Redacted::new("a secret".to_owned()) });
        Service::start_with(|settings| settings.relay = relay).await
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.answers.abort();
    }
}

async fn checked(phone: &Phone) -> LineCheck {
    timeout(PATIENCE, phone.line.check_line()).await.expect("it is measured in time").expect("the line is open")
}

/// The best of some checks: a busy machine disturbs some, and nothing makes a line look better than it is.
async fn undisturbed(phone: &Phone) -> LineCheck {
    let mut best = checked(phone).await;
    for _ in 0..11 {
        if best.score.value() > 90 {
            break;
        }
        let another = checked(phone).await;
        if another.score > best.score {
            best = another;
        }
    }
    best
}

/// The middle one of some checks: what a line loses by chance is now more, now less.
async fn usual(phone: &Phone) -> LineCheck {
    let mut checks = Vec::new();
    for _ in 0..9 {
        checks.push(checked(phone).await);
    }
    checks.sort_unstable_by_key(|check| check.score);
    checks.swap_remove(checks.len() / 2)
}

async fn phone(service: &Service, cuid: &str, gate: Option<LineGate>) -> Phone {
    Phone::sign_in(Options { line_gate: gate, ..service.options(cuid) }, ToneSound::of(1_000)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_score_falls_with_losses_and_with_jitter() {
    let mut scores = Vec::new();
    for (loss, jitter) in [(0.0, 0), (0.1, 0), (0.3, 0), (0.6, 0)] {
        let relay = Relay::behind(loss, Duration::from_millis(jitter)).await;
        let service = relay.service().await;
        let alice = phone(&service, "alice", None).await;
        let check = if loss > 0.0 { usual(&alice).await } else { undisturbed(&alice).await };
        let measured = check.measures.loss.expect("the relay answers");
        assert!((f64::from(measured) - loss).abs() < 0.2, "{check:?} of {loss}");
        let last = checked(&alice).await;
        alice.until("the score", |view| view.line_score == last.score).await;
        scores.push(check.score.value());
    }
    assert!(scores.windows(2).all(|pair| pair[0] > pair[1]), "{scores:?}");
    assert!(scores[0] > 90 && scores[3] < 30, "{scores:?}");
    let relay = Relay::behind(0.0, Duration::from_millis(300)).await;
    let service = relay.service().await;
    let check = undisturbed(&phone(&service, "alice", None).await).await;
    // The line keeps their order, so that answers which are asked for close to each other come late together.
    let latest = check.measures.round_trip.expect("the relay answers") + check.measures.jitter;
    assert!(latest > Duration::from_millis(150) && check.score.value() < scores[0], "{check:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relay_of_the_service_answers_and_loses_nothing_on_this_machine() {
    let service = Service::start().await;
    let check = undisturbed(&phone(&service, "alice", None).await).await;
    assert_eq!(check.measures.loss, Some(0.0), "{check:?}");
    assert!(check.score.value() > 90, "{check:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_a_line_under_the_limit_is_refused_in_words_and_nobody_rings() {
    let relay = Relay::behind(0.45, Duration::ZERO).await;
    let service = relay.service().await;
    let alice = phone(&service, "alice", Some(LineGate::at_least(60))).await;
    let bobby = phone(&service, "bobby", None).await;
    let refused = alice.line.call("bobby", "Order 4711", Metadata::default()).await.expect_err("the line is too poor");
    assert_eq!(refused.code, ErrorCode::NetworkLatency);
    assert!(refused.detail.contains("this app places no call over such a line"), "{refused}");
    alice.leave_in_silence().await;
    bobby.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_to_a_device_whose_line_is_under_its_limit_does_not_ring_and_the_caller_is_told_why() {
    let relay = Relay::behind(0.45, Duration::ZERO).await;
    let service = relay.service().await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let gate = LineGate::new({
        let asked = Arc::clone(&asked);
        move |direction, check| {
            asked.lock().expect("nobody has panicked").push((direction, check.score));
            check.score.value() >= 60
        }
    });
    let mut alice = phone(&service, "alice", None).await;
    let bobby = phone(&service, "bobby", Some(gate)).await;
    alice.call("bobby").await;
    alice.expect_all(&[Placed, Ended(EndReason::PoorNetwork)]).await;
    assert_eq!(EndReason::PoorNetwork.name(), "CALL_DECLINED_DUE_TO_NETWORK_QUALITY");
    bobby.leave_in_silence().await;
    let asked = asked.lock().expect("nobody has panicked").clone();
    assert!(matches!(asked.as_slice(), [(Direction::Incoming, score)] if *score > LineScore::UNKNOWN), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_reach_the_limit_carry_a_call_and_what_was_measured_just_now_is_not_measured_again() {
    let service = Service::start().await;
    let mut alice = phone(&service, "alice", Some(LineGate::at_least(60))).await;
    let mut bobby = phone(&service, "bobby", Some(LineGate::at_least(60))).await;
    let call = alice.call("bobby").await;
    alice.expect_all(&[Placed, Ringing]).await;
    bobby.expect_all(&[Placed, Ringing]).await;
    bobby.line.decline(call).await.expect("it rings");
    alice.expect(Ended(EndReason::Declined)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_does_not_wait_for_a_relay_that_does_not_answer_unless_it_matters_and_then_not_for_long() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let urls = vec![format!("turn:{}", silent.local_addr().expect("an address")).parse().expect("a URL")];
    let relay = RelaySettings::External(ExternalRelay { urls, secret: Redacted::new("a secret".to_owned()) });
    let service = Service::start_with(|settings| settings.relay = relay).await;
    let _bobby = phone(&service, "bobby", None).await;
    let _carol = phone(&service, "carol", None).await;
    for (cuid, callee, gate) in [("alice", "bobby", None), ("david", "carol", Some(LineGate::at_least(60)))] {
        let waits = gate.is_some();
        let caller = phone(&service, cuid, gate).await;
        let began = Instant::now();
        // The service has answered, so that there is a score; and it would be no reason to refuse a call that there is none.
        caller.call(callee).await;
        let took = began.elapsed();
        assert!(took < Duration::from_millis(if waits { 1_500 } else { 600 }), "{took:?}");
    }
}
