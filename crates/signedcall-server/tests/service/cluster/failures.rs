use std::net::SocketAddr;
use std::time::{Duration, Instant};

use signedcall_wire::{CallId, CallSnapshot, ClientMessage, EndReason, ErrorCode, Request, RequestId, ServiceEvent};
use uuid::Uuid;

use super::rig::{Cluster, Guest};
use crate::support::{Device, in_time, new_call};

/// Longer than the lease of a partition.
const LONGER_THAN_A_LEASE: Duration = Duration::from_secs(3);

/// Two who talk.
pub(super) async fn talk(caller: &mut Guest, callee: &mut Guest, to: &str) -> CallId {
    let call = ring(caller, callee, to).await;
    answer(caller, callee, call).await;
    for guest in [caller, callee] {
        guest.device.ask(Request::MediaConnected { call }).await.expect("it goes on");
    }
    call
}

pub(super) async fn ring(caller: &mut Guest, callee: &mut Guest, to: &str) -> CallId {
    let (call, request) = new_call(to);
    caller.device.ask(request).await.expect("a call");
    while !matches!(callee.device.event().await, ServiceEvent::Invite(invite) if invite.call == call) {}
    call
}

pub(super) async fn answer(caller: &mut Guest, callee: &mut Guest, call: CallId) {
    callee.device.ask(Request::Accept { call }).await.expect("it rings");
    for guest in [caller, callee] {
        while !matches!(guest.device.event().await, ServiceEvent::Answered { call: answered, .. } if answered == call) {}
    }
}

pub(super) async fn hang_up(caller: &mut Guest, callee: &mut Guest, call: CallId) {
    caller.device.ask(Request::Hangup { call, reason: EndReason::HungUp }).await.expect("the end");
    for guest in [caller, callee] {
        while !matches!(guest.device.event().await, ServiceEvent::Ended { call: ended, reason: EndReason::HungUp, .. } if ended == call) {}
    }
}

/// Makes sure that a device that has signed in anew knows its call.
pub(super) fn assert_knows(guest: &Guest, call: CallId) {
    let knows = guest.device.welcome.calls.iter().any(|known| match known {
        CallSnapshot::Callee { invite, .. } => invite.call == call,
        CallSnapshot::Caller { call: known, .. } => *known == call,
        CallSnapshot::Unknown => false,
    });
    assert!(knows, "{:?}", guest.device.welcome.calls);
}

/// Waits until as many calls are written down as over, and makes sure that each is there once.
pub(super) async fn assert_closed(cluster: &Cluster, mut calls: Vec<CallId>) {
    let closed = || cluster.records().into_iter().filter(|record| record.end_reason.is_some()).collect::<Vec<_>>();
    in_time(async {
        while closed().len() < calls.len() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (mut found, mut reasons) = (Vec::new(), Vec::new());
    for record in cluster.records() {
        found.push(record.call);
        reasons.push(record.end_reason);
    }
    calls.sort();
    found.sort();
    assert_eq!(found, calls.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert!(reasons.iter().all(|reason| *reason == Some(EndReason::HungUp.number())), "{reasons:?}");
}

pub(super) fn addresses(cluster: &Cluster, nodes: &[usize]) -> Vec<SocketAddr> {
    nodes.iter().map(|node| cluster.nodes[*node].address).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_calls_of_a_node_that_is_killed_go_on_at_another() {
    let cluster = Cluster::start().await;
    let (owner, others @ [one, other]) = cluster.owner_and_others();
    let left = addresses(&cluster, &others);
    let (mut caller, mut callee) = (cluster.sign_in(one, "courier_1").await, cluster.sign_in(owner, "customer_1").await);
    let (mut second_caller, mut second_callee) = (cluster.sign_in(other, "courier_2").await, cluster.sign_in(one, "customer_2").await);
    let talking = talk(&mut caller, &mut callee, "customer_1").await;
    let ringing = ring(&mut second_caller, &mut second_callee, "customer_2").await;
    let epoch = cluster.epoch();
    cluster.nodes[owner].signal("-KILL").await;
    for (guest, call) in [(&mut caller, talking), (&mut callee, talking), (&mut second_caller, ringing), (&mut second_callee, ringing)] {
        in_time(guest.wait_for_close()).await;
        assert!(!guest.come_back(&left).await, "the session was known to the node that is gone");
        assert_knows(guest, call);
    }
    assert_eq!(cluster.epoch(), epoch + 1, "one other has it, and had no need to claim it twice");
    answer(&mut second_caller, &mut second_callee, ringing).await;
    hang_up(&mut second_caller, &mut second_callee, ringing).await;
    hang_up(&mut caller, &mut callee, talking).await;
    assert_closed(&cluster, vec![talking, ringing]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_bus_the_calls_of_a_node_s_own_devices_go_on_and_others_come_back_with_it() {
    let mut cluster = Cluster::start().await;
    let (owner, [one, _]) = cluster.owner_and_others();
    let (mut caller, mut callee) = (cluster.sign_in(owner, "courier_1").await, cluster.sign_in(owner, "customer_1").await);
    let mut far = cluster.sign_in(one, "courier_2").await;
    let talking = talk(&mut caller, &mut callee, "customer_1").await;
    let epoch = cluster.epoch();
    cluster.nats.kill();
    in_time(far.wait_for_close()).await;
    caller.device.ask(Request::Hold { call: talking, on: true }).await.expect("it goes on");
    while !matches!(callee.device.event().await, ServiceEvent::Held { on: true, .. }) {}
    hang_up(&mut caller, &mut callee, talking).await;
    let meanwhile = talk(&mut caller, &mut callee, "customer_1").await;
    hang_up(&mut caller, &mut callee, meanwhile).await;
    cluster.nats.start_again();
    let way = addresses(&cluster, &[one]);
    assert!(far.come_back(&way).await, "its session is where it was");
    let afterwards = talk(&mut far, &mut callee, "customer_1").await;
    hang_up(&mut far, &mut callee, afterwards).await;
    assert_eq!(cluster.epoch(), epoch, "nobody has taken anything from anybody");
    assert_closed(&cluster, vec![talking, meanwhile, afterwards]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_started_again_one_after_the_other_drop_no_call() {
    let mut cluster = Cluster::start().await;
    let mut guests = Vec::new();
    for (node, cuid) in [(0, "courier_1"), (1, "customer_1"), (2, "courier_2"), (0, "customer_2")] {
        guests.push(cluster.sign_in(node, cuid).await);
    }
    let [caller, callee, second_caller, second_callee] = guests.as_mut_slice() else { unreachable!("there are four") };
    let talking = talk(caller, callee, "customer_1").await;
    let mut calls = vec![talking];
    for _ in 0..3 {
        let ringing = ring(second_caller, second_callee, "customer_2").await;
        let mut node = cluster.nodes.remove(0);
        node.signal("-TERM").await;
        let left = addresses(&cluster, &[0, 1]);
        // As a device does that is told to go away, and those whose calls go elsewhere.
        let come_back = async {
            for guest in [&mut *caller, &mut *callee, &mut *second_caller, &mut *second_callee] {
                guest.come_back(&left).await;
            }
        };
        let ended = async { node.child.wait().await.expect("it ends") };
        let ((), ended) = tokio::join!(come_back, in_time(ended));
        assert!(ended.success());
        cluster.start_node().await;
        cluster.settle().await;
        let all = addresses(&cluster, &[0, 1, 2]);
        for (guest, call) in
            [(&mut *caller, talking), (&mut *callee, talking), (&mut *second_caller, ringing), (&mut *second_callee, ringing)]
        {
            if !guest.come_back(&all).await {
                assert_knows(guest, call);
            }
        }
        answer(second_caller, second_callee, ringing).await;
        hang_up(second_caller, second_callee, ringing).await;
        calls.push(ringing);
    }
    hang_up(caller, callee, talking).await;
    assert_closed(&cluster, calls).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_started_again_costs_no_call_and_no_node_its_calls() {
    let cluster = Cluster::start().await;
    let (owner, [one, _]) = cluster.owner_and_others();
    let (mut caller, mut callee) = (cluster.sign_in(owner, "courier_1").await, cluster.sign_in(one, "customer_1").await);
    let talking = talk(&mut caller, &mut callee, "customer_1").await;
    let epoch = cluster.epoch();
    cluster.postgres.stop();
    assert!(!Device::is_welcome(&cluster.nodes[one].url(), cluster.hello("courier_2")).await, "nobody can be looked up");
    let until = Instant::now() + LONGER_THAN_A_LEASE;
    let refused = new_call("nobody_1").1;
    while Instant::now() < until {
        assert!(caller.device.ask(refused.clone()).await.is_err(), "a call without a record is refused");
    }
    hang_up(&mut caller, &mut callee, talking).await;
    cluster.postgres.start_again();
    let (mut calls, mut code) = (vec![talking], Some(ErrorCode::ServerFailure));
    while code == Some(ErrorCode::ServerFailure) {
        let (call, request) = new_call("customer_1");
        match caller.device.ask(request).await {
            Ok(()) => {
                calls.push(call);
                code = None;
            }
            Err(error) => code = Some(error),
        }
    }
    assert_eq!(code, None);
    answer(&mut caller, &mut callee, calls[1]).await;
    hang_up(&mut caller, &mut callee, calls[1]).await;
    assert_closed(&cluster, calls).await;
    assert_eq!(cluster.epoch(), epoch, "nobody has taken anything from anybody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_has_slept_decides_on_nothing_any_more_that_another_has_taken() {
    let mut cluster = Cluster::start().await;
    let (owner, others @ [one, other]) = cluster.owner_and_others();
    let left = addresses(&cluster, &others);
    let (mut caller, mut callee) = (cluster.sign_in(owner, "courier_1").await, cluster.sign_in(one, "customer_1").await);
    let mut stale = cluster.sign_in(owner, "customer_1").await;
    let (call, request) = new_call("customer_1");
    caller.device.ask(request).await.expect("a call");
    for guest in [&mut callee, &mut stale] {
        while !matches!(guest.device.event().await, ServiceEvent::Invite(_)) {}
    }
    let epoch = cluster.epoch();
    cluster.nodes[owner].signal("-STOP").await;
    in_time(callee.wait_for_close()).await;
    for guest in [&mut caller, &mut callee] {
        assert!(!guest.come_back(&left).await);
        assert_knows(guest, call);
    }
    assert_eq!(cluster.epoch(), epoch + 1);
    answer(&mut caller, &mut callee, call).await;
    // What its device has said to the node that sleeps is the first thing that it hears.
    let accept = ClientMessage::Request { id: RequestId(Uuid::new_v4()), request: Request::Accept { call } };
    stale.device.socket.say(&accept).await;
    cluster.nodes[owner].signal("-CONT").await;
    in_time(stale.wait_for_close()).await;
    assert!(cluster.nodes[owner].is_there(), "it goes on with what is its own");
    assert!(!stale.come_back(&addresses(&cluster, &[other])).await);
    hang_up(&mut caller, &mut callee, call).await;
    let records = cluster.records();
    assert_eq!(records.len(), 1);
    assert_closed(&cluster, vec![call]).await;
}
