//! The text of every message, as devices and services of this version write and read it. A change here is a change of the protocol.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::*;
use crate::{
    AccountId, Branding, ButtonTheme, CallId, Color, Context, Cuid, DeviceId, EndReason, ErrorCode, Redacted, RequestId, SessionId,
};

const CALL: CallId = CallId(Uuid::from_u128(0xCA11));
const DEVICE: DeviceId = DeviceId(Uuid::from_u128(0xD));
const REQUEST: RequestId = RequestId(Uuid::from_u128(0xA));
const SESSION: SessionId = SessionId(Uuid::from_u128(0x5));

fn cuid(text: &str) -> Cuid {
    Cuid::new(text).expect("a cuid")
}

fn context(text: &str) -> Context {
    Context::new(text).expect("a context")
}

fn secret(text: &str) -> Redacted<String> {
    Redacted::new(text.to_owned())
}

/// Each value is written as its text, but for the spaces and lines that make the table legible, and the text is read as the value.
fn assert_texts<T: Serialize + DeserializeOwned + PartialEq + Debug>(rows: Vec<(T, &str)>) {
    for (value, legible) in rows {
        let text: String = legible.lines().map(str::trim).collect();
        assert_eq!(serde_json::to_string(&value).expect("a message is JSON"), text);
        assert_eq!(serde_json::from_str::<T>(&text).expect("its own text"), value);
    }
}

#[test]
fn what_a_device_says_is_written_like_this() {
    let hello = Hello {
        version: PROTOCOL_VERSION,
        account_id: AccountId("parcelo".to_owned()),
        api_key: secret("sc_production_x"),
        cuid: "courier_8842".to_owned(),
        name: Some("Amira".to_owned()),
        environment: Environment::Production,
        device: DEVICE,
        device_name: "till".to_owned(),
    };
    let nameless = Hello { name: None, environment: Environment::Development, ..hello.clone() };
    assert_texts(vec![
        (
            ClientMessage::Hello(hello),
            r#"{"type":"hello","version":1,"account_id":"parcelo","api_key":"sc_production_x","cuid":"courier_8842","name":"Amira",
            "environment":"production","device":"00000000-0000-0000-0000-00000000000d","device_name":"till"}"#,
        ),
        (
            ClientMessage::Hello(nameless),
            r#"{"type":"hello","version":1,"account_id":"parcelo","api_key":"sc_production_x","cuid":"courier_8842",
            "environment":"development","device":"00000000-0000-0000-0000-00000000000d","device_name":"till"}"#,
        ),
        (
            ClientMessage::Resume(Resume { version: PROTOCOL_VERSION, session: SESSION, token: secret("t"), last_seq: 7 }),
            r#"{"type":"resume","version":1,"session":"00000000-0000-0000-0000-000000000005","token":"t","last_seq":7}"#,
        ),
        (
            ClientMessage::Request { id: REQUEST, request: Request::Logout },
            r#"{"type":"request","id":"00000000-0000-0000-0000-00000000000a","request":{"do":"logout"}}"#,
        ),
        (ClientMessage::Ack { seq: 7 }, r#"{"type":"ack","seq":7}"#),
    ]);
}

#[test]
fn what_a_device_asks_for_is_written_like_this() {
    let call = NewCall {
        call: CALL,
        to: cuid("customer_25"),
        context: context("Your order"),
        remote_context: Some(context("Delivery partner is calling")),
        initiator_image: Some("https://parcelo.example/amira.png".to_owned()),
        receiver_image: None,
    };
    let plain = NewCall { remote_context: None, initiator_image: None, ..call.clone() };
    let signal = |signal| Request::Signal { call: CALL, to: DEVICE, signal };
    assert_texts(vec![
        (
            Request::Call(call),
            r#"{"do":"call","call":"00000000-0000-0000-0000-00000000ca11","to":"customer_25","context":"Your order",
            "remote_context":"Delivery partner is calling","initiator_image":"https://parcelo.example/amira.png"}"#,
        ),
        (Request::Call(plain), r#"{"do":"call","call":"00000000-0000-0000-0000-00000000ca11","to":"customer_25","context":"Your order"}"#),
        (Request::Ringing { call: CALL }, r#"{"do":"ringing","call":"00000000-0000-0000-0000-00000000ca11"}"#),
        (Request::Accept { call: CALL }, r#"{"do":"accept","call":"00000000-0000-0000-0000-00000000ca11"}"#),
        (
            Request::Decline { call: CALL, reason: EndReason::MicrophoneRefused },
            r#"{"do":"decline","call":"00000000-0000-0000-0000-00000000ca11","reason":"microphone_refused"}"#,
        ),
        (
            Request::Hangup { call: CALL, reason: EndReason::HungUp },
            r#"{"do":"hangup","call":"00000000-0000-0000-0000-00000000ca11","reason":"hung_up"}"#,
        ),
        (Request::MediaConnected { call: CALL }, r#"{"do":"media_connected","call":"00000000-0000-0000-0000-00000000ca11"}"#),
        (
            signal(Signal::Offer { sdp: secret("v=0") }),
            r#"{"do":"signal","call":"00000000-0000-0000-0000-00000000ca11","to":"00000000-0000-0000-0000-00000000000d",
            "signal":{"kind":"offer","sdp":"v=0"}}"#,
        ),
        (
            signal(Signal::Answer { sdp: secret("v=0") }),
            r#"{"do":"signal","call":"00000000-0000-0000-0000-00000000ca11","to":"00000000-0000-0000-0000-00000000000d",
            "signal":{"kind":"answer","sdp":"v=0"}}"#,
        ),
        (
            signal(Signal::Candidate { candidate: secret("{}") }),
            r#"{"do":"signal","call":"00000000-0000-0000-0000-00000000ca11","to":"00000000-0000-0000-0000-00000000000d",
            "signal":{"kind":"candidate","candidate":"{}"}}"#,
        ),
        (Request::Logout, r#"{"do":"logout"}"#),
    ]);
}

#[test]
fn what_the_service_says_is_written_like_this() {
    let ice = IceConfig {
        servers: vec![IceServer {
            urls: vec!["turn:192.0.2.1:3478?transport=udp".to_owned()],
            username: "1:u".to_owned(),
            credential: secret("c"),
        }],
        relay_only: true,
    };
    let branding = Branding {
        name: "Parcelo".to_owned(),
        bg_color: Color { red: 0x0F, green: 0x3D, blue: 0x2E },
        font_color: Color { red: 0xFF, green: 0xFF, blue: 0xFF },
        logo: None,
        button_theme: ButtonTheme::Dark,
    };
    let welcome = Welcome {
        version: PROTOCOL_VERSION,
        session: SESSION,
        resume_token: secret("t"),
        ice: ice.clone(),
        branding: Some(branding),
        calls: vec![CallSnapshot::Caller { call: CALL, phase: CallPhase::Ringing { devices: vec![DEVICE] } }],
    };
    let refusal = Refusal { code: ErrorCode::ApiKeyRequired, detail: "no".to_owned(), retry_after_ms: None };
    assert_texts(vec![
        (
            ServiceMessage::Welcome(welcome),
            r##"{"type":"welcome","version":1,"session":"00000000-0000-0000-0000-000000000005","resume_token":"t",
            "ice":{"servers":[{"urls":["turn:192.0.2.1:3478?transport=udp"],"username":"1:u","credential":"c"}],"relay_only":true},
            "branding":{"name":"Parcelo","bg_color":"#0F3D2E","font_color":"#FFFFFF","button_theme":"dark"},
            "calls":[{"side":"caller","call":"00000000-0000-0000-0000-00000000ca11",
            "phase":{"phase":"ringing","devices":["00000000-0000-0000-0000-00000000000d"]}}]}"##,
        ),
        (ServiceMessage::Resumed, r#"{"type":"resumed"}"#),
        (ServiceMessage::SessionExpired, r#"{"type":"session_expired"}"#),
        (ServiceMessage::Refused(refusal.clone()), r#"{"type":"refused","code":"ERR_APIKEY_REQUIRED","detail":"no"}"#),
        (
            ServiceMessage::Refused(Refusal { retry_after_ms: Some(2_000), ..refusal }),
            r#"{"type":"refused","code":"ERR_APIKEY_REQUIRED","detail":"no","retry_after_ms":2000}"#,
        ),
        (ServiceMessage::Response { id: REQUEST, error: None }, r#"{"type":"response","id":"00000000-0000-0000-0000-00000000000a"}"#),
        (
            ServiceMessage::Response { id: REQUEST, error: Some(ErrorCode::OngoingCall) },
            r#"{"type":"response","id":"00000000-0000-0000-0000-00000000000a","error":"ERR_ONGOING_CALL"}"#,
        ),
        (
            ServiceMessage::Event { seq: 8, event: ServiceEvent::Ended { call: CALL, reason: EndReason::RingTimeout } },
            r#"{"type":"event","seq":8,"event":{"event":"ended","call":"00000000-0000-0000-0000-00000000ca11","reason":"ring_timeout"}}"#,
        ),
        (ServiceMessage::Ice(IceConfig { servers: vec![], ..ice }), r#"{"type":"ice","servers":[],"relay_only":true}"#),
        (ServiceMessage::Goaway { deadline_ms: 5_000, spread_ms: 4_000 }, r#"{"type":"goaway","deadline_ms":5000,"spread_ms":4000}"#),
    ]);
}

#[test]
fn what_happens_to_a_call_is_written_like_this() {
    let invite = Invite {
        call: CALL,
        from: cuid("courier_8842"),
        from_device: DEVICE,
        from_name: Some("Amira".to_owned()),
        context: context("Delivery partner is calling"),
        initiator_image: None,
        receiver_image: Some("https://parcelo.example/jonas.png".to_owned()),
        ring_for_ms: 35_000,
    };
    assert_texts(vec![
        (
            ServiceEvent::Invite(invite.clone()),
            r#"{"event":"invite","call":"00000000-0000-0000-0000-00000000ca11","from":"courier_8842",
            "from_device":"00000000-0000-0000-0000-00000000000d","from_name":"Amira","context":"Delivery partner is calling",
            "receiver_image":"https://parcelo.example/jonas.png","ring_for_ms":35000}"#,
        ),
        (
            ServiceEvent::Ringing { call: CALL, device: DEVICE },
            r#"{"event":"ringing","call":"00000000-0000-0000-0000-00000000ca11","device":"00000000-0000-0000-0000-00000000000d"}"#,
        ),
        (
            ServiceEvent::Answered { call: CALL, device: DEVICE },
            r#"{"event":"answered","call":"00000000-0000-0000-0000-00000000ca11","device":"00000000-0000-0000-0000-00000000000d"}"#,
        ),
        (
            ServiceEvent::Ended { call: CALL, reason: EndReason::AnsweredElsewhere },
            r#"{"event":"ended","call":"00000000-0000-0000-0000-00000000ca11","reason":"answered_elsewhere"}"#,
        ),
        (
            ServiceEvent::Signal { call: CALL, from: DEVICE, signal: Signal::Answer { sdp: secret("v=0") } },
            r#"{"event":"signal","call":"00000000-0000-0000-0000-00000000ca11","from":"00000000-0000-0000-0000-00000000000d",
            "signal":{"kind":"answer","sdp":"v=0"}}"#,
        ),
    ]);
    let bare = Invite { from_name: None, receiver_image: None, ..invite };
    assert_texts(vec![
        (
            CallSnapshot::Callee { invite: bare, phase: CallPhase::Answered { device: DEVICE } },
            r#"{"side":"callee","invite":{"call":"00000000-0000-0000-0000-00000000ca11","from":"courier_8842",
            "from_device":"00000000-0000-0000-0000-00000000000d","context":"Delivery partner is calling","ring_for_ms":35000},
            "phase":{"phase":"answered","device":"00000000-0000-0000-0000-00000000000d"}}"#,
        ),
        (
            CallSnapshot::Caller { call: CALL, phase: CallPhase::Placed },
            r#"{"side":"caller","call":"00000000-0000-0000-0000-00000000ca11","phase":{"phase":"placed"}}"#,
        ),
    ]);
}

#[test]
fn each_reason_has_a_text_of_its_own() {
    let texts: Vec<String> = EndReason::ALL.iter().map(|reason| serde_json::to_string(reason).expect("a text")).collect();
    let expected = [
        "unknown",
        "hung_up",
        "cancelled",
        "declined",
        "missed",
        "ring_timeout",
        "busy",
        "logged_out",
        "notifications_disabled",
        "microphone_refused",
        "internal_error",
        "local_network_loss",
        "remote_network_loss",
        "protocol_mismatch",
        "media_setup_too_slow",
        "answered_elsewhere",
        "declined_elsewhere",
    ];
    assert_eq!(texts, expected.map(|text| format!("{text:?}")));
}

#[test]
fn what_only_a_newer_peer_says_is_unknown_and_its_additions_are_skipped() {
    fn read<T: DeserializeOwned>(text: &str) -> T {
        serde_json::from_str(text).expect("a newer message")
    }
    assert_eq!(read::<ClientMessage>(r#"{"type":"telepathy","depth":3}"#), ClientMessage::Unknown);
    assert_eq!(read::<Request>(r#"{"do":"hold","call":"x"}"#), Request::Unknown);
    assert_eq!(read::<Signal>(r#"{"kind":"restart","reason":[]}"#), Signal::Unknown);
    assert_eq!(read::<ServiceMessage>(r#"{"type":"telepathy","depth":3}"#), ServiceMessage::Unknown);
    assert_eq!(read::<ServiceEvent>(r#"{"event":"held","by":"x"}"#), ServiceEvent::Unknown);
    assert_eq!(read::<CallSnapshot>(r#"{"side":"listener","call":"x"}"#), CallSnapshot::Unknown);
    assert_eq!(read::<ButtonTheme>(r#""glass""#), ButtonTheme::Light);
    assert_eq!(read::<ClientMessage>(r#"{"type":"ack","seq":7,"received_at":1}"#), ClientMessage::Ack { seq: 7 });
}

#[test]
fn what_must_not_be_logged_is_not_shown_by_debug() {
    let offer = Signal::Offer { sdp: secret("c=IN IP4 192.0.2.7") };
    let resume = Resume { version: PROTOCOL_VERSION, session: SESSION, token: secret("resume-token"), last_seq: 0 };
    let server = IceServer { urls: vec![], username: String::new(), credential: secret("turn-password") };
    let shown = format!("{offer:?} {resume:?} {server:?}");
    for hidden in ["192.0.2.7", "resume-token", "turn-password"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}
