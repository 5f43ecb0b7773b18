//! Calls that arrive by push, and a device that is called by push alone since its user has closed the socket.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use signedcall::{
    CallId, CallState, CallStatus, Channel, Cuid, EndReason, ErrorCode, Metadata, PushKeys, PushOutcome, PushPayload, PushService,
    Redacted, WakeAnswer, WakeLine,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::calls::connect;
use crate::proxy::Proxy;
use crate::support::{PATIENCE, Phone, Service, ToneSound};

use CallStatus::{Ended, Placed, Ringing};

fn push(call: CallId, to: &str) -> Vec<u8> {
    let rings_until = SystemTime::now() + Duration::from_secs(35);
    let since_1970 = rings_until.duration_since(UNIX_EPOCH).expect("after 1970");
    let expires_at_ms = u64::try_from(since_1970.as_millis()).expect("before the end of time");
    serde_json::to_vec(&PushPayload { call, to: Cuid::new(to).expect("a cuid"), expires_at_ms }).expect("JSON")
}

/// A Web Push service that is given one push, which it hands on as it is.
struct WebPushService {
    listener: TcpListener,
}

impl WebPushService {
    async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a free port") }
    }

    fn endpoint(&self) -> PushService {
        let endpoint = format!("http://{}/device/1", self.listener.local_addr().expect("it listens"));
        PushService::WebPush { endpoint: Redacted::new(endpoint) }
    }

    async fn given(&self) -> Vec<u8> {
        let given = async {
            let mut stream = BufReader::new(self.listener.accept().await?.0);
            let mut head = String::new();
            while stream.read_line(&mut head).await? > 2 {}
            let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or_default()];
            stream.read_exact(&mut body).await?;
            stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n").await?;
            std::io::Result::Ok(body)
        };
        timeout(PATIENCE, given).await.expect("a push comes in time").expect("HTTP")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_wakes_an_app_that_has_gone_idle_which_rings_and_both_hear_each_other() {
    let push_service = WebPushService::start().await;
    let service = Service::start_with(|settings| settings.push.to_private_addresses = true).await;
    let mut alice = service.phone("alice").await;
    let bobby = service.phone("bobby").await;
    let keys = PushKeys::make().expect("randomness");
    assert!(bobby.line.view().borrow().push_key.is_some(), "there is something to show to push services");
    bobby.line.set_push(Some(keys.target(push_service.endpoint()))).await.expect("it is kept");
    bobby.line.disconnect_signalling_socket().await.expect("nothing goes on");
    let call = alice.call("bobby").await;
    let opened = keys.open(&push_service.given().await).expect("it is for this device");
    // The push starts the app, which signs in.
    let mut bobby = service.phone("bobby").await;
    let outcome = bobby.line.handle_push(&opened).await;
    assert!(matches!(outcome, PushOutcome::Rings | PushOutcome::AlreadyKnown), "{outcome:?}");
    // The call may have come with the sign-in, before anybody could listen to events.
    bobby.until("it rings", |view| view.state == CallState::IncomingCall).await;
    bobby.line.answer(call).await.expect("it rings");
    alice.sound.hears_tone(1_500).await;
    bobby.sound.hears_tone(1_000).await;
    alice.line.hangup(call).await.expect("it goes on");
    assert_eq!(alice.until_over().await.status, Ended(EndReason::HungUp));
    assert_eq!(bobby.until_over().await.status, Ended(EndReason::HungUp));
    assert_eq!(bobby.line.handle_push(&opened).await, PushOutcome::CallOver, "a push that comes late never rings");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wake_line_brings_pushes_and_is_held_again_when_the_service_was_started_again() {
    let mut service = Service::start_with(|settings| settings.push.to_private_addresses = true).await;
    let bobby = service.phone("bobby").await;
    let (keys, secret) = (PushKeys::make().expect("randomness"), WakeLine::make_secret().expect("randomness"));
    let line = WakeLine::new(&service.options("bobby").service_url, secret).expect("a line");
    let target = keys.target(PushService::WebPush { endpoint: line.endpoint() });
    bobby.line.set_push(Some(target)).await.expect("it is kept");
    bobby.line.disconnect_signalling_socket().await.expect("nothing goes on");
    let (pushes, mut brought) = mpsc::channel(1);
    let (tell, mut is_held) = watch::channel(false);
    let held = tokio::spawn(line.hold(pushes, tell));
    for _ in 0..2 {
        timeout(PATIENCE, is_held.wait_for(|held| *held)).await.expect("it is held in time").expect("somebody holds it");
        let mut alice = service.phone("alice").await;
        let call = alice.call("bobby").await;
        let (sealed, answer) = timeout(PATIENCE, brought.recv()).await.expect("a push comes in time").expect("the line is held");
        let payload: PushPayload = serde_json::from_slice(&keys.open(&sealed).expect("it is for this device")).expect("a payload");
        assert_eq!(payload.call, call);
        answer.send(WakeAnswer::Taken).expect("somebody waits for it");
        alice.line.hangup(call).await.expect("it goes on");
        assert_eq!(alice.until_over().await.status, Ended(EndReason::Cancelled));
        alice.line.logout().await;
        service.restart().await;
        // It may be held again by the time that anybody looks: that it was lost is a change all the same.
        timeout(PATIENCE, is_held.changed()).await.expect("it is lost in time").expect("somebody holds it");
    }
    drop(brought);
    timeout(PATIENCE, held).await.expect("it ends in time").expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_calls_a_user_that_has_signed_out_where_pushes_went_is_told_so() {
    let push_service = WebPushService::start().await;
    let service = Service::start_with(|settings| settings.push.to_private_addresses = true).await;
    let (mut alice, bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let keys = PushKeys::make().expect("randomness");
    bobby.line.set_push(Some(keys.target(push_service.endpoint()))).await.expect("it is kept");
    bobby.line.logout().await;
    alice.call("bobby").await;
    assert_eq!(alice.until_over().await.status, Ended(EndReason::LoggedOut));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_rings_where_the_socket_is_dead_and_it_is_one_call() {
    let service = Service::start().await;
    let proxy = Proxy::to(service.address()).await;
    let mut alice = service.phone("alice").await;
    let mut options = service.options("bobby");
    options.service_url = proxy.url();
    let mut bobby = Phone::sign_in(options, ToneSound::of(1_500)).await;
    proxy.go_dead();
    let call = alice.call("bobby").await;
    assert_eq!(bobby.line.handle_push(&push(call, "bobby")).await, PushOutcome::Rings);
    for status in [Placed, Ringing] {
        let event = bobby.next().await;
        assert_eq!((event.call_id, event.status, event.channel), (call, status, Channel::Push));
    }
    assert_eq!(bobby.line.handle_push(&push(call, "bobby")).await, PushOutcome::AlreadyKnown);
    alice.expect_all(&[Placed, Ringing]).await;
    alice.line.hangup(call).await.expect("it rings");
    bobby.expect(Ended(EndReason::Cancelled)).await;
    assert_eq!(bobby.line.handle_push(&push(call, "bobby")).await, PushOutcome::CallOver);
    bobby.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_after_the_socket_says_nothing_new_and_one_for_somebody_else_never_rings() {
    let service = Service::start().await;
    let (alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let call = alice.call("bobby").await;
    let placed = bobby.next().await;
    assert_eq!((placed.status, placed.channel), (Placed, Channel::Socket));
    bobby.expect(Ringing).await;
    assert_eq!(bobby.line.handle_push(&push(call, "bobby")).await, PushOutcome::AlreadyKnown);
    let other = CallId(uuid::Uuid::new_v4());
    assert_eq!(bobby.line.handle_push(&push(other, "carol")).await, PushOutcome::OtherUser);
    let expired = PushPayload { call: other, to: Cuid::new("bobby").expect("a cuid"), expires_at_ms: 1_700_000_000_000 };
    assert_eq!(bobby.line.handle_push(&serde_json::to_vec(&expired).expect("JSON")).await, PushOutcome::Expired);
    assert_eq!(bobby.line.handle_push(b"{}").await, PushOutcome::Unreadable);
    bobby.line.logout().await;
    bobby.expect(Ended(EndReason::LoggedOut)).await;
    assert_eq!(bobby.line.handle_push(&push(call, "bobby")).await, PushOutcome::SignedOut);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_closed_the_socket_places_no_calls_until_signing_in_again() {
    let service = Service::start().await;
    let (alice, bobby) = (service.phone("alice").await, service.phone("bobby").await);
    bobby.line.disconnect_signalling_socket().await.expect("nothing goes on");
    let refused = bobby.line.call("alice", "Your order", Metadata::default()).await.expect_err("the socket is closed");
    assert_eq!(refused.code, ErrorCode::SignallingSocketConnection);
    let again = bobby.line.disconnect_signalling_socket().await.expect_err("it is closed");
    assert_eq!(again.code, ErrorCode::SignallingSocketConnection);
    let unreachable = alice.line.call("bobby", "Your order", Metadata::default()).await.expect_err("bobby is idle");
    assert_eq!(unreachable.code, ErrorCode::ContactNotReachable);
    let mut bobby = service.phone("bobby").await;
    alice.call("bobby").await;
    bobby.expect_all(&[Placed, Ringing]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_comes_before_the_wish_to_go_idle() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    let refused = alice.line.disconnect_signalling_socket().await.expect_err("the call goes on");
    assert_eq!((refused.code, alice.line.call_state()), (ErrorCode::OngoingCall, CallState::OngoingCall));
    alice.line.hangup(call).await.expect("the call goes on");
    alice.expect(Ended(EndReason::HungUp)).await;
    alice.line.disconnect_signalling_socket().await.expect("the call is over");
    alice.leave_in_silence().await;
}
