//! Messages that could be sent, by somebody who does not know what is going on.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use signedcall_wire::{
    AccountId, AnalyticsEvent, AnalyticsKind, Branding, CallId, CallPhase, CallSnapshot, ClientMessage, Color, Context, Credential, Cuid,
    DeviceId, DeviceName, EndReason, EndedCall, Endpoint, Environment, ErrorCode, Hello, IceConfig, IceServer, Invite, NewCall,
    PROTOCOL_VERSION, PushService, PushTarget, Redacted, Refusal, Renew, Request, RequestId, Resume, RunId, ServiceEvent, ServiceMessage,
    SessionId, Signal, Transferred, VoiceReport, Welcome,
};
use uuid::Uuid;

/// So few ids of each kind that messages meet.
const IDS: u128 = 5;
const CUIDS: [&str; 4] = ["alice", "bobby", "carol", "org_25"];
const CONTEXTS: [&str; 3] = ["Your order", "आपका पार्सल", "7"];

pub(crate) fn cuid(rng: &mut StdRng) -> Cuid {
    Cuid::new(*CUIDS.choose(rng).expect("there are some")).expect("a cuid")
}

pub(crate) fn call(rng: &mut StdRng) -> CallId {
    CallId(uuid(rng))
}

pub(crate) fn device(rng: &mut StdRng) -> DeviceId {
    DeviceId(uuid(rng))
}

fn uuid(rng: &mut StdRng) -> Uuid {
    Uuid::from_u128(rng.random_range(1..=IDS))
}

pub(crate) fn context(rng: &mut StdRng) -> Context {
    Context::new(*CONTEXTS.choose(rng).expect("there are some")).expect("a context")
}

fn endpoint(rng: &mut StdRng) -> Endpoint {
    Endpoint { device: device(rng), run: RunId(Uuid::from_u128(rng.random_range(1..=2))) }
}

pub(crate) fn reason(rng: &mut StdRng) -> EndReason {
    *EndReason::ALL.choose(rng).expect("there are some")
}

fn maybe<T>(rng: &mut StdRng, make: impl FnOnce(&mut StdRng) -> T) -> Option<T> {
    rng.random_bool(0.3).then(|| make(rng))
}

/// A length of time, a border of the number's type now and then.
pub(crate) fn milliseconds(rng: &mut StdRng) -> u64 {
    match rng.random_range(0..8) {
        0 => 0,
        1 => u64::MAX,
        2 => 1,
        3 => rng.random(),
        _ => rng.random_range(0..100_000),
    }
}

fn text(rng: &mut StdRng) -> String {
    let length = if rng.random_bool(0.01) { 3_000 } else { rng.random_range(0..12) };
    (0..length).map(|_| rng.random::<char>()).collect()
}

fn device_name(rng: &mut StdRng) -> Option<DeviceName> {
    maybe(rng, text).and_then(|text| DeviceName::new(text).ok())
}

pub(crate) fn signal(rng: &mut StdRng) -> Signal {
    match rng.random_range(0..8) {
        0 => Signal::Unknown,
        7 => Signal::Restart,
        1 | 2 => Signal::Offer { sdp: Redacted::new(text(rng)), generation: rng.random_range(0..3) },
        3 | 4 => Signal::Answer { sdp: Redacted::new(text(rng)), generation: rng.random_range(0..3) },
        _ => Signal::Candidate { candidate: Redacted::new(text(rng)) },
    }
}

fn request_id(rng: &mut StdRng) -> RequestId {
    RequestId(Uuid::from_u128(rng.random_range(1..=40)))
}

pub(crate) fn client_message(rng: &mut StdRng) -> ClientMessage {
    match rng.random_range(0..20) {
        0 => ClientMessage::Hello(hello(rng)),
        1 => ClientMessage::Resume(Resume {
            version: PROTOCOL_VERSION,
            session: SessionId(uuid(rng)),
            token: Redacted::new(text(rng)),
            last_seq: milliseconds(rng),
        }),
        2 | 3 => ClientMessage::Ack { seq: milliseconds(rng) },
        4 => ClientMessage::Unknown,
        5 => ClientMessage::Renew(Renew {
            account_id: AccountId("demo".to_owned()),
            cuid: cuid(rng).as_str().to_owned(),
            user_token: Redacted::new(text(rng)),
        }),
        _ => ClientMessage::Request { id: request_id(rng), request: request(rng) },
    }
}

fn hello(rng: &mut StdRng) -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        account_id: AccountId("demo".to_owned()),
        credential: credential(rng),
        cuid: cuid(rng).as_str().to_owned(),
        name: maybe(rng, text),
        environment: Environment::Development,
        device: device(rng),
        run: RunId(uuid(rng)),
        device_name: text(rng),
        second_calls: rng.random(),
    }
}

fn credential(rng: &mut StdRng) -> Credential {
    let secret = Redacted::new(text(rng));
    if rng.random() { Credential::ApiKey(secret) } else { Credential::UserToken(secret) }
}

fn request(rng: &mut StdRng) -> Request {
    let call = call(rng);
    match rng.random_range(0..22) {
        0..=3 => Request::Call(NewCall {
            call,
            to: cuid(rng),
            context: context(rng),
            remote_context: maybe(rng, context),
            initiator_image: maybe(rng, text),
            receiver_image: maybe(rng, text),
            max_duration_ms: maybe(rng, milliseconds),
        }),
        4 => Request::Ringing { call },
        5 | 6 => Request::Accept { call },
        7 => Request::Decline { call, reason: reason(rng) },
        8 => Request::Hangup { call, reason: reason(rng) },
        9 => Request::MediaConnected { call },
        10 => Request::Hold { call, on: rng.random() },
        11 | 12 => Request::Transfer { call, new: self::call(rng), to: cuid(rng) },
        13 | 14 => Request::Signal { call, to: endpoint(rng), signal: signal(rng) },
        19 => Request::PushTo { target: maybe(rng, push_target) },
        15 => Request::TakeSecondCalls { on: rng.random() },
        16 => Request::ReportVoice { call, report: report(rng) },
        17 => Request::Receipt { call },
        18 => {
            let happened = AnalyticsKind::End { reason: reason(rng) };
            let event = AnalyticsEvent { call, happened, epoch: rng.random(), context: context(rng) };
            Request::KeepEvents { events: vec![event; rng.random_range(0..30)] }
        }
        _ if rng.random() => Request::Logout,
        _ => Request::Unknown,
    }
}

pub(crate) fn report(rng: &mut StdRng) -> VoiceReport {
    VoiceReport { seconds: rng.random(), mos: rng.random(), round_trip_ms: maybe(rng, |rng| rng.random()), ..VoiceReport::default() }
}

/// The beginning of a session.
pub(crate) fn welcomed(rng: &mut StdRng) -> ServiceMessage {
    ServiceMessage::Welcome(welcome(rng))
}

/// What a service might say next, when `seq` is the number of its next event.
pub(crate) fn service_message(rng: &mut StdRng, seq: u64) -> ServiceMessage {
    match rng.random_range(0..24) {
        0 if rng.random_bool(0.3) => welcomed(rng),
        1 if rng.random_bool(0.3) => ServiceMessage::Resumed,
        2 if rng.random_bool(0.3) => ServiceMessage::SessionExpired,
        4 if rng.random_bool(0.1) => {
            let code = *ErrorCode::ALL.choose(rng).expect("there are some");
            ServiceMessage::Refused(Refusal { code, detail: text(rng), retry_after_ms: maybe(rng, milliseconds) })
        }
        5..=8 => {
            let error = maybe(rng, |rng| *ErrorCode::ALL.choose(rng).expect("some"));
            let receipt = maybe(rng, |rng| Redacted::new(text(rng)));
            ServiceMessage::Response { id: request_id(rng), error, receipt }
        }
        9 => ServiceMessage::Ice(ice(rng)),
        10 => ServiceMessage::Goaway { deadline_ms: milliseconds(rng), spread_ms: milliseconds(rng) },
        11 => ServiceMessage::Unknown,
        12 if rng.random_bool(0.3) => ServiceMessage::Event { seq: milliseconds(rng), event: service_event(rng) },
        _ => ServiceMessage::Event { seq, event: service_event(rng) },
    }
}

fn ice(rng: &mut StdRng) -> IceConfig {
    let server = IceServer { urls: vec![text(rng)], username: text(rng), credential: Redacted::new(text(rng)) };
    IceConfig { servers: vec![server], relay_only: rng.random() }
}

fn branding(rng: &mut StdRng) -> Branding {
    let (bg_color, font_color) = (Color { red: 15, green: 61, blue: 46 }, Color { red: 255, green: 255, blue: 255 });
    Branding { name: text(rng), bg_color, font_color, logo: maybe(rng, text), button_theme: signedcall_wire::ButtonTheme::Light }
}

fn welcome(rng: &mut StdRng) -> Welcome {
    Welcome {
        version: PROTOCOL_VERSION,
        session: SessionId(uuid(rng)),
        resume_token: Redacted::new(text(rng)),
        token_lasts_ms: maybe(rng, milliseconds),
        ice: ice(rng),
        branding: maybe(rng, branding),
        calls: (0..rng.random_range(0..4)).map(|_| snapshot(rng)).collect(),
        ended: (0..rng.random_range(0..4))
            .map(|_| EndedCall { call: call(rng), reason: reason(rng), other_device: device_name(rng) })
            .collect(),
        push_key: maybe(rng, text),
    }
}

fn push_target(rng: &mut StdRng) -> PushTarget {
    let by = match rng.random_range(0..3) {
        0 => PushService::WebPush { endpoint: Redacted::new(text(rng)) },
        1 => {
            let environment = if rng.random() { Environment::Production } else { Environment::Development };
            PushService::Apns { token: Redacted::new(text(rng)), topic: text(rng), environment }
        }
        _ => PushService::Unknown,
    };
    PushTarget { by, p256dh: text(rng), auth: Redacted::new(text(rng)) }
}

fn snapshot(rng: &mut StdRng) -> CallSnapshot {
    let phase = match rng.random_range(0..3) {
        0 => CallPhase::Placed,
        1 => CallPhase::Ringing { by: (0..rng.random_range(0..3)).map(|_| endpoint(rng)).collect() },
        _ => CallPhase::Answered { by: endpoint(rng), left_ms: maybe(rng, milliseconds), holds: rng.random(), is_held: rng.random() },
    };
    match rng.random_range(0..5) {
        0 => CallSnapshot::Unknown,
        1 | 2 => CallSnapshot::Caller { call: call(rng), phase, transferred: maybe(rng, transferred) },
        _ => CallSnapshot::Callee { invite: invite(rng), phase },
    }
}

fn invite(rng: &mut StdRng) -> Invite {
    Invite {
        call: call(rng),
        from: cuid(rng),
        endpoint: endpoint(rng),
        from_name: maybe(rng, text),
        context: context(rng),
        initiator_image: maybe(rng, text),
        receiver_image: maybe(rng, text),
        transferred_by: maybe(rng, cuid),
        leads_to: maybe(rng, call),
        ring_for_ms: milliseconds(rng),
    }
}

fn transferred(rng: &mut StdRng) -> Transferred {
    Transferred { instead_of: call(rng), call: call(rng), to: cuid(rng), context: context(rng), initiator_image: maybe(rng, text) }
}

fn service_event(rng: &mut StdRng) -> ServiceEvent {
    let call = call(rng);
    match rng.random_range(0..12) {
        0..=2 => ServiceEvent::Invite(invite(rng)),
        3 | 4 => ServiceEvent::Ringing { call, by: endpoint(rng) },
        5 | 6 => ServiceEvent::Answered { call, by: endpoint(rng), left_ms: maybe(rng, milliseconds) },
        7 => ServiceEvent::Held { call, on: rng.random() },
        8 => ServiceEvent::TimeLeft { call, left_ms: milliseconds(rng) },
        9 => ServiceEvent::Transferred(transferred(rng)),
        10 => ServiceEvent::Ended { call, reason: reason(rng), other_device: device_name(rng) },
        _ => match rng.random_range(0..7) {
            0 => ServiceEvent::Unknown,
            1 => ServiceEvent::Branding(branding(rng)),
            _ => ServiceEvent::Signal { call, from: device(rng), signal: signal(rng) },
        },
    }
}
