//! Light connections to several nodes.

use signedcall_wire::Request;

use super::rig::Cluster;
use crate::push::receiver::Receiver;
use crate::push::wake::{Computer, endpoint_of, secret_of};
use crate::support::new_call;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_comes_to_any_node_reaches_the_computer_that_holds_its_line_at_another() {
    let (cluster, receiver) = (Cluster::start().await, Receiver::new());
    let (owner, [one, other]) = cluster.owner_and_others();
    let mut caller = cluster.sign_in(owner, "courier_1").await.device;
    for (number, holds, pushed) in [(1, one, other), (2, owner, one), (3, other, owner)] {
        let (user, address) = (format!("customer_{number}"), |node: usize| cluster.nodes[node].address);
        let mut computer = Computer::hold_of(address(holds), address(pushed), &secret_of(number)).await;
        let mut device = cluster.sign_in(one, &user).await.device;
        device.ask(Request::PushTo { target: Some(receiver.web(&endpoint_of(address(pushed), number))) }).await.expect("it is kept");
        device.ask(Request::GoIdle).await.expect("it is in no call");
        let (call, request) = new_call(&user);
        caller.ask(request).await.expect("it is placed");
        assert_eq!(receiver.open(&computer.push().await).call, call);
        computer.say("taken").await;
        caller.ask(Request::Hangup { call, reason: signedcall_wire::EndReason::Cancelled }).await.expect("it rings");
    }
}
