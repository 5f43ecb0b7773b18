//! The exact text of each message. A change here is a change of the protocol.

use std::fmt::Debug;

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{
    AccountId, AnalyticsEvent, AnalyticsKind, Branding, ButtonTheme, CallId, CallPhase, CallSnapshot, ClientMessage, Color, Context,
    Credential, Cuid, DeviceId, DeviceName, EndReason, EndedCall, Endpoint, Environment, ErrorCode, Hello, IceConfig, IceServer, Invite,
    MAX_PUSH_MEMBER_BYTES, NewCall, PROTOCOL_VERSION, PushPayload, PushService, PushTarget, Redacted, Refusal, Renew, Request, RequestId,
    Resume, RunId, ServiceEvent, ServiceMessage, SessionId, Signal, Transferred, VoiceReport, Welcome,
};

const CALL: CallId = CallId(Uuid::from_u128(1));
const NEW_CALL: CallId = CallId(Uuid::from_u128(6));
const DEVICE: DeviceId = DeviceId(Uuid::from_u128(2));
const REQUEST: RequestId = RequestId(Uuid::from_u128(3));
const SESSION: SessionId = SessionId(Uuid::from_u128(4));
const RUN: RunId = RunId(Uuid::from_u128(5));
const ENDPOINT: Endpoint = Endpoint { device: DEVICE, run: RUN };

fn secret(text: &str) -> Redacted<String> {
    Redacted::new(text.to_owned())
}

fn cuid(text: &str) -> Cuid {
    Cuid::new(text).expect("a cuid")
}

fn desk() -> DeviceName {
    DeviceName::new("desk").expect("a name")
}

fn context() -> Context {
    Context::new("Your order").expect("a context")
}

fn branding() -> Branding {
    let colour = |text: &str| Color::try_from(text.to_owned()).expect("a colour");
    let (bg_color, font_color, logo) = (colour("#0F3D2E"), colour("#FFFFFF"), Some("https://a.example/c.png".to_owned()));
    Branding { name: "Parcelo".to_owned(), bg_color, font_color, logo, button_theme: ButtonTheme::Light }
}

/// Checks that a message has this text, and that the text is this message.
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(rows: impl IntoIterator<Item = (T, &'static str)>) {
    for (message, text) in rows {
        // Ids are written short, so that a row fits on a line.
        let text = (1..=6).fold(text.to_owned(), |text, id| text.replace(&format!("\"#{id}\""), &format!("\"{}\"", Uuid::from_u128(id))));
        assert_eq!(serde_json::to_string(&message).expect("a message can be written"), text);
        assert_eq!(serde_json::from_str::<T>(&text).expect("its own text"), message);
    }
}

#[test]
fn what_a_device_says_has_this_text() {
    let hello = Hello {
        version: PROTOCOL_VERSION,
        account_id: AccountId("parcelo".to_owned()),
        credential: Credential::ApiKey(secret("key")),
        cuid: "courier_1".to_owned(),
        name: None,
        environment: Environment::Development,
        device: DEVICE,
        run: RUN,
        device_name: "desk".to_owned(),
        second_calls: true,
    };
    let named = Hello { name: Some("Ann".to_owned()), environment: Environment::Production, ..hello.clone() };
    let by_token = Hello { credential: Credential::UserToken(secret("token")), second_calls: false, ..hello.clone() };
    let renew = Renew { account_id: hello.account_id.clone(), cuid: hello.cuid.clone(), user_token: secret("token") };
    check([
        (
            ClientMessage::Hello(hello),
            r##"{"type":"hello","version":1,"account_id":"parcelo","api_key":"key","cuid":"courier_1","environment":"development","device":"#2","run":"#5","device_name":"desk","second_calls":true}"##,
        ),
        (
            ClientMessage::Hello(named),
            r##"{"type":"hello","version":1,"account_id":"parcelo","api_key":"key","cuid":"courier_1","name":"Ann","environment":"production","device":"#2","run":"#5","device_name":"desk","second_calls":true}"##,
        ),
        (
            ClientMessage::Hello(by_token),
            r##"{"type":"hello","version":1,"account_id":"parcelo","user_token":"token","cuid":"courier_1","environment":"development","device":"#2","run":"#5","device_name":"desk","second_calls":false}"##,
        ),
        (ClientMessage::Renew(renew), r##"{"type":"renew","account_id":"parcelo","cuid":"courier_1","user_token":"token"}"##),
        (
            ClientMessage::Resume(Resume { version: PROTOCOL_VERSION, session: SESSION, token: secret("token"), last_seq: 7 }),
            r##"{"type":"resume","version":1,"session":"#4","token":"token","last_seq":7}"##,
        ),
        (ClientMessage::Request { id: REQUEST, request: Request::Logout }, r##"{"type":"request","id":"#3","request":{"do":"logout"}}"##),
        (ClientMessage::Ack { seq: 9 }, r#"{"type":"ack","seq":9}"#),
    ]);
}

#[test]
fn what_a_device_asks_for_has_this_text() {
    let plain = NewCall {
        call: CALL,
        to: cuid("courier_2"),
        context: context(),
        remote_context: None,
        initiator_image: None,
        receiver_image: None,
        max_duration_ms: None,
    };
    let full = NewCall {
        remote_context: Some(Context::new("Your parcel").expect("a context")),
        initiator_image: Some("https://a.example/a.png".to_owned()),
        receiver_image: Some("https://a.example/b.png".to_owned()),
        max_duration_ms: Some(60_000),
        ..plain.clone()
    };
    let signal = |signal| Request::Signal { call: CALL, to: ENDPOINT, signal };
    check([
        (Request::Call(plain), r##"{"do":"call","call":"#1","to":"courier_2","context":"Your order"}"##),
        (
            Request::Call(full),
            r##"{"do":"call","call":"#1","to":"courier_2","context":"Your order","remote_context":"Your parcel","initiator_image":"https://a.example/a.png","receiver_image":"https://a.example/b.png","max_duration_ms":60000}"##,
        ),
        (Request::Ringing { call: CALL }, r##"{"do":"ringing","call":"#1"}"##),
        (Request::Accept { call: CALL }, r##"{"do":"accept","call":"#1"}"##),
        (Request::Decline { call: CALL, reason: EndReason::Busy }, r##"{"do":"decline","call":"#1","reason":"busy"}"##),
        (Request::Hangup { call: CALL, reason: EndReason::HungUp }, r##"{"do":"hangup","call":"#1","reason":"hung_up"}"##),
        (Request::MediaConnected { call: CALL }, r##"{"do":"media_connected","call":"#1"}"##),
        (
            Request::Transfer { call: CALL, new: NEW_CALL, to: cuid("courier_2") },
            r##"{"do":"transfer","call":"#1","new":"#6","to":"courier_2"}"##,
        ),
        (Request::Hold { call: CALL, on: true }, r##"{"do":"hold","call":"#1","on":true}"##),
        (
            signal(Signal::Offer { sdp: secret("v=0"), generation: 0 }),
            r##"{"do":"signal","call":"#1","to":{"device":"#2","run":"#5"},"signal":{"kind":"offer","sdp":"v=0","generation":0}}"##,
        ),
        (
            signal(Signal::Answer { sdp: secret("v=0"), generation: 1 }),
            r##"{"do":"signal","call":"#1","to":{"device":"#2","run":"#5"},"signal":{"kind":"answer","sdp":"v=0","generation":1}}"##,
        ),
        (signal(Signal::Restart), r##"{"do":"signal","call":"#1","to":{"device":"#2","run":"#5"},"signal":{"kind":"restart"}}"##),
        (
            signal(Signal::Candidate { candidate: secret("{}") }),
            r##"{"do":"signal","call":"#1","to":{"device":"#2","run":"#5"},"signal":{"kind":"candidate","candidate":"{}"}}"##,
        ),
        (
            Request::ReportVoice { call: CALL, report: VoiceReport { seconds: 60, mos: 421, worst_mos: 300, ..VoiceReport::default() } },
            r##"{"do":"report_voice","call":"#1","report":{"seconds":60,"mos":421,"worst_mos":300,"lost_per_mille":0,"burst_tenths":0,"made_up_per_mille":0,"jitter_ms":0,"wait_ms":0,"said_kbps":0}}"##,
        ),
        (
            Request::ReportVoice {
                call: CALL,
                report: VoiceReport {
                    lost_per_mille: 20,
                    burst_tenths: 15,
                    made_up_per_mille: 3,
                    jitter_ms: 12,
                    wait_ms: 60,
                    round_trip_ms: Some(48),
                    said_lost_per_mille: Some(0),
                    said_kbps: 32,
                    ..VoiceReport::default()
                },
            },
            r##"{"do":"report_voice","call":"#1","report":{"seconds":0,"mos":0,"worst_mos":0,"lost_per_mille":20,"burst_tenths":15,"made_up_per_mille":3,"jitter_ms":12,"wait_ms":60,"round_trip_ms":48,"said_lost_per_mille":0,"said_kbps":32}}"##,
        ),
        (
            Request::KeepEvents {
                events: vec![
                    AnalyticsEvent { call: CALL, happened: AnalyticsKind::Outgoing, epoch: 1, context: context() },
                    AnalyticsEvent { call: CALL, happened: AnalyticsKind::End { reason: EndReason::Busy }, epoch: 2, context: context() },
                ],
            },
            r##"{"do":"keep_events","events":[{"call":"#1","event":"SCOutgoing","epoch":1,"context":"Your order"},{"call":"#1","event":"SCEnd","reason":"busy","epoch":2,"context":"Your order"}]}"##,
        ),
        (Request::Receipt { call: CALL }, r##"{"do":"receipt","call":"#1"}"##),
        (Request::TakeSecondCalls { on: true }, r#"{"do":"take_second_calls","on":true}"#),
        (Request::PushTo { target: None }, r#"{"do":"push_to"}"#),
        (
            Request::PushTo { target: Some(push_target(PushService::WebPush { endpoint: secret("https://push.example/1") })) },
            r#"{"do":"push_to","target":{"by":"web_push","endpoint":"https://push.example/1","p256dh":"BF","auth":"a"}}"#,
        ),
        (
            Request::PushTo {
                target: Some(push_target(PushService::Apns {
                    token: secret("00ff"),
                    topic: "com.example.app.voip".to_owned(),
                    environment: Environment::Production,
                })),
            },
            r#"{"do":"push_to","target":{"by":"apns","token":"00ff","topic":"com.example.app.voip","environment":"production","p256dh":"BF","auth":"a"}}"#,
        ),
        (Request::Logout, r#"{"do":"logout"}"#),
        (Request::GoIdle, r#"{"do":"go_idle"}"#),
    ]);
}

#[test]
fn what_the_service_says_has_this_text() {
    let turn = IceServer { urls: vec!["turn:127.0.0.1:3478".to_owned()], username: "1:ann".to_owned(), credential: secret("c") };
    let ice = IceConfig { servers: vec![turn], relay_only: true };
    let branding = Branding { logo: None, ..branding() };
    let calls = vec![CallSnapshot::Caller { call: CALL, phase: CallPhase::Ringing { by: vec![ENDPOINT] }, transferred: None }];
    let welcome = Welcome {
        version: PROTOCOL_VERSION,
        session: SESSION,
        resume_token: secret("token"),
        token_lasts_ms: None,
        ice: IceConfig::default(),
        branding: None,
        push_key: None,
        calls: vec![],
        ended: vec![],
    };
    let ended = vec![
        EndedCall { call: NEW_CALL, reason: EndReason::AnsweredElsewhere, other_device: Some(desk()) },
        EndedCall { call: CALL, reason: EndReason::HungUp, other_device: None },
    ];
    let (branding, push_key) = (Some(branding), Some("BG".to_owned()));
    let full = Welcome { token_lasts_ms: Some(630_000), ice: ice.clone(), branding, push_key, calls, ended, ..welcome.clone() };
    let refusal = Refusal { code: ErrorCode::ApiKeyRequired, detail: "no such key".to_owned(), retry_after_ms: None };
    let passing = Refusal { code: ErrorCode::ServerFailure, detail: "busy".to_owned(), retry_after_ms: Some(500) };
    check([
        (
            ServiceMessage::Welcome(welcome),
            r##"{"type":"welcome","version":1,"session":"#4","resume_token":"token","ice":{"servers":[],"relay_only":false},"calls":[]}"##,
        ),
        (
            ServiceMessage::Welcome(full),
            r##"{"type":"welcome","version":1,"session":"#4","resume_token":"token","token_lasts_ms":630000,"ice":{"servers":[{"urls":["turn:127.0.0.1:3478"],"username":"1:ann","credential":"c"}],"relay_only":true},"branding":{"name":"Parcelo","bg_color":"#0F3D2E","font_color":"#FFFFFF","button_theme":"light"},"push_key":"BG","calls":[{"side":"caller","call":"#1","phase":{"phase":"ringing","by":[{"device":"#2","run":"#5"}]}}],"ended":[{"call":"#6","reason":"answered_elsewhere","other_device":"desk"},{"call":"#1","reason":"hung_up"}]}"##,
        ),
        (ServiceMessage::Resumed, r#"{"type":"resumed"}"#),
        (ServiceMessage::SessionExpired, r#"{"type":"session_expired"}"#),
        (ServiceMessage::Refused(refusal), r#"{"type":"refused","code":"ERR_APIKEY_REQUIRED","detail":"no such key"}"#),
        (ServiceMessage::Refused(passing), r#"{"type":"refused","code":"ERR_SERVER_FAILURE","detail":"busy","retry_after_ms":500}"#),
        (ServiceMessage::Response { id: REQUEST, error: None, receipt: None }, r##"{"type":"response","id":"#3"}"##),
        (
            ServiceMessage::Response { id: REQUEST, error: Some(ErrorCode::OngoingCall), receipt: None },
            r##"{"type":"response","id":"#3","error":"ERR_ONGOING_CALL"}"##,
        ),
        (
            ServiceMessage::Response { id: REQUEST, error: None, receipt: Some(secret("e30.e30.c2ln")) },
            r##"{"type":"response","id":"#3","receipt":"e30.e30.c2ln"}"##,
        ),
        (
            ServiceMessage::Event { seq: 5, event: ServiceEvent::Ringing { call: CALL, by: ENDPOINT } },
            r##"{"type":"event","seq":5,"event":{"event":"ringing","call":"#1","by":{"device":"#2","run":"#5"}}}"##,
        ),
        (
            ServiceMessage::Ice(ice),
            r#"{"type":"ice","servers":[{"urls":["turn:127.0.0.1:3478"],"username":"1:ann","credential":"c"}],"relay_only":true}"#,
        ),
        (ServiceMessage::Renewed { token_lasts_ms: 630_000 }, r#"{"type":"renewed","token_lasts_ms":630000}"#),
        (
            ServiceMessage::NotRenewed(Refusal { code: ErrorCode::ApiKeyRequired, detail: "expired".to_owned(), retry_after_ms: None }),
            r#"{"type":"not_renewed","code":"ERR_APIKEY_REQUIRED","detail":"expired"}"#,
        ),
        (ServiceMessage::Goaway { deadline_ms: 9_000, spread_ms: 3_000 }, r#"{"type":"goaway","deadline_ms":9000,"spread_ms":3000}"#),
    ]);
}

#[test]
fn a_push_has_this_text() {
    let push = PushPayload { call: CALL, to: cuid("courier_2"), expires_at_ms: 1_700_000_035_000 };
    check([(push, r##"{"call":"#1","to":"courier_2","expires_at_ms":1700000035000}"##)]);
}

#[test]
fn where_pushes_go_is_bounded_and_a_way_of_a_newer_device_is_unknown() {
    let long = "x".repeat(MAX_PUSH_MEMBER_BYTES + 1);
    assert!(!push_target(PushService::WebPush { endpoint: secret(&long) }).is_bounded());
    assert!(push_target(PushService::WebPush { endpoint: secret(&long[1..]) }).is_bounded());
    let text = r#"{"by":"pigeon","loft":"3","p256dh":"BF","auth":"a"}"#;
    assert_eq!(serde_json::from_str::<PushTarget>(text).expect("a target"), push_target(PushService::Unknown));
}

fn push_target(by: PushService) -> PushTarget {
    PushTarget { by, p256dh: "BF".to_owned(), auth: secret("a") }
}

fn transferred() -> Transferred {
    Transferred { instead_of: CALL, call: NEW_CALL, to: cuid("courier_2"), context: context(), initiator_image: None }
}

fn invite() -> Invite {
    Invite {
        call: CALL,
        from: cuid("courier_1"),
        endpoint: ENDPOINT,
        from_name: None,
        context: context(),
        initiator_image: None,
        receiver_image: None,
        transferred_by: None,
        leads_to: None,
        ring_for_ms: 35_000,
    }
}

#[test]
fn what_happens_to_a_call_has_this_text() {
    let full = Invite {
        from_name: Some("Ann".to_owned()),
        initiator_image: Some("https://a.example/a.png".to_owned()),
        receiver_image: Some("https://a.example/b.png".to_owned()),
        transferred_by: Some(cuid("courier_2")),
        leads_to: Some(NEW_CALL),
        ..invite()
    };
    check([
        (
            ServiceEvent::Invite(invite()),
            r##"{"event":"invite","call":"#1","from":"courier_1","endpoint":{"device":"#2","run":"#5"},"context":"Your order","ring_for_ms":35000}"##,
        ),
        (
            ServiceEvent::Invite(full),
            r##"{"event":"invite","call":"#1","from":"courier_1","endpoint":{"device":"#2","run":"#5"},"from_name":"Ann","context":"Your order","initiator_image":"https://a.example/a.png","receiver_image":"https://a.example/b.png","transferred_by":"courier_2","leads_to":"#6","ring_for_ms":35000}"##,
        ),
        (ServiceEvent::Ringing { call: CALL, by: ENDPOINT }, r##"{"event":"ringing","call":"#1","by":{"device":"#2","run":"#5"}}"##),
        (
            ServiceEvent::Answered { call: CALL, by: ENDPOINT, left_ms: None },
            r##"{"event":"answered","call":"#1","by":{"device":"#2","run":"#5"}}"##,
        ),
        (
            ServiceEvent::Answered { call: CALL, by: ENDPOINT, left_ms: Some(60_000) },
            r##"{"event":"answered","call":"#1","by":{"device":"#2","run":"#5"},"left_ms":60000}"##,
        ),
        (
            ServiceEvent::Transferred(transferred()),
            r##"{"event":"transferred","instead_of":"#1","call":"#6","to":"courier_2","context":"Your order"}"##,
        ),
        (ServiceEvent::Held { call: CALL, on: false }, r##"{"event":"held","call":"#1","on":false}"##),
        (
            ServiceEvent::Branding(branding()),
            r##"{"event":"branding","name":"Parcelo","bg_color":"#0F3D2E","font_color":"#FFFFFF","logo":"https://a.example/c.png","button_theme":"light"}"##,
        ),
        (ServiceEvent::TimeLeft { call: CALL, left_ms: 30_000 }, r##"{"event":"time_left","call":"#1","left_ms":30000}"##),
        (
            ServiceEvent::Ended { call: CALL, reason: EndReason::HungUp, other_device: None },
            r##"{"event":"ended","call":"#1","reason":"hung_up"}"##,
        ),
        (
            ServiceEvent::Ended { call: CALL, reason: EndReason::DeclinedElsewhere, other_device: Some(desk()) },
            r##"{"event":"ended","call":"#1","reason":"declined_elsewhere","other_device":"desk"}"##,
        ),
        (
            ServiceEvent::Signal { call: CALL, from: DEVICE, signal: Signal::Candidate { candidate: secret("{}") } },
            r##"{"event":"signal","call":"#1","from":"#2","signal":{"kind":"candidate","candidate":"{}"}}"##,
        ),
    ]);
}

#[test]
fn how_far_a_call_has_come_has_this_text() {
    check([
        (
            CallSnapshot::Caller { call: CALL, phase: CallPhase::Placed, transferred: None },
            r##"{"side":"caller","call":"#1","phase":{"phase":"placed"}}"##,
        ),
        (
            CallSnapshot::Callee {
                invite: invite(),
                phase: CallPhase::Answered { by: ENDPOINT, left_ms: Some(60_000), holds: true, is_held: true },
            },
            r##"{"side":"callee","invite":{"call":"#1","from":"courier_1","endpoint":{"device":"#2","run":"#5"},"context":"Your order","ring_for_ms":35000},"phase":{"phase":"answered","by":{"device":"#2","run":"#5"},"left_ms":60000,"holds":true,"is_held":true}}"##,
        ),
        (
            CallSnapshot::Caller {
                call: CALL,
                phase: CallPhase::Answered { by: ENDPOINT, left_ms: None, holds: false, is_held: false },
                transferred: None,
            },
            r##"{"side":"caller","call":"#1","phase":{"phase":"answered","by":{"device":"#2","run":"#5"}}}"##,
        ),
        (
            CallSnapshot::Caller { call: NEW_CALL, phase: CallPhase::Placed, transferred: Some(transferred()) },
            r##"{"side":"caller","call":"#6","phase":{"phase":"placed"},"transferred":{"instead_of":"#1","call":"#6","to":"courier_2","context":"Your order"}}"##,
        ),
    ]);
}

#[test]
fn each_reason_has_this_text() {
    let words = EndReason::ALL.map(|reason| serde_json::to_string(&reason).expect("a reason can be written").replace('"', ""));
    assert_eq!(
        words.join(" "),
        "unknown hung_up cancelled declined missed ring_timeout busy logged_out notifications_disabled microphone_refused internal_error \
         local_network_loss remote_network_loss protocol_mismatch media_setup_too_slow answered_elsewhere declined_elsewhere \
         max_duration transferred poor_network quiet_hours"
    );
}

fn read<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_word_of_a_newer_peer_is_unknown_and_no_error() {
    assert_eq!(read::<ClientMessage>(r#"{"type":"sing","song":[1]}"#), ClientMessage::Unknown);
    assert_eq!(read::<Request>(r#"{"do":"sing","song":[1]}"#), Request::Unknown);
    assert_eq!(read::<Signal>(r#"{"kind":"sing","song":[1]}"#), Signal::Unknown);
    assert_eq!(read::<ServiceMessage>(r#"{"type":"sing","song":[1]}"#), ServiceMessage::Unknown);
    assert_eq!(read::<ServiceEvent>(r#"{"event":"sing","song":[1]}"#), ServiceEvent::Unknown);
    assert_eq!(read::<CallSnapshot>(r#"{"side":"choir","song":[1]}"#), CallSnapshot::Unknown);
    let wrapped = format!(r#"{{"type":"request","id":"{}","request":{{"do":"sing"}}}}"#, REQUEST.0);
    assert_eq!(read::<ClientMessage>(&wrapped), ClientMessage::Request { id: REQUEST, request: Request::Unknown });
    let numbered = r#"{"type":"event","seq":3,"event":{"event":"sing"}}"#;
    assert_eq!(read::<ServiceMessage>(numbered), ServiceMessage::Event { seq: 3, event: ServiceEvent::Unknown });
}

#[test]
fn a_name_of_a_device_that_is_none_is_passed_over() {
    let ended = |name: &str| {
        let text = serde_json::json!({"call": CALL, "reason": "declined_elsewhere", "other_device": name}).to_string();
        read::<EndedCall>(&text).other_device
    };
    assert_eq!(ended("desk"), Some(desk()));
    for name in ["", "a\u{0}", &"n".repeat(65)] {
        assert_eq!(ended(name), None, "{name:?}");
    }
}

#[test]
fn a_field_of_a_newer_peer_is_passed_over() {
    assert_eq!(read::<ClientMessage>(r#"{"type":"ack","seq":1,"mood":"good"}"#), ClientMessage::Ack { seq: 1 });
    assert_eq!(read::<ServiceMessage>(r#"{"type":"resumed","mood":"good"}"#), ServiceMessage::Resumed);
}

#[test]
fn what_breaks_a_rule_is_an_error_and_not_unknown() {
    for text in [
        r#"{"type":"ack"}"#,
        r#"{"type":"ack","seq":-1}"#,
        r#"{"seq":1}"#,
        r#"{"type":"request","id":"7","request":{"do":"logout"}}"#,
        r#"[]"#,
        "",
    ] {
        assert!(serde_json::from_str::<ClientMessage>(text).is_err(), "{text}");
    }
    let to_nobody = format!(r#"{{"do":"call","call":"{}","to":"_","context":"Your order"}}"#, CALL.0);
    assert!(serde_json::from_str::<Request>(&to_nobody).is_err(), "a cuid is validated on its way in");
    let without_reason = format!(r#"{{"do":"call","call":"{}","to":"courier_2","context":""}}"#, CALL.0);
    assert!(serde_json::from_str::<Request>(&without_reason).is_err(), "a context is validated on its way in");
}

fn any_id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn any_signal() -> impl Strategy<Value = Signal> {
    let text = || any::<String>().prop_map(Redacted::new);
    prop_oneof![
        (text(), any::<u32>()).prop_map(|(sdp, generation)| Signal::Offer { sdp, generation }),
        (text(), any::<u32>()).prop_map(|(sdp, generation)| Signal::Answer { sdp, generation }),
        Just(Signal::Restart),
        text().prop_map(|candidate| Signal::Candidate { candidate }),
    ]
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_as_the_same(
        call in any_id(), device in any_id(), id in any_id(), number in any::<u64>(), text in any::<String>(), signal in any_signal(),
        reason in proptest::sample::select(&EndReason::ALL[..]), code in proptest::sample::select(ErrorCode::ALL),
    ) {
        let (call, device, id) = (CallId(call), DeviceId(device), RequestId(id));
        for message in [
            ClientMessage::Request { id, request: Request::Signal { call, to: Endpoint { device, run: RUN }, signal: signal.clone() } },
            ClientMessage::Request { id, request: Request::Hangup { call, reason } },
            ClientMessage::Resume(Resume { version: 1, session: SESSION, token: Redacted::new(text.clone()), last_seq: number }),
            ClientMessage::Ack { seq: number },
        ] {
            let written = serde_json::to_string(&message).expect("a message can be written");
            prop_assert_eq!(read::<ClientMessage>(&written), message);
        }
        for message in [
            ServiceMessage::Event { seq: number, event: ServiceEvent::Signal { call, from: device, signal } },
            ServiceMessage::Event { seq: number, event: ServiceEvent::Ended { call, reason, other_device: DeviceName::new(text.clone()).ok() } },
            ServiceMessage::Response { id, error: Some(code), receipt: None },
            ServiceMessage::Refused(Refusal { code, detail: text, retry_after_ms: Some(number) }),
        ] {
            let written = serde_json::to_string(&message).expect("a message can be written");
            prop_assert_eq!(read::<ServiceMessage>(&written), message);
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in any::<String>()) {
        let _ = serde_json::from_str::<ClientMessage>(&text);
        let _ = serde_json::from_str::<ServiceMessage>(&text);
    }
}
