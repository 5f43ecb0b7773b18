//! The path that media takes, and another when it leads nowhere any more.

use super::*;
use CallEvent as E;

#[test]
fn a_device_in_another_network_looks_for_another_path_to_everybody() {
    check(&[
        (G::Placing, E::NetworkChanged, 100, "Placing", ""),
        (G::Crossed, E::NetworkChanged, 100, "Crossed", ""),
        (G::Placed, E::NetworkChanged, 100, "Placed", ""),
        (G::CalleeRings, E::NetworkChanged, 100, "CalleeRings", "restart 2"),
        // Media to the third device has failed for good.
        (G::TwoRing, E::NetworkChanged, 100, "CalleeRings", "restart 2"),
        (G::CallerConnecting, E::NetworkChanged, 100, "Connecting", "restart 2"),
        (G::CallerTalking, E::NetworkChanged, 100, "Talking", "restart 2"),
        (G::CallerEnding, E::NetworkChanged, 100, "Ending", ""),
        (G::Rings, E::NetworkChanged, 100, "Rings", "restart 2"),
        (G::RingsInVain, E::NetworkChanged, 100, "Rings", ""),
        (G::Answering, E::NetworkChanged, 100, "Answering", "restart 2"),
        (G::Connecting, E::NetworkChanged, 100, "Connecting", "restart 2"),
        (G::Talking, E::NetworkChanged, 100, "Talking", "restart 2"),
        (G::Interrupted, E::NetworkChanged, 100, "Interrupted", "restart 2"),
        (G::Ending, E::NetworkChanged, 100, "Ending", ""),
        (G::Over, E::NetworkChanged, 100, "Over", ""),
    ]);
}

/// Hands in that the moment has come, in the millisecond before it and in its own.
fn waits_until(call: &mut Call, deadline: u64, then: &str) {
    assert_eq!(call.deadline(), Some(at(deadline)));
    assert_eq!(call.handle(at(deadline - 1), E::Woken), vec![]);
    assert_eq!(actions(&call.handle(at(deadline), E::Woken)), then, "at {deadline}");
}

#[test]
fn a_silent_path_is_replaced_time_and_again_until_the_call_is_given_up() {
    let mut call = G::Interrupted.call();
    for deadline in [2_000, 7_000, 12_000, 17_000, 22_000, 27_000] {
        waits_until(&mut call, deadline, "restart 2");
    }
    waits_until(&mut call, 30_000, "stop voice, drop 2, tone Ended, ask hangup 1 RemoteNetworkLoss");
}

#[test]
fn no_other_path_is_looked_for_without_the_service() {
    let mut call = G::Interrupted.call();
    let _ = call.handle(at(1_999), E::LinkLost);
    assert_eq!(call.deadline(), Some(at(30_000)));
    let _ = call.handle(at(5_000), E::LinkUp);
    waits_until(&mut call, 6_000, "restart 2");
}

#[test]
fn what_comes_back_by_itself_keeps_its_path() {
    let mut call = G::Interrupted.call();
    let _ = call.handle(at(1_999), E::MediaConnected(PEER));
    assert_eq!((name(&call), call.deadline()), ("Talking", None));
}

#[test]
fn a_device_that_has_just_moved_waits_for_the_path_that_it_looks_for() {
    let mut call = G::Interrupted.call();
    let _ = call.handle(at(1_000), E::NetworkChanged);
    waits_until(&mut call, 6_000, "restart 2");
}
