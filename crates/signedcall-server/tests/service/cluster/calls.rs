use std::collections::BTreeSet;

use serde_json::json;
use signedcall_server::store::Server;
use signedcall_server::{BusServer, ClusterSettings, Settings, StartError, serve};
use signedcall_wire::{EndReason, Redacted, Request, ServiceEvent, Signal};

use super::rig::Cluster;
use crate::api::http::{ask, ask_with};
use crate::operator::get;
use crate::support::{contest, in_time, new_call};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_from_any_node_to_any_other_and_has_one_record() {
    let cluster = Cluster::start().await;
    let (owner, [one, other]) = cluster.owner_and_others();
    for (from, to) in [(one, other), (owner, one), (other, owner), (one, one)] {
        let (mut caller, mut callee) = (cluster.sign_in(from, "courier_1").await.device, cluster.sign_in(to, "customer_1").await.device);
        let (call, request) = new_call("customer_1");
        caller.ask(request).await.expect("a call");
        assert!(matches!(callee.event().await, ServiceEvent::Invite(invite) if invite.call == call));
        callee.ask(Request::Ringing { call }).await.expect("it rings");
        assert_eq!(caller.event().await, ServiceEvent::Ringing { call, by: callee.endpoint });
        let offer = Signal::Offer { sdp: Redacted::new("v=0, an offer".to_owned()), generation: 0 };
        caller.ask(Request::Signal { call, to: callee.endpoint, signal: offer.clone() }).await.expect("an offer");
        assert_eq!(callee.event().await, ServiceEvent::Signal { call, from: caller.endpoint.device, signal: offer });
        callee.ask(Request::Accept { call }).await.expect("an answer");
        let by = callee.endpoint;
        for device in [&mut caller, &mut callee] {
            assert_eq!(device.event().await, ServiceEvent::Answered { call, by, left_ms: None });
        }
        caller.ask(Request::Hangup { call, reason: EndReason::HungUp }).await.expect("the end");
        for device in [&mut caller, &mut callee] {
            assert_eq!(device.event().await, ServiceEvent::Ended { call, reason: EndReason::HungUp, other_device: None });
            device.assert_no_event().await;
        }
    }
    let closed = || cluster.records().iter().filter(|record| record.end_reason == Some(EndReason::HungUp.number())).count();
    in_time(async {
        while closed() < 4 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(cluster.records().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_devices_that_answer_at_once_on_three_nodes_one_wins() {
    let cluster = Cluster::start().await;
    let (owner, [one, other]) = cluster.owner_and_others();
    let mut caller = cluster.sign_in(one, "courier_1").await.device;
    let sign_in = async |node| cluster.sign_in(node, "customer_1").await.device;
    let mut devices = [sign_in(owner).await, sign_in(one).await, sign_in(other).await];
    for _ in 0..20 {
        let (call, winner) = contest(&mut caller, &mut devices, "customer_1").await;
        caller.ask(Request::Hangup { call, reason: EndReason::HungUp }).await.expect("the end");
        for device in [&mut caller, &mut devices[winner]] {
            while !matches!(device.event().await, ServiceEvent::Ended { .. }) {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_answers_a_company_s_backend() {
    let mut cluster = Cluster::start().await;
    let (owner, [one, other]) = cluster.owner_and_others();
    // The key is production's, and so are these users.
    let mut caller = cluster.sign_in_for_production(one, "courier_1").await;
    let mut callee = cluster.sign_in_for_production(other, "customer_1").await;
    let key = cluster.production.expose().clone();
    for node in [owner, one, other] {
        let found = ask(cluster.nodes[node].address, "GET", "/v1/users/courier_1", Some(&key), None).await.json();
        assert_eq!((&found["signed_in"], &found["devices"]), (&json!(true), &json!(1)), "{found}");
    }
    let (call, request) = new_call("customer_1");
    caller.ask(request).await.expect("a call");
    callee.ask(Request::Accept { call }).await.expect("it rings");
    let ended = ask(cluster.nodes[other].address, "POST", &format!("/v1/calls/{call}/hangup"), Some(&key), None).await;
    assert_eq!(ended.status, 204, "{ended:?}");
    while !matches!(caller.event().await, ServiceEvent::Ended { reason: EndReason::HungUp, .. }) {}
    while !matches!(callee.event().await, ServiceEvent::Ended { .. }) {}
    let body = json!({"from": "customer_1", "to": "courier_1", "context": "Your courier"}).to_string();
    for node in [one, owner] {
        let headers = [("Idempotency-Key", "order-17")];
        let placed = ask_with(cluster.nodes[node].address, "POST", "/v1/calls", Some(&key), &headers, Some(&body)).await;
        assert_eq!(placed.status, 201, "{placed:?}");
    }
    let ServiceEvent::Invite(invite) = callee.event().await else { panic!("the first user rings once") };
    callee.ask(Request::Accept { call: invite.call }).await.expect("it rings");
    let ServiceEvent::Invite(second) = caller.event().await else { panic!("the second user is called") };
    assert_eq!((Some(second.call), second.from.as_str()), (invite.leads_to, "customer_1"));
    cluster.nats.kill();
    let away = async || get(cluster.nodes[one].operator, "/readyz").await;
    in_time(async { while !away().await.2.contains("the bus is away") {} }).await;
    let refused = ask(cluster.nodes[one].address, "GET", "/v1/users/courier_1", Some(&key), None).await;
    assert_eq!(refused.problem(), (503, "unavailable".to_owned(), None));
    assert!(refused.body.contains("the node that has these calls does not answer"), "{refused:?}");
    let found = ask(cluster.nodes[owner].address, "GET", "/v1/users/courier_1", Some(&key), None).await;
    assert_eq!(found.status, 200, "it needs nobody else: {found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_figure_that_the_page_on_clusters_speaks_of_is_there() {
    let cluster = Cluster::start().await;
    let page = get(cluster.nodes[0].operator, "/metrics").await.2;
    let document = include_str!("../../../../../docs/cluster.md");
    let words = document.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let names: BTreeSet<_> = words.filter(|word| word.starts_with("signedcall_")).collect();
    assert!(names.len() > 3, "{names:?}");
    for name in names {
        assert!(page.lines().any(|line| line.strip_prefix("# TYPE ").is_some_and(|line| line.split(' ').next() == Some(name))), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_alone_and_a_cluster_refuse_each_other_s_database() {
    let cluster = Cluster::start().await;
    let data = tempfile::tempdir().expect("a directory");
    let store = Some(Server::parse(&cluster.database).expect("a server"));
    let alone = Settings { store, demo: false, ..Settings::on_loopback(data.path().to_owned()) };
    let refused = serve(alone.clone(), None).await.expect_err("they are the cluster's");
    assert!(matches!(refused, StartError::Owned { .. }), "{refused}");

    let database = cluster.postgres.new_database();
    let alone = Settings { store: Some(Server::parse(&database).expect("a server")), ..alone };
    let service = serve(alone.clone(), None).await.expect("a service");
    let elsewhere = tempfile::tempdir().expect("a directory");
    let bus = BusServer::parse(&cluster.nats.url()).expect("a URL");
    let node = Settings { data: elsewhere.path().to_owned(), cluster: Some(ClusterSettings { bus, name: "one".to_owned() }), ..alone };
    let refused = serve(node.clone(), None).await.expect_err("they are the service's");
    assert!(matches!(refused, StartError::Owned { .. }), "{refused}");
    service.shutdown().await;
    serve(node, None).await.expect("they were given up").shutdown().await;
}
