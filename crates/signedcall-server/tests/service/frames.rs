//! What breaks the rules: whoever sends it is told which, and nobody else notices anything.

use signedcall_wire::{EndReason, MAX_MESSAGE_BYTES, Request, ServiceEvent};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::support::{Device, Socket, TestService, new_call};

/// Two who talk, and what they must not notice.
struct Talk {
    caller: Device,
    callee: Device,
    call: signedcall_wire::CallId,
}

impl Talk {
    async fn start(service: &TestService) -> Self {
        let (mut caller, mut callee) = (service.sign_in("courier_1").await, service.sign_in("customer_1").await);
        let (call, request) = new_call("customer_1");
        caller.ask(request).await.expect("a call");
        assert!(matches!(callee.event().await, ServiceEvent::Invite(_)));
        callee.ask(Request::Accept { call }).await.expect("an answer");
        for device in [&mut caller, &mut callee] {
            assert!(matches!(device.event().await, ServiceEvent::Answered { .. }));
        }
        Self { caller, callee, call }
    }

    async fn is_untouched(&mut self) {
        self.caller.assert_no_event().await;
        self.callee.assert_no_event().await;
    }

    async fn ends_as_its_sides_want(mut self) {
        self.callee.ask(Request::Hangup { call: self.call, reason: EndReason::HungUp }).await.expect("the end");
        for device in [&mut self.caller, &mut self.callee] {
            assert_eq!(device.event().await, ServiceEvent::Ended { call: self.call, reason: EndReason::HungUp, other_device: None });
        }
    }
}

/// Frames that no device sends, and the code with which the service closes the socket (RFC 6455, 7.4.1).
fn broken_frames() -> Vec<(&'static str, Message, u16)> {
    let text = |text: &str| Message::text(text.to_owned());
    let raw = |bytes: Vec<u8>, code: OpCode| Message::Frame(Frame::message(bytes, code, true));
    let mut reserved = Frame::message("{}", OpCode::Data(Data::Text), true);
    reserved.header_mut().rsv1 = true;
    vec![
        ("nothing", text(""), 1008),
        ("no JSON", text("hello?"), 1008),
        ("JSON that is no message", text("[]"), 1008),
        ("a message without a type", text("{}"), 1008),
        ("a request without an id", text(r#"{"type":"request"}"#), 1008),
        ("a number out of range", text(r#"{"type":"ack","seq":-1}"#), 1008),
        ("brackets without an end", text(&"[".repeat(MAX_MESSAGE_BYTES)), 1008),
        ("a sign-in without credentials", text(r#"{"type":"hello","version":1}"#), 1008),
        ("a sign-in of another version", text(r#"{"type":"hello","version":4294967295}"#), 1008),
        ("bytes", Message::binary(vec![0; 16]), 1003),
        ("text that is no UTF-8", raw(vec![0xff, 0xfe, 0xfd], OpCode::Data(Data::Text)), 1007),
        ("a reserved bit", Message::Frame(reserved), 1002),
        ("a message that is too long", text(&" ".repeat(MAX_MESSAGE_BYTES + 1)), 1009),
        ("a message that is far too long", text(&" ".repeat(16 * MAX_MESSAGE_BYTES)), 1009),
        ("bytes that are too many", Message::binary(vec![0; MAX_MESSAGE_BYTES + 1]), 1009),
    ]
}

#[tokio::test]
async fn a_frame_that_breaks_a_rule_is_answered_with_the_reason_and_touches_no_other_call() {
    let service = TestService::start().await;
    let mut talk = Talk::start(&service).await;
    for signed_in in [false, true] {
        for (what, frame, code) in broken_frames() {
            let mut socket =
                if signed_in { service.sign_in("stranger_1").await.socket } else { Socket::open(&service.service.url()).await };
            // The service may close the socket before all of it is written.
            let _ = socket.say_frame(frame).await;
            let close = socket.hear_close().await;
            let close = close.unwrap_or_else(|| panic!("{what}, signed in: {signed_in}: closed without a reason"));
            assert_eq!(close.0, code, "{what}, signed in: {signed_in}: {}", close.1);
            assert!(!close.1.is_empty(), "{what}");
            talk.is_untouched().await;
        }
    }
    talk.ends_as_its_sides_want().await;
}
