use signedcall_server::STORE_FILE;
use signedcall_server::store::read_records;
use signedcall_wire::{EndReason, ErrorCode, Redacted, Request, ServiceEvent, Signal};
use tokio::net::UdpSocket;

use crate::support::{TestService, contest, new_call};

#[tokio::test]
async fn a_call_rings_is_answered_passes_signals_and_ends_with_a_record() {
    let service = TestService::start().await;
    let mut caller = service.sign_in("courier_1").await;
    let mut callee = service.sign_in("customer_1").await;
    let (call, request) = new_call("customer_1");
    caller.ask(request).await.expect("a call");
    let ServiceEvent::Invite(invite) = callee.event().await else { panic!("an invite comes first") };
    assert_eq!((invite.call, invite.from.as_str(), invite.endpoint, invite.ring_for_ms), (call, "courier_1", caller.endpoint, 35_000));
    assert_eq!((invite.context.as_str(), invite.from_name.as_deref()), ("Delivery partner is calling", Some("Name of courier_1")));

    callee.ask(Request::Ringing { call }).await.expect("it rings");
    assert_eq!(caller.event().await, ServiceEvent::Ringing { call, by: callee.endpoint });
    let offer = Signal::Offer { sdp: Redacted::new("v=0, an offer".to_owned()), generation: 0 };
    caller.ask(Request::Signal { call, to: callee.endpoint, signal: offer.clone() }).await.expect("an offer");
    assert_eq!(callee.event().await, ServiceEvent::Signal { call, from: caller.endpoint.device, signal: offer });
    let answer = Signal::Answer { sdp: Redacted::new("v=0, an answer".to_owned()), generation: 0 };
    callee.ask(Request::Signal { call, to: caller.endpoint, signal: answer.clone() }).await.expect("an answer");
    assert_eq!(caller.event().await, ServiceEvent::Signal { call, from: callee.endpoint.device, signal: answer });

    callee.ask(Request::Accept { call }).await.expect("an answer");
    let winner = callee.endpoint;
    for device in [&mut caller, &mut callee] {
        assert_eq!(device.event().await, ServiceEvent::Answered { call, by: winner, left_ms: None });
        device.ask(Request::MediaConnected { call }).await.expect("media");
    }
    caller.ask(Request::Hangup { call, reason: EndReason::HungUp }).await.expect("the end");
    for device in [&mut caller, &mut callee] {
        assert_eq!(device.event().await, ServiceEvent::Ended { call, reason: EndReason::HungUp, other_device: None });
        device.assert_no_event().await;
    }

    drop((caller, callee));
    let store = service.data.path().join(STORE_FILE);
    service.service.shutdown().await;
    let records = read_records(&store).expect("a good store");
    let [record] = records.as_slice() else { panic!("one call, one record: {records:?}") };
    assert_eq!((record.caller.as_str(), record.callee.as_str()), ("courier_1", "customer_1"));
    assert_eq!(record.end_reason, Some(EndReason::HungUp.number()));
    let times = [Some(record.placed_at_ms), record.answered_at_ms, record.connected_at_ms, record.ended_at_ms];
    assert!(times.iter().all(Option::is_some) && times.is_sorted(), "{record:?}");
}

#[tokio::test]
async fn a_call_that_outlives_the_service_stays_open_in_its_store() {
    let service = TestService::start().await;
    let mut caller = service.sign_in("courier_1").await;
    let mut callee = service.sign_in("customer_1").await;
    let (call, request) = new_call("customer_1");
    caller.ask(request).await.expect("a call");
    callee.ask(Request::Accept { call }).await.expect("an answer");
    drop((caller, callee));
    let store = service.data.path().join(STORE_FILE);
    service.service.shutdown().await;
    let records = read_records(&store).expect("a good store");
    let [record] = records.as_slice() else { panic!("one call, one record: {records:?}") };
    assert!(record.answered_at_ms.is_some() && record.connected_at_ms.is_none() && record.ended_at_ms.is_none(), "{record:?}");
}

#[tokio::test]
async fn of_three_devices_the_first_to_answer_wins() {
    let service = TestService::start().await;
    let mut caller = service.sign_in("courier_1").await;
    let mut devices = [service.sign_in("customer_1").await, service.sign_in("customer_1").await, service.sign_in("customer_1").await];
    contest(&mut caller, &mut devices, "customer_1").await;
    for device in &mut devices {
        device.assert_no_event().await;
    }
    caller.assert_no_event().await;
}

#[tokio::test]
async fn a_call_that_cannot_be_placed_is_refused_by_name() {
    let service = TestService::start().await;
    let mut caller = service.sign_in("courier_1").await;
    assert_eq!(caller.ask(new_call("courier_1").1).await, Err(ErrorCode::CanNotCallSelf));
    assert_eq!(caller.ask(new_call("customer_1").1).await, Err(ErrorCode::ContactNotReachable));
    let wrong = r#"{"type":"request","id":"00000000-0000-0000-0000-000000000001","request":{"do":"call","call":"00000000-0000-0000-0000-000000000002","to":"customer_1","context":"Hello!"}}"#;
    caller.socket.say_text(wrong.to_owned()).await.expect("an open socket");
    let answer = serde_json::to_value(caller.socket.hear().await.expect("an answer")).expect("JSON");
    assert_eq!(answer["error"], "ERR_CALL_CONTEXT_INVALID");
    caller.assert_no_event().await;
}

#[tokio::test]
async fn the_credentials_of_a_welcome_open_a_way_through_the_relay() {
    let service = TestService::start().await;
    let device = service.sign_in("courier_1").await;
    let turn = device.welcome.ice.servers.iter().find(|server| !server.username.is_empty()).expect("a relay");
    let relay = service.service.relay_address().expect("the embedded one").to_string();
    let client = turn::client::Client::new(turn::client::ClientConfig {
        stun_serv_addr: relay.clone(),
        turn_serv_addr: relay,
        username: turn.username.clone(),
        password: turn.credential.expose().clone(),
        realm: String::new(),
        software: String::new(),
        rto_in_ms: 0,
        conn: std::sync::Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a socket")),
        vnet: None,
    })
    .await
    .expect("a client");
    client.listen().await.expect("a client");
    let relayed = webrtc_util::conn::Conn::local_addr(&client.allocate().await.expect("an allocation")).expect("an address");
    assert!(relayed.ip().is_loopback());
    client.close().await.expect("a client");
}
