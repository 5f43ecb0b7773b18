//! The millisecond on each side of each deadline.

use signedcall_wire::EndReason;

use super::stage::{Do, Stage, accept, call, connected, hang_up};
use crate::hub::HubEvent;

const NOTHING: [&str; 0] = [];

fn ringing(devices: &str) -> Stage {
    let mut stage = Stage::with(devices);
    stage.run(0, Do::Ask('a', call()));
    stage.run(0, Do::Recorded);
    stage
}

fn talking() -> Stage {
    let mut stage = ringing("ax");
    stage.run(0, Do::Ask('x', accept()));
    stage
}

#[test]
fn a_call_rings_for_thirty_five_seconds() {
    let mut stage = ringing("axy");
    assert_eq!(stage.wake_at(0), Some(35_000));
    assert_eq!(stage.run(34_999, Do::Wake), NOTHING);
    let over = ["close record RingTimeout", "a #1 ended RingTimeout", "x #2 ended RingTimeout", "y #2 ended RingTimeout"];
    assert_eq!(stage.run(35_000, Do::Wake), over);
    assert_eq!(stage.wake_at(35_000), None);
}

#[test]
fn a_service_that_stops_writes_down_what_it_knows_of_each_call_and_tells_nobody() {
    assert_eq!(ringing("ax").handle(1_000, HubEvent::Stopping), ["close record InternalError"]);
    let mut stage = talking();
    for who in ['a', 'x'] {
        stage.run(1_000, Do::Ask(who, connected()));
    }
    assert_eq!(stage.handle(2_000, HubEvent::Stopping), ["close record InternalError x talked"]);
    assert_eq!(stage.handle(2_000, HubEvent::Stopping), NOTHING);
    let mut stage = Stage::with("ax");
    stage.run(0, Do::Ask('a', call()));
    assert_eq!(stage.handle(0, HubEvent::Stopping), NOTHING, "a record that is not durable cannot be closed");
}

#[test]
fn an_answer_in_the_last_millisecond_counts_and_in_the_next_it_does_not() {
    assert_eq!(ringing("ax").run(34_999, Do::Ask('x', accept())), ["a #1 answered x", "x #2 answered x", "x ok"]);
    let late = ["close record RingTimeout", "a #1 ended RingTimeout", "x #2 ended RingTimeout", "x ok"];
    assert_eq!(ringing("ax").run(35_000, Do::Ask('x', accept())), late);
}

#[test]
fn an_invite_says_how_long_it_will_ring_still() {
    let mut stage = Stage::with("ax");
    stage.run(0, Do::Ask('a', call()));
    assert_eq!(stage.run(2_000, Do::Recorded), ["a ok", "x #1 invite 35000"]);
    stage.run(12_000, Do::Lose('x'));
    assert_eq!(stage.wake_at(12_000), Some(37_000));
}

#[test]
fn a_record_is_waited_for_five_seconds_and_closed_when_it_comes_later() {
    let mut stage = Stage::with("ax");
    stage.run(0, Do::Ask('a', call()));
    assert_eq!(stage.wake_at(0), Some(5_000));
    assert_eq!(stage.run(4_999, Do::Wake), NOTHING);
    assert_eq!(stage.run(5_000, Do::Wake), ["a ERR_FAILURE_IN_MAKE_CALL"]);
    assert_eq!(stage.run(9_000, Do::Recorded), ["close record InternalError"]);

    let mut stage = Stage::with("ax");
    stage.run(0, Do::Ask('a', call()));
    assert_eq!(stage.run(4_999, Do::Recorded), ["a ok", "x #1 invite 35000"]);
}

#[test]
fn an_overdue_record_that_fails_after_all_says_nothing_more() {
    let mut stage = Stage::with("ax");
    stage.run(0, Do::Ask('a', call()));
    stage.run(5_000, Do::Wake);
    assert_eq!(stage.run(9_000, Do::RecordFailed), NOTHING);
}

#[test]
fn a_call_outlives_its_socket_by_thirty_seconds() {
    let mut stage = talking();
    stage.run(1_000, Do::Lose('x'));
    assert_eq!(stage.wake_at(1_000), Some(31_000));
    assert_eq!(stage.run(30_999, Do::Wake), NOTHING);
    assert_eq!(stage.run(31_000, Do::Wake), ["close record RemoteNetworkLoss x never connected", "a #2 ended RemoteNetworkLoss"]);
    assert_eq!(stage.run(32_000, Do::Resume('x', 2)), ["x2 resumed", "x2 #3 ended LocalNetworkLoss"]);

    let mut stage = talking();
    stage.run(1_000, Do::Lose('x'));
    assert_eq!(stage.run(30_999, Do::Resume('x', 2)), ["x2 resumed"]);
    assert_eq!(stage.run(31_000, Do::Wake), NOTHING);
}

#[test]
fn a_caller_that_stays_away_ends_its_ringing_call_and_a_callee_that_does_leaves_it() {
    let mut stage = ringing("axy");
    stage.run(0, Do::Lose('x'));
    assert_eq!(stage.run(30_000, Do::Wake), NOTHING, "it rings on y still");
    assert_eq!(stage.run(30_001, Do::Resume('x', 1)), ["x2 resumed", "x2 #2 ended Missed"]);

    let mut stage = ringing("ax");
    stage.run(0, Do::Lose('a'));
    assert_eq!(stage.run(30_000, Do::Wake), ["close record LocalNetworkLoss", "x #2 ended RemoteNetworkLoss"]);

    let mut stage = ringing("ax");
    stage.run(0, Do::Lose('x'));
    assert_eq!(stage.run(30_000, Do::Wake), ["close record RemoteNetworkLoss", "a #1 ended RemoteNetworkLoss"]);
}

#[test]
fn a_session_is_reachable_for_thirty_seconds_and_kept_for_sixty() {
    let mut stage = Stage::with("ax");
    stage.run(0, Do::Lose('x'));
    assert_eq!(stage.run(29_999, Do::Ask('a', call())), ["open record"]);

    let mut stage = Stage::with("ax");
    stage.run(0, Do::Lose('x'));
    assert_eq!(stage.run(30_000, Do::Ask('a', call())), ["a ERR_CONTACT_NOT_REACHABLE"]);
    assert_eq!(stage.run(59_999, Do::Resume('x', 0)), ["x2 resumed"]);

    let mut stage = Stage::with("ax");
    stage.run(0, Do::Lose('x'));
    assert_eq!(stage.run(60_000, Do::Resume('x', 0)), ["x2 session expired"]);
    assert_eq!(stage.wake_at(60_000), None);
}

#[test]
fn the_id_of_an_ended_call_is_remembered_for_sixty_seconds() {
    for (at, expected) in [(60_000, "a ERR_FAILURE_IN_MAKE_CALL"), (60_001, "open record")] {
        let mut stage = ringing("ax");
        stage.run(0, Do::Ask('a', hang_up(EndReason::Cancelled)));
        assert_eq!(stage.run(at, Do::Ask('a', call())), [expected], "{at}");
    }
}
