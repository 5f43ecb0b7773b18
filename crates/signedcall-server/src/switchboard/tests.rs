//! What the task does with sockets.

use signedcall_wire::{
    Context, Cuid, DeviceId, Endpoint, ErrorCode, NewCall, PROTOCOL_VERSION, Redacted, RequestId, Resume, RunId, SessionId,
};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::hub::{RelayGrant, Right, SignIn};
use crate::push::{PushSettings, PushThread};
use crate::store::{Accounts, Pushes};

fn grant() -> RelayGrant {
    RelayGrant { stun_urls: Vec::new(), turn_urls: Vec::new(), secret: Redacted::default(), expiry: 0 }
}

fn sign_in(socket: u64) -> SignIn {
    SignIn {
        socket: SocketId(socket),
        account: AccountId("parcelo".to_owned()),
        environment: Environment::Development,
        cuid: Cuid::new("courier_1").expect("a cuid"),
        right: Right::ApiKey(KeyId("key".to_owned())),
        name: None,
        endpoint: Endpoint { device: DeviceId(Uuid::nil()), run: RunId(Uuid::nil()) },
        device_name: None,
        second_calls: false,
        session: SessionId(Uuid::nil()),
        resume_token: Redacted::new("token".to_owned()),
        max_call: None,
        single_device: false,
        relay_only: false,
        branding: None,
    }
}

fn switchboard(data: &TempDir) -> Switchboard {
    let store = data.path().join("store.sqlite");
    let (records, _written, _legacy) = Records::start(&store, None).expect("a new store");
    let receipts = ReceiptMaker::start(Accounts::open(&store).expect("a store")).expect("a thread");
    let failed = mpsc::unbounded_channel().0;
    let pushes = PushThread::start(Pushes::open(&store).expect("a store"), PushSettings::default(), failed).expect("a thread");
    Switchboard::new(HubSettings::default(), records, Arc::default(), receipts, pushes.jobs().for_hub(None)).0
}

#[test]
fn whoever_asks_for_a_call_is_refused_by_a_service_that_stops_and_left_to_the_next_node_by_one_of_several() {
    for (next, is_answered) in [(Next::AtSomeTime, true), (Next::AtOnce, false)] {
        let data = tempfile::tempdir().expect("a directory");
        let mut switchboard = switchboard(&data);
        let (outbox, mut told) = waiting(8);
        let socket = SocketId(1);
        switchboard.take(Note::Opened { socket, outbox: Outbox::Here(outbox) });
        switchboard.take(Note::Event(Box::new(HubEvent::SignedIn(sign_in(1)))));
        switchboard.take(Note::Drain { within: Duration::from_secs(1), next, done: oneshot::channel().0 });
        let new = NewCall {
            call: CallId(Uuid::nil()),
            to: Cuid::new("customer_1").expect("a cuid"),
            context: Context::new("Your order").expect("a context"),
            remote_context: None,
            initiator_image: None,
            receiver_image: None,
            max_duration_ms: None,
        };
        let request = |request| ClientMessage::Request { id: RequestId(Uuid::new_v4()), request };
        for message in [request(Request::Call(new)), request(Request::GoIdle)] {
            switchboard.take(Note::Event(Box::new(HubEvent::Received { socket, message })));
        }
        let heard: Vec<_> = std::iter::from_fn(|| told.try_recv()).map(|message| *message).collect();
        assert!(heard.iter().any(|message| matches!(message, ServiceMessage::Goaway { .. })));
        let refused = heard.iter().any(|message| matches!(message, ServiceMessage::Response { error: Some(ErrorCode::ServerFailure), .. }));
        assert_eq!(refused, is_answered, "{next:?}: {heard:?}");
    }
}

#[test]
fn a_device_that_reads_too_slowly_loses_its_socket_and_may_resume() {
    let data = tempfile::tempdir().expect("a directory");
    let mut switchboard = switchboard(&data);
    let open = |switchboard: &mut Switchboard, socket| {
        let (outbox, outgoing) = waiting(2);
        switchboard.take(Note::Opened { socket: SocketId(socket), outbox: Outbox::Here(outbox) });
        outgoing
    };
    let mut slow = open(&mut switchboard, 1);
    switchboard.take(Note::Event(Box::new(HubEvent::SignedIn(sign_in(1)))));
    for _ in 0..2 {
        switchboard.take(Note::Event(Box::new(HubEvent::RelayRenewed { grant: grant() })));
    }
    let heard: Vec<_> = std::iter::from_fn(|| slow.try_recv()).map(|message| *message).collect();
    let ServiceMessage::Welcome(_) = &heard[0] else { panic!("not welcome") };
    assert_eq!(heard.len(), 2, "the third did not fit, and the socket's task learns that nothing follows");

    let mut fresh = open(&mut switchboard, 2);
    let resume =
        Resume { version: PROTOCOL_VERSION, session: SessionId(Uuid::nil()), token: Redacted::new("token".to_owned()), last_seq: 0 };
    switchboard.take(Note::Event(Box::new(HubEvent::ResumeAsked { socket: SocketId(2), resume })));
    assert_eq!(fresh.try_recv().map(|message| *message), Some(ServiceMessage::Resumed));
}
