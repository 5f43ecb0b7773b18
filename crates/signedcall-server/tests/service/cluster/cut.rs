//! Nodes that have lost the database, or everything, and do not know it yet.

use signedcall_wire::{ClientMessage, Request, RequestId, ServiceEvent, ServiceMessage};
use uuid::Uuid;

use super::failures::{addresses, answer, assert_closed, assert_knows, hang_up, ring, talk};
use super::rig::Cluster;
use crate::support::in_time;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_only_the_node_that_decides_has_lost_the_database_one_answer_wins() {
    let (cluster, lines) = Cluster::start_on_lines().await;
    let (owner, others @ [one, other]) = cluster.owner_and_others();
    let left = addresses(&cluster, &others);
    let (mut caller, mut first) = (cluster.sign_in(one, "courier_1").await, cluster.sign_in(owner, "customer_1").await);
    let mut second = cluster.sign_in(other, "customer_1").await;
    let call = ring(&mut caller, &mut first, "customer_1").await;
    lines[owner].cut_database();
    let accept = ClientMessage::Request { id: RequestId(Uuid::new_v4()), request: Request::Accept { call } };
    first.device.socket.say(&accept).await;
    let told = async {
        let mut told = Vec::new();
        while let Some(message) = first.device.socket.hear().await {
            told.push(message);
        }
        told
    };
    let told = in_time(told).await;
    let is_answer = |message: &ServiceMessage| matches!(message, ServiceMessage::Event { event: ServiceEvent::Answered { .. }, .. });
    assert!(!told.iter().any(is_answer), "the database has not taken it: {told:?}");
    for guest in [&mut caller, &mut second] {
        assert!(!guest.come_back(&left).await, "another node decides by now");
        assert_knows(guest, call);
    }
    answer(&mut caller, &mut second, call).await;
    first.come_back(&left).await;
    assert!(first.device.welcome.calls.is_empty(), "{:?}", first.device.welcome);
    hang_up(&mut caller, &mut second, call).await;
    assert_closed(&cluster, vec![call]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_from_everything_has_given_up_before_another_claims_what_it_has() {
    let (cluster, lines) = Cluster::start_on_lines().await;
    let (owner, others @ [one, _]) = cluster.owner_and_others();
    let (mut caller, mut callee) = (cluster.sign_in(one, "courier_1").await, cluster.sign_in(owner, "customer_1").await);
    let call = talk(&mut caller, &mut callee, "customer_1").await;
    let epoch = cluster.epoch();
    lines[owner].cut_database();
    lines[owner].cut_bus();
    in_time(callee.wait_for_close()).await;
    assert_eq!(cluster.epoch(), epoch, "nobody else has claimed it yet");
    let left = addresses(&cluster, &others);
    in_time(caller.wait_for_close()).await;
    for guest in [&mut caller, &mut callee] {
        assert!(!guest.come_back(&left).await, "another node decides by now");
        assert_knows(guest, call);
    }
    hang_up(&mut caller, &mut callee, call).await;
    assert_closed(&cluster, vec![call]).await;
}
